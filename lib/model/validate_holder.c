// SPDX-License-Identifier: BSD-3-Clause
// On one network, no MAC and no address is held twice: by ports (P1, P3), service ports, routers
// (R1, R7) and floating IPs (F1).

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

// Names the holder in a sentence: "port web".
static const char *who(struct check *check, const struct holder *holder)
{
	static const char *const kinds[] = {
		[HOLDER_PORT] = "port",
		[HOLDER_SERVICE] = "the service port of subnet",
		[HOLDER_INTERFACE] = "router",
		[HOLDER_GATEWAY] = "the gateway of router",
		[HOLDER_FLOATING] = "floating-ip",
	};

	return PATH(check, "%s %s", kinds[holder->kind], holder->name);
}

static const char *path_of(struct check *check, const struct holder *holder)
{
	const char *key = holder->ip == NULL ? "mac" : "address";

	switch (holder->kind) {
	case HOLDER_SERVICE:
		return PATH(check, "subnets.%s.dhcp.%s", holder->name, key);
	case HOLDER_INTERFACE:
		return PATH(
			check, "routers.%s.interfaces[%zu].%s", holder->name, holder->index, key);
	case HOLDER_GATEWAY:
		return PATH(check, "routers.%s.gateway.%s", holder->name, key);
	case HOLDER_FLOATING:
		return PATH(check, "floating-ips.%s", holder->name);
	case HOLDER_PORT:
		break;
	}
	return holder->ip == NULL
		       ? PATH(check, "ports.%s.mac", holder->name)
		       : PATH(check, "ports.%s.addresses[%zu]", holder->name, holder->index);
}

static int compare_value(const struct holder *a, const struct holder *b)
{
	int order = strcmp(a->network, b->network);

	if (order != 0)
		return order;
	return a->ip != NULL ? ip_compare(a->ip, b->ip) : memcmp(a->mac, b->mac, sizeof(*a->mac));
}

