// SPDX-License-Identifier: BSD-3-Clause
// The service ports of a model, and who has which address of the networks that weft itself has a
// part in: what workers ask when a frame is flooded there.

#include "control/internal.h"

#include <string.h>

#include "net/headers.h"

struct service_ports service_ports(const struct model *model, struct arena *arena)
{
	bool *has_dhcp = arena_alloc(arena, model->n_networks * sizeof(*has_dhcp));
	struct service_ports ports = {0};

	for (size_t i = 0; i < model->n_subnets; i++) {
		const struct subnet_config *subnet = &model->subnets[i];

		if (subnet->dhcp.mode != DHCP_OFF)
			has_dhcp[model_network(model, subnet->network) - model->networks] = true;
	}
	for (size_t i = 0; i < model->n_networks; i++)
		ports.n += has_dhcp[i];
	ports.list = arena_alloc(arena, ports.n * sizeof(*ports.list));
	ports.n = 0;
	for (size_t i = 0; i < model->n_networks; i++) {
		struct service_port *port = &ports.list[ports.n];

		if (!has_dhcp[i])
			continue;
		port->network = &model->networks[i];
		model_network_service(model, port->network->name, arena, &port->service);
		ports.n++;
	}
	return ports;
}

// ---- addresses ---------------------------------------------------------------------------------

struct addresses {
	struct control *control;
	const struct model *model;
	struct snapshot *s;
};

// Whether workers ask for addresses of the network.
static bool is_asked(const struct addresses *a, const char *network)
{
	uint16_t id = ids_take(a->control->networks, network);

	return a->s->networks[id].flags & NETWORK_INTERNAL;
}

static void add(struct addresses *a, const char *network, const struct ip_addr *ip,
	struct address_owner owner)
{
	// An IPv4 address has the form of address_key4() already.
	struct address_key key = address_key6(ids_take(a->control->networks, network), ip->b);

	address_add(&a->s->addresses, &key, owner);
}

static void add_service(struct addresses *a, const struct service_port *port)
{
	const struct network_service *service = &port->service;
	const char *network = port->network->name;
	bool is_own = service->mode == DHCP_RESPONDER;
	char name[ATTACHMENT_NAME_LEN];
	struct address_owner owner = {
		.kind = is_own ? ADDRESS_OWN : ADDRESS_KNOWN,
		.attachment =
			ids_take(a->control->attachments, name_of_service(name, port->network)),
	};

	for (size_t i = 0; i < service->addresses.n; i++)
		add(a, network, &service->addresses.list[i].addr, owner);
	owner.kind = ADDRESS_BROADCAST;
	for (size_t i = 0; is_own && i < service->n_subnets; i++) {
		const struct ip_prefix *cidr = &service->subnets[i]->cidr;
		struct ip_addr broadcast;

		if (!ip_is_v4(&cidr->addr))
			continue;
		broadcast = ip_prefix_broadcast(cidr);
		add(a, network, &broadcast, owner);
	}
}

static void add_port(struct addresses *a, const struct port_config *port)
{
	struct address_owner owner = {.kind = ADDRESS_KNOWN};
	char name[ATTACHMENT_NAME_LEN];

	if (!port->up || !is_asked(a, port->network))
		return;
	if (port_is_local(port))
		owner.attachment = ids_take(a->control->attachments, name_of_port(name, port));
	for (size_t i = 0; i < port->addresses.n; i++)
		add(a, port->network, &port->addresses.list[i], owner);
}

static void add_router_port(struct addresses *a, const struct router_port *port)
{
	char name[ATTACHMENT_NAME_LEN];
	struct address_owner owner = {
		.kind = ADDRESS_OWN,
		.attachment = ids_take(a->control->attachments, name_of_router_port(name, port)),
	};

	add(a, port->network->name, &port->address, owner);
	for (size_t i = 0; port->is_gateway && i < a->model->n_floating_ips; i++) {
		const struct floating_ip_config *floating = &a->model->floating_ips[i];

		if (floating_is_on(floating, port->router))
			add(a, port->network->name, &floating->external, owner);
	}
}

static size_t count(const struct model *model, const struct service_ports *ports)
{
	size_t n = model->n_floating_ips;

	for (size_t i = 0; i < ports->n; i++)
		n += ports->list[i].service.addresses.n + ports->list[i].service.n_subnets;
	for (size_t i = 0; i < model->n_ports; i++)
		n += model->ports[i].addresses.n;
	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_interfaces + 1;
	return n;
}

void addresses_compile(struct control *control, const struct model *model,
	const struct service_ports *ports, struct snapshot *s, struct arena *arena)
{
	struct addresses a = {.control = control, .model = model, .s = s};
	struct router_ports routers = router_ports(model, arena);
	uint32_t size = address_table_size(count(model, ports));

	s->addresses.mask = size - 1;
	s->addresses.entries = arena_alloc(arena, size * sizeof(*s->addresses.entries));
	for (size_t i = 0; i < ports->n; i++) {
		if (is_asked(&a, ports->list[i].network->name))
			add_service(&a, &ports->list[i]);
	}
	for (size_t i = 0; i < routers.n; i++)
		add_router_port(&a, &routers.list[i]);
	for (size_t i = 0; i < model->n_ports; i++)
		add_port(&a, &model->ports[i]);
}
