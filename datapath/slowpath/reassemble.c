// SPDX-License-Identifier: BSD-3-Clause
// Fragments to an address of a service port or a router become the datagram again that they were.
// Control thread only.
//
// Their bytes are copied, so that they hold no buffers of the pool: a fragment that waits is gone
// for the ledger, and is counted originated and dropped if its datagram never becomes whole. Whose
// fragments overlap stays known until its time is over, so that what follows dies of that too.
//
// Nobody can make this cost more than DATAGRAMS_MAX datagrams and 30 s, nor take all of them: the
// oldest goes out, first of the source that has too many, then of the attachment.
//
// Drops: frag_overlap, frag_full, frag_timeout, ip4_malformed, nomem, port_down, those of
// service_datagram().

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"

#define DATAGRAMS_MAX	  60
#define OF_ATTACHMENT_MAX 20 // that came in by one attachment
#define OF_SOURCE_MAX	  8  // and from one address there
#define PIECES_MAX	  64
#define TIMEOUT_NS	  (30 * NS_PER_S)
#define HEADER_MAX	  60

struct piece {
	uint16_t start;
	uint16_t end;
};

struct datagram {
	TAILQ_ENTRY(datagram) link; // in slowpath->datagrams
	uint16_t in;		    // attachment
	uint16_t port;		    // that it is for: attachment
	uint16_t network;
	uint16_t id;
	uint8_t protocol;
	uint8_t header_len; // of the first fragment; 0: not seen yet
	bool dead;	    // its fragments overlap
	uint32_t source;
	uint32_t destination;
	uint64_t mac; // sender of the first fragment to come
	uint64_t deadline_ns;
	uint16_t len; // of the payload; 0: the last fragment was not seen yet
	uint16_t n_bytes;
	uint8_t n_pieces;
	struct piece pieces[PIECES_MAX];
	uint8_t bytes[HEADER_MAX + UINT16_MAX]; // header, which ends where the payload begins
};

_Static_assert(DATAGRAMS_MAX * sizeof(struct datagram) <= 4 << 20, "the memory of a node");

static uint8_t *packet_of(struct datagram *d)
{
	return d->bytes + HEADER_MAX - d->header_len;
}

static void forget(struct slowpath *s, struct datagram *d)
{
	TAILQ_REMOVE(&s->datagrams, d, link);
	s->n_datagrams--;
	free(d);
}

static void drop_pieces(struct slowpath *s, struct datagram *d, enum drop_reason reason)
{
	for (; d->n_pieces != 0; d->n_pieces--)
		packet_drop(s, NULL, d->in, reason);
}

static void give_up(struct slowpath *s, struct datagram *d, enum drop_reason reason)
{
	drop_pieces(s, d, reason);
	forget(s, d);
}

// ---- which datagram ---------------------------------------------------------------------------

static struct datagram *find(struct slowpath *s, const struct frame *f)
{
	struct datagram *d;

	TAILQ_FOREACH (d, &s->datagrams, link) {
		if (d->in == f->in && d->port == f->port->attachment && d->id == f->ip.id &&
			d->protocol == f->ip.protocol && d->source == f->ip.source &&
			d->destination == f->ip.destination)
			return d;
	}
	return NULL;
}

// The oldest one from where a fragment came in, if there are `most` of them already. `of_source`:
// of those from the same address.
static struct datagram *oldest_of(
	struct slowpath *s, const struct frame *f, bool of_source, unsigned most)
{
	struct datagram *d, *oldest = NULL;
	unsigned n = 0;

	TAILQ_FOREACH (d, &s->datagrams, link) {
		if (d->in != f->in || (of_source && d->source != f->ip.source))
			continue;
		if (oldest == NULL)
			oldest = d;
		n++;
	}
	return n >= most ? oldest : NULL;
}

static void make_room(struct slowpath *s, const struct frame *f)
{
	struct datagram *d = oldest_of(s, f, true, OF_SOURCE_MAX);

	if (d == NULL)
		d = oldest_of(s, f, false, OF_ATTACHMENT_MAX);
	if (d == NULL && s->n_datagrams == DATAGRAMS_MAX)
		d = TAILQ_FIRST(&s->datagrams);
	if (d != NULL)
		give_up(s, d, DROP_FRAG_FULL);
}

static struct datagram *begin(struct slowpath *s, const struct frame *f)
{
	make_room(s, f);
	struct datagram *d = malloc(sizeof(*d));

	if (d == NULL)
		return NULL;
	memset(d, 0, offsetof(struct datagram, pieces));
	d->in = f->in;
	d->port = f->port->attachment;
	d->network = f->network->id;
	d->id = f->ip.id;
	d->protocol = f->ip.protocol;
	d->source = f->ip.source;
	d->destination = f->ip.destination;
	d->mac = f->source;
	d->deadline_ns = s->now_ns + TIMEOUT_NS;
	TAILQ_INSERT_TAIL(&s->datagrams, d, link);
	s->n_datagrams++;
	return d;
}

// ---- its pieces -------------------------------------------------------------------------------

static unsigned payload_len(const struct frame *f)
{
	return f->ip.total_len - f->ip.header_len;
}

