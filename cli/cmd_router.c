// SPDX-License-Identifier: BSD-3-Clause
// weft route and weft neighbour: what routers forward by.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

// The router is an operand.
static int show(struct cli *cli, const struct request *request, const char *method,
	void (*table)(struct cli *, const json_t *))
{
	if (request->operand != NULL)
		json_object_set_new(request->params, "router", json_string(request->operand));
	return cli_request(cli, method, json_incref(request->params), table);
}

static void routes_table(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "ROUTER", .path = "router"},
		{.title = "DESTINATION", .path = "destination"},
		{.title = "NEXT-HOP", .path = "next-hop"},
		{.title = "SOURCE", .path = "source"},
		{.title = "NETWORK", .path = "network"},
		{.title = "INTERFACE", .path = "interface"},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int route_show(struct cli *cli, const struct request *request)
{
	return show(cli, request, "route.list", routes_table);
}

static void neighbours_table(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "INTERFACE", .path = "interface"},
		{.title = "ADDRESS", .path = "address"},
		{.title = "MAC", .path = "mac"},
		{.title = "STATE", .path = "state"},
		{.title = "HELD", .path = "held", .number = true},
		{.title = "NETWORK", .path = "network"},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int neighbour_show(struct cli *cli, const struct request *request)
{
	return show(cli, request, "neighbour.list", neighbours_table);
}

const struct verb route_verb = {
	.name = "show",
	.operand = "ROUTER",
	.flags = VERB_OPERAND_OPTIONAL,
	.run = route_show,
	.help = "of all routers, or of one",
};

const struct verb neighbour_verb = {
	.name = "show",
	.operand = "ROUTER",
	.flags = VERB_OPERAND_OPTIONAL,
	.run = neighbour_show,
	.help = "of all routers, or of one",
};
