// SPDX-License-Identifier: BSD-3-Clause
// Next hops of the underlay: who has which MAC. One entry serves all remotes behind it.
//
//   UNUSED -- packet --> INCOMPLETE -- answer --> REACHABLE -- 30 s ± 50 % --> STALE -- 5 s -->
//   PROBE -- answer --> REACHABLE;  three requests without an answer --> FAILED -- back-off -->
//   UNUSED.
//
// Packets do not pass here once an entry is usable, so that nobody knows which one is in use: all
// that a remote needs count as used, and are verified again and again, by unicast.
//
// On an interface that the kernel goes on using, the kernel's neighbours are followed: it is asked
// where a request would be sent, REACHABLE ends when it says so, and there is no PROBE.

#define LOG_MODULE "neighbour"

#include "slowpath/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/headers.h"
#include "net/ipv4.h"
#include "slowpath/kernel.h"

#define RETRY_NS	 (1 * NS_PER_S)
#define REACHABLE_MIN_NS (15 * NS_PER_S)
#define REACHABLE_MAX_NS (45 * NS_PER_S)
#define STALE_NS	 (5 * NS_PER_S)
#define BACKOFF_MAX_NS	 (60 * NS_PER_S)
#define UNUSED_NS	 (60 * NS_PER_S)
#define SCAN_MIN_NS	 (10 * NS_PER_MS) // between two looks at all timers

static struct neighbour_list *bucket_of(struct slowpath *s, uint32_t address)
{
	_Static_assert(NEIGHBOUR_BUCKETS == 1 << 12, "the hash gives 12 bits");
	return &s->neighbours[(address * s->hash_multiplier) >> 20];
}

static struct neighbour *neighbour_find(struct slowpath *s, uint32_t address)
{
	struct neighbour *n;

	LIST_FOREACH (n, bucket_of(s, address), chain) {
		if (n->address == address)
			return n;
	}
	return NULL;
}

struct neighbour *neighbour_get(struct slowpath *s, uint32_t address)
{
	struct neighbour *n = neighbour_find(s, address);

	if (n != NULL)
		return n;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	LIST_INIT(&n->vteps);
	n->address = address;
	n->state = NEIGHBOUR_UNUSED;
	n->deadline_ns = UINT64_MAX;
	n->unused_ns = s->now_ns;
	LIST_INSERT_HEAD(bucket_of(s, address), n, chain);
	s->n_neighbours++;
	return n;
}

bool neighbour_usable(const struct neighbour *n)
{
	return n->state == NEIGHBOUR_REACHABLE || n->state == NEIGHBOUR_STALE ||
	       n->state == NEIGHBOUR_PROBE;
}

// ---- packets that wait ------------------------------------------------------------------------

uint16_t tunnel_of(const struct slowpath *s, uint16_t network)
{
	const struct snapshot *snapshot = s->tables->snapshot;

	if (snapshot == NULL || network >= snapshot->n_networks ||
		snapshot->networks[network].tunnel == 0)
		return s->underlay.attachment;
	return snapshot->networks[network].tunnel;
}

static void held_drop(struct slowpath *s, const struct held *held, enum drop_reason reason)
{
	packet_drop(s, held->mbuf, tunnel_of(s, held->network), reason);
}

static void held_send(struct slowpath *s, const struct held *held)
{
	uint16_t attachment = tunnel_of(s, held->network);

	if (attachment == s->underlay.attachment)
		held_drop(s, held, DROP_PORT_DOWN); // the network left while the packet waited
	else
		packet_inject(s, held->mbuf, attachment, held->remote);
}

static void hold_push(struct slowpath *s, struct neighbour *n, const struct held *held)
{
	if (n->hold == NULL)
		n->hold = calloc(1, sizeof(*n->hold));
	struct hold_queue *q = n->hold;
	if (q == NULL || (s->n_held >= s->held_max && q->n == 0)) {
		held_drop(s, held, DROP_PUNT_FULL);
		return;
	}
	if (q->n == HOLD_MAX || s->n_held >= s->held_max) {
		held_drop(s, &q->packets[q->head], DROP_VXLAN_NO_NEIGH);
		q->head = (q->head + 1) % HOLD_MAX;
		q->n--;
		s->n_held--;
	}
	q->packets[(q->head + q->n) % HOLD_MAX] = *held;
	q->n++;
	s->n_held++;
}

// Sends what waits when the entry is usable, else lets it die.
static void hold_release(struct slowpath *s, struct neighbour *n)
{
	struct hold_queue *q = n->hold;

	if (q == NULL)
		return;
	n->hold = NULL;
	s->n_held -= q->n;
	for (; q->n != 0; q->n--, q->head = (q->head + 1) % HOLD_MAX) {
		const struct held *held = &q->packets[q->head];

		if (neighbour_usable(n))
			held_send(s, held);
		else
			held_drop(s, held, DROP_VXLAN_NO_NEIGH);
	}
	free(q);
}

