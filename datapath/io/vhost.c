// SPDX-License-Identifier: BSD-3-Clause
// Virtual machines by vhost-user, through DPDK's vhost library. Opened and closed by control, read
// and written by workers, told of guests that come and go by the library's two threads.
//
// Not DPDK's net_vhost: each of its devices counts against DPDK's 32 Ethernet devices, while a node
// may have hundreds of these ports.
//
// The virtual machine has the socket, weft connects to it, again and again: guests live on when
// weftd is restarted. A worker uses the library's handle of the guest (vid) under the lock of the
// direction; the threads of the library take both locks to change it, so that none is in use when
// the library forgets it.
//
// Whatever is in a guest's memory is read as if an attacker had written it. The library checks
// each address and length that it follows. What it can not pass on as one frame in one of our
// buffers counts as rx_errors; a ring with an entry that leads nowhere counts once and stands still
// until the guest resets it. Nothing of a virtio header is believed: features by which a guest may
// leave checksums or segmentation to us are not offered (docs/adr/0018-vhost.md).

#include "io/vhost.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/un.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "io/dpdk_log.h"
#include "net/addr.h"
#include "tables/device.h"
#include "tables/limits.h"

#define LOG_MODULE "vhost"

#define TO_GUEST    0 // the guest's receive queue
#define FROM_GUEST  1
#define CALL_BURST  32 // the library moves no more in one call
#define NO_GUEST    (-1)
#define STUCK_POLLS 8  // that find the same entry unusable: it is
#define PENALTY	    16 // an error costs a guest this many times the cycles that it cost us

#define FEATURE(bit) (1ULL << (bit))

// What a guest may use. Not here: checksums and segments left to us or to the guest, several queue
// pairs, packed rings, the log of dirty pages (live migration), address translation.
static const uint64_t features = FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_ANY_LAYOUT) |
				 FEATURE(VIRTIO_NET_F_MRG_RXBUF) | FEATURE(VIRTIO_NET_F_MTU) |
				 FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |
				 FEATURE(VIRTIO_RING_F_EVENT_IDX) |
				 FEATURE(VHOST_USER_F_PROTOCOL_FEATURES);
static const uint64_t protocol_features = FEATURE(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
					  FEATURE(VHOST_USER_PROTOCOL_F_NET_MTU) |
					  FEATURE(VHOST_USER_PROTOCOL_F_STATUS);

// One direction. Everything in it is under the lock.
struct vhost_queue {
	rte_spinlock_t lock;
	int vid;	     // NO_GUEST: none; read without the lock by vhost_link()
	uint64_t rest_until; // cycles; not polled before
	uint16_t stuck_at;   // place in the ring
	uint16_t n_stuck;    // polls in a row that came no further
	uint64_t rx_errors;  // chains that are no frame
	uint64_t rx_nombuf;
} __attribute__((aligned(64)));

struct vhost {
	struct vhost_queue rx, tx;
	struct rte_mempool *pool;
	const char *text; // the device's
	bool takes;	  // the guest's receive queue is enabled; atomic
	LIST_ENTRY(vhost) list;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

// The devices that are open, for the library's threads. The lock is taken inside the library's.
static LIST_HEAD(, vhost) all = LIST_HEAD_INITIALIZER(all);
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

// ---- workers ----------------------------------------------------------------------------------

// The place in the guest's ring from which the next frame comes.
static uint16_t ring_place(int vid)
{
	uint16_t available = 0, used;

	rte_vhost_get_vring_base(vid, FROM_GUEST, &available, &used);
	return available;
}

// Whether the ring is broken at a place where the library gave nothing and did not move on. It may
// also have no buffers, or the guest offered something only just now, or changes the queue.
static bool is_stuck(struct vhost *vhost, uint16_t place)
{
	struct vhost_queue *q = &vhost->rx;
	uint32_t n_waiting = rte_vhost_rx_queue_count(q->vid, FROM_GUEST);
	unsigned n = RTE_MIN(n_waiting, (uint32_t)CALL_BURST);
	struct rte_mbuf *mbufs[CALL_BURST];

	if (n == 0)
		return false;
	if (rte_pktmbuf_alloc_bulk(vhost->pool, mbufs, n) != 0) {
		q->rx_nombuf++;
		return false;
	}
	rte_pktmbuf_free_bulk(mbufs, n);
	if (q->stuck_at != place)
		q->n_stuck = 0;
	q->stuck_at = place;
	if (q->n_stuck == STUCK_POLLS)
		return true;
	if (++q->n_stuck < STUCK_POLLS)
		return false;
	q->rx_errors++;
	log_limited(LOG_LEVEL_WARN, 60,
		"the guest's ring leads nowhere; it is not read on until the guest resets it "
		"device=%s",
		vhost->text);
	return true;
}

// As rte_vhost_dequeue_burst(), counting what the guest offered and is no frame.
static uint16_t dequeue(struct vhost *vhost, struct rte_mbuf **mbufs, uint16_t n)
{
	struct vhost_queue *q = &vhost->rx;
	uint16_t place = ring_place(q->vid);
	uint64_t begin = rte_rdtsc();
	uint16_t n_received = rte_vhost_dequeue_burst(q->vid, FROM_GUEST, vhost->pool, mbufs, n);
	uint16_t n_lost;
	uint64_t end;

	if (n_received > 0)
		q->n_stuck = 0;
	if (n_received == n)
		return n_received;
	n_lost = ring_place(q->vid) - place - n_received;
	if (n_lost == 0 && (n_received > 0 || !is_stuck(vhost, place)))
		return n_received;
	if (n_lost <= n) // else the ring was set anew in between
		q->rx_errors += n_lost;
	end = rte_rdtsc();
	q->rest_until = end + PENALTY * (end - begin);
	return n_received;
}

static uint16_t vhost_rx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct vhost *vhost = device->priv;
	struct vhost_queue *q = &vhost->rx;
	uint16_t n_received = 0;

	if (rte_spinlock_trylock(&q->lock) == 0)
		return 0; // the guest comes or goes right now
	while (n_received < n && q->vid != NO_GUEST &&
		(q->rest_until == 0 || rte_rdtsc() >= q->rest_until)) {
		uint16_t wanted = RTE_MIN(n - n_received, CALL_BURST);
		uint16_t got;

		q->rest_until = 0;
		got = dequeue(vhost, mbufs + n_received, wanted);
		n_received += got;
		if (got < wanted)
			break;
	}
	rte_spinlock_unlock(&q->lock);
	return n_received;
}

static uint16_t vhost_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct vhost *vhost = device->priv;
	struct vhost_queue *q = &vhost->tx;
	bool no_peer;
	uint16_t n_sent = 0;

	rte_spinlock_lock(&q->lock);
	no_peer = q->vid == NO_GUEST || !__atomic_load_n(&vhost->takes, __ATOMIC_RELAXED);
	while (n_sent < n && !no_peer) {
		uint16_t wanted = RTE_MIN(n - n_sent, CALL_BURST);
		uint16_t got = rte_vhost_enqueue_burst(q->vid, TO_GUEST, mbufs + n_sent, wanted);

		n_sent += got;
		if (got < wanted)
			break;
	}
	if (device->tx_no_peer != no_peer)
		device->tx_no_peer = no_peer;
	rte_spinlock_unlock(&q->lock);
	rte_pktmbuf_free_bulk(mbufs, n_sent);
	return n_sent;
}

