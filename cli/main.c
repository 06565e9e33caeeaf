// SPDX-License-Identifier: BSD-3-Clause
// weft(1): options, then one command line.

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"socket", required_argument, NULL, 's'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

int main(int argc, char **argv)
{
	struct cli cli = {.out = stdout, .err = stderr, .socket = CLI_SOCKET};
	const char *no_color = getenv("NO_COLOR");
	struct words words;
	int option, rc;

	cli.color = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0');
	while ((option = getopt_long(argc, argv, "+js:hV", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			cli.json = true;
			break;
		case 's':
			cli.socket = optarg;
			break;
		case 'h':
			help_all(stdout);
			return CLI_OK;
		case 'V':
			puts("weft " WEFT_VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE; // getopt has said why
		}
	}
	if (optind == argc) {
		help_all(stderr);
		return CLI_USAGE;
	}
	words = (struct words){
		.list = (const char *const *)argv + optind, .n = (size_t)(argc - optind)};
	rc = cli_run(&cli, &words);
	cli_close(&cli);
	if (fflush(stdout) != 0 && rc == CLI_OK)
		rc = cli_usage(&cli, "the output could not be written");
	return rc;
}
