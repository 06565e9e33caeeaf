// SPDX-License-Identifier: BSD-3-Clause
// Datagrams whose fragments are on their way: what the first fragment of each has shown, which
// bytes have come, and the fragments that wait for their first.
//
// One table for the node, under one lock: several receive queues of a device may bring the
// fragments of one datagram to different workers, and the limit on what waits is the node's.
// Fragments are rare, and the lock is held over one of them at a time.
//
// Time and memory are bounded whatever comes: a secret multiplier makes the buckets, all datagrams
// live as long, so that the oldest is the next to expire, and each attachment has a quota.
//
// A fragment that waits is the table's: the caller counts it as consumed when it is held, and as
// originated when it is taken out.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "tables/counters.h"
#include "tables/limits.h"

#define FRAGMENT_TIMEOUT_S 30
#define FRAGMENT_HELD_MAX  64	      // of one datagram
#define FRAGMENT_HELD_SIZE (4u << 20) // bytes of buffers, of all that waits
#define FRAGMENT_RANGES	   64	      // parts with holes between them, of one datagram
#define FRAGMENT_DATAGRAMS 16384
#define FRAGMENT_QUOTA	   (FRAGMENT_DATAGRAMS / 4) // of datagrams, for each attachment
#define FRAGMENT_NO_REASON N_DROP_REASONS
#define FRAGMENT_L4_LEN	   8

// The attachment stands for the zone: a network's fragments of one datagram come in by one, and a
// port can not meddle with the datagrams of another.
struct fragment_key {
	uint8_t source[16]; // IPv4: the first 4 bytes, the rest 0
	uint8_t destination[16];
	uint32_t id;
	uint16_t in;	  // attachment
	uint8_t family;	  // 4 or 6
	uint8_t protocol; // IPv6: that of the fragment header itself, since only the first one's
			  // next header counts (RFC 8200)
};

_Static_assert(sizeof(struct fragment_key) == 40, "a key has no holes");

// What the first fragment of a datagram was, for those that follow.
struct fragment_verdict {
	uint8_t l4[FRAGMENT_L4_LEN]; // the beginning of its L4 header
	uint8_t l4_len;
	uint8_t protocol;	// of that header
	uint8_t track;		// enum track_state
	uint8_t reason;		// all fragments die of it; FRAGMENT_NO_REASON: they go on
	uint8_t session_reason; // those that need a session die of it; FRAGMENT_NO_REASON: there is
				// one
	bool later;		// of a packet: it is not the first one itself
	bool waits;		// for a next hop: the first comes again
};

// A fragment that waits, as much of it as does not lie in its frame.
struct fragment_held {
	struct rte_mbuf *mbuf;
	uint16_t len; // L2
	uint16_t in;
	uint16_t network;
	uint8_t flags; // PACKET_*
};

struct fragment {
	struct fragment_key key;
	uint16_t start; // of the bytes of the datagram that it carries; 0: the first fragment
	uint16_t end;	// the byte behind them; greater than start
	bool more;	// others follow
	bool again;	// it was here before; it waits no more, and is no overlap
	uint8_t reason; // the whole datagram dies of it (a first one that can not decide);
			// FRAGMENT_NO_REASON
	struct fragment_held held; // how it would wait
};

// What is to be done with a fragment.
enum fragment_fate {
	FRAGMENT_JUDGE, // the first: judge it, then fragment_decide() and fragment_take() them all
	FRAGMENT_PASS,	// as its first: `verdict` holds
	FRAGMENT_HELD,	// it is the table's now
	FRAGMENT_DROP,	// it dies of verdict.reason
};

struct fragment_answer {
	enum fragment_fate fate;
	uint32_t datagram; // fragment_take() what waits for it, until there is none; 0: not yours
			   // (a first one that comes again while another worker has it)
	struct fragment_verdict verdict; // JUDGE: what is known of a first one that comes again
};

struct fragment_table;

// NULL and errno on failure.
struct fragment_table *fragment_table_new(void);
void fragment_table_free(struct fragment_table *table); // and what waits

struct fragment_answer fragment_arrive(
	struct fragment_table *table, const struct fragment *fragment, uint32_t now_s);
// The first fragment was judged, or judged again. If it waits, those that follow are held until it
// has come again.
void fragment_decide(
	struct fragment_table *table, uint32_t datagram, const struct fragment_verdict *verdict);
// Takes out the next fragment that waits, in the order they came, and what is to become of it.
// False: there is none; the datagram is no longer the caller's.
bool fragment_take(struct fragment_table *table, uint32_t datagram, struct fragment_held *held,
	struct fragment_verdict *verdict);

// Whether fragment_expire() may have anything to do. Takes no lock.
bool fragment_expires(const struct fragment_table *table, uint32_t now_s);
// Forgets some of what is too old. A datagram whose first never came is returned, so that the
// caller takes out what waits for it; else 0.
uint32_t fragment_expire(struct fragment_table *table, uint32_t now_s);
