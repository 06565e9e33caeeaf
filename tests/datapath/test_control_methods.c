// SPDX-License-Identifier: BSD-3-Clause
// The methods of the control socket, as docs/rpc.md describes them.

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control_env.h"

#define MAC_A "fa:16:3e:00:00:0a"
#define MAC_B "fa:16:3e:00:00:0b"
#define MAC_X "52:54:00:00:00:01"
#define MAC_Y "52:54:00:00:00:02"

#define TWO                                                                                        \
	"{" NODE ", 'networks': {" NETWORK_VXLAN1 ", " NETWORK_VLAN1001 "},"                       \
	" 'ports': {'a': {'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "'},"           \
	" 'b': {'network': 'vxlan1', 'device': 'fake:b', 'mac': '" MAC_B "'}}}"

#define REFUSED_BY_RULE	   1
#define REFUSED_BY_MACHINE 2
#define BAD_PARAMS	   (-32602)

static void expect(const json_t *result, const char *text)
{
	json_t *wanted = env_json(text);
	char *got = json_dumps(result, JSON_ENCODE_ANY);

	ck_assert_msg(json_equal(result, wanted), "%s instead of %s", got, text);
	free(got);
	json_decref(wanted);
}

static json_int_t integer(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_integer(value), "%s is no integer", key);
	return json_integer_value(value);
}

static const char *string(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	ck_assert_msg(value != NULL, "%s is no text", key);
	return value;
}

// The object of an array whose `key` is `value`.
static const json_t *find(const json_t *array, const char *key, const char *value)
{
	const json_t *object;
	size_t i;

	json_array_foreach ((json_t *)array, i, object) {
		if (strcmp(string(object, key), value) == 0)
			return object;
	}
	ck_abort_msg("nothing with %s %s", key, value);
	return NULL;
}

// ---- objects -----------------------------------------------------------------------------------

