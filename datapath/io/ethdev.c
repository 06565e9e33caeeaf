// SPDX-License-Identifier: BSD-3-Clause
// Devices that DPDK drives: memif, pcap, any vdev, PCI. Each is probed when it is opened and
// removed when it is closed, so that they come and go at run time. Control thread only, but for
// the two burst functions.
//
// Open: devargs text -> probe -> port id -> configure -> queues -> MTU, MAC -> start.

#include "io/ethdev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "base/log.h"
#include "base/util.h"
#include "io/dpdk_log.h"
#include "io/io.h"
#include "net/addr.h"
#include "tables/device.h"

#define LOG_MODULE "ethdev"

#define N_DESCRIPTORS 1024

struct ethdev {
	char memif_socket[sizeof(((struct sockaddr_un *)0)->sun_path)]; // "": none of ours
};

// What the steps of opening one device share.
struct opening {
	struct device *device;
	const struct device_request *request;
	const char *path;
	struct problems *problems;
	struct rte_eth_dev_info info;
	uint16_t max_queues;
	const char *hint; // what may help when it fails; NULL: nothing
	char devargs[1024];
};

// PMDs whose verdict on a received UDP checksum is known to be right for every packet.
static const char *const trusted_pmds[] = {"mlx5_pci", "net_i40e", "net_ice", "net_ixgbe"};

static uint32_t vdev_serial; // makes the names of our vdevs unique

static uint16_t ethdev_rx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_rx_burst(device->ethdev, queue, mbufs, n);
}

static uint16_t ethdev_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_tx_burst(device->ethdev, queue, mbufs, n);
}

// A memif whose other end is not there takes nothing.
static uint16_t memif_tx_burst(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t n_sent = rte_eth_tx_burst(device->ethdev, queue, mbufs, n);
	struct rte_eth_link link;

	if (n_sent < n && rte_eth_link_get_nowait(device->ethdev, &link) == 0)
		device->tx_no_peer = link.link_status == RTE_ETH_LINK_DOWN;
	return n_sent;
}

// Adds the problem; DPDK's own reason, if it gave one, belongs to it.
static int fail(struct opening *o, int error, const char *what)
{
	const char *reason = dpdk_log_release();

	if (reason[0] == '\0') // -1 is what drivers return that do not care to say why
		reason = error == -1 ? "the driver gives no reason" : strerror(-error);
	problem_add(o->problems, E_DEV_OPEN, o->path, "can not open \"%s\": %s: %s%s",
		o->request->text, what, reason, o->hint != NULL ? o->hint : "");
	return error;
}

// The port that the probe of o->devargs has made.
static int find_port(struct opening *o)
{
	struct rte_dev_iterator iterator;
	uint16_t port;
	char name[RTE_DEV_NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(o->devargs, ","), o->devargs);
	if (rte_eth_dev_get_port_by_name(name, &port) == 0) {
		o->device->ethdev = port;
		return 0;
	}
	RTE_ETH_FOREACH_MATCHING_DEV(port, o->devargs, &iterator)
	{
		o->device->ethdev = port;
		rte_eth_iterator_cleanup(&iterator);
		return 0;
	}
	return -ENODEV;
}

static int probe(struct opening *o)
{
	int ret;

	if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS) {
		problem_add(o->problems, E_DEV_LIMIT, o->path,
			"can not open \"%s\": this build of DPDK has room for %d such devices and "
			"all are in use; tap and packet devices do not count",
			o->request->text, RTE_MAX_ETHPORTS);
		return -ENOSPC;
	}
	ret = rte_dev_probe(o->devargs);
	if (ret == -EEXIST)
		return fail(o, ret, "a device of that name is open already");
	if (ret == -EFAULT)
		return fail(o, ret, "this build of DPDK has no driver for it");
	if (ret < 0)
		return fail(o, ret, "DPDK can not make the device");
	ret = find_port(o);
	if (ret < 0)
		return fail(o, ret, "it is not an Ethernet device");
	return 0;
}

static bool is_trusted(const char *pmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(trusted_pmds); i++) {
		if (strcmp(trusted_pmds[i], pmd) == 0)
			return true;
	}
	return false;
}

