// SPDX-License-Identifier: BSD-3-Clause
// Documents in and out: parsing, decoding, defaults, generated values, the canonical document.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "rpc/config_json.h"
#include "suite.h"

static void expect_parse_error(const char *text, const char *sentence)
{
	struct problems problems = PROBLEMS_INIT;

	ck_assert_ptr_null(config_parse_text(text, strlen(text), &problems));
	expect_only(&problems, E_PARSE, "");
	ck_assert_msg(strstr(problems.list[0].text, sentence) != NULL, "%s lacks \"%s\"",
		problems.list[0].text, sentence);
	problems_free(&problems);
}

START_TEST(parse_errors_tell_line_and_column)
{
	expect_parse_error("", "line 1, column 0");
	expect_parse_error("{\n \"ports\": {,}}", "line 2, column 12");
	expect_parse_error("{\"a\": 1, \"a\": 2}", "duplicate");
	expect_parse_error("{} x", "end of file expected");
	expect_parse_error("[]", "must be one object");
	expect_parse_error("{\"a\": 1 # a comment\n}", "line 1, column 9");
	expect_parse_error("{\"a\": \"\xff\"}", "unable to decode byte 0xff");
}
END_TEST

START_TEST(parse_takes_a_document)
{
	struct problems problems = PROBLEMS_INIT;
	const char *text = "{\"ports\": {}}  trailing text that is not counted";
	json_t *document = config_parse_text(text, 13, &problems);

	expect_none(&problems);
	ck_assert_ptr_nonnull(document);
	json_decref(document);
}
END_TEST

START_TEST(only_an_object_is_a_configuration)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *document = json_of("[]");

	ck_assert_ptr_null(config_decode(document, &problems));
	expect_only(&problems, E_TYPE, "");
	problems_free(&problems);
	json_decref(document);
}
END_TEST