static int compare_holder(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	int order = compare_value(x, y);

	if (order != 0)
		return order;
	if (x->in_force != y->in_force)
		return x->in_force ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static void append(struct holders *holders, const char *network, struct holder holder)
{
	bool unset = holder.ip != NULL ? !ip_is_set(holder.ip) : mac_is_zero(holder.mac);

	if (network == NULL || unset)
		return; // could not be read, or generated
	holder.network = network;
	holders->list[holders->n++] = holder;
}

// Memory for as many as there can be.
static struct holders holders_new(struct check *check)
{
	const struct model *model = check->model;
	size_t n = model->n_ports + model->n_subnets + model->n_floating_ips;

	for (size_t i = 0; i < model->n_ports; i++)
		n += model->ports[i].addresses.n;
	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_interfaces + 1;
	return (struct holders){arena_alloc(check->arena, n * sizeof(struct holder)), 0};
}

// What the model in force has of the same name, NULL: nothing.
#define OLD(check, find, name) ((check)->old == NULL ? NULL : find((check)->old, name))

static bool ip_list_has(const struct ip_list *list, const struct ip_addr *ip)
{
	for (size_t i = 0; i < list->n; i++)
		if (ip_equal(&list->list[i], ip))
			return true;
	return false;
}

static void append_ports(struct check *check, struct holders *holders, bool ips)
{
	for (size_t i = 0; i < check->model->n_ports; i++) {
		const struct port_config *port = &check->model->ports[i];
		const struct port_config *old = OLD(check, model_port, port->name);

		if (!ips)
			append(holders, port->network,
				(struct holder){.kind = HOLDER_PORT,
					.name = port->name,
					.mac = &port->mac,
					.in_force =
						old != NULL && mac_equal(&old->mac, &port->mac)});
		for (size_t j = 0; ips && j < port->addresses.n; j++) {
			const struct ip_addr *ip = &port->addresses.list[j];

			append(holders, port->network,
				(struct holder){.kind = HOLDER_PORT,
					.name = port->name,
					.ip = ip,
					.index = j,
					.in_force =
						old != NULL && ip_list_has(&old->addresses, ip)});
		}
	}
}

// The first subnet of a network that says the MAC of its service port holds it.
static bool first_with_mac(struct check *check, const struct subnet_config *subnet)
{
	const struct network_config *network =
		subnet->network == NULL ? NULL : model_network(check->model, subnet->network);

	for (size_t i = 0; network != NULL && i < network->n_subnets; i++)
		if (network->subnets[i]->dhcp.mode != DHCP_OFF &&
			!mac_is_zero(&network->subnets[i]->dhcp.mac))
			return network->subnets[i] == subnet;
	return false;
}

static void append_services(struct check *check, struct holders *holders, bool ips)
{
	for (size_t i = 0; i < check->model->n_subnets; i++) {
		const struct subnet_config *subnet = &check->model->subnets[i];
		const struct subnet_config *old = OLD(check, model_subnet, subnet->name);
		const struct dhcp_config *dhcp = &subnet->dhcp;
		struct holder holder = {.kind = HOLDER_SERVICE, .name = subnet->name};

		if (dhcp->mode == DHCP_OFF || (!ips && !first_with_mac(check, subnet)))
			continue;
		holder.ip = ips ? &dhcp->address : NULL;
		holder.mac = &dhcp->mac;
		holder.in_force = old != NULL && old->dhcp.mode != DHCP_OFF &&
				  (ips ? ip_equal(&old->dhcp.address, &dhcp->address)
				       : mac_equal(&old->dhcp.mac, &dhcp->mac));
		append(holders, subnet->network, holder);
	}
}

static bool interface_in_force(
	const struct router_config *old, const struct router_interface *interface, bool ips)
{
	for (size_t i = 0; old != NULL && i < old->n_interfaces; i++)
		if (text_compare(old->interfaces[i].subnet, interface->subnet) == 0)
			return ips ? ip_equal(&old->interfaces[i].address, &interface->address)
				   : mac_equal(&old->interfaces[i].mac, &interface->mac);
	return false;
}

// What a router takes over of a port is held by the port.
static void append_interfaces(
	struct check *check, struct holders *holders, const struct router_config *router, bool ips)
{
	const struct router_config *old = OLD(check, model_router, router->name);

	for (size_t i = 0; i < router->n_interfaces; i++) {
		const struct router_interface *interface = &router->interfaces[i];
		const struct subnet_config *subnet =
			interface->subnet == NULL ? NULL
						  : model_subnet(check->model, interface->subnet);

		if (subnet != NULL && interface->port == NULL)
			append(holders, subnet->network,
				(struct holder){.kind = HOLDER_INTERFACE,
					.name = router->name,
					.ip = ips ? &interface->address : NULL,
					.mac = &interface->mac,
					.index = i,
					.in_force = interface_in_force(old, interface, ips)});
	}
}

static void append_gateway(
	struct check *check, struct holders *holders, const struct router_config *router, bool ips)
{
	const struct router_config *old = OLD(check, model_router, router->name);
	const struct router_gateway *gateway = &router->gateway;
	const struct router_gateway *was = old == NULL ? NULL : &old->gateway;

	append(holders, gateway->network,
		(struct holder){.kind = HOLDER_GATEWAY,
			.name = router->name,
			.ip = ips ? &gateway->address : NULL,
			.mac = &gateway->mac,
			.in_force = was != NULL &&
				    text_compare(was->network, gateway->network) == 0 &&
				    (ips ? ip_equal(&was->address, &gateway->address)
					 : mac_equal(&was->mac, &gateway->mac))});
}

static void append_floating_ips(struct check *check, struct holders *holders)
{
	for (size_t i = 0; i < check->model->n_floating_ips; i++) {
		const struct floating_ip_config *fip = &check->model->floating_ips[i];
		const struct floating_ip_config *old = OLD(check, model_floating_ip, fip->name);

		append(holders, fip->network,
			(struct holder){.kind = HOLDER_FLOATING,
				.name = fip->name,
				.ip = &fip->external,
				.in_force =
					old != NULL && ip_equal(&old->external, &fip->external)});
	}
}

static struct holders holders_of(struct check *check, bool ips)
{
	struct holders holders = holders_new(check);

	append_ports(check, &holders, ips);
	append_services(check, &holders, ips);
	for (size_t i = 0; i < check->model->n_routers; i++) {
		append_interfaces(check, &holders, &check->model->routers[i], ips);
		append_gateway(check, &holders, &check->model->routers[i], ips);
	}
	if (ips)
		append_floating_ips(check, &holders);
	qsort(holders.list, holders.n, sizeof(*holders.list), compare_holder);
	return holders;
}

static void report(struct check *check, const struct holder *first, const struct holder *second)
{
	static const enum error_symbol ip_symbols[] = {
		[HOLDER_PORT] = E_PORT_IP_IN_USE,
		[HOLDER_SERVICE] = E_PORT_IP_IN_USE,
		[HOLDER_INTERFACE] = E_PORT_IP_IN_USE,
		[HOLDER_GATEWAY] = E_RTR_GW_IP,
		[HOLDER_FLOATING] = E_FIP_ADDRESS,
	};
	char text[IP_TEXT_LEN];

	if (second->ip == NULL)
		check_report(check, E_PORT_MAC_IN_USE, path_of(check, second),
			"%s on network %s has MAC %s already; give another one or none",
			who(check, first), second->network, mac_format(second->mac, text));
	else
		check_report(check, ip_symbols[second->kind], path_of(check, second),
			"%s on network %s has address %s already; give another one",
			who(check, first), second->network, ip_format(second->ip, text));
}

static void check_unique(struct check *check, const struct holders *holders)
{
	for (size_t i = 1, first = 0; i < holders->n; i++) {
		if (compare_value(&holders->list[first], &holders->list[i]) == 0)
			report(check, &holders->list[first], &holders->list[i]);
		else
			first = i;
	}
}

void check_holders(struct check *check)
{
	struct holders ips = holders_of(check, true);

	check->macs = holders_of(check, false);
	check_unique(check, &check->macs);
	check_unique(check, &ips);
}

// A port of another node; where that is, an entry may say.
static bool is_elsewhere(struct check *check, const struct holder *holder)
{
	const struct port_config *port =
		holder->kind != HOLDER_PORT ? NULL : model_port(check->model, holder->name);

	return port != NULL && !port_is_local(port) && port->router == NULL;
}

static int compare_wanted(const void *wanted, const void *holder)
{
	return compare_value(wanted, holder);
}

const char *mac_holder(struct check *check, const char *network, const struct mac *mac)
{
	const struct holder wanted = {.network = network, .mac = mac}, *found;

	found = check->macs.n == 0 ? NULL
				   : bsearch(&wanted, check->macs.list, check->macs.n,
					     sizeof(wanted), compare_wanted);
	return found == NULL || is_elsewhere(check, found) ? NULL : who(check, found);
}
