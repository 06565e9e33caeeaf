// SPDX-License-Identifier: BSD-3-Clause
// weft status: the daemon itself.

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"

static void uptime_text(json_int_t seconds, char text[CELL_LEN])
{
	static const struct {
		json_int_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	// Two units say enough: "3 d 4 h", "2 min 5 s".
	while (i < ARRAY_SIZE(units) - 1 && seconds < units[i].seconds)
		i++;
	if (i == ARRAY_SIZE(units) - 1)
		snprintf(text, CELL_LEN, "%" JSON_INTEGER_FORMAT " s", seconds);
	else
		snprintf(text, CELL_LEN, "%" JSON_INTEGER_FORMAT " %s %" JSON_INTEGER_FORMAT " %s",
			seconds / units[i].seconds, units[i].unit,
			seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].unit);
}

// "entries 3, limit 10"
static void pairs_text(const json_t *object, char text[CELL_LEN])
{
	const char *separator = "";
	const char *key;
	json_t *value;
	size_t len = 0;

	text[0] = '\0';
	json_object_foreach ((json_t *)object, key, value) {
		char cell[CELL_LEN];

		table_cell(value, cell);
		len += (size_t)snprintf(
			text + len, CELL_LEN - len, "%s%s %s", separator, key, cell);
		if (len >= CELL_LEN)
			return;
		separator = ", ";
	}
}

static void percent_cell(const json_t *value, char text[CELL_LEN])
{
	snprintf(text, CELL_LEN, "%.1f%%", 100 * json_number_value(value));
}

static void status_print(struct cli *cli, const json_t *result)
{
	static const struct column worker_columns[] = {
		{.title = "WORKER", .path = "index", .number = true},
		{.title = "CPU", .path = "cpu", .number = true},
		{.title = "LOAD", .path = "load", .number = true, .format = percent_cell},
		{.title = "PACKETS", .path = "packets", .number = true},
	};
	static const struct column device_columns[] = {
		{.title = "DEVICE", .path = "device"},
		{.title = "LINK", .path = "link"},
		{.title = "MBPS", .path = "speed-mbps", .number = true},
		{.title = "MTU", .path = "mtu", .number = true},
		{.title = "RXQ", .path = "rx-queues", .number = true},
		{.title = "TXQ", .path = "tx-queues", .number = true},
		{.title = "RX-MISSED", .path = "rx-missed", .number = true},
		{.title = "RX-ERRORS", .path = "rx-errors", .number = true},
		{.title = "RX-NOBUF", .path = "rx-nombuf", .number = true},
		{.title = "TX-ERRORS", .path = "tx-errors", .number = true},
	};
	static const char *const objects[] = {"config", "objects", "fdb", "memory"};
	struct table_line lines[2 + ARRAY_SIZE(objects)];
	const json_t *devices = json_object_get(result, "devices");

	lines[0] = (struct table_line){.key = "version"};
	snprintf(lines[0].value, CELL_LEN, "%s, pid %" JSON_INTEGER_FORMAT,
		json_string_value(json_object_get(result, "version")),
		json_integer_value(json_object_get(result, "pid")));
	lines[1] = (struct table_line){.key = "up for"};
	uptime_text(
		(json_int_t)json_number_value(json_object_get(result, "uptime")), lines[1].value);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		lines[2 + i] = (struct table_line){.key = objects[i]};
		pairs_text(json_object_get(result, objects[i]), lines[2 + i].value);
	}
	table_print_lines(cli, lines, ARRAY_SIZE(lines));
	fputc('\n', cli->out);
	table_print(cli, worker_columns, ARRAY_SIZE(worker_columns),
		json_object_get(result, "workers"));
	if (json_array_size(devices) > 0)
		fputc('\n', cli->out);
	table_print(cli, device_columns, ARRAY_SIZE(device_columns), devices);
}

static int status_show(struct cli *cli, const struct request *request)
{
	return cli_request(cli, "status.get", json_object(), status_print);
}

const struct verb status_verb = {
	.run = status_show,
	.help = "version, workers and their load, devices, memory, tables",
};
