// SPDX-License-Identifier: BSD-3-Clause
// The metadata service: what clients of a network send to 169.254.169.254 port 80 goes to the
// device of its backend, and back. The device belongs to one service port, so that who listens
// behind it knows the network; packets keep their addresses, so that it knows the client. Control
// alone sends and receives by it: no worker polls it, and no frame is switched to it.
//
// Behind the device (a TAP in a namespace, usually) is a host that has 169.254.169.254 and finds
// all clients on link: weft answers its ARP for every other address, as the service port.

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

static int compare_backend(const void *key, const void *element)
{
	const struct metadata_backend *backend = element;

	return (int)*(const uint16_t *)key - backend->attachment;
}

static struct metadata_backend *backend_of(struct slowpath *s, uint16_t attachment)
{
	return s->n_backends == 0 ? NULL
				  : bsearch(&attachment, s->backends, s->n_backends,
					    sizeof(*s->backends), compare_backend);
}

static void waiting_drop(struct slowpath *s, struct metadata_backend *backend)
{
	if (backend->waiting != NULL)
		packet_drop(s, backend->waiting, backend->attachment, DROP_METADATA_NONE);
	backend->waiting = NULL;
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
		struct metadata_backend *old = backend_of(s, port->attachment);

		if (port->metadata == NULL)
			continue;
		if (old != NULL && old->device == port->metadata) {
			backends[n] = *old;
			old->waiting = NULL;
		}
		backends[n].attachment = port->attachment;
		backends[n].port = port;
		backends[n++].device = port->metadata;
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

	ether_addr_set(ether->source, backend->port->mac);
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
		.sender_mac = backend->port->mac,
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

static struct metadata_client *client_slot(struct slowpath *s, uint16_t network, uint32_t address)
{
	_Static_assert(METADATA_CLIENTS == 1 << 12, "the hash gives 12 bits");
	return &s->metadata_clients[((address ^ network) * s->hash_multiplier) >> 20];
}

void metadata_send(struct slowpath *s, const struct frame *f)
{
	struct metadata_backend *backend = backend_of(s, f->port->attachment);
	uint32_t client = f->ip.source;

	*client_slot(s, f->network->id, client) =
		(struct metadata_client){f->network->id, client, f->source};
	// One packet waits for the MAC: a client sends its first one again.
	waiting_drop(s, backend);
	backend->waiting = rte_pktmbuf_copy(f->mbuf, s->tables->pool, 0, UINT32_MAX);
	if (backend->waiting == NULL) {
		packet_drop(s, NULL, backend->attachment, DROP_NOMEM);
		return;
	}
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
		.sender_mac = backend->port->mac,
		.target_mac = arp.sender_mac,
		.sender_ip = arp.target_ip,
		.target_ip = arp.sender_ip,
	};
	backend_send_arp(s, backend, &reply, arp.sender_mac);
	return NO_DROP;
}

// The station that has the address on the network, 0: it has not asked for anything.
static uint64_t client_mac(struct slowpath *s, const struct internal_port *port, uint32_t address)
{
	const struct metadata_client *client = client_slot(s, port->network->id, address);
	struct ip_addr ip = ip_from_v4(address);
	const struct service_owner *owner = service_owner_of(port->network, &ip);

	if (client->network == port->network->id && client->address == address)
		return client->mac;
	return owner != NULL && owner->host != NULL ? owner->host->mac : 0;
}

// Goes to the client as from the service port. Takes the packet.
static enum drop_reason ipv4_receive(
	struct slowpath *s, struct metadata_backend *backend, struct frame *f)
{
	const struct internal_port *port = backend->port;
	struct tcp tcp;

	if (ipv4_parse(f->data, f->len, &f->ip) != 0)
		return DROP_IP4_MALFORMED;
	uint64_t client = client_mac(s, port, f->ip.destination);
	if (client == 0 || f->ip.source != METADATA_ADDRESS || f->ip.fragment ||
		f->ip.protocol != IP_PROTOCOL_TCP ||
		tcp_parse(&f->ip, f->data + f->ip.header_len, &tcp) != 0 || tcp.source != HTTP_PORT)
		return DROP_SERVICE_OTHER;

	struct ether_wire *ether = rte_pktmbuf_mtod(f->mbuf, struct ether_wire *);
	ether_addr_set(ether->destination, client);
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
