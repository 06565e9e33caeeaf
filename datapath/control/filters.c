// SPDX-License-Identifier: BSD-3-Clause
// Compiles filter tables into a snapshot. Ports with the same list of groups share a policy.

#include "control/filters.h"

#include <stdlib.h>
#include <string.h>

#include "control/classifier.h"
#include "control/internal.h"

// ---- what a port may send ----------------------------------------------------------------------

static struct ip_addr link_local_of(const struct mac *mac)
{
	struct ip_addr ip = {{0xfe, 0x80}};

	ip.b[8] = mac->b[0] ^ 2;
	ip.b[9] = mac->b[1];
	ip.b[10] = mac->b[2];
	ip.b[11] = 0xff;
	ip.b[12] = 0xfe;
	memcpy(&ip.b[13], &mac->b[3], 3);
	return ip;
}

// A fixed address stays one when a pair names it, too.
static void add_source(
	struct filter_sources *sources, struct ip_prefix prefix, struct mac mac, bool is_fixed)
{
	for (size_t i = 0; i < sources->n; i++) {
		struct filter_source *s = &sources->list[i];

		if (s->prefix.len == prefix.len && ip_equal(&s->prefix.addr, &prefix.addr) &&
			mac_equal(&s->mac, &mac)) {
			s->is_fixed |= is_fixed;
			return;
		}
	}
	sources->list[sources->n++] = (struct filter_source){prefix, mac, is_fixed};
}

struct filter_sources filters_sources(const struct port_config *port, struct arena *arena)
{
	size_t most = 2 * port->n_pairs + port->addresses.n + 1;
	struct filter_sources out = {arena_alloc(arena, most * sizeof(*out.list)), 0};

	for (size_t i = 0; i < port->n_pairs; i++)
		add_source(&out, port->pairs[i].prefix, port->pairs[i].mac, false);
	for (size_t i = 0; i < port->addresses.n; i++) {
		struct ip_addr ip = port->addresses.list[i];

		add_source(&out, (struct ip_prefix){ip, ip_is_v4(&ip) ? 32 : 128}, port->mac, true);
	}
	add_source(&out, (struct ip_prefix){link_local_of(&port->mac), 128}, port->mac, true);
	for (size_t i = 0; i < port->n_pairs; i++) {
		struct mac mac = port->pairs[i].mac;

		add_source(&out, (struct ip_prefix){link_local_of(&mac), 128}, mac, false);
	}
	return out;
}

// ---- rules of a port ---------------------------------------------------------------------------

static bool is_of_chain(const struct security_rule *rule, enum filter_chain chain)
{
	bool out = chain == CHAIN_OUT4 || chain == CHAIN_OUT6;
	bool v4 = chain == CHAIN_OUT4 || chain == CHAIN_IN4;

	return (rule->direction == RULE_EGRESS) == out && (rule->family == RULE_IPV4) == v4;
}

static size_t count_rules(
	const struct model *model, const struct port_config *port, enum filter_chain chain)
{
	size_t n = 0;

	for (size_t g = 0; g < port->security_groups.n; g++) {
		const struct security_group *group =
			model_security_group(model, port->security_groups.list[g]);

		for (size_t i = 0; i < group->n_rules; i++)
			n += is_of_chain(&group->rules[i], chain);
	}
	return n;
}

struct filter_rules filters_rules(const struct model *model, const struct port_config *port,
	enum filter_chain chain, struct arena *arena)
{
	struct filter_rules out = {
		arena_alloc(arena, count_rules(model, port, chain) * sizeof(*out.list)), 0};

	for (size_t g = 0; g < port->security_groups.n; g++) {
		const struct security_group *group =
			model_security_group(model, port->security_groups.list[g]);

		for (size_t i = 0; i < group->n_rules; i++) {
			if (is_of_chain(&group->rules[i], chain))
				out.list[out.n++] = &group->rules[i];
		}
	}
	return out;
}

uint32_t filters_first_rule(
	const struct model *model, const struct port_config *port, enum filter_chain chain)
{
	struct arena *arena = arena_new();
	uint32_t first = N_FILTER_ROWS + filters_sources(port, arena).n;

	arena_free(arena);
	for (enum filter_chain c = 0; c < chain; c++)
		first += count_rules(model, port, c);
	return first;
}

