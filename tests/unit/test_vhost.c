// SPDX-License-Identifier: BSD-3-Clause
// Guests by vhost-user that tell the truth, and others.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <check.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "io/vhost.h"
#include "tables/device.h"
#include "vhost_frontend.h"

#define N_BUFFERS   1023
#define FRAME	    100
#define PATIENCE_NS UINT64_C(10000000000)
#define OUTSIDE	    (FRONTEND_MEMORY + 4096)

static struct rte_mempool *pool;
static struct device *device;
static struct frontend guest;
static char directory[] = "/tmp/weft-vhost-XXXXXX";
static char text[64], *path;

static void start(void)
{
	struct device_request request = {.text = text, .mtu = 1500, .n_workers = 1, .pool = pool};
	struct problems problems = PROBLEMS_INIT;

	ck_assert_ptr_nonnull(mkdtemp(strcpy(directory, "/tmp/weft-vhost-XXXXXX")));
	snprintf(text, sizeof(text), "vhost:%s/guest", directory);
	path = strchr(text, ':') + 1;
	frontend_listen(&guest, path);
	device = device_open(&request, "ports.x.device", &problems);
	ck_assert_ptr_nonnull(device);
	problems_free(&problems);
}

static void stop(void)
{
	device_close(device);
	frontend_close(&guest);
	rmdir(directory);
	ck_assert_uint_eq(rte_mempool_avail_count(pool), N_BUFFERS);
}

static bool link_is_up(void)
{
	struct device_link link;

	device->driver->link(device, &link);
	return link.up;
}

static void wait_link(bool up)
{
	uint64_t until = clock_now_ns() + PATIENCE_NS;

	while (link_is_up() != up) {
		ck_assert_msg(
			clock_now_ns() < until, "the link does not go %s", up ? "up" : "down");
		usleep(1000);
	}
}

static void connect_guest(void)
{
	frontend_disconnect(&guest);
	wait_link(false);
	frontend_connect(&guest);
	wait_link(true);
}

static uint64_t rx_errors(void)
{
	struct device_stats stats;

	device->driver->stats(device, &stats);
	return stats.rx_errors;
}

// Polls until a frame comes.
static struct rte_mbuf *receive(void)
{
	uint64_t until = clock_now_ns() + PATIENCE_NS;
	struct rte_mbuf *m;

	while (device->rx_burst(device, 0, &m, 1) == 0)
		ck_assert_msg(clock_now_ns() < until, "no frame comes");
	return m;
}

static void check_received(const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = receive();

	ck_assert_uint_eq(m->nb_segs, 1);
	ck_assert_uint_eq(m->pkt_len, len);
	ck_assert_uint_eq(m->ol_flags, 0);
	ck_assert_mem_eq(rte_pktmbuf_mtod(m, uint8_t *), frame, len);
	rte_pktmbuf_free(m);
}

// Gives n frames to the guest. Returns how many the device took.
static unsigned transmit(unsigned n)
{
	struct rte_mbuf *mbufs[2 * FRONTEND_ENTRIES];
	unsigned n_sent;

	ck_assert_int_eq(rte_pktmbuf_alloc_bulk(pool, mbufs, n), 0);
	for (unsigned i = 0; i < n; i++)
		memset(rte_pktmbuf_append(mbufs[i], FRAME), 'a' + i % 26, FRAME);
	n_sent = device->tx_burst(device, 0, mbufs, n);
	if (n_sent < n)
		rte_pktmbuf_free_bulk(&mbufs[n_sent], n - n_sent);
	return n_sent;
}

static void fill(uint8_t frame[FRAME])
{
	for (unsigned i = 0; i < FRAME; i++)
		frame[i] = i;
}

