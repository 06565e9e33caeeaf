// SPDX-License-Identifier: BSD-3-Clause
// Packets that workers punted to weft's own ports on the networks, or because the owner of an
// address is known. What comes in by a network is judged by that network only.
//
// Answers go out as sent by the port that owns the source address, so that they meet the ingress
// chain of whoever receives them.

#include "slowpath/internal.h"

#include <errno.h>
#include <string.h>

#include "net/headers.h"

void slowpath_set_services(struct slowpath *s, struct services *services)
{
	struct services *old = s->services;

	s->now_ns = clock_now_ns();
	s->services = services;
	announce_follow(s);
	metadata_follow(s);
	router_follow(s);
	reassembly_follow(s);
	service_leases_follow(s);
	services_free(old);
}

const struct services *slowpath_services(const struct slowpath *s)
{
	return s->services;
}

int slowpath_open_leases(struct slowpath *s, const char *directory)
{
	struct leases *leases = leases_open(directory);

	if (leases == NULL)
		return -errno;
	leases_close(s->leases);
	s->leases = leases;
	return 0;
}

const struct leases *slowpath_leases(const struct slowpath *s)
{
	return s->leases;
}

void service_send(struct slowpath *s, const struct frame_head *head, const void *data, uint16_t len)
{
	uint8_t *room;
	struct rte_mbuf *mbuf = packet_new(s, head->attachment, len, &room);

	if (mbuf == NULL)
		return;
	memcpy(room, data, len);
	frame_send(s, mbuf, head);
}

void service_answer(
	struct slowpath *s, const struct frame *f, struct rte_mbuf *mbuf, uint16_t ether_type)
{
	struct frame_head head = {f->port->attachment, ether_type, f->port->mac, f->source};

	frame_send(s, mbuf, &head);
}

void service_answer_ipv4(struct slowpath *s, const struct frame *f,
	const struct ipv4_fields *fields, const void *payload)
{
	uint16_t attachment = f->port->attachment;
	uint16_t mtu = s->tables->snapshot->networks[f->network->id].mtu;
	uint16_t room = mtu - sizeof(struct ipv4_wire);
	struct ipv4_fields part = *fields;
	uint16_t left = fields->payload_len;
	const uint8_t *from = payload;
	uint8_t *to;

	for (; left != 0; from += part.payload_len, left -= part.payload_len) {
		uint16_t start = fields->payload_len - left;
		bool more = left > room;

		part.payload_len = more ? room & ~7 : left;
		part.fragment = (more ? IPV4_MF : 0) | start / 8;
		struct rte_mbuf *mbuf = packet_new(s, attachment, part.payload_len, &to);
		if (mbuf == NULL)
			continue;
		memcpy(to, from, part.payload_len);
		if (ipv4_prepend(mbuf, &part))
			service_answer(s, f, mbuf, ETHER_TYPE_IPV4);
		else
			packet_drop(s, mbuf, attachment, DROP_NOMEM);
	}
}

enum drop_reason service_receive(struct slowpath *s, const struct punt *punt, struct frame *f)
{
	f->network = s->services == NULL ? NULL : services_network(s->services, punt->network);
	f->port = s->services == NULL ? NULL : services_port(s->services, punt->local);
	if (f->network == NULL || (punt->local != 0 && f->port == NULL))
		return DROP_PORT_DOWN; // left while the packet was on its way
	if (f->type == ETHER_TYPE_ARP)
		return service_arp(s, f);
	if (f->type == ETHER_TYPE_IPV6)
		return service_nd(s, f);
	if (f->type == ETHER_TYPE_IPV4 && f->port != NULL)
		return service_ipv4(s, f);
	return DROP_SERVICE_OTHER;
}
