// SPDX-License-Identifier: BSD-3-Clause
// Filter tables of instance ports, compiled: who may send what (anti-spoofing) and what the
// security groups accept. Part of a snapshot: built by control, never changed, read by workers.
//
// A policy is what a set of security groups accepts; ports with the same groups share one. Each
// direction and family has a classifier: three dimensions (protocol, port, remote address) are cut
// into intervals, and each interval has a bit vector of the rules that accept it. The rule that
// accepts a packet is the first bit that all three vectors have. A look-up is two binary searches
// and a few ANDs; its cost hardly grows with the number of rules, members and ports.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables/limits.h"

// ---- counters ---------------------------------------------------------------------------------

// What a row of a chain has let pass or stopped: packets, and their L3 lengths. Each worker has its
// own block and is its only writer. Ids of rows are given out by control; 0: none.
struct row_counter {
	uint64_t packets;
	uint64_t bytes;
};

// The fixed rows of a filtered port, in this order from filter->row on. Behind them come a row for
// each of filter->pairs, and one for each rule of the policy's four classifiers, in the order of
// enum filter_chain.
enum filter_row {
	// egress of the instance: E1 to E8, and the IPv6 chain
	ROW_OUT_DISCOVER,     // E1
	ROW_OUT_MAC,	      // E2: no fixed address, the port's MAC alone
	ROW_OUT_SPOOF,	      // E2: no pair matched
	ROW_OUT_DHCP,	      // E3
	ROW_OUT_DHCP_SERVER,  // E4
	ROW_OUT_RELATED,      // E5
	ROW_OUT_INVALID,      // E7
	ROW_OUT_FALLBACK,     // E8
	ROW_OUT6_UNSPECIFIED, // ICMPv6 131, 135, 143 from ::
	ROW_OUT6_MAC,	      // no fixed address, the port's MAC alone
	ROW_OUT6_SPOOF,
	ROW_OUT6_RA,
	ROW_OUT6_ICMP,
	ROW_OUT6_DHCP,
	ROW_OUT6_DHCP_SERVER,
	ROW_OUT6_RELATED,
	ROW_OUT6_INVALID,
	ROW_OUT6_FALLBACK,
	// ingress: I1 to I6, and the IPv6 chain
	ROW_IN_RELATED,	       // I1
	ROW_IN_DHCP,	       // I2
	ROW_IN_DHCP_BROADCAST, // I3
	ROW_IN_INVALID,	       // I5
	ROW_IN_FALLBACK,       // I6
	ROW_IN6_NEIGHBOUR,     // ICMPv6 130, 135, 136
	ROW_IN6_RELATED,
	ROW_IN6_RA,
	ROW_IN6_DHCP,
	ROW_IN6_INVALID,
	ROW_IN6_FALLBACK,
	// not rows of an IP chain
	ROW_SPOOF_MAC,	   // P3
	ROW_SPOOF_ARP_IP,  // P4.2, P4.4
	ROW_SPOOF_ARP_MAC, // P4.3
	N_FILTER_ROWS
};

// ---- classifier -------------------------------------------------------------------------------

// An address as two words in host order, so that numbers compare as addresses do. IPv4 is in the
// low 32 bits of `low`.
struct filter_address {
	uint64_t high;
	uint64_t low;
};

struct classifier {
	uint16_t n_rules;
	uint16_t n_words;		      // of a vector
	uint32_t protocols[256];	      // vector of each IP protocol
	uint32_t n_ports;		      // intervals; the first starts at 0
	const uint16_t *ports;		      // where each starts
	const uint32_t *port_vectors;	      // vector of each
	uint32_t n_remotes;		      // intervals; the first starts at 0
	const struct filter_address *remotes; // where each starts
	const uint32_t *remote_vectors;
	const uint64_t *vectors; // a vector is n_words words; its number counts vectors
};

#define CLASSIFIER_NO_RULE UINT16_MAX

// More make no sense on one port, and a classifier's size and build grow with their square.
#define CLASSIFIER_RULES_MAX 16384

// The first rule that accepts a packet, or CLASSIFIER_NO_RULE. `port`: the destination port; for
// ICMP type << 8 | code; else 0. `remote`: the other side's address.
static inline uint16_t classifier_match(const struct classifier *c, uint8_t protocol, uint16_t port,
	const struct filter_address *remote)
{
	uint32_t low = 0, high = c->n_ports;

	if (c->n_rules == 0)
		return CLASSIFIER_NO_RULE;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		bool below = port < c->ports[middle];

		low = below ? low : middle;
		high = below ? middle : high;
	}
	const uint64_t *ports = &c->vectors[(size_t)c->port_vectors[low] * c->n_words];

	low = 0;
	high = c->n_remotes;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		const struct filter_address *start = &c->remotes[middle];
		bool below = remote->high != start->high ? remote->high < start->high
							 : remote->low < start->low;

		low = below ? low : middle;
		high = below ? middle : high;
	}
	const uint64_t *remotes = &c->vectors[(size_t)c->remote_vectors[low] * c->n_words];
	const uint64_t *protocols = &c->vectors[(size_t)c->protocols[protocol] * c->n_words];

	for (uint16_t i = 0; i < c->n_words; i++) {
		uint64_t rules = ports[i] & remotes[i] & protocols[i];

		if (rules != 0)
			return i * 64 + __builtin_ctzll(rules);
	}
	return CLASSIFIER_NO_RULE;
}

// ---- what a port has --------------------------------------------------------------------------

enum filter_chain {
	CHAIN_OUT4, // egress rules, IPv4
	CHAIN_OUT6,
	CHAIN_IN4,
	CHAIN_IN6,
	N_FILTER_CHAINS
};

struct policy {
	bool stateless; // no tracking: E5, E7, I1 and I5 never match
	const struct classifier *chains[N_FILTER_CHAINS];
};

// A source that a port may use: allowed pairs first, then fixed addresses.
struct filter_pair {
	struct filter_address address;
	struct filter_address mask; // all zero: any address, which ends the ARP check only
	uint64_t mac;		    // low 48 bits
	uint8_t family;		    // 4 or 6
	bool is_fixed;		    // a fixed address of the port, not a pair
};

struct filter {
	uint64_t mac;			      // the port's, low 48 bits
	uint32_t row;			      // id of row counter 0 of enum filter_row
	uint32_t chain_rows[N_FILTER_CHAINS]; // id of the row of rule 0 of each classifier
	uint16_t attachment;		      // the port
	uint8_t n_pairs;
	bool drop_arp_probes;		 // P4.4
	bool has_fixed;			 // of any family; else its MAC alone decides, for both (E2)
	bool any_arp;			 // a pair with prefix length 0: any sender IP in ARP passes
	const struct filter_pair *pairs; // then their rows are row + N_FILTER_ROWS + i
	const struct policy *policy;
};

#define MAX_FILTER_ROWS (1u << 20)
