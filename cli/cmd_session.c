// SPDX-License-Identifier: BSD-3-Clause
// weft session: connections that the filters of ports and routers track. Their bounds and time-outs
// are the object "sessions".

#include <string.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "net/protocol.h"

static const char *const ethertypes[] = {"ipv4", "ipv6", NULL};
static const char *const states[] = {"unreplied", "replied", "stream", "syn-sent", "syn-both",
	"syn-received", "established", "fin-wait", "close-wait", "last-ack", "time-wait", "close",
	NULL};

static const struct field filter_keys[] = {
	{.name = "network", .type = FIELD_NAME, .ref = "network", .help = "only on this network"},
	{.name = "port",
		.type = FIELD_NAME,
		.ref = "port",
		.help = "only those that this port opened or that were opened to it"},
	{.name = "ethertype",
		.type = FIELD_ENUM,
		.flags = FIELD_ALONE,
		.words = ethertypes,
		.help = "only of this IP version"},
	{.name = "protocol",
		.type = FIELD_PROTOCOL,
		.flags = FIELD_ALONE,
		.words = protocol_names,
		.help = "only of this IP protocol"},
	{.name = "address",
		.type = FIELD_PREFIX,
		.flags = FIELD_HOST_OK,
		.help = "only with this address, or one of this prefix, at either end"},
	{.name = "l4-port",
		.type = FIELD_UINT,
		.min = 1,
		.max = UINT16_MAX,
		.help = "only with this TCP or UDP port at either end"},
	{.name = "state", .type = FIELD_ENUM, .words = states, .help = "only in this state"},
	{.name = "limit",
		.type = FIELD_UINT,
		.min = 1,
		.max = CLI_LIST_MAX,
		.help = "most sessions shown, default 10000"},
};
#define N_FLUSH_KEYS (ARRAY_SIZE(filter_keys) - 1) // all but the limit

// "172.16.1.33:40000", "[2001:db8::1]:53", of a query "172.16.1.33 id 7", or the address alone.
static void endpoint_cell(const json_t *session, const char *end, char text[CELL_LEN])
{
	const char *address = json_string_value(json_object_get(session, end));
	bool bracket = address != NULL && strchr(address, ':') != NULL;
	const json_t *id = strcmp(end, "source") == 0 ? json_object_get(session, "icmp-id") : NULL;
	char key[32];
	const json_t *port;

	snprintf(key, sizeof(key), "%s-port", end);
	port = json_object_get(session, key);
	if (address != NULL && port != NULL)
		snprintf(text, CELL_LEN, "%s%s%s:%" JSON_INTEGER_FORMAT, bracket ? "[" : "",
			address, bracket ? "]" : "", json_integer_value(port));
	else if (address != NULL && id != NULL)
		snprintf(text, CELL_LEN, "%s id %" JSON_INTEGER_FORMAT, address,
			json_integer_value(id));
	else
		table_cell(json_object_get(session, end), text);
}

static void zone_cell(const json_t *session, char text[CELL_LEN])
{
	const json_t *router = json_object_get(session, "router");

	table_cell(router != NULL ? router : json_object_get(session, "network"), text);
}

// The other side of a translation.
static void reply_cell(const json_t *session, char text[CELL_LEN])
{
	const json_t *reply = json_object_get(session, "reply");
	char source[CELL_LEN], destination[CELL_LEN];

	if (reply == NULL) {
		table_cell(NULL, text);
		return;
	}
	endpoint_cell(reply, "source", source);
	endpoint_cell(reply, "destination", destination);
	snprintf(text, CELL_LEN, "%.80s > %.80s", source, destination);
}

static void source_cell(const json_t *session, char text[CELL_LEN])
{
	endpoint_cell(session, "source", text);
}

static void destination_cell(const json_t *session, char text[CELL_LEN])
{
	endpoint_cell(session, "destination", text);
}

static void table_show(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "NETWORK", .format = zone_cell},
		{.title = "PROTOCOL", .path = "protocol"},
		{.title = "STATE", .path = "state"},
		{.title = "IDLE(s)", .path = "idle", .number = true},
		{.title = "EXPIRES(s)", .path = "expires", .number = true},
		{.title = "SOURCE", .format = source_cell},
		{.title = "DESTINATION", .format = destination_cell},
		{.title = "FROM", .path = "from"},
		{.title = "REPLIES", .format = reply_cell},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int session_show(struct cli *cli, const struct request *request)
{
	return cli_list(cli, request, "session.list", table_show,
		"sessions; choose by network, port, protocol or address");
}

static void flushed_show(struct cli *cli, const json_t *result)
{
	fprintf(cli->out, "%" JSON_INTEGER_FORMAT " sessions flushed\n",
		json_integer_value(json_object_get(result, "flushed")));
}

static int session_flush(struct cli *cli, const struct request *request)
{
	return cli_request(cli, "session.flush", json_incref(request->params), flushed_show);
}

const struct verb session_verbs[] = {
	{.name = "show",
		.keys = filter_keys,
		.n_keys = ARRAY_SIZE(filter_keys),
		.run = session_show,
		.help = "all, or those with the values given"},
	{.name = "flush",
		.keys = filter_keys,
		.n_keys = N_FLUSH_KEYS,
		.run = session_flush,
		.help = "forget all, or those with the values given; what goes on is judged anew"},
};
