// SPDX-License-Identifier: BSD-3-Clause
// status.get: the daemon itself.

#include <unistd.h>

#include <rte_mempool.h>

#include "base/clock.h"
#include "control/call.h"
#include "control/internal.h"
#include "model/fields.h"

static json_t *workers(const struct control *control)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < control->tables->n_workers; i++) {
		json_t *worker = json_pack("{s:i, s:f, s:I}", "index", (int)i, "load",
			control->loads[i].load, "packets",
			(json_int_t)counter_read(&control->tables->counters[i]->packets));

		if (control->cpus != NULL)
			json_object_set_new(worker, "cpu", json_integer(control->cpus[i]));
		json_array_append_new(list, worker);
	}
	return list;
}

static json_t *device(const struct device_slot *slot)
{
	struct device *d = slot->device;
	struct device_stats stats = {0};
	struct device_link link = {0};
	json_t *json;

	if (d->driver->stats != NULL)
		d->driver->stats(d, &stats);
	if (d->driver->link != NULL)
		d->driver->link(d, &link);
	json = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "device", d->text,
		"link", link.up ? "up" : "down", "speed-mbps", (int)link.speed_mbps, "mtu", d->mtu,
		"rx-queues", d->n_rxq, "tx-queues", d->n_txq, "rx-missed",
		(json_int_t)stats.rx_missed, "rx-errors", (json_int_t)stats.rx_errors, "rx-nombuf",
		(json_int_t)stats.rx_nombuf, "tx-errors", (json_int_t)stats.tx_errors);
	presence_details(slot, json);
	share_details(d, json);
	return json;
}

static json_t *devices(const struct control *control)
{
	json_t *list = json_array();

	for (uint16_t id = 1; id <= ids_highest(control->devices); id++) {
		if (ids_live(control->devices, id))
			json_array_append_new(list, device(&control->slots[id]));
	}
	return list;
}

static json_t *objects(const struct control *control)
{
	json_t *counts = json_object();

	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		size_t n = control->model != NULL ? model_object_count(control->model, *def) : 0;

		if (!(*def)->single)
			json_object_set_new(counts, (*def)->key, json_integer((json_int_t)n));
	}
	return counts;
}

static json_t *status_get(struct call *call)
{
	const struct control *control = call->control;
	const struct tables *tables = control->tables;
	struct session_counts counts = session_counts(tables->sessions);
	double uptime = (double)(clock_now_ns() - control->start_ns) / (double)NS_PER_S;

	return json_pack("{s:s, s:i, s:f, s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:o, "
			 "s:{s:s?, s:b}}",
		"version", WEFT_VERSION, "pid", (int)getpid(), "uptime", uptime, "workers",
		workers(control), "devices", devices(control), "memory", "buffers",
		(json_int_t)tables->pool->size, "buffers-free",
		(json_int_t)rte_mempool_avail_count(tables->pool), "fdb", "entries",
		(json_int_t)fdb_count(tables->fdb), "limit", (json_int_t)MAX_FDB_ENTRIES,
		"sessions", "entries", (json_int_t)counts.live, "limit", (json_int_t)counts.limit,
		"objects", objects(control), "config", "file", control->file, "unsaved",
		!json_equal(control->document, control->saved));
}

const struct method status_methods[] = {
	{"status.get", status_get, call_no_params, "the daemon, its workers, devices and memory",
		false},
	{0},
};