START_TEST(objects_are_added_set_deleted)
{
	env_accept(TWO);
	expect(env_call("network.add",
		       "{'name': 'n', 'segments': [{'type': 'vlan', 'uplink': 'provider'}]}"),
		"{'name': 'n', 'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1002}]}");
	expect(env_call("network.set", "{'name': 'n', 'mtu': 1400, 'owner': 'me'}"),
		"{'name': 'n', 'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1002}],"
		" 'mtu': 1400, 'owner': 'me'}");
	expect(env_call("network.set", "{'name': 'n', 'mtu': null}"),
		"{'name': 'n', 'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1002}],"
		" 'owner': 'me'}");
	expect(env_call("network.del", "{'name': 'n'}"), "{}");
	ck_assert_uint_eq(control_network_id(env.control, "n"), 0);
	env_call_refused("network.del", "{'name': 'n'}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused("network.set", "{'name': 'n', 'mtu': 1400}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused("port.add", "{'name': 'a', 'network': 'vxlan1', 'device': 'fake:z'}",
		E_EXISTS, REFUSED_BY_RULE);
	env_call_refused("network.del", "{'name': 'vxlan1'}", E_NET_IN_USE, REFUSED_BY_RULE);
}
END_TEST

START_TEST(single_objects)
{
	env_accept(TWO);
	expect(env_call("workers.set", "{'idle': 'spin'}"), "{'idle': 'spin'}");
	expect(env_call("workers.del", "{}"), "{}");
	ck_assert_int_eq(control_model(env.control)->workers.idle, IDLE_ADAPTIVE);
	env_call("tunnel.set", "{'port': 4789}");
	ck_assert_uint_eq(env_snapshot()->tunnel.port, htons(4789));
	ck_assert_str_eq(
		string(json_object_get(json_array_get(env_call("tunnel.list", "{}"), 0), "state"),
			"address"),
		"192.168.31.104");
	env_call_refused("tunnel.add", "{'port': 4789}", E_METHOD_UNKNOWN, -32601);
	env_call_refused("tunnel.del", "{}", E_NET_VXLAN_DISABLED, REFUSED_BY_RULE);
	env_accept("{}");
	expect(env_call("tunnel.list", "{}"), "[]"); // nothing carries one
	ck_assert_uint_eq(json_array_size(env_call("sessions.list", "{}")), 1);
}
END_TEST

// A group that is always there, one of our own, and single rules of both.
START_TEST(security_groups)
{
	const json_t *group;

	env_accept(TWO);
	group = json_array_get(env_call("security-group.list", "{}"), 0);
	ck_assert_str_eq(string(group, "name"), "default");
	ck_assert_uint_eq(json_array_size(json_object_get(group, "rules")), 4);
	expect(json_object_get(group, "state"), "{'ports': 2}");
	env_call_refused("security-group.add", "{'name': 'default'}", E_EXISTS, REFUSED_BY_RULE);
	env_call_refused("security-group.del", "{'name': 'default'}", E_SG_IN_USE, REFUSED_BY_RULE);
	expect(env_call("security-group.add", "{'name': 'ssh'}"), "{'name': 'ssh'}");
	expect(env_call("port.set", "{'name': 'a', 'security-groups': ['ssh']}"),
		"{'name': 'a', 'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "',"
		" 'security-groups': ['ssh']}");
	group = json_array_get(env_call("security-group.list", "{'name': 'default'}"), 0);
	expect(json_object_get(group, "state"), "{'ports': 1}");
	env_call_refused("security-group.del", "{'name': 'ssh'}", E_SG_IN_USE, REFUSED_BY_RULE);
	env_call_refused("port.set", "{'name': 'a', 'port-security': false}", E_PORT_SECURITY_BUSY,
		REFUSED_BY_RULE);
	expect(env_call("port.set", "{'name': 'a', 'security-groups': null}"),
		"{'name': 'a', 'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "'}");
	expect(env_call("security-group.del", "{'name': 'ssh'}"), "{}");
}
END_TEST

START_TEST(rules)
{
	const json_t *group;

	env_accept(TWO);
	env_call("security-group.add", "{'name': 'ssh'}");
	expect(env_call("rule.add", "{'group': 'ssh', 'direction': 'ingress', 'protocol': 6,"
				    " 'ports': '22'}"),
		"{}");
	env_call_refused("rule.add",
		"{'group': 'ssh', 'direction': 'ingress', 'protocol': 'tcp', 'ports': 22}",
		E_SG_RULE_DUP, REFUSED_BY_RULE);
	env_call_refused(
		"rule.add", "{'group': 'x', 'direction': 'ingress'}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused("rule.add", "{'group': 'ssh', 'direction': 'ingress', 'port': 22}",
		E_KEY_UNKNOWN, BAD_PARAMS);
	expect(env_call("rule.del", "{'group': 'ssh', 'direction': 'ingress', 'protocol': 'tcp',"
				    " 'ports': '22-22'}"),
		"{}");
	env_call_refused("rule.del", "{'group': 'ssh', 'direction': 'ingress'}", E_NOT_FOUND,
		REFUSED_BY_RULE);
	expect(env_call("rule.del", "{'group': 'default', 'direction': 'egress'}"), "{}");
	group = json_array_get(env_call("security-group.list", "{'name': 'default'}"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(group, "rules")), 3);
	expect(env_call("security-group.set", "{'name': 'default', 'rules': null}"),
		"{'name': 'default'}");
}
END_TEST

#define ID "9612db0d-b44e-4eba-9e8e-62d9bd8e3d4c"

// Rows of a chain: target, protocol, match.
static void expect_rows(const char *chain, const char *ethertype, const char *wanted[][3], size_t n)
{
	const json_t *chains = json_object_get(env_call("port.chains", "{'name': 'a'}"), "chains");
	const json_t *rows = NULL, *row;
	size_t i;

	json_array_foreach ((json_t *)chains, i, row) {
		if (strcmp(string(row, "name"), chain) == 0 &&
			strcmp(string(row, "ethertype"), ethertype) == 0)
			rows = json_object_get(row, "rows");
	}
	ck_assert_uint_eq(json_array_size(rows), n);
	json_array_foreach ((json_t *)rows, i, row) {
		const char *match = json_string_value(json_object_get(row, "match"));

		ck_assert_str_eq(string(row, "target"), wanted[i][0]);
		ck_assert_str_eq(string(row, "protocol"), wanted[i][1]);
		ck_assert_str_eq(match != NULL ? match : "", wanted[i][2]);
	}
}

// As in the dumps of a linuxbridge node, names of sets and chains included.
START_TEST(chains_read_as_those_of_iptables)
{
	const char *v4[][3] = {
		{"RETURN", "all", "state RELATED,ESTABLISHED"},
		{"RETURN", "udp", "udp spt:67 dpt:68"},
		{"RETURN", "udp", "udp spt:67 dpt:68"},
		{"RETURN", "all", "match-set NIPv49612db0d-b44e-4eba-9e8e- src"},
		{"RETURN", "tcp", "tcp dpt:22"},
		{"RETURN", "udp", "match-set NIPv49612db0d-b44e-4eba-9e8e- src udp dpts:1:9"},
		{"RETURN", "icmp", "icmptype 8 code 0"},
		{"DROP", "all", "state INVALID"},
		{"neutron-linuxbri-sg-fallback", "all", ""},
	};
	const char *v6[][3] = {
		{"RETURN", "ipv6-icmp", "ipv6-icmptype 130,135,136"},
		{"RETURN", "all", "state RELATED,ESTABLISHED"},
		{"RETURN", "ipv6-icmp", "ipv6-icmptype 134"},
		{"RETURN", "udp", "udp spt:547 dpt:546"},
		{"RETURN", "icmpv6", "ipv6-icmptype 128"},
		{"DROP", "all", "state INVALID"},
		{"neutron-linuxbri-sg-fallback", "all", ""},
	};

	env_accept(TWO);
	env_call("security-group.add",
		"{'name': '" ID "', 'rules': [{'direction': 'ingress', 'remote-group': '" ID "'},"
		" {'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'},"
		" {'direction': 'ingress', 'protocol': 'udp', 'ports': '1-9', 'remote-group': '" ID
		"'},"
		" {'direction': 'ingress', 'protocol': 'icmp', 'icmp-type': 8, 'icmp-code': 0},"
		" {'direction': 'ingress', 'ethertype': 'ipv6', 'protocol': 'icmp',"
		"  'icmp-type': 128}]}");
	env_call("port.set", "{'name': 'a', 'security-groups': ['" ID "']}");
	expect_rows("neutron-linuxbri-ia", "ipv4", v4, ARRAY_SIZE(v4));
	expect_rows("neutron-linuxbri-ia", "ipv6", v6, ARRAY_SIZE(v6));
}
END_TEST

// What the rules of A's ingress chain have counted.
static void expect_packets(const json_int_t *wanted, size_t n)
{
	const json_t *chains = json_object_get(env_call("port.chains", "{'name': 'a'}"), "chains");
	const json_t *rows = json_object_get(json_array_get(chains, 0), "rows");

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, 3 + i); // behind the fixed ones

		ck_assert_int_eq(integer(row, "packets"), wanted[i]);
	}
}

