// SPDX-License-Identifier: BSD-3-Clause
// weft-doc --check|--write FILE...: the generated parts of the documentation, from the same tables
// as the program. A page is written by hand but for what stands between a line with
// "generated: NAME" and a line with "end of generated".

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/keys.h"

#define BEGIN_MARK "generated: "
#define END_MARK   "end of generated"

// Text for roff: backslashes and hyphens mean something there.
static void roff(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	}
}

// As a sentence of its own.
static void roff_sentence(FILE *out, const char *text)
{
	fputc(toupper((unsigned char)text[0]), out);
	roff(out, text + 1);
	fputs(".\n", out);
}

static void roff_bold(FILE *out, const char *text)
{
	fputs("\\fB", out);
	roff(out, text);
	fputs("\\fR", out);
}

// ---- weft.1 -------------------------------------------------------------------------------------

static void verb_page(FILE *out, const struct command *command, const struct verb *verb)
{
	char usage[USAGE_LEN];

	fputs(".TP\n\\fBweft ", out);
	roff(out, usage_verb(command, verb, usage));
	fputs("\\fR\n", out);
	roff_sentence(out, verb->help);
	if (verb->n_keys == 0)
		return;
	fputs(".RS\n", out);
	for (size_t i = 0; i < verb->n_keys; i++) {
		fputs(".TP\n", out);
		roff_bold(out, usage_key(&verb->keys[i], usage));
		fputc('\n', out);
		roff_sentence(out, verb->keys[i].help);
	}
	fputs(".RE\n", out);
}

static void keys_list(FILE *out, const char *separator, const struct field *fields, size_t n)
{
	char usage[USAGE_LEN];

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; is_segments(&fields[i]) && j < n_segment_forms; j++) {
			fputs(separator, out);
			roff_bold(out, segment_forms[j].usage);
			separator = ",\n";
		}
		if (is_segments(&fields[i]))
			continue;
		fputs(separator, out);
		roff_bold(out, usage_key(&fields[i], usage));
		separator = ",\n";
		for (size_t j = 0; fields[i].type == FIELD_OBJECT && j < fields[i].sub->n_fields;
			j++) {
			struct nested_key key;

			fputs(separator, out);
			roff_bold(out, usage_key(nested_key(&key, &fields[i], j), usage));
		}
	}
	fputs(".\n", out);
}

static void commands_page(FILE *out)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];
		const struct object_def *def;
		const struct field *fields;
		size_t n;

		fprintf(out, ".SS %s\n", command->name);
		roff_sentence(out, command_help(command));
		for (size_t j = 0; j < command->n_verbs; j++)
			verb_page(out, command, &command->verbs[j]);
		fields = command_fields(command, &n);
		if (fields != NULL)
			keys_list(out,
				".PP\n.B KEY VALUE\nis, as described in\n.BR weft.conf (5),\n",
				fields, n);
		def = command_elements(command);
		if (def != NULL)
			keys_list(out, ".PP\n.B [KEY] VALUE\n(" ALONE_HELP ") is\n", def->fields,
				def->n_fields);
	}
}

// ---- weft.conf.5 --------------------------------------------------------------------------------

static void field_page(FILE *out, const struct field *field, struct arena *arena)
{
	const char *form = field_expects(field, arena);

	fputs(".TP\n", out);
	roff_bold(out, field->name);
	if (field->flags & FIELD_REQUIRED)
		fputs(" (required)", out);
	fputc('\n', out);
	roff_sentence(out, field->help);
	if (field->type == FIELD_OBJECTS)
		form = field->sub->word_form == NULL
			       ? "an array of objects with these keys"
			       : arena_printf(arena,
					 "an array of objects with these keys, or of texts \"%s\"",
					 field->sub->word_form);
	else if (field->type == FIELD_OBJECT)
		form = "an object with these keys";
	else if (field->unit != NULL && strcmp(field->unit, "entries") != 0)
		form = arena_printf(arena, "%s, in %s", form, unit_text(field));
	roff_sentence(out, arena_printf(arena, "value: %s", form));
	if (field->default_text != NULL)
		roff_sentence(out, arena_printf(arena, "default: %s", field->default_text));
	if (field->flags & FIELD_IMMUTABLE)
		fputs("Can not change after creation.\n", out);
}

