// SPDX-License-Identifier: BSD-3-Clause
// KIND.add, set, del, list, the same for all kinds through their field tables, and what edits one
// element of a list in an object: remote.* and rule.*.

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "control/call.h"
#include "control/internal.h"
#include "rpc/config_json.h"

// ---- changes -----------------------------------------------------------------------------------

// The object as it stands in the document in force.
static json_t *stored(const struct call *call)
{
	const json_t *kind = json_object_get(call->control->document, call->def->key);
	const char *name = json_string_value(json_object_get(call->params, "name"));
	json_t *object;

	if (call->def->single)
		return kind != NULL ? json_copy((json_t *)kind) : json_object();
	object = json_pack("{s:s}", "name", name);
	json_object_update(object, json_object_get(kind, name));
	return object;
}

// Commits a copy of the document in force after `edit`.
static int edit_object(struct call *call, enum config_op op)
{
	json_t *document = json_deep_copy(call->control->document);
	int rc = config_document_edit(document, call->def, op, call->params, call->problems);

	if (rc == 0)
		rc = control_commit(call->control, document, call->problems);
	json_decref(document);
	return rc;
}

static json_t *object_add(struct call *call)
{
	return edit_object(call, CONFIG_ADD) == 0 ? stored(call) : NULL;
}

static json_t *object_set(struct call *call)
{
	return edit_object(call, CONFIG_SET) == 0 ? stored(call) : NULL;
}

static json_t *object_del(struct call *call)
{
	return edit_object(call, CONFIG_DEL) == 0 ? json_object() : NULL;
}

// ---- lists -------------------------------------------------------------------------------------

static json_t *link_state(const struct control *control, uint16_t device)
{
	struct device *d = control->slots[device].device;
	struct device_link link = {0};

	if (d->driver->link != NULL)
		d->driver->link(d, &link);
	return json_string(link.up ? "up" : "down");
}

static json_t *mac_text(uint64_t value)
{
	struct mac mac = mac_from_u64(value);
	char text[MAC_TEXT_LEN];

	return json_string(mac_format(&mac, text));
}

static json_t *uplink_state(const struct control *control, const void *object)
{
	const struct uplink_config *uplink = object;
	uint16_t id = ids_find(control->devices, uplink->device);
	struct device *device = control->slots[id].device;
	json_t *state = json_pack(
		"{s:o, s:o}", "link", link_state(control, id), "mac", mac_text(device->mac));

	presence_details(&control->slots[id], state);
	share_details(device, state);
	return state;
}

static json_t *port_state(const struct control *control, const void *object)
{
	const struct port_config *port = object;
	char name[ATTACHMENT_NAME_LEN];
	uint16_t id, device;
	json_t *state;

	if (!port_is_local(port))
		return json_pack("{s:n}", "link");
	id = ids_find(control->attachments, name_of_port(name, port));
	device = ids_find(control->devices, port->device);
	state = json_pack("{s:o, s:I, s:I}", "link", link_state(control, device), "learned",
		(json_int_t)fdb_count_location(control->tables->fdb, id), "sessions",
		(json_int_t)session_count_owner(control->tables->sessions, id));
	presence_details(&control->slots[device], state);
	return state;
}

static json_t *network_state(const struct control *control, const void *object)
{
	const struct network_config *config = object;
	const struct snapshot *s = control->tables->snapshot;
	const struct network *network = &s->networks[ids_find(control->networks, config->name)];

	return json_pack("{s:i, s:i, s:I}", "members", network->n_members, "remotes",
		network->n_remotes, "learned",
		(json_int_t)fdb_count_domain(control->tables->fdb, network->domain));
}

static json_t *sessions_state(const struct control *control, const void *object)
{
	struct session_counts counts = session_counts(control->tables->sessions);

	return json_pack("{s:I}", "sessions", (json_int_t)counts.live);
}

static json_t *tunnel_state(const struct control *control, const void *object)
{
	const struct ip_addr *address = &control->underlay_prefix.addr;
	char text[IP_TEXT_LEN];

	if (!ip_is_set(address))
		return json_object();
	return json_pack("{s:s}", "address", ip_format(address, text));
}

