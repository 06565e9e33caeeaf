// SPDX-License-Identifier: BSD-3-Clause
// IGMP for the groups that tunnels flood to (RFC 3376, host side): says that we joined or left,
// answers queries. While an old querier is about it speaks version 2. A query about sources is
// answered for the group as a whole, which covers them. 224.0.0.1 is never reported.
// On an interface that the kernel goes on using, the kernel is the member.

#define LOG_MODULE "membership"

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/log.h"
#include "net/headers.h"
#include "net/igmp.h"
#include "net/ipv4.h"
#include "slowpath/kernel.h"

#define ROBUSTNESS	   2		    // a change is told this often
#define CHANGE_INTERVAL_NS (1 * NS_PER_S)   // and within this time of the last
#define OLD_QUERIER_NS	   (260 * NS_PER_S) // robustness * 125 s + 10 s
#define IGMP_TTL	   1
#define IGMP_TOS	   0xc0

// Groups to be told of in one message.
struct batch {
	uint8_t record_type;
	uint16_t n;
	uint32_t groups[IGMP_V3_REPORT_RECORDS_MAX];
};

static void igmp_send(struct slowpath *s, uint32_t destination, const void *message, size_t len)
{
	struct ipv4_fields fields = {
		.tos = IGMP_TOS,
		.ttl = IGMP_TTL,
		.protocol = IP_PROTOCOL_IGMP,
		.df = true,
		.payload_len = (uint16_t)len,
		.router_alert = true,
		.source = s->underlay.address,
		.destination = destination,
	};
	uint8_t header[IPV4_BUILD_MAX];
	size_t header_len = ipv4_build(&fields, header);
	uint8_t *data;
	struct rte_mbuf *mbuf =
		packet_new(s, s->underlay.attachment, (uint16_t)(header_len + len), &data);

	if (mbuf == NULL)
		return;
	memcpy(data, header, header_len);
	memcpy(data + header_len, message, len);
	underlay_send(s, mbuf, ether_multicast(ntohl(destination)), ETHER_TYPE_IPV4);
}

static void batch_send(struct slowpath *s, struct batch *batch)
{
	uint8_t message[IGMP_V3_REPORT_LEN(IGMP_V3_REPORT_RECORDS_MAX)];

	if (batch->n == 0)
		return;
	size_t len = igmp_v3_report_build(batch->record_type, batch->groups, batch->n, message);
	igmp_send(s, htonl(IPV4_ALL_IGMP3), message, len);
	batch->n = 0;
}

// Tells of one group: at once in version 2, with others in version 3.
static void tell(struct slowpath *s, struct batch *batch, uint32_t group)
{
	if (s->now_ns >= s->igmp_v2_until_ns) {
		batch->groups[batch->n++] = group;
		if (batch->n == IGMP_V3_REPORT_RECORDS_MAX)
			batch_send(s, batch);
		return;
	}

	uint8_t message[IGMP_V2_LEN];
	bool leave = batch->record_type == IGMP_TO_INCLUDE;
	igmp_v2_build(leave ? IGMP_V2_LEAVE : IGMP_V2_REPORT, group, message);
	igmp_send(s, leave ? htonl(IPV4_ALL_ROUTERS) : group, message, sizeof(message));
}

static void schedule(struct slowpath *s, uint64_t at_ns)
{
	if (at_ns < s->igmp_scan_ns)
		s->igmp_scan_ns = at_ns;
}

// The kernel tells routers and switches then.
static void kernel_update(struct slowpath *s, struct vtep *v, bool wanted)
{
	struct membership *m = &v->membership;
	int handle = 0;

	if (m->joined == wanted)
		return;
	if (wanted)
		handle = kernel_join(s->kernel, v->address);
	else
		kernel_leave(s->kernel, v->address, m->handle);
	if (handle < 0)
		log_limited(LOG_LEVEL_WARN, 10, "the kernel does not join a group error=\"%s\"",
			strerror(-handle));
	*m = (struct membership){
		.joined = wanted && handle >= 0, .handle = handle, .answer_ns = UINT64_MAX};
}

void membership_update(struct slowpath *s)
{
	struct vtep *v;

	LIST_FOREACH (v, &s->groups, link) {
		struct membership *m = &v->membership;
		bool wanted =
			s->underlay.present && v->configured && v->address != htonl(IPV4_ALL_HOSTS);

		if (s->kernel != NULL)
			kernel_update(s, v, wanted);
		if (s->kernel != NULL || m->joined == wanted)
			continue;
		*m = (struct membership){
			.joined = wanted,
			.n_changes = ROBUSTNESS,
			.change_ns = s->now_ns,
			.answer_ns = UINT64_MAX,
		};
		schedule(s, s->now_ns);
	}
}

void membership_leave_all(struct slowpath *s)
{
	struct batch leaves = {.record_type = IGMP_TO_INCLUDE};
	struct vtep *v;

	LIST_FOREACH (v, &s->groups, link) {
		if (v->membership.joined && s->kernel != NULL)
			kernel_leave(s->kernel, v->address, v->membership.handle);
		else if (v->membership.joined)
			tell(s, &leaves, v->address);
		v->membership = (struct membership){.answer_ns = UINT64_MAX};
	}
	batch_send(s, &leaves);
	s->igmp_general_ns = UINT64_MAX;
	s->igmp_scan_ns = UINT64_MAX;
}

void membership_query(struct slowpath *s, const void *message, uint16_t len)
{
	struct igmp_query query;

	if (igmp_parse_query(message, len, &query) != 0)
		return;
	if (query.version == 2)
		s->igmp_v2_until_ns = s->now_ns + OLD_QUERIER_NS;

	uint64_t answer_ns = s->now_ns + random_ns(query.max_response_ms * NS_PER_MS);
	uint64_t *timer = &s->igmp_general_ns;
	if (query.group != 0) {
		uint16_t id = remote_find(s->tables->remotes, query.group);
		if (id == 0 || !s->vteps[id]->membership.joined)
			return;
		timer = &s->vteps[id]->membership.answer_ns;
	}
	if (answer_ns < *timer)
		*timer = answer_ns;
	schedule(s, *timer);
}

void membership_poll(struct slowpath *s)
{
	struct batch joins = {.record_type = IGMP_TO_EXCLUDE};
	struct batch leaves = {.record_type = IGMP_TO_INCLUDE};
	struct batch answers = {.record_type = IGMP_IS_EXCLUDE};
	struct vtep *v;

	if (s->now_ns < s->igmp_scan_ns)
		return;
	bool general = s->now_ns >= s->igmp_general_ns;
	if (general)
		s->igmp_general_ns = UINT64_MAX;
	s->igmp_scan_ns = s->igmp_general_ns;
	LIST_FOREACH (v, &s->groups, link) {
		struct membership *m = &v->membership;

		if (m->n_changes != 0 && s->now_ns >= m->change_ns) {
			tell(s, m->joined ? &joins : &leaves, v->address);
			m->n_changes--;
			m->change_ns = s->now_ns + random_ns(CHANGE_INTERVAL_NS);
		}
		if (m->joined && (general || s->now_ns >= m->answer_ns)) {
			tell(s, &answers, v->address);
			m->answer_ns = UINT64_MAX;
		}
		if (m->n_changes != 0)
			schedule(s, m->change_ns);
		schedule(s, m->answer_ns);
	}
	batch_send(s, &joins);
	batch_send(s, &leaves);
	batch_send(s, &answers);
}
