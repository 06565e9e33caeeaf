// SPDX-License-Identifier: BSD-3-Clause
// The page of metrics: what stats.get, drops.get, status.get and uplink.list tell, as families of
// the OpenMetrics format. docs/metrics.md is its manual.
//
// A family stands in one piece, so counters of attachments are read once, before all of them.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_mempool.h>
#include <rte_version.h>

#include "base/clock.h"
#include "base/util.h"
#include "control/internal.h"
#include "control/metrics.h"
#include "model/fields.h"
#include "slowpath/lease.h"

#define LABELS(...)                                                                                \
	(const struct metric_label[]){__VA_ARGS__},                                                \
		ARRAY_SIZE(((const struct metric_label[]){__VA_ARGS__}))
#define NO_LABELS NULL, 0

// What one attachment has counted.
struct row {
	const char *name, *kind, *network;
	struct attachment_counters counters;
};

struct page {
	const struct control *control;
	struct metrics_text *text;
	struct row *rows; // live attachments, then all that are gone
	size_t n_rows;
};

// A counter of a structure and its family.
struct member {
	struct metric_family family;
	size_t offset;
};

static uint64_t member_of(const void *structure, const struct member *member)
{
	return counter_read((const uint64_t *)((const char *)structure + member->offset));
}

// A family of one sample without labels.
static void single(struct page *page, const struct metric_family *family, uint64_t value)
{
	metrics_family(page->text, family);
	metrics_count(page->text, NO_LABELS, value);
}

// ---- the daemon --------------------------------------------------------------------------------

static void put_build(struct page *page)
{
	static const struct metric_family build = {
		"weft_build", METRIC_INFO, NULL, "versions of weftd and of the DPDK it runs with"};

	metrics_family(page->text, &build);
	metrics_count(page->text, LABELS({"version", WEFT_VERSION}, {"dpdk", rte_version()}), 1);
}

static void put_uptime(struct page *page)
{
	static const struct metric_family uptime = {
		"weft_uptime_seconds", METRIC_GAUGE, "seconds", "time since weftd was started"};
	uint64_t up_ns = clock_now_ns() - page->control->start_ns;

	metrics_family(page->text, &uptime);
	metrics_real(page->text, NO_LABELS, (double)up_ns / (double)NS_PER_S);
}

static void put_objects(struct page *page)
{
	static const struct metric_family version = {"weft_configuration_version", METRIC_GAUGE,
		NULL, "how many configurations were in force, this one included"};
	static const struct metric_family objects = {"weft_configuration_objects", METRIC_GAUGE,
		NULL, "objects of each kind in the configuration in force"};
	const struct model *model = page->control->model;

	single(page, &version, page->control->version);
	metrics_family(page->text, &objects);
	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		if (!(*def)->single)
			metrics_count(page->text, LABELS({"kind", (*def)->kind}),
				model != NULL ? model_object_count(model, *def) : 0);
	}
}

// ---- workers -----------------------------------------------------------------------------------

static void put_worker(struct page *page, unsigned i, uint64_t value)
{
	const unsigned *cpus = page->control->cpus;
	char worker[12], cpu[12] = "";

	snprintf(worker, sizeof(worker), "%u", i);
	if (cpus != NULL)
		snprintf(cpu, sizeof(cpu), "%u", cpus[i]);
	metrics_count(page->text, LABELS({"worker", worker}, {"cpu", cpu}), value);
}

static void put_workers(struct page *page)
{
	static const struct member members[] = {
		{{"weft_worker_busy_cycles", METRIC_COUNTER, "cycles",
			 "CPU cycles that a worker has spent with packets"},
			offsetof(struct counters, busy_cycles)},
		{{"weft_worker_idle_cycles", METRIC_COUNTER, "cycles",
			 "CPU cycles in which a worker found nothing to do, or slept"},
			offsetof(struct counters, idle_cycles)},
		{{"weft_worker_packets", METRIC_COUNTER, "packets",
			 "packets that a worker has taken from its devices"},
			offsetof(struct counters, packets)},
		{{"weft_worker_bursts", METRIC_COUNTER, "bursts",
			 "bursts that a worker has taken from its devices"},
			offsetof(struct counters, bursts)},
		{{"weft_worker_polls", METRIC_COUNTER, "polls",
			 "rounds in which a worker has asked its devices"},
			offsetof(struct counters, polls)},
	};
	static const struct metric_family cycles = {"weft_worker_cycles", METRIC_COUNTER, "cycles",
		"CPU cycles of a worker, busy and idle: its load is the share of the busy ones"};
	const struct tables *tables = page->control->tables;

	for (size_t k = 0; k < ARRAY_SIZE(members); k++) {
		metrics_family(page->text, &members[k].family);
		for (unsigned i = 0; i < tables->n_workers; i++)
			put_worker(page, i, member_of(tables->counters[i], &members[k]));
	}
	metrics_family(page->text, &cycles);
	for (unsigned i = 0; i < tables->n_workers; i++)
		put_worker(page, i,
			counter_read(&tables->counters[i]->busy_cycles) +
				counter_read(&tables->counters[i]->idle_cycles));
}

