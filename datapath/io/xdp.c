// SPDX-License-Identifier: BSD-3-Clause
// An interface shared with the kernel: what is ours comes through AF_XDP sockets, the rest is the
// kernel's as before. Opened, told and closed by control, read and written by workers.
//
// Not DPDK's net_af_xdp: that one takes its program from a file, keeps its maps to itself, goes
// from zero-copy to copy without saying why, needs to be told of the queues, and leaves its program
// on the interface when it is killed.
//
// Four ways are tried, the fastest first; what is refused is told with its reason. In three of them
// each receive queue of the interface has a socket; a further receive queue of the device are
// packet sockets, for copies of frames that the kernel wants as well. In the last, they are all.
//
// Up:   sockets, program, sockets into the program's map; nothing is ours before share().
// More: a queue that is new on the interface gets a socket, which is put into the map when workers
//       poll it. The kernel refuses to have fewer queues than there are sockets.
// Down: program, sockets. A frame whose socket is not there is the kernel's.

#include "io/xdp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "base/util.h"
#include "io/netif.h"
#include "io/packet.h"
#include "io/partial.h"
#include "io/uplink.h"
#include "io/xsk.h"
#include "tables/device.h"

#define LOG_MODULE "xdp"

#define REASON_LEN	 (DEVICE_REFUSAL_LEN - 16) // without the name of the mode
#define PROBLEM_LEN	 256
#define RELEASE_WAIT_US	 10000 // the kernel lets go of a queue some time after its socket
#define RELEASE_ATTEMPTS 100   // 1 s

struct mode {
	const char *name;
	bool native; // the program runs in the driver
	bool zero_copy;
	bool sockets; // AF_XDP; else packet sockets
};

static const struct mode modes[] = {
	{"zero-copy", true, true, true},
	{"copy", true, false, true},
	{"generic", false, false, true},
	{"packet", false, false, false},
};

_Static_assert(ARRAY_SIZE(modes) <= DEVICE_REFUSALS_MAX, "a refusal for each");

#define OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN) // of a frame over the MTU

_Static_assert(XSK_MTU_MAX + OVERHEAD == XSK_FRAME_LEN_MAX, "what is refused, and why");

struct xdp {
	struct rte_mempool *pool;
	struct uplink *uplink;
	const struct mode *mode;
	uint16_t port;	      // of the tunnel, network order; atomic
	struct device packet; // its priv is NULL while it is not open
	char name[IFNAMSIZ];  // as configured
	int index;
	bool restore_stripping;
	bool promiscuous; // control only
	char refusals[DEVICE_REFUSALS_MAX][DEVICE_REFUSAL_LEN];
	size_t n_refusals;
	char problem[PROBLEM_LEN]; // with queues that are new, "": none
	uint16_t mtu;
	uint32_t n_queues;  // receive queues of the interface
	uint16_t n_sockets; // open ones
	uint16_t n_in_map;  // of them, those that frames come to
	uint16_t n_first;   // when the device was opened
	struct xsk sockets[UPLINK_SOCKETS_MAX];
};

// ---- workers ----------------------------------------------------------------------------------

// The queues of the device are the first sockets, the packet sockets, and sockets that were added.
static uint16_t xdp_rx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct xdp *x = device->priv;
	uint16_t port, n_received;

	if (queue >= x->n_first) {
		queue -= x->n_first;
		if (queue < x->packet.n_rxq)
			return x->packet.rx_burst(&x->packet, queue, mbufs, n);
		queue += x->n_first - x->packet.n_rxq;
	}
	n_received = xsk_receive(&x->sockets[queue], x->pool, mbufs, n);
	port = __atomic_load_n(&x->port, __ATOMIC_RELAXED);
	for (uint16_t i = 0; i < n_received; i++)
		partial_complete(rte_pktmbuf_mtod(mbufs[i], uint8_t *), mbufs[i]->data_len, port);
	return n_received;
}

static void set_no_peer(struct device *device, bool no_peer)
{
	if (device->tx_no_peer != no_peer)
		device->tx_no_peer = no_peer;
}

