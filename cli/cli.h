// SPDX-License-Identifier: BSD-3-Clause
// The weft command: words of the command line -> one request to weftd -> text or JSON.
//
// commands[] (commands.c) says which objects and verbs there are. args_parse() (args.c) turns the
// words behind a verb into the parameters of a request, driven by the field tables of lib/model;
// the verb's run() sends it (cli_call) and shows the answer (table.c). Usage, completion and the
// manual come from the same tables. One thread, no global state but the tables.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "model/fields.h"
#include "rpc/client.h"

#define CLI_SOCKET RPC_SOCKET_DEFAULT

// Exit status of weft(1).
enum cli_exit {
	CLI_OK,
	CLI_REFUSED,	 // the daemon refused the request, or audit found the ledger open
	CLI_USAGE,	 // wrong arguments, or a file that can not be read
	CLI_UNREACHABLE, // no daemon at the socket, or the connection broke
};

struct cli {
	FILE *out;
	FILE *err;
	const char *socket;	   // path of the control socket
	struct rpc_client *client; // connected on first use
	bool json;		   // show answers as JSON
	bool color;		   // on `out`
	const char *context;	   // "network add": whose words are being read; NULL: none yet
	const char *file;	   // batch file being run, NULL: none
	unsigned line;		   // in that file
};

// Words of a command line that are still to be read.
struct words {
	const char *const *list;
	size_t n;
	size_t at;
};

struct request;
struct command;

#define VERB_OPERAND_OPTIONAL 0x1  // the operand may be left out
#define VERB_FIELDS	      0x2  // takes the keys of the object's field table
#define VERB_COMPLETE	      0x4  // required keys must be given
#define VERB_DEFAULT	      0x8  // takes "KEY default"
#define VERB_RAW	      0x10 // reads its words itself, from request->words

#define ARG_BARE 0x80 // flag of a key in verb.keys: stands alone, has no value

struct verb {
	const char *name;    // NULL: the command has no verbs, its arguments follow at once
	const char *group;   // word before the name: "rule" of "rule add"; NULL: none
	const char *operand; // what the word without a key is: "NAME", "FILE"; NULL: there is none
	const char *help;
	uint8_t flags;		  // VERB_*
	const struct field *keys; // keys of the command line beside those of the object
	size_t n_keys;
	const char *elements; // key of a list of the object whose elements' keys it takes; NULL
	int (*run)(struct cli *cli, const struct request *request); // returns an enum cli_exit
};

struct command {
	const char *name;	  // "network"
	const char *kind;	  // of its field table; NULL: none
	const char *help;	  // NULL: that of the field table
	const struct verb *verbs; // the first one is meant when none is given
	size_t n_verbs;
};

// A command line, read: what a verb's run() works on.
struct request {
	const struct command *command;
	const struct verb *verb;
	const char *operand; // NULL: not given
	json_t *params;	     // object of the keys given
	struct words *words; // those not read yet
};

// commands.c
extern const struct command commands[];
extern const size_t n_commands;

const char *command_help(const struct command *command);

// The words that may stand in place of a verb: names, and groups once; or, behind the group, the
// names in it. Without "help".
struct word_set;
void verb_words(const struct command *command, const char *group, struct word_set *set);
// NULL: there is none of this name in this group (NULL: in no group).
const struct verb *verb_named(const struct command *command, const char *group, const char *name);

// ---- cli.c: messages, calls, output -------------------------------------------------------------

// Says on cli->err what is wrong with the command line; returns CLI_USAGE.
__attribute__((format(printf, 2, 3))) int cli_usage(struct cli *cli, const char *format, ...);

// Calls a method; `params` is consumed. On success *result is a new reference and the result is
// CLI_OK; else the refusal, or why there is no answer, is on cli->err.
int cli_call(struct cli *cli, const char *method, json_t *params, json_t **result);

// Shows a result to people.
typedef void show_fn(struct cli *cli, const json_t *result);

// cli_call(), then the result as JSON or by show(); NULL: people need not be told.
int cli_request(struct cli *cli, const char *method, json_t *params, show_fn *show);

// The daemon makes no longer lists; without the key "limit" a terminal's worth is asked for.
#define CLI_LIST_DEFAULT 10000
#define CLI_LIST_MAX	 65536

// cli_request() for a list. When it is as long as it may be, people are told so; `choose` says of
// what there may be more, and how to ask for others: "sessions; choose by network".
int cli_list(struct cli *cli, const struct request *request, const char *method, show_fn *show,
	const char *choose);

// cli_call() of "KIND.METHOD" without showing anything, for completion. NULL: no answer.
json_t *cli_ask(struct cli *cli, const char *kind, const char *method);

void cli_print_json(struct cli *cli, const json_t *value);

// Runs one command line (without the program's name and options).
int cli_run(struct cli *cli, struct words *words);

// By name or unique prefix; NULL after saying what is wrong.
const struct command *command_find(struct cli *cli, const char *word);

void cli_close(struct cli *cli);

// ---- args.c: words -> parameters ----------------------------------------------------------------

// Reads request->words into request->operand and request->params (a new object).
// Returns CLI_OK, or CLI_USAGE and no params.
int args_parse(struct cli *cli, struct request *request);

// One value as typed -> JSON. Returns CLI_OK or CLI_USAGE.
int args_value(struct cli *cli, const struct field *field, const char *word, json_t **value);

// Forms of a segment: each is a key of the command line with one or two values.
struct segment_form {
	const char *type;
	bool has_uplink;
	bool has_id;	   // may be left out: the lowest free one
	const char *usage; // "vlan UPLINK [ID]"
	const char *help;
};

extern const struct segment_form segment_forms[];
extern const size_t n_segment_forms;
