// SPDX-License-Identifier: BSD-3-Clause
// Start, end and periodic work of the control side.

#include "control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/internal.h"
#include "control/metrics.h"

#define LOG_MODULE "control"

// How long the id of a network or attachment rests: longer than the slow path holds packets that
// carry it.
#define ID_HOLD_NS (10 * NS_PER_S)

#define LOAD_INTERVAL_NS NS_PER_S

// A worker that others took the CPU from for a moment is waited for.
#define SETTLE_STEP_US 20
#define SETTLE_STEPS   5000 // 100 ms

// Sessions: the whole index every 3 s or so.
#define SWEEP_INTERVAL_NS (100 * NS_PER_MS)
#define SWEEP_BUCKETS	  (SESSION_BUCKETS / 32)

// An idle node spends little on polling; the first packet of a new remote waits that long.
#define POLL_BUSY_US 1000
#define POLL_IDLE_US 5000
#define BUSY_POLLS   100

struct control *control_new(struct tables *tables)
{
	struct control *control = ledger_alloc(sizeof(*control));

	control->tables = tables;
	control->start_ns = clock_now_ns();
	control->slowpath = slowpath_new(tables);
	control->document = json_object();
	if (control->slowpath == NULL || control->document == NULL) {
		slowpath_free(control->slowpath);
		json_decref(control->document);
		free(control);
		return NULL;
	}
	control->devices = ids_new(MAX_DEVICES, 0);
	control->networks = ids_new(MAX_NETWORKS, ID_HOLD_NS);
	control->domains = ids_new(UINT16_MAX, 0);
	control->attachments = ids_new(MAX_ATTACHMENTS, ID_HOLD_NS);
	control->routers = ids_new(MAX_ROUTERS, ID_HOLD_NS);
	control->rows = rows_new(tables);
	presence_begin(control);
	commit_empty(control);
	return control;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	metrics_free(control->metrics);
	rcu_retire(control->tables->rcu, control->tables->snapshot, snapshot_free);
	control->tables->snapshot = NULL;
	rcu_barrier(control->tables->rcu);
	slowpath_free(control->slowpath);
	presence_end(control);
	for (unsigned i = 0; i < MAX_DEVICES; i++) {
		device_close(control->slots[i].device);
		free(control->slots[i].problem);
	}
	ids_free(control->devices);
	ids_free(control->networks);
	ids_free(control->domains);
	ids_free(control->attachments);
	ids_free(control->routers);
	rows_free(control->rows);
	state_free(control->state);
	cuts_free(control->cuts);
	for (unsigned i = 0; i < MAX_ATTACHMENTS; i++)
		free(control->baselines[i]);
	free(control->statics);
	free(control->file);
	model_free(control->model);
	json_decref(control->document);
	json_decref(control->saved);
	free(control);
}

const json_t *control_document(const struct control *control)
{
	return control->document;
}

const struct model *control_model(const struct control *control)
{
	return control->model;
}

struct slowpath *control_slowpath(struct control *control)
{
	return control->slowpath;
}

uint16_t control_device_id(const struct control *control, const char *device_text)
{
	return ids_find(control->devices, device_text);
}

uint16_t control_network_id(const struct control *control, const char *network)
{
	return ids_find(control->networks, network);
}

uint16_t control_attachment_id(const struct control *control, const char *name)
{
	return ids_find(control->attachments, name);
}

// Who is told of the file may be in another directory.
static char *absolute(const char *file)
{
	char *directory = file[0] == '/' ? NULL : get_current_dir_name();
	char *path = NULL;

	if (directory == NULL)
		path = strdup(file);
	else if (asprintf(&path, "%s/%s", directory, file) < 0)
		path = NULL;
	free(directory);
	return path;
}

void control_set_file(struct control *control, const char *file)
{
	char *copy = absolute(file); // first: `file` may be the text that is freed next

	if (copy == NULL)
		abort();
	free(control->file);
	control->file = copy;
	json_decref(control->saved);
	control->saved = json_incref(control->document);
}

