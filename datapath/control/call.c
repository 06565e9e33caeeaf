// SPDX-License-Identifier: BSD-3-Clause
// From a JSON-RPC request to a method and back.

#include "control/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "control/internal.h"
#include "rpc/framing.h"

#define LOG_MODULE "control"

#define MAX_BATCH 1024

// ---- parameters --------------------------------------------------------------------------------

int call_text(const struct call *call, const char *key, const char **text)
{
	const json_t *value = json_object_get(call->params, key);

	*text = json_string_value(value);
	if (value == NULL || *text != NULL)
		return 0;
	problem_add(call->problems, E_TYPE, key, "%s must be a text", key);
	return -EINVAL;
}

int call_flag(const struct call *call, const char *key, bool *flag)
{
	const json_t *value = json_object_get(call->params, key);

	*flag = json_is_true(value);
	if (value == NULL || json_is_boolean(value))
		return 0;
	problem_add(call->problems, E_TYPE, key, "%s must be true or false", key);
	return -EINVAL;
}

int call_integer(const struct call *call, const char *key, json_int_t max, json_int_t *value)
{
	const json_t *given = json_object_get(call->params, key);

	if (given == NULL)
		return 0;
	if (!json_is_integer(given)) {
		problem_add(call->problems, E_TYPE, key, "%s must be an integer", key);
		return -EINVAL;
	}
	if (json_integer_value(given) < 1 || json_integer_value(given) > max) {
		problem_add(call->problems, E_VALUE, key,
			"%s must be from 1 to %" JSON_INTEGER_FORMAT, key, max);
		return -EINVAL;
	}
	*value = json_integer_value(given);
	return 0;
}

int call_attachment(const struct call *call, const char *key, uint16_t *id)
{
	const char *name;

	*id = 0;
	if (call_text(call, key, &name) < 0)
		return -EINVAL;
	if (name == NULL)
		return 0;
	*id = control_attachment_id(call->control, name);
	if (*id != 0)
		return 0;
	problem_add(call->problems, E_NOT_FOUND, key,
		"there is no attachment \"%s\"; names are such as \"port web\", \"uplink "
		"provider\", \"provider.1001\", \"provider.flat\" and \"vxlan.1\"",
		name);
	return -ENOENT;
}

int call_port(const struct call *call, const char *key, const struct port_config **port)
{
	const struct model *model = call->control->model;
	const char *name;

	*port = NULL;
	if (call_text(call, key, &name) < 0)
		return -EINVAL;
	if (name == NULL)
		return 0;
	*port = model != NULL ? model_port(model, name) : NULL;
	if (*port != NULL)
		return 0;
	problem_add(call->problems, E_NOT_FOUND, key, "there is no port \"%s\"", name);
	return -ENOENT;
}

// Refuses keys that a method does not take. Methods of a kind check their own.
static int check_params(const struct call *call, const struct method *method)
{
	const char *key;
	json_t *value;
	size_t n_before = call->problems->n;

	if (method->params == NULL)
		return 0;
	json_object_foreach ((json_t *)call->params, key, value) {
		char known[256] = "no parameters";
		size_t len = 0;
		bool found = false;

		for (const char *const *p = method->params; *p != NULL; p++) {
			found |= strcmp(*p, key) == 0;
			len += (size_t)snprintf(
				known + len, sizeof(known) - len, "%s%s", len == 0 ? "" : ", ", *p);
		}
		if (!found)
			problem_add(call->problems, E_KEY_UNKNOWN, key,
				"there is no parameter \"%s\"; %s takes %s", key, method->name,
				known);
	}
	return call->problems->n == n_before ? 0 : -EINVAL;
}

// ---- methods -----------------------------------------------------------------------------------

static json_t *rpc_methods_list(struct call *call);

const char *const call_no_params[] = {NULL};

static const struct method rpc_methods[] = {
	{"rpc.methods", rpc_methods_list, call_no_params, "all methods and their parameters",
		false},
	{0},
};

static const struct method *const tables[] = {
	rpc_methods,
	config_methods,
	remote_methods,
	router_methods,
	rule_methods,
	fdb_methods,
	filter_methods,
	lease_methods,
	service_methods,
	stats_methods,
	status_methods,
};

