// SPDX-License-Identifier: BSD-3-Clause
// Commits: what a snapshot holds, what happens to ids, devices and the FDB as objects come and go.

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "control_env.h"

#define MAC_A "fa:16:3e:00:00:0a"
#define MAC_B "fa:16:3e:00:00:0b"
#define MAC_X "52:54:00:00:00:01" // somebody behind a port, uplink or remote

#define PORT_A "'a': {'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "'}"
#define PORT_B "'b': {'network': 'vxlan1', 'device': 'fake:b', 'mac': '" MAC_B "'}"
#define BASE   NODE ", 'networks': {" NETWORK_VXLAN1 ", " NETWORK_VLAN1001 "}"
#define TWO    "{" BASE ", 'ports': {" PORT_A ", " PORT_B "}}"

static uint16_t attachment_id(const char *name)
{
	return control_attachment_id(env.control, name);
}

static bool has_member(const struct network *network, uint16_t id)
{
	for (uint16_t i = 0; i < network->n_members; i++) {
		if (network->members[i] == id)
			return true;
	}
	return false;
}

// ---- the snapshot ------------------------------------------------------------------------------

START_TEST(port_and_uplink)
{
	const struct attachment *port, *segment;
	const struct device_map *map;

	env_accept(TWO);
	port = env_attachment("port a");
	ck_assert_int_eq(port->kind, ATTACHMENT_PORT);
	ck_assert_uint_eq(port->mac, 0xfa163e00000a);
	ck_assert_uint_eq(port->network, control_network_id(env.control, "vxlan1"));
	ck_assert_uint_eq(port->device, control_device_id(env.control, "fake:a"));
	ck_assert_uint_eq(port->max_len, 1450 + 14);
	ck_assert_uint_eq(port->flags, ATTACHMENT_UP);
	map = &env_snapshot()->maps[port->device];
	ck_assert_uint_eq(map->root, attachment_id("port a"));
	ck_assert_uint_eq(map->untagged, attachment_id("port a"));
	ck_assert_ptr_null(map->vlans);
	ck_assert(!map->is_uplink);

	segment = env_attachment("provider.1001");
	ck_assert_int_eq(segment->kind, ATTACHMENT_SEGMENT);
	ck_assert_uint_eq(segment->max_len, 1500 + 14);
	ck_assert_uint_eq(segment->flags, ATTACHMENT_UP | ATTACHMENT_PAD);
	map = &env_snapshot()->maps[segment->device];
	ck_assert(map->is_uplink);
	ck_assert(!map->underlay);
	ck_assert_uint_eq(map->root, attachment_id("uplink provider"));
	ck_assert_uint_eq(map->untagged, 0);
	ck_assert_uint_eq(map->vlans[1002], 0);
	ck_assert_uint_eq(map->mac, env_device("fake:ens19")->mac);
	ck_assert_int_eq(env_attachment("uplink provider")->kind, ATTACHMENT_UPLINK);
	ck_assert_uint_eq(env_attachment("uplink provider")->mac, map->mac);
}
END_TEST

START_TEST(tunnel)
{
	const struct tunnel *t;
	const struct network *network;

	env_accept(TWO);
	t = &env_snapshot()->tunnel;
	network = env_network("vxlan1");
	ck_assert(t->enabled);
	ck_assert_uint_eq(t->address, inet_addr("192.168.31.104"));
	ck_assert_uint_eq(t->broadcast, inet_addr("192.168.31.255"));
	ck_assert_uint_eq(t->port, htons(8472));
	ck_assert_uint_eq(t->source_port_min, 32768);
	ck_assert_uint_eq(t->n_source_ports, 60999 - 32768 + 1);
	ck_assert(t->strict_remotes);
	ck_assert_uint_eq(t->device, control_device_id(env.control, "fake:ens18"));
	ck_assert_uint_eq(t->root, attachment_id("uplink underlay"));
	ck_assert(env_snapshot()->maps[t->device].underlay);
	ck_assert_uint_eq(snapshot_vni(env_snapshot(), 1), attachment_id("vxlan.1"));
	ck_assert_uint_eq(snapshot_vni(env_snapshot(), 2), 0);
	ck_assert_uint_eq(network->tunnel, attachment_id("vxlan.1"));
	ck_assert_uint_eq(network->vni, 1);
	ck_assert_uint_eq(network->n_remotes, 2);
	// The tunnel floods to its remotes, not as a member.
	ck_assert_uint_eq(network->n_members, 2);
	ck_assert(has_member(network, attachment_id("port a")));
	ck_assert(has_member(network, attachment_id("port b")));
}
END_TEST

