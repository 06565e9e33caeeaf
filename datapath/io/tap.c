// SPDX-License-Identifier: BSD-3-Clause
// TAP interfaces. Opened and closed by control, read and written by workers.
//
// Not DPDK's net_tap: that one takes a signal for every frame, is limited to an MTU of 1504, and
// counts against DPDK's 32 Ethernet devices, while a node may have hundreds of these ports.
//
// The interface belongs to the file descriptors: it follows them when it is moved to another
// network namespace, and goes when they are closed.

#include "io/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <net/if.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "io/netif.h"
#include "net/addr.h"
#include "tables/device.h"

#define LOG_MODULE "tap"

#define TUN_FILE     "/dev/net/tun"
#define MAX_SEGMENTS 8 // of a frame to send

struct tap_queue {
	int fd;
	struct rte_mbuf *spare; // for the next frame; the worker that polls the queue owns it
	uint64_t rx_errors;	// frames that did not fit a buffer
	uint64_t rx_nombuf;
	uint64_t tx_errors; // frames the kernel refused
} __attribute__((aligned(64)));

struct tap {
	struct rte_mempool *pool;
	uint16_t n_queues;
	struct tap_queue queues[];
};

// A frame that does not fit ends in `overflow`, so that it is not taken for a shorter one.
static uint16_t tap_rx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct tap *tap = device->priv;
	struct tap_queue *q = &tap->queues[queue];
	char overflow;
	uint16_t n_received = 0;

	while (n_received < n) {
		struct rte_mbuf *m = q->spare != NULL ? q->spare : rte_pktmbuf_alloc(tap->pool);
		struct iovec parts[2];
		ssize_t len;

		if (m == NULL) {
			q->rx_nombuf++;
			break;
		}
		q->spare = m;
		parts[0] = (struct iovec){rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m)};
		parts[1] = (struct iovec){&overflow, sizeof(overflow)};
		len = readv(q->fd, parts, 2);
		if (len <= 0)
			break; // nothing there, or no interface any more
		if ((size_t)len > parts[0].iov_len) {
			q->rx_errors++;
			continue;
		}
		m->pkt_len = len;
		m->data_len = len;
		mbufs[n_received++] = m;
		q->spare = NULL;
	}
	return n_received;
}

static ssize_t write_frame(int fd, const struct rte_mbuf *m)
{
	struct iovec parts[MAX_SEGMENTS];
	int n = 0;

	if (m->nb_segs == 1)
		return write(fd, rte_pktmbuf_mtod(m, const void *), m->data_len);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		if (n == MAX_SEGMENTS) {
			errno = EINVAL;
			return -1;
		}
		parts[n++] = (struct iovec){rte_pktmbuf_mtod(s, void *), s->data_len};
	}
	return writev(fd, parts, n);
}

static uint16_t tap_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct tap *tap = device->priv;
	struct tap_queue *q = &tap->queues[queue];
	bool no_peer = false;
	uint16_t n_sent;

	for (n_sent = 0; n_sent < n; n_sent++) {
		if (write_frame(q->fd, mbufs[n_sent]) >= 0)
			continue;
		// the interface is down, or gone
		no_peer = errno == EIO || errno == EBADFD;
		if (no_peer || errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
			break;
		q->tx_errors++; // this frame is wrong in the kernel's eyes; the next may not be
	}
	if (device->tx_no_peer != no_peer)
		device->tx_no_peer = no_peer;
	rte_pktmbuf_free_bulk(mbufs, n_sent);
	return n_sent;
}

static void tap_stats(struct device *device, struct device_stats *stats)
{
	const struct tap *tap = device->priv;

	*stats = (struct device_stats){0};
	for (uint16_t i = 0; i < tap->n_queues; i++) {
		stats->rx_errors += tap->queues[i].rx_errors;
		stats->rx_nombuf += tap->queues[i].rx_nombuf;
		stats->tx_errors += tap->queues[i].tx_errors;
	}
}

