// SPDX-License-Identifier: BSD-3-Clause
// The name server of a service port: it knows the hosts of its network and refuses all else. A pure
// function of the zone and the query. Any thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"

// The hosts of a network. Addresses are in network order.
struct dns_zone {
	// The address of a name, which is in lower case, with the domain or without. False:
	// unknown.
	bool (*find_address)(void *arg, const char *name, uint32_t *address);
	// The name of an address, with the domain. False: unknown.
	bool (*find_name)(void *arg, uint32_t address, char name[DNS_NAME_MAX]);
	void *arg;
};

// Answers what a UDP datagram carries, into `size` bytes, at least DNS_ANSWER_MAX. Returns the
// length of the answer, 0: silence.
size_t dns_answer(
	const struct dns_zone *zone, const void *query, size_t len, uint8_t *data, size_t size);