// ---- attachments -------------------------------------------------------------------------------

static void read_rows(struct page *page)
{
	const struct control *control = page->control;
	const struct snapshot *s = control->tables->snapshot;
	size_t n_max = (size_t)ids_highest(control->attachments) + 1;

	page->rows = ledger_alloc(n_max * sizeof(*page->rows));
	for (uint16_t id = 1; id <= ids_highest(control->attachments); id++) {
		struct row *row = &page->rows[page->n_rows];
		const struct attachment *attachment = &s->attachments[id];

		if (!ids_live(control->attachments, id))
			continue;
		row->name = ids_name(control->attachments, id);
		row->kind = attachment_kind_names[attachment->kind];
		row->network = attachment->network != 0
				       ? ids_name(control->networks, attachment->network)
				       : "";
		ledger_read(control, id, &row->counters);
		page->n_rows++;
	}
	page->rows[page->n_rows].name = "retired";
	page->rows[page->n_rows].kind = "retired";
	page->rows[page->n_rows].network = "";
	ledger_read_retired(control, &page->rows[page->n_rows].counters);
	page->n_rows++;
}

static void put_attachments(struct page *page)
{
	static const struct member members[] = {
		{{"weft_attachment_rx_packets", METRIC_COUNTER, "packets",
			 "packets that came in by an attachment"},
			offsetof(struct attachment_counters, rx)},
		{{"weft_attachment_rx_bytes", METRIC_COUNTER, "bytes",
			 "bytes of those packets, without tags and outer headers"},
			offsetof(struct attachment_counters, rx_bytes)},
		{{"weft_attachment_tx_packets", METRIC_COUNTER, "packets",
			 "packets that went out by an attachment"},
			offsetof(struct attachment_counters, tx)},
		{{"weft_attachment_tx_bytes", METRIC_COUNTER, "bytes",
			 "bytes of those packets, without tags and outer headers"},
			offsetof(struct attachment_counters, tx_bytes)},
		{{"weft_attachment_originated_packets", METRIC_COUNTER, "packets",
			 "packets that weft made itself, or held and sent on"},
			offsetof(struct attachment_counters, originated)},
		{{"weft_attachment_copied_packets", METRIC_COUNTER, "packets",
			 "copies made of packets that go to several places"},
			offsetof(struct attachment_counters, copies)},
		{{"weft_attachment_consumed_packets", METRIC_COUNTER, "packets",
			 "packets that were for weft itself, or that it holds"},
			offsetof(struct attachment_counters, consumed)},
		{{"weft_attachment_handed_in_packets", METRIC_COUNTER, "packets",
			 "packets that came in elsewhere and go out by the attachment"},
			offsetof(struct attachment_counters, handed_in)},
		{{"weft_attachment_handed_out_packets", METRIC_COUNTER, "packets",
			 "packets that came in by the attachment and go out elsewhere"},
			offsetof(struct attachment_counters, handed_out)},
	};

	for (size_t k = 0; k < ARRAY_SIZE(members); k++) {
		metrics_family(page->text, &members[k].family);
		for (size_t i = 0; i < page->n_rows; i++) {
			const struct row *row = &page->rows[i];

			metrics_count(page->text,
				LABELS({"attachment", row->name}, {"kind", row->kind},
					{"network", row->network}),
				member_of(&row->counters, &members[k]));
		}
	}
}

// ---- drops -------------------------------------------------------------------------------------

// Of each attachment only the reasons that happened there: there are many of both.
static void put_attachment_drops(struct page *page)
{
	static const struct metric_family dropped = {"weft_attachment_dropped_packets",
		METRIC_COUNTER, "packets",
		"packets dropped in the care of an attachment; reasons that never happened there "
		"are left out"};

	metrics_family(page->text, &dropped);
	for (size_t i = 0; i < page->n_rows; i++) {
		const struct row *row = &page->rows[i];

		for (unsigned reason = 0; reason < N_DROP_REASONS; reason++) {
			if (row->counters.drops[reason] == 0)
				continue;
			metrics_count(page->text,
				LABELS({"attachment", row->name}, {"kind", row->kind},
					{"network", row->network},
					{"reason", drop_infos[reason].name},
					{"class", drop_class_names[drop_infos[reason].class]}),
				row->counters.drops[reason]);
		}
	}
}

