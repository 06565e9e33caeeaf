// SPDX-License-Identifier: BSD-3-Clause
// A change of what is ours adds to the maps first, then sets what is to be done, then takes away:
// what was ours before and after is so all the time.

#include "io/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uplink.skel.h>

#include "base/log.h"

#define LOG_MODULE "uplink"

#define PROGRAM_NAME "weft_uplink"
#define IPV4_BITS    96 // before the address in its IPv6 form

// A map whose keys are a set, and what is in it.
struct key_set {
	const char *what; // for the log
	int map;
	size_t key_len;
	uint8_t *keys; // sorted
	size_t n;
};

struct uplink {
	struct uplink_bpf *bpf;
	int index;
	int link; // -1: not attached
	struct key_set ports, addresses, groups, macs;
	uint8_t vlans[UPLINK_VLANS_MAX]; // as in the map
};

// ---- loading ----------------------------------------------------------------------------------

// libbpf says more than an errno: the verifier's words among it.
static int on_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libbpf: %s", text);
	return 0;
}

struct uplink *uplink_new(int index)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	libbpf_set_print(on_message);
	u->index = index;
	u->link = -1;
	u->bpf = uplink_bpf__open();
	if (u->bpf == NULL || uplink_bpf__load(u->bpf) < 0) {
		int error = errno;

		uplink_free(u);
		errno = error;
		return NULL;
	}
	u->ports = (struct key_set){
		"ports", bpf_map__fd(u->bpf->maps.ports), sizeof(uint16_t), NULL, 0};
	u->addresses = (struct key_set){"addresses", bpf_map__fd(u->bpf->maps.addresses),
		sizeof(struct uplink_address), NULL, 0};
	u->groups = (struct key_set){
		"groups", bpf_map__fd(u->bpf->maps.groups), sizeof(struct uplink_group), NULL, 0};
	u->macs = (struct key_set){
		"MACs", bpf_map__fd(u->bpf->maps.macs), sizeof(struct uplink_mac), NULL, 0};
	return u;
}

void uplink_free(struct uplink *u)
{
	if (u == NULL)
		return;
	uplink_detach(u);
	free(u->ports.keys);
	free(u->addresses.keys);
	free(u->groups.keys);
	free(u->macs.keys);
	uplink_bpf__destroy(u->bpf);
	free(u);
}

// ---- on the interface -------------------------------------------------------------------------

// What is there already. 0: nothing.
static uint32_t attached_program(int index, char name[BPF_OBJ_NAME_LEN], int *fd)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	uint32_t id = 0;

	*fd = -1;
	name[0] = '\0';
	if (bpf_xdp_query(index, 0, &query) < 0)
		return 0;
	if (query.drv_prog_id != 0)
		id = query.drv_prog_id;
	else if (query.skb_prog_id != 0)
		id = query.skb_prog_id;
	else
		id = query.prog_id; // in the hardware
	if (id == 0)
		return 0;
	*fd = bpf_prog_get_fd_by_id(id);
	if (*fd >= 0 && bpf_obj_get_info_by_fd(*fd, &info, &len) == 0)
		snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
	return id;
}

// Takes a program off that is ours by its name and that no process holds: one that holds it does so
// by a link, and the kernel refuses then.
static int remove_left_over(int index, int program)
{
	const uint32_t modes[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program);
	int ret = -ENOENT;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && ret < 0; i++)
		ret = bpf_xdp_detach(index, modes[i], &options);
	return ret;
}

