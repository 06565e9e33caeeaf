// SPDX-License-Identifier: BSD-3-Clause
// Automatic addresses: of service ports, router gateways, floating IPs and ports. What the document
// names is taken first; then what was generated before stays where it can; then each gets the
// lowest free address of the pools, in that order.

#include <string.h>

#include "model/check.h"
#include "model/model.h"

// An address in use on a network; slots of an open table that is never more than half full.
struct used {
	const struct network_config *network; // NULL: empty
	struct ip_addr ip;
};

struct allocator {
	struct model *model;
	const struct model *old; // NULL: none
	struct problems *problems;
	struct arena *arena;
	struct used *slots;
	size_t mask;
	struct cursor *cursors; // by subnet
};

// No address below is free: in pools[pool], or before it.
struct cursor {
	size_t pool;
	struct ip_addr next; // unset: the pool's first
};

static struct used *slot_of(
	struct allocator *a, const struct network_config *network, const struct ip_addr *ip)
{
	size_t index = (size_t)(network - a->model->networks);
	uint64_t words[2];
	uint64_t hash;
	size_t i;

	memcpy(words, ip, sizeof(words));
	hash = (words[0] ^ (words[1] + index)) * UINT64_C(0x9e3779b97f4a7c15);
	for (i = (size_t)(hash >> 32) & a->mask; a->slots[i].network != NULL; i = (i + 1) & a->mask)
		if (a->slots[i].network == network && ip_equal(&a->slots[i].ip, ip))
			break;
	return &a->slots[i];
}

// False when it is in use already.
static bool take(
	struct allocator *a, const struct network_config *network, const struct ip_addr *ip)
{
	struct used *slot = slot_of(a, network, ip);

	if (slot->network != NULL)
		return false;
	*slot = (struct used){network, *ip};
	return true;
}

static void take_given(struct allocator *a, const char *network, const struct ip_addr *ip)
{
	const struct network_config *config =
		network == NULL ? NULL : model_network(a->model, network);

	if (config != NULL && ip_is_set(ip))
		take(a, config, ip);
}

// The lowest free address of a subnet's pools, taken.
static bool take_lowest(struct allocator *a, const struct network_config *network,
	const struct subnet_config *subnet, struct ip_addr *ip)
{
	struct cursor *cursor = &a->cursors[subnet - a->model->subnets];

	for (; cursor->pool < subnet->pools.n; cursor->pool++, memset(&cursor->next, 0, 16)) {
		const struct ip_range *pool = &subnet->pools.list[cursor->pool];

		if (!ip_is_set(&pool->first))
			continue; // could not be read
		if (!ip_is_set(&cursor->next))
			cursor->next = pool->first;
		while (ip_range_has(pool, &cursor->next)) {
			*ip = cursor->next;
			cursor->next = ip_next(cursor->next);
			if (ip_prefix_contains(&subnet->cidr, ip) && take(a, network, ip))
				return true;
			if (!ip_prefix_contains(&subnet->cidr, ip))
				break; // the pool is wrong
		}
	}
	return false;
}

// The lowest free IPv4 address of the first subnet that has one.
static bool take_lowest_v4(
	struct allocator *a, const struct network_config *network, struct ip_addr *ip)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (subnet_is_v4(network->subnets[i]) &&
			take_lowest(a, network, network->subnets[i], ip))
			return true;
	return false;
}

static bool in_pools(const struct subnet_config *subnet, const struct ip_addr *ip)
{
	for (size_t i = 0; i < subnet->pools.n; i++)
		if (ip_range_has(&subnet->pools.list[i], ip))
			return true;
	return false;
}

// An address that was generated before, if it still could be and is free.
static bool keep(
	struct allocator *a, const struct network_config *network, const struct ip_addr *was)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (in_pools(network->subnets[i], was))
			return take(a, network, was);
	return false;
}

// ---- what has addresses ------------------------------------------------------------------------

// Whether the port's address is left to weft, and its network can give one.
static const struct network_config *wants_address(
	const struct allocator *a, const struct port_config *port)
{
	const struct network_config *network;

	if (port->addresses_given || port->network == NULL)
		return NULL;
	network = model_network(a->model, port->network);
	return network != NULL && network_has_v4(network) ? network : NULL;
}

