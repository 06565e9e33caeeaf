// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP by the kernel's own interface (linux/if_xdp.h).
//
// The memory of a socket are frames of one size: the first half circulates between the fill ring
// and the receive ring, the other half between us, the send ring and the ring of frames done. A
// frame is copied between that memory and a buffer of ours: buffers live on in other devices'
// queues, where the kernel could not get at them.

#include "io/xsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#define RING_SIZE	2048 // entries of each ring
#define KERNEL_HEADROOM 256  // that XDP keeps before each frame
#define SMALL_FRAME	2048
#define LARGE_FRAME	4096 // a page: the most there is
#define SEND_CALLS_MAX	8    // for one burst

_Static_assert(LARGE_FRAME - KERNEL_HEADROOM == XSK_FRAME_LEN_MAX, "the longest frame");

// ---- rings ------------------------------------------------------------------------------------

// Entries that the kernel has put on a ring that we take from.
static inline uint32_t ring_ready(const struct xsk_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - ring->at;
}

// Entries that the kernel has not taken yet from a ring that we put on.
static inline uint32_t ring_waiting(const struct xsk_ring *ring)
{
	return ring->at - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

static inline void ring_publish(uint32_t *end, const struct xsk_ring *ring)
{
	__atomic_store_n(end, ring->at, __ATOMIC_RELEASE);
}

static inline struct xdp_desc *ring_descriptor(const struct xsk_ring *ring, uint32_t i)
{
	return &((struct xdp_desc *)ring->entries)[i % RING_SIZE];
}

static inline uint64_t *ring_offset(const struct xsk_ring *ring, uint32_t i)
{
	return &((uint64_t *)ring->entries)[i % RING_SIZE];
}

static inline bool ring_wants_call(const struct xsk_ring *ring)
{
	return (__atomic_load_n(ring->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) != 0;
}

// ---- receive ----------------------------------------------------------------------------------

static bool copy_in(struct xsk *xsk, const struct xdp_desc *descriptor, struct rte_mbuf *mbuf)
{
	if (descriptor->len > rte_pktmbuf_tailroom(mbuf)) {
		xsk->rx_errors++;
		return false;
	}
	memcpy(rte_pktmbuf_mtod(mbuf, void *), xsk->memory + descriptor->addr, descriptor->len);
	mbuf->data_len = (uint16_t)descriptor->len;
	mbuf->pkt_len = descriptor->len;
	return true;
}

// The driver may wait for a call before it looks at a ring, and what an earlier burst could not
// send waits for one.
static void nudge(struct xsk *xsk)
{
	const struct xsk_ring *tx = &xsk->tx; // ours are the ends that both see

	if (ring_wants_call(&xsk->fill))
		recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	if (__atomic_load_n(tx->producer, __ATOMIC_RELAXED) !=
			__atomic_load_n(tx->consumer, __ATOMIC_RELAXED) &&
		ring_wants_call(tx))
		sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
}

uint16_t xsk_receive(struct xsk *xsk, struct rte_mempool *pool, struct rte_mbuf **mbufs, uint16_t n)
{
	uint32_t n_ready = ring_ready(&xsk->rx);
	uint16_t n_received = 0;

	if (n_ready == 0) {
		nudge(xsk);
		return 0;
	}
	if (n_ready > n)
		n_ready = n;
	for (uint32_t i = 0; i < n_ready; i++)
		rte_prefetch0(xsk->memory + ring_descriptor(&xsk->rx, xsk->rx.at + i)->addr);
	while (n_ready-- > 0) {
		const struct xdp_desc *descriptor = ring_descriptor(&xsk->rx, xsk->rx.at);
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

		if (mbuf == NULL) {
			xsk->rx_nombuf++;
			break;
		}
		if (copy_in(xsk, descriptor, mbuf))
			mbufs[n_received++] = mbuf;
		else
			rte_pktmbuf_free(mbuf);
		// There is room: no more frames circulate than the ring has entries.
		*ring_offset(&xsk->fill, xsk->fill.at++) =
			descriptor->addr & ~(uint64_t)(xsk->frame_size - 1);
		xsk->rx.at++;
	}
	ring_publish(xsk->fill.producer, &xsk->fill);
	ring_publish(xsk->rx.consumer, &xsk->rx);
	return n_received;
}

// ---- send -------------------------------------------------------------------------------------

static void take_back(struct xsk *xsk)
{
	uint32_t n = ring_ready(&xsk->done);

	for (uint32_t i = 0; i < n; i++)
		xsk->free[xsk->n_free++] = *ring_offset(&xsk->done, xsk->done.at++);
	if (n > 0)
		ring_publish(xsk->done.consumer, &xsk->done);
}

// Has the kernel send what waits. It does so in portions, and where the driver does not itself look
// at the ring, only within such calls. True: the interface is down or gone.
static bool send_waiting(struct xsk *xsk)
{
	uint32_t n_before = ring_waiting(&xsk->tx);

	if (n_before == 0 || !ring_wants_call(&xsk->tx))
		return false;
	for (int i = 0; i < SEND_CALLS_MAX; i++) {
		if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			return false;
		if (errno == ENETDOWN || errno == ENXIO || errno == ENODEV)
			return true;
		uint32_t n = ring_waiting(&xsk->tx);

		if (n == 0 || n == n_before) // its queues are full: at the next burst
			return false;
		n_before = n;
	}
	return false;
}

static bool copy_out(struct xsk *xsk, const struct rte_mbuf *mbuf)
{
	struct xdp_desc *descriptor = ring_descriptor(&xsk->tx, xsk->tx.at);
	uint64_t offset = xsk->free[xsk->n_free - 1];
	uint8_t *to = xsk->memory + offset;

	if (mbuf->pkt_len > xsk->frame_size) {
		xsk->tx_errors++;
		return false;
	}
	for (const struct rte_mbuf *s = mbuf; s != NULL; s = s->next) {
		memcpy(to, rte_pktmbuf_mtod(s, void *), s->data_len);
		to += s->data_len;
	}
	*descriptor = (struct xdp_desc){.addr = offset, .len = mbuf->pkt_len};
	xsk->n_free--;
	xsk->tx.at++;
	return true;
}

uint16_t xsk_send(struct xsk *xsk, struct rte_mbuf **mbufs, uint16_t n, bool *no_peer)
{
	uint16_t n_done = 0;

	take_back(xsk);
	while (n_done < n && xsk->n_free > 0) {
		copy_out(xsk, mbufs[n_done]);
		n_done++;
	}
	ring_publish(xsk->tx.producer, &xsk->tx);
	*no_peer = send_waiting(xsk);
	rte_pktmbuf_free_bulk(mbufs, n_done);
	return n_done;
}

// ---- control ----------------------------------------------------------------------------------

uint64_t xsk_missed(const struct xsk *xsk)
{
	struct xdp_statistics s = {0};
	socklen_t len = sizeof(s);

	if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &s, &len) < 0)
		return 0;
	return s.rx_dropped + s.rx_ring_full + s.rx_fill_ring_empty_descs;
}

