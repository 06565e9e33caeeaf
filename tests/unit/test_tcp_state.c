// SPDX-License-Identifier: BSD-3-Clause
// TCP connections, segment by segment: C is the client (host X), S the server (host A).

#include <pthread.h>

#include <check.h>

#include "net/headers.h"
#include "suite.h"
#include "track_env.h"

#define C_ISN 1000u
#define S_ISN 70000u

enum side { C, S };

static struct bytes segment(enum side from, const struct tcp_fields *fields)
{
	static const struct flow_ports ports[] = {[C] = {X, A, 40000, 22}, [S] = {A, X, 22, 40000}};

	return make_tcp(4, &ports[from], fields);
}

#define SEGMENT(from, ...) segment(from, &(struct tcp_fields){__VA_ARGS__})

static const struct session *session(void)
{
	struct bytes any = SEGMENT(C, 0);

	return session_of(&any);
}

// Sends a segment and compares its state and what its session became.
static void expect_at(int line, enum side from, const struct tcp_fields *fields,
	enum track_state state, enum session_state session_state)
{
	struct bytes packet = segment(from, fields);
	enum track_state got = pass(&packet);

	ck_assert_msg(got == state, "line %d: packet is %d, not %d", line, got, state);
	ck_assert_msg(session() != NULL, "line %d: no session", line);
	ck_assert_msg(session()->state == session_state, "line %d: session is %s, not %s", line,
		session_state_names[session()->state], session_state_names[session_state]);
}

#define EXPECT(from, state, session_state, ...)                                                    \
	expect_at(__LINE__, from, &(struct tcp_fields){__VA_ARGS__}, TRACK_##state,                \
		SESSION_TCP_##session_state)

// The next sequence numbers after the handshake.
static const uint32_t c = C_ISN + 1, s = S_ISN + 1;

static void open_scaled(uint8_t c_scale, uint8_t s_scale)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN, .scale = c_scale);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, S_ISN, c, SYN | ACK, .scale = s_scale);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
}

static void open(void)
{
	open_scaled(0, 0);
}

static uint8_t timeout(void)
{
	return session()->timeout;
}

// ---- opening ----------------------------------------------------------------------------------

START_TEST(handshake_and_data)
{
	open();
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, PSH | ACK, .data_len = 100);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 100, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 100, PSH | ACK, .data_len = 200);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 100, s + 200, ACK);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_ESTABLISHED);
}
END_TEST

START_TEST(syn_and_its_answer_sent_again)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	// After a restart the client may choose another number.
	EXPECT(C, NEW, SYN_SENT, C_ISN + 5000, 0, SYN);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, S_ISN, C_ISN + 5001, SYN | ACK);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, S_ISN, C_ISN + 5001, SYN | ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, C_ISN + 5001, s, ACK);
}
END_TEST

START_TEST(answer_to_another_syn_is_invalid)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	EXPECT(S, INVALID, SYN_SENT, S_ISN, c + 1, SYN | ACK);
	EXPECT(C, INVALID, SYN_SENT, c, 0, ACK);
	EXPECT(C, INVALID, SYN_SENT, C_ISN, s, SYN | ACK);
	EXPECT(S, INVALID, SYN_SENT, s, c, FIN | ACK);
}
END_TEST

START_TEST(simultaneous_open)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	EXPECT(S, ESTABLISHED, SYN_BOTH, S_ISN, 0, SYN);
	EXPECT(C, ESTABLISHED, SYN_RECEIVED, C_ISN, s, SYN | ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, PSH | ACK, .data_len = 10);
}
END_TEST

START_TEST(refused_connection_leaves_no_session)
{
	struct bytes reset = SEGMENT(S, 0, c, RST | ACK);

	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	ck_assert_int_eq(pass(&reset), TRACK_ESTABLISHED);
	ck_assert_ptr_null(session());
	// The next attempt is a new connection.
	EXPECT(C, NEW, SYN_SENT, C_ISN + 7, 0, SYN);
}
END_TEST

// A host that sends a reset for a SYN that is not there does not end the one that is.
START_TEST(reset_that_answers_nothing_is_invalid)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	EXPECT(S, INVALID, SYN_SENT, 0, c + 900, RST | ACK);
}
END_TEST

// ---- closing ----------------------------------------------------------------------------------

