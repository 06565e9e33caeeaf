// SPDX-License-Identifier: BSD-3-Clause
// Objects and values as the field tables describe them: finding objects in a model, storing values
// in their members, and saying what a right value is. Used by whoever builds the model.

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/fields.h"
#include "model/model.h"
#include "net/protocol.h"

#define STRING_MAX_LEN 255

bool object_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789._:/-") == len;
}

size_t model_object_count(const struct model *model, const struct object_def *def)
{
	size_t n;

	if (def->single)
		return def->present_offset < 0 ||
		       *((const bool *)model + def->model_offset + def->present_offset);
	memcpy(&n, (const char *)model + def->model_offset + sizeof(void *), sizeof(n));
	return n;
}

const void *model_object_at(const struct model *model, const struct object_def *def, size_t i)
{
	const char *member = (const char *)model + def->model_offset, *list;

	if (def->single)
		return member;
	memcpy(&list, member, sizeof(list));
	return list + i * def->size;
}

static int compare_name(const void *name, const void *object)
{
	return strcmp(name, *(const char *const *)object);
}

const void *model_object(const struct model *model, const struct object_def *def, const char *name)
{
	size_t n = model_object_count(model, def);

	if (def->single)
		return model_object_at(model, def, 0);
	if (n == 0)
		return NULL;
	return bsearch(name, model_object_at(model, def, 0), n, def->size, compare_name);
}

