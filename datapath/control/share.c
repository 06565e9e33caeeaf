// SPDX-License-Identifier: BSD-3-Clause
// What devices that the kernel goes on using are to hand to us: of the model in force. A commit
// tells it after its snapshot is published, so that workers know what to do with all that comes.

#include "control/internal.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/util.h"

// What is collected for one uplink.
struct sharing {
	const struct control *control;
	const struct model *model;
	const struct uplink_config *uplink;
	struct arena *arena;
	struct device_share *share;
};

// D3: the address, broadcasts, all hosts, and the groups of networks.
static void share_tunnel(const struct sharing *s)
{
	const struct tunnel_config *tunnel = &s->model->tunnel;
	const struct ip_prefix *prefix = &s->control->underlay_prefix;
	struct ip_addr all[] = {prefix->addr, ip_prefix_broadcast(prefix), ip_from_v4(UINT32_MAX),
		ip_from_v4(htonl(0xe0000001))};
	struct ip_addr *addresses;

	s->share->vid = s->uplink->vlan;
	if (!ip_is_set(&prefix->addr))
		return;
	addresses = arena_alloc(s->arena, sizeof(all));
	memcpy(addresses, all, sizeof(all));
	s->share->port = tunnel->port;
	s->share->addresses = addresses;
	s->share->n_addresses = ARRAY_SIZE(all);
	s->share->groups = &tunnel->group;
	s->share->n_groups = tunnel->group_set ? 1 : 0;
}

static const struct segment_config *segment_on(
	const struct network_config *network, const char *uplink, enum segment_type type)
{
	for (size_t i = 0; i < network->n_segments; i++) {
		const struct segment_config *segment = &network->segments[i];

		if (segment->type == type && strcmp(segment->uplink, uplink) == 0)
			return segment;
	}
	return NULL;
}

static void share_vlans(const struct sharing *s)
{
	uint16_t *vids = arena_alloc(s->arena, VID_MAX * sizeof(*vids));

	s->share->vlans = true;
	s->share->vids = vids;
	for (size_t i = 0; i < s->model->n_networks; i++) {
		const struct network_config *network = &s->model->networks[i];

		for (size_t j = 0; j < network->n_segments; j++) {
			const struct segment_config *segment = &network->segments[j];

			if (segment->type == SEGMENT_VLAN &&
				strcmp(segment->uplink, s->uplink->name) == 0)
				vids[s->share->n_vids++] = (uint16_t)segment->id;
		}
	}
}

// MACs that are sure to be behind us; those that are learned come as copies.
static void share_macs(const struct sharing *s, const struct network_config *network)
{
	const struct model *model = s->model;
	uint64_t *macs = arena_alloc(s->arena, (model->n_ports + model->n_fdb) * sizeof(*macs));

	s->share->macs = macs;
	for (size_t i = 0; i < model->n_ports; i++) {
		if (strcmp(model->ports[i].network, network->name) == 0)
			macs[s->share->n_macs++] = mac_to_u64(&model->ports[i].mac);
	}
	for (size_t i = 0; i < model->n_fdb; i++) {
		const struct fdb_config *fdb = &model->fdb[i];

		if (strcmp(fdb->network, network->name) == 0 &&
			(fdb->uplink == NULL || strcmp(fdb->uplink, s->uplink->name) != 0))
			macs[s->share->n_macs++] = mac_to_u64(&fdb->mac);
	}
}

static void share_untagged(const struct sharing *s)
{
	for (size_t i = 0; i < s->model->n_networks; i++) {
		const struct network_config *network = &s->model->networks[i];

		if (segment_on(network, s->uplink->name, SEGMENT_FLAT) == NULL)
			continue;
		s->share->untagged = true;
		share_macs(s, network);
		return;
	}
}

static void collect(const struct sharing *s)
{
	if (s->uplink == NULL || !s->uplink->up)
		return; // all is the kernel's
	if (s->uplink == underlay_uplink(s->model))
		share_tunnel(s);
	if (s->uplink->share >= SHARE_VLANS)
		share_vlans(s);
	if (s->uplink->share == SHARE_ALL)
		share_untagged(s);
}

static const struct uplink_config *uplink_with(const struct model *model, const char *device)
{
	for (size_t i = 0; i < model->n_uplinks; i++) {
		if (strcmp(model->uplinks[i].device, device) == 0)
			return &model->uplinks[i];
	}
	return NULL;
}

void share_follow(struct control *control, const struct model *model)
{
	for (uint16_t id = 1; id <= ids_highest(control->devices); id++) {
		struct device *device = control->slots[id].device;
		struct device_share share = {0};
		struct sharing s = {.control = control, .model = model, .share = &share};

		if (device == NULL || device->driver->share == NULL)
			continue;
		s.arena = arena_new();
		s.uplink = uplink_with(model, device->text);
		collect(&s);
		device->driver->share(device, &share);
		arena_free(s.arena);
	}
}

void share_details(struct device *device, json_t *object)
{
	struct device_details details;
	json_t *refusals = json_array();

	if (device->driver->details == NULL) {
		json_decref(refusals);
		return;
	}
	device->driver->details(device, &details);
	for (size_t i = 0; i < details.n_refusals; i++)
		json_array_append_new(refusals, json_string(details.refusals[i]));
	json_object_set_new(object, "mode", json_string(details.mode));
	json_object_set_new(object, "refused", refusals);
	json_object_set_new(
		object, "frames-tunnel", json_integer((json_int_t)details.frames_tunnel));
	json_object_set_new(object, "frames-vlan", json_integer((json_int_t)details.frames_vlan));
	json_object_set_new(
		object, "frames-untagged", json_integer((json_int_t)details.frames_untagged));
	json_object_set_new(
		object, "frames-kernel", json_integer((json_int_t)details.frames_kernel));
	json_object_set_new(
		object, "frames-no-socket", json_integer((json_int_t)details.frames_no_socket));
	json_object_set_new(object, "queues", json_integer(details.n_queues));
	json_object_set_new(object, "sockets", json_integer(details.n_sockets));
	if (details.problem != NULL)
		json_object_set_new(object, "problem", json_string(details.problem));
}
