// SPDX-License-Identifier: BSD-3-Clause
// What filters ports: security groups, allowed pairs, port security. Each rule of the model, the
// one form of what is written in several ways, the group that is always there, members of groups,
// and edits of single rules.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "rpc/config_json.h"
#include "suite.h"

// Checked with nothing in force.
static const struct rule rules[] = {
	{E_PAIR_DUP, "ports.vxlan1-1.allowed-address-pairs[1]",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '172.16.1.9'}, "
		"{'address': '172.16.1.9'}]}}}"},
	{E_PAIR_DUP, "ports.vxlan1-1.allowed-address-pairs[1]",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '172.16.1.9'}, "
		"{'address': '172.16.1.9/32', 'mac': 'FA:16:3E:DE:6E:86'}]}}}"},
	{E_PAIR_DUP, "ports.vxlan1-1.allowed-address-pairs[2]",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '10.0.0.0/8'}, "
		"{'address': '10.0.0.0/9'}, {'address': '10.1.2.3/8'}]}}}"},
	{E_PAIR_LIMIT, "ports.vxlan1-1.allowed-address-pairs",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '10.0.0.1'}, "
		"{'address': '10.0.0.2'}, {'address': '10.0.0.3'}, {'address': '10.0.0.4'}, "
		"{'address': '10.0.0.5'}, {'address': '10.0.0.6'}, {'address': '10.0.0.7'}, "
		"{'address': '10.0.0.8'}, {'address': '10.0.0.9'}, {'address': '10.0.0.10'}, "
		"{'address': '10.0.0.11'}]}}}"},
	{E_PAIR_NEEDS_SECURITY, "ports.vxlan1-1.allowed-address-pairs",
		"{'ports': {'vxlan1-1': {'port-security': false, 'allowed-address-pairs': "
		"[{'address': '10.0.0.1'}]}}}"},
	{E_PAIR_NEEDS_SECURITY, "ports.vxlan1-1.allowed-address-pairs",
		"{'ports': {'vxlan1-1': {'owner': 'network:dhcp', 'allowed-address-pairs': "
		"[{'address': '10.0.0.1'}]}}}"},
	{E_KEY_MISSING, "ports.vxlan1-1.allowed-address-pairs[0].address",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'mac': "
		"'fa:16:3e:00:00:01'}]}}}"},
	{E_VALUE, "ports.vxlan1-1.allowed-address-pairs[0].address",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '10.0.0.1/33'}]}}}"},
	{E_PORT_MAC_INVALID, "ports.vxlan1-1.allowed-address-pairs[0].mac",
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': [{'address': '10.0.0.1', 'mac': "
		"'ff:ff:ff:ff:ff:ff'}]}}}"},
	{E_SG_NOT_FOUND, "ports.vxlan1-1.security-groups[1]",
		"{'ports': {'vxlan1-1': {'security-groups': ['default', 'ssh']}}}"},
	{E_SG_NOT_FOUND, "ports.vxlan1-1.security-groups[0]",
		"{'ports': {'vxlan1-1': {'security-groups': ['']}}}"},
	{E_TYPE, "ports.vxlan1-1.security-groups[0]",
		"{'ports': {'vxlan1-1': {'security-groups': [22]}}}"},
	{E_TYPE, "ports.vxlan1-1.security-groups",
		"{'ports': {'vxlan1-1': {'security-groups': 'default'}}}"},
	{E_VALUE, "ports.vxlan1-1.security-groups[1]",
		"{'ports': {'vxlan1-1': {'security-groups': ['default', 'default']}}}"},
	{E_SG_NEEDS_SECURITY, "ports.vxlan1-1.security-groups",
		"{'ports': {'vxlan1-1': {'port-security': false, 'security-groups': "
		"['default']}}}"},
	{E_SG_NEEDS_SECURITY, "ports.vxlan1-1.security-groups",
		"{'ports': {'vxlan1-1': {'owner': 'network:router', 'security-groups': "
		"['default']}}}"},
	{E_SG_MIXED, "ports.vxlan1-1.security-groups[1]",
		"{'security-groups': {'g': {'stateful': false}},"
		" 'ports': {'vxlan1-1': {'security-groups': ['default', 'g']}}}"},
	{E_SG_MIXED, "ports.vxlan1-1.security-groups[1]",
		"{'security-groups': {'default': {'stateful': false}, 'g': {}},"
		" 'ports': {'vxlan1-1': {'security-groups': ['g', 'default']}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '0-10'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '30-20'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '65536'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '0'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '22-'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '22,23'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': 'ssh'}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': -1}]}}}"},
	{E_SG_PORT, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': 70000}]}}}"},
	{E_SG_PORT_PROTO, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', "
		"'ports': '22'}]}}}"},
	{E_SG_PORT_PROTO, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 200, "
		"'ports': '1-65535'}]}}}"},
	{E_SG_PROTO_REQUIRED, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ports': '22'}]}}}"},
	{E_SG_PROTO_REQUIRED, "security-groups.g.rules[0].ports",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 0, "
		"'ports': '22'}]}}}"},
	{E_SG_ICMP, "security-groups.g.rules[0].icmp-code",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', "
		"'icmp-code': 1}]}}}"},
	{E_SG_ICMP, "security-groups.g.rules[0].icmp-type",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', "
		"'icmp-type': 256}]}}}"},
	{E_SG_ICMP, "security-groups.g.rules[0].icmp-code",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', "
		"'icmp-type': 8, 'icmp-code': 256}]}}}"},
	{E_SG_ICMP, "security-groups.g.rules[0].icmp-type",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'udp', "
		"'icmp-type': 8}]}}}"},
	{E_SG_ICMP, "security-groups.g.rules[0].icmp-type",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'icmp-type': "
		"8}]}}}"},
	{E_SG_FAMILY, "security-groups.g.rules[0].protocol",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': "
		"'icmpv6'}]}}}"},
	{E_SG_FAMILY, "security-groups.g.rules[0].protocol",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ethertype': "
		"'ipv4', 'protocol': 58}]}}}"},
	{E_SG_FAMILY, "security-groups.g.rules[0].remote-prefix",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'2001:db8::/32'}]}}}"},
	{E_SG_FAMILY, "security-groups.g.rules[0].remote-prefix",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'::/0'}]}}}"},
	{E_SG_FAMILY, "security-groups.g.rules[0].remote-prefix",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ethertype': "
		"'ipv6', 'remote-prefix': '0.0.0.0/0'}]}}}"},
	{E_SG_REMOTE, "security-groups.g.rules[0]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'10.0.0.0/8', 'remote-group': 'g'}]}}}"},
	{E_SG_REMOTE, "security-groups.g.rules[0]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'0.0.0.0/0', 'remote-group': 'g'}]}}}"},
	{E_SG_NOT_FOUND, "security-groups.g.rules[0].remote-group",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-group': "
		"'x'}]}}}"},
	{E_KEY_MISSING, "security-groups.g.rules[0].direction",
		"{'security-groups': {'g': {'rules': [{'protocol': 'tcp'}]}}}"},
	{E_VALUE, "security-groups.g.rules[0].direction",
		"{'security-groups': {'g': {'rules': [{'direction': 'in'}]}}}"},
	{E_VALUE, "security-groups.g.rules[0].ethertype",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ethertype': "
		"'arp'}]}}}"},
	{E_VALUE, "security-groups.g.rules[0].protocol",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': "
		"256}]}}}"},
	{E_VALUE, "security-groups.g.rules[0].protocol",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': "
		"-1}]}}}"},
	{E_VALUE, "security-groups.g.rules[0].protocol",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': "
		"'tpc'}]}}}"},
	{E_KEY_UNKNOWN, "security-groups.g.rules[0].port",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'port': 22}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress'}, {'direction': "
		"'ingress'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress'}, {'direction': "
		"'ingress', 'ethertype': 'ipv4', 'protocol': 0}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress'}, {'direction': "
		"'ingress', 'protocol': 'any', 'remote-prefix': '0.0.0.0/0'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress'}, {'direction': "
		"'ingress', 'remote-prefix': '10.0.0.1/0'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': '1-65535'}, {'direction': 'ingress', 'protocol': 6}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', "
		"'ports': 22}, {'direction': 'ingress', 'protocol': 'tcp', 'ports': '22-22'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'10.0.0.7/8'}, {'direction': 'ingress', 'remote-prefix': '10.0.0.0/8'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-prefix': "
		"'10.0.0.7'}, {'direction': 'ingress', 'remote-prefix': '10.0.0.7/32'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ethertype': "
		"'ipv6', 'protocol': 'icmp'}, {'direction': 'ingress', 'ethertype': 'ipv6', "
		"'protocol': 'ipv6-icmp'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'ethertype': "
		"'ipv6', 'remote-prefix': '::/0'}, {'direction': 'ingress', 'ethertype': "
		"'ipv6'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', "
		"'icmp-type': 8}, {'direction': 'ingress', 'protocol': 1, 'icmp-type': 8, "
		"'icmp-code': 'any'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[1]",
		"{'security-groups': {'g': {'rules': [{'direction': 'ingress', 'remote-group': "
		"'g'}, {'direction': 'ingress', 'remote-group': 'g'}]}}}"},
	{E_SG_RULE_DUP, "security-groups.g.rules[3]",
		"{'security-groups': {'g': {'rules': [{'direction': 'egress', 'protocol': 'tcp'}, "
		"{'direction': 'ingress'}, {'direction': 'egress'}, {'direction': 'egress', "
		"'protocol': 'tcp'}]}}}"},
	{E_VALUE, "security-groups.g.members[1]",
		"{'security-groups': {'g': {'members': ['10.0.0.1', '10.0.0.1/33']}}}"},
	{E_NAME, "security-groups.none", "{'security-groups': {'none': {}}}"},
	{E_TYPE, "security-groups.g.rules[0]", "{'security-groups': {'g': {'rules': ['tcp']}}}"},
	{E_VALUE, "sessions.limit", "{'sessions': {'limit': 0}}"},
	{E_VALUE, "sessions.port-quota", "{'sessions': {'port-quota': 2000001}}"},
	{E_VALUE, "sessions.udp", "{'sessions': {'udp': 0}}"},
	{E_VALUE, "networks.vxlan1.arp-probes",
		"{'networks': {'vxlan1': {'arp-probes': 'reply'}}}"},
};

