// SPDX-License-Identifier: BSD-3-Clause

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "control_env.h"

#define PACKETS	  1023
#define POLLS_MAX 100000

struct env env;

static json_t *last_result;

// ---- devices -----------------------------------------------------------------------------------

static uint16_t no_packets(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return 0;
}

static int fake_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	if (env.broken != NULL && strncmp(request->name, env.broken, strlen(env.broken)) == 0) {
		problem_add(problems, E_DEV_OPEN, path, "%s is broken", request->name);
		return -EIO;
	}
	device->rx_burst = device->tx_burst = no_packets;
	device->n_rxq = device->n_txq = 1;
	device->mac = UINT64_C(0x020000000000) + ++env.n_opened;
	env.n_open++;
	return 0;
}

static void fake_close(struct device *device)
{
	env.n_open--;
}

static void fake_link(struct device *device, struct device_link *link)
{
	*link = (struct device_link){.up = true, .speed_mbps = 1000};
}

static const struct device_driver fake_driver = {
	.word = "fake",
	.help = "fake:NAME  a device that only counts",
	.open = fake_open,
	.close = fake_close,
	.link = fake_link,
};

// ---- fixture -----------------------------------------------------------------------------------

void env_start(void)
{
	memset(&env, 0, sizeof(env));
	clock_use_virtual(1000 * NS_PER_S);
	env.pool = rte_pktmbuf_pool_create("packets", PACKETS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ck_assert_ptr_nonnull(env.pool);
	env.tables = tables_new(2, env.pool);
	ck_assert_ptr_nonnull(env.tables);
	env.control = control_new(env.tables);
	ck_assert_ptr_nonnull(env.control);
}

void env_stop(void)
{
	json_decref(last_result);
	last_result = NULL;
	json_decref(env.error);
	problems_free(&env.problems);
	control_free(env.control);
	ck_assert_uint_eq(env.n_open, 0);
	tables_free(env.tables);
	ck_assert_uint_eq(rte_mempool_in_use_count(env.pool), 0);
	rte_mempool_free(env.pool);
	clock_use_real();
}

int env_main(const char *suite_name, const TTest *const *tests, size_t n)
{
	static char *eal[] = {"test", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf",
		"-m", "128", "--log-level", "error", "-l", "0"};
	Suite *suite = suite_create(suite_name);
	TCase *tcase = tcase_create(suite_name);
	SRunner *runner;
	int failed;

	if (rte_eal_init(ARRAY_SIZE(eal), eal) < 0)
		return EXIT_FAILURE;
	device_driver_register(&fake_driver);
	log_set_level(LOG_LEVEL_ERROR);
	tcase_add_checked_fixture(tcase, env_start, env_stop);
	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	// One process: what DPDK maps is not made for forks.
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// ---- commits -----------------------------------------------------------------------------------

json_t *env_json(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *p = copy; (p = strchr(p, '\'')) != NULL;)
		*p = '"';
	json = json_loads(copy, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		ck_abort_msg("%s: %s", error.text, text);
	free(copy);
	return json;
}

void env_accept(const char *text)
{
	json_t *document = env_json(text);
	int rc;

	problems_free(&env.problems);
	rc = control_commit(env.control, document, &env.problems);
	if (rc < 0)
		ck_abort_msg("%s: %s", env.problems.list[0].path, env.problems.list[0].text);
	json_decref(document);
}

// What a refused change must leave alone.
struct untouched {
	const struct snapshot *snapshot;
	const struct model *model;
	json_t *document;
	unsigned n_open;
	uint32_t n_fdb;
};

static struct untouched remember(void)
{
	return (struct untouched){
		.snapshot = env.tables->snapshot,
		.model = control_model(env.control),
		.document = json_deep_copy(control_document(env.control)),
		.n_open = env.n_open,
		.n_fdb = fdb_count(env.tables->fdb),
	};
}

static void expect_untouched(struct untouched before)
{
	ck_assert_ptr_eq(env.tables->snapshot, before.snapshot);
	ck_assert_ptr_eq(control_model(env.control), before.model);
	ck_assert(json_equal(control_document(env.control), before.document));
	ck_assert_uint_eq(env.n_open, before.n_open);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), before.n_fdb);
	json_decref(before.document);
}

