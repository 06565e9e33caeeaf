// SPDX-License-Identifier: BSD-3-Clause
// A device serves one uplink or one port, except a trunk device, which serves one port for each of
// its VLANs (P9). One that the kernel goes on using serves an uplink.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

// An uplink or port and its device.
struct user {
	const char *key;    // what makes the device the one it is
	const char *device; // whole text
	const char *name;
	uint16_t vlan; // ports: 0 is the whole device
	bool is_uplink;
	bool in_force; // the old model has it: the other one is to blame
};

const char *device_identity(struct arena *arena, const char *device)
{
	size_t n = strcspn(device, ",");
	const char *id = strstr(device + n, ",id=");

	if (strncmp(device, "pcap:", 5) == 0)
		return device;
	if (strncmp(device, "memif:", 6) != 0 || id == NULL)
		return arena_printf(arena, "%.*s", (int)n, device);
	return arena_printf(arena, "%.*s%.*s", (int)n, device, (int)(1 + strcspn(id + 1, ",")), id);
}

static int compare_name(const struct user *a, const struct user *b)
{
	if (a->in_force != b->in_force)
		return a->in_force ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int compare_key(const void *a, const void *b)
{
	const struct user *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	if (x->in_force == y->in_force && x->is_uplink != y->is_uplink)
		return x->is_uplink ? -1 : 1;
	return compare_name(x, y);
}

static int compare_vlan(const void *a, const void *b)
{
	const struct user *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	return x->vlan != y->vlan ? (x->vlan < y->vlan ? -1 : 1) : compare_name(x, y);
}

static const char *device_path(struct check *check, const struct user *user)
{
	return PATH(check, "%s.%s.device", user->is_uplink ? "uplinks" : "ports", user->name);
}

// Two users of one device, of which `first` was there first.
static void check_pair(struct check *check, const struct user *first, const struct user *second)
{
	const char *path = device_path(check, second);

	if (first->is_uplink && second->is_uplink)
		check_report(check, E_CFG_MAPPING_DUP, path,
			"device %s carries uplink %s already; an uplink needs a device of its own",
			second->key, first->name);
	else if (first->is_uplink || second->is_uplink)
		check_report(check, E_PORT_BACKEND_IN_USE, path,
			"device %s serves %s %s already; a port and an uplink can not share a "
			"device",
			second->key, first->is_uplink ? "uplink" : "port", first->name);
	else if (first->vlan == 0 || second->vlan == 0)
		check_report(check, E_PORT_BACKEND_IN_USE, path,
			"device %s serves port %s already; only ports with different VLANs (key "
			"vlan) can share a device",
			second->key, first->name);
	else if (strcmp(first->device, second->device) != 0)
		check_report(check, E_CFG_DEVICE, path,
			"port %s opens the same device as %s; the text must be the same here",
			first->name, first->device);
}

static void check_trunks(struct check *check, struct user *users, size_t n)
{
	qsort(users, n, sizeof(*users), compare_vlan);
	for (size_t i = 1; i < n; i++) {
		const struct user *a = &users[i - 1], *b = &users[i];

		if (b->vlan != 0 && a->vlan == b->vlan && strcmp(a->key, b->key) == 0)
			check_report(check, E_PORT_BACKEND_IN_USE, device_path(check, b),
				"VLAN %u of device %s serves port %s already; use another VLAN",
				b->vlan, b->key, a->name);
	}
}

static size_t add_uplinks(struct check *check, struct user *users)
{
	const struct model *model = check->model;
	size_t n = 0;

	for (size_t i = 0; i < model->n_uplinks; i++) {
		const struct uplink_config *uplink = &model->uplinks[i], *old;

		if (uplink->device == NULL)
			continue;
		old = check->old == NULL ? NULL : model_uplink(check->old, uplink->name);
		users[n++] = (struct user){
			.key = device_identity(check->arena, uplink->device),
			.device = uplink->device,
			.name = uplink->name,
			.is_uplink = true,
			.in_force = old != NULL && strcmp(old->device, uplink->device) == 0,
		};
	}
	return n;
}

static size_t add_ports(struct check *check, struct user *users)
{
	const struct model *model = check->model;
	size_t n = 0;

	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i], *old;

		if (port->device == NULL)
			continue;
		old = check->old == NULL ? NULL : model_port(check->old, port->name);
		users[n++] = (struct user){
			.key = device_identity(check->arena, port->device),
			.device = port->device,
			.name = port->name,
			.vlan = port->vlan,
			.in_force = old != NULL && old->vlan == port->vlan &&
				    text_compare(old->device, port->device) == 0,
		};
	}
	return n;
}

// The kernel and we tell frames of a shared device apart by what uplinks carry.
static void check_port_drivers(struct check *check)
{
	for (size_t i = 0; i < check->model->n_ports; i++) {
		const struct port_config *port = &check->model->ports[i];

		if (port->device != NULL && device_is_shared(port->device))
			check_report(check, E_CFG_DEVICE,
				PATH(check, "ports.%s.device", port->name),
				"%s is for uplinks; a port takes all of an interface: use packet:",
				port->device);
	}
}

void check_devices(struct check *check)
{
	const struct model *model = check->model;
	struct user *users =
		arena_alloc(check->arena, (model->n_uplinks + model->n_ports) * sizeof(*users));
	size_t n = add_uplinks(check, users);

	check_port_drivers(check);
	n += add_ports(check, users + n);
	qsort(users, n, sizeof(*users), compare_key);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (strcmp(users[first].key, users[i].key) == 0)
			check_pair(check, &users[first], &users[i]);
		else
			first = i;
	}
	check_trunks(check, users, n);
}
