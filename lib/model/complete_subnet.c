// SPDX-License-Identifier: BSD-3-Clause
// The one form of subnets: no host bits, the gateway, the pools; which subnets a network has; and
// the bytes of DHCP options. Nothing here judges the configuration.

#include <arpa/inet.h>
#include <string.h>

#include "model/check.h"
#include "model/model.h"

int ip_compare(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

struct ip_addr ip_next(struct ip_addr ip)
{
	for (size_t i = sizeof(ip.b); i-- > 0 && ++ip.b[i] == 0;)
		;
	return ip;
}

static struct ip_addr ip_previous(struct ip_addr ip)
{
	for (size_t i = sizeof(ip.b); i-- > 0 && ip.b[i]-- == 0;)
		;
	return ip;
}

bool ip_range_has(const struct ip_range *range, const struct ip_addr *ip)
{
	return ip_compare(&range->first, ip) <= 0 && ip_compare(ip, &range->last) <= 0;
}

struct ip_range subnet_hosts(const struct subnet_config *subnet)
{
	bool v4 = ip_is_v4(&subnet->cidr.addr);
	struct ip_range hosts = {subnet->cidr.addr, ip_prefix_broadcast(&subnet->cidr)};

	if (subnet->cidr.len > (v4 ? 30 : 126))
		return hosts;
	hosts.first = ip_next(hosts.first);
	if (v4) // IPv6 has no broadcast
		hosts.last = ip_previous(hosts.last);
	return hosts;
}

bool subnet_is_v4(const struct subnet_config *subnet)
{
	return ip_is_v4(&subnet->cidr.addr);
}

// S7: all hosts but the gateway.
static void default_pools(struct subnet_config *subnet, struct arena *arena)
{
	struct ip_range hosts = subnet_hosts(subnet);
	const struct ip_addr *gateway = &subnet->gateway;
	struct ip_range_list *pools = &subnet->pools;

	pools->list = arena_alloc(arena, 2 * sizeof(*pools->list));
	pools->n = 0;
	if (!ip_is_set(gateway) || !ip_range_has(&hosts, gateway)) {
		pools->list[pools->n++] = hosts;
		return;
	}
	if (!ip_equal(gateway, &hosts.first))
		pools->list[pools->n++] = (struct ip_range){hosts.first, ip_previous(*gateway)};
	if (!ip_equal(gateway, &hosts.last))
		pools->list[pools->n++] = (struct ip_range){ip_next(*gateway), hosts.last};
}

static int compare_route(const struct route_config *a, const struct route_config *b)
{
	int order = ip_compare(&a->destination.addr, &b->destination.addr);

	if (order == 0)
		order = a->destination.len - b->destination.len;
	return order != 0 ? order : ip_compare(&a->nexthop, &b->nexthop);
}

void complete_routes(struct route_config *routes, size_t *n_routes)
{
	size_t n = 0;

	for (size_t i = 0; i < *n_routes; i++) {
		size_t j = 0;

		routes[i].destination = ip_prefix_network(&routes[i].destination);
		while (j < n && compare_route(&routes[j], &routes[i]) != 0)
			j++;
		// what could not be read keeps its place, for the paths of problems
		if (j == n || !ip_is_set(&routes[i].nexthop))
			routes[n++] = routes[i];
	}
	*n_routes = n;
}

static void complete_subnet(struct subnet_config *subnet, struct arena *arena)
{
	complete_routes(subnet->routes, &subnet->n_routes);
	if (!ip_is_set(&subnet->cidr.addr))
		return; // could not be read
	subnet->cidr = ip_prefix_network(&subnet->cidr);
	if (!subnet->gateway_given)
		subnet->gateway = subnet_hosts(subnet).first;
	if (!subnet->pools_given)
		default_pools(subnet, arena);
}

static struct network_config *network_of(struct model *model, const struct subnet_config *subnet)
{
	if (subnet->network == NULL || !ip_is_set(&subnet->cidr.addr))
		return NULL;
	return (struct network_config *)model_network(model, subnet->network);
}

// Tells each network its subnets.
static void link_subnets(struct model *model)
{
	struct network_config *network;

	for (size_t i = 0; i < model->n_subnets; i++) {
		network = network_of(model, &model->subnets[i]);
		if (network != NULL)
			network->n_subnets++;
	}
	for (size_t i = 0; i < model->n_networks; i++) {
		network = &model->networks[i];
		network->subnets =
			arena_alloc(model->arena, network->n_subnets * sizeof(*network->subnets));
		network->n_subnets = 0;
	}
	for (size_t i = 0; i < model->n_subnets; i++) {
		network = network_of(model, &model->subnets[i]);
		if (network != NULL)
			network->subnets[network->n_subnets++] = &model->subnets[i];
	}
}

void complete_subnets(struct model *model)
{
	for (size_t i = 0; i < model->n_subnets; i++)
		complete_subnet(&model->subnets[i], model->arena);
	link_subnets(model);
}

// ---- DHCP options ------------------------------------------------------------------------------

#define HEX_PREFIX "hex:"

#define ADDRESSES 0xff

// What options are made of (RFC 2132): ADDRESSES, bytes of the one number, or 0: of all others.
static const uint8_t option_forms[256] = {
	[1] = ADDRESSES,	 // netmask
	[2] = 4,		 // time offset
	[3 ... 11] = ADDRESSES,	 // routers, servers of all kinds
	[13] = 2,		 // boot file size
	[16] = ADDRESSES,	 // swap server
	[21] = ADDRESSES,	 // policy filter
	[22] = 2,		 // maximum datagram reassembly size
	[23] = 1,		 // default TTL
	[24] = 4,		 // path MTU ageing
	[26] = 2,		 // MTU
	[28] = ADDRESSES,	 // broadcast
	[32] = ADDRESSES,	 // router solicitation
	[33] = ADDRESSES,	 // static routes
	[35] = 4,		 // ARP cache time-out
	[37] = 1,		 // TCP TTL
	[38] = 4,		 // TCP keepalive
	[41 ... 42] = ADDRESSES, // NIS and NTP servers
	[44 ... 45] = ADDRESSES, // NetBIOS servers
	[46] = 1,		 // NetBIOS node type
	[48 ... 49] = ADDRESSES, // X Window
	[51] = 4,		 // lease
	[58] = 4,		 // renewal
	[59] = 4,		 // rebinding
	[65] = ADDRESSES,	 // NIS+ servers
	[68 ... 76] = ADDRESSES, // servers of all kinds
};

static bool number_to_data(struct dhcp_option_config *option, size_t size, struct arena *arena)
{
	uint64_t limit = UINT64_C(1) << 8 * size, number = 0;
	uint8_t *data = arena_alloc(arena, size);
	const char *digit = option->value;

	for (; *digit >= '0' && *digit <= '9' && number < limit; digit++)
		number = number * 10 + (unsigned)(*digit - '0');
	if (digit == option->value || *digit != '\0' || number >= limit)
		return false;
	for (size_t i = size; i-- > 0; number >>= 8)
		data[i] = (uint8_t)number;
	option->data = data;
	option->len = (uint8_t)size;
	return true;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c);

	return at == NULL ? -1 : (int)(at - digits);
}

