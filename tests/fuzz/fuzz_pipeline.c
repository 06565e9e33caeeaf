// SPDX-License-Identifier: BSD-3-Clause
// Frames to the whole pipeline, on every kind of device, with a configuration that has all the
// pipeline knows. The ledger must close, and no packet may be lost.
//
// An input is a list of records, each with a head of four bytes: device and flags, an option,
// length of the frame (little endian). Frames of one device may come as one burst.

#include "node.h"

#include <string.h>

#include <rte_mbuf.h>

#include "base/clock.h"
#include "base/util.h"
#include "rpc/config_json.h"

#define DEVICE_MASK 0x0f
#define MORE	    0x10 // the next frame belongs to the same burst
#define STRIPPED    0x20 // the driver took a tag out: option is its VID, but for the base
#define CHAINED	    0x40 // in pieces of option + 1 bytes
#define LATER	    0x80 // option × 100 ms have passed

#define HEAD_LEN   4
#define LONGEST	   2100
#define PIECES_MAX 64
#define VID_BASE   1000 // of STRIPPED

#define OPEN "\"port-security\":false"

static const char config[] =
	"{\"uplinks\":{"
	" \"provider\":{\"device\":\"fake:provider\",\"vlans\":\"1001-2000\"},"
	" \"inside\":{\"device\":\"fake:inside\",\"vlans\":\"1-4094\",\"mtu\":1400},"
	" \"underlay\":{\"device\":\"fake:underlay\",\"address\":\"192.0.2.1/24\","
	"  \"gateway\":\"192.0.2.254\",\"vlans\":\"7\"}},"
	"\"tunnel\":{\"uplink\":\"underlay\",\"group\":\"239.1.0.0/16\",\"mode\":\"both\","
	" \"remotes\":[\"192.0.2.2\",\"198.51.100.3\"],\"strict-remotes\":false,"
	" \"df\":\"inherit\",\"tos\":\"inherit\",\"reserved-bits\":\"ignore\"},"
	"\"networks\":{"
	" \"flat\":{\"segments\":[{\"type\":\"flat\",\"uplink\":\"provider\"}]},"
	" \"gateway\":{\"segments\":[{\"type\":\"vxlan\",\"id\":1},"
	"  {\"type\":\"vlan\",\"uplink\":\"provider\",\"id\":1001},"
	"  {\"type\":\"vlan\",\"uplink\":\"inside\",\"id\":1002}],\"arp-responder\":true},"
	" \"clear\":{\"segments\":[{\"type\":\"vxlan\",\"id\":2},"
	"  {\"type\":\"vlan\",\"uplink\":\"provider\",\"id\":1003}],\"vlan-transparent\":true,"
	"  \"remotes\":[\"192.0.2.9\"]},"
	" \"strict\":{\"segments\":[{\"type\":\"vxlan\",\"id\":3}],\"unknown-unicast\":\"drop\","
	"  \"other-ethertypes\":\"drop\",\"fdb-limit\":2},"
	" \"shared\":{\"segments\":[{\"type\":\"flat\",\"uplink\":\"underlay\"},"
	"  {\"type\":\"flat\",\"uplink\":\"inside\"}],\"external\":true},"
	" \"down\":{\"segments\":[{\"type\":\"vlan\",\"uplink\":\"underlay\",\"id\":7}],"
	"  \"admin-state\":\"down\"}},"
	"\"subnets\":{"
	" \"four\":{\"network\":\"gateway\",\"cidr\":\"10.0.0.0/"
	"16\",\"dhcp\":{\"mode\":\"responder\","
	"  \"address\":\"10.0.0.3\",\"mac\":\"fa:16:3e:00:00:03\"}},"
	" \"six\":{\"network\":\"gateway\",\"cidr\":\"fd00::/64\"},"
	" \"far\":{\"network\":\"strict\",\"cidr\":\"10.1.0.0/16\"},"
	" \"outside\":{\"network\":\"shared\",\"cidr\":\"203.0.113.0/24\"}},"
	"\"routers\":{\"r\":{\"interfaces\":["
	"  {\"subnet\":\"four\",\"mac\":\"fa:16:3e:00:01:01\"},"
	"  {\"subnet\":\"far\",\"mac\":\"fa:16:3e:00:01:02\"}],"
	"  \"gateway\":{\"network\":\"shared\",\"address\":\"203.0.113.83\","
	"   \"mac\":\"fa:16:3e:00:01:03\"},"
	"  \"routes\":[{\"destination\":\"10.2.0.0/16\",\"nexthop\":\"10.1.0.7\"},"
	"   {\"destination\":\"10.2.0.0/16\",\"nexthop\":\"10.0.0.7\"}]}},"
	"\"floating-ips\":{\"203.0.113.50\":{\"network\":\"shared\",\"port\":\"f\"}},"
	"\"security-groups\":{"
	" \"web\":{\"members\":[\"10.9.0.0/16\"],\"rules\":["
	"  {\"direction\":\"egress\"},{\"direction\":\"egress\",\"ethertype\":\"ipv6\"},"
	"  {\"direction\":\"ingress\",\"protocol\":\"tcp\",\"ports\":\"22\"},"
	"  {\"direction\":\"ingress\",\"protocol\":\"udp\",\"ports\":\"1000-2000\","
	"   \"remote-prefix\":\"10.0.0.0/8\"},"
	"  {\"direction\":\"ingress\",\"protocol\":\"icmp\",\"icmp-type\":8},"
	"  {\"direction\":\"ingress\",\"ethertype\":\"ipv6\",\"remote-group\":\"web\"},"
	"  {\"direction\":\"ingress\",\"remote-group\":\"web\"}]},"
	" \"once\":{\"stateful\":false,\"rules\":[{\"direction\":\"egress\",\"protocol\":\"udp\"},"
	"  {\"direction\":\"ingress\",\"protocol\":\"udp\",\"ports\":\"53\"}]}},"
	"\"sessions\":{\"limit\":64,\"port-quota\":16},"
	"\"ports\":{"
	" \"a\":{\"network\":\"gateway\",\"device\":\"fake:a\",\"mac\":\"fa:16:3e:00:00:0a\"," OPEN
	"},"
	" \"b\":{\"network\":\"gateway\",\"device\":\"fake:full\",\"mac\":\"fa:16:3e:00:00:"
	"0b\"," OPEN "},"
	" \"c\":{\"network\":\"clear\",\"device\":\"fake:c\",\"mac\":\"fa:16:3e:00:00:0c\","
	"  \"vlan-transparent\":true," OPEN "},"
	" \"d\":{\"network\":\"strict\",\"device\":\"fake:d\",\"mac\":\"fa:16:3e:00:00:0d\"," OPEN
	"},"
	" \"e\":{\"network\":\"flat\",\"device\":\"fake:e\",\"mac\":\"fa:16:3e:00:00:0e\","
	"  \"admin-state\":\"down\"," OPEN "},"
	" \"t1\":{\"network\":\"flat\",\"device\":\"fake:trunk\",\"vlan\":1001,"
	"  \"mac\":\"fa:16:3e:00:00:11\"," OPEN "},"
	" \"t2\":{\"network\":\"gateway\",\"device\":\"fake:trunk\",\"vlan\":1002,"
	"  \"mac\":\"fa:16:3e:00:00:12\"," OPEN "},"
	" \"f\":{\"network\":\"gateway\",\"device\":\"fake:f\",\"mac\":\"fa:16:3e:00:00:0f\","
	"  \"addresses\":[\"10.0.0.15\",\"fd00::f\"],\"security-groups\":[\"web\"],"
	"  \"allowed-address-pairs\":[{\"address\":\"10.0.9.0/24\"},"
	"   {\"address\":\"10.0.0.99\",\"mac\":\"00:00:5e:00:01:01\"}]},"
	" \"g\":{\"network\":\"clear\",\"device\":\"fake:g\",\"mac\":\"fa:16:3e:00:00:10\","
	"  \"addresses\":[\"10.0.0.16\"],\"security-groups\":[\"once\"]}},"
	"\"fdb\":{"
	" \"gateway/02:00:00:00:00:01\":{\"remote\":\"192.0.2.2\"},"
	" \"gateway/02:00:00:00:00:02\":{\"remote\":\"198.51.100.3\"},"
	" \"clear/02:00:00:00:00:03\":{\"uplink\":\"provider\"},"
	" \"strict/02:00:00:00:00:04\":{\"port\":\"d\"}}}";

