// SPDX-License-Identifier: BSD-3-Clause
// Model -> document -> JSON text.

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/protocol.h"
#include "rpc/config_json.h"

#define KINDS_MAX 32 // of objects, those inside others too

struct encoder {
	struct arena *arena;
	bool full; // with keys at their default
	// an object of each kind as it is when no key is given
	struct {
		const struct object_def *def;
		const void *object;
	} defaults[KINDS_MAX];
};

static json_t *encode_object(struct encoder *e, const struct object_def *def, const void *object);

static uint64_t uint_value(const struct field *field, const void *member)
{
	if (field->size == sizeof(uint8_t))
		return *(const uint8_t *)member;
	if (field->size == sizeof(uint16_t))
		return *(const uint16_t *)member;
	return *(const uint32_t *)member;
}

// NULL for a special value without a word: nothing is set.
static json_t *encode_uint(const struct field *field, const void *member)
{
	uint64_t value = uint_value(field, member);

	if (field->words != NULL && value == field->word_value)
		return json_string(field->words[0]);
	return value < field->min ? NULL : json_integer((json_int_t)value);
}

static json_t *encode_enum(const struct field *field, const void *member)
{
	int value = field->flags & FIELD_INVERTED ? *(const bool *)member : *(const int *)member;

	return value < 0 ? NULL : json_string(field->words[value]);
}

static json_t *encode_ip(const struct ip_addr *ip)
{
	char text[IP_TEXT_LEN];

	return ip_is_set(ip) ? json_string(ip_format(ip, text)) : NULL;
}

static json_t *prefix_text(const struct ip_prefix *prefix, bool host_ok)
{
	char text[PREFIX_TEXT_LEN];

	if (host_ok && prefix->len == (ip_is_v4(&prefix->addr) ? 32 : 128))
		return json_string(ip_format(&prefix->addr, text));
	return json_string(ip_prefix_format(prefix, text));
}

// Whether the key was given, as far as the structure can tell.
static bool is_given(const struct field *field, const void *object)
{
	return field->set_offset == 0 || *((const bool *)object + field->set_offset);
}

static json_t *encode_prefix(const struct field *field, const void *object)
{
	const struct ip_prefix *prefix =
		(const struct ip_prefix *)((const char *)object + field->offset);
	bool any = (field->flags & FIELD_ANY_OK) && is_given(field, object);

	if (!ip_is_set(&prefix->addr) && !any)
		return NULL;
	return prefix_text(prefix, field->flags & FIELD_HOST_OK);
}

static json_t *encode_range(const struct range *range)
{
	if (range->max == 0)
		return NULL;
	return range->min == range->max ? json_sprintf("%u", range->min)
					: json_sprintf("%u-%u", range->min, range->max);
}

static json_t *encode_protocol(uint8_t protocol)
{
	const char *name = protocol_name(protocol);

	return name != NULL ? json_string(name) : json_integer(protocol);
}

static json_t *encode_mac(const struct mac *mac)
{
	char text[MAC_TEXT_LEN];

	return mac_is_zero(mac) ? NULL : json_string(mac_format(mac, text));
}

static json_t *encode_ips(const struct ip_list *ips)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ips->n; i++)
		json_array_append_new(array, encode_ip(&ips->list[i]));
	return array;
}

static json_t *encode_prefixes(const struct prefix_list *prefixes)
{
	json_t *array = json_array();

	for (size_t i = 0; i < prefixes->n; i++)
		json_array_append_new(array, prefix_text(&prefixes->list[i], true));
	return array;
}

static json_t *encode_ip_ranges(const struct ip_range_list *ranges)
{
	char first[IP_TEXT_LEN], last[IP_TEXT_LEN];
	json_t *array = json_array();

	for (size_t i = 0; i < ranges->n; i++)
		json_array_append_new(
			array, json_sprintf("%s-%s", ip_format(&ranges->list[i].first, first),
				       ip_format(&ranges->list[i].last, last)));
	return array;
}

static json_t *encode_names(const struct string_list *names)
{
	json_t *array = json_array();

	for (size_t i = 0; i < names->n; i++)
		json_array_append_new(array, json_string(names->list[i]));
	return array;
}

static json_t *encode_objects(struct encoder *e, const struct field *field, const void *member)
{
	const char *list = *(char *const *)member;
	size_t n = *(const size_t *)((const char *)member + sizeof(void *));
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			array, encode_object(e, field->sub, list + i * field->sub->size));
	return array;
}

