// SPDX-License-Identifier: BSD-3-Clause
// The host stack of the underlay address: answers ARP and ping, defends and announces the address,
// takes in ICMP errors about our tunnels, hands IGMP queries on. Nothing else is listened to. On an
// interface that the kernel goes on using, all but the errors is the kernel's.

#define LOG_MODULE "underlay"

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "net/ipv4.h"

#define ANNOUNCEMENTS	     3
#define ANNOUNCE_INTERVAL_NS (2 * NS_PER_S)
#define DEFEND_INTERVAL_NS   (10 * NS_PER_S) // RFC 5227 section 2.4

// ---- ARP --------------------------------------------------------------------------------------

void arp_send(struct slowpath *s, const struct arp *arp, uint64_t destination)
{
	uint8_t *data;
	struct rte_mbuf *mbuf = packet_new(s, s->underlay.attachment, ARP_LEN, &data);

	if (mbuf == NULL)
		return;
	arp_build(arp, data);
	underlay_send(s, mbuf, destination, ETHER_TYPE_ARP);
}

static void gratuitous_send(struct slowpath *s, uint16_t op)
{
	struct arp arp = {
		.op = op,
		.sender_mac = s->underlay.mac,
		.target_mac = op == ARP_REPLY ? s->underlay.mac : 0,
		.sender_ip = s->underlay.address,
		.target_ip = s->underlay.address,
	};

	arp_send(s, &arp, ETHER_BROADCAST);
}

void host_announce(struct slowpath *s)
{
	s->n_announcements = s->underlay.present && s->kernel == NULL ? ANNOUNCEMENTS : 0;
	s->announce_ns = s->now_ns;
}

void host_poll(struct slowpath *s)
{
	if (s->n_announcements == 0 || s->now_ns < s->announce_ns)
		return;
	gratuitous_send(s, ARP_REQUEST);
	gratuitous_send(s, ARP_REPLY);
	s->n_announcements--;
	s->announce_ns = s->now_ns + ANNOUNCE_INTERVAL_NS;
}

// Somebody else uses our address. Tells the neighbours once who has it; more would be a fight.
static void address_defend(struct slowpath *s, const struct arp *arp)
{
	char mac_text[MAC_TEXT_LEN];
	char ip_text[IP_TEXT_LEN];
	struct mac mac = mac_from_u64(arp->sender_mac);
	struct ip_addr ip = ip_from_v4(arp->sender_ip);

	s->info[INFO_ARP_CONFLICT]++;
	log_limited(LOG_LEVEL_WARN, 10, "another host claims our address address=%s mac=%s",
		ip_format(&ip, ip_text), mac_format(&mac, mac_text));
	if (s->now_ns < s->defend_ns)
		return;
	s->defend_ns = s->now_ns + DEFEND_INTERVAL_NS;
	gratuitous_send(s, ARP_REQUEST);
}

static enum drop_reason arp_receive(struct slowpath *s, const uint8_t *data, uint16_t len)
{
	const struct underlay_state *u = &s->underlay;
	struct arp arp;

	if (arp_parse(data, len, &arp) != 0 || !mac_is_station(arp.sender_mac))
		return DROP_ARP_MALFORMED;
	if (arp.sender_ip == u->address) {
		if (arp.sender_mac != u->mac)
			address_defend(s, &arp);
		return NO_DROP;
	}

	bool to_us = arp.target_ip == u->address;
	// A probe (RFC 5227) has no sender address: it is answered, and tells nothing else.
	if (arp.sender_ip != 0)
		neighbour_heard(s, &arp, to_us);
	if (to_us && arp.op == ARP_REQUEST) {
		struct arp reply = {
			.op = ARP_REPLY,
			.sender_mac = u->mac,
			.target_mac = arp.sender_mac,
			.sender_ip = u->address,
			.target_ip = arp.sender_ip,
		};

		arp_send(s, &reply, arp.sender_mac);
	}
	return NO_DROP;
}

// ---- ICMP -------------------------------------------------------------------------------------

// An error about a packet that we sent through a tunnel may tell the path MTU to that remote. The
// quote must fit what we send, so that only who sees our packets can lower it.
static void error_receive(
	struct slowpath *s, const struct icmp *icmp, const void *data, uint16_t len)
{
	const struct underlay_state *u = &s->underlay;
	struct icmp_quote quote;

	if (icmp->type != ICMP_UNREACHABLE || icmp->code != ICMP_CODE_FRAGMENTATION_NEEDED)
		return;
	if (icmp_parse_quote(data, len, &quote) != 0)
		return;
	if (quote.source != u->address || quote.destination_port != u->port ||
		quote.source_port < u->source_port_min || quote.source_port > u->source_port_max)
		return;
	vtep_lower_path_mtu(s, quote.destination, quote.mtu);
}

void host_error_receive(struct slowpath *s, const void *data, uint16_t len)
{
	struct icmp icmp;

	if (icmp_parse(data, len, &icmp) == 0)
		error_receive(s, &icmp, data, len);
}

static enum drop_reason icmp_receive(struct slowpath *s, const struct frame *f)
{
	const uint8_t *data = f->data + f->ip.header_len;
	uint16_t len = f->ip.total_len - f->ip.header_len;
	struct icmp icmp;

	if (icmp_parse(data, len, &icmp) != 0)
		return DROP_UNDERLAY_OTHER;
	if (icmp_is_error(icmp.type)) {
		error_receive(s, &icmp, data, len);
		return NO_DROP;
	}
	if (icmp.type != ICMP_ECHO_REQUEST || !ipv4_is_host(f->ip.source) ||
		f->ip.source == s->underlay.address || !mac_is_station(f->source))
		return DROP_UNDERLAY_OTHER;
	struct ipv4_fields fields = echo_answer(s, f);
	uint8_t *payload;
	struct rte_mbuf *answer = packet_new(s, s->underlay.attachment, len, &payload);

	if (answer == NULL)
		return NO_DROP;
	memcpy(payload, data, len);
	if (ipv4_prepend(answer, &fields))
		underlay_send(s, answer, f->source, ETHER_TYPE_IPV4);
	else
		packet_drop(s, answer, s->underlay.attachment, DROP_NOMEM);
	return NO_DROP;
}

// ---- frames -----------------------------------------------------------------------------------

static enum drop_reason ipv4_receive(struct slowpath *s, struct frame *f)
{
	int error = ipv4_parse(f->data, f->len, &f->ip);

	if (error != 0)
		return error == -EBADMSG ? DROP_IP4_CSUM : DROP_IP4_MALFORMED;
	bool to_us = f->ip.destination == s->underlay.address;
	if (f->ip.fragment)
		return DROP_UNDERLAY_OTHER;
	if (f->ip.protocol == IP_PROTOCOL_IGMP && (to_us || ipv4_is_multicast(f->ip.destination))) {
		membership_query(s, f->data + f->ip.header_len, f->ip.total_len - f->ip.header_len);
		return NO_DROP;
	}
	if (f->ip.protocol == IP_PROTOCOL_ICMP && to_us)
		return icmp_receive(s, f);
	return DROP_UNDERLAY_OTHER;
}

enum drop_reason host_receive(struct slowpath *s, struct frame *f)
{
	if (!s->underlay.present)
		return DROP_UNDERLAY_OTHER;
	if (s->kernel != NULL)
		return NO_DROP; // a copy: the kernel has it as well, and answers
	if (f->type == ETHER_TYPE_ARP)
		return arp_receive(s, f->data, f->len);
	if (f->type == ETHER_TYPE_IPV4)
		return ipv4_receive(s, f);
	return DROP_UNDERLAY_OTHER;
}
