// SPDX-License-Identifier: BSD-3-Clause
// weft port show, also of the filter tables, printed as "iptables -nvL CHAIN" would.

#include "cli/commands.h"

// A count in five columns, as iptables shortens it.
static void count_print(struct cli *cli, const json_t *value)
{
	static const char units[] = {'K', 'M', 'G', 'T'};
	json_int_t count = json_integer_value(value);

	if (count <= 99999) {
		fprintf(cli->out, "%5" JSON_INTEGER_FORMAT " ", count);
		return;
	}
	for (size_t i = 0; i < sizeof(units); i++) {
		count = (count + 500) / 1000;
		if (count > 9999 && i + 1 < sizeof(units))
			continue;
		fprintf(cli->out, "%4" JSON_INTEGER_FORMAT "%c ", count, units[i]);
		return;
	}
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL ? "" : text;
}

static void row_print(struct cli *cli, const json_t *row)
{
	const char *comment = text_of(row, "comment"), *match = text_of(row, "match");

	count_print(cli, json_object_get(row, "packets"));
	count_print(cli, json_object_get(row, "bytes"));
	fprintf(cli->out, "%-9s  %-4s --  *      *       %-19s  %-19s ", text_of(row, "target"),
		text_of(row, "protocol"), text_of(row, "source"), text_of(row, "destination"));
	if (match[0] != '\0')
		fprintf(cli->out, " %s", match);
	if (comment[0] != '\0')
		fprintf(cli->out, " /* %s */", comment);
	fputc('\n', cli->out);
}

static void chain_print(struct cli *cli, const json_t *chain)
{
	json_int_t references = json_integer_value(json_object_get(chain, "references"));
	const json_t *row;
	size_t i;

	fprintf(cli->out, "Chain %s (%s, %" JSON_INTEGER_FORMAT " reference%s)\n",
		text_of(chain, "name"), text_of(chain, "ethertype"), references,
		references == 1 ? "" : "s");
	fputs(" pkts bytes target     prot opt in     out     source               destination\n",
		cli->out);
	json_array_foreach (json_object_get(chain, "rows"), i, row)
		row_print(cli, row);
}

static void chains_show(struct cli *cli, const json_t *result)
{
	const json_t *chain;
	size_t i;

	if (!json_is_true(json_object_get(result, "filtered")))
		fprintf(cli->out, "port %s is not filtered\n", text_of(result, "port"));
	json_array_foreach (json_object_get(result, "chains"), i, chain) {
		if (i > 0)
			fputc('\n', cli->out);
		chain_print(cli, chain);
	}
}

int port_show(struct cli *cli, const struct request *request)
{
	if (json_object_get(request->params, "chains") == NULL)
		return object_show(cli, request);
	if (request->operand == NULL || json_object_size(request->params) > 1)
		return cli_usage(cli, "chains are shown of one port: port show NAME chains");
	return cli_request(
		cli, "port.chains", json_pack("{s:s}", "name", request->operand), chains_show);
}
