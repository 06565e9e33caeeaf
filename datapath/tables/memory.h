// SPDX-License-Identifier: BSD-3-Clause
// Memory for big tables: zeroed, aligned to a cache line, in huge pages where the machine gives
// them. It comes from the kernel page by page on first use, so that a large bound costs nothing.

#pragma once

#include <stddef.h>

// NULL and errno on failure.
void *table_alloc(size_t size);
// `size` as it was asked for. NULL is ignored.
void table_free(void *memory, size_t size);
