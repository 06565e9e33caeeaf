// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery of weft's own ports, and for addresses of others (items 89 to 94).
// Golden bytes of neighbour discovery were made with scapy.

#include "service_env.h"

#define NOBODY	"000000000000"
#define ALL	"ffffffffffff"
#define IP_NONE "00000000"
#define IP_A	"ac100121"
#define IP_B	"ac100128"
#define IP_C	"ac100132"
#define IP_DHCP "ac10010a"
#define IP_META "a9fea9fe"
#define IP_RTR	"ac100101"
#define IP_ELSE "ac1001c8" // nobody's

// An Ethernet frame with ARP; sender and target are a MAC and an address each.
#define FRAME(to, from, op, sender, target) to from "080600010800060400" op sender target
#define ASK(from, ip, target_ip)	    FRAME(ALL, from, "01", from ip, NOBODY target_ip)
#define TELL(from, ip, to, target_ip)	    FRAME(to, from, "02", from ip, to target_ip)
#define CLAIM(from, ip)			    ASK(from, ip, ip)

#define NS_MD                                                                                      \
	"3333fffea9fefa163ede6e8686dd6000000000203afffd000001000000000000000000000033"             \
	"ff0200000000000000000001fffea9fe8700d77300000000fe8000000000000000000000a9fe"             \
	"a9fe0101fa163ede6e86"
#define NA_MD                                                                                      \
	"fa163ede6e86fa163e3114a686dd6000000000203afffe8000000000000000000000a9fea9fe"             \
	"fd0000010000000000000000000000338800268460000000fe8000000000000000000000a9fe"             \
	"a9fe0201fa163e3114a6"
#define NS_DAD_MD                                                                                  \
	"3333fffea9fefa163e99990186dd6000000000183aff00000000000000000000000000000000"             \
	"ff0200000000000000000001fffea9fe87007d2d00000000fe8000000000000000000000a9fe"             \
	"a9fe"
#define NA_DAD_MD                                                                                  \
	"333300000001fa163e3114a686dd6000000000203afffe8000000000000000000000a9fea9fe"             \
	"ff020000000000000000000000000001880064b520000000fe8000000000000000000000a9fe"             \
	"a9fe0201fa163e3114a6"
#define NS_R                                                                                       \
	"3333ff000001fa163ede6e8686dd6000000000203afffd000001000000000000000000000033"             \
	"ff0200000000000000000001ff0000018700d7ea00000000fd00000100000000000000000000"             \
	"00010101fa163ede6e86"
#define NA_R                                                                                       \
	"fa163ede6e86fa163edde1a286dd6000000000203afffd000001000000000000000000000001"             \
	"fd000001000000000000000000000033880083d1e0000000fd00000100000000000000000000"             \
	"00010201fa163edde1a2"
#define NS_B                                                                                       \
	"3333ff000040fa163ede6e8686dd6000000000203afffd000001000000000000000000000033"             \
	"ff0200000000000000000001ff0000408700d76c00000000fd00000100000000000000000000"             \
	"00400101fa163ede6e86"
#define NA_B                                                                                       \
	"fa163ede6e86fa163e74ad3986dd6000000000203afffd000001000000000000000000000040"             \
	"fd0000010000000000000000000000338800382660000000fd00000100000000000000000000"             \
	"00400201fa163e74ad39"
#define NS_B_UNI                                                                                   \
	"fa163e74ad39fa163ede6e8686dd6000000000203afffd000001000000000000000000000033"             \
	"fd0000010000000000000000000000408700d86f00000000fd00000100000000000000000000"             \
	"00400101fa163ede6e86"
#define NS_DAD_A                                                                                   \
	"3333ff000033fa163ede6e8686dd6000000000183aff00000000000000000000000000000000"             \
	"ff0200000000000000000001ff00003387007d4000000000fd00000100000000000000000000"             \
	"0033"
#define NS_DAD_B                                                                                   \
	"3333ff000040fa163ede6e8686dd6000000000183aff00000000000000000000000000000000"             \
	"ff0200000000000000000001ff00004087007d2600000000fd00000100000000000000000000"             \
	"0040"
