// SPDX-License-Identifier: BSD-3-Clause
// A model's life, and finding things in it.

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "model/fields.h"

// Owners that start so are the infrastructure.
#define INFRASTRUCTURE "network:"

struct model *model_new(void)
{
	struct arena *arena = arena_new();
	struct model *model = arena_alloc(arena, sizeof(*model));

	model->arena = arena;
	object_init(object_def_by_kind("workers"), &model->workers, arena);
	object_init(object_def_by_kind("tunnel"), &model->tunnel, arena);
	object_init(object_def_by_kind("sessions"), &model->sessions, arena);
	object_init(object_def_by_kind("metrics"), &model->metrics, arena);
	return model;
}

void model_free(struct model *model)
{
	if (model != NULL)
		arena_free(model->arena);
}

const struct uplink_config *model_uplink(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("uplink"), name);
}

const struct network_config *model_network(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("network"), name);
}

const struct port_config *model_port(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("port"), name);
}

const struct security_group *model_security_group(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("security-group"), name);
}

const struct subnet_config *model_subnet(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("subnet"), name);
}

const struct router_config *model_router(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("router"), name);
}

const struct floating_ip_config *model_floating_ip(const struct model *model, const char *name)
{
	return model_object(model, object_def_by_kind("floating-ip"), name);
}

bool port_is_trusted(const struct port_config *port)
{
	return port->router != NULL ||
	       (port->owner != NULL &&
		       strncmp(port->owner, INFRASTRUCTURE, strlen(INFRASTRUCTURE)) == 0);
}

bool port_is_secured(const struct port_config *port)
{
	return port->port_security && !port_is_trusted(port);
}

bool port_is_local(const struct port_config *port)
{
	return port->device != NULL;
}

bool port_is_filtered(const struct port_config *port)
{
	return port_is_secured(port) && port_is_local(port);
}

bool port_in_group(const struct port_config *port, const char *group)
{
	for (size_t i = 0; port_is_secured(port) && i < port->security_groups.n; i++) {
		const char *name = port->security_groups.list[i];

		if (name != NULL && strcmp(name, group) == 0)
			return true;
	}
	return false;
}

static void append_prefix(
	struct prefix_list *prefixes, const struct ip_prefix *prefix, enum rule_family family)
{
	if (ip_is_v4(&prefix->addr) == (family == RULE_IPV4))
		prefixes->list[prefixes->n++] = *prefix;
}

static void append_port(
	struct prefix_list *prefixes, const struct port_config *port, enum rule_family family)
{
	for (size_t i = 0; i < port->addresses.n; i++) {
		const struct ip_addr *ip = &port->addresses.list[i];
		struct ip_prefix host = {*ip, ip_is_v4(ip) ? 32 : 128};

		append_prefix(prefixes, &host, family);
	}
	for (size_t i = 0; i < port->n_pairs; i++)
		append_prefix(prefixes, &port->pairs[i].prefix, family);
}

static int compare_prefix(const void *a, const void *b)
{
	const struct ip_prefix *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order != 0 ? order : x->len - y->len;
}

static void sort_prefixes(struct prefix_list *prefixes)
{
	size_t n = 0;

	qsort(prefixes->list, prefixes->n, sizeof(*prefixes->list), compare_prefix);
	for (size_t i = 0; i < prefixes->n; i++)
		if (n == 0 || compare_prefix(&prefixes->list[n - 1], &prefixes->list[i]) != 0)
			prefixes->list[n++] = prefixes->list[i];
	prefixes->n = n;
}

struct prefix_list model_group_members(
	const struct model *model, const char *group, enum rule_family family, struct arena *arena)
{
	const struct security_group *config = model_security_group(model, group);
	size_t n = config == NULL ? 0 : config->members.n;
	struct prefix_list prefixes = {NULL, 0};

	for (size_t i = 0; i < model->n_ports; i++)
		if (port_in_group(&model->ports[i], group))
			n += model->ports[i].addresses.n + model->ports[i].n_pairs;
	prefixes.list = arena_alloc(arena, n * sizeof(*prefixes.list));
	for (size_t i = 0; i < model->n_ports; i++)
		if (port_in_group(&model->ports[i], group))
			append_port(&prefixes, &model->ports[i], family);
	for (size_t i = 0; config != NULL && i < config->members.n; i++)
		append_prefix(&prefixes, &config->members.list[i], family);
	sort_prefixes(&prefixes);
	return prefixes;
}

bool device_is_shared(const char *device)
{
	return strncmp(device, "xdp:", 4) == 0;
}

bool uplink_is_shared(const struct uplink_config *uplink)
{
	return uplink->device != NULL && device_is_shared(uplink->device);
}

struct ip_addr model_tunnel_address(const struct model *model)
{
	const struct tunnel_config *tunnel = &model->tunnel;
	const struct uplink_config *uplink;
	struct ip_addr none = {{0}};

	if (ip_is_set(&tunnel->address))
		return tunnel->address;
	uplink = tunnel->uplink == NULL ? NULL : model_uplink(model, tunnel->uplink);
	return uplink == NULL ? none : uplink->address.addr;
}