static uint16_t xdp_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct xdp *x = device->priv;
	bool no_peer;
	uint16_t n_sent = xsk_send(&x->sockets[queue], mbufs, n, &no_peer);

	set_no_peer(device, no_peer);
	return n_sent;
}

// Without AF_XDP.
static uint16_t packet_only_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct xdp *x = device->priv;
	uint16_t n_sent = x->packet.tx_burst(&x->packet, queue, mbufs, n);

	set_no_peer(device, x->packet.tx_no_peer);
	return n_sent;
}

// ---- ways to work -----------------------------------------------------------------------------

static void refuse(struct xdp *x, const struct mode *mode, const char *reason)
{
	snprintf(x->refusals[x->n_refusals++], DEVICE_REFUSAL_LEN, "%s: %s", mode->name, reason);
	log_info("not possible mode=%s interface=%s reason=\"%s\"", mode->name, x->name, reason);
}

static const char *explain_socket(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
	case -EINVAL:
		return "the driver can not let user space at its queues";
	case -EAFNOSUPPORT:
		return "the kernel has no AF_XDP";
	case -EMSGSIZE:
		return "an AF_XDP socket carries an mtu of " RTE_STR(XSK_MTU_MAX) " at most";
	case -EBUSY:
		return "another process has an AF_XDP socket on a queue";
	case -EPERM:
	case -EACCES:
		return "not permitted: it takes CAP_NET_RAW";
	case -ENOBUFS:
	case -ENOMEM:
		return "no memory for its rings: CAP_IPC_LOCK, or ulimit -l";
	default:
		return strerror(-error);
	}
}

static int open_socket(struct xsk *xsk, const struct xsk_request *request)
{
	int ret = xsk_open(xsk, request);

	for (int i = 0; i < RELEASE_ATTEMPTS && ret == -EBUSY; i++) {
		usleep(RELEASE_WAIT_US);
		ret = xsk_open(xsk, request);
	}
	return ret;
}

static void close_sockets(struct xdp *x)
{
	while (x->n_sockets > 0)
		xsk_close(&x->sockets[--x->n_sockets]);
}

static int open_sockets(struct xdp *x, const struct mode *mode, uint16_t mtu, uint16_t n)
{
	struct xsk_request request = {
		.index = x->index,
		.frame_len = mtu + OVERHEAD,
		.zero_copy = mode->zero_copy,
	};
	int ret = 0;

	while (ret == 0 && x->n_sockets < n) {
		request.queue = x->n_sockets;
		ret = open_socket(&x->sockets[x->n_sockets], &request);
		if (ret == 0)
			x->n_sockets++;
	}
	return ret;
}

// Has frames come to the sockets that are not in the map yet.
static int put_in_map(struct xdp *x)
{
	int ret = 0;

	while (x->n_in_map < x->n_sockets && ret == 0) {
		ret = uplink_set_socket(x->uplink, x->n_in_map, x->sockets[x->n_in_map].fd);
		if (ret == 0)
			x->n_in_map++;
	}
	return ret;
}

static bool try_sockets(struct xdp *x, const struct mode *mode, uint16_t mtu, uint16_t n)
{
	char reason[REASON_LEN];
	int ret = uplink_clear(x->uplink, reason, sizeof(reason));

	if (ret == 0) {
		ret = open_sockets(x, mode, mtu, n);
		if (ret < 0)
			snprintf(reason, sizeof(reason), "%s", explain_socket(ret));
	}
	if (ret == 0)
		ret = uplink_attach(x->uplink, mode->native, reason, sizeof(reason));
	if (ret == 0) {
		ret = put_in_map(x);
		if (ret < 0)
			snprintf(reason, sizeof(reason), "no place in the map of sockets: %s",
				strerror(-ret));
	}
	if (ret == 0)
		return true;
	uplink_detach(x->uplink);
	close_sockets(x);
	x->n_in_map = 0;
	refuse(x, mode, reason);
	return false;
}

static bool try_packet(struct xdp *x, const struct mode *mode, const struct device_request *request)
{
	int ret = packet_open_filtered(&x->packet, request, uplink_filter(x->uplink), true);

	if (ret < 0)
		refuse(x, mode, strerror(-ret));
	return ret == 0;
}

