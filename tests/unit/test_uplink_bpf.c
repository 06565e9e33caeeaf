// SPDX-License-Identifier: BSD-3-Clause
// The programs that sort the frames of a shared uplink, run by the kernel over a table of frames
// (BPF_PROG_TEST_RUN). Needs root: tests/system/test_xdp_program.py runs it.

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uplink.skel.h>

#include "base/util.h"
#include "io/uplink_maps.h"
#include "suite.h"

#define PORT	      8472
#define OUR_VLAN      1001
#define OTHER_VLAN    1002
#define UNDERLAY_VLAN 100
#define CPUS_MAX      1024
#define PASS	      2	 // XDP_PASS
#define REDIRECT      4	 // XDP_REDIRECT
#define FAKE_HEADER   14 // what the kernel takes off before it runs a socket filter in a test

#define OUR_IP	  "192.0.2.1"
#define OTHER_IP  "192.0.2.9"
#define OUR_GROUP "239.1.0.77" // within 239.1.0.0/16
#define OUR_IP6	  "2001:db8::1"
#define OTHER_IP6 "2001:db8::9"

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};   // of the interface
static const uint8_t guest_mac[6] = {0x02, 0, 0, 0, 0, 0x11}; // behind us
static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
static const uint8_t many_mac[6] = {0x01, 0, 0x5e, 0, 0, 0x01};

static struct uplink_bpf *bpf;
static int socket_fd;

// A frame, by what is out of the ordinary.
struct frame_case {
	const char *name;
	const uint8_t *to;	 // NULL: our_mac
	uint16_t tags[2];	 // VLANs, 0: none
	uint16_t tag_type;	 // of the first, 0: 802.1Q
	uint16_t type;		 // EtherType, 0: IPv4
	const char *destination; // NULL: OUR_IP or OUR_IP6
	uint8_t version;	 // of the IP header, 0: right
	uint8_t header_words;	 // of IPv4, 0: 5
	uint16_t fragment;
	uint8_t protocol; // 0: UDP
	uint16_t port;	  // 0: PORT
	uint16_t ip_len;  // as the header says, 0: right
	uint16_t len;	  // the frame is cut here, 0: whole
	enum uplink_counter verdict;
	bool copied; // a socket filter beside XDP takes it, where untagged frames are shared
};

// With no VLAN of the underlay, and nothing shared but the tunnel.
static const struct frame_case tunnel_cases[] = {
	{.name = "tunnel", .verdict = UPLINK_TUNNEL},
	{.name = "another address", .destination = OTHER_IP},
	{.name = "a group", .to = many_mac, .destination = OUR_GROUP, .verdict = UPLINK_TUNNEL},
	{.name = "another group", .to = many_mac, .destination = "239.2.0.77"},
	{.name = "another port", .port = 4789},
	{.name = "port of the source only", .port = 53},
	{.name = "TCP", .protocol = IPPROTO_TCP},
	{.name = "ICMP", .protocol = IPPROTO_ICMP},
	{.name = "ARP", .type = ETH_P_ARP},
	{.name = "options", .header_words = 7, .verdict = UPLINK_TUNNEL},
	{.name = "most options", .header_words = 15, .verdict = UPLINK_TUNNEL},
	{.name = "header too short", .header_words = 4},
	{.name = "version 6 in IPv4", .version = 6},
	{.name = "first fragment", .fragment = 0x2000},
	{.name = "later fragment", .fragment = 0x0010},
	{.name = "don't fragment", .fragment = 0x4000, .verdict = UPLINK_TUNNEL},
	{.name = "ends in Ethernet", .len = 14},
	{.name = "ends in IPv4", .len = 14 + 19},
	{.name = "ends before ports", .len = 14 + 20},
	{.name = "ends in ports", .len = 14 + 20 + 3},
	{.name = "ends after ports", .len = 14 + 20 + 4, .verdict = UPLINK_TUNNEL},
	{.name = "options and cut", .header_words = 15, .len = 14 + 60 + 2},
	{.name = "total length without UDP", .ip_len = 27},
	{.name = "IPv6", .type = ETH_P_IPV6, .verdict = UPLINK_TUNNEL},
	{.name = "IPv6, another address", .type = ETH_P_IPV6, .destination = OTHER_IP6},
	{.name = "IPv6, another port", .type = ETH_P_IPV6, .port = 4789},
	{.name = "IPv6, extension header", .type = ETH_P_IPV6, .protocol = 44},
	{.name = "IPv6, version 4", .type = ETH_P_IPV6, .version = 4},
	{.name = "IPv6, cut", .type = ETH_P_IPV6, .len = 14 + 39},
	{.name = "IPv6, cut before ports", .type = ETH_P_IPV6, .len = 14 + 40},
	{.name = "IPv6, payload without UDP", .type = ETH_P_IPV6, .ip_len = 7},
	{.name = "tagged", .tags = {OUR_VLAN}},
	{.name = "priority tag", .tags = {0x8000}, .verdict = UPLINK_TUNNEL},
	{.name = "service tag", .tags = {OUR_VLAN}, .tag_type = ETH_P_8021AD},
	{.name = "to a guest", .to = guest_mac, .destination = OTHER_IP},
};

