// SPDX-License-Identifier: BSD-3-Clause
// Sessions that a commit no longer allows end at once. What must go is found by comparing the
// models before and after: rules that are gone, members that left a remote group, addresses and
// networks that are gone; of routers: gateways, interfaces and floating addresses. As Linux does
// for neutron, a rule takes all sessions of the port's addresses with it that have its direction,
// family and protocol, whatever their ports are: traffic that goes on is judged anew by the rules
// that are left.

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "control/filters.h"
#include "control/internal.h"

#define LOG_MODULE "control"

// Sessions of a zone with `own` as one side (an originator if `egress`), `remotes` as the other.
struct cut {
	uint16_t zone;
	bool both_ways; // whoever is the originator
	bool egress;
	uint8_t protocol; // PROTOCOL_ANY: any
	struct ip_prefix own;
	const struct prefix_list *remotes; // disjoint, sorted by address; NULL: any
	struct ip_addr source;		   // set: only what can_move() to this source
};

// Cuts whose own prefixes are of one family and length.
struct cut_range {
	uint8_t len;
	bool v4;
	size_t first;
	size_t n;
};

// As many cuts as there are ports, times as many sessions as the table holds, would be too much:
// the cuts are sorted by the length of their own prefix, zone and address, so that those for a side
// of a session are found by a binary search for each length that there is.
struct cuts {
	struct arena *arena;
	struct cut *list;
	size_t n;
	size_t room;
	struct cut_range ranges[33 + 129];
	unsigned n_ranges;
	uint64_t token; // grace period of the snapshot that made them
};

static void add_cut(struct cuts *cuts, const struct cut *cut)
{
	if (cuts->n == cuts->room) {
		cuts->room = cuts->room != 0 ? 2 * cuts->room : 16;
		cuts->list = realloc(cuts->list, cuts->room * sizeof(*cuts->list));
		if (cuts->list == NULL)
			abort();
	}
	cuts->list[cuts->n++] = *cut;
}

// ---- what is gone ------------------------------------------------------------------------------

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_equal(&a->addr, &b->addr);
}

static bool has_source(const struct filter_sources *sources, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < sources->n; i++) {
		if (same_prefix(&sources->list[i].prefix, prefix))
			return true;
	}
	return false;
}

// One cut for each address of the port that is of the rule's family.
static void cut_own(struct cuts *cuts, const struct filter_sources *own, struct cut cut, bool v4)
{
	for (size_t i = 0; i < own->n; i++) {
		cut.own = own->list[i].prefix;
		if (ip_is_v4(&cut.own.addr) == v4)
			add_cut(cuts, &cut);
	}
}

// The members of a group that a change takes away, found when a rule first asks for them.
struct gone {
	bool known;
	struct prefix_list members; // disjoint, sorted
};

// A change of the model.
struct change {
	const struct model *old;
	const struct model *new;
	struct gone (*gone)[2]; // by group of `old` and family
};

// What it does to a port.
struct port_change {
	const struct change *all;
	const struct port_config *before;
	const struct port_config *after; // NULL: it is gone
	struct filter_sources own;	 // before
	uint16_t zone;
};

static int compare_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	return order != 0 ? order : a->len - b->len;
}

// Both lists are sorted alike, and so is the result. What lies within a prefix comes after it.
static struct prefix_list without(
	const struct prefix_list *before, const struct prefix_list *after, struct arena *arena)
{
	struct prefix_list out = {arena_alloc(arena, before->n * sizeof(*out.list)), 0};

	for (size_t i = 0, j = 0; i < before->n; i++) {
		const struct ip_prefix *prefix = &before->list[i];

		while (j < after->n && compare_prefix(&after->list[j], prefix) < 0)
			j++;
		if (j < after->n && compare_prefix(&after->list[j], prefix) == 0)
			continue;
		if (out.n == 0 || !ip_prefix_contains(&out.list[out.n - 1], &prefix->addr))
			out.list[out.n++] = *prefix;
	}
	return out;
}

static const struct prefix_list *gone_members(
	struct cuts *cuts, const struct change *change, const struct security_rule *rule)
{
	const struct security_group *group = model_security_group(change->old, rule->remote_group);
	struct gone *gone =
		&change->gone[group - change->old->security_groups][rule->family == RULE_IPV4];

	if (!gone->known) {
		struct prefix_list before =
			model_group_members(change->old, group->name, rule->family, cuts->arena);
		struct prefix_list after =
			model_group_members(change->new, group->name, rule->family, cuts->arena);

		gone->known = true;
		gone->members = without(&before, &after, cuts->arena);
	}
	return &gone->members;
}

static int compare_rule(const void *a, const void *b)
{
	return security_rule_compare(
		*(const struct security_rule *const *)a, *(const struct security_rule *const *)b);
}