// ---- threads of the library -------------------------------------------------------------------

// With all_lock held, so that the device stays. NULL: it is being closed.
static struct vhost *vhost_of(int vid)
{
	char path[sizeof(((struct vhost *)0)->path)];
	struct vhost *vhost;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return NULL;
	LIST_FOREACH (vhost, &all, list) {
		if (strcmp(vhost->path, path) == 0)
			return vhost;
	}
	return NULL;
}

static void set_guest(struct vhost *vhost, int vid)
{
	rte_spinlock_lock(&vhost->rx.lock);
	rte_spinlock_lock(&vhost->tx.lock);
	__atomic_store_n(&vhost->rx.vid, vid, __ATOMIC_RELAXED);
	vhost->rx.rest_until = 0;
	vhost->rx.n_stuck = 0;
	vhost->tx.vid = vid;
	rte_spinlock_unlock(&vhost->tx.lock);
	rte_spinlock_unlock(&vhost->rx.lock);
}

static int guest_comes(int vid)
{
	struct vhost *vhost;

	// polled: the guest need not tell us of its frames
	rte_vhost_enable_guest_notification(vid, TO_GUEST, 0);
	rte_vhost_enable_guest_notification(vid, FROM_GUEST, 0);
	pthread_mutex_lock(&all_lock);
	vhost = vhost_of(vid);
	if (vhost != NULL) {
		set_guest(vhost, vid);
		log_info("guest connected device=%s", vhost->text);
	}
	pthread_mutex_unlock(&all_lock);
	return vhost != NULL ? 0 : -1;
}

static void guest_goes(int vid)
{
	struct vhost *vhost;

	pthread_mutex_lock(&all_lock);
	vhost = vhost_of(vid);
	if (vhost != NULL) {
		set_guest(vhost, NO_GUEST);
		log_info("guest gone device=%s", vhost->text);
	}
	pthread_mutex_unlock(&all_lock);
}

// The library holds the queue's lock: it may not be asked for anything here.
static int queue_changes(int vid, uint16_t queue, int enable)
{
	struct vhost *vhost;

	if (queue != TO_GUEST)
		return 0;
	pthread_mutex_lock(&all_lock);
	vhost = vhost_of(vid);
	if (vhost != NULL)
		__atomic_store_n(&vhost->takes, enable != 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&all_lock);
	return 0;
}

