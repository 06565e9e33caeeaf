// SPDX-License-Identifier: BSD-3-Clause
// From a model to the snapshot that workers read. Runs inside a commit, when all ids are taken,
// all devices open and all remotes known, so that nothing here can fail.
//
// The arrays of a snapshot always have MAX_* entries (zero pages cost nothing): an id that a worker
// reads from the FDB may be younger or older than the snapshot it holds, and finds kind
// ATTACHMENT_NONE there, never memory past the end.

#include "control/internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define ETHERNET_LEN 14
#define TAG_LEN	     4
#define LINE_SIZE    64

// A snapshot and the memory of all that it points to.
struct compiled {
	struct snapshot snapshot; // first: the pointer that is published
	struct arena *arena;
};

struct compiler {
	struct control *control;
	const struct model *model;
	const struct uplink_config *underlay; // NULL: no tunnel
	struct service_ports services;
	struct snapshot *s;
	struct arena *arena;
};

void snapshot_free(void *snapshot)
{
	struct compiled *compiled = snapshot;

	if (compiled == NULL)
		return;
	arena_free(compiled->arena);
	free(compiled);
}

static void *alloc_lines(struct arena *arena, size_t size)
{
	uintptr_t p = (uintptr_t)arena_alloc(arena, size + LINE_SIZE - 1);

	return (void *)((p + LINE_SIZE - 1) & ~(uintptr_t)(LINE_SIZE - 1));
}

// ---- names and ids -----------------------------------------------------------------------------

const char *name_of_port(char text[ATTACHMENT_NAME_LEN], const struct port_config *port)
{
	snprintf(text, ATTACHMENT_NAME_LEN, "port %s", port->name);
	return text;
}

const char *name_of_uplink(char text[ATTACHMENT_NAME_LEN], const struct uplink_config *uplink)
{
	snprintf(text, ATTACHMENT_NAME_LEN, "uplink %s", uplink->name);
	return text;
}

const char *name_of_trunk(char text[ATTACHMENT_NAME_LEN], const char *device)
{
	snprintf(text, ATTACHMENT_NAME_LEN, "trunk %s", device);
	return text;
}

const char *name_of_segment(char text[ATTACHMENT_NAME_LEN], const struct segment_config *segment)
{
	if (segment->type == SEGMENT_VXLAN)
		snprintf(text, ATTACHMENT_NAME_LEN, "vxlan.%u", segment->id);
	else if (segment->type == SEGMENT_VLAN)
		snprintf(text, ATTACHMENT_NAME_LEN, "%s.%u", segment->uplink, segment->id);
	else
		snprintf(text, ATTACHMENT_NAME_LEN, "%s.flat", segment->uplink);
	return text;
}

const char *name_of_service(char text[ATTACHMENT_NAME_LEN], const struct network_config *network)
{
	snprintf(text, ATTACHMENT_NAME_LEN, "service %s", network->name);
	return text;
}

static uint16_t id_of_port(struct compiler *c, const struct port_config *port)
{
	char name[ATTACHMENT_NAME_LEN];

	return ids_take(c->control->attachments, name_of_port(name, port));
}

static uint16_t id_of_uplink(struct compiler *c, const struct uplink_config *uplink)
{
	char name[ATTACHMENT_NAME_LEN];

	return ids_take(c->control->attachments, name_of_uplink(name, uplink));
}

static uint16_t id_of_segment(struct compiler *c, const struct segment_config *segment)
{
	char name[ATTACHMENT_NAME_LEN];

	return ids_take(c->control->attachments, name_of_segment(name, segment));
}

// ---- devices -----------------------------------------------------------------------------------

static struct device_map *map_of(struct compiler *c, const char *device)
{
	return &c->s->maps[ids_take(c->control->devices, device)];
}

static uint16_t *vlan_table(struct compiler *c, struct device_map *map)
{
	if (map->vlans == NULL)
		map->vlans = alloc_lines(c->arena, 4096 * sizeof(map->vlans[0]));
	return (uint16_t *)map->vlans;
}