// The value of a key, NULL when it has none.
static json_t *encode_field(struct encoder *e, const struct field *field, const void *object)
{
	const void *member = (const char *)object + field->offset;
	const struct range_list *ranges = member;

	switch (field->type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)member);
	case FIELD_UINT:
		return encode_uint(field, member);
	case FIELD_ENUM:
		return encode_enum(field, member);
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_DEVICE:
		return json_string(*(const char *const *)member);
	case FIELD_MAC:
		return encode_mac(member);
	case FIELD_IP:
		if (field->words != NULL && is_given(field, object) && !ip_is_set(member))
			return json_string(field->words[0]);
		return encode_ip(member);
	case FIELD_PREFIX:
		return encode_prefix(field, object);
	case FIELD_IP_LIST:
		return encode_ips(member);
	case FIELD_PREFIX_LIST:
		return encode_prefixes(member);
	case FIELD_NAME_LIST:
		return encode_names(member);
	case FIELD_RANGE:
		return encode_range(member);
	case FIELD_PROTOCOL:
		return encode_protocol(*(const uint8_t *)member);
	case FIELD_RANGES:
		return ranges->n == 0 ? NULL : json_string(range_list_format(ranges, e->arena));
	case FIELD_IP_RANGE_LIST:
		return encode_ip_ranges(member);
	case FIELD_OBJECTS:
		return encode_objects(e, field, member);
	case FIELD_OBJECT:
		return encode_object(e, field->sub, member);
	}
	return NULL;
}

static const void *default_object(struct encoder *e, const struct object_def *def)
{
	size_t i = 0;
	void *object;

	while (i < KINDS_MAX && e->defaults[i].def != NULL && e->defaults[i].def != def)
		i++;
	assert(i < KINDS_MAX);
	if (e->defaults[i].def == NULL) {
		object = arena_alloc(e->arena, def->size);
		object_init(def, object, e->arena);
		e->defaults[i].def = def;
		e->defaults[i].object = object;
	}
	return e->defaults[i].object;
}

static bool left_out(struct encoder *e, const struct object_def *def, const struct field *field,
	const void *object, const json_t *value)
{
	json_t *usual;
	bool same;

	if (!is_given(field, object))
		return !e->full || field->type == FIELD_OBJECT ||
		       (field->type == FIELD_UINT && json_integer_value(value) == 0);
	if (e->full || field->set_offset != 0 || (field->flags & FIELD_REQUIRED))
		return false;
	usual = encode_field(e, field, default_object(e, def));
	same = usual != NULL && json_equal(usual, value);
	json_decref(usual);
	return same;
}

static json_t *encode_object(struct encoder *e, const struct object_def *def, const void *object)
{
	json_t *json = json_object();

	for (size_t i = 0; i < def->n_fields; i++) {
		const struct field *field = &def->fields[i];
		json_t *value = encode_field(e, field, object);

		if (value != NULL && !left_out(e, def, field, object, value))
			json_object_set(json, field->name, value);
		json_decref(value);
	}
	return json;
}

static json_t *encode_kind(
	struct encoder *e, const struct object_def *def, const struct model *model)
{
	json_t *map;

	if (def->single)
		return encode_object(e, def, model_object_at(model, def, 0));
	map = json_object();
	for (size_t i = 0; i < model_object_count(model, def); i++) {
		const void *object = model_object_at(model, def, i);
		const char *name = *(const char *const *)object;
		json_t *json = encode_object(e, def, object);

		if (json_object_size(json) > 0 || !object_is_builtin(def, name))
			json_object_set(map, name, json);
		json_decref(json);
	}
	return map;
}

// Whether a kind has a place in the document.
static bool kind_present(
	const struct object_def *def, const struct model *model, const json_t *encoded)
{
	if (def->present_offset >= 0)
		return model_object_count(model, def) > 0;
	return json_object_size(encoded) > 0;
}

json_t *config_encode(const struct model *model)
{
	struct encoder e = {.arena = arena_new()};
	json_t *document = json_object();

	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		json_t *kind = encode_kind(&e, *def, model);

		if (kind_present(*def, model, kind))
			json_object_set(document, (*def)->key, kind);
		json_decref(kind);
	}
	arena_free(e.arena);
	return document;
}

static json_t *encode_one(const struct object_def *def, const void *object, bool full)
{
	struct encoder e = {.arena = arena_new(), .full = full};
	json_t *json = encode_object(&e, def, object);

	arena_free(e.arena);
	return json;
}

json_t *config_encode_object(const struct object_def *def, const void *object)
{
	return encode_one(def, object, false);
}

json_t *config_encode_object_full(const struct object_def *def, const void *object)
{
	return encode_one(def, object, true);
}

char *config_dump(const json_t *document)
{
	char *text = json_dumps(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	size_t len = strlen(text);
	char *line = realloc(text, len + 2);

	memcpy(line + len, "\n", 2);
	return line;
}
