// SPDX-License-Identifier: BSD-3-Clause
// Sets of words: exact match, unique prefix, nearest word for "did you mean".

#pragma once

#include <stddef.h>

#define WORD_SET_MAX 64

#define WORD_NONE      (-1)
#define WORD_AMBIGUOUS (-2)

struct word_set {
	const char *list[WORD_SET_MAX];
	size_t n;
};

void word_add(struct word_set *set, const char *word);

// Index of the word itself, else of the only word that begins with it, else WORD_NONE or
// WORD_AMBIGUOUS.
int word_find(const struct word_set *set, const char *word);

// The word nearest to a mistyped one; NULL: none is near.
const char *word_nearest(const struct word_set *set, const char *word);

// What to say about a word that word_find() did not find: "no key 'mut'; did you mean 'mtu'?".
// `what` names the kind of word. Returns text.
char *word_complaint(
	const struct word_set *set, const char *what, const char *word, char *text, size_t size);
