// SPDX-License-Identifier: BSD-3-Clause
// Rules of subnets (S1 to S14) and of the service port that those of a network share.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

static const struct subnet_config *old_subnet(
	struct check *check, const struct subnet_config *subnet)
{
	return check->old == NULL ? NULL : model_subnet(check->old, subnet->name);
}

static const char *cidr_text(const struct subnet_config *subnet, char text[PREFIX_TEXT_LEN])
{
	return ip_prefix_format(&subnet->cidr, text);
}

// S6. A gateway outside the subnet is reached by a route of its own.
static void check_gateway(struct check *check, const struct subnet_config *subnet)
{
	const char *path = PATH(check, "subnets.%s.gateway", subnet->name);
	const struct ip_addr *gateway = &subnet->gateway;
	struct ip_range hosts = subnet_hosts(subnet);
	char text[IP_TEXT_LEN], cidr[PREFIX_TEXT_LEN];

	if (!subnet->gateway_given || !ip_is_set(gateway))
		return;
	ip_format(gateway, text);
	if (ip_is_v4(gateway) != subnet_is_v4(subnet))
		check_report(check, E_SUB_GW_INVALID, path,
			"gateway %s is not of the address family of subnet %s (%s)", text,
			subnet->name, cidr_text(subnet, cidr));
	else if (!ip_is_host(gateway))
		check_report(check, E_SUB_GW_INVALID, path,
			"%s can not be the address of a host; give a unicast address or \"none\"",
			text);
	else if (ip_prefix_contains(&subnet->cidr, gateway) && !ip_range_has(&hosts, gateway))
		check_report(check, E_SUB_GW_INVALID, path,
			"%s is the network or broadcast address of subnet %s (%s)", text,
			subnet->name, cidr_text(subnet, cidr));
}

// ---- pools -------------------------------------------------------------------------------------

static const char *range_text(struct check *check, const struct ip_range *range)
{
	char first[IP_TEXT_LEN], last[IP_TEXT_LEN];

	return PATH(check, "%s-%s", ip_format(&range->first, first), ip_format(&range->last, last));
}

static void check_pool(struct check *check, const struct subnet_config *subnet, size_t i)
{
	const struct ip_range *pool = &subnet->pools.list[i];
	const char *path = PATH(check, "subnets.%s.pools[%zu]", subnet->name, i);
	struct ip_range hosts = subnet_hosts(subnet);

	if (ip_compare(&pool->first, &pool->last) > 0)
		check_report(check, E_SUB_POOL_INVALID, path,
			"pool %s ends before it begins; give the lowest address first",
			range_text(check, pool));
	else if (!ip_range_has(&hosts, &pool->first) || !ip_range_has(&hosts, &pool->last))
		check_report(check, E_SUB_POOL_OUTSIDE, path,
			"pool %s is not within the hosts of subnet %s, which are %s",
			range_text(check, pool), subnet->name, range_text(check, &hosts));
	else if (subnet->gateway_given && ip_is_set(&subnet->gateway) &&
		 ip_range_has(pool, &subnet->gateway))
		check_report(check, E_SUB_GW_IN_POOL, path,
			"pool %s has the gateway of subnet %s in it; move one of them",
			range_text(check, pool), subnet->name);
}

struct pool {
	const struct ip_range *range;
	size_t index;
};

static int compare_pool(const void *a, const void *b)
{
	const struct pool *x = a, *y = b;
	int order = ip_compare(&x->range->first, &y->range->first);

	return order != 0 ? order : x->index < y->index ? -1 : 1;
}

// S10.
static void check_pools_apart(struct check *check, const struct subnet_config *subnet)
{
	struct pool *pools = arena_alloc(check->arena, subnet->pools.n * sizeof(*pools));
	size_t n = 0;

	for (size_t i = 0; i < subnet->pools.n; i++) {
		const struct ip_range *range = &subnet->pools.list[i];

		if (ip_is_set(&range->first) && ip_compare(&range->first, &range->last) <= 0)
			pools[n++] = (struct pool){range, i};
	}
	qsort(pools, n, sizeof(*pools), compare_pool);
	for (size_t i = 1; i < n; i++) {
		const struct pool *a = &pools[i - 1], *b = &pools[i];
		size_t later = a->index > b->index ? a->index : b->index;

		if (ip_range_has(a->range, &b->range->first))
			check_report(check, E_SUB_POOL_OVERLAP,
				PATH(check, "subnets.%s.pools[%zu]", subnet->name, later),
				"pools %s and %s of subnet %s overlap", range_text(check, a->range),
				range_text(check, b->range), subnet->name);
	}
}

