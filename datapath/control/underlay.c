// SPDX-License-Identifier: BSD-3-Clause
// What the slow path must know of a model: the underlay, and every remote that it names. Runs
// inside a commit, before the snapshot is compiled.
//
// On an uplink that the kernel goes on using, address and MAC are the kernel's: where they change,
// the same model is committed again.

#include "control/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

#define LOG_MODULE "control"

const struct uplink_config *underlay_uplink(const struct model *model)
{
	if (model == NULL || !model->tunnel.present || !model->tunnel.enabled ||
		model->tunnel.uplink == NULL)
		return NULL;
	return model_uplink(model, model->tunnel.uplink);
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

// ---- the address -------------------------------------------------------------------------------

// What the kernel has on the interface of a shared uplink.
static struct kernel_link read_kernel(
	const struct model *model, const struct uplink_config *uplink, const struct device *device)
{
	struct ip_addr wanted = model_tunnel_address(model);
	struct kernel_link link;
	int ret = kernel_link_read(device->kernel_index, uplink->vlan, &wanted, &link);

	if (ret < 0)
		log_limited(LOG_LEVEL_WARN, 10,
			"the interface can not be read device=%s error=\"%s\"", device->text,
			strerror(-ret));
	return link;
}

// Takes over what the kernel has: the tunnel is off while it has no address for it.
static void follow_kernel(
	struct control *control, const struct kernel_link *link, struct device *device)
{
	char text[PREFIX_TEXT_LEN];
	bool had = control->underlay_link.index != 0 && ip_is_set(&control->underlay_prefix.addr);

	if (!ip_is_set(&link->address.addr) && (had || control->underlay_link.index == 0))
		log_warn("the kernel has no address for the tunnel: it waits for one device=%s",
			device->text);
	else if (!had && ip_is_set(&link->address.addr))
		log_info("the kernel's address is the tunnel's device=%s address=%s", device->text,
			ip_prefix_format(&link->address, text));
	if (link->mac != 0)
		device->mac = link->mac;
	control->underlay_link = *link;
	control->underlay_prefix = link->address;
}

void underlay_follow(struct control *control)
{
	const struct uplink_config *uplink = underlay_uplink(control->model);
	const struct kernel_link *now = &control->underlay_link;
	struct problems problems = PROBLEMS_INIT;
	struct kernel_link link;

	if (!slowpath_underlay_changed(control->slowpath) || uplink == NULL)
		return;
	link = read_kernel(control->model, uplink,
		control->slots[ids_find(control->devices, uplink->device)].device);
	if (link.index == now->index && (link.mac == 0 || link.mac == now->mac) &&
		ip_equal(&link.address.addr, &now->address.addr) &&
		link.address.len == now->address.len)
		return;
	if (commit_again(control, &problems) < 0)
		log_error("the configuration can not be put in force again error=\"%s\"",
			problems.n > 0 ? problems.list[0].text : "");
	problems_free(&problems);
}

// ---- commit ------------------------------------------------------------------------------------

static void set_prefix(struct control *control, const struct model *model,
	const struct uplink_config *uplink, struct device *device)
{
	if (device->kernel_index != 0) {
		const struct kernel_link link = read_kernel(model, uplink, device);

		follow_kernel(control, &link, device);
		return;
	}
	control->underlay_link = (struct kernel_link){0};
	control->underlay_prefix = uplink->address;
	control->underlay_prefix.addr = model_tunnel_address(model);
}

int underlay_apply(struct control *control, const struct model *model)
{
	const struct uplink_config *uplink = underlay_uplink(model);
	struct underlay underlay = {0};
	struct device *device;
	char name[ATTACHMENT_NAME_LEN];
	uint32_t own = 0;

	if (uplink == NULL) {
		control->underlay_link = (struct kernel_link){0};
		control->underlay_prefix = (struct ip_prefix){0};
		slowpath_set_underlay(control->slowpath, &underlay);
		return 0;
	}
	underlay.device = ids_take(control->devices, uplink->device);
	device = control->slots[underlay.device].device;
	set_prefix(control, model, uplink, device);
	underlay.present = ip_is_set(&control->underlay_prefix.addr);
	underlay.attachment = ids_take(control->attachments, name_of_uplink(name, uplink));
	underlay.vlan = uplink->vlan;
	underlay.kernel_index = device->kernel_index;
	underlay.mac = device->mac;
	underlay.address = control->underlay_prefix;
	underlay.gateway = uplink->gateway;
	underlay.path_mtu = model->tunnel.path_mtu;
	underlay.tunnel = &model->tunnel;
	slowpath_set_underlay(control->slowpath, &underlay);
	if (underlay.present)
		own = ip_v4(&underlay.address.addr);
	return want_remotes(control->slowpath, model, own) ? 0 : -ENOSPC;
}
