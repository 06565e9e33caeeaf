// SPDX-License-Identifier: BSD-3-Clause
// Addresses of weft's own ports. One that appears, or a floating one that moves, is announced, if
// control says so: three rounds, two seconds apart, each as request and as reply (IPv6: an
// unsolicited advertisement). One that somebody else claims is defended by one announcement, at
// most every ten seconds.

#define LOG_MODULE "service"

#include "slowpath/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/headers.h"
#include "net/nd.h"

#define ANNOUNCEMENTS	     3
#define ANNOUNCE_INTERVAL_NS (2 * NS_PER_S)
#define DEFEND_INTERVAL_NS   (10 * NS_PER_S) // RFC 5227 section 2.4

// ---- own addresses ----------------------------------------------------------------------------

static int compare_own(const void *a, const void *b)
{
	const struct own_address *x = a, *y = b;

	if (x->attachment != y->attachment)
		return x->attachment < y->attachment ? -1 : 1;
	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static struct own_address *find(
	struct own_address *own, size_t n, uint16_t attachment, const struct ip_addr *address)
{
	struct own_address key = {.attachment = attachment, .address = *address};

	return n == 0 ? NULL : bsearch(&key, own, n, sizeof(*own), compare_own);
}

static size_t count_addresses(const struct services *services)
{
	size_t n = 0;

	for (size_t i = 0; i < services->n_ports; i++)
		n += services->ports[i].n_addresses;
	return n;
}

// An address as the last configuration had it, or a new one.
static struct own_address own_address(struct slowpath *s, const struct internal_port *port,
	const struct internal_address *address)
{
	const struct own_address *old =
		find(s->own, s->n_own, port->attachment, &address->prefix.addr);
	struct own_address own = {
		.address = address->prefix.addr,
		.attachment = port->attachment,
		.network = port->network->id,
		.mac = port->mac,
		.fixed = address->fixed,
		.announce_ns = s->now_ns,
	};

	if (old != NULL && old->network == own.network && old->mac == own.mac &&
		ip_equal(&old->fixed, &own.fixed))
		own = *old;
	else if (address->announce)
		own.n_announcements = ANNOUNCEMENTS;
	own.port = port;
	return own;
}

void announce_follow(struct slowpath *s)
{
	const struct services *services = s->services;
	size_t n = 0, n_max = count_addresses(services);
	struct own_address *own = calloc(n_max + 1, sizeof(*own));

	if (own == NULL)
		abort(); // as an arena does: it is configuration
	for (size_t i = 0; i < services->n_ports; i++) {
		const struct internal_port *port = &services->ports[i];

		for (size_t j = 0; j < port->n_addresses; j++)
			own[n++] = own_address(s, port, &port->addresses[j]);
	}
	qsort(own, n, sizeof(*own), compare_own);
	free(s->own);
	s->own = own;
	s->n_own = n;
	s->announce_scan_ns = s->now_ns;
}

// ---- announcements ----------------------------------------------------------------------------

static void announce4(struct slowpath *s, const struct own_address *own, uint16_t op)
{
	struct arp arp = {
		.op = op,
		.sender_mac = own->mac,
		.target_mac = op == ARP_REPLY ? own->mac : 0,
		.sender_ip = ip_v4(&own->address),
		.target_ip = ip_v4(&own->address),
	};
	struct frame_head head = {own->attachment, ETHER_TYPE_ARP, own->mac, ETHER_BROADCAST};
	uint8_t data[ARP_LEN];

	arp_build(&arp, data);
	service_send(s, &head, data, sizeof(data));
}

static void announce6(struct slowpath *s, const struct own_address *own)
{
	struct nd nd = {
		.type = ND_ADVERTISEMENT,
		.router = own->port->kind != INTERNAL_SERVICE,
		.override = true,
		.source = own->address,
		.destination = nd_all_nodes(),
		.target = own->address,
		.link_address = own->mac,
	};
	struct frame_head head = {
		own->attachment, ETHER_TYPE_IPV6, own->mac, nd_multicast_mac(&nd.destination)};
	uint8_t data[ND_LEN];

	nd_build(&nd, data);
	service_send(s, &head, data, sizeof(data));
}

static void announce(struct slowpath *s, const struct own_address *own)
{
	if (!ip_is_v4(&own->address)) {
		announce6(s, own);
		return;
	}
	announce4(s, own, ARP_REQUEST);
	announce4(s, own, ARP_REPLY);
}

void announce_poll(struct slowpath *s)
{
	if (s->now_ns < s->announce_scan_ns)
		return;
	s->announce_scan_ns = UINT64_MAX;
	for (size_t i = 0; i < s->n_own; i++) {
		struct own_address *own = &s->own[i];

		if (own->n_announcements != 0 && s->now_ns >= own->announce_ns) {
			announce(s, own);
			own->n_announcements--;
			own->announce_ns = s->now_ns + ANNOUNCE_INTERVAL_NS;
		}
		if (own->n_announcements != 0 && own->announce_ns < s->announce_scan_ns)
			s->announce_scan_ns = own->announce_ns;
	}
}

// ---- conflicts --------------------------------------------------------------------------------

void address_conflict(struct slowpath *s, const struct internal_port *port,
	const struct ip_addr *address, uint64_t mac)
{
	struct own_address *own = find(s->own, s->n_own, port->attachment, address);
	struct mac other = mac_from_u64(mac);
	char mac_text[MAC_TEXT_LEN];
	char ip_text[IP_TEXT_LEN];

	s->info[INFO_ARP_CONFLICT]++;
	log_limited(LOG_LEVEL_WARN, 10,
		"another station claims our address network=%s address=%s mac=%s",
		port->network->name, ip_format(address, ip_text), mac_format(&other, mac_text));
	if (own == NULL || s->now_ns < own->defend_ns)
		return;
	own->defend_ns = s->now_ns + DEFEND_INTERVAL_NS;
	if (ip_is_v4(address))
		announce4(s, own, ARP_REQUEST);
	else
		announce6(s, own);
}
