// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/model: what the parts of model_validate() share. One check runs over one model on
// one thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problem.h"
#include "model/model.h"

struct check {
	const struct model *model;
	const struct model *old; // in force, NULL: none
	struct problems *problems;
	size_t n_earlier;    // problems that decoding found
	struct arena *arena; // paths and sentences, gone with the check
};

// Adds a problem, unless decoding has already reported one at this path, inside it, or around it:
// one mistake, one sentence.
__attribute__((format(printf, 4, 5))) void check_report(
	struct check *check, enum error_symbol symbol, const char *path, const char *format, ...);

// The JSON path as a text of the check's arena.
#define PATH(check, ...) arena_printf((check)->arena, __VA_ARGS__)

void check_networks(struct check *check);
void check_ports(struct check *check);
// Security groups, and what ports have to do with them: their groups and allowed pairs.
void check_security(struct check *check);
void check_fdb(struct check *check);
// One device serves one uplink or port.
void check_devices(struct check *check);

// Checks the address of a tunnel endpoint other than this node.
void check_remote(struct check *check, const struct ip_addr *remote, const char *path);

// Type and uplink agree; ids may differ.
bool segment_same_carrier(const struct segment_config *a, const struct segment_config *b);

// The largest MTU that every segment carries (N13).
uint16_t network_mtu_limit(const struct model *model, const struct network_config *network);

// Whether the subnet is on the network and has DHCP.
bool subnet_has_dhcp(const struct subnet_config *subnet, const char *network);

// NULL-safe strcmp; NULL sorts first.
int text_compare(const char *a, const char *b);

// Whether the protocol has ports that a rule may name.
bool protocol_has_ports(uint8_t protocol);

// What model_complete() does for security groups and for the filter keys of ports.
void complete_security(struct model *model);