static void close_by(enum side first)
{
	enum side last = first == C ? S : C;
	uint32_t f = first == C ? c : s, l = first == C ? s : c;

	EXPECT(first, ESTABLISHED, FIN_WAIT, f, l, FIN | ACK);
	EXPECT(last, ESTABLISHED, CLOSE_WAIT, l, f + 1, ACK);
	EXPECT(last, ESTABLISHED, LAST_ACK, l, f + 1, FIN | ACK);
	EXPECT(first, ESTABLISHED, TIME_WAIT, f + 1, l + 1, ACK);
}

START_TEST(client_closes)
{
	open();
	close_by(C);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_TIME_WAIT);
}
END_TEST

START_TEST(server_closes)
{
	open();
	close_by(S);
}
END_TEST

START_TEST(half_open_connection_carries_data)
{
	open();
	EXPECT(C, ESTABLISHED, FIN_WAIT, c, s, FIN | ACK);
	EXPECT(S, ESTABLISHED, CLOSE_WAIT, s, c + 1, ACK);
	EXPECT(S, ESTABLISHED, CLOSE_WAIT, s, c + 1, PSH | ACK, .data_len = 500);
	EXPECT(C, ESTABLISHED, CLOSE_WAIT, c + 1, s + 500, ACK);
	EXPECT(S, ESTABLISHED, LAST_ACK, s + 500, c + 1, FIN | ACK);
	EXPECT(C, ESTABLISHED, TIME_WAIT, c + 1, s + 501, ACK);
}
END_TEST

START_TEST(both_close_at_once)
{
	open();
	EXPECT(C, ESTABLISHED, FIN_WAIT, c, s, FIN | ACK);
	EXPECT(S, ESTABLISHED, LAST_ACK, s, c, FIN | ACK);
	EXPECT(C, ESTABLISHED, TIME_WAIT, c + 1, s + 1, ACK);
	EXPECT(S, ESTABLISHED, TIME_WAIT, s + 1, c + 1, ACK);
}
END_TEST

START_TEST(fin_sent_again)
{
	open();
	close_by(C);
	EXPECT(S, ESTABLISHED, TIME_WAIT, s, c + 1, FIN | ACK);
	EXPECT(C, ESTABLISHED, TIME_WAIT, c + 1, s + 1, ACK);
}
END_TEST

static void reopen_by(enum side from, uint32_t sequence)
{
	uint32_t before = (uint32_t)(session() - tracker()->sessions->sessions);
	struct bytes syn = SEGMENT(from, sequence, 0, SYN);

	// It is judged anew: when it is dropped, nothing is left.
	ck_assert_int_eq(look(&syn), TRACK_NEW);
	ck_assert_ptr_null(session());
	EXPECT(from, NEW, SYN_SENT, sequence, 0, SYN);
	ck_assert_ptr_ne(session(), session_get(tracker()->sessions, before));
	ck_assert_uint_eq(session()->flags & SESSION_SEEN_REPLY, 0);
}

START_TEST(syn_in_time_wait_reopens)
{
	open();
	close_by(C);
	reopen_by(C, C_ISN + 100000);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, S_ISN + 9, C_ISN + 100001, SYN | ACK);
}
END_TEST

START_TEST(server_reopens)
{
	open();
	close_by(C);
	reopen_by(S, S_ISN + 100000);
}
END_TEST

START_TEST(syn_after_reset_reopens)
{
	open();
	EXPECT(S, ESTABLISHED, CLOSE, s, c, RST | ACK);
	reopen_by(C, C_ISN + 100000);
}
END_TEST

// ---- resets -----------------------------------------------------------------------------------

START_TEST(reset_ends_a_connection)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, CLOSE, c, 0, RST);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_CLOSE);
	set_time(1011);
	ck_assert_ptr_null(session());
}
END_TEST

START_TEST(reset_outside_the_window_is_invalid)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, INVALID, ESTABLISHED, c - 1, 0, RST);
	EXPECT(C, INVALID, ESTABLISHED, c + 2 * 8192, 0, RST);
	EXPECT(C, INVALID, ESTABLISHED, c + 0x40000000, 0, RST);
	EXPECT(C, INVALID, ESTABLISHED, c - 0x40000000, 0, RST);
	EXPECT(S, INVALID, ESTABLISHED, s - 1, 0, RST);
	EXPECT(S, INVALID, ESTABLISHED, s + 2 * 8192, 0, RST);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_ESTABLISHED);
}
END_TEST

