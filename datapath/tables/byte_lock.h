// SPDX-License-Identifier: BSD-3-Clause
// A spinlock of one byte, for what is held over a few dozen instructions and lies in tables where
// every byte counts. Made of compiler atomics, so that the thread sanitizer understands it.

#pragma once

#include <stdint.h>

#include <rte_pause.h>

struct byte_lock {
	uint8_t held;
};

static inline void byte_lock(struct byte_lock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			rte_pause();
	}
}

static inline void byte_unlock(struct byte_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