START_TEST(each_rule_makes_its_one_problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		try_rule(&rules[i], NULL);
}
END_TEST

// The one problem that a security rule of group "g" makes: its symbol, where in it, its sentence.
static void try_security_rule(
	const char *rule, enum error_symbol symbol, const char *key, const char *sentence)
{
	char patch[512], path[128];
	json_t *document;
	struct problems problems = PROBLEMS_INIT;

	snprintf(patch, sizeof(patch), "{'security-groups': {'g': {'rules': [%s]}}}", rule);
	snprintf(path, sizeof(path), "security-groups.g.rules[0]%s", key);
	document = node_with(patch);
	model_free(model_of(document, NULL, &problems));
	expect_only(&problems, symbol, path);
	ck_assert_str_eq(problems.list[0].text, sentence);
	problems_free(&problems);
	json_decref(document);
}

START_TEST(item_17_six_wrong_rules_six_errors)
{
	try_security_rule("{'direction': 'ingress', 'protocol': 'tcp', 'ports': '0-10'}", E_SG_PORT,
		".ports", "port 0 does not exist; ports are 1 to 65535");
	try_security_rule("{'direction': 'ingress', 'protocol': 'tcp', 'ports': '30-20'}",
		E_SG_PORT, ".ports",
		"ports 30-20 are the wrong way round; give the lowest first: 20-30");
	try_security_rule("{'direction': 'ingress', 'ports': '22'}", E_SG_PROTO_REQUIRED, ".ports",
		"ports need a protocol; give tcp, udp, udplite, sctp or dccp");
	try_security_rule("{'direction': 'ingress', 'protocol': 'icmp', 'icmp-code': 3}", E_SG_ICMP,
		".icmp-code", "icmp-code 3 needs an icmp-type");
	try_security_rule("{'direction': 'ingress', 'remote-prefix': '10.0.0.0/8',"
			  " 'remote-group': 'g'}",
		E_SG_REMOTE, "",
		"the rule has a remote-prefix and a remote-group; give one, and make a second "
		"rule of the other");
	try_rule(&(struct rule){E_SG_RULE_DUP, "security-groups.g.rules[1]",
			 "{'security-groups': {'g': {'rules': ["
			 "{'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'},"
			 "{'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'}]}}}"},
		NULL);
}
END_TEST

