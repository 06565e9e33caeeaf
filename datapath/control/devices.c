// SPDX-License-Identifier: BSD-3-Clause
// Devices of a configuration: which there are, opening in a commit, closing after it.
//
// Opened before the snapshot that names them is published; closed after the grace period of the
// one that names them no more. A device that is needed again under the same driver and name while
// its predecessor waits for that grace period is the one case in which control waits for workers.

#include "control/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define LOG_MODULE "control"

#define REOPEN_WAIT_US	200
#define REOPEN_ATTEMPTS 5000 // 1 s

// Devices being opened in one transaction.
struct opening {
	struct control *control;
	struct arena *arena;
	struct problems *problems;
};

// Whether two texts name the same device, maybe with other options.
static bool same_device(const struct opening *opening, const char *a, const char *b)
{
	return strcmp(device_identity(opening->arena, a), device_identity(opening->arena, b)) == 0;
}

static bool device_release(uint16_t id, void *arg)
{
	struct control *control = arg;
	struct device_slot *slot = &control->slots[id];

	log_info("device closed device=%s", slot->device->text);
	device_close(slot->device);
	free(slot->problem);
	*slot = (struct device_slot){0};
	return true;
}

void devices_poll(struct control *control, uint64_t now_ns)
{
	ids_poll(control->devices, control->tables->rcu, now_ns, device_release, control);
}

