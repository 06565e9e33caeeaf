// SPDX-License-Identifier: BSD-3-Clause
// Pure functions over one constant table.

#include "net/protocol.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PROTOCOLS                                                                                  \
	X(0, "any")                                                                                \
	X(6, "tcp")                                                                                \
	X(17, "udp")                                                                               \
	X(1, "icmp")                                                                               \
	X(58, "icmpv6")                                                                            \
	X(58, "ipv6-icmp")                                                                         \
	X(132, "sctp")                                                                             \
	X(136, "udplite")                                                                          \
	X(33, "dccp")                                                                              \
	X(50, "esp")                                                                               \
	X(51, "ah")                                                                                \
	X(47, "gre")                                                                               \
	X(2, "igmp")                                                                               \
	X(112, "vrrp")                                                                             \
	X(4, "ipip")                                                                               \
	X(41, "ipv6-encap")                                                                        \
	X(89, "ospf")                                                                              \
	X(103, "pim")                                                                              \
	X(113, "pgm")                                                                              \
	X(46, "rsvp")                                                                              \
	X(8, "egp")                                                                                \
	X(115, "l2tp")

#define X(number, name) name,
const char *const protocol_names[] = {PROTOCOLS NULL};
#undef X

#define X(number, name) number,
static const uint8_t numbers[] = {PROTOCOLS};
#undef X

const char *protocol_name(uint8_t protocol)
{
	for (size_t i = 0; protocol_names[i] != NULL; i++)
		if (numbers[i] == protocol)
			return protocol_names[i];
	return NULL;
}

int protocol_parse(const char *text, uint8_t *protocol)
{
	size_t len = strlen(text);
	unsigned value = 0;

	for (size_t i = 0; protocol_names[i] != NULL; i++) {
		if (strcmp(protocol_names[i], text) == 0) {
			*protocol = numbers[i];
			return 0;
		}
	}
	if (len == 0 || len > 3 || strspn(text, "0123456789") != len || (len > 1 && *text == '0'))
		return -EINVAL;
	for (; *text != '\0'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > UINT8_MAX)
		return -EINVAL;
	*protocol = (uint8_t)value;
	return 0;
}
