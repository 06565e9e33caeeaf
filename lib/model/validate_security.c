// SPDX-License-Identifier: BSD-3-Clause
// Rules of security groups (G1 to G8), and of what ports have to do with filters: their groups and
// allowed pairs (P6 to P8).

#include <stdlib.h>
#include <string.h>

#include "model/check.h"
#include "net/headers.h"
#include "net/protocol.h"

// A rule and how paths call it.
struct subject {
	const struct security_rule *rule;
	const char *path; // "security-groups.web.rules[0]"
};

static const char *protocol_text(struct check *check, uint8_t protocol)
{
	const char *name = protocol_name(protocol);

	return name != NULL ? name : PATH(check, "%u", protocol);
}

// G1, G2
static void check_rule_ports(struct check *check, const struct subject *subject)
{
	const struct security_rule *rule = subject->rule;
	const struct range *ports = &rule->ports;
	const char *path = PATH(check, "%s.ports", subject->path);

	if (!rule->ports_given)
		return;
	if (ports->min > ports->max)
		check_report(check, E_SG_PORT, path,
			"ports %u-%u are the wrong way round; give the lowest first: %u-%u",
			ports->min, ports->max, ports->max, ports->min);
	else if (ports->min < 1 || ports->max > RULE_PORT_MAX)
		check_report(check, E_SG_PORT, path, "port %u does not exist; ports are 1 to %d",
			ports->min < 1 ? ports->min : ports->max, RULE_PORT_MAX);
	else if (rule->protocol == PROTOCOL_ANY)
		check_report(check, E_SG_PROTO_REQUIRED, path,
			"ports need a protocol; give tcp, udp, udplite, sctp or dccp");
	else if (!protocol_has_ports(rule->protocol))
		check_report(check, E_SG_PORT_PROTO, path,
			"protocol %s has no ports; tcp, udp, udplite, sctp and dccp have",
			protocol_text(check, rule->protocol));
}

// G3
static void check_rule_icmp(struct check *check, const struct subject *subject)
{
	const struct security_rule *rule = subject->rule;

	if (rule->icmp_type == ICMP_ANY && rule->icmp_code == ICMP_ANY)
		return;
	if (rule->icmp_type == ICMP_ANY)
		check_report(check, E_SG_ICMP, PATH(check, "%s.icmp-code", subject->path),
			"icmp-code %u needs an icmp-type", rule->icmp_code);
	else if (rule->protocol != IP_PROTOCOL_ICMP && rule->protocol != IP_PROTOCOL_ICMPV6)
		check_report(check, E_SG_ICMP, PATH(check, "%s.icmp-type", subject->path),
			"icmp-type %u needs protocol icmp or icmpv6, which protocol %s is not",
			rule->icmp_type, protocol_text(check, rule->protocol));
}

// G4
static void check_rule_family(struct check *check, const struct subject *subject)
{
	const struct security_rule *rule = subject->rule;
	const char *family = rule->family == RULE_IPV4 ? "ipv4" : "ipv6";
	char text[PREFIX_TEXT_LEN];

	if (rule->family == RULE_IPV4 && rule->protocol == IP_PROTOCOL_ICMPV6)
		check_report(check, E_SG_FAMILY, PATH(check, "%s.protocol", subject->path),
			"protocol icmpv6 needs ethertype ipv6; for ipv4 it is icmp");
	if (rule->remote_prefix_given &&
		ip_is_v4(&rule->remote_prefix.addr) != (rule->family == RULE_IPV4))
		check_report(check, E_SG_FAMILY, PATH(check, "%s.remote-prefix", subject->path),
			"remote-prefix %s does not fit ethertype %s; give the other ethertype or "
			"another prefix",
			ip_prefix_format(&rule->remote_prefix, text), family);
}

// A name that does not exist; one that goes is the fault of who deletes it (G8).
static void check_group_exists(struct check *check, const char *group, const char *path)
{
	if (model_security_group(check->model, group) == NULL &&
		(check->old == NULL || model_security_group(check->old, group) == NULL))
		check_report(check, E_SG_NOT_FOUND, path,
			"there is no security-group %s; add it or name another one", group);
}