static json_t *workers_state(const struct control *control, const void *object)
{
	return json_pack("{s:i}", "workers", (int)control->tables->n_workers);
}

static json_t *subnet_state(const struct control *control, const void *object)
{
	const struct subnet_config *subnet = object;
	const struct model *model = control->model;
	const char *router = model_subnet_router(model, subnet);
	int n = 0;

	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];

		for (size_t j = 0; j < port->addresses.n; j++)
			n += strcmp(port->network, subnet->network) == 0 &&
			     ip_prefix_contains(&subnet->cidr, &port->addresses.list[j]);
	}
	return json_pack("{s:i, s:s?}", "addresses", n, "router", router);
}

static json_t *router_state(const struct control *control, const void *object)
{
	const struct router_config *router = object;
	const struct model *model = control->model;
	json_t *floating = json_array();

	for (size_t i = 0; i < model->n_floating_ips; i++) {
		const struct floating_ip_config *fip = &model->floating_ips[i];
		char text[IP_TEXT_LEN];

		if (fip->router != NULL && strcmp(fip->router, router->name) == 0)
			json_array_append_new(
				floating, json_string(ip_format(&fip->external, text)));
	}
	return json_pack("{s:o}", "floating-ips", floating);
}

static json_t *floating_ip_state(const struct control *control, const void *object)
{
	const struct floating_ip_config *fip = object;

	return json_pack("{s:s?}", "router", fip->router);
}

static json_t *security_group_state(const struct control *control, const void *object)
{
	const struct security_group *group = object;
	const struct model *model = control->model;
	int n = 0;

	for (size_t i = 0; i < model->n_ports; i++)
		n += port_in_group(&model->ports[i], group->name);
	return json_pack("{s:i}", "ports", n);
}

static const struct {
	const char *kind;
	json_t *(*state)(const struct control *control, const void *object);
} states[] = {
	{"workers", workers_state},
	{"uplink", uplink_state},
	{"tunnel", tunnel_state},
	{"network", network_state},
	{"subnet", subnet_state},
	{"security-group", security_group_state},
	{"port", port_state},
	{"router", router_state},
	{"floating-ip", floating_ip_state},
	{"sessions", sessions_state},
};

// An object with its defaults, its name and what is going on there.
static json_t *shown(const struct call *call, const void *object)
{
	json_t *full = config_encode_object_full(call->def, object);
	json_t *json = json_object();

	if (!call->def->single)
		json_object_set_new(json, "name", json_string(*(const char *const *)object));
	json_object_update(json, full);
	json_decref(full);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (strcmp(states[i].kind, call->def->kind) == 0)
			json_object_set_new(json, "state", states[i].state(call->control, object));
	}
	return json;
}

static int check_filters(const struct call *call)
{
	const char *key;
	json_t *value;
	size_t n_before = call->problems->n;

	json_object_foreach ((json_t *)call->params, key, value) {
		if ((strcmp(key, "name") != 0 || call->def->single) &&
			object_field(call->def, key) == NULL)
			problem_add(call->problems, E_KEY_UNKNOWN, key,
				"a %s has no key \"%s\" to choose by", call->def->kind, key);
	}
	return call->problems->n == n_before ? 0 : -EINVAL;
}

static bool matches(const json_t *object, const json_t *filters)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)filters, key, value) {
		const json_t *is = json_object_get(object, key);

		if (json_is_object(value) ? !matches(is, value) : !json_equal(is, value))
			return false;
	}
	return true;
}

static json_t *object_list(struct call *call)
{
	const struct model *model = call->control->model;
	json_t *list;

	if (check_filters(call) < 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; model != NULL && i < model_object_count(model, call->def); i++) {
		json_t *object = shown(call, model_object_at(model, call->def, i));

		if (matches(object, call->params))
			json_array_append(list, object);
		json_decref(object);
	}
	return list;
}