// The underlay is a VLAN, and VLANs and untagged frames are shared.
static const struct frame_case all_cases[] = {
	{.name = "untagged tunnel", .verdict = UPLINK_KERNEL},
	{.name = "tagged tunnel", .tags = {UNDERLAY_VLAN}, .verdict = UPLINK_TUNNEL},
	{.name = "tagged tunnel with priority",
		.tags = {0xe000 | UNDERLAY_VLAN},
		.verdict = UPLINK_TUNNEL},
	{.name = "tagged IPv6",
		.tags = {UNDERLAY_VLAN},
		.type = ETH_P_IPV6,
		.verdict = UPLINK_TUNNEL},
	{.name = "tagged, another address", .tags = {UNDERLAY_VLAN}, .destination = OTHER_IP},
	{.name = "twice tagged", .tags = {UNDERLAY_VLAN, UNDERLAY_VLAN}},
	{.name = "cut in the tag", .tags = {UNDERLAY_VLAN}, .len = 16},
	{.name = "a network's VLAN", .tags = {OUR_VLAN}, .verdict = UPLINK_VLAN},
	{.name = "a network's VLAN, ARP",
		.tags = {OUR_VLAN},
		.type = ETH_P_ARP,
		.to = many_mac,
		.verdict = UPLINK_VLAN},
	{.name = "a network's VLAN, a tag below",
		.tags = {OUR_VLAN, OTHER_VLAN},
		.verdict = UPLINK_VLAN},
	{.name = "another VLAN", .tags = {OTHER_VLAN}},
	{.name = "a network's VLAN as service tag",
		.tags = {OUR_VLAN},
		.tag_type = ETH_P_8021AD,
		.to = our_mac},
	{.name = "untagged to a guest", .to = guest_mac, .verdict = UPLINK_UNTAGGED},
	{.name = "untagged to a guest, ARP",
		.to = guest_mac,
		.type = ETH_P_ARP,
		.verdict = UPLINK_UNTAGGED},
	{.name = "untagged to another", .to = other_mac, .copied = true},
	{.name = "untagged to many", .to = many_mac, .type = ETH_P_ARP, .copied = true},
	{.name = "tagged to many", .to = many_mac, .tags = {OTHER_VLAN}, .type = ETH_P_ARP},
};

// ---- frames -----------------------------------------------------------------------------------

static void put16(uint8_t **at, uint16_t value)
{
	*(*at)++ = (uint8_t)(value >> 8);
	*(*at)++ = (uint8_t)value;
}

static void put_ports(const struct frame_case *c, uint8_t **at)
{
	put16(at, PORT); // the source's tells nothing
	put16(at, c->port != 0 ? c->port : PORT);
	put16(at, 8 + 30);
	put16(at, 0);
	*at += 30;
}

static void put_ip4(const struct frame_case *c, uint8_t **at)
{
	uint8_t words = c->header_words != 0 ? c->header_words : 5;
	uint8_t *ip = *at;

	ip[0] = (uint8_t)((c->version != 0 ? c->version : 4) << 4 | words);
	*at = ip + 2;
	put16(at, c->ip_len != 0 ? c->ip_len : words * 4 + 8 + 30);
	*at = ip + 6;
	put16(at, c->fragment);
	ip[9] = c->protocol != 0 ? c->protocol : IPPROTO_UDP;
	ck_assert(
		inet_pton(AF_INET, c->destination != NULL ? c->destination : OUR_IP, ip + 16) == 1);
	*at = ip + words * 4;
	put_ports(c, at);
}

