// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery on the networks: what service_arp.c does, for IPv6.

#include "slowpath/internal.h"

#include "net/headers.h"
#include "net/nd.h"

#define MAC_GROUP_BIT (UINT64_C(1) << 40)

// Who the answer speaks for.
struct advertiser {
	uint16_t attachment; // as in frame_head
	uint64_t mac;
	bool router;
};

// Duplicate address detection has no address to answer to: everybody is told, unsolicited.
static void answer(struct slowpath *s, const struct frame *f, const struct nd *solicitation,
	const struct advertiser *from)
{
	bool probe = !ip_is_set(&solicitation->source);
	struct nd nd = {
		.type = ND_ADVERTISEMENT,
		.router = from->router,
		.solicited = !probe,
		.override = true,
		.source = solicitation->target,
		.destination = probe ? nd_all_nodes() : solicitation->source,
		.target = solicitation->target,
		.link_address = from->mac,
	};
	struct frame_head head = {from->attachment, ETHER_TYPE_IPV6, from->mac,
		probe ? nd_multicast_mac(&nd.destination) : f->source};
	uint8_t data[ND_LEN];

	nd_build(&nd, data);
	service_send(s, &head, data, sizeof(data));
}

static bool answers_for_host(
	const struct frame *f, const struct nd *nd, const struct service_host *host)
{
	if (!f->network->arp_responder || !(f->destination & MAC_GROUP_BIT) || !host->up)
		return false;
	return ip_is_set(&nd->source) || host->attachment != f->in;
}

static enum drop_reason solicited(struct slowpath *s, const struct frame *f, const struct nd *nd)
{
	const struct service_owner *owner = service_owner_of(f->network, &nd->target);

	if (owner == NULL)
		return NO_DROP;
	if (owner->internal != NULL && (f->port == NULL || f->port == owner->internal)) {
		struct advertiser from = {owner->internal->attachment, owner->internal->mac,
			owner->internal->kind != INTERNAL_SERVICE};

		answer(s, f, nd, &from);
	} else if (owner->host != NULL && f->port == NULL && answers_for_host(f, nd, owner->host)) {
		struct advertiser from = {f->in, owner->host->mac, false};

		answer(s, f, nd, &from);
	}
	return NO_DROP;
}

static enum drop_reason advertised(struct slowpath *s, const struct frame *f, const struct nd *nd)
{
	const struct service_owner *owner = service_owner_of(f->network, &nd->target);
	const struct internal_port *port = owner == NULL ? NULL : owner->internal;
	uint64_t mac = nd->link_address != 0 ? nd->link_address : f->source;

	if (port != NULL && mac != port->mac && (f->port == NULL || f->port == port))
		address_conflict(s, port, &nd->target, mac);
	return NO_DROP;
}

enum drop_reason service_nd(struct slowpath *s, const struct frame *f)
{
	struct nd nd;

	if (!mac_is_station(f->source) || nd_parse(f->data, f->len, &nd) != 0)
		return DROP_SERVICE_OTHER;
	return nd.type == ND_SOLICITATION ? solicited(s, f, &nd) : advertised(s, f, &nd);
}
