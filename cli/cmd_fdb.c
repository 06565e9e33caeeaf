// SPDX-License-Identifier: BSD-3-Clause
// weft fdb: learned entries are state, static ones are configuration objects named NETWORK/MAC.

#include <string.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "net/addr.h"

static const struct field name_keys[] = {
	{.name = "network", .type = FIELD_NAME, .ref = "network", .help = "network the MAC is on"},
};

static const struct field filter_keys[] = {
	{.name = "network", .type = FIELD_NAME, .ref = "network", .help = "only this network"},
	{.name = "port", .type = FIELD_NAME, .ref = "port", .help = "only behind this port"},
	{.name = "mac", .type = FIELD_MAC, .help = "only this MAC"},
	{.name = "limit",
		.type = FIELD_UINT,
		.min = 1,
		.max = CLI_LIST_MAX,
		.help = "most entries shown, default 10000"},
};
#define N_FLUSH_KEYS 2 // of filter_keys

// "MAC network NETWORK" or "NETWORK/MAC" -> the object's name, in its one printed form.
static int name_set(struct cli *cli, const struct request *request)
{
	const char *network = json_string_value(json_object_get(request->params, "network"));
	const char *slash = strrchr(request->operand, '/');
	char text[MAC_TEXT_LEN];
	struct mac mac;
	json_t *name;

	if (mac_parse(slash == NULL ? request->operand : slash + 1, &mac) != 0)
		return cli_usage(cli,
			"'%s' is neither MAC nor NETWORK/MAC with a MAC such as "
			"fa:16:3e:00:00:01",
			request->operand);
	mac_format(&mac, text);
	if (slash != NULL && network == NULL)
		name = json_sprintf(
			"%.*s/%s", (int)(slash - request->operand), request->operand, text);
	else if (slash == NULL && network != NULL)
		name = json_sprintf("%s/%s", network, text);
	else
		return cli_usage(
			cli, slash == NULL ? "network is missing" : "network: given twice");
	json_object_set_new(request->params, "name", name);
	json_object_del(request->params, "network");
	return CLI_OK;
}

static int edit(struct cli *cli, const struct request *request, const char *method)
{
	int rc = name_set(cli, request);

	if (rc != CLI_OK)
		return rc;
	return cli_request(cli, method, json_incref(request->params), NULL);
}

static int fdb_add(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "fdb.add");
}

static int fdb_del(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "fdb.del");
}

static void kind_cell(const json_t *value, char text[CELL_LEN])
{
	strcpy(text, json_is_true(value) ? "static" : "learned");
}

static void table_show(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "NETWORK", .path = "network"},
		{.title = "MAC", .path = "mac"},
		{.title = "KIND", .path = "static", .format = kind_cell},
		{.title = "AGE(s)", .path = "age", .number = true},
		{.title = "AT", .path = "at"},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int fdb_show(struct cli *cli, const struct request *request)
{
	return cli_list(
		cli, request, "fdb.list", table_show, "entries; choose by network, port or mac");
}

static void flushed_show(struct cli *cli, const json_t *result)
{
	fprintf(cli->out, "%" JSON_INTEGER_FORMAT " learned entries flushed\n",
		json_integer_value(json_object_get(result, "flushed")));
}

static int fdb_flush(struct cli *cli, const struct request *request)
{
	if (json_object_size(request->params) > 1)
		return cli_usage(
			cli, "either a network or a port can be flushed, not both at once");
	return cli_request(cli, "fdb.flush", json_incref(request->params), flushed_show);
}

const struct verb fdb_verbs[] = {
	{.name = "show",
		.keys = filter_keys,
		.n_keys = ARRAY_SIZE(filter_keys),
		.run = fdb_show,
		.help = "learned and static entries"},
	{.name = "add",
		.operand = "MAC",
		.flags = VERB_FIELDS | VERB_COMPLETE,
		.keys = name_keys,
		.n_keys = ARRAY_SIZE(name_keys),
		.run = fdb_add,
		.help = "fix the place of a MAC: one remote, port or uplink"},
	{.name = "del",
		.operand = "MAC",
		.keys = name_keys,
		.n_keys = ARRAY_SIZE(name_keys),
		.run = fdb_del,
		.help = "remove a static entry"},
	{.name = "flush",
		.keys = filter_keys,
		.n_keys = N_FLUSH_KEYS,
		.run = fdb_flush,
		.help = "forget what was learned, everywhere or on one network or port"},
};