static void cut_rules(struct cuts *cuts, const struct port_change *port, enum filter_chain chain)
{
	const struct change *change = port->all;
	struct filter_rules before = filters_rules(change->old, port->before, chain, cuts->arena);
	struct filter_rules after = filters_rules(change->new, port->after, chain, cuts->arena);

	qsort(after.list, after.n, sizeof(*after.list), compare_rule);
	for (size_t i = 0; i < before.n; i++) {
		const struct security_rule *rule = before.list[i];
		struct cut cut = {.zone = port->zone, .egress = rule->direction == RULE_EGRESS};

		if (bsearch(&rule, after.list, after.n, sizeof(*after.list), compare_rule) ==
			NULL) {
			cut.protocol = rule->protocol;
			cut_own(cuts, &port->own, cut, rule->family == RULE_IPV4);
		} else if (rule->remote_group != NULL) {
			cut.remotes = gone_members(cuts, change, rule);
			if (cut.remotes->n != 0)
				cut_own(cuts, &port->own, cut, rule->family == RULE_IPV4);
		}
	}
}

static void cut_port(struct cuts *cuts, const struct port_change *port)
{
	struct filter_sources left = {NULL, 0};

	if (port->after != NULL && strcmp(port->before->network, port->after->network) == 0)
		left = filters_sources(port->after, cuts->arena);
	for (size_t i = 0; i < port->own.n; i++) {
		if (!has_source(&left, &port->own.list[i].prefix))
			add_cut(cuts, &(struct cut){.zone = port->zone,
					      .both_ways = true,
					      .own = port->own.list[i].prefix});
	}
	if (port->after == NULL || !port_is_filtered(port->after))
		return;
	for (enum filter_chain chain = 0; chain < N_FILTER_CHAINS; chain++)
		cut_rules(cuts, port, chain);
}

static void cut_zone(struct cuts *cuts, uint16_t zone)
{
	struct cut all = {.zone = zone, .both_ways = true};

	add_cut(cuts, &all);
	all.own.addr = ip_from_v4(0);
	add_cut(cuts, &all);
}

static int compare_place(const struct cut *a, const struct cut *b)
{
	return a->zone != b->zone ? a->zone - b->zone
				  : memcmp(&a->own.addr, &b->own.addr, sizeof(a->own.addr));
}

static int compare_cut(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;
	const int orders[] = {
		ip_is_v4(&x->own.addr) - ip_is_v4(&y->own.addr),
		x->own.len - y->own.len,
		compare_place(x, y),
		x->both_ways - y->both_ways,
		x->egress - y->egress,
		x->protocol - y->protocol,
		(x->remotes > y->remotes) - (x->remotes < y->remotes),
		memcmp(&x->source, &y->source, sizeof(x->source)),
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		if (orders[i] != 0)
			return orders[i];
	}
	return 0;
}

// Thousands of rules may cut the same, and each session of their port is held against every cut.
static void drop_equal(struct cuts *cuts)
{
	size_t n = 1;

	for (size_t i = 1; i < cuts->n; i++) {
		if (compare_cut(&cuts->list[n - 1], &cuts->list[i]) != 0)
			cuts->list[n++] = cuts->list[i];
	}
	cuts->n = n;
}

static void sort_cuts(struct cuts *cuts)
{
	struct cut_range *range = NULL;

	if (cuts->n == 0)
		return;
	qsort(cuts->list, cuts->n, sizeof(*cuts->list), compare_cut);
	drop_equal(cuts);
	for (size_t i = 0; i < cuts->n; i++) {
		const struct ip_prefix *own = &cuts->list[i].own;
		bool v4 = ip_is_v4(&own->addr);

		if (range == NULL || range->len != own->len || range->v4 != v4) {
			range = &cuts->ranges[cuts->n_ranges++];
			*range = (struct cut_range){.len = own->len, .v4 = v4, .first = i};
		}
		range->n++;
	}
}

// ---- routers -----------------------------------------------------------------------------------

static void cut_address(
	struct cuts *cuts, uint16_t zone, const struct ip_addr *address, uint8_t len)
{
	add_cut(cuts, &(struct cut){.zone = zone,
			      .both_ways = true,
			      .protocol = PROTOCOL_ANY,
			      .own = ip_prefix_network(&(struct ip_prefix){*address, len})});
}

static bool gateway_stays(const struct router_gateway *before, const struct router_gateway *after)
{
	return after->present && strcmp(before->network, after->network) == 0 &&
	       ip_equal(&before->address, &after->address) &&
	       before->enable_snat == after->enable_snat;
}

