// SPDX-License-Identifier: BSD-3-Clause
// weft service: weft's own ports on the networks.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

static const struct field filter_keys[] = {
	{.name = "network", .type = FIELD_NAME, .ref = "network", .help = "only on this network"},
};

static void table_show(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "NETWORK", .path = "network"},
		{.title = "KIND", .path = "kind"},
		{.title = "MAC", .path = "mac"},
		{.title = "ADDRESSES", .path = "addresses"},
		{.title = "METADATA", .path = "metadata-device"},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int service_show(struct cli *cli, const struct request *request)
{
	return cli_request(cli, "service.list", json_incref(request->params), table_show);
}

const struct verb service_verb = {
	.name = "show",
	.keys = filter_keys,
	.n_keys = ARRAY_SIZE(filter_keys),
	.run = service_show,
	.help = "all, or those of a network",
};
