// SPDX-License-Identifier: BSD-3-Clause
// Sessions that a commit no longer allows end at once. What must go is found by comparing the
// models before and after: rules that are gone, members that left a remote group, addresses and
// networks that are gone. As Linux does for neutron, a rule takes all sessions of the port's
// addresses with it that have its direction, family and protocol, whatever their ports are: traffic
// that goes on is judged anew by the rules that are left.

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/filters.h"
#include "control/internal.h"

#define LOG_MODULE "control"

// Sessions of a zone with `own` as one side (an originator if `egress`), `remote` as the other.
struct cut {
	uint16_t zone;
	bool whole_zone;
	bool both_ways; // whoever is the originator
	bool egress;
	uint8_t protocol; // PROTOCOL_ANY: any
	struct ip_prefix own;
	struct ip_prefix remote; // length 0: any
};

struct cuts {
	struct arena *arena;
	struct cut *list;
	size_t n;
	size_t room;
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

static bool same_rule(const struct security_rule *a, const struct security_rule *b)
{
	bool same_group = a->remote_group == b->remote_group ||
			  (a->remote_group != NULL && b->remote_group != NULL &&
				  strcmp(a->remote_group, b->remote_group) == 0);

	return same_group && a->protocol == b->protocol && a->ports_given == b->ports_given &&
	       (!a->ports_given ||
		       (a->ports.min == b->ports.min && a->ports.max == b->ports.max)) &&
	       a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code &&
	       a->remote_prefix_given == b->remote_prefix_given &&
	       (!a->remote_prefix_given || same_prefix(&a->remote_prefix, &b->remote_prefix));
}

static bool has_rule(const struct filter_rules *rules, const struct security_rule *rule)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (same_rule(rules->list[i], rule))
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

// A change of a port between two models.
struct change {
	const struct model *old;
	const struct model *new;
	const struct port_config *before;
	const struct port_config *after;
	struct filter_sources own; // before
	uint16_t zone;
};

static void cut_members(
	struct cuts *cuts, const struct change *change, const struct security_rule *rule)
{
	struct prefix_list before =
		model_group_members(change->old, rule->remote_group, rule->family, cuts->arena);
	struct prefix_list after =
		model_group_members(change->new, rule->remote_group, rule->family, cuts->arena);

	for (size_t i = 0, j = 0; i < before.n; i++) {
		// Both are sorted alike.
		while (j < after.n && memcmp(&after.list[j].addr, &before.list[i].addr,
					      sizeof(before.list[i].addr)) < 0)
			j++;
		bool stays = false;

		for (size_t k = j;
			k < after.n && ip_equal(&after.list[k].addr, &before.list[i].addr); k++)
			stays |= after.list[k].len == before.list[i].len;
		if (!stays)
			cut_own(cuts, &change->own,
				(struct cut){.zone = change->zone,
					.egress = rule->direction == RULE_EGRESS,
					.remote = before.list[i]},
				rule->family == RULE_IPV4);
	}
}

static void cut_rules(struct cuts *cuts, const struct change *change, enum filter_chain chain)
{
	struct filter_rules before = filters_rules(change->old, change->before, chain, cuts->arena);
	struct filter_rules after = filters_rules(change->new, change->after, chain, cuts->arena);

	for (size_t i = 0; i < before.n; i++) {
		const struct security_rule *rule = before.list[i];

		if (!has_rule(&after, rule))
			cut_own(cuts, &change->own,
				(struct cut){.zone = change->zone,
					.egress = rule->direction == RULE_EGRESS,
					.protocol = rule->protocol},
				rule->family == RULE_IPV4);
		else if (rule->remote_group != NULL)
			cut_members(cuts, change, rule);
	}
}

static void cut_port(struct cuts *cuts, struct change *change)
{
	struct filter_sources left = {NULL, 0};

	if (change->after != NULL && strcmp(change->before->network, change->after->network) == 0)
		left = filters_sources(change->after, cuts->arena);
	for (size_t i = 0; i < change->own.n; i++) {
		if (!has_source(&left, &change->own.list[i].prefix))
			add_cut(cuts, &(struct cut){.zone = change->zone,
					      .both_ways = true,
					      .own = change->own.list[i].prefix});
	}
	if (change->after == NULL || !port_is_filtered(change->after))
		return;
	for (enum filter_chain chain = 0; chain < N_FILTER_CHAINS; chain++)
		cut_rules(cuts, change, chain);
}

struct cuts *cuts_find(
	const struct control *control, const struct model *old, const struct model *new)
{
	struct cuts *cuts = calloc(1, sizeof(*cuts));

	if (cuts == NULL)
		abort();
	cuts->arena = arena_new();
	for (size_t i = 0; old != NULL && i < old->n_networks; i++) {
		const char *name = old->networks[i].name;

		if (model_network(new, name) == NULL)
			add_cut(cuts, &(struct cut){.zone = ids_find(control->networks, name),
					      .whole_zone = true});
	}
	for (size_t i = 0; old != NULL && i < old->n_ports; i++) {
		struct change change = {.old = old, .new = new, .before = &old->ports[i]};

		if (!port_is_filtered(change.before))
			continue;
		change.after = model_port(new, change.before->name);
		change.own = filters_sources(change.before, cuts->arena);
		change.zone = ids_find(control->networks, change.before->network);
		cut_port(cuts, &change);
	}
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

static bool is_side(const struct cut *cut, const struct ip_addr *own, const struct ip_addr *remote)
{
	return ip_prefix_contains(&cut->own, own) &&
	       (cut->remote.len == 0 || ip_prefix_contains(&cut->remote, remote));
}

static bool is_cut(const struct cut *cut, const struct session_info *session)
{
	if (cut->zone != session->zone)
		return false;
	if (cut->whole_zone)
		return true;
	if (cut->protocol != PROTOCOL_ANY && cut->protocol != session->protocol)
		return false;
	if ((cut->egress || cut->both_ways) &&
		is_side(cut, &session->source, &session->destination))
		return true;
	return (!cut->egress || cut->both_ways) &&
	       is_side(cut, &session->destination, &session->source);
}

static bool match(const struct session_info *session, void *arg)
{
	const struct cuts *cuts = arg;

	for (size_t i = 0; i < cuts->n; i++) {
		if (is_cut(&cuts->list[i], session))
			return true;
	}
	return false;
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
