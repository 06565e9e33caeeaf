// SPDX-License-Identifier: BSD-3-Clause

#include "tables/punt_limit.h"

#define NS_PER_SECOND UINT64_C(1000000000)

struct rate {
	uint32_t per_second; // 0: no limit
	uint32_t burst;
};

static const struct rate node_rates[N_PUNT_CLASSES] = {
	[PUNT_ARP] = {5000, 500},
	[PUNT_UNDERLAY] = {5000, 500},
	[PUNT_UNRESOLVED] = {5000, 500},
	[PUNT_DHCP] = {1000, 100},
	[PUNT_ARP_OWN] = {5000, 500},
	[PUNT_ICMP_ERROR] = {10000, 1000},
	[PUNT_LOCAL] = {10000, 1000},
};

static const struct rate port_rates[N_PUNT_CLASSES] = {
	[PUNT_UNRESOLVED] = {100, 200},
	[PUNT_DHCP] = {10, 20},
	[PUNT_ARP_OWN] = {50, 100},
	[PUNT_ICMP_ERROR] = {1000, 1000},
	[PUNT_LOCAL] = {500, 1000},
};

static bool take(uint64_t *full_ns, struct rate rate, uint64_t now_ns)
{
	uint64_t token_ns, latest_ns, full, next;

	if (rate.per_second == 0)
		return true;
	token_ns = NS_PER_SECOND / rate.per_second;
	latest_ns = now_ns + token_ns * rate.burst;
	full = __atomic_load_n(full_ns, __ATOMIC_RELAXED);
	do {
		next = (full > now_ns ? full : now_ns) + token_ns;
		if (next > latest_ns)
			return false;
	} while (!__atomic_compare_exchange_n(
		full_ns, &full, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

bool punt_limit_node(struct punt_limits *limits, enum punt_class class, uint64_t now_ns)
{
	return take(&limits->node[class], node_rates[class], now_ns);
}

bool punt_limit_port(
	struct punt_limits *limits, uint16_t attachment, enum punt_class class, uint64_t now_ns)
{
	return take(&limits->ports[attachment][class], port_rates[class], now_ns);
}

bool punt_limit_station(
	struct punt_limits *limits, uint32_t hash, enum punt_class class, uint64_t now_ns)
{
	return take(&limits->stations[hash % PUNT_STATIONS][class], port_rates[class], now_ns);
}