// Closes what is left of devices that are the same thing as `text`.
static int close_predecessors(const struct opening *opening, const char *text)
{
	struct control *control = opening->control;
	struct ids *ids = control->devices;
	uint16_t id = ids_next_leaving(ids, 0), next;

	for (; id != 0; id = next) {
		int rc = -EBUSY;

		next = ids_next_leaving(ids, id);
		if (!same_device(opening, ids_name(ids, id), text))
			continue;
		for (int i = 0; i < REOPEN_ATTEMPTS && rc == -EBUSY; i++) {
			rc = ids_expire(ids, control->tables->rcu, id, device_release, control);
			if (rc == -EBUSY)
				usleep(REOPEN_WAIT_US);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

// The device in force that is the same thing as `text` and goes in this very transaction; not one
// that has lost its interface to the new one.
static const char *open_otherwise(const struct opening *opening, const char *text)
{
	const struct ids *ids = opening->control->devices;

	for (uint16_t id = 1; id <= ids_highest(ids); id++) {
		if (ids_live(ids, id) && !ids_kept(ids, id) &&
			!opening->control->slots[id].reopen &&
			same_device(opening, ids_name(ids, id), text))
			return ids_name(ids, id);
	}
	return NULL;
}

// The worker with the fewest queues.
static unsigned idlest_worker(const struct control *control)
{
	unsigned n_queues[MAX_WORKERS] = {0};
	unsigned n_workers = control->tables->n_workers;
	unsigned best = 0;

	for (unsigned id = 1; id < MAX_DEVICES; id++) {
		const struct device_slot *slot = &control->slots[id];

		if (slot->device == NULL || slot->is_private)
			continue;
		for (unsigned q = 0; q < slot->device->n_rxq; q++)
			n_queues[(slot->first_worker + q) % n_workers]++;
	}
	for (unsigned w = 1; w < n_workers; w++) {
		if (n_queues[w] < n_queues[best])
			best = w;
	}
	return best;
}

// A device that the new configuration has and the one in force has not.
static void open_new(const struct opening *opening, uint16_t id, uint16_t mtu, const char *path)
{
	struct control *control = opening->control;
	struct problems *problems = opening->problems;
	struct device_slot *slot = &control->slots[id];
	const char *text = ids_name(control->devices, id);
	const char *other = open_otherwise(opening, text);
	struct device_request request = {
		.text = text,
		.mtu = mtu,
		.n_workers = control->tables->n_workers,
		.pool = control->tables->pool,
	};

	if (other != NULL) {
		problem_add(problems, E_BUSY, path,
			"the device is in use as \"%s\": delete what uses it first, then add it as "
			"\"%s\"",
			other, text);
		return;
	}
	if (close_predecessors(opening, text) < 0) {
		problem_add(problems, E_BUSY, path,
			"the workers have not let go of the device that was removed before: try "
			"again");
		return;
	}
	slot->first_worker = idlest_worker(control);
	slot->device = device_open(&request, path, problems);
	slot->mtu = mtu;
	if (slot->device != NULL)
		log_info(
			"device opened device=%s mtu=%u queues=%u", text, mtu, slot->device->n_rxq);
}

// What a configuration wants of its devices, by id.
struct wants {
	uint16_t mtu[MAX_DEVICES]; // 0: not wanted
	const char *path[MAX_DEVICES];
	bool is_private[MAX_DEVICES];
};

// The id of a device; a new one for what is to be opened again.
static uint16_t take_id(struct control *control, const char *text)
{
	struct ids *ids = control->devices;

	if (ids_taken(ids, text) == 0 && control->slots[ids_find(ids, text)].reopen)
		return ids_renew(ids, text);
	return ids_take(ids, text);
}

static void want(struct control *control, struct wants *wants, const char *text, uint16_t mtu,
	const char *path)
{
	uint16_t id = take_id(control, text);

	// Id 0 collects what found no id.
	if (wants->path[id] == NULL)
		wants->path[id] = path;
	if (mtu > wants->mtu[id])
		wants->mtu[id] = mtu;
}

// Devices of servers for the instances: of DHCP as a port, of metadata as control's own.
static void collect_services(
	struct control *control, const struct model *model, struct wants *wants)
{
	struct service_ports ports = service_ports(model, model->arena);

	for (size_t i = 0; i < ports.n; i++) {
		const struct network_service *service = &ports.list[i].service;
		const char *subnet = service->subnets[0]->name;
		uint16_t mtu = ports.list[i].network->mtu;

		if (service->mode == DHCP_EXTERNAL)
			want(control, wants, service->device, mtu,
				arena_printf(model->arena, "subnets.%s.dhcp.device", subnet));
		if (service->mode != DHCP_RESPONDER || service->metadata_device == NULL)
			continue;
		want(control, wants, service->metadata_device, mtu,
			arena_printf(model->arena, "subnets.%s.dhcp.metadata-device", subnet));
		wants->is_private[ids_take(control->devices, service->metadata_device)] = true;
	}
}

// Metadata backends of routers.
static void collect_routers(struct control *control, const struct model *model, struct wants *wants)
{
	struct router_ports ports = router_ports(model, model->arena);

	for (size_t i = 0; i < ports.n; i++) {
		const struct router_config *router = ports.list[i].router;

		if (router->metadata_device == NULL)
			continue;
		want(control, wants, router->metadata_device, ports.list[i].network->mtu,
			arena_printf(model->arena, "routers.%s.metadata-device", router->name));
		wants->is_private[ids_take(control->devices, router->metadata_device)] = true;
	}
}

static void collect(struct control *control, const struct model *model, struct wants *wants)
{
	for (size_t i = 0; i < model->n_uplinks; i++) {
		const struct uplink_config *uplink = &model->uplinks[i];

		want(control, wants, uplink->device, uplink->mtu,
			arena_printf(model->arena, "uplinks.%s.device", uplink->name));
	}
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];

		if (!port_is_local(port))
			continue;
		want(control, wants, port->device, model_network(model, port->network)->mtu,
			arena_printf(model->arena, "ports.%s.device", port->name));
	}
	collect_services(control, model, wants);
	collect_routers(control, model, wants);
}

int devices_prepare(struct control *control, const struct model *model, struct problems *problems)
{
	struct opening opening = {control, model->arena, problems};
	struct wants wants = {0};
	size_t n_before = problems->n;

	collect(control, model, &wants);
	if (wants.path[0] != NULL)
		problem_add(problems, E_DEV_LIMIT, wants.path[0],
			"a node has at most %d devices at a time", MAX_DEVICES - 1);
	for (uint16_t id = 1; id < MAX_DEVICES; id++) {
		if (wants.mtu[id] == 0)
			continue;
		if (ids_fresh(control->devices, id)) {
			control->slots[id].is_private = wants.is_private[id];
			open_new(&opening, id, wants.mtu[id], wants.path[id]);
		} else if (wants.is_private[id] != control->slots[id].is_private) {
			problem_add(problems, E_BUSY, wants.path[id],
				"the device is in use for something else: delete what uses it "
				"first, then add it again");
		} else if (wants.mtu[id] > control->slots[id].mtu) {
			problem_add(problems, E_BUSY, wants.path[id],
				"the device was opened for packets of %u bytes and can not be "
				"changed to %u while it is in use: delete what uses it first, "
				"then add it again",
				control->slots[id].mtu, wants.mtu[id]);
		}
	}
	return problems->n == n_before ? 0 : -EBUSY;
}

void devices_undo(struct control *control)
{
	for (uint16_t id = 1; id < MAX_DEVICES; id++) {
		if (!ids_fresh(control->devices, id))
			continue;
		if (control->slots[id].device != NULL)
			device_close(control->slots[id].device);
		control->slots[id] = (struct device_slot){0};
	}
}
