// SPDX-License-Identifier: BSD-3-Clause
// What a configuration makes of weft on its networks, as the slow path needs it: internal ports,
// what DHCP reserves for whom, who has which address, what names there are. Built from the model
// and the snapshot that was compiled from it, once that is published; nothing here can fail.

#include "control/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "slowpath/services.h"

// A network while it is collected.
struct draft {
	const struct network_config *config;
	struct service_network *network;
	struct dhcp_subnet *subnets; // of network->dhcp
	size_t n_subnets;
	struct service_host **hosts;
	struct service_owner *owners;
	struct service_name **names;
	size_t hosts_max; // room in the arrays
	size_t addresses_max;
};

struct builder {
	const struct control *control;
	const struct model *model;
	const struct snapshot *snapshot;
	struct arena *arena;
	struct services *services;
	struct service_ports ports;
	struct router_ports routers;
	struct draft *drafts; // by index of the network in the model
};

// What is known of a port, whatever it belongs to.
struct host_facts {
	const char *network;
	const char *name;
	const struct mac *mac;
	uint16_t attachment; // 0: on another node
	bool up;
	const struct ip_addr *addresses;
	size_t n_addresses;
	const struct port_config *port; // NULL: none of the configuration
};

typedef void host_fn(struct builder *b, const struct host_facts *facts);

static struct draft *draft_of(struct builder *b, const char *network)
{
	return &b->drafts[model_network(b->model, network) - b->model->networks];
}

// ---- hosts of the model -----------------------------------------------------------------------

static void visit_port(struct builder *b, const struct port_config *port, host_fn *visit)
{
	char name[ATTACHMENT_NAME_LEN];

	visit(b, &(struct host_facts){
			 .network = port->network,
			 .name = port->name,
			 .mac = &port->mac,
			 .attachment = port_is_local(port) ? ids_find(b->control->attachments,
								     name_of_port(name, port))
							   : 0,
			 .up = port->up,
			 .addresses = port->addresses.list,
			 .n_addresses = port->addresses.n,
			 .port = port,
		 });
}

// Interfaces by subnet, and the gateway: those by port are in the list of ports.
static void visit_router(struct builder *b, const struct router_config *router, host_fn *visit)
{
	for (size_t i = 0; i < router->n_interfaces; i++) {
		const struct router_interface *interface = &router->interfaces[i];

		if (interface->port == NULL)
			visit(b, &(struct host_facts){
					 .network =
						 model_subnet(b->model, interface->subnet)->network,
					 .name = router->name,
					 .mac = &interface->mac,
					 .up = true,
					 .addresses = &interface->address,
					 .n_addresses = 1,
				 });
	}
	if (router->gateway.present)
		visit(b, &(struct host_facts){
				 .network = router->gateway.network,
				 .name = router->name,
				 .mac = &router->gateway.mac,
				 .up = true,
				 .addresses = &router->gateway.address,
				 .n_addresses = 1,
			 });
}

// The port to a DHCP server that is not weft.
static void visit_service(struct builder *b, const struct service_port *port, host_fn *visit)
{
	const struct prefix_list *list = &port->service.addresses;
	struct ip_addr *addresses = arena_alloc(b->arena, list->n * sizeof(*addresses));
	char name[ATTACHMENT_NAME_LEN];
	const char *text = name_of_service(name, port->network);

	for (size_t i = 0; i < list->n; i++)
		addresses[i] = list->list[i].addr;
	visit(b, &(struct host_facts){
			 .network = port->network->name,
			 .name = text,
			 .mac = &port->service.mac,
			 .attachment = ids_find(b->control->attachments, text),
			 .up = true,
			 .addresses = addresses,
			 .n_addresses = list->n,
		 });
}

static void visit_hosts(struct builder *b, host_fn *visit)
{
	for (size_t i = 0; i < b->ports.n; i++) {
		if (b->ports.list[i].service.mode == DHCP_EXTERNAL)
			visit_service(b, &b->ports.list[i], visit);
	}
	for (size_t i = 0; i < b->model->n_ports; i++)
		visit_port(b, &b->model->ports[i], visit);
	for (size_t i = 0; i < b->model->n_routers; i++)
		visit_router(b, &b->model->routers[i], visit);
}

