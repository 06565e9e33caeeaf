// SPDX-License-Identifier: BSD-3-Clause
// weft stats and weft drops: counters, or with -w their change per second.

#include <string.h>
#include <time.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/rate.h"
#include "cli/table.h"

// clang-format off
#define ATTACHMENT_KEYS                                                                            \
	{.name = "port", .type = FIELD_NAME, .ref = "port", .help = "only this port"},             \
	{.name = "uplink", .type = FIELD_NAME, .ref = "uplink",                                    \
		.help = "only what belongs to no segment of this uplink"},                         \
	{.name = "segment", .type = FIELD_STRING,                                                  \
		.help = "only this segment: UPLINK.VLAN, UPLINK.flat or vxlan.VNI"},               \
	{.name = "trunk", .type = FIELD_STRING,                                                    \
		.help = "only what belongs to no port of this trunk device"}
#define WATCH_KEYS                                                                                 \
	{.name = "-w", .type = FIELD_UINT, .min = 1, .max = 3600, .unit = "s",                     \
		.help = "show the change per second, again and again after this time"},            \
	{.name = "-n", .type = FIELD_UINT, .min = 1, .max = 1000000,                               \
		.help = "with -w: end after so many times"}
// clang-format on

static const struct field stats_keys[] = {ATTACHMENT_KEYS, WATCH_KEYS};
static const struct field drops_keys[] = {
	ATTACHMENT_KEYS,
	{.name = "all",
		.type = FIELD_BOOL,
		.flags = ARG_BARE,
		.help = "also reasons that never happened"},
	WATCH_KEYS,
};

// "port web" -> the attachment's name. -w and -n are not the daemon's. New reference, NULL after
// saying what is wrong.
static json_t *daemon_params(struct cli *cli, const struct request *request)
{
	json_t *params = json_object();
	const char *key;
	json_t *value;

	json_object_foreach (request->params, key, value) {
		const char *text = json_string_value(value);

		if (strcmp(key, "-w") == 0 || strcmp(key, "-n") == 0)
			continue;
		if (strcmp(key, "all") == 0) {
			json_object_set(params, key, value);
			continue;
		}
		if (json_object_get(params, "attachment") != NULL) {
			cli_usage(cli, "only one of port, uplink, segment and trunk can be given");
			json_decref(params);
			return NULL;
		}
		json_object_set_new(params, "attachment",
			strcmp(key, "segment") == 0 ? json_string(text)
						    : json_sprintf("%s %s", key, text));
	}
	return params;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Asks every `seconds` and shows the change since the last time; `times` 0: without end.
static int watch(struct cli *cli, const char *method, const json_t *params, const json_t *options,
	show_fn *show)
{
	json_int_t seconds = json_integer_value(json_object_get(options, "-w"));
	json_int_t times = json_integer_value(json_object_get(options, "-n"));
	json_t *before, *after;
	double start = now_s();
	int rc = cli_call(cli, method, json_deep_copy(params), &before);

	for (json_int_t i = 0; rc == CLI_OK && (times == 0 || i < times); i++) {
		struct timespec pause = {.tv_sec = (time_t)seconds};
		json_t *rates;
		double end;

		nanosleep(&pause, NULL);
		rc = cli_call(cli, method, json_deep_copy(params), &after);
		if (rc != CLI_OK)
			break;
		end = now_s();
		rates = rate_of(before, after, end - start);
		if (cli->json) {
			cli_print_json(cli, rates);
		} else {
			fputs(i > 0 ? "\n" : "", cli->out);
			show(cli, rates);
			fflush(cli->out);
		}
		json_decref(rates);
		json_decref(before);
		before = after;
		start = end;
	}
	json_decref(before);
	return rc;
}

static int counters_show(
	struct cli *cli, const struct request *request, const char *method, show_fn *show)
{
	json_t *params;
	int rc;

	if (json_object_get(request->params, "-n") != NULL &&
		json_object_get(request->params, "-w") == NULL)
		return cli_usage(cli, "-n: only with -w SECONDS");
	params = daemon_params(cli, request);
	if (params == NULL)
		return CLI_USAGE;
	if (json_object_get(request->params, "-w") == NULL)
		rc = cli_request(cli, method, json_incref(params), show);
	else
		rc = watch(cli, method, params, request->params, show);
	json_decref(params);
	return rc;
}

static void stats_print(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "RX", .path = "rx", .number = true},
		{.title = "RX-BYTES", .path = "rx-bytes", .number = true},
		{.title = "TX", .path = "tx", .number = true},
		{.title = "TX-BYTES", .path = "tx-bytes", .number = true},
		{.title = "DROPS", .path = "drops", .number = true},
		{.title = "COPIES", .path = "copies", .number = true},
		{.title = "ORIGINATED", .path = "originated", .number = true},
		{.title = "CONSUMED", .path = "consumed", .number = true},
		{.title = "NAME", .path = "name"},
		{.title = "NETWORK", .path = "network"},
	};
	static const char *const sums[] = {"retired", "total"};
	json_t *rows = json_copy(json_object_get(result, "attachments"));

	// Of one attachment there is no sum to show.
	for (size_t i = 0; json_array_size(rows) > 1 && i < ARRAY_SIZE(sums); i++) {
		json_t *row = json_copy(json_object_get(result, sums[i]));

		json_object_set_new(row, "name", json_string(sums[i]));
		json_array_append_new(rows, row);
	}
	table_print(cli, columns, ARRAY_SIZE(columns), rows);
	json_decref(rows);
}

// {"port web": 3, "vxlan.1": 1} -> "port web 3, vxlan.1 1"
static void places_cell(const json_t *value, char text[CELL_LEN])
{
	const char *separator = "";
	const char *name;
	json_t *packets;
	size_t len = 0;

	text[0] = '\0';
	json_object_foreach ((json_t *)value, name, packets) {
		char number[CELL_LEN];

		table_cell(packets, number);
		len += (size_t)snprintf(
			text + len, CELL_LEN - len, "%s%s %s", separator, name, number);
		if (len >= CELL_LEN)
			return;
		separator = ", ";
	}
}

static void drops_print(struct cli *cli, const json_t *result)
{
	static const struct column columns[] = {
		{.title = "PACKETS", .path = "packets", .number = true},
		{.title = "REASON", .path = "reason"},
		{.title = "CLASS", .path = "class"},
		{.title = "MEANING", .path = "text"},
		{.title = "WHERE", .path = "attachments", .format = places_cell},
	};

	if (json_array_size(result) == 0)
		fputs("no packet was dropped\n", cli->out);
	table_print(cli, columns, ARRAY_SIZE(columns), result);
}

static int stats_show(struct cli *cli, const struct request *request)
{
	return counters_show(cli, request, "stats.get", stats_print);
}

static int drops_show(struct cli *cli, const struct request *request)
{
	return counters_show(cli, request, "drops.get", drops_print);
}

const struct verb stats_verb = {
	.keys = stats_keys,
	.n_keys = ARRAY_SIZE(stats_keys),
	.run = stats_show,
	.help = "counters since the start, or their change per second",
};

const struct verb drops_verb = {
	.keys = drops_keys,
	.n_keys = ARRAY_SIZE(drops_keys),
	.run = drops_show,
	.help = "counters since the start, or their change per second",
};
