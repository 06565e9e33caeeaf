// SPDX-License-Identifier: BSD-3-Clause
// How long a worker sleeps when nothing comes. Short silences cost no latency, long ones no CPU:
// none in the first 20 us, then a quarter of the silence up to 100 us, and from the tenth second
// of silence on 1 ms.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IDLE_POLL_NS	  UINT64_C(20000)
#define IDLE_SLEEP_NS	  UINT64_C(100000)
#define IDLE_SLEEP_MAX_NS UINT64_C(1000000)

struct idle {
	uint64_t busy_ns; // when the last round that had packets ended
};

// What to do after a poll round that ended at `now_ns`: nanoseconds to sleep, 0: poll at once.
static inline uint64_t idle_after_round(struct idle *idle, uint64_t now_ns, bool busy)
{
	uint64_t silence_ns, sleep_ns;

	if (busy) {
		idle->busy_ns = now_ns;
		return 0;
	}
	silence_ns = now_ns - idle->busy_ns;
	if (silence_ns < IDLE_POLL_NS)
		return 0;
	if (silence_ns < 4 * IDLE_SLEEP_NS)
		return silence_ns / 4;
	sleep_ns = silence_ns / 10000;
	if (sleep_ns < IDLE_SLEEP_NS)
		return IDLE_SLEEP_NS;
	return sleep_ns < IDLE_SLEEP_MAX_NS ? sleep_ns : IDLE_SLEEP_MAX_NS;
}
