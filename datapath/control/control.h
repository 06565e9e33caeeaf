// SPDX-License-Identifier: BSD-3-Clause
// The control side of a node: the configuration in force, and how it changes. One thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/problem.h"
#include "model/model.h"
#include "slowpath/slowpath.h"
#include "tables/tables.h"

struct control;
struct event_base;

// NULL and errno on failure.
struct control *control_new(struct tables *tables);
// Closes all devices; no worker runs any more.
void control_free(struct control *control);

// Makes `document` the configuration in force, or changes nothing and adds what is wrong.
// decode -> complete -> validate -> open devices -> compile -> publish. Returns 0 or -errno.
// The caller keeps its reference to document.
int control_commit(struct control *control, const json_t *document, struct problems *problems);

// Counts the configurations that were in force.
uint32_t control_version(const struct control *control);
// Waits until every worker goes by the configuration in force, and no session is left that it does
// not allow: from then on no packet passes that it forbids. Workers need microseconds; false when
// one of them took too long.
bool control_settle(struct control *control);

// The file that the configuration in force came from, and that config.save writes. Before the first
// commit: that configuration will be it.
void control_set_file(struct control *control, const char *file);
// Where values that were generated outlive the process; before the first commit. The directory is
// made when it is missing. Returns 0 or -EIO after adding a problem.
int control_set_state(struct control *control, const char *directory, struct problems *problems);
// The event loop that metrics are served in; before the first commit. Without it they are not.
// Returns 0 or -errno.
int control_set_events(struct control *control, struct event_base *events);
// The CPUs of tables->n_workers workers, for status.get. The array stays the caller's.
void control_set_cpus(struct control *control, const unsigned *cpus);

const json_t *control_document(
	const struct control *control); // as in force, generated values in it
const struct model *control_model(const struct control *control);
struct slowpath *control_slowpath(struct control *control);

// Periodic work: slowpath_poll(), rcu_poll(), closing of removed devices. True: call again soon.
bool control_poll(struct control *control, uint64_t now_ns);
// When to poll next after it returned false: soon after there was much to do, later when idle.
uint32_t control_poll_delay_us(const struct control *control);

// One request of the control socket, or a batch of them (docs/rpc.md), as decoded JSON; returns the
// answer (new reference), or NULL for notifications.
json_t *control_call(struct control *control, const json_t *request);
// The same for somebody else: `peer` says who it is in the log.
json_t *control_call_from(struct control *control, const json_t *request, const char *peer);

// Ids of objects in the snapshot in force, 0: none.
uint16_t control_device_id(const struct control *control, const char *device_text);
uint16_t control_network_id(const struct control *control, const char *network);
uint16_t control_attachment_id(const struct control *control, const char *name); // "port web", …
