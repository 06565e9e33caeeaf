// SPDX-License-Identifier: BSD-3-Clause
// What routers and floating IPs follow from other objects: addresses of interfaces, the ports that
// routers take over, the fixed address of a floating IP and the router that leads to it. Nothing
// here judges the configuration.

#include <string.h>

#include "model/check.h"
#include "model/model.h"

// An interface by subnet holds the gateway unless it says another address.
static void complete_by_subnet(struct model *model, struct router_interface *interface)
{
	const struct subnet_config *subnet =
		interface->subnet == NULL ? NULL : model_subnet(model, interface->subnet);

	if (subnet != NULL && !interface->address_given)
		interface->address = subnet->gateway;
}

// The first IPv4 address of a port, NULL: none.
static const struct ip_addr *first_v4(const struct port_config *port)
{
	for (size_t i = 0; i < port->addresses.n; i++)
		if (ip_is_v4(&port->addresses.list[i]))
			return &port->addresses.list[i];
	return NULL;
}

// An interface by port has all from the port.
static void complete_by_port(
	struct model *model, const struct router_config *router, struct router_interface *interface)
{
	struct port_config *port = (struct port_config *)model_port(model, interface->port);
	const struct subnet_config *subnet;
	const struct ip_addr *ip;

	if (port == NULL)
		return;
	if (!port_is_local(port) && port->owner == NULL && port->router == NULL)
		port->router = router->name;
	ip = first_v4(port);
	subnet = ip == NULL || port->network == NULL ? NULL
						     : model_subnet_of(model, port->network, ip);
	if (ip != NULL && !interface->address_given)
		interface->address = *ip;
	if (subnet != NULL && !interface->subnet_given)
		interface->subnet = subnet->name;
	if (!interface->mac_given)
		interface->mac = port->mac;
}

void complete_routers(struct model *model)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		struct router_config *router = &model->routers[i];

		complete_routes(router->routes, &router->n_routes);
		for (size_t j = 0; j < router->n_interfaces; j++)
			if (router->interfaces[j].port == NULL)
				complete_by_subnet(model, &router->interfaces[j]);
	}
}

void complete_router_ports(struct model *model)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		struct router_config *router = &model->routers[i];
		struct router_gateway *gateway = &router->gateway;
		const struct subnet_config *subnet = NULL;

		for (size_t j = 0; j < router->n_interfaces; j++)
			if (router->interfaces[j].port != NULL)
				complete_by_port(model, router, &router->interfaces[j]);
		if (gateway->present && gateway->network != NULL && ip_is_set(&gateway->address))
			subnet = model_subnet_of(model, gateway->network, &gateway->address);
		gateway->subnet = subnet == NULL ? NULL : subnet->name;
	}
}

// ---- floating IPs ------------------------------------------------------------------------------

void complete_floating_names(struct model *model)
{
	for (size_t i = 0; i < model->n_floating_ips; i++) {
		struct floating_ip_config *fip = &model->floating_ips[i];
		struct ip_addr named;

		if (!fip->external_given && ip_parse(fip->name, &named) == 0)
			fip->external = named;
	}
}

size_t port_count_v4(const struct port_config *port)
{
	size_t n = 0;

	for (size_t i = 0; i < port->addresses.n; i++)
		n += ip_is_v4(&port->addresses.list[i]);
	return n;
}

// F3: the router that joins a subnet to an external network, rather the one that is the gateway.
static const char *joining_router(
	const struct model *model, const struct subnet_config *subnet, const char *network)
{
	const char *name = NULL;

	for (size_t i = 0; i < model->n_routers; i++) {
		const struct router_config *router = &model->routers[i];

		if (router_interface_on(router, subnet->name) == NULL ||
			text_compare(router->gateway.network, network) != 0)
			continue;
		if (router_holds_gateway(router, subnet))
			return router->name;
		if (name == NULL)
			name = router->name;
	}
	return name;
}

void complete_floating_ips(struct model *model)
{
	for (size_t i = 0; i < model->n_floating_ips; i++) {
		struct floating_ip_config *fip = &model->floating_ips[i];
		const struct port_config *port =
			fip->port == NULL ? NULL : model_port(model, fip->port);
		const struct subnet_config *subnet;

		if (port == NULL || port->network == NULL || fip->network == NULL)
			continue;
		if (!fip->fixed_given && port_count_v4(port) == 1)
			fip->fixed = *first_v4(port);
		subnet = model_subnet_of(model, port->network, &fip->fixed);
		if (subnet != NULL)
			fip->router = joining_router(model, subnet, fip->network);
	}
}
