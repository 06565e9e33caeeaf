// SPDX-License-Identifier: BSD-3-Clause

#include "switch_env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "net/addr.h"
#include "tables/device.h"

#define PACKETS	   2047
#define BUFFER_LEN (RTE_PKTMBUF_HEADROOM + FRAME_MAX + 100)
#define FAKES_MAX  32
#define NAME_LEN   32
#define ROUNDS_MAX 1000
#define START_NS   UINT64_C(1000000000000)

struct switch_env sw;

// A device of a test. What it sent is kept as mbufs of a pool of its own.
struct fake {
	char name[NAME_LEN];
	struct device *device; // NULL: not open
	struct frame *frames;
	unsigned size;
	unsigned n;
	unsigned first; // of those that the test has not looked at
	unsigned room;
	struct rte_mbuf *waiting; // for who polls the device; NULL: nothing
};

static struct fake fakes[FAKES_MAX];

static uint64_t expected_drops[N_DROP_REASONS];
static unsigned n_leaked, n_rx_leaked; // by tests that failed
static bool all_drops_expected;
static bool provoked[N_DROP_REASONS]; // by any test so far

// ---- devices ----------------------------------------------------------------------------------

static struct fake *find_fake(const char *name)
{
	for (unsigned i = 0; i < FAKES_MAX; i++) {
		if (strcmp(fakes[i].name, name) == 0)
			return &fakes[i];
	}
	ck_abort_msg("no device fake:%s", name);
	return NULL;
}

static uint16_t fake_rx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct fake *fake = device->priv;

	if (fake->waiting == NULL)
		return 0;
	mbufs[0] = fake->waiting;
	fake->waiting = NULL;
	return 1;
}

static void keep(struct fake *fake, struct rte_mbuf *mbuf)
{
	struct frame *frame;

	if (fake->n == fake->size) {
		fake->size = fake->size == 0 ? 64 : 2 * fake->size;
		fake->frames = realloc(fake->frames, fake->size * sizeof(*fake->frames));
	}
	frame = &fake->frames[fake->n++];
	ck_assert_uint_le(mbuf->pkt_len, FRAME_MAX);
	ck_assert_uint_eq(mbuf->nb_segs, 1);
	ck_assert_uint_eq(mbuf->pkt_len, mbuf->data_len);
	frame->len = mbuf->data_len;
	memcpy(frame->bytes, rte_pktmbuf_mtod(mbuf, void *), frame->len);
	rte_pktmbuf_free(mbuf);
}

static uint16_t fake_tx(struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	struct fake *fake = device->priv;
	uint16_t taken = n < fake->room ? n : fake->room;

	for (uint16_t i = 0; i < taken; i++)
		keep(fake, mbufs[i]);
	fake->room -= taken;
	return taken;
}

static int fake_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	for (unsigned i = 0; i < FAKES_MAX; i++) {
		struct fake *fake = &fakes[i];

		if (fake->name[0] != '\0' && strcmp(fake->name, request->name) != 0)
			continue;
		snprintf(fake->name, sizeof(fake->name), "%s", request->name);
		fake->device = device;
		fake->room = UINT32_MAX;
		device->rx_burst = fake_rx;
		device->tx_burst = fake_tx;
		device->n_rxq = 1;
		device->n_txq = 1;
		device->mac = UINT64_C(0x020000000001) + i;
		device->priv = fake;
		return 0;
	}
	problem_add(problems, E_DEV_OPEN, path, "there are too many fake devices");
	return -ENOSPC;
}

static void fake_close(struct device *device)
{
	struct fake *fake = device->priv;

	fake->device = NULL;
}

static void fake_link(struct device *device, struct device_link *link)
{
	*link = (struct device_link){.up = true, .speed_mbps = 1000};
}

static const struct device_driver fake_driver = {
	.word = "fake",
	.help = "fake:NAME  a device that keeps what is sent",
	.open = fake_open,
	.close = fake_close,
	.link = fake_link,
};

// ---- counters ---------------------------------------------------------------------------------

static void add_counters(struct attachment_counters *sum, const struct attachment_counters *c)
{
	sum->rx += c->rx;
	sum->rx_bytes += c->rx_bytes;
	sum->tx += c->tx;
	sum->tx_bytes += c->tx_bytes;
	sum->originated += c->originated;
	sum->copies += c->copies;
	sum->consumed += c->consumed;
	sum->handed_out += c->handed_out;
	sum->handed_in += c->handed_in;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum->drops[i] += c->drops[i];
}

