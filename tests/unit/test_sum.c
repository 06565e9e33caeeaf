// SPDX-License-Identifier: BSD-3-Clause
// The sums of the pipeline against the plain definition, and flow hashes.

#include "suite.h"

#include <string.h>

#include "base/util.h"
#include "net/checksum.h"
#include "pipeline/flow.h"
#include "pipeline/sum.h"

START_TEST(sums_agree_with_the_plain_checksum)
{
	uint8_t bytes[256];
	bool right = true;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (unsigned words = 0; words <= 64; words++)
		right &= sum_fold(sum_words(bytes, words)) ==
			 checksum_fold(checksum_add(0, bytes, words * 4));
	for (unsigned len = 0; len <= sizeof(bytes); len++)
		right &= sum_fold(sum_bytes(bytes, len)) ==
			 checksum_fold(checksum_add(0, bytes, len));
	ck_assert(right);
}
END_TEST

START_TEST(folding_wide_sums)
{
	ck_assert_uint_eq(sum_fold(0), 0);
	ck_assert_uint_eq(sum_fold(0xffff), 0xffff);
	ck_assert_uint_eq(sum_fold(0x10000), 1);
	ck_assert_uint_eq(sum_fold(0xffffffff), 0xffff);
	ck_assert_uint_eq(sum_fold(UINT64_MAX), 0xffff);
	ck_assert_uint_eq(sum_fold(UINT64_C(0xffffffff) * 40), 0xffff);
	ck_assert_uint_eq(sum_fold(UINT64_C(0x123456789)), 0x1 + 0x2345 + 0x6789);
}
END_TEST

START_TEST(hashes_depend_on_everything)
{
	const uint64_t seed[2] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd1b54a32d192ed03)};
	uint32_t hash = flow_hash(seed, 1, 2);
	unsigned n_equal = 0;

	ck_assert_uint_eq(flow_hash(seed, 1, 2), hash);
	for (unsigned bit = 0; bit < 64; bit++) {
		n_equal += flow_hash(seed, 1 ^ UINT64_C(1) << bit, 2) == hash;
		n_equal += flow_hash(seed, 1, 2 ^ UINT64_C(1) << bit) == hash;
	}
	ck_assert_uint_eq(n_equal, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		sums_agree_with_the_plain_checksum,
		folding_wide_sums,
		hashes_depend_on_everything,
	};

	return suite_main("sum", tests, ARRAY_SIZE(tests));
}
