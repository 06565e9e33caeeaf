// SPDX-License-Identifier: BSD-3-Clause
// The session table on its own: keys, ids and their grace period, limits, time-outs, sweeping,
// cutting; and several workers that insert, look up and remove at once.

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>

#include <check.h>

#include "net/headers.h"
#include "suite.h"
#include "tables/session.h"

#define WORKERS 3
#define NOW	1000u

static struct rcu *rcu;
static struct session_table *table;

static void setup(void)
{
	rcu = rcu_new(RCU_MAX_READERS);
	table = session_table_new(rcu, WORKERS);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	session_table_free(table);
	rcu_free(rcu);
}

// ---- helpers ----------------------------------------------------------------------------------

// A UDP flow from 10.x.x.x to 172.16.1.33, all told by a number.
static struct session_tuple flow(uint32_t number, bool answer)
{
	uint8_t outside[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
	uint8_t inside[4] = {172, 16, 1, 33};
	uint16_t port = htons((uint16_t)(1024 + number % 60000));
	struct session_endpoints forth = {outside, inside, port, htons(53)};
	struct session_endpoints back = {inside, outside, htons(53), port};
	struct session_tuple tuple;

	session_tuple4(
		&tuple, session_meta(1, SESSION_IP4, IP_PROTOCOL_UDP), answer ? &back : &forth);
	tuple.hash = session_hash(table, &tuple.key);
	return tuple;
}

static uint32_t find(const struct session_tuple *tuple)
{
	return session_lookup(table, tuple, NOW);
}

// Makes a session of a tuple; 0 when it is refused.
static uint32_t add(const struct session_tuple *tuple, unsigned worker, uint16_t owner)
{
	uint32_t id = session_reserve(table, worker, owner);

	if (id == 0)
		return 0;
	struct session *s = session_get(table, id);

	s->key = tuple->key;
	s->seen_s = s->created_s = NOW;
	s->timeout = SESSION_TIMEOUT_UDP;
	s->flags = tuple->flipped ? SESSION_REVERSED : 0;
	s->epoch = tuple->hash;
	return session_publish(table, worker, id, tuple->hash, NOW);
}

static uint32_t add_flow(uint32_t number)
{
	struct session_tuple tuple = flow(number, false);

	return add(&tuple, 0, 5);
}

static uint32_t find_flow(uint32_t number)
{
	struct session_tuple tuple = flow(number, false);

	return find(&tuple);
}

// Control's round when no worker is online: grace periods are over at once.
static void sweep(uint32_t now_s)
{
	for (unsigned i = 0; i < 3; i++)
		session_sweep(table, now_s, SESSION_BUCKETS);
}

// ---- keys -------------------------------------------------------------------------------------

START_TEST(both_directions_have_one_key)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct session_tuple forth = flow(i * 7919, false), back = flow(i * 7919, true);

		ck_assert(session_key_equal(&forth.key, &back.key));
		ck_assert_uint_eq(forth.hash, back.hash);
		ck_assert(forth.flipped != back.flipped);
	}
}
END_TEST

START_TEST(key_tells_everything_apart)
{
	const uint8_t a[16] = {1}, b[16] = {2}, d[16] = {3};
	const struct session_endpoints ends = {a, b, htons(1), htons(2)};
	const struct session_endpoints others[] = {
		{d, b, htons(1), htons(2)},
		{a, d, htons(1), htons(2)},
		{a, b, htons(3), htons(2)},
		{a, b, htons(1), htons(3)},
		{a, b, htons(2), htons(1)},
	};
	void (*const build[])(struct session_tuple *, uint64_t,
		const struct session_endpoints *) = {session_tuple4, session_tuple6};
	static const uint8_t families[] = {SESSION_IP4, SESSION_IP6};
	struct session_tuple one, other;

	for (unsigned f = 0; f < 2; f++) {
		build[f](&one, session_meta(1, families[f], 17), &ends);
		for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
			build[f](&other, session_meta(1, families[f], 17), &others[i]);
			ck_assert(!session_key_equal(&one.key, &other.key));
		}
		build[f](&other, session_meta(2, families[f], 17), &ends);
		ck_assert(!session_key_equal(&one.key, &other.key));
		build[f](&other, session_meta(1, families[f], 6), &ends);
		ck_assert(!session_key_equal(&one.key, &other.key));
		build[f](&other, session_meta(1, families[1 - f], 17), &ends);
		ck_assert(!session_key_equal(&one.key, &other.key));
	}
}
END_TEST

