// SPDX-License-Identifier: BSD-3-Clause

#include "io/eal.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include "base/log.h"
#include "io/dpdk_log.h"

#define LOG_MODULE "eal"

#define HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-"

#define NO_PCI_DEVICE "ffff:ff:1f.7"

#define BUFFERS_BASE	   8192 // held by control, in the rings between threads, on their way
#define BUFFERS_PER_WORKER 2048 // caches, transmit buffers, copies
#define BUFFERS_PER_QUEUE  2048 // descriptors, both ways
#define QUEUES_LATER	   8	// devices that come at run time
#define CACHE_SIZE	   256
#define BUFFER_OVERHEAD	   192 // struct rte_mbuf and the pool's own header
#define MEGABYTES_BASE	   48  // rings, drivers' own state, fragmentation

// Bytes of free huge pages, of all sizes and nodes.
static uint64_t free_huge_bytes(void)
{
	uint64_t bytes = 0;
	glob_t files;

	if (glob(HUGE_PAGES "*kB/free_hugepages", 0, NULL, &files) != 0)
		return 0;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "re");
		uint64_t kilobytes, n;

		if (file == NULL)
			continue;
		if (sscanf(files.gl_pathv[i], HUGE_PAGES "%" SCNu64 "kB", &kilobytes) == 1 &&
			fscanf(file, "%" SCNu64, &n) == 1)
			bytes += n * kilobytes * 1024;
		fclose(file);
	}
	globfree(&files);
	return bytes;
}

void memory_plan(const struct memory_need *need, struct memory_plan *plan)
{
	uint32_t frame = need->max_mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
	uint64_t bytes, free_bytes;

	plan->n_buffers = BUFFERS_BASE + BUFFERS_PER_WORKER * need->n_workers +
			  BUFFERS_PER_QUEUE * (need->n_queues + QUEUES_LATER) + need->n_replay;
	plan->data_room = RTE_MAX((uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE,
		RTE_ALIGN_CEIL(RTE_PKTMBUF_HEADROOM + frame, RTE_CACHE_LINE_SIZE));
	bytes = (uint64_t)plan->n_buffers * (plan->data_room + BUFFER_OVERHEAD);
	plan->megabytes = (bytes + bytes / 32) / (1 << 20) + MEGABYTES_BASE;
	free_bytes = free_huge_bytes();
	plan->huge_pages = !need->no_huge_pages && free_bytes / (1 << 20) >= plan->megabytes;
	log_info("memory for packets buffers=%" PRIu32 " buffer_bytes=%u total_mib=%" PRIu32
		 " pages=%s free_huge_mib=%" PRIu64,
		plan->n_buffers, plan->data_room + BUFFER_OVERHEAD, plan->megabytes,
		plan->huge_pages ? "huge" : "normal", free_bytes / (1 << 20));
}

int eal_start(const struct memory_plan *plan, const char *cpus, bool pci)
{
	char lcores[192], prefix[64], megabytes[16];
	char *args[16];
	int n = 0;

	snprintf(lcores, sizeof(lcores), "--lcores=0@(%s)", cpus);
	snprintf(prefix, sizeof(prefix), "--file-prefix=weft-%d", getpid());
	snprintf(megabytes, sizeof(megabytes), "%" PRIu32, plan->megabytes);
	args[n++] = "weftd";
	args[n++] = lcores;
	args[n++] = prefix;
	args[n++] = "--no-shconf";
	args[n++] = "--no-telemetry";
	if (plan->huge_pages) {
		args[n++] =
			"--in-memory"; // leaves no files behind; DPDK refuses it for normal pages
	} else {
		args[n++] = "--no-huge";
		args[n++] = "-m";
		args[n++] = megabytes;
	}
	if (pci) { // none of the machine's devices is ours until it is opened
		args[n++] = "-a";
		args[n++] = NO_PCI_DEVICE;
	} else {
		args[n++] = "--no-pci";
	}
	dpdk_log_route();
	if (rte_eal_init(n, args) < 0) {
		log_error("DPDK does not start error=\"%s\"", rte_strerror(rte_errno));
		return -rte_errno;
	}
	return 0;
}

// As rte_pktmbuf_pool_create(), but for normal pages without the wish to have every buffer within
// one of them: that would put one buffer into each, all at the same offset, so that their headers
// would fight for the same few lines of the cache.
static struct rte_mempool *pool_new(const struct memory_plan *plan)
{
	struct rte_pktmbuf_pool_private room = {.mbuf_data_room_size = plan->data_room};
	unsigned flags = plan->huge_pages ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	struct rte_mempool *pool = rte_mempool_create_empty("packets", plan->n_buffers,
		sizeof(struct rte_mbuf) + plan->data_room, CACHE_SIZE, sizeof(room), SOCKET_ID_ANY,
		flags);
	int ret;

	if (pool == NULL)
		return NULL;
	rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	rte_pktmbuf_pool_init(pool, &room);
	ret = rte_mempool_populate_default(pool);
	if (ret < 0) {
		rte_mempool_free(pool);
		rte_errno = -ret;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

struct rte_mempool *eal_pool_new(const struct memory_plan *plan)
{
	struct rte_mempool *pool = pool_new(plan);

	if (pool == NULL)
		log_error("no memory for packet buffers buffers=%" PRIu32 " total_mib=%" PRIu32
			  " error=\"%s\"",
			plan->n_buffers, plan->megabytes, rte_strerror(rte_errno));
	return pool;
}