// Number of queues, offloads, receive side scaling.
static int configure(struct opening *o)
{
	const uint64_t rx_checksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	const uint64_t rss = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
	struct device *d = o->device;
	struct rte_eth_conf conf = {0};
	uint16_t wanted = RTE_MIN(o->request->n_workers, (unsigned)o->max_queues);

	d->n_rxq = RTE_MIN(wanted, o->info.max_rx_queues);
	d->n_txq = RTE_MIN(wanted, o->info.max_tx_queues);
	d->tx_shared = d->n_txq < o->request->n_workers;
	d->trusts_l4_checksum = is_trusted(o->info.driver_name);
	if (d->trusts_l4_checksum)
		conf.rxmode.offloads = o->info.rx_offload_capa & rx_checksums;
	conf.txmode.offloads = o->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (d->n_rxq > 1 && (o->info.flow_type_rss_offloads & rss) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = o->info.flow_type_rss_offloads & rss;
	}
	return rte_eth_dev_configure(d->ethdev, d->n_rxq, d->n_txq, &conf);
}

static int setup_queues(struct opening *o)
{
	uint16_t port = o->device->ethdev;
	uint16_t n_rx = N_DESCRIPTORS;
	uint16_t n_tx = N_DESCRIPTORS;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(port, &n_rx, &n_tx);

	for (uint16_t q = 0; q < o->device->n_rxq && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(
			port, q, n_rx, rte_eth_dev_socket_id(port), NULL, o->request->pool);
	for (uint16_t q = 0; q < o->device->n_txq && ret == 0; q++)
		ret = rte_eth_tx_queue_setup(port, q, n_tx, rte_eth_dev_socket_id(port), NULL);
	return ret;
}

// A driver without a notion of MTU carries what fits its buffers.
static int set_mtu(struct opening *o)
{
	uint16_t mtu = o->request->mtu;
	int ret = rte_eth_dev_set_mtu(o->device->ethdev, mtu);

	return ret == -ENOTSUP ? 0 : ret;
}

// The MAC is the device's own unless another is asked for; an uplink works with either.
static void set_mac(struct opening *o)
{
	struct device *d = o->device;
	struct rte_ether_addr addr;
	struct mac mac;
	int ret;

	if (o->request->mac != 0) {
		mac = mac_from_u64(o->request->mac);
		memcpy(addr.addr_bytes, mac.b, sizeof(addr.addr_bytes));
		ret = rte_eth_dev_default_mac_addr_set(d->ethdev, &addr);
		if (ret < 0)
			log_warn("the device keeps its own MAC device=%s error=\"%s\"", d->text,
				strerror(-ret));
	}
	if (rte_eth_macaddr_get(d->ethdev, &addr) == 0) {
		memcpy(mac.b, addr.addr_bytes, sizeof(mac.b));
		d->mac = mac_to_u64(&mac);
	}
}

static int bring_up(struct opening *o)
{
	uint16_t port = o->device->ethdev;
	int ret = rte_eth_dev_info_get(port, &o->info);

	if (ret < 0)
		return fail(o, ret, "the driver does not say what the device can do");
	ret = configure(o);
	if (ret < 0)
		return fail(o, ret, "the driver refuses the number of queues");
	ret = setup_queues(o);
	if (ret < 0)
		return fail(o, ret, "the driver refuses its queues");
	ret = set_mtu(o);
	if (ret < 0)
		return fail(o, ret, "the device can not carry the MTU");
	ret = rte_eth_dev_start(port);
	if (ret < 0)
		return fail(o, ret, "the device does not start");
	ret = rte_eth_promiscuous_enable(port);
	if (ret < 0 && ret != -ENOTSUP)
		log_warn("the device sees only frames to its own MAC device=%s error=\"%s\"",
			o->device->text, strerror(-ret));
	set_mac(o);
	return 0;
}

static void remove_port(uint16_t port)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret == 0) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
		ret = rte_dev_remove(info.device);
	}
	if (ret < 0)
		log_warn(
			"a device could not be removed port=%u error=\"%s\"", port, strerror(-ret));
}

