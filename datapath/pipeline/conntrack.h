// SPDX-License-Identifier: BSD-3-Clause
// Connection tracking: which state a packet has for the rules of a security group. The states are
// those of Linux nf_conntrack.
//
// track_lookup() judges a packet by the session table and notes what it means for a session that is
// there; it makes none. track_confirm() makes the session of a NEW packet that survived every
// filter and leaves, so that a dropped packet leaves nothing behind. Both read the packet's bytes
// anew and keep nothing, so that stages may drop and copy in between.
//
// A packet that goes through several zones, those of networks and of the routers between them, has
// a session in each. A session remembers which one its packets had in the zone behind it: only the
// first is looked up, the others are found there and compared.
//
// A packet may change the state of a session that its sender has nothing to do with: check its
// source address (E2) before it is tracked.
//
// Two packets of one new flow in one burst are both NEW, whatever they are, since the first has
// not left yet when the second is looked up.

#pragma once

#include "pipeline/inet.h"
#include "pipeline/nat_rewrite.h"
#include "tables/session.h"

enum track_state {
	TRACK_NONE, // not looked at, or a later fragment: as its first one
	TRACK_NEW,
	TRACK_ESTABLISHED,
	TRACK_RELATED, // an ICMP error about a session
	TRACK_INVALID,
	TRACK_UNTRACKED, // neighbour discovery, router discovery and MLD: as if stateless
};

// What a worker tracks with.
struct tracker {
	struct session_table *sessions;
	unsigned worker;
	uint32_t now_s; // tables_now_s()
};

struct track_packet {
	// by the caller
	struct inet ip;	    // of inet_read()
	uint16_t zone;	    // network
	bool checksum_good; // it is known that the L4 checksum is right
	bool came_as_reply; // its direction in
	uint32_t came_with; // the session that it had in the zone before, 0: none
	// answers
	bool reply;	  // it goes to the originator of its session
	uint8_t state;	  // enum track_state
	uint32_t session; // id; 0: none (yet). RELATED: that of the flow it is about
	// between the passes of track_lookup()
	uint32_t guess; // session, 0: none
	uint32_t slots;
	struct session_tuple tuple;
};

// Fills in the answers for a burst of packets.
void track_lookup(const struct tracker *tracker, struct track_packet *packets, unsigned n);

// The same for a later fragment whose packet->ip has been given the L4 header of its first one: it
// changes no session, and is ESTABLISHED if there is one, else INVALID.
void track_later(const struct tracker *tracker, struct track_packet *packet);

// Makes the session of a packet that track_lookup() called NEW without one. It came in by the
// attachment `in`; `owner` is the attachment whose quota pays: the filtered port that it came from,
// else the one that it goes to. Sets packet->session; the caller's copy of the packet needs `ip`
// and `zone` only. False: ct_full.
bool track_confirm(
	const struct tracker *tracker, struct track_packet *packet, uint16_t in, uint16_t owner);

// What a router makes of a new IPv4 flow.
struct track_translation {
	struct nat_ends to; // of the originator's packets, behind the router
	bool any_port;	    // the source port, or ICMP id, may be another when it is taken
};

// As track_confirm(), for a flow that is translated. If its session is there already, that of the
// packet before it, it stays as it is. INET_OK, DROP_CT_FULL or DROP_NAT_EXHAUSTED.
enum drop_reason track_confirm_translated(const struct tracker *tracker,
	struct track_packet *packet, const struct track_translation *translation, uint16_t in,
	uint16_t owner);

// ---- translation ------------------------------------------------------------------------------

// The ends of a packet from one endpoint of an IPv4 key to the other.
static inline struct nat_ends track_ends_of_key(uint64_t meta, uint64_t ip4, bool from_second)
{
	uint64_t addresses = from_second ? ip4 : ip4 << 32 | ip4 >> 32; // the source below
	uint32_t both = (uint32_t)meta;
	uint32_t ports = from_second ? both : both << 16 | both >> 16;
	struct nat_ends ends = {
		.source = (uint32_t)addresses,
		.destination = (uint32_t)(addresses >> 32),
		.source_port = (uint16_t)ports,
		.destination_port = (uint16_t)(ports >> 16),
	};

	if (unlikely((uint8_t)(meta >> 32) == IP_PROTOCOL_ICMP)) {
		ends.source_port = (uint16_t)(both >> 16); // the id
		ends.destination_port = 0;
	}
	return ends;
}

// The ends of a packet of the originator, or of the replier, on the side of the router where that
// is; `reversed`: of one that flows the other way there.
static inline struct nat_ends track_ends(const struct session *s, bool replier, bool reversed)
{
	uint8_t flags = session_flags(s);
	bool from_second = flags & (replier ? SESSION_REPLY_REVERSED : SESSION_REVERSED);

	return replier ? track_ends_of_key(
				 s->key.reply_meta, s->key.reply_ip4, from_second != reversed)
		       : track_ends_of_key(s->key.meta, s->key.ip4, from_second != reversed);
}

// Of an ICMP error, whose new addresses are in *to as those of a packet of its flow would be.
void track_translate_error(const struct session *s, const struct track_packet *packet,
	struct nat_ends *to, struct nat_ends *quoted);

// Whether the packet belongs to a translated session, and the ends that it gets by that. Of an ICMP
// error about one: the addresses that it gets, and in *quoted the ends of the packet in it.
static inline bool track_translate(const struct tracker *tracker, const struct track_packet *packet,
	struct nat_ends *to, struct nat_ends *quoted)
{
	const struct session *s = session_get(tracker->sessions, packet->session);

	if (!(session_flags(s) & SESSION_TRANSLATED)) // none of id 0, which nobody has
		return false;
	*to = track_ends(s, !packet->reply, true);
	if (unlikely(packet->state == TRACK_RELATED))
		track_translate_error(s, packet, to, quoted);
	return true;
}
