// SPDX-License-Identifier: BSD-3-Clause
// Rules of networks and their segments (N1 to N17).

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

bool segment_same_carrier(const struct segment_config *a, const struct segment_config *b)
{
	return a->type == b->type && text_compare(a->uplink, b->uplink) == 0;
}

static const char *const type_names[] = {"flat", "vlan", "vxlan"};

// A segment in words: "vlan 1001 on uplink provider".
static const char *segment_text(struct check *check, const struct segment_config *segment)
{
	if (segment->type == SEGMENT_VXLAN)
		return PATH(check, "vxlan %u", segment->id);
	if (segment->type == SEGMENT_FLAT)
		return PATH(check, "flat on uplink %s", segment->uplink);
	return PATH(check, "vlan %u on uplink %s", segment->id, segment->uplink);
}

static void check_flat(struct check *check, const struct segment_config *segment, const char *path)
{
	if (segment->id_set)
		check_report(check, E_NET_SEGMENT_FORBIDDEN, PATH(check, "%s.id", path),
			"a flat segment is untagged and has no id; leave out id %u or use type "
			"vlan",
			segment->id);
}

static void check_vlan(struct check *check, const struct segment_config *segment, const char *path,
	const struct uplink_config *uplink)
{
	const char *id = PATH(check, "%s.id", path);

	if (segment->id_set && (segment->id < 1 || segment->id > VID_MAX)) {
		check_report(check, E_NET_VLAN_INVALID, id,
			"%u is no VLAN id; give one from 1 to %d", segment->id, VID_MAX);
		return;
	}
	if (uplink == NULL)
		return;
	if (uplink->vlans.n == 0)
		check_report(check, E_NET_PHYSNET_UNKNOWN, PATH(check, "%s.uplink", path),
			"uplink %s has no VLAN range; give it one, such as \"vlans\": "
			"\"1001-2000\"",
			uplink->name);
	else if (segment->id_set && !range_list_contains(&uplink->vlans, segment->id))
		check_report(check, E_NET_VLAN_OUT_OF_RANGE, id,
			"VLAN %u is outside the ranges of uplink %s (%s)", segment->id,
			uplink->name, range_list_format(&uplink->vlans, check->arena));
}

// The uplink of a flat or vlan segment, NULL when it has none that exists.
// A device that the kernel goes on using gives us only what it is told to.
static void check_segment_share(struct check *check, const struct segment_config *segment,
	const struct uplink_config *uplink, const char *path)
{
	enum uplink_share needed = segment->type == SEGMENT_FLAT ? SHARE_ALL : SHARE_VLANS;

	if (uplink_is_shared(uplink) && uplink->share < needed)
		check_report(check, E_CFG_SHARE, path,
			"uplink %s leaves these frames to the kernel; set its share to %s",
			uplink->name, needed == SHARE_ALL ? "\"all\"" : "\"vlans\" or \"all\"");
}

static const struct uplink_config *check_segment_uplink(
	struct check *check, const struct segment_config *segment, const char *path)
{
	const struct uplink_config *uplink;
	const char *key = PATH(check, "%s.uplink", path);

	if (segment->uplink == NULL) {
		check_report(check, E_NET_PHYSNET_REQUIRED, key,
			"a %s segment needs the name of the uplink that carries it",
			type_names[segment->type]);
		return NULL;
	}
	uplink = model_uplink(check->model, segment->uplink);
	if (uplink == NULL)
		check_report(check, E_NET_PHYSNET_UNKNOWN, key,
			"there is no uplink %s; add it or name another one", segment->uplink);
	else
		check_segment_share(check, segment, uplink, path);
	return uplink;
}

