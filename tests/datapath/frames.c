// SPDX-License-Identifier: BSD-3-Clause

#include "frames.h"

#include <arpa/inet.h>
#include <string.h>

#include <check.h>

#include "net/addr.h"
#include "net/checksum.h"

#define ETHERNET_LEN 14
#define TTL	     64

uint64_t mac_of(const char *text)
{
	struct mac mac;

	ck_assert_msg(mac_parse(text, &mac) == 0, "\"%s\" is no MAC", text);
	return mac_to_u64(&mac);
}

uint32_t ip_of(const char *text)
{
	struct ip_addr ip;

	ck_assert_msg(ip_parse(text, &ip) == 0, "\"%s\" is no address", text);
	return ip_v4(&ip);
}

static void *append(struct frame *frame, uint16_t len)
{
	uint8_t *to = frame->bytes + frame->len;

	ck_assert_uint_le(frame->len + len, FRAME_MAX);
	memset(to, 0, len);
	frame->len += len;
	return to;
}

static void append_payload(struct frame *frame, uint16_t len)
{
	uint8_t *payload = append(frame, len);

	for (uint16_t i = 0; i < len; i++)
		payload[i] = (uint8_t)i;
}

static struct frame ethernet(const char *to, const char *from, uint16_t ethertype)
{
	struct frame frame = {0};
	struct ether_wire *ether = append(&frame, sizeof(*ether));

	ether_addr_set(ether->destination, mac_of(to));
	ether_addr_set(ether->source, mac_of(from));
	ether->type = htons(ethertype);
	return frame;
}

struct frame frame_ethernet(const char *to, const char *from, uint16_t ethertype, uint16_t len)
{
	struct frame frame = ethernet(to, from, ethertype);

	append_payload(&frame, len);
	return frame;
}

static struct frame ip4(const struct hosts *hosts, uint8_t protocol, uint16_t len)
{
	struct frame frame = ethernet(hosts->to_mac, hosts->from_mac, ETHER_TYPE_IPV4);
	struct ipv4_wire *ip = append(&frame, sizeof(*ip));

	*ip = (struct ipv4_wire){
		.version_ihl = 0x45,
		.total_len = htons(sizeof(*ip) + len),
		.ttl = TTL,
		.protocol = protocol,
		.source = ip_of(hosts->from),
		.destination = ip_of(hosts->to),
	};
	frame_fix_ip(&frame);
	return frame;
}

struct frame frame_ip4(const struct hosts *hosts, uint8_t protocol, uint16_t len)
{
	struct frame frame = ip4(hosts, protocol, len);

	append_payload(&frame, len);
	return frame;
}

static void append_udp(struct frame *frame, uint16_t from, uint16_t to, uint16_t len)
{
	struct udp_wire *udp = append(frame, sizeof(*udp));

	*udp = (struct udp_wire){
		.source = htons(from), .destination = htons(to), .len = htons(sizeof(*udp) + len)};
}

struct frame frame_udp(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len)
{
	struct frame frame = ip4(hosts, IP_PROTOCOL_UDP, sizeof(struct udp_wire) + len);

	append_udp(&frame, from, to, len);
	append_payload(&frame, len);
	frame_fix_udp(&frame);
	return frame;
}

struct frame frame_udp6(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len)
{
	struct frame frame = ethernet(hosts->to_mac, hosts->from_mac, ETHER_TYPE_IPV6);
	uint8_t *ip = append(&frame, 40);
	uint16_t payload_len = sizeof(struct udp_wire) + len;
	struct ip_addr address;

	ip[0] = 0x60;
	ip[4] = (uint8_t)(payload_len >> 8);
	ip[5] = (uint8_t)payload_len;
	ip[6] = IP_PROTOCOL_UDP;
	ip[7] = TTL;
	ck_assert_int_eq(ip_parse(hosts->from, &address), 0);
	memcpy(ip + 8, address.b, 16);
	ck_assert_int_eq(ip_parse(hosts->to, &address), 0);
	memcpy(ip + 24, address.b, 16);
	append_udp(&frame, from, to, len);
	append_payload(&frame, len);
	frame_fix_udp(&frame);
	return frame;
}

