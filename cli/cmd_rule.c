// SPDX-License-Identifier: BSD-3-Clause
// weft security-group rule: single rules of a group, which is a list in the group's object.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

static int edit(struct cli *cli, const struct request *request, const char *method)
{
	json_object_set_new(request->params, "group", json_string(request->operand));
	return cli_request(cli, method, json_incref(request->params), NULL);
}

int rule_add(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "rule.add");
}

int rule_del(struct cli *cli, const struct request *request)
{
	return edit(cli, request, "rule.del");
}

// What of the protocol: "22", "type 8 code 0".
static void detail_cell(const json_t *rule, char text[CELL_LEN])
{
	const json_t *type = json_object_get(rule, "icmp-type");
	const json_t *code = json_object_get(rule, "icmp-code");

	if (json_is_integer(type) && json_is_integer(code))
		snprintf(text, CELL_LEN, "type %" JSON_INTEGER_FORMAT " code %" JSON_INTEGER_FORMAT,
			json_integer_value(type), json_integer_value(code));
	else if (json_is_integer(type))
		snprintf(text, CELL_LEN, "type %" JSON_INTEGER_FORMAT, json_integer_value(type));
	else
		table_cell(json_object_get(rule, "ports"), text);
}

// Who may be at the other side: a prefix, "group web", or all.
static void remote_cell(const json_t *rule, char text[CELL_LEN])
{
	const char *group = json_string_value(json_object_get(rule, "remote-group"));

	if (group != NULL)
		snprintf(text, CELL_LEN, "group %s", group);
	else
		table_cell(json_object_get(rule, "remote-prefix"), text);
}

void rules_print(struct cli *cli, const json_t *rules)
{
	static const struct column columns[] = {
		{.title = "DIRECTION", .path = "direction"},
		{.title = "ETHERTYPE", .path = "ethertype"},
		{.title = "PROTOCOL", .path = "protocol"},
		{.title = "PORTS/ICMP", .format = detail_cell},
		{.title = "REMOTE", .format = remote_cell},
	};

	table_print(cli, columns, ARRAY_SIZE(columns), rules);
}