static void check_vxlan(struct check *check, const struct segment_config *segment, const char *path)
{
	const struct tunnel_config *tunnel = &check->model->tunnel;
	const char *id = PATH(check, "%s.id", path);

	if (segment->uplink != NULL)
		check_report(check, E_NET_PHYSNET_FORBIDDEN, PATH(check, "%s.uplink", path),
			"a vxlan segment is carried by the tunnel; leave out uplink %s",
			segment->uplink);
	if (!tunnel->present)
		check_report(check, E_NET_VXLAN_DISABLED, path,
			"vxlan segments need a tunnel, such as \"tunnel\": {\"uplink\": NAME}");
	else if (!tunnel->enabled)
		check_report(check, E_NET_VXLAN_DISABLED, path,
			"vxlan segments need the tunnel, which is disabled; set tunnel.enabled to "
			"true");
	if (segment->id_set && (segment->id < 1 || segment->id > VNI_MAX))
		check_report(check, E_NET_VNI_INVALID, id, "%u is no VNI; give one from 1 to %d",
			segment->id, VNI_MAX);
	else if (segment->id_set && tunnel->present &&
		 !range_list_contains(&tunnel->vnis, segment->id))
		check_report(check, E_NET_VNI_OUT_OF_RANGE, id,
			"VNI %u is outside the ranges of the tunnel (%s)", segment->id,
			range_list_format(&tunnel->vnis, check->arena));
}

static size_t check_segments(struct check *check, const struct network_config *network)
{
	size_t n_vxlan = 0;

	for (size_t i = 0; i < network->n_segments; i++) {
		const struct segment_config *segment = &network->segments[i];
		const char *path = PATH(check, "networks.%s.segments[%zu]", network->name, i);

		if (segment->type == SEGMENT_FLAT) {
			check_segment_uplink(check, segment, path);
			check_flat(check, segment, path);
		} else if (segment->type == SEGMENT_VLAN) {
			check_vlan(
				check, segment, path, check_segment_uplink(check, segment, path));
		} else if (segment->type == SEGMENT_VXLAN) {
			check_vxlan(check, segment, path);
			n_vxlan++;
		}
	}
	if (network->n_segments == 0)
		check_report(check, E_NET_SEGMENTS,
			PATH(check, "networks.%s.segments", network->name),
			"network %s has no segment; give at least one, such as {\"type\": "
			"\"vxlan\"}",
			network->name);
	if (n_vxlan > 1)
		check_report(check, E_NET_SEGMENTS,
			PATH(check, "networks.%s.segments", network->name),
			"network %s has %zu vxlan segments; at most one is possible", network->name,
			n_vxlan);
	return n_vxlan;
}

static bool has_v6(const struct network_config *network)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (!subnet_is_v4(network->subnets[i]))
			return true;
	return false;
}

static void check_mtu(struct check *check, const struct network_config *network)
{
	uint16_t limit = network_mtu_limit(check->model, network);
	const char *path = PATH(check, "networks.%s.mtu", network->name);

	if (network->mtu > limit)
		check_report(check, E_NET_MTU_TOO_BIG, path,
			"mtu %u does not fit the segments of network %s, which carry %u; lower it "
			"or "
			"raise the mtu of the underlay",
			network->mtu, network->name, limit);
	else if (network->mtu < NETWORK_MTU_MIN)
		check_report(check, E_NET_MTU_TOO_SMALL, path,
			"mtu %u is too small for IPv4; give at least %d", network->mtu,
			NETWORK_MTU_MIN);
	else if (network->mtu < NETWORK_MTU_MIN_V6 && has_v6(network))
		check_report(check, E_NET_MTU_TOO_SMALL, path,
			"mtu %u is too small for the IPv6 subnet of network %s; give at least %d",
			network->mtu, network->name, NETWORK_MTU_MIN_V6);
}

static bool segments_equal(const struct network_config *a, const struct network_config *b)
{
	if (a->n_segments != b->n_segments)
		return false;
	for (size_t i = 0; i < a->n_segments; i++)
		if (!segment_same_carrier(&a->segments[i], &b->segments[i]) ||
			a->segments[i].id != b->segments[i].id)
			return false;
	return true;
}

static void check_against_old(struct check *check, const struct network_config *network)
{
	const struct network_config *old =
		check->old == NULL ? NULL : model_network(check->old, network->name);

	if (old != NULL && !segments_equal(network, old))
		check_report(check, E_IMMUTABLE, PATH(check, "networks.%s.segments", network->name),
			"the segments of network %s can not change; delete the network and add it "
			"again, or add another one",
			network->name);
}

