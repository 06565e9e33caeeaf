// SPDX-License-Identifier: BSD-3-Clause
// The host stack of the underlay address: ARP answers, announcements, defence, ping, path MTU.
// Golden bytes were made with scapy.

#include "slowpath_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "net/checksum.h"

#define REMOTE "192.168.31.101"

#define PAD "000000000000000000000000000000000000"
#define GARP_REQUEST                                                                               \
	"ffffffffffff02000000000108060001080006040001020000000001c0a81f68000000000000c0a81f68" PAD
#define GARP_REPLY                                                                                 \
	"ffffffffffff02000000000108060001080006040002020000000001c0a81f68020000000001c0a81f68" PAD
#define ARP_FROM(op, mac, sender, target)                                                          \
	"ffffffffffff" mac "080600010800060400" op mac sender "000000000000" target PAD

#define US    "c0a81f68"
#define MAC_A "020000000065"

static const char *const remotes[] = {REMOTE, NULL};

START_TEST(address_is_announced_in_three_rounds)
{
	env_commit(remotes);
	env_poll();
	for (unsigned round = 0; round < 3; round++) {
		env_expect(GARP_REQUEST);
		env_expect(GARP_REPLY);
		env_expect_nothing();
		env_advance(1999 * NS_PER_MS);
		env_expect_nothing();
		env_advance(1 * NS_PER_MS);
	}
	env_expect_nothing();
	// A commit that changes nothing of the link is silent, another address is not.
	env_commit(remotes);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_expect_nothing();
	env.underlay.address.addr = ip_from_v4(inet_addr("192.168.31.105"));
	env_commit(remotes);
	env_run(10 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_discard(), 6);
}
END_TEST

START_TEST(announcements_carry_the_tag_of_the_underlay)
{
	env.underlay.vlan = 100;
	env_commit(remotes);
	env_poll();
	env_expect("ffffffffffff0200000000018100006408060001080006040001020000000001"
		   "c0a81f68000000000000c0a81f680000000000000000000000000000");
}
END_TEST

START_TEST(requests_for_our_address_are_answered)
{
	env_commit_quiet(remotes);
	env_receive(ARP_FROM("01", MAC_A, "c0a81f65", US));
	env_expect(
		MAC_A "02000000000108060001080006040002020000000001c0a81f68" MAC_A "c0a81f65" PAD);
	env_expect_nothing();
	env_receive(ARP_FROM("01", MAC_A, "c0a81f65", "c0a81f69")); // somebody else's
	env_receive(ARP_FROM("02", MAC_A, "c0a81f65", US));	    // a reply asks nothing
	env_expect_nothing();
}
END_TEST

START_TEST(probes_for_our_address_are_answered)
{
	env_commit_quiet(remotes);
	env_receive(ARP_FROM("01", MAC_A, "00000000", US));
	env_expect(
		MAC_A "02000000000108060001080006040002020000000001c0a81f68" MAC_A "00000000" PAD);
}
END_TEST

START_TEST(conflict_is_counted_and_defended_once_in_10_s)
{
	env_commit_quiet(remotes);
	for (unsigned i = 0; i < 5; i++)
		env_receive(ARP_FROM("01", MAC_A, US, US));
	env_expect(GARP_REQUEST);
	env_expect_nothing();
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 5);
	env_advance(10 * NS_PER_S);
	env_receive(ARP_FROM("02", MAC_A, US, "c0a81f65"));
	env_expect(GARP_REQUEST);
	env_receive(ARP_FROM("01", "020000000001", US, US)); // our own, looped back
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 6);
}
END_TEST

START_TEST(arp_that_can_not_be_true_is_dropped)
{
	env_commit_quiet(remotes);
	env_receive(ARP_FROM("01", "030000000065", "c0a81f65", US)); // multicast sender
	env_receive(ARP_FROM("03", MAC_A, "c0a81f65", US));
	env_receive("ffffffffffff" MAC_A "0806000108000604");
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(UPLINK, DROP_ARP_MALFORMED), 3);
}
END_TEST

// ---- ping -------------------------------------------------------------------------------------

#define PING_IP	  "45000036123400002101c775c0a81f65c0a81f68"
#define PING_DATA "6162636465666768696a6b6c6d6e6f707172737475767778797a"
#define PING	  "020000000001" MAC_A "0800" PING_IP "0800695400070009" PING_DATA

START_TEST(ping_is_answered)
{
	env_commit_quiet(remotes);
	env_receive(PING);
	env_expect(MAC_A "0200000000010800"
			 "45000036000100004001baa8c0a81f68c0a81f65"
			 "0000715400070009" PING_DATA);
	// Padding of a short request is not part of it; options are not sent back.
	env_receive("020000000001" MAC_A "0800"
		    "46000020000000004001b7bec0a81f65c0a81f6801010100"
		    "0800f7fe00000001"
		    "00000000000000000000000000000000");
	uint8_t frame[128];
	ck_assert_uint_eq(env_take(frame, sizeof(frame)), 60);
	ck_assert_uint_eq(frame[14], 0x45);
	ck_assert_uint_eq(frame[17], 28);
	ck_assert_uint_eq(frame[19], 2); // identification of the second datagram
	ck_assert_uint_eq(checksum_of(frame + 14, 20), 0);
	ck_assert_uint_eq(checksum_of(frame + 34, 8), 0);
}
END_TEST

