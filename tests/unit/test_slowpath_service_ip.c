// SPDX-License-Identifier: BSD-3-Clause
// The IPv4 host stack of service ports: ping, names, refusals and their limit. Golden bytes were
// made with scapy.

#include "service_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/checksum.h"

#define ECHO                                                                                       \
	"fa163e3114a6fa163ede6e86080045b800200001000040011fd9ac100121ac10010a08001a16"             \
	"0007000977656674"
#define ECHO_R                                                                                     \
	"fa163ede6e86fa163e3114a6080045b800200001000040011fd9ac10010aac10012100002216"             \
	"0007000977656674"
#define ECHO_MD                                                                                    \
	"fa163e3114a6fa163ede6e8608004500002000010000400179aeac100121a9fea9fe08001a16"             \
	"0007000977656674"
#define ECHO_MD_R                                                                                  \
	"fa163ede6e86fa163e3114a608004500002000010000400179aea9fea9feac10012100002216"             \
	"0007000977656674"
#define ECHO_OTHER                                                                                 \
	"fa163e3114a6fa163ede6e86080045000020000100004001209aac100121ac10010108001a16"             \
	"0007000977656674"
#define ECHO_FRAG                                                                                  \
	"fa163e3114a6fa163ede6e860800450000200001200040010091ac100121ac10010a08001a16"             \
	"0007000977656674"
#define ECHO_BC                                                                                    \
	"fffffffffffffa163ede6e860800450000200001000040012091ac100121ac10010a08001a16"             \
	"0007000977656674"
#define ECHO_BADSUM                                                                                \
	"fa163e3114a6fa163ede6e860800450000200001000040012091ac100121ac10010a08001a16"             \
	"0007000977656678"
#define ECHO_BADIP                                                                                 \
	"fa163e3114a6fa163ede6e860800450000200001000040012191ac100121ac10010a08001a16"             \
	"0007000977656674"
#define ICMPERR                                                                                    \
	"fa163e3114a6fa163ede6e860800450000380001000040012079ac100121ac10010a03035762"             \
	"000000004500001c0001000040112085ac10010aac100121000900090008a580"
#define UDP                                                                                        \
	"fa163e3114a6fa163ede6e8608004500001e0001000040112083ac100121ac10010a04000fa0"             \
	"000a29856869"
#define UDP_R                                                                                      \
	"fa163ede6e86fa163e3114a6080045c0003a0001000040011fb7ac10010aac10012103035764"             \
	"000000004500001e0001000040112083ac100121ac10010a04000fa0000a29856869"
#define UDP_BAD                                                                                    \
	"fa163e3114a6fa163ede6e8608004500001e0001000040112083ac100121ac10010a04000fa0"             \
	"000a29856868"
#define GRE "fa163e3114a6fa163ede6e8608004500001800010000402f206bac100121ac10010a67726567"
#define GRE_R                                                                                      \
	"fa163ede6e86fa163e3114a6080045c000340001000040011fbdac10010aac10012103023024"             \
	"000000004500001800010000402f206bac100121ac10010a67726567"
#define SYN                                                                                        \
	"fa163e3114a6fa163ede6e86080045ba00280001000040061fcaac100121ac10010a04000016"             \
	"112233440000000050022000ed1a0000"
#define SYN_R                                                                                      \
	"fa163ede6e86fa163e3114a6080045b80028000140004006dfcbac10010aac10012100160400"             \
	"0000000011223345501400000d080000"
#define ACK                                                                                        \
	"fa163e3114a6fa163ede6e8608004500002c0001000040062080ac100121ac10010a04000016"             \
	"112233445566778850182000474f000064617461"
#define ACK_R                                                                                      \
	"fa163ede6e86fa163e3114a6080045000028000140004006e083ac10010aac10012100160400"             \
	"55667788000000005004000084900000"
#define RST                                                                                        \
	"fa163e3114a6fa163ede6e860800450000280001000040062084ac100121ac10010a04000016"             \
	"000000010000000050042000317e0000"
#define SYNMD                                                                                      \
	"fa163e3114a6fa163ede6e8608004500002800010000400679a1ac100121a9fea9fe04000050"             \
	"11223344000000005002200045fe0000"
#define SYNMD_R                                                                                    \
	"fa163ede6e86fa163e3114a608004500002800014000400639a1a9fea9feac10012100500400"             \
	"00000000112233455014000065eb0000"
#define DNS                                                                                        \
	"fa163e3114a6fa163ede6e8608004500004d0001000040112054ac100121ac10010a04000035"             \
	"00398fbd12340100000100000000000010686f73742d3137322d31362d312d33330e6f70656e"             \
	"737461636b6c6f63616c0000010001"
#define DNS_R                                                                                      \
	"fa163ede6e86fa163e3114a608004500005d0001000040112044ac10010aac10012100350400"             \
	"0049c6ae12348580000100010000000010686f73742d3137322d31362d312d33330e6f70656e"             \
	"737461636b6c6f63616c0000010001c00c00010001000000000004ac100121"

static const struct service_setup plain = {0};

