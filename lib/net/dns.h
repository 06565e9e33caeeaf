// SPDX-License-Identifier: BSD-3-Clause
// DNS messages (RFC 1035): what a server of a few names reads and writes. Bounded: no compression
// pointer is followed twice, whatever the message says.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PORT 53

#define DNS_HEADER_LEN 12
#define DNS_NAME_MAX   255 // characters of a name in text, with NUL: 253 and room
#define DNS_UDP_MAX    512 // of an answer to who does not say more

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_ANY = 255,
};

#define DNS_CLASS_IN 1

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

struct dns_question {
	uint16_t id;
	uint16_t flags; // as received
	uint8_t opcode;
	char name[DNS_NAME_MAX]; // lower case, labels with dots between; "": the root
	uint16_t type;
	uint16_t class;
	size_t end;	   // where the question section ends in the message
	bool edns;	   // an OPT record came with it
	uint16_t udp_size; // bytes the asker takes, at least DNS_UDP_MAX
};

// Reads a query with one question. -EPROTO when it is shorter than a header or no query: to be met
// with silence; -EINVAL when it can not be read: FORMERR (id, flags and opcode are set).
int dns_parse(const void *data, size_t len, struct dns_question *question);

// One record of an answer to the question: an address or the name it points to.
struct dns_record {
	uint16_t type;	  // DNS_TYPE_A or DNS_TYPE_PTR; 0: there is none
	uint32_t address; // network order
	const char *name;
};

// Writes the answer to the message `query` (whose question was parsed into `question`) into `size`
// bytes: its question, the record with TTL 0, and an OPT record if there was one. An answer that
// says FORMERR repeats no question. Returns its length; 0 when `size` is too small.
size_t dns_build(const uint8_t *query, const struct dns_question *question, enum dns_rcode rcode,
	const struct dns_record *record, uint8_t *data, size_t size);

// "33.1.16.172.in-addr.arpa" -> 172.16.1.33 in network order. -EINVAL when the name is no other.
int dns_reverse_parse(const char *name, uint32_t *address);