static const char *const devices[] = {"fake:provider", "fake:inside", "fake:underlay", "fake:a",
	"fake:full", "fake:c", "fake:d", "fake:e", "fake:trunk", "fake:f", "fake:g"};

struct record {
	uint8_t flags;
	uint8_t option;
	uint16_t len;
	const uint8_t *frame;
};

static struct rte_mbuf *received(const uint8_t *bytes, uint16_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(node.rx_pool);

	FUZZ_CHECK(mbuf != NULL, "no buffer");
	memcpy(rte_pktmbuf_append(mbuf, len), bytes, len);
	return mbuf;
}

static struct rte_mbuf *chained(const struct record *r)
{
	uint16_t piece_len = RTE_MAX(r->option + 1, r->len / PIECES_MAX + 1);
	struct rte_mbuf *chain = received(r->frame, RTE_MIN(piece_len, r->len));

	for (uint16_t at = piece_len; at < r->len; at += piece_len) {
		struct rte_mbuf *piece = received(r->frame + at, RTE_MIN(piece_len, r->len - at));

		FUZZ_CHECK(rte_pktmbuf_chain(chain, piece) == 0, "too many pieces");
	}
	return chain;
}

static struct rte_mbuf *mbuf_of(const struct record *r)
{
	struct rte_mbuf *mbuf = r->flags & CHAINED ? chained(r) : received(r->frame, r->len);

