// SPDX-License-Identifier: BSD-3-Clause
// Grace periods: memory is freed when every reader that could know it has moved on, not before.

#include "suite.h"

#include "base/util.h"
#include "tables/rcu.h"

static int n_freed;

static void count_free(void *object)
{
	int *value = object;

	n_freed++;
	free(value);
}

static void retire_one(struct rcu *rcu)
{
	rcu_retire(rcu, malloc(sizeof(int)), count_free);
}

static struct rcu *start(void)
{
	struct rcu *rcu = rcu_new(2);

	ck_assert_ptr_nonnull(rcu);
	n_freed = 0;
	return rcu;
}

START_TEST(waits_for_every_reader)
{
	struct rcu *rcu = start();

	rcu_reader_online(rcu, 0);
	rcu_reader_online(rcu, 1);
	retire_one(rcu);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 0);
	rcu_quiescent(rcu, 0);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 0);
	rcu_quiescent(rcu, 1);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 1);
	rcu_reader_offline(rcu, 0);
	rcu_reader_offline(rcu, 1);
	rcu_free(rcu);
}
END_TEST

START_TEST(does_not_wait_for_readers_that_are_offline)
{
	struct rcu *rcu = start();

	retire_one(rcu);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 1);
	rcu_reader_online(rcu, 0);
	retire_one(rcu);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 1);
	rcu_reader_offline(rcu, 0);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 2);
	rcu_free(rcu);
}
END_TEST

START_TEST(later_objects_wait_longer)
{
	struct rcu *rcu = start();

	rcu_reader_online(rcu, 0);
	retire_one(rcu);
	rcu_quiescent(rcu, 0);
	retire_one(rcu);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 1);
	rcu_quiescent(rcu, 0);
	rcu_poll(rcu);
	ck_assert_int_eq(n_freed, 2);
	rcu_reader_offline(rcu, 0);
	rcu_free(rcu);
}
END_TEST

START_TEST(tokens)
{
	struct rcu *rcu = start();
	uint64_t token;

	rcu_reader_online(rcu, 0);
	token = rcu_token(rcu);
	ck_assert(!rcu_passed(rcu, token));
	rcu_quiescent(rcu, 0);
	ck_assert(rcu_passed(rcu, token));
	rcu_reader_offline(rcu, 0);
	rcu_free(rcu);
}
END_TEST

START_TEST(free_runs_what_is_left)
{
	struct rcu *rcu = start();

	retire_one(rcu);
	retire_one(rcu);
	rcu_retire(rcu, NULL, count_free);
	rcu_free(rcu);
	ck_assert_int_eq(n_freed, 2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		waits_for_every_reader,
		does_not_wait_for_readers_that_are_offline,
		later_objects_wait_longer,
		tokens,
		free_runs_what_is_left,
	};

	return suite_main("rcu", tests, ARRAY_SIZE(tests));
}
