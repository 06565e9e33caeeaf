// SPDX-License-Identifier: BSD-3-Clause
// Rules of floating IPs (F1 to F5), and of what routers owe them (R8, R9, R11).

#include <stdlib.h>
#include <string.h>

#include "model/check.h"

static const struct floating_ip_config *old_floating_ip(
	struct check *check, const struct floating_ip_config *fip)
{
	return check->old == NULL ? NULL : model_floating_ip(check->old, fip->name);
}

static const char *key_path(
	struct check *check, const struct floating_ip_config *fip, const char *key)
{
	return PATH(check, "floating-ips.%s.%s", fip->name, key);
}

// ---- the external side -------------------------------------------------------------------------

static void check_external(struct check *check, const struct floating_ip_config *fip,
	const struct network_config *network)
{
	const char *path = fip->external_given ? key_path(check, fip, "external-address")
					       : PATH(check, "floating-ips.%s", fip->name);
	const struct subnet_config *subnet =
		model_subnet_of(check->model, network->name, &fip->external);
	struct ip_range hosts;
	struct ip_addr named;
	char text[IP_TEXT_LEN];

	if (!ip_is_set(&fip->external))
		return; // could not be read, or none is free: reported already
	ip_format(&fip->external, text);
	hosts = subnet == NULL ? (struct ip_range){0} : subnet_hosts(subnet);
	if (ip_parse(fip->name, &named) == 0 && !ip_equal(&named, &fip->external))
		check_report(check, E_FIP_ADDRESS, path,
			"the name %s says another address than %s; leave out external-address",
			fip->name, text);
	else if (subnet == NULL || !subnet_is_v4(subnet) || !ip_range_has(&hosts, &fip->external))
		check_report(check, E_FIP_ADDRESS, path,
			"%s is not the address of a host on an IPv4 subnet of network %s", text,
			network->name);
	else if (ip_equal(&fip->external, &subnet->gateway))
		check_report(check, E_FIP_ADDRESS, path,
			"%s is the gateway of subnet %s; give another address", text, subnet->name);
}

// Whether the subnet that the address was in is being deleted, which is reported there.
static bool subnet_goes(struct check *check, const struct floating_ip_config *fip)
{
	const struct subnet_config *old =
		check->old == NULL ? NULL
				   : model_subnet_of(check->old, fip->network, &fip->external);

	return old != NULL && model_subnet(check->model, old->name) == NULL;
}

// F1.
static void check_network(struct check *check, const struct floating_ip_config *fip)
{
	const char *path = key_path(check, fip, "network");
	const struct network_config *network = model_network(check->model, fip->network);

	check_network_name(check, fip->network, PATH(check, "floating-ip %s", fip->name), path);
	if (network == NULL)
		return;
	if (!network->external)
		check_report(check, E_FIP_NOT_EXTERNAL, path,
			"network %s is not external; set its key external to true, or name another "
			"one",
			network->name);
	if (subnet_goes(check, fip))
		return;
	if (!network_has_v4(network))
		check_report(check, E_FIP_NO_IPV4, path,
			"network %s has no IPv4 subnet that floating-ip %s could be on",
			network->name, fip->name);
	else
		check_external(check, fip, network);
}

// ---- the port ----------------------------------------------------------------------------------

// Whether router and interface were there when the floating IP was associated: whatever goes of
// them now is to blame. Reports it and returns true.
static bool check_what_goes(struct check *check, const struct floating_ip_config *fip)
{
	const struct floating_ip_config *old = old_floating_ip(check, fip);
	const struct router_config *was, *router;

	if (old == NULL || old->router == NULL || text_compare(old->port, fip->port) != 0 ||
		!ip_equal(&old->fixed, &fip->fixed))
		return false;
	was = model_router(check->old, old->router);
	router = model_router(check->model, old->router);
	if (router == NULL)
		check_report(check, E_RTR_IN_USE, PATH(check, "routers.%s", was->name),
			"router %s leads to floating-ip %s; dissociate that first (port default)",
			was->name, fip->name);
	else if (text_compare(router->gateway.network, was->gateway.network) != 0)
		check_report(check, E_RTR_GW_IN_USE, PATH(check, "routers.%s.gateway", was->name),
			"the gateway of router %s leads to floating-ip %s; dissociate that first "
			"(port default)",
			was->name, fip->name);
	else
		check_report(check, E_RTR_IF_IN_USE_FIP,
			PATH(check, "routers.%s.interfaces", was->name),
			"an interface of router %s that would go leads to floating-ip %s; "
			"dissociate that first (port default)",
			was->name, fip->name);
	return true;
}

// F3.
static void check_reachable(
	struct check *check, const struct floating_ip_config *fip, const struct port_config *port)
{
	if (fip->router != NULL || check_what_goes(check, fip))
		return;
	check_report(check, E_FIP_UNREACHABLE, key_path(check, fip, "port"),
		"no router joins network %s of port %s to network %s; give a router an interface "
		"there and its gateway on network %s first",
		port->network, port->name, fip->network, fip->network);
}

