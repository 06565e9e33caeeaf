// SPDX-License-Identifier: BSD-3-Clause
// Sessions (connection tracking): what is known of a flow in a zone, found by a packet of either
// direction. Workers look up without locks, insert and remove under the lock of one bucket;
// control sweeps, cuts and lists.
//
// The key has the two endpoints in a fixed order, lower one first, so that one index entry serves
// both directions. A flow that a router translates has another tuple on its other side: its session
// has two keys, one for each direction, and an index entry for each; it is found by either.
//
// The index has buckets of one cache line: twelve 1-byte tags, one lock, twelve session ids. There
// is no probing: a key has one bucket, of which there is one for every four sessions that the table
// can hold, and a key whose bucket is full is refused as if the table were (one in 10^6 with 1 Mi
// sessions). The hash has a secret multiplier, so that nobody can aim at a bucket. A packet thus
// costs one bucket line and one session line (two for TCP) whatever its headers are.
//
// An id is a session's place in the table. It is taken (session_reserve), filled in, put into the
// index (session_publish), taken out of it (session_remove), and used again only after a grace
// period, so that a reader never sees a key change. Until then it counts against the limit and the
// quota: who makes sessions die quickly takes nothing away from others.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#include "net/addr.h"
#include "tables/byte_lock.h"
#include "tables/limits.h"
#include "tables/rcu.h"
#include "tables/vector.h"

#define SESSION_BUCKET_SIZE   12
#define SESSION_BUCKETS	      (MAX_SESSIONS / 4)
#define SESSION_MAX_LIMIT     (MAX_SESSIONS - 2048) // ids that workers keep ready are not counted
#define SESSION_DEFAULT_LIMIT (1u << 20)
#define SESSION_DEFAULT_QUOTA 65536u // of one attachment
#define SESSION_MAX_TIMEOUT_S (1u << 30)

// Addresses and ports as they lie in the packet; session_tuple4() and session_tuple6() build it.
struct session_key {
	uint64_t meta; // zone 16 bits, family 8, protocol 8, port of each endpoint 16
	union {
		// IPv4: both in [0]; IPv6: the first in [0..1], the second in [2..3]
		uint64_t address[4];
		// What IPv4 leaves free, so that a router reads no further cache line.
		struct {
			uint64_t ip4;
			uint64_t reply_meta; // translated: the key of the replies
			uint64_t reply_ip4;
			// The session that packets of each direction, the originator's and the
			// replies, have in the zone that they come to next; 0: not known. A guess:
			// whoever takes it compares the key.
			uint32_t peer[2];
		};
	};
};

// What a packet is looked up by.
struct session_tuple {
	struct session_key key;
	uint32_t hash;
	bool flipped; // the packet's source is the second endpoint of the key
};

struct session_bucket {
	uint8_t tag[SESSION_BUCKET_SIZE]; // 0: free
	struct byte_lock lock;
	uint8_t reserved[3];
	uint32_t id[SESSION_BUCKET_SIZE];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct session_bucket) == 64, "a bucket is one cache line");

enum session_life {
	SESSION_FREE, // not in use, or being filled in
	SESSION_LIVE, // in the index
	SESSION_DEAD, // out of the index, waits for a grace period
};

enum session_state {
	SESSION_UNREPLIED, // all but TCP: one direction seen
	SESSION_REPLIED,   // both seen
	SESSION_STREAM,	   // UDP: both seen, and older than 2 s
	SESSION_TCP_SYN_SENT,
	SESSION_TCP_SYN_BOTH, // simultaneous open: a SYN of each side
	SESSION_TCP_SYN_RECEIVED,
	SESSION_TCP_ESTABLISHED,
	SESSION_TCP_FIN_WAIT,
	SESSION_TCP_CLOSE_WAIT,
	SESSION_TCP_LAST_ACK,
	SESSION_TCP_TIME_WAIT,
	SESSION_TCP_CLOSE,
	N_SESSION_STATES
};

extern const char *const session_state_names[N_SESSION_STATES]; // "syn-sent", …

