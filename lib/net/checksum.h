// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071). Words are taken as they lie in memory, so that a result is
// stored into a header without swapping, whatever the byte order of the machine.

#pragma once

#include <stddef.h>
#include <stdint.h>

// Adds `len` bytes (at most 64 KiB in one sum) to a running sum; an odd last byte is followed by
// a zero, so that only the last piece of a sum may have an odd length.
uint32_t checksum_add(uint32_t sum, const void *data, size_t len);

static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// The checksum field of a header whose checksum field is zero; over a whole correct one: 0.
static inline uint16_t checksum_of(const void *data, size_t len)
{
	return (uint16_t)~checksum_fold(checksum_add(0, data, len));
}

// The checksum field after one 16-bit word changes from `old` to `new` (RFC 1624, equation 3).
static inline uint16_t checksum_patch(uint16_t checksum, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint16_t)~checksum + (uint32_t)(uint16_t)~old + new;

	return (uint16_t)~checksum_fold(sum);
}
