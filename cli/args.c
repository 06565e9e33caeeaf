// SPDX-License-Identifier: BSD-3-Clause
// Words behind a verb -> the parameters of a request. Only what is needed to make JSON of text is
// checked here (known keys, numbers and their bounds, words, addresses); the rules between keys and
// objects are the daemon's.

#include "cli/keys.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/util.h"
#include "net/addr.h"
#include "net/protocol.h"
#include "rpc/config_json.h"

#define ELEMENT_SIZE_MAX 256 // of the structures that lists hold

static const char *words_next(struct words *words)
{
	return words->at < words->n ? words->list[words->at++] : NULL;
}

static const char *words_peek(const struct words *words)
{
	return words->at < words->n ? words->list[words->at] : NULL;
}

// ---- values -------------------------------------------------------------------------------------

static bool is_word_of(const struct field *field, const char *word)
{
	for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++)
		if (strcmp(word, field->words[i]) == 0)
			return true;
	return false;
}

static bool is_uint(const struct field *field, const char *word)
{
	unsigned long long number;

	if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word) ||
		(word[0] == '0' && word[1] != '\0'))
		return false;
	errno = 0;
	number = strtoull(word, NULL, 10);
	return errno == 0 && number >= field->min && number <= field->max;
}

// "a,b,c": each of them
static bool is_list(const struct field *field, const char *word)
{
	json_t *list = config_value_from_word(field, word);
	struct problems ignored = PROBLEMS_INIT;
	struct arena *arena = arena_new();
	bool ok = json_is_array(list);
	const json_t *element;
	size_t i;

	json_array_foreach (list, i, element) {
		void *scratch = arena_alloc(arena, ELEMENT_SIZE_MAX);
		const char *text = json_string_value(element);

		if (json_is_object(element))
			ok &= config_decode_object(field->sub, element, scratch, arena, &ignored) ==
			      0;
		else
			ok &= text != NULL &&
			      field_set_element(field, scratch, 0, text, arena) == 0;
	}
	problems_free(&ignored);
	arena_free(arena);
	json_decref(list);
	return ok;
}

// Whether the word has the form that the key needs to become JSON. What the value means is for the
// daemon to judge, together with the rest of the object.
static bool value_has_form(const struct field *field, const char *word)
{
	struct ip_addr ip;
	struct range range;
	uint8_t protocol;
	struct mac mac;

	switch (field->type) {
	case FIELD_BOOL:
		return strcmp(word, "true") == 0 || strcmp(word, "false") == 0 ||
		       strcmp(word, "on") == 0 || strcmp(word, "off") == 0;
	case FIELD_UINT:
		return is_word_of(field, word) || is_uint(field, word);
	case FIELD_ENUM:
		return is_word_of(field, word);
	case FIELD_MAC:
		return mac_parse(word, &mac) == 0;
	case FIELD_IP:
		return is_word_of(field, word) || ip_parse(word, &ip) == 0;
	case FIELD_RANGE:
		return range_parse(word, &range) == 0;
	case FIELD_PROTOCOL:
		return protocol_parse(word, &protocol) == 0;
	case FIELD_IP_LIST:
	case FIELD_PREFIX_LIST:
	case FIELD_NAME_LIST:
	case FIELD_IP_RANGE_LIST:
	case FIELD_OBJECTS:
		return is_list(field, word);
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_DEVICE:
	case FIELD_PREFIX:
	case FIELD_RANGES:
		break;
	case FIELD_OBJECT:
		return word[0] == '{';
	}
	return true;
}

static int value_complain(struct cli *cli, const struct field *field, const char *word)
{
	struct arena *arena = arena_new();
	struct word_set set = {.n = 0};
	const char *expects = field_expects(field, arena);
	const char *nearest;

	if (field->type == FIELD_IP_LIST)
		expects = "a list of addresses such as 192.0.2.1,192.0.2.2";
	else if (field->type == FIELD_PREFIX_LIST)
		expects = "a list of addresses and prefixes such as 192.0.2.1,198.51.100.0/24";
	else if (field->type == FIELD_IP_RANGE_LIST)
		expects = "a list of ranges such as 192.0.2.10-192.0.2.20,192.0.2.30-192.0.2.40";
	else if (field->type == FIELD_OBJECT)
		expects = arena_printf(arena,
			"a JSON object; its keys can be given one by one as %s.%s", field->name,
			field->sub->fields[0].name);
	else if (field->type == FIELD_NAME_LIST)
		expects = arena_printf(arena, "a list of names of %ss", field->ref);
	else if (field->type == FIELD_OBJECTS && field->sub->word_form != NULL)
		expects = arena_printf(arena, "a list of %s", field->sub->word_form);
	for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++)
		word_add(&set, field->words[i]);
	nearest = word_nearest(&set, word);
	cli_usage(cli, "%s: '%s' is not %s%s%s%s", field->name, word, expects,
		nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
		nearest == NULL ? "" : "'?");
	arena_free(arena);
	return CLI_USAGE;
}

