// SPDX-License-Identifier: BSD-3-Clause
// weft remote: other VTEPs. The configured ones are lists in the tunnel and network objects, so
// they are edited by methods of their own.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "net/addr.h"

static const struct field remote_keys[] = {
	{.name = "network",
		.type = FIELD_NAME,
		.ref = "network",
		.help = "flood target of this network only, not of all"},
};

// The address is an operand, so it is checked here and not by the argument reader.
static int edit(struct cli *cli, const struct request *request, const char *method)
{
	const struct field address = {.name = "ADDRESS", .type = FIELD_IP};
	json_t *value = NULL;
	int rc = args_value(cli, &address, request->operand, &value);

	if (rc != CLI_OK)
		return rc;
	json_object_set_new(request->params, "address", value);
	return cli_request(cli, method, json_incref(request->params), NULL);
}

static int remote_add(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "remote.add");
}

static int remote_del(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "remote.del");
}

static void table_show(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "ADDRESS", .path = "address"},
		{.title = "STATE", .path = "state"},
		{.title = "MAC", .path = "mac"},
		{.title = "MTU", .path = "path-mtu", .number = true},
		{.title = "CONFIGURED", .path = "configured"},
		{.title = "NETWORKS", .path = "networks"},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int remote_show(struct cli *cli, const struct request *request)
{
	return cli_request(cli, "remote.list", json_object(), table_show);
}

const struct verb remote_verbs[] = {
	{.name = "show", .run = remote_show, .help = "all, configured and learned"},
	{.name = "add",
		.operand = "ADDRESS",
		.keys = remote_keys,
		.n_keys = ARRAY_SIZE(remote_keys),
		.run = remote_add,
		.help = "flood to it"},
	{.name = "del",
		.operand = "ADDRESS",
		.keys = remote_keys,
		.n_keys = ARRAY_SIZE(remote_keys),
		.run = remote_del,
		.help = "flood to it no longer"},
};
