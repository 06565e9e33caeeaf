// SPDX-License-Identifier: BSD-3-Clause
// The poll round of the slow path and the packets it sends. Each round takes a bounded number of
// events off the rings, so that whatever comes off the wire leaves time for the control socket.

#define LOG_MODULE "underlay"

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/headers.h"
#include "slowpath/kernel.h"

#define LEARN_BUDGET 1024
#define PUNT_BUDGET  256
#define PUNT_BURST   32

// An entry must be gone 10 s after its time. One pass over the table takes this long.
#define SWEEP_PASS_NS (4 * NS_PER_S)
#define SWEEP_BUDGET  65536

struct slowpath *slowpath_new(struct tables *tables)
{
	struct slowpath *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	struct counters *counters = tables->counters[tables->n_workers];

	s->tables = tables;
	s->counters = counters->attachments;
	s->info = counters->info;
	s->now_ns = clock_now_ns();
	s->sweep_ns = s->now_ns;
	s->hash_multiplier = (uint32_t)rte_rand() | 1;
	// Packets that wait must not take the buffers that the others need.
	s->held_max = tables->pool->size / 4 < HELD_MAX ? tables->pool->size / 4 : HELD_MAX;
	s->igmp_general_ns = UINT64_MAX;
	s->igmp_scan_ns = UINT64_MAX;
	s->announce_scan_ns = UINT64_MAX;
	s->leases = leases_open(NULL);
	if (s->leases == NULL) {
		free(s);
		return NULL;
	}
	LIST_INIT(&s->groups);
	LIST_INIT(&s->unrouted);
	TAILQ_INIT(&s->datagrams);
	for (unsigned i = 0; i < NEIGHBOUR_BUCKETS; i++)
		LIST_INIT(&s->neighbours[i]);
	for (unsigned i = 0; i < ROUTER_HOP_BUCKETS; i++)
		LIST_INIT(&s->hops[i]);
	return s;
}

void slowpath_free(struct slowpath *s)
{
	if (s == NULL)
		return;
	neighbours_clear(s);
	router_clear(s);
	reassembly_clear(s);
	for (unsigned id = 0; id < MAX_REMOTES; id++)
		if (s->vteps[id] != NULL)
			vtep_remove(s, s->vteps[id]);
	kernel_free(s->kernel);
	metadata_clear(s);
	leases_close(s->leases);
	services_free(s->services);
	free(s->own);
	free(s);
}

void slowpath_stop(struct slowpath *s)
{
	membership_leave_all(s);
}

static uint32_t prefix_mask(uint8_t len)
{
	return len == 0 ? 0 : htonl(UINT32_MAX << (32 - len));
}

static struct underlay_state underlay_compile(const struct underlay *underlay)
{
	const struct tunnel_config *tunnel = underlay->tunnel;

	if (!underlay->present)
		return (struct underlay_state){.present = false};
	return (struct underlay_state){
		.present = true,
		.attachment = underlay->attachment,
		.device = underlay->device,
		.vlan = underlay->vlan,
		.mac = underlay->mac,
		.address = ip_v4(&underlay->address.addr),
		.mask = prefix_mask(underlay->address.len),
		.gateway = ip_is_set(&underlay->gateway) ? ip_v4(&underlay->gateway) : 0,
		.path_mtu = underlay->path_mtu,
		.port = tunnel->port,
		.source_port_min = tunnel->source_port_min,
		.source_port_max = tunnel->source_port_max,
		.tos = tunnel->tos == TOS_INHERIT ? 0 : tunnel->tos,
		.ttl = tunnel->ttl,
		.strict_remotes = tunnel->strict_remotes,
	};
}

// Whether neighbours, memberships and announcements of `a` hold for `b` too.
static bool same_link(const struct underlay_state *a, const struct underlay_state *b)
{
	return a->present == b->present && a->attachment == b->attachment &&
	       a->device == b->device && a->vlan == b->vlan && a->mac == b->mac &&
	       a->address == b->address && a->mask == b->mask && a->gateway == b->gateway;
}

// Leaves one kernel interface for another, or for none.
static void kernel_change(struct slowpath *s, const struct underlay *underlay)
{
	kernel_free(s->kernel);
	s->kernel = NULL;
	if (underlay->kernel_index == 0)
		return;
	s->kernel = kernel_new(underlay->kernel_index, underlay->vlan);
	if (s->kernel == NULL)
		log_error("can not follow the kernel's underlay error=\"%s\"", strerror(errno));
}

