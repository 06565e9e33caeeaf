// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a configuration or a request: a list of (symbol, where, sentence), so that
// everything wrong in a file is reported at once. Symbols are those of base/errors.def.

#pragma once

#include <stddef.h>

enum error_symbol {
#define X(name, text) name,
#include "base/errors.def"
#undef X
	N_ERROR_SYMBOLS
};

// "E_NET_VNI_OUT_OF_RANGE"
const char *error_symbol_name(enum error_symbol symbol);
// one sentence: what the symbol means in general
const char *error_symbol_text(enum error_symbol symbol);

struct problem {
	enum error_symbol symbol;
	char *path; // JSON path: "networks.vxlan1.segments[0].id"; "" for the whole document
	char *text; // a sentence a person can act on: what is wrong and what would be right
};

struct problems {
	struct problem *list;
	size_t n;
};

#define PROBLEMS_INIT                                                                              \
	{                                                                                          \
		NULL, 0                                                                            \
	}

__attribute__((format(printf, 4, 5))) void problem_add(struct problems *problems,
	enum error_symbol symbol, const char *path, const char *format, ...);
void problems_free(struct problems *problems);
