// SPDX-License-Identifier: BSD-3-Clause
// fdb.list and fdb.flush: the forwarding database as it is. fdb.add, set and del edit the static
// entries of the configuration like any other kind (methods_object.c).

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "control/call.h"
#include "control/internal.h"

// An answer stays below the longest line of the protocol, and its making does not keep the control
// thread from its packets for long.
#define LIST_DEFAULT 10000
#define LIST_MAX     65536

struct listing {
	const struct control *control;
	uint16_t domain;   // 0: all
	uint16_t location; // 0: all
	uint64_t mac;	   // 0: all
	size_t limit;
	uint32_t now_s;
	json_t *list;
};

// "port web", "uplink provider" or "remote 192.0.2.1".
static void format_location(
	const struct control *control, uint16_t location, char text[ATTACHMENT_NAME_LEN])
{
	const char *name = ids_name(control->attachments, location);

	if (location & LOCATION_REMOTE) {
		const struct remote *remote =
			remote_get(control->tables->remotes, location & (uint16_t)~LOCATION_REMOTE);
		struct ip_addr address = ip_from_v4(remote != NULL ? remote->address : 0);
		char ip[IP_TEXT_LEN];

		snprintf(text, ATTACHMENT_NAME_LEN, "remote %s", ip_format(&address, ip));
	} else if (name != NULL &&
		   control->tables->snapshot->attachments[location].kind == ATTACHMENT_SEGMENT) {
		// Which segment it is follows from the network.
		snprintf(text, ATTACHMENT_NAME_LEN, "uplink %.*s", (int)(strrchr(name, '.') - name),
			name);
	} else {
		snprintf(text, ATTACHMENT_NAME_LEN, "%s", name != NULL ? name : "");
	}
}

static bool list_entry(const struct fdb_entry *entry, void *arg)
{
	struct listing *listing = arg;
	const struct control *control = listing->control;
	struct mac mac = mac_from_u64(entry->mac);
	char at[ATTACHMENT_NAME_LEN], text[MAC_TEXT_LEN];
	json_t *json;

	if ((listing->domain != 0 && entry->domain != listing->domain) ||
		(listing->location != 0 && entry->location != listing->location) ||
		(listing->mac != 0 && entry->mac != listing->mac) ||
		!ids_live(control->domains, entry->domain))
		return true;
	format_location(control, entry->location, at);
	json = json_pack("{s:s, s:s, s:s, s:b}", "network",
		ids_name(control->domains, entry->domain), "mac", mac_format(&mac, text), "at", at,
		"static", entry->is_static);
	if (!entry->is_static)
		json_object_set_new(json, "age",
			json_integer(listing->now_s > entry->seen_s ? listing->now_s - entry->seen_s
								    : 0));
	json_array_append_new(listing->list, json);
	return json_array_size(listing->list) < listing->limit;
}

// The network or port that a parameter names. -1 after adding a problem.
static int read_network(const struct call *call, uint16_t *domain)
{
	const char *name;

	*domain = 0;
	if (call_text(call, "network", &name) < 0)
		return -1;
	if (name == NULL)
		return 0;
	*domain = ids_find(call->control->domains, name);
	if (*domain != 0)
		return 0;
	problem_add(call->problems, E_NOT_FOUND, "network", "there is no network \"%s\"", name);
	return -1;
}

// A port without a device has no attachment, and nothing is learned of it here.
static int read_port(const struct call *call, const struct port_config **port, uint16_t *attachment)
{
	char name[ATTACHMENT_NAME_LEN];

	*attachment = 0;
	if (call_port(call, "port", port) < 0)
		return -1;
	if (*port != NULL)
		*attachment = ids_find(call->control->attachments, name_of_port(name, *port));
	return 0;
}

static int read_mac(const struct call *call, uint64_t *value)
{
	struct mac mac;
	const char *text;

	*value = 0;
	if (call_text(call, "mac", &text) < 0)
		return -1;
	if (text == NULL)
		return 0;
	if (mac_parse(text, &mac) < 0) {
		problem_add(call->problems, E_VALUE, "mac",
			"\"%s\" is not a MAC such as fa:16:3e:de:6e:86", text);
		return -1;
	}
	*value = mac_to_u64(&mac);
	return 0;
}

// One MAC is looked up in each network instead of searched for.
static void list_mac(struct listing *listing)
{
	const struct control *control = listing->control;
	struct fdb_entry entry;

	for (uint16_t id = 1; id <= ids_highest(control->domains); id++) {
		if ((listing->domain == 0 || listing->domain == id) &&
			fdb_get(control->tables->fdb, id, listing->mac, &entry) &&
			!list_entry(&entry, listing))
			return;
	}
}

static json_t *fdb_list(struct call *call)
{
	struct listing listing = {
		.control = call->control,
		.now_s = tables_now_s(call->control->tables, clock_now_ns()),
	};
	const struct port_config *port;
	json_int_t limit = LIST_DEFAULT;

	if (read_network(call, &listing.domain) < 0 ||
		read_port(call, &port, &listing.location) < 0 || read_mac(call, &listing.mac) < 0 ||
		call_integer(call, "limit", LIST_MAX, &limit) < 0)
		return NULL;
	listing.limit = (size_t)limit;
	listing.list = json_array();
	if (port != NULL && listing.location == 0)
		return listing.list;
	if (listing.mac != 0)
		list_mac(&listing);
	else
		fdb_walk(call->control->tables->fdb, list_entry, &listing);
	return listing.list;
}

// ---- flush -------------------------------------------------------------------------------------

static uint32_t count_learned(const struct control *control, uint16_t domain)
{
	uint32_t n = 0;

	for (uint16_t id = 1; id <= ids_highest(control->domains); id++) {
		if (ids_live(control->domains, id) && (domain == 0 || domain == id))
			n += fdb_count_domain(control->tables->fdb, id);
	}
	return n;
}

static json_t *fdb_flush(struct call *call)
{
	struct control *control = call->control;
	const struct port_config *port;
	uint16_t domain, attachment;
	uint32_t n = 0;

	if (read_network(call, &domain) < 0 || read_port(call, &port, &attachment) < 0)
		return NULL;
	if (domain != 0 && port != NULL) {
		problem_add(call->problems, E_KEY_EXCLUSIVE, "port",
			"a flush is of one network, one port, or all: name one or none");
		return NULL;
	}
	if (attachment != 0) {
		n = fdb_count_location(control->tables->fdb, attachment);
		entries_flush(control, attachment);
	} else if (port == NULL) {
		n = count_learned(control, domain);
		if (commit_flush(control, domain != 0 ? ids_name(control->domains, domain) : NULL,
			    call->problems) < 0)
			return NULL;
	}
	return json_pack("{s:I}", "flushed", (json_int_t)n);
}

static const char *const list_params[] = {"network", "port", "mac", "limit", NULL};
static const char *const flush_params[] = {"network", "port", NULL};

const struct method fdb_methods[] = {
	{"fdb.list", fdb_list, list_params, "entries of the FDB, learned and static", false},
	{"fdb.flush", fdb_flush, flush_params, "forgets what was learned", true},
	{0},
};
