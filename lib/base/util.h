// SPDX-License-Identifier: BSD-3-Clause
// The few helpers every layer uses.

#pragma once

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

// A condition that is known at compile time and checked there.
#define STATIC_ASSERT_SIZE(type, size)                                                             \
	_Static_assert(sizeof(type) == (size), #type " is not " #size " bytes")