// Sockets for the copies, beside AF_XDP. They get nothing before share() asks for it.
static int open_copies(struct xdp *x, const struct device_request *request)
{
	struct device_request one = *request;

	one.n_workers = 1;
	return packet_open_filtered(&x->packet, &one, uplink_filter(x->uplink), false);
}

// Takes the first way that works; of those that are asked for.
static int choose_mode(
	struct xdp *x, const struct device_request *request, const char *only, uint16_t n_queues)
{
	char reason[REASON_LEN];

	if (uplink_clear(x->uplink, reason, sizeof(reason)) == -EADDRINUSE)
		return -EADDRINUSE;
	for (size_t i = 0; i < ARRAY_SIZE(modes) && x->mode == NULL; i++) {
		const struct mode *mode = &modes[i];

		if (only[0] != '\0' && strcmp(only, mode->name) != 0)
			continue;
		if (mode->sockets ? try_sockets(x, mode, request->mtu, n_queues)
				  : try_packet(x, mode, request))
			x->mode = mode;
	}
	if (x->mode == NULL)
		return -EOPNOTSUPP;
	return x->mode->sockets ? open_copies(x, request) : 0;
}

// ---- control ----------------------------------------------------------------------------------

static void xdp_free(struct xdp *x)
{
	uplink_free(x->uplink);
	close_sockets(x);
	if (x->packet.priv != NULL)
		packet_close(&x->packet);
	if (x->restore_stripping && netif_is(x->name, x->index))
		netif_set_strips_tags(x->name, true);
	free(x);
}

static void xdp_close(struct device *device)
{
	xdp_free(device->priv);
}

static void xdp_stats(struct device *device, struct device_stats *stats)
{
	struct xdp *x = device->priv;

	packet_stats(&x->packet, stats);
	for (uint16_t i = 0; i < x->n_sockets; i++) {
		stats->rx_missed += xsk_missed(&x->sockets[i]);
		stats->rx_errors += x->sockets[i].rx_errors;
		stats->rx_nombuf += x->sockets[i].rx_nombuf;
		stats->tx_errors += x->sockets[i].tx_errors;
	}
}

static void xdp_link(struct device *device, struct device_link *link)
{
	struct xdp *x = device->priv;

	packet_link(&x->packet, link);
}

// Workers poll the sockets that were added.
static void feed_added(struct xdp *x)
{
	int ret = put_in_map(x);

	if (ret == 0)
		ret = uplink_renew(x->uplink);
	if (ret < 0)
		log_error("new queues stay with the kernel interface=%s error=\"%s\"", x->name,
			strerror(-ret));
}

static void xdp_share(struct device *device, const struct device_share *share)
{
	struct xdp *x = device->priv;
	bool promiscuous = share->vlans || share->untagged;
	char name[IFNAMSIZ];
	uint64_t mac;
	int ret = 0;

	if (netif_mac(netif_name(x->index, name), &mac) < 0) // the kernel may have changed it
		mac = device->mac;

	__atomic_store_n(&x->port, htons(share->port), __ATOMIC_RELAXED);
	uplink_share(x->uplink, share, mac, !x->mode->sockets);
	if (promiscuous || x->promiscuous) {
		ret = packet_listen(&x->packet, promiscuous);
		x->promiscuous = promiscuous;
	}
	if (ret < 0)
		log_error("can not listen to all frames interface=%s error=\"%s\"", x->name,
			strerror(-ret));
	if (x->n_in_map < x->n_sockets)
		feed_added(x);
}

static const char *explain_queue(uint32_t queue, int error)
{
	return queue >= UPLINK_SOCKETS_MAX ? RTE_STR(UPLINK_SOCKETS_MAX) " queues are the limit"
					   : explain_socket(error);
}

