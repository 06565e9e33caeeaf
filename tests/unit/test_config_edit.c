// SPDX-License-Identifier: BSD-3-Clause
// Edits of documents, their differences, and values as words.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "rpc/config_json.h"
#include "suite.h"

static int edit(json_t *document, const char *kind, enum config_op op, const char *params_text,
	struct problems *problems)
{
	json_t *params = json_of(params_text);
	int rc = config_document_edit(document, object_def_by_kind(kind), op, params, problems);

	json_decref(params);
	return rc;
}

static void edit_well(json_t *document, const char *kind, enum config_op op, const char *params)
{
	struct problems problems = PROBLEMS_INIT;

	ck_assert_int_eq(edit(document, kind, op, params, &problems), 0);
	expect_none(&problems);
}

static void expect_equal(const json_t *document, const char *path_of_kind, const char *expected)
{
	json_t *json = json_of(expected);
	char *text = json_dumps(json_object_get(document, path_of_kind), JSON_ENCODE_ANY);

	ck_assert_msg(json_equal(json_object_get(document, path_of_kind), json), "%s", text);
	free(text);
	json_decref(json);
}

START_TEST(add_set_and_del_edit_one_object)
{
	json_t *document = json_of("{}");

	edit_well(document, "port", CONFIG_ADD,
		"{'name': 'web', 'network': 'n', 'device': 'tap:web', 'owner': null}");
	expect_equal(document, "ports", "{'web': {'network': 'n', 'device': 'tap:web'}}");
	edit_well(document, "port", CONFIG_SET, "{'name': 'web', 'vlan': 7, 'device': 'tap:w'}");
	expect_equal(document, "ports", "{'web': {'network': 'n', 'device': 'tap:w', 'vlan': 7}}");
	edit_well(document, "port", CONFIG_SET, "{'name': 'web', 'vlan': null}");
	expect_equal(document, "ports", "{'web': {'network': 'n', 'device': 'tap:w'}}");
	edit_well(document, "port", CONFIG_DEL, "{'name': 'web'}");
	expect_equal(document, "ports", "{}");
	json_decref(document);
}
END_TEST

START_TEST(single_objects_have_no_name)
{
	json_t *document = json_of("{}");
	struct problems problems = PROBLEMS_INIT;

	edit_well(document, "tunnel", CONFIG_SET, "{'uplink': 'u'}");
	expect_equal(document, "tunnel", "{'uplink': 'u'}");
	ck_assert_int_eq(
		edit(document, "tunnel", CONFIG_ADD, "{'uplink': 'v'}", &problems), -EEXIST);
	expect_only(&problems, E_EXISTS, "tunnel");
	problems_free(&problems);
	ck_assert_int_eq(edit(document, "tunnel", CONFIG_SET, "{'name': 'x'}", &problems), -EINVAL);
	expect_only(&problems, E_KEY_UNKNOWN, "name");
	problems_free(&problems);
	edit_well(document, "tunnel", CONFIG_DEL, "{}");
	ck_assert_uint_eq(json_object_size(document), 0);
	ck_assert_int_eq(edit(document, "tunnel", CONFIG_DEL, "{}", &problems), -ENOENT);
	expect_only(&problems, E_NOT_FOUND, "tunnel");
	problems_free(&problems);
	json_decref(document);
}
END_TEST

// Item 19: a refused edit changes nothing.
START_TEST(item_19_refused_edits_change_nothing)
{
	static const struct {
		const char *kind;
		enum config_op op;
		const char *params;
		int rc;
		enum error_symbol symbol;
		const char *path;
	} cases[] = {
		{"port", CONFIG_ADD, "{'name': 'vxlan1-1', 'device': 'tap:x'}", -EEXIST, E_EXISTS,
			"ports.vxlan1-1"},
		{"port", CONFIG_SET, "{'name': 'web', 'vlan': 7}", -ENOENT, E_NOT_FOUND,
			"ports.web"},
		{"network", CONFIG_DEL, "{'name': 'web'}", -ENOENT, E_NOT_FOUND, "networks.web"},
		{"network", CONFIG_DEL, "{}", -EINVAL, E_KEY_MISSING, "name"},
		{"network", CONFIG_ADD, "{'name': 7}", -EINVAL, E_TYPE, "name"},
		{"network", CONFIG_ADD, "{'name': null}", -EINVAL, E_TYPE, "name"},
	};
	json_t *document = node_with("{}"), *before = json_deep_copy(document);
	struct problems problems = PROBLEMS_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(
			edit(document, cases[i].kind, cases[i].op, cases[i].params, &problems),
			cases[i].rc);
		expect_only(&problems, cases[i].symbol, cases[i].path);
		ck_assert(json_equal(document, before));
		problems_free(&problems);
	}
	json_decref(before);
	json_decref(document);
	document = json_of("{}");
	edit(document, "port", CONFIG_DEL, "{'name': 'web'}", &problems);
	expect_only(&problems, E_NOT_FOUND, "ports.web");
	ck_assert_uint_eq(json_object_size(document), 0);
	problems_free(&problems);
	json_decref(document);
}
END_TEST