// G5
static void check_rule_remote(struct check *check, const struct subject *subject)
{
	const struct security_rule *rule = subject->rule;

	if (rule->remote_group == NULL)
		return;
	if (rule->remote_prefix_given)
		check_report(check, E_SG_REMOTE, subject->path,
			"the rule has a remote-prefix and a remote-group; give one, and make a "
			"second rule of the other");
	check_group_exists(
		check, rule->remote_group, PATH(check, "%s.remote-group", subject->path));
}

// Equal rules side by side, the earlier one first.
static int compare_rule(const void *a, const void *b)
{
	const struct security_rule *const *x = a, *const *y = b;
	int order = security_rule_compare(*x, *y);

	return order != 0 ? order : *x < *y ? -1 : 1;
}

// G6
static void check_rules_differ(struct check *check, const struct security_group *group)
{
	const struct security_rule **rules =
		arena_alloc(check->arena, group->n_rules * sizeof(*rules));

	for (size_t i = 0; i < group->n_rules; i++)
		rules[i] = &group->rules[i];
	qsort(rules, group->n_rules, sizeof(struct security_rule *), compare_rule);
	for (size_t i = 1, first = 0; i < group->n_rules; i++) {
		if (security_rule_compare(rules[first], rules[i]) == 0)
			check_report(check, E_SG_RULE_DUP,
				PATH(check, "security-groups.%s.rules[%zu]", group->name,
					(size_t)(rules[i] - group->rules)),
				"rule %zu of security-group %s says the same already; delete one",
				(size_t)(rules[first] - group->rules), group->name);
		else
			first = i;
	}
}

static void check_group(struct check *check, const struct security_group *group)
{
	if (strcmp(group->name, "none") == 0)
		check_report(check, E_NAME, "security-groups.none",
			"\"none\" stands for no group on a command line; give the group another "
			"name");
	for (size_t i = 0; i < group->n_rules; i++) {
		struct subject subject = {&group->rules[i],
			PATH(check, "security-groups.%s.rules[%zu]", group->name, i)};

		check_rule_ports(check, &subject);
		check_rule_icmp(check, &subject);
		check_rule_family(check, &subject);
		check_rule_remote(check, &subject);
	}
	check_rules_differ(check, group);
}

static bool names_group(const struct string_list *groups, const char *name)
{
	for (size_t i = 0; i < groups->n; i++)
		if (text_compare(groups->list[i], name) == 0)
			return true;
	return false;
}

// Who still needs a group that goes: "port web", "a rule of security-group web"; NULL: nobody.
static const char *user_of(struct check *check, const char *name)
{
	const struct model *model = check->model;

	for (size_t i = 0; i < model->n_ports; i++)
		if (names_group(&model->ports[i].security_groups, name))
			return PATH(check, "port %s", model->ports[i].name);
	for (size_t i = 0; i < model->n_security_groups; i++) {
		const struct security_group *group = &model->security_groups[i];

		for (size_t j = 0; j < group->n_rules; j++)
			if (text_compare(group->rules[j].remote_group, name) == 0)
				return PATH(check, "a rule of security-group %s", group->name);
	}
	return NULL;
}

// G8
static void check_groups_gone(struct check *check)
{
	for (size_t i = 0; check->old != NULL && i < check->old->n_security_groups; i++) {
		const char *name = check->old->security_groups[i].name, *user;

		if (model_security_group(check->model, name) != NULL)
			continue;
		user = user_of(check, name);
		if (user != NULL)
			check_report(check, E_SG_IN_USE, PATH(check, "security-groups.%s", name),
				"%s uses security-group %s; take it from there first", user, name);
	}
}

// ---- ports --------------------------------------------------------------------------------------

