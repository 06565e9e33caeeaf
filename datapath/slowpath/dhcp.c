// SPDX-License-Identifier: BSD-3-Clause
// Reads the frame, decides by the kind of message, writes the reply. What the table of options
// holds is written in its order, so that a reply that is too long loses the last ones.

#include "slowpath/dhcp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/ipv4.h"

#define REPLY_TTL    64
#define REPLY_TOS    0xc0
#define L3_LEN_MIN   576 // every client takes this much
#define HEADERS_LEN  (sizeof(struct ipv4_wire) + sizeof(struct udp_wire))
#define LEASE_ALWAYS UINT32_MAX

#define METADATA_ADDRESS htonl(0xa9fea9fe) // 169.254.169.254

// The query with what was read from it.
struct exchange {
	const struct dhcp_query *query;
	struct dhcp dhcp;
	struct dhcp_outcome *outcome;
	const struct dhcp_reservation *wanted; // the one the client speaks of, or NULL
	const struct dhcp_reservation *first;  // what it gets when it speaks of none, or NULL
};

// ---- what was received ------------------------------------------------------------------------

static uint32_t subnet_mask(const struct dhcp_subnet *subnet)
{
	return subnet->prefix_len == 0 ? 0 : htonl(UINT32_MAX << (32 - subnet->prefix_len));
}

static uint32_t subnet_broadcast(const struct dhcp_subnet *subnet)
{
	return subnet->network | ~subnet_mask(subnet);
}

static bool is_for_us(const struct dhcp_service *service, uint32_t destination)
{
	if (destination == INADDR_BROADCAST)
		return true;
	for (size_t i = 0; i < service->n_subnets; i++) {
		const struct dhcp_subnet *subnet = &service->subnets[i];

		if (subnet->dhcp &&
			(destination == subnet->server || destination == subnet_broadcast(subnet)))
			return true;
	}
	return false;
}

static bool udp_checksum_right(const struct ipv4 *ip, const struct udp_wire *udp, size_t len)
{
	uint32_t pseudo[3] = {ip->source, ip->destination,
		htonl((uint32_t)IP_PROTOCOL_UDP << 16 | (uint32_t)len)};

	return udp->checksum == 0 ||
	       checksum_fold(checksum_add(checksum_add(0, pseudo, sizeof(pseudo)), udp, len)) ==
		       0xffff;
}

// Reads the frame down to the message. False: it is none that a server takes.
static bool read_frame(const struct dhcp_query *query, struct dhcp *dhcp)
{
	const struct ether_wire *ether = query->frame;
	const uint8_t *packet = (const uint8_t *)(ether + 1);
	struct ipv4 ip;

	if (query->len < sizeof(*ether) || ether->type != htons(ETHER_TYPE_IPV4) ||
		ipv4_parse(packet, query->len - sizeof(*ether), &ip) != 0)
		return false;
	if (ip.fragment || ip.protocol != IP_PROTOCOL_UDP ||
		!is_for_us(query->service, ip.destination))
		return false;

	const struct udp_wire *udp = (const struct udp_wire *)(packet + ip.header_len);
	size_t room = ip.total_len - ip.header_len;
	if (room < sizeof(*udp))
		return false;
	size_t len = ntohs(udp->len);
	if (len < sizeof(*udp) || len > room || udp->source != htons(DHCP_CLIENT_PORT) ||
		udp->destination != htons(DHCP_SERVER_PORT) || !udp_checksum_right(&ip, udp, len))
		return false;
	return dhcp_parse(udp + 1, len - sizeof(*udp), dhcp) == 0;
}

static bool is_server(const struct dhcp_service *service, uint32_t address)
{
	for (size_t i = 0; i < service->n_subnets; i++) {
		if (service->subnets[i].dhcp && service->subnets[i].server == address)
			return true;
	}
	return false;
}

static const struct dhcp_subnet *subnet_of(const struct dhcp_service *service, uint32_t address)
{
	for (size_t i = 0; i < service->n_subnets; i++) {
		const struct dhcp_subnet *subnet = &service->subnets[i];

		if (subnet->dhcp && (address & subnet_mask(subnet)) == subnet->network)
			return subnet;
	}
	return NULL;
}

