// SPDX-License-Identifier: BSD-3-Clause
// route.list and neighbour.list: what routers forward by.

#include <string.h>

#include "control/call.h"
#include "control/internal.h"

// The router that a parameter names; NULL and 0: none is given.
static int read_router(const struct call *call, const struct router_config **router)
{
	const char *name;

	*router = NULL;
	if (call_text(call, "router", &name) < 0)
		return -EINVAL;
	if (name == NULL)
		return 0;
	if (call->control->model != NULL)
		*router = model_router(call->control->model, name);
	if (*router != NULL)
		return 0;
	problem_add(call->problems, E_NOT_FOUND, "router", "there is no router \"%s\"", name);
	return -ENOENT;
}

// ---- routes ------------------------------------------------------------------------------------

static void add_route(json_t *list, const struct router_port *port, const struct ip_prefix *to,
	const struct ip_addr *next_hop, const char *source)
{
	char text[PREFIX_TEXT_LEN], hop[IP_TEXT_LEN];
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "router", port->router->name,
		"destination", ip_prefix_format(to, text), "source", source, "network",
		port->network->name, "interface",
		port->is_gateway ? "gateway" : port->subnet->name);

	if (next_hop != NULL)
		json_object_set_new(json, "next-hop", json_string(ip_format(next_hop, hop)));
	json_array_append_new(list, json);
}

static void add_port_routes(json_t *list, const struct router_port *port)
{
	struct ip_prefix all = {.addr = ip_from_v4(0)};

	add_route(list, port, &port->subnet->cidr, NULL, "connected");
	for (size_t i = 0; port->is_gateway && i < port->network->n_subnets; i++) {
		const struct subnet_config *other = port->network->subnets[i];

		if (other != port->subnet && ip_is_v4(&other->cidr.addr))
			add_route(list, port, &other->cidr, NULL, "connected");
	}
	for (size_t i = 0; i < port->router->n_routes; i++) {
		const struct route_config *route = &port->router->routes[i];

		if (router_port_reaches(port, &route->nexthop))
			add_route(list, port, &route->destination, &route->nexthop, "static");
	}
	if (port->is_gateway && ip_is_set(&port->subnet->gateway))
		add_route(list, port, &all, &port->subnet->gateway, "gateway");
}

static json_t *route_list(struct call *call)
{
	const struct router_config *router;
	struct arena *arena;
	json_t *list;

	if (read_router(call, &router) < 0)
		return NULL;
	list = json_array();
	if (call->control->model == NULL)
		return list;
	arena = arena_new();
	struct router_ports ports = router_ports(call->control->model, arena);

	for (size_t i = 0; i < ports.n; i++) {
		if (router == NULL || router == ports.list[i].router)
			add_port_routes(list, &ports.list[i]);
	}
	arena_free(arena);
	return list;
}

// ---- neighbours --------------------------------------------------------------------------------

struct neighbour_choice {
	const struct control *control;
	uint16_t router; // 0: all
	json_t *list;
};

static void add_neighbour(const struct router_neighbour_state *neighbour, void *arg)
{
	struct neighbour_choice *choice = arg;
	const struct control *control = choice->control;
	const struct attachment *attachment =
		&control->tables->snapshot->attachments[neighbour->attachment];
	const char *interface = ids_name(control->attachments, neighbour->attachment);
	const char *network = ids_name(control->networks, attachment->network);
	struct ip_addr address = ip_from_v4(neighbour->address_be);
	struct mac mac = mac_from_u64(neighbour->mac);
	char ip[IP_TEXT_LEN], text[MAC_TEXT_LEN];
	json_t *json;

	if (choice->router != 0 && attachment->router != choice->router)
		return;
	json = json_pack("{s:s, s:s, s:s, s:s, s:I}", "interface",
		interface != NULL ? interface : "", "network", network != NULL ? network : "",
		"address", ip_format(&address, ip), "state", neighbour->state, "held",
		(json_int_t)neighbour->n_held);
	if (neighbour->mac != 0)
		json_object_set_new(json, "mac", json_string(mac_format(&mac, text)));
	json_array_append_new(choice->list, json);
}

static json_t *neighbour_list(struct call *call)
{
	struct neighbour_choice choice = {.control = call->control};
	const struct router_config *router;

	if (read_router(call, &router) < 0)
		return NULL;
	if (router != NULL)
		choice.router = ids_find(call->control->routers, router->name);
	choice.list = json_array();
	slowpath_router_neighbours(call->control->slowpath, add_neighbour, &choice);
	return choice.list;
}

static const char *const list_params[] = {"router", NULL};

const struct method router_methods[] = {
	{"route.list", route_list, list_params, "routes of routers", false},
	{"neighbour.list", neighbour_list, list_params, "neighbours of routers", false},
	{0},
};
