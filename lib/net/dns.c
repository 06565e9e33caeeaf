// SPDX-License-Identifier: BSD-3-Clause

#include "net/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "net/addr.h"
#include "net/headers.h"

#define FLAG_ANSWER	   0x8000
#define FLAG_AUTHORITATIVE 0x0400
#define FLAG_TRUNCATED	   0x0200
#define FLAG_WANTED	   0x0100 // recursion
#define FLAG_AVAILABLE	   0x0080
#define FLAG_NO_CHECKS	   0x0010
#define OPCODE_SHIFT	   11
#define OPCODE_MASK	   0x0f

#define LABEL_MAX    63
#define LABEL_LINK   0xc0 // two high bits: the rest of the name is elsewhere
#define NAME_LEN_MAX 255  // on the wire

#define OPT_DNSSEC_OK 0x8000
#define OPT_LEN	      11

#define RECORDS_MAX 16 // looked at to find an OPT record

struct dns_wire {
	uint16_t id;
	uint16_t flags;
	uint16_t n_questions;
	uint16_t n_answers;
	uint16_t n_authorities;
	uint16_t n_additionals;
} WIRE;

STATIC_ASSERT_SIZE(struct dns_wire, DNS_HEADER_LEN);

// Follows the name of a question.
struct question_wire {
	uint16_t type;
	uint16_t class;
} WIRE;

STATIC_ASSERT_SIZE(struct question_wire, 4);

// Follows the name of a record.
struct record_wire {
	uint16_t type;
	uint16_t class;	   // OPT: the size the sender takes
	uint16_t ttl_high; // OPT: extended result and version
	uint16_t ttl_low;  // OPT: flags
	uint16_t data_len;
} WIRE;

STATIC_ASSERT_SIZE(struct record_wire, 10);

// ---- reading ----------------------------------------------------------------------------------

// A byte of a label as it is compared. Dots within labels, and what is no host name, match nothing.
static char label_char(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	return isalnum(byte) || byte == '-' || byte == '_' ? (char)byte : '?';
}

// Reads a name without compression; returns where it ends, 0: it can not be read.
static size_t read_name(const uint8_t *data, size_t len, size_t at, char text[DNS_NAME_MAX])
{
	size_t begin = at;
	size_t n = 0;

	while (at < len && data[at] != 0) {
		uint8_t label_len = data[at++];

		// A dot takes the place of the length, so that the text is no longer than the wire.
		if (label_len > LABEL_MAX || len - at <= label_len ||
			at - begin + label_len + 1 > NAME_LEN_MAX)
			return 0;
		if (n != 0)
			text[n++] = '.';
		for (size_t i = 0; i < label_len; i++)
			text[n++] = label_char(data[at + i]);
		at += label_len;
	}
	text[n] = '\0';
	return at < len ? at + 1 : 0;
}

// Returns where a name ends that may end in a compression pointer, 0: it is cut.
static size_t skip_name(const uint8_t *data, size_t len, size_t at)
{
	while (at < len && data[at] != 0) {
		if (data[at] >= LABEL_LINK)
			return len - at > 2 ? at + 2 : 0;
		at += 1 + (size_t)data[at];
	}
	return at < len ? at + 1 : 0;
}

// Looks for an OPT record behind the question. One that can not be read is none.
static void read_edns(
	const uint8_t *data, size_t len, unsigned n_records, struct dns_question *question)
{
	size_t at = question->end;

	for (unsigned i = 0; i < n_records && i < RECORDS_MAX; i++) {
		at = skip_name(data, len, at);
		if (at == 0 || len - at < sizeof(struct record_wire))
			return;
		const struct record_wire *record = (const struct record_wire *)(data + at);
		if (record->type == htons(DNS_TYPE_OPT)) {
			uint16_t size = ntohs(record->class);

			question->edns = true;
			question->dnssec_ok = (record->ttl_low & htons(OPT_DNSSEC_OK)) != 0;
			question->udp_size = size > DNS_UDP_MAX ? size : DNS_UDP_MAX;
			return;
		}
		at += sizeof(*record);
		if (len - at < ntohs(record->data_len))
			return;
		at += ntohs(record->data_len);
	}
}

int dns_parse(const void *data, size_t len, struct dns_question *question)
{
	const struct dns_wire *wire = data;

	if (len < sizeof(*wire) || (wire->flags & htons(FLAG_ANSWER)))
		return -EINVAL;
	*question = (struct dns_question){
		.id = ntohs(wire->id),
		.flags = ntohs(wire->flags),
		.opcode = ntohs(wire->flags) >> OPCODE_SHIFT & OPCODE_MASK,
		.end = DNS_HEADER_LEN,
		.records = wire->n_answers != 0 || wire->n_authorities != 0,
		.udp_size = DNS_UDP_MAX,
	};
	if (wire->n_questions != htons(1))
		return 0;

	size_t end = read_name(data, len, DNS_HEADER_LEN, question->name);
	if (end == 0 || len - end < sizeof(struct question_wire))
		return -EINVAL;
	const struct question_wire *asked =
		(const struct question_wire *)((const uint8_t *)data + end);
	question->type = ntohs(asked->type);
	question->class = ntohs(asked->class);
	question->end = end + sizeof(*asked);
	if (!question->records)
		read_edns(data, len, ntohs(wire->n_additionals), question);
	return 0;
}

