// SPDX-License-Identifier: BSD-3-Clause
// What the files of the slow path share. Control thread only.
//
//   slowpath.c    the poll round, packets out and their accounting, the FDB sweep
//   learn.c       learn rings -> FDB
//   vtep.c        remotes: their published headers, path MTU, coming and going
//   neighbour.c   next hops: ARP resolution, packets that wait for it
//   host.c        the host stack of the underlay address: ARP, ICMP, announcements
//   membership.c  IGMP
//   kernel.c      all of the last three, of an interface that the kernel goes on using

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_mbuf.h>
#include <rte_random.h>
#include <rte_ring.h>

#include "base/clock.h"
#include "net/arp.h"
#include "slowpath/slowpath.h"
#include "tables/tables.h"

#define HOLD_MAX	    101	 // packets that wait for one next hop
#define HELD_MAX	    4096 // and for all of them
#define NEIGHBOUR_BUCKETS   4096 // of the hash
#define NEIGHBOURS_UNUSED   1024 // entries that no remote needs
#define LEARNED_REMOTES_MAX (MAX_REMOTES / 2)
#define ARP_TRIES	    3

enum neighbour_state {
	NEIGHBOUR_UNUSED,     // no packet has asked for it yet, or its back-off is over
	NEIGHBOUR_INCOMPLETE, // broadcast requests are out
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE, // usable, to be verified soon
	NEIGHBOUR_PROBE, // usable, unicast requests are out
	NEIGHBOUR_FAILED,
};

struct held {
	struct rte_mbuf *mbuf;
	uint16_t network;
	uint16_t remote;
};

// A ring of the packets that wait, oldest at head.
struct hold_queue {
	uint16_t head;
	uint16_t n;
	struct held packets[HOLD_MAX];
};

LIST_HEAD(vtep_list, vtep);
LIST_HEAD(neighbour_list, neighbour);

struct neighbour {
	LIST_ENTRY(neighbour) chain;
	struct vtep_list vteps; // remotes behind it
	uint32_t address;	// network order
	enum neighbour_state state;
	uint64_t mac;		 // when usable
	uint64_t deadline_ns;	 // of the state; UINT64_MAX: none
	uint64_t unused_ns;	 // since when no remote needs it
	uint8_t n_sent;		 // requests in this state
	uint8_t n_failures;	 // in a row
	struct hold_queue *hold; // while INCOMPLETE; NULL: none
};

// A group that is wanted, or was until a moment ago.
struct membership {
	bool joined;
	uint8_t n_changes;  // reports of the last change still to send
	uint64_t change_ns; // when
	uint64_t answer_ns; // report that a query asked for; UINT64_MAX: none
	int handle;	    // of kernel_join(), while the kernel is the member
};

// Control's side of one struct remote.
struct vtep {
	LIST_ENTRY(vtep) link;	    // in next_hop->vteps, slowpath->groups or slowpath->unrouted
	struct neighbour *next_hop; // NULL: a group, or no route
	uint32_t address;	    // network order
	uint16_t id;
	bool configured;
	bool wanted;	   // asked for since slowpath_set_underlay()
	uint16_t path_mtu; // as an ICMP error told; 0: that of the underlay
	uint64_t path_mtu_until_ns;
	uint64_t used_ns;	      // last time it was needed, while it is learned
	struct membership membership; // of a group
};

// The underlay as slowpath_set_underlay() told, in the form that packets need.
struct underlay_state {
	bool present;
	uint16_t attachment;
	uint16_t device;
	uint16_t vlan;
	uint64_t mac;
	uint32_t address; // network order, as all below
	uint32_t mask;
	uint32_t gateway;
	uint16_t path_mtu;
	uint16_t port; // host order, as all below
	uint16_t source_port_min;
	uint16_t source_port_max;
	uint16_t tos;
	uint8_t ttl;
	bool strict_remotes;
};

struct kernel;

struct slowpath {
	struct tables *tables;
	struct attachment_counters *counters; // control's, by attachment id
	uint64_t *info;			      // control's
	uint64_t now_ns;
	struct underlay_state underlay;
	struct kernel *kernel; // the underlay's host stack, NULL: we are it

	struct vtep *vteps[MAX_REMOTES]; // by remote id
	struct vtep_list groups;
	struct vtep_list unrouted;
	unsigned n_vteps;
	unsigned n_learned;
	uint64_t vtep_scan_ns; // next look at what expires

	struct neighbour_list neighbours[NEIGHBOUR_BUCKETS];
	uint32_t hash_multiplier;
	unsigned n_neighbours;
	unsigned n_held;
	unsigned held_max;
	uint64_t neighbour_scan_ns;

