// SPDX-License-Identifier: BSD-3-Clause
// The FDB writer: learning within limits, new remotes, ageing, and a flood that must not take the
// control thread.

#include "slowpath_env.h"

#include <arpa/inet.h>

#define MAC_A UINT64_C(0x0a0000000001)
#define MAC_B UINT64_C(0x0a0000000002)

static const char *const none[] = {NULL};
static const char *const remotes[] = {"192.168.31.101", NULL};

// Where a MAC is; 0: unknown.
static uint16_t location(uint64_t mac)
{
	struct fdb_entry entry;

	return fdb_get(env.tables->fdb, DOMAIN, mac, &entry) ? entry.location : 0;
}

static void learn(uint64_t mac, uint16_t attachment, const char *vtep)
{
	env_learn(mac, attachment, vtep);
	env_poll();
}

START_TEST(macs_are_learned_and_move)
{
	env_commit_quiet(remotes);
	learn(MAC_A, PORT, NULL);
	ck_assert_uint_eq(location(MAC_A), PORT);
	learn(MAC_A, TUNNEL, "192.168.31.101");
	ck_assert_uint_eq(location(MAC_A), LOCATION_REMOTE | env_remote("192.168.31.101"));
	ck_assert_uint_eq(env_info(INFO_FDB_MOVED), 1);
	learn(MAC_A, TUNNEL, "192.168.31.101");
	ck_assert_uint_eq(env_info(INFO_FDB_MOVED), 1);
}
END_TEST

// Item 59: any sender is learned from, unless remotes are strict.
START_TEST(unknown_sender_becomes_a_remote)
{
	env_commit_quiet(remotes);
	learn(MAC_A, TUNNEL, "192.168.31.250");
	uint16_t id = env_remote("192.168.31.250");
	ck_assert_uint_ne(id, 0);
	ck_assert_uint_eq(location(MAC_A), LOCATION_REMOTE | id);
	ck_assert(!env_entry("192.168.31.250")->configured);
	ck_assert(!env_state("192.168.31.250").configured);

	env.tunnel.strict_remotes = true;
	env_commit_quiet(remotes);
	learn(MAC_B, TUNNEL, "192.168.31.251");
	ck_assert_uint_eq(env_remote("192.168.31.251"), 0);
	ck_assert_uint_eq(location(MAC_B), 0);
	ck_assert_uint_eq(location(MAC_A), 0);	// who may not speak is not spoken to
	learn(MAC_A, TUNNEL, "192.168.31.250"); // said before the change
	ck_assert_uint_eq(location(MAC_A), 0);
}
END_TEST

START_TEST(addresses_that_are_no_vtep_are_not_learned)
{
	static const char *const others[] = {"224.0.0.1", "255.255.255.255", "127.0.0.1",
		"192.168.31.104", "192.168.31.255", "0.0.0.1"};

	env_commit_quiet(none);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		learn(MAC_A, TUNNEL, others[i]);
		ck_assert_uint_eq(env_remote(others[i]), 0);
	}
	ck_assert_uint_eq(location(MAC_A), 0);
}
END_TEST

START_TEST(events_older_than_the_snapshot_are_ignored)
{
	env_commit_quiet(none);
	env_learn(MAC_A, PORT, NULL);
	env.networks[NETWORK].domain = DOMAIN + 1; // flushed
	env_poll();
	ck_assert_uint_eq(location(MAC_A), 0);
	env.networks[NETWORK].domain = DOMAIN;
	env.attachments[PORT].flags = 0; // down
	learn(MAC_A, PORT, NULL);
	ck_assert_uint_eq(location(MAC_A), 0);
	env.attachments[PORT].flags = ATTACHMENT_UP;
	env.attachments[PORT].network = 0; // another object by now
	learn(MAC_A, PORT, NULL);
	env_learn(MAC_A, ARRAY_SIZE(env.attachments), NULL); // beyond the snapshot
	env_poll();
	ck_assert_uint_eq(location(MAC_A), 0);
}
END_TEST

START_TEST(static_entries_stand)
{
	env_commit_quiet(remotes);
	ck_assert_int_eq(fdb_add_static(env.tables->fdb, DOMAIN, MAC_A, PORT), 0);
	learn(MAC_A, TUNNEL, "192.168.31.101");
	ck_assert_uint_eq(location(MAC_A), PORT);
	ck_assert_uint_eq(env_info(INFO_FDB_MOVED), 0);
}
END_TEST

START_TEST(network_limit_holds)
{
	env.networks[NETWORK].fdb_limit = 10;
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 15; i++)
		learn(MAC_A + i, PORT, NULL);
	ck_assert_uint_eq(fdb_count_domain(env.tables->fdb, DOMAIN), 10);
	ck_assert_uint_eq(env_info(INFO_FDB_FULL), 5);
	ck_assert_uint_eq(location(MAC_A + 10), 0);
	learn(MAC_A, TUNNEL, "192.168.31.101"); // a move is no new entry
	ck_assert_uint_eq(env_info(INFO_FDB_MOVED), 1);
}
END_TEST

START_TEST(port_limit_holds)
{
	env.attachments[PORT].fdb_limit = 3;
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 5; i++)
		learn(MAC_A + i, PORT, NULL);
	ck_assert_uint_eq(fdb_count_location(env.tables->fdb, PORT), 3);
	ck_assert_uint_eq(env_info(INFO_FDB_FULL), 2);
	learn(MAC_A + 4, TUNNEL, "192.168.31.101"); // others are not bound by it
	ck_assert_uint_ne(location(MAC_A + 4), 0);
}
END_TEST

