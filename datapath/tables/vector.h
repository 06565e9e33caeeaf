// SPDX-License-Identifier: BSD-3-Clause
// Where a table may be read with vector instructions: TABLES_SSE4, TABLES_AVX2. Elsewhere, and
// under the thread sanitizer, loops say the same. On x86 each part of a vector that is aligned to
// its own size is read as by an atomic load, and loads stay in order.

#pragma once

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define TABLES_SCALAR
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TABLES_SCALAR
#endif

#if defined(__SSE4_1__) && !defined(TABLES_SCALAR)
#include <immintrin.h>
#define TABLES_SSE4
#ifdef __AVX2__
#define TABLES_AVX2
#endif
#endif
