// SPDX-License-Identifier: BSD-3-Clause
// JSON text -> document -> model. Everything wrong is reported with its path; what can not be read
// stays at its default, so that the rest can still be checked.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rpc/config_json.h"

#define SHOWN_MAX 60  // bytes of a wrong value that a sentence repeats
#define KEY_MAX	  100 // bytes of a key in a path; names that are allowed are shorter

struct decoder {
	struct arena *arena; // the model's
	struct arena *text;  // paths and sentences, gone after decoding
	struct problems *problems;
};

json_t *config_parse_text(const char *text, size_t len, struct problems *problems)
{
	json_error_t error;
	json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (document == NULL) {
		problem_add(problems, E_PARSE, "", "line %d, column %d: %s", error.line,
			error.column, error.text);
		return NULL;
	}
	if (!json_is_object(document)) {
		problem_add(problems, E_PARSE, "",
			"line 1, column 1: the document must be one object: {\"networks\": …}");
		json_decref(document);
		return NULL;
	}
	return document;
}

// The text, or its beginning: what a client sends must not come back many times at full length.
static const char *cut(struct decoder *d, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len <= max)
		return arena_strdup(d->text, text);
	for (len = max; len > 0 && (text[len] & 0xc0) == 0x80;)
		len--; // not in the middle of a character
	return arena_printf(d->text, "%.*s…", (int)len, text);
}

// A value as a sentence shows it: its JSON text, cut.
static const char *shown(struct decoder *d, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	const char *copy = cut(d, text == NULL ? "the value" : text, SHOWN_MAX);

	free(text);
	return copy;
}

// "did you mean "mtu"?", or all there is.
static const char *hint(struct decoder *d, const char *word, const char *const *known, size_t n)
{
	const char *nearest = nearest_word(word, known, n), *list;

	if (nearest != NULL)
		return arena_printf(d->text, "did you mean \"%s\"?", nearest);
	list = known[0];
	for (size_t i = 1; i < n; i++)
		list = arena_printf(d->text, "%s, %s", list, known[i]);
	return arena_printf(d->text, "known are %s", list);
}

static void unknown_key(
	struct decoder *d, const struct object_def *def, const char *key, const char *path)
{
	const char **known = arena_alloc(d->text, def->n_fields * sizeof(*known));

	for (size_t i = 0; i < def->n_fields; i++)
		known[i] = def->fields[i].name;
	problem_add(d->problems, E_KEY_UNKNOWN, path, "%s has no key \"%s\"; %s", def->kind, key,
		hint(d, key, known, def->n_fields));
}

static void unknown_kind(struct decoder *d, const char *key)
{
	const char **known;
	size_t n = 0;

	while (object_defs[n] != NULL)
		n++;
	known = arena_alloc(d->text, n * sizeof(*known));
	for (size_t i = 0; i < n; i++)
		known[i] = object_defs[i]->key;
	problem_add(d->problems, E_KEY_UNKNOWN, key, "\"%s\" is not a kind of object; %s", key,
		hint(d, key, known, n));
}

static void wrong_value(struct decoder *d, enum error_symbol symbol, const struct field *field,
	const json_t *value, const char *path)
{
	problem_add(d->problems, symbol, path, "%s can not be %s; it must be %s", field->name,
		shown(d, value), field_expects(field, d->text));
}

static void decode_object(struct decoder *d, const struct object_def *def, const json_t *json,
	void *object, const char *path);

static int decode_list(struct decoder *d, const struct field *field, const json_t *value,
	void *object, const char *path)
{
	const char *expects = field_expects_element(field, d->text);
	size_t n = json_array_size(value);
	void *list = field_set_list(field, object, n, d->arena);

	// a bad one stays unset in its place, so that paths to the others stay right
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(value, i);
		const char *item_path = arena_printf(d->text, "%s[%zu]", path, i);
		const char *text = json_string_value(item);

		if (text == NULL)
			problem_add(d->problems, E_TYPE, item_path, "%s is not a text with %s",
				shown(d, item), expects);
		else if (field_set_element(field, list, i, text, d->arena) < 0)
			problem_add(d->problems, field->symbol, item_path, "%s is not %s",
				shown(d, item), expects);
	}
	return 0;
}

// An element that is an object, or where it has a word form the text of that. New reference; NULL:
// neither.
static json_t *element_object(const struct field *field, json_t *item)
{
	if (json_is_object(item))
		return json_incref(item);
	if (json_is_string(item) && field->sub->word_form != NULL)
		return config_element_from_word(field, json_string_value(item));
	return NULL;
}

static int decode_objects(struct decoder *d, const struct field *field, const json_t *value,
	void *object, const char *path)
{
	size_t n = json_array_size(value);
	char *list = field_set_list(field, object, n, d->arena);

	for (size_t i = 0; i < n; i++) {
		json_t *item = json_array_get(value, i), *element = element_object(field, item);
		const char *item_path = arena_printf(d->text, "%s[%zu]", path, i);
		char *member = list + i * field->sub->size;

		if (element == NULL)
			problem_add(d->problems, E_TYPE, item_path, "%s must be %s", shown(d, item),
				field_expects_element(field, d->text));
		decode_object(d, field->sub, element, member, item_path);
		json_decref(element);
	}
	return 0;
}

static int decode_one(struct decoder *d, const struct field *field, const json_t *value,
	void *object, const char *path)
{
	decode_object(d, field->sub, value, field_set_object(field, object), path);
	return 0;
}

static int decode_integer(
	struct decoder *d, const struct field *field, json_int_t value, void *object)
{
	if (field->type == FIELD_RANGES || field->type == FIELD_RANGE)
		return field_set_text(
			field, object, arena_printf(d->text, "%lld", (long long)value), d->arena);
	if ((field->type == FIELD_UINT || field->type == FIELD_PROTOCOL) && value < 0)
		return -EINVAL;
	return field_set_uint(field, object, (uint64_t)value);
}