// The receiver asks back; if it was meant, the exact one follows.
START_TEST(reset_in_the_window_but_not_exact)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 100, 0, RST);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_CLOSE);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, CLOSE, c, 0, RST);
}
END_TEST

// Data, then a reset behind it, both unacknowledged.
START_TEST(reset_behind_data)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, PSH | ACK, .data_len = 19);
	EXPECT(C, ESTABLISHED, CLOSE, c + 19, s, RST | ACK);
}
END_TEST

// ---- windows ----------------------------------------------------------------------------------

START_TEST(data_beyond_the_window_is_invalid)
{
	open();
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 8192, s, ACK);
	EXPECT(C, INVALID, ESTABLISHED, c + 2 * 8192, s, ACK);
	EXPECT(C, INVALID, ESTABLISHED, c + 1000000, s, PSH | ACK, .data_len = 10);
	EXPECT(S, INVALID, ESTABLISHED, s + 2 * 8192, c, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
}
END_TEST

// Up to one window more is for the peer to judge; the window stays where it is.
START_TEST(a_little_more_than_the_window)
{
	open();
	set_time(1100);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 8193, s, ACK, .data_len = 100);
	ck_assert_uint_eq(session()->seen_s, 1000);
	EXPECT(C, INVALID, ESTABLISHED, c + 2 * 8192, s, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 2 * 8192 - 1, s, ACK);
	// The peer took it.
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 8293, ACK);
	ck_assert_uint_eq(session()->seen_s, 1100);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 8293 + 8192, s, ACK);
}
END_TEST

START_TEST(window_moves_with_acknowledgments)
{
	open();
	for (uint32_t n = 0; n < 100; n++) {
		EXPECT(C, ESTABLISHED, ESTABLISHED, c + 500 * n, s, ACK, .data_len = 500);
		EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 500 * (n + 1), ACK);
	}
	EXPECT(C, INVALID, ESTABLISHED, c + 50000 + 2 * 8192, s, ACK);
}
END_TEST

START_TEST(acknowledgment_of_unsent_data_is_invalid)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(S, INVALID, ESTABLISHED, s, c + 1, ACK);
	EXPECT(S, INVALID, ESTABLISHED, s, c + 100000, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK, .data_len = 1);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 1, ACK);
}
END_TEST

// Both offered a scale: windows count that many times as much.
START_TEST(scaled_window)
{
	open_scaled(7, 5);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
	EXPECT(C, INVALID, ESTABLISHED, c + 2 * (8192 << 5), s, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + (8192 << 5), s, ACK);
	EXPECT(S, INVALID, ESTABLISHED, s + 2 * (8192 << 7), c, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s + (8192 << 7), c, ACK);
}
END_TEST

START_TEST(scale_of_one_side_is_none)
{
	open_scaled(7, 0);
	EXPECT(S, INVALID, ESTABLISHED, s + 2 * 8192, c, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s + 8192, c, ACK);
}
END_TEST

// What is older than a window is a late copy: harmless, and it changes nothing.
START_TEST(late_copy_changes_nothing)
{
	open();
	for (uint32_t n = 0; n < 40; n++) {
		EXPECT(C, ESTABLISHED, ESTABLISHED, c + 500 * n, s, ACK, .data_len = 500);
		EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 500 * (n + 1), ACK);
	}
	set_time(1100);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK, .data_len = 500);
	ck_assert_uint_eq(session()->seen_s, 1000);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c + 20000, s, ACK);
	ck_assert_uint_eq(session()->seen_s, 1100);
}
END_TEST

START_TEST(probe_of_a_closed_window)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK, .no_window = true);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK, .data_len = 1);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK, .no_window = true);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_UNACKNOWLEDGED);
}
END_TEST

// ---- picked up in the middle ------------------------------------------------------------------

