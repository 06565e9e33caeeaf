// SPDX-License-Identifier: BSD-3-Clause
// Every object and verb of the command line.

#include "cli/commands.h"

#include <string.h>

#include "base/util.h"
#include "cli/words.h"

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

static const struct verb security_group_verbs[] = {
	SHOW,
	ADD,
	SET,
	DEL,
	{.name = "add",
		.group = "rule",
		.operand = "GROUP",
		.flags = VERB_COMPLETE,
		.elements = "rules",
		.run = rule_add,
		.help = "let more pass"},
	{.name = "del",
		.group = "rule",
		.operand = "GROUP",
		.flags = VERB_COMPLETE,
		.elements = "rules",
		.run = rule_del,
		.help = "remove the rule that says just this; sessions that it let pass end"},
};

static const struct field port_show_keys[] = {
	{.name = "chains",
		.type = FIELD_BOOL,
		.flags = ARG_BARE,
		.help = "the filter tables of one port, with what each row has counted"},
};

static const struct verb port_verbs[] = {
	{.name = "show",
		.operand = "NAME",
		.flags = VERB_OPERAND_OPTIONAL | VERB_FIELDS,
		.keys = port_show_keys,
		.n_keys = ARRAY_SIZE(port_show_keys),
		.run = port_show,
		.help = "all, those with the values given, or everything about one"},
	ADD,
	SET,
	DEL,
};

const struct command commands[] = {
	{"workers", "workers", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
	{"uplink", "uplink", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"tunnel", "tunnel", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
	{"remote", NULL, "other tunnel endpoints (VTEPs)", remote_verbs, 3},
	{"network", "network", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"subnet", "subnet", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"security-group", "security-group", NULL, security_group_verbs,
		ARRAY_SIZE(security_group_verbs)},
	{"port", "port", NULL, port_verbs, ARRAY_SIZE(port_verbs)},
	{"router", "router", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"floating-ip", "floating-ip", NULL, object_verbs, ARRAY_SIZE(object_verbs)},
	{"fdb", "fdb", "where MACs are: learned entries and static ones", fdb_verbs, 4},
	{"lease", NULL, "addresses that the DHCP responder has given", &lease_verb, 1},
	{"route", NULL, "routes of routers", &route_verb, 1},
	{"neighbour", NULL, "neighbours of routers", &neighbour_verb, 1},
	{"service", NULL, "weft's own ports on the networks", &service_verb, 1},
	{"session", NULL, "connections that the filters of ports and routers track", session_verbs,
		2},
	{"sessions", "sessions", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
	{"metrics", "metrics", NULL, single_verbs, ARRAY_SIZE(single_verbs)},
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

void verb_words(const struct command *command, const char *group, struct word_set *set)
{
	set->n = 0;
	for (size_t i = 0; i < command->n_verbs; i++) {
		const struct verb *verb = &command->verbs[i];
		bool grouped = verb->group != NULL;
		const char *word = group == NULL && grouped ? verb->group : verb->name;

		if (group != NULL && (!grouped || strcmp(verb->group, group) != 0))
			continue;
		if (word != NULL && (set->n == 0 || strcmp(set->list[set->n - 1], word) != 0))
			word_add(set, word);
	}
}

const struct verb *verb_named(const struct command *command, const char *group, const char *name)
{
	for (size_t i = 0; i < command->n_verbs; i++) {
		const struct verb *verb = &command->verbs[i];

		if (strcmp(verb->name, name) == 0 && (verb->group == NULL) == (group == NULL) &&
			(group == NULL || strcmp(verb->group, group) == 0))
			return verb;
	}
	return NULL;
}
