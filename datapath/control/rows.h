// SPDX-License-Identifier: BSD-3-Clause
// Ids of row counters (tables/filter.h). A filtered port has one block of them, which it keeps as
// long as its rows stay the same; when they change it gets another block, and rows that say the
// same as before go on counting where they were. Control thread.
//
// A commit is a transaction as for ids.h: rows_begin(), rows_take() for every filtered port, then
// rows_commit() or rows_rollback().

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tables/filter.h"
#include "tables/rcu.h"

struct rows;
struct tables;

struct rows *rows_new(struct tables *tables);
void rows_free(struct rows *rows);

void rows_begin(struct rows *rows);
// The id of the first of `n` rows of a port; row i says labels[i]. Once for each port in a
// transaction. 0: no ids are left.
uint32_t rows_take(struct rows *rows, const char *port, const char *const *labels, uint32_t n);
// What rows_take() gave a port in the open transaction.
uint32_t rows_taken(const struct rows *rows, const char *port);
void rows_rollback(struct rows *rows);
// `token`: a grace period that begins after the snapshot is published.
void rows_commit(struct rows *rows, uint64_t token);
// Gives ids back whose grace period is over.
void rows_poll(struct rows *rows);

// What row `i` of a port in force has counted. False when there is none.
bool rows_read(const struct rows *rows, const char *port, uint32_t i, struct row_counter *sum);