START_TEST(learned_remotes_are_bounded)
{
	char text[16];

	env_commit_quiet(none);
	for (unsigned i = 0; i < MAX_REMOTES / 2; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		env_learn(MAC_A, TUNNEL, text);
		env_poll();
	}
	ck_assert_uint_ne(env_remote(text), 0);
	learn(MAC_A, TUNNEL, "192.168.31.77");
	ck_assert_uint_eq(env_remote("192.168.31.77"), 0);
	ck_assert_uint_eq(env_info(INFO_FDB_FULL), 1);
	// Room is kept for the configuration.
	env_commit(remotes);
	ck_assert_uint_ne(env_remote("192.168.31.101"), 0);
	// Only the one that MAC_A is behind is still needed.
	env_run(70 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_remote("10.0.0.0"), 0);
	ck_assert_uint_ne(env_remote(text), 0);
	learn(MAC_A, TUNNEL, "192.168.31.77");
	ck_assert_uint_ne(env_remote("192.168.31.77"), 0);
}
END_TEST

START_TEST(learned_remote_goes_when_nothing_points_to_it)
{
	env_commit_quiet(none);
	learn(MAC_A, TUNNEL, "192.168.31.250");
	env_run(290 * NS_PER_S, NS_PER_S);
	ck_assert_uint_ne(env_remote("192.168.31.250"), 0);
	env_run(20 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(location(MAC_A), 0);
	env_run(61 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_remote("192.168.31.250"), 0);
	// A configured one stays; one that the configuration lets go becomes a learned one.
	env_commit(remotes);
	env_run(400 * NS_PER_S, NS_PER_S);
	ck_assert(env_entry("192.168.31.101")->configured);
	env_commit(none);
	ck_assert(!env_entry("192.168.31.101")->configured);
	env_run(61 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_remote("192.168.31.101"), 0);
}
END_TEST

START_TEST(learned_remote_can_become_configured)
{
	env_commit_quiet(none);
	learn(MAC_A, TUNNEL, "192.168.31.101");
	uint16_t id = env_remote("192.168.31.101");
	env_commit(remotes);
	ck_assert_uint_eq(env_remote("192.168.31.101"), id);
	ck_assert(env_entry("192.168.31.101")->configured);
	env_run(400 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_remote("192.168.31.101"), id);
}
END_TEST

START_TEST(entries_age_between_300_and_310_s)
{
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 5000; i++) // so many that the table has grown
		learn(MAC_A + i, PORT, NULL);
	env_run(299 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 5000);
	env_run(11 * NS_PER_S, 100 * NS_PER_MS);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 0);
}
END_TEST

START_TEST(ageing_does_not_depend_on_how_often_it_is_polled)
{
	env_commit_quiet(none);
	learn(MAC_A, PORT, NULL);
	env_advance(310 * NS_PER_S);
	ck_assert_uint_eq(location(MAC_A), 0);
	learn(MAC_A, PORT, NULL);
	for (unsigned i = 0; i < 62000; i++)
		env_advance(5 * NS_PER_MS);
	ck_assert_uint_eq(location(MAC_A), 0);
}
END_TEST

// A round takes a bounded number of events and says that more wait.
START_TEST(flood_is_taken_in_bounded_rounds)
{
	env.networks[NETWORK].fdb_limit = MAX_FDB_ENTRIES;
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 3000; i++)
		env_learn(MAC_A + i, PORT, NULL);
	ck_assert(slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 1024);
	ck_assert(slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert(!slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 3000);
}
END_TEST

// What one worker posts does not keep the others' events waiting.
START_TEST(workers_share_a_round)
{
	env_stop();
	env_start_workers(4);
	env.networks[NETWORK].fdb_limit = MAX_FDB_ENTRIES;
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 3000; i++)
		env_learn(MAC_A + i, PORT, NULL);
	env_learn_at(3, MAC_B + 5000, PORT, NULL);
	ck_assert(slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert_uint_eq(location(MAC_B + 5000), PORT);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 1024 / 4 + 1);
}
END_TEST

START_TEST(million_macs_are_taken)
{
	env_commit_quiet(none);
	for (uint64_t i = 0; i < 1000000; i++) {
		env_learn(MAC_A + i, PORT, NULL);
		if (i % 1024 == 1023)
			slowpath_poll(env.slowpath, clock_now_ns());
	}
	env_poll();
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 8192);
	ck_assert_uint_eq(env_info(INFO_FDB_FULL), 1000000 - 8192);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {macs_are_learned_and_move, unknown_sender_becomes_a_remote,
		addresses_that_are_no_vtep_are_not_learned,
		events_older_than_the_snapshot_are_ignored, static_entries_stand,
		network_limit_holds, port_limit_holds, learned_remotes_are_bounded,
		learned_remote_goes_when_nothing_points_to_it, learned_remote_can_become_configured,
		entries_age_between_300_and_310_s, ageing_does_not_depend_on_how_often_it_is_polled,
		flood_is_taken_in_bounded_rounds, workers_share_a_round, million_macs_are_taken};

	return env_main("slowpath_learn", tests, ARRAY_SIZE(tests));
}
