// SPDX-License-Identifier: BSD-3-Clause
// The table of datagrams in pieces. Fragments are made of nothing but what the table looks at.

#include "base/util.h"
#include "suite.h"
#include "tables/fragment.h"

#define MIB	   (1u << 20)
#define START_S	   100
#define BUFFER_LEN 2048

static struct fragment_table *table;
static uint32_t now_s;

static void setup(void)
{
	table = fragment_table_new();
	ck_assert_ptr_nonnull(table);
	now_s = START_S;
}

static void teardown(void)
{
	fragment_table_free(table);
}

// A fragment with 8-byte units `from` to `to` of datagram `id`, that would wait as `mbuf`.
static struct fragment piece(uint32_t id, unsigned from, unsigned to, struct rte_mbuf *mbuf)
{
	return (struct fragment){
		.key = {.source = {1}, .destination = {2}, .id = id, .in = 3, .family = 4},
		.start = from * 8,
		.end = to * 8,
		.more = true,
		.reason = FRAGMENT_NO_REASON,
		.held = {.mbuf = mbuf, .in = 3},
	};
}

static struct fragment last(const struct fragment *f)
{
	struct fragment copy = *f;

	copy.more = false;
	return copy;
}

static struct fragment_answer arrive(const struct fragment *f)
{
	return fragment_arrive(table, f, now_s);
}

static void is_dropped(const struct fragment *f, enum drop_reason reason)
{
	struct fragment_answer answer = arrive(f);

	ck_assert_int_eq(answer.fate, FRAGMENT_DROP);
	ck_assert_uint_eq(answer.verdict.reason, reason);
	ck_assert_uint_eq(answer.datagram, 0);
}

static void is_held(const struct fragment *f)
{
	struct fragment_answer answer = arrive(f);

	ck_assert_int_eq(answer.fate, FRAGMENT_HELD);
	ck_assert_uint_eq(answer.datagram, 0);
}

static void is_passed(const struct fragment *f, uint8_t track)
{
	struct fragment_answer answer = arrive(f);

	ck_assert_int_eq(answer.fate, FRAGMENT_PASS);
	ck_assert_uint_eq(answer.verdict.track, track);
}

// The datagram in the caller's hands.
static uint32_t is_first(const struct fragment *f)
{
	struct fragment_answer answer = arrive(f);

	ck_assert_int_eq(answer.fate, FRAGMENT_JUDGE);
	ck_assert_uint_ne(answer.datagram, 0);
	return answer.datagram;
}

static void decide(uint32_t datagram, uint8_t track)
{
	fragment_decide(table, datagram,
		&(struct fragment_verdict){.track = track, .reason = FRAGMENT_NO_REASON});
}

static void takes(uint32_t datagram, const struct rte_mbuf *mbuf, uint8_t reason)
{
	struct fragment_held held;
	struct fragment_verdict verdict;

	ck_assert(fragment_take(table, datagram, &held, &verdict));
	ck_assert_ptr_eq(held.mbuf, mbuf);
	ck_assert_uint_eq(verdict.reason, reason);
}

static void takes_none(uint32_t datagram)
{
	struct fragment_held held;
	struct fragment_verdict verdict;

	ck_assert(!fragment_take(table, datagram, &held, &verdict));
}

static void passes_first(const struct fragment *f, uint8_t track)
{
	uint32_t datagram = is_first(f);

	decide(datagram, track);
	takes_none(datagram);
}

static uint32_t n_of_deadline(void)
{
	return START_S + FRAGMENT_TIMEOUT_S;
}

START_TEST(in_order)
{
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, NULL);
	struct fragment c = piece(1, 20, 21, NULL);
	struct fragment end = last(&c);

	passes_first(&a, 7);
	is_passed(&b, 7);
	is_passed(&end, 7);
	// It was complete, and its id may come again.
	ck_assert(!fragment_expires(table, UINT32_MAX - 1));
	passes_first(&a, 8);
	is_passed(&b, 8);
}
END_TEST

