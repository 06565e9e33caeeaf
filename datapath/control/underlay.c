// SPDX-License-Identifier: BSD-3-Clause
// What the slow path must know of a model: the underlay, and every remote that it names. Runs
// inside a commit, before the snapshot is compiled.

#include "control/internal.h"

#include <arpa/inet.h>
#include <errno.h>

static const struct uplink_config *underlay_uplink(const struct model *model)
{
	if (model == NULL || !model->tunnel.present || !model->tunnel.enabled ||
		model->tunnel.uplink == NULL)
		return NULL;
	return model_uplink(model, model->tunnel.uplink);
}

struct ip_addr underlay_address(const struct model *model)
{
	const struct uplink_config *uplink = underlay_uplink(model);

	if (uplink == NULL)
		return (struct ip_addr){0};
	return ip_is_set(&model->tunnel.address) ? model->tunnel.address : uplink->address.addr;
}

uint32_t underlay_group(const struct tunnel_config *tunnel, uint32_t vni)
{
	uint32_t host_mask;

	if (!tunnel->group_set)
		return 0;
	host_mask = (uint32_t)(UINT64_C(0xffffffff) >> tunnel->group.len);
	return htonl((ntohl(ip_v4(&tunnel->group.addr)) & ~host_mask) | (vni & host_mask));
}

static bool want_list(struct slowpath *slowpath, const struct ip_list *list, uint32_t own)
{
	for (size_t i = 0; i < list->n; i++) {
		uint32_t address = ip_v4(&list->list[i]);

		if (address != own && slowpath_remote(slowpath, address) == 0)
			return false;
	}
	return true;
}

// Every remote of the model: flood lists, groups in use, targets of static entries.
static bool want_remotes(struct slowpath *slowpath, const struct model *model, uint32_t own)
{
	const struct tunnel_config *tunnel = &model->tunnel;

	if (!want_list(slowpath, &tunnel->remotes, own))
		return false;
	for (size_t i = 0; i < model->n_networks; i++) {
		const struct network_config *network = &model->networks[i];

		if (!want_list(slowpath, &network->remotes, own))
			return false;
		for (size_t j = 0; tunnel->group_set && j < network->n_segments; j++) {
			const struct segment_config *segment = &network->segments[j];

			if (segment->type == SEGMENT_VXLAN &&
				slowpath_remote(slowpath, underlay_group(tunnel, segment->id)) == 0)
				return false;
		}
	}
	for (size_t i = 0; i < model->n_fdb; i++) {
		const struct ip_addr *remote = &model->fdb[i].remote;

		if (ip_is_set(remote) && slowpath_remote(slowpath, ip_v4(remote)) == 0)
			return false;
	}
	return true;
}

int underlay_apply(struct control *control, const struct model *model)
{
	const struct uplink_config *uplink = underlay_uplink(model);
	struct underlay underlay = {0};
	char name[ATTACHMENT_NAME_LEN];

	if (uplink == NULL) {
		slowpath_set_underlay(control->slowpath, &underlay);
		return 0;
	}
	underlay.present = true;
	underlay.device = ids_take(control->devices, uplink->device);
	underlay.attachment = ids_take(control->attachments, name_of_uplink(name, uplink));
	underlay.vlan = uplink->vlan;
	underlay.mac = control->slots[underlay.device].device->mac;
	underlay.address = uplink->address;
	underlay.address.addr = underlay_address(model);
	underlay.gateway = uplink->gateway;
	underlay.path_mtu = model->tunnel.path_mtu;
	underlay.tunnel = &model->tunnel;
	slowpath_set_underlay(control->slowpath, &underlay);
	if (!want_remotes(control->slowpath, model, ip_v4(&underlay.address.addr)))
		return -ENOSPC;
	return 0;
}
