// SPDX-License-Identifier: BSD-3-Clause
// Conformance item 120: whatever arrives, nothing breaks, nothing leaks and the ledger closes (the
// fixture looks). The seed is fixed, so that a failure comes again.

#include "node.h"

#include <stdlib.h>

#define N_FRAMES  20000
#define LONGEST	  2000
#define BURST_MAX 16

static const char *random_device(void)
{
	static const char *const devices[] = {"a", "b", "c", "p", "v", "w", "ens18", "ens19"};

	return devices[random_u32() % ARRAY_SIZE(devices)];
}

static struct frame random_frame(void)
{
	struct frame frame = {.len = random_u32() % (LONGEST + 1)};

	for (unsigned i = 0; i < frame.len; i++)
		frame.bytes[i] = (uint8_t)random_u32();
	return frame;
}

// Something that a switch knows, so that mutations of it get far.
static struct frame known_frame(void)
{
	const struct hosts station = {MAC_101, device_mac_text("ens18"), IP_101, OUR_IP};
	const struct hosts hosts6 = {MAC_X, MAC_A, "2001:db8::1", "2001:db8::2"};
	struct frame inner = random_u32() % 2 ? talk(MAC_X, MAC_A, random_u32() % 1200)
					      : frame_udp6(&hosts6, 1, 2, random_u32() % 1200);

	switch (random_u32() % 8) {
	case 0:
		return talk(MAC_A, random_u32() % 2 ? MAC_B : MAC_X, random_u32() % 1500);
	case 1:
		return who_has(MAC_V);
	case 2:
		return frame_arp(&station, 1 + random_u32() % 2);
	case 3:
		return frame_icmp_echo(&station, 1, random_u32() % 1000);
	case 4:
		return frame_ip4(&station, IP_PROTOCOL_IGMP, 8 + random_u32() % 16);
	case 5:
		return frame_tagged(&inner, ETHER_TYPE_VLAN, 1001);
	default:
		return from_remote(IP_101, 1 + random_u32() % 2, &inner);
	}
}

static void mutate(struct frame *frame)
{
	unsigned n = random_u32() % 4;

	for (unsigned i = 0; i < n; i++)
		frame->bytes[random_u32() % (random_u32() % 2 ? 64 : frame->len)] ^=
			1u << random_u32() % 8;
	if (random_u32() % 4 == 0)
		frame->len = random_u32() % (frame->len + 1);
}

static void forget_all(void)
{
	static const char *const devices[] = {"a", "b", "c", "p", "v", "w", "ens18", "ens19"};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		forget_sent(devices[i]);
}

static void random_bursts(struct frame (*make)(void), bool mutated)
{
	struct frame *frames = calloc(BURST_MAX, sizeof(*frames));

	for (unsigned done = 0; done < N_FRAMES;) {
		const char *device = random_device();
		unsigned n = 1 + random_u32() % BURST_MAX;

		for (unsigned i = 0; i < n; i++) {
			frames[i] = make();
			if (mutated)
				mutate(&frames[i]);
		}
		arrive_burst(device, frames, n);
		clock_advance(NS_PER_MS);
		forget_all();
		done += n;
	}
	free(frames);
}

START_TEST(item_120_random_frames)
{
	random_seed(UINT64_C(0x9e3779b97f4a7c15));
	node(HEADEND ", " OPEN);
	random_bursts(random_frame, false);
	any_drops();
}
END_TEST

START_TEST(item_120_mutated_frames)
{
	random_seed(UINT64_C(0xd1b54a32d192ed03));
	node(HEADEND ", " OPEN);
	random_bursts(known_frame, true);
	any_drops();
}
END_TEST

// The same where tags pass everywhere and a tag is on the underlay.
START_TEST(item_120_mutated_frames_with_tags)
{
	random_seed(UINT64_C(0x2545f4914f6cdd1d));
	configure("{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"
		  " 'underlay': {'device': 'fake:ens18', 'vlan': 1001,"
		  " 'address': '192.168.31.104/24'}}, 'tunnel': {" TUNNEL_KEYS HEADEND ", " OPEN
		  ", 'df': 'inherit', 'tos': 'inherit'}, 'networks': {"
		  "'vlan1001': {'vlan-transparent': true, 'segments': [" SEGMENT_VLAN(
			  1001) "]},"
				"'provider': {'vlan-transparent': true, 'segments': [" SEGMENT_FLAT
				"]},"
				"'vxlan1': {'vlan-transparent': true, 'segments': [" SEGMENT_VXLAN(
					1) "]},"
					   "'vxlan2': {'segments': [" SEGMENT_VXLAN(2) "]}}, " PORTS
										       "}");
	random_bursts(known_frame, true);
	any_drops();
}
END_TEST

void random_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_120_random_frames,
		item_120_mutated_frames,
		item_120_mutated_frames_with_tags,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
