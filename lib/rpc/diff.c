// SPDX-License-Identifier: BSD-3-Clause
// Values as words of a command line, and the difference of two documents in such words.

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "rpc/config_json.h"

static json_t *list_from_word(const char *word)
{
	json_t *list = json_array();

	while (*word != '\0') {
		size_t n = strcspn(word, ",");

		json_array_append_new(list, json_stringn(word, n));
		word += n;
		if (*word == ',')
			word++;
	}
	return list;
}

static json_t *json_or_text(const char *word)
{
	json_t *value = json_loads(word, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

	return value != NULL ? value : json_string(word);
}

json_t *config_value_from_word(const struct field *field, const char *word)
{
	size_t len = strlen(word);

	if (strcmp(word, "default") == 0)
		return json_null();
	switch (field->type) {
	case FIELD_BOOL:
		if (strcmp(word, "true") == 0 || strcmp(word, "on") == 0)
			return json_true();
		if (strcmp(word, "false") == 0 || strcmp(word, "off") == 0)
			return json_false();
		return json_string(word);
	case FIELD_UINT:
		if (len > 0 && strspn(word, "-0123456789") == len)
			return json_or_text(word);
		return json_string(word);
	case FIELD_IP_LIST:
		return list_from_word(word);
	case FIELD_OBJECTS:
		return json_or_text(word);
	default:
		return json_string(word);
	}
}

// "a,b" for an array of texts; NULL when one of them is no text.
static char *list_to_word(const json_t *list)
{
	struct arena *arena = arena_new();
	const char *word = "";
	char *copy;

	for (size_t i = 0; i < json_array_size(list) && word != NULL; i++) {
		const char *item = json_string_value(json_array_get(list, i));

		word = item == NULL ? NULL
				    : arena_printf(arena, "%s%s%s", word, i > 0 ? "," : "", item);
	}
	copy = word == NULL ? NULL : strdup(word);
	arena_free(arena);
	return copy;
}

char *config_value_to_word(const json_t *value)
{
	char *word = NULL;

	if (value == NULL || json_is_null(value))
		return strdup("default");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_array(value))
		word = list_to_word(value);
	return word != NULL ? word : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

struct diff {
	struct arena *arena;
	json_t *lines;
};

static void add_line(struct diff *diff, const char *verb, const struct object_def *def,
	const char *name, const char *changes)
{
	json_array_append_new(
		diff->lines, json_string(arena_printf(diff->arena, "%s %s%s%s%s", verb, def->kind,
				     name == NULL ? "" : " ", name == NULL ? "" : name, changes)));
}

// " mtu 1400 admin-state default": the keys that differ.
static const char *changed_keys(struct diff *diff, const struct object_def *def,
	const json_t *old_object, const json_t *new_object)
{
	const char *text = "";

	for (size_t i = 0; i < def->n_fields; i++) {
		const char *key = def->fields[i].name;
		const json_t *was = json_object_get(old_object, key);
		const json_t *is = json_object_get(new_object, key);
		char *word;

		if (was == is || (was != NULL && is != NULL && json_equal(was, is)))
			continue;
		word = config_value_to_word(is);
		text = arena_printf(diff->arena, "%s %s %s", text, key, word);
		free(word);
	}
	return text;
}

static void diff_object(struct diff *diff, const struct object_def *def, const char *name,
	const json_t *const objects[2])
{
	if (objects[0] == NULL && objects[1] != NULL)
		add_line(diff, "add", def, name, "");
	else if (objects[0] != NULL && objects[1] != NULL && !json_equal(objects[0], objects[1]))
		add_line(diff, "set", def, name, changed_keys(diff, def, objects[0], objects[1]));
}

// New and changed objects of a kind.
static void diff_kind(
	struct diff *diff, const struct object_def *def, const json_t *was, const json_t *is)
{
	const char *name;
	json_t *object;

	if (def->single) {
		diff_object(diff, def, NULL, (const json_t *const[2]){was, is});
		return;
	}
	json_object_foreach ((json_t *)is, name, object)
		diff_object(diff, def, name,
			(const json_t *const[2]){json_object_get(was, name), object});
}

static void diff_gone(
	struct diff *diff, const struct object_def *def, const json_t *was, const json_t *is)
{
	const char *name;
	json_t *object;

	if (def->single) {
		if (was != NULL && is == NULL)
			add_line(diff, "del", def, NULL, "");
		return;
	}
	json_object_foreach ((json_t *)was, name, object)
		if (json_object_get(is, name) == NULL)
			add_line(diff, "del", def, name, "");
}

json_t *config_diff(const json_t *old_document, const json_t *new_document)
{
	struct diff diff = {arena_new(), json_array()};
	size_t n = 0;

	while (object_defs[n] != NULL)
		n++;
	// what refers to others goes first and comes last
	for (size_t i = n; i-- > 0;)
		diff_gone(&diff, object_defs[i], json_object_get(old_document, object_defs[i]->key),
			json_object_get(new_document, object_defs[i]->key));
	for (size_t i = 0; i < n; i++)
		diff_kind(&diff, object_defs[i], json_object_get(old_document, object_defs[i]->key),
			json_object_get(new_document, object_defs[i]->key));
	arena_free(diff.arena);
	return diff.lines;
}