START_TEST(all_of_a_datagram_come_again)
{
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, NULL);
	struct fragment end = last(&b);

	passes_first(&a, 7);
	is_passed(&end, 7);
	a.again = end.again = true;
	passes_first(&a, 8);
	is_passed(&end, 8);
	ck_assert(!fragment_expires(table, UINT32_MAX - 1)); // complete once more
}
END_TEST

START_TEST(some_of_a_datagram_come_again)
{
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, NULL);
	struct fragment c = piece(1, 20, 30, NULL), end = last(&c);

	passes_first(&a, 7);
	is_passed(&b, 7);
	a.again = b.again = true;
	passes_first(&a, 8);
	is_passed(&b, 8);
	is_passed(&end, 8);
	ck_assert(!fragment_expires(table, UINT32_MAX - 1));
}
END_TEST

START_TEST(one_that_comes_again_without_its_first)
{
	struct fragment b = piece(1, 10, 20, NULL);

	b.again = true;
	is_dropped(&b, DROP_FRAG_NO_FIRST);
	ck_assert(!fragment_expires(table, UINT32_MAX - 1));
}
END_TEST

static void waits(uint32_t datagram, uint8_t track)
{
	fragment_decide(table, datagram,
		&(struct fragment_verdict){
			.track = track, .reason = FRAGMENT_NO_REASON, .waits = true});
}

START_TEST(a_first_that_waits_for_a_next_hop)
{
	struct rte_mbuf late = {.buf_len = BUFFER_LEN}, later = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &late);
	struct fragment c = piece(1, 20, 30, &later), end = last(&c);
	uint32_t datagram;

	is_held(&b);
	datagram = is_first(&a);
	waits(datagram, 5);
	takes_none(datagram);
	is_held(&end);
	a.again = true;
	struct fragment_answer answer = arrive(&a);

	ck_assert_int_eq(answer.fate, FRAGMENT_JUDGE);
	ck_assert_uint_eq(answer.datagram, datagram);
	ck_assert(answer.verdict.waits);
	ck_assert_uint_eq(answer.verdict.track, 5);
	decide(datagram, 6);
	takes(datagram, &late, FRAGMENT_NO_REASON);
	takes(datagram, &later, FRAGMENT_NO_REASON);
	takes_none(datagram);
	// It was complete.
	a.again = false;
	passes_first(&a, 7);
}
END_TEST

START_TEST(a_first_that_waits_has_come_again_meanwhile)
{
	struct rte_mbuf late = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &late), again = a;
	uint32_t datagram = is_first(&a);

	again.again = true;
	ck_assert_uint_eq(arrive(&again).datagram, 0);
	is_held(&b);
	waits(datagram, 5);
	takes(datagram, &late, FRAGMENT_NO_REASON);
	takes_none(datagram);
}
END_TEST

START_TEST(a_first_that_comes_again_while_it_is_judged)
{
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, NULL);
	uint32_t datagram = is_first(&a);

	a.again = true;
	struct fragment_answer answer = arrive(&a);

	ck_assert_int_eq(answer.fate, FRAGMENT_JUDGE);
	ck_assert_uint_eq(answer.datagram, 0); // it is in other hands
	decide(datagram, 7);
	takes_none(datagram);
	is_passed(&b, 7);
}
END_TEST

START_TEST(those_that_wait_keep_their_order)
{
	struct rte_mbuf mbufs[3] = {{.buf_len = BUFFER_LEN}, {.buf_len = BUFFER_LEN}};
	struct fragment c = piece(1, 20, 21, &mbufs[0]);
	struct fragment end = last(&c), b = piece(1, 10, 20, &mbufs[1]);
	struct fragment a = piece(1, 0, 10, NULL);
	uint32_t datagram;

	is_held(&end);
	is_held(&b);
	datagram = is_first(&a);
	decide(datagram, 7);
	takes(datagram, &mbufs[0], FRAGMENT_NO_REASON);
	takes(datagram, &mbufs[1], FRAGMENT_NO_REASON);
	takes_none(datagram);
	ck_assert(!fragment_expires(table, UINT32_MAX - 1));
}
END_TEST