#define NA_DAD_B                                                                                   \
	"333300000001fa163e74ad3986dd6000000000203afffd000001000000000000000000000040"             \
	"ff0200000000000000000000000000018800765720000000fd00000100000000000000000000"             \
	"00400201fa163e74ad39"
#define NA_CLAIM                                                                                   \
	"333300000001fa163e99990186dd6000000000203afffe8000000000000000000000a9fea9fe"             \
	"ff0200000000000000000000000000018800dff120000000fe8000000000000000000000a9fe"             \
	"a9fe0201fa163e999901"
#define NS_HLIM                                                                                    \
	"3333fffea9fefa163ede6e8686dd6000000000203a40fd000001000000000000000000000033"             \
	"ff0200000000000000000001fffea9fe8700d77300000000fe8000000000000000000000a9fe"             \
	"a9fe0101fa163ede6e86"

static const struct service_setup plain = {0};
static const struct service_setup routed = {.router = true};
static const struct service_setup responder = {.arp_responder = true};

// Hands services over and throws away what is announced.
static void serve_quiet(const struct service_setup *setup)
{
	env_serve(setup);
	env_run(6 * NS_PER_S, NS_PER_S);
	env_discard();
}

static void arp(uint16_t local, const char *hex)
{
	env_punt(PUNT_ARP_OWN, PORT, local, hex);
}

// ---- own addresses ----------------------------------------------------------------------------

START_TEST(item_91_service_addresses_are_answered)
{
	env_serve(&plain);
	arp(SERVICE, ASK(A_MAC, IP_A, IP_DHCP));
	env_expect_at(SERVICE, TELL(SERVICE_MAC, IP_DHCP, A_MAC, IP_A));
	arp(SERVICE, ASK(A_MAC, IP_A, IP_META));
	env_expect_at(SERVICE, TELL(SERVICE_MAC, IP_META, A_MAC, IP_A));
	arp(SERVICE, ASK(A_MAC, IP_A, IP_ELSE));
	arp(SERVICE, ASK(A_MAC, IP_A, IP_B)); // the responder is off
	env_expect_nothing();
}
END_TEST

START_TEST(item_91_unicast_requests_are_answered_too)
{
	env_serve(&plain);
	arp(SERVICE, FRAME(SERVICE_MAC, A_MAC, "01", A_MAC IP_A, SERVICE_MAC IP_DHCP));
	env_expect_at(SERVICE, TELL(SERVICE_MAC, IP_DHCP, A_MAC, IP_A));
}
END_TEST

START_TEST(item_89_each_own_port_answers_for_its_own_addresses)
{
	serve_quiet(&routed);
	// A flooded request comes to both of them.
	arp(SERVICE, ASK(A_MAC, IP_A, IP_RTR));
	env_expect_nothing();
	arp(ROUTER, ASK(A_MAC, IP_A, IP_RTR));
	env_expect_at(ROUTER, TELL(ROUTER_MAC, IP_RTR, A_MAC, IP_A));
	arp(ROUTER, ASK(A_MAC, IP_A, IP_DHCP));
	env_expect_nothing();
}
END_TEST

START_TEST(item_90_addresses_of_other_networks_are_not_answered)
{
	env_serve(&plain);
	arp(SERVICE, ASK(A_MAC, IP_A, "0a010032")); // 10.1.0.50
	arp(SERVICE, ASK(A_MAC, IP_A, IP_RTR));	    // no router is on this network
	env_expect_nothing();
}
END_TEST

START_TEST(probes_for_own_addresses_are_answered)
{
	env_serve(&plain);
	arp(SERVICE, ASK(X_MAC, IP_NONE, IP_DHCP));
	env_expect_at(SERVICE, TELL(SERVICE_MAC, IP_DHCP, X_MAC, IP_NONE));
}
END_TEST

