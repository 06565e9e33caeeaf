// SPDX-License-Identifier: BSD-3-Clause
// Subnets, what their pools give out, and the service ports of networks.

#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "model/fields.h"
#include "rpc/config_json.h"
#include "suite.h"

// vxlan1 with the subnet of the examples.
#define SUBNET                                                                                     \
	"{'subnets': {'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.10/24',"                   \
	" 'pools': ['172.16.1.10-172.16.1.100']}}}"

#define KEYS(keys) "{'subnets': {'vxlan1': {" keys "}}}"

// With nothing in force.
static const struct rule rules[] = {
	{E_KEY_MISSING, "subnets.vxlan1.cidr", KEYS("'cidr': null")},
	{E_KEY_MISSING, "subnets.vxlan1.network", KEYS("'network': null")},
	{E_REFERENCE, "subnets.vxlan1.network", KEYS("'network': 'gone'")},
	// S1, S2
	{E_SUB_CIDR, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '172.16.1.0'}}}"},
	{E_SUB_CIDR, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '172.16.1.0/33'}}}"},
	{E_SUB_CIDR_ZERO, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '0.0.0.0/0'}}}"},
	{E_SUB_CIDR_ZERO, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '::/0'}}}"},
	// S3
	{E_SUB_OVERLAP, "subnets.vxlan1.cidr",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.0.0/16'}}}"},
	{E_SUB_OVERLAP, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.1.128/25'}}}"},
	// S5
	{E_SUB_DHCP_CIDR, "subnets.a.dhcp.mode",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '0.0.0.0/8',"
		" 'dhcp': {'mode': 'responder'}}}}"},
	{E_SUB_DHCP_CIDR, "subnets.a.dhcp.mode",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '2001:db8::/127',"
		" 'dhcp': {'mode': 'external', 'device': 'tap:d'}}}}"},
	{E_SUB_DHCP_CIDR, "subnets.a.dhcp.mode",
		"{'subnets': {'a': {'network': 'vlan1001', 'cidr': '2001:db8::/64',"
		" 'dhcp': {'mode': 'responder'}}}}"},
	// S6
	{E_SUB_GW_INVALID, "subnets.vxlan1.gateway", KEYS("'gateway': '172.16.1.0'")},
	{E_SUB_GW_INVALID, "subnets.vxlan1.gateway", KEYS("'gateway': '224.0.0.1'")},
	{E_SUB_GW_INVALID, "subnets.vxlan1.gateway", KEYS("'gateway': '2001:db8::1'")},
	{E_SUB_GW_INVALID, "subnets.vxlan1.gateway", KEYS("'gateway': 'first'")},
	// S7 to S11
	{E_TYPE, "subnets.vxlan1.pools[0]", KEYS("'pools': [7]")},
	{E_SUB_POOL_PARSE, "subnets.vxlan1.pools[0]", KEYS("'pools': ['172.16.1.10']")},
	{E_SUB_POOL_PARSE, "subnets.vxlan1.pools[0]", KEYS("'pools': ['172.16.1.10-fd00::1']")},
	{E_SUB_POOL_OUTSIDE, "subnets.vxlan1.pools[1]",
		KEYS("'pools': ['172.16.1.10-172.16.1.100', '172.16.1.200-172.16.1.255']")},
	{E_SUB_POOL_OUTSIDE, "subnets.vxlan1.pools[0]", KEYS("'pools': ['fd00::1-fd00::2']")},
	{E_SUB_POOL_OVERLAP, "subnets.vxlan1.pools[2]",
		KEYS("'pools': ['172.16.1.50-172.16.1.60', '172.16.1.70-172.16.1.80',"
		     " '172.16.1.40-172.16.1.50']")},
	// S12
	{E_SUB_DNS, "subnets.vxlan1.dns",
		KEYS("'dns': ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5',"
		     " '10.0.0.6']")},
	{E_SUB_DNS, "subnets.vxlan1.dns[0]", KEYS("'dns': ['2001:db8::53']")},
	{E_SUB_DNS, "subnets.vxlan1.dns[1]", KEYS("'dns': ['10.0.0.1', '0.0.0.0']")},
	{E_SUB_DNS, "subnets.vxlan1.dns[0]", KEYS("'dns': ['a.example']")},
	{E_SUB_ROUTE, "subnets.vxlan1.routes[0]", KEYS("'routes': ['10.0.0.0/8@2001:db8::1']")},
	{E_SUB_ROUTE, "subnets.vxlan1.routes[0].nexthop",
		KEYS("'routes': ['10.0.0.0/8@224.0.0.1']")},
	{E_KEY_MISSING, "subnets.vxlan1.routes[0].nexthop", KEYS("'routes': ['10.0.0.0/8']")},
	{E_VALUE, "subnets.vxlan1.routes[0].destination", KEYS("'routes': ['ten@172.16.1.2']")},
	{E_TYPE, "subnets.vxlan1.routes[0]", KEYS("'routes': [1]")},
	// the service port
	{E_TYPE, "subnets.vxlan1.dhcp", KEYS("'dhcp': 'responder'")},
	{E_KEY_UNKNOWN, "subnets.vxlan1.dhcp.time", KEYS("'dhcp': {'time': 1}")},
	{E_VALUE, "subnets.vxlan1.dhcp.mode", KEYS("'dhcp': {'mode': 'on'}")},
	{E_VALUE, "subnets.vxlan1.dhcp.lease", KEYS("'dhcp': {'lease': 119}")},
	{E_VALUE, "subnets.vxlan1.dhcp.domain",
		KEYS("'dhcp': {'mode': 'responder', 'domain': 'a..b'}")},
	{E_VALUE, "subnets.vxlan1.dhcp.domain", KEYS("'dhcp': {'mode': 'off', 'domain': 'a..b'}")},
	{E_KEY_MISSING, "subnets.vxlan1.dhcp.device", KEYS("'dhcp': {'mode': 'external'}")},
	{E_SUB_DHCP_SERVICE, "subnets.vxlan1.dhcp.device",
		KEYS("'dhcp': {'mode': 'responder', 'device': 'tap:d'}")},
	{E_SUB_DHCP_SERVICE, "subnets.vxlan1.dhcp.mode",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
		"   'dhcp': {'mode': 'external', 'device': 'tap:d'}},"
		"   'vxlan1': {'dhcp': {'mode': 'responder'}}}}"},
	{E_SUB_DHCP_SERVICE, "subnets.vxlan1.dhcp.mac",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
		"   'dhcp': {'mode': 'responder', 'mac': 'fa:16:3e:00:00:01'}},"
		"   'vxlan1': {'dhcp': {'mode': 'responder', 'mac': 'fa:16:3e:00:00:02'}}}}"},
	{E_SUB_DHCP_SERVICE, "subnets.vxlan1.dhcp.device",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
		"   'dhcp': {'mode': 'external', 'device': 'tap:c'}},"
		"   'vxlan1': {'dhcp': {'mode': 'external', 'device': 'tap:d'}}}}"},
	{E_SUB_DHCP_SERVICE, "subnets.vxlan1.dhcp.metadata-device",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
		"   'dhcp': {'mode': 'responder', 'metadata-device': 'tap:c'}},"
		"   'vxlan1': {'dhcp': {'mode': 'responder', 'metadata-device': 'tap:d'}}}}"},
	{E_PORT_IP_INVALID, "subnets.vxlan1.dhcp.address",
		KEYS("'dhcp': {'mode': 'responder', 'address': '172.16.2.1'}")},
	{E_PORT_IP_INVALID, "subnets.vxlan1.dhcp.address",
		KEYS("'dhcp': {'mode': 'responder', 'address': '172.16.1.255'}")},
	{E_PORT_IP_IN_USE, "subnets.vxlan1.dhcp.address",
		KEYS("'dhcp': {'mode': 'responder', 'address': '172.16.1.33'}")},
	{E_PORT_MAC_IN_USE, "subnets.vxlan1.dhcp.mac",
		KEYS("'dhcp': {'mode': 'responder', 'mac': 'fa:16:3e:de:6e:86'}")},
	{E_PORT_MAC_INVALID, "subnets.vxlan1.dhcp.mac",
		KEYS("'dhcp': {'mac': '01:00:5e:00:00:01'}")},
	{E_FDB_MAC, "fdb.vxlan1/fa:16:3e:00:00:99",
		KEYS("'dhcp': {'mode': 'responder', 'mac': 'fa:16:3e:00:00:99'}")},
	{E_PORT_BACKEND_IN_USE, "subnets.vxlan1.dhcp.device",
		KEYS("'dhcp': {'mode': 'external', 'device': 'tap:tap145db8f2-ce'}")},
	{E_PORT_BACKEND_IN_USE, "subnets.vxlan1.dhcp.metadata-device",
		KEYS("'dhcp': {'mode': 'responder', 'metadata-device': 'packet:ens20'}")},
	{E_PORT_NO_ADDRESS, "subnets.vxlan1.dhcp.address",
		KEYS("'pools': ['172.16.1.33-172.16.1.33'], 'dhcp': {'mode': 'responder'}")},
	// P3, P4
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.2.33']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[1]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.33', '2001:db8::1']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.0']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.255']}}}"},
	{E_PORT_NO_ADDRESS, "ports.b.addresses",
		"{'subnets': {'vxlan1': {'pools': ['172.16.1.33-172.16.1.34']}},"
		" 'ports': {'a': {'network': 'vxlan1'}, 'b': {'network': 'vxlan1'}}}"},
	{E_PORT_NO_ADDRESS, "ports.a.addresses",
		"{'subnets': {'vxlan1': {'pools': []}}, 'ports': {'a': {'network': 'vxlan1'}}}"},
	// names and options of ports
	{E_VALUE, "ports.vxlan1-1.dns-name", "{'ports': {'vxlan1-1': {'dns-name': 'a_b'}}}"},
	{E_VALUE, "ports.vxlan1-1.dns-name", "{'ports': {'vxlan1-1': {'dns-name': '-a'}}}"},
	{E_VALUE, "ports.vxlan1-1.dns-name", "{'ports': {'vxlan1-1': {'dns-name': 'a-.b'}}}"},
	{E_VALUE, "ports.vxlan1-1.dns-name", "{'ports': {'vxlan1-1': {'dns-name': 'a.'}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['255=1']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['6=ns.example.org']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['42=10.0.0.1 10.0.0.300']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['3= ']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['50=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['51=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['52=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['53=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['54=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['55=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['56=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['57=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['61=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['82=hex:05']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[1].code",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['42=10.0.0.1', '42=10.0.0.2']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['26=65536']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['119=hex:0']}}}"},
	{E_VALUE, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['119=hex:0g']}}}"},
	{E_KEY_MISSING, "ports.vxlan1-1.dhcp-options[0].value",
		"{'ports': {'vxlan1-1': {'dhcp-options': ['42']}}}"},
	// N14
	{E_NET_MTU_TOO_SMALL, "networks.vxlan1.mtu",
		"{'networks': {'vxlan1': {'mtu': 1279}},"
		" 'subnets': {'six': {'network': 'vxlan1', 'cidr': '2001:db8::/64'}}}"},
};

