// SPDX-License-Identifier: BSD-3-Clause
// Rules of routers (R1 to R7, R9, R10) and of the ports that they take over (P10). R8, R9 and R11
// as far as floating IPs are concerned: validate_floating.c.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

static const struct router_config *old_router(
	struct check *check, const struct router_config *router)
{
	return check->old == NULL ? NULL : model_router(check->old, router->name);
}

const struct router_interface *router_interface_on(
	const struct router_config *router, const char *subnet)
{
	for (size_t i = 0; i < router->n_interfaces; i++)
		if (text_compare(router->interfaces[i].subnet, subnet) == 0)
			return &router->interfaces[i];
	return NULL;
}

bool router_holds_gateway(const struct router_config *router, const struct subnet_config *subnet)
{
	const struct router_interface *interface = router_interface_on(router, subnet->name);

	return interface != NULL && ip_is_set(&subnet->gateway) &&
	       ip_equal(&interface->address, &subnet->gateway);
}

// ---- interfaces --------------------------------------------------------------------------------

static void check_interface_address(struct check *check, const struct router_interface *interface,
	const struct subnet_config *subnet, const char *path)
{
	struct ip_range hosts = subnet_hosts(subnet);
	char text[IP_TEXT_LEN], cidr[PREFIX_TEXT_LEN];

	ip_prefix_format(&subnet->cidr, cidr);
	if (!subnet_is_v4(subnet))
		check_report(check, E_VALUE, path, "routers are IPv4 only; subnet %s is %s",
			subnet->name, cidr);
	else if (!ip_is_set(&interface->address))
		check_report(check, E_RTR_IF_NO_GW, path,
			"subnet %s has no gateway; give it one, or the interface an address",
			subnet->name);
	else if (!interface->address_given && !ip_range_has(&hosts, &interface->address))
		check_report(check, E_RTR_IF_NO_GW, path,
			"the gateway %s of subnet %s is not on it (%s); give the interface an "
			"address",
			ip_format(&interface->address, text), subnet->name, cidr);
	else if (!ip_range_has(&hosts, &interface->address))
		check_report(check, E_PORT_IP_INVALID, PATH(check, "%s.address", path),
			"%s is not the address of a host on subnet %s (%s)",
			ip_format(&interface->address, text), subnet->name, cidr);
}

// R1. A subnet that is being deleted is reported there.
static void check_by_subnet(
	struct check *check, const struct router_interface *interface, const char *path)
{
	const struct subnet_config *subnet = model_subnet(check->model, interface->subnet);

	if (subnet != NULL && ip_is_set(&subnet->cidr.addr))
		check_interface_address(check, interface, subnet, path);
	else if (subnet == NULL &&
		 (check->old == NULL || model_subnet(check->old, interface->subnet) == NULL))
		check_report(check, E_REFERENCE, PATH(check, "%s.subnet", path),
			"there is no subnet %s; add it or name another one", interface->subnet);
}

// How many IPv4 subnets the addresses of a port are on.
static size_t count_subnets(struct check *check, const struct port_config *port)
{
	const struct subnet_config *subnets[PORT_ADDRESSES_MAX + 1] = {NULL};
	size_t n = 0;

	for (size_t i = 0; i < port->addresses.n && n <= PORT_ADDRESSES_MAX; i++) {
		const struct ip_addr *ip = &port->addresses.list[i];
		size_t j = 0;

		if (!ip_is_v4(ip))
			continue;
		subnets[n] = model_subnet_of(check->model, port->network, ip);
		while (subnets[j] != subnets[n])
			j++;
		n += subnets[n] != NULL && j == n;
	}
	return n;
}

static bool port_has_floating_ip(struct check *check, const char *port)
{
	for (size_t i = 0; i < check->model->n_floating_ips; i++)
		if (text_compare(check->model->floating_ips[i].port, port) == 0)
			return true;
	return false;
}