	if (r->flags & STRIPPED) {
		mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
		mbuf->vlan_tci = VID_BASE + r->option;
	}
	return mbuf;
}

// False at the end of the input.
static bool next_record(const uint8_t **data, size_t *size, struct record *r)
{
	if (*size < HEAD_LEN)
		return false;
	*r = (struct record){
		.flags = (*data)[0],
		.option = (*data)[1],
		.len = RTE_MIN((*data)[2] | (*data)[3] << 8, LONGEST),
		.frame = *data + HEAD_LEN,
	};
	*data += HEAD_LEN;
	*size -= HEAD_LEN;
	r->len = RTE_MIN(r->len, *size);
	*data += r->len;
	*size -= r->len;
	return true;
}

static void configure(void)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *document = config_parse_text(config, strlen(config), &problems);

	if (document != NULL)
		control_commit(node.control, document, &problems);
	FUZZ_CHECK(problems.n == 0, "%s: %s", problems.list[0].path, problems.list[0].text);
	json_decref(document);
	node_run();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	node_setup();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rte_mbuf *mbufs[BURST_SIZE];
	struct record r;
	uint16_t n = 0;

	node_start();
	configure();
	while (next_record(&data, &size, &r)) {
		mbufs[n++] = mbuf_of(&r);
		if ((r.flags & MORE) && n < BURST_SIZE && size >= HEAD_LEN)
			continue;
		if (r.flags & LATER)
			clock_advance(r.option * 100 * NS_PER_MS);
		node_receive(devices[(r.flags & DEVICE_MASK) % ARRAY_SIZE(devices)], mbufs, n);
		node_run();
		n = 0;
	}
	node_stop();
	return 0;
}