// Time-outs, each settable; they start with the defaults given here, in seconds.
enum session_timeout {
	SESSION_TIMEOUT_TCP_SYN_SENT,	    // 120
	SESSION_TIMEOUT_TCP_SYN_RECEIVED,   // 60
	SESSION_TIMEOUT_TCP_ESTABLISHED,    // 432000
	SESSION_TIMEOUT_TCP_FIN_WAIT,	    // 120
	SESSION_TIMEOUT_TCP_CLOSE_WAIT,	    // 60
	SESSION_TIMEOUT_TCP_LAST_ACK,	    // 30
	SESSION_TIMEOUT_TCP_TIME_WAIT,	    // 120
	SESSION_TIMEOUT_TCP_CLOSE,	    // 10
	SESSION_TIMEOUT_TCP_UNACKNOWLEDGED, // 300; also a segment sent 4 times, or a window of 0
	SESSION_TIMEOUT_UDP,		    // 30
	SESSION_TIMEOUT_UDP_STREAM,	    // 120
	SESSION_TIMEOUT_ICMP,		    // 30
	SESSION_TIMEOUT_OTHER,		    // 600
	N_SESSION_TIMEOUTS
};

#define SESSION_REVERSED       0x01 // the originator is the second endpoint of the key
#define SESSION_SEEN_REPLY     0x02 // a packet of the other direction was seen: established
#define SESSION_TRANSLATED     0x04 // replies have a key of their own
#define SESSION_ASSURED	       0x08 // TCP: established, as both sides showed
#define SESSION_REPLY_REVERSED 0x10 // TRANSLATED: the replier is the second endpoint of that key

// One side of a TCP connection. Sequence numbers are those of what it sends.
struct session_tcp_side {
	uint32_t end;	     // behind the last byte it sent
	uint32_t max_end;    // behind the last byte that the other side lets it send
	uint32_t max_window; // the largest window it offered; 0: not seen yet
	uint32_t max_ack;    // the highest acknowledgment it sent
};

// The TCP packet before this one, by which a retransmission, a reset in answer to something and a
// connection that we are out of step with are known.
struct session_tcp_last {
	uint32_t sequence;
	uint32_t ack;
	uint32_t end;
	uint16_t window;  // as in the packet
	uint8_t kind : 4; // enum tcp_kind
	uint8_t direction : 1;
	uint8_t n_retransmitted : 2;
	uint8_t reserved : 1;
	uint8_t scale : 4; // of a SYN that was let go by
	uint8_t flags : 4;
};

// Two cache lines. The first is all that a packet of a known flow needs, but for TCP.
struct session {
	struct session_key key; // does not change while the session is in the index
	uint32_t seen_s;	// second of the last packet
	uint8_t life;		// enum session_life
	uint8_t state;		// enum session_state
	uint8_t timeout;	// enum session_timeout that runs from seen_s on
	uint8_t flags;		// SESSION_*
	// What is known of the flow until it may have changed; conntrack sets it to 0 and leaves it
	// alone.
	union {
		// Zone of a network: the filters' stamp. The rows are counters of what accepted
		// the flow: out of its originator, and into the port `ingress`.
		struct {
			uint32_t epoch; // of the filters when the rows were found; 0: never
			uint32_t egress_row;
			uint32_t ingress_row;
		};
		// Zone of a router: the version of the snapshot by which the source of the
		// originator's packets, and of the replies, was found right; 0: never.
		uint32_t source_version[2];
	};
	uint16_t ingress; // attachment that ingress_row was found for

	uint16_t in; // attachment that the originator's packets come in by
	// second line
	uint32_t created_s;
	uint32_t next;	       // dead: the one after it in its list
	uint16_t owner;	       // attachment whose quota pays for it
	struct byte_lock lock; // TCP: of state, timeout and what follows
	uint8_t tcp_flags[2];  // originator, replier
	uint8_t tcp_scale[2];
	struct session_tcp_side tcp[2];
	struct session_tcp_last last;
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct session, created_s) == 64 && sizeof(struct session) == 128,
	"a session is two cache lines");

struct session_table {
	struct session_bucket *buckets; // SESSION_BUCKETS
	struct session *sessions;	// MAX_SESSIONS; [0] is never used
	uint64_t multiplier[4];		// of the hash; random and odd, set once
	uint32_t timeout_s[N_SESSION_TIMEOUTS];
	bool one_worker;	   // it needs no lock on what only workers change
	struct session_pool *pool; // ids and their counts
};

