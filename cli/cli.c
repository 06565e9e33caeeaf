// SPDX-License-Identifier: BSD-3-Clause
// Messages, calls to the daemon, and the way of one command line.

#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/help.h"
#include "cli/words.h"
#include "rpc/client.h"

#define CALL_TIMEOUT_MS 30000 // opening devices takes seconds, nothing takes longer

static void say_where(const struct cli *cli)
{
	fputs("weft: ", cli->err);
	if (cli->file != NULL)
		fprintf(cli->err, "%s:%u: ", cli->file, cli->line);
	if (cli->context != NULL)
		fprintf(cli->err, "%s: ", cli->context);
}

int cli_usage(struct cli *cli, const char *format, ...)
{
	va_list args;

	say_where(cli);
	va_start(args, format);
	vfprintf(cli->err, format, args);
	va_end(args);
	fputc('\n', cli->err);
	return CLI_USAGE;
}

// ---- calls --------------------------------------------------------------------------------------

static int unreachable(struct cli *cli, const char *what, int error)
{
	say_where(cli);
	fprintf(cli->err, "%s %s: %s", what, cli->socket, strerror(error));
	if (error == ENOENT || error == ECONNREFUSED)
		fputs("; is weftd running, and with this socket (-s)?", cli->err);
	else if (error == EACCES)
		fputs("; run as root or as a member of the socket's group", cli->err);
	fputc('\n', cli->err);
	return CLI_UNREACHABLE;
}

// Every problem on a line: sentence, symbol, path.
static int refused(struct cli *cli, const json_t *error)
{
	const json_t *problems = json_object_get(json_object_get(error, "data"), "problems");
	const char *message = json_string_value(json_object_get(error, "message"));
	const json_t *problem;
	size_t i;

	if (json_array_size(problems) == 0) {
		say_where(cli);
		fprintf(cli->err, "%s\n", message == NULL ? "refused without a reason" : message);
	}
	json_array_foreach (problems, i, problem) {
		const char *symbol = json_string_value(json_object_get(problem, "symbol"));
		const char *path = json_string_value(json_object_get(problem, "path"));
		const char *text = json_string_value(json_object_get(problem, "text"));

		say_where(cli);
		fprintf(cli->err, "%s (%s", text == NULL ? "?" : text,
			symbol == NULL ? "?" : symbol);
		if (path != NULL && path[0] != '\0')
			fprintf(cli->err, " at %s", path);
		fputs(")\n", cli->err);
	}
	return CLI_REFUSED;
}

int cli_call(struct cli *cli, const char *method, json_t *params, json_t **result)
{
	json_t *answer = NULL;
	int rc;

	*result = NULL;
	if (cli->client == NULL)
		cli->client = rpc_connect(cli->socket, CALL_TIMEOUT_MS);
	if (cli->client == NULL) {
		json_decref(params);
		return unreachable(cli, "can not reach weftd at", errno);
	}
	rc = rpc_call(cli->client, method, params, &answer);
	if (rc == 0) {
		*result = answer;
		return CLI_OK;
	}
	if (rc == -EREMOTEIO) {
		rc = refused(cli, answer);
		json_decref(answer);
		return rc;
	}
	cli_close(cli);
	return unreachable(cli, "no answer from weftd at", -rc);
}

int cli_request(struct cli *cli, const char *method, json_t *params, show_fn *show)
{
	json_t *result;
	int rc = cli_call(cli, method, params, &result);

	if (rc == CLI_OK && cli->json)
		cli_print_json(cli, result);
	else if (rc == CLI_OK && show != NULL)
		show(cli, result);
	json_decref(result);
	return rc;
}

int cli_list(struct cli *cli, const struct request *request, const char *method, show_fn *show,
	const char *choose)
{
	json_t *result;
	size_t limit;
	int rc;

	if (json_object_get(request->params, "limit") == NULL)
		json_object_set_new(request->params, "limit", json_integer(CLI_LIST_DEFAULT));
	limit = (size_t)json_integer_value(json_object_get(request->params, "limit"));
	rc = cli_call(cli, method, json_incref(request->params), &result);
	if (rc == CLI_OK && cli->json) {
		cli_print_json(cli, result);
	} else if (rc == CLI_OK) {
		show(cli, result);
		if (json_array_size(result) == limit)
			fprintf(cli->out, "the first %zu %s, or see more with limit (at most %d)\n",
				limit, choose, CLI_LIST_MAX);
	}
	json_decref(result);
	return rc;
}

json_t *cli_ask(struct cli *cli, const char *kind, const char *method)
{
	json_t *answer = NULL;
	char name[64];
	int rc;

	if (cli->client == NULL)
		cli->client = rpc_connect(cli->socket, 1000);
	if (cli->client == NULL)
		return NULL;
	snprintf(name, sizeof(name), "%s.%s", kind, method);
	rc = rpc_call(cli->client, name, json_object(), &answer);
	if (rc == 0)
		return answer;
	json_decref(answer);
	if (rc != -EREMOTEIO)
		cli_close(cli);
	return NULL;
}