// Groups change their order or go: what is left keeps what it has counted, also beside an equal
// rule of another group.
START_TEST(rules_keep_what_they_have_counted)
{
	const struct filter *filter;

	env_accept(TWO);
	env_call("security-group.add",
		"{'name': 'one', 'rules': [{'direction': 'ingress', 'protocol': 'tcp', 'ports': "
		"'22'},"
		" {'direction': 'ingress', 'protocol': 'tcp', 'ports': '80'}]}");
	env_call("security-group.add",
		"{'name': 'two', 'rules': [{'direction': 'ingress', 'protocol': 'tcp', 'ports': "
		"'22'},"
		" {'direction': 'ingress', 'protocol': 'udp', 'ports': '53'}]}");
	env_call("port.set", "{'name': 'a', 'security-groups': ['one', 'two']}");
	filter = &env_snapshot()->filters[env_attachment("port a")->filter];
	for (uint32_t i = 0; i < 4; i++)
		env.tables->rows[0][filter->chain_rows[CHAIN_IN4] + i].packets = 1 + i;
	expect_packets((json_int_t[]){1, 2, 3, 4}, 4);
	env_call("port.set", "{'name': 'a', 'security-groups': ['two', 'one']}");
	expect_packets((json_int_t[]){1, 4, 3, 2}, 4); // counts are still on their way
	env_poll();
	expect_packets((json_int_t[]){1, 4, 3, 2}, 4);
	env_call("port.set", "{'name': 'a', 'security-groups': ['one']}");
	expect_packets((json_int_t[]){1, 2}, 2);
	env_poll();
	expect_packets((json_int_t[]){1, 2}, 2);
}
END_TEST

START_TEST(lists_have_defaults_and_state)
{
	const json_t *list, *port;

	env_accept(TWO);
	fdb_learn(env.tables->fdb,
		&(struct fdb_sighting){0x525400000001, env_network("vxlan1")->domain,
			control_attachment_id(env.control, "port a"), 1},
		100, 0);
	list = env_call("port.list", "{}");
	ck_assert_uint_eq(json_array_size(list), 2);
	port = find(list, "name", "a");
	ck_assert_str_eq(string(port, "admin-state"), "up");
	expect(json_object_get(port, "state"), "{'link': 'up', 'learned': 1, 'sessions': 0}");
	list = env_call("port.list", "{'network': 'vlan1001'}");
	ck_assert_uint_eq(json_array_size(list), 0);
	list = env_call("port.list", "{'name': 'b', 'network': 'vxlan1'}");
	ck_assert_uint_eq(json_array_size(list), 1);
	env_call_refused("port.list", "{'colour': 'red'}", E_KEY_UNKNOWN, BAD_PARAMS);
	list = env_call("network.list", "{'name': 'vxlan1'}");
	expect(json_object_get(json_array_get(list, 0), "state"),
		"{'members': 2, 'remotes': 2, 'learned': 1}");
	list = env_call("uplink.list", "{'name': 'provider'}");
	ck_assert_str_eq(string(json_object_get(json_array_get(list, 0), "state"), "link"), "up");
	expect(json_object_get(json_array_get(env_call("workers.list", "{}"), 0), "state"),
		"{'workers': 2}");
}
END_TEST