static const struct rte_vhost_device_ops ops = {
	.new_device = guest_comes,
	.destroy_device = guest_goes,
	.vring_state_changed = queue_changes,
};

// ---- control ----------------------------------------------------------------------------------

static void vhost_stats(struct device *device, struct device_stats *stats)
{
	const struct vhost *vhost = device->priv;

	*stats = (struct device_stats){
		.rx_errors = vhost->rx.rx_errors,
		.rx_nombuf = vhost->rx.rx_nombuf,
	};
}

static void vhost_link(struct device *device, struct device_link *link)
{
	const struct vhost *vhost = device->priv;

	link->up = __atomic_load_n(&vhost->rx.vid, __ATOMIC_RELAXED) != NO_GUEST &&
		   __atomic_load_n(&vhost->takes, __ATOMIC_RELAXED);
	link->speed_mbps = 0;
}

// Does not return before the library's threads are done with it.
static void vhost_close(struct device *device)
{
	struct vhost *vhost = device->priv;

	rte_vhost_driver_unregister(vhost->path);
	pthread_mutex_lock(&all_lock);
	LIST_REMOVE(vhost, list);
	pthread_mutex_unlock(&all_lock);
	free(vhost);
}

// A guest is about ten file descriptors, and the usual limit is 1024.
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

// Brings the library to look for the guest. 0 or -1, as the library has it.
static int start(struct vhost *vhost)
{
	uint64_t offered;
	int ret = rte_vhost_driver_register(
		vhost->path, RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_LINEARBUF_SUPPORT |
				     RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS);

	if (ret != 0)
		return -1;
	// rte_vhost_driver_set_features() is for other kinds of devices than network cards
	ret = rte_vhost_driver_get_features(vhost->path, &offered);
	if (ret == 0)
		ret = rte_vhost_driver_disable_features(vhost->path, offered & ~features);
	if (ret == 0)
		ret = rte_vhost_driver_set_protocol_features(vhost->path, protocol_features);
	if (ret == 0)
		ret = rte_vhost_driver_callback_register(vhost->path, &ops);
	if (ret == 0)
		ret = rte_vhost_driver_start(vhost->path);
	if (ret != 0)
		rte_vhost_driver_unregister(vhost->path);
	return ret;
}

static struct vhost *vhost_new(const struct device_request *request)
{
	struct vhost *vhost = aligned_alloc(_Alignof(struct vhost), sizeof(*vhost));

	if (vhost == NULL)
		return NULL;
	memset(vhost, 0, sizeof(*vhost));
	rte_spinlock_init(&vhost->rx.lock);
	rte_spinlock_init(&vhost->tx.lock);
	vhost->rx.vid = NO_GUEST;
	vhost->tx.vid = NO_GUEST;
	vhost->pool = request->pool;
	snprintf(vhost->path, sizeof(vhost->path), "%s", request->name);
	return vhost;
}

static int vhost_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	struct rte_ether_addr random;
	struct mac mac;
	struct vhost *vhost;
	const char *reason;
	int ret;

	if (request->name[0] != '/' || strlen(request->name) >= sizeof(vhost->path) ||
		request->options[0] != '\0') {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" is not vhost:PATH with the absolute path, of at most %zu bytes, of "
			"the socket that the virtual machine listens on",
			request->text, sizeof(vhost->path) - 1);
		return -EINVAL;
	}
	vhost = vhost_new(request);
	if (vhost == NULL) {
		problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": out of memory",
			request->text);
		return -ENOMEM;
	}
	raise_file_limit();
	vhost->text = device->text;
	rte_eth_random_addr(random.addr_bytes); // the guest has its own
	memcpy(mac.b, random.addr_bytes, sizeof(mac.b));
	device->mac = request->mac != 0 ? request->mac : mac_to_u64(&mac);
	device->n_rxq = 1;
	device->n_txq = 1;
	device->rx_burst = vhost_rx_burst;
	device->tx_burst = vhost_tx_burst; // by all workers: it has a lock of its own
	device->priv = vhost;

	pthread_mutex_lock(&all_lock);
	LIST_INSERT_HEAD(&all, vhost, list);
	pthread_mutex_unlock(&all_lock);
	dpdk_log_hold();
	ret = start(vhost);
	reason = dpdk_log_release();
	if (ret == 0)
		return 0;
	problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": %s", request->text,
		reason[0] != '\0' ? reason : "DPDK's vhost library gives no reason");
	pthread_mutex_lock(&all_lock);
	LIST_REMOVE(vhost, list);
	pthread_mutex_unlock(&all_lock);
	free(vhost);
	return -EIO;
}

static const struct device_driver driver = {
	.word = "vhost",
	.help = "vhost:PATH  a virtual machine, by the vhost-user socket that it listens on",
	.open = vhost_open,
	.close = vhost_close,
	.stats = vhost_stats,
	.link = vhost_link,
};

void vhost_register(void)
{
	device_driver_register(&driver);
}
