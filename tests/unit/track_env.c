// SPDX-License-Identifier: BSD-3-Clause

#include <string.h>

#include <arpa/inet.h>

#include <check.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "track_env.h"

#define IP4_LEN 20
#define IP6_LEN 40

static struct rcu *rcu;
static struct tracker the_tracker;

// ---- packets ----------------------------------------------------------------------------------

static const uint8_t ip4_addresses[][4] = {
	[A] = {172, 16, 1, 33}, [X] = {10, 1, 0, 1}, [OTHER] = {10, 1, 0, 2}};
static const uint8_t ip6_last[] = {[A] = 0x33, [X] = 0x01, [OTHER] = 0x02};

static void put16(uint8_t *to, uint16_t value)
{
	value = htons(value);
	memcpy(to, &value, sizeof(value));
}

static void put32(uint8_t *to, uint32_t value)
{
	value = htonl(value);
	memcpy(to, &value, sizeof(value));
}

static bool is_ip4(const struct bytes *packet)
{
	return packet->ethertype == ETHER_TYPE_IPV4;
}

static uint16_t l3_header_len(const struct bytes *packet)
{
	return is_ip4(packet) ? (packet->b[0] & 0xf) * 4 : IP6_LEN;
}

uint8_t *l4_of(struct bytes *packet)
{
	return packet->b + l3_header_len(packet);
}

void append(struct bytes *packet, const void *data, uint16_t len)
{
	ck_assert_uint_le(packet->len + len, sizeof(packet->b));
	if (data != NULL)
		memcpy(packet->b + packet->len, data, len);
	packet->len += len;
}

struct bytes make_ip(int family, enum host from, enum host to, uint8_t protocol)
{
	struct bytes packet = {.ethertype = ETHER_TYPE_IPV4, .len = IP4_LEN};
	uint8_t *b = packet.b;

	if (family == 6) {
		packet.ethertype = ETHER_TYPE_IPV6;
		packet.len = IP6_LEN;
		b[0] = 0x60;
		b[6] = protocol;
		b[7] = 64;
		b[8] = b[24] = 0xfd;
		b[23] = ip6_last[from];
		b[39] = ip6_last[to];
	} else {
		b[0] = 0x45;
		b[8] = 64;
		b[9] = protocol;
		memcpy(b + 12, ip4_addresses[from], 4);
		memcpy(b + 16, ip4_addresses[to], 4);
	}
	return packet;
}

static uint32_t pseudo_sum(const struct bytes *packet, uint8_t protocol, uint16_t len)
{
	uint8_t tail[4] = {0, protocol};
	uint32_t sum = is_ip4(packet) ? checksum_add(0, packet->b + 12, 8)
				      : checksum_add(0, packet->b + 8, 32);

	put16(tail + 2, len);
	return checksum_add(sum, tail, sizeof(tail));
}

static void finish_l4(struct bytes *packet, uint8_t protocol)
{
	uint8_t *l4 = l4_of(packet);
	uint16_t len = packet->len - l3_header_len(packet);
	unsigned offset = protocol == IP_PROTOCOL_TCP ? 16 : protocol == IP_PROTOCOL_UDP ? 6 : 2;
	uint32_t sum = protocol == IP_PROTOCOL_ICMP ? 0 : pseudo_sum(packet, protocol, len);

	if (protocol == IP_PROTOCOL_UDP)
		put16(l4 + 4, len);
	if (protocol != IP_PROTOCOL_TCP && protocol != IP_PROTOCOL_UDP &&
		protocol != IP_PROTOCOL_ICMP && protocol != IP_PROTOCOL_ICMPV6)
		return;
	memset(l4 + offset, 0, 2);
	uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, l4, len));

	if (checksum == 0 && protocol == IP_PROTOCOL_UDP)
		checksum = 0xffff;
	memcpy(l4 + offset, &checksum, 2);
}

void finish(struct bytes *packet)
{
	uint8_t *b = packet->b;

	if (!is_ip4(packet)) {
		put16(b + 4, packet->len - IP6_LEN);
		finish_l4(packet, b[6]);
		return;
	}
	put16(b + 2, packet->len);
	finish_l4(packet, b[9]);
	memset(b + 10, 0, 2);
	uint16_t checksum = checksum_of(b, l3_header_len(packet));

	memcpy(b + 10, &checksum, 2);
}

struct bytes make_udp(int family, const struct flow_ports *ports, uint16_t data_len)
{
	struct bytes packet = make_ip(family, ports->from, ports->to, IP_PROTOCOL_UDP);
	uint8_t udp[8] = {0};

