// SPDX-License-Identifier: BSD-3-Clause
// Interfaces of the kernel by AF_PACKET sockets. Opened and closed by control, read and written by
// workers.
//
// Not DPDK's net_af_packet: that one has the kernel reassemble IP fragments that only pass
// through, cuts off what does not fit, takes the kernel's own output for input, can wait without
// end in a send, and knows nothing of checksums that the sending kernel left to be computed.
//
// A queue is two sockets. Receive: a ring in shared memory, polled without system calls; with
// several queues the kernel spreads flows over them. Send: one sendmmsg() a burst, past the queue
// disciplines. A frame is handed on as it was on the wire: the tag that the kernel took out of it
// is put back, the checksum that was left open is filled in.

#include "io/packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "io/netif.h"
#include "tables/device.h"
#include "tables/limits.h"

#define LOG_MODULE "packet"

#define N_FRAMES     2048
#define MAX_SEGMENTS 8 // of a frame to send

struct packet_queue {
	int rx_fd, tx_fd;
	uint8_t *ring;
	uint32_t next;	    // frame of the ring
	uint64_t rx_errors; // frames cut off, or merged by an offload of the sender
	uint64_t rx_nombuf;
	uint64_t rx_missed; // control only
	uint64_t tx_errors; // frames the kernel refused
} __attribute__((aligned(64)));

struct packet {
	struct rte_mempool *pool;
	size_t ring_size;
	uint32_t frame_size; // of a slot of the ring, a power of two
	int index;	     // of the interface
	int program;	     // BPF socket filter, -1: all frames
	bool listening;	     // else its sockets exist, and get nothing yet
	bool promiscuous;
	bool restore_merging; // the kernel may merge frames again once we are gone
	uint16_t n_queues;
	char name[IFNAMSIZ]; // as configured
	struct packet_queue queues[];
};

// ---- workers ----------------------------------------------------------------------------------

// The sender left a checksum to its network card: the pseudo header's sum is in the field.
static int fill_checksum(struct rte_mbuf *m, uint16_t start, uint16_t offset)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t sum;

	if (start >= m->data_len || offset + 2 > m->data_len - start)
		return -EINVAL;
	sum = ~rte_raw_cksum(data + start, m->data_len - start);
	if (sum == 0)
		sum = 0xffff;
	memcpy(data + start + offset, &sum, sizeof(sum));
	return 0;
}