START_TEST(ports_order_endpoints_of_one_address)
{
	const uint8_t a[16] = {1};
	const struct session_endpoints forth = {a, a, htons(1), htons(2)};
	const struct session_endpoints back = {a, a, htons(2), htons(1)};
	struct session_tuple one, other;

	session_tuple4(&one, 0, &forth);
	session_tuple4(&other, 0, &back);
	ck_assert(session_key_equal(&one.key, &other.key) && one.flipped != other.flipped);
	session_tuple6(&one, session_meta(0, SESSION_IP6, 0), &forth);
	session_tuple6(&other, session_meta(0, SESSION_IP6, 0), &back);
	ck_assert(session_key_equal(&one.key, &other.key) && one.flipped != other.flipped);
}
END_TEST

// ---- one session ------------------------------------------------------------------------------

START_TEST(session_is_found_by_both_directions)
{
	struct session_tuple forth = flow(1, false), back = flow(1, true);
	uint32_t id;

	ck_assert_uint_eq(find(&forth), 0);
	id = add(&forth, 0, 5);
	ck_assert_uint_ne(id, 0);
	ck_assert_uint_eq(find(&forth), id);
	ck_assert_uint_eq(find(&back), id);
	ck_assert_uint_eq(find_flow(2), 0);
	ck_assert(session_remove(table, id));
	ck_assert_uint_eq(find(&forth), 0);
	ck_assert(!session_remove(table, id));
}
END_TEST

START_TEST(reserved_session_is_not_found)
{
	struct session_tuple tuple = flow(1, false);
	uint32_t id = session_reserve(table, 0, 5);

	session_get(table, id)->key = tuple.key;
	ck_assert_uint_eq(find(&tuple), 0);
	ck_assert_uint_eq(session_publish(table, 0, id, tuple.hash, NOW), id);
	ck_assert_uint_eq(session_get(table, id)->owner, 5);
}
END_TEST

START_TEST(second_session_of_a_key_is_given_back)
{
	uint32_t id = add_flow(1);

	ck_assert_uint_eq(add_flow(1), id);
	ck_assert_uint_eq(session_counts(table).live, 1);
	ck_assert_uint_eq(session_count_owner(table, 5), 1);
}
END_TEST

START_TEST(timed_out_session_gives_way)
{
	uint32_t old = add_flow(1), new;

	session_get(table, old)->seen_s = NOW - 31;
	ck_assert_uint_eq(find_flow(1), 0);
	new = add_flow(1);
	ck_assert_uint_ne(new, old);
	ck_assert_uint_eq(find_flow(1), new);
	ck_assert_uint_eq(session_get(table, old)->life, SESSION_DEAD);
}
END_TEST

// A packet that was looked up while its session was being removed must not use it.
START_TEST(removed_session_is_not_found_between_the_passes)
{
	struct session_tuple tuple = flow(1, false);
	uint32_t id = add(&tuple, 0, 5);
	uint32_t slots = session_candidates(table, tuple.hash, true);

	ck_assert_uint_eq(session_find(table, &tuple, slots, NOW), id);
	session_remove(table, id);
	ck_assert_uint_eq(session_find(table, &tuple, slots, NOW), 0);
}
END_TEST

// ---- ids --------------------------------------------------------------------------------------

static bool id_comes_again(uint32_t id)
{
	static uint32_t next = 1000000;

	for (unsigned i = 0; i < 200; i++) {
		if (add_flow(next++) == id)
			return true;
	}
	return false;
}

START_TEST(id_is_used_again_after_a_grace_period)
{
	uint32_t id = add_flow(1);

	rcu_reader_online(rcu, 0);
	session_remove(table, id);
	sweep(NOW);
	ck_assert(!id_comes_again(id));
	ck_assert_uint_eq(session_counts(table).dead, 1);
	rcu_quiescent(rcu, 0);
	sweep(NOW);
	ck_assert_uint_eq(session_counts(table).dead, 0);
	ck_assert(id_comes_again(id));
	rcu_reader_offline(rcu, 0);
}
END_TEST

// A session that is dead but not gone still costs its owner.
START_TEST(dead_sessions_count)
{
	session_set_limits(table, 10, 4);
	rcu_reader_online(rcu, 0);
	for (uint32_t i = 0; i < 4; i++)
		session_remove(table, add_flow(i));
	sweep(NOW);
	ck_assert_uint_eq(add_flow(4), 0);
	ck_assert_uint_eq(session_count_owner(table, 5), 4);
	ck_assert_uint_eq(session_counts(table).live, 0);
	rcu_quiescent(rcu, 0);
	sweep(NOW);
	ck_assert_uint_eq(session_count_owner(table, 5), 0);
	ck_assert_uint_ne(add_flow(4), 0);
	rcu_reader_offline(rcu, 0);
}
END_TEST