static void compile_devices(struct compiler *c)
{
	const struct control *control = c->control;
	struct snapshot *s = c->s;

	s->n_devices = ids_highest(control->devices) + 1;
	for (uint16_t id = 1; id < s->n_devices; id++) {
		struct device *device = control->slots[id].device;

		// A device that leaves with this snapshot is still open.
		if (device == NULL || control->slots[id].is_private ||
			(!ids_fresh(control->devices, id) &&
				(!ids_live(control->devices, id) ||
					!ids_kept(control->devices, id))))
			continue;
		s->devices[id] = device;
		s->maps[id].mac = device->mac;
		for (unsigned q = 0; q < device->n_rxq; q++)
			s->n_polls[(control->slots[id].first_worker + q) %
				   control->tables->n_workers]++;
	}
	for (unsigned w = 0; w < control->tables->n_workers; w++) {
		s->polls[w] = arena_alloc(c->arena, s->n_polls[w] * sizeof(*s->polls[w]));
		s->n_polls[w] = 0;
	}
	for (uint16_t id = 1; id < s->n_devices; id++) {
		for (unsigned q = 0; s->devices[id] != NULL && q < s->devices[id]->n_rxq; q++) {
			unsigned w =
				(control->slots[id].first_worker + q) % control->tables->n_workers;

			s->polls[w][s->n_polls[w]++] = (struct poll_entry){id, (uint16_t)q};
		}
	}
}

static void compile_uplink(struct compiler *c, const struct uplink_config *uplink)
{
	uint16_t device = ids_take(c->control->devices, uplink->device);
	struct device_map *map = &c->s->maps[device];

	map->root = id_of_uplink(c, uplink);
	map->is_uplink = true;
	vlan_table(c, map);
	if (uplink == c->underlay) {
		map->underlay = true;
		map->underlay_vid = uplink->vlan;
	}
	// What leaves by the uplink itself has its tag, if any, already.
	c->s->attachments[map->root] = (struct attachment){
		.kind = ATTACHMENT_UPLINK,
		.mac = map->mac,
		.device = device,
		.max_len = uplink->mtu + ETHERNET_LEN + (uplink->vlan != 0 ? TAG_LEN : 0),
		.flags = (uplink->up ? ATTACHMENT_UP : 0) | ATTACHMENT_PAD,
		.pcp = uplink->vlan_priority,
	};
}

// ---- networks ----------------------------------------------------------------------------------

static void compile_segment(struct compiler *c, const struct segment_config *segment,
	const struct network_config *config, uint16_t network)
{
	const struct uplink_config *uplink = model_uplink(c->model, segment->uplink);
	struct device_map *map = map_of(c, uplink->device);
	uint16_t id = id_of_segment(c, segment);
	struct attachment *attachment = &c->s->attachments[id];

	*attachment = (struct attachment){
		.kind = ATTACHMENT_SEGMENT,
		.network = network,
		.device = (uint16_t)(map - c->s->maps),
		.max_len = uplink->mtu + ETHERNET_LEN,
		.flags = (uplink->up ? ATTACHMENT_UP : 0) | ATTACHMENT_PAD |
			 (config->vlan_transparent ? ATTACHMENT_VLAN_TRANSPARENT : 0),
		.pcp = uplink->vlan_priority,
	};
	if (segment->type == SEGMENT_VLAN) {
		attachment->vid = (uint16_t)segment->id;
		vlan_table(c, map)[segment->id] = id;
	} else {
		map->untagged = id;
	}
}

static void vni_insert(struct snapshot *s, uint32_t vni, uint16_t attachment)
{
	uint32_t i = (vni * 0x9e3779b1u) >> 7;

	while (s->vnis[i & s->vni_mask].vni != 0)
		i++;
	s->vnis[i & s->vni_mask] = (struct vni_slot){.vni = vni, .attachment = attachment};
}

