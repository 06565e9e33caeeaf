// SPDX-License-Identifier: BSD-3-Clause
// weft batch: command lines from a file, run over one connection. A line is what would follow
// "weft"; '#' begins a comment, quotes '...' and "..." hold blanks.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/commands.h"

#define LINE_WORDS_MAX 256

static const struct field batch_keys[] = {
	{.name = "--keep-going",
		.type = FIELD_BOOL,
		.flags = ARG_BARE,
		.help = "run the lines after a failed one too"},
};

// Cuts a line into words in place. Returns their number, or -EINVAL for an open quote, -E2BIG.
static int line_split(char *line, const char *list[LINE_WORDS_MAX])
{
	char *read = line, *write = line;
	int n = 0;

	while (true) {
		char quote = '\0';

		read += strspn(read, " \t\r\n");
		if (*read == '\0' || *read == '#')
			return n;
		if (n == LINE_WORDS_MAX)
			return -E2BIG;
		list[n++] = write;
		for (; *read != '\0' && (quote != '\0' || strchr(" \t\r\n", *read) == NULL);
			read++) {
			if (quote == '\0' && (*read == '\'' || *read == '"'))
				quote = *read;
			else if (*read == quote)
				quote = '\0';
			else
				*write++ = *read;
		}
		if (quote != '\0')
			return -EINVAL;
		if (*read != '\0')
			read++;
		*write++ = '\0';
	}
}

static int line_run(struct cli *cli, char *line)
{
	const char *list[LINE_WORDS_MAX];
	int n = line_split(line, list);
	struct words words = {.list = list, .n = n < 0 ? 0 : (size_t)n};

	if (n == -EINVAL)
		return cli_usage(cli, "a quote is not closed");
	if (n == -E2BIG)
		return cli_usage(cli, "more than %d words", LINE_WORDS_MAX);
	if (n == 0)
		return CLI_OK;
	return cli_run(cli, &words);
}

// Returns the status of the first line that failed.
static int lines_run(struct cli *cli, FILE *f, bool keep_going)
{
	char *line = NULL;
	size_t size = 0;
	int first = CLI_OK;

	cli->context = NULL;
	for (cli->line = 1; getline(&line, &size, f) >= 0; cli->line++) {
		int rc = line_run(cli, line);

		if (first == CLI_OK)
			first = rc;
		if (rc == CLI_UNREACHABLE || (rc != CLI_OK && !keep_going))
			break;
	}
	free(line);
	return first;
}

static int batch_run(struct cli *cli, const struct request *request)
{
	bool keep_going = json_object_get(request->params, "--keep-going") != NULL;
	bool is_stdin = strcmp(request->operand, "-") == 0;
	FILE *f;
	int rc;

	if (cli->file != NULL)
		return cli_usage(cli, "a batch can not run another one");
	f = is_stdin ? stdin : fopen(request->operand, "r");
	if (f == NULL)
		return cli_usage(cli, "%s: %s", request->operand, strerror(errno));
	cli->file = is_stdin ? "standard input" : request->operand;
	rc = lines_run(cli, f, keep_going);
	if (ferror(f) && rc == CLI_OK)
		rc = cli_usage(cli, "%s", strerror(EIO));
	if (f != stdin)
		fclose(f);
	cli->file = NULL;
	return rc;
}

const struct verb batch_verb = {
	.operand = "FILE",
	.keys = batch_keys,
	.n_keys = ARRAY_SIZE(batch_keys),
	.run = batch_run,
	.help = "run the lines of a file or of standard input (-); stop at the first error",
};
