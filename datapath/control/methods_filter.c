// SPDX-License-Identifier: BSD-3-Clause
// session.list, session.flush and port.chains: what the filters of ports and routers track, and
// what filters have counted.

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "control/call.h"
#include "control/internal.h"
#include "net/protocol.h"

#define LIST_DEFAULT 10000
#define LIST_MAX     65536

#define PROTOCOL_ICMP	1
#define PROTOCOL_ICMPV6 58

// ---- which sessions ----------------------------------------------------------------------------

struct choice {
	const struct control *control;
	uint16_t zone; // 0: all
	bool port_given;
	uint16_t port;				      // attachment, 0: it has none on this node
	struct ip_addr addresses[PORT_ADDRESSES_MAX]; // of the port
	size_t n_addresses;
	uint16_t port_zone;
	uint8_t family;	    // 0: all
	int protocol;	    // -1: all
	int state;	    // -1: all
	json_int_t l4_port; // 0: all
	struct ip_prefix address;
	bool address_given;
	size_t limit;
	uint32_t now_s;
	json_t *list;
};

static bool is_address_of(const struct choice *choice, const struct ip_addr *ip)
{
	for (size_t i = 0; i < choice->n_addresses; i++) {
		if (ip_equal(&choice->addresses[i], ip))
			return true;
	}
	return false;
}

// Whether the port's packets opened the session, or it goes to one of the port's addresses.
static bool is_of_port(const struct choice *choice, const struct session_info *session)
{
	bool is_its_own = choice->port != 0 &&
			  (session->in == choice->port || session->owner == choice->port);

	return !choice->port_given || is_its_own ||
	       (session->zone == choice->port_zone &&
		       (is_address_of(choice, &session->source) ||
			       is_address_of(choice, &session->destination)));
}

static bool has_address(const struct ip_prefix *prefix, const struct session_info *session)
{
	return ip_prefix_contains(prefix, &session->source) ||
	       ip_prefix_contains(prefix, &session->destination) ||
	       (session->translated &&
		       (ip_prefix_contains(prefix, &session->reply_source) ||
			       ip_prefix_contains(prefix, &session->reply_destination)));
}

// At either end, on either side of a translation.
static bool has_l4_port(json_int_t port, const struct session_info *session)
{
	return session->source_port == port || session->destination_port == port ||
	       (session->translated && (session->reply_source_port == port ||
					       session->reply_destination_port == port));
}

static bool is_chosen(const struct session_info *session, void *arg)
{
	const struct choice *choice = arg;

	return (choice->zone == 0 || session->zone == choice->zone) &&
	       (choice->family == 0 || session->family == choice->family) &&
	       (choice->protocol < 0 || session->protocol == choice->protocol) &&
	       (choice->state < 0 || session->state == choice->state) &&
	       (choice->l4_port == 0 || has_l4_port(choice->l4_port, session)) &&
	       (!choice->address_given || has_address(&choice->address, session)) &&
	       is_of_port(choice, session);
}

// ---- parameters --------------------------------------------------------------------------------

static int read_network(const struct call *call, struct choice *choice)
{
	const char *name;

	if (call_text(call, "network", &name) < 0)
		return -EINVAL;
	if (name == NULL)
		return 0;
	choice->zone = ids_find(call->control->networks, name);
	if (choice->zone != 0)
		return 0;
	problem_add(call->problems, E_NOT_FOUND, "network", "there is no network \"%s\"", name);
	return -ENOENT;
}

static int read_port(const struct call *call, struct choice *choice)
{
	const struct control *control = call->control;
	const struct port_config *port;
	char name[ATTACHMENT_NAME_LEN];

	if (call_port(call, "port", &port) < 0)
		return -ENOENT;
	if (port == NULL)
		return 0;
	choice->port_given = true;
	choice->port = ids_find(control->attachments, name_of_port(name, port));
	choice->port_zone = ids_find(control->networks, port->network);
	choice->n_addresses = port->addresses.n;
	for (size_t i = 0; i < port->addresses.n; i++)
		choice->addresses[i] = port->addresses.list[i];
	return 0;
}

static int read_protocol(const struct call *call, struct choice *choice)
{
	const json_t *given = json_object_get(call->params, "protocol");
	uint8_t protocol;

	if (given == NULL)
		return 0;
	if (json_is_integer(given) && json_integer_value(given) >= 0 &&
		json_integer_value(given) <= UINT8_MAX) {
		choice->protocol = (int)json_integer_value(given);
		return 0;
	}
	if (!json_is_string(given) || protocol_parse(json_string_value(given), &protocol) < 0) {
		problem_add(call->problems, E_VALUE, "protocol",
			"protocol is a name such as tcp, udp and icmp, or a number from 0 to 255");
		return -EINVAL;
	}
	choice->protocol = protocol;
	return 0;
}