START_TEST(remotes)
{
	const json_t *remote;

	env_accept(TWO);
	expect(env_call("remote.add", "{'address': '192.168.31.7', 'network': 'vxlan1'}"), "{}");
	ck_assert_uint_eq(env_network("vxlan1")->n_remotes, 3);
	remote = find(env_call("remote.list", "{}"), "address", "192.168.31.7");
	expect(json_object_get(remote, "networks"), "['vxlan1']");
	ck_assert(json_is_true(json_object_get(remote, "configured")));
	ck_assert(json_is_false(json_object_get(remote, "multicast")));
	ck_assert_str_eq(string(remote, "state"), "unused");
	ck_assert_int_eq(integer(remote, "path-mtu"), 1500);
	ck_assert_ptr_null(json_object_get(remote, "mac"));
	env_call("remote.del", "{'address': '192.168.31.7', 'network': 'vxlan1'}");
	env_call("remote.del", "{'address': '192.168.31.101'}");
	ck_assert_uint_eq(env_network("vxlan1")->n_remotes, 1);
	env_call_refused(
		"remote.del", "{'address': '192.168.31.101'}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused(
		"remote.add", "{'address': '192.168.31.104'}", E_VTEP_SELF, REFUSED_BY_RULE);
	env_call_refused("remote.add", "{'adress': '192.168.31.9'}", E_KEY_UNKNOWN, BAD_PARAMS);
}
END_TEST

// ---- configuration -----------------------------------------------------------------------------

START_TEST(check_changes_nothing)
{
	const struct snapshot *before;

	env_accept(TWO);
	before = env_snapshot();
	expect(env_call("config.check",
		       "{'config': {" NODE ", 'networks': {" NETWORK_VLAN1001 "}}}"),
		"{'changes': ['del port a', 'del port b', 'del network vxlan1']}");
	ck_assert_ptr_eq(env_snapshot(), before);
	env_call_refused("config.check", "{'config': {'uplinks': 7}}", E_TYPE, BAD_PARAMS);
	env_call_refused("config.check", "{}", E_KEY_MISSING, BAD_PARAMS);
}
END_TEST

START_TEST(apply_says_what_changed)
{
	env_accept("{" NODE "}");
	expect(env_call("config.apply",
		       "{'config': {" NODE ", 'networks': {" NETWORK_VLAN1001 "}}}"),
		"{'changes': ['add network vlan1001']}");
	expect(env_call("config.apply",
		       "{'config': {" NODE ", 'networks': {" NETWORK_VLAN1001 "}}}"),
		"{'changes': []}");
	expect(json_object_get(env_call("config.get", "{}"), "networks"), "{" NETWORK_VLAN1001 "}");
	env.broken = "bad";
	env_call_refused("config.apply", "{'config': {'uplinks': {'u': {'device': 'fake:bad'}}}}",
		E_DEV_OPEN, REFUSED_BY_MACHINE);
}
END_TEST

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 65536);

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
	fclose(file);
	return text;
}

static bool unsaved(void)
{
	return json_is_true(json_object_get(
		json_object_get(env_call("status.get", "{}"), "config"), "unsaved"));
}

START_TEST(save_writes_the_document_in_force)
{
	char directory[] = "/tmp/weft-test-XXXXXX", path[64], params[128], *text;
	struct stat st;
	json_t *document;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/weft.conf", directory);
	env_call_refused("config.save", "{}", E_KEY_MISSING, BAD_PARAMS);
	control_set_file(env.control, path);
	env_accept(TWO);
	ck_assert(!unsaved());
	env_call("port.set", "{'name': 'a', 'owner': 'me'}");
	ck_assert(unsaved());
	snprintf(params, sizeof(params), "{'file': '%s'}", path);
	expect(env_call("config.save", "{}"), params);
	ck_assert(!unsaved());
	text = read_file(path);
	document = json_loads(text, 0, NULL);
	ck_assert(json_equal(document, control_document(env.control)));
	json_decref(document);
	free(text);
	// The mode of a file that is there stays; a copy elsewhere is no save.
	ck_assert_int_eq(chmod(path, 0600), 0);
	env_call("port.set", "{'name': 'a', 'owner': null}");
	snprintf(params, sizeof(params), "{'file': '%s/copy'}", directory);
	env_call("config.save", params);
	ck_assert(unsaved());
	env_call("config.save", "{}");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	unlink(path);
	snprintf(path, sizeof(path), "%s/copy", directory);
	unlink(path);
	// Nothing else was left behind.
	ck_assert_int_eq(rmdir(directory), 0);
	env_call_refused("config.save", "{}", E_IO, REFUSED_BY_MACHINE);
	env_call_refused("config.save", "{'file': 'weft.conf'}", E_VALUE, REFUSED_BY_RULE);
}
END_TEST

