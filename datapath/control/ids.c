// SPDX-License-Identifier: BSD-3-Clause
// See ids.h. The maps from name to id are JSON objects: jansson's hash table is at hand.

#include "control/ids.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum id_state {
	ID_FREE,
	ID_FRESH,   // given out in the open transaction
	ID_LIVE,    // in force
	ID_LEAVING, // not in force any more, not free yet
};

struct id_entry {
	char *name;
	enum id_state state;
	bool taken; // in the open transaction
};

struct leaving {
	uint16_t id;
	uint64_t token;
	uint64_t since_ns;
};

struct ids {
	uint16_t max;
	uint16_t highest;
	uint16_t search; // no id below this one is free
	uint64_t hold_ns;
	struct id_entry *entries;
	json_t *live;		 // name -> id, in force
	json_t *next;		 // name -> id, of the open transaction; NULL: none is open
	struct leaving *leaving; // oldest first
	unsigned n_leaving;
};

static void *checked(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct ids *ids_new(uint16_t max, uint64_t hold_ns)
{
	struct ids *ids = checked(calloc(1, sizeof(*ids)));

	ids->max = max;
	ids->search = 1;
	ids->hold_ns = hold_ns;
	ids->entries = checked(calloc(max, sizeof(*ids->entries)));
	ids->leaving = checked(calloc(max, sizeof(*ids->leaving)));
	ids->live = checked(json_object());
	return ids;
}

void ids_free(struct ids *ids)
{
	if (ids == NULL)
		return;
	for (uint16_t id = 1; id <= ids->highest; id++)
		free(ids->entries[id].name);
	free(ids->entries);
	free(ids->leaving);
	json_decref(ids->live);
	json_decref(ids->next);
	free(ids);
}

static uint16_t map_get(const json_t *map, const char *name)
{
	return (uint16_t)json_integer_value(json_object_get(map, name));
}

static void map_set(struct ids *ids, const char *name, uint16_t id)
{
	if (json_object_set_new(ids->next, name, json_integer(id)) < 0)
		abort();
	ids->entries[id].taken = true;
}

uint16_t ids_find(const struct ids *ids, const char *name)
{
	return map_get(ids->live, name);
}

bool ids_live(const struct ids *ids, uint16_t id)
{
	return id < ids->max && ids->entries[id].state == ID_LIVE;
}

const char *ids_name(const struct ids *ids, uint16_t id)
{
	return id < ids->max ? ids->entries[id].name : NULL;
}

uint16_t ids_highest(const struct ids *ids)
{
	return ids->highest;
}

void ids_begin(struct ids *ids)
{
	assert(ids->next == NULL);
	ids->next = checked(json_object());
}

// The lowest free id: counters and snapshots stay dense.
static uint16_t allocate(struct ids *ids, const char *name)
{
	uint16_t id = ids->search;

	while (id < ids->max && ids->entries[id].state != ID_FREE)
		id++;
	ids->search = id;
	if (id == ids->max)
		return 0;
	ids->entries[id].state = ID_FRESH;
	ids->entries[id].name = checked(strdup(name));
	if (id > ids->highest)
		ids->highest = id;
	return id;
}

static void release_id(struct ids *ids, uint16_t id)
{
	free(ids->entries[id].name);
	ids->entries[id].name = NULL;
	ids->entries[id].state = ID_FREE;
	if (id < ids->search)
		ids->search = id;
}

uint16_t ids_take(struct ids *ids, const char *name)
{
	uint16_t id = map_get(ids->next, name);

	if (id != 0)
		return id;
	id = map_get(ids->live, name);
	if (id == 0)
		id = allocate(ids, name);
	if (id != 0)
		map_set(ids, name, id);
	return id;
}

uint16_t ids_taken(const struct ids *ids, const char *name)
{
	return map_get(ids->next, name);
}

uint16_t ids_renew(struct ids *ids, const char *name)
{
	uint16_t id = allocate(ids, name);

	if (id != 0)
		map_set(ids, name, id);
	return id;
}

bool ids_fresh(const struct ids *ids, uint16_t id)
{
	return ids->entries[id].state == ID_FRESH;
}

bool ids_kept(const struct ids *ids, uint16_t id)
{
	return ids->entries[id].taken;
}

void ids_rollback(struct ids *ids)
{
	for (uint16_t id = 1; id <= ids->highest; id++) {
		ids->entries[id].taken = false;
		if (ids->entries[id].state == ID_FRESH)
			release_id(ids, id);
	}
	json_decref(ids->next);
	ids->next = NULL;
}

void ids_commit(struct ids *ids, uint64_t token, uint64_t now_ns)
{
	for (uint16_t id = 1; id <= ids->highest; id++) {
		struct id_entry *entry = &ids->entries[id];
		bool taken = entry->taken;

		entry->taken = false;
		if (entry->state == ID_FRESH)
			entry->state = ID_LIVE;
		if (entry->state != ID_LIVE || taken)
			continue;
		entry->state = ID_LEAVING;
		ids->leaving[ids->n_leaving++] =
			(struct leaving){.id = id, .token = token, .since_ns = now_ns};
	}
	json_decref(ids->live);
	ids->live = ids->next;
	ids->next = NULL;
}

static void leaving_remove(struct ids *ids, unsigned index, unsigned n)
{
	for (unsigned i = index; i < index + n; i++)
		release_id(ids, ids->leaving[i].id);
	ids->n_leaving -= n;
	memmove(&ids->leaving[index], &ids->leaving[index + n],
		(ids->n_leaving - index) * sizeof(ids->leaving[0]));
}

void ids_poll(struct ids *ids, struct rcu *rcu, uint64_t now_ns, ids_release_fn *release, void *arg)
{
	unsigned n = 0;

	// Oldest first: whoever has to wait is younger than everyone before it.
	while (n < ids->n_leaving) {
		const struct leaving *leaving = &ids->leaving[n];

		if (now_ns - leaving->since_ns < ids->hold_ns || !rcu_passed(rcu, leaving->token) ||
			!release(leaving->id, arg))
			break;
		n++;
	}
	if (n != 0)
		leaving_remove(ids, 0, n);
}

int ids_expire(struct ids *ids, struct rcu *rcu, uint16_t id, ids_release_fn *release, void *arg)
{
	for (unsigned i = 0; i < ids->n_leaving; i++) {
		if (ids->leaving[i].id != id)
			continue;
		if (!rcu_passed(rcu, ids->leaving[i].token) || !release(id, arg))
			return -EBUSY;
		leaving_remove(ids, i, 1);
		return 0;
	}
	return -ENOENT;
}

uint16_t ids_next_leaving(const struct ids *ids, uint16_t id)
{
	unsigned i = 0;

	if (id != 0) {
		while (i < ids->n_leaving && ids->leaving[i].id != id)
			i++;
		i++;
	}
	return i < ids->n_leaving ? ids->leaving[i].id : 0;
}