static struct attachment_counters counters_by_id(uint16_t id)
{
	struct attachment_counters sum = {0};

	for (unsigned w = 0; w <= sw.tables->n_workers; w++)
		add_counters(&sum, &sw.tables->counters[w]->attachments[id]);
	return sum;
}

struct attachment_counters counters_of(const char *name)
{
	return counters_by_id(attachment(name));
}

uint64_t info_of(enum info_counter info)
{
	uint64_t sum = 0;

	for (unsigned w = 0; w <= sw.tables->n_workers; w++)
		sum += sw.tables->counters[w]->info[info];
	return sum;
}

static uint64_t n_drops(const struct attachment_counters *counters)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		n += counters->drops[i];
	return n;
}

// The identity of tables/counters.h, for each attachment id and for all together.
static struct attachment_counters check_ledger(void)
{
	struct attachment_counters total = {0};

	for (unsigned id = 0; id < MAX_ATTACHMENTS; id++) {
		struct attachment_counters c = counters_by_id((uint16_t)id);
		uint64_t came = c.rx + c.originated + c.copies + c.handed_in;
		uint64_t went = c.tx + c.consumed + n_drops(&c) + c.handed_out;

		if (came != went)
			ck_abort_msg("ledger of attachment %u: %lu came, %lu went", id, came, went);
		add_counters(&total, &c);
	}
	ck_assert_uint_eq(total.handed_in, total.handed_out);
	ck_assert_uint_eq(total.rx + total.originated + total.copies,
		total.tx + total.consumed + n_drops(&total));
	return total;
}

static void check_drops(const struct attachment_counters *total)
{
	for (unsigned i = 0; i < N_DROP_REASONS; i++) {
		provoked[i] |= total->drops[i] != 0;
		if (!all_drops_expected && total->drops[i] != expected_drops[i])
			ck_abort_msg("%lu packets died of %s, expected were %lu", total->drops[i],
				drop_infos[i].name, expected_drops[i]);
	}
}

void drops_are(const char *name, enum drop_reason reason, uint64_t n)
{
	struct attachment_counters counters = counters_of(name);
	uint64_t total = 0;

	if (counters.drops[reason] != n)
		ck_abort_msg("%lu packets of %s died of %s, not %lu", counters.drops[reason], name,
			drop_infos[reason].name, n);
	for (unsigned id = 0; id < MAX_ATTACHMENTS; id++)
		total += counters_by_id((uint16_t)id).drops[reason];
	expected_drops[reason] = total;
}

void any_drops(void)
{
	all_drops_expected = true;
}

// ---- fixture ----------------------------------------------------------------------------------

static struct rte_mempool *pool_new(const char *name)
{
	return rte_pktmbuf_pool_create(name, PACKETS, 0, 0, BUFFER_LEN, SOCKET_ID_ANY);
}

// Pools outlive a test, so that one that fails does not spoil the next ones.
static int pools_new(void)
{
	sw.pool = pool_new("weft");
	sw.rx_pool = pool_new("received");
	return sw.pool != NULL && sw.rx_pool != NULL ? 0 : -ENOMEM;
}

static void switch_start(void)
{
	memset(fakes, 0, sizeof(fakes));
	memset(expected_drops, 0, sizeof(expected_drops));
	all_drops_expected = false;
	clock_use_virtual(START_NS);
	n_leaked = rte_mempool_in_use_count(sw.pool);
	n_rx_leaked = rte_mempool_in_use_count(sw.rx_pool);
	sw.tables = tables_new(1, sw.pool);
	ck_assert_ptr_nonnull(sw.tables);
	sw.control = control_new(sw.tables);
	ck_assert_ptr_nonnull(sw.control);
	sw.worker = worker_ctx_new(sw.tables, 0);
	ck_assert_ptr_nonnull(sw.worker);
	rcu_reader_online(sw.tables->rcu, 0);
}

static void switch_stop(void)
{
	struct attachment_counters total;

	run();
	total = check_ledger();
	check_drops(&total);
	rcu_reader_offline(sw.tables->rcu, 0);
	worker_ctx_free(sw.worker);
	control_free(sw.control);
	for (unsigned i = 0; i < FAKES_MAX; i++) {
		ck_assert_ptr_null(fakes[i].device);
		free(fakes[i].frames);
	}
	tables_free(sw.tables);
	ck_assert_uint_eq(rte_mempool_in_use_count(sw.pool), n_leaked);
	ck_assert_uint_eq(rte_mempool_in_use_count(sw.rx_pool), n_rx_leaked);
	clock_use_real();
}

