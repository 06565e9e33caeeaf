// SPDX-License-Identifier: BSD-3-Clause
// A change of configuration as a transaction:
//
//   decode -> complete -> validate -> take ids, open new devices -> tell the slow path its remotes
//   -> compile -> publish (one release store) -> retire the old snapshot, let ids leave, FDB
//
// Everything up to the compilation can fail and is undone; nothing after it can.

#include "control/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/metrics.h"
#include "rpc/config_json.h"

#define LOG_MODULE "control"

// ---- ids ---------------------------------------------------------------------------------------

static void begin(struct control *control)
{
	ids_begin(control->devices);
	ids_begin(control->networks);
	ids_begin(control->domains);
	ids_begin(control->attachments);
	ids_begin(control->routers);
	rows_begin(control->rows);
}

static void rollback(struct control *control)
{
	ids_rollback(control->devices);
	ids_rollback(control->networks);
	ids_rollback(control->domains);
	ids_rollback(control->attachments);
	ids_rollback(control->routers);
	rows_rollback(control->rows);
}

static void take(struct ids *ids, const char *name, const char *path, struct problems *problems)
{
	if (ids_take(ids, name) == 0)
		problem_add(problems, E_LIMIT, path,
			"no id is left for \"%s\": there are too many objects of its kind, or "
			"too many were deleted in the last seconds",
			name);
}

// Networks, their FDB domains and segments.
static void take_networks(struct control *control, const struct model *model, const char *flush,
	struct problems *problems)
{
	char name[ATTACHMENT_NAME_LEN];

	for (size_t i = 0; i < model->n_networks; i++) {
		const struct network_config *network = &model->networks[i];
		const char *path = arena_printf(model->arena, "networks.%s", network->name);

		if (flush != NULL && (flush[0] == '\0' || strcmp(flush, network->name) == 0))
			ids_renew(control->domains, network->name);
		take(control->networks, network->name, path, problems);
		take(control->domains, network->name, path, problems);
		for (size_t j = 0; j < network->n_segments; j++)
			take(control->attachments, name_of_segment(name, &network->segments[j]),
				path, problems);
	}
}

static void take_services(
	struct control *control, const struct model *model, struct problems *problems)
{
	struct service_ports ports = service_ports(model, model->arena);
	char name[ATTACHMENT_NAME_LEN];

	for (size_t i = 0; i < ports.n; i++)
		take(control->attachments, name_of_service(name, ports.list[i].network),
			arena_printf(model->arena, "subnets.%s.dhcp",
				ports.list[i].service.subnets[0]->name),
			problems);
}

static void take_routers(
	struct control *control, const struct model *model, struct problems *problems)
{
	struct router_ports ports = router_ports(model, model->arena);
	char name[ATTACHMENT_NAME_LEN];

	for (size_t i = 0; i < model->n_routers; i++)
		take(control->routers, model->routers[i].name,
			arena_printf(model->arena, "routers.%s", model->routers[i].name), problems);
	for (size_t i = 0; i < ports.n; i++)
		take(control->attachments, name_of_router_port(name, &ports.list[i]),
			arena_printf(model->arena, "routers.%s", ports.list[i].router->name),
			problems);
}

static int take_ids(struct control *control, const struct model *model, const char *flush,
	struct problems *problems)
{
	size_t n_before = problems->n;
	char name[ATTACHMENT_NAME_LEN];

	take_networks(control, model, flush, problems);
	take_services(control, model, problems);
	take_routers(control, model, problems);
	for (size_t i = 0; i < model->n_uplinks; i++)
		take(control->attachments, name_of_uplink(name, &model->uplinks[i]),
			arena_printf(model->arena, "uplinks.%s", model->uplinks[i].name), problems);
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];
		const char *path = arena_printf(model->arena, "ports.%s", port->name);

		if (!port_is_local(port))
			continue;
		take(control->attachments, name_of_port(name, port), path, problems);
		if (port->vlan != 0)
			take(control->attachments, name_of_trunk(name, port->device), path,
				problems);
	}
	return problems->n == n_before ? 0 : -ENOSPC;
}

// ---- the transaction ---------------------------------------------------------------------------

