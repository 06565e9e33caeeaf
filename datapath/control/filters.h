// SPDX-License-Identifier: BSD-3-Clause
// Filter tables: from ports and security groups to what workers read, and back to what people read.
// Control thread.

#pragma once

#include "base/arena.h"
#include "base/problem.h"
#include "model/model.h"
#include "tables/filter.h"
#include "tables/snapshot.h"

struct control;

// A source that a filtered port may use: allowed pairs, then fixed addresses, then the link-local
// IPv6 address of each MAC (RFC 4291 appendix A).
struct filter_source {
	struct ip_prefix prefix;
	struct mac mac;
	bool is_fixed;
};

struct filter_sources {
	struct filter_source *list;
	size_t n;
};

struct filter_sources filters_sources(const struct port_config *port, struct arena *arena);

// The rules of all groups of a port for one chain, in the order of its groups.
struct filter_rules {
	const struct security_rule **list;
	size_t n;
};

struct filter_rules filters_rules(const struct model *model, const struct port_config *port,
	enum filter_chain chain, struct arena *arena);
// Index of the row of the first one.
uint32_t filters_first_rule(
	const struct model *model, const struct port_config *port, enum filter_chain chain);

// One row of a chain as it is shown, in the manner of iptables -nvL.
struct chain_row {
	const char *chain;  // "ingress ipv4"
	uint32_t index;	    // of its counter in the port's rows
	const char *target; // "RETURN", "DROP", or the chain that goes on
	const char *protocol;
	const char *source;
	const char *destination;
	const char *match; // what else it looks at, "" for nothing
	const char *comment;
};

struct chain_rows {
	struct chain_row *list; // chain after chain, each in the order of evaluation
	size_t n;
	uint32_t n_counters; // one more than the largest index
};

// The rows of a filtered port.
struct chain_rows filters_rows(
	const struct model *model, const struct port_config *port, struct arena *arena);

// Takes the row ids of all filtered ports; E_LIMIT when there are not enough.
int filters_prepare(struct control *control, const struct model *model, struct problems *problems);
// Fills in the filters of a snapshot, whose attachments are there. Can not fail.
void filters_compile(struct control *control, const struct model *model, struct snapshot *s,
	struct arena *arena);

// ---- cuts.c ------------------------------------------------------------------------------------

struct cuts;

// The sessions that a change from `old` (may be NULL) to `new` ends. Called while the ids in force
// are still those of `old`.
struct cuts *cuts_find(
	const struct control *control, const struct model *old, const struct model *new);
void cuts_free(struct cuts *cuts);
// After the snapshot of `model` is published: limits and time-outs of sessions, and the cuts, which
// it takes over. `token`: a grace period that begins after the publication.
void filters_follow(
	struct control *control, const struct model *model, struct cuts *cuts, uint64_t token);
// Cuts once more what a worker that still held the old snapshot let in.
void filters_poll(struct control *control);