START_TEST(quota_is_each_owners_own)
{
	struct session_tuple other = flow(100, false);

	session_set_limits(table, 10, 4);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_ne(add_flow(i), 0);
	ck_assert_uint_eq(add_flow(4), 0);
	ck_assert_uint_ne(add(&other, 0, 6), 0);
	ck_assert_uint_eq(session_count_owner(table, 5), 4);
	ck_assert_uint_eq(session_count_owner(table, 6), 1);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_ne(find_flow(i), 0);
}
END_TEST

START_TEST(limit_is_everybodys)
{
	unsigned n = 0;

	session_set_limits(table, 100, 100);
	for (uint32_t i = 0; i < 200; i++) {
		struct session_tuple tuple = flow(i, false);

		n += add(&tuple, i % WORKERS, (uint16_t)(i % 10 + 1)) != 0;
	}
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(session_counts(table).live, 100);
	ck_assert_uint_eq(session_counts(table).limit, 100);
	session_set_limits(table, 101, 100);
	ck_assert_uint_ne(add_flow(500), 0);
	ck_assert_uint_eq(add_flow(501), 0);
}
END_TEST

// ---- buckets ----------------------------------------------------------------------------------

// Numbers of `n` flows that share a bucket.
static void find_neighbours(uint32_t *numbers, unsigned n)
{
	struct session_tuple first = flow(0, false);
	unsigned found = 0;

	for (uint32_t i = 0; found < n; i++) {
		struct session_tuple tuple = flow(i, false);

		if (session_bucket(table, tuple.hash) == session_bucket(table, first.hash))
			numbers[found++] = i;
	}
}

START_TEST(full_bucket_refuses_then_takes_what_timed_out)
{
	uint32_t numbers[SESSION_BUCKET_SIZE + 1], ids[SESSION_BUCKET_SIZE], last;

	find_neighbours(numbers, ARRAY_SIZE(numbers));
	last = numbers[SESSION_BUCKET_SIZE];
	for (unsigned i = 0; i < SESSION_BUCKET_SIZE; i++) {
		ids[i] = add_flow(numbers[i]);
		ck_assert_uint_ne(ids[i], 0);
	}
	ck_assert_uint_eq(add_flow(last), 0);
	ck_assert_uint_eq(session_counts(table).live, SESSION_BUCKET_SIZE);
	for (unsigned i = 0; i < SESSION_BUCKET_SIZE; i++)
		ck_assert_uint_eq(find_flow(numbers[i]), ids[i]);
	session_get(table, ids[3])->seen_s = NOW - 100;
	ck_assert_uint_ne(add_flow(last), 0);
	ck_assert_uint_eq(find_flow(numbers[3]), 0);
	ck_assert_uint_ne(find_flow(last), 0);
}
END_TEST

START_TEST(many_sessions_are_found_again)
{
	enum { N = 50000 };
	uint32_t *ids = calloc(N, sizeof(*ids));
	unsigned refused = 0, wrong = 0;

	session_set_limits(table, SESSION_MAX_LIMIT, SESSION_MAX_LIMIT);
	for (uint32_t i = 0; i < N; i++) {
		ids[i] = add_flow(i);
		refused += ids[i] == 0;
	}
	for (uint32_t i = 0; i < N; i++)
		wrong += find_flow(i) != ids[i];
	ck_assert_uint_eq(refused, 0);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(session_cut(table, NULL, NULL), N);
	for (uint32_t i = 0; i < N; i++)
		wrong += find_flow(i) != 0;
	ck_assert_uint_eq(wrong, 0);
	sweep(NOW);
	ck_assert_uint_eq(session_counts(table).dead, 0);
	free(ids);
}
END_TEST

// ---- time -------------------------------------------------------------------------------------

START_TEST(time_out_is_told_at_lookup)
{
	struct session_tuple tuple = flow(1, false);
	uint32_t id = add(&tuple, 0, 5);

	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 30), id);
	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 31), 0);
	session_refresh(session_get(table, id), NOW + 10);
	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 40), id);
	// A worker whose clock is behind.
	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 9), id);
	session_set_timeout(table, SESSION_TIMEOUT_UDP, 5);
	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 16), 0);
	session_set_timeout(table, SESSION_TIMEOUT_UDP, SESSION_MAX_TIMEOUT_S);
	ck_assert_uint_eq(session_lookup(table, &tuple, NOW + 10 + SESSION_MAX_TIMEOUT_S), id);
}
END_TEST

