// SPDX-License-Identifier: BSD-3-Clause
// The FDB's part of a commit: what was learned at attachments that are gone is forgotten, ports'
// MACs and configured static entries stand in the table.
//
// Most of it runs after the snapshot is published. The other way round, a worker that still holds
// the old snapshot could teach the table again what was just forgotten: the slow path, in this same
// thread, learns nothing for what is not in the snapshot in force. Static entries of new domains
// are written before, so that no frame to a port is flooded because its network was flushed.

#include "control/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_MODULE "control"

#define AGEING_DEFAULT_S 300
#define RETRY_NS	 NS_PER_S

// Whether frames come in and go out by the attachment.
static bool is_active(const struct snapshot *s, const struct attachment *attachment)
{
	return attachment->flags & ATTACHMENT_UP &&
	       s->networks[attachment->network].flags & NETWORK_UP;
}

static void forget_removed(
	struct control *control, const struct snapshot *old, const struct snapshot *new)
{
	for (uint16_t id = 1; id < old->n_attachments; id++) {
		const struct attachment *was = &old->attachments[id];
		const struct attachment *is = &new->attachments[id];

		if (was->network != 0 && is_active(old, was) &&
			(is->network != was->network || is->device != was->device ||
				!is_active(new, is)))
			fdb_flush_location(control->tables->fdb, id);
	}
}

static void forget_domains(
	struct control *control, const struct snapshot *old, const struct snapshot *new)
{
	for (uint16_t id = 1; id < old->n_networks; id++) {
		if (old->networks[id].domain != 0 &&
			old->networks[id].domain != new->networks[id].domain)
			fdb_flush_domain(control->tables->fdb, old->networks[id].domain);
	}
}

static void set_ageing(struct control *control, const struct model *model)
{
	for (size_t i = 0; i < model->n_networks; i++) {
		const struct network_config *network = &model->networks[i];
		uint32_t ageing_s = network->ageing;

		if (ageing_s == 0)
			ageing_s = model->tunnel.ageing;
		if (ageing_s == 0)
			ageing_s = AGEING_DEFAULT_S;
		fdb_set_ageing(
			control->tables->fdb, ids_find(control->domains, network->name), ageing_s);
	}
}

// ---- static entries ----------------------------------------------------------------------------

static int compare_entries(const void *a, const void *b)
{
	const struct static_entry *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

// Location of a configured entry's target, 0: nowhere at present (its port is down).
static uint16_t target(const struct control *control, const struct snapshot *s,
	const struct model *model, const struct fdb_config *fdb)
{
	const struct network_config *network = model_network(model, fdb->network);
	char name[ATTACHMENT_NAME_LEN];
	uint16_t id = 0;

	if (ip_is_set(&fdb->remote)) {
		id = remote_find(control->tables->remotes, ip_v4(&fdb->remote));
		return id != 0 ? LOCATION_REMOTE | id : 0;
	}
	if (fdb->port != NULL)
		id = ids_taken(
			control->attachments, name_of_port(name, model_port(model, fdb->port)));
	for (size_t i = 0; fdb->uplink != NULL && i < network->n_segments; i++) {
		const struct segment_config *segment = &network->segments[i];

		if (segment->uplink != NULL && strcmp(segment->uplink, fdb->uplink) == 0)
			id = ids_taken(control->attachments, name_of_segment(name, segment));
	}
	return is_active(s, &s->attachments[id]) ? id : 0;
}

static void add(struct control *control, const struct network_config *network,
	const struct mac *mac, uint16_t location)
{
	uint16_t domain = ids_taken(control->domains, network->name);

	if (location != 0)
		control->statics[control->n_statics++] = (struct static_entry){
			.key = fdb_key(domain, mac_to_u64(mac)), .location = location};
}

static void collect(struct control *control, const struct snapshot *s, const struct model *model)
{
	struct arena *scratch = arena_new();
	struct service_ports services = service_ports(model, scratch);
	struct router_ports routers = router_ports(model, scratch);
	size_t n = model->n_ports + services.n + routers.n + model->n_fdb + 1;
	char name[ATTACHMENT_NAME_LEN];

	control->statics = calloc(n, sizeof(*control->statics));
	control->n_statics = 0;
	if (control->statics == NULL)
		abort();
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];
		uint16_t id;

		if (!port_is_local(port))
			continue;
		id = ids_taken(control->attachments, name_of_port(name, port));
		add(control, model_network(model, port->network), &port->mac,
			is_active(s, &s->attachments[id]) ? id : 0);
	}
	for (size_t i = 0; i < services.n; i++) {
		const struct service_port *port = &services.list[i];
		uint16_t id = ids_taken(control->attachments, name_of_service(name, port->network));

		add(control, port->network, &port->service.mac,
			is_active(s, &s->attachments[id]) ? id : 0);
	}
	for (size_t i = 0; i < routers.n; i++) {
		const struct router_port *port = &routers.list[i];
		uint16_t id = ids_taken(control->attachments, name_of_router_port(name, port));

		add(control, port->network, &port->mac, is_active(s, &s->attachments[id]) ? id : 0);
	}
	for (size_t i = 0; i < model->n_fdb; i++) {
		const struct fdb_config *fdb = &model->fdb[i];

		add(control, model_network(model, fdb->network), &fdb->mac,
			target(control, s, model, fdb));
	}
	arena_free(scratch);
	qsort(control->statics, control->n_statics, sizeof(*control->statics), compare_entries);
}