static void put_ip6(const struct frame_case *c, uint8_t **at)
{
	uint8_t *ip = *at;

	ip[0] = (uint8_t)((c->version != 0 ? c->version : 6) << 4);
	*at = ip + 4;
	put16(at, c->ip_len != 0 ? c->ip_len : 8 + 30);
	ip[6] = c->protocol != 0 ? c->protocol : IPPROTO_UDP;
	ck_assert(inet_pton(AF_INET6, c->destination != NULL ? c->destination : OUR_IP6, ip + 24) ==
		  1);
	*at = ip + 40;
	put_ports(c, at);
}

static uint32_t build(const struct frame_case *c, uint8_t frame[256])
{
	uint16_t type = c->type != 0 ? c->type : ETH_P_IP;
	uint8_t *at = frame + 12;

	memset(frame, 0, 256);
	memcpy(frame, c->to != NULL ? c->to : our_mac, 6);
	memcpy(frame + 6, other_mac, 6);
	for (size_t i = 0; i < ARRAY_SIZE(c->tags) && c->tags[i] != 0; i++) {
		put16(&at, i == 0 && c->tag_type != 0 ? c->tag_type : ETH_P_8021Q);
		put16(&at, c->tags[i]);
	}
	put16(&at, type);
	if (type == ETH_P_IP)
		put_ip4(c, &at);
	else if (type == ETH_P_IPV6)
		put_ip6(c, &at);
	else
		at += 46;
	return c->len != 0 ? c->len : (uint32_t)(at - frame);
}

// ---- maps -------------------------------------------------------------------------------------

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	ck_assert_int_eq(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0);
}

static void add_address(int family, const char *text)
{
	struct uplink_address address = {.b = {[10] = 0xff, [11] = 0xff}};
	const uint8_t one = 1;

	ck_assert_int_eq(inet_pton(family, text, &address.b[family == AF_INET ? 12 : 0]), 1);
	put(bpf->maps.addresses, &address, &one);
}

static void set_settings(uint32_t flags, uint16_t vid)
{
	struct uplink_settings settings = {.flags = flags, .vid = vid};
	const uint32_t zero = 0;

	memcpy(settings.mac, our_mac, sizeof(settings.mac));
	put(bpf->maps.settings, &zero, &settings);
}

static uint64_t counted(uint32_t what)
{
	int n_cpus = libbpf_num_possible_cpus();
	uint64_t values[CPUS_MAX], sum = 0;

	ck_assert_int_le(n_cpus, CPUS_MAX);
	ck_assert_int_eq(bpf_map_lookup_elem(bpf_map__fd(bpf->maps.counters), &what, values), 0);
	for (int i = 0; i < n_cpus; i++)
		sum += values[i];
	return sum;
}

static void set_up(void)
{
	struct uplink_group group = {.len = 96 + 16, .address = {{[10] = 0xff, [11] = 0xff}}};
	struct uplink_mac guest = {};
	const uint16_t port = htons(PORT);
	const uint32_t zero = 0, vlan = OUR_VLAN;
	const uint8_t one = 1;

	bpf = uplink_bpf__open_and_load();
	ck_assert_msg(bpf != NULL, "the verifier does not take the programs, or not as this user");
	socket_fd = socket(AF_XDP, SOCK_RAW, 0);
	ck_assert_int_ge(socket_fd, 0);
	put(bpf->maps.sockets, &zero, &socket_fd);
	put(bpf->maps.ports, &port, &one);
	add_address(AF_INET, OUR_IP);
	add_address(AF_INET6, OUR_IP6);
	inet_pton(AF_INET, "239.1.0.0", &group.address.b[12]);
	put(bpf->maps.groups, &group, &one);
	put(bpf->maps.vlans, &vlan, &one);
	memcpy(guest.b, guest_mac, sizeof(guest.b));
	put(bpf->maps.macs, &guest, &one);
}

