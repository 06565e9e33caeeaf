// SPDX-License-Identifier: BSD-3-Clause
// One AF_XDP socket: one queue of an interface, with memory of its own that it shares with the
// kernel. Opened and closed by control. One worker receives, one sends; they need not be the same.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

// One of the four rings of a socket; one end is ours.
struct xsk_ring {
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	void *entries;
	uint32_t at; // our end
	void *map;
	size_t map_len;
};

struct xsk {
	int fd; // -1: not open
	uint8_t *memory;
	size_t memory_len;
	uint32_t frame_size;

	struct xsk_ring rx __attribute__((aligned(64))); // the worker that receives, from here
	struct xsk_ring fill;
	uint64_t rx_errors; // frames that fit no buffer
	uint64_t rx_nombuf;

	struct xsk_ring tx __attribute__((aligned(64))); // the worker that sends, from here
	struct xsk_ring done;
	uint64_t *free; // offsets of frames to send with
	uint32_t n_free;
	uint64_t tx_errors;
} __attribute__((aligned(64)));

struct xsk_request {
	int index; // of the interface
	uint32_t queue;
	uint16_t frame_len; // of the longest frame
	bool zero_copy;	    // the driver reads and writes the memory; else the kernel copies
};

// The longest frame that a socket can carry, and the MTU that it leaves: a frame may have two tags.
#define XSK_FRAME_LEN_MAX 3840
#define XSK_MTU_MAX	  3818

// Returns 0 or -errno; nothing is left open then.
int xsk_open(struct xsk *xsk, const struct xsk_request *request);
void xsk_close(struct xsk *xsk);

// Up to `n` frames into new buffers; how many.
uint16_t xsk_receive(
	struct xsk *xsk, struct rte_mempool *pool, struct rte_mbuf **mbufs, uint16_t n);
// Takes up to `n` frames and frees their buffers; how many. *no_peer: the interface is down or
// gone.
uint16_t xsk_send(struct xsk *xsk, struct rte_mbuf **mbufs, uint16_t n, bool *no_peer);

// Frames that the kernel dropped before they came to the socket.
uint64_t xsk_missed(const struct xsk *xsk);