void env_refuse(const char *text, const enum error_symbol *symbols)
{
	json_t *document = env_json(text);
	struct untouched before = remember();
	size_t n = 0;

	problems_free(&env.problems);
	ck_assert_int_lt(control_commit(env.control, document, &env.problems), 0);
	json_decref(document);
	expect_untouched(before);
	for (; symbols[n] != N_ERROR_SYMBOLS; n++) {
		bool found = false;

		for (size_t i = 0; i < env.problems.n; i++)
			found |= env.problems.list[i].symbol == symbols[n];
		ck_assert_msg(found, "no %s", error_symbol_name(symbols[n]));
	}
	ck_assert_msg(env.problems.n == n, "%zu problems, the last one %s: %s", env.problems.n,
		error_symbol_name(env.problems.list[env.problems.n - 1].symbol),
		env.problems.list[env.problems.n - 1].text);
}

// ---- calls -------------------------------------------------------------------------------------

static json_t *call(const char *method, const char *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
		method, "params", env_json(params));
	json_t *answer = control_call(env.control, request);

	json_decref(request);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "id")), 1);
	return answer;
}

const json_t *env_call(const char *method, const char *params)
{
	json_t *answer = call(method, params);
	const json_t *error = json_object_get(answer, "error");

	if (error != NULL)
		ck_abort_msg(
			"%s: %s", method, json_string_value(json_object_get(error, "message")));
	json_decref(last_result);
	last_result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return last_result;
}

void env_call_refused(const char *method, const char *params, enum error_symbol symbol, int code)
{
	struct untouched before = remember();
	json_t *answer = call(method, params);
	const json_t *data;

	json_decref(env.error);
	env.error = json_incref(json_object_get(answer, "error"));
	json_decref(answer);
	ck_assert_ptr_nonnull(env.error);
	data = json_object_get(env.error, "data");
	ck_assert_str_eq(
		json_string_value(json_object_get(data, "symbol")), error_symbol_name(symbol));
	ck_assert_int_eq(json_integer_value(json_object_get(env.error, "code")), code);
	ck_assert_uint_gt(strlen(json_string_value(json_object_get(env.error, "message"))), 0);
	expect_untouched(before);
}

// ---- what came of it ---------------------------------------------------------------------------

const struct snapshot *env_snapshot(void)
{
	return env.tables->snapshot;
}

const struct attachment *env_attachment(const char *name)
{
	uint16_t id = control_attachment_id(env.control, name);

	ck_assert_msg(id != 0, "no attachment %s", name);
	return &env_snapshot()->attachments[id];
}

const struct network *env_network(const char *name)
{
	uint16_t id = control_network_id(env.control, name);

	ck_assert_msg(id != 0, "no network %s", name);
	return &env_snapshot()->networks[id];
}

struct device *env_device(const char *text)
{
	return env_snapshot()->devices[control_device_id(env.control, text)];
}

static uint64_t mac_value(const char *text)
{
	struct mac mac;

	ck_assert_int_eq(mac_parse(text, &mac), 0);
	return mac_to_u64(&mac);
}

uint16_t env_fdb(const char *network, const char *mac)
{
	struct fdb_entry entry;

	if (!fdb_get(env.tables->fdb, env_network(network)->domain, mac_value(mac), &entry))
		return 0;
	return entry.location;
}

void env_learn(const char *network, const char *mac, uint16_t location)
{
	struct fdb_sighting sighting = {mac_value(mac), env_network(network)->domain, location,
		tables_now_s(env.tables, clock_now_ns())};

	ck_assert_int_eq(fdb_learn(env.tables->fdb, &sighting, 8192, 0), FDB_ADDED);
}

void env_poll(void)
{
	for (int i = 0; i < POLLS_MAX; i++) {
		if (!control_poll(env.control, clock_now_ns()))
			return;
	}
	ck_abort_msg("control always has more to do");
}