static void compile_tunnel_segment(struct compiler *c, const struct segment_config *segment,
	const struct network_config *config, uint16_t network)
{
	uint16_t id = id_of_segment(c, segment);

	c->s->networks[network].tunnel = id;
	c->s->networks[network].vni = segment->id;
	c->s->attachments[id] = (struct attachment){
		.kind = ATTACHMENT_TUNNEL,
		.network = network,
		.max_len = config->mtu + ETHERNET_LEN,
		.flags = config->vlan_transparent ? ATTACHMENT_VLAN_TRANSPARENT : 0,
	};
	if (c->underlay == NULL)
		return;
	c->s->attachments[id].device = ids_take(c->control->devices, c->underlay->device);
	if (c->underlay->up)
		c->s->attachments[id].flags |= ATTACHMENT_UP;
	vni_insert(c->s, segment->id, id);
}

static void add_remote(struct network *network, uint16_t *remotes, uint16_t id)
{
	for (uint16_t i = 0; i < network->n_remotes; i++) {
		if (remotes[i] == id)
			return;
	}
	if (id != 0)
		remotes[network->n_remotes++] = id;
}

// The flood list of a vxlan segment: the group, each listed remote once, never ourselves.
static void compile_remotes(
	struct compiler *c, const struct network_config *config, struct network *network)
{
	const struct tunnel_config *tunnel = &c->model->tunnel;
	const struct remote_table *table = c->control->tables->remotes;
	const struct ip_list *lists[] = {&tunnel->remotes, &config->remotes};
	uint32_t own = c->s->tunnel.address;
	uint16_t *remotes;

	if (c->underlay == NULL || network->tunnel == 0)
		return;
	remotes = arena_alloc(
		c->arena, (1 + tunnel->remotes.n + config->remotes.n) * sizeof(*remotes));
	network->remotes = remotes;
	if (tunnel->mode != TUNNEL_HEADEND && tunnel->group_set)
		add_remote(
			network, remotes, remote_find(table, underlay_group(tunnel, network->vni)));
	for (size_t l = 0; tunnel->mode != TUNNEL_MULTICAST && l < 2; l++) {
		for (size_t i = 0; i < lists[l]->n; i++) {
			uint32_t address = ip_v4(&lists[l]->list[i]);

			if (address != own)
				add_remote(network, remotes, remote_find(table, address));
		}
	}
}

static uint16_t network_flags(const struct network_config *config)
{
	return (config->up ? NETWORK_UP : 0) |
	       (config->drop_unknown_unicast ? NETWORK_DROP_UNKNOWN_UNICAST : 0) |
	       (config->drop_other_ethertypes ? NETWORK_DROP_OTHER_ETHERTYPES : 0) |
	       (config->vlan_transparent ? NETWORK_VLAN_TRANSPARENT : 0) |
	       (config->arp_responder ? NETWORK_ARP_RESPONDER | NETWORK_INTERNAL : 0);
}

static void compile_network(struct compiler *c, const struct network_config *config)
{
	uint16_t id = ids_take(c->control->networks, config->name);
	struct network *network = &c->s->networks[id];

	network->domain = ids_take(c->control->domains, config->name);
	network->mtu = config->mtu;
	network->flags = network_flags(config);
	network->fdb_limit = config->fdb_limit;
	for (size_t i = 0; i < config->n_segments; i++) {
		const struct segment_config *segment = &config->segments[i];

		if (segment->type == SEGMENT_VXLAN)
			compile_tunnel_segment(c, segment, config, id);
		else
			compile_segment(c, segment, config, id);
	}
	compile_remotes(c, config, network);
}

// ---- ports -------------------------------------------------------------------------------------