// ---- configuration ----------------------------------------------------------------------------

static json_t *json_of(const char *format, va_list arguments)
{
	json_error_t error;
	json_t *json;
	char *text;

	ck_assert_int_ge(vasprintf(&text, format, arguments), 0);
	for (char *p = text; (p = strchr(p, '\'')) != NULL;)
		*p = '"';
	json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		ck_abort_msg("%s: %s", error.text, text);
	free(text);
	return json;
}

// Tests of switching have open ports: those that say nothing of filters get none.
static void open_ports(json_t *document)
{
	const char *name;
	json_t *port;

	json_object_foreach (json_object_get(document, "ports"), name, port) {
		if (json_object_get(port, "port-security") == NULL &&
			json_object_get(port, "security-groups") == NULL)
			json_object_set_new(port, "port-security", json_false());
	}
}

void configure(const char *format, ...)
{
	struct problems problems = PROBLEMS_INIT;
	va_list arguments;
	json_t *document;

	va_start(arguments, format);
	document = json_of(format, arguments);
	va_end(arguments);
	open_ports(document);
	if (control_commit(sw.control, document, &problems) < 0)
		ck_abort_msg("%s: %s", problems.list[0].path, problems.list[0].text);
	json_decref(document);
	run();
}

void call(const char *method, const char *params, ...)
{
	va_list arguments;
	json_t *request, *answer;
	const char *message;

	va_start(arguments, params);
	request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
		"params", json_of(params, arguments));
	va_end(arguments);
	answer = control_call(sw.control, request);
	message = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
	if (message != NULL)
		ck_abort_msg("%s: %s", method, message);
	json_decref(answer);
	json_decref(request);
	run();
}

// ---- time and frames --------------------------------------------------------------------------

static void worker_round(void)
{
	pipeline_begin(sw.worker, clock_now_ns());
	pipeline_inject(sw.worker);
	pipeline_flush(sw.worker);
	rcu_quiescent(sw.tables->rcu, 0);
}

void run(void)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		bool more = control_poll(sw.control, clock_now_ns());

		worker_round();
		if (!more && rte_ring_empty(sw.tables->rings[0].injects) &&
			rte_ring_empty(sw.tables->rings[0].punts))
			return;
	}
	ck_abort_msg("there is always more to do");
}

void pass_time(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		clock_advance(NS_PER_S);
		run();
	}
}

static struct rte_mbuf *received(const struct frame *frame)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(sw.rx_pool);
	char *to;

	ck_assert_ptr_nonnull(mbuf);
	to = rte_pktmbuf_append(mbuf, frame->len);
	ck_assert_ptr_nonnull(to);
	memcpy(to, frame->bytes, frame->len);
	return mbuf;
}

static void run_burst(const char *device, struct rte_mbuf **mbufs, uint16_t n)
{
	char text[NAME_LEN + 8];

	snprintf(text, sizeof(text), "fake:%s", device);
	uint16_t id = control_device_id(sw.control, text);

	ck_assert_msg(id != 0, "no device %s", text);
	pipeline_begin(sw.worker, clock_now_ns());
	pipeline_run(sw.worker, id, mbufs, n);
	pipeline_flush(sw.worker);
	rcu_quiescent(sw.tables->rcu, 0);
}

void arrive_unpolled(const char *device, const struct frame *frame)
{
	struct rte_mbuf *mbuf = received(frame);

	run_burst(device, &mbuf, 1);
}

void arrive(const char *device, const struct frame *frame)
{
	arrive_unpolled(device, frame);
	run();
}

void arrive_privately(const char *device, const struct frame *frame)
{
	find_fake(device)->waiting = received(frame);
	run();
}

uint64_t arrive_timed(const char *device, const struct frame *frames, unsigned n)
{
	struct rte_mbuf *mbufs[BURST_SIZE];

	ck_assert_uint_le(n, BURST_SIZE);
	for (unsigned i = 0; i < n; i++)
		mbufs[i] = received(&frames[i]);
	uint64_t start = rte_rdtsc();

	run_burst(device, mbufs, (uint16_t)n);
	uint64_t spent = rte_rdtsc() - start;

	run();
	return spent;
}