// ---- DHCP -------------------------------------------------------------------------------------

static void add_routes(struct dhcp_subnet *to, const struct subnet_config *subnet)
{
	for (size_t i = 0; i < subnet->n_routes && to->n_routes < DHCP_ROUTES_MAX; i++) {
		const struct route_config *route = &subnet->routes[i];

		to->routes[to->n_routes++] = (struct dhcp_route){
			.destination = ip_v4(&route->destination.addr),
			.prefix_len = route->destination.len,
			.next_hop = ip_v4(&route->nexthop),
		};
	}
}

static void add_nameservers(struct dhcp_subnet *to, const struct subnet_config *subnet)
{
	struct ip_addr none = ip_from_v4(0);

	if (subnet->dns.n == 1 && ip_equal(&subnet->dns.list[0], &none)) {
		to->dns_none = true;
		return;
	}
	for (size_t i = 0; i < subnet->dns.n && to->n_dns < DHCP_DNS_MAX; i++)
		to->dns[to->n_dns++] = ip_v4(&subnet->dns.list[i]);
}

static void add_subnet(struct builder *b, struct draft *draft, const struct subnet_config *subnet)
{
	struct dhcp_subnet *to = &draft->subnets[draft->n_subnets++];

	*to = (struct dhcp_subnet){
		.dhcp = subnet->dhcp.mode == DHCP_RESPONDER,
		.network = ip_v4(&subnet->cidr.addr),
		.prefix_len = subnet->cidr.len,
	};
	if (!to->dhcp)
		return;
	to->server = ip_v4(&subnet->dhcp.address);
	to->gateway = ip_is_set(&subnet->gateway) ? ip_v4(&subnet->gateway) : 0;
	to->isolated = subnet->dhcp.force_metadata || !model_subnet_routed(b->model, subnet);
	to->lease_s = subnet->dhcp.lease;
	to->domain =
		subnet->dhcp.domain == NULL ? NULL : arena_strdup(b->arena, subnet->dhcp.domain);
	add_nameservers(to, subnet);
	add_routes(to, subnet);
}

static void add_dhcp(struct builder *b, struct draft *draft, uint64_t mac)
{
	const struct network_config *config = draft->config;
	struct dhcp_service *service = arena_alloc(b->arena, sizeof(*service));

	draft->subnets = arena_alloc(b->arena, config->n_subnets * sizeof(*draft->subnets));
	for (size_t i = 0; i < config->n_subnets; i++) {
		if (ip_is_v4(&config->subnets[i]->cidr.addr))
			add_subnet(b, draft, config->subnets[i]);
	}
	*service = (struct dhcp_service){
		.mac = mac,
		.mtu = config->mtu,
		.subnets = draft->subnets,
		.n_subnets = draft->n_subnets,
	};
	draft->network->dhcp = service;
}

// The subnet with DHCP that an address is in.
static const struct dhcp_subnet *dhcp_subnet_of(const struct draft *draft, const struct ip_addr *ip)
{
	for (size_t i = 0; ip_is_v4(ip) && i < draft->n_subnets; i++) {
		const struct dhcp_subnet *subnet = &draft->subnets[i];
		struct ip_prefix prefix = {ip_from_v4(subnet->network), subnet->prefix_len};

		if (subnet->dhcp && ip_prefix_contains(&prefix, ip))
			return subnet;
	}
	return NULL;
}

// One lease for each subnet: its first address there.
static void add_reservation(
	struct dhcp_host *host, const struct dhcp_subnet *subnet, const struct ip_addr *ip)
{
	for (size_t i = 0; i < host->n_reservations; i++) {
		if (host->reservations[i].subnet == subnet)
			return;
	}
	if (host->n_reservations < DHCP_LEASES_MAX)
		host->reservations[host->n_reservations++] =
			(struct dhcp_reservation){subnet, ip_v4(ip)};
}

