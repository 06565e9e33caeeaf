// SPDX-License-Identifier: BSD-3-Clause
// Routers: their ports on the networks (interfaces and gateways), and what workers need of them:
// routes and floating addresses. IPv4 only. Everything here follows from a completed and validated
// model, so that nothing can fail.

#include "control/internal.h"

#include <string.h>

#include "net/headers.h"

#define ETHERNET_LEN 14

// ---- ports -------------------------------------------------------------------------------------

static void add_port(
	struct router_ports *ports, const struct model *model, const struct router_port *port)
{
	struct router_port *to = &ports->list[ports->n];

	*to = *port;
	to->network = model_network(model, port->subnet->network);
	ports->n += ip_is_v4(&port->address);
}

struct router_ports router_ports(const struct model *model, struct arena *arena)
{
	struct router_ports ports = {0};
	size_t n = 1;

	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_interfaces + 1;
	ports.list = arena_alloc(arena, n * sizeof(*ports.list));
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct router_config *router = &model->routers[i];
		const struct router_gateway *gateway = &router->gateway;

		for (size_t j = 0; j < router->n_interfaces; j++)
			add_port(&ports, model,
				&(struct router_port){
					.router = router,
					.subnet = model_subnet(model, router->interfaces[j].subnet),
					.mac = router->interfaces[j].mac,
					.address = router->interfaces[j].address,
				});
		if (gateway->present)
			add_port(&ports, model,
				&(struct router_port){
					.router = router,
					.subnet = model_subnet(model, gateway->subnet),
					.mac = gateway->mac,
					.address = gateway->address,
					.is_gateway = true,
				});
	}
	return ports;
}

const char *name_of_router_port(char text[ATTACHMENT_NAME_LEN], const struct router_port *port)
{
	if (port->is_gateway)
		snprintf(text, ATTACHMENT_NAME_LEN, "gateway %s", port->router->name);
	else
		snprintf(text, ATTACHMENT_NAME_LEN, "interface %s %s", port->router->name,
			port->subnet->name);
	return text;
}

bool floating_is_on(const struct floating_ip_config *floating, const struct router_config *router)
{
	return floating->port != NULL && floating->router != NULL &&
	       strcmp(floating->router, router->name) == 0;
}

// ---- routes ------------------------------------------------------------------------------------

struct draft {
	struct control *control;
	const struct model *model;
	struct snapshot *s;
	struct arena *arena;
	const struct router_config *config;
	const struct router_port *ports; // of the router
	size_t n_ports;
	struct router *router;
	struct route *routes;
	size_t n_routes;
	bool reads_l4; // somewhere behind routers, ports of packets matter
};

static uint16_t id_of(struct draft *d, const struct router_port *port)
{
	char name[ATTACHMENT_NAME_LEN];

	return ids_take(d->control->attachments, name_of_router_port(name, port));
}

static void add_route(struct draft *d, const struct route *route)
{
	d->routes[d->n_routes++] = *route;
}

static void add_connected(struct draft *d, const struct ip_prefix *cidr, uint16_t interface)
{
	struct ip_addr broadcast = ip_prefix_broadcast(cidr);

	add_route(d, &(struct route){.prefix = ip_v4(&cidr->addr),
			     .len = cidr->len,
			     .source = ROUTE_CONNECTED,
			     .interface = interface});
	if (cidr->len <= 30)
		add_route(d, &(struct route){.prefix = ip_v4(&broadcast),
				     .len = 32,
				     .source = ROUTE_BROADCAST,
				     .interface = interface});
}

// All subnets of an external network are on its link.
static void add_gateway_routes(struct draft *d, const struct router_port *port, uint16_t interface)
{
	for (size_t i = 0; i < port->network->n_subnets; i++) {
		const struct subnet_config *subnet = port->network->subnets[i];

		if (subnet != port->subnet && ip_is_v4(&subnet->cidr.addr))
			add_connected(d, &subnet->cidr, interface);
	}
	if (ip_is_set(&port->subnet->gateway))
		add_route(d, &(struct route){.source = ROUTE_GATEWAY,
				     .interface = interface,
				     .gateway = ip_v4(&port->subnet->gateway)});
}

