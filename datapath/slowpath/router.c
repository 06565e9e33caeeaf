// SPDX-License-Identifier: BSD-3-Clause
// What workers can not finish for routers: ICMP errors about packets that end there, and what is
// sent to the router itself. The packets are as they came, so that an error quotes what its
// receiver has sent.
//
// Routes are those of the snapshot in force, which control may read at any time.

#include "slowpath/internal.h"

#include "net/headers.h"
#include "net/icmp.h"

// Of the router that an attachment belongs to; NULL: it is none of a router's.
static const struct router *router_of(const struct slowpath *s, uint16_t attachment)
{
	const struct snapshot *snapshot = s->tables->snapshot;

	if (attachment >= snapshot->n_attachments ||
		snapshot->attachments[attachment].kind != ATTACHMENT_ROUTER)
		return NULL;
	return &snapshot->routers[snapshot->attachments[attachment].router];
}

bool router_has_address(
	const struct slowpath *s, const struct internal_port *port, uint32_t address)
{
	const struct router *router = router_of(s, port->attachment);

	return router != NULL && route_find(&router->routes, address)->kind == ROUTE_TO_SELF;
}

// The router's address on the interface that a packet's sender is behind; it came in by `port`.
static uint32_t address_towards(
	const struct slowpath *s, const struct internal_port *port, uint32_t sender)
{
	const struct router *router = router_of(s, port->attachment);
	const struct route_target *target =
		router == NULL ? NULL : route_find(&router->routes, sender);
	const struct internal_port *facing = port;

	if (target != NULL && target->kind == ROUTE_TO_HOPS)
		facing = services_port(
			s->services, route_hop(&router->routes, target, 0)->interface);
	return ip_v4(&(facing == NULL ? port : facing)->addresses[0].prefix.addr);
}

// Whether an Ethernet frame was for the router alone.
static bool is_for(const struct frame *f)
{
	return f->destination == f->port->mac && mac_is_station(f->source);
}

static enum drop_reason reason_of(const struct icmp_error *error)
{
	if (error->type == ICMP_TIME_EXCEEDED)
		return DROP_RTR_TTL;
	switch (error->code) {
	case 0:
		return DROP_RTR_NO_ROUTE;
	case ICMP_CODE_FRAGMENTATION_NEEDED:
		return DROP_RTR_DF;
	default:
		return DROP_RTR_NEIGH_FAIL;
	}
}

// Tells the sender of a packet, if it may be told. Returns what the packet dies of.
static enum drop_reason send_error(
	struct slowpath *s, const struct frame *f, struct icmp_error *error)
{
	struct frame_head head = {f->port->attachment, ETHER_TYPE_IPV4, f->port->mac, f->source};
	uint8_t data[ICMP_ERROR_LEN_MAX];

	if (!is_for(f) || ipv4_parse(f->data, f->len, &(struct ipv4){0}) != 0)
		return DROP_IP4_MALFORMED;
	error->packet = f->data;
	error->packet_len = f->len;
	if (!icmp_error_allowed(error->packet, error->packet_len))
		return reason_of(error);
	const struct ipv4_wire *ip = (const struct ipv4_wire *)f->data;

	error->source = address_towards(s, f->port, ip->source);
	if (!icmp_limit_pass(s, f->port->attachment, ip->source))
		return DROP_ICMP_ERR_RATE;
	service_send(s, &head, data, (uint16_t)icmp_error_build(error, ++s->ip_id, data));
	return reason_of(error);
}

// The fabric has no address of its own: the error comes from where the packet goes to. A router
// that has sent it takes it back, to whoever it had it from.
static enum drop_reason path_error(
	struct slowpath *s, const struct punt *punt, const struct frame *f)
{
	struct frame_head head = {
		.attachment = punt->attachment,
		.type = ETHER_TYPE_IPV4,
		.source = f->destination,
		.destination = f->source,
		.to_router = router_of(s, punt->attachment) != NULL,
	};
	const struct ipv4_wire *ip = (const struct ipv4_wire *)f->data;
	struct icmp_error error = {
		.type = (uint8_t)(punt->icmp >> 24),
		.code = (uint8_t)(punt->icmp >> 16),
		.mtu = (uint16_t)punt->icmp,
		.packet = f->data,
		.packet_len = f->len,
	};
	uint8_t data[ICMP_ERROR_LEN_MAX];

	if (f->type != ETHER_TYPE_IPV4 || ipv4_parse(f->data, f->len, &(struct ipv4){0}) != 0 ||
		!mac_is_station(f->destination) || !icmp_error_allowed(f->data, f->len) ||
		!icmp_limit_pass(s, punt->attachment, ip->source))
		return DROP_VXLAN_PMTU;
	error.source = ip->destination;
	service_send(s, &head, data, (uint16_t)icmp_error_build(&error, ++s->ip_id, data));
	return DROP_VXLAN_PMTU;
}

enum drop_reason router_error(struct slowpath *s, const struct punt *punt, struct frame *f)
{
	struct icmp_error error = {
		.type = (uint8_t)(punt->icmp >> 24),
		.code = (uint8_t)(punt->icmp >> 16),
		.mtu = (uint16_t)punt->icmp,
	};

	if (punt->local == 0)
		return path_error(s, punt, f);
	f->port = s->services == NULL ? NULL : services_port(s->services, punt->local);
	if (f->port == NULL)
		return DROP_PORT_DOWN; // left while the packet was on its way
	return send_error(s, f, &error);
}

void router_unreachable(struct slowpath *s, const struct punt *punt)
{
	struct icmp_error error = {.type = ICMP_UNREACHABLE, .code = ICMP_CODE_HOST_UNREACHABLE};
	enum drop_reason reason = DROP_PORT_DOWN;
	struct frame f;

	if (frame_read(&f, punt)) {
		f.port = s->services == NULL ? NULL : services_port(s->services, punt->local);
		if (f.port != NULL)
			reason = send_error(s, &f, &error);
	}
	packet_drop(s, punt->mbuf, punt->attachment, reason);
}
