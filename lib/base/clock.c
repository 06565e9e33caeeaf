// SPDX-License-Identifier: BSD-3-Clause

#include "base/clock.h"

#include <assert.h>
#include <time.h>

static uint64_t virtual_ns; // 0: the real clock

uint64_t clock_now_ns(void)
{
	struct timespec t;

	if (virtual_ns != 0)
		return virtual_ns;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void clock_use_virtual(uint64_t now_ns)
{
	assert(now_ns != 0);
	virtual_ns = now_ns;
}

void clock_advance(uint64_t ns)
{
	assert(virtual_ns != 0);
	virtual_ns += ns;
}

void clock_use_real(void)
{
	virtual_ns = 0;
}