// Sum of the pseudo header and the segment.
static uint16_t l4_sum(const struct frame *frame)
{
	struct frame *f = (struct frame *)frame;
	bool is_ip4 = frame_ethertype(frame) == ETHER_TYPE_IPV4;
	const struct ipv4_wire *ip = frame_ip(f);
	const uint8_t *l4 = (const uint8_t *)frame_l4(f);
	const uint8_t *l3 = frame->bytes + ETHERNET_LEN;
	uint16_t len =
		is_ip4 ? ntohs(ip->total_len) - (ip->version_ihl & 0xf) * 4 : l3[4] << 8 | l3[5];
	uint16_t words[2] = {htons(len), htons(is_ip4 ? ip->protocol : l3[6])};
	uint32_t sum = checksum_add(0, words, sizeof(words));

	sum = checksum_add(sum, l3 + (is_ip4 ? 12 : 8), is_ip4 ? 8 : 32);
	return checksum_fold(checksum_add(sum, l4, len));
}

struct frame frame_tcp(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len)
{
	struct frame frame = ip4(hosts, IP_PROTOCOL_TCP, 20 + len);
	uint8_t *tcp = append(&frame, 20);
	uint16_t ports[2] = {htons(from), htons(to)};
	uint16_t checksum;

	memcpy(tcp, ports, sizeof(ports));
	tcp[12] = 0x50; // header of 20 bytes
	tcp[13] = 0x10; // ACK
	append_payload(&frame, len);
	checksum = (uint16_t)~l4_sum(&frame);
	memcpy(tcp + 16, &checksum, sizeof(checksum));
	return frame;
}

struct frame frame_icmp_echo(const struct hosts *hosts, uint16_t id, uint16_t len)
{
	struct frame frame = ip4(hosts, IP_PROTOCOL_ICMP, sizeof(struct icmp_wire) + len);
	struct icmp_wire *icmp = append(&frame, sizeof(*icmp));

	icmp->type = 8;
	icmp->word0 = htons(id);
	append_payload(&frame, len);
	icmp->checksum = checksum_of(icmp, sizeof(*icmp) + len);
	return frame;
}

struct frame frame_arp(const struct hosts *hosts, uint16_t op)
{
	struct frame frame =
		ethernet(op == 1 ? BROADCAST : hosts->to_mac, hosts->from_mac, ETHER_TYPE_ARP);
	struct arp_wire *arp = append(&frame, sizeof(*arp));

	arp->hardware = htons(1);
	arp->protocol = htons(ETHER_TYPE_IPV4);
	arp->hardware_len = 6;
	arp->protocol_len = 4;
	arp->op = htons(op);
	ether_addr_set(arp->sender_mac, mac_of(hosts->from_mac));
	arp->sender_ip = ip_of(hosts->from);
	if (op != 1)
		ether_addr_set(arp->target_mac, mac_of(hosts->to_mac));
	arp->target_ip = ip_of(hosts->to);
	return frame;
}

struct frame frame_vxlan(const struct hosts *outer, uint32_t vni, const struct frame *inner)
{
	uint16_t len = sizeof(struct vxlan_wire) + inner->len;
	struct frame frame = ip4(outer, IP_PROTOCOL_UDP, sizeof(struct udp_wire) + len);

	append_udp(&frame, 40000, 8472, len);
	struct vxlan_wire *vxlan = append(&frame, sizeof(*vxlan));

	vxlan->flags = VXLAN_FLAG_I;
	vxlan->vni[0] = (uint8_t)(vni >> 16);
	vxlan->vni[1] = (uint8_t)(vni >> 8);
	vxlan->vni[2] = (uint8_t)vni;
	memcpy(append(&frame, inner->len), inner->bytes, inner->len);
	frame_fix_udp(&frame);
	return frame;
}

struct frame frame_tagged(const struct frame *frame, uint16_t ethertype, uint16_t vid)
{
	struct frame tagged = {.len = frame->len + 4};
	uint16_t tag[2] = {htons(ethertype), htons(vid)};

	ck_assert_uint_le(tagged.len, FRAME_MAX);
	memcpy(tagged.bytes, frame->bytes, 12);
	memcpy(tagged.bytes + 12, tag, sizeof(tag));
	memcpy(tagged.bytes + 16, frame->bytes + 12, frame->len - 12);
	return tagged;
}

struct frame frame_untagged(const struct frame *frame)
{
	struct frame untagged = {.len = frame->len - 4};