static void check_pools(struct check *check, const struct subnet_config *subnet)
{
	if (!subnet->pools_given)
		return;
	for (size_t i = 0; i < subnet->pools.n; i++)
		if (ip_is_set(&subnet->pools.list[i].first))
			check_pool(check, subnet, i);
	check_pools_apart(check, subnet);
}

// ---- DHCP --------------------------------------------------------------------------------------

// S12. 0.0.0.0 alone means that none is sent.
static void check_dns(struct check *check, const struct subnet_config *subnet)
{
	const struct ip_list *dns = &subnet->dns;
	char text[IP_TEXT_LEN];

	if (dns->n > SUBNET_DNS_MAX)
		check_report(check, E_SUB_DNS, PATH(check, "subnets.%s.dns", subnet->name),
			"subnet %s has %zu nameservers; at most %d are possible", subnet->name,
			dns->n, SUBNET_DNS_MAX);
	for (size_t i = 0; i < dns->n; i++) {
		const struct ip_addr *ip = &dns->list[i];
		const char *path = PATH(check, "subnets.%s.dns[%zu]", subnet->name, i);

		if (!ip_is_set(ip))
			continue; // could not be read
		ip_format(ip, text);
		if (ip_is_v4(ip) != subnet_is_v4(subnet))
			check_report(check, E_SUB_DNS, path,
				"nameserver %s is not of the address family of subnet %s", text,
				subnet->name);
		else if (!ip_is_host(ip) && !(dns->n == 1 && ip_v4(ip) == 0))
			check_report(check, E_SUB_DNS, path,
				"%s can not be the address of a nameserver; only 0.0.0.0 alone "
				"means none",
				text);
	}
}

static void check_routes(struct check *check, const struct subnet_config *subnet)
{
	const char *path = PATH(check, "subnets.%s.routes", subnet->name);

	if (subnet->n_routes > SUBNET_ROUTES_MAX)
		check_report(check, E_SUB_ROUTE, path,
			"subnet %s has %zu host routes; at most %d are possible", subnet->name,
			subnet->n_routes, SUBNET_ROUTES_MAX);
	for (size_t i = 0; i < subnet->n_routes; i++) {
		const struct route_config *route = &subnet->routes[i];
		bool v4 = subnet_is_v4(subnet);

		if (!ip_is_set(&route->nexthop))
			continue; // could not be read
		if (ip_is_v4(&route->nexthop) != v4 || ip_is_v4(&route->destination.addr) != v4)
			check_report(check, E_SUB_ROUTE, PATH(check, "%s[%zu]", path, i),
				"the route is not of the address family of subnet %s",
				subnet->name);
		else if (!ip_is_host(&route->nexthop))
			check_report(check, E_SUB_ROUTE, PATH(check, "%s[%zu].nexthop", path, i),
				"the next hop can not be the address of a host; give a unicast "
				"address");
	}
}

// S5.
static bool dhcp_fits(const struct subnet_config *subnet)
{
	const struct ip_prefix *cidr = &subnet->cidr;
	const uint8_t first = cidr->addr.b[12]; // of an IPv4 address

	if (!subnet_is_v4(subnet))
		return cidr->len <= 126 && !ip_is_multicast(&cidr->addr);
	return cidr->len <= 30 && !ip_is_multicast(&cidr->addr) && first != 127 && first != 0;
}

static void check_dhcp(struct check *check, const struct subnet_config *subnet)
{
	const struct dhcp_config *dhcp = &subnet->dhcp;
	const char *path = PATH(check, "subnets.%s.dhcp", subnet->name);
	const char *mode = PATH(check, "%s.mode", path);
	char cidr[PREFIX_TEXT_LEN];

	if (dhcp->domain != NULL && !dns_name_valid(dhcp->domain))
		check_report(check, E_VALUE, PATH(check, "%s.domain", path),
			"\"%s\" is no domain; use labels of 1 to 63 letters, digits and hyphens "
			"with dots between them",
			dhcp->domain);
	if (dhcp->mode == DHCP_OFF)
		return;
	if (!dhcp_fits(subnet))
		check_report(check, E_SUB_DHCP_CIDR, mode,
			"DHCP can not serve %s; it needs a unicast prefix of at most %d bits",
			cidr_text(subnet, cidr), subnet_is_v4(subnet) ? 30 : 126);
	else if (dhcp->mode == DHCP_RESPONDER && !subnet_is_v4(subnet))
		check_report(check, E_SUB_DHCP_CIDR, mode,
			"the responder serves IPv4 only and not %s; use mode external or off",
			cidr_text(subnet, cidr));
	else if (ip_is_set(&dhcp->address) && !ip_prefix_contains(&subnet->cidr, &dhcp->address))
		check_report(check, E_PORT_IP_INVALID, PATH(check, "%s.address", path),
			"the service port of subnet %s needs an address within %s", subnet->name,
			cidr_text(subnet, cidr));
	else if (subnet->network != NULL)
		check_address(
			check, subnet->network, &dhcp->address, PATH(check, "%s.address", path));
	if (dhcp->mode == DHCP_RESPONDER && dhcp->device != NULL)
		check_report(check, E_SUB_DHCP_SERVICE, PATH(check, "%s.device", path),
			"mode responder answers by itself; leave out device or use mode external");
}