// Another worker brings a fragment while the first is judged.
START_TEST(a_verdict_is_waited_for)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &mbuf);
	struct fragment c = piece(1, 20, 30, NULL);
	uint32_t datagram = is_first(&a);

	is_held(&b);
	decide(datagram, 7);
	is_passed(&c, 7);
	takes(datagram, &mbuf, FRAGMENT_NO_REASON);
	takes_none(datagram);
}
END_TEST

START_TEST(keys_differ_in_every_member)
{
	struct rte_mbuf mbufs[6] = {{.buf_len = BUFFER_LEN}};
	struct fragment a = piece(1, 0, 10, NULL);
	struct fragment others[6];

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		mbufs[i].buf_len = BUFFER_LEN;
		others[i] = piece(1, 10, 20, &mbufs[i]);
	}
	others[0].key.id = 2;
	others[1].key.in = 4;
	others[2].key.source[15] = 1;
	others[3].key.destination[0] = 3;
	others[4].key.family = 6;
	others[5].key.protocol = 17;
	passes_first(&a, 7);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		uint32_t datagram;
		struct fragment first = others[i];

		is_held(&others[i]);
		first.start = 0;
		first.end = 80;
		datagram = is_first(&first);
		decide(datagram, 7);
		takes(datagram, &mbufs[i], FRAGMENT_NO_REASON);
		takes_none(datagram);
	}
}
END_TEST

START_TEST(overlaps)
{
	static const struct {
		unsigned from, to;
		bool more;
	} wrong[] = {
		{10, 20, true}, // the same again
		{9, 11, true},
		{19, 21, true},
		{12, 13, true},
		{5, 30, true},
		{0, 5, true},	 // another first
		{2, 3, true},	 // in the first
		{15, 20, false}, // the last one ends it before what is known
		{40, 60, true},	 // behind the end
		{45, 49, false}, // another end
		{49, 51, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct fragment a = piece(i, 0, 5, NULL), b = piece(i, 10, 20, NULL);
		struct fragment c = piece(i, 45, 50, NULL);
		struct fragment end = last(&c), more = piece(i, 30, 31, NULL);
		struct fragment f = piece(i, wrong[i].from, wrong[i].to, NULL);

		f.more = wrong[i].more;
		passes_first(&a, 7);
		is_passed(&b, 7);
		is_passed(&end, 7);
		is_dropped(&f, DROP_FRAG_OVERLAP);
		is_dropped(&more, DROP_FRAG_OVERLAP);
		is_dropped(&a, DROP_FRAG_OVERLAP);
	}
}
END_TEST

START_TEST(an_end_before_what_has_come)
{
	struct fragment a = piece(1, 0, 5, NULL), b = piece(1, 10, 20, NULL);
	struct fragment c = piece(1, 5, 10, NULL);
	struct fragment end = last(&c);

	passes_first(&a, 7);
	is_passed(&b, 7);
	is_dropped(&end, DROP_FRAG_OVERLAP);
}
END_TEST

START_TEST(an_overlap_of_what_waits)
{
	struct rte_mbuf mbufs[2] = {{.buf_len = BUFFER_LEN}, {.buf_len = BUFFER_LEN}};
	struct fragment b = piece(1, 10, 20, &mbufs[0]), c = piece(1, 20, 30, &mbufs[1]);
	struct fragment wrong = piece(1, 25, 35, NULL), a = piece(1, 0, 10, NULL);
	struct rte_mbuf never = {.buf_len = BUFFER_LEN};
	struct fragment_answer answer;

	is_held(&b);
	is_held(&c);
	wrong.held.mbuf = &never;
	answer = arrive(&wrong);
	ck_assert_int_eq(answer.fate, FRAGMENT_DROP);
	ck_assert_uint_eq(answer.verdict.reason, DROP_FRAG_OVERLAP);
	ck_assert_uint_ne(answer.datagram, 0);
	takes(answer.datagram, &mbufs[0], DROP_FRAG_OVERLAP);
	takes(answer.datagram, &mbufs[1], DROP_FRAG_OVERLAP);
	takes_none(answer.datagram);
	is_dropped(&a, DROP_FRAG_OVERLAP);
}
END_TEST

// Another worker finds the overlap while the first is judged: who judges takes out what waits.
START_TEST(an_overlap_while_a_first_is_judged)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &mbuf);
	uint32_t datagram = is_first(&a);

	is_held(&b);
	is_dropped(&b, DROP_FRAG_OVERLAP);
	decide(datagram, 7);
	takes(datagram, &mbuf, DROP_FRAG_OVERLAP);
	takes_none(datagram);
}
END_TEST