// ---- states -----------------------------------------------------------------------------------

static void request_send(struct slowpath *s, struct neighbour *n)
{
	struct arp arp = {
		.op = ARP_REQUEST,
		.sender_mac = s->underlay.mac,
		.sender_ip = s->underlay.address,
		.target_ip = n->address,
	};

	n->n_sent++;
	if (s->kernel != NULL)
		kernel_resolve(s->kernel, n->address);
	else
		arp_send(s, &arp, n->state == NEIGHBOUR_PROBE ? n->mac : ETHER_BROADCAST);
}

static uint64_t state_duration_ns(const struct slowpath *s, const struct neighbour *n)
{
	uint64_t backoff_ns;

	switch (n->state) {
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		return RETRY_NS;
	case NEIGHBOUR_REACHABLE:
		if (s->kernel != NULL)
			break;
		return REACHABLE_MIN_NS + random_ns(REACHABLE_MAX_NS - REACHABLE_MIN_NS);
	case NEIGHBOUR_STALE:
		return STALE_NS;
	case NEIGHBOUR_FAILED:
		backoff_ns = RETRY_NS << (n->n_failures < 7 ? n->n_failures - 1 : 6);
		return backoff_ns < BACKOFF_MAX_NS ? backoff_ns : BACKOFF_MAX_NS;
	case NEIGHBOUR_UNUSED:
		break;
	}
	return UINT64_MAX;
}

static void timer_start(struct slowpath *s, struct neighbour *n)
{
	uint64_t duration_ns = state_duration_ns(s, n);

	n->deadline_ns = duration_ns == UINT64_MAX ? UINT64_MAX : s->now_ns + duration_ns;
	if (n->deadline_ns < s->neighbour_scan_ns)
		s->neighbour_scan_ns = n->deadline_ns;
}

// Goes into a state, tells the workers if they need to know, and moves on what waits.
static void state_enter(
	struct slowpath *s, struct neighbour *n, enum neighbour_state state, uint64_t mac)
{
	bool was_usable = neighbour_usable(n);
	bool had_failed = n->state == NEIGHBOUR_FAILED;
	bool moved = n->mac != mac;
	struct vtep *v;

	n->state = state;
	n->mac = mac;
	n->n_sent = 0;
	if (state == NEIGHBOUR_REACHABLE)
		n->n_failures = 0;
	else if (state == NEIGHBOUR_FAILED && n->n_failures < UINT8_MAX)
		n->n_failures++;
	timer_start(s, n);

	bool has_failed = state == NEIGHBOUR_FAILED;
	if (moved || was_usable != neighbour_usable(n) || had_failed != has_failed) {
		LIST_FOREACH (v, &n->vteps, link)
			vtep_publish(s, v);
	}
	if (neighbour_usable(n) || has_failed)
		hold_release(s, n);
	if (state == NEIGHBOUR_INCOMPLETE || state == NEIGHBOUR_PROBE)
		request_send(s, n);
}

static void fail(struct slowpath *s, struct neighbour *n)
{
	char text[IP_TEXT_LEN];
	struct ip_addr ip = ip_from_v4(n->address);

	log_limited(LOG_LEVEL_WARN, 10, "no answer to ARP next-hop=%s", ip_format(&ip, text));
	state_enter(s, n, NEIGHBOUR_FAILED, 0);
}

void neighbour_packet(struct slowpath *s, struct punt *punt)
{
	struct held held = {punt->mbuf, punt->network, punt->remote};
	struct vtep *v = punt->remote < MAX_REMOTES ? s->vteps[punt->remote] : NULL;

	if (v == NULL) { // gone while the packet was on its way
		held_drop(s, &held, DROP_VXLAN_NO_NEIGH);
		return;
	}
	struct neighbour *n = v->next_hop;
	bool group = ipv4_is_multicast(v->address);
	v->used_ns = s->now_ns;
	if (n == NULL && !group) {
		held_drop(s, &held, DROP_VXLAN_NO_ROUTE);
	} else if (group || neighbour_usable(n)) {
		held_send(s, &held); // resolved since the worker looked
	} else if (n->state == NEIGHBOUR_FAILED) {
		held_drop(s, &held, DROP_VXLAN_NO_NEIGH);
	} else {
		hold_push(s, n, &held);
		if (n->state == NEIGHBOUR_UNUSED)
			state_enter(s, n, NEIGHBOUR_INCOMPLETE, 0);
	}
}

// Whether an ARP sender can be a neighbour of ours at all.
static bool sender_plausible(const struct underlay_state *u, const struct arp *arp)
{
	bool on_link = (arp->sender_ip & u->mask) == (u->address & u->mask);

	return u->present && (on_link || arp->sender_ip == u->gateway) &&
	       ipv4_is_host(arp->sender_ip) && arp->sender_ip != (u->address | ~u->mask) &&
	       arp->sender_mac != u->mac;
}