void arrive_burst(const char *device, const struct frame *frames, unsigned n)
{
	arrive_timed(device, frames, n);
}

void arrive_offloaded(
	const char *device, const struct frame *frame, uint64_t ol_flags, uint16_t tci)
{
	struct rte_mbuf *mbuf = received(frame);

	mbuf->ol_flags |= ol_flags;
	mbuf->vlan_tci = tci;
	run_burst(device, &mbuf, 1);
	run();
}

void arrive_without_headroom(const char *device, const struct frame *frame, uint16_t headroom)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(sw.rx_pool);

	ck_assert_ptr_nonnull(mbuf);
	mbuf->data_off = headroom;
	memcpy(rte_pktmbuf_append(mbuf, frame->len), frame->bytes, frame->len);
	run_burst(device, &mbuf, 1);
	run();
}

void arrive_chained(const char *device, const struct frame *frame, uint16_t piece_len)
{
	struct rte_mbuf *chain = NULL;

	for (uint16_t at = 0; at < frame->len; at += piece_len) {
		struct frame piece = {.len = RTE_MIN(piece_len, frame->len - at)};
		struct rte_mbuf *mbuf;

		memcpy(piece.bytes, frame->bytes + at, piece.len);
		mbuf = received(&piece);
		if (chain == NULL)
			chain = mbuf;
		else
			ck_assert_int_eq(rte_pktmbuf_chain(chain, mbuf), 0);
	}
	run_burst(device, &chain, 1);
	run();
}

// ---- the slow path ----------------------------------------------------------------------------

unsigned n_punted(void)
{
	return rte_ring_count(sw.tables->rings[0].punts);
}

struct punt punted(struct frame *frame)
{
	struct rte_ring *ring = sw.tables->rings[0].punts;
	struct punt punt;

	ck_assert_int_eq(rte_ring_dequeue_elem(ring, &punt, sizeof(punt)), 0);
	frame->len = punt.mbuf->data_len;
	memcpy(frame->bytes, rte_pktmbuf_mtod(punt.mbuf, void *), frame->len);
	rte_pktmbuf_free(punt.mbuf);
	punt.mbuf = NULL;
	return punt;
}

void inject_unpolled(const char *name, const struct frame *frame)
{
	struct rte_ring *ring = sw.tables->rings[0].injects;
	struct inject element = {.mbuf = received(frame), .attachment = attachment(name)};

	ck_assert_int_eq(rte_ring_enqueue_elem(ring, &element, sizeof(element)), 0);
}

void inject(const char *name, const struct frame *frame)
{
	inject_unpolled(name, frame);
	worker_round();
}

// ---- what comes out ---------------------------------------------------------------------------

struct frame sent(const char *device)
{
	struct fake *fake = find_fake(device);

	ck_assert_msg(fake->first < fake->n, "nothing was sent by %s", device);
	struct frame frame = fake->frames[fake->first++];

	if (fake->first == fake->n)
		forget_sent(device);
	return frame;
}

static void print_frame(const char *title, const struct frame *frame)
{
	fprintf(stderr, "%s (%u):", title, frame->len);
	for (unsigned i = 0; i < frame->len; i++)
		fprintf(stderr, " %02x", frame->bytes[i]);
	fputc('\n', stderr);
}

void expect(const char *device, const struct frame *frame)
{
	struct frame got = sent(device);

	if (frame_equal(&got, frame))
		return;
	print_frame("expected", frame);
	print_frame("sent", &got);
	ck_abort_msg("%s sent another frame than expected", device);
}

unsigned n_sent(const char *device)
{
	const struct fake *fake = find_fake(device);

	return fake->n - fake->first;
}

void expect_none(const char *device)
{
	if (n_sent(device) == 0)
		return;
	struct frame got = sent(device);

	print_frame("sent", &got);
	ck_abort_msg("%s sent a frame", device);
}

void forget_sent(const char *device)
{
	struct fake *fake = find_fake(device);

	fake->first = 0;
	fake->n = 0;
}

void set_room(const char *device, unsigned room)
{
	find_fake(device)->room = room;
}

void set_no_peer(const char *device, bool no_peer)
{
	find_fake(device)->device->tx_no_peer = no_peer;
}

void set_trusts_checksum(const char *device, bool trusts)
{
	find_fake(device)->device->trusts_l4_checksum = trusts;
}

// ---- the underlay -----------------------------------------------------------------------------

