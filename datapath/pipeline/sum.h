// SPDX-License-Identifier: BSD-3-Clause
// One's complement sums over 16-bit words as they lie in memory. Sums are kept wide and folded
// once: 32-bit words may be added to a 64-bit sum, since 2^16 = 1 in this arithmetic.

#pragma once

#include <stdint.h>

#include <rte_ip.h> // rte_raw_cksum()

#include "pipeline/packet.h"

// Adds the halves of a sum, and of that the halves again. The upper half of a number plus itself
// with its halves exchanged is the sum of the halves, with the carry of the lower one.
static inline uint16_t sum_fold(uint64_t sum)
{
	sum += sum << 32 | sum >> 32;
	uint32_t half = (uint32_t)(sum >> 32);

	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

// Whether a sum folds to 0xffff: all multiples of it do, but for 0.
static inline bool sum_is_right(uint64_t sum)
{
	return sum != 0 && sum % 0xffff == 0;
}

// Sum of `n_words` 32-bit words; for headers.
static inline uint64_t sum_words(const uint8_t *bytes, unsigned n_words)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n_words; i++)
		sum += load_32(bytes + 4 * i);
	return sum;
}

// Sum of 64-bit words with the carry added again, so that it keeps what it is modulo 0xffff.
static inline uint64_t sum_add(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

// Sum of any bytes at an even offset; for payload.
static inline uint16_t sum_bytes(const uint8_t *bytes, size_t len)
{
	return rte_raw_cksum(bytes, len);
}

static inline uint16_t sum_invert(uint16_t sum)
{
	return ~sum;
}