static void put_drops(struct page *page)
{
	static const struct metric_family dropped = {"weft_dropped_packets", METRIC_COUNTER,
		"packets", "packets dropped for a reason, by all attachments there ever were"};
	static const struct metric_family reasons = {
		"weft_drop_reason", METRIC_INFO, NULL, "what a reason means"};

	metrics_family(page->text, &dropped);
	for (unsigned reason = 0; reason < N_DROP_REASONS; reason++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < page->n_rows; i++)
			sum += page->rows[i].counters.drops[reason];
		metrics_count(page->text,
			LABELS({"reason", drop_infos[reason].name},
				{"class", drop_class_names[drop_infos[reason].class]}),
			sum);
	}
	metrics_family(page->text, &reasons);
	for (unsigned reason = 0; reason < N_DROP_REASONS; reason++)
		metrics_count(page->text,
			LABELS({"reason", drop_infos[reason].name},
				{"text", drop_infos[reason].text}),
			1);
}

static void put_events(struct page *page)
{
	static const struct metric_family events = {"weft_events", METRIC_COUNTER, NULL,
		"things worth knowing that are no drops: the FDB or a network's share of it was "
		"full, a MAC moved, somebody else claimed an address of weft's"};

	metrics_family(page->text, &events);
	for (unsigned k = 0; k < N_INFO_COUNTERS; k++)
		metrics_count(page->text, LABELS({"event", info_counter_names[k]}),
			ledger_info(page->control, k));
}

// ---- tables ------------------------------------------------------------------------------------

struct hops {
	uint64_t n;
	uint64_t n_held;
};

static void count_remote(const struct remote_state *remote, void *arg)
{
	struct hops *hops = arg;

	hops->n++;
	hops->n_held += remote->n_held;
}

static void count_neighbour(const struct router_neighbour_state *neighbour, void *arg)
{
	struct hops *hops = arg;

	hops->n++;
	hops->n_held += neighbour->n_held;
}

static void put_tables(struct page *page)
{
	static const struct metric_family entries = {
		"weft_table_entries", METRIC_GAUGE, "entries", "entries in a table of the node"};
	static const struct metric_family limits = {"weft_table_limit_entries", METRIC_GAUGE,
		"entries", "most entries that the table can have; leases have no limit"};
	static const struct metric_family held = {"weft_held_packets", METRIC_GAUGE, "packets",
		"packets that wait for the MAC of their next hop"};
	const struct tables *tables = page->control->tables;
	struct session_counts sessions = session_counts(tables->sessions);
	struct slowpath *slowpath = page->control->slowpath;
	struct hops remotes = {0}, neighbours = {0};

	slowpath_remotes(slowpath, count_remote, &remotes);
	slowpath_router_neighbours(slowpath, count_neighbour, &neighbours);
	const struct {
		const char *name;
		uint64_t n, limit; // 0: none
	} list[] = {
		{"attachments", page->n_rows - 1, MAX_ATTACHMENTS - 1},
		{"buffers", tables->pool->size - rte_mempool_avail_count(tables->pool),
			tables->pool->size},
		{"fdb", fdb_count(tables->fdb), MAX_FDB_ENTRIES},
		{"leases", leases_count(slowpath_leases(slowpath)), 0},
		{"neighbours", neighbours.n, MAX_NEIGHBOURS},
		{"remotes", remotes.n, MAX_REMOTES - 1},
		{"sessions", sessions.live, sessions.limit},
	};

	metrics_family(page->text, &entries);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		metrics_count(page->text, LABELS({"table", list[i].name}), list[i].n);
	metrics_family(page->text, &limits);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		if (list[i].limit != 0)
			metrics_count(page->text, LABELS({"table", list[i].name}), list[i].limit);
	}
	single(page, &held, remotes.n_held + neighbours.n_held);
}

// ---- devices and uplinks -----------------------------------------------------------------------

// The next device in force after `id` (0: the first); NULL: no more.
static struct device *next_device(const struct control *control, uint16_t *id)
{
	while (++*id <= ids_highest(control->devices)) {
		if (ids_live(control->devices, *id))
			return control->slots[*id].device;
	}
	return NULL;
}

static bool link_is_up(struct device *device)
{
	struct device_link link = {0};

	if (device->driver->link != NULL)
		device->driver->link(device, &link);
	return link.up;
}