static void add_options(struct builder *b, struct dhcp_host *host, const struct port_config *port)
{
	struct dhcp_extra *extras = arena_alloc(b->arena, port->n_dhcp_options * sizeof(*extras));

	for (size_t i = 0; i < port->n_dhcp_options; i++) {
		const struct dhcp_option_config *option = &port->dhcp_options[i];
		uint8_t *value = arena_alloc(b->arena, option->len);

		memcpy(value, option->data, option->len);
		extras[i] = (struct dhcp_extra){option->code, option->forced, value, option->len};
	}
	host->extras = extras;
	host->n_extras = port->n_dhcp_options;
}

// ---- networks and their ports -----------------------------------------------------------------

static void count_host(struct builder *b, const struct host_facts *facts)
{
	struct draft *draft = draft_of(b, facts->network);

	draft->hosts_max++;
	draft->addresses_max += facts->n_addresses;
}

static void make_draft(struct builder *b, struct draft *draft)
{
	draft->hosts = arena_alloc(b->arena, draft->hosts_max * sizeof(*draft->hosts));
	draft->owners = arena_alloc(b->arena, draft->addresses_max * sizeof(*draft->owners));
	draft->names = arena_alloc(b->arena, draft->addresses_max * sizeof(*draft->names));
	draft->network->hosts = (const struct service_host *const *)draft->hosts;
	draft->network->owners = draft->owners;
	draft->network->names = (const struct service_name *const *)draft->names;
}

