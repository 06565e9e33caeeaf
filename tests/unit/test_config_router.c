// SPDX-License-Identifier: BSD-3-Clause
// Routers and floating IPs.

#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "model/fields.h"
#include "rpc/config_json.h"
#include "suite.h"

// The node with the networks and subnets of the examples.
#define CLOUD                                                                                      \
	"{'networks': {"                                                                           \
	"   'vxlan2': {'segments': [{'type': 'vxlan', 'id': 2}]},"                                 \
	"   'inside': {'segments': [{'type': 'flat', 'uplink': 'inside'}], 'external': true},"     \
	"   'provider': {'external': true}},"                                                      \
	" 'subnets': {"                                                                            \
	"   'provider': {'network': 'provider', 'cidr': '172.16.1.0/24'},"                         \
	"   'inside': {'network': 'inside', 'cidr': '10.1.0.0/24'},"                               \
	"   'vlan1001': {'network': 'vlan1001', 'cidr': '172.17.0.0/24'},"                         \
	"   'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.0/24',"                              \
	"     'pools': ['172.16.1.10-172.16.1.100']},"                                             \
	"   'vxlan2': {'network': 'vxlan2', 'cidr': '172.16.2.0/24'}},"                            \
	" 'ports': {'vxlan2-1': {'network': 'vxlan2', 'addresses': ['172.16.2.19']},"              \
	"   'router-port': {'network': 'vxlan2', 'mac': 'fa:16:3e:a9:bd:74',"                      \
	"     'addresses': ['172.16.2.7']}}"

// And a router with a gateway, and a floating IP.
#define ROUTER                                                                                     \
	CLOUD ", 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2'],"                            \
	      "   'gateway': {'network': 'inside', 'address': '10.1.0.83'},"                       \
	      "   'routes': [{'destination': '10.8.0.0/16', 'nexthop': '172.16.2.9'}]}},"          \
	      " 'floating-ips': {'10.1.0.50': {'network': 'inside', 'port': 'vxlan1-1'}}}"

#define R(keys) "{'routers': {'r': {" keys "}}}"
#define F(keys) "{'floating-ips': {'10.1.0.60': {'network': 'inside', " keys "}}}"

