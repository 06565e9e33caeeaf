// SPDX-License-Identifier: BSD-3-Clause
// Rules of ports: their network, MAC and addresses (P1 to P5, N15 and N16); for what filters them,
// see validate_security.c.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

static bool same_network(const struct port_config *a, const struct port_config *b)
{
	return text_compare(a->network, b->network) == 0;
}

static const struct port_config *old_port(struct check *check, const struct port_config *port)
{
	return check->old == NULL ? NULL : model_port(check->old, port->name);
}

static void check_against_old(struct check *check, const struct port_config *port)
{
	const struct port_config *old = old_port(check, port);

	if (old == NULL || port->network == NULL)
		return;
	if (!same_network(port, old)) {
		check_report(check, E_IMMUTABLE, PATH(check, "ports.%s.network", port->name),
			"port %s can not move from network %s to %s; delete the port and add it "
			"again",
			port->name, old->network, port->network);
	} else if (!mac_equal(&port->mac, &old->mac) && old->up && port->up) {
		char text[MAC_TEXT_LEN];

		check_report(check, E_PORT_BOUND, PATH(check, "ports.%s.mac", port->name),
			"the MAC of port %s (%s) can not change while the port is up; set "
			"admin-state down first",
			port->name, mac_format(&old->mac, text));
	}
}

static void check_addresses(struct check *check, const struct port_config *port)
{
	char text[IP_TEXT_LEN];

	if (port->addresses.n > PORT_ADDRESSES_MAX)
		check_report(check, E_PORT_TOO_MANY_IPS,
			PATH(check, "ports.%s.addresses", port->name),
			"port %s has %zu addresses; at most %d are possible", port->name,
			port->addresses.n, PORT_ADDRESSES_MAX);
	for (size_t i = 0; i < port->addresses.n; i++)
		if (ip_is_set(&port->addresses.list[i]) && !ip_is_host(&port->addresses.list[i]))
			check_report(check, E_PORT_IP_INVALID,
				PATH(check, "ports.%s.addresses[%zu]", port->name, i),
				"%s can not be the address of a host; give a unicast address",
				ip_format(&port->addresses.list[i], text));
}

// N15: a network that is not shared takes ports of its owner only. The port that breaks this is
// to blame, unless the network has just stopped being shared. Returns whether to look at more
// ports.
static bool check_owner(
	struct check *check, const struct port_config *port, const struct network_config *network)
{
	const struct network_config *old =
		check->old == NULL ? NULL : model_network(check->old, network->name);
	bool cleared = old != NULL && old->shared;

	if (network->shared || port->owner == NULL || port_is_trusted(port) ||
		text_compare(port->owner, network->owner) == 0)
		return true;
	if (cleared)
		check_report(check, E_NET_SHARED_IN_USE,
			PATH(check, "networks.%s.shared", network->name),
			"network %s must stay shared while port %s belongs to %s", network->name,
			port->name, port->owner);
	else if (network->owner != NULL)
		check_report(check, E_NET_SHARED_IN_USE, PATH(check, "ports.%s.owner", port->name),
			"network %s belongs to %s and is not shared, so port %s of %s can not plug "
			"in",
			network->name, network->owner, port->name, port->owner);
	return !cleared;
}

static int compare_network(const void *a, const void *b)
{
	const struct port_config *const *x = a, *const *y = b;
	int order = text_compare((*x)->network, (*y)->network);

	return order != 0 ? order : strcmp((*x)->name, (*y)->name);
}

// N16 for a network that goes, E_REFERENCE for one that never was.
static void report_no_network(
	struct check *check, const struct port_config *const *ports, size_t n_ports)
{
	const char *network = ports[0]->network;

	if (check->old != NULL && model_network(check->old, network) != NULL) {
		check_report(check, E_NET_IN_USE, PATH(check, "networks.%s", network),
			"network %s has %zu port%s, such as %s; delete %s first", network, n_ports,
			n_ports == 1 ? "" : "s", ports[0]->name, n_ports == 1 ? "it" : "them");
		return;
	}
	for (size_t i = 0; i < n_ports; i++)
		check_report(check, E_REFERENCE, PATH(check, "ports.%s.network", ports[i]->name),
			"there is no network %s; add it or name another one", network);
}