	memcpy(untagged.bytes, frame->bytes, 12);
	memcpy(untagged.bytes + 12, frame->bytes + 16, untagged.len - 12);
	return untagged;
}

struct frame frame_padded(const struct frame *frame)
{
	struct frame padded = *frame;

	if (padded.len < ETHER_MIN_LEN)
		append(&padded, ETHER_MIN_LEN - padded.len);
	return padded;
}

bool frame_equal(const struct frame *a, const struct frame *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

uint16_t frame_ethertype(const struct frame *frame)
{
	return (uint16_t)(frame->bytes[12] << 8 | frame->bytes[13]);
}

struct ipv4_wire *frame_ip(struct frame *frame)
{
	return (struct ipv4_wire *)(frame->bytes + ETHERNET_LEN);
}

struct udp_wire *frame_l4(struct frame *frame)
{
	bool is_ip4 = frame_ethertype(frame) == ETHER_TYPE_IPV4;
	unsigned ip_len = is_ip4 ? (frame_ip(frame)->version_ihl & 0xf) * 4 : 40;

	return (struct udp_wire *)(frame->bytes + ETHERNET_LEN + ip_len);
}

struct vxlan_wire *frame_vxlan_header(struct frame *frame)
{
	return (struct vxlan_wire *)(frame_l4(frame) + 1);
}

void frame_fix_ip(struct frame *frame)
{
	struct ipv4_wire *ip = frame_ip(frame);

	ip->checksum = 0;
	ip->checksum = checksum_of(ip, (ip->version_ihl & 0xf) * 4);
}

void frame_fix_udp(struct frame *frame)
{
	struct udp_wire *udp = frame_l4(frame);

	udp->checksum = 0;
	udp->checksum = (uint16_t)~l4_sum(frame);
	if (udp->checksum == 0)
		udp->checksum = UINT16_MAX;
}

void frame_set_tos(struct frame *frame, uint8_t tos)
{
	uint8_t *ip = frame->bytes + ETHERNET_LEN;

	if (frame_ethertype(frame) == ETHER_TYPE_IPV4) {
		frame_ip(frame)->tos = tos;
		frame_fix_ip(frame);
	} else {
		ip[0] = 0x60 | tos >> 4;
		ip[1] = (uint8_t)((ip[1] & 0x0f) | tos << 4);
	}
}

uint8_t frame_tos(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + ETHERNET_LEN;

	return frame_ethertype(frame) == ETHER_TYPE_IPV4 ? ip[1]
							 : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

void frame_set_fragment(struct frame *frame, uint16_t word)
{
	frame_ip(frame)->fragment = htons(word);
	frame_fix_ip(frame);
}

struct frame frame_piece(const struct frame *whole, uint16_t id, unsigned start, unsigned len)
{
	unsigned head = ETHERNET_LEN + sizeof(struct ipv4_wire), payload = whole->len - head;
	struct frame frame = *whole;
	bool more = start + len < payload;

	if (!more)
		len = payload - start;
	frame.len = head + len;
	memcpy(frame.bytes + head, whole->bytes + head + start, len);
	frame_ip(&frame)->id = htons(id);
	frame_ip(&frame)->total_len = htons(sizeof(struct ipv4_wire) + len);
	frame_set_fragment(&frame, (more ? IPV4_MF : 0) | start / 8);
	return frame;
}

bool frame_ip_checksum_ok(const struct frame *frame)
{
	const struct ipv4_wire *ip = frame_ip((struct frame *)frame);

	return checksum_of(ip, (ip->version_ihl & 0xf) * 4) == 0;
}

bool frame_udp_checksum_ok(const struct frame *frame)
{
	return frame_l4((struct frame *)frame)->checksum != 0 && l4_sum(frame) == 0xffff;
}

struct frame frame_inner(const struct frame *frame)
{
	unsigned start = ETHERNET_LEN + sizeof(struct ipv4_wire) + sizeof(struct udp_wire) +
			 sizeof(struct vxlan_wire);
	struct frame inner = {.len = frame->len - start};

	ck_assert_uint_ge(frame->len, start + ETHERNET_LEN);
	memcpy(inner.bytes, frame->bytes + start, inner.len);
	return inner;
}

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

// xorshift64
uint32_t random_u32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}
