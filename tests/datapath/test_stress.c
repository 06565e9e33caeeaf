// SPDX-License-Identifier: BSD-3-Clause
// Commits under load, for the thread sanitizer as much as for what it checks itself: real workers
// poll devices that a generator thread feeds, while this thread, as control, keeps changing ports,
// rules, networks, remotes, routes and floating addresses and flushes sessions. Flows that no
// change concerns must arrive whole and in order, one of them by a router that translates it;
// nothing may pass by a rule that was revoked or to an address that was taken away before it was
// sent; the ledger closes.
//
// The sanitizer must see every hand-over between threads, but DPDK's libraries are not built with
// it: packets come from a pool whose operations are in this file, and the build defines
// RTE_USE_C11_MEM_MODEL, which makes rings of atomics it knows.

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "control/control.h"
#include "frames.h"
#include "tables/device.h"
#include "worker/worker.h"

#define SECONDS	   6
#define CHANGE_US  8000 // a bit more than 100 changes a second
#define POLL_US	   1000
#define PACKETS	   4095
#define BUFFER_LEN (RTE_PKTMBUF_HEADROOM + 2048)
#define WIRE_SIZE  512
#define IN_FLIGHT  256 // of a flow that must arrive
#define N_WORKERS  2
#define DRAIN_US   10000000

#define MAC_U1	 "fa:16:3e:00:00:01"
#define MAC_U2	 "fa:16:3e:00:00:02"
#define MAC_X	 "fa:16:3e:00:00:03"
#define MAC_V	 "fa:16:3e:00:00:04"
#define MAC_FAR	 "52:54:00:00:00:01"
#define IP_U1	 "10.0.0.1"
#define IP_U2	 "10.0.0.2"
#define IP_X	 "10.0.0.3"
#define OUR_IP	 "192.0.2.1"
#define REMOTE_2 "192.0.2.2"
#define REMOTE_3 "192.0.2.3"

// A router: I and J are inside, O is outside.
#define MAC_I	 "fa:16:3e:00:00:05"
#define MAC_J	 "fa:16:3e:00:00:06"
#define MAC_O	 "52:54:00:00:00:02"
#define MAC_IN	 "fa:16:3e:00:00:07"
#define MAC_GW	 "fa:16:3e:00:00:08"
#define IP_I	 "10.5.0.10"
#define IP_J	 "10.5.0.11"
#define IP_O	 "10.6.0.10"
#define IP_IN	 "10.5.0.1"
#define IP_GW	 "10.6.0.2"
#define FLOATING "10.6.0.50" // of J, now and then

#define PORT_STABLE  7 // of flows that no change concerns
#define PORT_TOGGLED 9

// ---- packets -----------------------------------------------------------------------------------

// A mempool that hands buffers from thread to thread under a mutex.
struct locked {
	pthread_mutex_t mutex;
	unsigned n;
	void *objects[];
};

static int locked_alloc(struct rte_mempool *of)
{
	struct locked *locked = calloc(1, sizeof(*locked) + of->size * sizeof(void *));

	if (locked == NULL)
		return -ENOMEM;
	pthread_mutex_init(&locked->mutex, NULL);
	of->pool_data = locked;
	return 0;
}

static void locked_free(struct rte_mempool *of)
{
	free(of->pool_data);
}

static int locked_enqueue(struct rte_mempool *of, void *const *objects, unsigned n)
{
	struct locked *locked = of->pool_data;

	pthread_mutex_lock(&locked->mutex);
	memcpy(&locked->objects[locked->n], objects, n * sizeof(*objects));
	locked->n += n;
	pthread_mutex_unlock(&locked->mutex);
	return 0;
}

static int locked_dequeue(struct rte_mempool *of, void **objects, unsigned n)
{
	struct locked *locked = of->pool_data;
	int rc = -ENOBUFS;

	pthread_mutex_lock(&locked->mutex);
	if (n <= locked->n) {
		locked->n -= n;
		memcpy(objects, &locked->objects[locked->n], n * sizeof(*objects));
		rc = 0;
	}
	pthread_mutex_unlock(&locked->mutex);
	return rc;
}