static bool has_address(const struct port_config *port, const struct ip_addr *ip)
{
	for (size_t i = 0; i < port->addresses.n; i++)
		if (ip_equal(&port->addresses.list[i], ip))
			return ip_is_v4(ip);
	return false;
}

// F2, F3, F5.
static void check_target(
	struct check *check, const struct floating_ip_config *fip, const struct port_config *port)
{
	size_t n = port_count_v4(port);
	char text[IP_TEXT_LEN];

	if (port_is_trusted(port))
		check_report(check, E_FIP_PORT, key_path(check, fip, "port"),
			"port %s is of the infrastructure; give a port of an instance", port->name);
	else if (fip->fixed_given && !has_address(port, &fip->fixed))
		check_report(check, E_FIP_NO_FIXED, key_path(check, fip, "address"),
			"port %s has no IPv4 address %s", port->name, ip_format(&fip->fixed, text));
	else if (n == 0)
		check_report(check, E_FIP_NO_FIXED, key_path(check, fip, "port"),
			"port %s has no IPv4 address", port->name);
	else if (!fip->fixed_given && n > 1)
		check_report(check, E_FIP_AMBIGUOUS, key_path(check, fip, "address"),
			"port %s has %zu IPv4 addresses; say which one", port->name, n);
	else if (port->network != NULL)
		check_reachable(check, fip, port);
}

static void check_port(struct check *check, const struct floating_ip_config *fip)
{
	const struct port_config *port;

	if (fip->port == NULL) {
		if (fip->fixed_given)
			check_report(check, E_KEY_MISSING, key_path(check, fip, "port"),
				"floating-ip %s has the address of a port, but no port", fip->name);
		return;
	}
	port = model_port(check->model, fip->port);
	if (port == NULL)
		check_report(check, E_REFERENCE, key_path(check, fip, "port"),
			"there is no port %s; add it, name another one, or set port default to "
			"dissociate",
			fip->port);
	else
		check_target(check, fip, port);
}

// ---- one with another --------------------------------------------------------------------------

static int compare_target(const struct floating_ip_config *a, const struct floating_ip_config *b)
{
	int order = text_compare(a->network, b->network);

	if (order == 0)
		order = text_compare(a->port, b->port);
	return order != 0 ? order : ip_compare(&a->fixed, &b->fixed);
}

static int compare_floating(const void *a, const void *b)
{
	const struct floating_ip_config *x = *(const struct floating_ip_config *const *)a;
	const struct floating_ip_config *y = *(const struct floating_ip_config *const *)b;
	int order = compare_target(x, y);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static bool in_force(struct check *check, const struct floating_ip_config *fip)
{
	const struct floating_ip_config *old = old_floating_ip(check, fip);

	return old != NULL && compare_target(old, fip) == 0;
}

// F4.
static void check_targets_apart(struct check *check)
{
	const struct model *model = check->model;
	const struct floating_ip_config **list =
		arena_alloc(check->arena, model->n_floating_ips * sizeof(*list));
	char text[IP_TEXT_LEN];
	size_t n = 0;

	for (size_t i = 0; i < model->n_floating_ips; i++)
		if (model->floating_ips[i].port != NULL && ip_is_set(&model->floating_ips[i].fixed))
			list[n++] = &model->floating_ips[i];
	qsort(list, n, sizeof(*list), compare_floating);
	for (size_t i = 1; i < n; i++) {
		const struct floating_ip_config *a = list[i - 1], *b = list[i];

		if (compare_target(a, b) != 0)
			continue;
		if (in_force(check, b) && !in_force(check, a)) {
			a = list[i];
			b = list[i - 1];
		}
		check_report(check, E_FIP_DUP, key_path(check, b, "port"),
			"address %s of port %s has floating-ip %s on network %s already",
			ip_format(&b->fixed, text), b->port, a->name, b->network);
	}
}

static void check_against_old(struct check *check, const struct floating_ip_config *fip)
{
	const struct floating_ip_config *old = old_floating_ip(check, fip);

	if (old == NULL)
		return;
	if (text_compare(old->network, fip->network) != 0)
		check_report(check, E_IMMUTABLE, key_path(check, fip, "network"),
			"floating-ip %s can not move to another network; delete it and add it "
			"again",
			fip->name);
	else if (!ip_equal(&old->external, &fip->external))
		check_report(check, E_IMMUTABLE, key_path(check, fip, "external-address"),
			"the address of floating-ip %s can not change; delete it and add it again",
			fip->name);
}

void check_floating_ips(struct check *check)
{
	for (size_t i = 0; i < check->model->n_floating_ips; i++) {
		const struct floating_ip_config *fip = &check->model->floating_ips[i];

		if (fip->network == NULL)
			continue;
		check_against_old(check, fip);
		check_network(check, fip);
		check_port(check, fip);
	}
	check_targets_apart(check);
}