static void compile_trunk(struct compiler *c, const struct port_config *port, uint16_t attachment)
{
	uint16_t device = ids_take(c->control->devices, port->device);
	struct device_map *map = &c->s->maps[device];
	char name[ATTACHMENT_NAME_LEN];

	map->root = ids_take(c->control->attachments, name_of_trunk(name, port->device));
	vlan_table(c, map)[port->vlan] = attachment;
	c->s->attachments[map->root] = (struct attachment){
		.kind = ATTACHMENT_UPLINK,
		.mac = map->mac,
		.device = device,
		.max_len = c->control->slots[device].mtu + ETHERNET_LEN,
		.flags = ATTACHMENT_UP,
	};
}

static void compile_port(struct compiler *c, const struct port_config *port)
{
	struct device_map *map = map_of(c, port->device);
	uint16_t id = id_of_port(c, port);

	c->s->attachments[id] = (struct attachment){
		.kind = ATTACHMENT_PORT,
		.mac = mac_to_u64(&port->mac),
		.network = ids_take(c->control->networks, port->network),
		.device = (uint16_t)(map - c->s->maps),
		.vid = port->vlan,
		.max_len = model_network(c->model, port->network)->mtu + ETHERNET_LEN,
		.fdb_limit = port->fdb_limit,
		.flags = (port->up ? ATTACHMENT_UP : 0) |
			 (port->vlan_transparent ? ATTACHMENT_VLAN_TRANSPARENT : 0),
	};
	if (port->vlan != 0)
		compile_trunk(c, port, id);
	else
		map->root = map->untagged = id;
}

// ---- service ports -----------------------------------------------------------------------------

static void compile_internal(struct compiler *c, const struct service_port *port, uint16_t id)
{
	uint16_t network = ids_take(c->control->networks, port->network->name);

	c->s->attachments[id] = (struct attachment){
		.kind = ATTACHMENT_SERVICE,
		.mac = mac_to_u64(&port->service.mac),
		.network = network,
		.max_len = port->network->mtu + ETHERNET_LEN,
		.flags = ATTACHMENT_INTERNAL | (port->network->up ? ATTACHMENT_UP : 0),
	};
	c->s->networks[network].flags |= NETWORK_INTERNAL;
	c->s->networks[network].dhcp = id;
}

static void compile_external(struct compiler *c, const struct service_port *port, uint16_t id)
{
	struct device_map *map = map_of(c, port->service.device);

	c->s->attachments[id] = (struct attachment){
		.kind = ATTACHMENT_PORT,
		.mac = mac_to_u64(&port->service.mac),
		.network = ids_take(c->control->networks, port->network->name),
		.device = (uint16_t)(map - c->s->maps),
		.max_len = port->network->mtu + ETHERNET_LEN,
		.flags = ATTACHMENT_UP,
	};
	map->root = map->untagged = id;
}

static void compile_services(struct compiler *c)
{
	char name[ATTACHMENT_NAME_LEN];

	c->services = service_ports(c->model, c->arena);
	for (size_t i = 0; i < c->services.n; i++) {
		const struct service_port *port = &c->services.list[i];
		uint16_t id =
			ids_take(c->control->attachments, name_of_service(name, port->network));

		if (port->service.mode == DHCP_EXTERNAL)
			compile_external(c, port, id);
		else
			compile_internal(c, port, id);
	}
}

// ---- flood lists -------------------------------------------------------------------------------

// Whether a flood in its network goes to the attachment. The tunnel has a list of its own.
static bool is_member(const struct snapshot *s, const struct attachment *attachment)
{
	return (attachment->kind == ATTACHMENT_PORT || attachment->kind == ATTACHMENT_SEGMENT) &&
	       attachment->flags & ATTACHMENT_UP &&
	       s->networks[attachment->network].flags & NETWORK_UP;
}