static int read_family(const struct call *call, struct choice *choice)
{
	const char *text;

	if (call_text(call, "ethertype", &text) < 0)
		return -EINVAL;
	if (text == NULL)
		return 0;
	if (strcmp(text, "ipv4") == 0)
		choice->family = SESSION_IP4;
	else if (strcmp(text, "ipv6") == 0)
		choice->family = SESSION_IP6;
	if (choice->family != 0)
		return 0;
	problem_add(call->problems, E_VALUE, "ethertype", "\"%s\" is neither ipv4 nor ipv6", text);
	return -EINVAL;
}

static int read_state(const struct call *call, struct choice *choice)
{
	const char *text;

	if (call_text(call, "state", &text) < 0)
		return -EINVAL;
	if (text == NULL)
		return 0;
	for (unsigned i = 0; i < N_SESSION_STATES; i++) {
		if (strcmp(text, session_state_names[i]) == 0) {
			choice->state = (int)i;
			return 0;
		}
	}
	problem_add(call->problems, E_VALUE, "state",
		"\"%s\" is no state of a session; states are unreplied, replied, stream, syn-sent, "
		"syn-both, syn-received, established, fin-wait, close-wait, last-ack, time-wait "
		"and close",
		text);
	return -EINVAL;
}

static int read_address(const struct call *call, struct choice *choice)
{
	struct ip_addr ip;
	const char *text;

	if (call_text(call, "address", &text) < 0)
		return -EINVAL;
	if (text == NULL)
		return 0;
	choice->address_given = true;
	if (ip_parse(text, &ip) == 0) {
		choice->address = (struct ip_prefix){ip, ip_is_v4(&ip) ? 32 : 128};
		return 0;
	}
	if (ip_prefix_parse(text, &choice->address) == 0)
		return 0;
	problem_add(call->problems, E_VALUE, "address",
		"\"%s\" is not an address or prefix such as 172.16.1.33 or 172.16.1.0/24", text);
	return -EINVAL;
}

static int read_choice(const struct call *call, struct choice *choice)
{
	*choice = (struct choice){
		.control = call->control,
		.protocol = -1,
		.state = -1,
		.now_s = tables_now_s(call->control->tables, clock_now_ns()),
	};
	if (read_network(call, choice) < 0 || read_port(call, choice) < 0 ||
		read_protocol(call, choice) < 0 || read_family(call, choice) < 0 ||
		read_state(call, choice) < 0 || read_address(call, choice) < 0)
		return -EINVAL;
	return call_integer(call, "l4-port", UINT16_MAX, &choice->l4_port);
}

// ---- session.list, session.flush ---------------------------------------------------------------

static json_t *protocol_json(uint8_t protocol)
{
	const char *name = protocol_name(protocol);

	return name != NULL ? json_string(name) : json_integer(protocol);
}

static void set_ports(json_t *json, const struct session_info *session)
{
	if (session->protocol == PROTOCOL_ICMP || session->protocol == PROTOCOL_ICMPV6) {
		json_object_set_new(json, "icmp-type", json_integer(session->icmp_type));
		json_object_set_new(json, "icmp-id", json_integer(session->icmp_id));
	} else if (session->source_port != 0 || session->destination_port != 0) {
		json_object_set_new(json, "source-port", json_integer(session->source_port));
		json_object_set_new(
			json, "destination-port", json_integer(session->destination_port));
	}
}

// The other side of a translated session: as its replies come.
static json_t *reply_json(const struct session_info *session)
{
	char source[IP_TEXT_LEN], destination[IP_TEXT_LEN];
	json_t *json = json_pack("{s:s, s:s}", "source", ip_format(&session->reply_source, source),
		"destination", ip_format(&session->reply_destination, destination));
	struct session_info reply = *session;

	reply.source_port = session->reply_source_port;
	reply.destination_port = session->reply_destination_port;
	reply.icmp_id = session->reply_icmp_id;
	set_ports(json, &reply);
	json_object_del(json, "icmp-type");
	return json;
}

static bool list_session(const struct session_info *session, void *arg)
{
	struct choice *choice = arg;
	const struct control *control = choice->control;
	const char *network =
		session->zone & ROUTER_ZONE ? NULL : ids_name(control->networks, session->zone);
	const char *from = ids_name(control->attachments, session->in);
	const char *router = ids_name(control->routers, session->zone & ~ROUTER_ZONE);
	char source[IP_TEXT_LEN], destination[IP_TEXT_LEN];
	json_t *json;

	if (!is_chosen(session, choice))
		return true;
	json = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "network",
		network != NULL ? network : "", "ethertype",
		session->family == SESSION_IP4 ? "ipv4" : "ipv6", "protocol",
		protocol_json(session->protocol), "state", session_state_names[session->state],
		"source", ip_format(&session->source, source), "destination",
		ip_format(&session->destination, destination), "from", from != NULL ? from : "",
		"replied", (session->flags & SESSION_SEEN_REPLY) != 0, "age",
		(json_int_t)session->age_s, "idle", (json_int_t)session->idle_s, "expires",
		(json_int_t)session->expires_s);
	set_ports(json, session);
	if (session->zone & ROUTER_ZONE) {
		json_object_del(json, "network");
		json_object_set_new(json, "router", json_string(router != NULL ? router : ""));
	}
	if (session->translated)
		json_object_set_new(json, "reply", reply_json(session));
	json_array_append_new(choice->list, json);
	return json_array_size(choice->list) < choice->limit;
}