// What two subnets say about the service port that they share; NULL: they agree.
static const char *contradiction(const struct dhcp_config *a, const struct dhcp_config *b)
{
	if (a->mode != b->mode)
		return "mode";
	if (!mac_is_zero(&a->mac) && !mac_is_zero(&b->mac) && !mac_equal(&a->mac, &b->mac))
		return "mac";
	if (a->device != NULL && b->device != NULL && strcmp(a->device, b->device) != 0)
		return "device";
	if (a->metadata_device != NULL && b->metadata_device != NULL &&
		strcmp(a->metadata_device, b->metadata_device) != 0)
		return "metadata-device";
	return NULL;
}

static void check_service(struct check *check, const struct network_config *network)
{
	const struct subnet_config *first = NULL;
	bool device = false;

	for (size_t i = 0; i < network->n_subnets; i++) {
		const struct subnet_config *subnet = network->subnets[i];

		if (subnet->dhcp.mode == DHCP_OFF)
			continue;
		first = first == NULL ? subnet : first;
		device |= subnet->dhcp.device != NULL;
		for (size_t j = 0; j < i; j++) {
			const struct subnet_config *other = network->subnets[j];
			const char *key = other->dhcp.mode == DHCP_OFF
						  ? NULL
						  : contradiction(&other->dhcp, &subnet->dhcp);

			if (key == NULL)
				continue;
			check_report(check, E_SUB_DHCP_SERVICE,
				PATH(check, "subnets.%s.dhcp.%s", subnet->name, key),
				"the subnets of network %s share one service port, and subnet %s "
				"says another %s; set it there, or leave it out here",
				network->name, other->name, key);
			break;
		}
	}
	if (first != NULL && first->dhcp.mode == DHCP_EXTERNAL && !device)
		check_report(check, E_KEY_MISSING,
			PATH(check, "subnets.%s.dhcp.device", first->name),
			"mode external needs the device with the server behind it, such as "
			"\"tap:dhcp\"");
}

// ---- one with another, and with the model in force ---------------------------------------------

static int compare_cidr(const void *a, const void *b)
{
	const struct subnet_config *x = *(const struct subnet_config *const *)a;
	const struct subnet_config *y = *(const struct subnet_config *const *)b;
	int order = ip_compare(&x->cidr.addr, &y->cidr.addr);

	if (order == 0)
		order = x->cidr.len - y->cidr.len;
	return order != 0 ? order : strcmp(x->name, y->name);
}

// S3. In order of address, a prefix that overlaps any before it overlaps the widest of these.
static void check_overlaps(struct check *check, const struct network_config *network)
{
	const struct subnet_config **list =
		arena_alloc(check->arena, network->n_subnets * sizeof(*list));
	char a_text[PREFIX_TEXT_LEN], b_text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < network->n_subnets; i++)
		list[i] = network->subnets[i];
	qsort(list, network->n_subnets, sizeof(*list), compare_cidr);
	for (size_t i = 1, wide = 0; i < network->n_subnets; i++) {
		const struct subnet_config *a = list[wide], *b = list[i];

		if (!ip_prefix_overlaps(&a->cidr, &b->cidr)) {
			wide = i;
			continue;
		}
		if (old_subnet(check, b) != NULL && old_subnet(check, a) == NULL) {
			b = list[wide];
			a = list[i];
		}
		check_report(check, E_SUB_OVERLAP, PATH(check, "subnets.%s.cidr", b->name),
			"%s overlaps %s of subnet %s on the same network %s", cidr_text(b, b_text),
			cidr_text(a, a_text), a->name, network->name);
	}
}

// Whether a router's interface had the gateway of the subnet and stays there (S13).
static const struct router_config *gateway_holder(
	struct check *check, const struct subnet_config *subnet)
{
	for (size_t i = 0; i < check->model->n_routers; i++) {
		const struct router_config *router = &check->model->routers[i];
		const struct router_config *old = model_router(check->old, router->name);

		if (old != NULL && router_holds_gateway(old, old_subnet(check, subnet)) &&
			router_interface_on(router, subnet->name) != NULL)
			return router;
	}
	return NULL;
}