START_TEST(item_18_three_wrong_pairs_three_errors)
{
	static const struct rule pairs[] = {
		{E_PAIR_NEEDS_SECURITY, "ports.vxlan1-1.allowed-address-pairs",
			"{'ports': {'vxlan1-1': {'port-security': false,"
			" 'allowed-address-pairs': [{'address': '172.16.1.200'}]}}}"},
		{E_PAIR_LIMIT, "ports.vxlan1-1.allowed-address-pairs",
			"{'ports': {'vxlan1-1': {'allowed-address-pairs': ["
			"{'address': '10.0.0.1'}, {'address': '10.0.0.2'}, {'address': '10.0.0.3'},"
			"{'address': '10.0.0.4'}, {'address': '10.0.0.5'}, {'address': '10.0.0.6'},"
			"{'address': '10.0.0.7'}, {'address': '10.0.0.8'}, {'address': '10.0.0.9'},"
			"{'address': '10.0.0.10'}, {'address': '10.0.0.11'}]}}}"},
		{E_PAIR_DUP, "ports.vxlan1-1.allowed-address-pairs[1]",
			"{'ports': {'vxlan1-1': {'allowed-address-pairs': ["
			"{'address': '172.16.1.200'}, {'address': '172.16.1.200'}]}}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		try_rule(&pairs[i], NULL);
}
END_TEST

START_TEST(ten_pairs_and_other_macs_are_fine)
{
	json_t *document = node_with(
		"{'ports': {'vxlan1-1': {'allowed-address-pairs': ["
		"{'address': '10.0.0.1'}, {'address': '10.0.0.1', 'mac': '02:00:00:00:00:01'},"
		"{'address': '10.0.0.0/24'}, {'address': '10.0.0.0/25'}, {'address': '0.0.0.0/0'},"
		"{'address': '::/0'}, {'address': '2001:db8::1'}, {'address': '10.0.0.8'},"
		"{'address': '10.0.0.9'}, {'address': '172.16.1.33'}]}}}");
	struct model *model = good_model(document, NULL);
	const struct port_config *port = model_port(model, "vxlan1-1");

	ck_assert_uint_eq(port->n_pairs, 10);
	ck_assert(mac_equal(&port->pairs[0].mac, &port->mac));
	ck_assert_uint_eq(mac_to_u64(&port->pairs[1].mac), 0x020000000001);
	ck_assert_uint_eq(port->pairs[4].prefix.len, 0);
	ck_assert(ip_is_v4(&port->pairs[4].prefix.addr));
	ck_assert(!ip_is_v4(&port->pairs[5].prefix.addr));
	model_free(model);
	json_decref(document);
}
END_TEST

// A problem of one change to another: both are patches of the node.
static void try_change(const char *was, const struct rule *rule)
{
	json_t *document = node_with(was);
	struct model *old = good_model(document, NULL);

	try_rule(rule, old);
	model_free(old);
	json_decref(document);
}

static void allow_change(const char *was, const char *is)
{
	json_t *documents[] = {node_with(was), node_with(is)};
	struct model *old = good_model(documents[0], NULL);

	model_free(good_model(documents[1], old));
	model_free(old);
	json_decref(documents[1]);
	json_decref(documents[0]);
}

#define SSH_USED                                                                                   \
	"{'security-groups': {'ssh': {}}, 'ports': {'vxlan1-1': {'security-groups': ['ssh']}}}"
#define SSH_REMOTE                                                                                 \
	"{'security-groups': {'ssh': {}, 'web': {'rules': [{'direction': 'ingress',"               \
	" 'remote-group': 'ssh'}]}}}"

START_TEST(groups_in_use_stay)
{
	try_change(SSH_USED, &(struct rule){E_SG_IN_USE, "security-groups.ssh",
				     "{'ports': {'vxlan1-1': {'security-groups': ['ssh']}}}"});
	try_change(SSH_REMOTE,
		&(struct rule){E_SG_IN_USE, "security-groups.ssh",
			"{'security-groups': {'web': {'rules': [{'direction': 'ingress',"
			" 'remote-group': 'ssh'}]}}}"});
	allow_change(SSH_USED, "{}");
	allow_change(SSH_REMOTE, "{}");
	allow_change("{'security-groups': {'default': {'rules': []}}}", "{}");
	// a group that names only itself
	allow_change("{'security-groups': {'g': {'rules': [{'direction': 'ingress',"
		     " 'remote-group': 'g'}]}}}",
		"{}");
}
END_TEST

START_TEST(port_security_goes_off_when_nothing_needs_it)
{
	static const char *const still_set[] = {
		"{'ports': {'vxlan1-1': {'port-security': false, 'security-groups': ['default']}}}",
		"{'ports': {'vxlan1-1': {'port-security': false,"
		" 'allowed-address-pairs': [{'address': '10.0.0.1'}]}}}",
		"{'security-groups': {'ssh': {}}, 'ports': {'vxlan1-1': {'port-security': false,"
		" 'security-groups': ['ssh'], 'allowed-address-pairs': [{'address': "
		"'10.0.0.1'}]}}}",
	};
	struct rule rule = {E_PORT_SECURITY_BUSY, "ports.vxlan1-1.port-security", NULL};

	for (size_t i = 0; i < ARRAY_SIZE(still_set); i++) {
		rule.patch = still_set[i];
		try_change("{}", &rule);
		try_change(SSH_USED, &rule);
	}
	allow_change("{}", "{'ports': {'vxlan1-1': {'port-security': false}}}");
	allow_change(SSH_USED, "{'security-groups': {'ssh': {}}, 'ports': {'vxlan1-1':"
			       " {'port-security': false, 'security-groups': []}}}");
	allow_change("{'ports': {'vxlan1-1': {'port-security': false}}}", SSH_USED);
}
END_TEST

// The names of the groups that port vxlan1-1 ends up with, "a,b".
static void expect_groups(const char *patch, const char *expected)
{
	json_t *document = node_with(patch);
	struct model *model = good_model(document, NULL);
	const struct string_list *groups = &model_port(model, "vxlan1-1")->security_groups;
	const char *text = "";

	for (size_t i = 0; i < groups->n; i++)
		text = arena_printf(
			model->arena, "%s%s%s", text, i > 0 ? "," : "", groups->list[i]);
	ck_assert_str_eq(text, expected);
	model_free(model);
	json_decref(document);
}

START_TEST(filtered_ports_are_in_the_group_default)
{
	expect_groups("{}", "default");
	expect_groups("{'ports': {'vxlan1-1': {'security-groups': ['default']}}}", "default");
	expect_groups("{'ports': {'vxlan1-1': {'security-groups': []}}}", "");
	expect_groups(SSH_USED, "ssh");
	expect_groups("{'ports': {'vxlan1-1': {'port-security': false}}}", "");
	expect_groups("{'ports': {'vxlan1-1': {'owner': 'network:dhcp'}}}", "");
}
END_TEST

START_TEST(trusted_and_open_ports_are_not_filtered)
{
	struct port_config port = {.port_security = true, .device = "tap:p"};

	ck_assert(port_is_filtered(&port) && !port_is_trusted(&port));
	port.owner = "networks";
	ck_assert(port_is_filtered(&port) && !port_is_trusted(&port));
	port.owner = "network:router_interface";
	ck_assert(!port_is_filtered(&port) && port_is_trusted(&port));
	port = (struct port_config){.port_security = true};
	ck_assert(port_is_secured(&port) && !port_is_filtered(&port)); // on another node
	port = (struct port_config){.owner = "red", .device = "tap:p"};
	ck_assert(!port_is_filtered(&port) && !port_is_trusted(&port));
}
END_TEST

// The canonical document of the node with a patch has this in place of "security-groups".
static void expect_canonical(const char *patch, const char *expected)
{
	json_t *document = node_with(patch), *canonical, *again;
	struct model *model = good_model(document, NULL), *next;
	json_t *json = expected == NULL ? NULL : json_of(expected);
	char *text;

	canonical = config_encode(model);
	text = json_dumps(json_object_get(canonical, "security-groups"), JSON_ENCODE_ANY);
	ck_assert_msg(
		json_equal(json_object_get(canonical, "security-groups"), json) || json == NULL,
		"%s", text);
	ck_assert(json != NULL || text == NULL);
	next = good_model(canonical, model);
	again = config_encode(next);
	ck_assert(json_equal(canonical, again));
	json_decref(again);
	model_free(next);
	free(text);
	json_decref(json);
	json_decref(canonical);
	model_free(model);
	json_decref(document);
}

START_TEST(the_group_default_is_always_there)
{
	json_t *document = node_with("{'security-groups': {'a': {}, 'z': {}}}");
	struct model *model = good_model(document, NULL);
	const struct security_group *group = model_security_group(model, "default");

	ck_assert_uint_eq(model->n_security_groups, 3);
	ck_assert_str_eq(model->security_groups[0].name, "a");
	ck_assert_ptr_eq(group, &model->security_groups[1]);
	ck_assert(group->stateful);
	ck_assert_uint_eq(group->n_rules, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct security_rule *rule = &group->rules[i];

		ck_assert_int_eq(rule->direction, i < 2 ? RULE_EGRESS : RULE_INGRESS);
		ck_assert_int_eq(rule->family, i % 2 == 0 ? RULE_IPV4 : RULE_IPV6);
		ck_assert_uint_eq(rule->protocol, PROTOCOL_ANY);
		ck_assert(!rule->ports_given && !rule->remote_prefix_given);
		ck_assert_uint_eq(rule->icmp_type, ICMP_ANY);
		ck_assert_str_eq(i < 2 ? "none" : rule->remote_group, i < 2 ? "none" : "default");
	}
	model_free(model);
	json_decref(document);
	// written down only where it differs
	expect_canonical("{}", NULL);
	expect_canonical("{'security-groups': {'default': {}}}", NULL);
	expect_canonical("{'security-groups': {'default': {'rules': ["
			 "{'direction': 'egress'}, {'direction': 'egress', 'ethertype': 'ipv6'},"
			 "{'direction': 'ingress', 'remote-group': 'default'},"
			 "{'direction': 'ingress', 'ethertype': 'ipv6', 'remote-group': 'default'}"
			 "]}}}",
		NULL);
	expect_canonical("{'security-groups': {'default': {'stateful': false}}}",
		"{'default': {'stateful': false}}");
	expect_canonical(
		"{'security-groups': {'default': {'rules': []}}}", "{'default': {'rules': []}}");
}
END_TEST

START_TEST(rules_have_one_form)
{
	expect_canonical(
		"{'security-groups': {'g': {'members': ['10.0.0.1/8', '10.0.0.1', "
		"'2001:db8::1/64'],"
		" 'stateful': true, 'rules': ["
		"{'direction': 'ingress', 'ethertype': 'ipv4', 'protocol': 0},"
		"{'direction': 'ingress', 'protocol': '6', 'ports': '1-65535'},"
		"{'direction': 'ingress', 'protocol': 17, 'ports': 53},"
		"{'direction': 'ingress', 'protocol': 'udplite', 'ports': '1000-2000'},"
		"{'direction': 'ingress', 'ethertype': 'ipv6', 'protocol': 'icmp', 'icmp-type': 0},"
		"{'direction': 'ingress', 'protocol': 253, 'remote-prefix': '10.1.2.3/8'},"
		"{'direction': 'egress', 'remote-prefix': '10.1.2.3/0'},"
		"{'direction': 'egress', 'ethertype': 'ipv6', 'remote-prefix': '::1/64'}]},"
		" 'empty': {'rules': []}}}",
		"{'empty': {}, 'g': {'members': ['10.0.0.0/8', '10.0.0.1', '2001:db8::/64'],"
		" 'rules': ["
		"{'direction': 'ingress'},"
		"{'direction': 'ingress', 'protocol': 'tcp'},"
		"{'direction': 'ingress', 'protocol': 'udp', 'ports': '53'},"
		"{'direction': 'ingress', 'protocol': 'udplite', 'ports': '1000-2000'},"
		"{'direction': 'ingress', 'ethertype': 'ipv6', 'protocol': 'icmpv6', 'icmp-type': "
		"0},"
		"{'direction': 'ingress', 'protocol': 253, 'remote-prefix': '10.0.0.0/8'},"
		"{'direction': 'egress'},"
		"{'direction': 'egress', 'ethertype': 'ipv6', 'remote-prefix': '::/64'}]}}");
}
END_TEST

static void expect_members(
	const struct model *model, const char *group, enum rule_family family, const char *expected)
{
	struct arena *arena = arena_new();
	struct prefix_list members = model_group_members(model, group, family, arena);
	char text[512] = "", prefix[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < members.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
			ip_prefix_format(&members.list[i], prefix));
	ck_assert_str_eq(text, expected);
	arena_free(arena);
}

START_TEST(members_are_addresses_and_pairs_of_ports_and_those_of_other_nodes)
{
	json_t *document = node_with(
		"{'security-groups': {'g': {'members': ['10.9.0.1', '2001:db8::9', '10.0.0.1']},"
		"   'empty': {}},"
		" 'ports': {"
		"   'a': {'network': 'vxlan1', 'device': 'tap:a', 'security-groups': ['g', "
		"'default'],"
		"     'addresses': ['10.0.0.2', '2001:db8::2', '10.0.0.1'],"
		"     'allowed-address-pairs': [{'address': '10.7.1.1/16'}, {'address': '::/0'},"
		"       {'address': '10.0.0.2', 'mac': '02:00:00:00:00:01'}]},"
		"   'b': {'network': 'vlan1001', 'device': 'tap:b', 'security-groups': ['g'],"
		"     'addresses': ['10.0.0.3']},"
		"   'open': {'network': 'vxlan1', 'device': 'tap:o', 'port-security': false,"
		"     'addresses': ['10.0.0.4']},"
		"   'dhcp': {'network': 'vxlan1', 'device': 'tap:d', 'owner': 'network:dhcp',"
		"     'addresses': ['10.0.0.5']}}}");
	struct model *model = good_model(document, NULL);

	expect_members(model, "g", RULE_IPV4,
		"10.0.0.1/32 10.0.0.2/32 10.0.0.3/32 10.7.0.0/16 10.9.0.1/32");
	expect_members(model, "g", RULE_IPV6, "::/0 2001:db8::2/128 2001:db8::9/128");
	expect_members(
		model, "default", RULE_IPV4, "10.0.0.1/32 10.0.0.2/32 10.7.0.0/16 172.16.1.33/32");
	expect_members(model, "empty", RULE_IPV4, "");
	expect_members(model, "x", RULE_IPV4, "");
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(a_thousand_rules_differ)
{
	json_t *document = node_with("{'security-groups': {'g': {}}}"), *list = json_array();
	json_t *group = json_object_get(json_object_get(document, "security-groups"), "g");
	struct problems problems = PROBLEMS_INIT;

	for (int i = 0; i < 2000; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i}", "direction", "ingress", "protocol",
				      "tcp", "ports", i == 1999 ? 1 : i + 1));
	json_object_set_new(group, "rules", list);
	model_free(model_of(document, NULL, &problems));
	expect_only(&problems, E_SG_RULE_DUP, "security-groups.g.rules[1999]");
	problems_free(&problems);
	json_decref(document);
}
END_TEST

// ---- edits --------------------------------------------------------------------------------------

static int edit_rule(
	json_t *document, enum config_op op, const char *params_text, struct problems *problems)
{
	json_t *params = json_of(params_text);
	int rc = config_rule_edit(document, op, params, problems);

	json_decref(params);
	return rc;
}

static void expect_rules(const json_t *document, const char *group, const char *expected)
{
	json_t *json = json_of(expected);
	const json_t *groups = json_object_get(document, "security-groups");
	json_t *is = json_object_get(json_object_get(groups, group), "rules");
	char *text = json_dumps(is, JSON_ENCODE_ANY);

	ck_assert_msg(json_equal(is, json), "%s", text);
	free(text);
	json_decref(json);
}

// One sentence for a rule with a wrong key, which without that key is another one's twin; and one
// for a real twin, though its path begins alike.
START_TEST(a_mistake_hides_only_what_comes_of_it)
{
	json_t *document = node_with("{'security-groups': {'g': {'rules': []}}}");
	json_t *groups = json_object_get(document, "security-groups");
	json_t *list = json_object_get(json_object_get(groups, "g"), "rules");
	struct problems problems = PROBLEMS_INIT;

	for (int i = 0; i <= 10; i++) {
		json_t *rule = json_of("{'direction': 'ingress', 'protocol': 'tcp'}");

		if (i == 1)
			json_object_set_new(rule, "port", json_integer(22));
		else if (i != 0 && i != 10)
			json_object_set_new(rule, "ports", json_integer(i));
		json_array_append_new(list, rule);
	}
	model_free(model_of(document, NULL, &problems));
	ck_assert_uint_eq(problems.n, 2);
	expect_among(&problems, E_KEY_UNKNOWN, "security-groups.g.rules[1].port");
	expect_among(&problems, E_SG_RULE_DUP, "security-groups.g.rules[10]");
	problems_free(&problems);
	json_decref(document);
}
END_TEST

START_TEST(single_rules_are_added_and_deleted)
{
	json_t *document = node_with("{'security-groups': {'web': {}}}");
	struct problems problems = PROBLEMS_INIT;

	ck_assert_int_eq(edit_rule(document, CONFIG_ADD,
				 "{'group': 'web', 'direction': 'ingress', 'protocol': 'tcp',"
				 " 'ports': '22', 'remote-prefix': null}",
				 &problems),
		0);
	ck_assert_int_eq(edit_rule(document, CONFIG_ADD, "{'group': 'web', 'direction': 'egress'}",
				 &problems),
		0);
	expect_rules(document, "web",
		"[{'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'},"
		" {'direction': 'egress'}]");
	// found by what it means
	ck_assert_int_eq(edit_rule(document, CONFIG_DEL,
				 "{'group': 'web', 'direction': 'ingress', 'protocol': 6,"
				 " 'ports': 22, 'remote-prefix': '0.0.0.0/0', 'ethertype': 'ipv4'}",
				 &problems),
		0);
	expect_rules(document, "web", "[{'direction': 'egress'}]");
	expect_none(&problems);
	json_decref(document);
}
END_TEST

START_TEST(rules_of_the_group_default_begin_with_its_own)
{
	json_t *document = json_of("{}");
	struct problems problems = PROBLEMS_INIT;

	ck_assert_int_eq(edit_rule(document, CONFIG_DEL,
				 "{'group': 'default', 'direction': 'ingress',"
				 " 'remote-group': 'default', 'ethertype': 'ipv6'}",
				 &problems),
		0);
	ck_assert_int_eq(edit_rule(document, CONFIG_ADD,
				 "{'group': 'default', 'direction': 'ingress',"
				 " 'protocol': 'icmp'}",
				 &problems),
		0);
	expect_rules(document, "default",
		"[{'direction': 'egress'}, {'direction': 'egress', 'ethertype': 'ipv6'},"
		" {'direction': 'ingress', 'remote-group': 'default'},"
		" {'direction': 'ingress', 'protocol': 'icmp'}]");
	expect_none(&problems);
	json_decref(document);
}
END_TEST

START_TEST(rules_that_can_not_be_edited)
{
	static const struct {
		enum config_op op;
		const char *params;
		int rc;
		enum error_symbol symbol;
		const char *path;
	} cases[] = {
		{CONFIG_ADD, "{'direction': 'ingress'}", -EINVAL, E_KEY_MISSING, "group"},
		{CONFIG_ADD, "{'group': 7, 'direction': 'ingress'}", -EINVAL, E_TYPE, "group"},
		{CONFIG_ADD, "{'group': 'x', 'direction': 'ingress'}", -ENOENT, E_NOT_FOUND,
			"security-groups.x"},
		{CONFIG_DEL, "{'group': 'web', 'direction': 'egress'}", -ENOENT, E_NOT_FOUND,
			"security-groups.web.rules"},
		{CONFIG_DEL, "{'group': 'web', 'direction': 'ingress', 'ports': '22-23'}", -ENOENT,
			E_NOT_FOUND, "security-groups.web.rules"},
		{CONFIG_DEL, "{'group': 'web'}", -EINVAL, E_KEY_MISSING, "rule.direction"},
		{CONFIG_DEL, "{'group': 'web', 'direction': 'ingress', 'port': 22}", -EINVAL,
			E_KEY_UNKNOWN, "rule.port"},
	};
	json_t *document =
		json_of("{'security-groups': {'web': {'rules': ["
			"{'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'}]}}}");
	json_t *before = json_deep_copy(document);
	struct problems problems = PROBLEMS_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(
			edit_rule(document, cases[i].op, cases[i].params, &problems), cases[i].rc);
		expect_only(&problems, cases[i].symbol, cases[i].path);
		ck_assert(json_equal(document, before));
		problems_free(&problems);
	}
	json_decref(before);
	json_decref(document);
}
END_TEST