START_TEST(a_first_that_can_not_decide)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment tiny = piece(1, 0, 1, NULL), b = piece(1, 10, 20, &mbuf);
	struct fragment_answer answer;

	tiny.reason = DROP_FRAG_TINY;
	is_held(&b);
	answer = arrive(&tiny);
	ck_assert_int_eq(answer.fate, FRAGMENT_DROP);
	ck_assert_uint_eq(answer.verdict.reason, DROP_FRAG_TINY);
	takes(answer.datagram, &mbuf, DROP_FRAG_TINY);
	takes_none(answer.datagram);
	is_dropped(&b, DROP_FRAG_TINY);
}
END_TEST

START_TEST(first_never_comes)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &mbuf);
	struct fragment c = piece(1, 20, 30, &mbuf);
	uint32_t datagram;

	is_held(&b);
	ck_assert(!fragment_expires(table, n_of_deadline() - 1));
	ck_assert_uint_eq(fragment_expire(table, n_of_deadline() - 1), 0);
	now_s = n_of_deadline();
	ck_assert(fragment_expires(table, now_s));
	datagram = fragment_expire(table, now_s);
	ck_assert_uint_ne(datagram, 0);
	takes(datagram, &mbuf, DROP_FRAG_TIMEOUT);
	takes_none(datagram);
	is_dropped(&c, DROP_FRAG_NO_FIRST);
	ck_assert(!fragment_expires(table, now_s + FRAGMENT_TIMEOUT_S - 1));
	// A first that comes after all is one of another datagram.
	passes_first(&a, 7);
	is_passed(&c, 7);
	// Or all is forgotten.
	now_s += FRAGMENT_TIMEOUT_S;
	ck_assert_uint_eq(fragment_expire(table, now_s), 0);
	ck_assert(!fragment_expires(table, UINT32_MAX - 1));
	is_held(&c);
	datagram = is_first(&a);
	decide(datagram, 7);
	takes(datagram, &mbuf, FRAGMENT_NO_REASON);
	takes_none(datagram);
}
END_TEST

START_TEST(a_datagram_lives_so_long)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 10, NULL), b = piece(1, 10, 20, &mbuf);
	struct fragment other = piece(2, 0, 10, NULL);
	uint32_t datagram;

	passes_first(&a, 7);
	now_s += 10;
	datagram = is_first(&other);
	now_s = n_of_deadline();
	ck_assert_uint_eq(fragment_expire(table, now_s), 0);
	is_held(&b);
	// One that is being judged stays.
	now_s += 10;
	ck_assert_uint_eq(fragment_expire(table, now_s), 0);
	decide(datagram, 7);
	takes_none(datagram);
	ck_assert_uint_eq(fragment_expire(table, now_s), 0);
	passes_first(&other, 7);
	datagram = is_first(&a);
	decide(datagram, 7);
	takes(datagram, &mbuf, FRAGMENT_NO_REASON);
	takes_none(datagram);
}
END_TEST

START_TEST(few_of_one_datagram_wait)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	struct fragment a = piece(1, 0, 1, NULL);
	struct fragment f;
	uint32_t datagram;

	for (unsigned i = 1; i <= FRAGMENT_HELD_MAX; i++) {
		f = piece(1, i, i + 1, &mbuf);
		is_held(&f);
	}
	f = piece(1, 200, 201, &mbuf);
	is_dropped(&f, DROP_FRAG_FULL);
	datagram = is_first(&a);
	decide(datagram, 7);
	for (unsigned i = 0; i < FRAGMENT_HELD_MAX; i++)
		takes(datagram, &mbuf, FRAGMENT_NO_REASON);
	takes_none(datagram);
	is_passed(&f, 7);
}
END_TEST

