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
//   answer.c      what host stacks have in common
//   service.c     what was punted to weft's own ports on the networks
//   service_arp.c, service_nd.c  who has which address there
//   service_ip.c  the IPv4 host stack of service ports: ping, names, refusals
//   reassemble.c  fragments to service ports and routers -> datagrams
//   service_dhcp.c  from a client's frame to the answer of the responder
//   announce.c    own addresses: announcements, conflicts
//   router.c      ICMP errors of routers, what is for themselves
//   router_neighbour.c  their next hops, packets that wait for them
//   metadata.c    frames between service ports and the backends of the metadata service
//   icmp_limit.c  how many ICMP errors may be sent

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_mbuf.h>
#include <rte_random.h>
#include <rte_ring.h>

#include "base/clock.h"
#include "net/arp.h"
#include "net/ipv4.h"
#include "slowpath/lease.h"
#include "slowpath/services.h"
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

enum router_hop_state {
	ROUTER_HOP_INCOMPLETE, // broadcast requests are out
	ROUTER_HOP_REACHABLE,
	ROUTER_HOP_STALE, // usable, to be verified when it is used
	ROUTER_HOP_DELAY, // used, to be verified soon
	ROUTER_HOP_PROBE, // usable, unicast requests are out
};

// A packet that waits for the MAC of a router's neighbour.
struct router_held {
	STAILQ_ENTRY(router_held) link;
	struct punt punt;
};

LIST_HEAD(router_hop_list, router_hop);

// A neighbour of a router.
struct router_hop {
	LIST_ENTRY(router_hop) chain;
	STAILQ_HEAD(, router_held) held; // oldest first
	uint16_t interface;		 // attachment
	uint16_t network;		 // that it was on
	uint16_t n_held;
	uint32_t address; // network order
	enum router_hop_state state;
	uint32_t stale_s;     // STALE: since when
	uint64_t mac;	      // in all states but INCOMPLETE
	uint64_t deadline_ns; // of the state; UINT64_MAX: none
	uint64_t used_ns;     // when it was made; workers note later uses
	uint8_t n_sent;	      // requests in this state
};

#define ROUTER_HOP_BUCKETS 4096 // of the hash

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

// A received frame on its way through the parsers.
struct frame {
	struct rte_mbuf *mbuf; // in one piece
	uint16_t in;	       // attachment it came in by
	uint64_t source;       // MACs
	uint64_t destination;
	uint16_t type;	// as on the wire
	uint8_t *data;	// after the Ethernet header; an answer may be made of it in place
	uint16_t len;	// from there on
	struct ipv4 ip; // once it is parsed
	// Of a frame that weft's own ports see; NULL on the underlay.
	const struct service_network *network;
	const struct internal_port *port; // it is for; NULL: for a port whose address is known
};

// Where a frame goes.
struct frame_head {
	uint16_t attachment; // an internal port: it enters the pipeline there; any other kind: it
			     // leaves by it
	uint16_t type;	     // ETHER_TYPE_*
	uint64_t source;
	uint64_t destination;
	bool to_router; // it comes to the router that the attachment belongs to, as if received
};

// An address of an internal port, and what packets and time have made of it.
struct own_address {
	struct ip_addr address;
	const struct internal_port *port; // in the services in force
	uint16_t attachment;		  // its id, network, MAC and what it stands for: what
	uint16_t network;		  // makes it the same one after a commit
	uint64_t mac;
	struct ip_addr fixed;
	uint8_t n_announcements; // rounds still to send
	uint64_t announce_ns;	 // the next one
	uint64_t defend_ns;	 // no defence before
};

// How a client of a metadata backend is reached: as it has asked last.
struct metadata_client {
	const struct device *device; // of the backend, only compared
	uint32_t address;	     // network order
	uint16_t attachment;	     // of the port that it asked
	uint64_t mac;
};

TAILQ_HEAD(datagram_list, datagram);

#define METADATA_CLIENTS 4096
#define METADATA_ADDRESS htonl(0xa9fea9fe) // 169.254.169.254