START_TEST(loose_pickup)
{
	EXPECT(C, NEW, ESTABLISHED, 5000000, 9000000, ACK, .data_len = 10);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_UNACKNOWLEDGED);
	EXPECT(S, ESTABLISHED, ESTABLISHED, 9000000, 5000010, ACK, .data_len = 500);
	EXPECT(C, ESTABLISHED, ESTABLISHED, 5000010, 9000500, ACK);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_ESTABLISHED);
	// Both are known now, but not the scales of their windows.
	EXPECT(C, ESTABLISHED, ESTABLISHED, 5000010 + 4000000, 9000500, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, 5000010 + 0x60000000, 9000500, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, 9000500, 5000010 + 0x60000000, ACK);
	// None of that was believed.
	EXPECT(C, ESTABLISHED, ESTABLISHED, 5000010, 9000500, ACK, .data_len = 10);
	EXPECT(S, INVALID, ESTABLISHED, 9000499, 0, RST);
	EXPECT(S, ESTABLISHED, CLOSE, 9000500, 0, RST);
}
END_TEST

START_TEST(loose_connection_closes)
{
	EXPECT(C, NEW, ESTABLISHED, c, s, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	close_by(S);
}
END_TEST

// Wherever in their circle sequence numbers are.
START_TEST(loose_pickup_anywhere)
{
	for (unsigned i = 0; i < 16; i++) {
		uint32_t from = i * 0x10000000, to = from + 0x7fffff00;

		EXPECT(C, NEW, ESTABLISHED, from, to, ACK, .data_len = 10);
		EXPECT(S, ESTABLISHED, ESTABLISHED, to, from + 10, ACK, .data_len = 500);
		EXPECT(C, ESTABLISHED, ESTABLISHED, from + 10, to + 500, ACK, .data_len = 1);
		ck_assert_uint_eq(session()->seen_s, tracker()->now_s);
		EXPECT(S, ESTABLISHED, ESTABLISHED, to + 0x60000000, from + 11, ACK);
		session_cut(tracker()->sessions, NULL, NULL);
		set_time(tracker()->now_s + 1);
	}
}
END_TEST

// Item 83 at this level: a cut connection goes on when the rules let it.
START_TEST(cut_connection_is_picked_up)
{
	open_scaled(7, 7);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, PSH | ACK, .data_len = 500);
	ck_assert_uint_eq(session_cut(tracker()->sessions, NULL, NULL), 1);
	EXPECT(S, NEW, ESTABLISHED, s + 500, c, PSH | ACK, .data_len = 500);
	// An acknowledgment of what passed before.
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s + 500, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s + 1000, PSH | ACK, .data_len = 90);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s + 1000, c + 90, ACK);
}
END_TEST

// ---- out of step ------------------------------------------------------------------------------

// The client lost its memory and connects again from the same port; the server has no such
// connection any more and answers.
START_TEST(connection_behind_our_back)
{
	open();
	EXPECT(C, ESTABLISHED, ESTABLISHED, 3000000, 0, SYN);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, 8000000, 3000001, SYN | ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, 3000001, 8000001, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, 3000001, 8000001, PSH | ACK, .data_len = 5);
	EXPECT(S, ESTABLISHED, ESTABLISHED, 8000001, 3000006, ACK);
	EXPECT(C, INVALID, ESTABLISHED, 3000001 + 100000, 8000001, ACK, .data_len = 5);
}
END_TEST

// The server has it still: it asks with an ACK, and the client resets.
START_TEST(challenged_syn)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, ESTABLISHED, 3000000, 0, SYN);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	EXPECT(C, ESTABLISHED, CLOSE, c, 0, RST);
}
END_TEST

START_TEST(challenge_is_not_the_last_ack)
{
	open();
	EXPECT(S, ESTABLISHED, FIN_WAIT, s, c, FIN | ACK);
	EXPECT(C, ESTABLISHED, CLOSE_WAIT, c, s + 1, ACK);
	EXPECT(C, ESTABLISHED, LAST_ACK, c, s + 1, FIN | ACK);
	EXPECT(C, ESTABLISHED, LAST_ACK, 3000000, 0, SYN);
	EXPECT(S, ESTABLISHED, LAST_ACK, s + 1, c, ACK);
	EXPECT(S, ESTABLISHED, TIME_WAIT, s + 1, c + 1, ACK);
}
END_TEST

