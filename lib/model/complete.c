// SPDX-License-Identifier: BSD-3-Clause
// What the document leaves to weft: the tunnel's mode and limits, segment ids, MTUs and MACs; for
// filters, see security.c.
// Nothing here judges the configuration; broken references are skipped, validate.c reports them.

#include <arpa/inet.h>
#include <sys/random.h>

#include "model/check.h"
#include "model/model.h"

#define DEFAULT_MTU	1500
#define MULTICAST_GROUP 0xe0000001u // 224.0.0.1
#define MAC_PREFIX	0xfa163eu

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

// MACs in use on this node: open addressing, never more than half full; 0 is an empty slot.
struct mac_set {
	uint64_t *slots;
	size_t mask;
};

// False when the MAC is in the set already.
static bool mac_set_add(struct mac_set *set, uint64_t mac)
{
	size_t i = (size_t)(mac * UINT64_C(0x9e3779b97f4a7c15) >> 32) & set->mask;

	for (; set->slots[i] != 0; i = (i + 1) & set->mask)
		if (set->slots[i] == mac)
			return false;
	set->slots[i] = mac;
	return true;
}

static struct mac mac_generate(struct mac_set *used)
{
	uint64_t mac;

	do {
		uint8_t b[3];

		while (getrandom(b, sizeof(b), 0) != sizeof(b))
			; // interrupted before the kernel's pool was ready
		mac = (uint64_t)MAC_PREFIX << 24 | (uint64_t)b[0] << 16 | (uint64_t)b[1] << 8 |
		      b[2];
	} while (!mac_set_add(used, mac));
	return mac_from_u64(mac);
}

static void keep_mac(struct port_config *port, const struct model *old)
{
	const struct port_config *was = old == NULL ? NULL : model_port(old, port->name);

	if (was != NULL && mac_is_zero(&port->mac))
		port->mac = was->mac;
}

static void complete_macs(struct model *model, const struct model *old)
{
	struct arena *arena = arena_new();
	struct mac_set used = {NULL, 1};

	while (used.mask <= 2 * model->n_ports)
		used.mask = used.mask << 1 | 1;
	used.slots = arena_alloc(arena, (used.mask + 1) * sizeof(*used.slots));
	for (size_t i = 0; i < model->n_ports; i++) {
		keep_mac(&model->ports[i], old);
		if (!mac_is_zero(&model->ports[i].mac))
			mac_set_add(&used, mac_to_u64(&model->ports[i].mac));
	}
	for (size_t i = 0; i < model->n_ports; i++)
		if (mac_is_zero(&model->ports[i].mac))
			model->ports[i].mac = mac_generate(&used);
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
	complete_macs(model, old);
	complete_security(model);
	for (size_t i = 0; i < model->n_networks; i++) {
		struct network_config *network = &model->networks[i];

		merge_remotes(&network->remotes);
		if (!network->mtu_given)
			network->mtu = network_mtu_limit(model, network);
	}
}
