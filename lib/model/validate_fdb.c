// SPDX-License-Identifier: BSD-3-Clause
// Rules of static FDB entries.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

// Ports by network and MAC, for looking up who owns a MAC.
static int compare_owner(const void *a, const void *b)
{
	const struct port_config *const *x = a, *const *y = b;
	int order = text_compare((*x)->network, (*y)->network);

	return order != 0 ? order : memcmp(&(*x)->mac, &(*y)->mac, sizeof((*x)->mac));
}

struct owners {
	const struct port_config **ports;
	size_t n;
};

static struct owners owners_of(struct check *check)
{
	struct owners owners = {.n = check->model->n_ports};

	owners.ports = arena_alloc(check->arena, owners.n * sizeof(struct port_config *));
	for (size_t i = 0; i < owners.n; i++)
		owners.ports[i] = &check->model->ports[i];
	qsort(owners.ports, owners.n, sizeof(struct port_config *), compare_owner);
	return owners;
}

static void check_mac(
	struct check *check, const struct fdb_config *fdb, const struct owners *owners)
{
	const struct port_config wanted = {.network = fdb->network, .mac = fdb->mac};
	const struct port_config *key = &wanted, **owner;
	const char *path = PATH(check, "fdb.%s", fdb->name);
	char text[MAC_TEXT_LEN];

	mac_format(&fdb->mac, text);
	if (mac_is_zero(&fdb->mac) || mac_is_multicast(&fdb->mac)) {
		check_report(check, E_FDB_MAC, path,
			"%s is not a unicast MAC, so no place can be fixed for it", text);
		return;
	}
	if (owners->n == 0)
		return;
	owner = bsearch(&key, owners->ports, owners->n, sizeof(key), compare_owner);
	if (owner != NULL)
		check_report(check, E_FDB_MAC, path,
			"%s is the MAC of port %s, whose place is fixed already; delete this entry",
			text, (*owner)->name);
}

static size_t count_segments(
	const struct network_config *network, enum segment_type type, const char *uplink)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_segments; i++) {
		const struct segment_config *segment = &network->segments[i];

		if (uplink == NULL ? segment->type == type
				   : text_compare(segment->uplink, uplink) == 0)
			n++;
	}
	return n;
}

static void check_port_target(struct check *check, const struct fdb_config *fdb)
{
	const struct port_config *port = model_port(check->model, fdb->port);
	const char *path = PATH(check, "fdb.%s.port", fdb->name);

	if (port == NULL)
		check_report(check, E_REFERENCE, path,
			"there is no port %s; add it or name another one", fdb->port);
	else if (text_compare(port->network, fdb->network) != 0)
		check_report(check, E_FDB_TARGET, path,
			"port %s is on network %s, not on network %s", fdb->port,
			port->network == NULL ? "(none)" : port->network, fdb->network);
}

static void check_uplink_target(
	struct check *check, const struct fdb_config *fdb, const struct network_config *network)
{
	const char *path = PATH(check, "fdb.%s.uplink", fdb->name);
	size_t n = count_segments(network, SEGMENT_UNKNOWN, fdb->uplink);

	if (model_uplink(check->model, fdb->uplink) == NULL)
		check_report(check, E_REFERENCE, path,
			"there is no uplink %s; add it or name another one", fdb->uplink);
	else if (n != 1)
		check_report(check, E_FDB_TARGET, path,
			"network %s has %zu segments on uplink %s; an entry needs exactly one",
			network->name, n, fdb->uplink);
}

static void check_remote_target(
	struct check *check, const struct fdb_config *fdb, const struct network_config *network)
{
	const char *path = PATH(check, "fdb.%s.remote", fdb->name);

	check_remote(check, &fdb->remote, path);
	if (count_segments(network, SEGMENT_VXLAN, NULL) == 0)
		check_report(check, E_FDB_TARGET, path,
			"network %s has no vxlan segment, so nothing of it is behind a remote",
			network->name);
}

static void check_entry(
	struct check *check, const struct fdb_config *fdb, const struct owners *owners)
{
	const struct network_config *network = model_network(check->model, fdb->network);
	const char *path = PATH(check, "fdb.%s", fdb->name);
	int n = ip_is_set(&fdb->remote) + (fdb->port != NULL) + (fdb->uplink != NULL);

	if (network == NULL) {
		check_report(check, E_REFERENCE, path,
			"there is no network %s; add it or delete this entry", fdb->network);
		return;
	}
	check_mac(check, fdb, owners);
	if (n == 0)
		check_report(check, E_FDB_TARGET, path,
			"the entry points nowhere; give one of remote, port and uplink");
	if (n > 1)
		check_report(check, E_KEY_EXCLUSIVE, path,
			"the entry points to %d places; give one of remote, port and uplink", n);
	if (ip_is_set(&fdb->remote))
		check_remote_target(check, fdb, network);
	if (fdb->port != NULL)
		check_port_target(check, fdb);
	if (fdb->uplink != NULL)
		check_uplink_target(check, fdb, network);
}

void check_fdb(struct check *check)
{
	struct owners owners = owners_of(check);

	for (size_t i = 0; i < check->model->n_fdb; i++)
		if (check->model->fdb[i].network != NULL)
			check_entry(check, &check->model->fdb[i], &owners);
}
