// SPDX-License-Identifier: BSD-3-Clause
// Frames as a test writes them: what matters is named, checksums and lengths are right until the
// test breaks them. Addresses are text.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/headers.h"

#define FRAME_MAX 4096

#define BROADCAST "ff:ff:ff:ff:ff:ff"

struct frame {
	uint16_t len;
	uint8_t bytes[FRAME_MAX];
};

// An IP packet between two stations, before it has a payload.
struct hosts {
	const char *from_mac;
	const char *to_mac;
	const char *from; // IPv4 or IPv6
	const char *to;
};

uint64_t mac_of(const char *text);
uint32_t ip_of(const char *text); // IPv4, network order

// An Ethernet frame with `len` bytes of payload: 0, 1, 2…
struct frame frame_ethernet(const char *to, const char *from, uint16_t ethertype, uint16_t len);
struct frame frame_udp(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len);
struct frame frame_tcp(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len);
struct frame frame_icmp_echo(const struct hosts *hosts, uint16_t id, uint16_t len);
struct frame frame_udp6(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t len);
// Any IPv4 packet: `len` bytes of payload.
struct frame frame_ip4(const struct hosts *hosts, uint8_t protocol, uint16_t len);
// The request (op 1) goes to everybody, the answer (op 2) to to_mac.
struct frame frame_arp(const struct hosts *hosts, uint16_t op);

// A tunnel datagram: `inner` in VXLAN, UDP (with checksum), IPv4, Ethernet.
struct frame frame_vxlan(const struct hosts *outer, uint32_t vni, const struct frame *inner);

// The frame with a tag behind its MACs.
struct frame frame_tagged(const struct frame *frame, uint16_t ethertype, uint16_t vid);
// What is left of a frame without its tag.
struct frame frame_untagged(const struct frame *frame);
// Padded with zeros to 60 bytes.
struct frame frame_padded(const struct frame *frame);

bool frame_equal(const struct frame *a, const struct frame *b);
uint16_t frame_ethertype(const struct frame *frame);
struct ipv4_wire *frame_ip(struct frame *frame); // right behind the Ethernet header
struct udp_wire *frame_l4(struct frame *frame);	 // behind it; IPv4 or IPv6 without extensions
struct vxlan_wire *frame_vxlan_header(struct frame *frame);
// After a change of header fields: length fields stay, checksums become right again.
void frame_fix_ip(struct frame *frame);
void frame_fix_udp(struct frame *frame);
void frame_set_tos(struct frame *frame, uint8_t tos); // IPv4 or IPv6
uint8_t frame_tos(const struct frame *frame);
void frame_set_fragment(struct frame *frame, uint16_t word); // DF, MF and offset
// The fragment of an IPv4 packet with the bytes from `start` on, at most `len` of them.
struct frame frame_piece(const struct frame *whole, uint16_t id, unsigned start, unsigned len);

bool frame_ip_checksum_ok(const struct frame *frame);
bool frame_udp_checksum_ok(const struct frame *frame); // 0 is not right
// The inner frame of a tunnel datagram.
struct frame frame_inner(const struct frame *frame);

// The same numbers in each run, from a seed that is not 0 on.
void random_seed(uint64_t seed);
uint32_t random_u32(void);