// Opens sockets for queues that the interface has more than before, once for each number of queues.
// Returns whether there are any.
static bool add_sockets(struct xdp *x)
{
	uint16_t n_before = x->n_sockets;
	char name[IFNAMSIZ];
	uint32_t n;
	int ret = 0;

	netif_name(x->index, name);
	if (!x->mode->sockets || netif_rx_queues(name, &n) < 0 || n == x->n_queues)
		return false;
	x->n_queues = n;
	x->problem[0] = '\0';
	if (n > x->n_sockets)
		ret = open_sockets(x, x->mode, x->mtu, (uint16_t)RTE_MIN(n, UPLINK_SOCKETS_MAX));
	if (x->n_sockets < n) {
		snprintf(x->problem, sizeof(x->problem),
			"queues from %u on have no socket (%s): what comes there stays with the "
			"kernel until ethtool -L %s leaves %u queues",
			x->n_sockets, explain_queue(x->n_sockets, ret), name, x->n_sockets);
		log_warn("%s", x->problem);
	}
	if (x->n_sockets > n_before)
		log_info("queues were added interface=%s queues=%u sockets=%u", name, n,
			x->n_sockets);
	return x->n_sockets > n_before;
}

static enum device_presence xdp_look(struct device *device)
{
	struct xdp *x = device->priv;
	enum device_presence presence = packet_look(&x->packet);

	if (presence == DEVICE_GONE || presence == DEVICE_REPLACED) {
		uplink_detach(x->uplink); // it may have gone to another network namespace
		x->restore_stripping = false;
		return presence;
	}
	if (!add_sockets(x))
		return presence;
	device->n_rxq = x->n_sockets + x->packet.n_rxq;
	return DEVICE_GREW;
}

static void xdp_details(struct device *device, struct device_details *details)
{
	const struct xdp *x = device->priv;
	uint64_t counters[N_UPLINK_COUNTERS];

	uplink_read_counters(x->uplink, counters);
	*details = (struct device_details){
		.mode = x->mode->name,
		.n_refusals = x->n_refusals,
		.frames_tunnel = counters[UPLINK_TUNNEL],
		.frames_vlan = counters[UPLINK_VLAN],
		.frames_untagged = counters[UPLINK_UNTAGGED],
		.frames_kernel = counters[UPLINK_KERNEL],
		.frames_no_socket = counters[UPLINK_NO_SOCKET],
		.n_queues = x->n_queues,
		.n_sockets = x->n_sockets,
		.problem = x->problem[0] != '\0' ? x->problem : NULL,
	};
	for (size_t i = 0; i < x->n_refusals; i++)
		details->refusals[i] = x->refusals[i];
}

// ---- open -------------------------------------------------------------------------------------

// The program sees a tag only where it is part of the frame.
static void keep_tags(struct xdp *x)
{
	bool strips;

	if (netif_strips_tags(x->name, &strips) < 0 || !strips)
		return;
	x->restore_stripping = netif_set_strips_tags(x->name, false) == 0;
	if (!x->restore_stripping)
		log_warn("the card takes VLAN tags out of frames and can not be told otherwise: "
			 "tagged frames are taken for untagged ones interface=%s",
			x->name);
}

// The mode that is asked for, "": any; NULL: the options are wrong.
static const char *wanted_mode(const char *options)
{
	const char *key = "mode=";

	if (options[0] == '\0')
		return options;
	if (strncmp(options, key, strlen(key)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(options + strlen(key), modes[i].name) == 0)
			return modes[i].name;
	}
	return NULL;
}

// All that can be wrong with the interface itself. Adds the problem.
static int check_interface(const struct device_request *request, int *index, uint32_t *n_queues,
	const char *path, struct problems *problems)
{
	int mtu, ret = netif_index(request->name, index);

	if (ret == 0)
		ret = netif_mtu(request->name, &mtu);
	if (ret == 0)
		ret = netif_rx_queues(request->name, n_queues);
	if (ret < 0) {
		problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": %s", request->text,
			ret == -ENODEV ? "there is no such interface in this network namespace "
					 "(ip link lists those there are)"
				       : strerror(-ret));
	} else if (mtu < request->mtu) {
		problem_add(problems, E_DEV_OPEN, path,
			"can not open \"%s\": its MTU is %d and the uplink's is %u; the interface "
			"is "
			"the kernel's too, so set \"mtu\": %d here, or ip link set dev %s mtu %u",
			request->text, mtu, request->mtu, mtu, request->name, request->mtu);
		ret = -ERANGE;
	} else if (*n_queues > UPLINK_SOCKETS_MAX) {
		problem_add(problems, E_DEV_OPEN, path,
			"can not open \"%s\": it has %u receive queues, and %d is the limit: "
			"ethtool -L %s combined %d",
			request->text, *n_queues, UPLINK_SOCKETS_MAX, request->name,
			UPLINK_SOCKETS_MAX);
		ret = -E2BIG;
	}
	return ret;
}

