// SPDX-License-Identifier: BSD-3-Clause
// Neighbours of routers: who has which MAC on the networks of their interfaces.
//
//   INCOMPLETE -- answer --> REACHABLE -- 30 s ± 50 % --> STALE -- used --> DELAY -- 5 s -->
//   PROBE -- answer --> REACHABLE
//
// Three requests without an answer, 1 s apart, and the neighbour is forgotten: broadcast ones in
// INCOMPLETE, unicast ones in PROBE. The next packet starts anew. What is not used for a minute is
// forgotten as well. Workers have the MAC in all states but INCOMPLETE, and note when they use it
// (tables/neighbour.h).
//
// A packet that waits is as it came to the router and goes its whole way again: its flow may have
// begun meanwhile, the configuration may have changed.

#include "slowpath/internal.h"

#include <stdlib.h>

#include "net/headers.h"
#include "net/ipv4.h"

#define HOP_HOLD_MAX	 101  // packets that wait for one neighbour
#define HOPS_MAX	 1024 // neighbours of an interface
#define RETRY_NS	 (1 * NS_PER_S)
#define REACHABLE_MIN_NS (15 * NS_PER_S)
#define REACHABLE_MAX_NS (45 * NS_PER_S)
#define DELAY_NS	 (5 * NS_PER_S)
#define UNUSED_S	 60
#define SCAN_NS		 (100 * NS_PER_MS)
#define HOP_TRIES	 3

static struct router_hop_list *bucket_of(struct slowpath *s, uint16_t interface, uint32_t address)
{
	uint32_t hash = (address ^ (uint32_t)interface << 16) * s->hash_multiplier;

	_Static_assert(ROUTER_HOP_BUCKETS == 1 << 12, "the hash gives 12 bits");
	return &s->hops[hash >> 20];
}

static struct router_hop *find(struct slowpath *s, uint16_t interface, uint32_t address)
{
	struct router_hop *hop;

	LIST_FOREACH (hop, bucket_of(s, interface, address), chain) {
		if (hop->address == address && hop->interface == interface)
			return hop;
	}
	return NULL;
}

static struct router_hop *add(struct slowpath *s, uint16_t interface, uint32_t address)
{
	struct router_hop *hop;

	if (s->n_hops[interface] == HOPS_MAX)
		return NULL;
	hop = calloc(1, sizeof(*hop));
	if (hop == NULL)
		return NULL;
	hop->interface = interface;
	hop->network = services_port(s->services, interface)->network->id;
	hop->address = address;
	hop->used_ns = s->now_ns;
	LIST_INSERT_HEAD(bucket_of(s, interface, address), hop, chain);
	s->n_hops[interface]++;
	return hop;
}

// ---- packets that wait ------------------------------------------------------------------------

static void hold_push(struct slowpath *s, struct router_hop *hop, const struct punt *punt)
{
	struct router_held *held = calloc(1, sizeof(*held));

	if (held == NULL) {
		packet_drop(s, punt->mbuf, punt->attachment, DROP_NOMEM);
		return;
	}
	if (hop->n_held == HOP_HOLD_MAX || s->n_held >= s->held_max) {
		struct router_held *oldest = STAILQ_FIRST(&hop->held);

		if (oldest == NULL) { // others wait for other neighbours
			packet_drop(s, punt->mbuf, punt->attachment, DROP_RTR_NEIGH_QUEUE);
			free(held);
			return;
		}
		STAILQ_REMOVE_HEAD(&hop->held, link);
		packet_drop(s, oldest->punt.mbuf, oldest->punt.attachment, DROP_RTR_NEIGH_QUEUE);
		free(oldest);
		hop->n_held--;
		s->n_held--;
	}
	held->punt = *punt;
	STAILQ_INSERT_TAIL(&hop->held, held, link);
	hop->n_held++;
	s->n_held++;
}

static void send_again(struct slowpath *s, const struct punt *punt)
{
	struct inject inject = {
		.mbuf = punt->mbuf, .attachment = punt->local, .came_by = punt->attachment};

	if (rte_ring_enqueue_elem(s->tables->rings[0].injects, &inject, sizeof(inject)) != 0)
		packet_drop(s, punt->mbuf, punt->attachment, DROP_PUNT_FULL);
}

