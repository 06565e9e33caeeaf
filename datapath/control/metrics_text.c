// SPDX-License-Identifier: BSD-3-Clause
// See metrics_text.h.

#include "control/metrics_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 65536

static const struct {
	const char *word, *suffix;
} types[] = {
	[METRIC_COUNTER] = {"counter", "_total"},
	[METRIC_GAUGE] = {"gauge", ""},
	[METRIC_INFO] = {"info", "_info"},
};

// Room for `len` bytes more.
static char *reserve(struct metrics_text *text, size_t len)
{
	if (text->size - text->len < len) {
		size_t size = text->size == 0 ? FIRST_SIZE : text->size;

		while (size - text->len < len)
			size *= 2;
		text->bytes = realloc(text->bytes, size);
		if (text->bytes == NULL)
			abort();
		text->size = size;
	}
	return text->bytes + text->len;
}

static void append(struct metrics_text *text, const char *words)
{
	size_t len = strlen(words);

	memcpy(reserve(text, len), words, len);
	text->len += len;
}

// What may not stand between quotation marks as it is, nor in a help text.
static void append_escaped(struct metrics_text *text, const char *words)
{
	char *to = reserve(text, 2 * strlen(words));

	for (; *words != '\0'; words++) {
		if (*words == '\\' || *words == '"' || *words == '\n')
			*to++ = '\\';
		*to++ = *words == '\n' ? 'n' : *words;
	}
	text->len = (size_t)(to - text->bytes);
}

static void append_descriptor(struct metrics_text *text, const char *keyword, const char *value)
{
	append(text, "# ");
	append(text, keyword);
	append(text, " ");
	append(text, text->family->name);
	append(text, " ");
	append_escaped(text, value);
	append(text, "\n");
}

static bool has_unit(const struct metric_family *family)
{
	size_t len = strlen(family->name), unit_len = strlen(family->unit);

	return len > unit_len && family->name[len - unit_len - 1] == '_' &&
	       strcmp(family->name + len - unit_len, family->unit) == 0;
}

void metrics_family(struct metrics_text *text, const struct metric_family *family)
{
	text->family = family;
	append_descriptor(text, "TYPE", types[family->type].word);
	if (family->unit != NULL) {
		assert(has_unit(family));
		append_descriptor(text, "UNIT", family->unit);
	}
	append_descriptor(text, "HELP", family->help);
}

// All of a sample but its value.
static void append_name(
	struct metrics_text *text, const struct metric_label *labels, size_t n_labels)
{
	append(text, text->family->name);
	append(text, types[text->family->type].suffix);
	for (size_t i = 0; i < n_labels; i++) {
		append(text, i == 0 ? "{" : ",");
		append(text, labels[i].name);
		append(text, "=\"");
		append_escaped(text, labels[i].value);
		append(text, "\"");
	}
	append(text, n_labels > 0 ? "} " : " ");
}

void metrics_count(struct metrics_text *text, const struct metric_label *labels, size_t n_labels,
	uint64_t value)
{
	char number[24];

	append_name(text, labels, n_labels);
	snprintf(number, sizeof(number), "%" PRIu64 "\n", value);
	append(text, number);
}

void metrics_real(
	struct metrics_text *text, const struct metric_label *labels, size_t n_labels, double value)
{
	char number[32];

	append_name(text, labels, n_labels);
	snprintf(number, sizeof(number), "%.15g\n", value);
	append(text, number);
}

void metrics_end(struct metrics_text *text)
{
	append(text, "# EOF\n");
}
