// SPDX-License-Identifier: BSD-3-Clause
// What a commit costs grows with the number of ports, not with its square: thousands of filtered
// ports, VLANs of trunk devices, in groups whose members accept each other. So it does with the
// rules of one group. The measure is the CPU time of this thread, the shortest of some runs, of one
// size against that of four times as many; on its own it would say more about the machine.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control_env.h"

#define PORTS	 1250
#define RULES	 2000
#define TIMES	 4
#define N_GROUPS 50
#define N_TRUNKS 2
#define RUNS	 2

// Of many against few: 4 if the cost is linear, 16 if it is quadratic.
#define GROWTH_MAX 8

static json_t *group(unsigned g)
{
	char name[16];

	snprintf(name, sizeof(name), "group-%u", g);
	return json_pack("{s: [{s:s}, {s:s, s:s}, {s:s, s:s, s:s, s:s}]}", "rules", "direction",
		"egress", "direction", "ingress", "remote-group", name, "direction", "ingress",
		"protocol", "tcp", "ports", "443", "remote-group", "default");
}

// Port `i` is in the default group and in one other.
static json_t *port(unsigned i)
{
	char mac[32], address[32], device[32], name[16];

	snprintf(mac, sizeof(mac), "fa:16:3e:00:%02x:%02x", i >> 8, i & 0xff);
	snprintf(address, sizeof(address), "10.0.%u.%u", i / 250, i % 250 + 1);
	snprintf(device, sizeof(device), "fake:trunk%u", i % N_TRUNKS);
	snprintf(name, sizeof(name), "group-%u", i % N_GROUPS);
	return json_pack("{s:s, s:s, s:i, s:s, s:[s], s:[s, s]}", "network", "net", "device",
		device, "vlan", i / N_TRUNKS + 1, "mac", mac, "addresses", address,
		"security-groups", "default", name);
}

static json_t *node_of(unsigned n_ports)
{
	json_t *document = env_json(
		"{'uplinks': {'provider': {'device': 'fake:ens19'}},"
		" 'networks': {'net': {'segments': [{'type': 'flat', 'uplink': 'provider'}]}},"
		" 'security-groups': {}, 'ports': {}}");
	json_t *ports = json_object_get(document, "ports");
	json_t *groups = json_object_get(document, "security-groups");
	char name[16];

	for (unsigned g = 0; g < N_GROUPS; g++) {
		snprintf(name, sizeof(name), "group-%u", g);
		json_object_set_new(groups, name, group(g));
	}
	for (unsigned i = 0; i < n_ports; i++) {
		snprintf(name, sizeof(name), "port-%u", i);
		json_object_set_new(ports, name, port(i));
	}
	return document;
}

// One port, with all of its rules in one group.
static json_t *node_of_rules(unsigned n_rules)
{
	json_t *document = node_of(1);
	json_t *rules = json_array();

	for (unsigned i = 0; i < n_rules; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i >> 8, i & 0xff);
		json_array_append_new(rules, json_pack("{s:s, s:s, s:s}", "direction", "ingress",
						     "protocol", "tcp", "remote-prefix", prefix));
	}
	json_object_set_new(
		json_object_get(json_object_get(document, "security-groups"), "group-0"), "rules",
		rules);
	return document;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

// CPU time of a commit and of what control has to do after it.
static double commit_s(const json_t *document)
{
	double before_s = cpu_s();

	problems_free(&env.problems);
	if (control_commit(env.control, document, &env.problems) < 0)
		ck_abort_msg("%s: %s", env.problems.list[0].path, env.problems.list[0].text);
	env_poll();
	return cpu_s() - before_s;
}

// ---- changes, there and back -------------------------------------------------------------------

static void change_address(json_t *document, bool back)
{
	json_t *ports = json_object_get(document, "ports");

	json_object_set_new(json_object_get(ports, "port-7"), "addresses",
		json_pack("[s]", back ? "10.0.0.8" : "10.0.255.8"));
}

static void change_rule_of_all(json_t *document, bool back)
{
	json_t *groups = json_object_get(document, "security-groups");
	json_t *rule =
		json_pack("{s:s, s:s}", "direction", "ingress", "protocol", back ? "icmp" : "sctp");

	for (unsigned g = 0; g < N_GROUPS; g++) {
		char name[16];

		snprintf(name, sizeof(name), "group-%u", g);
		json_t *rules = json_object_get(json_object_get(groups, name), "rules");

		if (json_array_size(rules) > 3)
			json_array_remove(rules, 3);
		json_array_append(rules, rule);
	}
	json_decref(rule);
}

// All rules become others, in the opposite order.
static void change_all_rules(json_t *document, bool back)
{
	json_t *group = json_object_get(json_object_get(document, "security-groups"), "group-0");
	const json_t *rules = json_object_get(group, "rules");
	json_t *others = json_array();

	for (size_t i = json_array_size(rules); i-- > 0;) {
		json_t *rule = json_array_get(rules, i);

		json_object_set_new(rule, "protocol", json_string(back ? "tcp" : "udp"));
		json_array_append(others, rule);
	}
	json_object_set_new(group, "rules", others);
}

typedef json_t *node_fn(unsigned n);
typedef void change_fn(json_t *document, bool back);

struct costs {
	double first;  // of the first commit
	double change; // of the least costly change
};

static struct costs costs_of(unsigned n, node_fn *node, change_fn *change)
{
	json_t *document = node(n);
	struct costs costs = {.first = commit_s(document), .change = 1e9};

	for (unsigned i = 0; i < 2 * RUNS; i++) {
		change(document, i & 1);
		double s = commit_s(document);

		if (s < costs.change)
			costs.change = s;
	}
	json_decref(document);
	env_stop();
	env_start();
	return costs;
}

static void expect_linear(const char *what, unsigned n, node_fn *node, change_fn *change)
{
	struct costs few = costs_of(n, node, change);
	struct costs many = costs_of(TIMES * n, node, change);

	printf("%s: first commit %.3f s of %u, %.3f s of %u; change %.3f s, %.3f s\n", what,
		few.first, n, many.first, TIMES * n, few.change, many.change);
	ck_assert_msg(many.first < GROWTH_MAX * few.first,
		"the first commit takes %.3f s, not %.3f", many.first, TIMES * few.first);
	ck_assert_msg(many.change < GROWTH_MAX * few.change, "%s takes %.3f s, not %.3f", what,
		many.change, TIMES * few.change);
}

START_TEST(a_change_of_one_port)
{
	expect_linear("an address", PORTS, node_of, change_address);
}
END_TEST

START_TEST(a_change_of_every_port)
{
	expect_linear("a rule of every port", PORTS, node_of, change_rule_of_all);
}
END_TEST

START_TEST(a_change_of_every_rule)
{
	expect_linear("every rule of a port", RULES, node_of_rules, change_all_rules);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_change_of_one_port,
		a_change_of_every_port,
		a_change_of_every_rule,
	};

	return env_main("scale", tests, ARRAY_SIZE(tests));
}
