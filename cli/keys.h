// SPDX-License-Identifier: BSD-3-Clause
// The keys that a verb takes on the command line: for reading, completion, usage and the manual.

#pragma once

#include "cli/cli.h"
#include "cli/words.h"

struct key_set {
	struct word_set words;
	const struct field *fields[WORD_SET_MAX]; // by word
};

// Keys of the verb itself, then those of the object's field table. The list of segments is there
// as the words flat, vlan and vxlan; up and down are there beside the key that has them as values.
void keys_of(struct key_set *set, const struct command *command, const struct verb *verb);

// NULL: there is no such type.
const struct segment_form *segment_form(const char *type);