// ---- rows --------------------------------------------------------------------------------------

// What makes a row the one it is, by counter.
static const char **row_labels(const struct chain_rows *rows, struct arena *arena)
{
	const char **labels = arena_alloc(arena, rows->n_counters * sizeof(*labels));

	for (uint32_t i = 0; i < rows->n_counters; i++)
		labels[i] = "";
	for (size_t i = 0; i < rows->n; i++) {
		const struct chain_row *row = &rows->list[i];

		labels[row->index] = arena_printf(arena, "%s|%s|%s|%s|%s|%s", row->chain,
			row->target, row->protocol, row->source, row->destination, row->match);
	}
	return labels;
}

static uint32_t take_rows(
	struct control *control, const struct model *model, const struct port_config *port)
{
	struct arena *arena = arena_new();
	struct chain_rows rows = filters_rows(model, port, arena);
	uint32_t first =
		rows_take(control->rows, port->name, row_labels(&rows, arena), rows.n_counters);

	arena_free(arena);
	return first;
}

static bool fits_classifiers(const struct model *model, const struct port_config *port)
{
	for (enum filter_chain chain = 0; chain < N_FILTER_CHAINS; chain++) {
		if (count_rules(model, port, chain) > CLASSIFIER_RULES_MAX)
			return false;
	}
	return true;
}

static const char *groups_path(const struct model *model, const struct port_config *port)
{
	return arena_printf(model->arena, "ports.%s.security-groups", port->name);
}

int filters_prepare(struct control *control, const struct model *model, struct problems *problems)
{
	for (size_t i = 0; i < model->n_ports; i++) {
		const struct port_config *port = &model->ports[i];

		if (!port_is_filtered(port))
			continue;
		if (!fits_classifiers(model, port)) {
			problem_add(problems, E_LIMIT, groups_path(model, port),
				"the groups of a port can have %u rules of one direction and IP "
				"version, not more",
				CLASSIFIER_RULES_MAX);
			return -ENOSPC;
		}
		if (take_rows(control, model, port) == 0) {
			problem_add(problems, E_LIMIT, groups_path(model, port),
				"there are more than %u rules of all ports together",
				MAX_FILTER_ROWS);
			return -ENOSPC;
		}
	}
	return 0;
}

// ---- policies ----------------------------------------------------------------------------------

struct compiler {
	struct control *control;
	const struct model *model;
	struct snapshot *s;
	struct arena *arena;
	struct arena *scratch;
	const struct prefix_list *(*members)[2]; // by group and family; NULL: not asked for yet
	struct policy **policies;		 // by port index; NULL: not filtered
};

// The members of the group that a rule names, NULL: it names none. Collected once: the members of
// one group may be all ports, and its policies many.
static const struct prefix_list *members_of(struct compiler *c, const struct security_rule *rule)
{
	const struct security_group *group;
	const struct prefix_list **known;
	struct prefix_list *members;

	if (rule->remote_group == NULL)
		return NULL;
	group = model_security_group(c->model, rule->remote_group);
	known = &c->members[group - c->model->security_groups][rule->family == RULE_IPV4];
	if (*known == NULL) {
		*known = members = arena_alloc(c->scratch, sizeof(*members));
		*members = model_group_members(c->model, group->name, rule->family, c->scratch);
	}
	return *known;
}

static struct policy *policy_build(struct compiler *c, const struct port_config *port)
{
	struct policy *policy = arena_alloc(c->arena, sizeof(*policy));
	struct arena *scratch = arena_new();

	for (enum filter_chain chain = 0; chain < N_FILTER_CHAINS; chain++) {
		struct filter_rules rules = filters_rules(c->model, port, chain, scratch);
		struct classifier_rule *list = arena_alloc(scratch, rules.n * sizeof(*list));

		for (size_t i = 0; i < rules.n; i++)
			list[i] = (struct classifier_rule){
				rules.list[i], members_of(c, rules.list[i])};
		policy->chains[chain] = classifier_build(c->arena, list, rules.n);
	}
	for (size_t g = 0; g < port->security_groups.n; g++)
		policy->stateless |=
			!model_security_group(c->model, port->security_groups.list[g])->stateful;
	arena_free(scratch);
	return policy;
}