START_TEST(stray_segments_of_an_open_connection)
{
	open();
	EXPECT(S, INVALID, ESTABLISHED, S_ISN, 0, SYN);
	EXPECT(C, INVALID, ESTABLISHED, c, s, SYN | ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, S_ISN, c, SYN | ACK);
	EXPECT(C, INVALID, ESTABLISHED, c, s, FIN);
}
END_TEST

// ---- time-outs --------------------------------------------------------------------------------

static void expect_timeout(uint32_t seconds)
{
	uint32_t now_s = tracker()->now_s;

	ck_assert_ptr_nonnull(session());
	set_time(now_s + seconds);
	ck_assert_msg(session() != NULL, "gone after %u s", seconds);
	set_time(now_s + seconds + 1);
	ck_assert_msg(session() == NULL, "still there after %u s", seconds + 1);
	set_time(now_s);
}

START_TEST(time_out_of_each_state)
{
	EXPECT(C, NEW, SYN_SENT, C_ISN, 0, SYN);
	expect_timeout(120);
	EXPECT(S, ESTABLISHED, SYN_RECEIVED, S_ISN, c, SYN | ACK);
	expect_timeout(60);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	expect_timeout(432000);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK, .data_len = 1);
	expect_timeout(300); // unacknowledged
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c + 1, ACK);
	expect_timeout(432000);
	EXPECT(C, ESTABLISHED, FIN_WAIT, c + 1, s, FIN | ACK);
	expect_timeout(120);
	EXPECT(S, ESTABLISHED, CLOSE_WAIT, s, c + 2, ACK);
	expect_timeout(60);
	EXPECT(S, ESTABLISHED, LAST_ACK, s, c + 2, FIN | ACK);
	expect_timeout(30);
	EXPECT(C, ESTABLISHED, TIME_WAIT, c + 2, s + 1, ACK);
	expect_timeout(120);
	EXPECT(C, ESTABLISHED, CLOSE, c + 2, 0, RST);
	expect_timeout(10);
}
END_TEST

START_TEST(time_out_after_three_retransmissions)
{
	open();
	EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT(S, ESTABLISHED, ESTABLISHED, s, c, ACK);
		ck_assert_uint_eq(timeout(), i == 2 ? SESSION_TIMEOUT_TCP_UNACKNOWLEDGED
						    : SESSION_TIMEOUT_TCP_ESTABLISHED);
	}
	expect_timeout(300);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
	ck_assert_uint_eq(timeout(), SESSION_TIMEOUT_TCP_ESTABLISHED);
}
END_TEST

// A shorter time-out of the state itself counts.
START_TEST(doubt_does_not_make_a_time_out_longer)
{
	session_set_timeout(tracker()->sessions, SESSION_TIMEOUT_TCP_ESTABLISHED, 100);
	open();
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK, .data_len = 1);
	expect_timeout(100);
}
END_TEST

// ---- hostile headers --------------------------------------------------------------------------

// Options that lie about their length, in a buffer that ends with them.
START_TEST(options_are_read_within_bounds)
{
	static const uint8_t options[][8] = {{3, 3}, {3, 0, 7}, {3, 255, 7, 1, 1, 1, 1, 1}, {5, 2},
		{5, 9, 1, 2, 3, 4, 5, 6}, {1, 1, 1, 1, 1, 1, 1, 3}, {0}, {8, 10, 0, 0, 0, 0, 0, 0},
		{4, 2, 3, 3, 200, 1, 1, 8}};

	open_scaled(2, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		for (unsigned flags = 0; flags < 2; flags++) {
			struct bytes packet = make_ip(4, X, A, IP_PROTOCOL_TCP);
			struct bytes ack = SEGMENT(C, c, s, flags == 0 ? ACK : SYN);

			append(&packet, l4_of(&ack), 20);
			append(&packet, options[i], 8);
			l4_of(&packet)[12] = 7 << 4;
			finish(&packet);
			ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
		}
	}
}
END_TEST

// A segment with options, for a session of C and S.
static struct bytes with_options(
	enum side from, const struct tcp_fields *fields, const void *options, unsigned len)
{
	struct bytes plain = segment(from, fields);
	struct bytes packet = make_ip(4, from == C ? X : A, from == C ? A : X, IP_PROTOCOL_TCP);

	append(&packet, l4_of(&plain), 20);
	append(&packet, options, len);
	l4_of(&packet)[12] = (uint8_t)((20 + len) / 4 << 4);
	finish(&packet);
	return packet;
}

