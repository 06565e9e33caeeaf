// SPDX-License-Identifier: BSD-3-Clause

#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define BOLD  "\033[1m"
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define RESET "\033[0m"

#define TABLE_COLUMNS_MAX 16

// Colours a word that says how something is; "" without colour.
static const char *color_of(const struct cli *cli, const char *word)
{
	static const char *const good[] = {"up", "reachable", "running"};
	static const char *const bad[] = {"down", "failed", "gone"};

	_Static_assert(ARRAY_SIZE(good) == ARRAY_SIZE(bad), "one loop");

	for (size_t i = 0; cli->color && i < ARRAY_SIZE(good); i++) {
		if (strcmp(word, good[i]) == 0)
			return GREEN;
		if (strcmp(word, bad[i]) == 0)
			return RED;
	}
	return "";
}

// The value at "key" or "key.key" of an object, NULL: none.
static const json_t *value_at(const json_t *row, const char *path)
{
	const char *dot = strchr(path, '.');

	if (dot == NULL)
		return json_object_get(row, path);
	return value_at(json_object_getn(row, path, (size_t)(dot - path)), dot + 1);
}

static void list_cell(const json_t *list, char text[CELL_LEN])
{
	const json_t *item;
	size_t len = 0;
	size_t i;

	json_array_foreach (list, i, item) {
		char cell[CELL_LEN];

		table_cell(item, cell);
		len += (size_t)snprintf(text + len, CELL_LEN - len, "%s%s", i > 0 ? "," : "", cell);
		if (len >= CELL_LEN)
			return;
	}
}

void table_cell(const json_t *value, char text[CELL_LEN])
{
	if (json_is_string(value) && json_string_length(value) > 0)
		snprintf(text, CELL_LEN, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(text, CELL_LEN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, CELL_LEN, "%.1f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(text, CELL_LEN, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_array_size(value) > 0)
		list_cell(value, text);
	else
		snprintf(text, CELL_LEN, "-");
}

static void cell(const struct column *column, const json_t *row, char text[CELL_LEN])
{
	const json_t *value = column->path == NULL ? row : value_at(row, column->path);

	if (value != NULL && column->format != NULL)
		column->format(value, text);
	else
		table_cell(value, text);
}

static void cell_print(
	struct cli *cli, const struct column *column, const char *text, int width, bool last)
{
	const char *color = color_of(cli, text);

	if (column->number)
		fprintf(cli->out, "%*s", width, text);
	else if (last)
		fprintf(cli->out, "%s%s%s", color, text, color[0] != '\0' ? RESET : "");
	else
		fprintf(cli->out, "%s%s%s%*s", color, text, color[0] != '\0' ? RESET : "",
			width - (int)strlen(text), "");
	fputs(last ? "\n" : "  ", cli->out);
}

// All cells of a table, row by row, under their titles.
static char **cells_new(const struct column *columns, size_t n_columns, const json_t *rows)
{
	size_t n = (json_array_size(rows) + 1) * n_columns;
	char **cells = calloc(n, sizeof(*cells));
	char text[CELL_LEN];

	if (cells == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct column *column = &columns[i % n_columns];

		if (i >= n_columns)
			cell(column, json_array_get(rows, i / n_columns - 1), text);
		cells[i] = strdup(i < n_columns ? column->title : text);
		if (cells[i] == NULL)
			abort();
	}
	return cells;
}

void table_print(
	struct cli *cli, const struct column *columns, size_t n_columns, const json_t *rows)
{
	size_t n = (json_array_size(rows) + 1) * n_columns;
	int widths[TABLE_COLUMNS_MAX] = {0};
	char **cells;

	assert(n_columns <= TABLE_COLUMNS_MAX);
	if (json_array_size(rows) == 0)
		return;
	cells = cells_new(columns, n_columns, rows);
	for (size_t i = 0; i < n; i++)
		if ((int)strlen(cells[i]) > widths[i % n_columns])
			widths[i % n_columns] = (int)strlen(cells[i]);
	fputs(cli->color ? BOLD : "", cli->out);
	for (size_t i = 0; i < n; i++) {
		size_t at = i % n_columns;

		cell_print(cli, &columns[at], cells[i], widths[at], at == n_columns - 1);
		if (i == n_columns - 1)
			fputs(cli->color ? RESET : "", cli->out);
		free(cells[i]);
	}
	free(cells);
}

void table_print_lines(struct cli *cli, const struct table_line *lines, size_t n_lines)
{
	int width = 0;

	for (size_t i = 0; i < n_lines; i++)
		if ((int)strlen(lines[i].key) > width)
			width = (int)strlen(lines[i].key);
	for (size_t i = 0; i < n_lines; i++) {
		const char *color = color_of(cli, lines[i].value);

		fprintf(cli->out, "%-*s  %s%s%s", width, lines[i].key, color, lines[i].value,
			color[0] != '\0' ? RESET : "");
		if (lines[i].note != NULL)
			fprintf(cli->out, "  (%s)", lines[i].note);
		fputc('\n', cli->out);
	}
}
