// SPDX-License-Identifier: BSD-3-Clause

#include "filter_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "net/checksum.h"

#define ETHERNET_LEN 14
#define IP4_LEN	     20
#define IP6_LEN	     40
#define TCP_LEN	     20

const struct hosts a_to_x = {MAC_A, MAC_X, IP_A, IP_X};
const struct hosts x_to_a = {MAC_X, MAC_A, IP_X, IP_A};
const struct hosts a_to_b = {MAC_A, MAC_B, IP_A, IP_B};
const struct hosts b_to_a = {MAC_B, MAC_A, IP_B, IP_A};
const struct hosts a_to_o = {MAC_A, MAC_O, IP_A, IP_O};
const struct hosts o_to_a = {MAC_O, MAC_A, IP_O, IP_A};
const struct hosts a6_to_x = {MAC_A, MAC_X, IP6_A, IP6_X};
const struct hosts x6_to_a = {MAC_X, MAC_A, IP6_X, IP6_A};

static const char *const devices[] = {"a", "b", "o", UPLINK_OF_X};

static void forget_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		forget_sent(devices[i]);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

// The keys of a port, which is filtered if it does not say otherwise.
static void write_port(char *to, size_t size, const char *keys, const char *otherwise)
{
	const char *text = or_else(keys, otherwise);
	bool says_so = strstr(text, "port-security") != NULL;

	ck_assert_int_lt(
		snprintf(to, size, "%s%s", text, says_so ? "" : ", 'port-security': true"), size);
}

void filter_node(const struct filter_config *config)
{
	struct frame x = frame_ethernet(BROADCAST, MAC_X, 0x88b5, 46);
	struct frame o = frame_ethernet(BROADCAST, MAC_O, 0x88b5, 46);
	char port_a[512], port_b[512];

	write_port(port_a, sizeof(port_a), config->a,
		ADDRESSES_A ", " GROUPS("'default', 'ssh', 'ping'"));
	write_port(port_b, sizeof(port_b), config->b, "'addresses': ['" IP_B "', '" IP6_B "']");
	configure("{'uplinks': {'provider': {'device': 'fake:" UPLINK_OF_X "'}},"
		  "'networks': {'net': {'segments': [{'type': 'flat', 'uplink': 'provider'}] %s}},"
		  "'ports': {"
		  " 'a': {'network': 'net', 'device': 'fake:a', 'mac': '" MAC_A "', %s},"
		  " 'b': {'network': 'net', 'device': 'fake:b', 'mac': '" MAC_B "', %s},"
		  " 'o': {'network': 'net', 'device': 'fake:o', 'mac': '" MAC_O "',"
		  "       'port-security': false}},"
		  "'security-groups': {%s} %s}",
		or_else(config->network, ""), port_a, port_b,
		or_else(config->groups, GROUP_SSH ", " GROUP_PING), or_else(config->more, ""));
	arrive(UPLINK_OF_X, &x);
	arrive("o", &o);
	forget_all();
}

// ---- frames -----------------------------------------------------------------------------------

static uint8_t *l4_of(struct frame *frame)
{
	return (uint8_t *)frame_l4(frame);
}

// Makes the checksum of TCP, ICMP or ICMPv6 right.
static void fix_l4(struct frame *frame)
{
	bool is_ip4 = frame_ethertype(frame) == ETHER_TYPE_IPV4;
	uint8_t *l3 = frame->bytes + ETHERNET_LEN;
	uint8_t *l4 = l4_of(frame);
	uint16_t len = (uint16_t)(frame->bytes + frame->len - l4);
	uint8_t protocol = is_ip4 ? l3[9] : l3[6];
	uint16_t words[2] = {htons(len), htons(protocol)};
	uint8_t *at = l4 + (protocol == IP_PROTOCOL_TCP ? 16 : 2);
	uint32_t sum = 0;
	uint16_t checksum;

	if (protocol != IP_PROTOCOL_ICMP) {
		sum = checksum_add(0, words, sizeof(words));
		sum = checksum_add(sum, l3 + (is_ip4 ? 12 : 8), is_ip4 ? 8 : 32);
	}
	memset(at, 0, 2);
	checksum = (uint16_t)~checksum_fold(checksum_add(sum, l4, len));
	memcpy(at, &checksum, 2);
}

