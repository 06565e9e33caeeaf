// SPDX-License-Identifier: BSD-3-Clause
// lease.list: what the DHCP responder has given, and what clients have declined.

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/call.h"
#include "control/internal.h"
#include "slowpath/lease.h"

#define LIST_DEFAULT 10000
#define LIST_MAX     65536

struct choice {
	const char *network; // NULL: all
	struct ip_addr address;
	bool address_given;
	json_int_t limit;
	uint64_t now_ns;
	json_t *list;
};

static int read_choice(const struct call *call, struct choice *choice)
{
	const char *address;

	if (call_text(call, "network", &choice->network) < 0 ||
		call_text(call, "address", &address) < 0)
		return -EINVAL;
	if (choice->network != NULL && ids_find(call->control->networks, choice->network) == 0) {
		problem_add(call->problems, E_NOT_FOUND, "network", "there is no network \"%s\"",
			choice->network);
		return -ENOENT;
	}
	choice->address_given = address != NULL;
	if (choice->address_given &&
		(ip_parse(address, &choice->address) != 0 || !ip_is_v4(&choice->address))) {
		problem_add(call->problems, E_VALUE, "address",
			"\"%s\" is not an IPv4 address such as 172.16.1.33", address);
		return -EINVAL;
	}
	return call_integer(call, "limit", LIST_MAX, &choice->limit);
}

// Seconds until a time that is to come, rounded up.
static json_int_t seconds_left(uint64_t until_ns, uint64_t now_ns)
{
	return (json_int_t)((until_ns - now_ns + NS_PER_S - 1) / NS_PER_S);
}

static void list_lease(const struct lease *lease, void *arg)
{
	struct choice *choice = arg;
	struct ip_addr ip = ip_from_v4(lease->address);
	struct mac mac = mac_from_u64(lease->mac);
	char ip_text[IP_TEXT_LEN];
	char mac_text[MAC_TEXT_LEN];

	if ((choice->network != NULL && strcmp(lease->network, choice->network) != 0) ||
		(choice->address_given && !ip_equal(&choice->address, &ip)) ||
		json_array_size(choice->list) >= (size_t)choice->limit)
		return;
	json_t *json = json_pack("{s:s, s:s, s:s}", "network", lease->network, "address",
		ip_format(&ip, ip_text), "mac", mac_format(&mac, mac_text));
	if (lease->expires_ns > choice->now_ns)
		json_object_set_new(json, "expires",
			json_integer(seconds_left(lease->expires_ns, choice->now_ns)));
	if (lease->held_until_ns > choice->now_ns)
		json_object_set_new(json, "declined",
			json_integer(seconds_left(lease->held_until_ns, choice->now_ns)));
	json_array_append_new(choice->list, json);
}

static json_t *lease_list(struct call *call)
{
	struct choice choice = {.limit = LIST_DEFAULT, .now_ns = clock_now_ns()};

	if (read_choice(call, &choice) < 0)
		return NULL;
	choice.list = json_array();
	leases_visit(slowpath_leases(call->control->slowpath), list_lease, &choice);
	return choice.list;
}

static const char *const list_params[] = {"network", "address", "limit", NULL};

const struct method lease_methods[] = {
	{"lease.list", lease_list, list_params, "leases that the DHCP responder gave", false},
	{0},
};