static int ethdev_open(struct opening *o)
{
	struct device *d = o->device;
	int ret;

	dpdk_log_hold();
	ret = probe(o);
	if (ret == 0) {
		ret = bring_up(o);
		if (ret < 0)
			remove_port(d->ethdev);
	}
	dpdk_log_release();
	if (ret < 0)
		return ret;
	d->rx_burst = ethdev_rx_burst;
	d->tx_burst = ethdev_tx_burst;
	log_debug("device device=%s pmd=%s rx_queues=%u tx_queues=%u mac=%012" PRIx64
		  " trusts_udp_checksum=%s",
		d->text, o->info.driver_name, d->n_rxq, d->n_txq, d->mac,
		d->trusts_l4_checksum ? "yes" : "no");
	return 0;
}

static void ethdev_close(struct device *device)
{
	remove_port(device->ethdev);
}

static void ethdev_stats(struct device *device, struct device_stats *stats)
{
	struct rte_eth_stats s = {0};

	rte_eth_stats_get(device->ethdev, &s);
	*stats = (struct device_stats){
		.rx_missed = s.imissed,
		.rx_errors = s.ierrors,
		.rx_nombuf = s.rx_nombuf,
		.tx_errors = s.oerrors,
	};
}

static void ethdev_link(struct device *device, struct device_link *link)
{
	struct rte_eth_link l = {0};

	rte_eth_link_get_nowait(device->ethdev, &l);
	link->up = l.link_status == RTE_ETH_LINK_UP;
	link->speed_mbps = l.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : l.link_speed;
}

__attribute__((format(printf, 2, 3))) static int set_devargs(
	struct opening *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->devargs, sizeof(o->devargs), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(o->devargs))
		return 0;
	problem_add(o->problems, E_CFG_DEVICE, o->path, "\"%.64s…\" is too long", o->request->text);
	return -ENAMETOOLONG;
}

// ---- vdev:DEVARGS -----------------------------------------------------------------------------

static int vdev_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	struct opening o = {device, request, path, problems, .max_queues = UINT16_MAX};

	if (set_devargs(&o, "%s%s%s", request->name, request->options[0] != '\0' ? "," : "",
		    request->options) < 0)
		return -ENAMETOOLONG;
	return ethdev_open(&o);
}

// ---- pci:ADDR ---------------------------------------------------------------------------------

static int pci_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	struct opening o = {device, request, path, problems, .max_queues = UINT16_MAX,
		.hint = "; is it bound to vfio-pci? dpdk-devbind.py --status tells"};
	const char *domain = strlen(request->name) < sizeof("0000:00:00.0") - 1 ? "0000:" : "";
	char sysfs[128];

	snprintf(sysfs, sizeof(sysfs), "/sys/bus/pci/devices/%s%s", domain, request->name);
	if (access(sysfs, F_OK) < 0) {
		problem_add(problems, E_DEV_OPEN, path,
			"can not open \"%s\": this machine has no PCI device %s%s (lspci -D lists "
			"those there are)",
			request->text, domain, request->name);
		return -ENODEV;
	}
	if (!rte_eal_has_pci()) {
		problem_add(problems, E_DEV_OPEN, path,
			"can not open \"%s\": weftd looked for no PCI devices as it was started "
			"with "
			"none in its configuration; save the configuration and restart it",
			request->text);
		return -ENODEV;
	}
	if (set_devargs(&o, "%s%s%s%s", domain, request->name,
		    request->options[0] != '\0' ? "," : "", request->options) < 0)
		return -ENAMETOOLONG;
	return ethdev_open(&o);
}

// ---- pcap:IN[,OUT][,KEY=VALUE…] ---------------------------------------------------------------

