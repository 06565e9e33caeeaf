// SPDX-License-Identifier: BSD-3-Clause
// Remotes as control sees them. Each is published as one struct remote with its whole outer header
// ready to be copied; whatever changes in it (next hop, path MTU, configuration) makes a new one.

#define LOG_MODULE "remote"

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/ipv4.h"
#include "slowpath/kernel.h"

#define SCAN_NS		(1 * NS_PER_S)
#define LEARNED_IDLE_NS (60 * NS_PER_S)
#define PATH_MTU_NS	(600 * NS_PER_S)
#define PATH_MTU_FLOOR	576
#define TTL_UNICAST	64
#define TTL_MULTICAST	1

// The outer header as far as it is the same for every packet; returns its length.
static uint8_t header_build(const struct underlay_state *u, const struct vtep *v, uint64_t mac,
	uint8_t header[REMOTE_HEADER_MAX])
{
	bool group = ipv4_is_multicast(v->address);
	struct ether_wire *ether = (struct ether_wire *)header;
	uint8_t *next = (uint8_t *)(ether + 1);

	ether_addr_set(ether->destination, mac);
	ether_addr_set(ether->source, u->mac);
	ether->type = htons(ETHER_TYPE_IPV4);
	if (u->vlan != 0) {
		struct vlan_wire *tag = (struct vlan_wire *)next;

		*tag = (struct vlan_wire){.tci = htons(u->vlan), .type = ether->type};
		ether->type = htons(ETHER_TYPE_VLAN);
		next = (uint8_t *)(tag + 1);
	}

	struct ipv4_wire *ip = (struct ipv4_wire *)next;
	struct udp_wire *udp = (struct udp_wire *)(ip + 1);
	struct vxlan_wire *vxlan = (struct vxlan_wire *)(udp + 1);
	uint8_t ttl_auto = group ? TTL_MULTICAST : TTL_UNICAST;

	*ip = (struct ipv4_wire){
		.version_ihl = 0x45,
		.tos = u->tos & 0xfc, // ECN is the packet's
		.ttl = u->ttl == TTL_AUTO ? ttl_auto : u->ttl,
		.protocol = IP_PROTOCOL_UDP,
		.source = u->address,
		.destination = v->address,
	};
	udp->destination = htons(u->port);
	vxlan->flags = VXLAN_FLAG_I;
	return (uint8_t)((uint8_t *)(vxlan + 1) - header);
}

void vtep_publish(struct slowpath *s, struct vtep *v)
{
	const struct underlay_state *u = &s->underlay;
	const struct neighbour *n = v->next_hop;
	bool group = ipv4_is_multicast(v->address);
	uint64_t mac = 0;
	struct remote remote;

	memset(&remote, 0, sizeof(remote)); // padding too, for the comparison below
	remote.address = v->address;
	remote.id = v->id;
	remote.device = u->device;
	remote.attachment = u->attachment;
	remote.path_mtu = u->path_mtu;
	if (v->path_mtu != 0 && v->path_mtu < u->path_mtu)
		remote.path_mtu = v->path_mtu;
	remote.configured = v->configured;
	if (group && u->present) {
		remote.resolved = true;
		mac = ether_multicast(ntohl(v->address));
	} else if (n == NULL) {
		remote.no_route = true;
	} else {
		remote.resolved = neighbour_usable(n);
		remote.failed = n->state == NEIGHBOUR_FAILED;
		mac = n->mac;
	}
	remote.header_len = header_build(u, v, mac, remote.header);
	const uint8_t *ip = remote.header + remote.header_len - sizeof(struct vxlan_wire) -
			    sizeof(struct udp_wire) - sizeof(struct ipv4_wire);
	remote.ip_sum = checksum_fold(checksum_add(0, ip, sizeof(struct ipv4_wire)));

	const struct remote *old = v->id == 0 ? NULL : s->tables->remotes->entries[v->id];
	// A difference in padding would only publish the same again.
	// NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
	if (old != NULL && memcmp(old, &remote, sizeof(remote)) == 0)
		return;
	uint16_t id = remote_publish(s->tables->remotes, &remote);
	if (v->id == 0)
		v->id = id; // stays 0 when there are too many
}

static void leave_next_hop(struct slowpath *s, struct vtep *v)
{
	struct neighbour *n = v->next_hop;

	LIST_REMOVE(v, link);
	v->next_hop = NULL;
	if (n != NULL && LIST_EMPTY(&n->vteps))
		n->unused_ns = s->now_ns;
}

// 0: no route.
static uint32_t next_hop_of(struct slowpath *s, uint32_t address)
{
	const struct underlay_state *u = &s->underlay;
	uint32_t next_hop = 0;

	if (!u->present)
		return 0;
	if (s->kernel != NULL)
		return kernel_route(s->kernel, u->address, address, &next_hop) ? next_hop : 0;
	return (address & u->mask) == (u->address & u->mask) ? address : u->gateway;
}

static void join_next_hop(struct slowpath *s, struct vtep *v)
{
	if (ipv4_is_multicast(v->address)) {
		LIST_INSERT_HEAD(&s->groups, v, link);
		return;
	}
	uint32_t next_hop = next_hop_of(s, v->address);
	if (next_hop != 0)
		v->next_hop = neighbour_get(s, next_hop);
	if (v->next_hop != NULL)
		LIST_INSERT_HEAD(&v->next_hop->vteps, v, link);
	else
		LIST_INSERT_HEAD(&s->unrouted, v, link);
}

