// SPDX-License-Identifier: BSD-3-Clause

#include "config_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "rpc/config_json.h"

const char *const node_text =
	"{'workers': {'cores': '1'},"
	" 'uplinks': {"
	"   'inside': {'device': 'packet:ens20'},"
	"   'provider': {'device': 'packet:ens19', 'vlans': '1001-2000'},"
	"   'underlay': {'device': 'packet:ens18', 'address': '192.168.31.104/24',"
	"     'gateway': '192.168.31.1'}},"
	" 'tunnel': {'uplink': 'underlay', 'vnis': '1-1000', 'group': '224.0.0.1',"
	"   'mode': 'headend', 'remotes': ['192.168.31.101', '192.168.31.103']},"
	" 'networks': {"
	"   'provider': {'segments': [{'type': 'flat', 'uplink': 'provider'}]},"
	"   'vlan1001': {'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1001}]},"
	"   'vxlan1': {'segments': [{'type': 'vxlan', 'id': 1}]}},"
	" 'ports': {"
	"   'vxlan1-1': {'network': 'vxlan1', 'device': 'tap:tap145db8f2-ce',"
	"     'mac': 'fa:16:3e:de:6e:86', 'addresses': ['172.16.1.33']}},"
	" 'fdb': {'vxlan1/fa:16:3e:00:00:99': {'remote': '192.168.31.101'}}}";

json_t *json_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(copy, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	ck_assert_msg(json != NULL, "%s in %s", error.text, copy);
	free(copy);
	return json;
}

static void merge_patch(json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)patch, key, value) {
		json_t *old = json_object_get(target, key);

		if (json_is_null(value))
			json_object_del(target, key);
		else if (json_is_object(value) && json_is_object(old))
			merge_patch(old, value);
		else
			json_object_set(target, key, value);
	}
}

json_t *node_with(const char *patch)
{
	return node_with_both("{}", patch);
}

json_t *node_with_both(const char *first, const char *second)
{
	json_t *document = json_of(node_text), *patches[] = {json_of(first), json_of(second)};

	for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
		merge_patch(document, patches[i]);
		json_decref(patches[i]);
	}
	return document;
}

struct model *model_of(const json_t *document, const struct model *old, struct problems *problems)
{
	struct model *model = config_decode(document, problems);

	if (model != NULL) {
		model_complete(model, old, problems);
		model_validate(model, old, problems);
	}
	return model;
}

static const char *all_text(const struct problems *problems)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < problems->n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\n  %s at \"%s\": %s",
			error_symbol_name(problems->list[i].symbol), problems->list[i].path,
			problems->list[i].text);
	return text;
}

void expect_none(const struct problems *problems)
{
	ck_assert_msg(problems->n == 0, "there are problems:%s", all_text(problems));
}

void expect_among(const struct problems *problems, enum error_symbol symbol, const char *path)
{
	for (size_t i = 0; i < problems->n; i++)
		if (problems->list[i].symbol == symbol && strcmp(problems->list[i].path, path) == 0)
			return;
	ck_abort_msg("no %s at \"%s\" among the problems:%s", error_symbol_name(symbol), path,
		all_text(problems));
}

void expect_only(const struct problems *problems, enum error_symbol symbol, const char *path)
{
	expect_among(problems, symbol, path);
	ck_assert_msg(problems->n == 1, "%s at \"%s\" is not alone:%s", error_symbol_name(symbol),
		path, all_text(problems));
}

struct model *good_model(const json_t *document, const struct model *old)
{
	struct problems problems = PROBLEMS_INIT;
	struct model *model = model_of(document, old, &problems);

	expect_none(&problems);
	ck_assert_ptr_nonnull(model);
	return model;
}

void try_rule(const struct rule *rule, const struct model *old)
{
	try_rule_with("{}", rule, old);
}

void try_rule_with(const char *base, const struct rule *rule, const struct model *old)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *document = node_with_both(base, rule->patch);
	struct model *model = model_of(document, old, &problems);

	expect_only(&problems, rule->symbol, rule->path);
	ck_assert_uint_gt(strlen(problems.list[0].text), 20);
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