// Against that node in force.
static const struct rule change_rules[] = {
	{E_IMMUTABLE, "subnets.vxlan1.cidr",
		KEYS("'cidr': '172.16.0.0/16', 'pools': ['172.16.1.10-172.16.1.100']")},
	{E_IMMUTABLE, "subnets.vxlan1.network", KEYS("'network': 'provider'")},
	{E_SUB_IN_USE, "subnets.vxlan1", "{'subnets': {'vxlan1': null}}"},
	{E_SUB_OVERLAP, "subnets.a.cidr",
		"{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.0.0/16'}}}"},
	{E_NET_IN_USE, "networks.vlan1001", "{'networks': {'vlan1001': null}}"},
};

START_TEST(each_rule_makes_its_one_problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		try_rule_with(SUBNET, &rules[i], NULL);
}
END_TEST

START_TEST(each_rule_of_changes_makes_its_one_problem)
{
	static const char base[] =
		"{'subnets': {'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.10/24',"
		" 'pools': ['172.16.1.10-172.16.1.100']},"
		" 'vlan1001': {'network': 'vlan1001', 'cidr': '172.17.0.0/24'}}}";
	json_t *document = node_with(base);
	struct model *old = good_model(document, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(change_rules); i++)
		try_rule_with(base, &change_rules[i], old);
	model_free(old);
	json_decref(document);
}
END_TEST