int uplink_clear(const struct uplink *u, char *reason, size_t size)
{
	char name[BPF_OBJ_NAME_LEN];
	int fd;
	uint32_t id = attached_program(u->index, name, &fd);
	int ret = 0;

	if (id == 0)
		return 0;
	if (strcmp(name, PROGRAM_NAME) != 0) {
		snprintf(reason, size,
			"another XDP program is there (\"%s\", id %u): ip link set dev IF xdp off "
			"takes it away",
			name, id);
		ret = -EBUSY;
	} else if (remove_left_over(u->index, fd) < 0) {
		snprintf(reason, size, "another weftd uses the interface");
		ret = -EADDRINUSE;
	} else {
		log_warn("replaced a program that an earlier weftd left on the interface "
			 "index=%d id=%u",
			u->index, id);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static const char *explain_attach(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "the driver runs no XDP programs";
	case -ERANGE:
	case -EINVAL:
		return "the driver runs no XDP programs with this MTU or these offloads";
	case -EPERM:
	case -EACCES:
		return "not permitted: it takes CAP_NET_ADMIN and CAP_BPF";
	default:
		return strerror(-error);
	}
}

int uplink_attach(struct uplink *u, bool native, char *reason, size_t size)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		.flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int ret;

	u->link = bpf_link_create(
		bpf_program__fd(u->bpf->progs.weft_uplink), u->index, BPF_XDP, &options);
	if (u->link >= 0)
		return 0;
	ret = u->link;
	u->link = -1;
	snprintf(reason, size, "%s", explain_attach(ret));
	return ret;
}

int uplink_renew(struct uplink *u)
{
	const struct bpf_program *program = u->bpf->progs.weft_uplink;
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP);
	// The same instructions, with the same maps: the kernel skips a program that is there.
	int copy = bpf_prog_load(BPF_PROG_TYPE_XDP, PROGRAM_NAME, "Dual BSD/GPL",
		bpf_program__insns(program), bpf_program__insn_cnt(program), &options);
	int ret;

	if (copy < 0)
		return copy;
	ret = bpf_link_update(u->link, copy, NULL);
	close(copy);
	return ret;
}

void uplink_detach(struct uplink *u)
{
	if (u->link >= 0)
		close(u->link);
	u->link = -1;
}

int uplink_set_socket(struct uplink *u, uint32_t queue, int fd)
{
	int ret = bpf_map_update_elem(bpf_map__fd(u->bpf->maps.sockets), &queue, &fd, BPF_ANY);

	return ret < 0 ? -errno : 0;
}

int uplink_filter(const struct uplink *u)
{
	return bpf_program__fd(u->bpf->progs.weft_filter);
}

// ---- what is ours -----------------------------------------------------------------------------

static size_t compared_len; // of keys; control is one thread

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, compared_len);
}

static void sort_keys(uint8_t *keys, size_t n, size_t key_len)
{
	compared_len = key_len;
	if (n > 1)
		qsort(keys, n, key_len, compare_keys);
}

static bool has_key(const uint8_t *keys, size_t n, size_t key_len, const void *key)
{
	compared_len = key_len;
	return n > 0 && bsearch(key, keys, n, key_len, compare_keys) != NULL;
}

// Adds the keys that are new. `keys` is sorted.
static void add_keys(const struct key_set *set, const uint8_t *keys, size_t n)
{
	const uint8_t one = 1;
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *key = keys + i * set->key_len;

		if (!has_key(set->keys, set->n, set->key_len, key) &&
			bpf_map_update_elem(set->map, key, &one, BPF_ANY) < 0)
			n_failed++;
	}
	if (n_failed > 0)
		log_warn("no room for all %s of an uplink: frames to the rest stay with the kernel "
			 "missing=%zu",
			set->what, n_failed);
}

// Takes away the keys that are no longer wanted; the set owns `keys` from now on.
static void remove_keys(struct key_set *set, uint8_t *keys, size_t n)
{
	for (size_t i = 0; i < set->n; i++) {
		const uint8_t *key = set->keys + i * set->key_len;

		if (!has_key(keys, n, set->key_len, key))
			bpf_map_delete_elem(set->map, key);
	}
	free(set->keys);
	set->keys = keys;
	set->n = n;
}

// Keys that a share wants of one set.
struct wanted {
	uint8_t *keys;
	size_t n;
};

static struct wanted wanted_new(size_t n, size_t key_len)
{
	struct wanted w = {calloc(n + 1, key_len), n};

	if (w.keys == NULL)
		abort();
	return w;
}

static struct wanted want_ports(const struct device_share *share)
{
	struct wanted w = wanted_new(share->port != 0 ? 1 : 0, sizeof(uint16_t));
	const uint16_t port = htons(share->port);

	memcpy(w.keys, &port, w.n * sizeof(port));
	return w;
}

static struct wanted want_addresses(const struct device_share *share)
{
	struct wanted w = wanted_new(share->n_addresses, sizeof(struct uplink_address));
	struct uplink_address *addresses = (struct uplink_address *)w.keys;

