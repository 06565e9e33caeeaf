// SPDX-License-Identifier: BSD-3-Clause
// Checksums that a kernel left open. Each frame is made complete, then as the kernel would leave
// it, and must come back as it was.

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"
#include "io/partial.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "suite.h"

#define PORT	8472
#define IP4_LEN 20
#define IP6_LEN 40
#define TCP_LEN 20
#define FRAME	14 // Ethernet header

struct frame {
	uint8_t b[512];
	uint16_t len;
	uint16_t l3, l4; // offsets
	bool six;
	uint8_t protocol;
};

static uint16_t *checksum_of_l4(struct frame *f)
{
	return (uint16_t *)(f->b + f->l4 + (f->protocol == IP_PROTOCOL_TCP ? 16 : 6));
}

static uint16_t pseudo_sum(const struct frame *f)
{
	uint32_t sum = (uint32_t)htons(f->protocol) + htons(f->len - f->l4);

	return checksum_fold(
		checksum_add(sum, f->b + f->l3 + (f->six ? 8 : 12), f->six ? 2 * 16 : 2 * 4));
}

static void complete(struct frame *f)
{
	uint16_t *field = checksum_of_l4(f);

	*field = 0;
	*field =
		(uint16_t)~checksum_fold(checksum_add(pseudo_sum(f), f->b + f->l4, f->len - f->l4));
}

// Headers, then `payload` bytes; complete.
static void build(struct frame *f, bool six, uint8_t protocol, bool tagged, uint16_t payload)
{
	memset(f, 0, sizeof(*f));
	f->six = six;
	f->protocol = protocol;
	f->l3 = FRAME + (tagged ? 4 : 0);
	f->l4 = f->l3 + (six ? IP6_LEN : IP4_LEN);
	f->len = f->l4 + (protocol == IP_PROTOCOL_TCP ? TCP_LEN : 8) + payload;
	if (tagged)
		memcpy(f->b + 12, "\x81\x00\x00\x64", 4);
	memcpy(f->b + f->l3 - 2, six ? "\x86\xdd" : "\x08\x00", 2);
	for (uint16_t i = f->l4; i < f->len; i++)
		f->b[i] = (uint8_t)(i * 37 + payload);
	f->b[f->l3] = six ? 0x60 : 0x45;
	f->b[f->l3 + (six ? 5 : 3)] = (uint8_t)(f->len - (six ? f->l4 : f->l3));
	f->b[f->l3 + (six ? 4 : 2)] = (uint8_t)((f->len - (six ? f->l4 : f->l3)) >> 8);
	f->b[f->l3 + (six ? 6 : 9)] = protocol;
	for (unsigned i = 0; i < (six ? 32u : 8u); i++)
		f->b[f->l3 + (six ? 8 : 12) + i] = (uint8_t)(0x0a + i);
	complete(f);
}

// The bytes and one more behind them that must not be touched.
static void expect_completed(const struct frame *whole, const struct frame *open)
{
	struct frame f = *open;

	partial_complete(f.b, f.len, htons(PORT));
	ck_assert_mem_eq(f.b, whole->b, sizeof(f.b));
}

START_TEST(plain_frames)
{
	for (unsigned i = 0; i < 8 * 64; i++) {
		uint8_t protocol = (i & 1) != 0 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
		struct frame whole, open;

		build(&whole, (i & 2) != 0, protocol, (i & 4) != 0, (uint16_t)(i / 8));
		open = whole;
		*checksum_of_l4(&open) = pseudo_sum(&open);
		expect_completed(&whole, &open);
		expect_completed(&whole, &whole);
	}
}
END_TEST

START_TEST(wrong_checksums_stay_wrong)
{
	for (unsigned i = 0; i < 4; i++) {
		struct frame f;

		build(&f, (i & 2) != 0, (i & 1) != 0 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP, false,
			33);
		*checksum_of_l4(&f) ^= 0x0100;
		expect_completed(&f, &f);
	}
}
END_TEST

START_TEST(no_checksum_stays_none)
{
	struct frame f;

	build(&f, false, IP_PROTOCOL_UDP, false, 33);
	*checksum_of_l4(&f) = 0;
	expect_completed(&f, &f);
}
END_TEST

START_TEST(fragments_stay)
{
	struct frame f;

	build(&f, false, IP_PROTOCOL_UDP, false, 33);
	*checksum_of_l4(&f) = pseudo_sum(&f);
	f.b[f.l3 + 6] = 0x20;
	expect_completed(&f, &f);
}
END_TEST

// A frame in a tunnel datagram; its kernel computed the outer checksum as if the inner were
// complete.
static void encapsulate(struct frame *outer, const struct frame *inner, uint16_t port)
{
	build(outer, false, IP_PROTOCOL_UDP, false, 8 + inner->len);
	outer->b[outer->l4 + 2] = (uint8_t)(port >> 8);
	outer->b[outer->l4 + 3] = (uint8_t)port;
	memcpy(outer->b + outer->l4 + 16, inner->b, inner->len);
	complete(outer);
}

START_TEST(tunnelled_frames)
{
	for (unsigned i = 0; i < 4; i++) {
		uint8_t protocol = (i & 1) != 0 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
		struct frame inner, whole, open;

		build(&inner, (i & 2) != 0, protocol, false, 101);
		encapsulate(&whole, &inner, PORT);
		open = whole;
		*checksum_of_l4(&inner) = pseudo_sum(&inner);
		memcpy(open.b + open.l4 + 16, inner.b, inner.len);
		expect_completed(&whole, &open);

		// the same without an outer checksum
		*checksum_of_l4(&whole) = 0;
		*checksum_of_l4(&open) = 0;
		expect_completed(&whole, &open);
	}
}
END_TEST

START_TEST(only_the_tunnels_port_carries_frames)
{
	struct frame inner, f;

	build(&inner, false, IP_PROTOCOL_TCP, false, 101);
	*checksum_of_l4(&inner) = pseudo_sum(&inner);
	encapsulate(&f, &inner, PORT + 1);
	expect_completed(&f, &f);
}
END_TEST

// Of any length and with any lengths inside, nothing is read or written behind the end.
START_TEST(cut_frames)
{
	struct frame inner, outer;

	build(&inner, false, IP_PROTOCOL_TCP, false, 20);
	*checksum_of_l4(&inner) = pseudo_sum(&inner);
	encapsulate(&outer, &inner, PORT);
	for (uint16_t len = 0; len <= outer.len; len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1); // its end is where a sanitizer looks

		memcpy(exact, outer.b, len);
		partial_complete(exact, len, htons(PORT));
		free(exact);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		plain_frames,
		wrong_checksums_stay_wrong,
		no_checksum_stays_none,
		fragments_stay,
		tunnelled_frames,
		only_the_tunnels_port_carries_frames,
		cut_frames,
	};

	return suite_main("partial", tests, ARRAY_SIZE(tests));
}
