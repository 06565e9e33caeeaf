// SPDX-License-Identifier: BSD-3-Clause
// The keys that a verb takes on the command line: for reading, completion, usage and the manual.

#pragma once

#include "cli/cli.h"
#include "cli/words.h"

struct key_set {
	struct word_set words;
	const struct field *fields[WORD_SET_MAX]; // by word
};

// The object, or element of a list of it, whose keys a verb takes; NULL: none.
const struct object_def *verb_object(const struct command *command, const struct verb *verb);

// Keys of the verb itself, then those of the object's field table, or of an element of its list.
// The list of segments is there as the words flat, vlan and vxlan; words that may stand alone, such
// as up and down, are there beside the key that has them as values.
void keys_of(struct key_set *set, const struct command *command, const struct verb *verb);

// The list of segments, which has words of its own.
bool is_segments(const struct field *field);

// NULL: there is no such type.
const struct segment_form *segment_form(const char *type);
