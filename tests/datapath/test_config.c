// SPDX-License-Identifier: BSD-3-Clause
// The rules of the configuration as a commit enforces them: conformance items 1-4, 10 and 19.
// Every refused document is checked to leave snapshot, document, devices and FDB untouched.

#include "control_env.h"

#include <string.h>

#define NETWORKS(text) "{" NODE ", 'networks': {" text "}}"
#define VLAN(name, vid)                                                                            \
	"'" name "': {'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': " vid "}]}"
#define VXLAN(name, vni) "'" name "': {'segments': [{'type': 'vxlan', 'id': " vni "}]}"
#define FLAT(name)	 "'" name "': {'segments': [{'type': 'flat', 'uplink': 'provider'}]}"

START_TEST(item_1_vlan_ids)
{
	env_accept(NETWORKS(VLAN("a", "1001")));
	ck_assert_uint_eq(env_attachment("provider.1001")->vid, 1001);
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VLAN("b", "1000")), E_NET_VLAN_OUT_OF_RANGE);
	ck_assert_str_eq(env.problems.list[0].path, "networks.b.segments[0].id");
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VLAN("b", "2001")), E_NET_VLAN_OUT_OF_RANGE);
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VLAN("b", "0")), E_NET_VLAN_INVALID);
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VLAN("b", "4095")), E_NET_VLAN_INVALID);
}
END_TEST

START_TEST(item_2_vnis)
{
	env_accept(NETWORKS(VXLAN("a", "1")));
	ck_assert_uint_eq(env_network("a")->mtu, 1450);
	ck_assert_uint_eq(env_network("a")->vni, 1);
	REFUSE(NETWORKS(VXLAN("a", "1") ", " VXLAN("b", "1001")), E_NET_VNI_OUT_OF_RANGE);
	REFUSE(NETWORKS(VXLAN("a", "1") ", " VXLAN("b", "0")), E_NET_VNI_INVALID);
	REFUSE(NETWORKS(VXLAN("a", "1") ", " VXLAN("b", "16777216")), E_NET_VNI_INVALID);
}
END_TEST

START_TEST(item_3_flat_networks)
{
	const struct device_map *map;

	env_accept(NETWORKS(FLAT("provider")));
	REFUSE(NETWORKS(FLAT("provider") ", " FLAT("second")), E_NET_FLAT_IN_USE);
	env_accept(NETWORKS(FLAT("provider") ", " VLAN("vlan1001", "1001")));
	map = &env_snapshot()->maps[control_device_id(env.control, "fake:ens19")];
	ck_assert_uint_eq(map->untagged, control_attachment_id(env.control, "provider.flat"));
	ck_assert_uint_eq(map->vlans[1001], control_attachment_id(env.control, "provider.1001"));
}
END_TEST

START_TEST(item_4_segments_in_use)
{
	env_accept(NETWORKS(VLAN("a", "1001") ", " VXLAN("b", "1")));
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VXLAN("b", "1") ", " VLAN("c", "1001")),
		E_NET_VLAN_IN_USE);
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VXLAN("b", "1") ", " VXLAN("c", "1")),
		E_NET_VNI_IN_USE);
	REFUSE(NETWORKS(VLAN("a", "1001") ", " VXLAN(
		       "b", "1") ", "
				 "\'c\': {\'segments': [{'type': 'vlan', 'uplink': 'inside', 'id': "
				 "1001}]}"),
		E_NET_PHYSNET_UNKNOWN);
}
END_TEST

#define PORTS(text)                                                                                \
	"{" NODE ", 'networks': {" VXLAN("v1", "1") ", " VXLAN("v2", "2") "}, 'ports': {" text "}" \
									  "}"
#define PORT(name, network, mac, ip)                                                               \
	"'" name "': {'network': '" network "', 'device': 'fake:" name "', 'mac': '" mac           \
	"', 'addresses': ['" ip "']}"
#define MAC_A "fa:16:3e:de:6e:86"
#define MAC_B "fa:16:3e:00:00:02"

START_TEST(item_10_addresses_of_ports)
{
	env_accept(PORTS(PORT("a", "v1", MAC_A, "172.16.1.33")));
	REFUSE(PORTS(PORT("a", "v1", MAC_A, "172.16.1.33") ", " PORT(
		       "b", "v1", MAC_A, "172.16.1.34")),
		E_PORT_MAC_IN_USE);
	REFUSE(PORTS(PORT("a", "v1", MAC_A, "172.16.1.33") ", " PORT(
		       "b", "v1", MAC_B, "172.16.1.33")),
		E_PORT_IP_IN_USE);
	env_accept(PORTS(
		PORT("a", "v1", MAC_A, "172.16.1.33") ", " PORT("b", "v2", MAC_A, "172.16.1.33")));
	ck_assert_uint_eq(env_fdb("v1", MAC_A), control_attachment_id(env.control, "port a"));
	ck_assert_uint_eq(env_fdb("v2", MAC_A), control_attachment_id(env.control, "port b"));
}
END_TEST