static bool has_interface(const struct router_config *router, const struct router_interface *wanted)
{
	for (size_t i = 0; i < router->n_interfaces; i++) {
		if (strcmp(router->interfaces[i].subnet, wanted->subnet) == 0)
			return true;
	}
	return false;
}

// Whether a floating address of one configuration is the same on a router of the `other`.
static bool floating_stays(const struct floating_ip_config *floating,
	const struct floating_ip_config *other, const struct router_config *router)
{
	return other != NULL && floating_is_on(other, router) &&
	       ip_equal(&floating->external, &other->external) &&
	       ip_equal(&floating->fixed, &other->fixed);
}

// What an address that has got a floating one began before goes on under that one, so that answers
// and what comes to the floating address belong together.
static void cut_floating(struct cuts *cuts, uint16_t zone, const struct floating_ip_config *added)
{
	add_cut(cuts, &(struct cut){.zone = zone,
			      .egress = true,
			      .protocol = PROTOCOL_ANY,
			      .own = {added->fixed, 32},
			      .source = added->external});
}

static void cut_floatings(struct cuts *cuts, const struct change *change, uint16_t zone,
	const struct router_config *before, const struct router_config *after)
{
	for (size_t i = 0; i < change->old->n_floating_ips; i++) {
		const struct floating_ip_config *was = &change->old->floating_ips[i];

		if (floating_is_on(was, before) &&
			!floating_stays(was, model_floating_ip(change->new, was->name), after))
			cut_address(cuts, zone, &was->external, 32);
	}
	for (size_t i = 0; i < change->new->n_floating_ips; i++) {
		const struct floating_ip_config *is = &change->new->floating_ips[i];

		if (floating_is_on(is, after) &&
			!floating_stays(is, model_floating_ip(change->old, is->name), before))
			cut_floating(cuts, zone, is);
	}
}

static void cut_router(struct cuts *cuts, const struct change *change,
	const struct router_config *before, uint16_t zone)
{
	const struct router_config *after = model_router(change->new, before->name);

	if (!before->gateway.present) // it had no sessions
		return;
	if (after == NULL || !gateway_stays(&before->gateway, &after->gateway)) {
		cut_zone(cuts, zone);
		return;
	}
	for (size_t i = 0; i < before->n_interfaces; i++) {
		const struct router_interface *interface = &before->interfaces[i];
		const struct ip_prefix *cidr = &model_subnet(change->old, interface->subnet)->cidr;

		if (!has_interface(after, interface))
			cut_address(cuts, zone, &cidr->addr, cidr->len);
	}
	cut_floatings(cuts, change, zone, before, after);
}

struct cuts *cuts_find(
	const struct control *control, const struct model *old, const struct model *new)
{
	struct cuts *cuts = calloc(1, sizeof(*cuts));
	struct change change = {.old = old, .new = new};

	if (cuts == NULL)
		abort();
	cuts->arena = arena_new();
	if (old == NULL)
		return cuts;
	change.gone = arena_alloc(cuts->arena, old->n_security_groups * sizeof(*change.gone));
	for (size_t i = 0; i < old->n_networks; i++) {
		const char *name = old->networks[i].name;

		if (model_network(new, name) == NULL)
			cut_zone(cuts, ids_find(control->networks, name));
	}
	for (size_t i = 0; i < old->n_ports; i++) {
		const struct port_config *before = &old->ports[i];

		if (!port_is_filtered(before))
			continue;
		cut_port(cuts, &(struct port_change){
				       .all = &change,
				       .before = before,
				       .after = model_port(new, before->name),
				       .own = filters_sources(before, cuts->arena),
				       .zone = ids_find(control->networks, before->network),
			       });
	}
	for (size_t i = 0; i < old->n_routers; i++)
		cut_router(cuts, &change, &old->routers[i],
			ROUTER_ZONE | ids_find(control->routers, old->routers[i].name));
	sort_cuts(cuts);
	return cuts;
}

void cuts_free(struct cuts *cuts)
{
	if (cuts == NULL)
		return;
	arena_free(cuts->arena);
	free(cuts->list);
	free(cuts);
}

// ---- cutting -----------------------------------------------------------------------------------