static bool is_datagram(const struct frame *frame)
{
	const struct ipv4_wire *ip = frame_ip((struct frame *)frame);

	return frame_ethertype(frame) == ETHER_TYPE_IPV4 && ip->protocol == IP_PROTOCOL_UDP;
}

struct frame sent_datagram(const char *device)
{
	for (;;) {
		struct frame frame = sent(device);

		if (is_datagram(&frame))
			return frame;
	}
}

unsigned n_datagrams(const char *device)
{
	const struct fake *fake = find_fake(device);
	unsigned n = 0;

	for (unsigned i = fake->first; i < fake->n; i++)
		n += is_datagram(&fake->frames[i]);
	return n;
}

uint64_t device_mac(const char *device)
{
	return find_fake(device)->device->mac;
}

const char *device_mac_text(const char *device)
{
	static char text[MAC_TEXT_LEN];
	struct mac mac = mac_from_u64(device_mac(device));

	return mac_format(&mac, text);
}

void resolve(const char *device, const char *our_ip, const char *ip, const char *mac)
{
	struct frame answer =
		frame_arp(&(struct hosts){mac, device_mac_text(device), ip, our_ip}, 2);

	arrive(device, &answer);
	forget_sent(device);
}

// ---- what is known ----------------------------------------------------------------------------

uint16_t attachment(const char *name)
{
	uint16_t id = control_attachment_id(sw.control, name);

	ck_assert_msg(id != 0, "no attachment %s", name);
	return id;
}

uint16_t where(const char *network, const char *mac)
{
	uint16_t id = control_network_id(sw.control, network);
	struct fdb_entry entry;

	ck_assert_msg(id != 0, "no network %s", network);
	if (!fdb_get(sw.tables->fdb, sw.tables->snapshot->networks[id].domain, mac_of(mac), &entry))
		return NOWHERE;
	return entry.location;
}

uint16_t location_of_remote(const char *ip)
{
	uint16_t id = remote_find(sw.tables->remotes, ip_of(ip));

	ck_assert_msg(id != 0, "no remote %s", ip);
	return LOCATION_REMOTE | id;
}

// ---- suites -----------------------------------------------------------------------------------

// Last of all: every way to die was seen in some test.
START_TEST(every_drop_reason_was_provoked)
{
	for (unsigned i = 0; i < N_DROP_REASONS; i++) {
		if (!provoked[i])
			ck_abort_msg("no test provokes %s", drop_infos[i].name);
	}
}
END_TEST

void add_tests(TCase *tcase, const TTest *const *tests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
}

static void add_case(Suite *suite, const char *name, void (*add)(TCase *))
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, switch_start, switch_stop);
	tcase_set_timeout(tcase, 300);
	add(tcase);
	suite_add_tcase(suite, tcase);
}

static int run_suite(void)
{
	Suite *suite = suite_create("switch");
	TCase *last = tcase_create("all");
	SRunner *runner;
	int failed;

	add_case(suite, "l2", l2_tests);
	add_case(suite, "vlan", vlan_tests);
	add_case(suite, "encap", encap_tests);
	add_case(suite, "decap", decap_tests);
	add_case(suite, "drops", drop_tests);
	add_case(suite, "local", local_tests);
	add_case(suite, "service", service_tests);
	add_case(suite, "router", router_tests);
	add_case(suite, "router_nat", router_nat_tests);
	add_case(suite, "router_paths", router_path_tests);
	add_case(suite, "router_edges", router_edge_tests);
	add_case(suite, "reassembly", reassembly_tests);
	add_case(suite, "service dhcp", service_dhcp_tests);
	add_case(suite, "dhcp", dhcp_tests);
	add_case(suite, "filters", filter_tests);
	add_case(suite, "states", filter_state_tests);
	add_case(suite, "fragments", filter_fragment_tests);
	add_case(suite, "random", random_tests);
	tcase_add_test(last, every_drop_reason_was_provoked);
	suite_add_tcase(suite, last);
	runner = srunner_create(suite);
	// One process: what DPDK maps is not made for forks, and drops are summed over all tests.
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	char *eal[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"128", "--log-level", "error", "-l", "0", NULL};
	int rc;

	if (rte_eal_init(ARRAY_SIZE(eal) - 1, eal) < 0)
		return EXIT_FAILURE;
	device_driver_register(&fake_driver);
	rc = pools_new() == 0 ? run_suite() : EXIT_FAILURE;
	rte_eal_cleanup();
	return rc;
}