static void add_port_routes(struct draft *d, const struct router_port *port)
{
	uint16_t interface = id_of(d, port);

	add_route(d, &(struct route){.prefix = ip_v4(&port->address),
			     .len = 32,
			     .source = ROUTE_OWN,
			     .interface = interface});
	add_connected(d, &port->subnet->cidr, interface);
	if (port->is_gateway)
		add_gateway_routes(d, port, interface);
}

bool router_port_reaches(const struct router_port *port, const struct ip_addr *ip)
{
	if (ip_prefix_contains(&port->subnet->cidr, ip))
		return true;
	for (size_t i = 0; port->is_gateway && i < port->network->n_subnets; i++) {
		if (ip_prefix_contains(&port->network->subnets[i]->cidr, ip))
			return true;
	}
	return false;
}

static void add_static(struct draft *d, const struct route_config *config)
{
	for (size_t i = 0; i < d->n_ports; i++) {
		const struct router_port *port = &d->ports[i];

		if (!router_port_reaches(port, &config->nexthop))
			continue;
		add_route(d, &(struct route){.prefix = ip_v4(&config->destination.addr),
				     .len = config->destination.len,
				     .source = ROUTE_STATIC,
				     .interface = id_of(d, port),
				     .gateway = ip_v4(&config->nexthop)});
		return;
	}
}

static size_t count_routes(const struct draft *d)
{
	size_t n = d->config->n_routes;

	for (size_t i = 0; i < d->n_ports; i++)
		n += 4 + (d->ports[i].is_gateway ? 2 * d->ports[i].network->n_subnets : 0);
	return n;
}

static void compile_routes(struct draft *d)
{
	d->routes = arena_alloc(d->arena, (count_routes(d) + 1) * sizeof(*d->routes));
	for (size_t i = 0; i < d->n_ports; i++)
		add_port_routes(d, &d->ports[i]);
	for (size_t i = 0; i < d->config->n_routes; i++) {
		if (ip_is_v4(&d->config->routes[i].nexthop))
			add_static(d, &d->config->routes[i]);
	}
	route_build(&d->router->routes, d->arena, d->routes, d->n_routes);
}

// ---- floating addresses ------------------------------------------------------------------------

static struct router_pair *new_map(struct draft *d, struct router_map *map, size_t n)
{
	uint32_t size = 2;

	while (size < 2 * n)
		size *= 2;
	map->mask = size - 1;
	map->slots = arena_alloc(d->arena, size * sizeof(*map->slots));
	return (struct router_pair *)map->slots;
}

static void put(struct router_pair *slots, uint32_t mask, struct router_pair pair)
{
	uint32_t i = router_map_slot(pair.from);

	while (slots[i & mask].from != 0)
		i++;
	slots[i & mask] = pair;
}

static void compile_floating(struct draft *d)
{
	struct router *router = d->router;
	struct router_pair *fixed, *floating;
	size_t n = 0;

	for (size_t i = 0; i < d->model->n_floating_ips; i++)
		n += floating_is_on(&d->model->floating_ips[i], d->config);
	if (n == 0)
		return;
	fixed = new_map(d, &router->fixed, n);
	floating = new_map(d, &router->floating, n);
	for (size_t i = 0; i < d->model->n_floating_ips; i++) {
		const struct floating_ip_config *config = &d->model->floating_ips[i];
		struct router_pair pair;

		if (!floating_is_on(config, d->config))
			continue;
		pair = (struct router_pair){ip_v4(&config->external), ip_v4(&config->fixed)};
		put(fixed, router->fixed.mask, pair);
		put(floating, router->floating.mask, (struct router_pair){pair.to, pair.from});
	}
}

// ---- what no other can send from ---------------------------------------------------------------

static bool is_own(const struct route *route)
{
	return route->source == ROUTE_OWN || route->source == ROUTE_BROADCAST;
}

// Of the routes, and of the map of floating addresses.
static void compile_own(struct draft *d)
{
	const struct router_map *fixed = &d->router->fixed;
	uint32_t n_slots = fixed->slots != NULL ? fixed->mask + 1 : 0;
	struct router_pair *own = new_map(d, &d->router->own, d->n_routes + n_slots);
	uint32_t mask = d->router->own.mask;

	for (size_t i = 0; i < d->n_routes; i++) {
		rte_be32_t address = d->routes[i].prefix;

		if (is_own(&d->routes[i]))
			put(own, mask, (struct router_pair){address, address});
	}
	for (uint32_t i = 0; i < n_slots; i++) {
		rte_be32_t address = fixed->slots[i].from;

		if (address != 0)
			put(own, mask, (struct router_pair){address, address});
	}
}