// Whether it can be part of a datagram at all.
static bool is_sound(const struct frame *f)
{
	unsigned len = payload_len(f);

	return len != 0 && (!f->ip.more || len % 8 == 0) &&
	       f->ip.header_len + f->ip.start + len <= UINT16_MAX;
}

// Whether it contradicts what has come: bytes twice, or behind the end.
static bool overlaps(const struct datagram *d, const struct frame *f)
{
	unsigned start = f->ip.start, end = start + payload_len(f);

	if (d->len != 0 && (end > d->len || !f->ip.more))
		return true;
	for (unsigned i = 0; i < d->n_pieces; i++) {
		const struct piece *piece = &d->pieces[i];

		if ((start < piece->end && piece->start < end) || (!f->ip.more && piece->end > end))
			return true;
	}
	return false;
}

static void add(struct datagram *d, const struct frame *f)
{
	uint16_t start = f->ip.start, len = (uint16_t)payload_len(f);

	if (start == 0) {
		d->header_len = f->ip.header_len;
		memcpy(packet_of(d), f->data, d->header_len);
	}
	if (!f->ip.more)
		d->len = start + len;
	memcpy(d->bytes + HEADER_MAX + start, f->data + f->ip.header_len, len);
	d->pieces[d->n_pieces++] = (struct piece){start, start + len};
	d->n_bytes += len;
}

// ---- the end ----------------------------------------------------------------------------------

// It is whole with the fragment that has come last, which is still the caller's.
static enum drop_reason finish(struct slowpath *s, struct datagram *d, const struct frame *last)
{
	struct ipv4_wire *ip = (struct ipv4_wire *)packet_of(d);
	enum drop_reason reason = DROP_IP4_MALFORMED;
	struct frame f = *last;

	d->n_pieces--;
	if (d->header_len + d->len <= UINT16_MAX) {
		f.data = packet_of(d);
		f.len = d->header_len + d->len;
		ip->total_len = htons(f.len);
		ip->fragment = 0;
		ip->checksum = 0;
		ip->checksum = checksum_of(ip, d->header_len);
		if (ipv4_parse(f.data, f.len, &f.ip) == 0)
			reason = service_datagram(s, &f);
	}
	if (reason != NO_DROP)
		drop_pieces(s, d, reason);
	forget(s, d);
	return reason;
}

// As Linux does: the sender is shown the first fragment.
static void tell_sender(struct slowpath *s, struct datagram *d)
{
	const struct internal_port *port = services_port(s->services, d->port);
	const struct ipv4_wire *first = (const struct ipv4_wire *)packet_of(d);
	struct icmp_error error = {
		.type = ICMP_TIME_EXCEEDED,
		.code = ICMP_CODE_REASSEMBLY_EXCEEDED,
		.source = d->destination,
		.packet = first,
		.packet_len = ntohs(first->total_len),
	};
	struct frame_head head = {d->port, ETHER_TYPE_IPV4, port->mac, d->mac};
	uint8_t data[ICMP_ERROR_LEN_MAX];

	if (icmp_error_allowed(error.packet, error.packet_len) &&
		icmp_limit_pass(s, d->port, d->source))
		service_send(s, &head, data, (uint16_t)icmp_error_build(&error, ++s->ip_id, data));
}

enum drop_reason reassemble(struct slowpath *s, const struct frame *f)
{
	if (!is_sound(f))
		return DROP_IP4_MALFORMED;
	struct datagram *d = find(s, f);

	if (d == NULL)
		d = begin(s, f);
	if (d == NULL)
		return DROP_NOMEM;
	if (d->dead || overlaps(d, f)) {
		d->dead = true;
		drop_pieces(s, d, DROP_FRAG_OVERLAP);
		return DROP_FRAG_OVERLAP;
	}
	if (d->n_pieces == PIECES_MAX)
		return DROP_FRAG_FULL;
	add(d, f);
	return d->n_bytes == d->len ? finish(s, d, f) : NO_DROP;
}

void reassembly_poll(struct slowpath *s)
{
	struct datagram *d;

	while ((d = TAILQ_FIRST(&s->datagrams)) != NULL && d->deadline_ns <= s->now_ns) {
		if (d->header_len != 0 && !d->dead)
			tell_sender(s, d);
		give_up(s, d, DROP_FRAG_TIMEOUT);
	}
}

// Whether it came in by, or is for, what is not there any more.
static bool is_gone(const struct slowpath *s, const struct datagram *d)
{
	const struct internal_port *port = services_port(s->services, d->port);
	const struct snapshot *snapshot = s->tables->snapshot;

	return port == NULL || port->network->id != d->network ||
	       d->in >= snapshot->n_attachments ||
	       snapshot->attachments[d->in].network != d->network;
}

void reassembly_follow(struct slowpath *s)
{
	struct datagram *d = TAILQ_FIRST(&s->datagrams), *next;

	for (; d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (is_gone(s, d))
			give_up(s, d, DROP_PORT_DOWN);
	}
}

void reassembly_clear(struct slowpath *s)
{
	while (!TAILQ_EMPTY(&s->datagrams))
		give_up(s, TAILQ_FIRST(&s->datagrams), DROP_PORT_DOWN);
}