static void *member_of(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

// The value was stored: remember that the key was given, if anyone asks.
static int given(const struct field *field, void *object)
{
	if (field->set_offset != 0)
		*(bool *)((char *)object + field->set_offset) = true;
	return 0;
}

static int set_uint(const struct field *field, void *object, uint64_t value)
{
	void *member = member_of(field, object);

	if (field->size == sizeof(uint8_t))
		*(uint8_t *)member = (uint8_t)value;
	else if (field->size == sizeof(uint16_t))
		*(uint16_t *)member = (uint16_t)value;
	else
		*(uint32_t *)member = (uint32_t)value;
	return given(field, object);
}

int field_set_uint(const struct field *field, void *object, uint64_t value)
{
	if (field->type != FIELD_UINT && field->type != FIELD_PROTOCOL)
		return -ENOTSUP;
	if (value < field->min || value > field->max)
		return -EINVAL;
	return set_uint(field, object, value);
}

static int set_word(const struct field *field, void *object, const char *text)
{
	for (int i = 0; field->words[i] != NULL; i++) {
		if (strcmp(field->words[i], text) != 0)
			continue;
		if (field->type == FIELD_UINT)
			return set_uint(field, object, field->word_value);
		if (field->flags & FIELD_INVERTED)
			*(bool *)member_of(field, object) = i == 1;
		else
			*(int *)member_of(field, object) = i;
		return given(field, object);
	}
	return -EINVAL;
}

// "driver:name[,key=value]": the form only; what drivers there are, and that some take an empty
// name
// ("pcap:,out.pcap"), is known to the daemon.
static bool device_valid(const char *text)
{
	size_t driver = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	const char *name = text + driver + 1;

	if (driver == 0 || text[driver] != ':' || *name == '\0')
		return false;
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

static int set_string(
	const struct field *field, void *object, const char *text, struct arena *arena)
{
	if (*text == '\0' || strlen(text) > STRING_MAX_LEN)
		return -EINVAL;
	if (field->type == FIELD_DEVICE && !device_valid(text))
		return -EINVAL;
	*(const char **)member_of(field, object) = arena_strdup(arena, text);
	return given(field, object);
}

static int set_mac(const struct field *field, void *object, const char *text)
{
	struct mac mac;

	if (mac_parse(text, &mac) < 0 || mac_is_zero(&mac) || mac_is_multicast(&mac))
		return -EINVAL;
	*(struct mac *)member_of(field, object) = mac;
	return given(field, object);
}

static int set_ip(const struct field *field, void *object, const char *text)
{
	struct ip_addr ip;

	if (field->words != NULL && strcmp(field->words[0], text) == 0) {
		memset(member_of(field, object), 0, sizeof(ip));
		return given(field, object);
	}
	// "::" would read as no address
	if (ip_parse(text, &ip) < 0 || !ip_is_set(&ip))
		return -EINVAL;
	*(struct ip_addr *)member_of(field, object) = ip;
	return given(field, object);
}

// A prefix, or an address as the prefix of its full length.
static int host_or_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	if (ip_parse(text, &prefix->addr) < 0)
		return ip_prefix_parse(text, prefix);
	prefix->len = ip_is_v4(&prefix->addr) ? 32 : 128;
	return 0;
}

static int set_prefix(const struct field *field, void *object, const char *text)
{
	struct ip_prefix prefix;
	int rc = field->flags & FIELD_HOST_OK ? host_or_prefix_parse(text, &prefix)
					      : ip_prefix_parse(text, &prefix);

	if (rc < 0)
		return -EINVAL;
	if (!ip_is_set(&prefix.addr) && !(field->flags & FIELD_ANY_OK))
		return -EINVAL;
	*(struct ip_prefix *)member_of(field, object) = prefix;
	return given(field, object);
}

static int set_ranges(
	const struct field *field, void *object, const char *text, struct arena *arena)
{
	struct range bounds = {(uint32_t)field->min, (uint32_t)field->max};

	if (range_list_parse(text, &bounds, member_of(field, object), arena) < 0)
		return -EINVAL;
	return given(field, object);
}

static int set_range(const struct field *field, void *object, const char *text)
{
	if (range_parse(text, member_of(field, object)) < 0)
		return -EINVAL;
	return given(field, object);
}

static int set_protocol(const struct field *field, void *object, const char *text)
{
	if (protocol_parse(text, member_of(field, object)) < 0)
		return -EINVAL;
	return given(field, object);
}

int field_set_text(const struct field *field, void *object, const char *text, struct arena *arena)
{
	switch (field->type) {
	case FIELD_UINT:
		return field->words == NULL ? -ENOTSUP : set_word(field, object, text);
	case FIELD_ENUM:
		return set_word(field, object, text);
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_DEVICE:
		return set_string(field, object, text, arena);
	case FIELD_MAC:
		return set_mac(field, object, text);
	case FIELD_IP:
		return set_ip(field, object, text);
	case FIELD_PREFIX:
		return set_prefix(field, object, text);
	case FIELD_RANGES:
		return set_ranges(field, object, text, arena);
	case FIELD_RANGE:
		return set_range(field, object, text);
	case FIELD_PROTOCOL:
		return set_protocol(field, object, text);
	case FIELD_BOOL:
	case FIELD_IP_LIST:
	case FIELD_PREFIX_LIST:
	case FIELD_NAME_LIST:
	case FIELD_IP_RANGE_LIST:
	case FIELD_OBJECTS:
	case FIELD_OBJECT:
		break;
	}
	return -ENOTSUP;
}

int field_set_bool(const struct field *field, void *object, bool value)
{
	if (field->type != FIELD_BOOL)
		return -ENOTSUP;
	*(bool *)member_of(field, object) = value;
	return given(field, object);
}

bool field_is_list(const struct field *field)
{
	return field->type == FIELD_IP_LIST || field->type == FIELD_PREFIX_LIST ||
	       field->type == FIELD_NAME_LIST || field->type == FIELD_IP_RANGE_LIST;
}

static size_t element_size(const struct field *field)
{
	switch (field->type) {
	case FIELD_IP_LIST:
		return sizeof(struct ip_addr);
	case FIELD_PREFIX_LIST:
		return sizeof(struct ip_prefix);
	case FIELD_NAME_LIST:
		return sizeof(const char *);
	case FIELD_IP_RANGE_LIST:
		return sizeof(struct ip_range);
	default:
		return field->sub->size;
	}
}

void *field_set_object(const struct field *field, void *object)
{
	given(field, object);
	return member_of(field, object);
}

void *field_set_list(const struct field *field, void *object, size_t n, struct arena *arena)
{
	void *list = arena_alloc(arena, n * element_size(field));
	void **member = member_of(field, object);

	*member = list;
	*(size_t *)(member + 1) = n;
	given(field, object);
	return list;
}

// "192.0.2.10-192.0.2.20"; whether it is in order is not looked at.
static int ip_range_parse(const char *text, struct ip_range *range)
{
	const char *dash = strchr(text, '-');
	char first[IP_TEXT_LEN];
	struct ip_range r;

	if (dash == NULL || dash - text >= IP_TEXT_LEN)
		return -EINVAL;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (ip_parse(first, &r.first) < 0 || ip_parse(dash + 1, &r.last) < 0 ||
		ip_is_v4(&r.first) != ip_is_v4(&r.last))
		return -EINVAL;
	*range = r;
	return 0;
}

int field_set_element(
	const struct field *field, void *list, size_t i, const char *text, struct arena *arena)
{
	struct ip_prefix prefix;
	struct ip_addr ip;

	switch (field->type) {
	case FIELD_IP_LIST:
		// "::" would read as no address
		if (ip_parse(text, &ip) < 0 || !ip_is_set(&ip))
			return -EINVAL;
		((struct ip_addr *)list)[i] = ip;
		return 0;
	case FIELD_PREFIX_LIST:
		if (host_or_prefix_parse(text, &prefix) < 0)
			return -EINVAL;
		((struct ip_prefix *)list)[i] = prefix;
		return 0;
	case FIELD_NAME_LIST:
		if (*text == '\0' || strlen(text) > STRING_MAX_LEN)
			return -EINVAL;
		((const char **)list)[i] = arena_strdup(arena, text);
		return 0;
	case FIELD_IP_RANGE_LIST:
		return ip_range_parse(text, &((struct ip_range *)list)[i]);
	default:
		return -ENOTSUP;
	}
}

static int set_default(const struct field *field, void *object, struct arena *arena)
{
	const char *text = field->default_text;

	if (field->type == FIELD_BOOL)
		return field_set_bool(field, object, strcmp(text, "true") == 0);
	if (field->type == FIELD_UINT && *text >= '0' && *text <= '9')
		return field_set_uint(field, object, strtoull(text, NULL, 10));
	return field_set_text(field, object, text, arena);
}

void object_init(const struct object_def *def, void *object, struct arena *arena)
{
	for (size_t i = 0; i < def->n_fields; i++) {
		const struct field *field = &def->fields[i];

		if (field->default_text != NULL && !(field->flags & FIELD_GENERATED)) {
			int rc = set_default(field, object, arena);

			assert(rc == 0); // the tables are wrong
			(void)rc;
		} else if (field->type == FIELD_OBJECT) {
			object_init(field->sub, member_of(field, object), arena);
		} else if (field->type == FIELD_ENUM && (field->flags & FIELD_REQUIRED)) {
			*(int *)member_of(field, object) = -1;
		}
	}
}

static const char *words_text(const struct field *field, struct arena *arena)
{
	const char *text = arena_printf(arena, "\"%s\"", field->words[0]);

	for (size_t i = 1; field->words[i] != NULL; i++)
		text = arena_printf(arena, "%s%s\"%s\"", text,
			field->words[i + 1] == NULL ? " or " : ", ", field->words[i]);
	return text;
}

const char *field_expects(const struct field *field, struct arena *arena)
{
	if (field->expects != NULL)
		return field->expects;
	switch (field->type) {
	case FIELD_BOOL:
		return "true or false";
	case FIELD_UINT:
		return arena_printf(arena, "an integer from %llu to %llu%s%s",
			(unsigned long long)field->min, (unsigned long long)field->max,
			field->words == NULL ? "" : " or ",
			field->words == NULL ? "" : words_text(field, arena));
	case FIELD_ENUM:
		return words_text(field, arena);
	case FIELD_STRING:
		return arena_printf(arena, "a text of 1 to %d bytes", STRING_MAX_LEN);
	case FIELD_NAME:
		return arena_printf(arena, "the name of a%s %s",
			strchr("aeiou", field->ref[0]) != NULL ? "n" : "", field->ref);
	case FIELD_DEVICE:
		return "\"driver:name[,key=value]\"";
	case FIELD_MAC:
		return "a unicast MAC such as \"fa:16:3e:de:6e:86\"";
	case FIELD_IP:
		return "an address such as \"192.0.2.1\"";
	case FIELD_PREFIX:
		return "an address with prefix length such as \"192.0.2.1/24\"";
	case FIELD_IP_LIST:
		return "an array of addresses such as [\"192.0.2.1\"]";
	case FIELD_PREFIX_LIST:
		return "an array of addresses and prefixes such as [\"192.0.2.1\", "
		       "\"198.51.100.0/24\"]";
	case FIELD_NAME_LIST:
		return arena_printf(arena, "an array of names of %ss", field->ref);
	case FIELD_RANGE:
		return arena_printf(arena,
			"an integer from %llu to %llu or a range such as \"1000-2000\"",
			(unsigned long long)field->min, (unsigned long long)field->max);
	case FIELD_PROTOCOL:
		return "an IP protocol such as \"tcp\", or its number from 0 to 255";
	case FIELD_RANGES:
		return arena_printf(arena,
			"ranges such as \"10-20,30\" of integers from %llu to %llu, lowest first",
			(unsigned long long)field->min, (unsigned long long)field->max);
	case FIELD_IP_RANGE_LIST:
		return "an array of ranges such as [\"192.0.2.10-192.0.2.20\"]";
	case FIELD_OBJECTS:
		return "an array of objects";
	case FIELD_OBJECT:
		return "an object {KEY: VALUE}";
	}
	return "another value";
}

const char *field_expects_element(const struct field *field, struct arena *arena)
{
	switch (field->type) {
	case FIELD_IP_LIST:
		return "an address such as \"192.0.2.1\"";
	case FIELD_PREFIX_LIST:
		return "an address or prefix such as \"192.0.2.1\" or \"198.51.100.0/24\"";
	case FIELD_NAME_LIST:
		return arena_printf(arena, "the name of a %s", field->ref);
	case FIELD_IP_RANGE_LIST:
		return "a range of two addresses such as \"192.0.2.10-192.0.2.20\"";
	default:
		return field->sub->word_form == NULL
			       ? "an object {KEY: VALUE}"
			       : arena_printf(arena, "an object {KEY: VALUE} or \"%s\"",
					 field->sub->word_form);
	}
}