static void set_address(struct port_config *port, const struct ip_addr *ip, struct arena *arena)
{
	port->addresses.list = arena_alloc(arena, sizeof(*ip));
	port->addresses.list[0] = *ip;
	port->addresses.n = 1;
	port->addresses_given = true;
}

static void take_all_given(struct allocator *a)
{
	const struct model *model = a->model;

	for (size_t i = 0; i < model->n_subnets; i++) {
		const struct subnet_config *subnet = &model->subnets[i];

		take_given(a, subnet->network, &subnet->gateway);
		if (subnet->dhcp.mode != DHCP_OFF)
			take_given(a, subnet->network, &subnet->dhcp.address);
	}
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct router_config *router = &model->routers[i];

		for (size_t j = 0; j < router->n_interfaces; j++) {
			const struct router_interface *interface = &router->interfaces[j];
			const struct subnet_config *subnet =
				interface->subnet == NULL ? NULL
							  : model_subnet(model, interface->subnet);

			if (subnet != NULL)
				take_given(a, subnet->network, &interface->address);
		}
		take_given(a, router->gateway.network, &router->gateway.address);
	}
	for (size_t i = 0; i < model->n_floating_ips; i++)
		take_given(a, model->floating_ips[i].network, &model->floating_ips[i].external);
	for (size_t i = 0; i < model->n_ports; i++)
		for (size_t j = 0; j < model->ports[i].addresses.n; j++)
			take_given(a, model->ports[i].network, &model->ports[i].addresses.list[j]);
}

static void keep_services(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_subnets; i++) {
		struct subnet_config *subnet = &a->model->subnets[i];
		const struct subnet_config *was = model_subnet(a->old, subnet->name);
		const struct network_config *network =
			subnet->network == NULL ? NULL : model_network(a->model, subnet->network);

		if (was == NULL || network == NULL || subnet->dhcp.mode == DHCP_OFF ||
			ip_is_set(&subnet->dhcp.address) || !ip_is_set(&was->dhcp.address))
			continue;
		if (keep(a, network, &was->dhcp.address))
			subnet->dhcp.address = was->dhcp.address;
	}
}

static void keep_gateways(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_routers; i++) {
		struct router_config *router = &a->model->routers[i];
		const struct router_config *was = model_router(a->old, router->name);
		struct router_gateway *gateway = &router->gateway;
		const struct network_config *network;

		if (!gateway->present || gateway->network == NULL || was == NULL ||
			ip_is_set(&gateway->address) ||
			text_compare(was->gateway.network, gateway->network) != 0)
			continue;
		network = model_network(a->model, gateway->network);
		if (network != NULL && keep(a, network, &was->gateway.address))
			gateway->address = was->gateway.address;
	}
}

static void keep_floating_ips(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_floating_ips; i++) {
		struct floating_ip_config *fip = &a->model->floating_ips[i];
		const struct floating_ip_config *was = model_floating_ip(a->old, fip->name);
		const struct network_config *network;

		if (was == NULL || fip->network == NULL || ip_is_set(&fip->external) ||
			text_compare(was->network, fip->network) != 0)
			continue;
		network = model_network(a->model, fip->network);
		if (network != NULL && keep(a, network, &was->external))
			fip->external = was->external;
	}
}

static void keep_ports(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_ports; i++) {
		struct port_config *port = &a->model->ports[i];
		const struct port_config *was = model_port(a->old, port->name);
		const struct network_config *network = wants_address(a, port);

		if (was == NULL || network == NULL ||
			text_compare(was->network, port->network) != 0)
			continue;
		for (size_t j = 0; j < was->addresses.n && !port->addresses_given; j++)
			if (ip_is_v4(&was->addresses.list[j]) &&
				keep(a, network, &was->addresses.list[j]))
				set_address(port, &was->addresses.list[j], a->model->arena);
	}
}

// ---- new ones ----------------------------------------------------------------------------------

