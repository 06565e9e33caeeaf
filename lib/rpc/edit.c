// SPDX-License-Identifier: BSD-3-Clause
// Edits of one object in a document. Values are copied as they are: decoding the document judges
// them, so that an edit and a whole file meet the same rules.

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "rpc/config_json.h"

// "network vxlan1", or "tunnel".
static const char *object_text(struct arena *arena, const struct object_def *def, const char *name)
{
	return name == NULL ? def->kind : arena_printf(arena, "%s %s", def->kind, name);
}

static int complain(struct problems *problems, enum error_symbol symbol,
	const struct object_def *def, const char *name)
{
	struct arena *arena = arena_new();
	const char *path = name == NULL ? def->key : arena_printf(arena, "%s.%s", def->key, name);
	const char *object = object_text(arena, def, name);

	if (symbol == E_EXISTS)
		problem_add(
			problems, symbol, path, "%s exists already; use set to change it", object);
	else if (symbol == E_SG_IN_USE)
		problem_add(problems, symbol, path,
			"%s is always there and can not be deleted; set its keys to default to "
			"have it as it was",
			object);
	else if (def->single)
		problem_add(
			problems, symbol, path, "there is no %s; %s set makes one", object, object);
	else
		problem_add(problems, symbol, path, "there is no %s", object);
	arena_free(arena);
	return symbol == E_EXISTS ? -EEXIST : symbol == E_SG_IN_USE ? -EBUSY : -ENOENT;
}

// The name that params give to an object of a kind, NULL for single kinds. Returns 0 or -EINVAL.
static int read_name(const struct object_def *def, const json_t *params, const char **name,
	struct problems *problems)
{
	const json_t *value = json_object_get(params, "name");

	*name = json_string_value(value);
	if (def->single && value != NULL) {
		problem_add(problems, E_KEY_UNKNOWN, "name",
			"there is only one %s object, which has no name; leave out name",
			def->kind);
		return -EINVAL;
	}
	if (!def->single && value == NULL) {
		problem_add(problems, E_KEY_MISSING, "name", "name is missing: which %s is meant?",
			def->kind);
		return -EINVAL;
	}
	if (!def->single && *name == NULL) {
		problem_add(problems, E_TYPE, "name", "name must be a text");
		return -EINVAL;
	}
	return 0;
}

// Copies the values over the object's; null takes a key away; an object is merged in its turn
// (RFC 7386).
static void merge(json_t *object, const json_t *values)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)values, key, value) {
		json_t *inner = json_object_get(object, key);

		if (json_is_null(value)) {
			json_object_del(object, key);
		} else if (json_is_object(value)) {
			inner = json_is_object(inner) ? json_incref(inner) : json_object();
			merge(inner, value);
			json_object_set_new(object, key, inner);
		} else {
			json_object_set_new(object, key, json_deep_copy(value));
		}
	}
}

// The keys that params give to an object.
static void merge_params(json_t *object, const json_t *params)
{
	json_t *values = json_copy((json_t *)params);

	json_object_del(values, "name");
	merge(object, values);
	json_decref(values);
}

static void add_object(
	json_t *document, const struct object_def *def, const char *name, const json_t *values)
{
	json_t *map = document, *object = json_object();

	merge_params(object, values);
	if (!def->single && json_object_get(document, def->key) == NULL)
		json_object_set_new(document, def->key, json_object());
	if (!def->single)
		map = json_object_get(document, def->key);
	json_object_set_new(map, def->single ? def->key : name, object);
}

// Whether a list of the object must be empty before it can go.
static bool is_busy(const struct object_def *def, const json_t *object)
{
	return def->busy_key != NULL && json_array_size(json_object_get(object, def->busy_key)) > 0;
}

static int complain_busy(struct problems *problems, const struct object_def *def, const char *name)
{
	struct arena *arena = arena_new();

	problem_add(problems, def->busy, arena_printf(arena, "%s.%s", def->key, name),
		"%s %s has %s; take them away first (%s none)", def->kind, name, def->busy_key,
		def->busy_key);
	arena_free(arena);
	return -EBUSY;
}

// Deletes the objects of a kind that name another one.
static void delete_owned(
	json_t *document, const char *owned, const struct object_def *owner, const char *name)
{
	json_t *map = json_object_get(document, owned), *object;
	const char *key;
	void *next;

	json_object_foreach_safe(map, next, key, object)
	{
		const char *of = json_string_value(json_object_get(object, owner->kind));

		if (of != NULL && strcmp(of, name) == 0)
			json_object_del(map, key);
	}
}

static void delete_object(json_t *document, const struct object_def *def, const char *name)
{
	if (def->owns != NULL)
		delete_owned(document, def->owns, def, name);
	if (def->single)
		json_object_del(document, def->key);
	else
		json_object_del(json_object_get(document, def->key), name);
}

