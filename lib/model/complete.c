// SPDX-License-Identifier: BSD-3-Clause
// What the document leaves to weft: the tunnel's mode and limits, segment ids and MTUs; the rest is
// in complete_*.c and, for filters, in security.c.
// Nothing here judges the configuration; broken references are skipped, validate.c reports them.

#include <arpa/inet.h>

#include "model/check.h"
#include "model/model.h"

#define DEFAULT_MTU	1500
#define MULTICAST_GROUP 0xe0000001u // 224.0.0.1

static bool any_remotes(const struct model *model)
{
	bool any = model->tunnel.remotes.n > 0;

	for (size_t i = 0; !any && i < model->n_networks; i++)
		any = model->networks[i].remotes.n > 0;
	return any;
}

// The same flood target given twice counts once.
static void merge_remotes(struct ip_list *remotes)
{
	size_t n = 0;

	for (size_t i = 0; i < remotes->n; i++) {
		size_t j = 0;

		while (j < n && !ip_equal(&remotes->list[j], &remotes->list[i]))
			j++;
		if (j == n)
			remotes->list[n++] = remotes->list[i];
	}
	remotes->n = n;
}

static void complete_tunnel(struct model *model)
{
	struct tunnel_config *tunnel = &model->tunnel;
	bool remotes = any_remotes(model);
	const struct uplink_config *uplink;

	if (!tunnel->present)
		return;
	if (!tunnel->mode_given)
		tunnel->mode = remotes && !tunnel->group_given ? TUNNEL_HEADEND : TUNNEL_MULTICAST;
	if (!tunnel->group_given && tunnel->mode != TUNNEL_HEADEND) {
		tunnel->group.addr = ip_from_v4(htonl(MULTICAST_GROUP));
		tunnel->group.len = 32;
	}
	tunnel->group_set = ip_is_set(&tunnel->group.addr);
	if (tunnel->group_set)
		tunnel->group = ip_prefix_network(&tunnel->group);
	if (!tunnel->strict_remotes_given)
		tunnel->strict_remotes = tunnel->mode == TUNNEL_HEADEND && remotes;
	if (!tunnel->path_mtu_given) {
		uplink = tunnel->uplink == NULL ? NULL : model_uplink(model, tunnel->uplink);
		tunnel->path_mtu = uplink == NULL ? DEFAULT_MTU : uplink->mtu;
	}
	merge_remotes(&tunnel->remotes);
}

// Which ids of one uplink or of the tunnel are taken.
struct id_pool {
	uint64_t *used; // bitmap
	uint32_t next;	// no id below is free
};

static struct id_pool pool_new(struct arena *arena, uint32_t max)
{
	return (struct id_pool){arena_alloc(arena, (max / 64 + 1) * sizeof(uint64_t)), 1};
}

static void pool_take(struct id_pool *pool, uint32_t id)
{
	pool->used[id / 64] |= UINT64_C(1) << id % 64;
}

// The lowest free id within the ranges, taken; 0: none.
static uint32_t pool_lowest(struct id_pool *pool, const struct range_list *ranges)
{
	for (size_t i = 0; i < ranges->n; i++) {
		const struct range *r = &ranges->list[i];

		for (uint32_t id = r->min > pool->next ? r->min : pool->next; id <= r->max; id++) {
			if (pool->used[id / 64] >> id % 64 & 1)
				continue;
			pool_take(pool, id);
			pool->next = id + 1;
			return id;
		}
	}
	return 0;
}

struct ids {
	struct model *model;
	struct id_pool *vlans; // one for each uplink
	struct id_pool vnis;
};

// The pool and the ranges that a segment takes its id from; NULL when it has none.
static struct id_pool *segment_pool(
	struct ids *ids, const struct segment_config *segment, const struct range_list **ranges)
{
	const struct model *model = ids->model;
	const struct uplink_config *uplink;

	if (segment->type == SEGMENT_VXLAN && model->tunnel.present && model->tunnel.enabled) {
		*ranges = &model->tunnel.vnis;
		return &ids->vnis;
	}
	if (segment->type != SEGMENT_VLAN || segment->uplink == NULL)
		return NULL;
	uplink = model_uplink(model, segment->uplink);
	if (uplink == NULL || uplink->vlans.n == 0)
		return NULL;
	*ranges = &uplink->vlans;
	return &ids->vlans[uplink - model->uplinks];
}