int control_set_state(struct control *control, const char *directory, struct problems *problems)
{
	int rc;

	control->state = state_open(directory, problems);
	if (control->state == NULL)
		return -EIO;
	rc = slowpath_open_leases(control->slowpath, directory);
	if (rc < 0)
		problem_add(problems, E_IO, "", "can not keep leases in %s: %s", directory,
			strerror(-rc));
	return rc;
}

int control_set_events(struct control *control, struct event_base *events)
{
	control->metrics = metrics_new(control, events);
	return control->metrics == NULL ? -errno : 0;
}

void control_set_cpus(struct control *control, const unsigned *cpus)
{
	control->cpus = cpus;
}

uint32_t control_version(const struct control *control)
{
	return control->version;
}

bool control_settle(struct control *control)
{
	struct rcu *rcu = control->tables->rcu;
	uint64_t token = rcu_token(rcu);

	for (int i = 0; i < SETTLE_STEPS && !rcu_passed(rcu, token); i++)
		usleep(SETTLE_STEP_US);
	filters_poll(control);
	if (rcu_passed(rcu, token))
		return true;
	log_warn("a worker is late to take on the configuration version=%u", control->version);
	return false;
}

// Of networks and routers: nothing is kept by their ids.
static bool plain_release(uint16_t id, void *arg)
{
	return true;
}

static bool domain_release(uint16_t id, void *arg)
{
	struct control *control = arg;

	return fdb_domain_clean(control->tables->fdb, id);
}

static bool attachment_release(uint16_t id, void *arg)
{
	ledger_retire(arg, id);
	return true;
}

static void sweep_sessions(struct control *control, uint64_t now_ns)
{
	if (now_ns - control->sweep_ns < SWEEP_INTERVAL_NS)
		return;
	control->sweep_ns = now_ns;
	session_sweep(
		control->tables->sessions, tables_now_s(control->tables, now_ns), SWEEP_BUCKETS);
}

static void sample_loads(struct control *control, uint64_t now_ns)
{
	if (now_ns - control->loads_ns < LOAD_INTERVAL_NS)
		return;
	control->loads_ns = now_ns;
	for (unsigned i = 0; i < control->tables->n_workers; i++) {
		struct worker_load *load = &control->loads[i];
		uint64_t busy = counter_read(&control->tables->counters[i]->busy_cycles);
		uint64_t idle = counter_read(&control->tables->counters[i]->idle_cycles);
		uint64_t spent = busy - load->busy_cycles + idle - load->idle_cycles;

		load->load = spent > 0 ? (double)(busy - load->busy_cycles) / (double)spent : 0;
		load->busy_cycles = busy;
		load->idle_cycles = idle;
	}
}

bool control_poll(struct control *control, uint64_t now_ns)
{
	struct rcu *rcu = control->tables->rcu;
	bool again = slowpath_poll(control->slowpath, now_ns);

	presence_poll(control, now_ns);
	underlay_follow(control);
	rcu_poll(rcu);
	devices_poll(control, now_ns);
	ids_poll(control->networks, rcu, now_ns, plain_release, control);
	ids_poll(control->domains, rcu, now_ns, domain_release, control);
	ids_poll(control->attachments, rcu, now_ns, attachment_release, control);
	ids_poll(control->routers, rcu, now_ns, plain_release, control);
	filters_poll(control);
	sweep_sessions(control, now_ns);
	entries_poll(control, now_ns);
	sample_loads(control, now_ns);
	if (again)
		control->busy_polls = BUSY_POLLS;
	else if (control->busy_polls > 0)
		control->busy_polls--;
	return again;
}

uint32_t control_poll_delay_us(const struct control *control)
{
	return control->busy_polls > 0 ? POLL_BUSY_US : POLL_IDLE_US;
}