// As `weftd -c weft.conf` says it: who asks for it is elsewhere.
START_TEST(file_is_told_with_its_directory)
{
	char path[PATH_MAX];
	const json_t *config;

	env_accept(TWO);
	control_set_file(env.control, "weft.conf");
	ck_assert_ptr_nonnull(getcwd(path, sizeof(path) - strlen("/weft.conf")));
	strcat(path, "/weft.conf");
	config = json_object_get(env_call("status.get", "{}"), "config");
	ck_assert_str_eq(string(config, "file"), path);
}
END_TEST

// ---- FDB ---------------------------------------------------------------------------------------

START_TEST(fdb_is_listed)
{
	uint16_t remote;
	const json_t *list;

	env_accept(TWO);
	remote = remote_find(env.tables->remotes, inet_addr("192.168.31.103"));
	env_learn("vxlan1", MAC_X, LOCATION_REMOTE | remote);
	env_learn("vlan1001", MAC_X, control_attachment_id(env.control, "provider.1001"));
	clock_advance(5 * NS_PER_S);
	ck_assert_uint_eq(json_array_size(env_call("fdb.list", "{}")), 4);
	expect(env_call("fdb.list", "{'mac': '" MAC_X "', 'network': 'vxlan1'}"),
		"[{'network': 'vxlan1', 'mac': '" MAC_X
		"', 'at': 'remote 192.168.31.103', 'static': false, 'age': 5}]");
	expect(env_call("fdb.list", "{'network': 'vlan1001'}"),
		"[{'network': 'vlan1001', 'mac': '" MAC_X
		"', 'at': 'uplink provider', 'static': false, 'age': 5}]");
	expect(env_call("fdb.list", "{'port': 'a'}"),
		"[{'network': 'vxlan1', 'mac': '" MAC_A "', 'at': 'port a', 'static': true}]");
	list = env_call("fdb.list", "{'mac': '" MAC_X "'}");
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_uint_eq(json_array_size(env_call("fdb.list", "{'limit': 3}")), 3);
	env_call_refused("fdb.list", "{'network': 'none'}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused("fdb.list", "{'port': 'none'}", E_NOT_FOUND, REFUSED_BY_RULE);
	env_call_refused("fdb.list", "{'mac': 'x'}", E_VALUE, REFUSED_BY_RULE);
	env_call_refused("fdb.list", "{'limit': 0}", E_VALUE, REFUSED_BY_RULE);
	env_call_refused("fdb.list", "{'limit': '3'}", E_TYPE, BAD_PARAMS);
	env_call_refused("fdb.list", "{'vlan': 3}", E_KEY_UNKNOWN, BAD_PARAMS);
}
END_TEST

START_TEST(many_entries_are_listed_in_bounds)
{
	uint16_t a;

	env_accept(TWO);
	env_call("network.set", "{'name': 'vxlan1', 'fdb-limit': 1048576}");
	a = control_attachment_id(env.control, "port a");
	for (uint64_t mac = 1; mac <= 100000; mac++)
		ck_assert_int_eq(fdb_learn(env.tables->fdb,
					 &(struct fdb_sighting){0x020000000000 + mac,
						 env_network("vxlan1")->domain, a, 1},
					 1048576, 0),
			FDB_ADDED);
	ck_assert_uint_eq(json_array_size(env_call("fdb.list", "{}")), 10000);
	ck_assert_uint_eq(json_array_size(env_call("fdb.list", "{'limit': 65536}")), 65536);
	expect(env_call("fdb.flush", "{'network': 'vxlan1'}"), "{'flushed': 100000}");
	ck_assert_uint_eq(json_array_size(env_call("fdb.list", "{}")), 2);
}
END_TEST

START_TEST(fdb_is_flushed)
{
	uint16_t a, segment, domain;

	env_accept(TWO);
	a = control_attachment_id(env.control, "port a");
	segment = control_attachment_id(env.control, "provider.1001");
	env_learn("vxlan1", MAC_X, a);
	env_learn("vxlan1", MAC_Y, control_attachment_id(env.control, "port b"));
	env_learn("vlan1001", MAC_X, segment);
	expect(env_call("fdb.flush", "{'port': 'a'}"), "{'flushed': 1}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), 0);
	ck_assert_uint_ne(env_fdb("vxlan1", MAC_Y), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), a);
	domain = env_network("vxlan1")->domain;
	expect(env_call("fdb.flush", "{'network': 'vxlan1'}"), "{'flushed': 1}");
	ck_assert_uint_ne(env_network("vxlan1")->domain, domain);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_Y), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), a);
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), segment);
	expect(env_call("fdb.flush", "{}"), "{'flushed': 1}");
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), 0);
	env_call_refused("fdb.flush", "{'network': 'vxlan1', 'port': 'a'}", E_KEY_EXCLUSIVE,
		REFUSED_BY_RULE);
	// What a worker still learns into the old domain reaches nobody.
	ck_assert_int_eq(fdb_learn(env.tables->fdb,
				 &(struct fdb_sighting){0x525400000003, domain, a, 1}, 100, 0),
		FDB_KEPT);
}
END_TEST