static void put_devices(struct page *page)
{
	static const struct member members[] = {
		{{"weft_device_rx_missed_packets", METRIC_COUNTER, "packets",
			 "packets that the device dropped before a worker saw them"},
			offsetof(struct device_stats, rx_missed)},
		{{"weft_device_rx_errors", METRIC_COUNTER, NULL,
			 "frames that the device could not receive"},
			offsetof(struct device_stats, rx_errors)},
		{{"weft_device_rx_no_buffer", METRIC_COUNTER, NULL,
			 "frames that found no buffer to be received in"},
			offsetof(struct device_stats, rx_nombuf)},
		{{"weft_device_tx_errors", METRIC_COUNTER, NULL,
			 "frames that the device could not send"},
			offsetof(struct device_stats, tx_errors)},
	};
	static const struct metric_family up = {
		"weft_device_link_up", METRIC_GAUGE, NULL, "whether the device has a link"};
	const struct control *control = page->control;
	struct device *device;

	metrics_family(page->text, &up);
	for (uint16_t id = 0; (device = next_device(control, &id)) != NULL;)
		metrics_count(page->text, LABELS({"device", device->text}), link_is_up(device));
	for (size_t k = 0; k < ARRAY_SIZE(members); k++) {
		metrics_family(page->text, &members[k].family);
		for (uint16_t id = 0; (device = next_device(control, &id)) != NULL;) {
			struct device_stats stats = {0};

			if (device->driver->stats != NULL)
				device->driver->stats(device, &stats);
			metrics_count(page->text, LABELS({"device", device->text}),
				member_of(&stats, &members[k]));
		}
	}
}

// NULL: no more.
static const struct uplink_config *uplink_at(const struct control *control, size_t i)
{
	const struct model *model = control->model;

	return model != NULL && i < model->n_uplinks ? &model->uplinks[i] : NULL;
}

static struct device *device_of(const struct control *control, const struct uplink_config *uplink)
{
	return control->slots[ids_find(control->devices, uplink->device)].device;
}

static void put_uplink_frames(
	struct page *page, const struct uplink_config *uplink, const struct device_details *details)
{
	const struct {
		const char *to;
		uint64_t n;
	} list[] = {
		{"tunnel", details->frames_tunnel},
		{"vlan", details->frames_vlan},
		{"untagged", details->frames_untagged},
		{"kernel", details->frames_kernel},
		{"no-socket", details->frames_no_socket},
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		metrics_count(page->text, LABELS({"uplink", uplink->name}, {"to", list[i].to}),
			list[i].n);
}

// False for a device that is all ours.
static bool read_details(struct device *device, struct device_details *details)
{
	*details = (struct device_details){.mode = ""};
	if (device->driver->details == NULL)
		return false;
	device->driver->details(device, details);
	return true;
}

static void put_uplinks(struct page *page)
{
	static const struct metric_family info = {"weft_uplink", METRIC_INFO, NULL,
		"device of an uplink; of one shared with the kernel, how it works"};
	static const struct metric_family up = {"weft_uplink_up", METRIC_GAUGE, NULL,
		"whether the uplink has a link and is administratively up"};
	static const struct metric_family frames = {"weft_uplink_frames", METRIC_COUNTER, "frames",
		"frames that the XDP program of a shared uplink has sorted: to the tunnel, a VLAN "
		"or a flat network of weft, to the kernel, or to the kernel as no socket took "
		"them"};
	const struct control *control = page->control;
	const struct uplink_config *uplink;
	struct device_details details;

	metrics_family(page->text, &info);
	for (size_t i = 0; (uplink = uplink_at(control, i)) != NULL; i++) {
		read_details(device_of(control, uplink), &details);
		metrics_count(page->text,
			LABELS({"uplink", uplink->name}, {"device", uplink->device},
				{"mode", details.mode}),
			1);
	}
	metrics_family(page->text, &up);
	for (size_t i = 0; (uplink = uplink_at(control, i)) != NULL; i++)
		metrics_count(page->text, LABELS({"uplink", uplink->name}),
			uplink->up && link_is_up(device_of(control, uplink)));
	metrics_family(page->text, &frames);
	for (size_t i = 0; (uplink = uplink_at(control, i)) != NULL; i++) {
		if (read_details(device_of(control, uplink), &details))
			put_uplink_frames(page, uplink, &details);
	}
}

void metrics_collect(const struct control *control, struct metrics_text *text)
{
	struct page page = {.control = control, .text = text};

	read_rows(&page);
	put_build(&page);
	put_uptime(&page);
	put_objects(&page);
	put_workers(&page);
	put_attachments(&page);
	put_attachment_drops(&page);
	put_drops(&page);
	put_events(&page);
	put_tables(&page);
	put_devices(&page);
	put_uplinks(&page);
	metrics_end(text);
	free(page.rows);
}
