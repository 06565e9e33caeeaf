// SPDX-License-Identifier: BSD-3-Clause
// Bytes as tests write them. No ck_assert in loops: each writes to a file, passed or not.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include <check.h>

static inline uint8_t hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	if (c < 'a' || c > 'f')
		ck_abort_msg("\"%c\" is no hexadecimal digit", c);
	return (uint8_t)(c - 'a' + 10);
}

// Bytes of a string of hexadecimal digit pairs; returns how many.
static inline size_t hex_read(const char *text, uint8_t *data, size_t size)
{
	size_t n = 0;

	for (; *text != '\0'; text += 2, n++) {
		if (n == size)
			ck_abort_msg("more than %zu bytes", size);
		data[n] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
	}
	return n;
}