static unsigned locked_count(const struct rte_mempool *of)
{
	struct locked *locked = of->pool_data;
	unsigned n;

	pthread_mutex_lock(&locked->mutex);
	n = locked->n;
	pthread_mutex_unlock(&locked->mutex);
	return n;
}

static const struct rte_mempool_ops locked_ops = {
	.name = "locked",
	.alloc = locked_alloc,
	.free = locked_free,
	.enqueue = locked_enqueue,
	.dequeue = locked_dequeue,
	.get_count = locked_count,
};

static struct rte_mempool *pool, *rx_pool;

// ---- devices -----------------------------------------------------------------------------------

enum wire_name {
	WIRE_U1,
	WIRE_U2,
	WIRE_X,
	WIRE_V,
	WIRE_TRUNK,
	WIRE_TEMP,
	WIRE_UP,
	WIRE_UNDERLAY,
	WIRE_I,
	WIRE_J,
	WIRE_OUTSIDE,
	N_WIRES
};

static const char *const wire_names[] = {
	"u1", "u2", "x", "v", "trunk", "temp", "up", "underlay", "i", "j", "outside"};

enum flow {
	FLOW_U1_U2,
	FLOW_U2_U1,
	FLOW_I_O, // translated
	N_STABLE,
	FLOW_TOGGLED = N_STABLE,
	FLOW_FLOATING,
	FLOW_PROBE, // shows that the router knows O
	FLOW_OTHER
};

// What a frame says of itself, behind its UDP header.
struct stamp {
	uint32_t magic;
	uint32_t sequence;
	uint16_t flow;
	uint16_t revoked; // when it was sent, no rule accepted it
};

#define MAGIC	  0x57454654u
#define STAMP_AT  42
#define STAMP_LEN sizeof(struct stamp)

// From the generator to a worker.
struct wire {
	struct rte_ring *ring;
	uint32_t n_in;	// atomic
	uint32_t n_out; // atomic
};

static struct wire wires[N_WIRES];

// Shared by generator, workers and control; atomic.
static uint32_t n_sent[N_STABLE], n_received[N_STABLE];
static uint32_t n_disordered, n_stale, n_toggled, n_floating;
static uint32_t n_rounds; // of the generator
static bool revoked, probed, ended;

static uint32_t wire_n_in(enum wire_name name)
{
	return __atomic_load_n(&wires[name].n_in, __ATOMIC_ACQUIRE);
}

// Whether the first n frames have been taken out.
static bool is_taken(enum wire_name name, uint32_t n)
{
	return (int32_t)(__atomic_load_n(&wires[name].n_out, __ATOMIC_ACQUIRE) - n) >= 0;
}

static uint16_t wire_rx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct wire *wire = device->priv;

	n = (uint16_t)rte_ring_sc_dequeue_burst(wire->ring, (void **)mbufs, n, NULL);
	__atomic_fetch_add(&wire->n_out, n, __ATOMIC_RELEASE);
	return n;
}

// Where the flows go to. A flood brings copies to other devices as well.
static const enum wire_name goals[] = {
	[FLOW_U1_U2] = WIRE_U2,
	[FLOW_U2_U1] = WIRE_U1,
	[FLOW_I_O] = WIRE_OUTSIDE,
	[FLOW_TOGGLED] = WIRE_U2,
	[FLOW_FLOATING] = WIRE_J,
	[FLOW_PROBE] = WIRE_OUTSIDE,
};

static void look_at(const struct wire *wire, const struct rte_mbuf *mbuf)
{
	struct stamp stamp;

	if (mbuf->data_len < STAMP_AT + STAMP_LEN)
		return;
	memcpy(&stamp, rte_pktmbuf_mtod_offset(mbuf, void *, STAMP_AT), STAMP_LEN);
	if (stamp.magic != MAGIC || wire != &wires[goals[stamp.flow]])
		return;
	if (stamp.flow < N_STABLE) {
		uint32_t at = __atomic_fetch_add(&n_received[stamp.flow], 1, __ATOMIC_RELAXED);

		if (stamp.sequence != at)
			__atomic_fetch_add(&n_disordered, 1, __ATOMIC_RELAXED);
	} else if (stamp.flow == FLOW_TOGGLED) {
		__atomic_fetch_add(stamp.revoked ? &n_stale : &n_toggled, 1, __ATOMIC_RELAXED);
	} else if (stamp.flow == FLOW_FLOATING) {
		__atomic_fetch_add(stamp.revoked ? &n_stale : &n_floating, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&probed, true, __ATOMIC_RELAXED);
	}
}

