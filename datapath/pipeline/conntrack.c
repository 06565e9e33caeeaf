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

static bool is_icmp(const struct inet *ip)
{
	return ip->protocol == (ip->family == 6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP);
}

// ---- reading ----------------------------------------------------------------------------------

static bool is_whole(const struct inet *ip)
{
	return ip->fragment == INET_WHOLE;
}

static bool udp_valid(const struct inet *ip, bool checksum_good)
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
static bool l4_valid(const struct inet *ip, bool checksum_good)
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

// Builds the tuple, without its hash; false when no session can have it. The L4 header is there.
static bool read_tuple(struct session_tuple *tuple, const struct inet *ip, uint16_t zone)
{
	struct session_endpoints ends = {
		.source = ip->source,
		.destination = ip->destination,
		.source_port = rte_cpu_to_be_16(ip->source_port),
		.destination_port = rte_cpu_to_be_16(ip->destination_port),
	};
	uint64_t meta = session_meta(zone, ip->family, ip->protocol);

	if (ip->family == 4)
		session_tuple4(tuple, meta, &ends);
	else
		session_tuple6(tuple, meta, &ends);
	if (!is_icmp(ip))
		return true;
	struct icmp_query query = icmp_query(ip);
	uint16_t kind = query.request << SESSION_ICMP_REQUEST_SHIFT | ip->l4[1];

	if (query.request == SESSION_ICMP_NO_REQUEST)
		return false;
	session_tuple_icmp(tuple, load_16(ip->l4 + 4), kind, query.answer);
	return true;
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
static enum track_state read_packet(struct track_packet *p)
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

static bool flows_back(const struct session *s, const struct session_tuple *tuple)
{
	bool reversed = session_flags(s) & SESSION_REVERSED;

	return tuple->flipped != reversed;
}

static enum session_timeout simple_timeout(const struct inet *ip)
{
	if (ip->protocol == IP_PROTOCOL_UDP)
		return SESSION_TIMEOUT_UDP;
	return is_icmp(ip) ? SESSION_TIMEOUT_ICMP : SESSION_TIMEOUT_OTHER;
}

static void continue_simple(struct session *s, const struct inet *ip, bool replied, uint32_t now_s)
{
	if (!replied)
		return;
	if (ip->protocol == IP_PROTOCOL_UDP && (int32_t)(now_s - s->created_s) > UDP_STREAM_AGE_S)
		session_set_state(s, SESSION_STREAM, SESSION_TIMEOUT_UDP_STREAM);
	else
		session_set_state(s, SESSION_REPLIED, simple_timeout(ip));
}

// What a packet of a session that is there does to it. TCP_WRONG and TCP_REOPEN: it is none of it.
static enum tcp_verdict continue_session(
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

static void judge_known(const struct tracker *tracker, struct track_packet *p, uint32_t id)
{
	struct session *s = session_get(tracker->sessions, id);
	bool reply = flows_back(s, &p->tuple);
	enum tcp_verdict verdict = continue_session(tracker, s, &p->ip, reply);
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
	p->reply = reply;
	p->state = replied ? TRACK_ESTABLISHED : TRACK_NEW;
}

static bool can_begin(const struct inet *ip)
{
	if (ip->protocol == IP_PROTOCOL_TCP)
		return tcp_begins(ip);
	return !is_icmp(ip) || !icmp_query(ip).answer;
}

// Third pass, for one packet.
static void judge(const struct tracker *tracker, struct track_packet *p)
{
	uint32_t id = session_find(tracker->sessions, &p->tuple, p->slots, tracker->now_s);

	if (p->state == TRACK_RELATED) {
		p->session = id;
		// The error flows against the packet that it quotes.
		p->reply = id != 0 && !flows_back(session_get(tracker->sessions, id), &p->tuple);
		p->state = id != 0 ? TRACK_RELATED : TRACK_INVALID;
	} else if (id != 0) {
		judge_known(tracker, p, id);
	} else {
		p->state = can_begin(&p->ip) ? TRACK_NEW : TRACK_INVALID;
	}
}

static bool is_open(const struct track_packet *p)
{
	return p->state == TRACK_NEW || p->state == TRACK_RELATED;
}

void track_lookup(const struct tracker *tracker, struct track_packet *packets, unsigned n)
{
	const struct session_table *table = tracker->sessions;

	for (unsigned i = 0; i < n; i++) {
		struct track_packet *p = &packets[i];

		p->session = 0;
		p->reply = false;
		p->state = read_packet(p);
		if (!is_open(p))
			continue;
		p->tuple.hash = session_hash(table, &p->tuple.key);
		session_prefetch(table, p->tuple.hash);
	}
	for (unsigned i = 0; i < n; i++) {
		struct track_packet *p = &packets[i];

		if (is_open(p))
			p->slots = session_candidates(
				table, p->tuple.hash, p->ip.protocol == IP_PROTOCOL_TCP);
	}
	for (unsigned i = 0; i < n; i++) {
		if (is_open(&packets[i]))
			judge(tracker, &packets[i]);
	}
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
	packet->session = session_publish(table, tracker->worker, id, tuple.hash, tracker->now_s);
	if (packet->session == 0)
		return false;
	// A packet of the same flow was faster: this one is a further packet of its session.
	s = session_get(table, packet->session);
	if (packet->session != id)
		continue_session(tracker, s, &packet->ip, flows_back(s, &tuple));
	return true;
}