// Addresses that a network floods to, as a sorted text.
static const char *flood_list(const char *name)
{
	static char text[256];
	const struct network *network = env_network(name);
	uint32_t addresses[8];
	size_t len = 0;

	ck_assert_uint_le(network->n_remotes, ARRAY_SIZE(addresses));
	for (uint16_t i = 0; i < network->n_remotes; i++) {
		uint32_t address =
			ntohl(remote_get(env.tables->remotes, network->remotes[i])->address);
		uint16_t j = i;

		for (; j > 0 && addresses[j - 1] > address; j--)
			addresses[j] = addresses[j - 1];
		addresses[j] = address;
	}
	text[0] = '\0';
	for (uint16_t i = 0; i < network->n_remotes; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
			inet_ntoa((struct in_addr){htonl(addresses[i])}));
	return text;
}

#define UNDERLAY "'uplinks': {'u': {'device': 'fake:u', 'address': '10.0.0.1/24'}}"
#define MODE(tunnel, network)                                                                      \
	"{" UNDERLAY ", 'tunnel': {'uplink': 'u', " tunnel "}, 'networks': {'n': {'segments':"     \
	" [{'type': 'vxlan', 'id': 5}]" network "}}}"

START_TEST(flood_lists_of_each_mode)
{
	env_accept(MODE("'mode': 'multicast', 'group': '239.1.1.1'", ""));
	ck_assert_str_eq(flood_list("n"), "239.1.1.1");
	env_accept(MODE("'mode': 'headend', 'remotes': ['10.0.0.2', '10.0.0.3']",
		", 'remotes': ['10.0.0.3', '10.0.0.4']"));
	ck_assert_str_eq(flood_list("n"), "10.0.0.2 10.0.0.3 10.0.0.4");
	env_accept(MODE("'mode': 'both', 'group': '239.1.1.1', 'remotes': ['10.0.0.2']", ""));
	ck_assert_str_eq(flood_list("n"), "10.0.0.2 239.1.1.1");
	env_accept(MODE("'mode': 'headend'", ""));
	ck_assert_str_eq(flood_list("n"), "");
	// Group = network + (vni & host mask).
	env_accept(MODE("'mode': 'multicast', 'group': '239.1.1.0/24'", ""));
	ck_assert_str_eq(flood_list("n"), "239.1.1.5");
	ck_assert_uint_eq(env_snapshot()->tunnel.group_mask, inet_addr("255.255.255.0"));
	ck_assert_uint_eq(env_snapshot()->tunnel.group, inet_addr("239.1.1.0"));
}
END_TEST

START_TEST(disabled_tunnel_takes_no_packets)
{
	env_accept(MODE("'mode': 'headend', 'remotes': ['10.0.0.2']", ""));
	ck_assert_uint_ne(snapshot_vni(env_snapshot(), 5), 0);
	env_accept("{" UNDERLAY ", 'tunnel': {'uplink': 'u', 'enabled': false}}");
	ck_assert(!env_snapshot()->tunnel.enabled);
	ck_assert_uint_eq(snapshot_vni(env_snapshot(), 5), 0);
	ck_assert(!env_snapshot()->maps[control_device_id(env.control, "fake:u")].underlay);
}
END_TEST

#define TRUNK(name, vlan)                                                                          \
	"'" name "': {'network': 'vxlan1', 'device': 'fake:trunk', 'vlan': " vlan "}"

