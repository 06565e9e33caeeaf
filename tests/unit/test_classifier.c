// SPDX-License-Identifier: BSD-3-Clause
// Classifiers against the obvious way to match a packet: rule after rule.

#include "control/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

struct packet {
	uint8_t protocol;
	uint16_t port;
	struct ip_addr remote;
};

// ---- the obvious way ---------------------------------------------------------------------------

static bool is_port_accepted(const struct security_rule *rule, uint16_t port)
{
	if (rule->ports_given)
		return port >= rule->ports.min && port <= rule->ports.max;
	if (rule->icmp_type == ICMP_ANY)
		return true;
	return rule->icmp_type == port >> 8 &&
	       (rule->icmp_code == ICMP_ANY || rule->icmp_code == (port & 0xff));
}

static bool is_remote_accepted(const struct classifier_rule *rule, const struct ip_addr *remote)
{
	if (rule->rule->remote_prefix_given)
		return ip_prefix_contains(&rule->rule->remote_prefix, remote);
	if (rule->members == NULL)
		return true;
	for (size_t i = 0; i < rule->members->n; i++) {
		if (ip_prefix_contains(&rule->members->list[i], remote))
			return true;
	}
	return false;
}

static uint16_t match_one_by_one(
	const struct classifier_rule *rules, size_t n, const struct packet *packet)
{
	for (size_t i = 0; i < n; i++) {
		const struct security_rule *rule = rules[i].rule;

		if ((rule->protocol == PROTOCOL_ANY || rule->protocol == packet->protocol) &&
			is_port_accepted(rule, packet->port) &&
			is_remote_accepted(&rules[i], &packet->remote))
			return i;
	}
	return CLASSIFIER_NO_RULE;
}

static void expect_match(const struct classifier *c, const struct packet *packet, uint16_t rule)
{
	struct filter_address remote = filter_address_of(&packet->remote);

	ck_assert_uint_eq(classifier_match(c, packet->protocol, packet->port, &remote), rule);
}

// ---- random rules ------------------------------------------------------------------------------

static struct ip_addr random_address(bool v4)
{
	// Few different bits, so that prefixes meet and packets hit them.
	struct ip_addr ip = {{0x20, 1}};

	if (v4)
		ip = ip_from_v4(0);
	for (unsigned i = 12; i < 16; i++)
		ip.b[i] = (uint8_t)(rand() % 3 == 0 ? 255 : rand() % 3);
	if (!v4)
		ip.b[7] = (uint8_t)(rand() % 2);
	return ip;
}

static struct ip_prefix random_prefix(bool v4)
{
	struct ip_prefix prefix = {random_address(v4), 0};

	prefix.len = v4 ? rand() % 33 : rand() % 129;
	return ip_prefix_network(&prefix);
}

static uint8_t random_protocol(void)
{
	static const uint8_t protocols[] = {PROTOCOL_ANY, 1, 6, 17, 58, 132, 255};

	return protocols[rand() % 7];
}

static uint16_t random_port(void)
{
	static const uint16_t ports[] = {0, 1, 22, 80, 443, 0x0800, 0x0801, 0x08ff, 65534, 65535};

	return rand() % 4 == 0 ? (uint16_t)rand() : ports[rand() % 10];
}

static struct security_rule *random_rule(struct arena *arena, bool v4)
{
	struct security_rule *rule = arena_alloc(arena, sizeof(*rule));
	uint16_t a = random_port(), b = random_port();

	*rule = (struct security_rule){
		.protocol = random_protocol(),
		.icmp_type = ICMP_ANY,
		.icmp_code = ICMP_ANY,
		.ports = {a < b ? a : b, a < b ? b : a},
		.ports_given = rand() % 2,
	};
	if (!rule->ports_given && rand() % 2) {
		rule->icmp_type = a >> 8;
		rule->icmp_code = rand() % 2 ? (a & 0xff) : ICMP_ANY;
	}
	if (rand() % 2) {
		rule->remote_prefix = random_prefix(v4);
		rule->remote_prefix_given = true;
	}
	return rule;
}