// On the node of ROUTER with nothing in force.
static const struct rule rules[] = {
	// R1, R2, R3
	{E_REFERENCE, "routers.r.interfaces[2].subnet",
		R("'interfaces': ['vxlan1', 'vxlan2', 'gone']")},
	{E_KEY_MISSING, "routers.r.interfaces[2]",
		R("'interfaces': ['vxlan1', 'vxlan2', {'address': '10.0.0.1'}]")},
	{E_KEY_EXCLUSIVE, "routers.r.interfaces[1]",
		R("'interfaces': ['vxlan1', {'subnet': 'vxlan2', 'port': 'router-port'}]")},
	{E_RTR_IF_NO_GW, "routers.r.interfaces[1]", "{'subnets': {'vxlan2': {'gateway': 'none'}}}"},
	{E_RTR_IF_NO_GW, "routers.r.interfaces[1]",
		"{'subnets': {'vxlan2': {'gateway': '10.9.0.1'}}}"},
	{E_PORT_IP_IN_USE, "routers.r.interfaces[0].address",
		"{'ports': {'gw': {'network': 'vxlan1', 'addresses': ['172.16.1.1']}}}"},
	{E_PORT_IP_INVALID, "routers.r.interfaces[1].address",
		R("'interfaces': ['vxlan1', 'vxlan2@172.16.3.1']")},
	{E_PORT_IP_INVALID, "routers.r.interfaces[1].address",
		R("'interfaces': ['vxlan1', 'vxlan2@172.16.2.255']")},
	{E_PORT_MAC_IN_USE, "routers.r.interfaces[1].mac",
		R("'interfaces': ['vxlan1', 'vxlan2@172.16.2.1@fa:16:3e:a9:bd:74']")},
	{E_PORT_MAC_INVALID, "routers.r.interfaces[1].mac",
		R("'interfaces': ['vxlan1', 'vxlan2@172.16.2.1@01:00:5e:00:00:01']")},
	{E_VALUE, "routers.r.interfaces[2]",
		"{'subnets': {'six': {'network': 'vxlan2', 'cidr': '2001:db8::/64'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', 'six']}}}"},
	{E_REFERENCE, "routers.r.interfaces[1].port",
		R("'interfaces': ['vxlan1', {'port': 'gone'}, 'vxlan2']")},
	{E_PORT_IN_USE, "routers.r.interfaces[1].port",
		"{'ports': {'router-port': {'device': 'tap:r'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', {'port': 'router-port'}]}}}"},
	{E_PORT_IN_USE, "routers.r.interfaces[1].port",
		"{'ports': {'router-port': {'owner': 'network:dhcp'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', {'port': 'router-port'}]}}}"},
	{E_PORT_IN_USE, "routers.s.interfaces[0].port",
		"{'routers': {'r': {'interfaces': ['vxlan1', {'port': 'router-port'}]},"
		" 's': {'interfaces': [{'port': 'router-port'}]}}}"},
	{E_RTR_IF_PORT, "routers.r.interfaces[2].port",
		"{'ports': {'p': {'network': 'vlan1001', 'addresses': []}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', {'port': 'p'}]}}}"},
	{E_RTR_IF_PORT, "routers.r.interfaces[2].port",
		"{'subnets': {'more': {'network': 'vlan1001', 'cidr': '172.18.0.0/24'}},"
		" 'ports': {'p': {'network': 'vlan1001', 'addresses':"
		"   ['172.17.0.5', '172.18.0.5']}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', {'port': 'p'}]}}}"},
	{E_RTR_IF_DUP, "routers.r.interfaces[2]",
		R("'interfaces': ['vxlan1', 'vxlan2', 'vxlan2@172.16.2.3']")},
	{E_RTR_IF_DUP, "routers.r.interfaces[2]",
		R("'interfaces': ['vxlan1', 'vxlan2', {'port': 'router-port'}]")},
	// R4, R5, R6
	{E_RTR_OVERLAP, "routers.r.interfaces[2]",
		"{'subnets': {'vlan1001': {'cidr': '172.16.2.128/25'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', 'vlan1001']}}}"},
	{E_RTR_OVERLAP, "routers.s.interfaces[1]",
		"{'routers': {'s': {'interfaces': ['provider', 'vxlan1@172.16.1.2']}}}"},
	{E_RTR_GW_NOT_EXTERNAL, "routers.s.gateway.network",
		"{'routers': {'s': {'gateway': {'network': 'vlan1001'}}}}"},
	{E_REFERENCE, "routers.s.gateway.network",
		"{'routers': {'s': {'gateway': {'network': 'gone'}}}}"},
	{E_KEY_MISSING, "routers.s.gateway.network", "{'routers': {'s': {'gateway': {}}}}"},
	{E_TYPE, "routers.s.gateway", "{'routers': {'s': {'gateway': 'inside'}}}"},
	// R7
	{E_RTR_GW_IP, "routers.r.gateway.address", R("'gateway': {'address': '10.1.0.1'}")},
	{E_RTR_GW_IP, "routers.r.gateway.address", R("'gateway': {'address': '10.1.0.255'}")},
	{E_RTR_GW_IP, "routers.r.gateway.address", R("'gateway': {'address': '10.2.0.83'}")},
	{E_RTR_GW_IP, "routers.r.gateway.address", R("'gateway': {'address': 'x'}")},
	{E_RTR_GW_IP, "routers.s.gateway.address",
		"{'routers': {'s': {'gateway': {'network': 'inside', 'address': '10.1.0.83'}}}}"},
	{E_RTR_GW_IP, "routers.r.gateway.address",
		"{'ports': {'x': {'network': 'inside', 'addresses': ['10.1.0.83']}}}"},
	{E_RTR_GW_IP, "routers.s.gateway.address",
		"{'networks': {'e': {'segments': [{'type': 'vxlan'}], 'external': true}},"
		" 'routers': {'s': {'gateway': {'network': 'e'}}}}"},
	{E_PORT_NO_ADDRESS, "routers.s.gateway.address",
		"{'subnets': {'inside': {'pools': ['10.1.0.83-10.1.0.83']}},"
		" 'routers': {'s': {'gateway': {'network': 'inside'}}}}"},
	// R10
	{E_VALUE, "routers.r.routes[0].destination", R("'routes': ['10.9.0.0/99@172.16.2.9']")},
	{E_VALUE, "routers.r.routes[0].destination", R("'routes': ['2001:db8::/32@172.16.2.9']")},
	{E_VALUE, "routers.r.routes[0].nexthop", R("'routes': ['10.9.0.0/16@2001:db8::1']")},
	{E_PORT_BACKEND_IN_USE, "routers.r.metadata-device",
		R("'metadata-device': 'tap:tap145db8f2-ce'")},
	// F1
	{E_REFERENCE, "floating-ips.10.9.0.1.network",
		"{'floating-ips': {'10.9.0.1': {'network': 'gone'}}}"},
	{E_FIP_NOT_EXTERNAL, "floating-ips.172.17.0.50.network",
		"{'floating-ips': {'172.17.0.50': {'network': 'vlan1001'}}}"},
	{E_FIP_NO_IPV4, "floating-ips.10.9.0.1.network",
		"{'networks': {'e': {'segments': [{'type': 'vxlan'}], 'external': true}},"
		" 'subnets': {'six': {'network': 'e', 'cidr': '2001:db8::/64'}},"
		" 'floating-ips': {'10.9.0.1': {'network': 'e'}}}"},
	{E_FIP_ADDRESS, "floating-ips.10.2.0.1",
		"{'floating-ips': {'10.2.0.1': {'network': 'inside'}}}"},
	{E_FIP_ADDRESS, "floating-ips.10.1.0.1",
		"{'floating-ips': {'10.1.0.1': {'network': 'inside'}}}"},
	{E_FIP_ADDRESS, "floating-ips.10.1.0.255",
		"{'floating-ips': {'10.1.0.255': {'network': 'inside'}}}"},
	{E_FIP_ADDRESS, "floating-ips.10.1.0.83",
		"{'floating-ips': {'10.1.0.83': {'network': 'inside'}}}"},
	{E_FIP_ADDRESS, "floating-ips.web",
		"{'floating-ips': {'web': {'network': 'inside',"
		" 'external-address': '10.1.0.50'}}}"},
	{E_FIP_ADDRESS, "floating-ips.10.1.0.60.external-address",
		F("'external-address': '10.1.0.61'")},
	{E_FIP_EXHAUSTED, "floating-ips.web.external-address",
		"{'subnets': {'inside': {'pools': ['10.1.0.50-10.1.0.50']}},"
		" 'floating-ips': {'web': {'network': 'inside'}}}"},
	// F2 to F5
	{E_REFERENCE, "floating-ips.10.1.0.60.port", F("'port': 'gone'")},
	{E_KEY_MISSING, "floating-ips.10.1.0.60.port", F("'address': '172.16.1.33'")},
	{E_FIP_AMBIGUOUS, "floating-ips.10.1.0.50.address",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.33', '172.16.1.34']}}}"},
	{E_FIP_NO_FIXED, "floating-ips.10.1.0.50.port",
		"{'ports': {'vxlan1-1': {'addresses': []}}}"},
	{E_FIP_NO_FIXED, "floating-ips.10.1.0.50.address",
		"{'floating-ips': {'10.1.0.50': {'address': '172.16.1.34'}}}"},
	{E_FIP_UNREACHABLE, "floating-ips.10.1.0.60.port",
		"{'ports': {'x': {'network': 'vlan1001'}},"
		" 'floating-ips': {'10.1.0.60': {'network': 'inside', 'port': 'x'}}}"},
	{E_FIP_DUP, "floating-ips.10.1.0.60.port", F("'port': 'vxlan1-1'")},
	{E_FIP_PORT, "floating-ips.10.1.0.50.port",
		"{'ports': {'vxlan1-1': {'owner': 'network:dhcp'}}}"},
};

// Against that node in force.
static const struct rule change_rules[] = {
	// S13, S14, N16
	{E_SUB_GW_IN_USE, "subnets.vxlan2.gateway",
		"{'subnets': {'vxlan2': {'gateway': '172.16.2.254'}}}"},
	{E_SUB_IN_USE, "subnets.vxlan2",
		"{'subnets': {'vxlan2': null}, 'ports': {'vxlan2-1': null, 'router-port': null},"
		" 'routers': {'r': {'routes': []}}}"},
	{E_SUB_IN_USE, "subnets.inside", "{'subnets': {'inside': null}, 'floating-ips': null}"},
	{E_NET_IN_USE, "networks.inside",
		"{'networks': {'inside': null}, 'subnets': {'inside': null}, 'floating-ips': "
		"null}"},
	{E_NET_IN_USE, "networks.vxlan2",
		"{'networks': {'vxlan2': null}, 'subnets': {'vxlan2': null},"
		" 'ports': {'vxlan2-1': null, 'router-port': null},"
		" 'routers': {'r': {'routes': []}}}"},
	// R6, with the gateway there first, and with both
	{E_RTR_OVERLAP, "routers.r.interfaces[2]",
		"{'subnets': {'wide': {'network': 'vlan1001', 'cidr': '10.0.0.0/8'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', 'wide']}}}"},
	{E_RTR_OVERLAP, "routers.r.gateway.network",
		"{'subnets': {'more': {'network': 'inside', 'cidr': '172.16.0.0/23'}}}"},
	// R9
	{E_RTR_IF_IN_USE_ROUTE, "routers.r.interfaces", R("'interfaces': ['vxlan1']")},
	{E_RTR_IF_IN_USE_ROUTE, "routers.r.interfaces", R("'interfaces': ['vxlan1', 'vlan1001']")},
	{E_IMMUTABLE, "floating-ips.10.1.0.50.network",
		"{'subnets': {'more': {'network': 'provider', 'cidr': '10.1.0.0/24'}},"
		" 'floating-ips': {'10.1.0.50': {'network': 'provider', 'port': null}}}"},
	{E_IMMUTABLE, "floating-ips.web.external-address",
		"{'floating-ips': {'web': {'network': 'inside',"
		" 'external-address': '10.1.0.61'}}}"},
	// the newcomer is to blame, whatever its name
	{E_FIP_ADDRESS, "floating-ips.a",
		"{'floating-ips': {'a': {'network': 'inside', 'external-address': '10.1.0.60'},"
		" 'web': {'network': 'inside', 'external-address': '10.1.0.60'}}}"},
	{E_FIP_DUP, "floating-ips.10.1.0.40.port",
		"{'floating-ips': {'10.1.0.40': {'network': 'inside', 'port': 'vxlan1-1'}}}"},
	{E_RTR_GW_IP, "routers.a.gateway.address",
		"{'routers': {'a': {'gateway': {'network': 'inside', 'address': '10.1.0.83'}}}}"},
	{E_PORT_IP_IN_USE, "routers.a.interfaces[0].address",
		"{'routers': {'a': {'interfaces': ['vxlan1']}}}"},
	{E_PORT_IP_IN_USE, "ports.a.addresses[0]",
		"{'ports': {'a': {'network': 'vxlan1', 'addresses': ['172.16.1.1']}}}"},
};

START_TEST(each_rule_makes_its_one_problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		try_rule_with(ROUTER, &rules[i], NULL);
}
END_TEST

#define WITH_WEB "{'floating-ips': {'web': {'network': 'inside', 'external-address': '10.1.0.60'}}}"

static struct model *router_model(const char *patch, const struct model *old)
{
	json_t *document = node_with_both(ROUTER, patch);
	struct model *model = good_model(document, old);

	json_decref(document);
	return model;
}

static struct model *cloud_model(const char *patch, const struct model *old)
{
	json_t *document = node_with_both(CLOUD "}", patch);
	struct model *model = good_model(document, old);

	json_decref(document);
	return model;
}

START_TEST(each_rule_of_changes_makes_its_one_problem)
{
	struct model *old = router_model(WITH_WEB, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(change_rules); i++)
		try_rule_with(ROUTER, &change_rules[i], old);
	model_free(old);
}
END_TEST

// A change that is refused with several problems, of which this is one; what it says is in `text`.
static void expect_refused(const char *base, const struct rule *rule, const struct model *old,
	const char *const *words)
{
	json_t *document = node_with_both(base, rule->patch);
	struct problems problems = PROBLEMS_INIT;
	struct model *model = model_of(document, old, &problems);

	expect_among(&problems, rule->symbol, rule->path);
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		ck_assert_msg(strstr(problems.list[0].text, words[i]) != NULL,
			"\"%s\" does not name %s", problems.list[0].text, words[i]);
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}

START_TEST(item_11_the_gateway_network_must_not_overlap)
{
	static const char *const words[] = {
		"172.16.1.0/24", "subnet provider", "subnet vxlan1", NULL};
	struct rule wrong = {E_RTR_OVERLAP, "routers.r.gateway.network",
		"{'routers': {'r': {'interfaces': ['vxlan1'],"
		" 'gateway': {'network': 'provider'}}}}"};
	struct model *old = cloud_model("{'routers': {'r': {'interfaces': ['vxlan1']}}}", NULL);

	expect_refused(CLOUD "}", &wrong, old, words);
	// whether or not it is external
	wrong.patch = "{'networks': {'provider': {'external': false}},"
		      " 'routers': {'r': {'interfaces': ['vxlan1'],"
		      " 'gateway': {'network': 'provider'}}}}";
	expect_refused(CLOUD "}", &wrong, old, words);
	model_free(cloud_model("{'routers': {'r': {'interfaces': ['vxlan1'],"
			       " 'gateway': {'network': 'inside'}}}}",
		old));
	model_free(old);
}
END_TEST

START_TEST(item_12_containment_counts)
{
	static const struct rule wrong = {E_RTR_OVERLAP, "routers.r.interfaces[2]",
		"{'subnets': {'half': {'network': 'vlan1001', 'cidr': '10.1.0.0/25'}},"
		" 'routers': {'r': {'interfaces': ['vxlan1', 'vxlan2', 'half']}}}"};
	struct model *old = router_model(WITH_WEB, NULL);

	try_rule_with(ROUTER, &wrong, old);
	model_free(old);
}
END_TEST

START_TEST(item_13_every_external_subnet_counts)
{
	static const struct rule wrong = {E_RTR_OVERLAP, "routers.r.gateway.network",
		"{'subnets': {'unused': {'network': 'inside', 'cidr': '172.16.2.0/26'}}}"};

	try_rule_with(ROUTER, &wrong, NULL);
}
END_TEST

START_TEST(item_14_a_floating_ip_needs_a_router)
{
	static const struct rule wrong[] = {
		{E_FIP_UNREACHABLE, "floating-ips.10.1.0.50.port",
			"{'floating-ips': {'10.1.0.50': {'network': 'inside',"
			" 'port': 'vxlan1-1'}}}"},
		{E_FIP_UNREACHABLE, "floating-ips.10.1.0.50.port",
			"{'routers': {'r': {'interfaces': ['vxlan1']}},"
			" 'floating-ips': {'10.1.0.50': {'network': 'inside',"
			" 'port': 'vxlan1-1'}}}"},
	};
	struct model *model = router_model("{}", NULL);

	ck_assert_str_eq(model_floating_ip(model, "10.1.0.50")->router, "r");
	model_free(model);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(CLOUD "}", &wrong[i], NULL);
	// without a port it is only reserved
	model_free(cloud_model("{'floating-ips': {'10.1.0.50': {'network': 'inside'}}}", NULL));
}
END_TEST

START_TEST(item_15_what_a_floating_ip_needs_stays)
{
	static const struct rule wrong[] = {
		{E_RTR_GW_IN_USE, "routers.r.gateway", R("'gateway': null")},
		{E_RTR_GW_IN_USE, "routers.r.gateway",
			R("'interfaces': ['vxlan2'], 'gateway': null")},
		{E_RTR_IF_IN_USE_FIP, "routers.r.interfaces", R("'interfaces': ['vxlan2']")},
		{E_RTR_IN_USE, "routers.r", "{'routers': null}"},
	};
	struct model *old = router_model("{}", NULL);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(ROUTER, &wrong[i], old);
	model_free(router_model("{'routers': null, 'floating-ips': null}", old));
	model_free(old);
}
END_TEST

START_TEST(item_16_next_hops)
{
	static const struct rule wrong[] = {
		{E_RTR_ROUTE_NEXTHOP, "routers.r.routes[0].nexthop",
			R("'routes': ['10.9.0.0/16@172.16.3.1']")},
		{E_RTR_ROUTE_SELF, "routers.r.routes[0].nexthop",
			R("'routes': ['10.9.0.0/16@172.16.1.1']")},
		{E_RTR_ROUTE_SELF, "routers.r.routes[0].nexthop",
			R("'routes': ['10.9.0.0/16@10.1.0.83']")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(ROUTER, &wrong[i], NULL);
}
END_TEST

#define WITH_SUBNET(network, cidr)                                                                 \
	"{'subnets': {'more': {'network': '" network "', 'cidr': '" cidr "'}},"                    \
	" 'routers': {'r': {'routes': ['10.9.0.0/16@10.3.0.7']}}}"

// R10: all subnets of the external network are connected, as workers see it.
START_TEST(next_hops_on_any_subnet_of_the_external_network)
{
	static const struct rule wrong[] = {
		{E_RTR_ROUTE_NEXTHOP, "routers.r.routes[0].nexthop",
			WITH_SUBNET("inside", "10.4.0.0/24")},
		{E_RTR_ROUTE_NEXTHOP, "routers.r.routes[0].nexthop",
			WITH_SUBNET("provider", "10.3.0.0/24")},
	};
	struct model *model = router_model(WITH_SUBNET("inside", "10.3.0.0/24"), NULL);

	ck_assert_uint_eq(model->routers[0].n_routes, 1);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		try_rule_with(ROUTER, &wrong[i], NULL);
	model_free(model);
}
END_TEST

// R10: 30 routes, in which repetitions do not count.
START_TEST(static_routes_are_limited)
{
	for (int n = 30; n <= 31; n++) {
		json_t *document = node_with(ROUTER);
		json_t *router = json_object_get(json_object_get(document, "routers"), "r");
		json_t *routes = json_array();
		struct problems problems = PROBLEMS_INIT;
		struct model *model;

		for (int i = 0; i < n; i++)
			json_array_append_new(routes, json_sprintf("10.9.%d.9/24@172.16.2.9", i));
		json_array_append_new(routes, json_string("10.9.0.0/24@172.16.2.9"));
		json_object_set_new(router, "routes", routes);
		model = model_of(document, NULL, &problems);
		ck_assert_uint_eq(model_router(model, "r")->n_routes, n);
		if (n == 30)
			expect_none(&problems);
		else
			expect_only(&problems, E_RTR_ROUTE_LIMIT, "routers.r.routes");
		problems_free(&problems);
		model_free(model);
		json_decref(document);
	}
}
END_TEST

// S12 has the same limit with another number.
START_TEST(host_routes_are_limited)
{
	json_t *document = node_with(ROUTER);
	json_t *subnet = json_object_get(json_object_get(document, "subnets"), "vxlan1");
	struct problems problems = PROBLEMS_INIT;
	json_t *routes = json_array();
	struct model *model;

	for (int i = 0; i < 21; i++)
		json_array_append_new(routes, json_sprintf("10.9.%d.0/24@172.16.1.9", i));
	json_object_set_new(subnet, "routes", routes);
	model = model_of(document, NULL, &problems);
	expect_only(&problems, E_SUB_ROUTE, "subnets.vxlan1.routes");
	problems_free(&problems);
	model_free(model);
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

START_TEST(a_router_is_completed)
{
	struct model *model = cloud_model("{'routers': {'r': {'interfaces': ['vxlan1',"
					  "   'vlan1001@172.17.0.9', {'port': 'router-port'}],"
					  " 'gateway': {'network': 'inside'}}}}",
		NULL);
	const struct router_config *router = model_router(model, "r");
	const struct router_interface *interfaces = router->interfaces;
	char text[MAC_TEXT_LEN];

	ck_ip(interfaces[0].address, "172.16.1.1");
	ck_ip(interfaces[1].address, "172.17.0.9");
	ck_ip(interfaces[2].address, "172.16.2.7");
	ck_assert(!mac_is_zero(&interfaces[0].mac) && !mac_is_zero(&interfaces[1].mac));
	ck_assert_str_eq(mac_format(&interfaces[2].mac, text), "fa:16:3e:a9:bd:74");
	ck_assert_str_eq(interfaces[2].subnet, "vxlan2");
	ck_ip(router->gateway.address, "10.1.0.2");
	ck_assert_str_eq(router->gateway.subnet, "inside");
	ck_assert(!mac_is_zero(&router->gateway.mac) && router->gateway.enable_snat);
	ck_assert_str_eq(model_port(model, "router-port")->router, router->name);
	ck_assert_ptr_null(model_port(model, "vxlan2-1")->router);
	ck_assert(port_is_trusted(model_port(model, "router-port")));
	ck_assert_uint_eq(model_port(model, "router-port")->security_groups.n, 0);
	ck_assert(model_subnet_routed(model, model_subnet(model, "vxlan1")));
	ck_assert(!model_subnet_routed(model, model_subnet(model, "vlan1001")));
	model_free(model);
}
END_TEST

// P10.
START_TEST(the_port_of_a_router_can_not_be_deleted)
{
	static const struct rule wrong = {E_PORT_SERVICE, "ports.router-port",
		"{'routers': {'r': {'interfaces': [{'port': 'router-port'}]}},"
		" 'ports': {'router-port': null}}"};
	struct model *old =
		cloud_model("{'routers': {'r': {'interfaces': [{'port': 'router-port'}]}}}", NULL);

	try_rule_with(CLOUD "}", &wrong, old);
	model_free(old);
}
END_TEST

// F5 and R2 exclude each other.
START_TEST(a_port_of_a_router_has_no_floating_ip)
{
	static const struct rule wrong = {E_FIP_PORT, "floating-ips.10.1.0.60.port",
		"{'routers': {'r': {'interfaces': ['vxlan1', {'port': 'router-port'}]}},"
		" 'floating-ips': {'10.1.0.60': {'network': 'inside',"
		" 'port': 'router-port'}}}"};

	expect_refused(ROUTER, &wrong, NULL, NULL);
}
END_TEST

START_TEST(a_floating_ip_is_named_or_taken_from_the_pools)
{
	struct model *model =
		router_model("{'floating-ips': {'web': {'network': 'inside', 'port': 'vxlan2-1'},"
			     " 'spare': {'network': 'inside'}}}",
			NULL);
	struct model *again = router_model(
		"{'floating-ips': {'a': {'network': 'inside'}, 'web': {'network': 'inside'}}}",
		model);

	ck_ip(model_floating_ip(model, "10.1.0.50")->external, "10.1.0.50");
	ck_ip(model_floating_ip(model, "10.1.0.50")->fixed, "172.16.1.33");
	ck_ip(model_floating_ip(model, "spare")->external, "10.1.0.2");
	ck_ip(model_floating_ip(model, "web")->external, "10.1.0.3");
	ck_ip(model_floating_ip(model, "web")->fixed, "172.16.2.19");
	ck_ip(model_floating_ip(again, "web")->external, "10.1.0.3");
	ck_ip(model_floating_ip(again, "a")->external, "10.1.0.2");
	model_free(again);
	model_free(model);
}
END_TEST

// F3: of two routers the one that is the gateway of the subnet.
START_TEST(the_gateway_of_the_subnet_is_preferred)
{
	struct model *model = router_model("{'routers': {'a': {'interfaces': ['vxlan1@172.16.1.2'],"
					   " 'gateway': {'network': 'inside'}}}}",
		NULL);

	ck_assert_str_eq(model_floating_ip(model, "10.1.0.50")->router, "r");
	model_free(model);
}
END_TEST

START_TEST(item_124_generated_values_stay)
{
	static const char patch[] = "{'routers': {'s': {'interfaces': ['vlan1001'],"
				    " 'gateway': {'network': 'inside'}}}}";
	struct model *first = router_model(patch, NULL), *second = router_model(patch, first);
	const struct router_config *was = model_router(first, "s"), *is = model_router(second, "s");

	ck_assert(mac_equal(&was->interfaces[0].mac, &is->interfaces[0].mac));
	ck_assert(mac_equal(&was->gateway.mac, &is->gateway.mac));
	ck_assert(ip_equal(&was->gateway.address, &is->gateway.address));
	model_free(second);
	model_free(first);
}
END_TEST

// What follows from other objects is not written down.
START_TEST(derived_values_are_not_frozen)
{
	struct model *model = router_model("{}", NULL);
	json_t *document = config_encode(model);
	json_t *router = json_object_get(json_object_get(document, "routers"), "r");
	json_t *interface = json_array_get(json_object_get(router, "interfaces"), 0);
	json_t *fip = json_object_get(json_object_get(document, "floating-ips"), "10.1.0.50");
	struct model *again = good_model(document, model);

	ck_assert_ptr_null(json_object_get(interface, "address"));
	ck_assert_ptr_nonnull(json_object_get(interface, "mac"));
	ck_assert_uint_eq(json_object_size(fip), 2);
	model_free(again);
	json_decref(document);
	model_free(model);
}
END_TEST

// Members of groups are ports on other nodes too, but no router's.
START_TEST(ports_without_a_device_are_members)
{
	struct model *model =
		cloud_model("{'routers': {'r': {'interfaces': [{'port': 'router-port'}]}}}", NULL);
	struct prefix_list members =
		model_group_members(model, DEFAULT_GROUP, RULE_IPV4, model->arena);

	ck_assert_uint_eq(members.n, 2);
	ck_ip(members.list[0].addr, "172.16.1.33");
	ck_ip(members.list[1].addr, "172.16.2.19");
	model_free(model);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_rule_makes_its_one_problem,
		each_rule_of_changes_makes_its_one_problem,
		item_11_the_gateway_network_must_not_overlap,
		item_12_containment_counts,
		item_13_every_external_subnet_counts,
		item_14_a_floating_ip_needs_a_router,
		item_15_what_a_floating_ip_needs_stays,
		item_16_next_hops,
		next_hops_on_any_subnet_of_the_external_network,
		static_routes_are_limited,
		host_routes_are_limited,
		a_router_is_completed,
		the_port_of_a_router_can_not_be_deleted,
		a_port_of_a_router_has_no_floating_ip,
		a_floating_ip_is_named_or_taken_from_the_pools,
		the_gateway_of_the_subnet_is_preferred,
		item_124_generated_values_stay,
		derived_values_are_not_frozen,
		ports_without_a_device_are_members,
	};

	return suite_main("config_router", tests, ARRAY_SIZE(tests));
}