// ---- routers -----------------------------------------------------------------------------------

static void compile_port(struct draft *d, const struct router_port *port, uint16_t router)
{
	uint16_t network = ids_take(d->control->networks, port->network->name);

	d->s->attachments[id_of(d, port)] = (struct attachment){
		.kind = ATTACHMENT_ROUTER,
		.mac = mac_to_u64(&port->mac),
		.network = network,
		.max_len = port->network->mtu + ETHERNET_LEN,
		.flags = ATTACHMENT_INTERNAL | (port->network->up ? ATTACHMENT_UP : 0),
		.router = router,
	};
	d->s->networks[network].flags |= NETWORK_INTERNAL;
	if (d->reads_l4)
		d->s->networks[network].flags |= NETWORK_TRANSLATED;
}

static void compile_router(struct draft *d, uint16_t id)
{
	const struct router_config *config = d->config;

	d->router->zone = ROUTER_ZONE | id;
	d->router->flags = (config->gateway.enable_snat ? ROUTER_SNAT : 0) |
			   (config->strict_source ? ROUTER_STRICT_SOURCE : 0) |
			   (config->block_private_ingress ? ROUTER_BLOCK_PRIVATE_INGRESS : 0) |
			   (config->metadata_device != NULL ? ROUTER_METADATA : 0);
	for (size_t i = 0; i < d->n_ports; i++) {
		const struct router_port *port = &d->ports[i];

		compile_port(d, port, id);
		if (!port->is_gateway)
			continue;
		d->router->gateway = id_of(d, port);
		d->router->address = ip_v4(&port->address);
	}
	compile_routes(d);
	compile_floating(d);
	compile_own(d);
}

// The attachments of routers, by network.
static void compile_lists(struct control *control, const struct router_ports *ports,
	struct snapshot *s, struct arena *arena)
{
	for (size_t i = 0; i < ports->n; i++)
		s->networks[ids_take(control->networks, ports->list[i].network->name)].n_routers++;
	for (uint16_t id = 1; id < s->n_networks; id++) {
		struct network *network = &s->networks[id];

		network->routers =
			arena_alloc(arena, network->n_routers * sizeof(network->routers[0]));
		network->n_routers = 0;
	}
	for (size_t i = 0; i < ports->n; i++) {
		const struct router_port *port = &ports->list[i];
		struct network *network =
			&s->networks[ids_take(control->networks, port->network->name)];
		char name[ATTACHMENT_NAME_LEN];

		((uint16_t *)network->routers)[network->n_routers++] =
			ids_take(control->attachments, name_of_router_port(name, port));
	}
}

// Fragments that come to a router may go through another one.
static bool any_reads_l4(const struct model *model, const struct snapshot *s)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		if (model->routers[i].gateway.present)
			return true;
	}
	return s->n_filters > 1;
}

void routers_compile(
	struct control *control, const struct model *model, struct snapshot *s, struct arena *arena)
{
	struct router_ports ports = router_ports(model, arena);
	struct router *routers =
		arena_alloc(arena, (ids_highest(control->routers) + 1u) * sizeof(*routers));
	size_t at = 0;

	s->n_routers = ids_highest(control->routers) + 1;
	s->routers = routers;
	compile_lists(control, &ports, s, arena);
	for (size_t i = 0; i < model->n_routers; i++) {
		uint16_t id = ids_take(control->routers, model->routers[i].name);
		struct draft d = {
			.control = control,
			.model = model,
			.s = s,
			.arena = arena,
			.config = &model->routers[i],
			.ports = &ports.list[at],
			.router = &routers[id],
			.reads_l4 = any_reads_l4(model, s),
		};

		while (at < ports.n && ports.list[at].router == d.config)
			at++;
		d.n_ports = (size_t)(&ports.list[at] - d.ports);
		compile_router(&d, id);
	}
}