START_TEST(frames_pass)
{
	const struct frontend_entry empty = {.address = frontend_buffer(FRONTEND_TO_GUEST, 0),
		.len = FRONTEND_BUFFER,
		.flags = VRING_DESC_F_WRITE};
	uint8_t frame[FRAME];

	fill(frame);
	ck_assert(!link_is_up());
	ck_assert_uint_eq(transmit(1), 0);
	ck_assert(device->tx_no_peer);
	connect_guest();
	for (unsigned i = 0; i < 3 * FRONTEND_ENTRIES; i++) {
		frame[0] = i;
		frontend_send(&guest, frame, sizeof(frame));
		check_received(frame, sizeof(frame));
	}
	ck_assert_uint_eq(transmit(1), 0);
	ck_assert(!device->tx_no_peer); // but it has no room
	frontend_set(&guest, FRONTEND_TO_GUEST, 0, &empty);
	frontend_offer(&guest, FRONTEND_TO_GUEST, 0);
	ck_assert_uint_eq(transmit(2), 1);
	ck_assert_uint_eq(frontend_used(&guest, FRONTEND_TO_GUEST), 1);
	memset(frame, 'a', sizeof(frame));
	ck_assert_mem_eq(guest.memory + empty.address + FRONTEND_HEADER, frame, sizeof(frame));
	frontend_disconnect(&guest);
	wait_link(false);
	ck_assert_uint_eq(transmit(1), 0);
	ck_assert(device->tx_no_peer);
	ck_assert_uint_eq(rx_errors(), 0);
}
END_TEST

START_TEST(many_frames_at_once)
{
	struct rte_mbuf *mbufs[FRONTEND_ENTRIES];
	uint8_t frame[FRAME];
	unsigned n;

	fill(frame);
	connect_guest();
	for (unsigned i = 0; i < FRONTEND_ENTRIES; i++) {
		const struct frontend_entry empty = {
			.address = frontend_buffer(FRONTEND_TO_GUEST, i),
			.len = FRONTEND_BUFFER,
			.flags = VRING_DESC_F_WRITE};

		frontend_send(&guest, frame, sizeof(frame));
		frontend_set(&guest, FRONTEND_TO_GUEST, i, &empty);
		frontend_offer(&guest, FRONTEND_TO_GUEST, i);
	}
	n = device->rx_burst(device, 0, mbufs, FRONTEND_ENTRIES);
	ck_assert_uint_eq(n, FRONTEND_ENTRIES);
	rte_pktmbuf_free_bulk(mbufs, n);
	ck_assert_uint_eq(transmit(FRONTEND_ENTRIES + 10), FRONTEND_ENTRIES);
}
END_TEST

START_TEST(no_offloads_are_offered)
{
	const uint64_t offloads = 1 << VIRTIO_NET_F_CSUM | 1 << VIRTIO_NET_F_GUEST_CSUM |
				  1 << VIRTIO_NET_F_GUEST_TSO4 | 1 << VIRTIO_NET_F_GUEST_TSO6 |
				  1 << VIRTIO_NET_F_GUEST_ECN | 1 << VIRTIO_NET_F_GUEST_UFO |
				  1 << VIRTIO_NET_F_HOST_TSO4 | 1 << VIRTIO_NET_F_HOST_TSO6 |
				  1 << VIRTIO_NET_F_HOST_ECN | 1 << VIRTIO_NET_F_HOST_UFO;

	connect_guest();
	ck_assert_uint_eq(guest.features & offloads, 0);
	ck_assert_uint_ne(guest.features & 1 << VIRTIO_NET_F_MRG_RXBUF, 0);
}
END_TEST

// Whatever a header says, the frame passes as it is.
START_TEST(headers_are_not_believed)
{
	uint64_t buffer = frontend_buffer(FRONTEND_FROM_GUEST, 0);
	const struct frontend_entry entry = {.address = buffer, .len = FRONTEND_HEADER + FRAME};
	uint8_t frame[FRAME];

	fill(frame);
	connect_guest();
	for (unsigned i = 0; i < FRONTEND_HEADER; i++) {
		memset(guest.memory + buffer, 0, FRONTEND_HEADER);
		memset(guest.memory + buffer, 0xff, i + 1);
		memcpy(guest.memory + buffer + FRONTEND_HEADER, frame, sizeof(frame));
		frontend_set(&guest, FRONTEND_FROM_GUEST, 0, &entry);
		frontend_offer(&guest, FRONTEND_FROM_GUEST, 0);
		check_received(frame, sizeof(frame));
	}
}
END_TEST