void neighbour_heard(struct slowpath *s, const struct arp *arp, bool to_us)
{
	if (!sender_plausible(&s->underlay, arp))
		return;
	struct neighbour *n = neighbour_find(s, arp->sender_ip);
	if (n == NULL && to_us && s->n_neighbours < s->n_vteps + NEIGHBOURS_UNUSED)
		n = neighbour_get(s, arp->sender_ip);
	if (n == NULL)
		return;
	if (LIST_EMPTY(&n->vteps))
		n->unused_ns = s->now_ns;

	bool asked = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_PROBE;
	bool same = neighbour_usable(n) && n->mac == arp->sender_mac;
	if (to_us && arp->op == ARP_REPLY && (asked || same))
		state_enter(s, n, NEIGHBOUR_REACHABLE, arp->sender_mac);
	else if (!same)
		state_enter(s, n, NEIGHBOUR_STALE, arp->sender_mac); // believed, and verified soon
}

void neighbour_told(struct slowpath *s, uint32_t address, enum neighbour_news news, uint64_t mac)
{
	struct neighbour *n = neighbour_find(s, address);
	enum neighbour_state state =
		news == NEIGHBOUR_NEWS_REACHABLE ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE;

	if (n == NULL)
		return;
	if (news == NEIGHBOUR_NEWS_REACHABLE || news == NEIGHBOUR_NEWS_STALE) {
		if (n->state != state || n->mac != mac)
			state_enter(s, n, state, mac);
	} else if (neighbour_usable(n)) {
		// What the kernel only forgot is found out at once; what is really gone fails then.
		state_enter(
			s, n, LIST_EMPTY(&n->vteps) ? NEIGHBOUR_UNUSED : NEIGHBOUR_INCOMPLETE, 0);
	} else if (n->state == NEIGHBOUR_INCOMPLETE && news == NEIGHBOUR_NEWS_FAILED) {
		fail(s, n);
	}
}

// ---- timers -----------------------------------------------------------------------------------

static void neighbour_free(struct slowpath *s, struct neighbour *n)
{
	LIST_REMOVE(n, chain);
	s->n_neighbours--;
	free(n);
}

static void timer_expired(struct slowpath *s, struct neighbour *n)
{
	switch (n->state) {
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		if (n->n_sent >= ARP_TRIES) {
			fail(s, n);
			break;
		}
		timer_start(s, n);
		request_send(s, n);
		break;
	case NEIGHBOUR_REACHABLE:
		state_enter(s, n, NEIGHBOUR_STALE, n->mac);
		break;
	case NEIGHBOUR_STALE:
		if (s->kernel == NULL && !LIST_EMPTY(&n->vteps)) {
			state_enter(s, n, NEIGHBOUR_PROBE, n->mac);
			break;
		}
		if (!LIST_EMPTY(&n->vteps))
			kernel_resolve(s->kernel, n->address);
		timer_start(s, n);
		break;
	case NEIGHBOUR_FAILED:
		state_enter(s, n, NEIGHBOUR_UNUSED, 0);
		break;
	case NEIGHBOUR_UNUSED:
		break;
	}
}

void neighbour_poll(struct slowpath *s)
{
	if (s->now_ns < s->neighbour_scan_ns)
		return;
	// Entries that nothing needs are looked for at least this often.
	s->neighbour_scan_ns = s->now_ns + UNUSED_NS;
	for (unsigned i = 0; i < NEIGHBOUR_BUCKETS; i++) {
		struct neighbour *n = LIST_FIRST(&s->neighbours[i]);

		while (n != NULL) {
			struct neighbour *next = LIST_NEXT(n, chain);

			if (s->now_ns >= n->deadline_ns)
				timer_expired(s, n);
			if (n->deadline_ns < s->neighbour_scan_ns)
				s->neighbour_scan_ns = n->deadline_ns;
			if (n->hold == NULL && LIST_EMPTY(&n->vteps) &&
				s->now_ns - n->unused_ns >= UNUSED_NS)
				neighbour_free(s, n);
			n = next;
		}
	}
	if (s->neighbour_scan_ns < s->now_ns + SCAN_MIN_NS)
		s->neighbour_scan_ns = s->now_ns + SCAN_MIN_NS;
}

void neighbours_clear(struct slowpath *s)
{
	for (unsigned i = 0; i < NEIGHBOUR_BUCKETS; i++) {
		struct neighbour *n;

		while ((n = LIST_FIRST(&s->neighbours[i])) != NULL) {
			struct vtep *v;

			while ((v = LIST_FIRST(&n->vteps)) != NULL) {
				LIST_REMOVE(v, link);
				v->next_hop = NULL;
				LIST_INSERT_HEAD(&s->unrouted, v, link);
			}
			n->state = NEIGHBOUR_FAILED;
			hold_release(s, n);
			neighbour_free(s, n);
		}
	}
}
