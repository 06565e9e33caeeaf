// SPDX-License-Identifier: BSD-3-Clause
// add, set, del and show of everything that a field table describes.

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "rpc/config_json.h"

#define LINES_MAX 64 // keys and state of one object

static int object_call(struct cli *cli, const struct request *request, const char *verb)
{
	char method[64];

	snprintf(method, sizeof(method), "%s.%s", request->command->kind, verb);
	if (request->operand != NULL)
		json_object_set_new(request->params, "name", json_string(request->operand));
	return cli_request(cli, method, json_incref(request->params), NULL);
}

int object_add(struct cli *cli, const struct request *request)
{
	return object_call(cli, request, "add");
}

int object_set(struct cli *cli, const struct request *request)
{
	if (json_object_size(request->params) == 0)
		return cli_usage(cli, "nothing to set: KEY VALUE is missing");
	return object_call(cli, request, "set");
}

int object_del(struct cli *cli, const struct request *request)
{
	return object_call(cli, request, "del");
}

// ---- show ---------------------------------------------------------------------------------------

// A list of segments as the words that make it: "vxlan 1, vlan provider 1001".
static void segments_cell(const json_t *value, char text[CELL_LEN])
{
	const json_t *segment;
	size_t len = 0;
	size_t i;

	text[0] = '\0';
	json_array_foreach (value, i, segment) {
		const char *uplink = json_string_value(json_object_get(segment, "uplink"));
		const json_t *id = json_object_get(segment, "id");

		len += (size_t)snprintf(text + len, CELL_LEN - len, "%s%s%s%s", i > 0 ? ", " : "",
			json_string_value(json_object_get(segment, "type")),
			uplink == NULL ? "" : " ", uplink == NULL ? "" : uplink);
		if (len < CELL_LEN && json_is_integer(id))
			len += (size_t)snprintf(text + len, CELL_LEN - len,
				" %" JSON_INTEGER_FORMAT, json_integer_value(id));
		if (len >= CELL_LEN)
			return;
	}
}

static const struct column uplink_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "DEVICE", .path = "device"},
	{.title = "ADMIN", .path = "admin-state"},
	{.title = "MTU", .path = "mtu", .number = true},
	{.title = "LINK", .path = "state.link"},
	{.title = "INTERFACE", .path = "state.interface"},
	{.title = "MAC", .path = "state.mac"},
	{.title = "VLANS", .path = "vlans"},
	{.title = "ADDRESS", .path = "address"},
	{.title = "MODE", .path = "state.mode"},
};

static const struct column network_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "ADMIN", .path = "admin-state"},
	{.title = "MTU", .path = "mtu", .number = true},
	{.title = "MEMBERS", .path = "state.members", .number = true},
	{.title = "LEARNED", .path = "state.learned", .number = true},
	{.title = "SEGMENTS", .path = "segments", .format = segments_cell},
};

static void count_cell(const json_t *value, char text[CELL_LEN])
{
	snprintf(text, CELL_LEN, "%zu", json_array_size(value));
}

static const struct column security_group_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "STATEFUL", .path = "stateful"},
	{.title = "RULES", .path = "rules", .format = count_cell, .number = true},
	{.title = "PORTS", .path = "state.ports", .number = true},
	{.title = "MEMBERS", .path = "members"},
};

static const struct column subnet_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "NETWORK", .path = "network"},
	{.title = "CIDR", .path = "cidr"},
	{.title = "GATEWAY", .path = "gateway"},
	{.title = "ROUTER", .path = "state.router"},
	{.title = "DHCP", .path = "dhcp.mode"},
	{.title = "SERVICE", .path = "dhcp.address"},
	{.title = "USED", .path = "state.addresses", .number = true},
	{.title = "POOLS", .path = "pools"},
};

// "vxlan1 172.16.1.1, vxlan2 172.16.2.1"
static void interfaces_cell(const json_t *value, char text[CELL_LEN])
{
	const json_t *interface;
	size_t len = 0;
	size_t i;

	snprintf(text, CELL_LEN, "-");
	json_array_foreach (value, i, interface) {
		const char *subnet = json_string_value(json_object_get(interface, "subnet"));
		const char *address = json_string_value(json_object_get(interface, "address"));

		len += (size_t)snprintf(text + len, CELL_LEN - len, "%s%s %s", i > 0 ? ", " : "",
			subnet == NULL ? "?" : subnet, address == NULL ? "?" : address);
		if (len >= CELL_LEN)
			return;
	}
}

static const struct column router_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "GATEWAY", .path = "gateway.network"},
	{.title = "ADDRESS", .path = "gateway.address"},
	{.title = "SNAT", .path = "gateway.enable-snat"},
	{.title = "ROUTES", .path = "routes", .format = count_cell, .number = true},
	{.title = "FLOATING", .path = "state.floating-ips", .format = count_cell, .number = true},
	{.title = "INTERFACES", .path = "interfaces", .format = interfaces_cell},
};

static const struct column interface_columns[] = {
	{.title = "SUBNET", .path = "subnet"},
	{.title = "ADDRESS", .path = "address"},
	{.title = "MAC", .path = "mac"},
	{.title = "PORT", .path = "port"},
};

static const struct column floating_ip_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "ADDRESS", .path = "external-address"},
	{.title = "NETWORK", .path = "network"},
	{.title = "PORT", .path = "port"},
	{.title = "FIXED", .path = "address"},
	{.title = "ROUTER", .path = "state.router"},
};

