// SPDX-License-Identifier: BSD-3-Clause
// Membership of the groups that tunnels flood to. Golden bytes were made with scapy.

#include "slowpath_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define GROUP "239.1.2.3"

#define V3_HEAD "01005e000016020000000001080046c0002800004000010223e9c0a81f68e000001694040000"
#define JOIN	V3_HEAD "2200e8f90000000104000000ef010203000000000000"
#define MEMBER	V3_HEAD "2200eaf90000000102000000ef010203000000000000"
#define LEAVE	V3_HEAD "2200e9f90000000103000000ef010203000000000000"
#define V2_MEMBER                                                                                  \
	"01005e010203020000000001080046c000200000400001021303c0a81f68ef010203940400001600f8fa"     \
	"ef0102030000000000000000000000000000"
#define V2_LEAVE                                                                                   \
	"01005e000002020000000001080046c000200000400001022405c0a81f68e0000002940400001700f7fa"     \
	"ef0102030000000000000000000000000000"

// Maximum response time 10 s, 10 s and 1 s.
#define QUERY                                                                                      \
	"01005e0000010200000000fe0800460000240001000001026528c0a81f01e0000001940400001164ec1e"     \
	"00000000027d000000000000000000000000"
#define V2_QUERY                                                                                   \
	"01005e0000010200000000fe080046000020000100000102652cc0a81f01e0000001940400001164ee9b"     \
	"000000000000000000000000000000000000"
#define GROUP_QUERY                                                                                \
	"01005e0102030200000000fe0800460000240001000001025425c0a81f01ef01020394040000110afb73"     \
	"ef010203027d000000000000000000000000"

static const char *const group[] = {GROUP, NULL};
static const char *const none[] = {NULL};

// Frames to multicast MACs sent since the last call; announcements are thrown away.
static unsigned count_sent(const char *hex)
{
	uint8_t frame[2048];
	char text[4097];
	unsigned n = 0;
	size_t len;

	while ((len = env_take(frame, sizeof(frame))) != 0) {
		if (frame[0] == 0xff)
			continue;
		for (size_t i = 0; i < len; i++)
			sprintf(text + 2 * i, "%02x", frame[i]);
		ck_assert_str_eq(text, hex);
		n++;
	}
	return n;
}