static uint16_t wire_tx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		look_at(device->priv, mbufs[i]);
		rte_pktmbuf_free(mbufs[i]);
	}
	return n;
}

static int wire_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	unsigned i = 0;

	while (strcmp(wire_names[i], request->name) != 0)
		i++;
	device->rx_burst = wire_rx;
	device->tx_burst = wire_tx;
	device->n_rxq = 1;
	device->n_txq = (uint16_t)request->n_workers;
	device->mac = UINT64_C(0x020000000000) | i;
	device->priv = &wires[i];
	return 0;
}

static void wire_close(struct device *device)
{
}

static void wire_link(struct device *device, struct device_link *link)
{
	*link = (struct device_link){.up = true, .speed_mbps = 1000};
}

static const struct device_driver wire_driver = {
	.word = "wire",
	.help = "wire:NAME  what a generator sends",
	.open = wire_open,
	.close = wire_close,
	.link = wire_link,
};

// ---- the generator -----------------------------------------------------------------------------

#define N_VARIANTS 32 // ports, fragment ids

struct source {
	enum wire_name wire;
	enum flow flow;
	struct frame frames[N_VARIANTS];
};

static struct source sources[40];
static unsigned n_sources;

static struct source *add_source(enum wire_name wire, enum flow flow)
{
	struct source *source = &sources[n_sources++];

	ck_assert_uint_le(n_sources, ARRAY_SIZE(sources));
	source->wire = wire;
	source->flow = flow;
	return source;
}

static void add_same(enum wire_name wire, enum flow flow, const struct frame *frame)
{
	struct source *source = add_source(wire, flow);

	for (unsigned i = 0; i < N_VARIANTS; i++)
		source->frames[i] = *frame;
}

// UDP that is stamped, and so has no checksum; `vary`: from many ports.
static void add_udp(
	enum wire_name wire, enum flow flow, const struct hosts *hosts, uint16_t to, bool vary)
{
	struct source *source = add_source(wire, flow);

	for (unsigned i = 0; i < N_VARIANTS; i++) {
		source->frames[i] = frame_udp(hosts, (uint16_t)(1000 + (vary ? i : 0)), to, 64);
		frame_l4(&source->frames[i])->checksum = 0;
	}
}

// Connections whose packets come in any order, from both sides.
static void add_tcp(enum wire_name wire, const struct hosts *hosts, bool client)
{
	struct source *source = add_source(wire, FLOW_OTHER);

	for (unsigned i = 0; i < N_VARIANTS; i++) {
		uint16_t port = (uint16_t)(2000 + i);

		source->frames[i] = frame_tcp(hosts, client ? port : 80, client ? 80 : port, 0);
		((uint8_t *)frame_l4(&source->frames[i]))[13] = client ? 0x02 : 0x12;
	}
}

static void add_fragments(enum wire_name wire, const struct hosts *hosts)
{
	struct source *source = add_source(wire, FLOW_OTHER);

	for (unsigned i = 0; i < N_VARIANTS; i++) {
		struct frame *frame = &source->frames[i];

		*frame = frame_udp(hosts, 3000, PORT_STABLE, 56);
		frame_ip(frame)->id = (uint16_t)(i / 2);
		frame_set_fragment(frame, i % 2 == 0 ? 0x2000 : 8);
	}
}

// A host answers its router over and over, as if it had been asked.
static void add_neighbour(enum wire_name wire, const struct hosts *host_to_router)
{
	struct frame answer = frame_arp(host_to_router, 2);

	add_same(wire, FLOW_OTHER, &answer);
}

