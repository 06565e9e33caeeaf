// SPDX-License-Identifier: BSD-3-Clause
// Writes text in the OpenMetrics format 1.0. Any thread, one writer a text.
//
// A page is a sequence of families, each written once and whole, and an end:
//   metrics_family(), then its samples; …; metrics_end().

#pragma once

#include <stddef.h>
#include <stdint.h>

enum metric_type {
	METRIC_COUNTER, // only grows; its samples are called NAME_total
	METRIC_GAUGE,
	METRIC_INFO, // texts as labels of one sample with the value 1, called NAME_info
};

struct metric_family {
	const char *name; // ends with "_UNIT" where there is a unit
	enum metric_type type;
	const char *unit; // "bytes"; NULL: none
	const char *help;
};

struct metric_label {
	const char *name;
	const char *value; // any UTF-8
};

struct metrics_text {
	char *bytes; // not ended by NUL
	size_t len;
	size_t size;
	const struct metric_family *family; // that samples belong to
};

void metrics_family(struct metrics_text *text, const struct metric_family *family);
// A sample of that family with labels, none of them twice; aborts when there is no memory.
void metrics_count(struct metrics_text *text, const struct metric_label *labels, size_t n_labels,
	uint64_t value);
void metrics_real(struct metrics_text *text, const struct metric_label *labels, size_t n_labels,
	double value);
void metrics_end(struct metrics_text *text);