// A frame in a chain of pieces of one byte, header too.
START_TEST(frames_in_pieces)
{
	uint64_t buffer = frontend_buffer(FRONTEND_FROM_GUEST, 0);
	uint8_t frame[FRONTEND_ENTRIES - FRONTEND_HEADER];

	memset(frame, 'x', sizeof(frame));
	connect_guest();
	memset(guest.memory + buffer, 0, FRONTEND_HEADER);
	memcpy(guest.memory + buffer + FRONTEND_HEADER, frame, sizeof(frame));
	for (unsigned i = 0; i < FRONTEND_ENTRIES; i++) {
		bool last = i == FRONTEND_ENTRIES - 1;
		const struct frontend_entry entry = {
			buffer + i, 1, last ? 0 : VRING_DESC_F_NEXT, i + 1};

		frontend_set(&guest, FRONTEND_FROM_GUEST, i, &entry);
	}
	frontend_offer(&guest, FRONTEND_FROM_GUEST, 0);
	check_received(frame, sizeof(frame));
}
END_TEST

// What a guest may write into its ring, from entry 0 on. An indirect entry's table is in_table.
static const struct lie {
	const char *what;
	struct frontend_entry entries[3];
	struct frontend_entry in_table[2];
} lies[] = {
	{"address outside", {{OUTSIDE, 100, 0, 0}}, {}},
	{"address that wraps", {{UINT64_MAX - 10, 100, 0, 0}}, {}},
	{"length beyond the end", {{FRONTEND_MEMORY - 50, 100, 0, 0}}, {}},
	{"greatest length", {{0, UINT32_MAX, 0, 0}}, {}},
	{"lengths that wrap",
		{{0, 1u << 31, VRING_DESC_F_NEXT, 1}, {0, 1u << 31, VRING_DESC_F_NEXT, 2},
			{0, 100, 0, 0}},
		{}},
	{"no length", {{0, 0, 0, 0}}, {}},
	{"header alone", {{0, FRONTEND_HEADER, 0, 0}}, {}},
	{"frame too long", {{0, 60000, 0, 0}}, {}},
	{"chain to itself", {{0, 100, VRING_DESC_F_NEXT, 0}}, {}},
	{"chain in a circle", {{0, 100, VRING_DESC_F_NEXT, 1}, {0, 100, VRING_DESC_F_NEXT, 0}}, {}},
	{"chain out of the ring", {{0, 100, VRING_DESC_F_NEXT, FRONTEND_ENTRIES}}, {}},
	{"table outside", {{OUTSIDE, 32, VRING_DESC_F_INDIRECT, 0}}, {}},
	{"table across the end", {{FRONTEND_MEMORY - 16, 32, VRING_DESC_F_INDIRECT, 0}}, {}},
	{"table of half an entry", {{0, 8, VRING_DESC_F_INDIRECT, 0}}, {{0, 100, 0, 0}}},
	{"table too long", {{0, 16 * (FRONTEND_ENTRIES + 1), VRING_DESC_F_INDIRECT, 0}}, {}},
	{"circle in a table", {{0, 32, VRING_DESC_F_INDIRECT, 0}},
		{{0, 100, VRING_DESC_F_NEXT, 1}, {0, 100, VRING_DESC_F_NEXT, 0}}},
	{"chain out of a table", {{0, 32, VRING_DESC_F_INDIRECT, 0}},
		{{0, 100, VRING_DESC_F_NEXT, 9}}},
	{"address outside in a table", {{0, 16, VRING_DESC_F_INDIRECT, 0}}, {{OUTSIDE, 100, 0, 0}}},
};

static void tell(const struct lie *lie)
{
	uint64_t table = frontend_buffer(FRONTEND_FROM_GUEST, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(lie->entries); i++) {
		struct frontend_entry entry = lie->entries[i];

		if ((entry.flags & VRING_DESC_F_INDIRECT) != 0 && entry.address == 0)
			entry.address = table;
		frontend_set(&guest, FRONTEND_FROM_GUEST, i, &entry);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(lie->in_table); i++) {
		const struct frontend_entry *entry = &lie->in_table[i];
		const struct vring_desc desc = {
			entry->address, entry->len, entry->flags, entry->next};

		memcpy(guest.memory + table + i * sizeof(desc), &desc, sizeof(desc));
	}
	frontend_offer(&guest, FRONTEND_FROM_GUEST, 0);
}

