// SPDX-License-Identifier: BSD-3-Clause

#include "net/checksum.h"

#include <string.h>

uint32_t checksum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint16_t word;

	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += word;
	}
	if (len == 1) {
		word = 0;
		memcpy(&word, bytes, 1);
		sum += word;
	}
	return sum;
}