// Kinds that this version does not have are named one by one; the rest is read.
START_TEST(kinds_of_later_versions_are_named)
{
	static const char *const paths[] = {"balancers", "mirrors", "ports.vxlan1-1.rate"};
	json_t *document = node_with("{'balancers': {'b': {'network': 'vxlan1'}},"
				     " 'mirrors': {'m': {'ports': ['vxlan1-1']}},"
				     " 'ports': {'vxlan1-1': {'rate': 1000}}}");
	struct problems problems = PROBLEMS_INIT;
	struct model *model = model_of(document, NULL, &problems);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		expect_among(&problems, E_KEY_UNKNOWN, paths[i]);
	ck_assert_uint_eq(problems.n, ARRAY_SIZE(paths));
	ck_assert_ptr_nonnull(model_port(model, "vxlan1-1"));
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(long_texts_come_back_cut)
{
	char long_text[1000];
	json_t *document = json_of("{}"), *network = json_object(), *networks = json_object();
	struct problems problems = PROBLEMS_INIT;
	struct model *model;

	for (size_t i = 0; i < sizeof(long_text) - 2; i += 2)
		memcpy(long_text + i, "\u00e4", 3);
	json_object_set_new(network, long_text, json_string("x"));
	json_object_set_new(network, "owner", json_string(long_text));
	json_object_set_new(networks, long_text, network);
	json_object_set_new(document, "networks", networks);
	json_object_set_new(document, long_text, json_object());
	model = config_decode(document, &problems);
	ck_assert_uint_eq(problems.n, 5);
	for (size_t i = 0; i < problems.n; i++) {
		json_t *text = json_string(problems.list[i].text); // is UTF-8

		ck_assert_ptr_nonnull(text);
		ck_assert_uint_lt(strlen(problems.list[i].path), 300);
		ck_assert_uint_lt(strlen(problems.list[i].text), 300);
		json_decref(text);
	}
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(decoding_fills_the_structures)
{
	json_t *document = node_with("{}");
	struct model *model = good_model(document, NULL);
	const struct uplink_config *uplink = model_uplink(model, "provider");
	const struct network_config *network = model_network(model, "vlan1001");
	const struct port_config *port = model_port(model, "vxlan1-1");
	char text[PREFIX_TEXT_LEN];

	ck_assert_str_eq(model->workers.cores, "1");
	ck_assert_uint_eq(model->n_uplinks, 3);
	ck_assert_str_eq(model->uplinks[0].name, "inside"); // sorted
	ck_assert_uint_eq(uplink->vlans.n, 1);
	ck_assert_uint_eq(uplink->vlans.list[0].min, 1001);
	ck_assert_uint_eq(uplink->vlans.list[0].max, 2000);
	uplink = model_uplink(model, "underlay");
	ck_assert_str_eq(ip_prefix_format(&uplink->address, text), "192.168.31.104/24");
	ck_assert(model->tunnel.present);
	ck_assert_int_eq(model->tunnel.mode, TUNNEL_HEADEND);
	ck_assert_str_eq(ip_prefix_format(&model->tunnel.group, text), "224.0.0.1/32");
	ck_assert_uint_eq(model->tunnel.remotes.n, 2);
	ck_assert_uint_eq(network->n_segments, 1);
	ck_assert_int_eq(network->segments[0].type, SEGMENT_VLAN);
	ck_assert_str_eq(network->segments[0].uplink, "provider");
	ck_assert_uint_eq(network->segments[0].id, 1001);
	ck_assert_uint_eq(mac_to_u64(&port->mac), 0xfa163ede6e86);
	ck_assert_uint_eq(port->addresses.n, 1);
	ck_assert_str_eq(model->fdb[0].network, "vxlan1");
	ck_assert_uint_eq(mac_to_u64(&model->fdb[0].mac), 0xfa163e000099);
	ck_assert_ptr_null(model_uplink(model, "ens19"));
	ck_assert_ptr_null(model_network(model, ""));
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(defaults_are_those_of_the_tables)
{
	json_t *document =
		json_of("{'uplinks': {'u': {'device': 'tap:u', 'address': '10.0.0.1/24'}},"
			" 'tunnel': {'uplink': 'u'},"
			" 'networks': {'n': {'segments': [{'type': 'vxlan'}]}},"
			" 'ports': {'p': {'network': 'n', 'device': 'tap:p'}}}");
	struct model *model = good_model(document, NULL);
	const struct tunnel_config *tunnel = &model->tunnel;
	char text[PREFIX_TEXT_LEN];

	ck_assert_ptr_null(model->workers.cores);
	ck_assert_int_eq(model->workers.idle, IDLE_ADAPTIVE);
	ck_assert_uint_eq(model->uplinks[0].mtu, 1500);
	ck_assert(model->uplinks[0].up);
	ck_assert(tunnel->enabled);
	ck_assert_uint_eq(tunnel->port, 8472);
	ck_assert_uint_eq(tunnel->vnis.list[0].max, VNI_MAX);
	ck_assert_int_eq(tunnel->mode, TUNNEL_MULTICAST);
	ck_assert(tunnel->group_set);
	ck_assert_str_eq(ip_prefix_format(&tunnel->group, text), "224.0.0.1/32");
	ck_assert_uint_eq(tunnel->source_port_min, 32768);
	ck_assert_uint_eq(tunnel->source_port_max, 60999);
	ck_assert_uint_eq(tunnel->ttl, TTL_AUTO);
	ck_assert_uint_eq(tunnel->tos, 0);
	ck_assert_int_eq(tunnel->df, DF_UNSET);
	ck_assert(tunnel->udp_checksum);
	ck_assert(!tunnel->strict_remotes);
	ck_assert(!tunnel->reserved_ignore);
	ck_assert_uint_eq(tunnel->ageing, 300);
	ck_assert_uint_eq(tunnel->path_mtu, 1500);
	ck_assert_uint_eq(model->networks[0].fdb_limit, 8192);
	ck_assert_uint_eq(model->networks[0].mtu, 1450);
	ck_assert(model->networks[0].up);
	ck_assert(!model->networks[0].drop_unknown_unicast);
	ck_assert(model->ports[0].up);
	ck_assert(!model->ports[0].vlan_transparent);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(mode_and_strictness_follow_the_remotes)
{
	static const struct {
		const char *patch;
		enum tunnel_mode mode;
		bool strict, group;
	} cases[] = {
		{"{'tunnel': {'mode': null, 'group': null}}", TUNNEL_HEADEND, true, false},
		{"{'tunnel': {'mode': null}}", TUNNEL_MULTICAST, false, true},
		{"{'tunnel': {'mode': null, 'group': null, 'remotes': null},"
		 " 'networks': {'vxlan1': {'remotes': ['192.168.31.101']}}}",
			TUNNEL_HEADEND, true, false},
		{"{'tunnel': {'mode': 'headend', 'remotes': null}}", TUNNEL_HEADEND, false, true},
		{"{'tunnel': {'mode': 'both', 'group': null}}", TUNNEL_BOTH, false, true},
		{"{'tunnel': {'strict-remotes': false}}", TUNNEL_HEADEND, false, true},
		{"{'tunnel': {'mode': 'multicast', 'strict-remotes': true}}", TUNNEL_MULTICAST,
			true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *document = node_with(cases[i].patch);
		struct model *model = good_model(document, NULL);

		ck_assert_int_eq(model->tunnel.mode, cases[i].mode);
		ck_assert_int_eq(model->tunnel.strict_remotes, cases[i].strict);
		ck_assert_int_eq(model->tunnel.group_set, cases[i].group);
		model_free(model);
		json_decref(document);
	}
}
END_TEST

// Item 2, N13: the MTU is the lowest that the segments carry.
START_TEST(mtu_follows_the_segments)
{
	static const struct {
		const char *patch;
		uint16_t vxlan, vlan;
	} cases[] = {
		{"{}", 1450, 1500},
		{"{'uplinks': {'underlay': {'mtu': 9000}, 'provider': {'mtu': 2000}}}", 8950, 2000},
		{"{'tunnel': {'path-mtu': 1400}}", 1350, 1500},
		{"{'networks': {'vxlan1': {'mtu': 1300}}}", 1300, 1500},
		{"{'networks': {'vlan1001': {'segments': ["
		 "{'type': 'vlan', 'uplink': 'provider', 'id': 1001}, {'type': 'vxlan', 'id': "
		 "2}]}}}",
			1450, 1450},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *document = node_with(cases[i].patch);
		struct model *model = good_model(document, NULL);

		ck_assert_uint_eq(model_network(model, "vxlan1")->mtu, cases[i].vxlan);
		ck_assert_uint_eq(model_network(model, "vlan1001")->mtu, cases[i].vlan);
		model_free(model);
		json_decref(document);
	}
}
END_TEST

// N11: ids that are not given are the lowest free ones, and stay when others go.
START_TEST(ids_are_generated_and_kept)
{
	json_t *document = node_with(
		"{'networks': {'a': {'segments': [{'type': 'vxlan'}]},"
		" 'b': {'segments': [{'type': 'vlan', 'uplink': 'provider'}, {'type': 'vxlan'}]},"
		" 'c': {'segments': [{'type': 'vxlan', 'id': 3}]}}}");
	struct model *model = good_model(document, NULL), *next;
	json_t *networks = json_object_get(document, "networks");

	ck_assert_uint_eq(model_network(model, "a")->segments[0].id, 2);
	ck_assert_uint_eq(model_network(model, "b")->segments[0].id, 1002);
	ck_assert_uint_eq(model_network(model, "b")->segments[1].id, 4);

	// VNI 2 is free now and goes to the newcomer, not to those that have one
	json_object_del(networks, "a");
	json_object_set_new(networks, "aa", json_of("{'segments': [{'type': 'vxlan'}]}"));
	next = good_model(document, model);
	ck_assert_uint_eq(model_network(next, "aa")->segments[0].id, 2);
	ck_assert_uint_eq(model_network(next, "b")->segments[0].id, 1002);
	ck_assert_uint_eq(model_network(next, "b")->segments[1].id, 4);
	model_free(next);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(macs_are_generated_and_kept)
{
	json_t *document = node_with("{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:a'},"
				     " 'b': {'network': 'vxlan1', 'device': 'tap:b'}}}");
	struct model *model = good_model(document, NULL), *next = good_model(document, model);
	const struct port_config *a = model_port(model, "a"), *b = model_port(model, "b");

	ck_assert_uint_eq(mac_to_u64(&a->mac) >> 24, 0xfa163e);
	ck_assert_uint_eq(mac_to_u64(&b->mac) >> 24, 0xfa163e);
	ck_assert(!mac_equal(&a->mac, &b->mac));
	ck_assert(mac_equal(&a->mac, &model_port(next, "a")->mac));
	ck_assert(mac_equal(&b->mac, &model_port(next, "b")->mac));
	model_free(next);
	model_free(model);
	json_decref(document);
}
END_TEST

// 1.8: the same remote twice is one.
START_TEST(repeated_remotes_merge)
{
	json_t *document = node_with(
		"{'tunnel': {'remotes': ['192.168.31.103', '192.168.31.101', '192.168.31.103']}}");
	struct model *model = good_model(document, NULL);
	char text[IP_TEXT_LEN];

	ck_assert_uint_eq(model->tunnel.remotes.n, 2);
	ck_assert_str_eq(ip_format(&model->tunnel.remotes.list[0], text), "192.168.31.103");
	ck_assert_str_eq(ip_format(&model->tunnel.remotes.list[1], text), "192.168.31.101");
	model_free(model);
	json_decref(document);
}
END_TEST

static const char *const canonical_text = "{\n"
					  "  \"workers\": {\n"
					  "    \"cores\": \"1\"\n"
					  "  },\n"
					  "  \"uplinks\": {\n"
					  "    \"inside\": {\n"
					  "      \"device\": \"packet:ens20\"\n"
					  "    },\n"
					  "    \"provider\": {\n"
					  "      \"device\": \"packet:ens19\",\n"
					  "      \"vlans\": \"5,1001-2000\"\n"
					  "    },\n"
					  "    \"underlay\": {\n"
					  "      \"device\": \"packet:ens18\",\n"
					  "      \"address\": \"192.168.31.104/24\",\n"
					  "      \"gateway\": \"192.168.31.1\"\n"
					  "    }\n"
					  "  },\n"
					  "  \"tunnel\": {\n"
					  "    \"uplink\": \"underlay\",\n"
					  "    \"vnis\": \"1-1000\",\n"
					  "    \"group\": \"239.1.0.0/16\",\n"
					  "    \"mode\": \"headend\",\n"
					  "    \"remotes\": [\n"
					  "      \"192.168.31.103\",\n"
					  "      \"192.168.31.101\"\n"
					  "    ],\n"
					  "    \"ttl\": 9,\n"
					  "    \"tos\": \"inherit\"\n"
					  "  },\n"
					  "  \"networks\": {\n"
					  "    \"n\": {\n"
					  "      \"segments\": [\n"
					  "        {\n"
					  "          \"type\": \"vlan\",\n"
					  "          \"uplink\": \"provider\",\n"
					  "          \"id\": 5\n"
					  "        },\n"
					  "        {\n"
					  "          \"type\": \"vxlan\",\n"
					  "          \"id\": 1\n"
					  "        }\n"
					  "      ],\n"
					  "      \"admin-state\": \"down\"\n"
					  "    }\n"
					  "  },\n"
					  "  \"ports\": {\n"
					  "    \"p\": {\n"
					  "      \"network\": \"n\",\n"
					  "      \"device\": \"tap:p\",\n"
					  "      \"mac\": \"fa:16:3e:de:6e:86\",\n"
					  "      \"addresses\": []\n"
					  "    }\n"
					  "  }\n"
					  "}\n";

// Keys at their default go, generated ids come, the order is that of the tables.
START_TEST(the_canonical_document)
{
	json_t *document = json_of(
		"{'ports': {'p': {'mac': 'FA:16:3E:DE:6E:86', 'device': 'tap:p', 'network': 'n',"
		"   'admin-state': 'up', 'addresses': []}},"
		" 'networks': {'n': {'admin-state': 'down', 'segments': ["
		"   {'uplink': 'provider', 'type': 'vlan'}, {'type': 'vxlan'}]}},"
		" 'tunnel': {'tos': 'inherit', 'ttl': 9, 'port': 8472, 'uplink': 'underlay',"
		"   'vnis': '1-500,400-1000', 'group': '239.1.2.3/16', 'mode': 'headend',"
		"   'remotes': ['192.168.31.103', '192.168.31.101']},"
		" 'uplinks': {'underlay': {'device': 'packet:ens18', 'mtu': 1500,"
		"     'address': '192.168.31.104/24', 'gateway': '192.168.31.1'},"
		"   'provider': {'device': 'packet:ens19', 'vlans': '1001-2000,5'},"
		"   'inside': {'device': 'packet:ens20', 'vlan-priority': 0}},"
		" 'fdb': {}, 'workers': {'cores': '1', 'idle': 'adaptive'}}");
	struct model *model = good_model(document, NULL), *again;
	json_t *canonical = config_encode(model), *second;
	char *text = config_dump(canonical);

	ck_assert_str_eq(text, canonical_text);
	again = good_model(canonical, model);
	second = config_encode(again);
	ck_assert(json_equal(canonical, second));
	json_decref(second);
	model_free(again);
	free(text);
	json_decref(canonical);
	model_free(model);
	json_decref(document);
}
END_TEST

// Values that weft computes are not written down: they would stop following what they depend on.
START_TEST(computed_values_are_not_frozen)
{
	json_t *document = node_with("{'tunnel': {'mode': null, 'group': null}}"), *canonical,
	       *full;
	struct model *model = good_model(document, NULL);
	const struct object_def *network = object_def_by_kind("network");

	canonical = config_encode(model);
	ck_assert(json_equal(canonical, document));
	full = config_encode_object_full(network, model_network(model, "vxlan1"));
	ck_assert_int_eq(json_integer_value(json_object_get(full, "mtu")), 1450);
	json_decref(full);
	json_decref(canonical);
	model_free(model);
	json_decref(document);
}
END_TEST

// Every key with a value that is not its default.
static const char *const all_keys =
	"{'workers': {'cores': '1,3-5', 'idle': 'spin'},"
	" 'uplinks': {'u': {'device': 'pci:0000:01:00.0,queues=2', 'vlans': '5,7-9',"
	"   'address': '10.0.0.2/24', 'gateway': '10.0.0.1', 'vlan': 7, 'vlan-priority': 3,"
	"   'mtu': 9000, 'share': 'all', 'admin-state': 'down'}},"
	" 'tunnel': {'enabled': false, 'uplink': 'u', 'address': '10.0.0.2', 'port': 4789,"
	"   'vnis': '7', 'group': '239.0.0.7', 'mode': 'both', 'remotes': ['10.0.0.3'],"
	"   'source-port-min': 1, 'source-port-max': 65535, 'ttl': 255, 'tos': 184, 'df': 'set',"
	"   'udp-checksum': false, 'strict-remotes': true, 'reserved-bits': 'ignore',"
	"   'ageing': 10, 'path-mtu': 1400},"
	" 'networks': {'n': {'segments': [{'type': 'vlan', 'uplink': 'u', 'id': 5}], 'mtu': 1300,"
	"   'admin-state': 'down', 'shared': true, 'external': true, 'owner': 'blue',"
	"   'unknown-unicast': 'drop', 'other-ethertypes': 'drop', 'vlan-transparent': true,"
	"   'arp-probes': 'drop', 'fdb-limit': 1, 'ageing': 1000000, 'remotes': ['10.0.0.4'],"
	"   'arp-responder': true}},"
	" 'subnets': {'s': {'network': 'n', 'cidr': '10.1.0.0/16', 'gateway': 'none',"
	"   'pools': ['10.1.0.9-10.1.0.20', '10.1.1.1-10.1.1.1'], 'dns': ['10.0.0.53'],"
	"   'routes': [{'destination': '10.9.0.0/16', 'nexthop': '10.1.0.3'},"
	"     {'destination': '0.0.0.0/0', 'nexthop': '10.1.0.4'}],"
	"   'dhcp': {'mode': 'external', 'address': '10.1.0.8', 'mac': '02:00:00:00:00:08',"
	"     'device': 'tap:dhcp', 'lease': 7200, 'domain': 'example.org',"
	"     'metadata-device': 'tap:metadata', 'force-metadata': true}}},"
	" 'security-groups': {'g': {'stateful': false, 'members': ['10.0.0.7', '10.2.0.0/16'],"
	"   'rules': [{'direction': 'egress', 'ethertype': 'ipv6', 'protocol': 'tcp',"
	"     'ports': '1000-2000', 'remote-prefix': '::/0'},"
	"     {'direction': 'ingress', 'protocol': 'icmp', 'icmp-type': 0, 'icmp-code': 255,"
	"     'remote-group': 'g'}, {'direction': 'ingress', 'protocol': 200,"
	"     'remote-prefix': '10.0.0.9'}, {'direction': 'ingress', 'protocol': 'udp',"
	"     'ports': '53', 'remote-prefix': '10.0.0.0/8'}]}},"
	" 'ports': {'p': {'network': 'n', 'device': 'tap:p', 'vlan': 9,"
	"   'mac': '02:00:00:00:00:01', 'addresses': ['10.1.0.1', '2001:db8::1'],"
	"   'dns-name': 'web.example', 'dhcp-options': [{'code': 42, 'value': '10.1.0.5'},"
	"     {'code': 26, 'value': '1400', 'forced': true}],"
	"   'admin-state': 'down', 'vlan-transparent': true, 'fdb-limit': 16, 'owner': 'red',"
	"   'port-security': false, 'security-groups': ['g', 'default'],"
	"   'allowed-address-pairs': [{'address': '10.1.0.2'}, {'address': '::/0'},"
	"     {'address': '10.3.0.0/16', 'mac': '02:00:00:00:00:07'}]}},"
	" 'routers': {'r': {'interfaces': [{'subnet': 's', 'address': '10.1.0.7',"
	"     'mac': '02:00:00:00:00:09'}, {'port': 'p'}], 'gateway': {'network': 'n',"
	"     'address': '10.1.0.6', 'mac': '02:00:00:00:00:0a', 'enable-snat': false},"
	"   'routes': [{'destination': '10.8.0.0/16', 'nexthop': '10.1.0.3'}],"
	"   'block-private-ingress': true, 'strict-source': true,"
	"   'metadata-device': 'tap:m'}},"
	" 'floating-ips': {'web': {'network': 'n', 'external-address': '10.1.0.50',"
	"   'port': 'p', 'address': '10.1.0.1'}},"
	" 'fdb': {'n/02:00:00:00:00:02': {'remote': '10.0.0.3', 'port': 'p', 'uplink': 'u'}},"
	" 'sessions': {'limit': 1, 'port-quota': 2, 'tcp-syn-sent': 3, 'tcp-syn-received': 4,"
	"   'tcp-established': 5, 'tcp-fin-wait': 6, 'tcp-close-wait': 7, 'tcp-last-ack': 8,"
	"   'tcp-time-wait': 9, 'tcp-close': 11, 'tcp-unacknowledged': 12, 'udp': 13,"
	"   'udp-stream': 14, 'icmp': 15, 'other': 16},"
	" 'metrics': {'listen': '[::1]:9469'}}";

static void expect_all_keys(const struct object_def *def, const json_t *object)
{
	for (size_t i = 0; i < def->n_fields; i++)
		ck_assert_msg(json_object_get(object, def->fields[i].name) != NULL,
			"the test's document lacks %s.%s", def->kind, def->fields[i].name);
}

START_TEST(every_key_survives_a_round_trip)
{
	json_t *document = json_of(all_keys), *again, *object;
	struct problems problems = PROBLEMS_INIT;
	struct model *model = config_decode(document, &problems);
	const char *name;

	expect_none(&problems);
	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		json_t *kind = json_object_get(document, (*def)->key);

		if ((*def)->single)
			expect_all_keys(*def, kind);
		else
			json_object_foreach (kind, name, object)
				expect_all_keys(*def, object);
	}
	again = config_encode(model);
	ck_assert(json_equal(document, again));
	json_decref(again);
	model_free(model);
	json_decref(document);
}
END_TEST

// What an object shows in full can be given back.
START_TEST(full_objects_decode_again)
{
	json_t *document = node_with("{}"), *canonical, *again;
	struct model *model = good_model(document, NULL), *next;

	canonical = config_encode(model);
	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		for (size_t i = 0; i < model_object_count(model, *def); i++) {
			const void *object = model_object_at(model, *def, i);
			json_t *full = config_encode_object_full(*def, object);

			if ((*def)->single) {
				json_object_set_new(document, (*def)->key, full);
				continue;
			}
			if (json_object_get(document, (*def)->key) == NULL)
				json_object_set_new(document, (*def)->key, json_object());
			json_object_set_new(json_object_get(document, (*def)->key),
				*(const char *const *)object, full);
		}
	}
	next = good_model(document, model);
	again = config_encode(next);
	// the network's computed MTU is a given one now; all else is as before
	for (const char *const *name =
			(const char *const[]){"provider", "vlan1001", "vxlan1", NULL};
		*name != NULL; name++)
		json_object_del(json_object_get(json_object_get(again, "networks"), *name), "mtu");
	json_object_del(json_object_get(again, "tunnel"), "path-mtu");
	json_object_del(json_object_get(again, "tunnel"), "strict-remotes");
	ck_assert(json_equal(canonical, again));
	json_decref(again);
	model_free(next);
	json_decref(canonical);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(cpu_lists)
{
	uint16_t cpus[4];

	ck_assert_int_eq(cpu_list_parse("3,0-1", cpus, 4), 3);
	ck_assert_uint_eq(cpus[0], 0);
	ck_assert_uint_eq(cpus[1], 1);
	ck_assert_uint_eq(cpus[2], 3);
	ck_assert_int_eq(cpu_list_parse("1,1-2,2", cpus, 4), 2);
	ck_assert_int_eq(cpu_list_parse("0-4", cpus, 4), -E2BIG);
	ck_assert_int_eq(cpu_list_parse("", cpus, 4), -EINVAL);
	ck_assert_int_eq(cpu_list_parse("1,", cpus, 4), -EINVAL);
	ck_assert_int_eq(cpu_list_parse("-1", cpus, 4), -EINVAL);
	ck_assert_int_eq(cpu_list_parse("01", cpus, 4), -EINVAL);
	ck_assert_int_eq(cpu_list_parse("1 ", cpus, 4), -EINVAL);
	ck_assert_int_eq(cpu_list_parse("99999999999", cpus, 4), -EINVAL);
}
END_TEST

START_TEST(range_lists)
{
	static const struct range bounds = {0, UINT32_MAX};
	struct arena *arena = arena_new();
	struct range_list ranges;

	ck_assert_int_eq(range_list_parse("20-30,5,1-3,4,25-40", &bounds, &ranges, arena), 0);
	ck_assert_str_eq(range_list_format(&ranges, arena), "1-5,20-40");
	ck_assert(range_list_contains(&ranges, 1));
	ck_assert(range_list_contains(&ranges, 5));
	ck_assert(!range_list_contains(&ranges, 6));
	ck_assert(!range_list_contains(&ranges, 0));
	ck_assert(range_list_contains(&ranges, 40));
	ck_assert_int_eq(range_list_parse("4294967295", &bounds, &ranges, arena), 0);
	ck_assert_int_eq(range_list_parse("4294967296", &bounds, &ranges, arena), -EINVAL);
	ck_assert_int_eq(range_list_parse("1--2", &bounds, &ranges, arena), -EINVAL);
	ck_assert_int_eq(range_list_parse("1-2-3", &bounds, &ranges, arena), -EINVAL);
	ck_assert_int_eq(range_list_parse("a", &bounds, &ranges, arena), -EINVAL);
	arena_free(arena);
}
END_TEST

START_TEST(kinds_and_keys_are_found_by_name)
{
	const struct object_def *port = object_def_by_kind("port");

	ck_assert_ptr_eq(object_def_by_key("ports"), port);
	ck_assert_ptr_null(object_def_by_kind("ports"));
	ck_assert_ptr_null(object_def_by_key("port"));
	ck_assert_str_eq(object_field(port, "mac")->name, "mac");
	ck_assert_ptr_null(object_field(port, "mtu"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		parse_errors_tell_line_and_column,
		parse_takes_a_document,
		only_an_object_is_a_configuration,
		kinds_of_later_versions_are_named,
		long_texts_come_back_cut,
		decoding_fills_the_structures,
		defaults_are_those_of_the_tables,
		mode_and_strictness_follow_the_remotes,
		mtu_follows_the_segments,
		ids_are_generated_and_kept,
		macs_are_generated_and_kept,
		repeated_remotes_merge,
		the_canonical_document,
		computed_values_are_not_frozen,
		every_key_survives_a_round_trip,
		full_objects_decode_again,
		cpu_lists,
		range_lists,
		kinds_and_keys_are_found_by_name,
	};

	return suite_main("config", tests, ARRAY_SIZE(tests));
}