// A selective acknowledgment of unsent data, in a connection whose server said that it reads them,
// or did not.
static enum track_state sack_unsent_data(bool server_reads)
{
	static const uint8_t permitted[4] = {4, 2, 1, 1}, nops[4] = {1, 1, 1, 1};
	static const uint8_t sack[12] = {1, 1, 5, 10, 0, 0, 0, 0, 0x7f, 0, 0, 0};
	struct bytes syn = with_options(C, &(struct tcp_fields){C_ISN, 0, SYN}, permitted, 4);
	struct bytes answer = with_options(
		S, &(struct tcp_fields){S_ISN, c, SYN | ACK}, server_reads ? permitted : nops, 4);
	struct bytes ack = with_options(C, &(struct tcp_fields){c, s, ACK}, sack, 12);

	ck_assert_int_eq(pass(&syn), TRACK_NEW);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	EXPECT(C, ESTABLISHED, ESTABLISHED, c, s, ACK);
	return pass(&ack);
}

START_TEST(sack_of_unsent_data_is_invalid)
{
	ck_assert_int_eq(sack_unsent_data(true), TRACK_INVALID);
}
END_TEST

START_TEST(sack_that_nobody_reads)
{
	ck_assert_int_eq(sack_unsent_data(false), TRACK_ESTABLISHED);
}
END_TEST

// ---- threads ----------------------------------------------------------------------------------

#define ROUNDS 2000

struct side_worker {
	enum side side;
	unsigned n_established;
};

// One side's packets, tracked by a worker of their own.
static void *send_side(void *arg)
{
	struct side_worker *w = arg;
	struct tracker own = *tracker();

	own.worker = w->side;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct bytes packet = w->side == C ? SEGMENT(C, c + i, s, ACK, .data_len = 1)
						   : SEGMENT(S, s + i, c, ACK, .data_len = 1);
		struct track_packet p = {.zone = ZONE};

		own.now_s = 1000 + i / 100;
		if (inet_read(&p.ip, packet.b, packet.len, packet.ethertype) != INET_OK)
			break;
		track_lookup(&own, &p, 1);
		w->n_established += p.state == TRACK_ESTABLISHED;
	}
	return NULL;
}

START_TEST(two_workers_on_one_connection)
{
	struct side_worker workers[] = {{.side = C}, {.side = S}};
	pthread_t threads[2];

	open();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_side, &workers[i]), 0);
	for (unsigned i = 0; i < 20; i++)
		session_sweep(tracker()->sessions, 1000, 1024);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(workers[i].n_established, ROUNDS);
	}
	ck_assert_uint_eq(session()->tcp[0].end, c + ROUNDS);
	ck_assert_uint_eq(session()->tcp[1].end, s + ROUNDS);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {handshake_and_data, syn_and_its_answer_sent_again,
		answer_to_another_syn_is_invalid, simultaneous_open,
		refused_connection_leaves_no_session, reset_that_answers_nothing_is_invalid,
		client_closes, server_closes, half_open_connection_carries_data, both_close_at_once,
		fin_sent_again, syn_in_time_wait_reopens, server_reopens, syn_after_reset_reopens,
		reset_ends_a_connection, reset_outside_the_window_is_invalid,
		reset_in_the_window_but_not_exact, reset_behind_data,
		data_beyond_the_window_is_invalid, a_little_more_than_the_window,
		window_moves_with_acknowledgments, acknowledgment_of_unsent_data_is_invalid,
		scaled_window, scale_of_one_side_is_none, late_copy_changes_nothing,
		probe_of_a_closed_window, loose_pickup, loose_pickup_anywhere,
		loose_connection_closes, cut_connection_is_picked_up, connection_behind_our_back,
		challenged_syn, challenge_is_not_the_last_ack, stray_segments_of_an_open_connection,
		time_out_of_each_state, time_out_after_three_retransmissions,
		doubt_does_not_make_a_time_out_longer, options_are_read_within_bounds,
		sack_of_unsent_data_is_invalid, sack_that_nobody_reads,
		two_workers_on_one_connection};

	return suite_main_with("tcp_state", tests, ARRAY_SIZE(tests), track_setup, track_teardown);
}
