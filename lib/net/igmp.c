// SPDX-License-Identifier: BSD-3-Clause

#include "net/igmp.h"

#include <arpa/inet.h>
#include <errno.h>

#include "net/checksum.h"
#include "net/headers.h"

#define V1_MAX_RESPONSE_MS 10000 // RFC 3376 section 8.3: a version 1 query does not tell

// RFC 3376 section 4.1.1: tenths of a second, from 128 on as mantissa and exponent.
static uint32_t decode_time(uint8_t code)
{
	if (code < 128)
		return code;
	return (uint32_t)(0x10 | (code & 0x0f)) << (((code >> 4) & 0x07) + 3);
}

int igmp_parse_query(const void *data, size_t len, struct igmp_query *query)
{
	const struct igmp3_query_wire *wire = data;

	if (len < sizeof(wire->v2))
		return -EINVAL;
	if (checksum_of(data, len) != 0)
		return -EBADMSG;
	if (wire->v2.type != IGMP_QUERY)
		return -ENOMSG;

	*query = (struct igmp_query){.version = 2, .group = wire->v2.group};
	if (len == sizeof(wire->v2)) {
		query->max_response_ms =
			wire->v2.code == 0 ? V1_MAX_RESPONSE_MS : wire->v2.code * 100u;
		return 0;
	}
	if (len < sizeof(*wire) || len < sizeof(*wire) + 4u * ntohs(wire->n_sources))
		return -EINVAL;
	query->version = 3;
	query->max_response_ms = decode_time(wire->v2.code) * 100;
	return 0;
}

void igmp_v2_build(uint8_t type, uint32_t group, uint8_t data[IGMP_V2_LEN])
{
	struct igmp_wire *wire = (struct igmp_wire *)data;

	*wire = (struct igmp_wire){.type = type, .group = group};
	wire->checksum = checksum_of(wire, sizeof(*wire));
}

size_t igmp_v3_report_build(uint8_t record_type, const uint32_t *groups, size_t n, uint8_t *data)
{
	struct igmp3_report_wire *report = (struct igmp3_report_wire *)data;
	struct igmp3_record_wire *records = (struct igmp3_record_wire *)(report + 1);

	*report = (struct igmp3_report_wire){
		.type = IGMP_V3_REPORT,
		.n_records = htons((uint16_t)n),
	};
	for (size_t i = 0; i < n; i++)
		records[i] = (struct igmp3_record_wire){.type = record_type, .group = groups[i]};
	report->checksum = checksum_of(data, IGMP_V3_REPORT_LEN(n));
	return IGMP_V3_REPORT_LEN(n);
}
