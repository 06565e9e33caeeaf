// SPDX-License-Identifier: BSD-3-Clause
// Counters only grow, and workers write them: a row starts from what its id had counted before.
//
// Ports may be thousands, and a commit asks for the rows of each: nothing here walks over all
// blocks for one port.

#include "control/rows.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

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
	TAILQ_ENTRY(block) entry; // of all blocks
	struct port *port;	  // leaving: NULL
	uint32_t first;
	uint32_t n;
	struct row *rows;
	enum block_state state;
	uint64_t token;			  // leaving
	TAILQ_ENTRY(block) leaving_entry; // leaving
	struct block *successor; // leaving: of the same port; gets what is counted till the end
	uint32_t *origins; // by row of the successor: the row here that goes on there + 1; 0: none
	LIST_ENTRY(block) of_successor;	 // if it has one
	LIST_HEAD(, block) predecessors; // whose successor this is
};

// A port that has a block.
struct port {
	char *name;
	struct block *live;  // in force; NULL: none
	struct block *fresh; // of this transaction; NULL: none
};

struct rows {
	struct tables *tables;
	TAILQ_HEAD(block_list, block) blocks; // by first
	struct block_list leaving;	      // by token
	struct block *newest; // of this transaction: the next one is looked for behind it
	void *ports;	      // of struct port, by name; see tsearch(3)
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
	TAILQ_INIT(&rows->blocks);
	TAILQ_INIT(&rows->leaving);
	return rows;
}

static void block_free(struct rows *rows, struct block *block)
{
	TAILQ_REMOVE(&rows->blocks, block, entry);
	for (uint32_t i = 0; i < block->n; i++)
		free(block->rows[i].label);
	free(block->rows);
	free(block->origins);
	free(block);
}

static void port_free(void *node)
{
	struct port *port = node;

	free(port->name);
	free(port);
}

void rows_free(struct rows *rows)
{
	while (!TAILQ_EMPTY(&rows->blocks))
		block_free(rows, TAILQ_FIRST(&rows->blocks));
	tdestroy(rows->ports, port_free);
	free(rows);
}

// ---- counts ------------------------------------------------------------------------------------

static struct row_counter count(const struct rows *rows, uint32_t id)
{
	struct row_counter sum = {0, 0};