// Each lie counts once, however often it is looked at; after a reset all is well.
START_TEST(lies_are_counted)
{
	uint8_t frame[FRAME];

	fill(frame);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		uint64_t until = clock_now_ns() + PATIENCE_NS;
		struct rte_mbuf *m;

		connect_guest();
		tell(&lies[i]);
		while (rx_errors() == i) {
			ck_assert_msg(device->rx_burst(device, 0, &m, 1) == 0, "%s is a frame",
				lies[i].what);
			ck_assert_msg(clock_now_ns() < until, "%s is not counted", lies[i].what);
		}
		for (unsigned n = 0; n < 1000; n++)
			ck_assert_uint_eq(device->rx_burst(device, 0, &m, 1), 0);
		ck_assert_msg(rx_errors() == i + 1, "%s is counted again", lies[i].what);
		connect_guest();
		frontend_send(&guest, frame, sizeof(frame));
		check_received(frame, sizeof(frame));
	}
}
END_TEST

static uint64_t draw(uint64_t below)
{
	return ((uint64_t)random() << 31 ^ random()) % below;
}

static void make_noise(unsigned queue)
{
	for (unsigned i = 0; i < FRONTEND_ENTRIES; i++) {
		const struct frontend_entry entry = {
			.address = draw(4) == 0 ? draw(UINT64_MAX) : draw(FRONTEND_MEMORY / 2),
			.len = draw(4) == 0 ? draw(UINT32_MAX) : draw(3000),
			.flags = draw(8),
			.next = draw(4) == 0 ? draw(UINT16_MAX) : draw(FRONTEND_ENTRIES),
		};
		const struct vring_desc desc = {entry.address, entry.len, entry.flags, entry.next};

		frontend_set(&guest, queue, i, &entry);
		memcpy(guest.memory + frontend_buffer(queue, 0) + i * sizeof(desc), &desc,
			sizeof(desc));
		frontend_offer(&guest, queue, draw(FRONTEND_ENTRIES + 1));
	}
}

// Random entries, in random order, in both rings. Nothing is lost: see stop().
START_TEST(noise)
{
	srandom(1);
	for (unsigned round = 0; round < 200; round++) {
		connect_guest();
		make_noise(FRONTEND_FROM_GUEST);
		make_noise(FRONTEND_TO_GUEST);
		for (unsigned i = 0; i < 200; i++) {
			struct rte_mbuf *mbufs[FRONTEND_ENTRIES];
			unsigned n = device->rx_burst(device, 0, mbufs, ARRAY_SIZE(mbufs));

			rte_pktmbuf_free_bulk(mbufs, n);
			transmit(10);
		}
	}
	ck_assert_uint_gt(rx_errors(), 0);
}
END_TEST

START_TEST(what_can_not_be_opened)
{
	char long_path[128] = "vhost:/";
	const char *const texts[] = {"vhost:relative", "vhost:/run/a,server=1", long_path};

	memset(long_path + strlen(long_path), 'x', 108);
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct device_request request = {
			.text = texts[i], .mtu = 1500, .n_workers = 1, .pool = pool};
		struct problems problems = PROBLEMS_INIT;

		ck_assert_ptr_null(device_open(&request, "ports.x.device", &problems));
		ck_assert_uint_eq(problems.n, 1);
		ck_assert_int_eq(problems.list[0].symbol, E_CFG_DEVICE);
		problems_free(&problems);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {frames_pass, many_frames_at_once, no_offloads_are_offered,
		headers_are_not_believed, frames_in_pieces, lies_are_counted, noise,
		what_can_not_be_opened};
	char *eal[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "64",
		"-l", "0", "--log-level=*:critical"};
	Suite *suite = suite_create("vhost");
	TCase *tcase = tcase_create("vhost");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (rte_eal_init(ARRAY_SIZE(eal), eal) < 0)
		return EXIT_FAILURE;
	pool = rte_pktmbuf_pool_create(
		"packets", N_BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return EXIT_FAILURE;
	log_set_level(LOG_LEVEL_ERROR);
	vhost_register();
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 120);
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	srunner_set_fork_status(runner, CK_NOFORK); // the library's threads do not survive a fork
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
