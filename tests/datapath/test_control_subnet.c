// SPDX-License-Identifier: BSD-3-Clause
// Subnets, routers and floating IPs through requests: what is stored, what is told of them, and
// what can not go. That a refused request changes nothing (item 19) is checked by
// env_call_refused().

#include <stdlib.h>
#include <string.h>

#include "control_env.h"

#define REFUSED_BY_RULE 1

#define CLOUD                                                                                      \
	"{" NODE ", 'networks': {" NETWORK_VXLAN1 ", " NETWORK_VLAN1001 ","                        \
	"   'inside': {'segments': [{'type': 'flat', 'uplink': 'inside'}], 'external': true},"     \
	"   'provider': {'segments': [{'type': 'flat', 'uplink': 'provider'}],"                    \
	"     'external': true}},"                                                                 \
	" 'subnets': {'provider': {'network': 'provider', 'cidr': '172.16.1.0/24'},"               \
	"   'inside': {'network': 'inside', 'cidr': '10.1.0.0/24'}},"                              \
	" 'ports': {'a': {'network': 'vxlan1', 'device': 'fake:a',"                                \
	"   'mac': 'fa:16:3e:00:00:0a', 'addresses': []}}}"

static void expect(const json_t *result, const char *text)
{
	json_t *wanted = env_json(text);
	char *got = json_dumps(result, JSON_ENCODE_ANY);

	ck_assert_msg(json_equal(result, wanted), "%s instead of %s", got, text);
	free(got);
	json_decref(wanted);
}

// A cloud with the subnet of vxlan1, a router and a floating IP, made request by request.
static void make_cloud(void)
{
	env_accept(CLOUD);
	env_call("subnet.add", "{'name': 'vxlan1', 'network': 'vxlan1', 'cidr': '172.16.1.10/24',"
			       " 'pools': ['172.16.1.10-172.16.1.100']}");
	env_call("port.set", "{'name': 'a', 'addresses': null}");
	env_call("router.add", "{'name': 'r', 'interfaces': [{'subnet': 'vxlan1',"
			       " 'mac': 'fa:16:3e:dd:e1:a2'}]}");
	env_call("router.set", "{'name': 'r', 'gateway': {'network': 'inside',"
			       " 'address': '10.1.0.83', 'mac': 'fa:16:3e:ce:1a:6b'}}");
	env_call("floating-ip.add", "{'name': '10.1.0.50', 'network': 'inside', 'port': 'a'}");
}

START_TEST(item_5_host_bits_are_cleared)
{
	env_accept(CLOUD);
	expect(env_call("subnet.add", "{'name': 's', 'network': 'vxlan1',"
				      " 'cidr': '172.16.1.10/24'}"),
		"{'name': 's', 'network': 'vxlan1', 'cidr': '172.16.1.0/24'}");
}
END_TEST

START_TEST(items_6_to_9_refused_subnets_leave_nothing)
{
	static const struct {
		enum error_symbol symbol;
		const char *params;
	} wrong[] = {
		{E_SUB_OVERLAP, "{'name': 'x', 'network': 'vxlan1', 'cidr': '172.16.1.0/24'}"},
		{E_SUB_POOL_PARSE, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				   " 'pools': ['172,16.1.100']}"},
		{E_SUB_POOL_INVALID, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				     " 'pools': ['172.16.1.100-172.16.1.10']}"},
		{E_SUB_POOL_OUTSIDE, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				     " 'pools': ['172.16.1.0-172.16.1.20']}"},
		{E_SUB_POOL_OVERLAP, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				     " 'pools': ['172.16.1.10-172.16.1.20',"
				     " '172.16.1.15-172.16.1.25']}"},
		{E_SUB_GW_IN_POOL, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				   " 'gateway': '172.16.1.15',"
				   " 'pools': ['172.16.1.10-172.16.1.100']}"},
		{E_SUB_GW_INVALID, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
				   " 'gateway': '172.16.1.255'}"},
		{E_SUB_DHCP_CIDR, "{'name': 'x', 'network': 'vlan1001', 'cidr': '172.16.1.0/31',"
				  " 'dhcp': {'mode': 'responder'}}"},
	};

	make_cloud();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		env_call_refused("subnet.add", wrong[i].params, wrong[i].symbol, REFUSED_BY_RULE);
	ck_assert_ptr_null(model_subnet(control_model(env.control), "x"));
}
END_TEST