static void compile_members(struct compiler *c)
{
	struct snapshot *s = c->s;

	for (uint16_t id = 1; id < s->n_attachments; id++) {
		if (is_member(s, &s->attachments[id]))
			s->networks[s->attachments[id].network].n_members++;
	}
	for (uint16_t id = 1; id < s->n_networks; id++) {
		struct network *network = &s->networks[id];

		network->members =
			arena_alloc(c->arena, network->n_members * sizeof(network->members[0]));
		network->n_members = 0;
	}
	for (uint16_t id = 1; id < s->n_attachments; id++) {
		struct network *network = &s->networks[s->attachments[id].network];

		if (is_member(s, &s->attachments[id]))
			((uint16_t *)network->members)[network->n_members++] = id;
	}
}

// ---- tunnel ------------------------------------------------------------------------------------

static void compile_tunnel(struct compiler *c)
{
	const struct tunnel_config *config = &c->model->tunnel;
	const struct ip_prefix *prefix = &c->control->underlay_prefix;
	struct tunnel *tunnel = &c->s->tunnel;
	struct ip_addr broadcast;
	uint32_t n_slots = 2;

	while (n_slots < 2 * c->model->n_networks)
		n_slots *= 2;
	c->s->vni_mask = n_slots - 1;
	c->s->vnis = alloc_lines(c->arena, n_slots * sizeof(*c->s->vnis));
	if (!ip_is_set(&prefix->addr))
		return;
	c->underlay = model_uplink(c->model, config->uplink);
	broadcast = ip_prefix_broadcast(prefix);
	tunnel->enabled = true;
	tunnel->device = ids_take(c->control->devices, c->underlay->device);
	tunnel->root = id_of_uplink(c, c->underlay);
	tunnel->address = ip_v4(&prefix->addr);
	tunnel->broadcast = ip_v4(&broadcast);
	if (config->group_set) {
		tunnel->group_mask = htonl((uint32_t) ~(UINT64_C(0xffffffff) >> config->group.len));
		tunnel->group = underlay_group(config, 0);
	}
	tunnel->port = htons(config->port);
	tunnel->source_port_min = config->source_port_min;
	tunnel->n_source_ports = config->source_port_max - config->source_port_min + 1;
	tunnel->df = config->df;
	tunnel->tos_inherit = config->tos == TOS_INHERIT;
	tunnel->udp_checksum = config->udp_checksum;
	tunnel->strict_remotes = config->strict_remotes;
	tunnel->reserved_ignore = config->reserved_ignore;
}

struct snapshot *snapshot_compile(struct control *control, const struct model *model)
{
	struct compiled *compiled = calloc(1, sizeof(*compiled));
	struct compiler c = {.control = control, .model = model};
	struct snapshot *s;

	if (compiled == NULL)
		abort();
	c.arena = compiled->arena = arena_new();
	c.s = s = &compiled->snapshot;
	s->version = ++control->version;
	s->n_attachments = ids_highest(control->attachments) + 1;
	s->n_networks = ids_highest(control->networks) + 1;
	s->attachments = alloc_lines(c.arena, MAX_ATTACHMENTS * sizeof(*s->attachments));
	s->networks = alloc_lines(c.arena, MAX_NETWORKS * sizeof(*s->networks));
	s->maps = alloc_lines(c.arena, MAX_DEVICES * sizeof(*s->maps));
	s->devices = alloc_lines(c.arena, MAX_DEVICES * sizeof(*s->devices));
	compile_devices(&c);
	compile_tunnel(&c);
	for (size_t i = 0; i < model->n_uplinks; i++)
		compile_uplink(&c, &model->uplinks[i]);
	for (size_t i = 0; i < model->n_networks; i++)
		compile_network(&c, &model->networks[i]);
	for (size_t i = 0; i < model->n_ports; i++) {
		if (port_is_local(&model->ports[i]))
			compile_port(&c, &model->ports[i]);
	}
	compile_services(&c);
	filters_compile(control, model, s, c.arena);
	routers_compile(control, model, s, c.arena);
	addresses_compile(control, model, &c.services, s, c.arena);
	compile_members(&c);
	return s;
}
