// SPDX-License-Identifier: BSD-3-Clause
// The keys that a verb takes on the command line: for reading, completion, usage and the manual.

#pragma once

#include "cli/cli.h"
#include "cli/words.h"

#define NESTED_MAX	16 // keys of objects inside one object
#define NESTED_NAME_LEN 64

// A key of an object inside the object: "dhcp.mode".
struct nested_key {
	struct field field; // as in its table, but with this name; it may always be left out
	char name[NESTED_NAME_LEN];
};

struct key_set {
	struct word_set words;
	const struct field *fields[WORD_SET_MAX]; // by word
	struct nested_key nested[NESTED_MAX];
	size_t n_nested;
};

// Key i of the object that `parent` holds. Returns the field of `key`.
const struct field *nested_key(struct nested_key *key, const struct field *parent, size_t i);

// The object, or element of a list of it, whose keys a verb takes; NULL: none.
const struct object_def *verb_object(const struct command *command, const struct verb *verb);

// Keys of the verb itself, then those of the object's field table, or of an element of its list.
// The list of segments is there as the words flat, vlan and vxlan; words that may stand alone, such
// as up and down, are there beside the key that has them as values. Keys of an object inside the
// object follow it.
void keys_of(struct key_set *set, const struct command *command, const struct verb *verb);

// The list of segments, which has words of its own.
bool is_segments(const struct field *field);

// NULL: there is no such type.
const struct segment_form *segment_form(const char *type);
