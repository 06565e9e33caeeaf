// SPDX-License-Identifier: BSD-3-Clause
// Small stable ids for named objects: devices, networks, FDB domains, attachments. Control thread.
//
// A commit is a transaction: ids_begin(), ids_take() for every object of the new configuration,
// then ids_commit() or ids_rollback(). A name that stays keeps its id. An id whose name is gone
// is "leaving": packets, ring entries and counters may still speak of it, so it is given out again
// only after a grace period, a hold time, and the consent of the pool's owner (ids_poll()).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tables/rcu.h"

struct ids;

// Ids 1 to max - 1. `hold_ns`: how long an id rests after its grace period.
struct ids *ids_new(uint16_t max, uint64_t hold_ns);
void ids_free(struct ids *ids);

// Of the configuration in force; 0: no such name.
uint16_t ids_find(const struct ids *ids, const char *name);
// Whether the id belongs to an object in force.
bool ids_live(const struct ids *ids, uint16_t id);
// Name of an object in force or leaving; NULL when the id is free.
const char *ids_name(const struct ids *ids, uint16_t id);
// The largest id ever given out.
uint16_t ids_highest(const struct ids *ids);

void ids_begin(struct ids *ids);
// The id of a name in the transaction: the one it has, or a new one. 0: none is left.
uint16_t ids_take(struct ids *ids, const char *name);
// The id of a name that was taken in the transaction, 0: none.
uint16_t ids_taken(const struct ids *ids, const char *name);
// A new id for a name, even if it has one already. 0: none is left.
uint16_t ids_renew(struct ids *ids, const char *name);
// Whether the id was given out in this transaction.
bool ids_fresh(const struct ids *ids, uint16_t id);
// Whether an id in force stays with its name in this transaction.
bool ids_kept(const struct ids *ids, uint16_t id);
// Fresh ids are free again at once: no worker has seen them.
void ids_rollback(struct ids *ids);
// Names that were not taken leave; `token` is a grace period that begins after the snapshot
// without them is published.
void ids_commit(struct ids *ids, uint64_t token, uint64_t now_ns);

// Frees ids that have left for long enough. `release` may refuse (false): asked again later.
typedef bool ids_release_fn(uint16_t id, void *arg);
void ids_poll(
	struct ids *ids, struct rcu *rcu, uint64_t now_ns, ids_release_fn *release, void *arg);
// The same for one leaving id, without its hold time. -EBUSY when it can not be freed yet.
int ids_expire(struct ids *ids, struct rcu *rcu, uint16_t id, ids_release_fn *release, void *arg);
// The next leaving id after `id` (0: the first) in order of age; 0: no more.
uint16_t ids_next_leaving(const struct ids *ids, uint16_t id);
