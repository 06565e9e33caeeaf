// SPDX-License-Identifier: BSD-3-Clause

#include "cli/words.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

void word_add(struct word_set *set, const char *word)
{
	assert(set->n < WORD_SET_MAX);
	set->list[set->n++] = word;
}

int word_find(const struct word_set *set, const char *word)
{
	size_t len = strlen(word);
	int found = WORD_NONE;

	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->list[i], word) == 0)
			return (int)i;
		if (len > 0 && strncmp(set->list[i], word, len) == 0)
			found = found == WORD_NONE ? (int)i : WORD_AMBIGUOUS;
	}
	return found;
}

const char *word_nearest(const struct word_set *set, const char *word)
{
	return nearest_word(word, set->list, set->n);
}

char *word_complaint(
	const struct word_set *set, const char *what, const char *word, char *text, size_t size)
{
	bool ambiguous = word_find(set, word) == WORD_AMBIGUOUS;
	const char *nearest = word_nearest(set, word);
	const char *separator = "";
	FILE *f = fmemopen(text, size, "w");

	assert(f != NULL);
	if (ambiguous)
		fprintf(f, "'%s' is short for more than one %s: ", word, what);
	else if (nearest != NULL)
		fprintf(f, "there is no %s '%s'; did you mean '%s'?", what, word, nearest);
	else
		fprintf(f, "there is no %s '%s'; there are: ", what, word);
	for (size_t i = 0; (ambiguous || nearest == NULL) && i < set->n; i++) {
		if (ambiguous && strncmp(set->list[i], word, strlen(word)) != 0)
			continue;
		fprintf(f, "%s%s", separator, set->list[i]);
		separator = ", ";
	}
	fclose(f);
	text[size - 1] = '\0';
	return text;
}