static const struct dhcp_reservation *find_reservation(
	const struct dhcp_host *host, uint32_t address)
{
	for (size_t i = 0; host != NULL && i < host->n_reservations; i++) {
		if (host->reservations[i].address == address)
			return &host->reservations[i];
	}
	return NULL;
}

// ---- options ----------------------------------------------------------------------------------

#define VALUE_MAX 512 // of the routes; all others are much shorter

// One reply while its options are written.
struct reply {
	const struct exchange *exchange;
	const struct dhcp_subnet *subnet;
	uint32_t address; // yiaddr; of an INFORM what the client has
	uint32_t lease_s; // 0: the reply has no lease
	struct dhcp_writer writer;
	size_t limit; // bytes for the message; only options that are never left out go past it
	bool full;    // an option was left out, so all that follow are
};

char *dhcp_host_name(const struct dhcp_host *host, uint32_t address, char text[DHCP_NAME_MAX])
{
	const uint8_t *octets = (const uint8_t *)&address;

	if (host != NULL && host->name != NULL)
		snprintf(text, DHCP_NAME_MAX, "%s", host->name);
	else
		snprintf(text, DHCP_NAME_MAX, "host-%u-%u-%u-%u", octets[0], octets[1], octets[2],
			octets[3]);
	return text;
}

// A configured option of these codes would contradict the exchange itself.
static bool is_fixed(uint8_t code)
{
	return code == DHCP_OPTION_PAD || code == DHCP_OPTION_END ||
	       (code >= DHCP_OPTION_REQUESTED_IP && code <= DHCP_OPTION_MAX_SIZE);
}

static const struct dhcp_extra *find_extra(const struct reply *reply, uint8_t code)
{
	const struct dhcp_host *host = reply->exchange->query->host;

	for (size_t i = 0; host != NULL && i < host->n_extras; i++) {
		if (host->extras[i].code == code && !is_fixed(code))
			return &host->extras[i];
	}
	return NULL;
}

enum presence {
	PRESENCE_WANTED, // if the client asks for it
	PRESENCE_ALWAYS,
};

enum weight {
	WEIGHT_DROP, // left out when the reply is too long
	WEIGHT_KEEP,
};

struct option_row {
	uint8_t code;
	enum presence presence;
	enum weight weight;
	// Writes the value, at most VALUE_MAX bytes; returns its length, 0: there is none.
	size_t (*value)(const struct reply *reply, uint8_t *data);
};

static void put(
	struct reply *reply, uint8_t code, enum weight weight, const void *value, size_t len)
{
	struct dhcp_writer *writer = &reply->writer;
	bool fits = writer->len + dhcp_option_size(len) + 1 <= reply->limit;

	if (weight == WEIGHT_DROP && (reply->full || !fits))
		reply->full = true;
	else
		dhcp_write_option(writer, code, value, len);
}

static size_t put_u32(uint8_t *data, uint32_t value)
{
	value = htonl(value);
	memcpy(data, &value, sizeof(value));
	return sizeof(value);
}

static size_t put_address(uint8_t *data, uint32_t address)
{
	memcpy(data, &address, sizeof(address));
	return sizeof(address);
}

static size_t lease_value(const struct reply *reply, uint8_t *data)
{
	return reply->lease_s == 0 ? 0 : put_u32(data, reply->lease_s);
}

// A lease that never ends is never renewed.
static bool is_renewed(const struct reply *reply)
{
	return reply->lease_s != 0 && reply->lease_s != LEASE_ALWAYS;
}

static size_t t1_value(const struct reply *reply, uint8_t *data)
{
	return is_renewed(reply) ? put_u32(data, reply->lease_s / 2) : 0;
}

static size_t t2_value(const struct reply *reply, uint8_t *data)
{
	return is_renewed(reply) ? put_u32(data, (uint32_t)(reply->lease_s * UINT64_C(7) / 8)) : 0;
}

static size_t netmask_value(const struct reply *reply, uint8_t *data)
{
	return put_address(data, subnet_mask(reply->subnet));
}

static size_t broadcast_value(const struct reply *reply, uint8_t *data)
{
	return put_address(data, subnet_broadcast(reply->subnet));
}