int args_value(struct cli *cli, const struct field *field, const char *word, json_t **value)
{
	if (!value_has_form(field, word))
		return value_complain(cli, field, word);
	*value = config_value_from_word(field, word);
	return CLI_OK;
}

// ---- segments -----------------------------------------------------------------------------------

const struct segment_form segment_forms[] = {
	{"flat", true, false, "flat UPLINK", "a segment: untagged frames on an uplink"},
	{"vlan", true, true, "vlan UPLINK [ID]",
		"a segment: a VLAN on an uplink; without ID the lowest free one"},
	{"vxlan", false, true, "vxlan [ID]",
		"a segment: a VNI of the tunnel; without ID the lowest free one"},
};
const size_t n_segment_forms = ARRAY_SIZE(segment_forms);

const struct segment_form *segment_form(const char *type)
{
	for (size_t i = 0; i < n_segment_forms; i++)
		if (strcmp(segment_forms[i].type, type) == 0)
			return &segment_forms[i];
	return NULL;
}

bool is_segments(const struct field *field)
{
	return field->type == FIELD_OBJECTS && strcmp(field->sub->kind, "segment") == 0;
}

// The words behind "vlan": UPLINK [ID]. Appends to the list of segments.
static int segment_read(struct cli *cli, const struct segment_form *form, const struct field *field,
	struct words *words, json_t *list)
{
	json_t *segment = json_pack("{s:s}", "type", form->type);
	const struct field *id = object_field(field->sub, "id");
	const char *word;

	json_array_append_new(list, segment);
	if (form->has_uplink) {
		word = words_next(words);
		if (word == NULL)
			return cli_usage(
				cli, "%s: the uplink is missing: %s", form->type, form->usage);
		json_object_set_new(segment, "uplink", json_string(word));
	}
	word = words_peek(words);
	if (form->has_id && word != NULL && word[0] >= '0' && word[0] <= '9') {
		json_t *value = NULL;
		int rc;

		words->at++;
		rc = args_value(cli, id, word, &value);
		if (rc != CLI_OK)
			return rc;
		json_object_set_new(segment, "id", value);
	}
	return CLI_OK;
}

// ---- keys ---------------------------------------------------------------------------------------

static void key_add(struct key_set *set, const char *word, const struct field *field)
{
	set->fields[set->words.n] = field;
	word_add(&set->words, word);
}

const struct field *nested_key(struct nested_key *key, const struct field *parent, size_t i)
{
	snprintf(key->name, sizeof(key->name), "%s.%s", parent->name, parent->sub->fields[i].name);
	key->field = parent->sub->fields[i];
	key->field.name = key->name;
	key->field.flags &= (uint8_t)~FIELD_REQUIRED;
	return &key->field;
}

static void keys_add(struct key_set *set, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *field = &fields[i];

		if (is_segments(field)) {
			for (size_t j = 0; j < n_segment_forms; j++)
				key_add(set, segment_forms[j].type, field);
			continue;
		}
		key_add(set, field->name, field);
		for (size_t j = 0; field->type == FIELD_OBJECT && j < field->sub->n_fields; j++) {
			struct nested_key *key = &set->nested[set->n_nested++];

			assert(set->n_nested <= NESTED_MAX);
			nested_key(key, field, j);
			key_add(set, key->name, &key->field);
		}
		for (size_t j = 0; (field->flags & FIELD_ALONE) && field->words[j] != NULL; j++)
			key_add(set, field->words[j], field);
	}
}

const struct object_def *verb_object(const struct command *command, const struct verb *verb)
{
	if (verb->elements != NULL)
		return object_field(object_def_by_kind(command->kind), verb->elements)->sub;
	return verb->flags & VERB_FIELDS ? object_def_by_kind(command->kind) : NULL;
}

void keys_of(struct key_set *set, const struct command *command, const struct verb *verb)
{
	const struct object_def *def = verb_object(command, verb);

	set->words.n = set->n_nested = 0;
	keys_add(set, verb->keys, verb->n_keys);
	if (def != NULL)
		keys_add(set, def->fields, def->n_fields);
}

static int key_complain(struct cli *cli, const struct key_set *keys, const char *word)
{
	char text[1024];

	if (keys->words.n == 0)
		return cli_usage(cli, "'%s' is one word too many", word);
	return cli_usage(cli, "%s", word_complaint(&keys->words, "key", word, text, sizeof(text)));
}

// Where a key belongs: "dhcp.mode" is the key mode of the object dhcp. NULL: that has been given as
// a whole.
static json_t *object_of(json_t *params, const char **name)
{
	const char *dot = strchr(*name, '.');
	json_t *object;

	if (dot == NULL)
		return params;
	object = json_object_getn(params, *name, (size_t)(dot - *name));
	if (object == NULL) {
		object = json_object();
		json_object_setn_new(params, *name, (size_t)(dot - *name), object);
	}
	*name = dot + 1;
	return json_is_object(object) ? object : NULL;
}