void slowpath_set_underlay(struct slowpath *s, const struct underlay *underlay)
{
	struct underlay_state next = underlay_compile(underlay);
	bool other_kernel =
		underlay->kernel_index == 0
			? s->kernel != NULL
			: !kernel_same(s->kernel, underlay->kernel_index, underlay->vlan);
	bool moved = other_kernel || !same_link(&s->underlay, &next);

	s->now_ns = clock_now_ns();
	if (moved) {
		membership_leave_all(s);
		neighbours_clear(s);
	}
	if (other_kernel)
		kernel_change(s, underlay);
	if (s->kernel == NULL && underlay->kernel_index != 0)
		next = (struct underlay_state){.present = false}; // nobody would be its host stack
	s->underlay = next;
	if (s->kernel != NULL)
		kernel_set_endpoint(s->kernel, next.address, next.port);
	for (unsigned id = 0; id < MAX_REMOTES; id++) {
		struct vtep *v = s->vteps[id];

		if (v == NULL)
			continue;
		v->wanted = false;
		if (moved)
			vtep_route(s, v);
		vtep_publish(s, v);
	}
	if (moved)
		host_announce(s);
}

uint16_t slowpath_remote(struct slowpath *s, uint32_t address_be)
{
	struct vtep *v = vtep_get(s, address_be, true);

	if (v == NULL)
		return 0;
	v->wanted = true;
	return v->id;
}

void slowpath_commit_done(struct slowpath *s)
{
	s->now_ns = clock_now_ns();
	for (unsigned id = 0; id < MAX_REMOTES; id++) {
		struct vtep *v = s->vteps[id];

		if (v == NULL || v->wanted)
			continue;
		if (v->configured) {
			v->configured = false;
			v->used_ns = s->now_ns;
			s->n_learned++;
			vtep_publish(s, v);
		}
		// Nothing behind it may be heard any more, so nothing is sent to it either.
		if (s->underlay.strict_remotes)
			fdb_flush_location(s->tables->fdb, (uint16_t)(LOCATION_REMOTE | id));
	}
	membership_update(s);
}

// ---- packets out ------------------------------------------------------------------------------

void packet_drop(
	struct slowpath *s, struct rte_mbuf *mbuf, uint16_t attachment, enum drop_reason reason)
{
	s->counters[attachment].originated++;
	s->counters[attachment].drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

void packet_inject(struct slowpath *s, struct rte_mbuf *mbuf, uint16_t attachment, uint16_t remote)
{
	struct inject inject = {.mbuf = mbuf, .attachment = attachment, .remote = remote};

	if (rte_ring_enqueue_elem(s->tables->rings[0].injects, &inject, sizeof(inject)) != 0)
		packet_drop(s, mbuf, attachment, DROP_PUNT_FULL);
}

struct rte_mbuf *packet_new(struct slowpath *s, uint16_t attachment, uint16_t len, uint8_t **data)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(s->tables->pool);

	*data = mbuf == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(mbuf, len);
	if (*data == NULL) {
		packet_drop(s, mbuf, attachment, DROP_NOMEM);
		return NULL;
	}
	return mbuf;
}

void frame_send(struct slowpath *s, struct rte_mbuf *mbuf, const struct frame_head *head)
{
	struct ether_wire *ether = (struct ether_wire *)rte_pktmbuf_prepend(mbuf, sizeof(*ether));

	if (ether == NULL) {
		packet_drop(s, mbuf, head->attachment, DROP_NOMEM);
		return;
	}
	ether_addr_set(ether->destination, head->destination);
	ether_addr_set(ether->source, head->source);
	ether->type = htons(head->type);
	struct inject inject = {
		.mbuf = mbuf,
		.attachment = head->attachment,
		.came_by = head->to_router ? head->attachment : 0,
	};

	if (rte_ring_enqueue_elem(s->tables->rings[0].injects, &inject, sizeof(inject)) != 0)
		packet_drop(s, mbuf, head->attachment, DROP_PUNT_FULL);
}

void underlay_send(
	struct slowpath *s, struct rte_mbuf *mbuf, uint64_t destination, uint16_t ether_type)
{
	const struct underlay_state *u = &s->underlay;
	bool tagged = u->vlan != 0;
	uint16_t header_len = sizeof(struct ether_wire) + (tagged ? sizeof(struct vlan_wire) : 0);
	struct ether_wire *ether = (struct ether_wire *)rte_pktmbuf_prepend(mbuf, header_len);
	uint32_t pad = mbuf->pkt_len < ETHER_MIN_LEN ? ETHER_MIN_LEN - mbuf->pkt_len : 0;
	char *tail = pad == 0 ? NULL : rte_pktmbuf_append(mbuf, (uint16_t)pad);