// R2.
static void check_taken_port(struct check *check, const struct router_config *router,
	const struct port_config *port, const char *path)
{
	const char *use = NULL;

	if (port_is_local(port))
		use = PATH(check, "serves device %s", port->device);
	else if (port->owner != NULL)
		use = PATH(check, "belongs to %s", port->owner);
	else if (port->router == NULL || strcmp(port->router, router->name) != 0)
		use = PATH(check, "is an interface of router %s", port->router);
	else if (port_has_floating_ip(check, port->name))
		use = "has a floating IP";
	if (use != NULL)
		check_report(check, E_PORT_IN_USE, path,
			"port %s %s; a router takes over only ports without device, owner and "
			"floating IP",
			port->name, use);
	else if (port->network != NULL && count_subnets(check, port) != 1)
		check_report(check, E_RTR_IF_PORT, path,
			"port %s needs addresses on exactly one IPv4 subnet to be an interface",
			port->name);
}

static void check_by_port(struct check *check, const struct router_config *router,
	const struct router_interface *interface, const char *path)
{
	const struct port_config *port = model_port(check->model, interface->port);
	const char *key = PATH(check, "%s.port", path);

	if (interface->subnet_given || interface->address_given || interface->mac_given)
		check_report(check, E_KEY_EXCLUSIVE, path,
			"an interface that is port %s has its subnet, address and mac; leave them "
			"out",
			interface->port);
	if (port != NULL)
		check_taken_port(check, router, port, key);
	else if (check->old != NULL && model_port(check->old, interface->port) != NULL)
		check_report(check, E_PORT_SERVICE, PATH(check, "ports.%s", interface->port),
			"port %s is an interface of router %s; take it away there first",
			interface->port, router->name);
	else
		check_report(check, E_REFERENCE, key,
			"there is no port %s; add it or name another one", interface->port);
}

static const char *interface_path(struct check *check, const struct router_config *router, size_t i)
{
	return PATH(check, "routers.%s.interfaces[%zu]", router->name, i);
}

static void check_interfaces(struct check *check, const struct router_config *router)
{
	for (size_t i = 0; i < router->n_interfaces; i++) {
		const struct router_interface *interface = &router->interfaces[i];
		const char *path = interface_path(check, router, i);

		if (interface->port != NULL)
			check_by_port(check, router, interface, path);
		else if (interface->subnet != NULL)
			check_by_subnet(check, interface, path);
		else
			check_report(check, E_KEY_MISSING, path,
				"an interface needs the name of a subnet or of a port");
	}
}

// ---- overlaps ----------------------------------------------------------------------------------

// The subnet of an interface, NULL when there is none that can be judged.
static const struct subnet_config *subnet_of(
	struct check *check, const struct router_config *router, size_t i)
{
	const char *name = router->interfaces[i].subnet;
	const struct subnet_config *subnet = name == NULL ? NULL : model_subnet(check->model, name);

	return subnet == NULL || !ip_is_set(&subnet->cidr.addr) ? NULL : subnet;
}

// R3 and R4.
static void check_interfaces_apart(
	struct check *check, const struct router_config *router, size_t i, size_t j)
{
	const struct subnet_config *a = subnet_of(check, router, i);
	const struct subnet_config *b = subnet_of(check, router, j);
	char a_text[PREFIX_TEXT_LEN], b_text[PREFIX_TEXT_LEN];

	if (a == NULL || b == NULL)
		return;
	if (a == b)
		check_report(check, E_RTR_IF_DUP, interface_path(check, router, j),
			"router %s is on subnet %s already", router->name, b->name);
	else if (ip_prefix_overlaps(&a->cidr, &b->cidr))
		check_report(check, E_RTR_OVERLAP, interface_path(check, router, j),
			"%s of subnet %s overlaps %s of subnet %s, which router %s is on already",
			ip_prefix_format(&b->cidr, b_text), b->name,
			ip_prefix_format(&a->cidr, a_text), a->name, router->name);
}

