// SPDX-License-Identifier: BSD-3-Clause
// IGMP messages of a host (RFC 3376, and RFC 2236 for networks with an older querier). Groups are
// in network order.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define IGMP_QUERY     0x11
#define IGMP_V2_REPORT 0x16
#define IGMP_V2_LEAVE  0x17
#define IGMP_V3_REPORT 0x22

// Record types of a version 3 report. A host that wants all sources of a group excludes none.
#define IGMP_IS_EXCLUDE 2 // answer to a query: member
#define IGMP_TO_INCLUDE 3 // with no source: left
#define IGMP_TO_EXCLUDE 4 // joined

struct igmp_query {
	uint8_t version;	  // 2 (also for version 1) or 3
	uint32_t group;		  // 0: all groups
	uint32_t max_response_ms; // answer within this time
};

// Reads what an IPv4 datagram carries. -ENOMSG when it is another IGMP message, -EINVAL when the
// length fits no version or the sources do not fit, -EBADMSG when the checksum is wrong.
int igmp_parse_query(const void *data, size_t len, struct igmp_query *query);

#define IGMP_V2_LEN		   8
#define IGMP_V3_REPORT_LEN(n)	   (8 + 8 * (size_t)(n))
#define IGMP_V3_REPORT_RECORDS_MAX 128 // 1032 bytes: fits any underlay

// A report or leave message of version 2.
void igmp_v2_build(uint8_t type, uint32_t group, uint8_t data[IGMP_V2_LEN]);
// A version 3 report with one record of `record_type` for each group; writes and returns
// IGMP_V3_REPORT_LEN(n).
size_t igmp_v3_report_build(uint8_t record_type, const uint32_t *groups, size_t n, uint8_t *data);