static const struct ip_addr *address_of(const char *text)
{
	static struct ip_addr ip;

	ck_assert_int_eq(ip_parse(text, &ip), 0);
	return &ip;
}

#define ck_ip(ip, text) ck_assert(ip_equal(&(ip), address_of(text)))

static struct model *subnet_model(const char *patch, const struct model *old)
{
	json_t *document = node_with_both(SUBNET, patch);
	struct model *model = good_model(document, old);

	json_decref(document);
	return model;
}

// What is stored of a subnet, as a document says it.
static json_t *stored_subnet(const struct model *model, const char *name)
{
	json_t *document = config_encode(model);
	json_t *subnet = json_incref(json_object_get(json_object_get(document, "subnets"), name));

	json_decref(document);
	return subnet;
}

START_TEST(item_5_host_bits_are_cleared)
{
	struct model *model = subnet_model("{}", NULL);
	json_t *subnet = stored_subnet(model, "vxlan1");
	char text[PREFIX_TEXT_LEN];

	ck_assert_str_eq(
		ip_prefix_format(&model_subnet(model, "vxlan1")->cidr, text), "172.16.1.0/24");
	ck_assert_str_eq(json_string_value(json_object_get(subnet, "cidr")), "172.16.1.0/24");
	json_decref(subnet);
	model_free(model);
}
END_TEST

