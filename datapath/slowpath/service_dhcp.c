// SPDX-License-Identifier: BSD-3-Clause
// From a client's frame to the answer of the DHCP responder: who sent it, what is reserved for it,
// which of that is held because somebody else was found to use it. A lease stands in the journal
// before its ACK leaves.

#define LOG_MODULE "dhcp"

#include "slowpath/internal.h"

#include "base/log.h"

#define POLL_NS (1 * NS_PER_S)

// A frame that a port of this node sent is that port's, whatever MAC it says it is from.
static uint64_t sender_of(const struct slowpath *s, const struct frame *f)
{
	const struct attachment *in = &s->tables->snapshot->attachments[f->in];

	return in->kind == ATTACHMENT_PORT ? in->mac : f->source;
}

static void warn(const struct frame *f, uint32_t address, uint64_t client, const char *what)
{
	struct ip_addr ip = ip_from_v4(address);
	struct mac mac = mac_from_u64(client);
	char ip_text[IP_TEXT_LEN];
	char mac_text[MAC_TEXT_LEN];

	log_limited(LOG_LEVEL_WARN, 10, "%s network=%s address=%s mac=%s", what, f->network->name,
		ip_format(&ip, ip_text), mac_format(&mac, mac_text));
}

static void remember(struct slowpath *s, const struct frame *f, uint64_t client,
	const struct dhcp_outcome *outcome)
{
	const char *network = f->network->name;
	uint32_t address = outcome->address;

	// What the journal can not take is remembered all the same, and lease.c says so in the log:
	// a client that is right gets its address.
	switch (outcome->event) {
	case DHCP_EVENT_LEASED:
		lease_grant(s->leases, network, address, client,
			s->now_ns + outcome->lease_s * NS_PER_S);
		break;
	case DHCP_EVENT_RELEASED:
		lease_release(s->leases, network, address, client);
		break;
	case DHCP_EVENT_DECLINED:
		lease_decline(
			s->leases, network, address, client, s->now_ns + DHCP_HOLD_S * NS_PER_S);
		warn(f, address, client, "a client has found its address in use");
		break;
	case DHCP_EVENT_HELD:
		warn(f, address, client, "not offered, as it was found in use");
		break;
	case DHCP_EVENT_NONE:
		break;
	}
}

enum drop_reason service_dhcp(struct slowpath *s, const struct frame *f)
{
	uint64_t client = sender_of(s, f);
	const struct service_host *host = service_host_by_mac(f->network, client);
	struct dhcp_query query = {
		.service = f->network->dhcp,
		.host = host == NULL ? NULL : &host->dhcp,
		.mac = client,
		.now_ns = s->now_ns,
		.frame = rte_pktmbuf_mtod(f->mbuf, const void *),
		.len = f->mbuf->data_len,
	};
	struct dhcp_outcome outcome = {0};
	uint8_t *data;

	for (size_t i = 0; host != NULL && i < host->dhcp.n_reservations; i++)
		query.held_until_ns[i] = lease_held_until(
			s->leases, f->network->name, host->dhcp.reservations[i].address);
	enum drop_reason reason = dhcp_answer(&query, &outcome);
	if (reason != NO_DROP)
		return reason;
	remember(s, f, client, &outcome);
	struct rte_mbuf *mbuf =
		outcome.len == 0 ? NULL : packet_new(s, f->port->attachment, outcome.len, &data);
	if (mbuf == NULL)
		return NO_DROP;
	memcpy(data, outcome.frame, outcome.len);
	packet_inject(s, mbuf, f->port->attachment, 0);
	return NO_DROP;
}

// ---- leases -----------------------------------------------------------------------------------

// Leases come by network: the last one is likely to be the next one's.
struct keeper {
	const struct services *services;
	const struct service_network *last;
};

static const struct service_network *network_of(struct keeper *keeper, const char *name)
{
	const struct services *services = keeper->services;

	if (keeper->last != NULL && strcmp(keeper->last->name, name) == 0)
		return keeper->last;
	for (size_t i = 0; i < services->n_networks; i++) {
		if (strcmp(services->networks[i].name, name) == 0)
			return keeper->last = &services->networks[i];
	}
	return NULL;
}

// Whether the address is still that of the port it was leased to.
static bool keep(const struct lease *lease, void *arg)
{
	const struct service_network *network = network_of(arg, lease->network);
	struct ip_addr ip = ip_from_v4(lease->address);
	const struct service_owner *owner = network == NULL ? NULL : service_owner_of(network, &ip);

	return owner != NULL && owner->host != NULL && owner->host->mac == lease->mac;
}

void service_leases_follow(struct slowpath *s)
{
	struct keeper keeper = {.services = s->services};

	// A node that is not configured yet forgets nothing.
	if (s->services->n_networks != 0)
		leases_keep(s->leases, keep, &keeper);
}

void service_leases_poll(struct slowpath *s)
{
	if (s->now_ns < s->leases_ns)
		return;
	s->leases_ns = s->now_ns + POLL_NS;
	leases_poll(s->leases, s->now_ns);
}
