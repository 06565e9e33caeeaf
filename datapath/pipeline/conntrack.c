// SPDX-License-Identifier: BSD-3-Clause
// Tracks a burst in three passes: read each packet and prefetch its bucket, find the candidates in
// the buckets and prefetch the sessions, then compare and judge.

#include <string.h>

#include "net/headers.h"
#include "pipeline/conntrack.h"
#include "pipeline/packet.h"
#include "pipeline/tcp_state.h"

#define ICMP_LEN	 8 // of the header
#define PORTS_LEN	 8 // of the shortest header with ports
#define UDP_STREAM_AGE_S 2

enum {
	IP_PROTOCOL_NONE = 59, // "no next header" of IPv6
	ICMP_UNREACHABLE = 3,
	ICMP_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PARAMETER = 4,
	ICMP6_MLD_QUERY = 130,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_MLD2_REPORT = 143,
};

// ---- ICMP -------------------------------------------------------------------------------------

struct icmp_query {
	uint8_t request; // enum session_icmp_request
	bool answer;
};

static struct icmp_query icmp_query(const struct inet *ip)
{
	static const struct icmp_query queries[] = {
		[8] = {SESSION_ICMP_ECHO, false},
		[0] = {SESSION_ICMP_ECHO, true},
		[13] = {SESSION_ICMP_TIMESTAMP, false},
		[14] = {SESSION_ICMP_TIMESTAMP, true},
		[15] = {SESSION_ICMP_INFORMATION, false},
		[16] = {SESSION_ICMP_INFORMATION, true},
		[17] = {SESSION_ICMP_MASK, false},
		[18] = {SESSION_ICMP_MASK, true},
	};
	static const struct icmp_query none = {SESSION_ICMP_NO_REQUEST, false};
	uint8_t type = ip->l4[0];

	if (ip->family == 6) {
		if (type != 128 && type != 129)
			return none;
		return (struct icmp_query){SESSION_ICMP_ECHO, type == 129};
	}
	return type < ARRAY_SIZE(queries) ? queries[type] : none;
}

