// SPDX-License-Identifier: BSD-3-Clause
// weft config: whole documents, from a file or standard input ("-").

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/commands.h"
#include "rpc/config_json.h"

// The whole file as text; NULL and errno.
static char *file_read(const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	FILE *copy;
	char *text = NULL;
	char block[65536];
	size_t n;
	int error;

	if (f == NULL)
		return NULL;
	copy = open_memstream(&text, len);
	while (copy != NULL && (n = fread(block, 1, sizeof(block), f)) > 0)
		fwrite(block, 1, n, copy);
	error = copy == NULL || ferror(f) ? errno : 0;
	if (copy != NULL)
		fclose(copy);
	if (f != stdin)
		fclose(f);
	if (error == 0)
		return text;
	free(text);
	errno = error;
	return NULL;
}

// The document in the file, NULL after saying what is wrong with it.
static json_t *document_read(struct cli *cli, const char *path)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *document;
	size_t len;
	char *text = file_read(path, &len);

	if (text == NULL) {
		cli_usage(cli, "%s: %s", path, strerror(errno));
		return NULL;
	}
	document = config_parse_text(text, len, &problems);
	for (size_t i = 0; i < problems.n; i++)
		cli_usage(cli, "%s: %s", path, problems.list[i].text);
	problems_free(&problems);
	free(text);
	return document;
}

// Sends the document; the result is {"changes": [...]}.
static int document_send(
	struct cli *cli, const struct request *request, const char *method, show_fn *show)
{
	json_t *document = document_read(cli, request->operand);

	if (document == NULL)
		return CLI_USAGE;
	return cli_request(cli, method, json_pack("{s:o}", "config", document), show);
}

static void changes_show(struct cli *cli, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes");
	const json_t *change;
	size_t i;

	json_array_foreach (changes, i, change)
		fprintf(cli->out, "%s\n", json_string_value(change));
	if (json_array_size(changes) == 0)
		fputs("no change\n", cli->out);
}

static void verdict_show(struct cli *cli, const json_t *result)
{
	bool same = json_array_size(json_object_get(result, "changes")) == 0;

	fprintf(cli->out, "the configuration is good; %s\n",
		same ? "apply would change nothing" : "apply would:");
	if (!same)
		changes_show(cli, result);
}

static void file_show(struct cli *cli, const json_t *result)
{
	fprintf(cli->out, "saved to %s\n", json_string_value(json_object_get(result, "file")));
}

static int config_show(struct cli *cli, const struct request *request)
{
	return cli_request(cli, "config.get", json_object(), cli_print_json);
}

static int config_check(struct cli *cli, const struct request *request)
{
	return document_send(cli, request, "config.check", verdict_show);
}

static int config_difference(struct cli *cli, const struct request *request)
{
	return document_send(cli, request, "config.check", changes_show);
}

static int config_apply(struct cli *cli, const struct request *request)
{
	return document_send(cli, request, "config.apply", changes_show);
}

// The daemon writes the file; a relative path is meant from where the user is.
static int config_save(struct cli *cli, const struct request *request)
{
	char *directory = getcwd(NULL, 0);

	if (request->operand != NULL && request->operand[0] != '/' && directory != NULL)
		json_object_set_new(request->params, "file",
			json_sprintf("%s/%s", directory, request->operand));
	else if (request->operand != NULL)
		json_object_set_new(request->params, "file", json_string(request->operand));
	free(directory);
	return cli_request(cli, "config.save", json_incref(request->params), file_show);
}

const struct verb config_verbs[] = {
	{.name = "show", .run = config_show, .help = "the document in force"},
	{.name = "check",
		.operand = "FILE",
		.run = config_check,
		.help = "say whether a document is good, or everything that is wrong with it"},
	{.name = "diff",
		.operand = "FILE",
		.run = config_difference,
		.help = "what apply would change"},
	{.name = "apply",
		.operand = "FILE",
		.run = config_apply,
		.help = "make a document the one in force, as one transaction"},
	{.name = "save",
		.operand = "FILE",
		.flags = VERB_OPERAND_OPTIONAL,
		.run = config_save,
		.help = "write the document in force to the daemon's own file or another"},
};
