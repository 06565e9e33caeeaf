// SPDX-License-Identifier: BSD-3-Clause
// Names of IP protocols, as iptables and operators write them.

#pragma once

#include <stdint.h>

// All names, ended by NULL. "any" is 0; a protocol may have several, the usual one first.
extern const char *const protocol_names[];

// The usual name; NULL: it has none.
const char *protocol_name(uint8_t protocol);

// A name, or a number from 0 to 255. Returns 0 or -EINVAL; nothing is written on failure.
int protocol_parse(const char *text, uint8_t *protocol);
