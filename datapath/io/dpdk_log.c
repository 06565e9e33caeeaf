// SPDX-License-Identifier: BSD-3-Clause
// DPDK's log goes through a stdio stream of ours. EAL calls it from any thread, one call a
// message; stdio holds the stream's lock meanwhile.

#include "io/dpdk_log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_log.h>

#include "base/log.h"

#define LOG_MODULE "dpdk"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool holding;	 // under lock
static pthread_t holder; // whose errors are kept
static char held[256];	 // first error

static ssize_t write_line(void *cookie, const char *text, size_t size)
{
	bool is_error = rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR;
	size_t len = size;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len == 0)
		return size;
	pthread_mutex_lock(&lock);
	if (is_error && holding && pthread_equal(holder, pthread_self())) {
		if (held[0] == '\0')
			snprintf(held, sizeof(held), "%.*s", (int)len, text);
		is_error = false;
	}
	pthread_mutex_unlock(&lock);
	log_print(is_error ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, LOG_MODULE, "%.*s", (int)len, text);
	return size;
}

void dpdk_log_route(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_line});

	if (stream == NULL)
		return; // DPDK goes on to write to stderr itself
	setvbuf(stream, NULL, _IOLBF, 0);
	rte_openlog_stream(stream);
}

void dpdk_log_hold(void)
{
	pthread_mutex_lock(&lock);
	holding = true;
	holder = pthread_self();
	held[0] = '\0';
	pthread_mutex_unlock(&lock);
}

const char *dpdk_log_release(void)
{
	pthread_mutex_lock(&lock);
	holding = false;
	pthread_mutex_unlock(&lock);
	return held;
}
