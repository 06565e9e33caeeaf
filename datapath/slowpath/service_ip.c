// SPDX-License-Identifier: BSD-3-Clause
// The IPv4 host stack of service ports: DHCP, names, metadata, ping. What else is sent to one of
// their addresses is refused as a Linux host would refuse it: a datagram by an ICMP error, a
// connection by a reset.

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/dns.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "net/transport.h"

#define TTL	  64
#define HTTP_PORT 80

static const uint8_t *payload_of(const struct frame *f)
{
	return f->data + f->ip.header_len;
}

static uint16_t payload_len(const struct frame *f)
{
	return f->ip.total_len - f->ip.header_len;
}

// The header of an answer, from the address that was asked.
static struct ipv4_fields answer_fields(struct slowpath *s, const struct frame *f, uint8_t protocol)
{
	return (struct ipv4_fields){
		.ttl = TTL,
		.protocol = protocol,
		.id = ++s->ip_id,
		.source = f->ip.destination,
		.destination = f->ip.source,
	};
}

// ---- refusals ---------------------------------------------------------------------------------

static enum drop_reason unreachable(struct slowpath *s, const struct frame *f, uint8_t code)
{
	struct icmp_error error = {
		.type = ICMP_UNREACHABLE,
		.code = code,
		.source = f->ip.destination,
		.packet = f->data,
		.packet_len = f->ip.total_len,
	};
	struct frame_head head = {f->port->attachment, ETHER_TYPE_IPV4, f->port->mac, f->source};
	uint8_t data[ICMP_ERROR_LEN_MAX];

	if (!icmp_error_allowed(f->data, f->ip.total_len))
		return DROP_SERVICE_OTHER;
	if (!icmp_limit_pass(s, f->port->attachment, f->ip.source))
		return DROP_ICMP_ERR_RATE;
	size_t len = icmp_error_build(&error, ++s->ip_id, data);
	service_send(s, &head, data, (uint16_t)len);
	return NO_DROP;
}

static enum drop_reason reset(struct slowpath *s, const struct frame *f, const struct tcp *tcp)
{
	struct ipv4_fields fields = answer_fields(s, f, IP_PROTOCOL_TCP);
	uint8_t segment[TCP_HEADER_LEN];

	if (tcp->flags & TCP_RST)
		return DROP_SERVICE_OTHER;
	fields.tos = f->ip.tos & 0xfc; // without ECN
	fields.payload_len = TCP_HEADER_LEN;
	fields.df = true;
	tcp_reset_build(&fields, tcp, segment);
	service_answer_ipv4(s, f, &fields, segment);
	return NO_DROP;
}

// ---- services ---------------------------------------------------------------------------------

// Names are for stations on the port's own subnets, as with dnsmasq's --local-service.
static bool is_local(const struct frame *f)
{
	struct ip_addr source = ip_from_v4(f->ip.source);

	for (size_t i = 0; i < f->port->n_addresses; i++) {
		if (ip_prefix_contains(&f->port->addresses[i].prefix, &source))
			return true;
	}
	return false;
}

static enum drop_reason dns_receive(
	struct slowpath *s, const struct frame *f, const struct udp *udp)
{
	struct dns_zone zone = service_zone(f->network);
	struct ipv4_fields fields = answer_fields(s, f, IP_PROTOCOL_UDP);
	uint8_t answer[UDP_HEADER_LEN + DNS_ANSWER_MAX];
	struct udp reply = {.source = udp->destination, .destination = udp->source};

	if (!is_local(f))
		return DROP_SERVICE_OTHER;
	reply.len = (uint16_t)dns_answer(
		&zone, udp->data, udp->len, answer + UDP_HEADER_LEN, DNS_ANSWER_MAX);
	if (reply.len == 0)
		return DROP_SERVICE_OTHER;
	udp_build(&fields, &reply, answer);
	fields.payload_len = UDP_HEADER_LEN + reply.len;
	service_answer_ipv4(s, f, &fields, answer);
	return NO_DROP;
}

// ---- protocols --------------------------------------------------------------------------------

static enum drop_reason icmp_receive(struct slowpath *s, const struct frame *f)
{
	struct icmp icmp;

	if (icmp_parse(payload_of(f), payload_len(f), &icmp) != 0 || icmp.type != ICMP_ECHO_REQUEST)
		return DROP_SERVICE_OTHER;
	struct ipv4_fields fields = echo_answer(s, f);
	service_answer_ipv4(s, f, &fields, payload_of(f));
	return NO_DROP;
}

static enum drop_reason udp_receive(struct slowpath *s, const struct frame *f)
{
	struct udp udp;

	if (udp_parse(&f->ip, payload_of(f), &udp) != 0)
		return DROP_SERVICE_OTHER;
	if (udp.destination == DNS_PORT && f->port->kind == INTERNAL_SERVICE)
		return dns_receive(s, f, &udp);
	return unreachable(s, f, ICMP_CODE_PORT_UNREACHABLE);
}

static enum drop_reason tcp_receive(struct slowpath *s, const struct frame *f)
{
	struct tcp tcp;

	if (tcp_parse(&f->ip, payload_of(f), &tcp) != 0)
		return DROP_SERVICE_OTHER;
	if (tcp.destination != HTTP_PORT || f->ip.destination != METADATA_ADDRESS ||
		f->port->metadata == NULL)
		return reset(s, f, &tcp);
	metadata_send(s, f);
	return NO_DROP;
}

// A client that has no address yet sends to everybody: DHCP comes before any look at addresses. Its
// codec judges the datagram, and takes no fragments.
static bool is_dhcp(const struct frame *f)
{
	const struct udp_wire *udp = (const struct udp_wire *)payload_of(f);

	return f->ip.protocol == IP_PROTOCOL_UDP && f->ip.start == 0 &&
	       payload_len(f) >= sizeof(*udp) && udp->destination == htons(DHCP_SERVER_PORT);
}

// A packet for one address of the port, from a station that can be answered.
static bool is_answerable(const struct slowpath *s, const struct frame *f)
{
	struct ip_addr to = ip_from_v4(f->ip.destination);
	const struct service_owner *owner = service_owner_of(f->network, &to);

	bool is_own = (owner != NULL && owner->internal == f->port) ||
		      router_has_address(s, f->port, f->ip.destination) ||
		      (f->port->kind == INTERNAL_ROUTER && f->port->metadata != NULL &&
			      f->ip.destination == METADATA_ADDRESS);

	return is_own && f->destination == f->port->mac && mac_is_station(f->source) &&
	       ipv4_is_host(f->ip.source);
}

enum drop_reason service_datagram(struct slowpath *s, const struct frame *f)
{
	switch (f->ip.protocol) {
	case IP_PROTOCOL_ICMP:
		return icmp_receive(s, f);
	case IP_PROTOCOL_UDP:
		return udp_receive(s, f);
	case IP_PROTOCOL_TCP:
		return tcp_receive(s, f);
	default:
		return unreachable(s, f, ICMP_CODE_PROTOCOL_UNREACHABLE);
	}
}

enum drop_reason service_ipv4(struct slowpath *s, struct frame *f)
{
	int error = ipv4_parse(f->data, f->len, &f->ip);

	if (error != 0)
		return error == -EBADMSG ? DROP_IP4_CSUM : DROP_IP4_MALFORMED;
	if (is_dhcp(f) && f->network->dhcp != NULL && f->port->kind == INTERNAL_SERVICE)
		return service_dhcp(s, f);
	if (!is_answerable(s, f))
		return DROP_SERVICE_OTHER;
	return f->ip.fragment ? reassemble(s, f) : service_datagram(s, f);
}