START_TEST(item_6_overlaps_count_within_a_network_only)
{
	struct model *model = subnet_model(
		"{'subnets': {'provider': {'network': 'provider', 'cidr': '172.16.1.0/24',"
		"   'dhcp': {'mode': 'responder', 'address': '172.16.1.10'}},"
		" 'vxlan1': {'dhcp': {'mode': 'responder', 'address': '172.16.1.10'}}}}",
		NULL);
	struct rule again = {E_SUB_OVERLAP, "subnets.vxlan1.cidr",
		"{'subnets': {'again': {'network': 'vxlan1', 'cidr': '172.16.1.0/24'}}}"};

	try_rule_with(SUBNET, &again, NULL);
	again.path = "subnets.again.cidr"; // which came last
	try_rule_with(SUBNET, &again, model);
	model_free(model);
}
END_TEST

START_TEST(item_7_pools_that_are_wrong)
{
	static const struct rule wrong[] = {
		{E_SUB_POOL_PARSE, "subnets.vxlan1.pools[0]",
			KEYS("'pools': ['172.16.1.10-172.16.1.300']")},
		{E_SUB_POOL_PARSE, "subnets.vxlan1.pools[0]", KEYS("'pools': ['172,16.1.100']")},
		{E_SUB_POOL_INVALID, "subnets.vxlan1.pools[0]",
			KEYS("'pools': ['172.16.1.100-172.16.1.10']")},
		{E_SUB_POOL_OUTSIDE, "subnets.vxlan1.pools[0]",
			KEYS("'pools': ['172.16.1.0-172.16.1.20']")},
		{E_SUB_POOL_OVERLAP, "subnets.vxlan1.pools[1]",
			KEYS("'pools': ['172.16.1.10-172.16.1.20', '172.16.1.20-172.16.1.30']")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(SUBNET, &wrong[i], NULL);
}
END_TEST

START_TEST(item_8_gateways)
{
	static const struct rule wrong[] = {
		{E_SUB_GW_IN_POOL, "subnets.vxlan1.pools[0]", KEYS("'gateway': '172.16.1.15'")},
		{E_SUB_GW_INVALID, "subnets.vxlan1.gateway", KEYS("'gateway': '172.16.1.255'")},
	};
	struct model *model = subnet_model(KEYS("'gateway': '10.0.0.1'"), NULL);

	ck_ip(model_subnet(model, "vxlan1")->gateway, "10.0.0.1");
	model_free(model);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(SUBNET, &wrong[i], NULL);
}
END_TEST

START_TEST(item_9_dhcp_needs_a_usable_prefix)
{
	static const char *const cidrs[] = {"172.18.0.0/31", "224.1.0.0/24", "127.0.0.0/24"};

	for (size_t i = 0; i < ARRAY_SIZE(cidrs); i++) {
		json_t *document = node_with("{'subnets': {'a': {'network': 'vlan1001', 'dhcp': "
					     "{'mode': 'responder'}}}}");
		struct problems problems = PROBLEMS_INIT;
		struct model *model;

		json_object_set_new(json_object_get(json_object_get(document, "subnets"), "a"),
			"cidr", json_string(cidrs[i]));
		model = model_of(document, NULL, &problems);
		expect_only(&problems, E_SUB_DHCP_CIDR, "subnets.a.dhcp.mode");
		problems_free(&problems);
		model_free(model);
		json_decref(document);
	}
}
END_TEST

// Item 10 for what is not a port; for ports see test_config_rules.c.
START_TEST(item_10_addresses_are_unique_in_a_network)
{
	static const char both[] =
		"{'subnets': {'vlan1001': {'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
		"   'dhcp': {'mode': 'responder', 'address': '172.16.1.33',"
		"     'mac': 'fa:16:3e:de:6e:86'}}}}";
	struct model *model = subnet_model(both, NULL);

	model_free(model);
}
END_TEST

static void expect_pools(const char *patch, const char *expected)
{
	struct model *model = subnet_model(patch, NULL);
	const struct ip_range_list *pools = &model_subnet(model, "a")->pools;
	char text[4 * IP_TEXT_LEN] = "", ip[IP_TEXT_LEN];

	for (size_t i = 0; i < pools->n; i++) {
		strcat(text, i == 0 ? "" : " ");
		strcat(text, ip_format(&pools->list[i].first, ip));
		strcat(text, "-");
		strcat(text, ip_format(&pools->list[i].last, ip));
	}
	ck_assert_str_eq(text, expected);
	model_free(model);
}

#define ON_VLAN(keys) "{'subnets': {'a': {'network': 'vlan1001', " keys "}}}"

START_TEST(pools_are_all_hosts_but_the_gateway)
{
	expect_pools(ON_VLAN("'cidr': '10.2.0.0/24'"), "10.2.0.2-10.2.0.254");
	expect_pools(ON_VLAN("'cidr': '10.2.0.0/24', 'gateway': 'none'"), "10.2.0.1-10.2.0.254");
	expect_pools(
		ON_VLAN("'cidr': '10.2.0.0/24', 'gateway': '10.2.0.254'"), "10.2.0.1-10.2.0.253");
	expect_pools(ON_VLAN("'cidr': '10.2.0.0/24', 'gateway': '10.2.0.9'"),
		"10.2.0.1-10.2.0.8 10.2.0.10-10.2.0.254");
	expect_pools(
		ON_VLAN("'cidr': '10.2.0.0/24', 'gateway': '10.9.0.1'"), "10.2.0.1-10.2.0.254");
	expect_pools(ON_VLAN("'cidr': '10.2.0.0/30'"), "10.2.0.2-10.2.0.2");
	expect_pools(ON_VLAN("'cidr': '10.2.0.0/31'"), "10.2.0.1-10.2.0.1");
	expect_pools(ON_VLAN("'cidr': '10.2.0.7/32'"), "");
	expect_pools(ON_VLAN("'cidr': '10.2.0.7/32', 'gateway': 'none'"), "10.2.0.7-10.2.0.7");
	expect_pools(
		ON_VLAN("'cidr': '2001:db8::/64'"), "2001:db8::2-2001:db8::ffff:ffff:ffff:ffff");
}
END_TEST

START_TEST(what_is_allowed_is_accepted)
{
	static const char *const good[] = {
		"{}",
		KEYS("'gateway': 'none'"),
		KEYS("'dns': ['0.0.0.0']"),
		KEYS("'dns': ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']"),
		KEYS("'pools': []"),
		KEYS("'pools': ['172.16.1.10-172.16.1.19', '172.16.1.20-172.16.1.30']"),
		KEYS("'routes': [{'destination': '10.0.0.0/8', 'nexthop': '172.16.1.5'}]"),
		KEYS("'dhcp': {'mode': 'external', 'device': 'tap:dhcp'}"),
		// what a subnet without DHCP says about it waits
		KEYS("'dhcp': {'address': '172.16.1.33'}"),
		// one says it for all
		("{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
		 "   'dhcp': {'mode': 'external'}},"
		 "   'vxlan1': {'dhcp': {'mode': 'external', 'device': 'tap:d'}}}}"),
		// P4: outside every pool
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.1', '172.16.1.254']}}}",
		("{'subnets': {'six': {'network': 'vxlan1', 'cidr': '2001:db8::/64'}},"
		 " 'networks': {'vxlan1': {'mtu': 1280}}}"),
		"{'ports': {'vxlan1-1': {'dns-name': 'web-1.example'}}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		model_free(subnet_model(good[i], NULL));
}
END_TEST

// ---- automatic addresses -----------------------------------------------------------------------

static void expect_address(const struct model *model, const char *name, const char *text)
{
	const struct port_config *port = model_port(model, name);
	char ip[IP_TEXT_LEN];

	if (text == NULL) {
		ck_assert_msg(port->addresses.n == 0, "port %s has an address", name);
		return;
	}
	ck_assert_msg(port->addresses.n == 1, "port %s has no address", name);
	ck_assert_str_eq(ip_format(&port->addresses.list[0], ip), text);
}

START_TEST(ports_get_the_lowest_free_address)
{
	struct model *model = subnet_model(
		"{'subnets': {'vxlan1': {'gateway': '172.16.1.9',"
		"   'pools': ['172.16.1.32-172.16.1.34', '172.16.1.10-172.16.1.11'],"
		"   'dhcp': {'mode': 'responder'}}},"
		" 'ports': {'a': {'network': 'vxlan1', 'device': 'tap:a'},"
		"   'b': {'network': 'vxlan1'}, 'c': {'network': 'vxlan1'},"
		"   'd': {'network': 'vxlan1', 'addresses': []}, 'e': {'network': 'vlan1001'}}}",
		NULL);

	ck_ip(model_subnet(model, "vxlan1")->dhcp.address, "172.16.1.32");
	expect_address(model, "a", "172.16.1.34");
	expect_address(model, "b", "172.16.1.10");
	expect_address(model, "c", "172.16.1.11");
	expect_address(model, "d", NULL);
	expect_address(model, "e", NULL); // no subnet there
	model_free(model);
}
END_TEST

START_TEST(a_full_subnet_passes_on_to_the_next)
{
	struct model *model =
		subnet_model("{'subnets': {'vxlan1': {'pools': ['172.16.1.50-172.16.1.50']},"
			     "   'z': {'network': 'vxlan1', 'cidr': '172.16.9.0/24'},"
			     "   'six': {'network': 'vxlan1', 'cidr': '2001:db8::/64'}},"
			     " 'ports': {'a': {'network': 'vxlan1'}, 'b': {'network': 'vxlan1'}}}",
			NULL);

	expect_address(model, "a", "172.16.1.50");
	expect_address(model, "b", "172.16.9.2");
	model_free(model);
}
END_TEST

START_TEST(a_network_of_ipv6_gives_no_address)
{
	struct model *model = subnet_model(
		"{'subnets': {'six': {'network': 'vlan1001', 'cidr': '2001:db8::/64'}},"
		" 'ports': {'a': {'network': 'vlan1001'}}}",
		NULL);

	expect_address(model, "a", NULL);
	model_free(model);
}
END_TEST

#define TWO_PORTS "'b': {'network': 'vxlan1'}, 'c': {'network': 'vxlan1', 'device': 'tap:c'}"

// The document as it was written, again and again: what was generated stays, whatever comes.
START_TEST(item_124_generated_values_stay)
{
	struct model *first =
		subnet_model("{'subnets': {'vxlan1': {'dhcp': {'mode': 'responder'}}},"
			     " 'ports': {" TWO_PORTS "}}",
			NULL);
	struct model *second =
		subnet_model("{'subnets': {'vxlan1': {'dhcp': {'mode': 'responder'}}},"
			     " 'ports': {'a': {'network': 'vxlan1'}, " TWO_PORTS "}}",
			first);
	const struct dhcp_config *was = &model_subnet(first, "vxlan1")->dhcp;
	const struct dhcp_config *is = &model_subnet(second, "vxlan1")->dhcp;

	expect_address(first, "b", "172.16.1.11");
	expect_address(first, "c", "172.16.1.12");
	expect_address(second, "a", "172.16.1.13");
	expect_address(second, "b", "172.16.1.11");
	expect_address(second, "c", "172.16.1.12");
	ck_assert(mac_equal(&model_port(first, "b")->mac, &model_port(second, "b")->mac));
	ck_assert(mac_equal(&was->mac, &is->mac) && !mac_is_zero(&is->mac));
	ck_assert(ip_equal(&was->address, &is->address));
	model_free(second);
	model_free(first);
}
END_TEST

// What another one is given, or what is no longer in a pool, is not kept.
START_TEST(generated_values_make_room)
{
	struct model *first = subnet_model("{'ports': {" TWO_PORTS "}}", NULL);
	struct model *second = subnet_model(
		"{'ports': {'a': {'network': 'vxlan1', 'addresses': ['172.16.1.10']}, " TWO_PORTS
		"}}",
		first);
	struct model *third = subnet_model("{'subnets': {'vxlan1': {'pools':"
					   " ['172.16.1.11-172.16.1.12']}},"
					   " 'ports': {" TWO_PORTS "}}",
		first);

	expect_address(first, "b", "172.16.1.10");
	expect_address(second, "b", "172.16.1.12");
	expect_address(second, "c", "172.16.1.11");
	expect_address(third, "b", "172.16.1.12");
	expect_address(third, "c", "172.16.1.11");
	model_free(third);
	model_free(second);
	model_free(first);
}
END_TEST

START_TEST(thousands_of_ports_get_addresses)
{
	json_t *document =
		node_with("{'subnets': {'s': {'network': 'vlan1001', 'cidr': '10.0.0.0/8'}}}");
	json_t *ports = json_object_get(document, "ports");
	struct model *model;
	char name[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "p%04d", i);
		json_object_set_new(ports, name, json_pack("{s:s}", "network", "vlan1001"));
	}
	model = good_model(document, NULL);
	expect_address(model, "p0000", "10.0.0.2");
	expect_address(model, "p4999", "10.0.19.137");
	model_free(model);
	json_decref(document);
}
END_TEST

// ---- the service port --------------------------------------------------------------------------

START_TEST(the_subnets_of_a_network_share_a_service_port)
{
	struct model *model =
		subnet_model("{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
			     "   'dhcp': {'mode': 'responder'}},"
			     " 'b': {'network': 'vxlan1', 'cidr': '172.16.3.0/24'},"
			     " 'vxlan1': {'dhcp': {'mode': 'responder', 'address': '172.16.1.10',"
			     "   'mac': 'fa:16:3e:31:14:a6', 'metadata-device': 'tap:m'}}}}",
			NULL);
	struct network_service service;
	char text[PREFIX_TEXT_LEN];

	ck_assert(model_network_service(model, "vxlan1", model->arena, &service));
	ck_assert_int_eq(service.mode, DHCP_RESPONDER);
	ck_assert_str_eq(mac_format(&service.mac, text), "fa:16:3e:31:14:a6");
	ck_assert_str_eq(service.metadata_device, "tap:m");
	ck_assert_ptr_null(service.device);
	ck_assert_uint_eq(service.n_subnets, 2);
	ck_assert_str_eq(service.subnets[0]->name, "a");
	ck_assert_uint_eq(service.addresses.n, 4);
	ck_assert_str_eq(ip_prefix_format(&service.addresses.list[0], text), "172.16.2.2/24");
	ck_assert_str_eq(ip_prefix_format(&service.addresses.list[1], text), "172.16.1.10/24");
	ck_assert_str_eq(ip_prefix_format(&service.addresses.list[2], text), "169.254.169.254/32");
	ck_assert_str_eq(ip_prefix_format(&service.addresses.list[3], text), "fe80::a9fe:a9fe/128");
	ck_assert(!model_network_service(model, "vlan1001", model->arena, &service));
	ck_assert(!model_network_service(model, "gone", model->arena, &service));
	model_free(model);
}
END_TEST

// A new MAC is written down once; the others follow it.
START_TEST(a_generated_service_mac_is_said_once)
{
	struct model *model =
		subnet_model("{'subnets': {'a': {'network': 'vxlan1', 'cidr': '172.16.2.0/24',"
			     "   'dhcp': {'mode': 'responder'}},"
			     " 'vxlan1': {'dhcp': {'mode': 'responder'}}}}",
			NULL);
	json_t *first = stored_subnet(model, "a"), *second = stored_subnet(model, "vxlan1");

	ck_assert_ptr_nonnull(json_object_get(json_object_get(first, "dhcp"), "mac"));
	ck_assert_ptr_null(json_object_get(json_object_get(second, "dhcp"), "mac"));
	ck_assert_ptr_nonnull(json_object_get(json_object_get(second, "dhcp"), "address"));
	json_decref(second);
	json_decref(first);
	model_free(model);
}
END_TEST

static void expect_option(
	const struct model *model, size_t i, uint8_t code, const void *data, size_t len)
{
	const struct dhcp_option_config *option = &model_port(model, "vxlan1-1")->dhcp_options[i];

	ck_assert_uint_eq(option->code, code);
	ck_assert_uint_eq(option->len, len);
	ck_assert_mem_eq(option->data, data, len);
}

START_TEST(dhcp_options_become_bytes)
{
	struct model *model =
		subnet_model("{'ports': {'vxlan1-1': {'dhcp-options': ['42=10.0.0.1 10.0.0.2',"
			     " {'code': 26, 'value': '1400', 'forced': true}, '119=hex:03Ff00',"
			     " '17=10.0.0.1 is text', '2=4294967295', '80=hex:', '23=7=true']}}}",
			NULL);
	const struct dhcp_option_config *options = model_port(model, "vxlan1-1")->dhcp_options;

	ck_assert_uint_eq(model_port(model, "vxlan1-1")->n_dhcp_options, 7);
	expect_option(model, 0, 42, "\x0a\0\0\x01\x0a\0\0\x02", 8);
	expect_option(model, 1, 26, "\x05\x78", 2);
	expect_option(model, 2, 119, "\x03\xff\0", 3);
	expect_option(model, 3, 17, "10.0.0.1 is text", 16);
	expect_option(model, 4, 2, "\xff\xff\xff\xff", 4);
	expect_option(model, 5, 80, "", 0);
	expect_option(model, 6, 23, "\x07", 1);
	ck_assert(!options[0].forced && options[1].forced && options[6].forced);
	model_free(model);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_rule_makes_its_one_problem,
		each_rule_of_changes_makes_its_one_problem,
		item_5_host_bits_are_cleared,
		item_6_overlaps_count_within_a_network_only,
		item_7_pools_that_are_wrong,
		item_8_gateways,
		item_9_dhcp_needs_a_usable_prefix,
		item_10_addresses_are_unique_in_a_network,
		pools_are_all_hosts_but_the_gateway,
		what_is_allowed_is_accepted,
		ports_get_the_lowest_free_address,
		a_full_subnet_passes_on_to_the_next,
		a_network_of_ipv6_gives_no_address,
		item_124_generated_values_stay,
		generated_values_make_room,
		thousands_of_ports_get_addresses,
		the_subnets_of_a_network_share_a_service_port,
		a_generated_service_mac_is_said_once,
		dhcp_options_become_bytes,
	};

	return suite_main("config_subnet", tests, ARRAY_SIZE(tests));
}
