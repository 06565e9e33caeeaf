// SPDX-License-Identifier: BSD-3-Clause
// The metadata service: what clients of a network send to 169.254.169.254 port 80 goes to the
// device of its backend, and back. The device belongs to one service port, or to one router, so
// that who listens behind it knows the network; packets keep their addresses, so that it knows the
// client. Control alone sends and receives by it: no worker polls it, and no frame is switched to
// it.
//
// Behind the device (a TAP in a namespace, usually) is a host that has 169.254.169.254 and finds
// all clients on link: weft answers its ARP for every other address. Packets of the host go to
// clients that have asked before, by the port and to the MAC that they asked by.

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "net/headers.h"
#include "net/transport.h"
#include "tables/device.h"

#define BURST	       32
#define HTTP_PORT      80
#define ASK_AGAIN_NS   (1 * NS_PER_S)  // while the backend's MAC is not known
#define ASK_REGULAR_NS (30 * NS_PER_S) // it may have changed

// ---- backends ---------------------------------------------------------------------------------

static int compare_backends(const void *a, const void *b)
{
	const struct metadata_backend *x = a, *y = b;

	return x->device < y->device ? -1 : x->device > y->device;
}

static struct metadata_backend *find_backend(struct slowpath *s, struct device *device)
{
	struct metadata_backend key = {.device = device};

	return s->n_backends == 0
		       ? NULL
		       : bsearch(&key, s->backends, s->n_backends, sizeof(key), compare_backends);
}

static void waiting_drop(struct slowpath *s, struct metadata_backend *backend)
{
	if (backend->waiting != NULL)
		packet_drop(s, backend->waiting, backend->attachment, DROP_METADATA_NONE);
	backend->waiting = NULL;
}

// The device may serve several ports: those of one router.
static size_t without_repetitions(struct metadata_backend *backends, size_t n)
{
	size_t kept = 0;

	qsort(backends, n, sizeof(*backends), compare_backends);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || backends[kept - 1].device != backends[i].device)
			backends[kept++] = backends[i];
	}
	return kept;
}

void metadata_follow(struct slowpath *s)
{
	const struct services *services = s->services;
	struct metadata_backend *backends = calloc(services->n_ports + 1, sizeof(*backends));
	size_t n = 0;

	if (backends == NULL)
		abort(); // as an arena does: it is configuration
	for (size_t i = 0; i < services->n_ports; i++) {
		const struct internal_port *port = &services->ports[i];

		if (port->metadata != NULL)
			backends[n++] = (struct metadata_backend){
				.device = port->metadata, .attachment = port->attachment};
	}
	n = without_repetitions(backends, n);
	for (size_t i = 0; i < n; i++) {
		struct metadata_backend *old = find_backend(s, backends[i].device);

		if (old == NULL)
			continue;
		backends[i].mac = old->mac;
		backends[i].ask_ns = old->ask_ns;
		backends[i].waiting = old->waiting;
		old->waiting = NULL;
	}
	metadata_clear(s);
	s->backends = backends;
	s->n_backends = n;
}

void metadata_clear(struct slowpath *s)
{
	for (size_t i = 0; i < s->n_backends; i++)
		waiting_drop(s, &s->backends[i]);
	free(s->backends);
	s->backends = NULL;
	s->n_backends = 0;
}

// ---- to the backend ---------------------------------------------------------------------------

// Takes the frame.
static void backend_send(
	struct slowpath *s, struct metadata_backend *backend, struct rte_mbuf *mbuf)
{
	struct ether_wire *ether = rte_pktmbuf_mtod(mbuf, struct ether_wire *);

	ether_addr_set(ether->source, backend->device->mac);
	if (backend->device->tx_burst(backend->device, 0, &mbuf, 1) == 0)
		packet_drop(s, mbuf, backend->attachment,
			backend->device->tx_no_peer ? DROP_TX_NO_PEER : DROP_TX_FULL);
}

static void backend_send_arp(struct slowpath *s, struct metadata_backend *backend,
	const struct arp *arp, uint64_t destination)
{
	uint8_t *data;
	struct rte_mbuf *mbuf =
		packet_new(s, backend->attachment, sizeof(struct ether_wire) + ARP_LEN, &data);
	struct ether_wire *ether = (struct ether_wire *)data;

	if (mbuf == NULL)
		return;
	ether_addr_set(ether->destination, destination);
	ether->type = htons(ETHER_TYPE_ARP);
	arp_build(arp, data + sizeof(*ether));
	backend_send(s, backend, mbuf);
}

// Asks for the backend's MAC, as the client would that has something for it.
static void ask(struct slowpath *s, struct metadata_backend *backend, uint32_t client)
{
	struct arp arp = {
		.op = ARP_REQUEST,
		.sender_mac = backend->device->mac,
		.sender_ip = client,
		.target_ip = METADATA_ADDRESS,
	};

	if (s->now_ns < backend->ask_ns)
		return;
	backend->ask_ns = s->now_ns + (backend->mac == 0 ? ASK_AGAIN_NS : ASK_REGULAR_NS);
	backend_send_arp(s, backend, &arp, ETHER_BROADCAST);
}

static void waiting_send(struct slowpath *s, struct metadata_backend *backend)
{
	struct rte_mbuf *mbuf = backend->waiting;

	if (mbuf == NULL || backend->mac == 0)
		return;
	backend->waiting = NULL;
	ether_addr_set(rte_pktmbuf_mtod(mbuf, struct ether_wire *)->destination, backend->mac);
	backend_send(s, backend, mbuf);
}