// Copies a frame of the ring to a buffer, as it was on the wire. -EINVAL: can not be had whole.
static int copy_frame(const struct tpacket2_hdr *h, struct rte_mbuf *m)
{
	const uint8_t *frame = (const uint8_t *)h + h->tp_mac;
	uint32_t tag_len = (h->tp_status & TP_STATUS_VLAN_VALID) != 0 ? RTE_VLAN_HLEN : 0;
	uint32_t len = h->tp_snaplen;
	struct virtio_net_hdr v;
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t tag[2];

	memcpy(&v, frame - sizeof(v), sizeof(v));
	if (len < h->tp_len || v.gso_type != VIRTIO_NET_HDR_GSO_NONE ||
		len + tag_len > rte_pktmbuf_tailroom(m))
		return -EINVAL;
	m->pkt_len = len + tag_len;
	m->data_len = m->pkt_len;
	if (tag_len == 0 || len < 2 * RTE_ETHER_ADDR_LEN) {
		memcpy(data, frame, len);
	} else {
		tag[0] = htons((h->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? h->tp_vlan_tpid
									       : ETH_P_8021Q);
		tag[1] = htons(h->tp_vlan_tci);
		memcpy(data, frame, 12);
		memcpy(data + 12, tag, sizeof(tag));
		memcpy(data + 16, frame + 12, len - 12);
	}
	if ((v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		return fill_checksum(m, v.csum_start + tag_len, v.csum_offset);
	return 0;
}

static uint16_t packet_rx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct packet *packet = device->priv;
	struct packet_queue *q = &packet->queues[queue];
	uint16_t n_received = 0;

	while (n_received < n) {
		struct tpacket2_hdr *h =
			(struct tpacket2_hdr *)(q->ring + (size_t)q->next * packet->frame_size);
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
		struct rte_mbuf *m;

		if ((status & TP_STATUS_USER) == 0)
			break;
		m = rte_pktmbuf_alloc(packet->pool);
		if (m == NULL) {
			q->rx_nombuf++;
			break;
		}
		if (copy_frame(h, m) == 0) {
			mbufs[n_received++] = m;
		} else {
			q->rx_errors++;
			rte_pktmbuf_free(m);
			log_limited(LOG_LEVEL_WARN, 60,
				"a frame longer than the MTU was dropped: if the sender is a "
				"kernel on "
				"this machine, ethtool -K ITS-INTERFACE tso off gso off device=%s",
				device->text);
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		q->next = (q->next + 1) % N_FRAMES;
	}
	return n_received;
}

// Fills in one message a frame, up to a frame of too many segments. Returns their number.
static unsigned prepare_messages(struct rte_mbuf **mbufs, uint16_t n, struct mmsghdr *messages,
	struct iovec (*parts)[MAX_SEGMENTS])
{
	unsigned i;

	for (i = 0; i < n && i < BURST_SIZE && mbufs[i]->nb_segs <= MAX_SEGMENTS; i++) {
		struct iovec *part = parts[i];

		for (const struct rte_mbuf *s = mbufs[i]; s != NULL; s = s->next)
			*part++ = (struct iovec){rte_pktmbuf_mtod(s, void *), s->data_len};
		messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = parts[i], .msg_iovlen = mbufs[i]->nb_segs}};
	}
	return i;
}

// Sends frames from the first on. Returns how many the kernel took; -errno when it refuses the
// first one.
static int send_frames(int fd, struct rte_mbuf **mbufs, uint16_t n)
{
	struct iovec parts[BURST_SIZE][MAX_SEGMENTS];
	struct mmsghdr messages[BURST_SIZE];
	unsigned n_messages = prepare_messages(mbufs, n, messages, parts);
	int n_sent;

	if (n_messages == 0)
		return -EMSGSIZE;
	n_sent = sendmmsg(fd, messages, n_messages, MSG_DONTWAIT);
	return n_sent < 0 ? -errno : n_sent;
}

static uint16_t packet_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct packet *packet = device->priv;
	struct packet_queue *q = &packet->queues[queue];
	bool no_peer = false;
	uint16_t n_done = 0;

	while (n_done < n) {
		int ret = send_frames(q->tx_fd, mbufs + n_done, n - n_done);

		if (ret > 0) {
			n_done += ret;
			continue;
		}
		// the interface is down, or gone
		no_peer = ret == -ENETDOWN || ret == -ENXIO || ret == -ENODEV;
		if (no_peer || ret == -EAGAIN || ret == -ENOBUFS || ret == -ENOMEM)
			break;
		q->tx_errors++; // this frame is wrong in the kernel's eyes; the next may not be
		n_done++;
	}
	if (device->tx_no_peer != no_peer)
		device->tx_no_peer = no_peer;
	rte_pktmbuf_free_bulk(mbufs, n_done);
	return n_done;
}

// ---- control ----------------------------------------------------------------------------------