static const struct method *find_in(const struct method *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

static const struct method *find_method(const char *name, const struct object_def **def)
{
	const char *dot = strchr(name, '.');
	char kind[32];

	*def = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct method *method = find_in(tables[i], name);

		if (method != NULL)
			return method;
	}
	if (dot == NULL || (size_t)(dot - name) >= sizeof(kind))
		return NULL;
	snprintf(kind, sizeof(kind), "%.*s", (int)(dot - name), name);
	*def = object_def_by_kind(kind);
	// There is always one of a single kind: it can be set, or go back to its defaults.
	if (*def == NULL || ((*def)->single && strcmp(dot, ".add") == 0))
		return NULL;
	return find_in(object_methods, dot + 1);
}

// The result of a method; NULL after adding a problem.
static json_t *call_method(struct call *call, const char *name, bool *changes)
{
	const struct method *method = find_method(name, &call->def);

	*changes = false;
	if (method == NULL) {
		problem_add(call->problems, E_METHOD_UNKNOWN, "method",
			"there is no method \"%s\"; rpc.methods lists them all", name);
		return NULL;
	}
	*changes = method->changes;
	if (check_params(call, method) < 0)
		return NULL;
	return method->run(call);
}

static void append_method(json_t *list, const struct object_def *def, const struct method *method)
{
	json_t *params = json_array();
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", def != NULL ? def->kind : "", def != NULL ? "." : "",
		method->name);
	if (def != NULL && !def->single)
		json_array_append_new(params, json_string("name"));
	for (size_t i = 0; def != NULL && i < def->n_fields && strcmp(method->name, "del") != 0;
		i++)
		json_array_append_new(params, json_string(def->fields[i].name));
	for (const char *const *p = method->params; p != NULL && *p != NULL; p++)
		json_array_append_new(params, json_string(*p));
	json_array_append_new(list,
		json_pack("{s:s, s:o, s:s}", "name", name, "params", params, "help", method->help));
}

static json_t *rpc_methods_list(struct call *call)
{
	json_t *list = json_array();

	for (const struct object_def *const *def = object_defs; *def != NULL; def++) {
		for (const struct method *m = object_methods; m->name != NULL; m++) {
			const struct object_def *found;
			char name[64];

			// Leaves out what a method of its own name replaces.
			snprintf(name, sizeof(name), "%s.%s", (*def)->kind, m->name);
			if (find_method(name, &found) == m)
				append_method(list, *def, m);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct method *m = tables[i]; m->name != NULL; m++)
			append_method(list, NULL, m);
	}
	return list;
}

// ---- requests ----------------------------------------------------------------------------------

static json_t *run(struct control *control, const struct rpc_request *request, const char *peer,
	struct problems *problems)
{
	json_t *no_params = json_object();
	struct call call = {
		.control = control,
		.params = request->params != NULL ? request->params : no_params,
		.problems = problems,
	};
	const char *name = json_string_value(json_object_get(call.params, "name"));
	bool changes;
	json_t *result = call_method(&call, request->method, &changes);

	if (result != NULL && changes)
		log_info("changed method=%s name=%s peer=%s", request->method,
			name != NULL ? name : "-", peer);
	json_decref(no_params);
	return result;
}

static json_t *call_one(struct control *control, const json_t *message, const char *peer)
{
	struct problems problems = PROBLEMS_INIT;
	struct rpc_request request;
	json_t *result = NULL, *answer = NULL;

	if (rpc_request_read(message, &request, &problems) == 0)
		result = run(control, &request, peer, &problems);
	if (request.id == NULL)
		json_decref(result);
	else if (problems.n > 0)
		answer = rpc_error(request.id, &problems);
	else
		answer = rpc_result(request.id, result);
	problems_free(&problems);
	return answer;
}

static json_t *refuse_batch(void)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *answer;

	problem_add(&problems, E_REQUEST, "", "a batch has at most %d requests", MAX_BATCH);
	answer = rpc_error(NULL, &problems);
	problems_free(&problems);
	return answer;
}

json_t *control_call_from(struct control *control, const json_t *message, const char *peer)
{
	json_t *answers, *request;
	size_t i;

	// An empty batch is no request: rpc_request_read() says so.
	if (!json_is_array(message) || json_array_size(message) == 0)
		return call_one(control, message, peer);
	if (json_array_size(message) > MAX_BATCH)
		return refuse_batch();
	answers = json_array();
	json_array_foreach (message, i, request) {
		json_t *answer = call_one(control, request, peer);

		if (answer != NULL)
			json_array_append_new(answers, answer);
		// A long batch does not keep packets waiting.
		control_poll(control, clock_now_ns());
	}
	if (json_array_size(answers) > 0)
		return answers;
	json_decref(answers);
	return NULL;
}

json_t *control_call(struct control *control, const json_t *request)
{
	return control_call_from(control, request, "local");
}