static void tear_down(void)
{
	uplink_bpf__destroy(bpf);
	close(socket_fd);
}

// ---- tests ------------------------------------------------------------------------------------

static uint32_t run(const struct bpf_program *program, const void *data, uint32_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = len, .repeat = 1);

	ck_assert_int_eq(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
	return options.retval;
}

// In the driver: redirected and counted by kind, or passed and counted so.
static void check_xdp(const struct frame_case *c, const uint8_t *frame, uint32_t len)
{
	uint64_t before[N_UPLINK_COUNTERS];
	uint32_t action;

	for (uint32_t i = 0; i < N_UPLINK_COUNTERS; i++)
		before[i] = counted(i);
	action = run(bpf->progs.weft_uplink, frame, len);
	ck_assert_msg(action == (c->verdict == UPLINK_KERNEL ? PASS : REDIRECT), "%s: action %u",
		c->name, action);
	for (uint32_t i = 0; i < N_UPLINK_COUNTERS; i++)
		ck_assert_msg(counted(i) == before[i] + (i == c->verdict ? 1 : 0), "%s: counter %u",
			c->name, i);
}

// At a packet socket, where it gives the same verdict alone, and takes copies only beside XDP.
static void check_filter(const struct frame_case *c, const uint8_t *frame, uint32_t len,
	uint32_t flags, uint16_t vid)
{
	uint8_t data[FAKE_HEADER + 256] = {0};
	bool ours = c->verdict != UPLINK_KERNEL;

	memcpy(data + FAKE_HEADER, frame, len);
	set_settings(flags | UPLINK_NO_XDP, vid);
	ck_assert_msg(
		(run(bpf->progs.weft_filter, data, FAKE_HEADER + len) != 0) == (ours || c->copied),
		"%s: alone", c->name);
	set_settings(flags, vid);
	ck_assert_msg((run(bpf->progs.weft_filter, data, FAKE_HEADER + len) != 0) == c->copied,
		"%s: beside XDP", c->name);
}

static void check_cases(const struct frame_case *cases, size_t n, uint32_t flags, uint16_t vid)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t frame[256];
		uint32_t len = build(&cases[i], frame);

		set_settings(flags, vid);
		check_xdp(&cases[i], frame, len);
		check_filter(&cases[i], frame, len, flags, vid);
	}
}

START_TEST(tunnel_only)
{
	check_cases(tunnel_cases, ARRAY_SIZE(tunnel_cases), 0, 0);
}
END_TEST

START_TEST(vlans_and_untagged)
{
	check_cases(all_cases, ARRAY_SIZE(all_cases), UPLINK_SHARE_VLANS | UPLINK_SHARE_UNTAGGED,
		UNDERLAY_VLAN);
}
END_TEST

// A queue whose socket is gone: the kernel gets what was ours.
START_TEST(without_a_socket)
{
	const struct frame_case c = {.name = "tunnel"};
	const uint32_t zero = 0;
	uint8_t frame[256];
	uint32_t len = build(&c, frame);

	set_settings(0, 0);
	ck_assert_uint_eq(run(bpf->progs.weft_uplink, frame, len), REDIRECT);
	ck_assert_int_eq(bpf_map_delete_elem(bpf_map__fd(bpf->maps.sockets), &zero), 0);
	ck_assert_uint_eq(run(bpf->progs.weft_uplink, frame, len), PASS);
	ck_assert_uint_eq(counted(UPLINK_NO_SOCKET), 1);
	ck_assert_uint_eq(counted(UPLINK_TUNNEL), 1);
}
END_TEST

// A program that is on the interface before it is told anything takes nothing.
START_TEST(without_settings)
{
	struct uplink_bpf *fresh = uplink_bpf__open_and_load();
	const struct frame_case c = {.name = "tunnel"};
	uint8_t frame[256];
	uint32_t len = build(&c, frame);

	ck_assert_ptr_nonnull(fresh);
	ck_assert_uint_eq(run(fresh->progs.weft_uplink, frame, len), PASS);
	uplink_bpf__destroy(fresh);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		tunnel_only,
		vlans_and_untagged,
		without_a_socket,
		without_settings,
	};

	return suite_main_with("uplink_bpf", tests, ARRAY_SIZE(tests), set_up, tear_down);
}