// The id that this segment had, if the document does not name another.
static void keep_id(struct segment_config *segment, const struct network_config *old, size_t index)
{
	const struct segment_config *was;

	if (segment->id_set || old == NULL || index >= old->n_segments)
		return;
	was = &old->segments[index];
	if (segment_same_carrier(segment, was) && was->id_set) {
		segment->id = was->id;
		segment->id_set = true;
	}
}

// Marks given and kept ids as taken; generated ones must go round them.
static void take_known_ids(struct ids *ids, const struct model *old)
{
	for (size_t i = 0; i < ids->model->n_networks; i++) {
		struct network_config *network = &ids->model->networks[i];
		const struct network_config *was =
			old == NULL ? NULL : model_network(old, network->name);

		for (size_t j = 0; j < network->n_segments; j++) {
			struct segment_config *segment = &network->segments[j];
			const struct range_list *ranges;
			struct id_pool *pool = segment_pool(ids, segment, &ranges);

			if (pool == NULL)
				continue;
			keep_id(segment, was, j);
			if (segment->id_set && range_list_contains(ranges, segment->id))
				pool_take(pool, segment->id);
		}
	}
}

static void report_no_id(struct ids *ids, const struct network_config *network, size_t index,
	struct problems *problems)
{
	const struct segment_config *segment = &network->segments[index];
	const struct range_list *ranges = NULL;
	struct arena *arena = arena_new();
	const char *path =
		arena_printf(arena, "networks.%s.segments[%zu].id", network->name, index);
	const char *whose = segment->type == SEGMENT_VXLAN
				    ? "the tunnel"
				    : arena_printf(arena, "uplink %s", segment->uplink);

	segment_pool(ids, segment, &ranges);
	problem_add(problems, E_NET_NO_SEGMENT, path,
		"every id of %s (%s) is used; extend the range or delete a network", whose,
		range_list_format(ranges, arena));
	arena_free(arena);
}

static void generate_ids(struct ids *ids, struct problems *problems)
{
	for (size_t i = 0; i < ids->model->n_networks; i++) {
		struct network_config *network = &ids->model->networks[i];

		for (size_t j = 0; j < network->n_segments; j++) {
			struct segment_config *segment = &network->segments[j];
			const struct range_list *ranges;
			struct id_pool *pool = segment_pool(ids, segment, &ranges);

			if (pool == NULL || segment->id_set)
				continue;
			segment->id = pool_lowest(pool, ranges);
			segment->id_set = segment->id != 0;
			if (!segment->id_set)
				report_no_id(ids, network, j, problems);
		}
	}
}

static void complete_ids(struct model *model, const struct model *old, struct problems *problems)
{
	struct arena *arena = arena_new();
	struct ids ids = {.model = model, .vnis = pool_new(arena, VNI_MAX)};

	ids.vlans = arena_alloc(arena, model->n_uplinks * sizeof(*ids.vlans));
	for (size_t i = 0; i < model->n_uplinks; i++)
		ids.vlans[i] = pool_new(arena, VID_MAX);
	take_known_ids(&ids, old);
	generate_ids(&ids, problems);
	arena_free(arena);
}

uint16_t network_mtu_limit(const struct model *model, const struct network_config *network)
{
	uint16_t limit = UINT16_MAX;

	for (size_t i = 0; i < network->n_segments; i++) {
		const struct segment_config *segment = &network->segments[i];
		const struct uplink_config *uplink;
		uint16_t mtu = UINT16_MAX;

		if (segment->type == SEGMENT_VXLAN && model->tunnel.present) {
			mtu = (uint16_t)(model->tunnel.path_mtu - VXLAN_OVERHEAD);
		} else if (segment->uplink != NULL) {
			uplink = model_uplink(model, segment->uplink);
			mtu = uplink == NULL ? UINT16_MAX : uplink->mtu;
		}
		limit = mtu < limit ? mtu : limit;
	}
	return limit == UINT16_MAX ? DEFAULT_MTU : limit;
}

void model_complete(struct model *model, const struct model *old, struct problems *problems)
{
	complete_tunnel(model);
	complete_ids(model, old, problems);
	complete_subnets(model);
	complete_routers(model);
	complete_macs(model, old);
	complete_floating_names(model);
	complete_addresses(model, old, problems);
	complete_router_ports(model);
	complete_floating_ips(model);
	complete_dhcp_options(model);
	complete_security(model);
	for (size_t i = 0; i < model->n_networks; i++) {
		struct network_config *network = &model->networks[i];

		merge_remotes(&network->remotes);
		if (!network->mtu_given)
			network->mtu = network_mtu_limit(model, network);
	}
}