static int groups_compare(const struct port_config *a, const struct port_config *b)
{
	if (a->security_groups.n != b->security_groups.n)
		return a->security_groups.n < b->security_groups.n ? -1 : 1;
	for (size_t i = 0; i < a->security_groups.n; i++) {
		int order = strcmp(a->security_groups.list[i], b->security_groups.list[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

static int port_groups_compare(const void *a, const void *b)
{
	return groups_compare(
		*(const struct port_config *const *)a, *(const struct port_config *const *)b);
}

static void build_policies(struct compiler *c)
{
	size_t n = 0;
	const struct port_config **ports =
		arena_alloc(c->arena, c->model->n_ports * sizeof(*ports));

	c->policies = arena_alloc(c->arena, c->model->n_ports * sizeof(*c->policies));
	for (size_t i = 0; i < c->model->n_ports; i++) {
		if (port_is_filtered(&c->model->ports[i]))
			ports[n++] = &c->model->ports[i];
	}
	if (n != 0)
		qsort(ports, n, sizeof(*ports), port_groups_compare);
	for (size_t i = 0; i < n; i++) {
		bool same = i != 0 && groups_compare(ports[i - 1], ports[i]) == 0;

		c->policies[ports[i] - c->model->ports] =
			same ? c->policies[ports[i - 1] - c->model->ports]
			     : policy_build(c, ports[i]);
	}
}

// ---- filters -----------------------------------------------------------------------------------

static void compile_sources(
	struct compiler *c, struct filter *filter, const struct filter_sources *sources)
{
	struct filter_pair *pairs = arena_alloc(c->arena, sources->n * sizeof(*pairs));

	for (size_t i = 0; i < sources->n; i++) {
		const struct filter_source *source = &sources->list[i];

		pairs[i] = (struct filter_pair){
			.address = filter_address_of(&source->prefix.addr),
			.mask = filter_mask_of(&source->prefix),
			.mac = mac_to_u64(&source->mac),
			.family = ip_is_v4(&source->prefix.addr) ? 4 : 6,
			.is_fixed = source->is_fixed,
		};
		filter->any_arp |= pairs[i].family == 4 && source->prefix.len == 0;
	}
	filter->n_pairs = (uint8_t)sources->n;
	filter->pairs = pairs;
}

static void compile_filter(struct compiler *c, size_t i, struct filter *filter)
{
	const struct port_config *port = &c->model->ports[i];
	struct filter_sources sources = filters_sources(port, c->arena);
	char name[ATTACHMENT_NAME_LEN];
	uint32_t row;

	*filter = (struct filter){
		.mac = mac_to_u64(&port->mac),
		.row = rows_taken(c->control->rows, port->name),
		.attachment = ids_take(c->control->attachments, name_of_port(name, port)),
		.drop_arp_probes = model_network(c->model, port->network)->drop_arp_probes,
		.has_fixed = port->addresses.n != 0,
		.policy = c->policies[i],
	};
	compile_sources(c, filter, &sources);
	row = filter->row + N_FILTER_ROWS + filter->n_pairs;
	for (enum filter_chain chain = 0; chain < N_FILTER_CHAINS; chain++) {
		filter->chain_rows[chain] = row;
		row += filter->policy->chains[chain]->n_rules;
	}
}

void filters_compile(
	struct control *control, const struct model *model, struct snapshot *s, struct arena *arena)
{
	struct compiler c = {
		.control = control,
		.model = model,
		.s = s,
		.arena = arena,
		.scratch = arena_new(),
	};
	struct filter *filters = arena_alloc(arena, (model->n_ports + 1) * sizeof(*filters));
	uint16_t n = 1;

	c.members = arena_alloc(c.scratch, model->n_security_groups * sizeof(*c.members));
	build_policies(&c);
	for (size_t i = 0; i < model->n_ports; i++) {
		if (c.policies[i] == NULL)
			continue;
		compile_filter(&c, i, &filters[n]);
		struct attachment *attachment = &s->attachments[filters[n].attachment];

		attachment->filter = n++;
		s->networks[attachment->network].flags |= NETWORK_FILTERED;
	}
	s->n_filters = n;
	s->filters = filters;
	s->filter_epoch = s->version;
	arena_free(c.scratch);
}