	for (size_t i = 0; i < w.n; i++)
		memcpy(addresses[i].b, share->addresses[i].b, sizeof(addresses[i].b));
	sort_keys(w.keys, w.n, sizeof(struct uplink_address));
	return w;
}

static struct wanted want_groups(const struct device_share *share)
{
	struct wanted w = wanted_new(share->n_groups, sizeof(struct uplink_group));
	struct uplink_group *groups = (struct uplink_group *)w.keys;

	for (size_t i = 0; i < w.n; i++) {
		const struct ip_prefix prefix = ip_prefix_network(&share->groups[i]);

		groups[i].len = prefix.len + (ip_is_v4(&prefix.addr) ? IPV4_BITS : 0);
		memcpy(&groups[i].address, &prefix.addr, sizeof(groups[i].address));
	}
	sort_keys(w.keys, w.n, sizeof(struct uplink_group));
	return w;
}

static struct wanted want_macs(const struct device_share *share)
{
	struct wanted w =
		wanted_new(share->untagged ? share->n_macs : 0, sizeof(struct uplink_mac));
	struct uplink_mac *macs = (struct uplink_mac *)w.keys;

	for (size_t i = 0; i < w.n; i++) {
		const struct mac mac = mac_from_u64(share->macs[i]);

		memcpy(macs[i].b, mac.b, sizeof(macs[i].b));
	}
	sort_keys(w.keys, w.n, sizeof(struct uplink_mac));
	return w;
}

static void set_vlans(struct uplink *u, const struct device_share *share)
{
	int map = bpf_map__fd(u->bpf->maps.vlans);
	uint8_t wanted[UPLINK_VLANS_MAX] = {0};

	for (size_t i = 0; share->vlans && i < share->n_vids; i++)
		wanted[share->vids[i] % UPLINK_VLANS_MAX] = 1;
	for (uint32_t vid = 0; vid < UPLINK_VLANS_MAX; vid++) {
		if (wanted[vid] == u->vlans[vid])
			continue;
		if (bpf_map_update_elem(map, &vid, &wanted[vid], BPF_ANY) == 0)
			u->vlans[vid] = wanted[vid];
		else
			log_warn("can not change a VLAN of an uplink vid=%u error=\"%s\"", vid,
				strerror(errno));
	}
}

static void set_settings(
	struct uplink *u, const struct device_share *share, uint64_t mac, bool no_xdp)
{
	const struct mac own = mac_from_u64(mac);
	const uint32_t zero = 0;
	struct uplink_settings settings = {
		.flags = (share->vlans ? UPLINK_SHARE_VLANS : 0) |
			 (share->untagged ? UPLINK_SHARE_UNTAGGED : 0) |
			 (no_xdp ? UPLINK_NO_XDP : 0),
		.vid = share->vid,
	};

	memcpy(settings.mac, own.b, sizeof(settings.mac));
	if (bpf_map_update_elem(bpf_map__fd(u->bpf->maps.settings), &zero, &settings, BPF_ANY) < 0)
		log_warn("can not change the settings of an uplink error=\"%s\"", strerror(errno));
}

void uplink_share(struct uplink *u, const struct device_share *share, uint64_t mac, bool no_xdp)
{
	struct key_set *sets[] = {&u->ports, &u->addresses, &u->groups, &u->macs};
	struct wanted wanted[] = {
		want_ports(share), want_addresses(share), want_groups(share), want_macs(share)};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		add_keys(sets[i], wanted[i].keys, wanted[i].n);
	set_vlans(u, share);
	set_settings(u, share, mac, no_xdp);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		remove_keys(sets[i], wanted[i].keys, wanted[i].n);
}

void uplink_read_counters(const struct uplink *u, uint64_t counters[N_UPLINK_COUNTERS])
{
	int map = bpf_map__fd(u->bpf->maps.counters);
	int n_cpus = libbpf_num_possible_cpus();
	uint64_t *values = n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*values)) : NULL;

	for (uint32_t i = 0; i < N_UPLINK_COUNTERS; i++) {
		counters[i] = 0;
		if (values == NULL || bpf_map_lookup_elem(map, &i, values) < 0)
			continue;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			counters[i] += values[cpu];
	}
	free(values);
}