static size_t mtu_value(const struct reply *reply, uint8_t *data)
{
	uint16_t mtu = reply->exchange->query->service->mtu;

	data[0] = (uint8_t)(mtu >> 8);
	data[1] = (uint8_t)mtu;
	return sizeof(mtu);
}

// The next hop of the host route for 0.0.0.0/0, 0: there is none.
static uint32_t default_route(const struct dhcp_subnet *subnet)
{
	for (size_t i = 0; i < subnet->n_routes; i++) {
		if (subnet->routes[i].prefix_len == 0)
			return subnet->routes[i].next_hop;
	}
	return 0;
}

static uint32_t gateway(const struct dhcp_subnet *subnet)
{
	return subnet->gateway != 0 ? subnet->gateway : default_route(subnet);
}

static size_t router_value(const struct reply *reply, uint8_t *data)
{
	uint32_t address = gateway(reply->subnet);

	return address == 0 ? 0 : put_address(data, address);
}

static size_t dns_value(const struct reply *reply, uint8_t *data)
{
	const struct dhcp_subnet *subnet = reply->subnet;

	if (subnet->dns_none)
		return 0;
	if (subnet->n_dns == 0)
		return put_address(data, subnet->server);
	memcpy(data, subnet->dns, subnet->n_dns * sizeof(subnet->dns[0]));
	return subnet->n_dns * sizeof(subnet->dns[0]);
}

static size_t domain_value(const struct reply *reply, uint8_t *data)
{
	size_t len = reply->subnet->domain == NULL ? 0 : strlen(reply->subnet->domain);

	if (len != 0 && len < DHCP_NAME_MAX)
		memcpy(data, reply->subnet->domain, len);
	return len < DHCP_NAME_MAX ? len : 0;
}

static size_t name_value(const struct reply *reply, uint8_t *data)
{
	char text[DHCP_NAME_MAX];
	size_t len;

	if (reply->exchange->query->host == NULL)
		return 0;
	len = strlen(dhcp_host_name(reply->exchange->query->host, reply->address, text));
	memcpy(data, text, len);
	return len;
}

static size_t put_route(uint8_t *data, size_t at, const struct dhcp_route *route)
{
	return at + DHCP_ROUTE_LEN_MAX > VALUE_MAX ? at : at + dhcp_route_build(route, data + at);
}

static size_t routes_value(const struct reply *reply, uint8_t *data)
{
	const struct dhcp_service *service = reply->exchange->query->service;
	const struct dhcp_subnet *subnet = reply->subnet;
	uint32_t default_hop = gateway(subnet);
	uint32_t metadata_hop = subnet->isolated || default_hop == 0 ? subnet->server : default_hop;
	size_t at = 0;

	for (size_t i = 0; i < service->n_subnets; i++) {
		const struct dhcp_subnet *other = &service->subnets[i];
		struct dhcp_route on_link = {other->network, other->prefix_len, 0};

		if (other != subnet)
			at = put_route(data, at, &on_link);
	}
	for (size_t i = 0; i < subnet->n_routes; i++) {
		if (subnet->routes[i].prefix_len != 0)
			at = put_route(data, at, &subnet->routes[i]);
	}
	at = put_route(data, at, &(struct dhcp_route){METADATA_ADDRESS, 32, metadata_hop});
	if (default_hop != 0)
		at = put_route(data, at, &(struct dhcp_route){0, 0, default_hop});
	return at;
}