START_TEST(defaults_of_the_time_outs)
{
	static const uint32_t seconds[N_SESSION_TIMEOUTS] = {
		120, 60, 432000, 120, 60, 30, 120, 10, 300, 30, 120, 30, 600};

	ck_assert_mem_eq(table->timeout_s, seconds, sizeof(seconds));
}
END_TEST

START_TEST(sweep_goes_step_by_step)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 1000; i++)
		add_flow(i);
	for (uint32_t i = 0; i < 1000; i += 2)
		session_get(table, find_flow(i))->seen_s = NOW - 31;
	session_sweep(table, NOW, SESSION_BUCKETS / 2);
	n = session_counts(table).dead;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_lt(n, 500);
	session_sweep(table, NOW, SESSION_BUCKETS / 2);
	session_sweep(table, NOW, SESSION_BUCKETS / 2);
	session_sweep(table, NOW, SESSION_BUCKETS / 2);
	ck_assert_uint_eq(session_counts(table).live, 500);
	ck_assert_uint_eq(session_counts(table).dead, 0);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert((find_flow(i) != 0) == (i % 2 == 1));
}
END_TEST

// ---- lists ------------------------------------------------------------------------------------

struct seen {
	unsigned n;
	unsigned stop_at;
	struct session_info last;
};

static bool note(const struct session_info *info, void *arg)
{
	struct seen *seen = arg;

	seen->last = *info;
	return ++seen->n != seen->stop_at;
}

START_TEST(walk_describes_a_session)
{
	for (unsigned reversed = 0; reversed < 2; reversed++) {
		struct session_tuple tuple = flow(258, reversed);
		uint32_t id = add(&tuple, 0, 5);
		struct seen seen = {0};
		char text[IP_TEXT_LEN];

		session_get(table, id)->in = 9;
		session_walk(table, NOW + 7, note, &seen);
		ck_assert_uint_eq(seen.n, 1);
		ck_assert_uint_eq(seen.last.id, id);
		ck_assert_uint_eq(seen.last.zone, 1);
		ck_assert_uint_eq(seen.last.family, 4);
		ck_assert_uint_eq(seen.last.protocol, IP_PROTOCOL_UDP);
		ck_assert_str_eq(
			ip_format(&seen.last.source, text), reversed ? "172.16.1.33" : "10.0.1.2");
		ck_assert_str_eq(ip_format(&seen.last.destination, text),
			reversed ? "10.0.1.2" : "172.16.1.33");
		ck_assert_uint_eq(seen.last.source_port, reversed ? 53 : 1024 + 258);
		ck_assert_uint_eq(seen.last.destination_port, reversed ? 1024 + 258 : 53);
		ck_assert_uint_eq(seen.last.in, 9);
		ck_assert_uint_eq(seen.last.owner, 5);
		ck_assert_uint_eq(seen.last.age_s, 7);
		ck_assert_uint_eq(seen.last.expires_s, 23);
		session_remove(table, id);
	}
}
END_TEST

START_TEST(walk_describes_icmp_and_ipv6)
{
	struct ip_addr source, destination;
	struct session_tuple tuple;
	struct seen seen = {0};

	ip_parse("fd00::33", &source);
	ip_parse("fd00::1", &destination);
	const struct session_endpoints ends = {source.b, destination.b, 0, 0};

	session_tuple6(&tuple, session_meta(3, SESSION_IP6, IP_PROTOCOL_ICMPV6), &ends);
	session_tuple_icmp(
		&tuple, htons(77), SESSION_ICMP_ECHO << SESSION_ICMP_REQUEST_SHIFT | 2, false);
	tuple.hash = session_hash(table, &tuple.key);
	add(&tuple, 0, 5);
	session_walk(table, NOW, note, &seen);
	ck_assert_uint_eq(seen.last.zone, 3);
	ck_assert_uint_eq(seen.last.family, 6);
	ck_assert(ip_equal(&seen.last.source, &source));
	ck_assert(ip_equal(&seen.last.destination, &destination));
	ck_assert_uint_eq(seen.last.source_port, 0);
	ck_assert_uint_eq(seen.last.icmp_id, 77);
	ck_assert_uint_eq(seen.last.icmp_type, 128);
	ck_assert_uint_eq(seen.last.icmp_code, 2);
}
END_TEST

START_TEST(walk_stops_and_leaves_out_what_timed_out)
{
	struct seen seen = {.stop_at = 3}, none = {0};

	for (uint32_t i = 0; i < 10; i++)
		add_flow(i);
	session_walk(table, NOW, note, &seen);
	ck_assert_uint_eq(seen.n, 3);
	session_walk(table, NOW + 31, note, &none);
	ck_assert_uint_eq(none.n, 0);
}
END_TEST

