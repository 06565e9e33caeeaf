// SPDX-License-Identifier: BSD-3-Clause
// One's complement sums over 16-bit words as they lie in memory. Sums are kept wide and folded
// once: 32-bit words may be added to a 64-bit sum, since 2^16 = 1 in this arithmetic.

#pragma once

#include <stdint.h>

#include <rte_ip.h> // rte_raw_cksum()

#include "pipeline/packet.h"

static inline uint16_t sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// Sum of `n_words` 32-bit words; for headers.
static inline uint64_t sum_words(const uint8_t *bytes, unsigned n_words)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n_words; i++)
		sum += load_32(bytes + 4 * i);
	return sum;
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