int config_document_edit(json_t *document, const struct object_def *def, enum config_op op,
	const json_t *params, struct problems *problems)
{
	const char *name;
	json_t *map, *object;
	bool builtin;

	if (read_name(def, params, &name, problems) < 0)
		return -EINVAL;
	map = def->single ? document : json_object_get(document, def->key);
	object = json_object_get(map, def->single ? def->key : name);
	builtin = !def->single && object_is_builtin(def, name);
	if (op == CONFIG_ADD && (object != NULL || builtin))
		return complain(problems, E_EXISTS, def, name);
	if (op == CONFIG_DEL && builtin)
		return complain(problems, E_SG_IN_USE, def, name);
	if (object == NULL && op == CONFIG_SET && !def->single && !builtin)
		return complain(problems, E_NOT_FOUND, def, name);
	if (object == NULL && op == CONFIG_DEL)
		return complain(problems, E_NOT_FOUND, def, name);
	if (op == CONFIG_DEL && is_busy(def, object))
		return complain_busy(problems, def, name);
	if (op == CONFIG_DEL)
		delete_object(document, def, name);
	else if (object != NULL)
		merge_params(object, params);
	else
		add_object(document, def, name, params);
	return 0;
}

static int read_remote(const json_t *params, struct ip_addr *address, struct problems *problems)
{
	const json_t *value = json_object_get(params, "address");
	const char *text = json_string_value(value), *key;
	json_t *other;

	json_object_foreach ((json_t *)params, key, other) {
		if (strcmp(key, "address") == 0 || strcmp(key, "network") == 0)
			continue;
		problem_add(problems, E_KEY_UNKNOWN, key,
			"\"%s\" is not a key of a remote; known are address, network", key);
		return -EINVAL;
	}
	if (value == NULL) {
		problem_add(problems, E_KEY_MISSING, "address",
			"address is missing; give that of the other endpoint");
		return -EINVAL;
	}
	if (text == NULL || ip_parse(text, address) < 0) {
		problem_add(problems, text == NULL ? E_TYPE : E_VALUE, "address",
			"address must be an address as text, such as \"192.0.2.1\"");
		return -EINVAL;
	}
	return 0;
}

// The object whose key "remotes" is meant: a network's, or the tunnel.
static json_t *remotes_holder(json_t *document, const json_t *params, struct problems *problems)
{
	const json_t *network = json_object_get(params, "network");
	const char *name = json_string_value(network);
	json_t *holder;

	if (network == NULL) {
		holder = json_object_get(document, "tunnel");
		if (holder == NULL)
			complain(problems, E_NOT_FOUND, object_def_by_kind("tunnel"), NULL);
		return holder;
	}
	if (name == NULL) {
		problem_add(problems, E_TYPE, "network", "network must be a name as text");
		return NULL;
	}
	holder = json_object_get(json_object_get(document, "networks"), name);
	if (holder == NULL)
		complain(problems, E_NOT_FOUND, object_def_by_kind("network"), name);
	return holder;
}

static size_t find_remote(const json_t *remotes, const struct ip_addr *address)
{
	size_t i;

	for (i = 0; i < json_array_size(remotes); i++) {
		const char *text = json_string_value(json_array_get(remotes, i));
		struct ip_addr ip;

		if (text != NULL && ip_parse(text, &ip) == 0 && ip_equal(&ip, address))
			break;
	}
	return i;
}

static int complain_remote(struct problems *problems, enum error_symbol symbol,
	const json_t *params, const char *address)
{
	const char *network = json_string_value(json_object_get(params, "network"));
	struct arena *arena = arena_new();
	const char *path = network == NULL ? "tunnel.remotes"
					   : arena_printf(arena, "networks.%s.remotes", network);

	if (symbol == E_EXISTS)
		problem_add(problems, symbol, path, "remote %s is listed already", address);
	else
		problem_add(problems, symbol, path, "remote %s is not listed", address);
	arena_free(arena);
	return symbol == E_EXISTS ? -EEXIST : -ENOENT;
}

int config_remote_edit(
	json_t *document, enum config_op op, const json_t *params, struct problems *problems)
{
	char text[IP_TEXT_LEN];
	struct ip_addr address;
	json_t *holder, *remotes;
	size_t i;

	if (read_remote(params, &address, problems) < 0)
		return -EINVAL;
	holder = remotes_holder(document, params, problems);
	if (holder == NULL)
		return -ENOENT;
	remotes = json_object_get(holder, "remotes");
	i = find_remote(remotes, &address);
	ip_format(&address, text);
	if (op == CONFIG_DEL) {
		if (i == json_array_size(remotes))
			return complain_remote(problems, E_NOT_FOUND, params, text);
		json_array_remove(remotes, i);
		return 0;
	}
	if (i < json_array_size(remotes))
		return complain_remote(problems, E_EXISTS, params, text);
	if (remotes == NULL) {
		remotes = json_array();
		json_object_set_new(holder, "remotes", remotes);
	}
	json_array_append_new(remotes, json_string(text));
	return 0;
}
