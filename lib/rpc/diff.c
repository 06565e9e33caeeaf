// SPDX-License-Identifier: BSD-3-Clause
// Values as words of a command line, and the difference of two documents in such words.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "rpc/config_json.h"

#define NO_ELEMENTS "none" // an empty list

// A text, or for objects that have a word form an object of the values of its keys, in the order of
// their table; the last key takes all that is left.
static json_t *element_from_word(const struct field *field, const char *word, size_t len)
{
	const struct object_def *sub = field->sub;
	json_t *object;

	if (field->type != FIELD_OBJECTS)
		return json_stringn(word, len);
	object = json_object();
	for (size_t i = 0; i < sub->n_fields; i++) {
		const char *end = memchr(word, sub->separator, len);
		size_t n = end == NULL || i == sub->n_fields - 1 ? len : (size_t)(end - word);
		char *text = strndup(word, n);

		json_object_set_new(object, sub->fields[i].name,
			text == NULL ? NULL : config_value_from_word(&sub->fields[i], text));
		free(text);
		if (n == len)
			break;
		word += n + 1;
		len -= n + 1;
	}
	return object;
}

json_t *config_element_from_word(const struct field *field, const char *word)
{
	return element_from_word(field, word, strlen(word));
}

static json_t *list_from_word(const struct field *field, const char *word)
{
	json_t *list = json_array();

	if (strcmp(word, NO_ELEMENTS) == 0)
		return list;

	while (*word != '\0') {
		size_t n = strcspn(word, ",");

		json_array_append_new(list, element_from_word(field, word, n));
		if (word[n] == '\0')
			break;
		word += n + 1;
		if (*word == '\0') // "a,": the last one is empty
			json_array_append_new(list, element_from_word(field, word, 0));
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
	case FIELD_PREFIX_LIST:
	case FIELD_NAME_LIST:
	case FIELD_IP_RANGE_LIST:
		return list_from_word(field, word);
	case FIELD_OBJECT:
		return json_or_text(word);
	case FIELD_OBJECTS:
		if (*word != '[' &&
			(field->sub->word_form != NULL || strcmp(word, NO_ELEMENTS) == 0))
			return list_from_word(field, word);
		return json_or_text(word);
	default:
		return json_string(word);
	}
}

// Whether a value can stand between separators and commas.
static bool fits_element(const struct object_def *sub, const char *word)
{
	return strchr(word, sub->separator) == NULL && strchr(word, ',') == NULL;
}

// The reverse of element_from_word(); NULL when the element has not that form: a key is missing
// before another, or a value has a separator in it.
static const char *element_to_word(
	const struct field *field, const json_t *element, struct arena *arena)
{
	const struct object_def *sub = field->sub;
	size_t n_left = json_object_size(element);
	const char *word = NULL;

	if (json_is_string(element))
		return strchr(json_string_value(element), ',') == NULL ? json_string_value(element)
								       : NULL;
	if (field->type != FIELD_OBJECTS || sub->word_form == NULL)
		return NULL;
	for (size_t i = 0; i < sub->n_fields && n_left > 0; i++, n_left--) {
		const json_t *value = json_object_get(element, sub->fields[i].name);
		char *text;

		if (value == NULL)
			return NULL;
		text = config_value_to_word(&sub->fields[i], value);
		if (!fits_element(sub, text))
			word = NULL;
		else if (i == 0)
			word = arena_strdup(arena, text);
		else
			word = arena_printf(arena, "%s%c%s", word, sub->separator, text);
		free(text);
		if (word == NULL)
			return NULL;
	}
	return word;
}

// "a,b" for an array; NULL when one of its elements can not be written so.
static char *list_to_word(const struct field *field, const json_t *list)
{
	struct arena *arena = arena_new();
	bool fits = true;
	char *word = NULL;
	size_t len, n = json_array_size(list);
	FILE *out = open_memstream(&word, &len); // there may be thousands of elements

	if (out == NULL)
		abort();
	for (size_t i = 0; i < n && fits; i++) {
		const char *item = element_to_word(field, json_array_get(list, i), arena);

		fits = item != NULL;
		if (fits)
			fprintf(out, "%s%s", i > 0 ? "," : "", item);
	}
	if (n == 0)
		fputs(NO_ELEMENTS, out);
	if (fclose(out) != 0)
		abort();
	arena_free(arena);
	if (fits)
		return word;
	free(word);
	return NULL;
}

char *config_value_to_word(const struct field *field, const json_t *value)
{
	char *word = NULL;

	if (value == NULL || json_is_null(value))
		return strdup("default");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_array(value))
		word = list_to_word(field, value);
	return word != NULL ? word : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

struct diff {
	struct arena *arena;
	json_t *lines;
	json_t *empty; // an object without keys
};

static void add_line(struct diff *diff, const char *verb, const struct object_def *def,
	const char *name, const char *changes)
{
	json_array_append_new(
		diff->lines, json_string(arena_printf(diff->arena, "%s %s%s%s%s", verb, def->kind,
				     name == NULL ? "" : " ", name == NULL ? "" : name, changes)));
}

// " mtu 1400 admin-state default": the keys that differ, with `prefix` ("dhcp.") before each.
static const char *changed_keys(struct diff *diff, const struct object_def *def, const char *prefix,
	const json_t *const objects[2])
{
	const char *text = "";

	for (size_t i = 0; i < def->n_fields; i++) {
		const char *key = def->fields[i].name;
		const json_t *was = json_object_get(objects[0], key);
		const json_t *is = json_object_get(objects[1], key);
		char *word;

		if (was == is || (was != NULL && is != NULL && json_equal(was, is)))
			continue;
		if (def->fields[i].type == FIELD_OBJECT && is != NULL) {
			text = arena_printf(diff->arena, "%s%s", text,
				changed_keys(diff, def->fields[i].sub,
					arena_printf(diff->arena, "%s.", key),
					(const json_t *const[2]){was, is}));
			continue;
		}
		word = config_value_to_word(&def->fields[i], is);
		text = arena_printf(diff->arena, "%s %s%s %s", text, prefix, key, word);
		free(word);
	}
	return text;
}

// An object that is always there is as if written without keys.
static const json_t *object_of(
	struct diff *diff, const struct object_def *def, const json_t *map, const char *name)
{
	const json_t *object = json_object_get(map, name);

	return object == NULL && object_is_builtin(def, name) ? diff->empty : object;
}

static void diff_object(struct diff *diff, const struct object_def *def, const char *name,
	const json_t *const objects[2])
{
	if (objects[0] == NULL && objects[1] != NULL)
		add_line(diff, "add", def, name, "");
	else if (objects[0] != NULL && objects[1] != NULL && !json_equal(objects[0], objects[1]))
		add_line(diff, "set", def, name, changed_keys(diff, def, "", objects));
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
			(const json_t *const[2]){object_of(diff, def, was, name), object});
	// what was changed of it and is not mentioned any more
	if (def->builtin != NULL && json_object_get(is, def->builtin) == NULL)
		diff_object(diff, def, def->builtin,
			(const json_t *const[2]){
				object_of(diff, def, was, def->builtin), diff->empty});
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
		if (object_of(diff, def, is, name) == NULL)
			add_line(diff, "del", def, name, "");
}

json_t *config_diff(const json_t *old_document, const json_t *new_document)
{
	struct diff diff = {arena_new(), json_array(), json_object()};
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
	json_decref(diff.empty);
	arena_free(diff.arena);
	return diff.lines;
}