START_TEST(ports_share_a_trunk)
{
	const struct device_map *map;
	struct device *device;

	env_accept("{" BASE ", 'ports': {" TRUNK("a", "10") ", " TRUNK("b", "20") "}}");
	ck_assert_uint_eq(env.n_open, 4);
	device = env_device("fake:trunk");
	map = &env_snapshot()->maps[control_device_id(env.control, "fake:trunk")];
	ck_assert_uint_eq(map->vlans[10], attachment_id("port a"));
	ck_assert_uint_eq(map->vlans[20], attachment_id("port b"));
	ck_assert_uint_eq(map->untagged, 0);
	ck_assert_uint_eq(map->root, attachment_id("trunk fake:trunk"));
	ck_assert(!map->is_uplink);
	ck_assert_uint_eq(env_attachment("port b")->vid, 20);
	// A VLAN goes, the device stays as it is.
	env_accept("{" BASE ", 'ports': {" TRUNK("b", "20") "}}");
	env_poll();
	ck_assert_ptr_eq(env_device("fake:trunk"), device);
	ck_assert_uint_eq(env.n_open, 4);
	env_accept("{" BASE "}");
	env_poll();
	ck_assert_uint_eq(env.n_open, 3);
	ck_assert_uint_eq(attachment_id("trunk fake:trunk"), 0);
}
END_TEST

// Every queue is polled by one worker, and by the same one for its whole life.
START_TEST(workers_share_the_queues)
{
	uint16_t device, worker;

	env_accept(TWO);
	ck_assert_uint_eq(env_snapshot()->n_polls[0] + env_snapshot()->n_polls[1], 5);
	ck_assert_uint_ge(env_snapshot()->n_polls[0], 2);
	ck_assert_uint_ge(env_snapshot()->n_polls[1], 2);
	device = control_device_id(env.control, "fake:b");
	for (worker = 0; worker < 2; worker++) {
		const struct poll_entry *last =
			&env_snapshot()->polls[worker][env_snapshot()->n_polls[worker] - 1];

		if (last->device == device)
			break;
	}
	ck_assert_uint_lt(worker, 2);
	env_call("port.del", "{'name': 'a'}");
	env_call("network.del", "{'name': 'vlan1001'}");
	env_call("uplink.del", "{'name': 'provider'}");
	for (uint16_t i = 0; i < env_snapshot()->n_polls[1 - worker]; i++)
		ck_assert_uint_ne(env_snapshot()->polls[1 - worker][i].device, device);
}
END_TEST

// ---- the FDB -----------------------------------------------------------------------------------

START_TEST(item_34_port_down)
{
	const struct network *network;

	env_accept(TWO);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), attachment_id("port a"));
	env_learn("vxlan1", MAC_X, attachment_id("port a"));
	env_call("port.set", "{'name': 'a', 'admin-state': 'down'}");
	ck_assert_uint_eq(env_attachment("port a")->flags & ATTACHMENT_UP, 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_B), attachment_id("port b"));
	network = env_network("vxlan1");
	ck_assert_uint_eq(network->n_members, 1);
	ck_assert_uint_eq(network->members[0], attachment_id("port b"));
	env_call("port.set", "{'name': 'a', 'admin-state': null}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), attachment_id("port a"));
	ck_assert_uint_eq(env_network("vxlan1")->n_members, 2);
}
END_TEST

START_TEST(network_and_uplink_down)
{
	env_accept(TWO);
	env_learn("vlan1001", MAC_X, attachment_id("provider.1001"));
	env_call("network.set", "{'name': 'vxlan1', 'admin-state': 'down'}");
	ck_assert_uint_eq(env_network("vxlan1")->flags & NETWORK_UP, 0);
	ck_assert_uint_eq(env_network("vxlan1")->n_members, 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), 0);
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), attachment_id("provider.1001"));
	env_call("uplink.set", "{'name': 'provider', 'admin-state': 'down'}");
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), 0);
	ck_assert_uint_eq(env_network("vlan1001")->n_members, 0);
}
END_TEST

START_TEST(mac_change_moves_the_entry)
{
	env_accept(TWO);
	env_call("port.set", "{'name': 'a', 'admin-state': 'down'}");
	env_call("port.set", "{'name': 'a', 'mac': '" MAC_X "', 'admin-state': 'up'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), attachment_id("port a"));
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 2);
}
END_TEST

START_TEST(removed_port_is_forgotten)
{
	env_accept(TWO);
	env_learn("vxlan1", MAC_X, attachment_id("port a"));
	env_call("port.del", "{'name': 'a'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), 0);
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_A), 0);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 1);
}
END_TEST

