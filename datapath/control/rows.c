// SPDX-License-Identifier: BSD-3-Clause
// Counters only grow, and workers write them: a row starts from what its id had counted before.

#include "control/rows.h"

#include <stdlib.h>
#include <string.h>

#include "tables/tables.h"

struct row {
	char *label;
	struct row_counter carried;  // what the same row of the port counted under other ids
	struct row_counter baseline; // what this id had counted before
};

enum block_state {
	BLOCK_FRESH, // taken in this transaction
	BLOCK_LIVE,
	BLOCK_KEPT, // live, and taken again in this transaction
	BLOCK_LEAVING,
};

struct block {
	char *port;
	uint32_t first;
	uint32_t n;
	struct row *rows;
	enum block_state state;
	uint64_t token;		 // leaving
	struct block *successor; // leaving: of the same port; gets what is counted till the end
};

struct rows {
	struct tables *tables;
	struct block **list; // sorted by first
	size_t n;
	size_t room;
};

static void *checked(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct rows *rows_new(struct tables *tables)
{
	struct rows *rows = checked(calloc(1, sizeof(*rows)));

	rows->tables = tables;
	return rows;
}

static void block_free(struct block *block)
{
	for (uint32_t i = 0; i < block->n; i++)
		free(block->rows[i].label);
	free(block->rows);
	free(block->port);
	free(block);
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		block_free(rows->list[i]);
	free(rows->list);
	free(rows);
}

static struct row_counter count(const struct rows *rows, uint32_t id)
{
	struct row_counter sum = {0, 0};

	for (unsigned w = 0; w < rows->tables->n_workers; w++) {
		const struct row_counter *row = &rows->tables->rows[w][id];

		sum.packets += __atomic_load_n(&row->packets, __ATOMIC_RELAXED);
		sum.bytes += __atomic_load_n(&row->bytes, __ATOMIC_RELAXED);
	}
	return sum;
}

static struct row_counter row_total(const struct rows *rows, const struct block *block, uint32_t i)
{
	const struct row *row = &block->rows[i];
	struct row_counter now = count(rows, block->first + i);

	return (struct row_counter){
		.packets = row->carried.packets + now.packets - row->baseline.packets,
		.bytes = row->carried.bytes + now.bytes - row->baseline.bytes,
	};
}

// ---- blocks ------------------------------------------------------------------------------------

static bool same_rows(const struct block *block, const char *const *labels, uint32_t n)
{
	if (block->n != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(block->rows[i].label, labels[i]) != 0)
			return false;
	}
	return true;
}

// The block of a port in force; NULL: none.
static struct block *block_of(const struct rows *rows, const char *port)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct block *block = rows->list[i];

		if ((block->state == BLOCK_LIVE || block->state == BLOCK_KEPT) &&
			strcmp(block->port, port) == 0)
			return block;
	}
	return NULL;
}

// The block that a port got in this transaction; NULL: none.
static struct block *fresh_of(const struct rows *rows, const char *port)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i]->state == BLOCK_FRESH && strcmp(rows->list[i]->port, port) == 0)
			return rows->list[i];
	}
	return NULL;
}

static void block_insert(struct rows *rows, size_t at, struct block *block)
{
	if (rows->n == rows->room) {
		rows->room = rows->room != 0 ? 2 * rows->room : 16;
		rows->list = checked(realloc(rows->list, rows->room * sizeof(*rows->list)));
	}
	memmove(&rows->list[at + 1], &rows->list[at], (rows->n - at) * sizeof(*rows->list));
	rows->list[at] = block;
	rows->n++;
}

static void block_remove(struct rows *rows, size_t at)
{
	block_free(rows->list[at]);
	rows->n--;
	memmove(&rows->list[at], &rows->list[at + 1], (rows->n - at) * sizeof(*rows->list));
}

uint32_t rows_take(struct rows *rows, const char *port, const char *const *labels, uint32_t n)
{
	struct block *block = fresh_of(rows, port);
	uint32_t first = 1;
	size_t at = 0;

	if (block != NULL)
		return block->first;
	block = block_of(rows, port);
	if (block != NULL && same_rows(block, labels, n)) {
		block->state = BLOCK_KEPT;
		return block->first;
	}
	while (at < rows->n && rows->list[at]->first - first < n) {
		first = rows->list[at]->first + rows->list[at]->n;
		at++;
	}
	if (n > MAX_FILTER_ROWS - first)
		return 0;
	block = checked(calloc(1, sizeof(*block)));
	*block = (struct block){
		.port = checked(strdup(port)),
		.first = first,
		.n = n,
		.rows = checked(calloc(n, sizeof(*block->rows))),
		.state = BLOCK_FRESH,
	};
	for (uint32_t i = 0; i < n; i++) {
		block->rows[i].label = checked(strdup(labels[i]));
		block->rows[i].baseline = count(rows, first + i);
	}
	block_insert(rows, at, block);
	return first;
}

// ---- transactions ------------------------------------------------------------------------------

void rows_begin(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i]->state == BLOCK_KEPT)
			rows->list[i]->state = BLOCK_LIVE;
	}
}

void rows_rollback(struct rows *rows)
{
	for (size_t i = rows->n; i-- > 0;) {
		if (rows->list[i]->state == BLOCK_FRESH)
			block_remove(rows, i);
	}
	rows_begin(rows);
}

void rows_commit(struct rows *rows, uint64_t token)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct block *block = rows->list[i];

		if (block->state != BLOCK_LIVE)
			continue;
		block->state = BLOCK_LEAVING;
		block->token = token;
		block->successor = fresh_of(rows, block->port);
	}
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i]->state != BLOCK_LEAVING)
			rows->list[i]->state = BLOCK_LIVE;
	}
}

// Rows of a leaving block that its successor has as well go on there. Each is handed over once,
// in order, so that two equal rows stay two.
static void hand_over(const struct rows *rows, const struct block *from, struct block *to)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < from->n; i++) {
		for (uint32_t j = next; j < to->n; j++) {
			if (strcmp(from->rows[i].label, to->rows[j].label) != 0)
				continue;
			struct row_counter total = row_total(rows, from, i);

			to->rows[j].carried.packets += total.packets;
			to->rows[j].carried.bytes += total.bytes;
			next = j + 1;
			break;
		}
	}
}

void rows_poll(struct rows *rows)
{
	for (size_t i = rows->n; i-- > 0;) {
		struct block *block = rows->list[i];

		if (block->state != BLOCK_LEAVING || !rcu_passed(rows->tables->rcu, block->token))
			continue;
		if (block->successor != NULL)
			hand_over(rows, block, block->successor);
		// Whoever waits to hand over to this one hands over to nobody.
		for (size_t j = 0; j < rows->n; j++) {
			if (rows->list[j]->successor == block)
				rows->list[j]->successor = block->successor;
		}
		block_remove(rows, i);
	}
}

bool rows_read(const struct rows *rows, const char *port, uint32_t i, struct row_counter *sum)
{
	const struct block *block = block_of(rows, port);

	if (block == NULL || i >= block->n)
		return false;
	*sum = row_total(rows, block, i);
	// Until the grace period is over the counts of the same row before the last change are
	// still on their way; they are shown at once all the same.
	for (size_t j = 0; j < rows->n; j++) {
		const struct block *old = rows->list[j];

		for (uint32_t k = 0; old->successor == block && k < old->n; k++) {
			if (strcmp(old->rows[k].label, block->rows[i].label) == 0) {
				struct row_counter total = row_total(rows, old, k);

				sum->packets += total.packets;
				sum->bytes += total.bytes;
				break;
			}
		}
	}
	return true;
}