// In the order in which they are written; what is too long goes from the end.
static const struct option_row option_rows[] = {
	{DHCP_OPTION_LEASE, PRESENCE_ALWAYS, WEIGHT_KEEP, lease_value},
	{DHCP_OPTION_T1, PRESENCE_ALWAYS, WEIGHT_KEEP, t1_value},
	{DHCP_OPTION_T2, PRESENCE_ALWAYS, WEIGHT_KEEP, t2_value},
	{DHCP_OPTION_NETMASK, PRESENCE_ALWAYS, WEIGHT_KEEP, netmask_value},
	{DHCP_OPTION_MTU, PRESENCE_ALWAYS, WEIGHT_KEEP, mtu_value},
	{DHCP_OPTION_ROUTER, PRESENCE_WANTED, WEIGHT_KEEP, router_value},
	{DHCP_OPTION_ROUTES, PRESENCE_WANTED, WEIGHT_KEEP, routes_value},
	{DHCP_OPTION_BROADCAST, PRESENCE_ALWAYS, WEIGHT_DROP, broadcast_value},
	{DHCP_OPTION_DNS, PRESENCE_WANTED, WEIGHT_DROP, dns_value},
	{DHCP_OPTION_DOMAIN, PRESENCE_WANTED, WEIGHT_DROP, domain_value},
	{DHCP_OPTION_HOST_NAME, PRESENCE_WANTED, WEIGHT_DROP, name_value},
	{DHCP_OPTION_ROUTES_MS, PRESENCE_WANTED, WEIGHT_DROP, routes_value},
};

static bool in_table(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
		if (option_rows[i].code == code)
			return true;
	}
	return false;
}

static void write_row(struct reply *reply, const struct option_row *row)
{
	const struct dhcp_extra *extra = find_extra(reply, row->code);
	bool forced = row->presence == PRESENCE_ALWAYS || (extra != NULL && extra->forced);
	uint8_t data[VALUE_MAX];

	if (!forced && !dhcp_wants(&reply->exchange->dhcp, row->code))
		return;
	size_t len = extra != NULL ? extra->len : row->value(reply, data);
	if (len != 0)
		put(reply, row->code, row->weight, extra != NULL ? extra->value : data, len);
}

static void write_options(struct reply *reply)
{
	const struct dhcp_host *host = reply->exchange->query->host;

	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
		write_row(reply, &option_rows[i]);
	for (size_t i = 0; host != NULL && i < host->n_extras; i++) {
		const struct dhcp_extra *extra = &host->extras[i];

		if (extra->len != 0 && !in_table(extra->code) && !is_fixed(extra->code) &&
			(extra->forced || dhcp_wants(&reply->exchange->dhcp, extra->code)))
			put(reply, extra->code, WEIGHT_DROP, extra->value, extra->len);
	}
}

// ---- the reply --------------------------------------------------------------------------------

// Where a reply goes, and what its fixed part says.
struct addressing {
	uint8_t type;
	uint32_t yiaddr;
	uint32_t ciaddr;
	uint16_t flags;
	uint32_t destination;
	uint64_t destination_mac;
};

// Bytes of the message that the client takes.
static size_t message_limit(const struct exchange *x)
{
	size_t l3_len = x->dhcp.max_size > L3_LEN_MIN ? x->dhcp.max_size : L3_LEN_MIN;
	size_t mtu = x->query->service->mtu > L3_LEN_MIN ? x->query->service->mtu : L3_LEN_MIN;

	if (l3_len > mtu)
		l3_len = mtu;
	if (l3_len > DHCP_REPLY_MAX)
		l3_len = DHCP_REPLY_MAX;
	return l3_len - HEADERS_LEN;
}

static void start_reply(struct reply *reply, const struct addressing *to)
{
	const struct exchange *x = reply->exchange;
	uint8_t *message = x->outcome->frame + sizeof(struct ether_wire) + HEADERS_LEN;
	struct dhcp_reply fields = {
		.hops = x->dhcp.hops,
		.secs = x->dhcp.secs,
		.flags = to->flags,
		.xid = x->dhcp.xid,
		.ciaddr = to->ciaddr,
		.yiaddr = to->yiaddr,
		.siaddr = to->type == DHCP_NAK ? 0 : reply->subnet->server,
		.giaddr = x->dhcp.giaddr,
		.chaddr = x->dhcp.chaddr,
	};

	reply->limit = message_limit(x);
	dhcp_write_start(&reply->writer, message, DHCP_REPLY_MAX - HEADERS_LEN, &fields);
	dhcp_write_u8(&reply->writer, DHCP_OPTION_TYPE, to->type);
	dhcp_write_address(&reply->writer, DHCP_OPTION_SERVER, reply->subnet->server);
}