static void object_page(FILE *out, const struct object_def *def, struct arena *arena)
{
	const char *help = def->help;

	fprintf(out, ".SS %s\n", def->key);
	if (def->name_form != NULL)
		help = arena_printf(arena, "%s; a map of objects by %s", help, def->name_form);
	roff_sentence(out, help);
	for (size_t i = 0; i < def->n_fields; i++) {
		const struct field *field = &def->fields[i];

		field_page(out, field, arena);
		if (field->type != FIELD_OBJECTS && field->type != FIELD_OBJECT)
			continue;
		fputs(".RS\n", out);
		for (size_t j = 0; j < field->sub->n_fields; j++)
			field_page(out, &field->sub->fields[j], arena);
		fputs(".RE\n", out);
	}
}

static void keys_page(FILE *out)
{
	struct arena *arena = arena_new();

	for (const struct object_def *const *def = object_defs; *def != NULL; def++)
		object_page(out, *def, arena);
	arena_free(arena);
}

static void errors_page(FILE *out)
{
	for (int i = 0; i < N_ERROR_SYMBOLS; i++) {
		fputs(".TP\n", out);
		roff_bold(out, error_symbol_name((enum error_symbol)i));
		fputc('\n', out);
		roff_sentence(out, error_symbol_text((enum error_symbol)i));
	}
}

// ---- drops.md -----------------------------------------------------------------------------------

static void drop_row(FILE *out, const char *name, const char *class, const char *text)
{
	fprintf(out, "| `%s` | ", name);
	for (; *class != '\0'; class ++)
		fputc(tolower((unsigned char)*class), out);
	fprintf(out, " | %s |\n", text);
}

static void drops_page(FILE *out)
{
	fputs("| reason | class | what happened |\n|---|---|---|\n", out);
#define X(symbol, name, class, text) drop_row(out, #name, #class, text);
#include "pipeline/drop.def"
#undef X
}

// ---- files --------------------------------------------------------------------------------------

static const struct {
	const char *name;
	void (*write)(FILE *out);
} parts[] = {
	{"commands", commands_page},
	{"keys", keys_page},
	{"errors", errors_page},
	{"drops", drops_page},
};

static int part_write(FILE *out, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strncmp(name, parts[i].name, strlen(parts[i].name)) != 0)
			continue;
		parts[i].write(out);
		return 0;
	}
	return -1;
}

// The page as it should be; `is` and `should` are what it is and that, both to be freed.
static int page_read(const char *path, char **is, char **should)
{
	FILE *f = fopen(path, "r");
	size_t is_len, should_len, size = 0;
	FILE *old = open_memstream(is, &is_len), *new = open_memstream(should, &should_len);
	bool generated = false;
	char *line = NULL;
	int rc = f == NULL ? -1 : 0;

	while (rc == 0 && getline(&line, &size, f) >= 0) {
		const char *mark = strstr(line, BEGIN_MARK);

		fputs(line, old);
		if (strstr(line, END_MARK) != NULL)
			generated = false;
		if (!generated)
			fputs(line, new);
		if (mark == NULL)
			continue;
		rc = part_write(new, mark + strlen(BEGIN_MARK));
		generated = true;
	}
	free(line);
	fclose(old);
	fclose(new);
	if (f != NULL)
		fclose(f);
	return rc;
}

static int page_do(const char *path, bool write)
{
	char *is = NULL, *should = NULL;
	FILE *f;
	int rc = page_read(path, &is, &should);

	if (rc != 0) {
		fprintf(stderr, "weft-doc: %s: can not be read, or has an unknown part\n", path);
	} else if (strcmp(is, should) != 0 && !write) {
		fprintf(stderr, "weft-doc: %s is not what the tables say: run 'ninja docs'\n",
			path);
		rc = -1;
	} else if (strcmp(is, should) != 0) {
		f = fopen(path, "w");
		rc = f == NULL || fputs(should, f) < 0 ? -1 : 0;
		if (f != NULL && fclose(f) != 0)
			rc = -1;
	}
	free(is);
	free(should);
	return rc;
}

int main(int argc, char **argv)
{
	bool write = argc > 1 && strcmp(argv[1], "--write") == 0;
	int rc = EXIT_SUCCESS;

	if (argc < 3 || (!write && strcmp(argv[1], "--check") != 0)) {
		fputs("usage: weft-doc --check|--write FILE...\n", stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (page_do(argv[i], write) != 0)
			rc = EXIT_FAILURE;
	return rc;
}