static void new_services(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_subnets; i++) {
		struct subnet_config *subnet = &a->model->subnets[i];
		const struct network_config *network =
			subnet->network == NULL ? NULL : model_network(a->model, subnet->network);

		if (network == NULL || subnet->dhcp.mode == DHCP_OFF ||
			ip_is_set(&subnet->dhcp.address) || !ip_is_set(&subnet->cidr.addr))
			continue;
		if (!take_lowest(a, network, subnet, &subnet->dhcp.address)) {
			memset(&subnet->dhcp.address, 0, sizeof(subnet->dhcp.address));
			problem_add(a->problems, E_PORT_NO_ADDRESS,
				arena_printf(a->arena, "subnets.%s.dhcp.address", subnet->name),
				"the pools of subnet %s have no free address for its service port; "
				"extend them or give an address outside",
				subnet->name);
		}
	}
}

static void new_gateways(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_routers; i++) {
		struct router_config *router = &a->model->routers[i];
		struct router_gateway *gateway = &router->gateway;
		const struct network_config *network =
			!gateway->present || gateway->network == NULL
				? NULL
				: model_network(a->model, gateway->network);

		if (network == NULL || ip_is_set(&gateway->address) || !network_has_v4(network))
			continue;
		if (!take_lowest_v4(a, network, &gateway->address)) {
			memset(&gateway->address, 0, sizeof(gateway->address));
			problem_add(a->problems, E_PORT_NO_ADDRESS,
				arena_printf(a->arena, "routers.%s.gateway.address", router->name),
				"the pools of network %s have no free address for router %s; "
				"extend them or give an address outside",
				network->name, router->name);
		}
	}
}

static void new_floating_ips(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_floating_ips; i++) {
		struct floating_ip_config *fip = &a->model->floating_ips[i];
		const struct network_config *network =
			fip->network == NULL ? NULL : model_network(a->model, fip->network);

		if (network == NULL || ip_is_set(&fip->external) || !network_has_v4(network))
			continue;
		if (!take_lowest_v4(a, network, &fip->external)) {
			memset(&fip->external, 0, sizeof(fip->external));
			problem_add(a->problems, E_FIP_EXHAUSTED,
				arena_printf(
					a->arena, "floating-ips.%s.external-address", fip->name),
				"the pools of network %s have no free address for floating-ip %s; "
				"extend them or delete one",
				network->name, fip->name);
		}
	}
	// what was kept or is new stands in the document from now on
	for (size_t i = 0; i < a->model->n_floating_ips; i++) {
		struct floating_ip_config *fip = &a->model->floating_ips[i];
		struct ip_addr named;

		if (ip_is_set(&fip->external) && ip_parse(fip->name, &named) < 0)
			fip->external_given = true;
	}
}

static void new_ports(struct allocator *a)
{
	for (size_t i = 0; i < a->model->n_ports; i++) {
		struct port_config *port = &a->model->ports[i];
		const struct network_config *network = wants_address(a, port);
		struct ip_addr ip;

		if (network == NULL)
			continue;
		if (take_lowest_v4(a, network, &ip))
			set_address(port, &ip, a->model->arena);
		else
			problem_add(a->problems, E_PORT_NO_ADDRESS,
				arena_printf(a->arena, "ports.%s.addresses", port->name),
				"the pools of network %s have no free address for port %s; extend "
				"them, or give an address outside or none ([])",
				network->name, port->name);
	}
}

static size_t count(const struct model *model)
{
	size_t n = 2 * model->n_subnets + model->n_floating_ips + model->n_ports;

	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_interfaces + 1;
	for (size_t i = 0; i < model->n_ports; i++)
		n += model->ports[i].addresses.n;
	return n;
}

void complete_addresses(struct model *model, const struct model *old, struct problems *problems)
{
	struct allocator a = {model, old, problems, arena_new(), NULL, 1, NULL};
	size_t n = count(model);

	while (a.mask <= 2 * n)
		a.mask = a.mask << 1 | 1;
	a.slots = arena_alloc(a.arena, (a.mask + 1) * sizeof(*a.slots));
	a.cursors = arena_alloc(a.arena, model->n_subnets * sizeof(*a.cursors));
	take_all_given(&a);
	if (old != NULL) {
		keep_services(&a);
		keep_gateways(&a);
		keep_floating_ips(&a);
		keep_ports(&a);
	}
	new_services(&a);
	new_gateways(&a);
	new_floating_ips(&a);
	new_ports(&a);
	arena_free(a.arena);
}
