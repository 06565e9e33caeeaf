// SPDX-License-Identifier: BSD-3-Clause

#include "node.h"

#include <errno.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "tables/device.h"

#define PACKETS	   2047
#define BUFFER_LEN (RTE_PKTMBUF_HEADROOM + 4096)
#define START_NS   UINT64_C(1000000000000)
#define ROUNDS_MAX 10000

struct fuzz_node node;

// ---- devices ----------------------------------------------------------------------------------

static uint16_t fake_rx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return 0;
}

static volatile uint8_t looked_at; // so that reading is not left out

// Reads every byte, so that a sanitizer sees what was never written or is not there.
static void look_at(const struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	FUZZ_CHECK(mbuf->nb_segs == 1 && mbuf->pkt_len == mbuf->data_len, "segments %u length %u",
		mbuf->nb_segs, mbuf->pkt_len);
	FUZZ_CHECK(mbuf->data_len >= 14, "length %u", mbuf->data_len);
	FUZZ_CHECK(mbuf->data_off + mbuf->data_len <= mbuf->buf_len, "beyond the buffer");
	for (unsigned i = 0; i < mbuf->data_len; i++)
		looked_at += bytes[i];
}

// "fake:full…" takes one frame of each burst.
static uint16_t fake_tx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t taken = strncmp(device->text, "fake:full", 9) == 0 && n > 1 ? 1 : n;

	for (uint16_t i = 0; i < taken; i++) {
		look_at(mbufs[i]);
		rte_pktmbuf_free(mbufs[i]);
	}
	return taken;
}

static int fake_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	if (strcmp(request->name, "broken") == 0) {
		problem_add(problems, E_DEV_OPEN, path, "this device is broken");
		return -EIO;
	}
	device->rx_burst = fake_rx;
	device->tx_burst = fake_tx;
	device->n_rxq = 1;
	device->n_txq = 1;
	// by name, so that frames of the corpus reach it
	device->mac = UINT64_C(0x020000000000) | (uint8_t)request->name[0];
	node.n_open++;
	return 0;
}

static void fake_close(struct device *device)
{
	node.n_open--;
}

static void fake_link(struct device *device, struct device_link *link)
{
	*link = (struct device_link){.up = true, .speed_mbps = 1000};
}

static const struct device_driver fake_driver = {
	.word = "fake",
	.help = "fake:NAME  a device that takes what is sent",
	.open = fake_open,
	.close = fake_close,
	.link = fake_link,
};

// ---- ledger -----------------------------------------------------------------------------------

static uint64_t n_drops(const struct attachment_counters *counters)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		n += counters->drops[i];
	return n;
}

static void check_attachment(unsigned id, uint64_t *handed)
{
	uint64_t came = 0;
	uint64_t went = 0;

	for (unsigned w = 0; w <= node.tables->n_workers; w++) {
		const struct attachment_counters *c = &node.tables->counters[w]->attachments[id];

		came += c->rx + c->originated + c->copies + c->handed_in;
		went += c->tx + c->consumed + n_drops(c) + c->handed_out;
		*handed += c->handed_in - c->handed_out;
	}
	FUZZ_CHECK(came == went, "attachment %u: %lu came, %lu went", id, came, went);
}

// Ids are given out from 1 on, so that a new node has no high ones.
static void check_ledger(void)
{
	const struct snapshot *s = node.tables->snapshot;
	uint64_t handed = 0;

	for (unsigned id = 0; s != NULL && id < s->n_attachments; id++)
		check_attachment(id, &handed);
	FUZZ_CHECK(handed == 0, "%lu packets are between attachments", handed);
}

// ---- life -------------------------------------------------------------------------------------

void node_setup(void)
{
	char *eal[] = {"fuzz", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"128", "--log-level", "error", "-l", "0", NULL};

	FUZZ_CHECK(rte_eal_init(ARRAY_SIZE(eal) - 1, eal) >= 0, "DPDK does not start");
	log_set_level(LOG_LEVEL_ERROR);
	device_driver_register(&fake_driver);
	node.pool = rte_pktmbuf_pool_create("weft", PACKETS, 0, 0, BUFFER_LEN, SOCKET_ID_ANY);
	node.rx_pool =
		rte_pktmbuf_pool_create("received", PACKETS, 0, 0, BUFFER_LEN, SOCKET_ID_ANY);
	FUZZ_CHECK(node.pool != NULL && node.rx_pool != NULL, "no memory for packets");
}

void node_start(void)
{
	clock_use_virtual(START_NS);
	node.tables = tables_new(1, node.pool);
	FUZZ_CHECK(node.tables != NULL, "no tables");
	node.control = control_new(node.tables);
	node.worker = worker_ctx_new(node.tables, 0);
	FUZZ_CHECK(node.control != NULL && node.worker != NULL, "no memory");
	rcu_reader_online(node.tables->rcu, 0);
}

void node_stop(void)
{
	node_run();
	check_ledger();
	rcu_reader_offline(node.tables->rcu, 0);
	worker_ctx_free(node.worker);
	control_free(node.control);
	FUZZ_CHECK(node.n_open == 0, "%u devices are open", node.n_open);
	tables_free(node.tables);
	FUZZ_CHECK(rte_mempool_in_use_count(node.pool) == 0, "leaked %u of our packets",
		rte_mempool_in_use_count(node.pool));
	FUZZ_CHECK(rte_mempool_in_use_count(node.rx_pool) == 0, "leaked %u received packets",
		rte_mempool_in_use_count(node.rx_pool));
}

static void worker_round(void)
{
	pipeline_begin(node.worker, clock_now_ns());
	pipeline_inject(node.worker);
	pipeline_flush(node.worker);
	rcu_quiescent(node.tables->rcu, 0);
}

void node_run(void)
{
	const struct worker_rings *rings = &node.tables->rings[0];

	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		bool more = control_poll(node.control, clock_now_ns());

		if (node.tables->snapshot != NULL)
			worker_round();
		if (!more && rte_ring_empty(rings->injects) && rte_ring_empty(rings->punts))
			return;
	}
	FUZZ_CHECK(false, "there is always more to do");
}

void node_receive(const char *device, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t id = control_device_id(node.control, device);

	FUZZ_CHECK(id != 0, "no device %s", device);
	pipeline_begin(node.worker, clock_now_ns());
	pipeline_run(node.worker, id, mbufs, n);
	pipeline_flush(node.worker);
	rcu_quiescent(node.tables->rcu, 0);
}