// Looks at the ports of one network after the other.
static void check_port_networks(struct check *check)
{
	const struct model *model = check->model;
	const struct port_config **ports =
		arena_alloc(check->arena, model->n_ports * sizeof(*ports));
	size_t n = 0;

	for (size_t i = 0; i < model->n_ports; i++)
		if (model->ports[i].network != NULL)
			ports[n++] = &model->ports[i];
	qsort(ports, n, sizeof(*ports), compare_network);
	for (size_t i = 0, next; i < n; i = next) {
		const struct network_config *network = model_network(model, ports[i]->network);

		for (next = i + 1; next < n && same_network(ports[i], ports[next]);)
			next++;
		if (network == NULL) {
			report_no_network(check, ports + i, next - i);
			continue;
		}
		for (size_t j = i; j < next && check_owner(check, ports[j], network);)
			j++;
	}
}

// A MAC or an address that a port takes up on its network.
struct taken {
	const struct port_config *port;
	size_t index;		  // in port->addresses
	const struct ip_addr *ip; // NULL: the MAC
	bool in_force;		  // the old model has it: the other one is to blame
};

static int compare_value(const struct taken *a, const struct taken *b)
{
	int order = text_compare(a->port->network, b->port->network);

	if (order != 0)
		return order;
	if (a->ip != NULL)
		return memcmp(a->ip, b->ip, sizeof(*a->ip));
	return memcmp(&a->port->mac, &b->port->mac, sizeof(a->port->mac));
}

static int compare_taken(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;
	int order = compare_value(x, y);

	if (order != 0)
		return order;
	if (x->in_force != y->in_force)
		return x->in_force ? -1 : 1;
	order = strcmp(x->port->name, y->port->name);
	return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static void report_taken(struct check *check, const struct taken *first, const struct taken *second)
{
	const struct port_config *port = second->port;
	char text[IP_TEXT_LEN];

	if (second->ip == NULL)
		check_report(check, E_PORT_MAC_IN_USE, PATH(check, "ports.%s.mac", port->name),
			"port %s on network %s has MAC %s already; give another one or none",
			first->port->name, port->network, mac_format(&port->mac, text));
	else
		check_report(check, E_PORT_IP_IN_USE,
			PATH(check, "ports.%s.addresses[%zu]", port->name, second->index),
			"port %s on network %s has address %s already; give another one",
			first->port->name, port->network, ip_format(second->ip, text));
}

static void check_unique(struct check *check, struct taken *taken, size_t n)
{
	qsort(taken, n, sizeof(*taken), compare_taken);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (compare_value(&taken[first], &taken[i]) == 0)
			report_taken(check, &taken[first], &taken[i]);
		else
			first = i;
	}
}

static void check_macs_unique(struct check *check)
{
	const struct model *model = check->model;
	struct taken *taken = arena_alloc(check->arena, model->n_ports * sizeof(*taken));
	size_t n = 0;

	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i], *old = old_port(check, port);

		if (port->network != NULL)
			taken[n++] = (struct taken){.port = port,
				.in_force = old != NULL && mac_equal(&old->mac, &port->mac)};
	}
	check_unique(check, taken, n);
}

static bool ip_list_has(const struct ip_list *list, const struct ip_addr *ip)
{
	for (size_t i = 0; i < list->n; i++)
		if (ip_equal(&list->list[i], ip))
			return true;
	return false;
}

static void check_ips_unique(struct check *check)
{
	const struct model *model = check->model;
	struct taken *taken;
	size_t n = 0;

	for (size_t i = 0; i < model->n_ports; i++)
		n += model->ports[i].addresses.n;
	taken = arena_alloc(check->arena, n * sizeof(*taken));
	n = 0;
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i], *old = old_port(check, port);

		for (size_t j = 0; port->network != NULL && j < port->addresses.n; j++) {
			const struct ip_addr *ip = &port->addresses.list[j];

			if (!ip_is_set(ip))
				continue; // could not be read
			taken[n++] = (struct taken){
				port, j, ip, old != NULL && ip_list_has(&old->addresses, ip)};
		}
	}
	check_unique(check, taken, n);
}

void check_ports(struct check *check)
{
	for (size_t i = 0; i < check->model->n_ports; i++) {
		check_against_old(check, &check->model->ports[i]);
		check_addresses(check, &check->model->ports[i]);
	}
	check_port_networks(check);
	check_macs_unique(check);
	check_ips_unique(check);
}