START_TEST(static_entries)
{
	uint16_t remote;

	env_accept(TWO);
	env_learn("vxlan1", MAC_X, attachment_id("port a"));
	// A static entry replaces a learned one.
	env_call("fdb.add", "{'name': 'vxlan1/" MAC_X "', 'remote': '192.168.31.101'}");
	remote = remote_find(env.tables->remotes, inet_addr("192.168.31.101"));
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), LOCATION_REMOTE | remote);
	env_call("fdb.set", "{'name': 'vxlan1/" MAC_X "', 'remote': null, 'port': 'b'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), attachment_id("port b"));
	// It leaves with its port and comes back with it.
	env_call("port.set", "{'name': 'b', 'admin-state': 'down'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), 0);
	env_call("port.set", "{'name': 'b', 'admin-state': 'up'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), attachment_id("port b"));
	env_call("fdb.del", "{'name': 'vxlan1/" MAC_X "'}");
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), 0);
	ck_assert_uint_eq(fdb_count(env.tables->fdb), 2);
	env_call("fdb.add", "{'name': 'vlan1001/" MAC_X "', 'uplink': 'provider'}");
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), attachment_id("provider.1001"));
	// A remote that only a static entry names.
	env_call("fdb.add", "{'name': 'vxlan1/" MAC_X "', 'remote': '192.168.31.7'}");
	remote = remote_find(env.tables->remotes, inet_addr("192.168.31.7"));
	ck_assert_uint_eq(env_fdb("vxlan1", MAC_X), LOCATION_REMOTE | remote);
	ck_assert_uint_eq(env_network("vxlan1")->n_remotes, 2);
}
END_TEST

START_TEST(full_table_takes_static_entries_later)
{
	uint16_t a, domain;

	env_accept(TWO);
	a = attachment_id("port a");
	domain = env_network("vxlan1")->domain;
	// A MAC whose buckets are taken is not learned; others are.
	for (uint64_t mac = 1; fdb_count(env.tables->fdb) < MAX_FDB_ENTRIES; mac++) {
		ck_assert_uint_lt(mac, 2 * MAX_FDB_ENTRIES);
		fdb_learn(env.tables->fdb,
			&(struct fdb_sighting){0x020000000000 + mac, domain, a, 1}, MAX_FDB_ENTRIES,
			0);
	}
	env_call("port.add", "{'name': 'c', 'network': 'vlan1001', 'device': 'fake:c',"
			     " 'mac': '" MAC_X "'}");
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), 0);
	env_call("fdb.flush", "{'network': 'vxlan1'}");
	clock_advance(2 * NS_PER_S);
	env_poll();
	ck_assert_uint_eq(env_fdb("vlan1001", MAC_X), attachment_id("port c"));
}
END_TEST

// ---- ids and devices ---------------------------------------------------------------------------

START_TEST(ids_stay_with_their_names)
{
	uint16_t b, device, network;
	struct device *opened;

	env_accept(TWO);
	b = attachment_id("port b");
	device = control_device_id(env.control, "fake:b");
	network = control_network_id(env.control, "vxlan1");
	opened = env_device("fake:b");
	env_call("port.del", "{'name': 'a'}");
	ck_assert_uint_eq(attachment_id("port b"), b);
	ck_assert_uint_eq(control_device_id(env.control, "fake:b"), device);
	ck_assert_uint_eq(control_network_id(env.control, "vxlan1"), network);
	ck_assert_ptr_eq(env_device("fake:b"), opened);
	ck_assert_uint_eq(env.n_opened, 5);
}
END_TEST

START_TEST(ids_rest_before_they_are_given_again)
{
	uint16_t old;

	env_accept(TWO);
	old = attachment_id("port a");
	env_call("port.del", "{'name': 'a'}");
	ck_assert_int_eq(env_snapshot()->attachments[old].kind, ATTACHMENT_NONE);
	env_poll();
	env_call("port.add", "{'name': 'c', 'network': 'vxlan1', 'device': 'fake:c'}");
	ck_assert_uint_ne(attachment_id("port c"), old);
	clock_advance(11 * NS_PER_S);
	env_poll();
	env_call("port.add", "{'name': 'd', 'network': 'vxlan1', 'device': 'fake:d'}");
	ck_assert_uint_eq(attachment_id("port d"), old);
}
END_TEST

