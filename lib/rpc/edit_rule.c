// SPDX-License-Identifier: BSD-3-Clause
// Edits of one rule in a security group of a document. What is added is copied as it is, for
// decoding to judge; what is deleted is found by its meaning, not by how it is written.

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "rpc/config_json.h"

// The name of the group that params give. Returns 0 or -EINVAL.
static int read_group(const json_t *params, const char **group, struct problems *problems)
{
	const json_t *value = json_object_get(params, "group");

	*group = json_string_value(value);
	if (*group != NULL)
		return 0;
	if (value == NULL)
		problem_add(problems, E_KEY_MISSING, "group",
			"group is missing: which security-group is meant?");
	else
		problem_add(problems, E_TYPE, "group", "group must be a name as text");
	return -EINVAL;
}

// The keys of the rule alone; null says nothing.
static json_t *rule_of(const json_t *params)
{
	json_t *rule = json_object(), *value;
	const char *key;

	json_object_foreach ((json_t *)params, key, value)
		if (strcmp(key, "group") != 0 && !json_is_null(value))
			json_object_set_new(rule, key, json_deep_copy(value));
	return rule;
}

static int complain(struct problems *problems, const char *group, bool rule)
{
	struct arena *arena = arena_new();

	problem_add(problems, E_NOT_FOUND,
		arena_printf(arena, "security-groups.%s%s", group, rule ? ".rules" : ""),
		rule ? "security-group %s has no such rule" : "there is no security-group %s",
		group);
	arena_free(arena);
	return -ENOENT;
}

// What the group "default" has without being written.
static json_t *builtin_rules(void)
{
	json_t *rules = json_array();
	size_t n;
	const struct security_rule *list = default_group_rules(&n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(rules, config_encode_object(&security_rule_def, &list[i]));
	return rules;
}

// The rules of a group as a copy to edit, NULL after adding a problem.
static json_t *rules_of(const json_t *document, const char *name, struct problems *problems)
{
	const json_t *groups = json_object_get(document, "security-groups");
	const json_t *group = json_object_get(groups, name);
	const json_t *rules = json_object_get(group, "rules");
	bool builtin = object_is_builtin(object_def_by_key("security-groups"), name);

	if (group == NULL && !builtin) {
		complain(problems, name, false);
		return NULL;
	}
	if (rules != NULL)
		return json_deep_copy(rules);
	return builtin ? builtin_rules() : json_array();
}

static void store_rules(json_t *document, const char *name, json_t *rules)
{
	if (json_object_get(document, "security-groups") == NULL)
		json_object_set_new(document, "security-groups", json_object());
	document = json_object_get(document, "security-groups");
	if (json_object_get(document, name) == NULL)
		json_object_set_new(document, name, json_object());
	json_object_set(json_object_get(document, name), "rules", rules);
}

static int read_rule(const json_t *json, struct security_rule *rule, struct arena *arena,
	struct problems *problems)
{
	memset(rule, 0, sizeof(*rule));
	if (config_decode_object(&security_rule_def, json, rule, arena, problems) < 0)
		return -EINVAL;
	security_rule_complete(rule);
	return 0;
}

// Takes the rule out of the list. Returns 0, -ENOENT, or -EINVAL after adding problems.
static int remove_rule(json_t *rules, const json_t *json, struct problems *problems)
{
	struct arena *arena = arena_new();
	struct problems ignored = PROBLEMS_INIT;
	struct security_rule rule, other;
	int rc = read_rule(json, &rule, arena, problems);
	size_t i = 0;

	while (rc == 0 && i < json_array_size(rules) &&
		(read_rule(json_array_get(rules, i), &other, arena, &ignored) < 0 ||
			security_rule_compare(&rule, &other) != 0))
		i++;
	if (rc == 0)
		rc = json_array_remove(rules, i) == 0 ? 0 : -ENOENT;
	problems_free(&ignored);
	arena_free(arena);
	return rc;
}

int config_rule_edit(
	json_t *document, enum config_op op, const json_t *params, struct problems *problems)
{
	json_t *rules, *rule;
	const char *group;
	int rc = 0;

	if (read_group(params, &group, problems) < 0)
		return -EINVAL;
	rules = rules_of(document, group, problems);
	if (rules == NULL)
		return -ENOENT;
	rule = rule_of(params);
	if (op == CONFIG_DEL)
		rc = remove_rule(rules, rule, problems);
	else
		json_array_append(rules, rule);
	if (rc == 0)
		store_rules(document, group, rules);
	else if (rc == -ENOENT)
		complain(problems, group, true);
	json_decref(rule);
	json_decref(rules);
	return rc;
}