static bool is_icmp_error(const struct inet *ip)
{
	uint8_t type = ip->l4[0];

	if (ip->family == 6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER;
	return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

// Neighbour and router discovery, MLD: they belong to the link, not to a flow.
static bool is_link_message(const struct inet *ip)
{
	uint8_t type = ip->l4[0];

	return ip->family == 6 &&
	       ((type >= ICMP6_MLD_QUERY && type <= ICMP6_NEIGHBOUR_ADVERTISEMENT) ||
		       type == ICMP6_MLD2_REPORT);
}

static inline bool is_icmp(const struct inet *ip)
{
	return ip->protocol == (ip->family == 6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP);
}

// ---- reading ----------------------------------------------------------------------------------

static inline bool is_whole(const struct inet *ip)
{
	return ip->fragment == INET_WHOLE;
}

static inline bool udp_valid(const struct inet *ip, bool checksum_good)
{
	if (ip->l4_len < UDP_LEN)
		return false;
	uint16_t len = load_be16(ip->l4 + 4);

	if (len < UDP_LEN)
		return false;
	if (!is_whole(ip))
		return true;
	return len <= ip->l4_len && (checksum_good || inet_checksum_right(ip, len));
}

// Whether the L4 header can be true, and the checksum is right where the whole packet is here.
static inline bool l4_valid(const struct inet *ip, bool checksum_good)
{
	switch (ip->protocol) {
	case IP_PROTOCOL_TCP:
		if (!tcp_valid(ip))
			return false;
		break;
	case IP_PROTOCOL_UDP:
		return udp_valid(ip, checksum_good);
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_ICMPV6:
		// ICMPv6 in IPv4 and the other way round is nobody's.
		if (!is_icmp(ip) || ip->l4_len < ICMP_LEN)
			return false;
		break;
	case IP_PROTOCOL_SCTP:
	case IP_PROTOCOL_DCCP:
	case IP_PROTOCOL_UDPLITE:
		return ip->l4_len >= PORTS_LEN;
	case IP_PROTOCOL_NONE:
		return false;
	default:
		return true;
	}
	return !is_whole(ip) || checksum_good || inet_checksum_right(ip, ip->l4_len);
}

// Gives a tuple what ICMP has in place of ports; false when no session can have it.
static bool add_icmp(struct session_tuple *tuple, const struct inet *ip)
{
	struct icmp_query query = icmp_query(ip);
	uint16_t kind = query.request << SESSION_ICMP_REQUEST_SHIFT | ip->l4[1];

	if (query.request == SESSION_ICMP_NO_REQUEST)
		return false;
	session_tuple_icmp(tuple, load_16(ip->l4 + 4), kind, query.answer);
	return true;
}

// Builds the tuple, without its hash; false when no session can have it. The L4 header is there.
static inline bool read_tuple(struct session_tuple *tuple, const struct inet *ip, uint16_t zone)
{
	struct session_endpoints ends = {
		.source = ip->source,
		.destination = ip->destination,
		.source_port = rte_cpu_to_be_16(ip->source_port),
		.destination_port = rte_cpu_to_be_16(ip->destination_port),
	};
	uint64_t meta = session_meta(zone, ip->family, ip->protocol);

	if (likely(ip->family == 4))
		session_tuple4(tuple, meta, &ends);
	else
		session_tuple6(tuple, meta, &ends);
	return likely(!is_icmp(ip)) || add_icmp(tuple, ip);
}

// How much of the L4 header a tuple is read from.
static unsigned tuple_len(const struct inet *ip)
{
	if (is_icmp(ip))
		return ICMP_LEN;
	return inet_has_ports(ip->protocol) ? 4 : 0;
}

// The tuple of the packet that an ICMP error quotes; false when it quotes none, or one that was not
// sent by who gets the error.
static bool read_quoted_tuple(struct session_tuple *tuple, const struct inet *error, uint16_t zone)
{
	struct inet quote;

	if (!inet_read_quote(&quote, error->l4 + ICMP_LEN, error->l4_len - ICMP_LEN, error->family))
		return false;
	if (memcmp(quote.source, error->destination, error->family == 4 ? 4 : 16) != 0)
		return false;
	return quote.l4_len >= tuple_len(&quote) && read_tuple(tuple, &quote, zone);
}

// First pass, for one packet: the state if it is known already, else what is to be found out: NEW
// (or of a session) or RELATED.
static inline enum track_state read_packet(struct track_packet *p)
{
	const struct inet *ip = &p->ip;

	if (ip->fragment == INET_LATER)
		return TRACK_NONE;
	if (!l4_valid(ip, p->checksum_good))
		return TRACK_INVALID;
	if (is_icmp(ip)) {
		if (is_link_message(ip))
			return TRACK_UNTRACKED;
		if (is_icmp_error(ip))
			return read_quoted_tuple(&p->tuple, ip, p->zone) ? TRACK_RELATED
									 : TRACK_INVALID;
	}
	return read_tuple(&p->tuple, ip, p->zone) ? TRACK_NEW : TRACK_INVALID;
}

// ---- judging ----------------------------------------------------------------------------------

// Whether a packet was found by the key of its session's originator, not by that of the replies.
static inline bool is_by_key(const struct session *s, const struct session_tuple *tuple)
{
	return likely(!(session_flags(s) & SESSION_TRANSLATED)) ||
	       session_key_equal(&s->key, &tuple->key);
}

static inline bool flows_back_by(
	const struct session *s, const struct session_tuple *tuple, bool by_key)
{
	bool reversed = session_flags(s) & SESSION_REVERSED;
	bool reply_reversed = session_flags(s) & SESSION_REPLY_REVERSED;

	return by_key ? tuple->flipped != reversed : tuple->flipped == reply_reversed;
}

static inline bool flows_back(const struct session *s, const struct session_tuple *tuple)
{
	return flows_back_by(s, tuple, is_by_key(s, tuple));
}

// A host that talks to itself by an address of the router.
static inline bool has_one_key(const struct session *s)
{
	struct session_key reply = session_reply_key(s);

	return session_key_equal(&s->key, &reply);
}

// Each key of a translated session is that of one direction on one side of the router: what flows
// the other way with the same addresses is none of it. The packet that an error quotes is seen from
// the other end.
static inline bool is_other_side(const struct session *s, bool by_key, bool back, bool is_quote)
{
	return session_flags(s) & SESSION_TRANSLATED && unlikely((back == by_key) != is_quote) &&
	       !(by_key && has_one_key(s));
}

static enum session_timeout simple_timeout(const struct inet *ip)
{
	if (ip->protocol == IP_PROTOCOL_UDP)
		return SESSION_TIMEOUT_UDP;
	return is_icmp(ip) ? SESSION_TIMEOUT_ICMP : SESSION_TIMEOUT_OTHER;
}

static inline void continue_simple(
	struct session *s, const struct inet *ip, bool replied, uint32_t now_s)
{
	// A stream stays one: its age, on the other cache line, is no longer looked at.
	if (!replied || session_state(s) == SESSION_STREAM)
		return;
	if (ip->protocol == IP_PROTOCOL_UDP && (int32_t)(now_s - s->created_s) > UDP_STREAM_AGE_S)
		session_set_state(s, SESSION_STREAM, SESSION_TIMEOUT_UDP_STREAM);
	else
		session_set_state(s, SESSION_REPLIED, simple_timeout(ip));
}

// What a packet of a session that is there does to it. TCP_WRONG and TCP_REOPEN: it is none of it.
static inline enum tcp_verdict continue_session(
	const struct tracker *tracker, struct session *s, const struct inet *ip, bool reply)
{
	struct session_table *table = tracker->sessions;
	enum tcp_verdict verdict = TCP_TAKEN;
	bool replied = reply || session_flags(s) & SESSION_SEEN_REPLY;

	if (ip->protocol == IP_PROTOCOL_TCP) {
		session_lock(table, s);
		verdict = tcp_continue(table, s, ip, reply);
		session_unlock(table, s);
	} else {
		continue_simple(s, ip, replied, tracker->now_s);
	}
	if (verdict == TCP_WRONG || verdict == TCP_REOPEN)
		return verdict;
	if (verdict == TCP_TAKEN)
		session_refresh(s, tracker->now_s);
	if (reply)
		session_set_flags(s, SESSION_SEEN_REPLY);
	return verdict;
}

// `back`: the packet flows back in the session.
static inline void judge_known(
	const struct tracker *tracker, struct track_packet *p, uint32_t id, bool back)
{
	struct session *s = session_get(tracker->sessions, id);
	enum tcp_verdict verdict = continue_session(tracker, s, &p->ip, back);
	bool replied = session_flags(s) & SESSION_SEEN_REPLY;

	if (verdict == TCP_WRONG) {
		p->state = TRACK_INVALID;
		return;
	}
	if (verdict == TCP_REOPEN) {
		session_remove(tracker->sessions, id);
		p->state = TRACK_NEW;
		return;
	}
	if (verdict == TCP_ENDED)
		session_remove(tracker->sessions, id);
	p->session = id;
	p->reply = back;
	p->state = replied ? TRACK_ESTABLISHED : TRACK_NEW;
}

static bool can_begin(const struct inet *ip)
{
	if (ip->protocol == IP_PROTOCOL_TCP)
		return tcp_begins(ip);
	return !is_icmp(ip) || !icmp_query(ip).answer;
}

// Id of the session of a packet, 0: none.
static inline uint32_t find_session(const struct tracker *tracker, struct track_packet *p)
{
	const struct session_table *table = tracker->sessions;
	const struct session *guess = session_get(table, p->guess);

	if (p->guess != 0) {
		if (likely(session_matches(guess, &p->tuple.key) &&
			    !session_expired(table, guess, tracker->now_s)))
			return p->guess;
		p->tuple.hash = session_hash(table, &p->tuple.key);
		p->slots = session_candidates(table, p->tuple.hash, false);
	}
	uint32_t id = session_find(table, &p->tuple, p->slots, tracker->now_s);

	if (p->came_with != 0 && id != 0)
		session_set_peer(session_get(table, p->came_with), p->came_as_reply, id);
	return id;
}

// Last pass, for one packet.
static inline void judge(const struct tracker *tracker, struct track_packet *p)
{
	uint32_t id = find_session(tracker, p);
	const struct session *s = session_get(tracker->sessions, id);
	bool is_quote = p->state == TRACK_RELATED;

	if (id == 0) {
		p->state = !is_quote && can_begin(&p->ip) ? TRACK_NEW : TRACK_INVALID;
		return;
	}
	bool by_key = is_by_key(s, &p->tuple);
	bool back = flows_back_by(s, &p->tuple, by_key);

	if (unlikely(is_other_side(s, by_key, back, is_quote))) {
		p->state = TRACK_INVALID;
	} else if (unlikely(is_quote)) {
		p->session = id;
		p->reply = !back; // the error flows against the packet that it quotes
		p->state = TRACK_RELATED;
	} else {
		judge_known(tracker, p, id, back);
	}
}

static inline bool is_open(const struct track_packet *p)
{
	return p->state == TRACK_NEW || p->state == TRACK_RELATED;
}

// Second pass, for one packet.
static inline void prefetch(const struct session_table *table, struct track_packet *p)
{
	p->guess = 0;
	if (p->came_with != 0)
		p->guess = session_peer(session_get(table, p->came_with), p->came_as_reply);
	if (p->guess != 0) {
		session_prefetch(table, p->guess, p->ip.protocol == IP_PROTOCOL_TCP);
		return;
	}
	p->tuple.hash = session_hash(table, &p->tuple.key);
	session_prefetch_bucket(table, p->tuple.hash);
}

void track_lookup(const struct tracker *tracker, struct track_packet *packets, unsigned n)
{
	const struct session_table *table = tracker->sessions;

	for (unsigned i = 0; i < n; i++) {
		struct track_packet *p = &packets[i];

		p->session = 0;
		p->reply = false;
		p->state = read_packet(p);
	}
	for (unsigned i = 0; i < n; i++) {
		if (is_open(&packets[i]))
			prefetch(table, &packets[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct track_packet *p = &packets[i];

		if (is_open(p) && p->guess == 0)
			p->slots = session_candidates(
				table, p->tuple.hash, p->ip.protocol == IP_PROTOCOL_TCP);
	}
	for (unsigned i = 0; i < n; i++) {
		if (is_open(&packets[i]))
			judge(tracker, &packets[i]);
	}
}

void track_later(const struct tracker *tracker, struct track_packet *packet)
{
	const struct session_table *table = tracker->sessions;
	struct session_tuple *tuple = &packet->tuple;
	const struct inet *ip = &packet->ip;

	packet->state = TRACK_INVALID;
	packet->session = 0;
	if (ip->l4_len < tuple_len(ip) || !read_tuple(tuple, ip, packet->zone))
		return;
	tuple->hash = session_hash(table, &tuple->key);
	uint32_t id = session_lookup(table, tuple, tracker->now_s);

	if (id == 0)
		return;
	const struct session *s = session_get(table, id);
	bool by_key = is_by_key(s, tuple), back = flows_back_by(s, tuple, by_key);

	if (is_other_side(s, by_key, back, false))
		return;
	packet->session = id;
	packet->reply = back;
	packet->state = TRACK_ESTABLISHED;
}

// ---- confirming -------------------------------------------------------------------------------

static void begin_session(const struct tracker *tracker, struct session *s,
	const struct track_packet *p, const struct session_tuple *tuple)
{
	s->key = tuple->key;
	s->seen_s = tracker->now_s;
	s->created_s = tracker->now_s;
	s->flags = tuple->flipped ? SESSION_REVERSED : 0;
	if (p->ip.protocol == IP_PROTOCOL_TCP) {
		tcp_begin(tracker->sessions, s, &p->ip);
	} else {
		s->state = SESSION_UNREPLIED;
		s->timeout = simple_timeout(&p->ip);
	}
}

// Publishes a session that is filled in. A packet of the same flow may have been faster: then this
// one is a further packet of its session. False: there is no room.
static bool publish(const struct tracker *tracker, struct track_packet *packet, uint32_t id,
	const struct session_tuple *tuple)
{
	struct session_table *table = tracker->sessions;

	packet->session = session_publish(table, tracker->worker, id, tuple->hash, tracker->now_s);
	if (packet->session == 0)
		return false;
	struct session *s = session_get(table, packet->session);

	if (packet->session != id) {
		packet->reply = flows_back(s, tuple);
		continue_session(tracker, s, &packet->ip, packet->reply);
	}
	return true;
}

bool track_confirm(
	const struct tracker *tracker, struct track_packet *packet, uint16_t in, uint16_t owner)
{
	struct session_table *table = tracker->sessions;
	struct session_tuple tuple;

	if (!read_tuple(&tuple, &packet->ip, packet->zone))
		return false;
	tuple.hash = session_hash(table, &tuple.key);
	uint32_t id = session_reserve(table, tracker->worker, owner);

	// Another copy of the packet, or the one before it, may have taken the last place for the
	// flow.
	if (id == 0) {
		packet->session = session_lookup(table, &tuple, tracker->now_s);
		return packet->session != 0;
	}
	struct session *s = session_get(table, id);

	s->in = in;
	begin_session(tracker, s, packet, &tuple);
	return publish(tracker, packet, id, &tuple);
}

// ---- translated flows -------------------------------------------------------------------------

#define PORT_TRIES 512 // of the ports of a class, so that a new flow's cost is bounded

// A range of ports that stand for each other: what a port below 1024 says stays true.
struct port_class {
	uint32_t first;
	uint32_t n;
};

static struct port_class class_of_port(const struct inet *ip, uint16_t port)
{
	if (is_icmp(ip))
		return (struct port_class){0, 0x10000}; // ids say nothing
	if (port < 512)
		return (struct port_class){1, 511};
	if (port < 1024)
		return (struct port_class){512, 512};
	return (struct port_class){1024, 0x10000 - 1024};
}

// The n-th port to try for an inside address and port. A secret of the table makes it random, and
// the same towards all destinations (RFC 4787, REQ-1), as long as it is free.
static rte_be16_t port_to_try(const struct session_table *table, const struct inet *ip,
	const struct nat_ends *inside, unsigned n)
{
	struct port_class class = class_of_port(ip, rte_be_to_cpu_16(inside->source_port));
	uint64_t source =
		(uint64_t)inside->source << 32 | (uint64_t)inside->source_port << 8 | ip->protocol;
	uint64_t hash =
		session_fold(session_fold(source ^ table->multiplier[0], table->multiplier[1]) + n,
			table->multiplier[2]);

	return rte_cpu_to_be_16(
		(uint16_t)(class.first + (uint32_t)((hash & 0xffffffff) * class.n >> 32)));
}

// The tuple of the answers to a packet that has these ends.
static void reply_tuple(
	struct session_tuple *tuple, const struct track_packet *packet, const struct nat_ends *ends)
{
	const struct inet *ip = &packet->ip;
	uint64_t meta = session_meta(packet->zone, 4, ip->protocol);
	struct session_endpoints reply = {
		.source = (const uint8_t *)&ends->destination,
		.destination = (const uint8_t *)&ends->source,
	};

	if (!is_icmp(ip)) {
		reply.source_port = ends->destination_port;
		reply.destination_port = ends->source_port;
		session_tuple4(tuple, meta, &reply);
		return;
	}
	struct icmp_query query = icmp_query(ip);
	uint16_t kind = query.request << SESSION_ICMP_REQUEST_SHIFT | ip->l4[1];

	session_tuple4(tuple, meta, &reply);
	session_tuple_icmp(tuple, ends->source_port, kind, !query.answer);
}

// SCTP's checksum can not be patched, and other protocols have no ports.
static bool has_free_port(const struct inet *ip)
{
	return is_icmp(ip) || (inet_has_ports(ip->protocol) && ip->protocol != IP_PROTOCOL_SCTP);
}

static bool claim(const struct tracker *tracker, uint32_t id, struct session_tuple *reply)
{
	struct session_table *table = tracker->sessions;
	struct session *s = session_get(table, id);

	reply->hash = session_hash(table, &reply->key);
	session_set_reply(s, reply);
	// A host that talks to itself: one entry serves both.
	return session_key_equal(&s->key, &reply->key) ||
	       session_claim_reply(table, id, reply->hash, tracker->now_s);
}

// Takes a tuple for the replies that nobody has.
static bool claim_any(const struct tracker *tracker, uint32_t id, const struct track_packet *packet,
	const struct track_translation *translation)
{
	struct nat_ends inside = nat_ends_of(&packet->ip);
	struct nat_ends to = translation->to;
	bool any_port = translation->any_port && has_free_port(&packet->ip);
	struct session_tuple reply;

	reply_tuple(&reply, packet, &to);
	for (unsigned n = 0; !claim(tracker, id, &reply); n++) {
		if (!any_port || n == PORT_TRIES)
			return false;
		to.source_port = port_to_try(tracker->sessions, &packet->ip, &inside, n);
		reply_tuple(&reply, packet, &to);
	}
	return true;
}

enum drop_reason track_confirm_translated(const struct tracker *tracker,
	struct track_packet *packet, const struct track_translation *translation, uint16_t in,
	uint16_t owner)
{
	struct session_table *table = tracker->sessions;
	struct session_tuple tuple;

	if (!read_tuple(&tuple, &packet->ip, packet->zone))
		return DROP_CT_FULL;
	tuple.hash = session_hash(table, &tuple.key);
	packet->session = session_lookup(table, &tuple, tracker->now_s);
	if (packet->session != 0) {
		struct session *s = session_get(table, packet->session);

		packet->reply = flows_back(s, &tuple);
		continue_session(tracker, s, &packet->ip, packet->reply);
		return INET_OK;
	}
	uint32_t id = session_reserve(table, tracker->worker, owner);

	if (id == 0)
		return DROP_CT_FULL;
	session_get(table, id)->in = in;
	begin_session(tracker, session_get(table, id), packet, &tuple);
	if (!claim_any(tracker, id, packet, translation)) {
		session_cancel(table, tracker->worker, id);
		return DROP_NAT_EXHAUSTED;
	}
	return publish(tracker, packet, id, &tuple) ? INET_OK : DROP_CT_FULL;
}

void track_translate_error(const struct session *s, const struct track_packet *packet,
	struct nat_ends *to, struct nat_ends *quoted)
{
	struct nat_ends this = track_ends(s, packet->reply, false);

	*quoted = track_ends(s, !packet->reply, false);
	// Who sent the error may be a third: its address changes as that of the flow does.
	if (to->source == this.source)
		to->source = load_32(packet->ip.source);
	if (to->destination == this.destination)
		to->destination = load_32(packet->ip.destination);
}