// ---- counters ----------------------------------------------------------------------------------

static struct attachment_counters *counters(unsigned worker, const char *name)
{
	return &env.tables->counters[worker]->attachments[control_attachment_id(env.control, name)];
}

START_TEST(stats_add_up_all_workers)
{
	const json_t *result, *row;

	env_accept(TWO);
	counters(0, "port a")->rx = 5;
	counters(1, "port a")->rx = 7;
	counters(1, "port a")->rx_bytes = 700;
	counters(1, "vxlan.1")->drops[DROP_VXLAN_NO_I] = 2;
	env.tables->counters[1]->info[INFO_FDB_MOVED] = 3;
	env.tables->counters[1]->packets = 12;
	result = env_call("stats.get", "{}");
	row = find(json_object_get(result, "attachments"), "name", "port a");
	ck_assert_int_eq(integer(row, "rx"), 12);
	ck_assert_int_eq(integer(row, "rx-bytes"), 700);
	ck_assert_str_eq(string(row, "kind"), "port");
	ck_assert_str_eq(string(row, "network"), "vxlan1");
	row = find(json_object_get(result, "attachments"), "name", "vxlan.1");
	ck_assert_int_eq(integer(row, "drops"), 2);
	ck_assert_str_eq(string(row, "kind"), "tunnel");
	row = find(json_object_get(result, "attachments"), "name", "uplink provider");
	ck_assert_ptr_null(json_object_get(row, "network"));
	ck_assert_int_eq(integer(json_object_get(result, "total"), "rx"), 12);
	ck_assert_int_eq(integer(json_object_get(result, "total"), "drops"), 2);
	ck_assert_int_eq(integer(json_object_get(result, "info"), "fdb_moved"), 3);
	row = json_array_get(json_object_get(result, "workers"), 1);
	ck_assert_int_eq(integer(row, "packets"), 12);
	result = env_call("stats.get", "{'attachment': 'provider.1001'}");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "attachments")), 1);
	env_call_refused("stats.get", "{'attachment': 'x'}", E_NOT_FOUND, REFUSED_BY_RULE);
}
END_TEST

START_TEST(drops_are_told_by_reason)
{
	const json_t *list;

	env_accept(TWO);
	expect(env_call("drops.get", "{}"), "[]");
	counters(0, "port a")->drops[DROP_RUNT] = 1;
	counters(1, "port b")->drops[DROP_RUNT] = 2;
	counters(1, "port b")->drops[DROP_TX_FULL] = 4;
	list = env_call("drops.get", "{}");
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(string(find(list, "reason", "tx_full"), "class"), "congestion");
	ck_assert_uint_gt(strlen(string(find(list, "reason", "runt"), "text")), 10);
	ck_assert_int_eq(integer(find(list, "reason", "runt"), "packets"), 3);
	expect(json_object_get(find(list, "reason", "runt"), "attachments"),
		"{'port a': 1, 'port b': 2}");
	list = env_call("drops.get", "{'attachment': 'port b'}");
	ck_assert_int_eq(integer(find(list, "reason", "runt"), "packets"), 2);
	list = env_call("drops.get", "{'all': true}");
	ck_assert_uint_eq(json_array_size(list), N_DROP_REASONS);
	env_call_refused("drops.get", "{'all': 1}", E_TYPE, BAD_PARAMS);
}
END_TEST

