// SPDX-License-Identifier: BSD-3-Clause
// The name server of a service port: the names of the hosts of its network, and nothing else. A
// pure function.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"

struct dns_host {
	uint32_t address;   // network order
	const char *name;   // without domain
	const char *domain; // of the subnet of the address, NULL: none
};

// What a network knows. Both return NULL when they know nothing; `name` is lower case, with or
// without the domain.
struct dns_zone {
	const struct dns_host *(*by_name)(void *arg, const char *name);
	const struct dns_host *(*by_address)(void *arg, uint32_t address);
	void *arg;
};

// Answers the payload of a UDP datagram (or a TCP message without its length). Returns the length
// of the answer, 0: silence.
size_t dns_answer(
	const struct dns_zone *zone, const uint8_t *query, size_t len, uint8_t *data, size_t size);
