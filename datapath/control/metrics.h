// SPDX-License-Identifier: BSD-3-Clause
// Metrics of the node in the OpenMetrics format, served by HTTP on a loopback address or a UNIX
// socket. Control thread; everything happens inside its event loop.

#pragma once

#include "base/problem.h"
#include "control/metrics_text.h"

struct control;
struct event_base;
struct metrics;

// Serves nothing yet. NULL and errno on failure.
struct metrics *metrics_new(const struct control *control, struct event_base *base);
void metrics_free(struct metrics *metrics); // NULL: nothing

// Part of a commit: listens where the next configuration says (NULL: nowhere) without accepting
// anybody. What stays as it is is not touched. Returns 0, or -errno after adding E_IO.
int metrics_prepare(struct metrics *metrics, const char *listen, struct problems *problems);
// One of these follows a prepare: it is served there from now on, or as before.
void metrics_follow(struct metrics *metrics);
void metrics_undo(struct metrics *metrics);

// Writes the page (metrics_collect.c).
void metrics_collect(const struct control *control, struct metrics_text *text);
