// SPDX-License-Identifier: BSD-3-Clause
// stats.get, drops.get and audit.run: counters and the ledger.

#include <stdlib.h>
#include <unistd.h>

#include "control/call.h"
#include "control/internal.h"

const char *const attachment_kind_names[] = {
	[ATTACHMENT_PORT] = "port",
	[ATTACHMENT_SEGMENT] = "segment",
	[ATTACHMENT_TUNNEL] = "tunnel",
	[ATTACHMENT_UPLINK] = "uplink",
	[ATTACHMENT_SERVICE] = "service",
	[ATTACHMENT_ROUTER] = "router",
};

static uint64_t sum_drops(const struct attachment_counters *counters)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum += counters->drops[i];
	return sum;
}

static void set_count(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_counters(json_t *object, const struct attachment_counters *counters)
{
	set_count(object, "rx", counters->rx);
	set_count(object, "rx-bytes", counters->rx_bytes);
	set_count(object, "tx", counters->tx);
	set_count(object, "tx-bytes", counters->tx_bytes);
	set_count(object, "originated", counters->originated);
	set_count(object, "copies", counters->copies);
	set_count(object, "consumed", counters->consumed);
	set_count(object, "handed-in", counters->handed_in);
	set_count(object, "handed-out", counters->handed_out);
	set_count(object, "drops", sum_drops(counters));
}

// ---- stats.get ---------------------------------------------------------------------------------

static json_t *attachment_stats(
	const struct control *control, uint16_t id, const struct attachment_counters *counters)
{
	const struct snapshot *s = control->tables->snapshot;
	const struct attachment *attachment = &s->attachments[id];
	json_t *object = json_pack("{s:s, s:s}", "name", ids_name(control->attachments, id), "kind",
		attachment_kind_names[attachment->kind]);

	if (attachment->network != 0)
		json_object_set_new(object, "network",
			json_string(ids_name(control->networks, attachment->network)));
	set_counters(object, counters);
	return object;
}

static json_t *worker_stats(const struct control *control)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < control->tables->n_workers; i++) {
		const struct counters *counters = control->tables->counters[i];
		json_t *worker = json_pack("{s:i}", "index", (int)i);

		set_count(worker, "polls", counter_read(&counters->polls));
		set_count(worker, "bursts", counter_read(&counters->bursts));
		set_count(worker, "packets", counter_read(&counters->packets));
		set_count(worker, "busy-cycles", counter_read(&counters->busy_cycles));
		set_count(worker, "idle-cycles", counter_read(&counters->idle_cycles));
		json_object_set_new(worker, "load", json_real(control->loads[i].load));
		json_array_append_new(list, worker);
	}
	return list;
}

static json_t *info_stats(const struct control *control)
{
	json_t *object = json_object();

	for (unsigned k = 0; k < N_INFO_COUNTERS; k++)
		set_count(object, info_counter_names[k], ledger_info(control, k));
	return object;
}

static json_t *stats_get(struct call *call)
{
	const struct control *control = call->control;
	struct attachment_counters counters, total;
	json_t *list, *retired, *sum;
	uint16_t only;

	if (call_attachment(call, "attachment", &only) < 0)
		return NULL;
	list = json_array();
	ledger_read_retired(control, &total);
	retired = json_object();
	set_counters(retired, &total);
	for (uint16_t id = 1; id <= ids_highest(control->attachments); id++) {
		if (!ids_live(control->attachments, id))
			continue;
		ledger_read(control, id, &counters);
		ledger_add(&total, &counters);
		if (only == 0 || only == id)
			json_array_append_new(list, attachment_stats(control, id, &counters));
	}
	sum = json_object();
	set_counters(sum, &total);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "attachments", list, "retired", retired,
		"total", sum, "workers", worker_stats(control), "info", info_stats(control));
}

// ---- drops.get ---------------------------------------------------------------------------------

const char *const drop_class_names[] = {
	[DROP_CLASS_POLICY] = "policy",
	[DROP_CLASS_ERROR] = "error",
	[DROP_CLASS_CONGESTION] = "congestion",
	[DROP_CLASS_EXPECTED] = "expected",
};

struct drop_sum {
	uint64_t packets;
	json_t *attachments; // name -> packets
};

static void add_drops(
	struct drop_sum sums[], const char *name, const struct attachment_counters *counters)
{
	for (unsigned i = 0; i < N_DROP_REASONS; i++) {
		if (counters->drops[i] == 0)
			continue;
		sums[i].packets += counters->drops[i];
		set_count(sums[i].attachments, name, counters->drops[i]);
	}
}