static void random_rules(struct arena *arena, struct classifier_rule *rules, size_t n, bool v4)
{
	for (size_t i = 0; i < n; i++) {
		struct prefix_list *members = arena_alloc(arena, sizeof(*members));
		struct security_rule *rule = random_rule(arena, v4);

		rules[i] = (struct classifier_rule){.rule = rule};
		if (rule->remote_prefix_given || rand() % 2)
			continue;
		members->n = rand() % 20;
		members->list = arena_alloc(arena, members->n * sizeof(*members->list));
		for (size_t m = 0; m < members->n; m++)
			members->list[m] = random_prefix(v4);
		rule->remote_group = "group";
		rules[i].members = members;
		// or the group of an earlier rule, if that names one
		size_t other = rand() % (i + 1);
		if (rules[other].members != NULL)
			rules[i].members = rules[other].members;
	}
}

static void compare(size_t n_rules, bool v4)
{
	struct arena *arena = arena_new();
	struct classifier_rule *rules = arena_alloc(arena, n_rules * sizeof(*rules));
	const struct classifier *c;

	random_rules(arena, rules, n_rules, v4);
	c = classifier_build(arena, rules, n_rules);
	for (unsigned i = 0; i < 2000; i++) {
		struct packet packet = {random_protocol(), random_port(), random_address(v4)};

		expect_match(c, &packet, match_one_by_one(rules, n_rules, &packet));
	}
	arena_free(arena);
}

START_TEST(agrees_with_rule_after_rule)
{
	srand(1);
	for (unsigned i = 0; i < 60; i++) {
		compare(i, true);
		compare(i, false);
	}
	compare(64, true);
	compare(65, true);
	compare(1000, true);
	compare(1000, false);
}
END_TEST

START_TEST(no_rules_accept_nothing)
{
	struct arena *arena = arena_new();
	const struct classifier *c = classifier_build(arena, NULL, 0);
	struct packet packet = {.protocol = 6, .port = 22};

	expect_match(c, &packet, CLASSIFIER_NO_RULE);
	arena_free(arena);
}
END_TEST

// The edges of the address space: nothing wraps.
START_TEST(prefixes_at_the_ends)
{
	struct arena *arena = arena_new();
	struct security_rule rule = {
		.icmp_type = ICMP_ANY, .icmp_code = ICMP_ANY, .remote_prefix_given = true};
	struct classifier_rule rules[] = {{.rule = &rule}};
	static const struct {
		const char *prefix, *in, *out;
	} cases[] = {
		{"255.255.255.255/32", "255.255.255.255", "255.255.255.254"},
		{"0.0.0.0/32", "0.0.0.0", "0.0.0.1"},
		{"128.0.0.0/1", "255.255.255.255", "127.255.255.255"},
		{"::/128", "::", "::1"},
		{"8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "7fff::"},
		{"2001:db8::/63", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet packet = {.protocol = 17};

		ck_assert_int_eq(ip_prefix_parse(cases[i].prefix, &rule.remote_prefix), 0);
		const struct classifier *c = classifier_build(arena, rules, 1);

		ck_assert_int_eq(ip_parse(cases[i].in, &packet.remote), 0);
		expect_match(c, &packet, 0);
		ck_assert_int_eq(ip_parse(cases[i].out, &packet.remote), 0);
		expect_match(c, &packet, CLASSIFIER_NO_RULE);
	}
	arena_free(arena);
}
END_TEST

// A group of thousands is thousands of intervals, but few vectors.
START_TEST(many_members_share_vectors)
{
	struct arena *arena = arena_new();
	struct security_rule rule = {.icmp_type = ICMP_ANY, .icmp_code = ICMP_ANY};
	struct prefix_list members = {arena_alloc(arena, 5000 * sizeof(struct ip_prefix)), 5000};
	struct classifier_rule rules[] = {{.rule = &rule, .members = &members}};
	struct packet packet = {.protocol = 6, .port = 80};
	const struct classifier *c;

	for (uint32_t i = 0; i < 5000; i++)
		members.list[i] =
			(struct ip_prefix){ip_from_v4(__builtin_bswap32(0x0a000000 + 2 * i)), 32};
	c = classifier_build(arena, rules, 1);
	ck_assert_uint_eq(c->n_remotes, 10001);
	for (uint32_t i = 0; i < 10000; i++) {
		packet.remote = ip_from_v4(__builtin_bswap32(0x0a000000 + i));
		expect_match(c, &packet, i % 2 == 0 ? 0 : CLASSIFIER_NO_RULE);
		ck_assert_uint_le(c->remote_vectors[i], 1);
	}
	arena_free(arena);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {agrees_with_rule_after_rule, no_rules_accept_nothing,
		prefixes_at_the_ends, many_members_share_vectors};

	return suite_main("classifier", tests, sizeof(tests) / sizeof(tests[0]));
}