// A set merges the objects inside the object; null takes one of their keys away.
START_TEST(keys_of_dhcp_change_alone)
{
	make_cloud();
	env_call("subnet.set", "{'name': 'vxlan1', 'dhcp': {'mode': 'responder', 'lease': 600,"
			       " 'mac': 'fa:16:3e:31:14:a6'}}");
	expect(env_call("subnet.set", "{'name': 'vxlan1', 'dhcp': {'lease': null,"
				      " 'force-metadata': true}}"),
		"{'name': 'vxlan1', 'network': 'vxlan1', 'cidr': '172.16.1.0/24',"
		" 'pools': ['172.16.1.10-172.16.1.100'], 'dhcp': {'mode': 'responder',"
		" 'address': '172.16.1.11', 'mac': 'fa:16:3e:31:14:a6',"
		" 'force-metadata': true}}");
	ck_assert_uint_eq(
		json_array_size(env_call("subnet.list", "{'dhcp': {'mode': 'responder'}}")), 1);
	ck_assert_uint_eq(
		json_array_size(env_call("subnet.list", "{'dhcp': {'mode': 'external'}}")), 0);
}
END_TEST

START_TEST(lists_tell_what_belongs_together)
{
	const json_t *list;

	make_cloud();
	list = env_call("subnet.list", "{'name': 'vxlan1'}");
	expect(json_object_get(json_array_get(list, 0), "state"),
		"{'addresses': 1, 'router': 'r'}");
	list = env_call("router.list", "{}");
	expect(json_object_get(json_array_get(list, 0), "state"),
		"{'floating-ips': ['10.1.0.50']}");
	expect(env_call("floating-ip.list", "{'port': 'a'}"),
		"[{'name': '10.1.0.50', 'network': 'inside', 'external-address': '10.1.0.50',"
		" 'port': 'a', 'address': '172.16.1.10', 'state': {'router': 'r'}}]");
}
END_TEST

START_TEST(items_11_and_12_overlaps_change_nothing)
{
	make_cloud();
	env_call("floating-ip.del", "{'name': '10.1.0.50'}");
	env_call_refused("router.set",
		"{'name': 'r', 'gateway': {'network': 'provider',"
		" 'address': null}}",
		E_RTR_OVERLAP, REFUSED_BY_RULE);
	env_call("subnet.add", "{'name': 'half', 'network': 'vlan1001', 'cidr': '10.1.0.0/25'}");
	env_call_refused("router.set", "{'name': 'r', 'interfaces': ['vxlan1', 'half']}",
		E_RTR_OVERLAP, REFUSED_BY_RULE);
}
END_TEST

START_TEST(item_15_what_is_in_use_stays)
{
	make_cloud();
	env_call_refused(
		"router.set", "{'name': 'r', 'gateway': null}", E_RTR_GW_IN_USE, REFUSED_BY_RULE);
	env_call_refused("router.set", "{'name': 'r', 'interfaces': []}", E_RTR_IF_IN_USE_FIP,
		REFUSED_BY_RULE);
	env_call_refused("router.del", "{'name': 'r'}", E_RTR_IN_USE, REFUSED_BY_RULE);
	env_call_refused("subnet.del", "{'name': 'vxlan1'}", E_SUB_IN_USE, REFUSED_BY_RULE);
	env_call_refused("subnet.del", "{'name': 'inside'}", E_SUB_IN_USE, REFUSED_BY_RULE);
	env_call_refused("subnet.set", "{'name': 'vxlan1', 'gateway': '172.16.1.9'}",
		E_SUB_GW_IN_USE, REFUSED_BY_RULE);
	env_call_refused("network.del", "{'name': 'inside'}", E_NET_IN_USE, REFUSED_BY_RULE);
	env_call("floating-ip.set", "{'name': '10.1.0.50', 'port': null}");
	env_call("floating-ip.del", "{'name': '10.1.0.50'}");
	env_call_refused("router.del", "{'name': 'r'}", E_RTR_IN_USE, REFUSED_BY_RULE);
	env_call("router.set", "{'name': 'r', 'interfaces': [], 'gateway': null}");
	env_call("router.del", "{'name': 'r'}");
	env_call("port.del", "{'name': 'a'}");
	env_call("subnet.del", "{'name': 'vxlan1'}");
}
END_TEST