START_TEST(audit_finds_what_is_missing)
{
	const json_t *result;

	env_accept(TWO);
	// Ten packets in at a: eight go to b, one is dropped, one is copied to both b and the
	// tunnel.
	*counters(0, "port a") = (struct attachment_counters){
		.rx = 10, .copies = 1, .handed_out = 10, .drops[DROP_RUNT] = 1};
	*counters(0, "port b") = (struct attachment_counters){.handed_in = 9, .tx = 9};
	*counters(0, "vxlan.1") = (struct attachment_counters){.handed_in = 1, .tx = 1};
	result = env_call("audit.run", "{}");
	ck_assert(json_is_true(json_object_get(result, "balanced")));
	ck_assert(json_is_true(json_object_get(result, "quiet")));
	ck_assert_int_eq(integer(json_object_get(result, "total"), "rx"), 10);
	ck_assert_int_eq(integer(json_object_get(result, "total"), "difference"), 0);
	// One vanishes.
	counters(1, "port b")->rx++;
	result = env_call("audit.run", "{}");
	ck_assert(json_is_false(json_object_get(result, "balanced")));
	expect(json_object_get(result, "unbalanced"), "['port b']");
	ck_assert_int_eq(integer(json_object_get(result, "total"), "difference"), 1);
	ck_assert_int_eq(integer(find(json_object_get(result, "attachments"), "name", "port b"),
				 "difference"),
		1);
	// One comes from nowhere.
	counters(1, "port b")->tx += 3;
	result = env_call("audit.run", "{}");
	ck_assert_int_eq(integer(json_object_get(result, "total"), "difference"), -2);
}
END_TEST

START_TEST(deleted_attachments_stay_in_the_totals)
{
	const json_t *result;
	uint16_t old;

	env_accept(TWO);
	*counters(0, "port a") = (struct attachment_counters){.rx = 4, .drops[DROP_RUNT] = 4};
	old = control_attachment_id(env.control, "port a");
	env_call("port.del", "{'name': 'a'}");
	for (int i = 0; i < 2; i++) {
		result = env_call("stats.get", "{}");
		ck_assert_int_eq(integer(json_object_get(result, "total"), "rx"), 4);
		ck_assert_int_eq(integer(json_object_get(result, "retired"), "rx"), 4);
		result = env_call("drops.get", "{}");
		expect(json_object_get(json_array_get(result, 0), "attachments"), "{'retired': 4}");
		ck_assert(json_is_true(json_object_get(env_call("audit.run", "{}"), "balanced")));
		// Once more with the id free again.
		clock_advance(11 * NS_PER_S);
		env_poll();
	}
	env_call("port.add", "{'name': 'c', 'network': 'vxlan1', 'device': 'fake:c'}");
	ck_assert_uint_eq(control_attachment_id(env.control, "port c"), old);
	counters(0, "port c")->rx++;
	result = env_call("stats.get", "{}");
	ck_assert_int_eq(
		integer(find(json_object_get(result, "attachments"), "name", "port c"), "rx"), 1);
	ck_assert_int_eq(integer(json_object_get(result, "total"), "rx"), 5);
}
END_TEST

START_TEST(status)
{
	static const unsigned cpus[] = {3, 5};
	const json_t *result, *device;

	control_set_cpus(env.control, cpus);
	env_accept(TWO);
	clock_advance(7 * NS_PER_S);
	env.tables->counters[1]->busy_cycles = 250;
	env.tables->counters[1]->idle_cycles = 750;
	env_poll();
	result = env_call("status.get", "{}");
	ck_assert_str_eq(string(result, "version"), WEFT_VERSION);
	ck_assert_int_eq(integer(result, "pid"), getpid());
	ck_assert(json_real_value(json_object_get(result, "uptime")) == 7.0);
	ck_assert_int_eq(integer(json_array_get(json_object_get(result, "workers"), 1), "cpu"), 5);
	ck_assert(json_real_value(json_object_get(
			  json_array_get(json_object_get(result, "workers"), 1), "load")) == 0.25);
	device = find(json_object_get(result, "devices"), "device", "fake:ens18");
	ck_assert_str_eq(string(device, "link"), "up");
	ck_assert_int_eq(integer(device, "speed-mbps"), 1000);
	ck_assert_int_eq(integer(json_object_get(result, "fdb"), "entries"), 2);
	expect(json_object_get(result, "objects"),
		"{'uplinks': 3, 'networks': 2, 'subnets': 0, 'security-groups': 1, 'ports': 2,"
		" 'routers': 0, 'floating-ips': 0, 'fdb': 0}");
	ck_assert(json_is_null(json_object_get(json_object_get(result, "config"), "file")));
}
END_TEST

// ---- JSON-RPC ----------------------------------------------------------------------------------

static json_t *answer_to(const char *request)
{
	json_t *json = env_json(request);
	json_t *answer = control_call(env.control, json);

	json_decref(json);
	return answer;
}