const struct method object_methods[] = {
	{"add", object_add, NULL, "makes an object", true},
	{"set", object_set, NULL, "changes keys of an object; null: back to the default", true},
	{"del", object_del, NULL, "deletes an object", true},
	{"list", object_list, NULL, "the objects whose keys have the values given", false},
	{0},
};

// ---- remotes -----------------------------------------------------------------------------------

typedef int config_edit_fn(
	json_t *document, enum config_op op, const json_t *params, struct problems *problems);

// Commits a copy of the document in force after an edit of one element.
static json_t *edit_element(struct call *call, enum config_op op, config_edit_fn *edit)
{
	json_t *document = json_deep_copy(call->control->document);
	int rc = edit(document, op, call->params, call->problems);

	if (rc == 0)
		rc = control_commit(call->control, document, call->problems);
	json_decref(document);
	return rc == 0 ? json_object() : NULL;
}

static json_t *remote_add(struct call *call)
{
	return edit_element(call, CONFIG_ADD, config_remote_edit);
}

static json_t *remote_del(struct call *call)
{
	return edit_element(call, CONFIG_DEL, config_remote_edit);
}

struct remote_listing {
	json_t *list;
	json_t *networks[MAX_REMOTES]; // names of those that flood to a remote; NULL: none
};

static void list_networks(const struct control *control, struct remote_listing *listing)
{
	const struct snapshot *s = control->tables->snapshot;

	for (uint16_t id = 1; id < s->n_networks; id++) {
		const struct network *network = &s->networks[id];

		for (uint16_t i = 0; i < network->n_remotes; i++) {
			json_t **names = &listing->networks[network->remotes[i]];

			if (*names == NULL)
				*names = json_array();
			json_array_append_new(*names, json_string(ids_name(control->networks, id)));
		}
	}
}

static void list_remote(const struct remote_state *state, void *arg)
{
	struct remote_listing *listing = arg;
	struct ip_addr address = ip_from_v4(state->address_be);
	json_t *networks = listing->networks[state->id];
	char text[IP_TEXT_LEN];
	json_t *remote = json_pack("{s:s, s:b, s:b, s:O?, s:s, s:i, s:i}", "address",
		ip_format(&address, text), "configured", state->configured, "multicast",
		state->multicast, "networks", networks, "state", state->state, "path-mtu",
		state->path_mtu, "held", (int)state->n_held);

	if (networks == NULL)
		json_object_set_new(remote, "networks", json_array());
	if (state->mac != 0)
		json_object_set_new(remote, "mac", mac_text(state->mac));
	json_array_append_new(listing->list, remote);
}

static json_t *remote_list(struct call *call)
{
	struct remote_listing *listing = calloc(1, sizeof(*listing));
	json_t *list;

	if (listing == NULL)
		abort();
	listing->list = list = json_array();
	list_networks(call->control, listing);
	slowpath_remotes(call->control->slowpath, list_remote, listing);
	for (unsigned i = 0; i < MAX_REMOTES; i++)
		json_decref(listing->networks[i]);
	free(listing);
	return list;
}

static const char *const remote_params[] = {"address", "network", NULL};

const struct method remote_methods[] = {
	{"remote.add", remote_add, remote_params, "adds a flood target", true},
	{"remote.del", remote_del, remote_params, "deletes a flood target", true},
	{"remote.list", remote_list, call_no_params, "the other endpoints known", false},
	{0},
};

// ---- rules of security groups ------------------------------------------------------------------

static json_t *rule_add(struct call *call)
{
	return edit_element(call, CONFIG_ADD, config_rule_edit);
}

static json_t *rule_del(struct call *call)
{
	return edit_element(call, CONFIG_DEL, config_rule_edit);
}

static const char *const rule_params[] = {"group", "direction", "ethertype", "protocol", "ports",
	"icmp-type", "icmp-code", "remote-prefix", "remote-group", NULL};

const struct method rule_methods[] = {
	{"rule.add", rule_add, rule_params, "adds a rule to a security group", true},
	{"rule.del", rule_del, rule_params, "deletes the rule of a security group that says this",
		true},
	{0},
};