START_TEST(the_group_default_is_set_but_neither_added_nor_deleted)
{
	const struct object_def *def = object_def_by_kind("security-group");
	json_t *document = json_of("{}"), *params = json_of("{'name': 'default'}");
	struct problems problems = PROBLEMS_INIT;

	ck_assert_int_eq(
		config_document_edit(document, def, CONFIG_ADD, params, &problems), -EEXIST);
	expect_only(&problems, E_EXISTS, "security-groups.default");
	problems_free(&problems);
	ck_assert_int_eq(
		config_document_edit(document, def, CONFIG_DEL, params, &problems), -EBUSY);
	expect_only(&problems, E_SG_IN_USE, "security-groups.default");
	problems_free(&problems);
	ck_assert_uint_eq(json_object_size(document), 0);
	json_object_set_new(params, "stateful", json_false());
	ck_assert_int_eq(config_document_edit(document, def, CONFIG_SET, params, &problems), 0);
	expect_none(&problems);
	json_decref(params);
	params = json_of("{'security-groups': {'default': {'stateful': false}}}");
	ck_assert(json_equal(document, params));
	json_decref(params);
	json_decref(document);
}
END_TEST

static void expect_diff(const char *was_text, const char *is_text, const char *expected)
{
	json_t *was = json_of(was_text), *is = json_of(is_text), *json = json_of(expected);
	json_t *lines = config_diff(was, is);
	char *text = json_dumps(lines, 0);

	ck_assert_msg(json_equal(lines, json), "%s", text);
	free(text);
	json_decref(json);
	json_decref(lines);
	json_decref(is);
	json_decref(was);
}

