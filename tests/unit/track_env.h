// SPDX-License-Identifier: BSD-3-Clause
// Packets made by a test, tracked in a session table of its own with a clock that the test sets.
//
// Two hosts: A is 172.16.1.33 (fd00::33), X is 10.1.0.1 (fd00::1).

#pragma once

#include "pipeline/conntrack.h"

#define ZONE	   7
#define OTHER_ZONE 8
#define PORT_OF_A  11 // attachments
#define UPLINK	   12

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20

enum host { A, X, OTHER };

struct bytes {
	uint16_t ethertype;
	uint16_t len;
	uint8_t b[640];
};

// ---- packets; checksums are right -------------------------------------------------------------

struct flow_ports {
	enum host from, to;
	uint16_t source, destination;
};

struct tcp_fields {
	uint32_t sequence;
	uint32_t ack;
	uint8_t flags;
	uint16_t window; // 0: 8192
	uint16_t data_len;
	uint8_t scale;	// of a SYN, with the option; 0: without
	bool no_window; // a window of 0
};

struct bytes make_ip(int family, enum host from, enum host to, uint8_t protocol);
struct bytes make_udp(int family, const struct flow_ports *ports, uint16_t data_len);
struct bytes make_tcp(int family, const struct flow_ports *ports, const struct tcp_fields *fields);
struct bytes make_icmp(int family, enum host from, enum host to, uint8_t type, uint16_t id);
// An ICMP error whose quote is as much of `quoted` as `quote_len` says.
struct bytes make_error(
	enum host from, enum host to, uint8_t type, const struct bytes *quoted, uint16_t quote_len);
void append(struct bytes *packet, const void *data, uint16_t len);
// Sets lengths and checksums after `packet` was changed.
void finish(struct bytes *packet);
// The L4 header.
uint8_t *l4_of(struct bytes *packet);

// ---- tracking ---------------------------------------------------------------------------------

void track_setup(void);
void track_teardown(void);
struct tracker *tracker(void);
void set_time(uint32_t now_s);
// The state of a packet that then dies.
enum track_state look(const struct bytes *packet);
// The state of a packet that survives: it makes its session when it is new.
enum track_state pass(const struct bytes *packet);
// All that was found out about a packet that survives.
struct track_packet pass_all(const struct bytes *packet, uint16_t zone);
// The session of the packet's flow; NULL when there is none.
struct session *session_of(const struct bytes *packet);
