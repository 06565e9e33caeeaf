// SPDX-License-Identifier: BSD-3-Clause
// weft lease: what the DHCP responder has given.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

static const struct field filter_keys[] = {
	{.name = "network", .type = FIELD_NAME, .ref = "network", .help = "only on this network"},
	{.name = "address", .type = FIELD_IP, .help = "only of this address"},
	{.name = "limit",
		.type = FIELD_UINT,
		.min = 1,
		.max = CLI_LIST_MAX,
		.help = "most leases shown, default 10000"},
};

static void table_show(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "NETWORK", .path = "network"},
		{.title = "ADDRESS", .path = "address"},
		{.title = "MAC", .path = "mac"},
		{.title = "EXPIRES(s)", .path = "expires", .number = true},
		{.title = "DECLINED(s)", .path = "declined", .number = true},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int lease_show(struct cli *cli, const struct request *request)
{
	return cli_list(
		cli, request, "lease.list", table_show, "leases; choose by network or address");
}

const struct verb lease_verb = {
	.name = "show",
	.keys = filter_keys,
	.n_keys = ARRAY_SIZE(filter_keys),
	.run = lease_show,
	.help = "all, or those with the values given",
};