// Everything that can fail. On failure nothing has changed. `flush`: the network that gets a new
// FDB domain, "": all, NULL: none.
static int prepare(struct control *control, const struct model *model, const char *flush,
	struct problems *problems)
{
	int rc;

	begin(control);
	rc = take_ids(control, model, flush, problems);
	if (rc == 0)
		rc = filters_prepare(control, model, problems);
	if (rc == 0 && control->metrics != NULL)
		rc = metrics_prepare(control->metrics, model->metrics.listen, problems);
	if (rc == 0)
		rc = devices_prepare(control, model, problems);
	if (rc == 0) {
		rc = underlay_apply(control, model);
		if (rc < 0) {
			problem_add(problems, E_LIMIT, "tunnel.remotes",
				"there are more remotes than the %d that a node can hold",
				MAX_REMOTES - 1);
			underlay_apply(control, control->model);
			slowpath_commit_done(control->slowpath);
		}
	}
	if (rc < 0) {
		devices_undo(control);
		if (control->metrics != NULL)
			metrics_undo(control->metrics);
		rollback(control);
	}
	return rc;
}

// Makes a prepared transaction the configuration in force.
static void publish(struct control *control, const struct model *model)
{
	struct snapshot *new = snapshot_compile(control, model);
	struct snapshot *old = control->tables->snapshot;
	struct cuts *cuts = cuts_find(control, control->model, model);
	uint64_t now_ns = clock_now_ns();
	uint64_t token;

	entries_prepare(control, new, model);
	__atomic_store_n(&control->tables->snapshot, new, __ATOMIC_RELEASE);
	slowpath_commit_done(control->slowpath);
	token = rcu_token(control->tables->rcu);
	ids_commit(control->devices, token, now_ns);
	ids_commit(control->networks, token, now_ns);
	ids_commit(control->domains, token, now_ns);
	ids_commit(control->attachments, token, now_ns);
	ids_commit(control->routers, token, now_ns);
	rows_commit(control->rows, token);
	filters_follow(control, model, cuts, token);
	share_follow(control, model);
	services_follow(control, model);
	if (control->metrics != NULL)
		metrics_follow(control->metrics);
	if (old != NULL)
		entries_follow(control, old, model);
	rcu_retire(control->tables->rcu, old, snapshot_free);
}

struct model *commit_check(
	struct control *control, const json_t *document, struct problems *problems)
{
	struct model *model = config_decode(document, problems);
	const struct model *generated = control->model; // where generated values come from

	if (model == NULL)
		return NULL;
	if (generated == NULL && control->state != NULL)
		generated = state_previous(control->state);
	model_complete(model, generated, problems);
	model_validate(model, control->model, problems);
	if (problems->n > 0) {
		model_free(model);
		return NULL;
	}
	return model;
}

int control_commit(struct control *control, const json_t *document, struct problems *problems)
{
	struct model *model = commit_check(control, document, problems);
	bool first = control->model == NULL;
	int rc;

	if (model == NULL)
		return -EINVAL;
	rc = prepare(control, model, NULL, problems);
	if (rc < 0) {
		model_free(model);
		return rc;
	}
	publish(control, model);
	model_free(control->model);
	control->model = model;
	json_decref(control->document);
	control->document = config_encode(model);
	if (control->state != NULL)
		state_keep(control->state, control->document);
	if (first) {
		json_decref(control->saved);
		control->saved = json_incref(control->document);
	}
	log_debug("configuration in force version=%u", control->version);
	return 0;
}

int commit_flush(struct control *control, const char *network, struct problems *problems)
{
	int rc;

	if (control->model == NULL)
		return 0;
	rc = prepare(control, control->model, network != NULL ? network : "", problems);
	if (rc == 0)
		publish(control, control->model);
	return rc;
}

int commit_again(struct control *control, struct problems *problems)
{
	int rc = prepare(control, control->model, NULL, problems);

	if (rc == 0)
		publish(control, control->model);
	return rc;
}

void commit_empty(struct control *control)
{
	struct model *model = model_new();

	begin(control);
	underlay_apply(control, NULL);
	publish(control, model);
	model_free(model);
}