static bool hex_to_data(struct dhcp_option_config *option, const char *hex, struct arena *arena)
{
	size_t n = strlen(hex) / 2;
	uint8_t *data = arena_alloc(arena, n + 1);

	if (strlen(hex) % 2 != 0 || n > UINT8_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		data[i] = (uint8_t)(high << 4 | low);
	}
	option->data = data;
	option->len = (uint8_t)n;
	return true;
}

// False when a word of it is no IPv4 address.
static bool addresses_to_data(struct dhcp_option_config *option, struct arena *arena)
{
	char *text = arena_strdup(arena, option->value), *rest;
	uint8_t *data = arena_alloc(arena, UINT8_MAX);
	size_t len = 0;

	for (char *word = strtok_r(text, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		struct in_addr address;

		if (len + sizeof(address) > UINT8_MAX || inet_pton(AF_INET, word, &address) != 1)
			return false;
		memcpy(data + len, &address, sizeof(address));
		len += sizeof(address);
	}
	if (len == 0)
		return false;
	option->data = data;
	option->len = (uint8_t)len;
	return true;
}

// Leaves data NULL when the value has not the form of the option.
static void complete_dhcp_option(struct dhcp_option_config *option, struct arena *arena)
{
	const char *value = option->value;
	uint8_t form = option_forms[option->code];

	if (value == NULL)
		return; // could not be read
	if (strncmp(value, HEX_PREFIX, strlen(HEX_PREFIX)) == 0) {
		hex_to_data(option, value + strlen(HEX_PREFIX), arena);
	} else if (form == ADDRESSES) {
		addresses_to_data(option, arena);
	} else if (form != 0) {
		number_to_data(option, form, arena);
	} else if (!addresses_to_data(option, arena)) {
		option->data = (const uint8_t *)value;
		option->len = (uint8_t)strlen(value); // texts are not longer
	}
}

void complete_dhcp_options(struct model *model)
{
	for (size_t i = 0; i < model->n_ports; i++)
		for (size_t j = 0; j < model->ports[i].n_dhcp_options; j++)
			complete_dhcp_option(&model->ports[i].dhcp_options[j], model->arena);
}