// Ends the message and puts the headers before it.
static void finish_reply(struct reply *reply, const struct addressing *to)
{
	struct dhcp_outcome *outcome = reply->exchange->outcome;
	struct ether_wire *ether = (struct ether_wire *)outcome->frame;
	uint8_t *packet = (uint8_t *)(ether + 1);
	struct udp_wire *udp = (struct udp_wire *)(packet + sizeof(struct ipv4_wire));
	size_t udp_len = sizeof(*udp) + dhcp_write_end(&reply->writer);
	struct ipv4_fields ip = {
		.tos = REPLY_TOS,
		.ttl = REPLY_TTL,
		.protocol = IP_PROTOCOL_UDP,
		.payload_len = (uint16_t)udp_len,
		.source = reply->subnet->server,
		.destination = to->destination,
	};
	uint32_t pseudo[3] = {ip.source, ip.destination,
		htonl((uint32_t)IP_PROTOCOL_UDP << 16 | (uint32_t)udp_len)};

	ether_addr_set(ether->destination, to->destination_mac);
	ether_addr_set(ether->source, reply->exchange->query->service->mac);
	ether->type = htons(ETHER_TYPE_IPV4);
	ipv4_build(&ip, packet);
	*udp = (struct udp_wire){
		.source = htons(DHCP_SERVER_PORT),
		.destination = htons(DHCP_CLIENT_PORT),
		.len = htons((uint16_t)udp_len),
	};
	uint32_t sum = checksum_add(checksum_add(0, pseudo, sizeof(pseudo)), udp, udp_len);
	uint16_t checksum = (uint16_t)~checksum_fold(sum);
	udp->checksum = checksum == 0 ? 0xffff : checksum; // 0 would say that there is none
	outcome->len = (uint16_t)(sizeof(*ether) + sizeof(struct ipv4_wire) + udp_len);
}

// To where the client can be reached: at the address it uses, at the one it is given, which it does
// not answer ARP for yet, or by broadcast if it asks for that.
static void address_reply(const struct exchange *x, struct addressing *to)
{
	bool has_address = x->dhcp.ciaddr != 0;
	bool broadcast = !has_address && (x->dhcp.flags & DHCP_FLAG_BROADCAST);

	to->flags = x->dhcp.flags;
	to->destination = broadcast ? INADDR_BROADCAST : has_address ? x->dhcp.ciaddr : to->yiaddr;
	to->destination_mac = broadcast ? ETHER_BROADCAST : x->dhcp.chaddr;
}

static uint32_t lease_time(const struct dhcp *dhcp, const struct dhcp_subnet *subnet)
{
	uint32_t wish = dhcp->lease_s > DHCP_LEASE_MIN_S ? dhcp->lease_s : DHCP_LEASE_MIN_S;

	return dhcp->lease_given && wish < subnet->lease_s ? wish : subnet->lease_s;
}

// OFFER, or ACK of a REQUEST.
static void give(struct exchange *x, uint8_t type, const struct dhcp_reservation *reservation)
{
	struct addressing to = {
		.type = type,
		.yiaddr = reservation->address,
		.ciaddr = type == DHCP_ACK ? x->dhcp.ciaddr : 0,
	};
	struct reply reply = {
		.exchange = x,
		.subnet = reservation->subnet,
		.address = reservation->address,
		.lease_s = lease_time(&x->dhcp, reservation->subnet),
	};

	address_reply(x, &to);
	start_reply(&reply, &to);
	write_options(&reply);
	finish_reply(&reply, &to);
	if (type != DHCP_ACK)
		return;
	x->outcome->event = DHCP_EVENT_LEASED;
	x->outcome->address = reservation->address;
	x->outcome->lease_s = reply.lease_s;
}

static void refuse(struct exchange *x, const char *reason)
{
	struct addressing to = {
		.type = DHCP_NAK,
		.flags = x->dhcp.flags | DHCP_FLAG_BROADCAST,
		.destination = INADDR_BROADCAST,
		.destination_mac = ETHER_BROADCAST,
	};
	struct reply reply = {.exchange = x, .subnet = x->first->subnet};

	start_reply(&reply, &to);
	dhcp_write_option(&reply.writer, DHCP_OPTION_MESSAGE, reason, strlen(reason));
	finish_reply(&reply, &to);
}

// ---- decisions --------------------------------------------------------------------------------