// Control's end of a device to a metadata backend.
struct metadata_backend {
	struct device *device;
	uint16_t attachment;	  // of one of the ports that it serves: what dies counts there
	uint64_t mac;		  // 0: not known yet
	uint64_t ask_ns;	  // no ARP request before
	struct rte_mbuf *waiting; // for the MAC; NULL: none
};

// When a destination of ICMP errors has its credit back.
struct icmp_destination {
	uint32_t address; // network order
	uint16_t sender;
	uint64_t full_ns;
};

#define ICMP_DESTINATIONS 1024

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

	struct router_hop_list hops[ROUTER_HOP_BUCKETS]; // neighbours of routers
	uint16_t n_hops[MAX_ATTACHMENTS];
	uint64_t hop_scan_ns;

	unsigned next_worker; // whose rings are drained first

	uint8_t n_announcements; // rounds still to send
	uint64_t announce_ns;
	uint64_t defend_ns; // no defence before
	uint16_t ip_id;

	uint64_t igmp_v2_until_ns; // an old querier was heard
	uint64_t igmp_general_ns;  // answer to a general query; UINT64_MAX: none
	uint64_t igmp_scan_ns;	   // UINT64_MAX: nothing to send

	struct services *services; // NULL before the first commit
	struct leases *leases;
	uint64_t leases_ns;	 // next leases_poll()
	struct own_address *own; // sorted by attachment, then address
	size_t n_own;
	uint64_t announce_scan_ns;	   // next announcement; UINT64_MAX: none
	struct metadata_backend *backends; // sorted by device
	size_t n_backends;
	struct metadata_client metadata_clients[METADATA_CLIENTS]; // a newer one takes the place
	// When a port, or behind those a router, has its credit of ICMP errors back.
	uint64_t icmp_full_ns[MAX_ATTACHMENTS + MAX_ROUTERS];
	struct icmp_destination icmp_destinations[ICMP_DESTINATIONS];

	struct datagram_list datagrams; // in pieces, oldest first
	unsigned n_datagrams;

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
// A new packet of `len` bytes to be filled in, for an attachment. NULL when there is no buffer
// (counted).
struct rte_mbuf *packet_new(struct slowpath *s, uint16_t attachment, uint16_t len, uint8_t **data);
// Puts an Ethernet header before a packet and sends it. Takes it.
void frame_send(struct slowpath *s, struct rte_mbuf *mbuf, const struct frame_head *head);
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
// The attachment that a packet to a remote is accounted to: the tunnel segment of its network, or
// the uplink when the network has none any more.
uint16_t tunnel_of(const struct slowpath *s, uint16_t network);
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

// ---- answer.c ---------------------------------------------------------------------------------

// The frame in a packet that was punted. False when it has no whole Ethernet header.
bool frame_read(struct frame *f, const struct punt *punt);
bool mac_is_station(uint64_t mac); // neither zero nor a group
// Puts an IPv4 header before a payload. False when there is no room.
bool ipv4_prepend(struct rte_mbuf *mbuf, const struct ipv4_fields *fields);
// Makes the payload of an ICMP echo request that of the answer; returns the header to put before
// it, from the address that was asked.
struct ipv4_fields echo_answer(struct slowpath *s, const struct frame *f);

// ---- host.c -----------------------------------------------------------------------------------

// A frame of the underlay, without a tag. Returns the reason it dies for, or NO_DROP. The packet
// stays the caller's.
enum drop_reason host_receive(struct slowpath *s, struct frame *f);
// An ICMP message that the kernel received.
void host_error_receive(struct slowpath *s, const void *data, uint16_t len);
void arp_send(struct slowpath *s, const struct arp *arp, uint64_t destination);
// Starts the announcements of the underlay address.
void host_announce(struct slowpath *s);
void host_poll(struct slowpath *s);

// ---- service.c --------------------------------------------------------------------------------

// A packet of a network, punted to weft's own port there or to whoever knows an address. Returns
// the reason it dies for, or NO_DROP. The packet stays the caller's.
enum drop_reason service_receive(struct slowpath *s, const struct punt *punt, struct frame *f);
// Sends an answer to the station that sent a frame, from the internal port it was for. Takes it.
void service_answer(
	struct slowpath *s, const struct frame *f, struct rte_mbuf *mbuf, uint16_t ether_type);