// R6: which of the two came last is to blame.
static const char *overlap_path(struct check *check, const struct router_config *router, size_t i)
{
	const struct router_config *old = old_router(check, router);

	if (old != NULL && text_compare(old->gateway.network, router->gateway.network) == 0 &&
		router_interface_on(old, router->interfaces[i].subnet) == NULL)
		return interface_path(check, router, i);
	return PATH(check, "routers.%s.gateway.network", router->name);
}

// R6: not only the subnet that the gateway address is in.
static void check_gateway_apart(struct check *check, const struct router_config *router,
	const struct subnet_config *external, size_t i)
{
	const struct subnet_config *inside = subnet_of(check, router, i);
	char in_text[PREFIX_TEXT_LEN], out_text[PREFIX_TEXT_LEN];

	if (inside == NULL || !ip_prefix_overlaps(&inside->cidr, &external->cidr))
		return;
	check_report(check, E_RTR_OVERLAP, overlap_path(check, router, i),
		"%s of subnet %s on network %s, the gateway network, overlaps %s of subnet %s, "
		"which router %s is on",
		ip_prefix_format(&external->cidr, out_text), external->name, external->network,
		ip_prefix_format(&inside->cidr, in_text), inside->name, router->name);
}

static void check_overlaps(struct check *check, const struct router_config *router)
{
	const struct network_config *network =
		router->gateway.network == NULL
			? NULL
			: model_network(check->model, router->gateway.network);

	for (size_t i = 0; i < router->n_interfaces; i++) {
		for (size_t j = i + 1; j < router->n_interfaces; j++)
			check_interfaces_apart(check, router, i, j);
		for (size_t j = 0; network != NULL && j < network->n_subnets; j++)
			check_gateway_apart(check, router, network->subnets[j], i);
	}
}

// ---- gateway -----------------------------------------------------------------------------------

// R7. That the address is free: validate_holder.c.
static void check_gateway_address(struct check *check, const struct router_config *router,
	const struct network_config *network)
{
	const struct router_gateway *gateway = &router->gateway;
	const char *path = PATH(check, "routers.%s.gateway.address", router->name);
	const struct subnet_config *subnet =
		model_subnet_of(check->model, network->name, &gateway->address);
	struct ip_range hosts;
	char text[IP_TEXT_LEN];

	if (!network_has_v4(network)) {
		check_report(check, E_RTR_GW_IP, path,
			"network %s has no IPv4 subnet for the gateway of router %s", network->name,
			router->name);
		return;
	}
	if (!ip_is_set(&gateway->address))
		return; // no address is free: reported already
	ip_format(&gateway->address, text);
	if (subnet == NULL || !subnet_is_v4(subnet)) {
		check_report(check, E_RTR_GW_IP, path, "%s is on no IPv4 subnet of network %s",
			text, network->name);
		return;
	}
	hosts = subnet_hosts(subnet);
	if (!ip_range_has(&hosts, &gateway->address))
		check_report(check, E_RTR_GW_IP, path,
			"%s is the network or broadcast address of subnet %s", text, subnet->name);
	else if (ip_equal(&gateway->address, &subnet->gateway))
		check_report(check, E_RTR_GW_IP, path,
			"%s is the gateway of subnet %s itself, the next router; give another "
			"address",
			text, subnet->name);
}

// Whether the subnet that the gateway address was in is being deleted, which is reported there.
static bool gateway_subnet_goes(struct check *check, const struct router_config *router)
{
	const struct router_config *old = old_router(check, router);

	return old != NULL && old->gateway.subnet != NULL &&
	       text_compare(old->gateway.network, router->gateway.network) == 0 &&
	       model_subnet(check->model, old->gateway.subnet) == NULL;
}

static void check_gateway(struct check *check, const struct router_config *router)
{
	const struct router_gateway *gateway = &router->gateway;
	const char *path = PATH(check, "routers.%s.gateway.network", router->name);
	const struct network_config *network;

	if (!gateway->present || gateway->network == NULL)
		return;
	check_network_name(check, gateway->network, PATH(check, "router %s", router->name), path);
	network = model_network(check->model, gateway->network);
	if (network == NULL)
		return;
	if (!network->external)
		check_report(check, E_RTR_GW_NOT_EXTERNAL, path,
			"network %s is not external; set its key external to true, or name another "
			"one",
			network->name);
	if (!gateway_subnet_goes(check, router))
		check_gateway_address(check, router, network);
}

