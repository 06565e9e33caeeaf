// SPDX-License-Identifier: BSD-3-Clause
// DNS queries: whatever a message is, it gets silence or an answer to its question.

#include "fuzz.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "slowpath/dns.h"

static bool find_address(void *arg, const char *name, uint32_t *address)
{
	(void)arg;
	FUZZ_CHECK(strlen(name) < DNS_NAME_MAX, "a name of %zu bytes", strlen(name));
	*address = htonl(0xac100121);
	return strncmp(name, "host-172-16-1-33", 16) == 0;
}

static bool find_name(void *arg, uint32_t address, char name[DNS_NAME_MAX])
{
	(void)arg;
	memset(name, 'a', DNS_NAME_MAX - 1);
	for (size_t i = 40; i < DNS_NAME_MAX; i += 40)
		name[i] = '.';
	// Names of every length, up to what is longer than a name can be.
	name[ntohl(address) & 0xff] = '\0';
	return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_zone zone = {.find_address = find_address, .find_name = find_name};
	uint8_t *answer = malloc(DNS_ANSWER_MAX); // on its own, for the address sanitizer
	struct dns_question question;
	size_t len = dns_answer(&zone, data, size, answer, DNS_ANSWER_MAX);

	FUZZ_CHECK(len <= DNS_ANSWER_MAX, "%zu bytes", len);
	FUZZ_CHECK((len == 0) == (dns_parse(data, size, &question) != 0), "silence");
	if (len != 0) {
		FUZZ_CHECK(len >= question.end && len <= question.udp_size, "%zu bytes", len);
		FUZZ_CHECK(memcmp(answer, data, 2) == 0, "id");
		FUZZ_CHECK((answer[2] & 0xf8) == (0x80 | question.opcode << 3), "kind");
		FUZZ_CHECK((answer[3] & 0x0f) == DNS_NOERROR || (answer[3] & 0x0f) == DNS_REFUSED,
			"result");
		FUZZ_CHECK(memcmp(answer + DNS_HEADER_LEN, data + DNS_HEADER_LEN,
				   question.end - DNS_HEADER_LEN) == 0,
			"question");
		answer[2] &= 0x7f; // as a query it can be read too
		FUZZ_CHECK(dns_parse(answer, len, &question) == 0, "what was written");
	}
	free(answer);
	return 0;
}