static void check_network(struct check *check, const struct network_config *network)
{
	size_t n_vxlan = check_segments(check, network);

	if (network->remotes.n > 0 && n_vxlan == 0)
		check_report(check, E_VALUE, PATH(check, "networks.%s.remotes", network->name),
			"network %s has no vxlan segment, so it can not have remotes",
			network->name);
	for (size_t i = 0; i < network->remotes.n; i++)
		check_remote(check, &network->remotes.list[i],
			PATH(check, "networks.%s.remotes[%zu]", network->name, i));
	check_mtu(check, network);
	check_against_old(check, network);
}

// A segment that takes up an id, for finding two that take the same.
struct taken {
	const struct network_config *network;
	size_t index;
	const struct segment_config *segment;
	bool in_force; // the old model has it: the other one is to blame
};

static int compare_id(const struct segment_config *a, const struct segment_config *b)
{
	uint32_t a_id = a->type == SEGMENT_FLAT ? 0 : a->id;
	uint32_t b_id = b->type == SEGMENT_FLAT ? 0 : b->id;
	int order;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	order = a->type == SEGMENT_VXLAN ? 0 : strcmp(a->uplink, b->uplink);
	if (order != 0)
		return order;
	return a_id < b_id ? -1 : a_id > b_id;
}

static int compare_taken(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;
	int order = compare_id(x->segment, y->segment);

	if (order != 0)
		return order;
	if (x->in_force != y->in_force)
		return x->in_force ? -1 : 1;
	order = strcmp(x->network->name, y->network->name);
	return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static bool segment_in_force(struct check *check, const struct network_config *network,
	const struct segment_config *segment)
{
	const struct network_config *old =
		check->old == NULL ? NULL : model_network(check->old, network->name);

	for (size_t i = 0; old != NULL && i < old->n_segments; i++)
		if (segment_same_carrier(&old->segments[i], segment) &&
			old->segments[i].id == segment->id)
			return true;
	return false;
}

static void report_taken(struct check *check, const struct taken *first, const struct taken *second)
{
	static const enum error_symbol symbols[] = {
		[SEGMENT_FLAT] = E_NET_FLAT_IN_USE,
		[SEGMENT_VLAN] = E_NET_VLAN_IN_USE,
		[SEGMENT_VXLAN] = E_NET_VNI_IN_USE,
	};
	enum segment_type type = second->segment->type;

	check_report(check, symbols[type],
		PATH(check, "networks.%s.segments[%zu].%s", second->network->name, second->index,
			type == SEGMENT_FLAT ? "uplink" : "id"),
		"%s is used by network %s already; use %s", segment_text(check, first->segment),
		first->network->name,
		type == SEGMENT_FLAT ? "another uplink or a vlan segment" : "another id");
}

// N2, N6, N10: no two segments on one wire with one id.
static void check_ids_unique(struct check *check)
{
	const struct model *model = check->model;
	struct taken *taken;
	size_t n = 0;

	for (size_t i = 0; i < model->n_networks; i++)
		n += model->networks[i].n_segments;
	taken = arena_alloc(check->arena, n * sizeof(*taken));
	n = 0;
	for (size_t i = 0; i < model->n_networks; i++) {
		const struct network_config *network = &model->networks[i];

		for (size_t j = 0; j < network->n_segments; j++) {
			const struct segment_config *s = &network->segments[j];

			if (s->type == SEGMENT_UNKNOWN ||
				(s->type == SEGMENT_VXLAN ? !s->id_set : s->uplink == NULL) ||
				(s->type == SEGMENT_VLAN && !s->id_set))
				continue;
			taken[n++] =
				(struct taken){network, j, s, segment_in_force(check, network, s)};
		}
	}
	qsort(taken, n, sizeof(*taken), compare_taken);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (compare_id(taken[first].segment, taken[i].segment) == 0)
			report_taken(check, &taken[first], &taken[i]);
		else
			first = i;
	}
}

void check_networks(struct check *check)
{
	for (size_t i = 0; i < check->model->n_networks; i++)
		check_network(check, &check->model->networks[i]);
	check_ids_unique(check);
}
