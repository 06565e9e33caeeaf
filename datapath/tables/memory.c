// SPDX-License-Identifier: BSD-3-Clause

#include <errno.h>
#include <stdint.h>

#include <sys/mman.h>

#include "tables/memory.h"

#define HUGE_PAGE (UINT64_C(2) << 20)

// A table smaller than a huge page stays in small ones.
static size_t mapping_size(size_t size)
{
	size_t unit = size < HUGE_PAGE ? 4096 : HUGE_PAGE;

	return (size + unit - 1) & ~(unit - 1);
}

static void *map(size_t size, int flags)
{
	void *memory = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

// Maps a huge page more than is needed and gives back what sticks out of the aligned part.
static void *map_aligned(size_t size)
{
	uint8_t *memory = map(size + HUGE_PAGE, 0);

	if (memory == NULL)
		return NULL;
	uint8_t *start = (uint8_t *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));

	if (start != memory)
		munmap(memory, start - memory);
	munmap(start + size, memory + HUGE_PAGE - start);
	madvise(start, size, MADV_HUGEPAGE); // a wish; small pages serve as well
	return start;
}

void *table_alloc(size_t size)
{
	size_t mapped = mapping_size(size);

	if (mapped < HUGE_PAGE)
		return map(mapped, 0);
	void *memory = map(mapped, MAP_HUGETLB);

	return memory != NULL ? memory : map_aligned(mapped);
}

void table_free(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, mapping_size(size));
}