START_TEST(other_packets_to_us_are_of_no_use)
{
	static const char *const frames[] = {
		// ICMP with a wrong checksum, echo reply, timestamp request
		"020000000001" MAC_A "0800" PING_IP "0800695500070009" PING_DATA,
		"020000000001" MAC_A "0800" PING_IP "0000715400070009" PING_DATA,
		"020000000001" MAC_A "0800" PING_IP "0d00645400070009" PING_DATA,
		// to a broadcast address
		"ffffffffffff" MAC_A "080045000036123400002101c6dec0a81f65c0a81fff"
		"0800695400070009" PING_DATA,
		// first fragment of a ping
		"020000000001" MAC_A "080045000036123420002101a775c0a81f65c0a81f68"
		"0800695400070009" PING_DATA,
		// another ethertype
		"020000000001" MAC_A "86dd60000000",
		"020000000001" MAC_A "08",
	};

	env_commit_quiet(remotes);
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		env_receive(frames[i]);
		ck_assert_uint_eq(env_drops(UPLINK, DROP_UNDERLAY_OTHER), i + 1);
	}
	env_expect_nothing();
	env_receive("020000000001" MAC_A "080045000036123400002101c776c0a81f65c0a81f68");
	ck_assert_uint_eq(env_drops(UPLINK, DROP_IP4_MALFORMED), 1); // shorter than it says
	env_receive("020000000001" MAC_A "080045000036123400002101c776c0a81f65c0a81f68"
		    "0800695400070009" PING_DATA);
	ck_assert_uint_eq(env_drops(UPLINK, DROP_IP4_CSUM), 1);
}
END_TEST