// P7: groups that exist, each once, all stateful or all stateless.
static void check_port_groups(struct check *check, const struct port_config *port)
{
	const struct string_list *groups = &port->security_groups;
	const struct security_group *first = NULL;

	for (size_t i = 0; i < groups->n; i++) {
		const char *path = PATH(check, "ports.%s.security-groups[%zu]", port->name, i);
		const char *name = groups->list[i];
		const struct string_list before = {groups->list, i};
		const struct security_group *group;

		if (name == NULL)
			continue; // could not be read
		if (names_group(&before, name))
			check_report(
				check, E_VALUE, path, "security-group %s is named twice", name);
		check_group_exists(check, name, path);
		group = model_security_group(check->model, name);
		if (group == NULL)
			continue;
		if (first == NULL)
			first = group;
		if (group->stateful == first->stateful)
			continue;
		check_report(check, E_SG_MIXED, path,
			"security-group %s is %s and security-group %s is %s; a port can have only "
			"one kind",
			name, group->stateful ? "stateful" : "stateless", first->name,
			first->stateful ? "stateful" : "stateless");
		return;
	}
}

static bool pair_equal(const struct address_pair *a, const struct address_pair *b)
{
	return a->prefix.len == b->prefix.len && ip_equal(&a->prefix.addr, &b->prefix.addr) &&
	       mac_equal(&a->mac, &b->mac);
}

// P6
static void check_pairs(struct check *check, const struct port_config *port)
{
	char address[PREFIX_TEXT_LEN], mac[MAC_TEXT_LEN];

	if (port->n_pairs > PORT_PAIRS_MAX) {
		check_report(check, E_PAIR_LIMIT,
			PATH(check, "ports.%s.allowed-address-pairs", port->name),
			"port %s has %zu allowed address pairs; at most %d are possible, but one "
			"may be a prefix",
			port->name, port->n_pairs, PORT_PAIRS_MAX);
		return;
	}
	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];
		size_t j = 0;

		while (!pair_equal(&port->pairs[j], pair))
			j++;
		if (j < i)
			check_report(check, E_PAIR_DUP,
				PATH(check, "ports.%s.allowed-address-pairs[%zu]", port->name, i),
				"pair %zu allows %s with MAC %s already; delete one", j,
				ip_prefix_format(&pair->prefix, address),
				mac_format(&pair->mac, mac));
	}
}

// P6, P7, P8: what a port that is not filtered can not have.
static void check_unfiltered(struct check *check, const struct port_config *port)
{
	const struct port_config *old =
		check->old == NULL ? NULL : model_port(check->old, port->name);
	const char *why = port->port_security ? "is trusted, for its owner begins with network:"
					      : "has no port-security";

	if (port->security_groups.n == 0 && port->n_pairs == 0)
		return;
	if (!port->port_security && old != NULL && old->port_security) {
		check_report(check, E_PORT_SECURITY_BUSY,
			PATH(check, "ports.%s.port-security", port->name),
			"port %s has %s; take them away before or together with port-security",
			port->name,
			port->security_groups.n > 0 ? "security-groups" : "allowed-address-pairs");
		return;
	}
	if (port->security_groups.n > 0)
		check_report(check, E_SG_NEEDS_SECURITY,
			PATH(check, "ports.%s.security-groups", port->name),
			"port %s %s, so it can not be in security-groups", port->name, why);
	if (port->n_pairs > 0)
		check_report(check, E_PAIR_NEEDS_SECURITY,
			PATH(check, "ports.%s.allowed-address-pairs", port->name),
			"port %s %s, so it may use any address and needs no pairs", port->name,
			why);
}

void check_security(struct check *check)
{
	for (size_t i = 0; i < check->model->n_security_groups; i++)
		check_group(check, &check->model->security_groups[i]);
	check_groups_gone(check);
	for (size_t i = 0; i < check->model->n_ports; i++) {
		const struct port_config *port = &check->model->ports[i];

		if (!port_is_secured(port))
			check_unfiltered(check, port);
		check_port_groups(check, port);
		check_pairs(check, port);
	}
}