START_TEST(device_is_open_as_long_as_a_worker_may_use_it)
{
	env_accept(TWO);
	rcu_reader_online(env.tables->rcu, 0);
	env_call("port.del", "{'name': 'a'}");
	env_poll();
	ck_assert_uint_eq(env.n_open, 5);
	rcu_quiescent(env.tables->rcu, 0);
	env_poll();
	ck_assert_uint_eq(env.n_open, 4);
	rcu_reader_offline(env.tables->rcu, 0);
}
END_TEST

START_TEST(device_comes_back_at_once)
{
	env_accept(TWO);
	env_call("port.del", "{'name': 'a'}");
	// Not polled in between: the device waits to be closed, and is before it opens again.
	env_call("port.add", "{'name': 'c', 'network': 'vxlan1', 'device': 'fake:a'}");
	ck_assert_uint_eq(env.n_open, 5);
	ck_assert_uint_eq(env.n_opened, 6);
	// A worker that does not come to an end of its round keeps the device.
	rcu_reader_online(env.tables->rcu, 0);
	env_call("port.del", "{'name': 'c'}");
	env_call_refused(
		"port.add", "{'name': 'e', 'network': 'vxlan1', 'device': 'fake:a'}", E_BUSY, 1);
	rcu_reader_offline(env.tables->rcu, 0);
	env_call("port.add", "{'name': 'e', 'network': 'vxlan1', 'device': 'fake:a'}");
}
END_TEST

START_TEST(open_device_keeps_its_options)
{
	env_accept(TWO);
	env_call_refused("port.set", "{'name': 'a', 'device': 'fake:a,speed=1'}", E_BUSY, 1);
	env_call_refused("uplink.set", "{'name': 'provider', 'mtu': 9000}", E_BUSY, 1);
	env_call("uplink.set", "{'name': 'provider', 'mtu': 1400}");
	ck_assert_uint_eq(env_attachment("provider.1001")->max_len, 1414);
	env_call("port.set", "{'name': 'a', 'device': 'fake:other'}");
	ck_assert_ptr_nonnull(env_device("fake:other"));
}
END_TEST

// ---- limits ------------------------------------------------------------------------------------

// TWO with more of something.
static json_t *document_with(const char *kind, size_t n, json_t *(*make)(size_t i))
{
	json_t *document = env_json(TWO);

	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "x%zu", i);
		json_object_set_new(json_object_get(document, kind), name, make(i));
	}
	return document;
}

static json_t *many_port(size_t i)
{
	return json_pack("{s:s, s:o}", "network", "vxlan1", "device", json_sprintf("fake:x%zu", i));
}

START_TEST(more_devices_than_there_are_ids)
{
	json_t *document;
	char *text;

	env_accept(TWO);
	document = document_with("ports", MAX_DEVICES, many_port);
	text = json_dumps(document, 0);
	REFUSE(text, E_DEV_LIMIT);
	free(text);
	json_decref(document);
}
END_TEST

// 16,384 of one direction and IP version; the others have room of their own.
START_TEST(more_rules_than_a_port_can_have)
{
	json_t *document, *rules = json_array();
	char *text;

	document =
		env_json("{" NODE ", 'networks': {" NETWORK_VXLAN1 "}, 'ports': {'a': {"
			 " 'network': 'vxlan1', 'device': 'fake:a', 'security-groups': ['web']}},"
			 " 'security-groups': {'web': {}}}");
	json_object_set_new(json_object_get(json_object_get(document, "security-groups"), "web"),
		"rules", rules);
	for (int i = 0; i < CLASSIFIER_RULES_MAX; i++)
		json_array_append_new(
			rules, json_pack("{s:s, s:s, s:o}", "direction", "ingress", "protocol",
				       "tcp", "ports", json_sprintf("%d", 1 + i)));
	json_array_append_new(rules, json_pack("{s:s}", "direction", "egress"));
	text = json_dumps(document, 0);
	env_accept(text);
	free(text);
	json_array_append_new(
		rules, json_pack("{s:s, s:s}", "direction", "ingress", "protocol", "udp"));
	text = json_dumps(document, 0);
	REFUSE(text, E_LIMIT);
	free(text);
	json_decref(document);
}
END_TEST