static void make_routed_sources(void)
{
	const struct hosts i_o = {MAC_I, MAC_IN, IP_I, IP_O};
	const struct hosts j_o = {MAC_J, MAC_IN, IP_J, IP_O};
	const struct hosts o_gw = {MAC_O, MAC_GW, IP_O, IP_GW};
	const struct hosts o_floating = {MAC_O, MAC_GW, IP_O, FLOATING};
	const struct hosts to_route = {MAC_I, MAC_IN, IP_I, "10.7.0.1"};

	add_neighbour(WIRE_I, &(struct hosts){MAC_I, MAC_IN, IP_I, IP_IN});
	add_neighbour(WIRE_J, &(struct hosts){MAC_J, MAC_IN, IP_J, IP_IN});
	add_neighbour(WIRE_OUTSIDE, &o_gw);
	add_udp(WIRE_I, FLOW_I_O, &i_o, PORT_STABLE, true);
	add_udp(WIRE_I, FLOW_PROBE, &i_o, PORT_TOGGLED, false);
	add_udp(WIRE_I, FLOW_OTHER, &to_route, PORT_STABLE, true);
	add_udp(WIRE_J, FLOW_OTHER, &j_o, PORT_STABLE, true);
	add_udp(WIRE_OUTSIDE, FLOW_FLOATING, &o_floating, PORT_TOGGLED, true);
	add_udp(WIRE_OUTSIDE, FLOW_OTHER, &o_gw, 1000, true);
	add_tcp(WIRE_J, &j_o, true);
	add_tcp(WIRE_OUTSIDE, &o_floating, false);
	add_fragments(WIRE_OUTSIDE, &o_floating);
}

static void make_sources(void)
{
	const struct hosts u1_u2 = {MAC_U1, MAC_U2, IP_U1, IP_U2};
	const struct hosts u2_u1 = {MAC_U2, MAC_U1, IP_U2, IP_U1};
	const struct hosts x_u2 = {MAC_X, MAC_U2, IP_X, IP_U2};
	const struct hosts v_all = {MAC_V, BROADCAST, IP_X, "255.255.255.255"};
	struct frame to_all = frame_udp(&v_all, 1, 2, 100), tagged;

	add_udp(WIRE_U1, FLOW_U1_U2, &u1_u2, PORT_STABLE, true);
	add_udp(WIRE_U2, FLOW_U2_U1, &u2_u1, PORT_STABLE, true);
	add_udp(WIRE_X, FLOW_TOGGLED, &x_u2, PORT_TOGGLED, true);
	add_tcp(WIRE_U1, &u1_u2, true);
	add_tcp(WIRE_U2, &u2_u1, false);
	add_fragments(WIRE_X, &x_u2);
	add_same(WIRE_V, FLOW_OTHER, &to_all);
	add_same(WIRE_TEMP, FLOW_OTHER, &to_all);
	for (uint16_t vid = 1; vid <= 4; vid++) {
		tagged = frame_tagged(&to_all, ETHER_TYPE_VLAN, vid);
		add_same(WIRE_TRUNK, FLOW_OTHER, &tagged);
	}
	for (uint16_t vid = 10; vid <= 11; vid++) {
		tagged = frame_tagged(&to_all, ETHER_TYPE_VLAN, vid);
		add_same(WIRE_UP, FLOW_OTHER, &tagged);
	}
	for (unsigned last = 2; last <= 3; last++) {
		const char *ip = last == 2 ? REMOTE_2 : REMOTE_3;
		struct frame arp =
			frame_arp(&(struct hosts){MAC_FAR, "02:00:00:00:00:07", ip, OUR_IP}, 2);
		struct frame inner = frame_udp(
			&(struct hosts){MAC_FAR, MAC_V, "10.1.0.1", "10.1.0.2"}, 1, 2, 64);
		struct frame outer = frame_vxlan(
			&(struct hosts){MAC_FAR, "02:00:00:00:00:07", ip, OUR_IP}, 5, &inner);

		add_same(WIRE_UNDERLAY, FLOW_OTHER, &arp);
		add_same(WIRE_UNDERLAY, FLOW_OTHER, &outer);
	}
	make_routed_sources();
}

