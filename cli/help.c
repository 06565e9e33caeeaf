// SPDX-License-Identifier: BSD-3-Clause

#include "cli/help.h"

#include <ctype.h>
#include <string.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/keys.h"

#define KEY_WIDTH  34
#define VERB_WIDTH 42

#define PLACEHOLDER_MAX 32 // longer lists of words stand only where the key is explained

static char *upper(const char *text, char out[USAGE_LEN])
{
	size_t n = strlen(text);

	for (size_t i = 0; i <= n && i < USAGE_LEN; i++)
		out[i] = (char)toupper((unsigned char)text[i]);
	return out;
}

static void words_join(const struct field *field, char text[USAGE_LEN])
{
	size_t len = strlen(text);

	for (size_t i = 0; field->words != NULL && field->words[i] != NULL && len < USAGE_LEN; i++)
		len += (size_t)snprintf(
			text + len, USAGE_LEN - len, "%s%s", len > 0 ? "|" : "", field->words[i]);
}

// The value alone.
static char *usage_value(const struct field *field, char text[USAGE_LEN])
{
	static const char *const forms[] = {
		[FIELD_BOOL] = "true|false",
		[FIELD_STRING] = "TEXT",
		[FIELD_DEVICE] = "DRIVER:NAME[,OPTIONS]",
		[FIELD_MAC] = "MAC",
		[FIELD_IP] = "ADDRESS",
		[FIELD_PREFIX] = "ADDRESS/LENGTH",
		[FIELD_IP_LIST] = "ADDRESS[,ADDRESS]...",
		[FIELD_RANGES] = "MIN-MAX[,MIN-MAX]...",
		[FIELD_RANGE] = "N[-N]",
		[FIELD_PROTOCOL] = "PROTOCOL",
		[FIELD_PREFIX_LIST] = "ADDRESS[/LENGTH][,ADDRESS[/LENGTH]]...",
		[FIELD_IP_RANGE_LIST] = "FIRST-LAST[,FIRST-LAST]...",
		[FIELD_OBJECTS] = "JSON",
		[FIELD_OBJECT] = "JSON",
	};

	char name[USAGE_LEN];

	text[0] = '\0';
	if (field->type == FIELD_UINT)
		snprintf(text, USAGE_LEN, "%ju-%ju", (uintmax_t)field->min, (uintmax_t)field->max);
	if (field->type == FIELD_UINT || field->type == FIELD_ENUM)
		words_join(field, text);
	else if (field->type == FIELD_NAME)
		upper(field->ref, text);
	else if (field->type == FIELD_NAME_LIST)
		snprintf(text, USAGE_LEN, "%.99s[,%.99s]...", upper(field->ref, name), name);
	else if (field->type == FIELD_OBJECTS && field->sub->word_form != NULL)
		snprintf(text, USAGE_LEN, "%s,...", field->sub->word_form);
	else
		snprintf(text, USAGE_LEN, "%s", forms[field->type]);
	if (field->type == FIELD_IP)
		words_join(field, text);
	if (field->flags & FIELD_HOST_OK)
		snprintf(text, USAGE_LEN, "ADDRESS[/LENGTH]");
	return text;
}

char *usage_key(const struct field *field, char text[USAGE_LEN])
{
	char value[USAGE_LEN];

	if (field->flags & ARG_BARE)
		snprintf(text, USAGE_LEN, "%s", field->name);
	else
		snprintf(text, USAGE_LEN, "%s %s", field->name, usage_value(field, value));
	return text;
}

// A value's place in a usage line: "N", "SECONDS", "STATE", else as usage_value().
static const char *placeholder(const struct field *field, char text[USAGE_LEN])
{
	if (field->type == FIELD_ENUM && strlen(usage_value(field, text)) > PLACEHOLDER_MAX)
		return upper(field->name, text);
	if (field->type != FIELD_UINT)
		return usage_value(field, text);
	return field->unit == NULL ? "N" : upper(unit_text(field), text);
}

char *usage_verb(const struct command *command, const struct verb *verb, char text[USAGE_LEN])
{
	bool optional = verb->flags & VERB_OPERAND_OPTIONAL;
	bool fields = verb->flags & VERB_FIELDS;
	FILE *f = fmemopen(text, USAGE_LEN, "w");
	char value[USAGE_LEN];

	fputs(command->name, f);
	if (verb->name != NULL)
		fprintf(f, "%s%s %s", verb->group == NULL ? "" : " ",
			verb->group == NULL ? "" : verb->group, verb->name);
	if (verb->operand != NULL && optional)
		fprintf(f, " [%s%s]", verb->operand, fields ? " | KEY VALUE..." : "");
	else if (verb->operand != NULL)
		fprintf(f, " %s", verb->operand);
	for (size_t i = 0; i < verb->n_keys; i++) {
		const struct field *key = &verb->keys[i];
		bool bare = key->flags & ARG_BARE;

		fprintf(f, " [%s%s%s]", key->name, bare ? "" : " ",
			bare ? "" : placeholder(key, value));
	}
	if (fields && !optional)
		fputs(" KEY VALUE...", f);
	if (verb->elements != NULL)
		fputs(" [KEY] VALUE...", f);
	if (verb->flags & VERB_RAW)
		fputs(" WORD...", f);
	fclose(f);
	text[USAGE_LEN - 1] = '\0';
	return text;
}

