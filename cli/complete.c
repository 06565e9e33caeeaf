// SPDX-License-Identifier: BSD-3-Clause
// weft complete WORD...: what the last word can be, one a line. completion/weft.bash calls it. What
// does not parse has no completions; a daemon that does not answer leaves out the names it knows.

#include <string.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/keys.h"

static void offer(struct cli *cli, const char *word, const char *begin)
{
	if (strncmp(word, begin, strlen(begin)) == 0)
		fprintf(cli->out, "%s\n", word);
}

// Names of a kind that begin as the word does behind its first `n_before` bytes ("a," of a list).
static void offer_names(struct cli *cli, const char *kind, const char *word, size_t n_before)
{
	const char *begin = word + n_before;
	json_t *list = cli_ask(cli, kind, "list");
	const json_t *object;
	size_t i;

	json_array_foreach (list, i, object) {
		const char *name = json_string_value(json_object_get(object, "name"));

		if (name != NULL && strncmp(name, begin, strlen(begin)) == 0)
			fprintf(cli->out, "%.*s%s\n", (int)n_before, word, name);
	}
	json_decref(list);
}

static void offer_values(struct cli *cli, const struct field *field, const char *begin)
{
	for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++)
		offer(cli, field->words[i], begin);
	if (field->type == FIELD_BOOL) {
		offer(cli, "true", begin);
		offer(cli, "false", begin);
	}
	if (field->type == FIELD_NAME)
		offer_names(cli, field->ref, begin, 0);
	if (field->type == FIELD_NAME_LIST) {
		const char *comma = strrchr(begin, ',');
		size_t n = comma == NULL ? 0 : (size_t)(comma + 1 - begin);

		offer_names(cli, field->ref, begin, n);
	}
}

static void offer_keys(struct cli *cli, const struct key_set *keys, const char *begin)
{
	for (size_t i = 0; i < keys->words.n; i++)
		offer(cli, keys->words.list[i], begin);
}

// The key at words->at and what belongs to it, up to the last word, which is the one to complete.
// False: the last word was reached, or nothing fits.
static bool pass_key(struct cli *cli, const struct key_set *keys, struct words *words)
{
	size_t last = words->n - 1;
	int i = word_find(&keys->words, words->list[words->at]);
	const struct field *field;
	const char *name;

	if (i < 0)
		return false;
	field = keys->fields[i];
	name = keys->words.list[i];
	words->at++;
	if (is_segments(field)) {
		const struct segment_form *form = segment_form(name);

		if (form->has_uplink && words->at == last) {
			offer_names(cli, "uplink", words->list[last], 0);
			return false;
		}
		words->at += form->has_uplink;
		if (form->has_id && words->at < last && words->list[words->at][0] >= '0' &&
			words->list[words->at][0] <= '9')
			words->at++;
		return true;
	}
	if ((field->flags & ARG_BARE) || strcmp(name, field->name) != 0)
		return true;
	if (words->at == last) {
		offer_values(cli, field, words->list[last]);
		return false;
	}
	words->at++;
	return true;
}

static void complete_arguments(struct cli *cli, const struct command *command,
	const struct verb *verb, struct words *words)
{
	size_t last = words->n - 1;
	struct key_set keys;

	keys_of(&keys, command, verb);
	if (verb->operand != NULL && words->at == last) {
		if ((strcmp(verb->operand, "NAME") == 0 && strcmp(verb->name, "add") != 0) ||
			strcmp(verb->operand, "GROUP") == 0)
			offer_names(cli, command->kind, words->list[last], 0);
		else if (strcmp(verb->operand, "OBJECT") == 0)
			for (size_t i = 0; i < n_commands; i++)
				offer(cli, commands[i].name, words->list[last]);
		if (!(verb->flags & VERB_OPERAND_OPTIONAL))
			return;
	} else if (verb->operand != NULL && !(verb->flags & VERB_OPERAND_OPTIONAL)) {
		words->at++;
	}
	while (words->at < last)
		if (!pass_key(cli, &keys, words))
			return;
	if (words->at == last)
		offer_keys(cli, &keys, words->list[last]);
}

static const struct command *command_named(const char *name)
{
	size_t i = 0;

	while (strcmp(commands[i].name, name) != 0)
		i++;
	return &commands[i];
}

// The word of the set that the next one stands for, moving behind it. NULL when it is the last one,
// which is offered the set, or none.
static const char *pass_word(struct cli *cli, const struct word_set *set, struct words *words)
{
	const char *word = words->list[words->at++];
	int i;

	if (words->at == words->n) {
		for (size_t j = 0; j < set->n; j++)
			offer(cli, set->list[j], word);
		return NULL;
	}
	i = word_find(set, word);
	return i < 0 ? NULL : set->list[i];
}

// The verb that the next words name; NULL when the word to complete is one of them, or none fits.
static const struct verb *pass_verb(
	struct cli *cli, const struct command *command, struct words *words)
{
	const char *name, *group;
	struct word_set set;

	verb_words(command, NULL, &set);
	if (set.n == 0)
		return command->verbs;
	word_add(&set, "help");
	name = pass_word(cli, &set, words);
	if (name == NULL || strcmp(name, "help") == 0)
		return NULL;
	if (verb_named(command, NULL, name) != NULL)
		return verb_named(command, NULL, name);
	group = name;
	verb_words(command, group, &set);
	name = pass_word(cli, &set, words);
	return name == NULL ? NULL : verb_named(command, group, name);
}

static int complete_run(struct cli *cli, const struct request *request)
{
	struct words *words = request->words;
	const struct command *command;
	const struct verb *verb;
	struct word_set set = {.n = 0};
	const char *name;

	for (size_t j = 0; j < n_commands; j++)
		word_add(&set, commands[j].name);
	if (words->at == words->n) {
		for (size_t j = 0; j < n_commands; j++)
			offer(cli, commands[j].name, "");
		return CLI_OK;
	}
	name = pass_word(cli, &set, words);
	if (name == NULL)
		return CLI_OK;
	command = command_named(name);
	verb = pass_verb(cli, command, words);
	if (verb != NULL)
		complete_arguments(cli, command, verb, words);
	return CLI_OK;
}

const struct verb complete_verb = {
	.flags = VERB_RAW,
	.run = complete_run,
	.help = "what the last word can be, one a line",
};
