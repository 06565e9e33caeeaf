// SPDX-License-Identifier: BSD-3-Clause
// Starting DPDK: how much memory, from where, on which CPUs.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

// What the configuration asks for.
struct memory_need {
	unsigned n_workers;
	unsigned n_queues;  // receive queues whose driver holds buffers: all but tap, packet
	uint32_t n_replay;  // frames of pcap files that are kept in memory
	bool no_huge_pages; // even if there are some
	uint16_t max_mtu;   // L3, of all uplinks and networks
};

struct memory_plan {
	uint32_t n_buffers;
	uint16_t data_room; // bytes of a buffer, headroom included
	uint32_t megabytes; // that DPDK has to have
	bool huge_pages;    // else normal ones
};

// Computes and logs the plan.
void memory_plan(const struct memory_need *need, struct memory_plan *plan);

// Initialises EAL; the calling thread and DPDK's own are kept to `cpus` ("0,2-3"). `pci`: look for
// PCI devices. Returns 0 or -errno after logging why.
int eal_start(const struct memory_plan *plan, const char *cpus, bool pci);

// The pool of packet buffers. NULL after logging why.
struct rte_mempool *eal_pool_new(const struct memory_plan *plan);
