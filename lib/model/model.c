// SPDX-License-Identifier: BSD-3-Clause
// A model's life, and finding things in it.

#include "model/model.h"

#include "model/fields.h"

struct model *model_new(void)
{
	struct arena *arena = arena_new();
	struct model *model = arena_alloc(arena, sizeof(*model));

	model->arena = arena;
	object_init(object_def_by_kind("workers"), &model->workers, arena);
	object_init(object_def_by_kind("tunnel"), &model->tunnel, arena);
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
