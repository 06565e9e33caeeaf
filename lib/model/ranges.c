// SPDX-License-Identifier: BSD-3-Clause
// Lists of numbers as text: "1-10,20". Pure functions.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

#define CPU_MAX 65535

// A decimal number without sign or leading zero; *text moves behind it.
static int number_parse(const char **text, uint32_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return -EINVAL;
	}
	*text = p;
	*value = (uint32_t)v;
	return 0;
}

// One number or two; *text moves behind them.
static int range_read(const char **text, struct range *range)
{
	if (number_parse(text, &range->min) < 0)
		return -EINVAL;
	range->max = range->min;
	if (**text != '-')
		return 0;
	(*text)++;
	return number_parse(text, &range->max);
}

int range_parse(const char *text, struct range *range)
{
	struct range read;

	if (range_read(&text, &read) < 0 || *text != '\0')
		return -EINVAL;
	*range = read;
	return 0;
}

static bool range_within(const struct range *range, const struct range *bounds)
{
	return range->min >= bounds->min && range->max <= bounds->max && range->min <= range->max;
}

static int compare_range(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->min < y->min ? -1 : x->min > y->min;
}

// Joins sorted ranges that overlap or touch; returns how many are left.
static size_t merge(struct range *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 1; i < n; i++) {
		if ((uint64_t)list[i].min > (uint64_t)list[kept].max + 1)
			list[++kept] = list[i];
		else if (list[i].max > list[kept].max)
			list[kept].max = list[i].max;
	}
	return kept + 1;
}

int range_list_parse(const char *text, const struct range *bounds, struct range_list *ranges,
	struct arena *arena)
{
	struct range *list;
	size_t n = 1;

	for (const char *p = text; *p != '\0'; p++)
		n += *p == ',';
	list = arena_alloc(arena, n * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		if (range_read(&text, &list[i]) < 0 || !range_within(&list[i], bounds))
			return -EINVAL;
		if (*text != (i + 1 < n ? ',' : '\0'))
			return -EINVAL;
		text++;
	}
	qsort(list, n, sizeof(*list), compare_range);
	ranges->list = list;
	ranges->n = merge(list, n);
	return 0;
}

char *range_list_format(const struct range_list *ranges, struct arena *arena)
{
	char *text = arena_strdup(arena, "");

	for (size_t i = 0; i < ranges->n; i++) {
		const struct range *r = &ranges->list[i];

		if (r->min == r->max)
			text = arena_printf(arena, "%s%s%u", text, i > 0 ? "," : "", r->min);
		else
			text = arena_printf(
				arena, "%s%s%u-%u", text, i > 0 ? "," : "", r->min, r->max);
	}
	return text;
}

bool range_list_contains(const struct range_list *ranges, uint32_t value)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (value >= ranges->list[i].min && value <= ranges->list[i].max)
			return true;
	return false;
}

int cpu_list_parse(const char *text, uint16_t *cpus, unsigned max)
{
	static const struct range bounds = {0, CPU_MAX};
	struct arena *arena = arena_new();
	struct range_list ranges = {NULL, 0};
	int rc = range_list_parse(text, &bounds, &ranges, arena);
	unsigned n = 0;

	for (size_t i = 0; rc == 0 && i < ranges.n; i++) {
		for (uint32_t cpu = ranges.list[i].min; cpu <= ranges.list[i].max; cpu++) {
			if (n == max) {
				rc = -E2BIG;
				break;
			}
			cpus[n++] = (uint16_t)cpu;
		}
	}
	arena_free(arena);
	return rc < 0 ? rc : (int)n;
}
