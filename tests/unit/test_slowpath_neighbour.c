// SPDX-License-Identifier: BSD-3-Clause
// Next hops: requests on the wire, states over time, packets that wait, published headers. Golden
// bytes were made with scapy.

#include "slowpath_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "net/checksum.h"

#define REMOTE	 "192.168.31.101"
#define REMOTE_2 "192.168.31.103"
#define FAR	 "10.9.8.7" // behind the gateway
#define FAR_2	 "10.9.8.6"

#define PAD "000000000000000000000000000000000000"
#define REQUEST(ip)                                                                                \
	"ffffffffffff02000000000108060001080006040001020000000001c0a81f68000000000000" ip PAD
#define PROBE(mac, ip)	mac "02000000000108060001080006040001020000000001c0a81f68000000000000" ip PAD
#define ANSWER(mac, ip) "020000000001" mac "08060001080006040002" mac ip "020000000001c0a81f68" PAD
#define REQUEST_TO_US(mac, ip)                                                                     \
	"ffffffffffff" mac "08060001080006040001" mac ip "000000000000c0a81f68" PAD
#define OUR_ANSWER(mac, ip) mac "02000000000108060001080006040002020000000001c0a81f68" mac ip PAD
#define GRATUITOUS(mac, ip) "ffffffffffff" mac "08060001080006040001" mac ip "000000000000" ip PAD

#define IP_101 "c0a81f65"
#define IP_103 "c0a81f67"
#define IP_GW  "c0a81f01"
#define MAC_A  "020000000065"
#define MAC_B  "020000000066"

static const char *const two_remotes[] = {REMOTE, REMOTE_2, NULL};
static const char *const far_remotes[] = {FAR, FAR_2, REMOTE, NULL};
static const char *const none[] = {NULL};

static void expect_state(const char *address, const char *state)
{
	ck_assert_str_eq(env_state(address).state, state);
}

// Resolves `address` (whose hexadecimal form is `ip`) to MAC_A.
static void resolve(const char *address, const char *answer)
{
	env_unresolved(address, 0);
	env_poll();
	ck_assert_uint_eq(env_discard(), 1);
	env_receive(answer);
	env_expect_held(address, 0);
	expect_state(address, "reachable");
}

START_TEST(packets_wait_for_the_answer_and_leave_in_order)
{
	env_commit_quiet(two_remotes);
	expect_state(REMOTE, "unused");
	ck_assert(!env_entry(REMOTE)->resolved);
	for (uint32_t mark = 1; mark <= 3; mark++)
		env_unresolved(REMOTE, mark);
	env_poll();
	env_expect(REQUEST(IP_101));
	env_expect_nothing();
	expect_state(REMOTE, "incomplete");
	ck_assert_uint_eq(env_state(REMOTE).n_held, 3);

	env_receive(ANSWER(MAC_A, IP_101));
	for (uint32_t mark = 1; mark <= 3; mark++)
		env_expect_held(REMOTE, mark);
	env_expect_nothing();
	ck_assert(env_entry(REMOTE)->resolved);
	ck_assert_uint_eq(env_state(REMOTE).mac, 0x020000000065);
	ck_assert_uint_eq(env_state(REMOTE).n_held, 0);
	// A packet that was on its way to control meanwhile goes back at once.
	env_unresolved(REMOTE, 4);
	env_poll();
	env_expect_held(REMOTE, 4);
}
END_TEST

// Item 52
START_TEST(silent_next_hop_gets_three_requests_then_no_neigh)
{
	env_commit_quiet(two_remotes);
	resolve(REMOTE_2, ANSWER(MAC_B, IP_103));
	env_unresolved(REMOTE, 1);
	env_unresolved(REMOTE, 2);
	env_poll();
	env_expect(REQUEST(IP_101));
	env_advance(999 * NS_PER_MS);
	env_expect_nothing();
	env_advance(1 * NS_PER_MS);
	env_expect(REQUEST(IP_101));
	env_advance(1 * NS_PER_S);
	env_expect(REQUEST(IP_101));
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 0);
	env_advance(1 * NS_PER_S);
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 2);
	expect_state(REMOTE, "failed");
	ck_assert(env_entry(REMOTE)->failed);
	// A packet that a worker punted before it saw the failure dies at once.
	env_unresolved(REMOTE, 3);
	env_poll();
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 3);
	// Others are as they were.
	expect_state(REMOTE_2, "reachable");
	ck_assert(env_entry(REMOTE_2)->resolved);
}
END_TEST

