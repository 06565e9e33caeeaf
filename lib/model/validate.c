// SPDX-License-Identifier: BSD-3-Clause
// Rules of the whole node: workers, uplinks, tunnel; and the frame for the other checks. Every
// problem is reported, none stops the check. Control thread.

#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/check.h"

int text_compare(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

// ---- paths with a problem ----------------------------------------------------------------------

static int compare_path(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void add_path(void **set, const char *path)
{
	if (tsearch(path, set, compare_path) == NULL)
		abort();
}

// Makes a path the one around it: "a.b[0]" becomes "a.b", then "a", then "". False: it is that.
static bool path_leave(char *path)
{
	size_t n = strlen(path);

	if (n == 0)
		return false;
	do
		n--;
	while (n > 0 && path[n] != '.' && path[n] != '[');
	path[n] = '\0';
	return true;
}

static void note_earlier(struct check *check)
{
	for (size_t i = 0; i < check->problems->n; i++) {
		const char *path = check->problems->list[i].path;
		char *outer = arena_strdup(check->arena, path);

		add_path(&check->earlier, path);
		do
			add_path(&check->around, arena_strdup(check->arena, outer));
		while (path_leave(outer));
	}
}

static void forget(void *path)
{
	// the arena's
}

// Whether decoding found a problem at a path, inside it or around it.
static bool has_earlier(const struct check *check, const char *path)
{
	char *outer;

	if (check->earlier == NULL)
		return false;
	if (tfind(path, &check->around, compare_path) != NULL)
		return true;
	outer = arena_strdup(check->arena, path);
	while (path_leave(outer))
		if (tfind(outer, &check->earlier, compare_path) != NULL)
			return true;
	return false;
}

void check_report(
	struct check *check, enum error_symbol symbol, const char *path, const char *format, ...)
{
	va_list args;
	char *text;

	if (has_earlier(check, path))
		return;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	problem_add(check->problems, symbol, path, "%s", text);
	free(text);
}

static void check_workers(struct check *check)
{
	uint16_t cpus[WORKERS_MAX], old_cpus[WORKERS_MAX];
	const char *cores = check->model->workers.cores;
	const char *old_cores = check->old == NULL ? NULL : check->old->workers.cores;
	int n = cores == NULL ? 0 : cpu_list_parse(cores, cpus, WORKERS_MAX);
	int n_old = old_cores == NULL ? 0 : cpu_list_parse(old_cores, old_cpus, WORKERS_MAX);

	if (n < 0) {
		check_report(check, E_CFG_CORES, "workers.cores",
			"\"%s\" is not a list of 1 to %d CPUs such as \"1,3-5\"", cores,
			WORKERS_MAX);
		return;
	}
	if (check->old != NULL &&
		(n != n_old || memcmp(cpus, old_cpus, (size_t)n * sizeof(cpus[0])) != 0))
		check_report(check, E_IMMUTABLE, "workers.cores",
			"the CPUs of the workers can not change from %s to %s while weftd runs; "
			"restart it with the new configuration",
			old_cores == NULL ? "the default" : old_cores,
			cores == NULL ? "the default" : cores);
}

// What a host may have as its address. `path` names the key, `text` the address.
static void check_uplink_address(struct check *check, const struct uplink_config *uplink)
{
	const struct ip_prefix *address = &uplink->address;
	struct ip_prefix network = ip_prefix_network(address);
	struct ip_addr broadcast = ip_prefix_broadcast(address);
	const char *path = PATH(check, "uplinks.%s.address", uplink->name);
	char text[PREFIX_TEXT_LEN];

	ip_prefix_format(address, text);
	if (!ip_is_v4(&address->addr))
		check_report(check, E_VALUE, path,
			"the underlay is IPv4; %s is not an IPv4 address with prefix length", text);
	else if (!ip_is_host(&address->addr))
		check_report(check, E_VALUE, path,
			"%s can not be the address of a host; give a unicast address", text);
	else if (address->len <= 30 &&
		 (ip_equal(&address->addr, &network.addr) || ip_equal(&address->addr, &broadcast)))
		check_report(check, E_VALUE, path,
			"%s is the network or broadcast address of its prefix; give the node's own "
			"address",
			text);
}

static void check_gateway(struct check *check, const struct uplink_config *uplink)
{
	const char *path = PATH(check, "uplinks.%s.gateway", uplink->name);
	char gateway[IP_TEXT_LEN], address[PREFIX_TEXT_LEN];

	ip_format(&uplink->gateway, gateway);
	ip_prefix_format(&uplink->address, address);
	if (!ip_is_set(&uplink->address.addr) && uplink_is_shared(uplink))
		return; // the kernel has the address, and routes
	if (!ip_is_set(&uplink->address.addr))
		check_report(check, E_KEY_MISSING, PATH(check, "uplinks.%s.address", uplink->name),
			"uplink %s has a gateway (%s) but no address; give both or neither",
			uplink->name, gateway);
	else if (!ip_prefix_contains(&uplink->address, &uplink->gateway))
		check_report(check, E_VALUE, path,
			"gateway %s is not on the prefix of the uplink (%s)", gateway, address);
	else if (ip_equal(&uplink->gateway, &uplink->address.addr))
		check_report(check, E_VALUE, path,
			"gateway %s is the node's own address; give that of the next router",
			gateway);
}

// `share` is about what the kernel would get otherwise.
static void check_share(struct check *check, const struct uplink_config *uplink)
{
	if (uplink->share != SHARE_TUNNEL && uplink->device != NULL && !uplink_is_shared(uplink))
		check_report(check, E_CFG_SHARE, PATH(check, "uplinks.%s.share", uplink->name),
			"device %s is not shared with the kernel; only an xdp device is",
			uplink->device);
}

static void check_uplinks(struct check *check)
{
	for (size_t i = 0; i < check->model->n_uplinks; i++) {
		const struct uplink_config *uplink = &check->model->uplinks[i];

		// its segment of VLAN 1 would be called like the tunnel's of VNI 1
		if (strcmp(uplink->name, "vxlan") == 0)
			check_report(check, E_NAME, "uplinks.vxlan",
				"\"vxlan\" stands for the tunnel; give the uplink another name");
		if (ip_is_set(&uplink->address.addr))
			check_uplink_address(check, uplink);
		if (ip_is_set(&uplink->gateway))
			check_gateway(check, uplink);
		check_share(check, uplink);
	}
}

void check_remote(struct check *check, const struct ip_addr *remote, const char *path)
{
	struct ip_addr own = model_tunnel_address(check->model);
	char text[IP_TEXT_LEN];

	if (!ip_is_set(remote))
		return; // could not be read
	ip_format(remote, text);
	if (!ip_is_v4(remote))
		check_report(check, E_VTEP_FAMILY, path,
			"the tunnel is IPv4; %s is not an IPv4 address", text);
	else if (ip_equal(remote, &own))
		check_report(check, E_VTEP_SELF, path,
			"%s is this node's own tunnel address; list only other nodes", text);
	else if (!ip_is_host(remote))
		check_report(check, E_VALUE, path,
			"%s can not be the address of a host; give the unicast address of a node",
			text);
}

static void check_tunnel_address(struct check *check)
{
	const struct tunnel_config *tunnel = &check->model->tunnel;
	const struct uplink_config *uplink;
	char own[IP_TEXT_LEN], have[IP_TEXT_LEN];

	if (tunnel->uplink == NULL)
		return;
	uplink = model_uplink(check->model, tunnel->uplink);
	if (uplink == NULL) {
		check_report(check, E_CFG_UPLINK_MISSING, "tunnel.uplink",
			"there is no uplink %s; add it or name another one", tunnel->uplink);
	} else if (!ip_is_set(&uplink->address.addr) && !uplink_is_shared(uplink)) {
		check_report(check, E_CFG_LOCAL_IP, PATH(check, "uplinks.%s.address", uplink->name),
			"uplink %s carries the tunnel and needs an address such as "
			"\"192.0.2.1/24\"",
			uplink->name);
	} else if (ip_is_set(&tunnel->address) && ip_is_set(&uplink->address.addr) &&
		   !ip_equal(&tunnel->address, &uplink->address.addr)) {
		check_report(check, E_CFG_LOCAL_IP, "tunnel.address",
			"%s is not the address of uplink %s, which is %s",
			ip_format(&tunnel->address, own), uplink->name,
			ip_format(&uplink->address.addr, have));
	} else if (tunnel->path_mtu > uplink->mtu) {
		check_report(check, E_VALUE, "tunnel.path-mtu",
			"path-mtu %u is larger than mtu %u of uplink %s", tunnel->path_mtu,
			uplink->mtu, uplink->name);
	}
}

static void check_tunnel(struct check *check)
{
	const struct tunnel_config *tunnel = &check->model->tunnel;
	char text[PREFIX_TEXT_LEN];

	if (!tunnel->present)
		return;
	check_tunnel_address(check);
	if (tunnel->group_given &&
		(!ip_is_v4(&tunnel->group.addr) || !ip_is_multicast(&tunnel->group.addr) ||
			tunnel->group.len < 4))
		check_report(check, E_CFG_GROUP, "tunnel.group",
			"%s is not an IPv4 multicast address or a prefix within 224.0.0.0/4",
			ip_prefix_format(&tunnel->group, text));
	if (tunnel->source_port_min > tunnel->source_port_max)
		check_report(check, E_CFG_RANGE, "tunnel.source-port-min",
			"source-port-min %u is above source-port-max %u; give the lowest first",
			tunnel->source_port_min, tunnel->source_port_max);
	for (size_t i = 0; i < tunnel->remotes.n; i++)
		check_remote(
			check, &tunnel->remotes.list[i], PATH(check, "tunnel.remotes[%zu]", i));
}

void model_validate(const struct model *model, const struct model *old, struct problems *problems)
{
	struct check check = {
		.model = model,
		.old = old,
		.problems = problems,
		.arena = arena_new(),
	};

	note_earlier(&check);
	check_workers(&check);
	check_uplinks(&check);
	check_tunnel(&check);
	check_metrics(&check);
	check_networks(&check);
	check_subnets(&check);
	check_ports(&check);
	check_routers(&check);
	check_floating_ips(&check);
	check_holders(&check);
	check_security(&check);
	check_devices(&check);
	check_fdb(&check);
	tdestroy(check.earlier, forget);
	tdestroy(check.around, forget);
	arena_free(check.arena);
}