	put16(udp, ports->source);
	put16(udp + 2, ports->destination);
	append(&packet, udp, sizeof(udp));
	append(&packet, NULL, data_len);
	finish(&packet);
	return packet;
}

struct bytes make_tcp(int family, const struct flow_ports *ports, const struct tcp_fields *fields)
{
	struct bytes packet = make_ip(family, ports->from, ports->to, IP_PROTOCOL_TCP);
	uint8_t tcp[24] = {0};
	uint16_t len = fields->scale != 0 ? 24 : 20;

	put16(tcp, ports->source);
	put16(tcp + 2, ports->destination);
	put32(tcp + 4, fields->sequence);
	put32(tcp + 8, fields->ack);
	tcp[12] = (uint8_t)(len / 4 << 4);
	tcp[13] = fields->flags;
	if (!fields->no_window)
		put16(tcp + 14, fields->window != 0 ? fields->window : 8192);
	tcp[20] = 3;
	tcp[21] = 3;
	tcp[22] = fields->scale;
	append(&packet, tcp, len);
	append(&packet, NULL, fields->data_len);
	finish(&packet);
	return packet;
}

struct bytes make_icmp(int family, enum host from, enum host to, uint8_t type, uint16_t id)
{
	struct bytes packet =
		make_ip(family, from, to, family == 6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP);
	uint8_t icmp[8] = {type};

	put16(icmp + 4, id);
	append(&packet, icmp, sizeof(icmp));
	append(&packet, NULL, 56);
	finish(&packet);
	return packet;
}

struct bytes make_error(
	enum host from, enum host to, uint8_t type, const struct bytes *quoted, uint16_t quote_len)
{
	int family = is_ip4(quoted) ? 4 : 6;
	struct bytes packet = make_icmp(family, from, to, type, 0);

	packet.len -= 56;
	append(&packet, quoted->b, quote_len);
	finish(&packet);
	return packet;
}

// ---- tracking ---------------------------------------------------------------------------------

void track_setup(void)
{
	rcu = rcu_new(RCU_MAX_READERS);
	the_tracker = (struct tracker){.sessions = session_table_new(rcu, 2), .now_s = 1000};
	ck_assert_ptr_nonnull(the_tracker.sessions);
}

void track_teardown(void)
{
	session_table_free(the_tracker.sessions);
	rcu_free(rcu);
}

struct tracker *tracker(void)
{
	return &the_tracker;
}

void set_time(uint32_t now_s)
{
	the_tracker.now_s = now_s;
}

static struct track_packet read_packet(const struct bytes *packet, uint16_t zone)
{
	struct track_packet p = {.zone = zone};

	ck_assert_int_eq(inet_read(&p.ip, packet->b, packet->len, packet->ethertype), INET_OK);
	return p;
}

enum track_state look(const struct bytes *packet)
{
	struct track_packet p = read_packet(packet, ZONE);

	track_lookup(&the_tracker, &p, 1);
	return p.state;
}

struct track_packet pass_all(const struct bytes *packet, uint16_t zone)
{
	struct track_packet p = read_packet(packet, zone);

	track_lookup(&the_tracker, &p, 1);
	if (p.state == TRACK_NEW && p.session == 0)
		ck_assert(track_confirm(&the_tracker, &p, UPLINK, PORT_OF_A));
	return p;
}

enum track_state pass(const struct bytes *packet)
{
	return pass_all(packet, ZONE).state;
}

struct flow_search {
	const struct track_packet *packet;
	struct session *found;
};

static bool is_same_flow(const struct session_info *info, const struct track_packet *p)
{
	bool forth = info->source_port == p->ip.source_port &&
		     info->destination_port == p->ip.destination_port;
	bool back = info->source_port == p->ip.destination_port &&
		    info->destination_port == p->ip.source_port;

	return info->protocol == p->ip.protocol && info->zone == p->zone && (forth || back);
}

static bool compare(const struct session_info *info, void *arg)
{
	struct flow_search *search = arg;

	if (is_same_flow(info, search->packet))
		search->found = session_get(the_tracker.sessions, info->id);
	return search->found == NULL;
}

struct session *session_of(const struct bytes *packet)
{
	struct track_packet p = read_packet(packet, ZONE);
	struct flow_search flow = {.packet = &p};

	session_walk(the_tracker.sessions, the_tracker.now_s, compare, &flow);
	return flow.found;
}