START_TEST(little_memory_waits)
{
	struct rte_mbuf mbuf = {.buf_len = BUFFER_LEN};
	unsigned size = sizeof(mbuf) + BUFFER_LEN, n = 0;
	struct fragment f = piece(0, 1, 2, &mbuf);
	struct fragment first = piece(7, 0, 1, NULL);
	uint32_t datagram;

	for (; (n + 1) * size <= 4 * MIB; n++) {
		f.key.id = n;
		is_held(&f);
	}
	f.key.id = n;
	is_dropped(&f, DROP_FRAG_FULL);
	// A datagram's end makes room.
	datagram = is_first(&first);
	decide(datagram, 7);
	takes(datagram, &mbuf, FRAGMENT_NO_REASON);
	takes_none(datagram);
	is_held(&f);
	now_s = n_of_deadline();
	for (unsigned i = 0; i < n; i++) {
		do
			datagram = fragment_expire(table, now_s);
		while (datagram == 0);
		takes(datagram, &mbuf, DROP_FRAG_TIMEOUT);
		takes_none(datagram);
	}
}
END_TEST

START_TEST(few_holes_in_a_datagram)
{
	struct fragment a = piece(1, 0, 1, NULL), f;

	passes_first(&a, 7);
	for (unsigned i = 1; i < FRAGMENT_RANGES; i++) {
		f = piece(1, 2 * i, 2 * i + 1, NULL);
		is_passed(&f, 7);
	}
	f = piece(1, 2 * FRAGMENT_RANGES, 2 * FRAGMENT_RANGES + 1, NULL);
	is_dropped(&f, DROP_FRAG_FULL);
	// One that fills a hole makes room for two.
	f = piece(1, 1, 2, NULL);
	is_passed(&f, 7);
	f = piece(1, 2 * FRAGMENT_RANGES, 2 * FRAGMENT_RANGES + 1, NULL);
	is_passed(&f, 7);
}
END_TEST

START_TEST(one_attachment_has_a_quota)
{
	struct fragment f = piece(0, 0, 1, NULL);

	for (uint32_t i = 0; i < FRAGMENT_QUOTA; i++) {
		f.key.id = i;
		passes_first(&f, 7);
	}
	f.key.id = FRAGMENT_QUOTA;
	is_dropped(&f, DROP_FRAG_FULL);
	for (uint16_t in = 10; in < 13; in++) {
		f.key.in = in;
		for (uint32_t i = 0; i < FRAGMENT_QUOTA; i++) {
			f.key.id = i;
			passes_first(&f, 7);
		}
	}
	f.key.in = 20; // all together have one, too
	is_dropped(&f, DROP_FRAG_FULL);
	now_s = n_of_deadline();
	while (fragment_expires(table, now_s))
		ck_assert_uint_eq(fragment_expire(table, now_s), 0);
	passes_first(&f, 7);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		in_order,
		all_of_a_datagram_come_again,
		some_of_a_datagram_come_again,
		one_that_comes_again_without_its_first,
		a_first_that_waits_for_a_next_hop,
		a_first_that_waits_has_come_again_meanwhile,
		a_first_that_comes_again_while_it_is_judged,
		those_that_wait_keep_their_order,
		a_verdict_is_waited_for,
		keys_differ_in_every_member,
		overlaps,
		an_end_before_what_has_come,
		an_overlap_of_what_waits,
		an_overlap_while_a_first_is_judged,
		a_first_that_can_not_decide,
		first_never_comes,
		a_datagram_lives_so_long,
		few_of_one_datagram_wait,
		little_memory_waits,
		few_holes_in_a_datagram,
		one_attachment_has_a_quota,
	};

	return suite_main_with("fragment", tests, ARRAY_SIZE(tests), setup, teardown);
}