START_TEST(replies_are_not_answered)
{
	env_serve(&plain);
	arp(SERVICE, TELL(A_MAC, IP_A, SERVICE_MAC, IP_DHCP));
	env_expect_nothing();
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 0);
}
END_TEST

START_TEST(conflicts_are_counted_and_defended_once_in_10_s)
{
	env_serve(&plain);
	for (unsigned i = 0; i < 5; i++)
		arp(SERVICE, CLAIM(X_MAC, IP_DHCP));
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 5);
	env_expect_at(SERVICE, CLAIM(SERVICE_MAC, IP_DHCP));
	env_expect_nothing();
	// Another address is defended on its own.
	arp(SERVICE, TELL(X_MAC, IP_META, A_MAC, IP_A));
	env_expect_at(SERVICE, CLAIM(SERVICE_MAC, IP_META));
	env_run(10 * NS_PER_S, NS_PER_S);
	arp(SERVICE, CLAIM(X_MAC, IP_DHCP));
	env_expect_at(SERVICE, CLAIM(SERVICE_MAC, IP_DHCP));
	env_expect_nothing();
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 7);
}
END_TEST

START_TEST(conflicts_survive_a_commit)
{
	env_serve(&plain);
	arp(SERVICE, CLAIM(X_MAC, IP_DHCP));
	env_expect_at(SERVICE, CLAIM(SERVICE_MAC, IP_DHCP));
	env_serve(&responder);
	arp(SERVICE, CLAIM(X_MAC, IP_DHCP));
	env_expect_nothing();
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 2);
}
END_TEST

START_TEST(own_frames_are_no_conflict)
{
	serve_quiet(&routed);
	arp(ROUTER, ASK(SERVICE_MAC, IP_DHCP, IP_RTR)); // our other port: not a claim
	arp(SERVICE, CLAIM(X_MAC, IP_RTR));		// the router's own copy tells it
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 0);
}
END_TEST

START_TEST(item_94_malformed_arp_dies)
{
	env_serve(&plain);
	arp(SERVICE, ALL A_MAC "0806000108000804"
			       "0001" A_MAC IP_A NOBODY IP_DHCP);
	arp(SERVICE, FRAME(ALL, A_MAC, "03", A_MAC IP_A, NOBODY IP_DHCP));
	arp(SERVICE, ALL A_MAC "080600010800060400"
			       "01" A_MAC IP_A "0000");
	arp(SERVICE, FRAME(ALL, A_MAC, "01", ALL IP_A, NOBODY IP_DHCP)); // a group as sender
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(PORT, DROP_ARP_MALFORMED), 4);
}
END_TEST

START_TEST(frames_of_a_network_that_is_gone_die)
{
	arp(SERVICE, ASK(A_MAC, IP_A, IP_DHCP)); // before the first commit
	env_serve(&plain);
	arp(ROUTER, ASK(A_MAC, IP_A, IP_RTR));
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(PORT, DROP_PORT_DOWN), 2);
}
END_TEST

// ---- addresses of others ----------------------------------------------------------------------

START_TEST(item_93_known_addresses_are_answered_to_the_port_that_asked)
{
	env_serve(&responder);
	arp(0, ASK(A_MAC, IP_A, IP_B));
	env_expect_at(PORT, TELL(B_MAC, IP_B, A_MAC, IP_A));
	arp(0, ASK(A_MAC, IP_A, IP_DHCP)); // a local port's request for ours is taken as well
	env_expect_at(SERVICE, TELL(SERVICE_MAC, IP_DHCP, A_MAC, IP_A));
	env_expect_nothing();
}
END_TEST

START_TEST(item_93_what_the_responder_leaves_alone)
{
	env_serve(&responder);
	arp(0, FRAME(B_MAC, A_MAC, "01", A_MAC IP_A, B_MAC IP_B)); // unicast
	arp(0, CLAIM(A_MAC, IP_B));				   // gratuitous
	arp(0, ASK(A_MAC, IP_A, IP_C));				   // a port that is down
	arp(0, ASK(A_MAC, IP_A, IP_ELSE));
	arp(0, ASK(A_MAC, IP_NONE, IP_A)); // its own probe
	arp(0, TELL(A_MAC, IP_A, B_MAC, IP_B));
	env_expect_nothing();
	env_serve(&plain); // off
	arp(0, ASK(A_MAC, IP_A, IP_B));
	env_expect_nothing();
}
END_TEST

