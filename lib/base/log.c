// SPDX-License-Identifier: BSD-3-Clause

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_parse(const char *text, enum log_level *level)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_print(enum log_level level, const char *module, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;

	if (level > max_level)
		return;
	n = snprintf(line, sizeof(line), "%s %s: ", level_names[level], module);
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - n, format, args);
	va_end(args);
	// one call, so that lines of two threads do not mix
	fprintf(stderr, "%s\n", line);
}

bool log_limit_pass(struct log_limit *limit, uint64_t interval_ns, uint32_t *suppressed)
{
	uint64_t now = clock_now_ns();

	if (now < limit->next_ns) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ns = now + interval_ns;
	return true;
}
