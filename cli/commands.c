// SPDX-License-Identifier: BSD-3-Clause
// Every object and verb of the command line.

#include "cli/commands.h"

#include "base/util.h"

#define SHOW                                                                                       \
	{                                                                                          \
		.name = "show", .operand = "NAME", .flags = VERB_OPERAND_OPTIONAL | VERB_FIELDS,   \
		.run = object_show,                                                                \
		.help = "all, those with the values given, or everything about one"                \
	}
#define SHOW_SINGLE                                                                                \
	{                                                                                          \
		.name = "show", .run = object_show, .help = "the settings in force"                \
	}
#define ADD                                                                                        \
	{                                                                                          \
		.name = "add", .operand = "NAME", .flags = VERB_FIELDS | VERB_COMPLETE,            \
		.run = object_add, .help = "make a new one"                                        \
	}
#define SET                                                                                        \
	{                                                                                          \
		.name = "set", .operand = "NAME", .flags = VERB_FIELDS | VERB_DEFAULT,             \
		.run = object_set,                                                                 \
		.help = "change keys; the value default returns a key to its default"              \
	}
#define SET_SINGLE                                                                                 \
	{                                                                                          \
		.name = "set", .flags = VERB_FIELDS | VERB_DEFAULT, .run = object_set,             \
		.help = "change keys; the value default returns a key to its default"              \
	}
#define DEL                                                                                        \
	{                                                                                          \
		.name = "del", .operand = "NAME", .run = object_del, .help = "remove it"           \
	}

static const struct verb single_verbs[] = {SHOW_SINGLE, SET_SINGLE};
static const struct verb object_verbs[] = {SHOW, ADD, SET, DEL};
const struct command commands[] = {
	{"workers", "workers", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
	{"uplink", "uplink", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"tunnel", "tunnel", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
	{"remote", NULL, "other tunnel endpoints (VTEPs)", remote_verbs, 3},
	{"network", "network", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"port", "port", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"fdb", "fdb", "where MACs are: learned entries and static ones", fdb_verbs, 4},
	{"config", NULL, "the whole configuration as one JSON document", config_verbs, 5},
	{"stats", NULL, "packets and bytes of each attachment", &stats_verb, 1},
	{"drops", NULL, "dropped packets, by reason and place", &drops_verb, 1},
	{"audit", NULL, "whether every packet is accounted for", &audit_verb, 1},
	{"status", NULL, "the daemon: workers, devices, memory, tables", &status_verb, 1},
	{"batch", NULL, "many commands over one connection", &batch_verb, 1},
	{"complete", NULL, "words that may come next, for the shell's completion", &complete_verb,
		1},
	{"help", NULL, "what there is", &help_verb, 1},
};
const size_t n_commands = ARRAY_SIZE(commands);
