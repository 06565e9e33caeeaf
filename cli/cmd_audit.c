// SPDX-License-Identifier: BSD-3-Clause
// weft audit: the ledger. Every packet that came in, was originated or copied must have been sent,
// consumed or dropped.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

static const struct column columns[] = {
	{.title = "DIFFERENCE", .path = "difference", .number = true},
	{.title = "RX", .path = "rx", .number = true},
	{.title = "ORIGINATED", .path = "originated", .number = true},
	{.title = "COPIES", .path = "copies", .number = true},
	{.title = "HANDED-IN", .path = "handed-in", .number = true},
	{.title = "TX", .path = "tx", .number = true},
	{.title = "CONSUMED", .path = "consumed", .number = true},
	{.title = "DROPS", .path = "drops", .number = true},
	{.title = "HANDED-OUT", .path = "handed-out", .number = true},
	{.title = "NAME", .path = "name"},
};

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void side_print(struct cli *cli, const json_t *total, const char *const keys[3])
{
	json_int_t sum = 0;

	for (int i = 0; i < 3; i++) {
		sum += number(total, keys[i]);
		fprintf(cli->out, "%s%s %" JSON_INTEGER_FORMAT, i > 0 ? " + " : "", keys[i],
			number(total, keys[i]));
	}
	fprintf(cli->out, " = %" JSON_INTEGER_FORMAT "\n", sum);
}

static void audit_print(struct cli *cli, const json_t *result)
{
	static const char *const in[3] = {"rx", "originated", "copies"};
	static const char *const out[3] = {"tx", "consumed", "drops"};
	const json_t *total = json_object_get(result, "total");
	json_int_t held = number(total, "held");

	side_print(cli, total, in);
	side_print(cli, total, out);
	if (held > 0)
		fprintf(cli->out, "%" JSON_INTEGER_FORMAT " packets wait for an ARP answer\n",
			held);
	if (json_is_true(json_object_get(result, "balanced"))) {
		fputs(json_is_true(json_object_get(result, "quiet"))
				? "balanced: every packet is accounted for\n"
				: "balanced, as far as can be said while packets pass\n",
			cli->out);
		return;
	}
	fprintf(cli->out, "not balanced: %" JSON_INTEGER_FORMAT " packets missing\n",
		number(total, "difference"));
	table_print(cli, columns, ARRAY_SIZE(columns), json_object_get(result, "attachments"));
}

static int audit_run(struct cli *cli, const struct request *request)
{
	json_t *result;
	int rc = cli_call(cli, "audit.run", json_object(), &result);

	if (rc != CLI_OK)
		return rc;
	if (cli->json)
		cli_print_json(cli, result);
	else
		audit_print(cli, result);
	rc = json_is_true(json_object_get(result, "balanced")) ? CLI_OK : CLI_REFUSED;
	json_decref(result);
	return rc;
}

const struct verb audit_verb = {
	.run = audit_run,
	.help = "exit status 0 if the ledger closes, else 1",
};