static bool may_send(const struct source *source)
{
	// Of those that wait for a neighbour some are lost.
	if (source->flow == FLOW_I_O && !__atomic_load_n(&probed, __ATOMIC_RELAXED))
		return false;
	return source->flow >= N_STABLE ||
	       n_sent[source->flow] - __atomic_load_n(&n_received[source->flow], __ATOMIC_RELAXED) <
		       IN_FLIGHT;
}

static void send_one(const struct source *source, unsigned round)
{
	const struct frame *frame = &source->frames[round % N_VARIANTS];
	struct wire *wire = &wires[source->wire];
	struct rte_mbuf *mbuf = may_send(source) ? rte_pktmbuf_alloc(rx_pool) : NULL;
	struct stamp stamp = {MAGIC, 0, source->flow, __atomic_load_n(&revoked, __ATOMIC_ACQUIRE)};
	char *to;

	if (mbuf == NULL)
		return;
	to = rte_pktmbuf_append(mbuf, frame->len);
	memcpy(to, frame->bytes, frame->len);
	if (source->flow < N_STABLE)
		stamp.sequence = n_sent[source->flow];
	if (source->flow != FLOW_OTHER)
		memcpy(to + STAMP_AT, &stamp, STAMP_LEN);
	if (rte_ring_sp_enqueue(wire->ring, mbuf) != 0) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	__atomic_fetch_add(&wire->n_in, 1, __ATOMIC_RELEASE);
	if (source->flow < N_STABLE)
		__atomic_store_n(&n_sent[source->flow], n_sent[source->flow] + 1, __ATOMIC_RELAXED);
}

static void *generate(void *arg)
{
	for (unsigned round = 0; !__atomic_load_n(&ended, __ATOMIC_ACQUIRE); round++) {
		for (unsigned i = 0; i < n_sources; i++)
			send_one(&sources[i], round);
		__atomic_store_n(&n_rounds, round, __ATOMIC_RELEASE);
		if (round % 8 == 0)
			sched_yield();
	}
	return NULL;
}

// ---- control -----------------------------------------------------------------------------------

static struct tables *tables;
static struct control *control;
static struct workers *workers;

static json_t *json_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *p = copy; (p = strchr(p, '\'')) != NULL;)
		*p = '"';
	json = json_loads(copy, 0, &error);
	if (json == NULL)
		ck_abort_msg("%s: %s", error.text, text);
	free(copy);
	return json;
}

static const char base[] =
	"{'uplinks': {'up': {'device': 'wire:up', 'vlans': '1-100'},"
	"  'outside': {'device': 'wire:outside'},"
	"  'underlay': {'device': 'wire:underlay', 'address': '" OUR_IP "/24'}},"
	" 'tunnel': {'uplink': 'underlay', 'mode': 'headend', 'remotes': ['" REMOTE_2 "']},"
	" 'networks': {'net': {'segments': [{'type': 'flat', 'uplink': 'up'}]},"
	"  'vx': {'segments': [{'type': 'vxlan', 'id': 5}]},"
	"  'inside': {'segments': [{'type': 'vxlan', 'id': 6}]},"
	"  'outside': {'segments': [{'type': 'flat', 'uplink': 'outside'}], 'external': true}},"
	" 'subnets': {'inside': {'network': 'inside', 'cidr': '10.5.0.0/24'},"
	"  'outside': {'network': 'outside', 'cidr': '10.6.0.0/24'}},"
	" 'routers': {'router': {'interfaces': [{'subnet': 'inside', 'mac': '" MAC_IN "'}],"
	"  'gateway': {'network': 'outside', 'address': '" IP_GW "', 'mac': '" MAC_GW "'},"
	"  'routes': []}},"
	" 'security-groups': {"
	"  'stable': {'rules': [{'direction': 'egress'}, {'direction': 'ingress',"
	"   'protocol': 'udp', 'ports': '7'}, {'direction': 'ingress', 'protocol': 'tcp',"
	"   'remote-group': 'stable'}]},"
	"  'toggled': {'rules': []}},"
	" 'ports': {"
	"  'u1': {'network': 'net', 'device': 'wire:u1', 'mac': '" MAC_U1 "',"
	"   'addresses': ['" IP_U1 "'], 'security-groups': ['stable']},"
	"  'u2': {'network': 'net', 'device': 'wire:u2', 'mac': '" MAC_U2 "',"
	"   'addresses': ['" IP_U2 "'], 'security-groups': ['stable', 'toggled']},"
	"  'x': {'network': 'net', 'device': 'wire:x', 'mac': '" MAC_X "',"
	"   'port-security': false},"
	"  'v': {'network': 'vx', 'device': 'wire:v', 'mac': '" MAC_V "',"
	"   'port-security': false},"
	"  'i': {'network': 'inside', 'device': 'wire:i', 'mac': '" MAC_I "',"
	"   'addresses': ['" IP_I "'], 'security-groups': ['stable']},"
	"  'j': {'network': 'inside', 'device': 'wire:j', 'mac': '" MAC_J "',"
	"   'addresses': ['" IP_J "'], 'port-security': false}}}";

