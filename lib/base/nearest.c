// SPDX-License-Identifier: BSD-3-Clause

#include "base/nearest.h"

#include <string.h>

#define WORD_MAX_LEN 63 // longer words are near to none

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

// Letters to insert, delete or replace to make one word of the other. One row of the usual table is
// enough: row[j] is the distance from the first i letters of `a` to the first j of `b`.
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX_LEN + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min(replaced, min(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_len];
}

const char *nearest_word(const char *word, const char *const *known, size_t n_known)
{
	size_t len = strlen(word);
	size_t best = (len < 6 ? 1 : len / 3) + 1;
	const char *nearest = NULL;

	if (len > WORD_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n_known; i++) {
		size_t d = strlen(known[i]) > WORD_MAX_LEN ? best : distance(word, known[i]);

		if (d < best) {
			best = d;
			nearest = known[i];
		}
	}
	return nearest;
}