static bool is_remote(const struct prefix_list *remotes, const struct ip_addr *ip)
{
	size_t low = 0, high;

	if (remotes == NULL)
		return true;
	// the last one that begins at or before the address
	for (high = remotes->n; low < high;) {
		size_t middle = (low + high) / 2;

		if (memcmp(&remotes->list[middle].addr, ip, sizeof(*ip)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && ip_prefix_contains(&remotes->list[low - 1], ip);
}

// The first cut of a range that is not before a zone and address.
static size_t first_at(
	const struct cuts *cuts, const struct cut_range *range, const struct cut *place)
{
	size_t low = range->first, high = range->first + range->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare_place(&cuts->list[middle], place) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// Whether a router's session leaves with another source than it should, and can do without that. A
// TCP connection can not: it keeps its translation until it ends.
static bool can_move(const struct session_info *session, const struct ip_addr *source)
{
	const struct ip_addr *is =
		session->translated ? &session->reply_destination : &session->source;

	return !ip_equal(is, source) && !(session->flags & SESSION_ASSURED);
}

// Whether a cut of the range has this side of the session, the originator's or the other, as own.
static bool is_cut(const struct cuts *cuts, const struct cut_range *range,
	const struct session_info *session, bool originator)
{
	const struct ip_addr *own = originator ? &session->source : &session->destination;
	const struct ip_addr *remote = originator ? &session->destination : &session->source;
	struct cut place = {
		.zone = session->zone,
		.own = ip_prefix_network(&(struct ip_prefix){*own, range->len}),
	};

	for (size_t i = first_at(cuts, range, &place); i < range->first + range->n; i++) {
		const struct cut *cut = &cuts->list[i];

		if (compare_place(cut, &place) != 0)
			return false;
		if ((cut->both_ways || cut->egress == originator) &&
			(cut->protocol == PROTOCOL_ANY || cut->protocol == session->protocol) &&
			is_remote(cut->remotes, remote) &&
			(!ip_is_set(&cut->source) || can_move(session, &cut->source)))
			return true;
	}
	return false;
}

static bool is_cut_by_any(const struct cuts *cuts, const struct session_info *session)
{
	bool v4 = ip_is_v4(&session->source);

	for (unsigned i = 0; i < cuts->n_ranges; i++) {
		const struct cut_range *range = &cuts->ranges[i];

		if (range->v4 == v4 &&
			(is_cut(cuts, range, session, true) || is_cut(cuts, range, session, false)))
			return true;
	}
	return false;
}

static bool match(const struct session_info *session, void *arg)
{
	struct session_info other_side = *session;

	other_side.source = session->reply_destination;
	other_side.destination = session->reply_source;
	return is_cut_by_any(arg, session) ||
	       (session->translated && is_cut_by_any(arg, &other_side));
}

// ---- after a commit ----------------------------------------------------------------------------

static void set_timeouts(struct session_table *table, const struct sessions_config *config)
{
	const uint32_t seconds[N_SESSION_TIMEOUTS] = {
		[SESSION_TIMEOUT_TCP_SYN_SENT] = config->tcp_syn_sent,
		[SESSION_TIMEOUT_TCP_SYN_RECEIVED] = config->tcp_syn_received,
		[SESSION_TIMEOUT_TCP_ESTABLISHED] = config->tcp_established,
		[SESSION_TIMEOUT_TCP_FIN_WAIT] = config->tcp_fin_wait,
		[SESSION_TIMEOUT_TCP_CLOSE_WAIT] = config->tcp_close_wait,
		[SESSION_TIMEOUT_TCP_LAST_ACK] = config->tcp_last_ack,
		[SESSION_TIMEOUT_TCP_TIME_WAIT] = config->tcp_time_wait,
		[SESSION_TIMEOUT_TCP_CLOSE] = config->tcp_close,
		[SESSION_TIMEOUT_TCP_UNACKNOWLEDGED] = config->tcp_unacknowledged,
		[SESSION_TIMEOUT_UDP] = config->udp,
		[SESSION_TIMEOUT_UDP_STREAM] = config->udp_stream,
		[SESSION_TIMEOUT_ICMP] = config->icmp,
		[SESSION_TIMEOUT_OTHER] = config->other,
	};

	for (enum session_timeout t = 0; t < N_SESSION_TIMEOUTS; t++)
		session_set_timeout(table, t, seconds[t]);
}

void filters_follow(
	struct control *control, const struct model *model, struct cuts *cuts, uint64_t token)
{
	struct session_table *table = control->tables->sessions;

	session_set_limits(table, model->sessions.limit, model->sessions.port_quota);
	set_timeouts(table, &model->sessions);
	if (cuts->n == 0) {
		cuts_free(cuts);
		return;
	}
	log_debug("sessions cut n=%u", session_cut(table, match, cuts));
	// Cuts that still wait are done now: their grace period began before this one.
	cuts->token = token;
	if (control->cuts != NULL)
		session_cut(table, match, control->cuts);
	cuts_free(control->cuts);
	control->cuts = cuts;
}

void filters_poll(struct control *control)
{
	rows_poll(control->rows);
	if (control->cuts == NULL || !rcu_passed(control->tables->rcu, control->cuts->token))
		return;
	session_cut(control->tables->sessions, match, control->cuts);
	cuts_free(control->cuts);
	control->cuts = NULL;
}