static uint16_t key_domain(uint64_t key)
{
	return (uint16_t)(key >> 48);
}

static uint64_t key_mac(uint64_t key)
{
	return key & UINT64_C(0xffffffffffff);
}

// A table full of learned entries is no reason to refuse a port: its frames are flooded until there
// is room, and entries_poll() tries again.
static void write_entry(struct control *control, const struct static_entry *entry)
{
	if (fdb_add_static(control->tables->fdb, key_domain(entry->key), key_mac(entry->key),
		    entry->location) == 0)
		return;
	control->statics_missing = true;
	log_limited(LOG_LEVEL_WARN, 10, "no room in the FDB for a static entry mac=%012" PRIx64,
		key_mac(entry->key));
}

static void write_entries(struct control *control)
{
	control->statics_missing = false;
	for (size_t i = 0; i < control->n_statics; i++)
		write_entry(control, &control->statics[i]);
}

void entries_poll(struct control *control, uint64_t now_ns)
{
	if (!control->statics_missing || now_ns < control->statics_retry_ns)
		return;
	control->statics_retry_ns = now_ns + RETRY_NS;
	write_entries(control);
}

void entries_prepare(struct control *control, const struct snapshot *new, const struct model *model)
{
	control->old_statics = control->statics;
	control->n_old_statics = control->n_statics;
	collect(control, new, model);
	for (size_t i = 0; i < control->n_statics; i++) {
		if (ids_fresh(control->domains, key_domain(control->statics[i].key)))
			write_entry(control, &control->statics[i]);
	}
}

void entries_follow(struct control *control, const struct snapshot *old, const struct model *model)
{
	forget_removed(control, old, control->tables->snapshot);
	forget_domains(control, old, control->tables->snapshot);
	set_ageing(control, model);
	for (size_t i = 0; i < control->n_old_statics; i++) {
		const struct static_entry *was = &control->old_statics[i];

		if (bsearch(was, control->statics, control->n_statics, sizeof(*was),
			    compare_entries) == NULL)
			fdb_del(control->tables->fdb, key_domain(was->key), key_mac(was->key));
	}
	// All of them, not just new ones: those at a location that was flushed went with it.
	write_entries(control);
	free(control->old_statics);
	control->old_statics = NULL;
}

void entries_flush(struct control *control, uint16_t attachment)
{
	fdb_flush_location(control->tables->fdb, attachment);
	for (size_t i = 0; i < control->n_statics; i++) {
		if (control->statics[i].location == attachment)
			write_entry(control, &control->statics[i]);
	}
}