static int edit_remote(
	json_t *document, enum config_op op, const char *params_text, struct problems *problems)
{
	json_t *params = json_of(params_text);
	int rc = config_remote_edit(document, op, params, problems);

	json_decref(params);
	return rc;
}

START_TEST(remotes_of_the_tunnel_and_of_networks)
{
	json_t *document = node_with("{}");
	struct problems problems = PROBLEMS_INIT;
	json_t *tunnel = json_object_get(document, "tunnel");
	json_t *vxlan1 = json_object_get(json_object_get(document, "networks"), "vxlan1");

	ck_assert_int_eq(
		edit_remote(document, CONFIG_ADD, "{'address': '192.168.31.102'}", &problems), 0);
	expect_equal(tunnel, "remotes", "['192.168.31.101', '192.168.31.103', '192.168.31.102']");
	ck_assert_int_eq(
		edit_remote(document, CONFIG_DEL, "{'address': '192.168.31.101'}", &problems), 0);
	expect_equal(tunnel, "remotes", "['192.168.31.103', '192.168.31.102']");
	ck_assert_int_eq(edit_remote(document, CONFIG_ADD,
				 "{'address': '192.168.31.9', 'network': 'vxlan1'}", &problems),
		0);
	expect_equal(vxlan1, "remotes", "['192.168.31.9']");
	expect_none(&problems);
	json_decref(document);
}
END_TEST

START_TEST(remotes_that_can_not_be_edited)
{
	static const struct {
		enum config_op op;
		const char *params;
		int rc;
		enum error_symbol symbol;
		const char *path;
	} cases[] = {
		{CONFIG_ADD, "{'address': '192.168.31.101'}", -EEXIST, E_EXISTS, "tunnel.remotes"},
		{CONFIG_DEL, "{'address': '192.168.31.9'}", -ENOENT, E_NOT_FOUND, "tunnel.remotes"},
		{CONFIG_DEL, "{'address': '192.168.31.101', 'network': 'vxlan1'}", -ENOENT,
			E_NOT_FOUND, "networks.vxlan1.remotes"},
		{CONFIG_ADD, "{'address': '192.168.31.9', 'network': 'x'}", -ENOENT, E_NOT_FOUND,
			"networks.x"},
		{CONFIG_ADD, "{'address': '192.168.31.9', 'network': 1}", -ENOENT, E_TYPE,
			"network"},
		{CONFIG_ADD, "{}", -EINVAL, E_KEY_MISSING, "address"},
		{CONFIG_ADD, "{'address': '192.168.31'}", -EINVAL, E_VALUE, "address"},
		{CONFIG_ADD, "{'address': 1}", -EINVAL, E_TYPE, "address"},
		{CONFIG_ADD, "{'address': '192.168.31.9', 'vni': 1}", -EINVAL, E_KEY_UNKNOWN,
			"vni"},
	};
	json_t *document = node_with("{}"), *before = json_deep_copy(document);
	struct problems problems = PROBLEMS_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(edit_remote(document, cases[i].op, cases[i].params, &problems),
			cases[i].rc);
		expect_only(&problems, cases[i].symbol, cases[i].path);
		ck_assert(json_equal(document, before));
		problems_free(&problems);
	}
	json_object_del(document, "tunnel");
	ck_assert_int_eq(
		edit_remote(document, CONFIG_ADD, "{'address': '192.168.31.9'}", &problems),
		-ENOENT);
	expect_only(&problems, E_NOT_FOUND, "tunnel");
	problems_free(&problems);
	json_decref(before);
	json_decref(document);
}
END_TEST