static json_t *drops_get(struct call *call)
{
	const struct control *control = call->control;
	struct drop_sum sums[N_DROP_REASONS];
	struct attachment_counters counters;
	uint16_t only;
	json_t *list;
	bool all;

	if (call_attachment(call, "attachment", &only) < 0 || call_flag(call, "all", &all) < 0)
		return NULL;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sums[i] = (struct drop_sum){.attachments = json_object()};
	for (uint16_t id = 1; id <= ids_highest(control->attachments); id++) {
		if (!ids_live(control->attachments, id) || (only != 0 && only != id))
			continue;
		ledger_read(control, id, &counters);
		add_drops(sums, ids_name(control->attachments, id), &counters);
	}
	if (only == 0) {
		ledger_read_retired(control, &counters);
		add_drops(sums, "retired", &counters);
	}
	list = json_array();
	for (unsigned i = 0; i < N_DROP_REASONS; i++) {
		if (all || sums[i].packets > 0)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:s, s:I, s:O}", "reason", drop_infos[i].name,
					"class", drop_class_names[drop_infos[i].class], "text",
					drop_infos[i].text, "packets", (json_int_t)sums[i].packets,
					"attachments", sums[i].attachments));
		json_decref(sums[i].attachments);
	}
	return list;
}

// ---- audit.run ---------------------------------------------------------------------------------
// Counters are read twice with a grace period between: in it every worker comes to the end of a
// round, where it has no packet in hand and its own counters balance. So the true sums of both
// sides lie between the two readings, and where nothing moved they are the readings themselves.

#define AUDIT_ROUNDS  5
#define GRACE_STEPS   200
#define GRACE_STEP_US 100

// Both sides of the ledger of one attachment.
struct sides {
	uint64_t in, out;
};

struct reading {
	struct sides attachments[MAX_ATTACHMENTS];
	struct sides total; // without hand-overs, which cancel out
	struct attachment_counters sum;
};

static void read_ledger(const struct control *control, struct reading *reading)
{
	struct attachment_counters *sum = &reading->sum;

	ledger_read_retired(control, sum);
	for (uint16_t id = 1; id <= ids_highest(control->attachments); id++) {
		struct attachment_counters c;

		if (!ids_live(control->attachments, id))
			continue;
		ledger_read(control, id, &c);
		ledger_add(sum, &c);
		reading->attachments[id].in = c.rx + c.originated + c.copies + c.handed_in;
		reading->attachments[id].out = c.tx + c.consumed + sum_drops(&c) + c.handed_out;
	}
	reading->total.in = sum->rx + sum->originated + sum->copies;
	reading->total.out = sum->tx + sum->consumed + sum_drops(sum);
}

// How far the two sides are apart at least; positive: packets are missing.
static int64_t difference(const struct sides *first, const struct sides *second)
{
	if (first->in > second->out)
		return (int64_t)(first->in - second->out);
	if (first->out > second->in)
		return -(int64_t)(first->out - second->in);
	return 0;
}

static void wait_grace(struct control *control)
{
	uint64_t token = rcu_token(control->tables->rcu);

	for (int i = 0; i < GRACE_STEPS && !rcu_passed(control->tables->rcu, token); i++)
		usleep(GRACE_STEP_US);
}

static bool is_quiet(const struct reading *first, const struct reading *second)
{
	return first->total.in == second->total.in && first->total.out == second->total.out;
}

static json_t *audit_attachments(const struct control *control, const struct reading *first,
	const struct reading *second, json_t *unbalanced)
{
	json_t *list = json_array();

	for (uint16_t id = 1; id <= ids_highest(control->attachments); id++) {
		const char *name = ids_name(control->attachments, id);
		struct attachment_counters counters;
		int64_t apart;
		json_t *row;

		if (!ids_live(control->attachments, id))
			continue;
		apart = difference(&first->attachments[id], &second->attachments[id]);
		if (apart != 0)
			json_array_append_new(unbalanced, json_string(name));
		ledger_read(control, id, &counters);
		row = json_pack("{s:s}", "name", name);
		set_counters(row, &counters);
		json_object_set_new(row, "difference", json_integer(apart));
		json_array_append_new(list, row);
	}
	return list;
}

static void count_held(const struct remote_state *state, void *arg)
{
	*(uint64_t *)arg += state->n_held;
}

static json_t *audit_run(struct call *call)
{
	struct control *control = call->control;
	struct reading *first = ledger_alloc(2 * sizeof(*first)), *second = first + 1;
	json_t *unbalanced = json_array(), *list, *total;
	int64_t apart;
	uint64_t held = 0;
	bool quiet = false;

	for (int i = 0; i < AUDIT_ROUNDS && !quiet; i++) {
		read_ledger(control, first);
		wait_grace(control);
		read_ledger(control, second);
		quiet = is_quiet(first, second);
	}
	list = audit_attachments(control, first, second, unbalanced);
	apart = difference(&first->total, &second->total);
	slowpath_remotes(control->slowpath, count_held, &held);
	total = json_object();
	set_counters(total, &second->sum);
	set_count(total, "held", held);
	json_object_set_new(total, "difference", json_integer(apart));
	free(first);
	return json_pack("{s:b, s:b, s:o, s:o, s:o}", "balanced",
		apart == 0 && json_array_size(unbalanced) == 0, "quiet", quiet, "total", total,
		"attachments", list, "unbalanced", unbalanced);
}

static const char *const stats_params[] = {"attachment", NULL};
static const char *const drops_params[] = {"attachment", "all", NULL};

const struct method stats_methods[] = {
	{"stats.get", stats_get, stats_params, "packet and byte counters", false},
	{"drops.get", drops_get, drops_params, "packets dropped, by reason", false},
	{"audit.run", audit_run, call_no_params, "proves that every packet is accounted for",
		false},
	{0},
};