// Lets the resolution of REMOTE fail.
static void fail_once(void)
{
	env_unresolved(REMOTE, 1);
	env_run(3 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_discard(), 3);
	expect_state(REMOTE, "failed");
}

START_TEST(failures_back_off_exponentially)
{
	static const unsigned backoffs_s[] = {1, 2, 4, 8, 16, 32, 60, 60};

	env_commit_quiet(two_remotes);
	for (size_t i = 0; i < ARRAY_SIZE(backoffs_s); i++) {
		fail_once();
		env_advance(backoffs_s[i] * NS_PER_S - 100 * NS_PER_MS);
		expect_state(REMOTE, "failed");
		env_advance(100 * NS_PER_MS);
		expect_state(REMOTE, "unused");
		ck_assert(!env_entry(REMOTE)->failed);
		env_expect_nothing(); // it tries again when somebody needs it
	}
	// Success forgets the failures.
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	env_run(60 * NS_PER_S, 100 * NS_PER_MS);
	env_discard();
	expect_state(REMOTE, "unused");
	fail_once();
	env_advance(2 * NS_PER_S);
	expect_state(REMOTE, "unused");
}
END_TEST

START_TEST(reachable_is_verified_by_unicast_between_15_and_45_s)
{
	unsigned waited_s = 0;

	env_commit_quiet(two_remotes);
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	while (strcmp(env_state(REMOTE).state, "reachable") == 0) {
		env_advance(1 * NS_PER_S);
		waited_s++;
	}
	ck_assert_uint_ge(waited_s, 15);
	ck_assert_uint_le(waited_s, 46);
	expect_state(REMOTE, "stale");
	env_expect_nothing();
	env_advance(5 * NS_PER_S);
	expect_state(REMOTE, "probe");
	env_expect(PROBE(MAC_A, IP_101));
	ck_assert(env_entry(REMOTE)->resolved); // in use all the time
	env_receive(ANSWER(MAC_A, IP_101));
	expect_state(REMOTE, "reachable");
}
END_TEST

START_TEST(unanswered_probes_fail)
{
	env_commit_quiet(two_remotes);
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	while (strcmp(env_state(REMOTE).state, "probe") != 0)
		env_advance(NS_PER_S);
	for (unsigned i = 0; i < 3; i++) {
		env_expect(PROBE(MAC_A, IP_101));
		ck_assert(env_entry(REMOTE)->resolved);
		env_advance(NS_PER_S);
	}
	env_expect_nothing();
	expect_state(REMOTE, "failed");
	ck_assert(!env_entry(REMOTE)->resolved);
	ck_assert(env_entry(REMOTE)->failed);
}
END_TEST

// Item 53
START_TEST(far_remotes_share_the_gateway)
{
	env_commit_quiet(far_remotes);
	env_unresolved(FAR, 1);
	env_unresolved(FAR_2, 2);
	env_poll();
	env_expect(REQUEST(IP_GW));
	env_expect_nothing(); // one question for both
	env_receive(ANSWER("0200000000fe", IP_GW));
	env_expect_held(FAR, 1);
	env_expect_held(FAR_2, 2);
	uint8_t mac[6] = {2, 0, 0, 0, 0, 0xfe};
	ck_assert_mem_eq(env_entry(FAR)->header, mac, 6);
	ck_assert_mem_eq(env_entry(FAR_2)->header, mac, 6);
	ck_assert(!env_entry(REMOTE)->resolved);
}
END_TEST

START_TEST(without_gateway_there_is_no_route)
{
	env.underlay.gateway = (struct ip_addr){0};
	env_commit_quiet(far_remotes);
	ck_assert(env_entry(FAR)->no_route);
	ck_assert(!env_entry(REMOTE)->no_route);
	expect_state(FAR, "no-route");
	env_unresolved(FAR, 1);
	env_poll();
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_ROUTE), 1);
	env_expect_nothing();
	// A gateway comes: the same remote gets a next hop.
	env.underlay.gateway = ip_from_v4(inet_addr("192.168.31.1"));
	env_commit_quiet(far_remotes);
	ck_assert(!env_entry(FAR)->no_route);
	expect_state(FAR, "unused");
}
END_TEST

