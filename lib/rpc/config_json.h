// SPDX-License-Identifier: BSD-3-Clause
// The configuration as JSON. One engine walks the field tables (model/fields.h) to decode a
// document into a model, to encode a model as a document, and to edit and compare documents.
// Not thread safe: each thread its own documents.

#pragma once

#include <stddef.h>

#include <jansson.h>

#include "base/problem.h"
#include "model/fields.h"
#include "model/model.h"

// Strict JSON: duplicate keys, trailing text and anything but one object are refused. Returns a
// new reference, or NULL after adding E_PARSE with line and column.
json_t *config_parse_text(const char *text, size_t len, struct problems *problems);

// The model that a document describes, with defaults filled in but before model_complete(). Every
// unknown key, wrong type and bad value adds a problem; what could not be read stays at its
// default. NULL only when the document is no object.
struct model *config_decode(const json_t *document, struct problems *problems);

// One object or element of a list, read into a zeroed structure in memory of the arena. Paths of
// problems begin with the kind. Returns 0, or -EINVAL after adding problems.
int config_decode_object(const struct object_def *def, const json_t *json, void *object,
	struct arena *arena, struct problems *problems);

// The canonical document of a model: kinds and keys in the order of their tables, objects sorted by
// name, keys at their default left out, generated values (segment ids, MACs) in. An object that is
// always there is left out while nothing of it is changed. New reference.
json_t *config_encode(const struct model *model);

// One object as it stands in that document. New reference.
json_t *config_encode_object(const struct object_def *def, const void *object);

// The same with its defaults too, for showing what is in force. New reference.
json_t *config_encode_object_full(const struct object_def *def, const void *object);

// Text of a document, indented by two spaces, with a final newline. The caller frees it.
char *config_dump(const json_t *document);

enum config_op {
	CONFIG_ADD, // E_EXISTS when there is one
	CONFIG_SET, // E_NOT_FOUND when there is none (a single kind or one that is always there is
		    // made); null: back to default
	CONFIG_DEL, // E_NOT_FOUND when there is none
};

// Edits one object of a document in place. `params` is {"name": N, KEY: VALUE…}, without "name" for
// single kinds; objects inside it are merged in their turn. A network's subnets are deleted with
// it. Values are not checked here: decode and validate the document afterwards. Returns 0, or
// -EEXIST, -ENOENT, -EINVAL, -EBUSY after adding a problem; then nothing has changed.
int config_document_edit(json_t *document, const struct object_def *def, enum config_op op,
	const json_t *params, struct problems *problems);

// Adds or deletes a flood target: `params` is {"address": A} for tunnel.remotes or {"address": A,
// "network": N} for networks.N.remotes. Returns as config_document_edit().
int config_remote_edit(
	json_t *document, enum config_op op, const json_t *params, struct problems *problems);

// Adds or deletes a rule of a security group: `params` is {"group": NAME, KEY: VALUE…}. To delete,
// name all that the rule says; how it was written does not matter. Returns as
// config_document_edit().
int config_rule_edit(
	json_t *document, enum config_op op, const json_t *params, struct problems *problems);

// What turns one canonical document into the other, as an array of texts such as
// "del port web", "add network vxlan1", "set port web mtu 1400 admin-state default". New reference.
json_t *config_diff(const json_t *old_document, const json_t *new_document);

// The value that a command line word stands for: 1400, true, "text", ["a", "b"] for "a,b", or []
// for "none" where a list is wanted. Objects that have a word form are written
// "192.0.2.1@fa:16:3e:00:00:01,192.0.2.2"; other arrays of objects as JSON text. A word that does
// not have the form becomes a string, which the daemon refuses with a sentence. New reference.
json_t *config_value_from_word(const struct field *field, const char *word);

// One element of a list, from its word. New reference.
json_t *config_element_from_word(const struct field *field, const char *word);

// The word for a value, the reverse of config_value_from_word; "default" for null or NULL, as a key
// is set back. The caller frees it.
char *config_value_to_word(const struct field *field, const json_t *value);
