// SPDX-License-Identifier: BSD-3-Clause
// service.list: what weft itself is on the networks.

#include <string.h>

#include "control/call.h"
#include "control/internal.h"
#include "slowpath/services.h"
#include "tables/device.h"

static json_t *addresses_of(const struct internal_port *port)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < port->n_addresses; i++)
		json_array_append_new(
			list, json_string(ip_prefix_format(&port->addresses[i].prefix, text)));
	return list;
}

static json_t *show_port(const struct control *control, const struct internal_port *port)
{
	static const char *const kinds[] = {
		[INTERNAL_SERVICE] = "service",
		[INTERNAL_ROUTER] = "router",
		[INTERNAL_GATEWAY] = "gateway",
	};
	struct mac mac = mac_from_u64(port->mac);
	char text[MAC_TEXT_LEN];
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:o}", "attachment",
		ids_name(control->attachments, port->attachment), "kind", kinds[port->kind],
		"network", port->network->name, "mac", mac_format(&mac, text), "addresses",
		addresses_of(port));

	if (port->metadata != NULL)
		json_object_set_new(json, "metadata-device", json_string(port->metadata->text));
	return json;
}

static json_t *service_list(struct call *call)
{
	const struct services *services = slowpath_services(call->control->slowpath);
	const char *network;
	json_t *list;

	if (call_text(call, "network", &network) < 0)
		return NULL;
	if (network != NULL && ids_find(call->control->networks, network) == 0) {
		problem_add(call->problems, E_NOT_FOUND, "network", "there is no network \"%s\"",
			network);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < services->n_ports; i++) {
		const struct internal_port *port = &services->ports[i];

		if (network == NULL || strcmp(network, port->network->name) == 0)
			json_array_append_new(list, show_port(call->control, port));
	}
	return list;
}

static const char *const list_params[] = {"network", NULL};

const struct method service_methods[] = {
	{"service.list", service_list, list_params, "weft's own ports on the networks", false},
	{0},
};
