// SPDX-License-Identifier: BSD-3-Clause

#include "slowpath_env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "hex.h"

#define PACKETS 16383

struct env env;

static void underlay_init(void)
{
	struct ip_addr address = ip_from_v4(inet_addr("192.168.31.104"));

	env.tunnel = (struct tunnel_config){
		.present = true,
		.enabled = true,
		.port = 8472,
		.source_port_min = 32768,
		.source_port_max = 60999,
		.ttl = TTL_AUTO,
	};
	env.underlay = (struct underlay){
		.present = true,
		.device = 1,
		.attachment = UPLINK,
		.mac = NODE_MAC,
		.address = {address, 24},
		.gateway = ip_from_v4(inet_addr("192.168.31.1")),
		.path_mtu = 1500,
		.tunnel = &env.tunnel,
	};
}

static void snapshot_init(void)
{
	env.networks[NETWORK] = (struct network){
		.domain = DOMAIN,
		.tunnel = TUNNEL,
		.vni = 1,
		.mtu = 1450,
		.flags = NETWORK_UP,
		.fdb_limit = 8192,
	};
	env.attachments[UPLINK] =
		(struct attachment){.kind = ATTACHMENT_UPLINK, .flags = ATTACHMENT_UP};
	env.attachments[TUNNEL] = (struct attachment){
		.kind = ATTACHMENT_TUNNEL, .network = NETWORK, .flags = ATTACHMENT_UP};
	env.attachments[PORT] = (struct attachment){
		.kind = ATTACHMENT_PORT,
		.mac = PORT_MAC,
		.network = NETWORK,
		.flags = ATTACHMENT_UP,
	};
	env.snapshot = (struct snapshot){
		.n_attachments = ARRAY_SIZE(env.attachments),
		.n_networks = ARRAY_SIZE(env.networks),
		.attachments = env.attachments,
		.networks = env.networks,
	};
}

void env_start_workers(unsigned n)
{
	clock_use_virtual(START_NS);
	memset(&env, 0, sizeof(env));
	env.pool = rte_pktmbuf_pool_create("packets", PACKETS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ck_assert_ptr_nonnull(env.pool);
	env.tables = tables_new(n, env.pool);
	ck_assert_ptr_nonnull(env.tables);
	env.slowpath = slowpath_new(env.tables);
	ck_assert_ptr_nonnull(env.slowpath);
	underlay_init();
	snapshot_init();
	env.tables->snapshot = &env.snapshot;
}

void env_start(void)
{
	env_start_workers(1);
}

void env_stop(void)
{
	const struct counters *counters = env.tables->counters[env.tables->n_workers];

	env_discard();
	slowpath_free(env.slowpath);
	for (unsigned i = 0; i < MAX_ATTACHMENTS; i++) {
		const struct attachment_counters *a = &counters->attachments[i];
		uint64_t drops = 0;

		for (unsigned reason = 0; reason < N_DROP_REASONS; reason++)
			drops += a->drops[reason];
		if (a->originated != drops)
			ck_abort_msg("the ledger of attachment %u does not close", i);
	}
	ck_assert_uint_eq(rte_mempool_in_use_count(env.pool), 0);
	env.tables->snapshot = NULL;
	tables_free(env.tables);
	rte_mempool_free(env.pool);
	clock_use_real();
}

void env_commit(const char *const *remotes)
{
	slowpath_set_underlay(env.slowpath, &env.underlay);
	for (; *remotes != NULL; remotes++)
		ck_assert_uint_ne(slowpath_remote(env.slowpath, inet_addr(*remotes)), 0);
	slowpath_commit_done(env.slowpath);
}

void env_commit_quiet(const char *const *remotes)
{
	env_commit(remotes);
	env_run(6 * NS_PER_S, NS_PER_S);
	env_discard();
}

uint16_t env_remote(const char *address)
{
	return remote_find(env.tables->remotes, inet_addr(address));
}

const struct remote *env_entry(const char *address)
{
	const struct remote *remote = env.tables->remotes->entries[env_remote(address)];

	ck_assert_ptr_nonnull(remote);
	return remote;
}

struct state_wanted {
	uint32_t address;
	struct remote_state found;
};

static void state_visit(const struct remote_state *state, void *arg)
{
	struct state_wanted *wanted = arg;

	if (state->address_be == wanted->address)
		wanted->found = *state;
}

struct remote_state env_state(const char *address)
{
	struct state_wanted wanted = {.address = inet_addr(address)};

	slowpath_remotes(env.slowpath, state_visit, &wanted);
	ck_assert_uint_ne(wanted.found.id, 0);
	return wanted.found;
}

void env_poll(void)
{
	while (slowpath_poll(env.slowpath, clock_now_ns()))
		;
	rcu_poll(env.tables->rcu);
}

void env_advance(uint64_t ns)
{
	clock_advance(ns);
	env_poll();
}

void env_run(uint64_t ns, uint64_t step_ns)
{
	env_poll();
	for (uint64_t t = 0; t < ns; t += step_ns)
		env_advance(step_ns);
}

static void punt(struct punt punt)
{
	if (rte_ring_enqueue_elem(env.tables->rings[0].punts, &punt, sizeof(punt)) != 0)
		ck_abort_msg("the punt ring is full");
}

void env_unresolved(const char *address, uint32_t mark)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(env.pool);

	ck_assert_ptr_nonnull(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, sizeof(mark)), &mark, sizeof(mark));
	punt((struct punt){
		.mbuf = mbuf,
		.attachment = PORT,
		.network = NETWORK,
		.remote = env_remote(address),
		.class = PUNT_UNRESOLVED,
	});
}