static inline struct session *session_get(const struct session_table *table, uint32_t id)
{
	return &table->sessions[id];
}

// ---- keys -------------------------------------------------------------------------------------

enum { SESSION_IP4 = 4, SESSION_IP6 = 6 };

// The two ends of a packet, as they lie in it. Protocols without ports have 0 there.
struct session_endpoints {
	const uint8_t *source; // address
	const uint8_t *destination;
	uint16_t source_port; // network order
	uint16_t destination_port;
};

static inline uint64_t session_meta(uint16_t zone, uint8_t family, uint8_t protocol)
{
	return (uint64_t)zone << 48 | (uint64_t)family << 40 | (uint64_t)protocol << 32;
}

static inline uint8_t session_family(const struct session_key *key)
{
	return (uint8_t)(key->meta >> 40);
}

// What takes the place of ports.
static inline uint64_t session_ports(uint16_t first, uint16_t second)
{
	return (uint64_t)first << 16 | second;
}

static inline void session_tuple4(
	struct session_tuple *tuple, uint64_t meta, const struct session_endpoints *ends)
{
	uint64_t source, destination;
	uint32_t address;

	memcpy(&address, ends->source, sizeof(address));
	source = (uint64_t)address << 16 | ends->source_port;
	memcpy(&address, ends->destination, sizeof(address));
	destination = (uint64_t)address << 16 | ends->destination_port;
	bool flipped = source > destination;
	uint64_t first = flipped ? destination : source;
	uint64_t second = flipped ? source : destination;

	tuple->key = (struct session_key){
		.meta = meta | session_ports((uint16_t)first, (uint16_t)second),
		.address = {first >> 16 << 32 | second >> 16},
	};
	tuple->flipped = flipped;
}

static inline void session_tuple6(
	struct session_tuple *tuple, uint64_t meta, const struct session_endpoints *ends)
{
	uint64_t source[2], destination[2];

	memcpy(source, ends->source, sizeof(source));
	memcpy(destination, ends->destination, sizeof(destination));
	bool flipped = source[0] != destination[0]   ? source[0] > destination[0]
		       : source[1] != destination[1] ? source[1] > destination[1]
						     : ends->source_port > ends->destination_port;
	const uint64_t *first = flipped ? destination : source;
	const uint64_t *second = flipped ? source : destination;

	tuple->key.meta =
		meta | (flipped ? session_ports(ends->destination_port, ends->source_port)
				: session_ports(ends->source_port, ends->destination_port));
	memcpy(&tuple->key.address[0], first, sizeof(source));
	memcpy(&tuple->key.address[2], second, sizeof(source));
	tuple->flipped = flipped;
}

static inline bool session_one_address(const struct session_key *key)
{
	if (session_family(key) == SESSION_IP4)
		return key->address[0] >> 32 == (uint32_t)key->address[0];
	return key->address[0] == key->address[2] && key->address[1] == key->address[3];
}

// In place of ports, ICMP has its id and a kind: the request, its code, and which endpoint asks.
#define SESSION_ICMP_SECOND_ASKS   0x0100
#define SESSION_ICMP_REQUEST_SHIFT 9

enum session_icmp_request {
	SESSION_ICMP_NO_REQUEST,
	SESSION_ICMP_ECHO,	  // 8, answered by 0; ICMPv6: 128 and 129
	SESSION_ICMP_TIMESTAMP,	  // 13 and 14
	SESSION_ICMP_INFORMATION, // 15 and 16
	SESSION_ICMP_MASK,	  // 17 and 18
};

// Adds them to a tuple that was built without ports. `answer`: the packet answers a request.
static inline void session_tuple_icmp(
	struct session_tuple *tuple, uint16_t id, uint16_t kind, bool answer)
{
	// Between one address and itself only the kind of message tells the direction.
	if (session_one_address(&tuple->key))
		tuple->flipped = answer;
	if (tuple->flipped != answer)
		kind |= SESSION_ICMP_SECOND_ASKS;
	tuple->key.meta |= session_ports(id, kind);
}