static void receive(const char *hex)
{
	env_punt(PUNT_LOCAL, PORT, SERVICE, hex);
}

START_TEST(ping_of_each_service_address_is_answered)
{
	env_serve(&plain);
	receive(ECHO);
	env_expect_at(SERVICE, ECHO_R);
}
END_TEST

START_TEST(ping_of_the_metadata_address_is_answered)
{
	env_serve(&plain);
	receive(ECHO_MD);
	env_expect_at(SERVICE, ECHO_MD_R);
}
END_TEST

START_TEST(closed_udp_ports_are_refused)
{
	env_serve(&plain);
	receive(UDP);
	env_expect_at(SERVICE, UDP_R);
}
END_TEST

START_TEST(unknown_protocols_are_refused)
{
	env_serve(&plain);
	receive(GRE);
	env_expect_at(SERVICE, GRE_R);
}
END_TEST

START_TEST(connections_are_reset)
{
	env_serve(&plain);
	receive(SYN);
	env_expect_at(SERVICE, SYN_R);
}
END_TEST

START_TEST(segments_of_no_connection_are_reset)
{
	env_serve(&plain);
	receive(ACK);
	env_expect_at(SERVICE, ACK_R);
}
END_TEST

START_TEST(metadata_without_a_backend_is_reset)
{
	env_serve(&plain);
	receive(SYNMD);
	env_expect_at(SERVICE, SYNMD_R);
}
END_TEST

START_TEST(names_are_answered)
{
	env_serve(&plain);
	receive(DNS);
	env_expect_at(SERVICE, DNS_R);
}
END_TEST

START_TEST(what_is_not_answered_dies)
{
	env_serve(&plain);
	receive(ECHO_OTHER); // not an address of the port
	receive(ECHO_BC);
	receive(ECHO_BADSUM);
	receive(ICMPERR);
	receive(UDP_BAD);
	receive(RST);
	receive(SERVICE_MAC A_MAC "88b5"
				  "00000000");
	receive("fa163e");
	env_expect_nothing();
	ck_assert_uint_eq(env_drops(PORT, DROP_SERVICE_OTHER), 8);
	receive(ECHO_BADIP);
	ck_assert_uint_eq(env_drops(PORT, DROP_IP4_CSUM), 1);
	receive(ECHO_FRAG); // more to come, but no multiple of 8
	ck_assert_uint_eq(env_drops(PORT, DROP_IP4_MALFORMED), 1);
	receive(SERVICE_MAC A_MAC "0800"
				  "4500");
	ck_assert_uint_eq(env_drops(PORT, DROP_IP4_MALFORMED), 2);
	env_expect_nothing();
}
END_TEST

// An IPv4 packet of an unknown protocol from 172.16.1.`host`.
static void refused_from(unsigned host)
{
	uint8_t ip[24] = {0x45, 0, 0, 24, 0, 0, 0, 0, 64, 47, 0, 0, 172, 16, 1, (uint8_t)host, 172,
		16, 1, 10};
	uint16_t checksum = checksum_of(ip, 20);
	char hex[128] = SERVICE_MAC A_MAC "0800";
	size_t len = strlen(hex);

	memcpy(&ip[10], &checksum, sizeof(checksum));
	for (size_t i = 0; i < sizeof(ip); i++, len += 2)
		sprintf(hex + len, "%02x", ip[i]);
	receive(hex);
}

START_TEST(errors_are_limited_by_destination)
{
	env_serve(&plain);
	for (unsigned i = 0; i < 10; i++)
		refused_from(33);
	ck_assert_uint_eq(env_discard(), 6);
	ck_assert_uint_eq(env_drops(PORT, DROP_ICMP_ERR_RATE), 4);
	refused_from(40); // another one has its own
	ck_assert_uint_eq(env_discard(), 1);
	env_advance(NS_PER_S);
	refused_from(33);
	refused_from(33);
	ck_assert_uint_eq(env_discard(), 1);
	env_run(60 * NS_PER_S, NS_PER_S);
	for (unsigned i = 0; i < 10; i++)
		refused_from(33);
	ck_assert_uint_eq(env_discard(), 6);
}
END_TEST

START_TEST(errors_are_limited_by_port)
{
	env_serve(&plain);
	for (unsigned host = 20; host < 120; host++)
		refused_from(host);
	ck_assert_uint_eq(env_discard(), 50);
	env_advance(10 * NS_PER_MS);
	for (unsigned host = 120; host < 220; host++)
		refused_from(host);
	ck_assert_uint_eq(env_discard(), 10);
	ck_assert_uint_eq(env_drops(PORT, DROP_ICMP_ERR_RATE), 140);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ping_of_each_service_address_is_answered,
		ping_of_the_metadata_address_is_answered,
		closed_udp_ports_are_refused,
		unknown_protocols_are_refused,
		connections_are_reset,
		segments_of_no_connection_are_reset,
		metadata_without_a_backend_is_reset,
		names_are_answered,
		what_is_not_answered_dies,
		errors_are_limited_by_destination,
		errors_are_limited_by_port,
	};

	return env_main("slowpath_service_ip", tests, ARRAY_SIZE(tests));
}