// Ports come and go one by one, filtered ones (members of the group of u1 and u2) and open ones.
static void add_ports(json_t *ports, unsigned change)
{
	char name[16], mac[32], address[32];

	for (unsigned i = 1; i <= 4; i++) {
		if ((change >> (i - 1) & 1) == 0)
			continue;
		snprintf(name, sizeof(name), "t%u", i);
		snprintf(mac, sizeof(mac), "fa:16:3e:00:01:%02x", i);
		snprintf(address, sizeof(address), "10.0.0.%u", 100 + i);
		json_object_set_new(ports, name,
			json_pack("{s:s, s:s, s:i, s:s, s:[s], s:[s]}", "network", "net", "device",
				"wire:trunk", "vlan", i, "mac", mac, "addresses", address,
				"security-groups", "stable"));
	}
	if (change % 3 == 0)
		json_object_set_new(ports, "temp",
			json_of("{'network': 'net', 'device': 'wire:temp',"
				" 'mac': 'fa:16:3e:00:02:01', 'port-security': false}"));
}

// A static route that comes and goes, and the floating address.
static void add_routes(json_t *document, unsigned change, bool allowed)
{
	json_t *router = json_object_get(json_object_get(document, "routers"), "router");

	if (change % 4 < 2)
		json_array_append_new(json_object_get(router, "routes"),
			json_of("{'destination': '10.7.0.0/16', 'nexthop': '" IP_J "'}"));
	if (allowed)
		json_object_set_new(document, "floating-ips",
			json_of("{'" FLOATING "': {'network': 'outside', 'port': 'j'}}"));
}

static json_t *document_of(unsigned change, bool allowed)
{
	json_t *document = json_of(base);
	json_t *groups = json_object_get(document, "security-groups");
	json_t *tunnel = json_object_get(document, "tunnel");
	char name[16], segment[80];

	if (allowed)
		json_array_append_new(json_object_get(json_object_get(groups, "toggled"), "rules"),
			json_of("{'direction': 'ingress', 'protocol': 'udp', 'ports': '9'}"));
	if (change % 2 == 0)
		json_array_append_new(json_object_get(tunnel, "remotes"), json_string(REMOTE_3));
	snprintf(name, sizeof(name), "vlan%u", 10 + change % 2);
	snprintf(segment, sizeof(segment),
		"{'segments': [{'type': 'vlan', 'uplink': 'up', 'id': %u}]}", 10 + change % 2);
	json_object_set_new(json_object_get(document, "networks"), name, json_of(segment));
	add_ports(json_object_get(document, "ports"), change);
	add_routes(document, change, allowed);
	return document;
}

static void commit(unsigned change, bool allowed)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *document = document_of(change, allowed);

	if (control_commit(control, document, &problems) < 0)
		ck_abort_msg("%s: %s", problems.list[0].path, problems.list[0].text);
	json_decref(document);
	ck_assert(control_settle(control));
}