struct frame tcp(const struct hosts *hosts, uint16_t from, uint16_t to, uint8_t flags)
{
	struct frame frame = frame_tcp(hosts, from, to, 20);
	uint8_t *header = l4_of(&frame);

	header[13] = flags;
	header[14] = 0x20; // window of 8192
	if (flags & (SYN | FIN | RST)) {
		frame.len -= 20; // nothing but a header
		frame_ip(&frame)->total_len = htons(IP4_LEN + TCP_LEN);
		frame_fix_ip(&frame);
	}
	fix_l4(&frame);
	return frame;
}

struct frame tcp_at(const struct frame *frame, uint32_t sequence, uint32_t ack)
{
	struct frame out = *frame;
	uint32_t words[2] = {htonl(sequence), htonl(ack)};

	memcpy(l4_of(&out) + 4, words, sizeof(words));
	fix_l4(&out);
	return out;
}

struct frame icmp(const struct hosts *hosts, uint8_t type, uint8_t code, uint16_t len)
{
	struct frame frame = frame_icmp_echo(hosts, 77, len);
	uint8_t *header = l4_of(&frame);

	header[0] = type;
	header[1] = code;
	fix_l4(&frame);
	return frame;
}

struct frame icmp_error(const struct hosts *hosts, uint8_t type, const struct frame *quoted)
{
	uint16_t len = quoted->len - ETHERNET_LEN;
	struct frame frame = icmp(hosts, type, 3, len);
	uint8_t *header = l4_of(&frame);

	memset(header + 4, 0, 4);
	memcpy(header + 8, quoted->bytes + ETHERNET_LEN, len);
	fix_l4(&frame);
	return frame;
}

struct frame icmp6(const struct hosts *hosts, uint8_t type, uint16_t len)
{
	struct frame frame = frame_udp6(hosts, 0, 0, len);

	frame.bytes[ETHERNET_LEN + 6] = IP_PROTOCOL_ICMPV6;
	memset(l4_of(&frame), 0, 8);
	l4_of(&frame)[0] = type;
	fix_l4(&frame);
	return frame;
}

struct frame arp_of(const struct frame *arp, const char *sender_mac)
{
	struct frame frame = *arp;
	struct arp_wire *wire = (struct arp_wire *)(frame.bytes + ETHERNET_LEN);

	ether_addr_set(wire->sender_mac, mac_of(sender_mac));
	return frame;
}

// ---- what happens -----------------------------------------------------------------------------

static void expect_none_anywhere(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		expect_none(devices[i]);
}

void passes(const char *from, const char *to, const struct frame *frame)
{
	struct frame padded = frame_padded(frame);

	arrive(from, frame);
	expect(to, strcmp(to, UPLINK_OF_X) == 0 ? &padded : frame);
	expect_none_anywhere();
}

void dies(const char *from, const struct frame *frame, const char *care, enum drop_reason reason)
{
	uint64_t before = counters_of(care).drops[reason];

	arrive(from, frame);
	drops_are(care, reason, before + 1);
	expect_none_anywhere();
}

const struct filter *filter_of_port(const char *port)
{
	const struct snapshot *s = sw.tables->snapshot;
	char name[16];

	snprintf(name, sizeof(name), "port %s", port);
	uint16_t filter = s->attachments[attachment(name)].filter;

	ck_assert_uint_ne(filter, 0);
	return &s->filters[filter];
}

static const struct row_counter *counter_of(uint32_t id)
{
	return &sw.tables->rows[0][id];
}

void row_is(const char *port, enum filter_row row, uint64_t packets, uint64_t bytes)
{
	const struct row_counter *counter = counter_of(filter_of_port(port)->row + row);

	ck_assert_uint_eq(counter->packets, packets);
	ck_assert_uint_eq(counter->bytes, bytes);
}

void rule_is(const char *port, enum filter_chain chain, unsigned rule, uint64_t packets)
{
	ck_assert_uint_eq(
		counter_of(filter_of_port(port)->chain_rows[chain] + rule)->packets, packets);
}

void pair_is(const char *port, unsigned pair, uint64_t packets)
{
	ck_assert_uint_eq(
		counter_of(filter_of_port(port)->row + N_FILTER_ROWS + pair)->packets, packets);
}

uint32_t n_sessions(void)
{
	return session_counts(sw.tables->sessions).live;
}
