// SPDX-License-Identifier: BSD-3-Clause
// A device serves one uplink, port, service port or metadata backend, except a trunk device, which
// serves one port for each of its VLANs (P9). One that the kernel goes on using serves an uplink.

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

enum user_kind {
	USER_UPLINK,
	USER_PORT,
	USER_SERVICE,	      // the service port that a subnet says
	USER_SUBNET_METADATA, // backends
	USER_ROUTER_METADATA,
};

// What uses a device.
struct user {
	enum user_kind kind;
	const char *key;    // what it is, in words: "device pci:0000:01:00.0", "interface eth1"
	const char *device; // whole text
	const char *name;
	uint16_t vlan; // ports: 0 is the whole device
	bool in_force; // the old model has it: the other one is to blame
};

struct users {
	struct user *list;
	size_t n;
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
	if (x->in_force == y->in_force && x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
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
	static const char *const forms[] = {
		[USER_UPLINK] = "uplinks.%s.device",
		[USER_PORT] = "ports.%s.device",
		[USER_SERVICE] = "subnets.%s.dhcp.device",
		[USER_SUBNET_METADATA] = "subnets.%s.dhcp.metadata-device",
		[USER_ROUTER_METADATA] = "routers.%s.metadata-device",
	};
	const char *form = forms[user->kind];
	size_t before = strcspn(form, "%");

	return PATH(check, "%.*s%s%s", (int)before, form, user->name, form + before + 2);
}

static const char *who(struct check *check, const struct user *user)
{
	static const char *const kinds[] = {
		[USER_UPLINK] = "uplink",
		[USER_PORT] = "port",
		[USER_SERVICE] = "the service port of subnet",
		[USER_SUBNET_METADATA] = "the metadata of subnet",
		[USER_ROUTER_METADATA] = "the metadata of router",
	};

	return PATH(check, "%s %s", kinds[user->kind], user->name);
}

// Two users of one device, of which `first` was there first.
static void check_pair(struct check *check, const struct user *first, const struct user *second)
{
	const char *path = device_path(check, second);

	if (first->kind == USER_UPLINK && second->kind == USER_UPLINK)
		check_report(check, E_CFG_MAPPING_DUP, path,
			"%s carries uplink %s already; an uplink needs a device of its own",
			second->key, first->name);
	else if (first->kind != USER_PORT || second->kind != USER_PORT)
		check_report(check, E_PORT_BACKEND_IN_USE, path,
			"%s serves %s already; only ports with different VLANs can share a device",
			second->key, who(check, first));
	else if (first->vlan == 0 || second->vlan == 0)
		check_report(check, E_PORT_BACKEND_IN_USE, path,
			"%s serves port %s already; only ports with different VLANs (key vlan) can "
			"share a device",
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
				"VLAN %u of %s serves port %s already; use another VLAN", b->vlan,
				b->key, a->name);
	}
}

// packet: and xdp: are two ways to one interface.
static const char *key_of(struct check *check, const char *device)
{
	const char *id = device_identity(check->arena, device);

	if (strncmp(id, "packet:", 7) == 0)
		return PATH(check, "interface %s", id + 7);
	if (device_is_shared(id))
		return PATH(check, "interface %s", id + 4);
	return PATH(check, "device %s", id);
}

static void append(struct check *check, struct users *users, struct user user)
{
	if (user.device == NULL)
		return;
	user.key = key_of(check, user.device);
	users->list[users->n++] = user;
}

static void add_uplinks(struct check *check, struct users *users)
{
	for (size_t i = 0; i < check->model->n_uplinks; i++) {
		const struct uplink_config *uplink = &check->model->uplinks[i];
		const struct uplink_config *old =
			check->old == NULL ? NULL : model_uplink(check->old, uplink->name);

		append(check, users,
			(struct user){.kind = USER_UPLINK,
				.device = uplink->device,
				.name = uplink->name,
				.in_force = old != NULL &&
					    text_compare(old->device, uplink->device) == 0});
	}
}

static void add_ports(struct check *check, struct users *users)
{
	for (size_t i = 0; i < check->model->n_ports; i++) {
		const struct port_config *port = &check->model->ports[i];
		const struct port_config *old =
			check->old == NULL ? NULL : model_port(check->old, port->name);

		append(check, users,
			(struct user){.kind = USER_PORT,
				.device = port->device,
				.name = port->name,
				.vlan = port->vlan,
				.in_force = old != NULL && old->vlan == port->vlan &&
					    text_compare(old->device, port->device) == 0});
	}
}

// The device of a network's service port, or of its metadata, as the first subnet says it.
static void add_service(struct check *check, struct users *users,
	const struct network_config *network, enum user_kind kind)
{
	for (size_t i = 0; i < network->n_subnets; i++) {
		const struct subnet_config *subnet = network->subnets[i], *old;
		const struct dhcp_config *dhcp = &subnet->dhcp;
		const char *device = kind == USER_SERVICE ? dhcp->device : dhcp->metadata_device;

		if (device == NULL || dhcp->mode == DHCP_OFF ||
			(kind == USER_SERVICE && dhcp->mode != DHCP_EXTERNAL))
			continue;
		old = check->old == NULL ? NULL : model_subnet(check->old, subnet->name);
		append(check, users,
			(struct user){.kind = kind,
				.device = device,
				.name = subnet->name,
				.in_force = old != NULL && old->dhcp.mode == dhcp->mode &&
					    text_compare(kind == USER_SERVICE
								 ? old->dhcp.device
								 : old->dhcp.metadata_device,
						    device) == 0});
		return;
	}
}

static void add_routers(struct check *check, struct users *users)
{
	for (size_t i = 0; i < check->model->n_routers; i++) {
		const struct router_config *router = &check->model->routers[i];
		const struct router_config *old =
			check->old == NULL ? NULL : model_router(check->old, router->name);

		append(check, users,
			(struct user){.kind = USER_ROUTER_METADATA,
				.device = router->metadata_device,
				.name = router->name,
				.in_force = old != NULL && text_compare(old->metadata_device,
								   router->metadata_device) == 0});
	}
}

// The kernel and we tell frames of a shared device apart by what uplinks carry.
static void check_shared(struct check *check, const struct users *users)
{
	for (size_t i = 0; i < users->n; i++) {
		const struct user *user = &users->list[i];

		if (user->kind != USER_UPLINK && device_is_shared(user->device))
			check_report(check, E_CFG_DEVICE, device_path(check, user),
				"%s is for uplinks; here all of an interface is needed: use "
				"packet:",
				user->device);
	}
}

void check_devices(struct check *check)
{
	const struct model *model = check->model;
	struct users users = {
		.n = model->n_uplinks + model->n_ports + 2 * model->n_networks + model->n_routers};

	users.list = arena_alloc(check->arena, users.n * sizeof(*users.list));
	users.n = 0;
	add_uplinks(check, &users);
	add_ports(check, &users);
	for (size_t i = 0; i < model->n_networks; i++) {
		add_service(check, &users, &model->networks[i], USER_SERVICE);
		add_service(check, &users, &model->networks[i], USER_SUBNET_METADATA);
	}
	add_routers(check, &users);
	check_shared(check, &users);
	qsort(users.list, users.n, sizeof(*users.list), compare_key);
	for (size_t i = 1, first = 0; i < users.n; i++) {
		if (strcmp(users.list[first].key, users.list[i].key) == 0)
			check_pair(check, &users.list[first], &users.list[i]);
		else
			first = i;
	}
	check_trunks(check, users.list, users.n);
}