static void decode_field(struct decoder *d, const struct field *field, const json_t *value,
	void *object, const char *path)
{
	int rc = -ENOTSUP;

	if (json_is_string(value))
		rc = field_set_text(field, object, json_string_value(value), d->arena);
	else if (json_is_integer(value))
		rc = decode_integer(d, field, json_integer_value(value), object);
	else if (json_is_boolean(value))
		rc = field_set_bool(field, object, json_is_true(value));
	else if (json_is_array(value) && field_is_list(field))
		rc = decode_list(d, field, value, object, path);
	else if (json_is_array(value) && field->type == FIELD_OBJECTS)
		rc = decode_objects(d, field, value, object, path);
	else if (json_is_object(value) && field->type == FIELD_OBJECT)
		rc = decode_one(d, field, value, object, path);
	if (rc < 0)
		wrong_value(d, rc == -ENOTSUP ? E_TYPE : field->symbol, field, value, path);
}

static void decode_object(struct decoder *d, const struct object_def *def, const json_t *json,
	void *object, const char *path)
{
	const char *key;
	json_t *value;

	object_init(def, object, d->arena);
	json_object_foreach ((json_t *)json, key, value) {
		const struct field *field = object_field(def, key);
		const char *shown_key = cut(d, key, KEY_MAX);
		const char *key_path = arena_printf(d->text, "%s.%s", path, shown_key);

		if (field == NULL)
			unknown_key(d, def, shown_key, key_path);
		else
			decode_field(d, field, value, object, key_path);
	}
	for (size_t i = 0; json_is_object(json) && i < def->n_fields; i++) {
		const struct field *field = &def->fields[i];

		if ((field->flags & FIELD_REQUIRED) && json_object_get(json, field->name) == NULL)
			problem_add(d->problems, E_KEY_MISSING,
				arena_printf(d->text, "%s.%s", path, field->name),
				"key %s is missing; it must be %s", field->name,
				field_expects(field, d->text));
	}
}

static void decode_name(
	struct decoder *d, const struct object_def *def, void *object, const char *path)
{
	const char *name = *(const char **)object, *shown_name = cut(d, name, KEY_MAX);

	if (def->name_parse != NULL) {
		if (def->name_parse(object, name, d->arena) < 0)
			problem_add(d->problems, E_NAME, path, "\"%s\" is not %s", name,
				def->name_expects);
	} else if (!object_name_valid(name)) {
		problem_add(d->problems, E_NAME, path,
			"\"%s\" is not a name; use 1 to %d characters of A-Z a-z 0-9 . _ : / -",
			shown_name, NAME_MAX_LEN);
	}
}

struct entry {
	const char *name;
	const json_t *value;
};

static int compare_entry(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

// The objects of a kind, sorted by name as struct model wants them.
static void decode_map(
	struct decoder *d, const struct object_def *def, const json_t *map, struct model *model)
{
	size_t n = json_object_size(map), i = 0;
	struct entry *entries = arena_alloc(d->text, n * sizeof(*entries));
	char *list = arena_alloc(d->arena, n * def->size);
	void **member = (void **)((char *)model + def->model_offset);
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)map, name, value)
		entries[i++] = (struct entry){name, value};
	qsort(entries, n, sizeof(*entries), compare_entry);
	for (i = 0; i < n; i++) {
		const char *path =
			arena_printf(d->text, "%s.%s", def->key, cut(d, entries[i].name, KEY_MAX));
		void *object = list + i * def->size;

		*(const char **)object = arena_strdup(d->arena, entries[i].name);
		decode_name(d, def, object, path);
		if (!json_is_object(entries[i].value))
			problem_add(d->problems, E_TYPE, path, "%s must be an object {KEY: VALUE}",
				shown(d, entries[i].value));
		decode_object(d, def, entries[i].value, object, path);
	}
	*member = list;
	*(size_t *)(member + 1) = n;
}

static void decode_kind(
	struct decoder *d, const struct object_def *def, const json_t *value, struct model *model)
{
	char *object = (char *)model + def->model_offset;

	if (!json_is_object(value)) {
		problem_add(d->problems, E_TYPE, def->key, "%s must be an object %s", def->key,
			def->single ? "{KEY: VALUE}" : "{NAME: {KEY: VALUE}}");
		return;
	}
	if (!def->single) {
		decode_map(d, def, value, model);
		return;
	}
	if (def->present_offset >= 0)
		*(bool *)(object + def->present_offset) = true;
	decode_object(d, def, value, object, def->key);
}

struct model *config_decode(const json_t *document, struct problems *problems)
{
	struct model *model;
	struct decoder d;
	const char *key;
	json_t *value;

	if (!json_is_object(document)) {
		problem_add(problems, E_TYPE, "", "a configuration must be an object {KIND: …}");
		return NULL;
	}
	model = model_new();
	d = (struct decoder){model->arena, arena_new(), problems};
	json_object_foreach ((json_t *)document, key, value) {
		const struct object_def *def = object_def_by_key(key);

		if (def == NULL)
			unknown_kind(&d, cut(&d, key, KEY_MAX));
		else
			decode_kind(&d, def, value, model);
	}
	arena_free(d.text);
	return model;
}

int config_decode_object(const struct object_def *def, const json_t *json, void *object,
	struct arena *arena, struct problems *problems)
{
	struct decoder d = {arena, arena_new(), problems};
	size_t n_before = problems->n;

	decode_object(&d, def, json, object, def->kind);
	arena_free(d.text);
	return problems->n == n_before ? 0 : -EINVAL;
}
