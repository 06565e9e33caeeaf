// SPDX-License-Identifier: BSD-3-Clause
// What there is to type, generated from commands[] and the field tables. The manual is generated
// from the same pieces (doc.c).

#pragma once

#include <stdio.h>

#include "cli/cli.h"

#define USAGE_LEN 256

void help_all(FILE *out);
void help_command(FILE *out, const struct command *command);

// "network add NAME KEY VALUE..."
char *usage_verb(const struct command *command, const struct verb *verb, char text[USAGE_LEN]);
// "mtu 68-9600", "mode multicast|headend|both", "network NETWORK"
char *usage_key(const struct field *field, char text[USAGE_LEN]);
// The keys of the object's field table, if a verb takes them; else NULL and 0.
const struct field *command_fields(const struct command *command, size_t *n);
// What the lists are made of whose elements a verb takes the keys of; NULL: none does.
const struct object_def *command_elements(const struct command *command);
#define ALONE_HELP "words that belong to one key only need no KEY"
// What field->unit stands for, in words.
const char *unit_text(const struct field *field);