START_TEST(more_remotes_than_there_are_ids)
{
	json_t *document, *remotes;
	uint16_t kept;
	char *text;

	env_accept(TWO);
	kept = remote_find(env.tables->remotes, inet_addr("192.168.31.103"));
	document = env_json(TWO);
	remotes = json_object_get(json_object_get(document, "tunnel"), "remotes");
	for (int i = 0; i < MAX_REMOTES; i++)
		json_array_append_new(
			remotes, json_sprintf("192.168.%d.%d", 40 + i / 200, 1 + i % 200));
	text = json_dumps(document, 0);
	REFUSE(text, E_LIMIT);
	free(text);
	json_decref(document);
	ck_assert_uint_eq(remote_find(env.tables->remotes, inet_addr("192.168.31.103")), kept);
	ck_assert(remote_get(env.tables->remotes, kept)->configured);
	for (int i = 0; i < 100; i++) {
		clock_advance(NS_PER_S);
		env_poll();
	}
	ck_assert_uint_eq(remote_find(env.tables->remotes, inet_addr("192.168.40.1")), 0);
}
END_TEST

// ---- coming and going --------------------------------------------------------------------------

#define N_OBJECTS 200
#define N_ROUNDS  10
#define N_FLUSHES 500

// Plays a worker: reads all that a snapshot points to, so that a sanitizer sees what was freed too
// early.
static void *read_snapshots(void *arg)
{
	bool *stop = arg;
	uint64_t sum = 0;

	rcu_reader_online(env.tables->rcu, 1);
	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
		const struct snapshot *s = __atomic_load_n(&env.tables->snapshot, __ATOMIC_ACQUIRE);

		for (uint16_t id = 1; id < s->n_networks; id++) {
			const struct network *network = &s->networks[id];

			for (uint16_t i = 0; i < network->n_members; i++)
				sum += s->attachments[network->members[i]].max_len;
			for (uint16_t i = 0; i < network->n_remotes; i++)
				sum += network->remotes[i];
		}
		for (uint16_t i = 0; i < s->n_polls[1]; i++)
			sum += s->devices[s->polls[1][i].device]->mac;
		rcu_quiescent(env.tables->rcu, 1);
	}
	rcu_reader_offline(env.tables->rcu, 1);
	return (void *)(uintptr_t)sum;
}

// BASE with every `step`th of N_OBJECTS networks and ports, from `first` on.
static void apply_objects(int first, int step)
{
	json_t *document = env_json(TWO);
	json_t *networks = json_object_get(document, "networks");
	json_t *ports = json_object_get(document, "ports");
	char *text;

	for (int i = first; i < N_OBJECTS; i += step) {
		char name[16];

		snprintf(name, sizeof(name), "x%d", i);
		json_object_set_new(networks, name,
			json_pack("{s:[{s:s}, {s:s, s:s}]}", "segments", "type", "vxlan", "type",
				"vlan", "uplink", "provider"));
		json_object_set_new(ports, name,
			json_pack("{s:s, s:o}", "network", name, "device",
				json_sprintf("fake:%s", name)));
	}
	text = json_dumps(document, 0);
	env_accept(text);
	free(text);
	json_decref(document);
}

