// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs workers run on, and how long they sleep.

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "suite.h"
#include "worker/cpus.h"
#include "worker/idle.h"

static int parse(const char *text, struct worker_cpus *cpus, struct problems *problems)
{
	return worker_cpus_parse(text, cpus, "workers.cores", problems);
}

// The CPUs of this process; returns their number.
static unsigned usable(unsigned list[CPU_SETSIZE])
{
	cpu_set_t set;
	unsigned n = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			list[n++] = cpu;
	}
	return n;
}

START_TEST(cpus_by_list)
{
	struct problems problems = PROBLEMS_INIT;
	struct worker_cpus cpus;
	unsigned list[CPU_SETSIZE];
	unsigned n = usable(list);
	char text[64];

	ck_assert_int_eq(parse(NULL, &cpus, &problems), 0);
	ck_assert_uint_eq(cpus.n, 1);
	ck_assert_uint_eq(cpus.cpus[0], list[n - 1]);
	snprintf(text, sizeof(text), "%u", list[0]);
	ck_assert_int_eq(parse(text, &cpus, &problems), 0);
	ck_assert_uint_eq(cpus.n, 1);
	ck_assert_uint_eq(cpus.cpus[0], list[0]);
	// the order is the workers' order
	snprintf(text, sizeof(text), "%u-%u", list[n - 1], list[n - 1]);
	ck_assert_int_eq(parse(text, &cpus, &problems), 0);
	ck_assert_uint_eq(cpus.cpus[0], list[n - 1]);
	if (n > 1 && n <= MAX_WORKERS) {
		snprintf(text, sizeof(text), "%u,%u", list[n - 1], list[0]);
		ck_assert_int_eq(parse(text, &cpus, &problems), 0);
		ck_assert_uint_eq(cpus.n, 2);
		ck_assert_uint_eq(cpus.cpus[0], list[n - 1]);
		ck_assert_uint_eq(cpus.cpus[1], list[0]);
	}
	ck_assert_uint_eq(problems.n, 0);
}
END_TEST

START_TEST(bad_lists)
{
	static const char *const bad[] = {"", "a", "0,", ",0", "0-", "-0", "0 ", "0;1", "1-0",
		"0x0", "123456", "0--1", "0-0-0"};
	struct worker_cpus cpus;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct problems problems = PROBLEMS_INIT;

		ck_assert_msg(parse(bad[i], &cpus, &problems) == -EINVAL, "\"%s\"", bad[i]);
		ck_assert_uint_eq(problems.n, 1);
		ck_assert_int_eq(problems.list[0].symbol, E_CFG_CORES);
		ck_assert_str_eq(problems.list[0].path, "workers.cores");
		problems_free(&problems);
	}
}
END_TEST

START_TEST(cpus_that_are_not_ours)
{
	static const char *const bad[] = {"1023", "99999", "1000-1023"};
	struct problems problems = PROBLEMS_INIT;
	struct worker_cpus cpus;
	unsigned list[CPU_SETSIZE];
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(parse(bad[i], &cpus, &problems), -EINVAL);
	usable(list);
	snprintf(text, sizeof(text), "%u,%u", list[0], list[0]);
	ck_assert_int_eq(parse(text, &cpus, &problems), -EINVAL);
	ck_assert_uint_eq(problems.n, ARRAY_SIZE(bad) + 1);
	ck_assert_ptr_nonnull(strstr(problems.list[0].text, "CPU 1023"));
	ck_assert_ptr_nonnull(strstr(problems.list[3].text, "twice"));
	problems_free(&problems);
}
END_TEST

START_TEST(control_leaves_the_workers_cpus)
{
	struct problems problems = PROBLEMS_INIT;
	struct worker_cpus cpus;
	unsigned before[CPU_SETSIZE], after[CPU_SETSIZE];
	unsigned n = usable(before);
	char text[64];

	ck_assert_int_eq(parse(NULL, &cpus, &problems), 0);
	worker_cpus_leave(&cpus, text, sizeof(text));
	// with one CPU there is nowhere else to go
	ck_assert_uint_eq(usable(after), n > 1 ? n - 1 : 1);
	for (unsigned i = 0; i + 1 < n; i++)
		ck_assert_uint_eq(after[i], before[i]);
	ck_assert_uint_gt(strlen(text), 0);
}
END_TEST

START_TEST(sleeps_grow_with_silence)
{
	static const struct {
		uint64_t silence_ns, sleep_ns;
	} cases[] = {
		{0, 0},
		{IDLE_POLL_NS - 1, 0},
		{IDLE_POLL_NS, IDLE_POLL_NS / 4},
		{200000, 50000},
		{400000, IDLE_SLEEP_NS},
		{500000000, IDLE_SLEEP_NS},
		{UINT64_C(1000000000), IDLE_SLEEP_NS},
		{UINT64_C(5000000000), 5 * IDLE_SLEEP_NS},
		{UINT64_C(10000000000), IDLE_SLEEP_MAX_NS},
		{UINT64_C(3600000000000), IDLE_SLEEP_MAX_NS},
	};
	const uint64_t start_ns = 123456789;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct idle idle = {.busy_ns = start_ns};

		ck_assert_uint_eq(idle_after_round(&idle, start_ns + cases[i].silence_ns, false),
			cases[i].sleep_ns);
	}
}
END_TEST

START_TEST(a_packet_ends_the_silence)
{
	struct idle idle = {.busy_ns = 1};

	ck_assert_uint_eq(
		idle_after_round(&idle, 1 + 20 * UINT64_C(1000000000), false), IDLE_SLEEP_MAX_NS);
	ck_assert_uint_eq(idle_after_round(&idle, 2 + 20 * UINT64_C(1000000000), true), 0);
	ck_assert_uint_eq(idle_after_round(&idle, 3 + 20 * UINT64_C(1000000000), false), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		cpus_by_list,
		bad_lists,
		cpus_that_are_not_ours,
		control_leaves_the_workers_cpus,
		sleeps_grow_with_silence,
		a_packet_ends_the_silence,
	};

	return suite_main("worker", tests, ARRAY_SIZE(tests));
}