START_TEST(join_is_told_twice_within_a_second)
{
	env_commit(group);
	env_poll();
	ck_assert_uint_eq(count_sent(JOIN), 1);
	env_run(NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(JOIN), 1);
	env_commit(group); // no change
	env_run(20 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(count_sent(JOIN), 0);
}
END_TEST

START_TEST(leave_is_told_twice_within_a_second)
{
	env_commit_quiet(group);
	env_commit(none);
	env_poll();
	ck_assert_uint_eq(count_sent(LEAVE), 1);
	env_run(NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(LEAVE), 1);
	env_receive(QUERY);
	env_run(11 * NS_PER_S, 100 * NS_PER_MS);
	env_expect_nothing();
}
END_TEST

START_TEST(all_hosts_needs_no_report)
{
	static const char *const all_hosts[] = {"224.0.0.1", NULL};

	env_commit_quiet(all_hosts);
	env_receive(QUERY);
	env_run(11 * NS_PER_S, 100 * NS_PER_MS);
	env_expect_nothing();
	env_commit(none);
	env_run(5 * NS_PER_S, 100 * NS_PER_MS);
	env_expect_nothing();
}
END_TEST

START_TEST(general_query_is_answered_once_at_a_random_time)
{
	uint64_t first_ns = UINT64_MAX, last_ns = 0;

	env_commit_quiet(group);
	for (unsigned i = 0; i < 50; i++) {
		uint64_t asked_ns = clock_now_ns();

		env_receive(QUERY);
		while (count_sent(MEMBER) == 0) {
			env_advance(100 * NS_PER_MS);
			ck_assert_uint_le(clock_now_ns() - asked_ns, 10100 * NS_PER_MS);
		}
		uint64_t after_ns = clock_now_ns() - asked_ns;
		first_ns = after_ns < first_ns ? after_ns : first_ns;
		last_ns = after_ns > last_ns ? after_ns : last_ns;
		env_run(11 * NS_PER_S, 100 * NS_PER_MS);
		env_expect_nothing();
	}
	// 50 times the same second in ten would be a once-in-ten-to-the-50th accident.
	ck_assert_uint_gt(last_ns - first_ns, NS_PER_S);
}
END_TEST

START_TEST(second_query_does_not_delay_the_answer)
{
	env_commit_quiet(group);
	env_receive(QUERY);
	env_receive(GROUP_QUERY);
	env_run(NS_PER_S, 10 * NS_PER_MS);
	unsigned n = count_sent(MEMBER);
	ck_assert_uint_ge(n, 1); // the group's, within its second
	env_run(10 * NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_le(n + count_sent(MEMBER), 2);
}
END_TEST

START_TEST(query_for_another_group_is_not_ours)
{
	env_commit_quiet(group);
	env_receive("01005e0102040200000000fe0800460000240001000001025424c0a81f01ef010204"
		    "94040000110afb72ef010204027d000000000000000000000000");
	env_run(5 * NS_PER_S, 100 * NS_PER_MS);
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(UPLINK, DROP_UNDERLAY_OTHER), 0);
	ck_assert_uint_eq(env_drops(UPLINK, DROP_IP4_CSUM), 0);
}
END_TEST

START_TEST(old_querier_gets_old_answers_for_260_s)
{
	env_commit_quiet(group);
	env_receive(V2_QUERY);
	env_run(10 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(V2_MEMBER), 1);
	env_receive(QUERY); // a new one beside it changes nothing
	env_run(10 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(V2_MEMBER), 1);
	env_commit(none);
	env_run(2 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(V2_LEAVE), 2);
	env_commit(group);
	env_run(2 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(V2_MEMBER), 2);
	env_run(240 * NS_PER_S, NS_PER_S);
	env_receive(QUERY);
	env_run(10 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(count_sent(MEMBER), 1);
}
END_TEST

START_TEST(many_groups_share_messages)
{
	enum { N = 300 };
	static char text[N][16];
	static const char *groups[N + 1];
	uint8_t frame[2048];
	unsigned n_frames = 0, n_records = 0;
	size_t len;

	for (unsigned i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "239.1.%u.%u", i / 256, i % 256);
		groups[i] = text[i];
	}
	env_commit_quiet(groups);
	env_receive(QUERY);
	env_run(11 * NS_PER_S, 100 * NS_PER_MS);
	while ((len = env_take(frame, sizeof(frame))) != 0) {
		ck_assert_uint_le(len, 1514);
		n_frames++;
		n_records += frame[44] << 8 | frame[45];
	}
	ck_assert_uint_eq(n_frames, 3);
	ck_assert_uint_eq(n_records, N);
}
END_TEST

START_TEST(stop_and_change_of_address_leave)
{
	env_commit_quiet(group);
	env.underlay.address.addr = ip_from_v4(inet_addr("192.168.31.105"));
	env_commit(group);
	ck_assert_uint_eq(count_sent(LEAVE), 1); // still from the old address
	env_run(6 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_discard(), 6 + 2); // announcements and joins
	env.underlay.address.addr = ip_from_v4(inet_addr("192.168.31.104"));
	env_commit_quiet(group);
	slowpath_stop(env.slowpath);
	ck_assert_uint_eq(count_sent(LEAVE), 1);
	slowpath_stop(env.slowpath);
	env_expect_nothing();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {join_is_told_twice_within_a_second,
		leave_is_told_twice_within_a_second, all_hosts_needs_no_report,
		general_query_is_answered_once_at_a_random_time,
		second_query_does_not_delay_the_answer, query_for_another_group_is_not_ours,
		old_querier_gets_old_answers_for_260_s, many_groups_share_messages,
		stop_and_change_of_address_leave};

	return env_main("slowpath_igmp", tests, ARRAY_SIZE(tests));
}