// A round takes a bounded number of packets and says that more wait.
START_TEST(flood_of_pings_is_taken_in_bounded_rounds)
{
	env_commit_quiet(remotes);
	for (unsigned i = 0; i < 600; i++)
		env_receive_later(PING);
	ck_assert(slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert_uint_eq(env_discard(), 256);
	ck_assert(slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert(!slowpath_poll(env.slowpath, clock_now_ns()));
	ck_assert_uint_eq(env_discard(), 600 - 256);
}
END_TEST

START_TEST(answers_that_find_the_ring_full_are_dropped)
{
	env_commit_quiet(remotes);
	for (unsigned i = 0; i < 1100; i++)
		env_receive(PING);
	ck_assert_uint_eq(env_drops(UPLINK, DROP_PUNT_FULL), 1100 - env_discard());
	ck_assert_uint_gt(env_drops(UPLINK, DROP_PUNT_FULL), 0);
}
END_TEST

START_TEST(no_buffer_means_no_answer)
{
	struct rte_mbuf *mbufs[16383];
	struct rte_mbuf *request;

	env_commit_quiet(remotes);
	request = rte_pktmbuf_alloc(env.pool);
	uint8_t *data = (uint8_t *)rte_pktmbuf_append(request, 68);
	hex_read(PING, data, 68);
	unsigned n = 0;
	while ((mbufs[n] = rte_pktmbuf_alloc(env.pool)) != NULL)
		n++;
	struct punt punt = {.mbuf = request, .attachment = UPLINK, .class = PUNT_UNDERLAY};
	rte_ring_enqueue_elem(env.tables->rings[0].punts, &punt, sizeof(punt));
	env_poll();
	ck_assert_uint_eq(env_drops(UPLINK, DROP_NOMEM), 1);
	env_expect_nothing();
	rte_pktmbuf_free_bulk(mbufs, n);
}
END_TEST

// ---- path MTU ---------------------------------------------------------------------------------

// ICMP type 3 code 4 with this MTU about UDP `sport` -> `dport` from `source` to REMOTE.
static void too_big(uint16_t mtu, uint16_t sport, uint16_t dport, const char *source)
{
	uint8_t icmp[36];
	char hex[256];
	unsigned n = 0;
	uint32_t source_be = inet_addr(source);
	uint16_t words[2] = {htons(sport), htons(dport)};

	hex_read("0304000000000000450005dc000540003c110000" US "c0a81f65"
		 "0000000005c81111",
		icmp, sizeof(icmp));
	icmp[6] = (uint8_t)(mtu >> 8);
	icmp[7] = (uint8_t)mtu;
	memcpy(icmp + 20, &source_be, 4);
	memcpy(icmp + 28, words, 4);
	uint16_t checksum = checksum_of(icmp, sizeof(icmp));
	memcpy(icmp + 2, &checksum, 2);
	n += sprintf(hex, "020000000001"
			  "0200000000fe"
			  "080045000038000100004001bb0ac0a81f01" US);
	for (size_t i = 0; i < sizeof(icmp); i++)
		n += sprintf(hex + n, "%02x", icmp[i]);
	env_receive(hex);
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(UPLINK, DROP_UNDERLAY_OTHER), 0);
}

static uint16_t path_mtu(void)
{
	ck_assert_uint_eq(env_state(REMOTE).path_mtu, env_entry(REMOTE)->path_mtu);
	return env_entry(REMOTE)->path_mtu;
}

START_TEST(path_mtu_is_lowered_for_600_s)
{
	env_commit_quiet(remotes);
	too_big(1400, 40000, 8472, "192.168.31.104");
	ck_assert_uint_eq(path_mtu(), 1400);
	env_run(300 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(path_mtu(), 1400);
	too_big(1300, 40000, 8472, "192.168.31.104"); // lower counts, and for another 600 s
	env_run(599 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(path_mtu(), 1300);
	too_big(1350, 40000, 8472, "192.168.31.104"); // higher does not
	ck_assert_uint_eq(path_mtu(), 1300);
	env_run(2 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(path_mtu(), 1500);
}
END_TEST

START_TEST(path_mtu_has_a_floor_and_a_ceiling)
{
	env_commit_quiet(remotes);
	too_big(1500, 40000, 8472, "192.168.31.104");
	too_big(9000, 40000, 8472, "192.168.31.104");
	ck_assert_uint_eq(path_mtu(), 1500);
	too_big(100, 40000, 8472, "192.168.31.104");
	ck_assert_uint_eq(path_mtu(), 576);
	env_run(601 * NS_PER_S, NS_PER_S);
	too_big(0, 40000, 8472, "192.168.31.104"); // a router that does not tell
	ck_assert_uint_eq(path_mtu(), 576);
}
END_TEST

START_TEST(quotes_of_what_we_never_sent_are_ignored)
{
	env_commit_quiet(remotes);
	too_big(1400, 32767, 8472, "192.168.31.104");
	too_big(1400, 61000, 8472, "192.168.31.104");
	too_big(1400, 40000, 4789, "192.168.31.104");
	too_big(1400, 40000, 8472, "192.168.31.105");
	ck_assert_uint_eq(path_mtu(), 1500);
	too_big(1400, 32768, 8472, "192.168.31.104");
	ck_assert_uint_eq(path_mtu(), 1400);
}
END_TEST

#define FRAGMENTATION_NEEDED                                                                       \
	"0200000000010200000000fe080045000038000100004001bb0ac0a81f01" US                          \
	"0304235200000578450005dc000540003c1178ee" US "c0a81f659c40211805c81111"
#define QUERY                                                                                      \
	"01005e0000010200000000fe0800460000240001000001026528c0a81f01e0000001940400001164ec1e"     \
	"00000000027d0000"

// Frames with random bytes changed and cut short: each is answered, taken in or dropped.
START_TEST(mutated_frames_do_no_harm)
{
	static const char *const seeds[] = {
		ARP_FROM("01", MAC_A, "c0a81f65", US),
		PING,
		FRAGMENTATION_NEEDED,
		QUERY,
	};
	static const char digits[] = "0123456789abcdef";
	uint64_t n_frames = 50000, n_dropped = 0;
	char hex[256];

	env_commit_quiet(remotes);
	srandom(1);
	for (uint64_t i = 0; i < n_frames; i++) {
		snprintf(hex, sizeof(hex), "%s", seeds[i % ARRAY_SIZE(seeds)]);
		size_t len = strlen(hex);
		for (long n = random() % 4; n > 0; n--)
			hex[24 + random() % (len - 24)] = digits[random() % 16];
		if (random() % 4 == 0)
			hex[(size_t)random() % (len / 2) * 2] = '\0';
		if (hex[0] == '\0')
			continue;
		env_receive(hex);
		env_discard();
	}
	for (unsigned reason = 0; reason < N_DROP_REASONS; reason++)
		n_dropped += env_drops(UPLINK, reason);
	ck_assert_uint_gt(n_dropped, n_frames / 10);
	ck_assert_uint_lt(n_dropped, n_frames * 9 / 10);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {address_is_announced_in_three_rounds,
		announcements_carry_the_tag_of_the_underlay, requests_for_our_address_are_answered,
		probes_for_our_address_are_answered, conflict_is_counted_and_defended_once_in_10_s,
		arp_that_can_not_be_true_is_dropped, ping_is_answered,
		other_packets_to_us_are_of_no_use, flood_of_pings_is_taken_in_bounded_rounds,
		answers_that_find_the_ring_full_are_dropped, no_buffer_means_no_answer,
		path_mtu_is_lowered_for_600_s, mutated_frames_do_no_harm,
		path_mtu_has_a_floor_and_a_ceiling, quotes_of_what_we_never_sent_are_ignored};

	return env_main("slowpath_host", tests, ARRAY_SIZE(tests));
}