static void expect_diff(const json_t *was, const json_t *is, const char *expected)
{
	json_t *lines = config_diff(was, is), *json = json_of(expected);
	char *text = json_dumps(lines, 0);

	ck_assert_msg(json_equal(lines, json), "%s", text);
	free(text);
	json_decref(json);
	json_decref(lines);
}

START_TEST(differences_are_commands)
{
	json_t *was = node_with("{}"), *empty = json_of("{}");
	json_t *is = node_with(
		"{'uplinks': {'inside': null, 'outside': {'device': 'tap:o'}},"
		" 'tunnel': {'port': 4789, 'remotes': ['192.168.31.101'], 'group': null},"
		" 'networks': {'vxlan1': {'mtu': 1400, 'admin-state': 'down'}, 'provider': null},"
		" 'fdb': null}");

	expect_diff(was, was, "[]");
	expect_diff(was, is,
		"['del fdb vxlan1/fa:16:3e:00:00:99', 'del network provider', 'del uplink inside',"
		" 'add uplink outside', 'set tunnel port 4789 group default remotes "
		"192.168.31.101',"
		" 'set network vxlan1 mtu 1400 admin-state down']");
	expect_diff(empty, was,
		"['add workers', 'add uplink inside', 'add uplink provider', 'add uplink underlay',"
		" 'add tunnel', 'add network provider', 'add network vlan1001',"
		" 'add network vxlan1', 'add port vxlan1-1', 'add fdb vxlan1/fa:16:3e:00:00:99']");
	expect_diff(was, empty,
		"['del fdb vxlan1/fa:16:3e:00:00:99', 'del port vxlan1-1', 'del network provider',"
		" 'del network vlan1001', 'del network vxlan1', 'del tunnel', 'del uplink inside',"
		" 'del uplink provider', 'del uplink underlay', 'del workers']");
	json_decref(empty);
	json_decref(is);
	json_decref(was);
}
END_TEST