void cli_close(struct cli *cli)
{
	if (cli->client != NULL)
		rpc_close(cli->client);
	cli->client = NULL;
}

void cli_print_json(struct cli *cli, const json_t *value)
{
	json_dumpf(value, cli->out, JSON_INDENT(2) | JSON_ENCODE_ANY);
	fputc('\n', cli->out);
	fflush(cli->out);
}

// ---- one command line ---------------------------------------------------------------------------

const char *command_help(const struct command *command)
{
	return command->help != NULL ? command->help : object_def_by_kind(command->kind)->help;
}

const struct command *command_find(struct cli *cli, const char *word)
{
	struct word_set set = {.n = 0};
	char text[512];
	int i;

	for (size_t j = 0; j < n_commands; j++)
		word_add(&set, commands[j].name);
	i = word_find(&set, word);
	if (i >= 0)
		return &commands[i];
	if (word[0] == '-')
		cli_usage(cli,
			"'%s' is no object; options stand first: weft [-j] [-s SOCKET] OBJECT ...",
			word);
	else
		cli_usage(cli, "%s", word_complaint(&set, "object", word, text, sizeof(text)));
	return NULL;
}

// The word of the set that is meant; NULL after saying what is wrong.
static const char *verb_word(struct cli *cli, const struct word_set *set, const char *word)
{
	int i = word_find(set, word);
	char text[512];

	if (i >= 0)
		return set->list[i];
	cli_usage(cli, "%s", word_complaint(set, "verb", word, text, sizeof(text)));
	return NULL;
}

static bool is_help_option(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

// Where arguments follow at once, help is the only verb, if that. The option may stand at the end.
static bool help_wanted(const struct command *command, const struct words *words)
{
	bool any = words->at < words->n;
	const char *word = any ? words->list[words->at] : "";
	struct word_set set;
	int i;

	verb_words(command, NULL, &set);
	if (strcmp(word, "help") == 0 || is_help_option(word) ||
		(any && is_help_option(words->list[words->n - 1])))
		return set.n > 0 || !(command->verbs->flags & VERB_RAW);
	if (set.n == 0)
		return false;
	word_add(&set, "help");
	i = word_find(&set, word);
	return i >= 0 && strcmp(set.list[i], "help") == 0;
}

// The verb that the next words name, moving behind them; without any, the first one. NULL after
// saying what is wrong.
static const struct verb *verb_find(
	struct cli *cli, const struct command *command, struct words *words)
{
	struct word_set set;
	const char *name, *group;

	verb_words(command, NULL, &set);
	if (set.n == 0 || words->at == words->n)
		return command->verbs;
	word_add(&set, "help");
	name = verb_word(cli, &set, words->list[words->at++]);
	if (name == NULL || verb_named(command, NULL, name) != NULL)
		return name == NULL ? NULL : verb_named(command, NULL, name);
	group = name;
	verb_words(command, group, &set);
	if (words->at == words->n) {
		cli_usage(cli, "%s: a verb is missing: %s or %s", group, set.list[0], set.list[1]);
		return NULL;
	}
	name = verb_word(cli, &set, words->list[words->at++]);
	return name == NULL ? NULL : verb_named(command, group, name);
}

static int verb_run(struct cli *cli, struct request *request, struct words *words)
{
	char context[64];
	int rc;

	if (request->verb->name != NULL) {
		snprintf(context, sizeof(context), "%s %s%s%s", request->command->name,
			request->verb->group == NULL ? "" : request->verb->group,
			request->verb->group == NULL ? "" : " ", request->verb->name);
		cli->context = context;
	}
	request->words = words;
	rc = args_parse(cli, request);
	if (rc == CLI_OK) {
		rc = request->verb->run(cli, request);
		json_decref(request->params);
	}
	cli->context = NULL;
	return rc;
}

// JSON holds nothing else.
static bool words_are_utf8(struct cli *cli, const struct words *words)
{
	for (size_t i = words->at; i < words->n; i++) {
		json_t *text = json_string(words->list[i]);

		json_decref(text);
		if (text == NULL) {
			cli_usage(cli, "word %zu is not UTF-8 text", i + 1);
			return false;
		}
	}
	return true;
}

int cli_run(struct cli *cli, struct words *words)
{
	struct request request = {0};
	int rc = CLI_OK;

	if (words_are_utf8(cli, words))
		request.command = command_find(cli, words->list[words->at]);
	if (request.command == NULL)
		return CLI_USAGE;
	words->at++;
	cli->context = request.command->name;
	if (help_wanted(request.command, words)) {
		help_command(cli->out, request.command);
	} else {
		request.verb = verb_find(cli, request.command, words);
		rc = request.verb == NULL ? CLI_USAGE : verb_run(cli, &request, words);
	}
	cli->context = NULL;
	return rc;
}