int dns_reverse_parse(const char *name, uint32_t *address)
{
	static const char suffix[] = ".in-addr.arpa";
	size_t len = strlen(name);
	char text[INET_ADDRSTRLEN];
	struct ip_addr ip;

	if (len < sizeof(suffix) || strcmp(name + len - (sizeof(suffix) - 1), suffix) != 0)
		return -EINVAL;
	len -= sizeof(suffix) - 1;
	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, name, len);
	text[len] = '\0';
	if (ip_parse(text, &ip) != 0 || !ip_is_v4(&ip))
		return -EINVAL;
	*address = __builtin_bswap32(ip_v4(&ip));
	return 0;
}

// ---- writing ----------------------------------------------------------------------------------

// Writes a name; returns its length on the wire, 0: it is none.
static size_t write_name(const char *name, uint8_t data[NAME_LEN_MAX])
{
	size_t at = 0;

	while (*name != '\0') {
		size_t label_len = strcspn(name, ".");

		if (label_len == 0 || label_len > LABEL_MAX || at + label_len + 2 > NAME_LEN_MAX)
			return 0;
		data[at++] = (uint8_t)label_len;
		memcpy(data + at, name, label_len);
		at += label_len;
		name += label_len;
		if (*name == '.')
			name++;
	}
	data[at++] = 0;
	return at;
}

// Writes a record whose name is that of the question; returns its length, at most RECORD_MAX; 0:
// there is none.
#define LINK_LEN   2
#define RECORD_MAX (LINK_LEN + sizeof(struct record_wire) + NAME_LEN_MAX)

static size_t write_record(const struct dns_reply *reply, uint8_t data[RECORD_MAX])
{
	struct record_wire *record = (struct record_wire *)(data + LINK_LEN);
	uint8_t *value = (uint8_t *)(record + 1);
	size_t len = 0;

	if (reply->type == DNS_TYPE_A) {
		memcpy(value, &reply->address, sizeof(reply->address));
		len = sizeof(reply->address);
	} else if (reply->type == DNS_TYPE_PTR) {
		len = write_name(reply->name, value);
	}
	if (len == 0)
		return 0;
	data[0] = LABEL_LINK;
	data[1] = DNS_HEADER_LEN;
	*record = (struct record_wire){
		.type = htons(reply->type),
		.class = htons(DNS_CLASS_IN),
		.data_len = htons((uint16_t)len),
	};
	return LINK_LEN + sizeof(*record) + len;
}

static size_t write_edns(const struct dns_question *question, uint8_t data[OPT_LEN])
{
	struct record_wire *record = (struct record_wire *)(data + 1);

	data[0] = 0; // the root
	*record = (struct record_wire){
		.type = htons(DNS_TYPE_OPT),
		.class = htons(DNS_EDNS_MAX),
		.ttl_low = question->dnssec_ok ? htons(OPT_DNSSEC_OK) : 0,
	};
	return OPT_LEN;
}

size_t dns_build(const void *query, const struct dns_question *question,
	const struct dns_reply *reply, uint8_t *data, size_t size)
{
	struct dns_wire *wire = (struct dns_wire *)data;
	size_t limit = question->udp_size < size ? question->udp_size : size;
	size_t edns_len = question->edns ? OPT_LEN : 0;
	size_t at = question->end;
	uint8_t record[RECORD_MAX];
	size_t record_len = write_record(reply, record);
	bool truncated = at + record_len + edns_len > limit;

	memcpy(data, query, at);
	if (truncated)
		record_len = 0;
	memcpy(data + at, record, record_len);
	at += record_len;
	if (edns_len != 0)
		at += write_edns(question, data + at);

	uint16_t copied =
		question->flags & (FLAG_WANTED | FLAG_NO_CHECKS | OPCODE_MASK << OPCODE_SHIFT);
	*wire = (struct dns_wire){
		.id = htons(question->id),
		.flags = htons((uint16_t)(FLAG_ANSWER | FLAG_AVAILABLE | copied | reply->rcode |
					  (reply->authoritative ? FLAG_AUTHORITATIVE : 0) |
					  (truncated ? FLAG_TRUNCATED : 0))),
		.n_questions = htons(question->end != DNS_HEADER_LEN),
		.n_answers = htons(record_len != 0),
		.n_additionals = htons(edns_len != 0),
	};
	return at;
}