static int make_memory(struct xsk *xsk)
{
	struct xdp_umem_reg registration;
	void *memory;

	xsk->memory_len = (size_t)2 * RING_SIZE * xsk->frame_size;
	memory = mmap(NULL, xsk->memory_len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	xsk->memory = memory;
	registration = (struct xdp_umem_reg){
		.addr = (uintptr_t)memory, .len = xsk->memory_len, .chunk_size = xsk->frame_size};
	if (setsockopt(xsk->fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) < 0)
		return -errno;
	return 0;
}

static int make_ring(struct xsk *xsk, int option)
{
	const int size = RING_SIZE;

	return setsockopt(xsk->fd, SOL_XDP, option, &size, sizeof(size)) < 0 ? -errno : 0;
}

static int map_ring(struct xsk *xsk, struct xsk_ring *ring, const struct xdp_ring_offset *where,
	uint64_t page, size_t entry_len)
{
	uint8_t *map;

	ring->map_len = where->desc + RING_SIZE * entry_len;
	map = mmap(NULL, ring->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, xsk->fd,
		(off_t)page);
	if (map == MAP_FAILED)
		return -errno;
	ring->map = map;
	ring->producer = (uint32_t *)(map + where->producer);
	ring->consumer = (uint32_t *)(map + where->consumer);
	ring->flags = (uint32_t *)(map + where->flags);
	ring->entries = map + where->desc;
	return 0;
}

static int make_rings(struct xsk *xsk)
{
	struct xdp_mmap_offsets where;
	socklen_t len = sizeof(where);
	int ret = make_ring(xsk, XDP_UMEM_FILL_RING);

	if (ret == 0)
		ret = make_ring(xsk, XDP_UMEM_COMPLETION_RING);
	if (ret == 0)
		ret = make_ring(xsk, XDP_RX_RING);
	if (ret == 0)
		ret = make_ring(xsk, XDP_TX_RING);
	if (ret == 0 && getsockopt(xsk->fd, SOL_XDP, XDP_MMAP_OFFSETS, &where, &len) < 0)
		ret = -errno;
	if (ret == 0)
		ret = map_ring(
			xsk, &xsk->fill, &where.fr, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t));
	if (ret == 0)
		ret = map_ring(xsk, &xsk->done, &where.cr, XDP_UMEM_PGOFF_COMPLETION_RING,
			sizeof(uint64_t));
	if (ret == 0)
		ret = map_ring(
			xsk, &xsk->rx, &where.rx, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc));
	if (ret == 0)
		ret = map_ring(
			xsk, &xsk->tx, &where.tx, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc));
	return ret;
}

