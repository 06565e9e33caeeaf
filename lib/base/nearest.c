// SPDX-License-Identifier: BSD-3-Clause

#include "base/nearest.h"

#include <string.h>

#define WORD_MAX_LEN 63 // longer words are near to none

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

// Letters to insert, delete, replace or swap with the next one to make one word of the other. Of
// the usual table three rows are enough: row[j] is the distance from the first i letters of `a` to
// the first j of `b`, above[] is that of i - 1, before[] that of i - 2.
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX_LEN + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t a_len = strlen(a), b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min(replaced, min(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[b_len];
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
