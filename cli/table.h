// SPDX-License-Identifier: BSD-3-Clause
// Answers as tables for people: one row per object of a JSON array, columns no wider than needed,
// numbers to the right.

#pragma once

#include <jansson.h>

#include "cli/cli.h"

#define CELL_LEN 1024

struct column {
	const char *title;
	const char *path; // key of the row, or "state.mac"; NULL: the row itself, for format()
	bool number;	  // to the right
	// Text of a value that is not shown as it is; `value` is never NULL.
	void (*format)(const json_t *value, char text[CELL_LEN]);
};

// Prints a heading and the rows; nothing at all when there are none.
void table_print(
	struct cli *cli, const struct column *columns, size_t n_columns, const json_t *rows);

// A value as a cell shows it: text, number, yes/no, "a,b" for a list, "-" for none.
void table_cell(const json_t *value, char text[CELL_LEN]);

// Lines "key  value" with the keys aligned.
struct table_line {
	const char *key;
	char value[CELL_LEN];
	const char *note; // behind the value, NULL: none
};

void table_print_lines(struct cli *cli, const struct table_line *lines, size_t n_lines);