// The same for the payload of a datagram, in fragments if the MTU of the network asks for that.
void service_answer_ipv4(struct slowpath *s, const struct frame *f,
	const struct ipv4_fields *fields, const void *payload);
// Sends `len` bytes that follow an Ethernet header.
void service_send(
	struct slowpath *s, const struct frame_head *head, const void *data, uint16_t len);

// ---- service_arp.c, service_nd.c, service_ip.c, service_dhcp.c ---------------------------------

enum drop_reason service_arp(struct slowpath *s, const struct frame *f);
enum drop_reason service_nd(struct slowpath *s, const struct frame *f);
enum drop_reason service_ipv4(struct slowpath *s, struct frame *f);
// A whole datagram for an address of its port.
enum drop_reason service_datagram(struct slowpath *s, const struct frame *f);
enum drop_reason service_dhcp(struct slowpath *s, const struct frame *f);
// After a commit: forgets leases of what is gone.
void service_leases_follow(struct slowpath *s);
void service_leases_poll(struct slowpath *s);

// ---- reassemble.c -----------------------------------------------------------------------------

// A fragment for an address of its port, from a station that can be answered. The last one takes
// the datagram to service_datagram().
enum drop_reason reassemble(struct slowpath *s, const struct frame *f);
// After a commit: forgets datagrams of what is gone.
void reassembly_follow(struct slowpath *s);
void reassembly_poll(struct slowpath *s);
void reassembly_clear(struct slowpath *s); // forgets all

// ---- announce.c -------------------------------------------------------------------------------

// Own addresses follow the services in force; those that are new are announced. Called after a
// commit.
void announce_follow(struct slowpath *s);
void announce_poll(struct slowpath *s);
// Somebody else uses an address of ours.
void address_conflict(struct slowpath *s, const struct internal_port *port,
	const struct ip_addr *address, uint64_t mac);

// ---- metadata.c -------------------------------------------------------------------------------

// Backends follow the services in force.
void metadata_follow(struct slowpath *s);
// An IPv4 packet of a client for the metadata service; its port has a backend.
void metadata_send(struct slowpath *s, const struct frame *f);
// Forgets all of them.
void metadata_clear(struct slowpath *s);
// Takes what the backends sent. True when more waits.
bool metadata_poll(struct slowpath *s);

// ---- icmp_limit.c -----------------------------------------------------------------------------

// Whether the port may send one more ICMP error to the address (1000/s of a port or of all ports of
// a router, burst 50; 1/s of a destination, burst 6). Counts it.
bool icmp_limit_pass(struct slowpath *s, uint16_t attachment, uint32_t destination);

// ---- router.c ---------------------------------------------------------------------------------

// A packet that ends at a router or before a tunnel, whose sender is to be told. Returns the reason
// it dies for; it stays the caller's.
enum drop_reason router_error(struct slowpath *s, const struct punt *punt, struct frame *f);
// Whether the address is one of the router's that the port belongs to, on whatever network.
bool router_has_address(
	const struct slowpath *s, const struct internal_port *port, uint32_t address);
// A packet whose next hop does not answer. Takes it.
void router_unreachable(struct slowpath *s, const struct punt *punt);

// ---- router_neighbour.c -----------------------------------------------------------------------

// A packet whose next hop has no MAC yet. Takes it.
void router_unresolved(struct slowpath *s, const struct punt *punt);
// What an ARP packet that a router's port got says of its sender, who is a station.
void router_heard(struct slowpath *s, const struct internal_port *port, const struct arp *arp);
// Neighbours of ports that are gone go, too.
void router_follow(struct slowpath *s);
void router_poll(struct slowpath *s);
void router_clear(struct slowpath *s); // forgets all

// ---- membership.c -----------------------------------------------------------------------------

// Joins and leaves so that what is joined is what the configuration wants.
void membership_update(struct slowpath *s);
// Leaves all groups at once.
void membership_leave_all(struct slowpath *s);
void membership_query(struct slowpath *s, const void *message, uint16_t len);
void membership_poll(struct slowpath *s);