const char *unit_text(const struct field *field)
{
	return strcmp(field->unit, "s") == 0 ? "seconds" : field->unit;
}

// Pads to where the second column begins, on the next line when the first one is too long.
static void second_column(FILE *out, const char *first, int width)
{
	fprintf(out, "  %-*s", width, first);
	if ((int)strlen(first) >= width)
		fprintf(out, "\n  %-*s", width, "");
}

// "key value    what it is; default: ..."
static void key_line(FILE *out, const struct field *field)
{
	char usage[USAGE_LEN];

	second_column(out, usage_key(field, usage), KEY_WIDTH);
	fputs(field->help, out);
	if (field->unit != NULL)
		fprintf(out, ", in %s", unit_text(field));
	if (field->flags & FIELD_REQUIRED)
		fputs("; required", out);
	else if (field->default_text != NULL)
		fprintf(out, "; default: %s", field->default_text);
	fputc('\n', out);
}

static void nested_lines(FILE *out, const struct field *field)
{
	struct nested_key key;

	for (size_t i = 0; field->type == FIELD_OBJECT && i < field->sub->n_fields; i++)
		key_line(out, nested_key(&key, field, i));
}

static void key_lines(FILE *out, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_segments(&fields[i])) {
			key_line(out, &fields[i]);
			nested_lines(out, &fields[i]);
			continue;
		}
		for (size_t j = 0; j < n_segment_forms; j++) {
			second_column(out, segment_forms[j].usage, KEY_WIDTH);
			fprintf(out, "%s\n", segment_forms[j].help);
		}
	}
}

const struct field *command_fields(const struct command *command, size_t *n)
{
	bool taken = false;

	for (size_t i = 0; i < command->n_verbs; i++)
		taken |= command->verbs[i].flags & VERB_FIELDS;
	*n = taken ? object_def_by_kind(command->kind)->n_fields : 0;
	return taken ? object_def_by_kind(command->kind)->fields : NULL;
}

const struct object_def *command_elements(const struct command *command)
{
	for (size_t i = 0; i < command->n_verbs; i++)
		if (command->verbs[i].elements != NULL)
			return verb_object(command, &command->verbs[i]);
	return NULL;
}

void help_command(FILE *out, const struct command *command)
{
	char usage[USAGE_LEN], line[USAGE_LEN + 8];
	const struct object_def *def;
	const struct field *fields;
	size_t n;

	fprintf(out, "weft %s: %s\n\nUsage:\n", command->name, command_help(command));
	for (size_t i = 0; i < command->n_verbs; i++) {
		snprintf(line, sizeof(line), "weft %s",
			usage_verb(command, &command->verbs[i], usage));
		second_column(out, line, VERB_WIDTH);
		fprintf(out, "%s\n", command->verbs[i].help);
	}
	for (size_t i = 0; i < command->n_verbs; i++) {
		const struct verb *verb = &command->verbs[i];

		if (verb->n_keys == 0)
			continue;
		fprintf(out, "\n%s%s%s:\n", command->name, verb->name == NULL ? "" : " ",
			verb->name == NULL ? "" : verb->name);
		key_lines(out, verb->keys, verb->n_keys);
	}
	fields = command_fields(command, &n);
	if (fields != NULL)
		fputs("\nKEY VALUE:\n", out);
	key_lines(out, fields, n);
	def = command_elements(command);
	if (def == NULL)
		return;
	fprintf(out, "\n[KEY] VALUE of a %s; %s:\n", def->kind, ALONE_HELP);
	key_lines(out, def->fields, def->n_fields);
}

void help_all(FILE *out)
{
	fputs("Usage: weft [-j] [-s SOCKET] OBJECT [VERB] [NAME] [KEY VALUE]...\n"
	      "       weft OBJECT [VERB] -h | weft OBJECT help | weft -h | weft -V\n\nObjects:\n",
		out);
	for (size_t i = 0; i < n_commands; i++)
		fprintf(out, "  %-14s %s\n", commands[i].name, command_help(&commands[i]));
	fputs("\nOptions:\n"
	      "  -j, --json           show results as JSON\n"
	      "  -s, --socket SOCKET  control socket of weftd, default " CLI_SOCKET "\n"
	      "  -h, --help           this text\n"
	      "  -V, --version        version of this program\n\n"
	      "Objects, verbs and keys can be shortened as long as they stay unique. Lists are\n"
	      "written a,b or by giving the key again; an empty one is none.\n\n"
	      "Exit status: 0 done, 1 refused by weftd, 2 wrong arguments, 3 weftd not reached\n",
		out);
}

static int help_run(struct cli *cli, const struct request *request)
{
	const struct command *command;

	if (request->operand == NULL) {
		help_all(cli->out);
		return CLI_OK;
	}
	command = command_find(cli, request->operand);
	if (command == NULL)
		return CLI_USAGE;
	help_command(cli->out, command);
	return CLI_OK;
}

const struct verb help_verb = {
	.operand = "OBJECT",
	.flags = VERB_OPERAND_OPTIONAL,
	.run = help_run,
	.help = "all objects, or the verbs and keys of one",
};
