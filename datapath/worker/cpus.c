// SPDX-License-Identifier: BSD-3-Clause

#include "worker/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

// Reads a number of at most five digits and moves *text behind it.
static int parse_number(const char **text, unsigned *value)
{
	unsigned v = 0;
	int n_digits = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++, n_digits++)
		v = 10 * v + (**text - '0');
	if (n_digits == 0 || n_digits > 5)
		return -EINVAL;
	*value = v;
	return 0;
}

// Reads "3" or "3-5".
static int parse_range(const char **text, unsigned *first, unsigned *last)
{
	if (parse_number(text, first) < 0)
		return -EINVAL;
	*last = *first;
	if (**text == '-') {
		(*text)++;
		if (parse_number(text, last) < 0)
			return -EINVAL;
	}
	return *last < *first ? -EINVAL : 0;
}

// The CPUs in `set` as "0,2-3".
static void format_set(const cpu_set_t *set, char *text, size_t size)
{
	size_t len = 0;
	int last;

	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && len < size; cpu = last + 1) {
		last = cpu;
		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		len += snprintf(text + len, size - len, last > cpu ? "%s%d-%d" : "%s%d",
			len > 0 ? "," : "", cpu, last);
	}
}

static int add_cpu(
	struct worker_cpus *cpus, unsigned cpu, const char *path, struct problems *problems)
{
	cpu_set_t usable;
	char list[128];

	sched_getaffinity(0, sizeof(usable), &usable);
	format_set(&usable, list, sizeof(list));
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &usable)) {
		problem_add(problems, E_CFG_CORES, path,
			"CPU %u is not one this process may use: those are %s", cpu, list);
		return -EINVAL;
	}
	for (unsigned i = 0; i < cpus->n; i++) {
		if (cpus->cpus[i] == cpu) {
			problem_add(problems, E_CFG_CORES, path,
				"CPU %u is listed twice; a CPU takes one worker", cpu);
			return -EINVAL;
		}
	}
	if (cpus->n == MAX_WORKERS) {
		problem_add(problems, E_CFG_CORES, path, "more than %d workers", MAX_WORKERS);
		return -EINVAL;
	}
	cpus->cpus[cpus->n++] = cpu;
	return 0;
}

static unsigned last_usable_cpu(void)
{
	cpu_set_t usable;
	unsigned last = 0;

	sched_getaffinity(0, sizeof(usable), &usable);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &usable))
			last = cpu;
	}
	return last;
}

int worker_cpus_parse(
	const char *text, struct worker_cpus *cpus, const char *path, struct problems *problems)
{
	const char *at = text;
	unsigned first, last;

	cpus->n = 0;
	if (text == NULL) {
		cpus->cpus[cpus->n++] = last_usable_cpu();
		return 0;
	}
	for (;;) {
		if (parse_range(&at, &first, &last) < 0)
			break;
		for (unsigned cpu = first; cpu <= last; cpu++) {
			if (add_cpu(cpus, cpu, path, problems) < 0)
				return -EINVAL;
		}
		if (*at == '\0')
			return 0;
		if (*at++ != ',')
			break;
	}
	problem_add(problems, E_CFG_CORES, path,
		"\"%s\" is not a list of CPUs such as \"1\", \"1,3\" or \"2-5\"", text);
	return -EINVAL;
}

void worker_cpus_leave(const struct worker_cpus *cpus, char *text, size_t size)
{
	cpu_set_t usable, rest;

	sched_getaffinity(0, sizeof(usable), &usable);
	rest = usable;
	for (unsigned i = 0; i < cpus->n; i++)
		CPU_CLR(cpus->cpus[i], &rest);
	if (CPU_COUNT(&rest) == 0 || sched_setaffinity(0, sizeof(rest), &rest) < 0)
		rest = usable;
	format_set(&rest, text, size);
}
