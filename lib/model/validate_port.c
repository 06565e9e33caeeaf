// SPDX-License-Identifier: BSD-3-Clause
// Rules of ports: their network, addresses and DHCP options (P2 to P5, N15 and N16); for MACs and
// addresses in use see validate_holder.c, for what filters them validate_security.c.

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model/check.h"

static bool same_network(const struct port_config *a, const struct port_config *b)
{
	return text_compare(a->network, b->network) == 0;
}

bool dns_name_valid(const char *name)
{
	size_t label = 0;

	for (; *name != '\0'; name++) {
		bool hyphen = *name == '-' && label > 0 && name[1] != '.' && name[1] != '\0';

		if (*name == '.' && label > 0 && name[1] != '\0')
			label = 0;
		else if ((isalnum((unsigned char)*name) || hyphen) && label < 63)
			label++;
		else
			return false;
	}
	return label > 0;
}

static const struct port_config *old_port(struct check *check, const struct port_config *port)
{
	return check->old == NULL ? NULL : model_port(check->old, port->name);
}

static void check_against_old(struct check *check, const struct port_config *port)
{
	const struct port_config *old = old_port(check, port);

	if (old == NULL || port->network == NULL)
		return;
	if (!same_network(port, old)) {
		check_report(check, E_IMMUTABLE, PATH(check, "ports.%s.network", port->name),
			"port %s can not move from network %s to %s; delete the port and add it "
			"again",
			port->name, old->network, port->network);
	} else if (!mac_equal(&port->mac, &old->mac) && old->up && port->up) {
		char text[MAC_TEXT_LEN];

		check_report(check, E_PORT_BOUND, PATH(check, "ports.%s.mac", port->name),
			"the MAC of port %s (%s) can not change while the port is up; set "
			"admin-state down first",
			port->name, mac_format(&old->mac, text));
	}
}

// Whether the subnet that an address was in is being deleted, which is reported there.
static bool subnet_goes(struct check *check, const char *network, const struct ip_addr *ip)
{
	const struct subnet_config *old =
		check->old == NULL ? NULL : model_subnet_of(check->old, network, ip);

	return old != NULL && model_subnet(check->model, old->name) == NULL;
}

void check_address(
	struct check *check, const char *network, const struct ip_addr *ip, const char *path)
{
	const struct network_config *config = model_network(check->model, network);
	const struct subnet_config *subnet = model_subnet_of(check->model, network, ip);
	char text[IP_TEXT_LEN], cidr[PREFIX_TEXT_LEN];
	struct ip_range hosts;

	if (!ip_is_set(ip))
		return; // could not be read
	ip_format(ip, text);
	if (!ip_is_host(ip)) {
		check_report(check, E_PORT_IP_INVALID, path,
			"%s can not be the address of a host; give a unicast address", text);
		return;
	}
	if (config == NULL || config->n_subnets == 0 || subnet_goes(check, network, ip))
		return;
	if (subnet == NULL) {
		check_report(check, E_PORT_IP_INVALID, path,
			"%s is on no subnet of network %s, such as %s (%s)", text, network,
			ip_prefix_format(&config->subnets[0]->cidr, cidr),
			config->subnets[0]->name);
		return;
	}
	hosts = subnet_hosts(subnet);
	if (!ip_range_has(&hosts, ip))
		check_report(check, E_PORT_IP_INVALID, path,
			"%s is the network or broadcast address of subnet %s (%s)", text,
			subnet->name, ip_prefix_format(&subnet->cidr, cidr));
}

// What DHCP itself says, and what only clients say.
static bool option_is_reserved(uint8_t code)
{
	return (code >= 50 && code <= 57) || code == 61 || code == 82;
}

static void check_dhcp_options(struct check *check, const struct port_config *port)
{
	bool seen[256] = {false};

	for (size_t i = 0; i < port->n_dhcp_options; i++) {
		const struct dhcp_option_config *option = &port->dhcp_options[i];
		const char *path = PATH(check, "ports.%s.dhcp-options[%zu]", port->name, i);

		if (option->value == NULL || option->code == 0)
			continue; // could not be read
		if (option_is_reserved(option->code))
			check_report(check, E_VALUE, PATH(check, "%s.code", path),
				"option %u is DHCP's own and can not be set%s", option->code,
				option->code == 51
					? "; the lease time is lease of the subnet's dhcp"
					: "; leave it out");
		else if (seen[option->code])
			check_report(check, E_VALUE, PATH(check, "%s.code", path),
				"port %s has option %u twice", port->name, option->code);
		else if (option->data == NULL)
			check_report(check, E_VALUE, PATH(check, "%s.value", path),
				"option %u can not be \"%s\"; its kind needs a number that fits, "
				"or IPv4 addresses with blanks between them, or else \"hex:\" "
				"with two digits for each byte",
				option->code, option->value);
		seen[option->code] = true;
	}
}