static struct metadata_client *client_slot(
	struct slowpath *s, const struct device *device, uint32_t address)
{
	uint32_t hash = (address ^ (uint32_t)((uintptr_t)device >> 6)) * s->hash_multiplier;

	_Static_assert(METADATA_CLIENTS == 1 << 12, "the hash gives 12 bits");
	return &s->metadata_clients[hash >> 20];
}

void metadata_send(struct slowpath *s, const struct frame *f)
{
	struct metadata_backend *backend = find_backend(s, f->port->metadata);
	uint32_t client = f->ip.source;

	*client_slot(s, backend->device, client) = (struct metadata_client){
		.device = backend->device,
		.address = client,
		.attachment = f->port->attachment,
		.mac = f->source,
	};
	// One packet waits for the MAC: a client sends its first one again.
	waiting_drop(s, backend);
	uint8_t *data;
	backend->waiting = packet_new(
		s, backend->attachment, sizeof(struct ether_wire) + f->ip.total_len, &data);
	if (backend->waiting == NULL)
		return;
	((struct ether_wire *)data)->type = htons(ETHER_TYPE_IPV4);
	memcpy(data + sizeof(struct ether_wire), f->data, f->ip.total_len);
	ask(s, backend, client);
	waiting_send(s, backend);
}

// ---- from the backend -------------------------------------------------------------------------

static enum drop_reason arp_receive(
	struct slowpath *s, struct metadata_backend *backend, const struct frame *f)
{
	struct arp arp;

	if (arp_parse(f->data, f->len, &arp) != 0 || !mac_is_station(arp.sender_mac))
		return DROP_ARP_MALFORMED;
	if (arp.sender_ip == METADATA_ADDRESS) {
		backend->mac = arp.sender_mac;
		waiting_send(s, backend);
	}
	if (arp.op != ARP_REQUEST || arp.target_ip == METADATA_ADDRESS ||
		arp.target_ip == arp.sender_ip)
		return NO_DROP;
	struct arp reply = {
		.op = ARP_REPLY,
		.sender_mac = backend->device->mac,
		.target_mac = arp.sender_mac,
		.sender_ip = arp.target_ip,
		.target_ip = arp.sender_ip,
	};
	backend_send_arp(s, backend, &reply, arp.sender_mac);
	return NO_DROP;
}

// Goes to the client as from the port that it has asked. Takes the packet.
static enum drop_reason ipv4_receive(
	struct slowpath *s, const struct metadata_backend *backend, struct frame *f)
{
	const struct metadata_client *client;
	const struct internal_port *port;
	struct tcp tcp;

	if (ipv4_parse(f->data, f->len, &f->ip) != 0)
		return DROP_IP4_MALFORMED;
	client = client_slot(s, backend->device, f->ip.destination);
	if (client->device != backend->device || client->address != f->ip.destination ||
		f->ip.source != METADATA_ADDRESS || f->ip.fragment ||
		f->ip.protocol != IP_PROTOCOL_TCP ||
		tcp_parse(&f->ip, f->data + f->ip.header_len, &tcp) != 0 || tcp.source != HTTP_PORT)
		return DROP_SERVICE_OTHER;
	port = services_port(s->services, client->attachment);
	if (port == NULL || port->metadata != backend->device)
		return DROP_SERVICE_OTHER; // the client's network has gone since

	struct ether_wire *ether = rte_pktmbuf_mtod(f->mbuf, struct ether_wire *);
	ether_addr_set(ether->destination, client->mac);
	ether_addr_set(ether->source, port->mac);
	f->mbuf->ol_flags = 0; // what the device said was for us
	packet_inject(s, f->mbuf, port->attachment, 0);
	return NO_DROP;
}

static void backend_receive(
	struct slowpath *s, struct metadata_backend *backend, struct rte_mbuf *mbuf)
{
	struct punt from = {.mbuf = mbuf, .attachment = backend->attachment};
	enum drop_reason reason = DROP_SERVICE_OTHER;
	bool taken = false;
	struct frame f;

	if (rte_pktmbuf_linearize(mbuf) == 0 && frame_read(&f, &from)) {
		if (f.type == ETHER_TYPE_ARP) {
			reason = arp_receive(s, backend, &f);
		} else if (f.type == ETHER_TYPE_IPV4) {
			reason = ipv4_receive(s, backend, &f);
			taken = reason == NO_DROP;
		}
	}
	if (reason != NO_DROP)
		packet_drop(s, mbuf, backend->attachment, reason);
	else if (!taken)
		rte_pktmbuf_free(mbuf);
}

bool metadata_poll(struct slowpath *s)
{
	bool more = false;

	for (size_t i = 0; i < s->n_backends; i++) {
		struct metadata_backend *backend = &s->backends[i];
		struct rte_mbuf *mbufs[BURST];

		for (uint16_t q = 0; q < backend->device->n_rxq; q++) {
			uint16_t n = backend->device->rx_burst(backend->device, q, mbufs, BURST);
			for (uint16_t j = 0; j < n; j++)
				backend_receive(s, backend, mbufs[j]);
			more |= n == BURST;
		}
		if (backend->waiting != NULL && s->now_ns >= backend->ask_ns)
			waiting_drop(s, backend);
	}
	return more;
}
