// SPDX-License-Identifier: BSD-3-Clause
// DNS messages (RFC 1035, RFC 6891): what a server of a few names reads and writes. Bounded: no
// compression pointer is ever followed. The one name that is read comes first in the message, so
// there is nothing that a pointer in it could point to.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PORT 53

#define DNS_HEADER_LEN 12
#define DNS_NAME_MAX   256 // a name as text, with NUL
#define DNS_UDP_MAX    512 // of an answer to an asker who does not say more
#define DNS_EDNS_MAX   1232
#define DNS_ANSWER_MAX 600 // more than any answer with one record takes

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_ANY = 255,
};

#define DNS_OPCODE_QUERY 0
#define DNS_CLASS_IN	 1

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_REFUSED = 5,
};

struct dns_question {
	uint16_t id;
	uint16_t flags; // as received
	uint8_t opcode;
	size_t end;    // of the question in the message; DNS_HEADER_LEN: it has none, or several
	uint16_t type; // 0: no question, as with the next two
	uint16_t class;
	char name[DNS_NAME_MAX]; // lower case, labels with dots between; what no host name can have
				 // is written "?"
	bool records;		 // there are answer or authority records beside the question
	bool edns;		 // an OPT record came with it
	bool dnssec_ok;		 // its flag DO
	uint16_t udp_size;	 // bytes the asker takes, at least DNS_UDP_MAX
};

// Reads a query. -EINVAL when it is an answer, or cut, or its question can not be read: to be met
// with silence.
int dns_parse(const void *data, size_t len, struct dns_question *question);

// What is answered: a result, and one record with the name, class and TTL 0.
struct dns_reply {
	enum dns_rcode rcode;
	bool authoritative;
	uint16_t type;	  // DNS_TYPE_A or DNS_TYPE_PTR; 0: no record
	uint32_t address; // A; network order
	const char *name; // PTR
};

// Writes the answer to `query` (which dns_parse() read into `question`) into `size` bytes, at least
// DNS_ANSWER_MAX. Where it does not fit what the asker takes, the record is left out and TC set.
// Returns its length.
size_t dns_build(const void *query, const struct dns_question *question,
	const struct dns_reply *reply, uint8_t *data, size_t size);

// "33.1.16.172.in-addr.arpa" -> 172.16.1.33 in network order. -EINVAL when it is another name.
int dns_reverse_parse(const char *name, uint32_t *address);
