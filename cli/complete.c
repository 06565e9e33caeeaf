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

static void offer_names(struct cli *cli, const char *kind, const char *begin)
{
	json_t *list = cli_ask(cli, kind, "list");
	const json_t *object;
	size_t i;

	json_array_foreach (list, i, object) {
		const char *name = json_string_value(json_object_get(object, "name"));

		if (name != NULL)
			offer(cli, name, begin);
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
		offer_names(cli, field->ref, begin);
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
	if (field->type == FIELD_OBJECTS) {
		const struct segment_form *form = segment_form(name);

		if (form->has_uplink && words->at == last) {
			offer_names(cli, "uplink", words->list[last]);
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
		if (strcmp(verb->operand, "NAME") == 0 && strcmp(verb->name, "add") != 0)
			offer_names(cli, command->kind, words->list[last]);
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

static const struct command *find_quietly(const char *word)
{
	struct word_set set = {.n = 0};
	int i;

	for (size_t j = 0; j < n_commands; j++)
		word_add(&set, commands[j].name);
	i = word_find(&set, word);
	return i < 0 ? NULL : &commands[i];
}

static void complete_verb_word(struct cli *cli, const struct command *command, const char *begin)
{
	for (size_t i = 0; i < command->n_verbs; i++)
		offer(cli, command->verbs[i].name, begin);
	offer(cli, "help", begin);
}

static int complete_run(struct cli *cli, const struct request *request)
{
	struct words *words = request->words;
	const struct command *command;
	const struct verb *verb;
	struct word_set set = {.n = 0};
	int i = 0;

	if (words->n - words->at <= 1) {
		const char *begin = words->at < words->n ? words->list[words->at] : "";

		for (size_t j = 0; j < n_commands; j++)
			offer(cli, commands[j].name, begin);
		return CLI_OK;
	}
	command = find_quietly(words->list[words->at++]);
	if (command == NULL)
		return CLI_OK;
	verb = command->verbs;
	if (verb->name != NULL) {
		if (words->at == words->n - 1) {
			complete_verb_word(cli, command, words->list[words->at]);
			return CLI_OK;
		}
		for (size_t j = 0; j < command->n_verbs; j++)
			word_add(&set, command->verbs[j].name);
		i = word_find(&set, words->list[words->at++]);
	}
	if (i >= 0)
		complete_arguments(cli, command, &command->verbs[i], words);
	return CLI_OK;
}

const struct verb complete_verb = {
	.flags = VERB_RAW,
	.run = complete_run,
	.help = "what the last word can be, one a line",
};