// Gives each half of the memory to its use.
static int share_out(struct xsk *xsk)
{
	xsk->free = malloc(RING_SIZE * sizeof(*xsk->free));
	if (xsk->free == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < RING_SIZE; i++) {
		*ring_offset(&xsk->fill, xsk->fill.at++) = (uint64_t)i * xsk->frame_size;
		xsk->free[xsk->n_free++] = (uint64_t)(RING_SIZE + i) * xsk->frame_size;
	}
	ring_publish(xsk->fill.producer, &xsk->fill);
	return 0;
}

static int bind_to(const struct xsk *xsk, const struct xsk_request *request)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_USE_NEED_WAKEUP | (request->zero_copy ? XDP_ZEROCOPY : XDP_COPY),
		.sxdp_ifindex = (uint32_t)request->index,
		.sxdp_queue_id = request->queue,
	};

	return bind(xsk->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int xsk_open(struct xsk *xsk, const struct xsk_request *request)
{
	int ret;

	*xsk = (struct xsk){.fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
	if (xsk->fd < 0)
		return -errno;
	xsk->frame_size =
		request->frame_len <= SMALL_FRAME - KERNEL_HEADROOM ? SMALL_FRAME : LARGE_FRAME;
	ret = request->frame_len <= XSK_FRAME_LEN_MAX ? make_memory(xsk) : -EMSGSIZE;
	if (ret == 0)
		ret = make_rings(xsk);
	if (ret == 0)
		ret = share_out(xsk);
	if (ret == 0)
		ret = bind_to(xsk, request);
	if (ret < 0)
		xsk_close(xsk);
	return ret;
}

void xsk_close(struct xsk *xsk)
{
	struct xsk_ring *rings[] = {&xsk->rx, &xsk->fill, &xsk->tx, &xsk->done};

	if (xsk->fd < 0)
		return;
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		if (rings[i]->map != NULL)
			munmap(rings[i]->map, rings[i]->map_len);
	}
	close(xsk->fd);
	if (xsk->memory != NULL)
		munmap(xsk->memory, xsk->memory_len);
	free(xsk->free);
	*xsk = (struct xsk){.fd = -1};
}
