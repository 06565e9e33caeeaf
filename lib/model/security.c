// SPDX-License-Identifier: BSD-3-Clause
// The one form of security rules and allowed pairs, and what filters have without being written:
// the group "default", and the groups of ports that name none. Nothing here judges the
// configuration: a value that contradicts another one stays as it is, for validate_security.c.

#include <string.h>

#include "base/util.h"
#include "model/check.h"
#include "model/fields.h"
#include "model/model.h"
#include "net/headers.h"

// G7: a prefix of length 0 says nothing, unless it is of the wrong family or beside a group.
static void complete_remote(struct security_rule *rule)
{
	bool fits = ip_is_v4(&rule->remote_prefix.addr) == (rule->family == RULE_IPV4);

	if (!rule->remote_prefix_given)
		return;
	rule->remote_prefix = ip_prefix_network(&rule->remote_prefix);
	if (rule->remote_prefix.len > 0 || !fits || rule->remote_group != NULL)
		return;
	memset(&rule->remote_prefix, 0, sizeof(rule->remote_prefix));
	rule->remote_prefix_given = false;
}

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
	       protocol == IP_PROTOCOL_UDPLITE || protocol == IP_PROTOCOL_SCTP ||
	       protocol == IP_PROTOCOL_DCCP;
}

void security_rule_complete(struct security_rule *rule)
{
	if (rule->family == RULE_IPV6 && rule->protocol == IP_PROTOCOL_ICMP)
		rule->protocol = IP_PROTOCOL_ICMPV6;
	if (rule->ports_given && rule->ports.min == 1 && rule->ports.max == RULE_PORT_MAX &&
		protocol_has_ports(rule->protocol)) {
		rule->ports = (struct range){0, 0};
		rule->ports_given = false;
	}
	complete_remote(rule);
}

static int compare_uint(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

int security_rule_compare(const struct security_rule *a, const struct security_rule *b)
{
	const struct ip_prefix *x = &a->remote_prefix, *y = &b->remote_prefix;
	const int orders[] = {
		compare_uint(a->direction, b->direction),
		compare_uint(a->family, b->family),
		compare_uint(a->protocol, b->protocol),
		compare_uint(a->ports_given, b->ports_given),
		compare_uint(a->ports.min, b->ports.min),
		compare_uint(a->ports.max, b->ports.max),
		compare_uint(a->icmp_type, b->icmp_type),
		compare_uint(a->icmp_code, b->icmp_code),
		compare_uint(a->remote_prefix_given, b->remote_prefix_given),
		memcmp(&x->addr, &y->addr, sizeof(x->addr)),
		compare_uint(x->len, y->len),
		text_compare(a->remote_group, b->remote_group),
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (orders[i] != 0)
			return orders[i];
	return 0;
}

#define ANY(d, f) .direction = d, .family = f, .icmp_type = ICMP_ANY, .icmp_code = ICMP_ANY

static const struct security_rule default_rules[] = {
	{ANY(RULE_EGRESS, RULE_IPV4)},
	{ANY(RULE_EGRESS, RULE_IPV6)},
	{ANY(RULE_INGRESS, RULE_IPV4), .remote_group = DEFAULT_GROUP},
	{ANY(RULE_INGRESS, RULE_IPV6), .remote_group = DEFAULT_GROUP},
};

const struct security_rule *default_group_rules(size_t *n)
{
	*n = ARRAY_SIZE(default_rules);
	return default_rules;
}

// Puts the group "default" in its place among the others.
static struct security_group *add_default_group(struct model *model)
{
	size_t n = model->n_security_groups, at = 0;
	struct security_group *groups = arena_alloc(model->arena, (n + 1) * sizeof(*groups));

	while (at < n && strcmp(model->security_groups[at].name, DEFAULT_GROUP) < 0)
		at++;
	for (size_t i = 0; i < n; i++)
		groups[i + (i >= at)] = model->security_groups[i];
	object_init(object_def_by_kind("security-group"), &groups[at], model->arena);
	groups[at].name = DEFAULT_GROUP;
	model->security_groups = groups;
	model->n_security_groups = n + 1;
	return &groups[at];
}

static bool are_default_rules(const struct security_group *group)
{
	if (group->n_rules != ARRAY_SIZE(default_rules))
		return false;
	for (size_t i = 0; i < group->n_rules; i++)
		if (security_rule_compare(&group->rules[i], &default_rules[i]) != 0)
			return false;
	return true;
}

static void complete_default_group(struct model *model)
{
	struct security_group *group =
		(struct security_group *)model_security_group(model, DEFAULT_GROUP);

	if (group == NULL)
		group = add_default_group(model);
	if (group->rules_given && !are_default_rules(group))
		return;
	group->rules_given = false;
	group->n_rules = ARRAY_SIZE(default_rules);
	group->rules = arena_alloc(model->arena, sizeof(default_rules));
	memcpy(group->rules, default_rules, sizeof(default_rules));
}

static void complete_group(struct security_group *group)
{
	for (size_t i = 0; i < group->n_rules; i++)
		security_rule_complete(&group->rules[i]);
	if (group->n_rules == 0 && strcmp(group->name, DEFAULT_GROUP) != 0)
		group->rules_given = false;
	for (size_t i = 0; i < group->members.n; i++)
		group->members.list[i] = ip_prefix_network(&group->members.list[i]);
}

static bool is_default_only(const struct string_list *groups)
{
	return groups->n == 1 && text_compare(groups->list[0], DEFAULT_GROUP) == 0;
}

// P7: a filtered port that names no group is in the default one; to name just that one is the same.
static void complete_port(struct port_config *port, struct arena *arena)
{
	struct string_list *groups = &port->security_groups;

	if (port_is_secured(port) && port->security_groups_given && is_default_only(groups))
		port->security_groups_given = false;
	if (port_is_secured(port) && !port->security_groups_given) {
		groups->list = arena_alloc(arena, sizeof(*groups->list));
		groups->list[0] = DEFAULT_GROUP;
		groups->n = 1;
	}
	for (size_t i = 0; i < port->n_pairs; i++) {
		struct address_pair *pair = &port->pairs[i];

		pair->prefix = ip_prefix_network(&pair->prefix);
		if (!pair->mac_given)
			pair->mac = port->mac;
	}
}

void complete_security(struct model *model)
{
	for (size_t i = 0; i < model->n_security_groups; i++)
		complete_group(&model->security_groups[i]);
	complete_default_group(model);
	for (size_t i = 0; i < model->n_ports; i++)
		complete_port(&model->ports[i], model->arena);
}