// The kernel says "writable" of an interface that exists and is up, in whatever namespace.
static void tap_link(struct device *device, struct device_link *link)
{
	const struct tap *tap = device->priv;
	struct pollfd p = {.fd = tap->queues[0].fd, .events = POLLOUT};

	link->up = poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)) == POLLOUT;
	link->speed_mbps = 0;
}

static struct tap *tap_new(unsigned max_queues)
{
	size_t size = sizeof(struct tap) + max_queues * sizeof(struct tap_queue);
	struct tap *tap = aligned_alloc(_Alignof(struct tap_queue), size);

	if (tap != NULL)
		memset(tap, 0, size);
	return tap;
}

static void tap_free(struct tap *tap)
{
	for (uint16_t i = 0; i < tap->n_queues; i++) {
		close(tap->queues[i].fd);
		rte_pktmbuf_free(tap->queues[i].spare);
	}
	free(tap);
}

static void tap_close(struct device *device)
{
	tap_free(device->priv);
}

// One queue of the interface, which the first call makes. A file descriptor or -errno.
static int open_queue(const char *name, short flags)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | flags};
	int fd = open(TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

// As many queues as asked for; an interface that was there before may have been made for one only.
static int open_queues(struct tap *tap, const char *name, uint16_t wanted)
{
	int fd = open_queue(name, IFF_MULTI_QUEUE);

	if (fd == -EINVAL) {
		wanted = 1;
		fd = open_queue(name, 0);
	}
	if (fd < 0)
		return fd;
	tap->queues[tap->n_queues++].fd = fd;
	while (tap->n_queues < wanted) {
		fd = open_queue(name, IFF_MULTI_QUEUE);
		if (fd < 0)
			return fd;
		tap->queues[tap->n_queues++].fd = fd;
	}
	return 0;
}

static const char *explain(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENODEV:
		return TUN_FILE " is not there: load the kernel module tun, or give the container "
				"that device";
	case -EPERM:
	case -EACCES:
		return "not permitted: it takes CAP_NET_ADMIN and access to " TUN_FILE;
	case -EBUSY:
		return "another process has it open";
	case -EINVAL:
		return "an interface of that name exists and is not a TAP";
	default:
		return strerror(-error);
	}
}

static int tap_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	const char *name = request->name;
	struct rte_ether_addr random;
	struct mac mac;
	struct tap *tap;
	int ret;

	if (!netif_name_ok(name) || request->options[0] != '\0') {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" is not tap:NAME with an interface name of 1 to 15 characters",
			request->text);
		return -EINVAL;
	}
	tap = tap_new(request->n_workers);
	ret = tap == NULL ? -ENOMEM : open_queues(tap, name, request->n_workers);
	if (ret == 0)
		ret = netif_set_mtu(name, request->mtu);
	if (ret == 0)
		ret = netif_up(name);
	if (ret < 0) {
		problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": %s", request->text,
			explain(ret));
		if (tap != NULL)
			tap_free(tap);
		return ret;
	}
	tap->pool = request->pool;
	// the kernel's end has the interface's MAC; ours is another
	rte_eth_random_addr(random.addr_bytes);
	memcpy(mac.b, random.addr_bytes, sizeof(mac.b));
	device->mac = request->mac != 0 ? request->mac : mac_to_u64(&mac);
	device->n_rxq = tap->n_queues;
	device->n_txq = tap->n_queues;
	device->tx_shared = tap->n_queues < request->n_workers;
	device->rx_burst = tap_rx_burst;
	device->tx_burst = tap_tx_burst;
	device->priv = tap;
	return 0;
}

static const struct device_driver driver = {
	.word = "tap",
	.help = "tap:NAME  a TAP interface of the kernel, made and removed with the port",
	.open = tap_open,
	.close = tap_close,
	.stats = tap_stats,
	.link = tap_link,
};

void tap_register(void)
{
	device_driver_register(&driver);
}