static struct xdp *xdp_new(const struct device_request *request, int index, uint32_t n_queues)
{
	struct xdp *x = aligned_alloc(_Alignof(struct xdp), sizeof(*x));

	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->pool = request->pool;
	x->mtu = request->mtu;
	x->n_queues = n_queues;
	x->index = index;
	x->packet.text = (char *)request->text;
	snprintf(x->name, sizeof(x->name), "%s", request->name);
	x->uplink = uplink_new(index);
	if (x->uplink == NULL) {
		int error = errno;

		free(x);
		errno = error;
		return NULL;
	}
	return x;
}

static void report_refusals(const struct xdp *x, const struct device_request *request, int error,
	const char *path, struct problems *problems)
{
	char text[DEVICE_REFUSALS_MAX * (DEVICE_REFUSAL_LEN + 2)] = "";
	size_t len = 0;

	if (error == -EADDRINUSE)
		snprintf(text, sizeof(text), "another weftd uses the interface");
	else if (x->n_refusals == 0)
		snprintf(text, sizeof(text), "%s", strerror(-error));
	for (size_t i = 0; i < x->n_refusals; i++)
		len += snprintf(
			text + len, sizeof(text) - len, "%s%s", i == 0 ? "" : "; ", x->refusals[i]);
	problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": %s", request->text, text);
}

static void fill_in(struct device *device, struct xdp *x, const struct device_request *request)
{
	x->packet.text = device->text; // that of the request does not live on
	x->n_first = x->n_sockets;
	device->priv = x;
	device->kernel_index = x->index;
	device->rx_burst = xdp_rx_burst;
	device->n_rxq = x->n_sockets + x->packet.n_rxq;
	device->tx_burst = x->mode->sockets ? xdp_tx_burst : packet_only_tx_burst;
	device->n_txq = x->mode->sockets ? x->n_sockets : x->packet.n_txq;
	device->tx_shared = device->n_txq < request->n_workers;
	log_info("interface shared with the kernel interface=%s mode=%s sockets=%u", x->name,
		x->mode->name, x->n_sockets);
}

static int xdp_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	const char *only = wanted_mode(request->options);
	uint32_t n_queues;
	struct xdp *x;
	int index, ret;

	if (!netif_name_ok(request->name) || only == NULL) {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" is not xdp:INTERFACE or xdp:INTERFACE,mode=MODE with the name of "
			"an "
			"interface that exists and zero-copy, copy, generic or packet for MODE",
			request->text);
		return -EINVAL;
	}
	ret = check_interface(request, &index, &n_queues, path, problems);
	if (ret < 0)
		return ret;
	x = xdp_new(request, index, n_queues);
	if (x == NULL) {
		ret = -errno;
		problem_add(problems, E_DEV_OPEN, path,
			"can not open \"%s\": the kernel does not take weft's BPF program: %s "
			"(CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed; --log-level debug "
			"tells "
			"more)",
			request->text, strerror(-ret));
		return ret;
	}
	keep_tags(x);
	ret = netif_up(request->name);
	if (ret == 0)
		ret = choose_mode(x, request, only, (uint16_t)n_queues);
	if (ret == 0)
		ret = netif_mac(request->name, &device->mac);
	if (ret < 0) {
		report_refusals(x, request, ret, path, problems);
		xdp_free(x);
		return ret;
	}
	fill_in(device, x, request);
	return 0;
}

static const struct device_driver driver = {
	.word = "xdp",
	.help = "xdp:INTERFACE[,mode=MODE]  an interface of the kernel that the kernel goes on "
		"using",
	.open = xdp_open,
	.close = xdp_close,
	.stats = xdp_stats,
	.link = xdp_link,
	.share = xdp_share,
	.details = xdp_details,
	.look = xdp_look,
};

void xdp_register(void)
{
	device_driver_register(&driver);
}