// A list given twice grows; anything else may be given once. Takes over the reference to value.
static int param_set(
	struct cli *cli, const struct field *field, struct request *request, json_t *value)
{
	const char *name = field->name;
	json_t *params = object_of(request->params, &name);
	json_t *old = json_object_get(params, name);
	int rc = CLI_OK;

	if (params == NULL)
		rc = cli_usage(cli, "%s: the object was given as a whole already", field->name);
	else if (json_is_array(old) && json_is_array(value))
		json_array_extend(old, value);
	else if (field->type == FIELD_RANGES && json_is_string(old) && json_is_string(value))
		json_object_set_new(params, name,
			json_sprintf("%s,%s", json_string_value(old), json_string_value(value)));
	else if (old != NULL)
		rc = cli_usage(cli, "%s: given twice", field->name);
	else
		json_object_set(params, name, value);
	json_decref(value);
	return rc;
}

// "mtu default". A key that must be given has no default to go back to.
static bool is_reset(const struct verb *verb, const struct field *field, const char *word)
{
	return (verb->flags & VERB_DEFAULT) && !(field->flags & FIELD_REQUIRED) &&
	       strcmp(word, "default") == 0;
}

// One key with what belongs to it.
static int key_read(struct cli *cli, const struct key_set *keys, struct request *request)
{
	struct words *words = request->words;
	const char *word = words_next(words);
	int i = word_find(&keys->words, word);
	const struct field *field;
	json_t *value = NULL;
	const char *name;
	int rc = CLI_OK;

	if (i < 0)
		return key_complain(cli, keys, word);
	field = keys->fields[i];
	name = keys->words.list[i];
	if (is_segments(field)) {
		value = json_array();
		rc = segment_read(cli, segment_form(name), field, words, value);
	} else if (field->flags & ARG_BARE) {
		value = json_true();
	} else if (strcmp(name, field->name) != 0) { // "up" alone
		value = json_string(name);
	} else if ((word = words_next(words)) == NULL) {
		rc = cli_usage(cli, "%s: the value is missing", field->name);
	} else if (is_reset(request->verb, field, word)) {
		value = json_null();
	} else {
		rc = args_value(cli, field, word, &value);
	}
	if (rc == CLI_OK)
		return param_set(cli, field, request, value);
	json_decref(value);
	return rc;
}

// ---- whole lines --------------------------------------------------------------------------------

static int required_check(struct cli *cli, const struct key_set *keys, const json_t *params)
{
	for (size_t i = 0; i < keys->words.n; i++) {
		const struct field *field = keys->fields[i];

		if (!(field->flags & FIELD_REQUIRED) ||
			json_object_get(params, field->name) != NULL)
			continue;
		if (is_segments(field))
			return cli_usage(cli,
				"a segment is missing: flat UPLINK, vlan UPLINK [ID] or "
				"vxlan [ID]");
		return cli_usage(cli, "%s is missing", field->name);
	}
	return CLI_OK;
}

static bool is_bare_key(const struct verb *verb, const char *word)
{
	for (size_t i = 0; i < verb->n_keys; i++)
		if ((verb->keys[i].flags & ARG_BARE) && strcmp(verb->keys[i].name, word) == 0)
			return true;
	return false;
}

// Whether the next word stands for itself: not when it is an option ("-w"). Where the operand may
// be left out and there are keys, it is the only word, or the only one before a key without value:
// "port show web" and "port show web chains" beside "port show network vxlan1".
static bool is_operand(const struct request *request)
{
	const struct verb *verb = request->verb;
	const char *word = words_peek(request->words);
	size_t n_left = request->words->n - request->words->at;

	if (verb->operand == NULL || request->operand != NULL)
		return false;
	if (word[0] == '-' && word[1] != '\0')
		return false;
	if (!(verb->flags & VERB_OPERAND_OPTIONAL) || !(verb->flags & VERB_FIELDS))
		return true;
	if (n_left == 1)
		return json_object_size(request->params) == 0 || !is_bare_key(verb, word);
	return n_left == 2 && is_bare_key(verb, request->words->list[request->words->at + 1]);
}

int args_parse(struct cli *cli, struct request *request)
{
	const struct verb *verb = request->verb;
	struct words *words = request->words;
	struct key_set keys;
	int rc = CLI_OK;

	keys_of(&keys, request->command, verb);
	request->operand = NULL;
	request->params = json_object();
	while (rc == CLI_OK && words->at < words->n && !(verb->flags & VERB_RAW)) {
		if (is_operand(request))
			request->operand = words_next(words);
		else
			rc = key_read(cli, &keys, request);
	}
	if (rc == CLI_OK && verb->operand != NULL && request->operand == NULL &&
		!(verb->flags & VERB_OPERAND_OPTIONAL))
		rc = cli_usage(cli, "%s is missing", verb->operand);
	if (rc == CLI_OK && (verb->flags & VERB_COMPLETE))
		rc = required_check(cli, &keys, request->params);
	if (rc != CLI_OK) {
		json_decref(request->params);
		request->params = NULL;
	}
	return rc;
}
