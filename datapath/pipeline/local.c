// SPDX-License-Identifier: BSD-3-Clause
// What is for weft itself on a network: which flooded frames its internal ports want, and how a
// packet that one of them gets goes to the slow path. Called by flood and output, only for frames
// of networks that have internal ports or answer for others.
//
// Drops: port_down, oversize_tx, those of confirm() and punt().

#include "pipeline/rules.h"
#include "pipeline/stages.h"

#define ARP_REQUEST RTE_BE16(1)

enum {
	ND_TARGET = 8, // offset of the target address of a solicitation or advertisement
	ND_LEN = 24,   // without options
};

// The internal port that has an address, 0: none.
static uint16_t own_port(const struct address_table *table, struct address_key key)
{
	struct address_owner owner = address_find(table, key);

	return owner.kind == ADDRESS_OWN ? owner.attachment : 0;
}

static struct local_wish copy_to(uint16_t first, uint16_t second)
{
	struct local_wish wish = {.fate = LOCAL_COPY};

	if (first != 0)
		wish.ports[wish.n++] = first;
	if (second != 0 && second != first)
		wish.ports[wish.n++] = second;
	return wish;
}

static struct local_wish take(enum punt_class class, uint16_t port)
{
	return (struct local_wish){.fate = LOCAL_TAKE, .class = class, .ports = {port}, .n = 1};
}

// ---- who has this address? ----------------------------------------------------------------------

// Whether weft answers a request of a local port instead of everybody hearing it. A host that asks
// for an address before it uses it (`is_probe`) must not get an answer for its own.
static bool is_answered(const struct worker_ctx *ctx, const struct packet *p,
	struct address_owner target, bool is_probe)
{
	if (!(ctx->snapshot->networks[p->network].flags & NETWORK_ARP_RESPONDER) ||
		ctx->snapshot->attachments[p->in].kind != ATTACHMENT_PORT)
		return false;
	if (target.kind == ADDRESS_KNOWN)
		return !is_probe || target.attachment != p->in;
	return target.kind == ADDRESS_OWN;
}

static struct local_wish arp_wish(const struct worker_ctx *ctx, const struct packet *p)
{
	const struct address_table *table = &ctx->snapshot->addresses;
	const struct arp_wire *arp = packet_arp(p, ETHERNET_LEN);

	if (arp == NULL)
		return (struct local_wish){.fate = LOCAL_NONE};
	struct address_owner target = address_find(table, address_key4(p->network, arp->target_ip));
	uint16_t own = target.kind == ADDRESS_OWN ? target.attachment : 0;

	if (arp->op == ARP_REQUEST && (p->destination & ETHER_BROADCAST) == ETHER_BROADCAST &&
		arp->sender_ip != arp->target_ip &&
		is_answered(ctx, p, target, arp->sender_ip == 0))
		return take(PUNT_ARP_OWN, own);
	uint16_t claimed = own_port(table, address_key4(p->network, arp->sender_ip));

	// Who tells everybody where it is tells routers, too.
	if (arp->sender_ip == arp->target_ip && claimed == 0)
		return (struct local_wish){.fate = LOCAL_COPY, .to_routers = true};
	return copy_to(own, claimed);
}

static struct local_wish nd_wish(
	const struct worker_ctx *ctx, const struct packet *p, const struct inet *ip)
{
	static const uint8_t unspecified[16];
	const struct address_table *table = &ctx->snapshot->addresses;
	const uint8_t *address = ip->l4 + ND_TARGET;

	if (ip->l4_len < ND_LEN)
		return (struct local_wish){.fate = LOCAL_NONE};
	struct address_owner target = address_find(table, address_key6(p->network, address));
	bool is_probe = memcmp(ip->source, unspecified, sizeof(unspecified)) == 0;
	uint16_t own = target.kind == ADDRESS_OWN ? target.attachment : 0;

	if (icmp6_type(ip) == ICMP6_NEIGHBOUR_SOLICITATION && (p->destination & MAC_GROUP_BIT) &&
		is_answered(ctx, p, target, is_probe))
		return take(PUNT_ARP_OWN, own);
	return copy_to(own, own_port(table, address_key6(p->network, ip->source)));
}

// ---- DHCP ---------------------------------------------------------------------------------------

static bool is_for_dhcp(const struct worker_ctx *ctx, const struct packet *p, const struct inet *ip)
{
	uint32_t to = load_32(ip->destination);

	if ((p->destination & ETHER_BROADCAST) == ETHER_BROADCAST || to == UINT32_MAX)
		return true;
	struct address_owner owner =
		address_find(&ctx->snapshot->addresses, address_key4(p->network, to));

	return owner.kind == ADDRESS_OWN || owner.kind == ADDRESS_BROADCAST;
}

// ---- flood --------------------------------------------------------------------------------------

struct local_wish local_wish(const struct worker_ctx *ctx, const struct packet *p)
{
	uint16_t dhcp = ctx->snapshot->networks[p->network].dhcp;
	struct inet ip;

	if (p->ethertype == ETHER_TYPE_ARP)
		return arp_wish(ctx, p);
	if (!is_ip(p->ethertype) || filter_read(ctx, p, ETHERNET_LEN, p->ethertype, &ip) != INET_OK)
		return (struct local_wish){.fate = LOCAL_NONE};
	if (ip.family == 4 && dhcp != 0 && is_udp(&ip, DHCP_CLIENT_PORT, DHCP_SERVER_PORT) &&
		is_for_dhcp(ctx, p, &ip))
		return take(PUNT_DHCP, dhcp);
	if (icmp6_type(&ip) == ICMP6_NEIGHBOUR_SOLICITATION ||
		icmp6_type(&ip) == ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return nd_wish(ctx, p, &ip);
	return (struct local_wish){.fate = LOCAL_NONE};
}

// ---- output -------------------------------------------------------------------------------------

static enum punt_class class_of(const struct worker_ctx *ctx, const struct packet *p)
{
	struct inet ip;

	if (p->ethertype == ETHER_TYPE_ARP)
		return PUNT_ARP_OWN;
	if (!is_ip(p->ethertype) || filter_read(ctx, p, ETHERNET_LEN, p->ethertype, &ip) != INET_OK)
		return PUNT_LOCAL;
	if (is_udp(&ip, DHCP_CLIENT_PORT, DHCP_SERVER_PORT) ||
		is_udp(&ip, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT))
		return PUNT_DHCP;
	if (icmp6_type(&ip) == ICMP6_NEIGHBOUR_SOLICITATION ||
		icmp6_type(&ip) == ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return PUNT_ARP_OWN;
	return PUNT_LOCAL;
}

void local_deliver(struct worker_ctx *ctx, struct packet *p)
{
	const struct attachment *attachment = &ctx->snapshot->attachments[p->out];

	if (!(attachment->flags & ATTACHMENT_UP))
		drop(ctx, p, DROP_PORT_DOWN);
	else if (p->len > attachment->max_len)
		drop(ctx, p, DROP_OVERSIZE_TX);
	else if (p->track != TRACK_NEW || p->session != 0 || confirm(ctx, p))
		punt(ctx, p, class_of(ctx, p));
}
