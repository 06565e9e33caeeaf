// SPDX-License-Identifier: BSD-3-Clause
// Rules of static FDB entries.

#include <string.h>

#include "model/check.h"

static void check_mac(struct check *check, const struct fdb_config *fdb)
{
	const char *holder = mac_holder(check, fdb->network, &fdb->mac);
	const char *path = PATH(check, "fdb.%s", fdb->name);
	char text[MAC_TEXT_LEN];

	mac_format(&fdb->mac, text);
	if (mac_is_zero(&fdb->mac) || mac_is_multicast(&fdb->mac)) {
		check_report(check, E_FDB_MAC, path,
			"%s is not a unicast MAC, so no place can be fixed for it", text);
		return;
	}
	if (holder != NULL)
		check_report(check, E_FDB_MAC, path,
			"%s is the MAC of %s, whose place is fixed already; delete this entry",
			text, holder);
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
	else if (!port_is_local(port))
		check_report(check, E_FDB_TARGET, path,
			"port %s has no device, so nothing is behind it on this node", fdb->port);
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

static void check_entry(struct check *check, const struct fdb_config *fdb)
{
	const struct network_config *network = model_network(check->model, fdb->network);
	const char *path = PATH(check, "fdb.%s", fdb->name);
	int n = ip_is_set(&fdb->remote) + (fdb->port != NULL) + (fdb->uplink != NULL);

	if (network == NULL) {
		check_report(check, E_REFERENCE, path,
			"there is no network %s; add it or delete this entry", fdb->network);
		return;
	}
	check_mac(check, fdb);
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
	for (size_t i = 0; i < check->model->n_fdb; i++)
		if (check->model->fdb[i].network != NULL)
			check_entry(check, &check->model->fdb[i]);
}