static struct rte_mbuf *frame_of(const char *hex)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(env.pool);
	uint8_t frame[1600];
	size_t len = hex_read(hex, frame, sizeof(frame));

	ck_assert_ptr_nonnull(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), frame, len);
	return mbuf;
}

void env_receive_later(const char *hex)
{
	punt((struct punt){.mbuf = frame_of(hex), .attachment = UPLINK, .class = PUNT_UNDERLAY});
}

void env_punt(enum punt_class class, uint16_t attachment, uint16_t local, const char *hex)
{
	punt((struct punt){
		.mbuf = frame_of(hex),
		.attachment = attachment,
		.network = NETWORK,
		.local = local,
		.class = class,
	});
	env_poll();
}

void env_receive(const char *hex)
{
	env_receive_later(hex);
	env_poll();
}

void env_learn(uint64_t mac, uint16_t attachment, const char *vtep)
{
	env_learn_at(0, mac, attachment, vtep);
}

void env_learn_at(unsigned worker, uint64_t mac, uint16_t attachment, const char *vtep)
{
	struct learn_event event = {
		.key = fdb_key(DOMAIN, mac),
		.network = NETWORK,
		.attachment = attachment,
		.vtep = vtep == NULL ? 0 : inet_addr(vtep),
	};

	// No ck_assert here, which writes to a file even when it passes: a flood is a million.
	if (rte_ring_enqueue_elem(env.tables->rings[worker].learns, &event, sizeof(event)) != 0)
		ck_abort_msg("the learn ring is full");
}

static bool take(struct inject *inject)
{
	return rte_ring_dequeue_elem(env.tables->rings[0].injects, inject, sizeof(*inject)) == 0;
}

size_t env_take_at(uint16_t attachment, uint8_t *frame, size_t size)
{
	struct inject inject;

	if (!take(&inject))
		return 0;
	size_t len = inject.mbuf->pkt_len;
	ck_assert_uint_eq(inject.attachment, attachment);
	ck_assert_uint_le(len, size);
	ck_assert_uint_eq(inject.mbuf->nb_segs, 1);
	memcpy(frame, rte_pktmbuf_mtod(inject.mbuf, uint8_t *), len);
	rte_pktmbuf_free(inject.mbuf);
	return len;
}

size_t env_take(uint8_t *frame, size_t size)
{
	return env_take_at(UPLINK, frame, size);
}

void env_expect_at(uint16_t attachment, const char *hex)
{
	uint8_t wanted[1600], frame[1600];
	size_t wanted_len = hex_read(hex, wanted, sizeof(wanted));
	size_t len = env_take_at(attachment, frame, sizeof(frame));
	char text[2 * sizeof(frame) + 1] = "";

	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", frame[i]);
	ck_assert_str_eq(text, hex);
	ck_assert_uint_eq(len, wanted_len);
}

void env_expect(const char *hex)
{
	env_expect_at(UPLINK, hex);
}

void env_expect_held(const char *address, uint32_t mark)
{
	struct inject inject;

	ck_assert_msg(take(&inject), "packet %u was not sent", mark);
	ck_assert_uint_eq(inject.attachment, TUNNEL);
	ck_assert_uint_eq(inject.remote, env_remote(address));
	ck_assert_uint_eq(*rte_pktmbuf_mtod(inject.mbuf, uint32_t *), mark);
	rte_pktmbuf_free(inject.mbuf);
}

void env_expect_nothing(void)
{
	ck_assert_uint_eq(rte_ring_count(env.tables->rings[0].injects), 0);
}

unsigned env_discard(void)
{
	struct inject inject;
	unsigned n = 0;

	for (; take(&inject); n++)
		rte_pktmbuf_free(inject.mbuf);
	return n;
}

uint64_t env_drops(uint16_t attachment, enum drop_reason reason)
{
	return env.tables->counters[env.tables->n_workers]->attachments[attachment].drops[reason];
}

uint64_t env_info(enum info_counter counter)
{
	return env.tables->counters[env.tables->n_workers]->info[counter];
}

int env_main(const char *name, const TTest *const *tests, size_t n)
{
	char *eal[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
		"128", "-l", "0", "--log-level=*:error"};

	if (rte_eal_init(ARRAY_SIZE(eal), eal) < 0)
		return EXIT_FAILURE;

	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, env_start, env_stop);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	// The threads of DPDK do not survive a fork.
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