// N16: its subnets and their service port go with a network.
START_TEST(a_network_takes_its_subnets_along)
{
	make_cloud();
	env_call("subnet.set", "{'name': 'provider', 'dhcp': {'mode': 'responder'}}");
	env_call("network.del", "{'name': 'provider'}");
	ck_assert_ptr_null(model_subnet(control_model(env.control), "provider"));
	ck_assert_ptr_nonnull(model_subnet(control_model(env.control), "inside"));
}
END_TEST

// P10, and a port that a router has given back.
START_TEST(a_port_that_is_an_interface_stays)
{
	make_cloud();
	env_call("subnet.add", "{'name': 'v', 'network': 'vlan1001', 'cidr': '172.17.0.0/24'}");
	env_call("port.add", "{'name': 'p', 'network': 'vlan1001'}");
	env_call("router.set", "{'name': 'r', 'interfaces': ['vxlan1', {'port': 'p'}]}");
	env_call_refused("port.del", "{'name': 'p'}", E_PORT_SERVICE, REFUSED_BY_RULE);
	env_call("router.set", "{'name': 'r', 'interfaces': ['vxlan1']}");
	env_call("port.del", "{'name': 'p'}");
}
END_TEST

// It has no attachment, but it is a port.
START_TEST(a_port_without_a_device_has_no_attachment)
{
	make_cloud();
	env_call("port.add", "{'name': 'far', 'network': 'vxlan1'}");
	ck_assert_uint_eq(control_attachment_id(env.control, "port far"), 0);
	expect(json_object_get(
		       json_array_get(env_call("port.list", "{'name': 'far'}"), 0), "state"),
		"{'link': null}");
	expect(json_object_get(json_array_get(env_call("security-group.list", "{}"), 0), "state"),
		"{'ports': 2}");
	// To ask for what is of it is not to ask for all.
	env_learn("vxlan1", "52:54:00:00:00:01", control_attachment_id(env.control, "port a"));
	expect(env_call("fdb.list", "{'port': 'far'}"), "[]");
	expect(env_call("fdb.flush", "{'port': 'far'}"), "{'flushed': 0}");
	ck_assert_uint_ne(env_fdb("vxlan1", "52:54:00:00:00:01"), 0);
	env_call("port.set", "{'name': 'far', 'device': 'fake:far'}");
	ck_assert_uint_ne(control_attachment_id(env.control, "port far"), 0);
	env_call("port.set", "{'name': 'far', 'device': null}");
	ck_assert_uint_eq(control_attachment_id(env.control, "port far"), 0);
}
END_TEST

START_TEST(differences_are_told_key_by_key)
{
	json_t *document, *params;
	char *text;

	make_cloud();
	document = json_deep_copy(env_call("config.get", "{}"));
	json_object_set_new(json_object_get(json_object_get(document, "subnets"), "provider"),
		"dhcp", env_json("{'mode': 'off', 'lease': 600}"));
	json_object_set_new(
		json_object_get(
			json_object_get(json_object_get(document, "routers"), "r"), "gateway"),
		"enable-snat", json_false());
	params = json_pack("{s:o}", "config", document);
	text = json_dumps(params, 0);
	expect(env_call("config.check", text), "{'changes': ['set subnet provider dhcp.lease 600',"
					       " 'set router r gateway.enable-snat false']}");
	free(text);
	json_decref(params);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		item_5_host_bits_are_cleared,
		items_6_to_9_refused_subnets_leave_nothing,
		keys_of_dhcp_change_alone,
		lists_tell_what_belongs_together,
		items_11_and_12_overlaps_change_nothing,
		item_15_what_is_in_use_stays,
		a_network_takes_its_subnets_along,
		a_port_that_is_an_interface_stays,
		a_port_without_a_device_has_no_attachment,
		differences_are_told_key_by_key,
	};

	return env_main("control_subnet", tests, ARRAY_SIZE(tests));
}