static void hold_release(struct slowpath *s, struct router_hop *hop,
	void (*release)(struct slowpath *, const struct punt *))
{
	struct router_held *held;

	while ((held = STAILQ_FIRST(&hop->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&hop->held, link);
		hop->n_held--;
		s->n_held--;
		release(s, &held->punt);
		free(held);
	}
}

static void drop_held(struct slowpath *s, const struct punt *punt)
{
	packet_drop(s, punt->mbuf, punt->attachment, DROP_PORT_DOWN);
}

static void forget(struct slowpath *s, struct router_hop *hop,
	void (*release)(struct slowpath *, const struct punt *))
{
	neighbour_remove(s->tables->neighbours, hop->interface, hop->address);
	LIST_REMOVE(hop, chain);
	s->n_hops[hop->interface]--;
	hold_release(s, hop, release);
	free(hop);
}

// ---- states -----------------------------------------------------------------------------------

// The address of the port in the subnet of another.
static uint32_t address_beside(const struct internal_port *port, uint32_t address)
{
	struct ip_addr ip = ip_from_v4(address);

	for (size_t i = 0; i < port->n_addresses; i++) {
		if (port->addresses[i].prefix.len < 32 &&
			ip_prefix_contains(&port->addresses[i].prefix, &ip))
			return ip_v4(&port->addresses[i].prefix.addr);
	}
	return ip_v4(&port->addresses[0].prefix.addr);
}

static void request(struct slowpath *s, struct router_hop *hop)
{
	const struct internal_port *port = services_port(s->services, hop->interface);
	struct frame_head head = {hop->interface, ETHER_TYPE_ARP, port->mac,
		hop->state == ROUTER_HOP_PROBE ? hop->mac : ETHER_BROADCAST};
	struct arp arp = {
		.op = ARP_REQUEST,
		.sender_mac = port->mac,
		.sender_ip = address_beside(port, hop->address),
		.target_ip = hop->address,
	};
	uint8_t data[ARP_LEN];

	hop->n_sent++;
	hop->deadline_ns = s->now_ns + RETRY_NS;
	arp_build(&arp, data);
	service_send(s, &head, data, sizeof(data));
}

static void enter(struct slowpath *s, struct router_hop *hop, enum router_hop_state state)
{
	hop->state = state;
	hop->n_sent = 0;
	hop->deadline_ns = UINT64_MAX;
	switch (state) {
	case ROUTER_HOP_INCOMPLETE:
	case ROUTER_HOP_PROBE:
		request(s, hop);
		break;
	case ROUTER_HOP_REACHABLE:
		hop->deadline_ns = s->now_ns + REACHABLE_MIN_NS +
				   random_ns(REACHABLE_MAX_NS - REACHABLE_MIN_NS);
		break;
	case ROUTER_HOP_STALE:
		hop->stale_s = tables_now_s(s->tables, s->now_ns);
		break;
	case ROUTER_HOP_DELAY:
		hop->deadline_ns = s->now_ns + DELAY_NS;
		break;
	}
}

// The neighbour has this MAC. What waits goes on.
static void learn(
	struct slowpath *s, struct router_hop *hop, uint64_t mac, enum router_hop_state state)
{
	hop->mac = mac;
	if (!neighbour_set(s->tables->neighbours, hop->interface, hop->address, mac)) {
		forget(s, hop, router_unreachable);
		return;
	}
	enter(s, hop, state);
	hold_release(s, hop, send_again);
}

void router_unresolved(struct slowpath *s, const struct punt *punt)
{
	struct router_hop *hop = find(s, punt->interface, punt->next_hop);

	if (s->services == NULL || services_port(s->services, punt->interface) == NULL) {
		drop_held(s, punt);
		return;
	}
	if (hop != NULL && hop->state != ROUTER_HOP_INCOMPLETE) {
		send_again(s, punt); // resolved since the worker looked
		return;
	}
	bool is_new = hop == NULL;

	if (is_new) {
		hop = add(s, punt->interface, punt->next_hop);
		if (hop == NULL) {
			packet_drop(s, punt->mbuf, punt->attachment, DROP_RTR_NEIGH_QUEUE);
			return;
		}
		STAILQ_INIT(&hop->held);
	}
	hold_push(s, hop, punt);
	if (is_new)
		enter(s, hop, ROUTER_HOP_INCOMPLETE);
}

static bool is_on_link(const struct internal_port *port, uint32_t address)
{
	struct ip_addr ip = ip_from_v4(address);

	for (size_t i = 0; i < port->n_addresses; i++) {
		if (ip_prefix_contains(&port->addresses[i].prefix, &ip))
			return true;
	}
	return false;
}

static bool is_own(const struct internal_port *port, uint32_t address)
{
	for (size_t i = 0; i < port->n_addresses; i++) {
		if (ip_v4(&port->addresses[i].prefix.addr) == address)
			return true;
	}
	return false;
}

void router_heard(struct slowpath *s, const struct internal_port *port, const struct arp *arp)
{
	bool to_us = is_own(port, arp->target_ip);
	struct router_hop *hop = find(s, port->attachment, arp->sender_ip);

	if (!ipv4_is_host(arp->sender_ip))
		return;
	if (hop == NULL) {
		if (!to_us || !is_on_link(port, arp->sender_ip))
			return;
		hop = add(s, port->attachment, arp->sender_ip);
		if (hop == NULL)
			return;
		STAILQ_INIT(&hop->held);
		learn(s, hop, arp->sender_mac, ROUTER_HOP_STALE);
		return;
	}
	if (to_us && arp->op == ARP_REPLY)
		learn(s, hop, arp->sender_mac, ROUTER_HOP_REACHABLE);
	else if (hop->state == ROUTER_HOP_INCOMPLETE || hop->mac != arp->sender_mac)
		learn(s, hop, arp->sender_mac, ROUTER_HOP_STALE);
}

// ---- timers -----------------------------------------------------------------------------------

static bool is_unused(struct slowpath *s, const struct router_hop *hop, uint32_t used_s)
{
	uint32_t made_s = tables_now_s(s->tables, hop->used_ns);
	uint32_t since_s = used_s > made_s ? used_s : made_s;

	return hop->n_held == 0 && tables_now_s(s->tables, s->now_ns) - since_s > UNUSED_S;
}

static void look_at(struct slowpath *s, struct router_hop *hop)
{
	uint32_t used_s = neighbour_last_use(s->tables->neighbours, hop->interface, hop->address);
	bool is_due = s->now_ns >= hop->deadline_ns;

	if (hop->state != ROUTER_HOP_INCOMPLETE && is_unused(s, hop, used_s)) {
		forget(s, hop, drop_held);
	} else if (hop->state == ROUTER_HOP_STALE) {
		if (used_s >= hop->stale_s)
			enter(s, hop, ROUTER_HOP_DELAY);
	} else if (!is_due) {
		return;
	} else if (hop->state == ROUTER_HOP_REACHABLE) {
		enter(s, hop, ROUTER_HOP_STALE);
	} else if (hop->state == ROUTER_HOP_DELAY) {
		enter(s, hop, ROUTER_HOP_PROBE);
	} else if (hop->n_sent == HOP_TRIES) {
		forget(s, hop, router_unreachable);
	} else {
		request(s, hop);
	}
}

void router_poll(struct slowpath *s)
{
	if (s->now_ns < s->hop_scan_ns)
		return;
	s->hop_scan_ns = s->now_ns + SCAN_NS;
	for (unsigned i = 0; i < ROUTER_HOP_BUCKETS; i++) {
		struct router_hop *hop = LIST_FIRST(&s->hops[i]);

		while (hop != NULL) {
			struct router_hop *next = LIST_NEXT(hop, chain);

			look_at(s, hop);
			hop = next;
		}
	}
}

static void forget_if(
	struct slowpath *s, bool (*is_gone)(struct slowpath *, const struct router_hop *))
{
	for (unsigned i = 0; i < ROUTER_HOP_BUCKETS; i++) {
		struct router_hop *hop = LIST_FIRST(&s->hops[i]);

		while (hop != NULL) {
			struct router_hop *next = LIST_NEXT(hop, chain);

			if (is_gone(s, hop))
				forget(s, hop, drop_held);
			hop = next;
		}
	}
}

// A gateway that moves to another network is the same attachment there.
static bool has_left(struct slowpath *s, const struct router_hop *hop)
{
	const struct internal_port *port = services_port(s->services, hop->interface);

	return port == NULL || port->network->id != hop->network;
}

static bool any(struct slowpath *s, const struct router_hop *hop)
{
	return true;
}

void router_follow(struct slowpath *s)
{
	forget_if(s, has_left);
}

void router_clear(struct slowpath *s)
{
	forget_if(s, any);
}

void slowpath_router_neighbours(
	struct slowpath *s, void (*visit)(const struct router_neighbour_state *, void *), void *arg)
{
	static const char *const names[] = {
		[ROUTER_HOP_INCOMPLETE] = "incomplete",
		[ROUTER_HOP_REACHABLE] = "reachable",
		[ROUTER_HOP_STALE] = "stale",
		[ROUTER_HOP_DELAY] = "delay",
		[ROUTER_HOP_PROBE] = "probe",
	};
	struct router_hop *hop;

	for (unsigned i = 0; i < ROUTER_HOP_BUCKETS; i++) {
		LIST_FOREACH (hop, &s->hops[i], chain)
			visit(&(struct router_neighbour_state){.attachment = hop->interface,
				      .address_be = hop->address,
				      .mac = hop->mac,
				      .state = names[hop->state],
				      .n_held = hop->n_held},
				arg);
	}
}