	if (ether == NULL || (pad != 0 && tail == NULL)) {
		packet_drop(s, mbuf, u->attachment, DROP_NOMEM);
		return;
	}
	if (pad != 0)
		memset(tail, 0, pad);
	ether_addr_set(ether->destination, destination);
	ether_addr_set(ether->source, u->mac);
	ether->type = htons(tagged ? ETHER_TYPE_VLAN : ether_type);
	if (tagged) {
		struct vlan_wire *tag = (struct vlan_wire *)(ether + 1);

		*tag = (struct vlan_wire){.tci = htons(u->vlan), .type = htons(ether_type)};
	}
	packet_inject(s, mbuf, u->attachment, 0);
}

uint64_t random_ns(uint64_t max_ns)
{
	return rte_rand_max(max_ns + 1);
}

// ---- packets in -------------------------------------------------------------------------------

static void punt_handle(struct slowpath *s, struct punt *punt)
{
	enum drop_reason reason;
	struct frame f;

	if (punt->class == PUNT_UNRESOLVED) {
		if (punt->interface != 0)
			router_unresolved(s, punt);
		else
			neighbour_packet(s, punt);
		return;
	}
	bool underlay = punt->class == PUNT_ARP || punt->class == PUNT_UNDERLAY;
	if (!frame_read(&f, punt))
		reason = underlay ? DROP_UNDERLAY_OTHER : DROP_SERVICE_OTHER;
	else if (underlay)
		reason = host_receive(s, &f);
	else if (punt->class == PUNT_ICMP_ERROR)
		reason = router_error(s, punt, &f);
	else
		reason = service_receive(s, punt, &f);
	if (reason == NO_DROP)
		rte_pktmbuf_free(punt->mbuf);
	else
		packet_drop(s, punt->mbuf,
			reason == DROP_VXLAN_PMTU ? tunnel_of(s, punt->network) : punt->attachment,
			reason);
}

// Takes up to PUNT_BUDGET packets, a burst from each worker in turn. True when more wait.
static bool punt_poll(struct slowpath *s)
{
	struct tables *tables = s->tables;
	struct punt punts[PUNT_BURST];
	unsigned n_done = 0;
	unsigned n_idle = 0;

	while (n_done < PUNT_BUDGET && n_idle < tables->n_workers) {
		struct rte_ring *ring = tables->rings[s->next_worker].punts;
		unsigned n = rte_ring_dequeue_burst_elem(
			ring, punts, sizeof(punts[0]), PUNT_BURST, NULL);

		for (unsigned i = 0; i < n; i++)
			punt_handle(s, &punts[i]);
		n_done += n;
		n_idle = n == 0 ? n_idle + 1 : 0;
		s->next_worker = (s->next_worker + 1) % tables->n_workers;
	}
	return n_done >= PUNT_BUDGET;
}

// Sweeps the part of the FDB that the time since the last call is worth. True when it lags.
static bool sweep_poll(struct slowpath *s)
{
	struct fdb *fdb = s->tables->fdb;
	uint64_t n_buckets = fdb_n_buckets(fdb);
	uint64_t elapsed_ns = s->now_ns - s->sweep_ns;

	if (elapsed_ns >= SWEEP_PASS_NS) {
		s->sweep_due = (uint32_t)n_buckets;
		s->sweep_ns = s->now_ns;
	} else {
		uint64_t n = n_buckets * elapsed_ns / SWEEP_PASS_NS;

		s->sweep_due += (uint32_t)n;
		s->sweep_ns += n * SWEEP_PASS_NS / n_buckets;
	}
	if (s->sweep_due > n_buckets)
		s->sweep_due = (uint32_t)n_buckets;

	uint32_t n = s->sweep_due < SWEEP_BUDGET ? s->sweep_due : SWEEP_BUDGET;
	if (n == 0)
		return false;
	fdb_sweep(fdb, tables_now_s(s->tables, s->now_ns), n);
	s->sweep_due -= n;
	return s->sweep_due != 0;
}

bool slowpath_poll(struct slowpath *s, uint64_t now_ns)
{
	bool more = false;

	s->now_ns = now_ns;
	// The rings first: an answer that waits there comes before its request times out.
	more |= punt_poll(s);
	more |= learn_poll(s, LEARN_BUDGET);
	more |= kernel_poll(s);
	neighbour_poll(s);
	router_poll(s);
	reassembly_poll(s);
	vtep_poll(s);
	host_poll(s);
	membership_poll(s);
	announce_poll(s);
	more |= metadata_poll(s);
	service_leases_poll(s);
	more |= sweep_poll(s);
	return more;
}
