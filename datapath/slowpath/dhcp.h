// SPDX-License-Identifier: BSD-3-Clause
// The DHCP responder: what a server answers to one frame of a client, as a pure function of the
// configuration of the network, the reservations of the host, its conflicts, and the time. It sends
// nothing and remembers nothing; the caller does both (service.c, lease.c). Any thread.
//
// Addresses are in network order, MACs in the low 48 bits.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dhcp.h"
#include "tables/counters.h"

#define DHCP_DNS_MAX	     5
#define DHCP_ROUTES_MAX	     20
#define DHCP_LEASES_MAX	     5	 // of one host, each on another subnet
#define DHCP_HOLD_S	     600 // an address that was declined is not offered
#define DHCP_LEASE_MIN_S     120
#define DHCP_REPLY_MAX	     1500 // L3 bytes
#define DHCP_REPLY_FRAME_MAX (14 + DHCP_REPLY_MAX)

// A subnet of the network. Those without DHCP are told as routes on link, and nothing else of them
// is used but address and prefix_len.
struct dhcp_subnet {
	bool dhcp;
	uint32_t network; // without host bits
	uint8_t prefix_len;
	uint32_t server;  // address of the service port
	uint32_t gateway; // 0: none
	bool isolated;	  // the way to the metadata service is the server itself: no router has the
			  // gateway address, or it is forced
	uint32_t lease_s; // also the longest that a client may wish
	bool dns_none;	  // send no nameserver at all
	const char *domain;	    // NULL: none
	uint32_t dns[DHCP_DNS_MAX]; // none: the server
	size_t n_dns;
	struct dhcp_route routes[DHCP_ROUTES_MAX];
	size_t n_routes;
};

// The service port of a network.
struct dhcp_service {
	uint64_t mac;
	uint16_t mtu; // of the network
	const struct dhcp_subnet *subnets;
	size_t n_subnets;
};

// An option of a port that overrides what the subnet gives, or adds to it; without a value, it
// keeps the option from being sent. Codes that the exchange itself is made of (50 to 57) have no
// effect.
struct dhcp_extra {
	uint8_t code;
	bool forced; // sent whether the client asks for it or not
	const uint8_t *value;
	size_t len;
};

struct dhcp_reservation {
	const struct dhcp_subnet *subnet; // with DHCP
	uint32_t address;
};

struct dhcp_host {
	const char *name; // "dns-name" of the port; NULL: "host-" and the address with dashes
	struct dhcp_reservation reservations[DHCP_LEASES_MAX]; // first address of each subnet
	size_t n_reservations;
	const struct dhcp_extra *extras;
	size_t n_extras;
};

// "host-172-16-1-33", or the name that the host has.
#define DHCP_NAME_MAX 256
char *dhcp_host_name(const struct dhcp_host *host, uint32_t address, char text[DHCP_NAME_MAX]);

// A frame of a client, and who it is from.
struct dhcp_query {
	const struct dhcp_service *service;
	const struct dhcp_host *host; // whose MAC is `mac`; NULL: unknown
	uint64_t mac; // of the port it came from; of the frame, where it came from another node
	// Of each reservation of the host: until when it is in conflict, on the clock of now_ns.
	uint64_t held_until_ns[DHCP_LEASES_MAX];
	uint64_t now_ns;
	const void *frame; // from the Ethernet header on, untagged
	size_t len;
};

// What the caller has to do.
enum dhcp_event {
	DHCP_EVENT_NONE,
	DHCP_EVENT_LEASED,   // record the lease before the reply is sent
	DHCP_EVENT_RELEASED, // forget it
	DHCP_EVENT_DECLINED, // hold `address` for DHCP_HOLD_S, and tell the operator
	DHCP_EVENT_HELD,     // not offered, because it is held: tell the operator
};

struct dhcp_outcome {
	enum dhcp_event event;
	uint32_t address; // that the event is about, 0 with DHCP_EVENT_NONE
	uint32_t lease_s; // with DHCP_EVENT_LEASED
	uint16_t len;	  // of the reply, 0: silence
	uint8_t frame[DHCP_REPLY_FRAME_MAX];
};

// Decides and writes the reply. Returns N_DROP_REASONS, or the reason for which the frame dies; it
// then has no outcome.
enum drop_reason dhcp_answer(const struct dhcp_query *query, struct dhcp_outcome *outcome);