void packet_stats(struct device *device, struct device_stats *stats)
{
	struct packet *packet = device->priv;

	*stats = (struct device_stats){0};
	for (uint16_t i = 0; i < packet->n_queues; i++) {
		struct packet_queue *q = &packet->queues[i];
		struct tpacket_stats s;
		socklen_t len = sizeof(s);

		// reading them sets them to zero
		if (getsockopt(q->rx_fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
			q->rx_missed += s.tp_drops;
		stats->rx_missed += q->rx_missed;
		stats->rx_errors += q->rx_errors;
		stats->rx_nombuf += q->rx_nombuf;
		stats->tx_errors += q->tx_errors;
	}
}

// When an interface goes away, or to another network namespace, the kernel takes its sockets off
// it.
static bool is_bound(const struct packet *packet)
{
	struct sockaddr_ll address;
	socklen_t len = sizeof(address);

	return getsockname(packet->queues[0].tx_fd, (struct sockaddr *)&address, &len) < 0 ||
	       address.sll_ifindex == packet->index;
}

void packet_link(struct device *device, struct device_link *link)
{
	const struct packet *packet = device->priv;
	char name[IFNAMSIZ];

	*link = (struct device_link){0};
	if (is_bound(packet)) // else the index may be another's by now
		netif_is_running(netif_name(packet->index, name), &link->up);
}

enum device_presence packet_look(struct device *device)
{
	struct packet *packet = device->priv;
	int index;

	if (is_bound(packet))
		return netif_is(packet->name, packet->index) ? DEVICE_PRESENT : DEVICE_RENAMED;
	packet->restore_merging = false; // a new one is not ours to change
	return netif_index(packet->name, &index) == 0 ? DEVICE_REPLACED : DEVICE_GONE;
}

static void packet_free(struct packet *packet)
{
	for (uint16_t i = 0; i < packet->n_queues; i++) {
		struct packet_queue *q = &packet->queues[i];

		if (q->ring != NULL)
			munmap(q->ring, packet->ring_size);
		if (q->rx_fd >= 0)
			close(q->rx_fd);
		if (q->tx_fd >= 0)
			close(q->tx_fd);
	}
	free(packet);
}

void packet_close(struct device *device)
{
	struct packet *packet = device->priv;

	// Of one that was renamed, another device of ours may be the user by now.
	if (packet->restore_merging && netif_is(packet->name, packet->index))
		netif_set_merging(packet->name, true);
	packet_free(packet);
}

static int set_int(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, int index, uint16_t protocol)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = index};

	return bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static int open_ring(struct packet *packet, struct packet_queue *q)
{
	uint32_t block_size = RTE_MAX(packet->frame_size, 65536u);
	const struct tpacket_req req = {
		.tp_frame_size = packet->frame_size,
		.tp_frame_nr = N_FRAMES,
		.tp_block_size = block_size,
		.tp_block_nr = N_FRAMES * packet->frame_size / block_size,
	};
	void *ring;

	if (setsockopt(q->rx_fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	packet->ring_size = (size_t)N_FRAMES * packet->frame_size;
	ring = mmap(NULL, packet->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, q->rx_fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	q->ring = ring;
	return 0;
}

static int set_promiscuous(const struct packet *packet, const struct packet_queue *q, bool on)
{
	const struct packet_mreq request = {
		.mr_ifindex = packet->index, .mr_type = PACKET_MR_PROMISC};

	return setsockopt(q->rx_fd, SOL_PACKET, on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP,
		       &request, sizeof(request)) < 0
		       ? -errno
		       : 0;
}

static int set_filter(const struct packet *packet, const struct packet_queue *q)
{
	return setsockopt(q->rx_fd, SOL_SOCKET, SO_ATTACH_BPF, &packet->program,
		       sizeof(packet->program)) < 0
		       ? -errno
		       : 0;
}

static int open_receive(struct packet *packet, struct packet_queue *q)
{
	int ret;

	// protocol 0: nothing comes before bind()
	q->rx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (q->rx_fd < 0)
		return -errno;
	ret = set_int(q->rx_fd, PACKET_VERSION, TPACKET_V2);
	if (ret == 0)
		ret = set_int(q->rx_fd, PACKET_VNET_HDR, 1);
	if (ret == 0)
		ret = set_int(q->rx_fd, PACKET_IGNORE_OUTGOING, 1);
	if (ret == 0)
		ret = open_ring(packet, q);
	if (ret == 0 && packet->program >= 0)
		ret = set_filter(packet, q);
	if (ret == 0 && packet->promiscuous)
		ret = set_promiscuous(packet, q, true);
	if (ret == 0 && packet->listening)
		ret = bind_to(q->rx_fd, packet->index, ETH_P_ALL);
	return ret;
}

static int open_send(struct packet_queue *q, int index)
{
	int ret;

	q->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (q->tx_fd < 0)
		return -errno;
	ret = set_int(q->tx_fd, PACKET_QDISC_BYPASS, 1);
	return ret == 0 ? bind_to(q->tx_fd, index, 0) : ret; // protocol 0: receives nothing
}

// Spreads flows over the queues. The kernel finds an unused group for the first socket.
static int join_fanout(struct packet_queue *q, int *group)
{
	int how = PACKET_FANOUT_HASH << 16 | *group;
	socklen_t len = sizeof(how);
	int ret;

	if (*group == 0)
		how |= PACKET_FANOUT_FLAG_UNIQUEID << 16;
	ret = set_int(q->rx_fd, PACKET_FANOUT, how);
	if (ret == 0 && getsockopt(q->rx_fd, SOL_PACKET, PACKET_FANOUT, &how, &len) < 0)
		ret = -errno;
	*group = how & 0xffff;
	return ret;
}

static int open_queues(struct packet *packet, uint16_t wanted)
{
	int group = 0;
	int ret = 0;

	while (packet->n_queues < wanted && ret == 0) {
		struct packet_queue *q = &packet->queues[packet->n_queues++];

		q->rx_fd = -1;
		q->tx_fd = -1;
		ret = open_receive(packet, q);
		if (ret == 0)
			ret = open_send(q, packet->index);
		if (ret == 0 && wanted > 1)
			ret = join_fanout(q, &group);
	}
	return ret;
}

// No frames are merged into larger ones on their way to us.
static void forbid_merging(struct packet *packet)
{
	bool merging;

	if (netif_merging(packet->name, &merging) == 0 && merging)
		packet->restore_merging = netif_set_merging(packet->name, false) == 0;
}

// Up, and large enough.
static int prepare_interface(struct packet *packet, uint16_t mtu)
{
	int current;
	int ret = netif_mtu(packet->name, &current);

	if (ret == 0 && current < mtu)
		ret = netif_set_mtu(packet->name, mtu);
	if (ret == 0)
		ret = netif_up(packet->name);
	if (ret == 0)
		forbid_merging(packet);
	return ret;
}

static struct packet *packet_new(const struct device_request *request)
{
	size_t size = sizeof(struct packet) + request->n_workers * sizeof(struct packet_queue);
	struct packet *packet = aligned_alloc(_Alignof(struct packet), size);

	if (packet == NULL)
		return NULL;
	memset(packet, 0, size);
	packet->pool = request->pool;
	packet->program = -1;
	// a header, room for the kernel's alignment, the longest frame with two tags
	packet->frame_size = rte_align32pow2(
		TPACKET2_HDRLEN + 64 + request->mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN);
	snprintf(packet->name, sizeof(packet->name), "%s", request->name);
	return packet;
}

static const char *explain(int error)
{
	switch (error) {
	case -ENODEV:
	case -ENXIO:
		return "there is no such interface in this network namespace (ip link lists those "
		       "there are)";
	case -EPERM:
	case -EACCES:
		return "not permitted: it takes CAP_NET_RAW and CAP_NET_ADMIN";
	case -EINVAL:
	case -ERANGE:
		return "the interface can not carry the MTU";
	default:
		return strerror(-error);
	}
}

// The device of opened queues.
static void fill_in(struct device *device, struct packet *packet)
{
	device->n_rxq = packet->n_queues;
	device->n_txq = packet->n_queues;
	device->rx_burst = packet_rx_burst;
	device->tx_burst = packet_tx_burst;
	device->priv = packet;
}

int packet_open_filtered(
	struct device *device, const struct device_request *request, int program, bool listen)
{
	struct packet *packet = packet_new(request);
	int ret;

	if (packet == NULL)
		return -ENOMEM;
	packet->program = program;
	packet->listening = listen;
	ret = netif_index(request->name, &packet->index);
	if (ret == 0)
		ret = open_queues(packet, request->n_workers);
	if (ret < 0) {
		packet_free(packet);
		return ret;
	}
	if (listen)
		forbid_merging(packet);
	fill_in(device, packet);
	return 0;
}

int packet_listen(struct device *device, bool promiscuous)
{
	struct packet *packet = device->priv;
	int ret = 0;

	for (uint16_t i = 0; i < packet->n_queues && ret == 0; i++) {
		const struct packet_queue *q = &packet->queues[i];

		if (promiscuous != packet->promiscuous)
			ret = set_promiscuous(packet, q, promiscuous);
		if (ret == 0 && !packet->listening)
			ret = bind_to(q->rx_fd, packet->index, ETH_P_ALL);
	}
	if (ret == 0) {
		packet->promiscuous = promiscuous;
		packet->listening = true;
	}
	return ret;
}

static int packet_open(struct device *device, const struct device_request *request,
	const char *path, struct problems *problems)
{
	struct packet *packet;
	int ret;

	if (!netif_name_ok(request->name) || request->options[0] != '\0') {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" is not packet:INTERFACE with the name of an interface that exists",
			request->text);
		return -EINVAL;
	}
	packet = packet_new(request);
	ret = packet == NULL ? -ENOMEM : netif_index(request->name, &packet->index);
	if (ret == 0)
		ret = prepare_interface(packet, request->mtu);
	if (ret == 0) {
		packet->listening = true;
		packet->promiscuous = true;
		ret = open_queues(packet, request->n_workers);
	}
	if (ret == 0)
		ret = netif_mac(request->name, &device->mac);
	if (ret < 0) {
		problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": %s", request->text,
			explain(ret));
		if (packet != NULL)
			packet_free(packet);
		return ret;
	}
	if (request->mac != 0)
		device->mac = request->mac; // promiscuous: any MAC is ours
	fill_in(device, packet);
	return 0;
}

static const struct device_driver driver = {
	.word = "packet",
	.help = "packet:INTERFACE  an interface of the kernel that exists, all of its frames",
	.open = packet_open,
	.close = packet_close,
	.stats = packet_stats,
	.link = packet_link,
	.look = packet_look,
};

void packet_register(void)
{
	device_driver_register(&driver);
}