START_TEST(hold_queue_drops_the_oldest)
{
	env_commit_quiet(two_remotes);
	for (uint32_t mark = 1; mark <= 105; mark++)
		env_unresolved(REMOTE, mark);
	env_unresolved(REMOTE_2, 1000);
	env_poll();
	ck_assert_uint_eq(env_discard(), 2);
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 4);
	ck_assert_uint_eq(env_state(REMOTE).n_held, 101);
	env_receive(ANSWER(MAC_A, IP_101));
	for (uint32_t mark = 5; mark <= 105; mark++)
		env_expect_held(REMOTE, mark);
	env_expect_nothing();
	ck_assert_uint_eq(env_state(REMOTE_2).n_held, 1);
}
END_TEST

START_TEST(packets_that_wait_leave_buffers_for_others)
{
	enum { N = 50 };
	char text[N][16];
	const char *remotes[N + 1] = {NULL};
	uint64_t held = 0;

	for (unsigned i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "192.168.31.%u", 10 + i);
		remotes[i] = text[i];
	}
	env_commit_quiet(remotes);
	for (unsigned i = 0; i < N; i++) {
		for (uint32_t mark = 0; mark < 101; mark++)
			env_unresolved(text[i], mark);
		env_poll();
		env_discard();
	}
	for (unsigned i = 0; i < N; i++)
		held += env_state(text[i]).n_held;
	// A quarter of the 16383 buffers; who has packets waiting loses its own oldest.
	ck_assert_uint_eq(held, 16383 / 4);
	ck_assert_uint_gt(env_drops(TUNNEL, DROP_PUNT_FULL), 0);
	ck_assert_uint_eq(
		held + env_drops(TUNNEL, DROP_PUNT_FULL) + env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH),
		N * 101);
}
END_TEST

START_TEST(held_packets_of_a_network_that_left_die)
{
	env_commit_quiet(two_remotes);
	env_unresolved(REMOTE, 1);
	env_poll();
	env_discard();
	env.networks[NETWORK].tunnel = 0;
	env_receive(ANSWER(MAC_A, IP_101));
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(UPLINK, DROP_PORT_DOWN), 1);
}
END_TEST

START_TEST(packets_for_a_remote_that_left_die)
{
	env_commit_quiet(two_remotes);
	env_unresolved(REMOTE, 1);
	env.underlay.present = false;
	env_commit(none);
	env_run(61 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_ROUTE), 1); // no next hop at first
	env_unresolved(REMOTE, 2);
	env_poll();
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 1); // no remote at last
}
END_TEST

START_TEST(request_to_us_makes_a_neighbour)
{
	env_commit_quiet(two_remotes);
	env_receive(REQUEST_TO_US(MAC_A, IP_101));
	env_expect(OUR_ANSWER(MAC_A, IP_101));
	expect_state(REMOTE, "stale");
	ck_assert(env_entry(REMOTE)->resolved);
	// It is verified, as one that asks may be anybody.
	env_advance(5 * NS_PER_S);
	env_expect(PROBE(MAC_A, IP_101));
}
END_TEST

START_TEST(neighbour_heard_before_its_remote_is_known)
{
	env_commit_quiet(none);
	env_receive(REQUEST_TO_US(MAC_A, IP_101));
	env_discard();
	env_learn(0x0a0000000001, TUNNEL, REMOTE);
	env_poll();
	ck_assert(env_entry(REMOTE)->resolved);
	ck_assert(!env_entry(REMOTE)->configured);
}
END_TEST

START_TEST(gratuitous_arp_updates_but_does_not_create)
{
	env_commit_quiet(two_remotes);
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	env_receive(GRATUITOUS(MAC_B, IP_101));
	ck_assert_uint_eq(env_state(REMOTE).mac, 0x020000000066);
	expect_state(REMOTE, "stale");
	env_expect_nothing();

	env_receive(GRATUITOUS(MAC_B, "c0a81f96")); // .150, nobody's next hop
	env_learn(0x0a0000000001, TUNNEL, "192.168.31.150");
	env_poll();
	expect_state("192.168.31.150", "unused");
}
END_TEST

START_TEST(answers_from_off_the_link_are_not_believed)
{
	env_commit_quiet(far_remotes);
	env_receive(REQUEST_TO_US(MAC_A, "0a090807")); // FAR itself asks
	env_discard();
	expect_state(FAR, "unused");
	env_receive(ANSWER("020000000001", IP_101)); // our own MAC
	expect_state(REMOTE, "unused");
}
END_TEST

