// SPDX-License-Identifier: BSD-3-Clause
// Follows a TCP connection from outside. What a side may send is known from what the other side
// acknowledged and offered (G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"); a
// segment outside of it is not part of the connection.
//
// We may be out of step with the two ends: a host that lost its memory opens a connection that we
// think is there. Its SYN passes and is kept in `last`; if the other end answers it, we follow.
//
// A connection that was picked up in the middle has unknown window scales, so it is not held to its
// windows; but what lies outside of them is not learned from.

#include "pipeline/tcp_state.h"
#include "net/headers.h"
#include "pipeline/packet.h"

#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_PSH 0x08
#define FLAG_ACK 0x10
#define FLAG_URG 0x20

#define HEADER_LEN	20
#define MAX_SCALE	14    // RFC 7323
#define MIN_ACK_WINDOW	66000 // an ACK may be this late, however small the window
#define MAX_RETRANSMITS 3

// Of a side of a session.
#define SIDE_SCALES	    0x1	 // it offered window scaling
#define SIDE_SACKS	    0x2	 // it can read selective acknowledgments
#define SIDE_ACKED	    0x4	 // max_ack holds
#define SIDE_UNACKNOWLEDGED 0x8	 // it sent something that was not acknowledged
#define SIDE_UNKNOWN	    0x10 // its window scale is not known: no window binds it

// Of `last`, beside SIDE_SCALES and SIDE_SACKS of the SYN that was let go by.
#define LAST_CHALLENGE 0x4 // that SYN may be answered by an ACK which does not mean our FIN
#define LAST_BOTH_OPEN 0x8 // both sides sent a SYN

enum kind {
	KIND_NONE, // before the first
	KIND_SYN,
	KIND_SYN_ACK,
	KIND_FIN,
	KIND_ACK,
	KIND_RST,
	N_KINDS
};