void vtep_route(struct slowpath *s, struct vtep *v)
{
	leave_next_hop(s, v);
	join_next_hop(s, v);
}

static struct vtep *vtep_new(struct slowpath *s, uint32_t address, bool configured)
{
	if (!configured && s->n_learned >= LEARNED_REMOTES_MAX)
		return NULL;
	struct vtep *v = calloc(1, sizeof(*v));
	if (v == NULL)
		return NULL;
	v->address = address;
	v->configured = configured;
	v->used_ns = s->now_ns;
	v->membership.answer_ns = UINT64_MAX;
	join_next_hop(s, v);
	vtep_publish(s, v);
	if (v->id == 0) {
		leave_next_hop(s, v);
		free(v);
		return NULL;
	}
	s->vteps[v->id] = v;
	s->n_vteps++;
	s->n_learned += configured ? 0 : 1;
	return v;
}

struct vtep *vtep_get(struct slowpath *s, uint32_t address, bool configured)
{
	uint16_t id = remote_find(s->tables->remotes, address);

	if (id == 0)
		return vtep_new(s, address, configured);
	struct vtep *v = s->vteps[id];
	if (configured && !v->configured) {
		v->configured = true;
		s->n_learned--;
		vtep_publish(s, v);
	}
	return v;
}

void vtep_remove(struct slowpath *s, struct vtep *v)
{
	leave_next_hop(s, v);
	// The id may come back for another address: nothing learned may point to it.
	fdb_flush_location(s->tables->fdb, (uint16_t)(LOCATION_REMOTE | v->id));
	remote_remove(s->tables->remotes, v->id);
	s->vteps[v->id] = NULL;
	s->n_vteps--;
	s->n_learned -= v->configured ? 0 : 1;
	free(v);
}

void vtep_lower_path_mtu(struct slowpath *s, uint32_t address, uint16_t mtu)
{
	uint16_t id = remote_find(s->tables->remotes, address);
	uint16_t floored = mtu < PATH_MTU_FLOOR ? PATH_MTU_FLOOR : mtu;

	if (id == 0 || ipv4_is_multicast(address))
		return;
	struct vtep *v = s->vteps[id];
	uint16_t current = v->path_mtu != 0 ? v->path_mtu : s->underlay.path_mtu;
	if (floored > current || floored >= s->underlay.path_mtu)
		return;
	v->path_mtu = floored;
	v->path_mtu_until_ns = s->now_ns + PATH_MTU_NS;
	vtep_publish(s, v);

	char text[IP_TEXT_LEN];
	struct ip_addr ip = ip_from_v4(address);
	log_limited(LOG_LEVEL_INFO, 10, "path MTU lowered remote=%s mtu=%u", ip_format(&ip, text),
		floored);
}

// What a learned remote needs to stay: entries of the FDB that point to it, or a recent event.
static bool vtep_idle(struct slowpath *s, struct vtep *v)
{
	uint16_t location = (uint16_t)(LOCATION_REMOTE | v->id);

	if (fdb_count_location(s->tables->fdb, location) != 0)
		v->used_ns = s->now_ns;
	return s->now_ns - v->used_ns >= LEARNED_IDLE_NS;
}

void vtep_poll(struct slowpath *s)
{
	if (s->now_ns < s->vtep_scan_ns)
		return;
	s->vtep_scan_ns = s->now_ns + SCAN_NS;
	for (unsigned id = 0; id < MAX_REMOTES; id++) {
		struct vtep *v = s->vteps[id];

		if (v == NULL)
			continue;
		if (v->path_mtu != 0 && s->now_ns >= v->path_mtu_until_ns) {
			v->path_mtu = 0;
			vtep_publish(s, v);
		}
		if (!v->configured && vtep_idle(s, v))
			vtep_remove(s, v);
	}
}

static const char *vtep_state(const struct vtep *v)
{
	static const char *const names[] = {
		[NEIGHBOUR_UNUSED] = "unused",
		[NEIGHBOUR_INCOMPLETE] = "incomplete",
		[NEIGHBOUR_REACHABLE] = "reachable",
		[NEIGHBOUR_STALE] = "stale",
		[NEIGHBOUR_PROBE] = "probe",
		[NEIGHBOUR_FAILED] = "failed",
	};

	if (ipv4_is_multicast(v->address))
		return "group";
	return v->next_hop == NULL ? "no-route" : names[v->next_hop->state];
}

void slowpath_remotes(
	struct slowpath *s, void (*visit)(const struct remote_state *, void *), void *arg)
{
	for (unsigned id = 0; id < MAX_REMOTES; id++) {
		const struct vtep *v = s->vteps[id];

		if (v == NULL)
			continue;
		const struct neighbour *n = v->next_hop;
		bool group = ipv4_is_multicast(v->address);
		uint64_t group_mac = group ? ether_multicast(ntohl(v->address)) : 0;
		struct remote_state state = {
			.address_be = v->address,
			.id = v->id,
			.configured = v->configured,
			.multicast = group,
			.state = vtep_state(v),
			.mac = n != NULL ? n->mac : group_mac,
			.path_mtu = s->tables->remotes->entries[id]->path_mtu,
			.n_held = n != NULL && n->hold != NULL ? n->hold->n : 0,
		};

		visit(&state, arg);
	}
}
