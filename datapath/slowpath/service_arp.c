// SPDX-License-Identifier: BSD-3-Clause
// ARP on the networks: answers for the addresses of weft's own ports, each from its own port and on
// its own network only, and, where the network has arp-responder on, for addresses of other ports
// that are known from the configuration. Addresses are never learned for that: what is not
// configured as fixed address of a port may be anywhere.

#include "slowpath/internal.h"

#include "net/headers.h"

// Answers as the station that has the address. `attachment` is where the answer enters the
// pipeline, or, when it is not one of weft's own ports, the one that it leaves by.
static void answer(
	struct slowpath *s, const struct arp *request, uint16_t attachment, uint64_t owner)
{
	struct arp reply = {
		.op = ARP_REPLY,
		.sender_mac = owner,
		.target_mac = request->sender_mac,
		.sender_ip = request->target_ip,
		.target_ip = request->sender_ip,
	};
	struct frame_head head = {attachment, ETHER_TYPE_ARP, owner, request->sender_mac};
	uint8_t data[ARP_LEN];

	arp_build(&reply, data);
	service_send(s, &head, data, sizeof(data));
}

// A probe (RFC 5227) has no sender address. It asks whether anybody else has the address: the
// port that has it must not be told so.
static bool answers_for_host(
	const struct frame *f, const struct arp *request, const struct service_host *host)
{
	if (!f->network->arp_responder || f->destination != ETHER_BROADCAST || !host->up)
		return false;
	if (request->sender_ip == 0)
		return host->attachment != f->in;
	return request->sender_ip != request->target_ip;
}

enum drop_reason service_arp(struct slowpath *s, const struct frame *f)
{
	struct arp arp;

	if (arp_parse(f->data, f->len, &arp) != 0 || !mac_is_station(arp.sender_mac))
		return DROP_ARP_MALFORMED;

	struct ip_addr sender = ip_from_v4(arp.sender_ip);
	struct ip_addr target = ip_from_v4(arp.target_ip);
	const struct service_owner *claimed = service_owner_of(f->network, &sender);
	const struct service_owner *owner = service_owner_of(f->network, &target);

	bool is_claimed = claimed != NULL && claimed->internal != NULL;

	// Another router of this node asks in its own name.
	if (is_claimed && claimed->internal->mac == arp.sender_mac && claimed->internal != f->port)
		is_claimed = false;
	if (is_claimed) {
		if (claimed->internal->mac != arp.sender_mac &&
			(f->port == NULL || f->port == claimed->internal))
			address_conflict(s, claimed->internal, &sender, arp.sender_mac);
		return NO_DROP;
	}
	if (f->port != NULL && f->port->kind != INTERNAL_SERVICE)
		router_heard(s, f->port, &arp);
	if (arp.op != ARP_REQUEST || owner == NULL)
		return NO_DROP;
	if (owner->internal != NULL) {
		if (f->port == NULL || f->port == owner->internal)
			answer(s, &arp, owner->internal->attachment, owner->internal->mac);
	} else if (f->port == NULL && answers_for_host(f, &arp, owner->host)) {
		answer(s, &arp, f->in, owner->host->mac);
	}
	return NO_DROP;
}