static int pcap_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	struct opening o = {device, request, path, problems, .max_queues = 1};
	const char *in = request->name;
	const char *out = request->options;
	int out_len = strcspn(out, ",");
	const char *rest = out + out_len;

	if (memchr(out, '=', out_len) != NULL) { // no OUT: the options begin at once
		rest = out;
		out_len = 0;
	} else if (rest[0] == ',') {
		rest++;
	}
	if (in[0] == '\0' && out_len == 0) {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" names no file to read and none to write", request->text);
		return -EINVAL;
	}
	if (in[0] != '\0' && access(in, R_OK) < 0) {
		int error = errno;

		problem_add(problems, E_DEV_OPEN, path, "can not open \"%s\": can not read %s: %s",
			request->text, in, strerror(error));
		return -error;
	}
	if (set_devargs(&o, "net_pcap_weft%u%s%s%s%.*s%s%s", vdev_serial++,
		    in[0] != '\0' ? ",rx_pcap=" : "", in, out_len > 0 ? ",tx_pcap=" : "", out_len,
		    out, rest[0] != '\0' ? "," : "", rest) < 0)
		return -ENAMETOOLONG;
	return ethdev_open(&o);
}

// ---- memif:PATH[,KEY=VALUE…] ------------------------------------------------------------------

static bool has_option(const char *options, const char *key)
{
	size_t key_len = strlen(key);

	for (; options[0] != '\0'; options += options[0] == ',') {
		if (strncmp(options, key, key_len) == 0 && options[key_len] == '=')
			return true;
		options += strcspn(options, ",");
	}
	return false;
}

// Removes a socket file that nobody listens on: left by a process that was killed, or by DPDK,
// which never removes its own.
static void remove_stale_socket(const char *file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (lstat(file, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", file);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno == ECONNREFUSED)
		unlink(file);
	close(fd);
}

static int memif_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	// the other end may have fewer queues than we have workers: one, shared, always works
	struct opening o = {device, request, path, problems, .max_queues = 1};
	bool is_server = strstr(request->options, "role=client") == NULL;
	struct ethdev *e;
	int ret;

	if (strlen(request->name) >= sizeof(e->memif_socket)) {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\": the path of a socket has at most %zu characters", request->text,
			sizeof(e->memif_socket) - 1);
		return -ENAMETOOLONG;
	}
	if (set_devargs(&o, "net_memif_weft%u,socket=%s%s%s%s%s", vdev_serial++, request->name,
		    has_option(request->options, "socket-abstract") ? "" : ",socket-abstract=no",
		    has_option(request->options, "role") ? "" : ",role=server",
		    request->options[0] != '\0' ? "," : "", request->options) < 0)
		return -ENAMETOOLONG;
	e = calloc(1, sizeof(*e));
	if (e == NULL) {
		problem_add(
			problems, E_DEV_OPEN, path, "out of memory opening \"%s\"", request->text);
		return -ENOMEM;
	}
	if (is_server) {
		snprintf(e->memif_socket, sizeof(e->memif_socket), "%s", request->name);
		remove_stale_socket(e->memif_socket);
	}
	ret = ethdev_open(&o);
	if (ret < 0) {
		free(e);
		return ret;
	}
	device->priv = e;
	device->tx_burst = memif_tx_burst;
	return 0;
}

static void memif_close(struct device *device)
{
	struct ethdev *e = device->priv;

	ethdev_close(device);
	remove_stale_socket(e->memif_socket);
	free(e);
}

static const struct device_driver drivers[] = {
	{
		.word = "memif",
		.help = "memif:SOCKET[,role=client][,id=N]  shared memory with another process",
		.open = memif_open,
		.close = memif_close,
		.stats = ethdev_stats,
		.link = ethdev_link,
	},
	{
		.word = "pcap",
		.help = "pcap:IN[,OUT][,infinite_rx=1]  frames from and to pcap files; either may "
			"be "
			"empty",
		.name_optional = true,
		.open = pcap_open,
		.close = ethdev_close,
		.stats = ethdev_stats,
		.link = ethdev_link,
	},
	{
		.word = "vdev",
		.help = "vdev:DEVARGS  any virtual device of DPDK: vdev:net_null0,no-rx=1",
		.open = vdev_open,
		.close = ethdev_close,
		.stats = ethdev_stats,
		.link = ethdev_link,
	},
	{
		.word = "pci",
		.help = "pci:ADDRESS[,KEY=VALUE…]  a network card bound to a driver that DPDK can "
			"use",
		.open = pci_open,
		.close = ethdev_close,
		.stats = ethdev_stats,
		.link = ethdev_link,
	},
};

void ethdev_register(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		device_driver_register(&drivers[i]);
}