static void call(const char *method, const char *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
		method, "params", json_of(params));
	json_t *answer = control_call(control, request);
	const json_t *error = json_object_get(answer, "error");

	if (error != NULL)
		ck_abort_msg(
			"%s: %s", method, json_string_value(json_object_get(error, "message")));
	json_decref(answer);
	json_decref(request);
}

// What operators look at meanwhile, and flush.
static void look_around(unsigned change)
{
	static const struct {
		const char *method, *params;
	} calls[] = {
		{"stats.get", "{}"},
		{"session.list", "{'limit': 50}"},
		{"drops.get", "{}"},
		{"port.chains", "{'name': 'u2'}"},
		{"session.flush", "{}"},
		{"fdb.list", "{'limit': 50}"},
		{"status.get", "{}"},
		{"fdb.flush", "{'network': 'net'}"},
		{"remote.list", "{}"},
		{"neighbour.list", "{}"},
		{"route.list", "{'router': 'router'}"},
	};

	call(calls[change % ARRAY_SIZE(calls)].method, calls[change % ARRAY_SIZE(calls)].params);
}

static void poll_for(unsigned us)
{
	for (unsigned at = 0; at < us; at += POLL_US) {
		control_poll(control, clock_now_ns());
		usleep(POLL_US);
	}
}

// Frames that must not pass are no more: none is made, none waits.
static void wait_for_revoked(void)
{
	uint32_t round = __atomic_load_n(&n_rounds, __ATOMIC_ACQUIRE), x, outside;

	__atomic_store_n(&revoked, false, __ATOMIC_RELEASE);
	while (__atomic_load_n(&n_rounds, __ATOMIC_ACQUIRE) - round < 3)
		poll_for(POLL_US);
	// A wire may never be empty where the generator is faster than the workers.
	x = wire_n_in(WIRE_X);
	outside = wire_n_in(WIRE_OUTSIDE);
	while (!is_taken(WIRE_X, x) || !is_taken(WIRE_OUTSIDE, outside))
		poll_for(POLL_US);
}

static unsigned keep_changing(void)
{
	uint64_t end_ns = clock_now_ns() + SECONDS * NS_PER_S;
	unsigned change = 0;

	for (; clock_now_ns() < end_ns; change++) {
		bool allowed = change % 2 == 1;

		if (allowed)
			wait_for_revoked();
		commit(change, allowed);
		if (!allowed)
			__atomic_store_n(&revoked, true, __ATOMIC_RELEASE);
		look_around(change);
		poll_for(CHANGE_US);
	}
	return change;
}

// ---- the test ----------------------------------------------------------------------------------

static void start(void)
{
	struct worker_cpus cpus = {.n = N_WORKERS};
	cpu_set_t usable;
	unsigned n = 0;

	pool = rte_pktmbuf_pool_create_by_ops("weft", PACKETS, 32, 0, BUFFER_LEN, 0, "locked");
	rx_pool = rte_pktmbuf_pool_create_by_ops("rx", PACKETS, 0, 0, BUFFER_LEN, 0, "locked");
	ck_assert(pool != NULL && rx_pool != NULL);
	for (unsigned i = 0; i < N_WIRES; i++) {
		wires[i].ring =
			rte_ring_create(wire_names[i], WIRE_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		ck_assert_ptr_nonnull(wires[i].ring);
	}
	sched_getaffinity(0, sizeof(usable), &usable);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < N_WORKERS; cpu++) {
		if (CPU_ISSET(cpu, &usable))
			cpus.cpus[n++] = cpu;
	}
	for (unsigned i = n; i < N_WORKERS; i++)
		cpus.cpus[i] = cpus.cpus[0];
	tables = tables_new(N_WORKERS, pool);
	ck_assert_ptr_nonnull(tables);
	control = control_new(tables);
	ck_assert_ptr_nonnull(control);
	commit(0, false);
	workers = workers_start(tables, &cpus, false);
	ck_assert_ptr_nonnull(workers);
	__atomic_store_n(&revoked, true, __ATOMIC_RELEASE);
}

