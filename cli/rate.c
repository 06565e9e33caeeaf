// SPDX-License-Identifier: BSD-3-Clause

#include "cli/rate.h"

#include <stdbool.h>
#include <string.h>

#include "base/util.h"

static const char *const identities[] = {"name", "reason", "index"};

static bool is_identity(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(identities); i++)
		if (strcmp(key, identities[i]) == 0)
			return true;
	return false;
}

// The element of `list` that is the same thing as `element`, NULL: none.
static const json_t *counterpart(const json_t *list, const json_t *element)
{
	const json_t *other;
	size_t i;

	json_array_foreach (list, i, other) {
		for (size_t j = 0; j < ARRAY_SIZE(identities); j++) {
			const json_t *identity = json_object_get(element, identities[j]);

			if (identity != NULL &&
				json_equal(identity, json_object_get(other, identities[j])))
				return other;
		}
	}
	return NULL;
}

static json_t *integer_rate(const json_t *before, const json_t *after, double seconds)
{
	json_int_t old = json_integer_value(before), now = json_integer_value(after);
	json_int_t growth = now >= old ? now - old : now;

	return json_integer((json_int_t)((double)growth / seconds + 0.5));
}

json_t *rate_of(const json_t *before, const json_t *after, double seconds)
{
	json_t *rate, *value;
	const char *key;
	size_t i;

	if (json_is_integer(after))
		return integer_rate(before, after, seconds);
	if (json_is_array(after)) {
		rate = json_array();
		json_array_foreach ((json_t *)after, i, value)
			json_array_append_new(
				rate, rate_of(counterpart(before, value), value, seconds));
		return rate;
	}
	if (!json_is_object(after))
		return json_deep_copy(after);
	rate = json_object();
	json_object_foreach ((json_t *)after, key, value) {
		if (is_identity(key))
			json_object_set(rate, key, value);
		else
			json_object_set_new(
				rate, key, rate_of(json_object_get(before, key), value, seconds));
	}
	return rate;
}