// Item 45, spec 2.6
START_TEST(header_of_a_remote)
{
	uint8_t golden[64];
	size_t len = hex_read("0200000000650200000000010800"
			      "450000000000000040110000c0a81f68c0a81f65"
			      "00002118000000000800000000000000",
		golden, sizeof(golden));

	env_commit_quiet(two_remotes);
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	const struct remote *r = env_entry(REMOTE);
	ck_assert_uint_eq(r->header_len, len);
	ck_assert_mem_eq(r->header, golden, len);
	ck_assert_uint_eq(r->ip_sum, checksum_fold(checksum_add(0, golden + 14, 20)));
	ck_assert_uint_eq(r->device, 1);
	ck_assert_uint_eq(r->attachment, UPLINK);
	ck_assert_uint_eq(r->path_mtu, 1500);
	ck_assert(r->configured);
}
END_TEST

START_TEST(header_follows_the_configuration)
{
	uint8_t golden[64];
	size_t len = hex_read("020000000065020000000001810000640800"
			      "45b80000000000000a110000c0a81f68c0a81f65"
			      "000012b5000000000800000000000000",
		golden, sizeof(golden));

	env_commit_quiet(two_remotes);
	resolve(REMOTE, ANSWER(MAC_A, IP_101));
	// What is only in headers keeps the neighbour.
	env.tunnel.tos = 46 << 2 | 1; // ECN is not the configuration's
	env.tunnel.ttl = 10;
	env.tunnel.port = 4789;
	env_commit(two_remotes);
	ck_assert(env_entry(REMOTE)->resolved);
	ck_assert_uint_eq(env_entry(REMOTE)->header[15], 0xb8);
	// Another VLAN is another link.
	env.underlay.vlan = 100;
	env_commit_quiet(two_remotes);
	ck_assert(!env_entry(REMOTE)->resolved);
	env_unresolved(REMOTE, 1);
	env_poll();
	env_expect("ffffffffffff02000000000181000064080600010800060400010200000000"
		   "01c0a81f68000000000000c0a81f650000000000000000000000000000");
	env_receive(ANSWER(MAC_A, IP_101));
	ck_assert_uint_eq(env_entry(REMOTE)->header_len, len);
	ck_assert_mem_eq(env_entry(REMOTE)->header, golden, len);
}
END_TEST

START_TEST(header_of_a_group)
{
	static const char *const groups[] = {"224.0.0.1", "239.129.2.3", NULL};
	uint8_t golden[64];
	size_t len = hex_read("01005e0000010200000000010800"
			      "450000000000000001110000c0a81f68e0000001"
			      "00002118000000000800000000000000",
		golden, sizeof(golden));

	env_commit(groups);
	ck_assert(env_entry("224.0.0.1")->resolved);
	ck_assert_mem_eq(env_entry("224.0.0.1")->header, golden, len);
	// The low 23 bits, so that 239.129 and 239.1 share a MAC.
	hex_read("01005e010203", golden, sizeof(golden));
	ck_assert_mem_eq(env_entry("239.129.2.3")->header, golden, 6);
	expect_state("224.0.0.1", "group");
	env.tunnel.ttl = 7;
	env_commit(groups);
	ck_assert_uint_eq(env_entry("224.0.0.1")->header[22], 7);
}
END_TEST

START_TEST(underlay_that_leaves_takes_waiting_packets_along)
{
	env_commit_quiet(two_remotes);
	env_unresolved(REMOTE, 1);
	env_poll();
	env_discard();
	env.underlay.present = false;
	env_commit(none);
	ck_assert_uint_eq(env_drops(TUNNEL, DROP_VXLAN_NO_NEIGH), 1);
	ck_assert(env_entry(REMOTE)->no_route);
	env_run(61 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_remote(REMOTE), 0);
	env_expect_nothing();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {packets_wait_for_the_answer_and_leave_in_order,
		silent_next_hop_gets_three_requests_then_no_neigh, failures_back_off_exponentially,
		reachable_is_verified_by_unicast_between_15_and_45_s, unanswered_probes_fail,
		far_remotes_share_the_gateway, without_gateway_there_is_no_route,
		hold_queue_drops_the_oldest, packets_that_wait_leave_buffers_for_others,
		held_packets_of_a_network_that_left_die, packets_for_a_remote_that_left_die,
		request_to_us_makes_a_neighbour, neighbour_heard_before_its_remote_is_known,
		gratuitous_arp_updates_but_does_not_create,
		answers_from_off_the_link_are_not_believed, header_of_a_remote,
		header_follows_the_configuration, header_of_a_group,
		underlay_that_leaves_takes_waiting_packets_along};

	return env_main("slowpath_neighbour", tests, ARRAY_SIZE(tests));
}