START_TEST(ports_and_networks_come_and_go_under_a_worker)
{
	pthread_t worker;
	bool stop = false;

	env_accept(TWO);
	ck_assert_int_eq(pthread_create(&worker, NULL, read_snapshots, &stop), 0);
	for (int round = 0; round < N_ROUNDS; round++) {
		apply_objects(0, 1);
		ck_assert_uint_eq(
			env_snapshot()->n_polls[0] + env_snapshot()->n_polls[1], 5 + N_OBJECTS);
		ck_assert_uint_eq(fdb_count(env.tables->fdb), 2 + N_OBJECTS);
		apply_objects(0, 2);
		env_poll();
		apply_objects(1, 2);
		ck_assert_uint_eq(fdb_count(env.tables->fdb), 2 + N_OBJECTS / 2);
		env_accept(TWO);
		ck_assert_uint_eq(fdb_count(env.tables->fdb), 2);
		clock_advance(11 * NS_PER_S);
		env_poll();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(worker, NULL);
	env_poll();
	ck_assert_uint_eq(env.n_open, 5);
	// Ids were used again, not new ones each round.
	ck_assert_uint_lt(env_snapshot()->n_attachments, 3 * 3 * N_OBJECTS);
}
END_TEST

// Plays a worker that sends to port a. Returns how often a snapshot in force did not lead to it.
static void *look_for_port_a(void *arg)
{
	bool *stop = arg;
	uint16_t network = control_network_id(env.control, "vxlan1");
	uint64_t mac = env_attachment("port a")->mac;
	uint64_t lost = 0;

	rcu_reader_online(env.tables->rcu, 1);
	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
		const struct snapshot *s = __atomic_load_n(&env.tables->snapshot, __ATOMIC_ACQUIRE);
		const struct fdb *fdb = env.tables->fdb;
		const struct fdb_table *table = __atomic_load_n(&fdb->table, __ATOMIC_ACQUIRE);
		uint64_t key = fdb_key(s->networks[network].domain, mac);
		uint32_t *seen_s;

		// What is swept once another snapshot is in force proves nothing.
		if (fdb_lookup(fdb, table, key, fdb_hash(fdb, key), &seen_s) == 0 &&
			s == __atomic_load_n(&env.tables->snapshot, __ATOMIC_ACQUIRE))
			lost++;
		rcu_quiescent(env.tables->rcu, 1);
	}
	rcu_reader_offline(env.tables->rcu, 1);
	return (void *)(uintptr_t)lost;
}

START_TEST(a_flush_hides_no_port_from_a_worker)
{
	pthread_t worker;
	bool stop = false;
	void *lost;

	env_accept(TWO);
	ck_assert_int_eq(pthread_create(&worker, NULL, look_for_port_a, &stop), 0);
	for (int round = 0; round < N_FLUSHES; round++) {
		env_call("fdb.flush", "{'network': 'vxlan1'}");
		clock_advance(NS_PER_S);
		env_poll();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(worker, &lost);
	ck_assert_uint_eq((uintptr_t)lost, 0);
}
END_TEST

START_TEST(objects_come_and_go_one_by_one)
{
	env_accept(TWO);
	for (int i = 0; i < N_OBJECTS; i++) {
		char params[160];

		snprintf(params, sizeof(params), "{'name': 'n%d', 'segments': [{'type': 'vxlan'}]}",
			i);
		env_call("network.add", params);
		snprintf(params, sizeof(params),
			"{'name': 'p', 'network': 'n%d', 'device': 'fake:p'}", i);
		env_call("port.add", params);
		ck_assert_uint_eq(env_network("vxlan1")->n_members, 2);
		env_call("port.del", "{'name': 'p'}");
		snprintf(params, sizeof(params), "{'name': 'n%d'}", i);
		env_call("network.del", params);
		env_poll();
	}
	ck_assert_uint_eq(env.n_open, 5);
	ck_assert_uint_eq(env.n_opened, 5 + N_OBJECTS);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {port_and_uplink, tunnel, flood_lists_of_each_mode,
		disabled_tunnel_takes_no_packets, ports_share_a_trunk, workers_share_the_queues,
		item_34_port_down, network_and_uplink_down, mac_change_moves_the_entry,
		removed_port_is_forgotten, static_entries, full_table_takes_static_entries_later,
		ids_stay_with_their_names, ids_rest_before_they_are_given_again,
		device_is_open_as_long_as_a_worker_may_use_it, device_comes_back_at_once,
		open_device_keeps_its_options, more_devices_than_there_are_ids,
		more_rules_than_a_port_can_have, more_remotes_than_there_are_ids,
		ports_and_networks_come_and_go_under_a_worker, a_flush_hides_no_port_from_a_worker,
		objects_come_and_go_one_by_one};

	return env_main("control_commit", tests, ARRAY_SIZE(tests));
}