static bool is_held(const struct exchange *x, const struct dhcp_reservation *reservation)
{
	size_t i = (size_t)(reservation - x->query->host->reservations);

	return x->query->now_ns < x->query->held_until_ns[i];
}

static enum drop_reason discover(struct exchange *x)
{
	const struct dhcp_reservation *offer = x->wanted != NULL ? x->wanted : x->first;

	if (is_held(x, offer)) {
		x->outcome->event = DHCP_EVENT_HELD;
		x->outcome->address = offer->address;
	} else {
		give(x, DHCP_OFFER, offer);
	}
	return N_DROP_REASONS;
}

// Why the client does not get what it asks for, for the eyes of who reads its log.
static const char *refusal(const struct exchange *x)
{
	if (!x->dhcp.requested_given)
		return "lease not found";
	if (!x->dhcp.server_given)
		return "wrong address";
	if (subnet_of(x->query->service, x->dhcp.requested) == NULL)
		return "wrong network";
	return "address not available";
}

static enum drop_reason request(struct exchange *x)
{
	const struct dhcp *dhcp = &x->dhcp;
	bool selecting = dhcp->requested_given && dhcp->server_given;

	if (selecting && !is_server(x->query->service, dhcp->server))
		return DROP_DHCP_NOT_US;
	if (x->wanted != NULL)
		give(x, DHCP_ACK, x->wanted);
	else
		refuse(x, refusal(x));
	return N_DROP_REASONS;
}

// DECLINE and RELEASE: `event` happens to the reservation that the client names to us.
static enum drop_reason give_back(struct exchange *x, enum dhcp_event event)
{
	if (!x->dhcp.server_given || !is_server(x->query->service, x->dhcp.server))
		return DROP_DHCP_NOT_US;
	if (x->wanted != NULL) {
		x->outcome->event = event;
		x->outcome->address = x->wanted->address;
	}
	return N_DROP_REASONS;
}

// A client that has its address by other means, and need not have a reservation.
static enum drop_reason inform(struct exchange *x)
{
	const struct dhcp_subnet *subnet = subnet_of(x->query->service, x->dhcp.ciaddr);
	struct addressing to = {.type = DHCP_ACK, .ciaddr = x->dhcp.ciaddr};
	struct reply reply = {.exchange = x, .subnet = subnet, .address = x->dhcp.ciaddr};

	if (subnet == NULL)
		return DROP_DHCP_UNKNOWN_HOST;
	address_reply(x, &to);
	start_reply(&reply, &to);
	write_options(&reply);
	finish_reply(&reply, &to);
	return N_DROP_REASONS;
}

enum drop_reason dhcp_answer(const struct dhcp_query *query, struct dhcp_outcome *outcome)
{
	const struct dhcp_host *host = query->host;
	struct exchange x = {.query = query, .outcome = outcome};

	outcome->event = DHCP_EVENT_NONE;
	outcome->address = 0;
	outcome->lease_s = 0;
	outcome->len = 0;
	if (!read_frame(query, &x.dhcp))
		return DROP_DHCP_MALFORMED;
	if (x.dhcp.giaddr != 0)
		return DROP_DHCP_RELAYED;
	if (x.dhcp.chaddr != query->mac)
		return DROP_DHCP_CHADDR;
	if (x.dhcp.type == DHCP_INFORM)
		return inform(&x);
	if (host == NULL || host->n_reservations == 0)
		return DROP_DHCP_UNKNOWN_HOST;

	bool names_requested = x.dhcp.requested_given && x.dhcp.type != DHCP_RELEASE;
	x.first = &host->reservations[0];
	x.wanted = find_reservation(host, names_requested ? x.dhcp.requested : x.dhcp.ciaddr);
	switch (x.dhcp.type) {
	case DHCP_DISCOVER:
		return discover(&x);
	case DHCP_REQUEST:
		return request(&x);
	case DHCP_DECLINE:
		return give_back(&x, DHCP_EVENT_DECLINED);
	case DHCP_RELEASE:
		return give_back(&x, DHCP_EVENT_RELEASED);
	default: // what only servers send
		return DROP_DHCP_MALFORMED;
	}
}