static void expect_answer(const char *request, int code)
{
	json_t *answer = answer_to(request);

	ck_assert_int_eq(integer(json_object_get(answer, "error"), "code"), code);
	json_decref(answer);
}

START_TEST(messages_that_are_no_requests)
{
	env_accept(TWO);
	expect_answer("{'id': 1, 'method': 'config.get'}", -32600);
	expect_answer("{'jsonrpc': '2.0', 'id': 1}", -32600);
	expect_answer("{'jsonrpc': '2.0', 'id': 1, 'method': 7}", -32600);
	expect_answer("{'jsonrpc': '2.0', 'id': {}, 'method': 'config.get'}", -32600);
	expect_answer("[]", -32600);
	expect_answer("{'jsonrpc': '2.0', 'id': 1, 'method': 'port.fly'}", -32601);
	expect_answer("{'jsonrpc': '2.0', 'id': 1, 'method': 'x'}", -32601);
	expect_answer("{'jsonrpc': '2.0', 'id': 1, 'method': ''}", -32601);
	expect_answer("{'jsonrpc': '2.0', 'id': 1, 'method': 'stats.get', 'params': [1]}", -32602);
}
END_TEST

START_TEST(batches_and_notifications)
{
	json_t *answer;

	env_accept(TWO);
	answer = answer_to("{'jsonrpc': '2.0', 'method': 'port.del', 'params': {'name': 'a'}}");
	ck_assert_ptr_null(answer);
	ck_assert_uint_eq(control_attachment_id(env.control, "port a"), 0);
	answer = answer_to("[{'jsonrpc': '2.0', 'id': 'x', 'method': 'fdb.flush'}, 7,"
			   " {'jsonrpc': '2.0', 'method': 'port.del', 'params': {'name': 'b'}},"
			   " {'jsonrpc': '2.0', 'id': 3, 'method': 'port.list'}]");
	ck_assert_uint_eq(json_array_size(answer), 3);
	expect(json_array_get(answer, 0),
		"{'jsonrpc': '2.0', 'id': 'x', 'result': {'flushed': 0}}");
	ck_assert(json_is_null(json_object_get(json_array_get(answer, 1), "id")));
	expect(json_array_get(answer, 2), "{'jsonrpc': '2.0', 'id': 3, 'result': []}");
	json_decref(answer);
	ck_assert_ptr_null(answer_to("[{'jsonrpc': '2.0', 'method': 'config.get'}]"));
}
END_TEST

START_TEST(long_batches_are_refused)
{
	json_t *batch = json_array(), *answer;

	for (int i = 0; i < 1025; i++)
		json_array_append_new(batch, json_integer(i));
	answer = control_call(env.control, batch);
	ck_assert_int_eq(integer(json_object_get(answer, "error"), "code"), -32600);
	json_decref(answer);
	json_array_remove(batch, 0);
	answer = control_call(env.control, batch);
	ck_assert_uint_eq(json_array_size(answer), 1024);
	json_decref(answer);
	json_decref(batch);
}
END_TEST

START_TEST(every_method_is_listed_and_there)
{
	json_t *methods = json_deep_copy(env_call("rpc.methods", "{}"));
	const json_t *method;
	size_t i;

	find(methods, "name", "port.add");
	find(methods, "name", "tunnel.set");
	find(methods, "name", "fdb.add");
	find(methods, "name", "audit.run");
	json_array_foreach (methods, i, method) {
		json_t *request = json_pack("{s:s, s:i, s:s}", "jsonrpc", "2.0", "id", 1, "method",
			string(method, "name"));
		json_t *answer = control_call(env.control, request);

		ck_assert_int_ne(json_integer_value(
					 json_object_get(json_object_get(answer, "error"), "code")),
			-32601);
		ck_assert_uint_gt(strlen(string(method, "help")), 5);
		json_decref(request);
		json_decref(answer);
	}
	json_decref(methods);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {objects_are_added_set_deleted, single_objects,
		security_groups, rules, chains_read_as_those_of_iptables,
		rules_keep_what_they_have_counted, lists_have_defaults_and_state, remotes,
		check_changes_nothing, apply_says_what_changed, save_writes_the_document_in_force,
		file_is_told_with_its_directory, fdb_is_listed, many_entries_are_listed_in_bounds,
		fdb_is_flushed, stats_add_up_all_workers, drops_are_told_by_reason,
		audit_finds_what_is_missing, deleted_attachments_stay_in_the_totals, status,
		messages_that_are_no_requests, batches_and_notifications, long_batches_are_refused,
		every_method_is_listed_and_there};

	return env_main("control_methods", tests, ARRAY_SIZE(tests));
}