static inline uint64_t session_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline uint32_t session_hash(
	const struct session_table *table, const struct session_key *key)
{
	const uint64_t *m = table->multiplier;
	uint64_t hash = session_fold(key->meta ^ m[0], key->address[0] ^ m[1]);

	if (session_family(key) == SESSION_IP6) {
		hash = session_fold(hash ^ key->address[1], m[2]);
		hash = session_fold(hash ^ key->address[2], m[3]);
		hash = session_fold(hash ^ key->address[3], m[2]);
	}
	return (uint32_t)(session_fold(hash, m[3]) >> 32);
}

static inline bool session_key_equal(const struct session_key *a, const struct session_key *b)
{
	if (((a->meta ^ b->meta) | (a->address[0] ^ b->address[0])) != 0)
		return false;
	return session_family(a) == SESSION_IP4 ||
	       ((a->address[1] ^ b->address[1]) | (a->address[2] ^ b->address[2]) |
		       (a->address[3] ^ b->address[3])) == 0;
}

// The key of a translated session's replies.
static inline struct session_key session_reply_key(const struct session *s)
{
	return (struct session_key){.meta = s->key.reply_meta, .address = {s->key.reply_ip4}};
}

// Whether a key is that of a translated session's replies.
static inline bool session_is_reply_key(const struct session *s, const struct session_key *key)
{
	return ((s->key.reply_meta ^ key->meta) | (s->key.reply_ip4 ^ key->address[0])) == 0 &&
	       __atomic_load_n(&s->flags, __ATOMIC_RELAXED) & SESSION_TRANSLATED;
}

static inline bool session_has_key(const struct session *s, const struct session_key *key)
{
	return session_key_equal(&s->key, key) || session_is_reply_key(s, key);
}

// ---- look-up, by workers ----------------------------------------------------------------------
// For a burst: hash and prefetch every packet's bucket, then find and prefetch every packet's
// candidates, then compare.

static inline struct session_bucket *session_bucket(
	const struct session_table *table, uint32_t hash)
{
	return &table->buckets[hash & (SESSION_BUCKETS - 1)];
}

static inline uint8_t session_tag(uint32_t hash)
{
	uint8_t tag = hash >> 24;

	return tag + (tag == 0);
}

// Slots of a bucket whose tag is `tag`, a bit each. Acquire: an id read next is not older than its
// tag.
static inline uint32_t session_slots(const struct session_bucket *bucket, uint8_t tag)
{
#ifdef TABLES_SSE4
	__m128i line = _mm_load_si128((const __m128i *)(const void *)bucket);
	int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8((char)tag)));

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return (uint32_t)equal & ((1u << SESSION_BUCKET_SIZE) - 1);
#else
	uint32_t slots = 0;

	for (unsigned i = 0; i < SESSION_BUCKET_SIZE; i++)
		slots |= (uint32_t)(__atomic_load_n(&bucket->tag[i], __ATOMIC_ACQUIRE) == tag) << i;
	return slots;
#endif
}

static inline uint32_t session_id_at(const struct session_bucket *bucket, unsigned slot)
{
	return __atomic_load_n(&bucket->id[slot], __ATOMIC_ACQUIRE);
}

// First pass.
static inline void session_prefetch_bucket(const struct session_table *table, uint32_t hash)
{
	__builtin_prefetch(session_bucket(table, hash));
}

static inline void session_prefetch(const struct session_table *table, uint32_t id, bool both_lines)
{
	const struct session *s = session_get(table, id);

	__builtin_prefetch(s);
	if (both_lines)
		__builtin_prefetch((const uint8_t *)s + 64);
}

// Second pass: the slots to compare in the third; 0: there is no such session.
static inline uint32_t session_candidates(
	const struct session_table *table, uint32_t hash, bool both_lines)
{
	const struct session_bucket *bucket = session_bucket(table, hash);
	uint32_t slots = session_slots(bucket, session_tag(hash));

	if (slots != 0)
		session_prefetch(table, session_id_at(bucket, __builtin_ctz(slots)), both_lines);
	return slots;
}

