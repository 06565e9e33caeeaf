// SPDX-License-Identifier: BSD-3-Clause
// Grace periods between the control thread and the workers (QSBR). The only place that calls
// rte_rcu_*.
//
// A worker takes pointers to shared data at the start of a poll round and calls rcu_quiescent()
// at its end; no pointer survives that call. Control unlinks first, then either rcu_retire()s the
// memory, to be freed on a later rcu_poll() once every worker has passed a quiescent state, or
// asks rcu_token()/rcu_passed(). Control never blocks on a worker, except in rcu_barrier().

#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RCU_MAX_READERS 64

struct rcu;

struct rcu *rcu_new(unsigned max_readers);
void rcu_free(struct rcu *rcu); // runs what is still retired; no reader may be online

// Readers (workers), by index. Online before the first pointer is taken; offline before a worker
// blocks for long or ends.
void rcu_reader_online(struct rcu *rcu, unsigned reader);
void rcu_reader_offline(struct rcu *rcu, unsigned reader);
void rcu_quiescent(struct rcu *rcu, unsigned reader);

// Control thread only.
uint64_t rcu_token(struct rcu *rcu);		  // starts a grace period
bool rcu_passed(struct rcu *rcu, uint64_t token); // whether it has ended
void rcu_retire(struct rcu *rcu, void *object, void (*free_object)(void *)); // NULL is ignored
void rcu_poll(struct rcu *rcu);	   // frees what may be freed now
void rcu_barrier(struct rcu *rcu); // waits until all retired objects are freed