static void check_against_old(struct check *check, const struct subnet_config *subnet)
{
	const struct subnet_config *old = old_subnet(check, subnet);
	const struct router_config *router;
	char text[IP_TEXT_LEN];

	if (old == NULL || subnet->network == NULL)
		return;
	if (strcmp(old->network, subnet->network) != 0)
		check_report(check, E_IMMUTABLE, PATH(check, "subnets.%s.network", subnet->name),
			"subnet %s can not move from network %s to %s; delete it and add it again",
			subnet->name, old->network, subnet->network);
	if (ip_compare(&old->cidr.addr, &subnet->cidr.addr) != 0 ||
		old->cidr.len != subnet->cidr.len)
		check_report(check, E_IMMUTABLE, PATH(check, "subnets.%s.cidr", subnet->name),
			"the addresses of subnet %s can not change; delete it and add it again, or "
			"add another one",
			subnet->name);
	if (ip_equal(&old->gateway, &subnet->gateway) || !ip_is_set(&old->gateway))
		return;
	router = gateway_holder(check, subnet);
	if (router != NULL)
		check_report(check, E_SUB_GW_IN_USE,
			PATH(check, "subnets.%s.gateway", subnet->name),
			"router %s holds the gateway %s of subnet %s; take its interface away "
			"first",
			router->name, ip_format(&old->gateway, text), subnet->name);
}

static const char *interface_user(struct check *check, const char *subnet)
{
	for (size_t i = 0; i < check->model->n_routers; i++)
		if (router_interface_on(&check->model->routers[i], subnet) != NULL)
			return PATH(check, "router %s", check->model->routers[i].name);
	return NULL;
}

// Who still has an address of a subnet that goes, NULL: nobody.
static const char *address_user(struct check *check, const struct subnet_config *gone)
{
	const struct model *model = check->model;

	for (size_t i = 0; i < model->n_routers; i++)
		if (text_compare(model->routers[i].gateway.network, gone->network) == 0 &&
			ip_prefix_contains(&gone->cidr, &model->routers[i].gateway.address))
			return PATH(check, "the gateway of router %s", model->routers[i].name);
	for (size_t i = 0; i < model->n_floating_ips; i++)
		if (text_compare(model->floating_ips[i].network, gone->network) == 0 &&
			ip_prefix_contains(&gone->cidr, &model->floating_ips[i].external))
			return PATH(check, "floating-ip %s", model->floating_ips[i].name);
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];

		for (size_t j = 0; j < port->addresses.n; j++)
			if (text_compare(port->network, gone->network) == 0 &&
				ip_prefix_contains(&gone->cidr, &port->addresses.list[j]))
				return PATH(check, "port %s", port->name);
	}
	return NULL;
}

// S14; and N16, as far as what names only the subnet is concerned.
static void check_gone(struct check *check, const struct subnet_config *old)
{
	bool network = model_network(check->model, old->network) != NULL;
	const char *user = interface_user(check, old->name);
	char cidr[PREFIX_TEXT_LEN];

	if (user == NULL && network)
		user = address_user(check, old);
	if (user == NULL)
		return;
	if (network)
		check_report(check, E_SUB_IN_USE, PATH(check, "subnets.%s", old->name),
			"%s uses subnet %s (%s); take it away from there first", user, old->name,
			cidr_text(old, cidr));
	else
		check_report(check, E_NET_IN_USE, PATH(check, "networks.%s", old->network),
			"%s uses subnet %s of network %s; take it away from there first", user,
			old->name, old->network);
}

static void check_subnet(struct check *check, const struct subnet_config *subnet)
{
	check_network_name(check, subnet->network, PATH(check, "subnet %s", subnet->name),
		PATH(check, "subnets.%s.network", subnet->name));
	if (subnet->cidr.len == 0) {
		check_report(check, E_SUB_CIDR_ZERO, PATH(check, "subnets.%s.cidr", subnet->name),
			"subnet %s can not have all addresses there are; give a longer prefix",
			subnet->name);
		return;
	}
	check_gateway(check, subnet);
	check_pools(check, subnet);
	check_dns(check, subnet);
	check_routes(check, subnet);
	check_dhcp(check, subnet);
	check_against_old(check, subnet);
}

void check_subnets(struct check *check)
{
	for (size_t i = 0; i < check->model->n_subnets; i++)
		check_subnet(check, &check->model->subnets[i]);
	for (size_t i = 0; i < check->model->n_networks; i++) {
		check_overlaps(check, &check->model->networks[i]);
		check_service(check, &check->model->networks[i]);
	}
	for (size_t i = 0; check->old != NULL && i < check->old->n_subnets; i++)
		if (model_subnet(check->model, check->old->subnets[i].name) == NULL)
			check_gone(check, &check->old->subnets[i]);
}