// ---- routes ------------------------------------------------------------------------------------

static bool is_own_address(const struct router_config *router, const struct ip_addr *ip)
{
	for (size_t i = 0; i < router->n_interfaces; i++)
		if (ip_equal(&router->interfaces[i].address, ip))
			return true;
	return router->gateway.present && ip_equal(&router->gateway.address, ip);
}

// Whether the next hop is on the subnet of an interface of this model's router.
static bool is_behind_interface(
	const struct model *model, const struct router_config *router, const struct ip_addr *ip)
{
	const struct subnet_config *subnet;

	for (size_t i = 0; i < router->n_interfaces; i++) {
		const char *name = router->interfaces[i].subnet;

		subnet = name == NULL ? NULL : model_subnet(model, name);
		if (subnet != NULL && ip_prefix_contains(&subnet->cidr, ip))
			return true;
	}
	return false;
}

// Also on any subnet of the external network: all of them are on its link.
static bool is_connected(
	const struct model *model, const struct router_config *router, const struct ip_addr *ip)
{
	const char *name = router->gateway.network;
	const struct network_config *network = name == NULL ? NULL : model_network(model, name);

	for (size_t i = 0; network != NULL && i < network->n_subnets; i++)
		if (ip_prefix_contains(&network->subnets[i]->cidr, ip))
			return true;
	return is_behind_interface(model, router, ip);
}

static void check_route(struct check *check, const struct router_config *router, size_t i)
{
	const struct route_config *route = &router->routes[i];
	const struct router_config *old = old_router(check, router);
	const char *route_path = PATH(check, "routers.%s.routes[%zu]", router->name, i);
	const char *path = PATH(check, "%s.nexthop", route_path);
	char text[IP_TEXT_LEN];

	if (!ip_is_set(&route->nexthop))
		return; // could not be read
	ip_format(&route->nexthop, text);
	if (is_own_address(router, &route->nexthop))
		check_report(check, E_RTR_ROUTE_SELF, path,
			"%s is router %s itself; give the next router", text, router->name);
	else if (!ip_is_v4(&route->nexthop))
		check_report(check, E_VALUE, path, "routers are IPv4 only; %s is not", text);
	else if (!ip_is_v4(&route->destination.addr))
		check_report(check, E_VALUE, PATH(check, "%s.destination", route_path),
			"routers are IPv4 only; give an IPv4 prefix");
	else if (is_connected(check->model, router, &route->nexthop))
		return;
	else if (old != NULL && is_behind_interface(check->old, old, &route->nexthop))
		check_report(check, E_RTR_IF_IN_USE_ROUTE,
			PATH(check, "routers.%s.interfaces", router->name),
			"the route via %s needs an interface that would go; delete the route first",
			text);
	else
		check_report(check, E_RTR_ROUTE_NEXTHOP, path,
			"next hop %s is not on a subnet that router %s is on", text, router->name);
}

static void check_routes(struct check *check, const struct router_config *router)
{
	if (router->n_routes > ROUTER_ROUTES_MAX)
		check_report(check, E_RTR_ROUTE_LIMIT,
			PATH(check, "routers.%s.routes", router->name),
			"router %s has %zu static routes; at most %d are possible", router->name,
			router->n_routes, ROUTER_ROUTES_MAX);
	for (size_t i = 0; i < router->n_routes; i++)
		check_route(check, router, i);
}

void check_routers(struct check *check)
{
	for (size_t i = 0; i < check->model->n_routers; i++) {
		const struct router_config *router = &check->model->routers[i];

		check_interfaces(check, router);
		check_overlaps(check, router);
		check_gateway(check, router);
		check_routes(check, router);
	}
}