static inline bool session_expired(
	const struct session_table *table, const struct session *s, uint32_t now_s)
{
	uint8_t timeout = __atomic_load_n(&s->timeout, __ATOMIC_RELAXED);
	uint32_t seen_s = __atomic_load_n(&s->seen_s, __ATOMIC_RELAXED);

	// Another worker's clock may be a second ahead.
	return (int32_t)(now_s - seen_s) >
	       (int32_t)__atomic_load_n(&table->timeout_s[timeout], __ATOMIC_RELAXED);
}

// Whether a session is live and has a key. While it is live its key does not change.
static inline bool session_matches(const struct session *s, const struct session_key *key)
{
	return __atomic_load_n(&s->life, __ATOMIC_ACQUIRE) == SESSION_LIVE &&
	       session_has_key(s, key);
}

// Third pass: id of the session; 0: none, or it has timed out. One that was removed since the
// second pass is none.
static inline uint32_t session_find(const struct session_table *table,
	const struct session_tuple *tuple, uint32_t slots, uint32_t now_s)
{
	const struct session_bucket *bucket = session_bucket(table, tuple->hash);

	for (; slots != 0; slots &= slots - 1) {
		uint32_t id = session_id_at(bucket, __builtin_ctz(slots));
		const struct session *s = session_get(table, id);

		if (likely(session_matches(s, &tuple->key)))
			return session_expired(table, s, now_s) ? 0 : id;
	}
	return 0;
}

// All three passes at once, for one packet.
static inline uint32_t session_lookup(
	const struct session_table *table, const struct session_tuple *tuple, uint32_t now_s)
{
	return session_find(table, tuple, session_candidates(table, tuple->hash, false), now_s);
}

// The session that a packet is likely to have in its next zone; 0: not known.
static inline uint32_t session_peer(const struct session *s, bool reply)
{
	if (session_family(&s->key) != SESSION_IP4)
		return 0;
	return __atomic_load_n(&s->key.peer[reply], __ATOMIC_RELAXED);
}

static inline void session_set_peer(struct session *s, bool reply, uint32_t id)
{
	if (session_family(&s->key) == SESSION_IP4)
		__atomic_store_n(&s->key.peer[reply], id, __ATOMIC_RELAXED);
}

// Notes that a packet was seen: one store a second at most, since the line is shared.
static inline void session_refresh(struct session *s, uint32_t now_s)
{
	if (__atomic_load_n(&s->seen_s, __ATOMIC_RELAXED) != now_s)
		__atomic_store_n(&s->seen_s, now_s, __ATOMIC_RELAXED);
}

static inline uint8_t session_flags(const struct session *s)
{
	return __atomic_load_n(&s->flags, __ATOMIC_RELAXED);
}

static inline uint32_t session_source_version(const struct session *s, bool reply)
{
	return __atomic_load_n(&s->source_version[reply], __ATOMIC_RELAXED);
}

static inline void session_set_source_version(struct session *s, bool reply, uint32_t version)
{
	__atomic_store_n(&s->source_version[reply], version, __ATOMIC_RELAXED);
}

// For what only TCP packets of the session change.
static inline void session_lock(const struct session_table *table, struct session *s)
{
	if (!table->one_worker)
		byte_lock(&s->lock);
}

static inline void session_unlock(const struct session_table *table, struct session *s)
{
	if (!table->one_worker)
		byte_unlock(&s->lock);
}

// Sets flags; they are never taken away.
static inline void session_set_flags(struct session *s, uint8_t flags)
{
	if ((session_flags(s) & flags) != flags)
		__atomic_fetch_or(&s->flags, flags, __ATOMIC_RELAXED);
}

static inline enum session_state session_state(const struct session *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_RELAXED);
}

static inline void session_set_state(
	struct session *s, enum session_state state, enum session_timeout timeout)
{
	if (__atomic_load_n(&s->state, __ATOMIC_RELAXED) != state)
		__atomic_store_n(&s->state, state, __ATOMIC_RELAXED);
	if (__atomic_load_n(&s->timeout, __ATOMIC_RELAXED) != timeout)
		__atomic_store_n(&s->timeout, timeout, __ATOMIC_RELAXED);
}

// ---- change, by workers (each with its own index) and control ---------------------------------

