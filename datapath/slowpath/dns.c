// SPDX-License-Identifier: BSD-3-Clause

#include "slowpath/dns.h"

static bool asks_for(const struct dns_question *question, uint16_t type)
{
	return question->type == type || question->type == DNS_TYPE_ANY;
}

// A question of the one kind that has an answer here.
static void look_up(const struct dns_zone *zone, const struct dns_question *question,
	char name[DNS_NAME_MAX], struct dns_reply *reply)
{
	uint32_t address;

	if (dns_reverse_parse(question->name, &address) == 0) {
		if (asks_for(question, DNS_TYPE_PTR) && zone->find_name(zone->arg, address, name))
			*reply = (struct dns_reply){
				.rcode = DNS_NOERROR,
				.authoritative = true,
				.type = DNS_TYPE_PTR,
				.name = name,
			};
		return;
	}
	// A host asks for both families at once and takes a refusal of one as that of the name; so
	// it is told that there is no IPv6 address.
	bool wants_six = question->type == DNS_TYPE_AAAA;
	if ((asks_for(question, DNS_TYPE_A) || wants_six) &&
		zone->find_address(zone->arg, question->name, &address))
		*reply = (struct dns_reply){
			.rcode = DNS_NOERROR,
			.authoritative = true,
			.type = wants_six ? 0 : DNS_TYPE_A,
			.address = address,
		};
}

size_t dns_answer(
	const struct dns_zone *zone, const void *query, size_t len, uint8_t *data, size_t size)
{
	struct dns_reply reply = {.rcode = DNS_REFUSED};
	struct dns_question question;
	char name[DNS_NAME_MAX];

	if (dns_parse(query, len, &question) != 0)
		return 0;
	if (question.opcode == DNS_OPCODE_QUERY && question.class == DNS_CLASS_IN &&
		!question.records)
		look_up(zone, &question, name, &reply);
	return dns_build(query, &question, &reply, data, size);
}