static json_t *session_list(struct call *call)
{
	json_int_t limit = LIST_DEFAULT;
	struct choice choice;

	if (read_choice(call, &choice) < 0 || call_integer(call, "limit", LIST_MAX, &limit) < 0)
		return NULL;
	choice.limit = (size_t)limit;
	choice.list = json_array();
	session_walk(call->control->tables->sessions, choice.now_s, list_session, &choice);
	return choice.list;
}

static json_t *session_flush(struct call *call)
{
	struct choice choice;

	if (read_choice(call, &choice) < 0)
		return NULL;
	return json_pack("{s:I}", "flushed",
		(json_int_t)session_cut(call->control->tables->sessions, is_chosen, &choice));
}

// ---- port.chains -------------------------------------------------------------------------------

static json_t *row_json(
	const struct control *control, const struct port_config *port, const struct chain_row *row)
{
	struct row_counter count = {0, 0};
	json_t *json;

	rows_read(control->rows, port->name, row->index, &count);
	json = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "packets", (json_int_t)count.packets,
		"bytes", (json_int_t)count.bytes, "target", row->target, "protocol", row->protocol,
		"source", row->source, "destination", row->destination);
	if (*row->match != '\0')
		json_object_set_new(json, "match", json_string(row->match));
	if (*row->comment != '\0')
		json_object_set_new(json, "comment", json_string(row->comment));
	return json;
}

// The chains by the names that operators find in the dumps of a linuxbridge node.
static const struct chain_name {
	const char *chain; // of struct chain_row
	const char *prefix;
	const char *ethertype;
	int references;
} chain_names[] = {
	{"ingress ipv4", "neutron-linuxbri-i", "ipv4", 1},
	{"egress ipv4", "neutron-linuxbri-o", "ipv4", 2},
	{"spoof ipv4", "neutron-linuxbri-s", "ipv4", 1},
	{"ingress ipv6", "neutron-linuxbri-i", "ipv6", 1},
	{"egress ipv6", "neutron-linuxbri-o", "ipv6", 2},
	{"spoof ipv6", "neutron-linuxbri-s", "ipv6", 1},
	{"mac", "neutronMAC-", "any", 1},
	{"arp", "neutronARP-", "arp", 1},
};

// Their names end with ten characters of the port's id, which the name of its TAP has as well.
static json_t *chain_json(const struct port_config *port, const char *chain, json_t *rows)
{
	const char *id = port->name;
	size_t i = 0;

	if (strncmp(port->device, "tap:tap", 7) == 0 && port->device[7] != '\0')
		id = port->device + 7;
	while (strcmp(chain_names[i].chain, chain) != 0)
		i++;
	return json_pack("{s:o, s:s, s:i, s:o}", "name",
		json_sprintf("%s%.10s", chain_names[i].prefix, id), "ethertype",
		chain_names[i].ethertype, "references", chain_names[i].references, "rows", rows);
}

static json_t *chains_json(const struct control *control, const struct port_config *port)
{
	struct arena *arena = arena_new();
	struct chain_rows rows = filters_rows(control->model, port, arena);
	json_t *chains = json_array();
	json_t *list = NULL;

	for (size_t i = 0; i < rows.n; i++) {
		const struct chain_row *row = &rows.list[i];

		if (i == 0 || strcmp(row->chain, rows.list[i - 1].chain) != 0) {
			list = json_array();
			json_array_append_new(chains, chain_json(port, row->chain, list));
		}
		json_array_append_new(list, row_json(control, port, row));
	}
	arena_free(arena);
	return chains;
}

static json_t *port_chains(struct call *call)
{
	const struct control *control = call->control;
	const struct port_config *port;

	if (call_port(call, "name", &port) < 0)
		return NULL;
	if (port == NULL) {
		problem_add(call->problems, E_KEY_MISSING, "name", "name the port: \"name\"");
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o}", "port", port->name, "filtered", port_is_filtered(port),
		"chains", port_is_filtered(port) ? chains_json(control, port) : json_array());
}

static const char *const list_params[] = {
	"network", "port", "ethertype", "protocol", "address", "l4-port", "state", "limit", NULL};
static const char *const flush_params[] = {
	"network", "port", "ethertype", "protocol", "address", "l4-port", "state", NULL};
static const char *const chains_params[] = {"name", NULL};

const struct method filter_methods[] = {
	{"session.list", session_list, list_params, "connections that filters and routers track",
		false},
	{"session.flush", session_flush, flush_params, "forgets connections", true},
	{"port.chains", port_chains, chains_params, "filter tables of a port", false},
	{0},
};