// Takes an id for a session that `owner` pays for. Its memory is zeroed and nobody else's; the
// caller fills in key, seen_s and what the protocol needs, and publishes it. 0: a limit is reached.
uint32_t session_reserve(struct session_table *table, unsigned worker, uint16_t owner);
// Gives back an id that was reserved and neither published nor claimed a key for.
void session_cancel(struct session_table *table, unsigned worker, uint32_t id);
// Puts it into the index. Returns the id under which its key can be found from now on: `id`, or
// that of a session which was there first, or 0 when the bucket is full. If not `id`, then `id` is
// given back. A session that has timed out gives way.
uint32_t session_publish(
	struct session_table *table, unsigned worker, uint32_t id, uint32_t hash, uint32_t now_s);
// Before it, for a session that is SESSION_TRANSLATED: puts the key of its replies into the index,
// where it is taken from now on, but not found yet. False: it is taken already, or there is no
// room; nothing has changed. If session_publish() then fails, it takes the key out again.
bool session_claim_reply(struct session_table *table, uint32_t id, uint32_t hash, uint32_t now_s);
// Gives the key of replies to a session that is not published.
static inline void session_set_reply(struct session *s, const struct session_tuple *reply)
{
	s->key.reply_meta = reply->key.meta;
	s->key.reply_ip4 = reply->key.address[0];
	s->flags = (s->flags & ~SESSION_REPLY_REVERSED) | SESSION_TRANSLATED |
		   (reply->flipped ? SESSION_REPLY_REVERSED : 0);
}
// Takes a session out of the index. False when somebody else just did.
bool session_remove(struct session_table *table, uint32_t id);

// ---- control ----------------------------------------------------------------------------------

// NULL and errno on failure.
struct session_table *session_table_new(struct rcu *rcu, unsigned n_workers);
void session_table_free(struct session_table *table);

// At most `limit` sessions (1..SESSION_MAX_LIMIT), at most `quota` of one owner (1..limit). Less
// than there are: those that are there stay, new ones are refused.
void session_set_limits(struct session_table *table, uint32_t limit, uint32_t quota);
// At most SESSION_MAX_TIMEOUT_S; holds at once for all sessions.
void session_set_timeout(
	struct session_table *table, enum session_timeout timeout, uint32_t seconds);

struct session_counts {
	uint32_t live;
	uint32_t dead; // waiting for a grace period
	uint32_t limit;
	uint32_t quota;
};

struct session_counts session_counts(const struct session_table *table);
uint32_t session_count_owner(const struct session_table *table, uint16_t owner); // live and dead

// Removes what has timed out from the next `max_buckets` buckets, and lets ids be used again whose
// grace period is over. Call it a few times a second even when nothing may be swept.
void session_sweep(struct session_table *table, uint32_t now_s, uint32_t max_buckets);

// A session as people know it.
struct session_info {
	uint32_t id;
	uint16_t zone;
	uint8_t family; // SESSION_IP4, SESSION_IP6
	uint8_t protocol;
	uint8_t state;	       // enum session_state
	uint8_t flags;	       // SESSION_*
	struct ip_addr source; // the originator
	struct ip_addr destination;
	uint16_t source_port; // host order; 0 when the protocol has none
	uint16_t destination_port;
	bool translated; // replies go from and to:
	struct ip_addr reply_source;
	struct ip_addr reply_destination;
	uint16_t reply_source_port;
	uint16_t reply_destination_port;
	uint16_t reply_icmp_id;
	uint16_t icmp_id;  // host order; ICMP only
	uint8_t icmp_type; // of the request
	uint8_t icmp_code;
	uint16_t in;
	uint16_t owner;
	uint32_t age_s;	    // since it was made
	uint32_t idle_s;    // since its last packet
	uint32_t expires_s; // seconds until it times out
};

// Calls visit() for every live session; stops when it returns false.
void session_walk(const struct session_table *table, uint32_t now_s,
	bool (*visit)(const struct session_info *, void *), void *arg);
// Removes the live sessions that `match` says; returns their number. NULL: all. A worker may still
// publish one that was judged before: cut again after a grace period of what made it wrong.
uint32_t session_cut(
	struct session_table *table, bool (*match)(const struct session_info *, void *), void *arg);