static bool all_polled(void)
{
	for (unsigned i = 0; i < N_WIRES; i++) {
		if (i != WIRE_TEMP && !is_taken(i, wire_n_in(i)))
			return false;
	}
	for (unsigned i = 0; i < N_STABLE; i++) {
		if (__atomic_load_n(&n_received[i], __ATOMIC_RELAXED) != n_sent[i])
			return false;
	}
	return true;
}

static void check_ledger(void)
{
	uint64_t between = 0, rx = 0;

	for (unsigned id = 0; id < MAX_ATTACHMENTS; id++) {
		uint64_t came = 0, went = 0;

		for (unsigned w = 0; w <= N_WORKERS; w++) {
			const struct attachment_counters *c = &tables->counters[w]->attachments[id];

			came += c->rx + c->originated + c->copies + c->handed_in;
			went += c->tx + c->consumed + c->handed_out;
			for (unsigned i = 0; i < N_DROP_REASONS; i++)
				went += c->drops[i];
			between += c->handed_in - c->handed_out;
			rx += c->rx;
		}
		ck_assert_msg(came == went, "attachment %u: %lu came, %lu went", id, came, went);
	}
	ck_assert_uint_eq(between, 0);
	ck_assert_uint_gt(rx, 0);
}

static void stop(void)
{
	struct rte_mbuf *mbuf;

	slowpath_stop(control_slowpath(control));
	workers_stop(workers);
	check_ledger();
	control_free(control);
	tables_free(tables);
	for (unsigned i = 0; i < N_WIRES; i++) {
		while (rte_ring_sc_dequeue(wires[i].ring, (void **)&mbuf) == 0)
			rte_pktmbuf_free(mbuf);
		rte_ring_free(wires[i].ring);
	}
	ck_assert_uint_eq(rte_mempool_in_use_count(pool), 0);
	ck_assert_uint_eq(rte_mempool_in_use_count(rx_pool), 0);
	rte_mempool_free(pool);
	rte_mempool_free(rx_pool);
}

// Item 123.
START_TEST(changes_under_load)
{
	pthread_t generator;
	unsigned n_changes;

	make_sources();
	start();
	ck_assert_int_eq(pthread_create(&generator, NULL, generate, NULL), 0);
	n_changes = keep_changing();
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	pthread_join(generator, NULL);
	for (unsigned us = 0; us < DRAIN_US && !all_polled(); us += POLL_US)
		poll_for(POLL_US);
	printf("%u changes; %u + %u + %u packets of untouched flows, %u by a rule and %u to an "
	       "address that came and went\n",
		n_changes, n_sent[0], n_sent[1], n_sent[2],
		__atomic_load_n(&n_toggled, __ATOMIC_RELAXED),
		__atomic_load_n(&n_floating, __ATOMIC_RELAXED));
	for (unsigned i = 0; i < N_STABLE; i++) {
		ck_assert_uint_gt(n_sent[i], 0);
		ck_assert_uint_eq(__atomic_load_n(&n_received[i], __ATOMIC_RELAXED), n_sent[i]);
	}
	ck_assert_uint_eq(__atomic_load_n(&n_disordered, __ATOMIC_RELAXED), 0);
	ck_assert_uint_gt(__atomic_load_n(&n_toggled, __ATOMIC_RELAXED), 0);
	ck_assert_uint_gt(__atomic_load_n(&n_floating, __ATOMIC_RELAXED), 0);
	ck_assert_uint_eq(__atomic_load_n(&n_stale, __ATOMIC_RELAXED), 0);
	stop();
}
END_TEST

int main(void)
{
	char *eal[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"128", "--log-level", "error", "-l", "0", NULL};
	Suite *suite = suite_create("stress");
	TCase *tcase = tcase_create("stress");
	SRunner *runner;
	int failed;

	if (rte_eal_init(ARRAY_SIZE(eal) - 1, eal) < 0 || rte_mempool_register_ops(&locked_ops) < 0)
		return EXIT_FAILURE;
	log_set_level(LOG_LEVEL_ERROR);
	device_driver_register(&wire_driver);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, changes_under_load);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