	unsigned next_worker; // whose rings are drained first

	uint8_t n_announcements; // rounds still to send
	uint64_t announce_ns;
	uint64_t defend_ns; // no defence before
	uint16_t ip_id;

	uint64_t igmp_v2_until_ns; // an old querier was heard
	uint64_t igmp_general_ns;  // answer to a general query; UINT64_MAX: none
	uint64_t igmp_scan_ns;	   // UINT64_MAX: nothing to send

	uint64_t sweep_ns;  // up to when buckets to sweep are accounted
	uint32_t sweep_due; // buckets
};

// Of a packet that ends in the slow path without being dropped.
#define NO_DROP N_DROP_REASONS

// ---- slowpath.c -------------------------------------------------------------------------------

// Counts a packet of control's that dies, and frees it. `mbuf` may be NULL.
void packet_drop(
	struct slowpath *s, struct rte_mbuf *mbuf, uint16_t attachment, enum drop_reason reason);
// Puts a packet on its way to a worker.
void packet_inject(struct slowpath *s, struct rte_mbuf *mbuf, uint16_t attachment, uint16_t remote);
// A new packet of `len` bytes to be filled in. NULL when there is no buffer (counted).
struct rte_mbuf *packet_new(struct slowpath *s, uint16_t len, uint8_t **data);
// Puts the Ethernet header (and tag) of the underlay before a packet and sends it.
void underlay_send(
	struct slowpath *s, struct rte_mbuf *mbuf, uint64_t destination, uint16_t ether_type);
// A random time in [0, max_ns].
uint64_t random_ns(uint64_t max_ns);

// ---- learn.c ----------------------------------------------------------------------------------

// Takes up to `budget` events; true when more wait.
bool learn_poll(struct slowpath *s, unsigned budget);

// ---- vtep.c -----------------------------------------------------------------------------------

// By address, made when it is new. NULL when a limit is reached.
struct vtep *vtep_get(struct slowpath *s, uint32_t address, bool configured);
// Publishes the entry if it differs from what workers see.
void vtep_publish(struct slowpath *s, struct vtep *v);
// Takes it to the next hop that the underlay as it is now gives it.
void vtep_route(struct slowpath *s, struct vtep *v);
void vtep_remove(struct slowpath *s, struct vtep *v);
void vtep_lower_path_mtu(struct slowpath *s, uint32_t address, uint16_t mtu);
void vtep_poll(struct slowpath *s);

// ---- neighbour.c ------------------------------------------------------------------------------

// By address, made when it is new.
struct neighbour *neighbour_get(struct slowpath *s, uint32_t address);
bool neighbour_usable(const struct neighbour *n);
// A packet that a worker could not send. Takes it.
void neighbour_packet(struct slowpath *s, struct punt *punt);
// What an ARP packet says of its sender; `to_us`: it was addressed to us.
void neighbour_heard(struct slowpath *s, const struct arp *arp, bool to_us);
// What the kernel says of a neighbour.
enum neighbour_news {
	NEIGHBOUR_NEWS_REACHABLE,
	NEIGHBOUR_NEWS_STALE,  // usable, and to be verified
	NEIGHBOUR_NEWS_FAILED, // does not answer, or is to be forgotten
	NEIGHBOUR_NEWS_GONE,
};
void neighbour_told(struct slowpath *s, uint32_t address, enum neighbour_news news, uint64_t mac);
void neighbour_poll(struct slowpath *s);
// Forgets all; remotes are left without a next hop until vtep_route().
void neighbours_clear(struct slowpath *s);

// ---- host.c -----------------------------------------------------------------------------------

// A frame of the underlay, in one piece and without a tag. Returns the reason it dies for, or
// NO_DROP. The frame stays the caller's.
enum drop_reason host_receive(struct slowpath *s, struct rte_mbuf *mbuf);
// An ICMP message that the kernel received.
void host_error_receive(struct slowpath *s, const void *data, uint16_t len);
void arp_send(struct slowpath *s, const struct arp *arp, uint64_t destination);
// Starts the announcements of the underlay address.
void host_announce(struct slowpath *s);
void host_poll(struct slowpath *s);

// ---- membership.c -----------------------------------------------------------------------------

// Joins and leaves so that what is joined is what the configuration wants.
void membership_update(struct slowpath *s);
// Leaves all groups at once.
void membership_leave_all(struct slowpath *s);
void membership_query(struct slowpath *s, const void *message, uint16_t len);
void membership_poll(struct slowpath *s);