START_TEST(differences_are_commands)
{
	expect_diff("{}",
		"{'security-groups': {'default': {'stateful': false}, 'web': {}},"
		" 'sessions': {'udp': 60}}",
		"['set security-group default stateful false', 'add security-group web',"
		" 'add sessions']");
	expect_diff("{'security-groups': {'default': {'rules': []}, 'web': {}}}", "{}",
		"['del security-group web', 'set security-group default rules default']");
	expect_diff("{'ports': {'p': {}}, 'security-groups': {'default': {'rules': []}}}",
		"{'ports': {'p': {'security-groups': [], 'allowed-address-pairs': ["
		"{'address': '10.0.0.5'}, {'address': '10.0.0.0/8', 'mac': '02:00:00:00:00:01'}]}},"
		" 'security-groups': {'default': {'rules': [{'direction': 'egress'}]}}}",
		"['set security-group default rules [{\\'direction\\':\\'egress\\'}]',"
		" 'set port p security-groups none"
		" allowed-address-pairs 10.0.0.5,10.0.0.0/8@02:00:00:00:00:01']");
	expect_diff("{'ports': {'p': {'security-groups': ['a', 'default']}}}",
		"{'ports': {'p': {}}}", "['set port p security-groups default']");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_rule_makes_its_one_problem,
		item_17_six_wrong_rules_six_errors,
		item_18_three_wrong_pairs_three_errors,
		ten_pairs_and_other_macs_are_fine,
		groups_in_use_stay,
		port_security_goes_off_when_nothing_needs_it,
		filtered_ports_are_in_the_group_default,
		trusted_and_open_ports_are_not_filtered,
		the_group_default_is_always_there,
		rules_have_one_form,
		members_are_addresses_and_pairs_of_ports_and_those_of_other_nodes,
		a_thousand_rules_differ,
		a_mistake_hides_only_what_comes_of_it,
		single_rules_are_added_and_deleted,
		rules_of_the_group_default_begin_with_its_own,
		rules_that_can_not_be_edited,
		the_group_default_is_set_but_neither_added_nor_deleted,
		differences_are_commands,
	};

	return suite_main("config_security", tests, ARRAY_SIZE(tests));
}
