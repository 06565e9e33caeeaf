// SPDX-License-Identifier: BSD-3-Clause
// Leveled logging to stderr, one line a message: "LEVEL module: text key=value …".
// Any thread but the workers inside pipeline/ may log. Log once, at the lowest frame that knows
// the cause; use log_limited() wherever a packet or a client can cause the message.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

// Messages above this level are not printed. Default: LOG_LEVEL_INFO.
void log_set_level(enum log_level level);

// Parses "error", "warn", "info" or "debug". Returns 0 or -EINVAL.
int log_level_parse(const char *text, enum log_level *level);

__attribute__((format(printf, 3, 4))) void log_print(
	enum log_level level, const char *module, const char *format, ...);

struct log_limit {
	uint64_t next_ns;    // no message before this time
	uint32_t suppressed; // messages swallowed since the last one printed
};

// True when a message guarded by `limit` may be printed now; *suppressed gets the number of
// messages swallowed since the last one.
bool log_limit_pass(struct log_limit *limit, uint64_t interval_ns, uint32_t *suppressed);

// Each .c file that logs defines LOG_MODULE before it includes this header's macros' first use.
#define log_error(...) log_print(LOG_LEVEL_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_LEVEL_WARN, LOG_MODULE, __VA_ARGS__)
#define log_info(...)  log_print(LOG_LEVEL_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...) log_print(LOG_LEVEL_DEBUG, LOG_MODULE, __VA_ARGS__)

// At most one message every `seconds` from this place; tells how many it swallowed.
#define log_limited(level, seconds, format, ...)                                                   \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		uint32_t swallowed_;                                                               \
		if (log_limit_pass(&limit_, (seconds)*UINT64_C(1000000000), &swallowed_))          \
			log_print(level, LOG_MODULE, format " suppressed=%u", ##__VA_ARGS__,       \
				swallowed_);                                                       \
	} while (0)