	for (unsigned w = 0; w < rows->tables->n_workers; w++) {
		const struct row_counter *row = &rows->tables->rows[w][id];

		sum.packets += counter_read(&row->packets);
		sum.bytes += counter_read(&row->bytes);
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

// ---- ports -------------------------------------------------------------------------------------

static int port_compare(const void *a, const void *b)
{
	return strcmp(((const struct port *)a)->name, ((const struct port *)b)->name);
}

// NULL: the port has no block.
static struct port *port_find(const struct rows *rows, const char *name)
{
	const struct port key = {.name = (char *)name};
	struct port *const *found = tfind(&key, &rows->ports, port_compare);

	return found != NULL ? *found : NULL;
}

static struct port *port_add(struct rows *rows, const char *name)
{
	struct port *port = checked(calloc(1, sizeof(*port)));

	port->name = checked(strdup(name));
	checked(tsearch(port, &rows->ports, port_compare));
	return port;
}

static void port_forget_if_empty(struct rows *rows, struct port *port)
{
	if (port->live != NULL || port->fresh != NULL)
		return;
	tdelete(port, &rows->ports, port_compare);
	port_free(port);
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

// Where there is room for `n` rows behind `after` (NULL: the beginning), which becomes the block in
// front of that place. 0: nowhere.
static uint32_t find_room(const struct rows *rows, struct block **after, uint32_t n)
{
	for (;;) {
		const struct block *block = *after;
		uint32_t first = block != NULL ? block->first + block->n : 1;
		struct block *next =
			block != NULL ? TAILQ_NEXT(block, entry) : TAILQ_FIRST(&rows->blocks);
		uint32_t end = next != NULL ? next->first : MAX_FILTER_ROWS;

		if (end - first >= n)
			return first;
		if (next == NULL)
			return 0;
		*after = next;
	}
}

// NULL: no ids are left.
static struct block *block_new(struct rows *rows, const char *const *labels, uint32_t n)
{
	struct block *after = rows->newest, *block;
	uint32_t first = find_room(rows, &after, n);

	if (first == 0) {
		after = NULL;
		first = find_room(rows, &after, n);
	}
	if (first == 0)
		return NULL;
	block = checked(calloc(1, sizeof(*block)));
	block->first = first;
	block->n = n;
	block->rows = checked(calloc(n, sizeof(*block->rows)));
	LIST_INIT(&block->predecessors);
	for (uint32_t i = 0; i < n; i++) {
		block->rows[i].label = checked(strdup(labels[i]));
		block->rows[i].baseline = count(rows, first + i);
	}
	if (after != NULL)
		TAILQ_INSERT_AFTER(&rows->blocks, after, block, entry);
	else
		TAILQ_INSERT_HEAD(&rows->blocks, block, entry);
	rows->newest = block;
	return block;
}

uint32_t rows_take(struct rows *rows, const char *name, const char *const *labels, uint32_t n)
{
	struct port *port = port_find(rows, name);
	struct block *block;

	if (port != NULL && port->live != NULL && same_rows(port->live, labels, n)) {
		port->live->state = BLOCK_KEPT;
		return port->live->first;
	}
	block = block_new(rows, labels, n);
	if (block == NULL)
		return 0;
	if (port == NULL)
		port = port_add(rows, name);
	block->state = BLOCK_FRESH;
	block->port = port;
	port->fresh = block;
	return block->first;
}

uint32_t rows_taken(const struct rows *rows, const char *name)
{
	const struct port *port = port_find(rows, name);

	return port->fresh != NULL ? port->fresh->first : port->live->first;
}

// ---- rows that go on ---------------------------------------------------------------------------

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	int order = strcmp(x->label, y->label);

	return order != 0 ? order : x < y ? -1 : 1;
}

static struct row **sorted_rows(const struct block *block)
{
	struct row **list = checked(calloc(block->n + 1, sizeof(*list)));

	for (uint32_t i = 0; i < block->n; i++)
		list[i] = &block->rows[i];
	qsort(list, block->n, sizeof(struct row *), compare_rows);
	return list;
}

// Rows of a leaving block that its successor has as well go on there, wherever they stand. Each
// goes once, in order, so that two equal rows stay two.
static uint32_t *find_origins(const struct block *from, const struct block *to)
{
	struct row **old = sorted_rows(from), **new = sorted_rows(to);
	uint32_t *origins = checked(calloc(to->n + 1, sizeof(*origins)));

	for (uint32_t i = 0, j = 0; i < from->n && j < to->n;) {
		int order = strcmp(old[i]->label, new[j]->label);

		if (order == 0)
			origins[new[j] - to->rows] = old[i] - from->rows + 1;
		i += order <= 0;
		j += order >= 0;
	}
	free(old);
	free(new);
	return origins;
}

static void follow(struct block *block, struct block *successor)
{
	free(block->origins);
	block->origins = NULL;
	block->successor = successor;
	if (successor == NULL)
		return;
	block->origins = find_origins(block, successor);
	LIST_INSERT_HEAD(&successor->predecessors, block, of_successor);
}

// What a leaving block has counted for row `i` of its successor.
static void add_origin(
	const struct rows *rows, const struct block *leaving, uint32_t i, struct row_counter *sum)
{
	struct row_counter total;

	if (leaving->origins[i] == 0)
		return;
	total = row_total(rows, leaving, leaving->origins[i] - 1);
	sum->packets += total.packets;
	sum->bytes += total.bytes;
}

// ---- transactions ------------------------------------------------------------------------------

void rows_begin(struct rows *rows)
{
	struct block *block;

	rows->newest = NULL;
	TAILQ_FOREACH (block, &rows->blocks, entry) {
		if (block->state == BLOCK_KEPT)
			block->state = BLOCK_LIVE;
	}
}

void rows_rollback(struct rows *rows)
{
	struct block *block, *next;

	for (block = TAILQ_FIRST(&rows->blocks); block != NULL; block = next) {
		next = TAILQ_NEXT(block, entry);
		if (block->state != BLOCK_FRESH)
			continue;
		block->port->fresh = NULL;
		port_forget_if_empty(rows, block->port);
		block_free(rows, block);
	}
	rows_begin(rows);
}

static void leave(struct rows *rows, struct block *block, uint64_t token)
{
	struct port *port = block->port;

	block->state = BLOCK_LEAVING;
	block->token = token;
	block->port = NULL;
	follow(block, port->fresh);
	TAILQ_INSERT_TAIL(&rows->leaving, block, leaving_entry);
	port->live = NULL;
	port_forget_if_empty(rows, port);
}

void rows_commit(struct rows *rows, uint64_t token)
{
	struct block *block;

	TAILQ_FOREACH (block, &rows->blocks, entry) {
		if (block->state == BLOCK_LIVE)
			leave(rows, block, token);
	}
	TAILQ_FOREACH (block, &rows->blocks, entry) {
		if (block->state == BLOCK_LEAVING)
			continue;
		block->state = BLOCK_LIVE;
		block->port->live = block;
		block->port->fresh = NULL;
	}
}

static void hand_over(const struct rows *rows, const struct block *from, struct block *to)
{
	for (uint32_t i = 0; i < to->n; i++)
		add_origin(rows, from, i, &to->rows[i].carried);
}

static void give_back(struct rows *rows, struct block *block)
{
	struct block *waiting;

	if (block->successor != NULL) {
		hand_over(rows, block, block->successor);
		LIST_REMOVE(block, of_successor);
	}
	// Who waits to hand over to this one hands over to its successor, or to nobody.
	while ((waiting = LIST_FIRST(&block->predecessors)) != NULL) {
		LIST_REMOVE(waiting, of_successor);
		follow(waiting, block->successor);
	}
	TAILQ_REMOVE(&rows->leaving, block, leaving_entry);
	block_free(rows, block);
}

void rows_poll(struct rows *rows)
{
	struct block *block;

	while ((block = TAILQ_FIRST(&rows->leaving)) != NULL &&
		rcu_passed(rows->tables->rcu, block->token))
		give_back(rows, block);
}

bool rows_read(const struct rows *rows, const char *name, uint32_t i, struct row_counter *sum)
{
	const struct port *port = port_find(rows, name);
	const struct block *block = port != NULL ? port->live : NULL, *old;

	if (block == NULL || i >= block->n)
		return false;
	*sum = row_total(rows, block, i);
	// Until the grace period is over the counts of the same row before the last change are
	// still on their way; they are shown at once all the same.
	LIST_FOREACH (old, &block->predecessors, of_successor)
		add_origin(rows, old, i, sum);
	return true;
}
