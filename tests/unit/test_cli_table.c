// SPDX-License-Identifier: BSD-3-Clause
// Words, tables and rates of weft(1), by themselves.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/rate.h"
#include "cli/table.h"
#include "cli/words.h"
#include "suite.h"

static const struct word_set words = {
	.list = {"show", "set", "stats", "vlan", "vlan-transparent"}, .n = 5};

START_TEST(test_find)
{
	ck_assert_int_eq(word_find(&words, "show"), 0);
	ck_assert_int_eq(word_find(&words, "sh"), 0);
	ck_assert_int_eq(word_find(&words, "s"), WORD_AMBIGUOUS);
	ck_assert_int_eq(word_find(&words, ""), WORD_NONE);
	ck_assert_int_eq(word_find(&words, "x"), WORD_NONE);
	ck_assert_int_eq(word_find(&words, "shown"), WORD_NONE);
	// the whole word wins over what it begins
	ck_assert_int_eq(word_find(&words, "vlan"), 3);
	ck_assert_int_eq(word_find(&words, "vlan-"), 4);
}
END_TEST

START_TEST(test_complaint)
{
	char text[256], small[24];

	ck_assert_str_eq(word_complaint(&words, "verb", "shov", text, sizeof(text)),
		"there is no verb 'shov'; did you mean 'show'?");
	ck_assert_str_eq(word_complaint(&words, "verb", "xyzzy", text, sizeof(text)),
		"there is no verb 'xyzzy'; there are: show, set, stats, vlan, vlan-transparent");
	ck_assert_str_eq(word_complaint(&words, "key", "s", text, sizeof(text)),
		"'s' is short for more than one key: show, set, stats");
	ck_assert_uint_lt(
		strlen(word_complaint(&words, "verb", "x", small, sizeof(small))), sizeof(small));
}
END_TEST

static char *printed(const char *rows_text, bool color)
{
	static const struct column columns[] = {
		{.title = "N", .path = "n", .number = true},
		{.title = "LINK", .path = "state.link"},
		{.title = "LIST", .path = "list"},
	};
	json_t *rows = json_loads(rows_text, 0, NULL);
	struct cli cli = {.color = color};
	char *text;
	size_t len;

	ck_assert_ptr_nonnull(rows);
	cli.out = open_memstream(&text, &len);
	table_print(&cli, columns, ARRAY_SIZE(columns), rows);
	fclose(cli.out);
	json_decref(rows);
	return text;
}

START_TEST(test_columns)
{
	char *text = printed("[{\"n\": 5, \"state\": {\"link\": \"down\"}, \"list\": [\"a\", 2]},"
			     " {\"n\": 123456789012, \"list\": true}, {\"list\": \"\"}]",
		false);

	// nothing is wider than needed, no line ends in blanks
	ck_assert_str_eq(text, "           N  LINK  LIST\n"
			       "           5  down  a,2\n"
			       "123456789012  -     yes\n"
			       "           -  -     -\n");
	free(text);
	text = printed("[]", false);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(test_color)
{
	char *text = printed("[{\"n\": 1, \"state\": {\"link\": \"down\"}}]", true);

	ck_assert_str_eq(text, "\033[1mN  LINK  LIST\n\033[0m1  \033[31mdown\033[0m  -\n");
	free(text);
}
END_TEST

// Longer texts are cut, never written past the cell.
START_TEST(test_long_cell)
{
	json_t *list = json_array();
	char text[CELL_LEN];

	for (int i = 0; i < CELL_LEN; i++)
		json_array_append_new(list, json_string("192.0.2.1"));
	table_cell(list, text);
	ck_assert_uint_eq(strlen(text), CELL_LEN - 1);
	json_decref(list);
}
END_TEST

START_TEST(test_rate)
{
	json_t *before = json_loads("{\"a\": [{\"name\": \"x\", \"rx\": 10}, {\"name\": \"y\", "
				    "\"rx\": 500}], \"load\": 0.5}",
		0, NULL);
	json_t *after = json_loads("{\"a\": [{\"name\": \"y\", \"rx\": 100}, {\"name\": \"x\", "
				   "\"rx\": 15}, {\"name\": \"z\", \"rx\": 8}], \"load\": 0.25}",
		0, NULL);
	// x grew by 5 in 2 s; y was replaced and counts from zero, as does z, which is new
	json_t *expected = json_loads("{\"a\": [{\"name\": \"y\", \"rx\": 50}, {\"name\": \"x\", "
				      "\"rx\": 3}, {\"name\": \"z\", \"rx\": 4}], \"load\": 0.25}",
		0, NULL);
	json_t *rate = rate_of(before, after, 2);

	ck_assert(json_equal(rate, expected));
	json_decref(before);
	json_decref(after);
	json_decref(expected);
	json_decref(rate);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		test_find, test_complaint, test_columns, test_color, test_long_cell, test_rate};

	return suite_main("cli_table", tests, ARRAY_SIZE(tests));
}