struct segment {
	uint32_t sequence;
	uint32_t end; // behind it
	uint32_t ack;
	uint32_t sack; // highest byte acknowledged, also selectively
	uint16_t window;
	uint8_t kind;  // enum kind
	uint8_t flags; // FLAG_*
	uint8_t scale;
	uint8_t side; // SIDE_SCALES, SIDE_SACKS
};

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool after(uint32_t a, uint32_t b)
{
	return before(b, a);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

// ---- reading ----------------------------------------------------------------------------------

static unsigned header_len(const struct inet *ip)
{
	return (ip->l4[12] >> 4) * 4u;
}

bool tcp_valid(const struct inet *ip)
{
	if (ip->l4_len < HEADER_LEN || header_len(ip) < HEADER_LEN || header_len(ip) > ip->l4_len)
		return false;
	switch (ip->l4[13] & (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK | FLAG_URG)) {
	case FLAG_SYN:
	case FLAG_SYN | FLAG_URG:
	case FLAG_SYN | FLAG_ACK:
	case FLAG_RST:
	case FLAG_RST | FLAG_ACK:
	case FLAG_FIN | FLAG_ACK:
	case FLAG_FIN | FLAG_ACK | FLAG_URG:
	case FLAG_ACK:
	case FLAG_ACK | FLAG_URG:
		return true;
	default:
		return false;
	}
}

static enum kind kind_of(uint8_t flags)
{
	if (flags & FLAG_RST)
		return KIND_RST;
	if (flags & FLAG_SYN)
		return flags & FLAG_ACK ? KIND_SYN_ACK : KIND_SYN;
	return flags & FLAG_FIN ? KIND_FIN : KIND_ACK;
}

static uint32_t load_be32(const uint8_t *bytes)
{
	return rte_be_to_cpu_32(load_32(bytes));
}

// Highest right edge of the blocks that lies behind what is acknowledged anyway.
static void read_sack(struct segment *segment, const uint8_t *blocks, unsigned len)
{
	for (; len >= 8; len -= 8, blocks += 8) {
		uint32_t edge = load_be32(blocks + 4);

		if (after(edge, segment->sack))
			segment->sack = edge;
	}
}

static void read_option(struct segment *segment, const uint8_t *option, unsigned len)
{
	enum { SCALE = 3, SACK_PERMITTED = 4, SACK = 5 };

	if (!(segment->flags & FLAG_SYN)) {
		if (option[0] == SACK)
			read_sack(segment, option + 2, len - 2);
	} else if (option[0] == SCALE && len == 3) {
		segment->scale = (uint8_t)(option[2] < MAX_SCALE ? option[2] : MAX_SCALE);
		segment->side |= SIDE_SCALES;
	} else if (option[0] == SACK_PERMITTED && len == 2) {
		segment->side |= SIDE_SACKS;
	}
}

static void read_options(struct segment *segment, const uint8_t *options, unsigned len)
{
	static const uint8_t timestamp[] = {1, 1, 8, 10}; // what most segments have, and only that
	enum { END, NOP };

	if (len == 12 && load_32(options) == load_32(timestamp))
		return;
	while (len > 0 && options[0] != END) {
		unsigned option_len = 1;

		if (options[0] != NOP) {
			if (len < 2 || options[1] < 2 || options[1] > len)
				return;
			option_len = options[1];
			read_option(segment, options, option_len);
		}
		options += option_len;
		len -= option_len;
	}
}

static void read_segment(struct segment *segment, const struct inet *ip)
{
	const uint8_t *tcp = ip->l4;
	unsigned len = header_len(ip);
	uint8_t flags = tcp[13];

	*segment = (struct segment){
		.sequence = load_be32(tcp + 4),
		.ack = load_be32(tcp + 8),
		.sack = load_be32(tcp + 8),
		.window = load_be16(tcp + 14),
		.kind = kind_of(flags),
		.flags = flags,
	};
	segment->end = segment->sequence + (ip->l4_len - len) + !!(flags & FLAG_SYN) +
		       !!(flags & FLAG_FIN);
	if (len > HEADER_LEN)
		read_options(segment, tcp + HEADER_LEN, len - HEADER_LEN);
}

// ---- states -----------------------------------------------------------------------------------

// What a segment makes of a state, beside the new state.
enum {
	PASS = N_SESSION_STATES, // it goes by
	WRONG,
	REOPEN,
};

#define SENT	    SESSION_TCP_SYN_SENT
#define BOTH	    SESSION_TCP_SYN_BOTH
#define RECEIVED    SESSION_TCP_SYN_RECEIVED
#define ESTABLISHED SESSION_TCP_ESTABLISHED
#define FIN_WAIT    SESSION_TCP_FIN_WAIT
#define CLOSE_WAIT  SESSION_TCP_CLOSE_WAIT
#define LAST_ACK    SESSION_TCP_LAST_ACK
#define TIME_WAIT   SESSION_TCP_TIME_WAIT
#define CLOSE	    SESSION_TCP_CLOSE

// By state, side that sends (originator, replier), and kind: none, SYN, SYN+ACK, FIN, ACK, RST.
// clang-format off
static const uint8_t transitions[N_SESSION_STATES][2][N_KINDS] = {
	[SENT]        = {{WRONG, SENT,   WRONG,    WRONG,     WRONG,       CLOSE},
	                 {WRONG, BOTH,   RECEIVED, WRONG,     PASS,        CLOSE}},
	[BOTH]        = {{WRONG, BOTH,   RECEIVED, WRONG,     WRONG,       CLOSE},
	                 {WRONG, BOTH,   RECEIVED, WRONG,     PASS,        CLOSE}},
	[RECEIVED]    = {{WRONG, PASS,   RECEIVED, FIN_WAIT,  ESTABLISHED, CLOSE},
	                 {WRONG, WRONG,  PASS,     FIN_WAIT,  RECEIVED,    CLOSE}},
	[ESTABLISHED] = {{WRONG, PASS,   WRONG,    FIN_WAIT,  ESTABLISHED, CLOSE},
	                 {WRONG, WRONG,  PASS,     FIN_WAIT,  ESTABLISHED, CLOSE}},
	[FIN_WAIT]    = {{WRONG, PASS,   WRONG,    LAST_ACK,  CLOSE_WAIT,  CLOSE},
	                 {WRONG, WRONG,  PASS,     LAST_ACK,  CLOSE_WAIT,  CLOSE}},
	[CLOSE_WAIT]  = {{WRONG, PASS,   WRONG,    LAST_ACK,  CLOSE_WAIT,  CLOSE},
	                 {WRONG, WRONG,  PASS,     LAST_ACK,  CLOSE_WAIT,  CLOSE}},
	[LAST_ACK]    = {{WRONG, PASS,   WRONG,    LAST_ACK,  TIME_WAIT,   CLOSE},
	                 {WRONG, WRONG,  PASS,     LAST_ACK,  TIME_WAIT,   CLOSE}},
	[TIME_WAIT]   = {{WRONG, REOPEN, WRONG,    TIME_WAIT, TIME_WAIT,   CLOSE},
	                 {WRONG, REOPEN, PASS,     TIME_WAIT, TIME_WAIT,   CLOSE}},
	[CLOSE]       = {{WRONG, REOPEN, WRONG,    CLOSE,     CLOSE,       CLOSE},
	                 {WRONG, REOPEN, PASS,     CLOSE,     CLOSE,       CLOSE}},
};
// clang-format on

static const uint8_t state_timeouts[N_SESSION_STATES] = {
	[SENT] = SESSION_TIMEOUT_TCP_SYN_SENT,
	[BOTH] = SESSION_TIMEOUT_TCP_SYN_SENT,
	[RECEIVED] = SESSION_TIMEOUT_TCP_SYN_RECEIVED,
	[ESTABLISHED] = SESSION_TIMEOUT_TCP_ESTABLISHED,
	[FIN_WAIT] = SESSION_TIMEOUT_TCP_FIN_WAIT,
	[CLOSE_WAIT] = SESSION_TIMEOUT_TCP_CLOSE_WAIT,
	[LAST_ACK] = SESSION_TIMEOUT_TCP_LAST_ACK,
	[TIME_WAIT] = SESSION_TIMEOUT_TCP_TIME_WAIT,
	[CLOSE] = SESSION_TIMEOUT_TCP_CLOSE,
};

// The time-out of a state; a connection that is stuck or does not look right gets the one for that,
// if it is the shorter one.
static uint8_t timeout_of(const struct session_table *table, uint8_t state, bool doubtful)
{
	uint8_t timeout = state_timeouts[state];
	uint32_t seconds = __atomic_load_n(&table->timeout_s[timeout], __ATOMIC_RELAXED);
	uint32_t doubtful_s = __atomic_load_n(
		&table->timeout_s[SESSION_TIMEOUT_TCP_UNACKNOWLEDGED], __ATOMIC_RELAXED);

	return doubtful && seconds > doubtful_s ? SESSION_TIMEOUT_TCP_UNACKNOWLEDGED : timeout;
}

// ---- windows ----------------------------------------------------------------------------------

static uint32_t scaled_window(const struct session *s, const struct segment *segment, unsigned from)
{
	uint8_t scale = segment->flags & FLAG_SYN ? 0 : s->tcp_scale[from];

	return (uint32_t)segment->window << scale;
}

// A side shows itself by a SYN.
static void open_side(struct session *s, const struct segment *segment, unsigned from)
{
	s->tcp[from] = (struct session_tcp_side){
		.end = segment->end,
		.max_end = segment->end,
		.max_window = larger(segment->window, 1),
	};
	s->tcp_flags[from] = (s->tcp_flags[from] & SIDE_UNKNOWN) | segment->side;
	s->tcp_scale[from] = segment->scale;
	// Windows are scaled when both sides offer it; the replier is the one who knows.
	if (from == 1 && !(s->tcp_flags[0] & s->tcp_flags[1] & SIDE_SCALES))
		s->tcp_scale[0] = s->tcp_scale[1] = 0;
}

// A side shows itself in the middle of a connection.
static void find_side(struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_side *side = &s->tcp[from];
	uint32_t window = larger(scaled_window(s, segment, from), 1);

	side->end = segment->end;
	side->max_window = window;
	side->max_end = segment->end + window;
}

// What the checks need and the segment may lack.
static void complete(const struct session *s, struct segment *segment, unsigned from)
{
	bool reset = segment->flags & FLAG_RST;

	// Some hosts set ACK in a reset but acknowledge nothing.
	if (!(segment->flags & FLAG_ACK) || (reset && segment->ack == 0))
		segment->ack = segment->sack = s->tcp[!from].end;
	if (reset && segment->sequence == 0 && s->state == SENT)
		segment->sequence = segment->end = s->tcp[from].end;
}

// Whether the segment lies in the window: neither behind what the receiver lets the sender send,
// nor acknowledging what was not sent. What is older than a window is late but harmless.
static enum tcp_verdict check_window(
	struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_side *sender = &s->tcp[from];
	const struct session_tcp_side *receiver = &s->tcp[!from];
	uint32_t oldest_ack = receiver->end - larger(sender->max_window, MIN_ACK_WINDOW);
	bool late = before(segment->sack, oldest_ack);

	if (receiver->max_window != 0 && before(segment->end, sender->end - receiver->max_window))
		late = true;
	if (after(segment->sack, receiver->end))
		return TCP_WRONG;
	if (after(segment->sequence, sender->max_end)) {
		uint32_t beyond = segment->end - sender->max_end + 1;

		// Some hosts send a little more than they may. Their peer decides; if it takes the
		// data, its acknowledgment must not look like one of unsent data.
		if (late || beyond > receiver->max_window)
			return TCP_WRONG;
		sender->end = segment->end;
		s->tcp_flags[from] |= SIDE_UNACKNOWLEDGED;
		return TCP_PASSED;
	}
	return late ? TCP_PASSED : TCP_TAKEN;
}

static void note_acknowledgment(struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_side *sender = &s->tcp[from], *receiver = &s->tcp[!from];

	if (!(s->tcp_flags[from] & SIDE_ACKED) || after(segment->ack, sender->max_ack))
		sender->max_ack = segment->ack;
	s->tcp_flags[from] |= SIDE_ACKED;
	if (segment->ack == receiver->end)
		s->tcp_flags[!from] &= ~SIDE_UNACKNOWLEDGED;
}

// Counts how often the same ACK comes in a row.
static void note_retransmission(struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_last *last = &s->last;
	bool same = last->kind == KIND_ACK && last->direction == from &&
		    last->sequence == segment->sequence && last->ack == segment->ack &&
		    last->end == segment->end && last->window == segment->window;

	if (!same)
		last->n_retransmitted = 0;
	else if (last->n_retransmitted < MAX_RETRANSMITS)
		last->n_retransmitted++;
	last->sequence = segment->sequence;
	last->ack = segment->ack;
	last->end = segment->end;
	last->window = segment->window;
}

static void note_window(struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_side *sender = &s->tcp[from], *receiver = &s->tcp[!from];
	uint32_t window = scaled_window(s, segment, from);
	uint32_t allowed = segment->sack + window;

	sender->max_window = larger(sender->max_window, window + (segment->sack - segment->ack));
	if (after(segment->end, sender->end)) {
		sender->end = segment->end;
		s->tcp_flags[from] |= SIDE_UNACKNOWLEDGED;
	}
	if (segment->flags & FLAG_ACK)
		note_acknowledgment(s, segment, from);
	if (receiver->max_window != 0 && after(segment->end, sender->max_end))
		receiver->max_window += segment->end - sender->max_end;
	// A window of 0 may be probed with one byte.
	if (!before(allowed, receiver->max_end))
		receiver->max_end = allowed + (window == 0);
	if (segment->kind == KIND_ACK)
		note_retransmission(s, segment, from);
}

static enum tcp_verdict follow_window(struct session *s, struct segment *segment, unsigned from)
{
	struct session_tcp_side *sender = &s->tcp[from], *receiver = &s->tcp[!from];
	bool syn = segment->flags & FLAG_SYN;
	// A SYN with another sequence number: the first one got lost, or so its sender thinks.
	bool again = syn && after(segment->end, sender->end) &&
		     (s->state == SENT || s->state == RECEIVED);

	if (syn && (sender->max_window == 0 || again)) {
		bool first = sender->max_window == 0;

		open_side(s, segment, from);
		if (!(segment->flags & FLAG_ACK) && (first || from == 1))
			return TCP_TAKEN;
	} else if (sender->max_window == 0) {
		find_side(s, segment, from);
		// The answer to a keep-alive.
		if (segment->sack == receiver->end + 1)
			receiver->end++;
	}
	if (!(s->tcp_flags[!from] & SIDE_SACKS))
		segment->sack = segment->ack;
	complete(s, segment, from);
	enum tcp_verdict verdict = check_window(s, segment, from);

	if (verdict == TCP_TAKEN)
		note_window(s, segment, from);
	return s->tcp_flags[from] & SIDE_UNKNOWN ? TCP_TAKEN : verdict;
}

// ---- what is out of step ----------------------------------------------------------------------

// Whether a SYN+ACK answers a SYN that was let go by: the two ends are in step and we are not.
static bool answers_passed_syn(
	const struct session *s, const struct segment *segment, unsigned from)
{
	return segment->kind == KIND_SYN_ACK && s->last.kind == KIND_SYN &&
	       s->last.direction != from && segment->ack == s->last.end;
}

// Takes what was noted of that SYN for the truth.
static void fall_in_step(struct session *s, unsigned from)
{
	s->tcp[!from] = (struct session_tcp_side){
		.end = s->last.end,
		.max_end = s->last.end,
		.max_window = larger(s->last.window, 1),
	};
	s->tcp_flags[!from] = s->last.flags & (SIDE_SCALES | SIDE_SACKS);
	s->tcp_scale[!from] = s->last.scale;
	s->tcp[from] = (struct session_tcp_side){0};
	s->tcp_flags[from] &= SIDE_UNKNOWN;
	s->last.flags &= ~LAST_CHALLENGE;
}

static void note_passed(struct session *s, const struct segment *segment, unsigned from)
{
	struct session_tcp_last *last = &s->last;

	last->kind = segment->kind;
	last->direction = from;
	last->sequence = segment->sequence;
	last->ack = segment->ack;
	last->end = segment->end;
	last->window = segment->window;
	if (segment->kind != KIND_SYN || from != 0)
		return;
	last->flags = segment->side;
	last->scale = segment->scale;
	if (s->state == LAST_ACK)
		last->flags |= LAST_CHALLENGE;
}

// Whether an ACK answers a SYN that was let go by, not the last FIN (RFC 5961, section 4).
static bool is_challenge_ack(struct session *s, const struct segment *segment, unsigned from)
{
	bool is = s->state == LAST_ACK && segment->kind == KIND_ACK && s->last.kind == KIND_SYN &&
		  s->last.direction != from && s->last.flags & LAST_CHALLENGE;

	if (is)
		s->last.flags &= ~LAST_CHALLENGE;
	return is;
}

// ---- resets -----------------------------------------------------------------------------------

// Whether a reset answers something that was let go by, and whose window we know nothing about.
static bool reset_answers_passed(const struct session *s, const struct segment *segment)
{
	const struct session_tcp_last *last = &s->last;
	bool after_syn = session_flags(s) & SESSION_SEEN_REPLY && last->kind == KIND_SYN;
	bool after_ack = !(session_flags(s) & SESSION_ASSURED) && last->kind == KIND_ACK;

	if ((after_syn || after_ack) && segment->ack == last->end)
		return true;
	return s->state == SENT && last->kind == KIND_ACK && last->direction == 1 &&
	       segment->sequence == last->ack;
}

// The ports of a connection that closes may be in use again, by a SYN that was let go by.
static bool is_closing(uint8_t state)
{
	return state >= FIN_WAIT;
}

// A reset must carry the sequence number that the other side waits for. One that is only near
// leaves the connection as it is, for a short time: the other side will ask whether it is meant
// (RFC 5961, section 3). *state: what the connection becomes.
static enum tcp_verdict check_reset(
	struct session *s, struct segment *segment, unsigned from, uint8_t *state)
{
	uint32_t expected = s->tcp[!from].max_ack;
	bool known = s->tcp_flags[!from] & SIDE_ACKED && s->last.kind != KIND_SYN;
	bool established = s->state == ESTABLISHED && session_flags(s) & SESSION_ASSURED;
	bool answers_syn = segment->sequence == 0 && !established;
	bool behind_data = s->last.kind == KIND_ACK && s->last.direction == from &&
			   segment->sequence == s->last.end;

	if (is_closing(s->state))
		return TCP_TAKEN;
	if (known && !answers_syn && before(segment->sequence, expected))
		return TCP_WRONG;
	if (known && established && segment->sequence != expected && !behind_data)
		*state = s->state;
	else if (known)
		return follow_window(s, segment, from);
	if (reset_answers_passed(s, segment))
		return TCP_TAKEN;
	return follow_window(s, segment, from);
}

// ---- a segment --------------------------------------------------------------------------------

bool tcp_begins(const struct inet *ip)
{
	enum kind kind = kind_of(ip->l4[13]);

	return kind == KIND_SYN || kind == KIND_ACK;
}

void tcp_begin(const struct session_table *table, struct session *s, const struct inet *ip)
{
	struct segment segment;

	read_segment(&segment, ip);
	if (segment.kind == KIND_SYN) {
		s->last.kind = KIND_SYN;
		s->state = SENT;
		s->timeout = timeout_of(table, SENT, false);
		open_side(s, &segment, 0);
		return;
	}
	s->state = ESTABLISHED;
	s->timeout = timeout_of(table, ESTABLISHED, true);
	s->tcp_flags[0] = s->tcp_flags[1] = SIDE_SACKS | SIDE_UNKNOWN;
	find_side(s, &segment, 0);
	follow_window(s, &segment, 0);
	s->last.kind = KIND_ACK;
}

// The segment belongs to the connection, which is now in `state`.
static enum tcp_verdict settle(const struct session_table *table, struct session *s,
	const struct segment *segment, unsigned from, uint8_t state)
{
	bool seen_reply = session_flags(s) & SESSION_SEEN_REPLY;
	bool stuck = s->last.n_retransmitted >= MAX_RETRANSMITS;
	bool waits = (s->tcp_flags[0] | s->tcp_flags[1]) & SIDE_UNACKNOWLEDGED ||
		     s->last.window == 0 || !seen_reply;
	uint8_t timeout = timeout_of(table, state, stuck || waits);

	if (segment->kind == KIND_RST && !stuck)
		timeout = SESSION_TIMEOUT_TCP_CLOSE;
	s->last.kind = segment->kind;
	s->last.direction = from;
	if (!seen_reply && segment->kind == KIND_RST)
		return TCP_ENDED;
	if (seen_reply && state == ESTABLISHED && (s->state == RECEIVED || s->state == ESTABLISHED))
		session_set_flags(s, SESSION_ASSURED);
	session_set_state(s, state, timeout);
	return TCP_TAKEN;
}

enum tcp_verdict tcp_continue(
	const struct session_table *table, struct session *s, const struct inet *ip, bool reply)
{
	struct segment segment;
	unsigned from = reply;
	enum tcp_verdict verdict;

	read_segment(&segment, ip);
	uint8_t state = transitions[s->state][from][segment.kind];

	if (state == WRONG)
		return TCP_WRONG;
	if (state == REOPEN)
		return TCP_REOPEN;
	if (state == PASS && answers_passed_syn(s, &segment, from)) {
		fall_in_step(s, from);
		state = RECEIVED;
	}
	if (state == PASS) {
		note_passed(s, &segment, from);
		return TCP_PASSED;
	}
	if (is_challenge_ack(s, &segment, from))
		return TCP_PASSED;
	if (state == BOTH)
		s->last.flags |= LAST_BOTH_OPEN;
	if (state == RECEIVED && reply && segment.kind == KIND_ACK &&
		s->last.flags & LAST_BOTH_OPEN)
		state = ESTABLISHED;
	verdict = segment.kind == KIND_RST ? check_reset(s, &segment, from, &state)
					   : follow_window(s, &segment, from);
	return verdict == TCP_TAKEN ? settle(table, s, &segment, from, state) : verdict;
}