static const char *lower(struct builder *b, const char *text)
{
	char *copy = arena_strdup(b->arena, text);

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static const struct service_name *add_name(struct builder *b, struct draft *draft,
	const struct service_host *host, const struct ip_addr *ip)
{
	const struct dhcp_subnet *subnet = dhcp_subnet_of(draft, ip);
	char text[DHCP_NAME_MAX];
	struct service_name *name;

	if (subnet == NULL)
		return NULL;
	name = arena_alloc(b->arena, sizeof(*name));
	dhcp_host_name(&host->dhcp, ip_v4(ip), text);
	*name = (struct service_name){
		.name = lower(b, text),
		.domain = subnet->domain == NULL ? NULL : lower(b, subnet->domain),
		.address = ip_v4(ip),
	};
	draft->names[draft->network->n_names++] = name;
	return name;
}

static void add_host(struct builder *b, const struct host_facts *facts)
{
	struct draft *draft = draft_of(b, facts->network);
	struct service_host *host = arena_alloc(b->arena, sizeof(*host));

	host->port = arena_strdup(b->arena, facts->name);
	host->mac = mac_to_u64(facts->mac);
	host->attachment = facts->attachment;
	host->up = facts->up;
	if (facts->port != NULL && facts->port->dns_name != NULL)
		host->dhcp.name = arena_strdup(b->arena, facts->port->dns_name);
	if (facts->port != NULL)
		add_options(b, &host->dhcp, facts->port);
	draft->hosts[draft->network->n_hosts++] = host;
	for (size_t i = 0; i < facts->n_addresses; i++) {
		const struct ip_addr *ip = &facts->addresses[i];
		const struct dhcp_subnet *subnet = dhcp_subnet_of(draft, ip);

		if (subnet != NULL)
			add_reservation(&host->dhcp, subnet, ip);
		draft->owners[draft->network->n_owners++] = (struct service_owner){
			.address = *ip,
			.host = host,
			.name = add_name(b, draft, host, ip),
		};
	}
}

static void add_service(
	struct builder *b, const struct service_port *service, struct internal_port *port)
{
	struct draft *draft = draft_of(b, service->network->name);
	const struct prefix_list *list = &service->service.addresses;
	struct internal_address *addresses = arena_alloc(b->arena, list->n * sizeof(*addresses));
	const char *metadata = service->service.metadata_device;

	for (size_t i = 0; i < list->n; i++) {
		addresses[i].prefix = list->list[i];
		draft->owners[draft->network->n_owners++] = (struct service_owner){
			.address = list->list[i].addr,
			.internal = port,
		};
	}
	port->kind = INTERNAL_SERVICE;
	port->network = draft->network;
	port->addresses = addresses;
	port->n_addresses = list->n;
	if (metadata != NULL)
		port->metadata = b->control->slots[ids_find(b->control->devices, metadata)].device;
	draft->network->service = port;
	add_dhcp(b, draft, port->mac);
}

// The gateway's port has the floating addresses of its router, too.
static size_t count_addresses(const struct builder *b, const struct router_port *port)
{
	size_t n = 1;

	for (size_t i = 0; port->is_gateway && i < b->model->n_floating_ips; i++)
		n += floating_is_on(&b->model->floating_ips[i], port->router);
	return n;
}

static void add_floating(struct builder *b, const struct router_port *from,
	struct internal_port *port, struct internal_address *addresses)
{
	struct draft *draft = draft_of(b, from->network->name);

	for (size_t i = 0; from->is_gateway && i < b->model->n_floating_ips; i++) {
		const struct floating_ip_config *floating = &b->model->floating_ips[i];

		if (!floating_is_on(floating, from->router))
			continue;
		addresses[port->n_addresses++] = (struct internal_address){
			.prefix = {floating->external, 32},
			.fixed = floating->fixed,
			.announce = true,
		};
		draft->owners[draft->network->n_owners++] =
			(struct service_owner){.address = floating->external, .internal = port};
	}
}

static void add_router_port(
	struct builder *b, const struct router_port *from, struct internal_port *port)
{
	struct internal_address *addresses =
		arena_alloc(b->arena, count_addresses(b, from) * sizeof(*addresses));
	const char *metadata = from->router->metadata_device;

	port->kind = from->is_gateway ? INTERNAL_GATEWAY : INTERNAL_ROUTER;
	port->network = draft_of(b, from->network->name)->network;
	port->addresses = addresses;
	addresses[port->n_addresses++] = (struct internal_address){
		.prefix = {from->address, from->subnet->cidr.len}, .announce = true};
	add_floating(b, from, port, addresses);
	if (metadata != NULL && !from->is_gateway)
		port->metadata = b->control->slots[ids_find(b->control->devices, metadata)].device;
}

// ---- order ------------------------------------------------------------------------------------

static int compare_networks(const void *a, const void *b)
{
	const struct service_network *x = a, *y = b;

	return (int)x->id - y->id;
}

static int compare_ports(const void *a, const void *b)
{
	const struct internal_port *x = a, *y = b;

	return (int)x->attachment - y->attachment;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct service_host *x = *(const struct service_host *const *)a;
	const struct service_host *y = *(const struct service_host *const *)b;

	return x->mac < y->mac ? -1 : x->mac > y->mac;
}

static int compare_owners(const void *a, const void *b)
{
	const struct service_owner *x = a, *y = b;

	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static int compare_names(const void *a, const void *b)
{
	const struct service_name *x = *(const struct service_name *const *)a;
	const struct service_name *y = *(const struct service_name *const *)b;

	return strcmp(x->name, y->name);
}

static void sort(struct draft *draft)
{
	struct service_network *network = draft->network;

	qsort(draft->hosts, network->n_hosts, sizeof(*draft->hosts), compare_hosts);
	qsort(draft->owners, network->n_owners, sizeof(*draft->owners), compare_owners);
	qsort(draft->names, network->n_names, sizeof(*draft->names), compare_names);
}

// ---- all of it --------------------------------------------------------------------------------

static void add_networks(struct builder *b)
{
	struct services *services = b->services;
	struct service_network *networks =
		arena_alloc(b->arena, b->model->n_networks * sizeof(*networks));

	for (size_t i = 0; i < b->model->n_networks; i++) {
		const struct network_config *config = &b->model->networks[i];

		networks[i].id = ids_find(b->control->networks, config->name);
		networks[i].name = arena_strdup(b->arena, config->name);
		networks[i].arp_responder = config->arp_responder;
		b->drafts[i].config = config;
	}
	qsort(networks, b->model->n_networks, sizeof(*networks), compare_networks);
	services->networks = networks;
	services->n_networks = b->model->n_networks;
	for (size_t i = 0; i < b->model->n_networks; i++) {
		uint16_t id = ids_find(b->control->networks, b->drafts[i].config->name);

		b->drafts[i].network = (struct service_network *)services_network(services, id);
	}
}

static bool is_internal(const struct builder *b, const char *name, uint16_t *id)
{
	*id = ids_find(b->control->attachments, name);
	const struct attachment *attachment = &b->snapshot->attachments[*id];

	return attachment->flags & ATTACHMENT_INTERNAL && attachment->flags & ATTACHMENT_UP;
}

static void add_if_up(struct builder *b, struct internal_port *ports, const char *name)
{
	uint16_t id;

	if (is_internal(b, name, &id))
		ports[b->services->n_ports++] = (struct internal_port){
			.attachment = id, .mac = b->snapshot->attachments[id].mac};
}

// NULL: it is not up, or none of weft's own.
static struct internal_port *port_of(struct builder *b, const char *name)
{
	uint16_t id;

	if (!is_internal(b, name, &id))
		return NULL;
	return (struct internal_port *)services_port(b->services, id);
}

// The internal ports that are up.
static void add_internal_ports(struct builder *b)
{
	struct internal_port *ports =
		arena_alloc(b->arena, (b->ports.n + b->routers.n) * sizeof(*ports));
	char name[ATTACHMENT_NAME_LEN];

	for (size_t i = 0; i < b->ports.n; i++)
		add_if_up(b, ports, name_of_service(name, b->ports.list[i].network));
	for (size_t i = 0; i < b->routers.n; i++)
		add_if_up(b, ports, name_of_router_port(name, &b->routers.list[i]));
	qsort(ports, b->services->n_ports, sizeof(*ports), compare_ports);
	b->services->ports = ports;
	for (size_t i = 0; i < b->ports.n; i++) {
		struct internal_port *port =
			port_of(b, name_of_service(name, b->ports.list[i].network));

		if (port != NULL)
			add_service(b, &b->ports.list[i], port);
	}
	for (size_t i = 0; i < b->routers.n; i++) {
		struct internal_port *port =
			port_of(b, name_of_router_port(name, &b->routers.list[i]));

		if (port != NULL)
			add_router_port(b, &b->routers.list[i], port);
	}
}

// The addresses of routers, which are hosts for DHCP, are weft's own.
static void own_router_addresses(struct builder *b)
{
	char name[ATTACHMENT_NAME_LEN];

	for (size_t i = 0; i < b->routers.n; i++) {
		const struct router_port *from = &b->routers.list[i];
		struct internal_port *port = port_of(b, name_of_router_port(name, from));
		struct service_owner *owner = (struct service_owner *)service_owner_of(
			draft_of(b, from->network->name)->network, &from->address);

		if (port == NULL || owner == NULL)
			continue;
		owner->internal = port;
		owner->host = NULL;
	}
}

void services_follow(struct control *control, const struct model *model)
{
	struct arena *arena = arena_new();
	struct builder b = {
		.control = control,
		.model = model,
		.snapshot = control->tables->snapshot,
		.arena = arena,
		.services = arena_alloc(arena, sizeof(*b.services)),
		.ports = service_ports(model, arena),
		.routers = router_ports(model, arena),
		.drafts = arena_alloc(arena, model->n_networks * sizeof(*b.drafts)),
	};

	b.services->arena = arena;
	add_networks(&b);
	for (size_t i = 0; i < b.ports.n; i++)
		draft_of(&b, b.ports.list[i].network->name)->addresses_max +=
			b.ports.list[i].service.addresses.n;
	for (size_t i = 0; i < b.routers.n; i++)
		draft_of(&b, b.routers.list[i].network->name)->addresses_max +=
			count_addresses(&b, &b.routers.list[i]);
	visit_hosts(&b, count_host);
	for (size_t i = 0; i < model->n_networks; i++)
		make_draft(&b, &b.drafts[i]);
	add_internal_ports(&b);
	visit_hosts(&b, add_host);
	for (size_t i = 0; i < model->n_networks; i++)
		sort(&b.drafts[i]);
	own_router_addresses(&b);
	slowpath_set_services(control->slowpath, b.services);
}