static bool port_is_odd(const struct session_info *info, void *arg)
{
	return info->source_port & 1;
}

START_TEST(cut_removes_what_matches)
{
	for (uint32_t i = 0; i < 100; i++)
		add_flow(i);
	ck_assert_uint_eq(session_cut(table, port_is_odd, NULL), 50);
	ck_assert_uint_eq(session_counts(table).live, 50);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert((find_flow(i) != 0) == (i % 2 == 0));
	ck_assert_uint_eq(session_cut(table, port_is_odd, NULL), 0);
}
END_TEST

// ---- threads ----------------------------------------------------------------------------------
// No ck_assert in threads; they count what is wrong.

#define SHARED_FLOWS 512
#define MADE	     1000 // sessions, by each worker

struct worker {
	unsigned index;
	uint32_t random;
	uint64_t found, made, removed, wrong;
};

static unsigned n_working;

static uint32_t draw(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random;
}

static void use_flow(struct worker *w, uint32_t number)
{
	struct session_tuple tuple = flow(number, draw(w) & 1);
	uint32_t id = find(&tuple);

	if (id == 0) {
		id = add(&tuple, w->index, (uint16_t)(number % 7 + 1));
		w->made += id != 0;
	} else {
		w->found++;
	}
	if (id == 0)
		return;
	struct session *s = session_get(table, id);

	// Nobody may change a session under a reader's hands before the reader is done.
	if (!session_key_equal(&s->key, &tuple.key) || s->epoch != tuple.hash)
		w->wrong++;
	session_refresh(s, NOW + (draw(w) & 1));
	session_set_flags(s, SESSION_SEEN_REPLY);
	session_set_state(s, draw(w) & 1 ? SESSION_REPLIED : SESSION_STREAM, SESSION_TIMEOUT_UDP);
	if (draw(w) % 4 == 0)
		w->removed += session_remove(table, id);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	rcu_reader_online(rcu, w->index);
	while (w->made < MADE) {
		for (unsigned i = 0; i < 32; i++)
			use_flow(w, draw(w) % SHARED_FLOWS);
		rcu_quiescent(rcu, w->index);
		sched_yield(); // control has to let ids be used again
	}
	rcu_reader_offline(rcu, w->index);
	__atomic_fetch_sub(&n_working, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool port_ends_in_7(const struct session_info *info, void *arg)
{
	return info->source_port % 10 == 7;
}

START_TEST(workers_and_control_at_once)
{
	struct worker workers[WORKERS] = {0};
	pthread_t threads[WORKERS];
	struct seen seen = {0};
	unsigned live = 0;

	// Small enough to be reached, so that refusals are tried as well.
	session_set_limits(table, 600, 100);
	n_working = WORKERS;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.index = i, .random = 12345 + i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	while (__atomic_load_n(&n_working, __ATOMIC_ACQUIRE) != 0) {
		session_sweep(table, NOW, SESSION_BUCKETS / 64);
		session_walk(table, NOW, note, &seen);
		session_cut(table, port_ends_in_7, NULL);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(workers[i].wrong, 0);
		ck_assert_uint_gt(workers[i].found, 0);
		ck_assert_uint_gt(workers[i].removed, 0);
	}
	for (uint32_t i = 0; i < SHARED_FLOWS; i++)
		live += find_flow(i) != 0;
	ck_assert_uint_eq(session_counts(table).live, live);
	ck_assert_uint_eq(session_cut(table, NULL, NULL), live);
	sweep(NOW);
	ck_assert_uint_eq(session_counts(table).dead, 0);
	for (uint16_t owner = 1; owner <= 7; owner++)
		ck_assert_uint_eq(session_count_owner(table, owner), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {both_directions_have_one_key, key_tells_everything_apart,
		ports_order_endpoints_of_one_address, session_is_found_by_both_directions,
		reserved_session_is_not_found, second_session_of_a_key_is_given_back,
		timed_out_session_gives_way, removed_session_is_not_found_between_the_passes,
		id_is_used_again_after_a_grace_period, dead_sessions_count,
		quota_is_each_owners_own, limit_is_everybodys,
		full_bucket_refuses_then_takes_what_timed_out, many_sessions_are_found_again,
		time_out_is_told_at_lookup, defaults_of_the_time_outs, sweep_goes_step_by_step,
		walk_describes_a_session, walk_describes_icmp_and_ipv6,
		walk_stops_and_leaves_out_what_timed_out, cut_removes_what_matches,
		workers_and_control_at_once};

	return suite_main_with("session", tests, ARRAY_SIZE(tests), setup, teardown);
}