static const struct column port_columns[] = {
	{.title = "NAME", .path = "name"},
	{.title = "NETWORK", .path = "network"},
	{.title = "ADMIN", .path = "admin-state"},
	{.title = "LINK", .path = "state.link"},
	{.title = "LEARNED", .path = "state.learned", .number = true},
	{.title = "MAC", .path = "mac"},
	{.title = "DEVICE", .path = "device"},
	{.title = "ADDRESSES", .path = "addresses"},
};

static const struct {
	const char *kind;
	const struct column *columns;
	size_t n_columns;
} shows[] = {
	{"uplink", uplink_columns, ARRAY_SIZE(uplink_columns)},
	{"network", network_columns, ARRAY_SIZE(network_columns)},
	{"security-group", security_group_columns, ARRAY_SIZE(security_group_columns)},
	{"subnet", subnet_columns, ARRAY_SIZE(subnet_columns)},
	{"port", port_columns, ARRAY_SIZE(port_columns)},
	{"router", router_columns, ARRAY_SIZE(router_columns)},
	{"floating-ip", floating_ip_columns, ARRAY_SIZE(floating_ip_columns)},
};

// A list of objects as it could be typed.
static void word_cell(const struct field *field, const json_t *value, char text[CELL_LEN])
{
	char *word = config_value_to_word(field, value);

	snprintf(text, CELL_LEN, "%s", json_array_size(value) == 0 ? "-" : word);
	free(word);
}

// A key as it could be typed, or what stands in for it.
static void field_line(const struct field *field, const json_t *value, struct table_line *line)
{
	line->key = field->name;
	if (value == NULL && field->default_text != NULL) {
		snprintf(line->value, CELL_LEN, "%s", field->default_text);
		line->note = "default";
	} else if (json_is_boolean(value)) {
		snprintf(line->value, CELL_LEN, "%s", json_is_true(value) ? "true" : "false");
	} else if (is_segments(field)) {
		segments_cell(value, line->value);
	} else if (strcmp(field->name, "interfaces") == 0) {
		interfaces_cell(value, line->value); // in full below
	} else if (field->type == FIELD_OBJECTS && field->sub->word_form != NULL) {
		word_cell(field, value, line->value);
	} else if (field->type == FIELD_OBJECTS) {
		count_cell(value, line->value);
	} else {
		table_cell(value, line->value);
	}
}

// One line for a key, or for each key of the object that it holds; returns how many.
static size_t field_lines(const struct field *field, const json_t *value, struct nested_key *nested,
	struct table_line *lines)
{
	if (field->type != FIELD_OBJECT || value == NULL) {
		field_line(field, value, lines);
		return 1;
	}
	for (size_t i = 0; i < field->sub->n_fields; i++)
		field_line(nested_key(&nested[i], field, i),
			json_object_get(value, field->sub->fields[i].name), &lines[i]);
	return field->sub->n_fields;
}

// Everything about one object: its keys in the order of their table, then its state.
static void object_lines(struct cli *cli, const struct object_def *def, const json_t *object)
{
	json_t *state = json_object_get(object, "state"), *value;
	struct table_line lines[LINES_MAX] = {0};
	struct nested_key nested[NESTED_MAX]; // the lines point there
	const char *key;
	size_t n = 0;

	assert(def->n_fields + NESTED_MAX < LINES_MAX);
	if (!def->single) {
		lines[n].key = "name";
		table_cell(json_object_get(object, "name"), lines[n++].value);
	}
	for (size_t i = 0; i < def->n_fields; i++)
		n += field_lines(&def->fields[i], json_object_get(object, def->fields[i].name),
			nested, &lines[n]);
	json_object_foreach (state, key, value) {
		if (n == LINES_MAX)
			break;
		lines[n].key = key;
		lines[n].note = "state";
		table_cell(value, lines[n++].value);
	}
	table_print_lines(cli, lines, n);
	if (json_array_size(json_object_get(object, "rules")) > 0) {
		fputc('\n', cli->out);
		rules_print(cli, json_object_get(object, "rules"));
	}
	if (json_array_size(json_object_get(object, "interfaces")) > 0) {
		fputc('\n', cli->out);
		table_print(cli, interface_columns, ARRAY_SIZE(interface_columns),
			json_object_get(object, "interfaces"));
	}
}

static void rows_print(struct cli *cli, const char *kind, const json_t *rows)
{
	for (size_t i = 0; i < ARRAY_SIZE(shows); i++)
		if (strcmp(shows[i].kind, kind) == 0)
			table_print(cli, shows[i].columns, shows[i].n_columns, rows);
}

static int nothing_shown(struct cli *cli, const struct object_def *def, const char *name)
{
	if (name == NULL) { // a single kind
		if (cli->json)
			fputs("null\n", cli->out);
		else
			fprintf(cli->out, "no %s is configured\n", def->kind);
		return CLI_OK;
	}
	cli_usage(cli, "there is no %s '%s'", def->kind, name);
	return CLI_REFUSED;
}

int object_show(struct cli *cli, const struct request *request)
{
	const struct object_def *def = object_def_by_kind(request->command->kind);
	bool one = def->single || request->operand != NULL;
	char method[64];
	json_t *list;
	int rc;

	snprintf(method, sizeof(method), "%s.list", def->kind);
	if (request->operand != NULL)
		json_object_set_new(request->params, "name", json_string(request->operand));
	rc = cli_call(cli, method, json_incref(request->params), &list);
	if (rc != CLI_OK)
		return rc;
	if (one && json_array_size(list) == 0)
		rc = nothing_shown(cli, def, request->operand);
	else if (cli->json)
		cli_print_json(cli, one ? json_array_get(list, 0) : list);
	else if (one)
		object_lines(cli, def, json_array_get(list, 0));
	else
		rows_print(cli, def->kind, list);
	json_decref(list);
	return rc;
}