START_TEST(item_19_everything_wrong_is_told_at_once)
{
	env_accept(NETWORKS(VLAN("a", "1001")));
	REFUSE("{" NODE ", 'networks': {" VLAN("a", "1001") ", " VLAN("b", "7") ", " VXLAN(
		       "c", "1001") "}, 'ports': {'p': {'network': 'none', 'device': 'fake:p'},"
				    " 'q': {'network': 'a', 'device': 'fake:q', 'colour': 'red'}}}",
		E_NET_VLAN_OUT_OF_RANGE, E_NET_VNI_OUT_OF_RANGE, E_REFERENCE, E_KEY_UNKNOWN);
}
END_TEST

START_TEST(item_19_device_that_does_not_open)
{
	env_accept(PORTS(PORT("a", "v1", MAC_A, "172.16.1.33")));
	env.broken = "bad";
	// The good ones between them are closed again; all bad ones are told.
	REFUSE(PORTS(PORT("a", "v1", MAC_A,
		       "172.16.1.33") ", "
				      "\'b': {'network': 'v1', 'device': 'fake:bad1'}, 'c': "
				      "{'network': 'v1', 'device': 'fake:good'}, 'd': {'network': "
				      "'v2', 'device': 'fake:bad2'}"),
		E_DEV_OPEN, E_DEV_OPEN);
	ck_assert_uint_eq(env.problems.n, 2);
	ck_assert_str_eq(env.problems.list[0].path, "ports.b.device");
	ck_assert_str_eq(env.problems.list[1].path, "ports.d.device");
	ck_assert_uint_eq(control_attachment_id(env.control, "port c"), 0);
	ck_assert_uint_eq(control_device_id(env.control, "fake:good"), 0);
	env.broken = NULL;
	env_accept(PORTS(PORT(
		"a", "v1", MAC_A, "172.16.1.33") ", "
						 "\'c': {'network': 'v1', 'device': 'fake:good'}"));
	ck_assert_uint_eq(env.n_open, 5);
}
END_TEST

START_TEST(item_19_first_document_refused)
{
	env.broken = "ens18";
	REFUSE(NETWORKS(VXLAN("a", "1")), E_DEV_OPEN);
	ck_assert_ptr_null(control_model(env.control));
	env.broken = NULL;
	env_accept(NETWORKS(VXLAN("a", "1")));
	ck_assert_uint_eq(env_network("a")->n_remotes, 2);
}
END_TEST

START_TEST(workers_stay_as_they_are_until_restart)
{
	env_accept("{'workers': {'cores': '0'}, " NODE "}");
	REFUSE("{'workers': {'cores': '0-1'}, " NODE "}", E_IMMUTABLE);
	env_accept("{'workers': {'cores': '0', 'idle': 'spin'}, " NODE "}");
	ck_assert_int_eq(control_model(env.control)->workers.idle, IDLE_SPIN);
}
END_TEST

START_TEST(segment_names_stay_unique)
{
	REFUSE("{'uplinks': {'vxlan': {'device': 'fake:x', 'vlans': '1-10'}}}", E_NAME);
	ck_assert_str_eq(env.problems.list[0].path, "uplinks.vxlan");
}
END_TEST

START_TEST(generated_values_stay)
{
	const json_t *port;
	char *mac;

	env_accept("{" NODE
		   ", 'networks': {'a': {'segments': [{'type': 'vlan', 'uplink': 'provider'}]}},"
		   " 'ports': {'p': {'network': 'a', 'device': 'fake:p'}}}");
	ck_assert_uint_eq(env_attachment("provider.1001")->vid, 1001);
	port = json_object_get(json_object_get(control_document(env.control), "ports"), "p");
	mac = strdup(json_string_value(json_object_get(port, "mac")));
	ck_assert_int_eq(strncmp(mac, "fa:16:3e:", 9), 0);
	// The same text again: the daemon does not roll the dice a second time.
	env_accept("{" NODE
		   ", 'networks': {'a': {'segments': [{'type': 'vlan', 'uplink': 'provider'}]}},"
		   " 'ports': {'p': {'network': 'a', 'device': 'fake:p', 'admin-state': 'down'}}}");
	port = json_object_get(json_object_get(control_document(env.control), "ports"), "p");
	ck_assert_str_eq(json_string_value(json_object_get(port, "mac")), mac);
	free(mac);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {item_1_vlan_ids, item_2_vnis, item_3_flat_networks,
		item_4_segments_in_use, item_10_addresses_of_ports,
		item_19_everything_wrong_is_told_at_once, item_19_device_that_does_not_open,
		item_19_first_document_refused, workers_stay_as_they_are_until_restart,
		segment_names_stay_unique, generated_values_stay};

	return env_main("config", tests, ARRAY_SIZE(tests));
}
