// SPDX-License-Identifier: BSD-3-Clause

#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define X(name, text) #name,
#include "base/errors.def"
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
#include "base/errors.def"
#undef X
};

const char *error_symbol_name(enum error_symbol symbol)
{
	return names[symbol];
}

const char *error_symbol_text(enum error_symbol symbol)
{
	return texts[symbol];
}

void problem_add(struct problems *problems, enum error_symbol symbol, const char *path,
	const char *format, ...)
{
	struct problem *list = realloc(problems->list, (problems->n + 1) * sizeof(*problems->list));
	va_list args;
	char *text = NULL;
	int n;

	if (list == NULL)
		abort();
	problems->list = list;
	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	list[problems->n].symbol = symbol;
	list[problems->n].path = strdup(path);
	list[problems->n].text = text;
	if (n < 0 || list[problems->n].path == NULL)
		abort();
	problems->n++;
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		free(problems->list[i].path);
		free(problems->list[i].text);
	}
	free(problems->list);
	problems->list = NULL;
	problems->n = 0;
}