static void check_plug(struct check *check, const struct port_config *port)
{
	if (port->vlan != 0 && port->device == NULL)
		check_report(check, E_KEY_MISSING, PATH(check, "ports.%s.device", port->name),
			"port %s has vlan %u but no device; give both or neither", port->name,
			port->vlan);
	if (port->dns_name != NULL && !dns_name_valid(port->dns_name))
		check_report(check, E_VALUE, PATH(check, "ports.%s.dns-name", port->name),
			"\"%s\" is no host name; use labels of 1 to 63 letters, digits and "
			"hyphens with dots between them",
			port->dns_name);
}

static void check_addresses(struct check *check, const struct port_config *port)
{
	if (port->addresses.n > PORT_ADDRESSES_MAX)
		check_report(check, E_PORT_TOO_MANY_IPS,
			PATH(check, "ports.%s.addresses", port->name),
			"port %s has %zu addresses; at most %d are possible", port->name,
			port->addresses.n, PORT_ADDRESSES_MAX);
	for (size_t i = 0; port->network != NULL && i < port->addresses.n; i++)
		check_address(check, port->network, &port->addresses.list[i],
			PATH(check, "ports.%s.addresses[%zu]", port->name, i));
}

// N15: a network that is not shared takes ports of its owner only. The port that breaks this is
// to blame, unless the network has just stopped being shared. Returns whether to look at more
// ports.
static bool check_owner(
	struct check *check, const struct port_config *port, const struct network_config *network)
{
	const struct network_config *old =
		check->old == NULL ? NULL : model_network(check->old, network->name);
	bool cleared = old != NULL && old->shared;

	if (network->shared || port->owner == NULL || port_is_trusted(port) ||
		text_compare(port->owner, network->owner) == 0)
		return true;
	if (cleared)
		check_report(check, E_NET_SHARED_IN_USE,
			PATH(check, "networks.%s.shared", network->name),
			"network %s must stay shared while port %s belongs to %s", network->name,
			port->name, port->owner);
	else if (network->owner != NULL)
		check_report(check, E_NET_SHARED_IN_USE, PATH(check, "ports.%s.owner", port->name),
			"network %s belongs to %s and is not shared, so port %s of %s can not plug "
			"in",
			network->name, network->owner, port->name, port->owner);
	return !cleared;
}

static int compare_network(const void *a, const void *b)
{
	const struct port_config *const *x = a, *const *y = b;
	int order = text_compare((*x)->network, (*y)->network);

	return order != 0 ? order : strcmp((*x)->name, (*y)->name);
}

void check_network_name(
	struct check *check, const char *network, const char *user, const char *path)
{
	if (network == NULL || model_network(check->model, network) != NULL)
		return;
	if (check->old == NULL || model_network(check->old, network) == NULL)
		check_report(check, E_REFERENCE, path,
			"there is no network %s; add it or name another one", network);
	else
		check_report(check, E_NET_IN_USE, PATH(check, "networks.%s", network),
			"%s is on network %s; delete it first", user, network);
}

// N16 for a network that goes, E_REFERENCE for one that never was.
static void report_no_network(
	struct check *check, const struct port_config *const *ports, size_t n_ports)
{
	const char *network = ports[0]->network;

	if (check->old != NULL && model_network(check->old, network) != NULL) {
		check_report(check, E_NET_IN_USE, PATH(check, "networks.%s", network),
			"network %s has %zu port%s, such as %s; delete %s first", network, n_ports,
			n_ports == 1 ? "" : "s", ports[0]->name, n_ports == 1 ? "it" : "them");
		return;
	}
	for (size_t i = 0; i < n_ports; i++)
		check_report(check, E_REFERENCE, PATH(check, "ports.%s.network", ports[i]->name),
			"there is no network %s; add it or name another one", network);
}

// Looks at the ports of one network after the other.
static void check_port_networks(struct check *check)
{
	const struct model *model = check->model;
	const struct port_config **ports =
		arena_alloc(check->arena, model->n_ports * sizeof(*ports));
	size_t n = 0;

	for (size_t i = 0; i < model->n_ports; i++)
		if (model->ports[i].network != NULL)
			ports[n++] = &model->ports[i];
	qsort(ports, n, sizeof(*ports), compare_network);
	for (size_t i = 0, next; i < n; i = next) {
		const struct network_config *network = model_network(model, ports[i]->network);

		for (next = i + 1; next < n && same_network(ports[i], ports[next]);)
			next++;
		if (network == NULL) {
			report_no_network(check, ports + i, next - i);
			continue;
		}
		for (size_t j = i; j < next && check_owner(check, ports[j], network);)
			j++;
	}
}

void check_ports(struct check *check)
{
	for (size_t i = 0; i < check->model->n_ports; i++) {
		check_against_old(check, &check->model->ports[i]);
		check_addresses(check, &check->model->ports[i]);
		check_dhcp_options(check, &check->model->ports[i]);
		check_plug(check, &check->model->ports[i]);
	}
	check_port_networks(check);
}
