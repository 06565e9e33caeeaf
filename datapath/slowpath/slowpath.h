// SPDX-License-Identifier: BSD-3-Clause
// The slow path: what the control thread does with packets. Learns MACs, keeps the underlay's
// neighbours, answers ARP and ICMP echo for the underlay address, joins the multicast group, ages
// the FDB. Owned and called by the control thread only; never blocks.
//
// Ledger: what comes off a punt ring was counted consumed by the worker. A packet that goes on (a
// held packet whose next hop answers, an answer of ours) is put on worker 0's inject ring and
// counted originated by the worker that takes it off; one that dies here is counted originated and
// dropped in control's own counters.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "tables/tables.h"

struct slowpath;
struct services;
struct leases;

struct slowpath *slowpath_new(struct tables *tables); // NULL and errno on failure
void slowpath_free(struct slowpath *slowpath);	      // held packets are dropped
// Says good-bye on the wire (leaves the multicast groups). Call it at shutdown, while worker 0
// still takes packets off its inject ring.
void slowpath_stop(struct slowpath *slowpath);

// One underlay: the uplink that carries the tunnel.
struct underlay {
	bool present;
	uint16_t device;
	uint16_t attachment; // ATTACHMENT_UPLINK of the device
	uint16_t vlan;	     // tag of the underlay, 0: untagged
	int kernel_index;    // the interface, when it is shared with the kernel; also while not
			     // present. Neighbours, routes, memberships are the kernel's then
	uint64_t mac;	     // of the device
	struct ip_prefix address; // local VTEP address with its prefix length
	struct ip_addr gateway;	  // unset: none
	uint16_t path_mtu;
	const struct tunnel_config *tunnel; // port, ttl, tos, df; valid during the call
};

// Called by commit before it builds a snapshot: what the underlay will be. Entries of remotes are
// rebuilt when anything in their headers changes. A commit that fails after this call calls it
// again with what is in force, and slowpath_remote() and slowpath_commit_done() after it.
void slowpath_set_underlay(struct slowpath *slowpath, const struct underlay *underlay);
// Id of the remote (or group) at an address, made when it is new and marked as configured.
// 0 when there are MAX_REMOTES. Multicast addresses are groups: always resolved, and joined with
// IGMP.
uint16_t slowpath_remote(struct slowpath *slowpath, uint32_t address_be);
// Called after the snapshot is published: every configured remote that slowpath_remote() was not
// asked for since slowpath_set_underlay() becomes a learned one, and goes when nothing points to
// it.
void slowpath_commit_done(struct slowpath *slowpath);

// What the kernel has on an interface.
struct kernel_link {
	int index; // of the interface that has the addresses
	uint64_t mac;
	struct ip_prefix address; // the wanted one, or the first if none is wanted; unset: none
};

// Reads it; with `vlan`, that of the kernel's VLAN interface on it if there is one. Returns 0 or
// -errno.
int kernel_link_read(
	int index, uint16_t vlan, const struct ip_addr *wanted, struct kernel_link *link);
// Whether the kernel has told of changes since the last call: kernel_link_read() may give something
// else than the underlay has.
bool slowpath_underlay_changed(struct slowpath *slowpath);

// Called after the snapshot is published: what weft itself is on the networks of that snapshot
// (services.h). Takes it. A device that is named in it may close only after the next call.
void slowpath_set_services(struct slowpath *slowpath, struct services *services);
// Those in force; NULL before the first call.
const struct services *slowpath_services(const struct slowpath *slowpath);
// Reads the leases that the DHCP responder gave, and keeps those it will give, in a directory; they
// are forgotten with the process until then. Call it before the first configuration. Returns 0 or
// -errno, logged.
int slowpath_open_leases(struct slowpath *slowpath, const char *directory);
const struct leases *slowpath_leases(const struct slowpath *slowpath);

// Drains the workers' rings, sends what is due, ages. `now_ns` is clock_now_ns(). Returns true when
// it stopped at its budget and should be called again at once.
bool slowpath_poll(struct slowpath *slowpath, uint64_t now_ns);

// What `remote.list` shows of one remote.
struct remote_state {
	uint32_t address_be;
	uint16_t id;
	bool configured;
	bool multicast;
	const char *state; // "unused" (nothing sent to it yet), "incomplete", "reachable", "stale",
			   // "probe", "failed", "no-route", "group"
	uint64_t mac;	   // next hop, 0: not resolved
	uint16_t path_mtu;
	uint32_t n_held; // packets waiting for resolution
};

void slowpath_remotes(
	struct slowpath *slowpath, void (*visit)(const struct remote_state *, void *), void *arg);

// What `neighbour.list` shows of one neighbour of a router.
struct router_neighbour_state {
	uint16_t attachment; // interface
	uint32_t address_be;
	uint64_t mac;	   // 0: not resolved
	const char *state; // "incomplete", "reachable", "stale", "delay", "probe"
	uint32_t n_held;   // packets waiting for resolution
};

void slowpath_router_neighbours(struct slowpath *slowpath,
	void (*visit)(const struct router_neighbour_state *, void *), void *arg);