START_TEST(words_and_values)
{
	static const struct {
		const char *kind, *key, *word, *value;
	} cases[] = {
		{"network", "mtu", "1400", "1400"},
		{"network", "mtu", "-1", "-1"},
		{"network", "mtu", "1-2", "'1-2'"},
		{"network", "owner", "default", "'default'"},
		{"network", "shared", "true", "true"},
		{"network", "shared", "false", "false"},
		{"network", "shared", "maybe", "'maybe'"},
		{"tunnel", "ttl", "auto", "'auto'"},
		{"tunnel", "ttl", "9", "9"},
		{"tunnel", "mode", "both", "'both'"},
		{"tunnel", "vnis", "1-10,20", "'1-10,20'"},
		{"tunnel", "remotes", "192.0.2.1,192.0.2.2", "['192.0.2.1', '192.0.2.2']"},
		{"tunnel", "remotes", "none", "[]"},
		{"network", "segments", "[{\"type\":\"flat\",\"uplink\":\"u\"}]",
			"[{'type': 'flat', 'uplink': 'u'}]"},
		{"network", "segments", "flat", "'flat'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct field *field =
			object_field(object_def_by_kind(cases[i].kind), cases[i].key);
		json_t *value = config_value_from_word(field, cases[i].word);
		json_t *expected = json_of(cases[i].value);
		char *word = config_value_to_word(field, value);

		ck_assert_msg(json_equal(value, expected), "%s %s", cases[i].key, cases[i].word);
		ck_assert_str_eq(word, cases[i].word);
		free(word);
		json_decref(expected);
		json_decref(value);
	}
}
END_TEST

START_TEST(switches_may_be_on_and_off)
{
	const struct field *field = object_field(object_def_by_kind("network"), "shared");

	ck_assert_ptr_eq(config_value_from_word(field, "on"), json_true());
	ck_assert_ptr_eq(config_value_from_word(field, "off"), json_false());
}
END_TEST

static void expect_word(const char *kind, const char *key, const char *word, const char *value)
{
	const struct field *field = object_field(object_def_by_kind(kind), key);
	json_t *wanted = json_of(value), *read = config_value_from_word(field, word);
	char *written = config_value_to_word(field, wanted);

	ck_assert_msg(json_equal(read, wanted), "%s %s", key, word);
	ck_assert_str_eq(written, word);
	free(written);
	json_decref(read);
	json_decref(wanted);
}

// There and back.
START_TEST(elements_with_a_word_form)
{
	expect_word("router", "interfaces", "a,b@10.0.0.1,c@10.0.0.2@fa:16:3e:00:00:01",
		"[{'subnet': 'a'}, {'subnet': 'b', 'address': '10.0.0.1'},"
		" {'subnet': 'c', 'address': '10.0.0.2', 'mac': 'fa:16:3e:00:00:01'}]");
	expect_word("router", "routes", "10.0.0.0/8@10.1.0.1",
		"[{'destination': '10.0.0.0/8', 'nexthop': '10.1.0.1'}]");
	expect_word("port", "dhcp-options", "42=10.0.0.1 10.0.0.2,26=1400=true",
		"[{'code': 42, 'value': '10.0.0.1 10.0.0.2'},"
		" {'code': 26, 'value': '1400', 'forced': true}]");
	expect_word("subnet", "pools", "10.0.0.1-10.0.0.2,10.0.0.5-10.0.0.6",
		"['10.0.0.1-10.0.0.2', '10.0.0.5-10.0.0.6']");
}
END_TEST

static void expect_json_word(const char *kind, const char *key, const char *value)
{
	const struct field *field = object_field(object_def_by_kind(kind), key);
	json_t *wanted = json_of(value), *read;
	char *word = config_value_to_word(field, wanted);

	ck_assert_int_eq(word[0], '[');
	read = config_value_from_word(field, word);
	ck_assert(json_equal(read, wanted));
	json_decref(read);
	free(word);
	json_decref(wanted);
}

// A key that is missing in the middle, or a separator in a value: only JSON tells all.
START_TEST(elements_that_no_word_can_tell)
{
	expect_json_word("router", "interfaces", "[{'subnet': 'a', 'mac': 'fa:16:3e:00:00:01'}]");
	expect_json_word("router", "interfaces", "[{'subnet': 'a'}, {'port': 'p'}]");
	expect_json_word("port", "dhcp-options", "[{'code': 17, 'value': 'a=b'}]");
	expect_json_word("port", "dhcp-options", "[{'code': 17, 'value': 'a,b'}]");
}
END_TEST

START_TEST(objects_inside_are_merged)
{
	json_t *document = json_of("{'subnets': {'s': {'dhcp': {'mode': 'off', 'lease': 600}}}}");

	edit_well(document, "subnet", CONFIG_SET,
		"{'name': 's', 'dhcp': {'lease': null, 'domain': 'x'}}");
	expect_equal(document, "subnets", "{'s': {'dhcp': {'mode': 'off', 'domain': 'x'}}}");
	edit_well(document, "subnet", CONFIG_SET, "{'name': 's', 'dhcp': null}");
	expect_equal(document, "subnets", "{'s': {}}");
	edit_well(document, "subnet", CONFIG_SET,
		"{'name': 's', 'dhcp': {'lease': 600, 'mode': null}}");
	expect_equal(document, "subnets", "{'s': {'dhcp': {'lease': 600}}}");
	json_decref(document);
}
END_TEST

START_TEST(what_is_busy_or_owned)
{
	json_t *document = json_of("{'networks': {'n': {}, 'm': {}}, 'subnets': {"
				   " 'a': {'network': 'n'}, 'b': {'network': 'm'},"
				   " 'c': {'network': 'n'}},"
				   " 'routers': {'r': {'interfaces': ['b']}, 's': {}}}");
	struct problems problems = PROBLEMS_INIT;

	edit_well(document, "network", CONFIG_DEL, "{'name': 'n'}");
	expect_equal(document, "subnets", "{'b': {'network': 'm'}}");
	ck_assert_int_eq(edit(document, "router", CONFIG_DEL, "{'name': 'r'}", &problems), -EBUSY);
	expect_only(&problems, E_RTR_IN_USE, "routers.r");
	problems_free(&problems);
	edit_well(document, "router", CONFIG_DEL, "{'name': 's'}");
	expect_equal(document, "routers", "{'r': {'interfaces': ['b']}}");
	json_decref(document);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		elements_with_a_word_form,
		elements_that_no_word_can_tell,
		objects_inside_are_merged,
		what_is_busy_or_owned,
		add_set_and_del_edit_one_object,
		single_objects_have_no_name,
		item_19_refused_edits_change_nothing,
		remotes_of_the_tunnel_and_of_networks,
		remotes_that_can_not_be_edited,
		differences_are_commands,
		words_and_values,
		switches_may_be_on_and_off,
	};

	return suite_main("config_edit", tests, ARRAY_SIZE(tests));
}