START_TEST(item_93_probe_for_the_address_of_another_port_is_answered)
{
	env_serve(&responder);
	arp(0, ASK(A_MAC, IP_NONE, IP_B));
	env_expect_at(PORT, TELL(B_MAC, IP_B, A_MAC, IP_NONE));
}
END_TEST

START_TEST(copies_for_own_ports_are_not_answered_for_others)
{
	env_serve(&responder);
	arp(SERVICE, ASK(A_MAC, IP_A, IP_B)); // the request floods
	env_expect_nothing();
}
END_TEST

// ---- IPv6 -------------------------------------------------------------------------------------

START_TEST(solicitations_for_own_addresses_are_answered)
{
	serve_quiet(&routed);
	arp(SERVICE, NS_MD);
	env_expect_at(SERVICE, NA_MD); // S, O
	arp(ROUTER, NS_R);
	env_expect_at(ROUTER, NA_R); // R, S, O
	arp(SERVICE, NS_R);
	arp(ROUTER, NS_MD);
	env_expect_nothing();
}
END_TEST

START_TEST(duplicate_detection_of_own_addresses_is_answered_to_all)
{
	env_serve(&plain);
	arp(SERVICE, NS_DAD_MD);
	env_expect_at(SERVICE, NA_DAD_MD); // O
}
END_TEST

START_TEST(item_93_known_ipv6_addresses_are_answered)
{
	env_serve(&responder);
	arp(0, NS_B);
	env_expect_at(PORT, NA_B);
	arp(0, NS_DAD_B);
	env_expect_at(PORT, NA_DAD_B);
	arp(0, NS_B_UNI);
	arp(0, NS_DAD_A);
	env_expect_nothing();
	env_serve(&plain);
	arp(0, NS_B);
	env_expect_nothing();
}
END_TEST

START_TEST(claims_of_own_ipv6_addresses_are_conflicts)
{
	env_serve(&plain);
	for (unsigned i = 0; i < 3; i++)
		arp(SERVICE, NA_CLAIM);
	ck_assert_uint_eq(env_info(INFO_ARP_CONFLICT), 3);
	env_expect_at(SERVICE, NA_DAD_MD); // the same as an answer to all
	env_expect_nothing();
}
END_TEST

START_TEST(other_ipv6_packets_die)
{
	env_serve(&plain);
	arp(SERVICE, NS_HLIM); // from beyond a router
	env_punt(PUNT_LOCAL, PORT, SERVICE, SERVICE_MAC A_MAC "86dd");
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(PORT, DROP_SERVICE_OTHER), 2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		item_91_service_addresses_are_answered,
		item_91_unicast_requests_are_answered_too,
		item_89_each_own_port_answers_for_its_own_addresses,
		item_90_addresses_of_other_networks_are_not_answered,
		probes_for_own_addresses_are_answered,
		replies_are_not_answered,
		conflicts_are_counted_and_defended_once_in_10_s,
		conflicts_survive_a_commit,
		own_frames_are_no_conflict,
		item_94_malformed_arp_dies,
		frames_of_a_network_that_is_gone_die,
		item_93_known_addresses_are_answered_to_the_port_that_asked,
		item_93_what_the_responder_leaves_alone,
		item_93_probe_for_the_address_of_another_port_is_answered,
		copies_for_own_ports_are_not_answered_for_others,
		solicitations_for_own_addresses_are_answered,
		duplicate_detection_of_own_addresses_is_answered_to_all,
		item_93_known_ipv6_addresses_are_answered,
		claims_of_own_ipv6_addresses_are_conflicts,
		other_ipv6_packets_die,
	};

	return env_main("slowpath_who_has", tests, ARRAY_SIZE(tests));
}
