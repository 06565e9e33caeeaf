// SPDX-License-Identifier: BSD-3-Clause
// A datagram's life:
//
//   WAITING -- first fragment --> WAITING, busy -- judged --> DECIDED -- all bytes came --> gone
//
// DEAD, with a reason, follows on any of them: by an overlap, a first fragment that can not decide,
// or because the first did not come in time. Whatever state it is in, it is forgotten when its time
// is over. A busy datagram is in the hands of the worker that judges its first fragment or takes
// out what waits; it stays where it is until that worker is done.
//
// Fragments may come again, in their order: the first is judged once more, and those behind it get
// the new verdict. When the verdict is that the first waits, its datagram is WAITING again.

#include "tables/fragment.h"

#include <errno.h>
#include <string.h>

#include <sys/random.h>

#include "tables/byte_lock.h"
#include "tables/memory.h"

#define BUCKETS	     16384
#define HELD_SLOTS   (FRAGMENT_HELD_SIZE / 2048) // a buffer is not smaller
#define EXPIRE_STEPS 16				 // datagrams forgotten at once
#define NEVER	     UINT32_MAX

enum state {
	WAITING, // for the first fragment, or for the verdict about it
	DECIDED,
	DEAD,
};

struct range {
	uint16_t start;
	uint16_t end;
};

struct datagram {
	struct fragment_key key;
	struct fragment_verdict verdict;
	uint32_t next;	// in its bucket, or of the free ones
	uint32_t older; // in order of deadlines
	uint32_t newer;
	uint32_t deadline_s;
	uint32_t first_held;
	uint32_t last_held;
	uint16_t n_held;
	uint16_t end; // of the last fragment; 0: not seen yet
	uint8_t state;
	bool busy;
	bool came_again; // the first, while it was judged
	uint8_t n_ranges;
	struct range ranges[FRAGMENT_RANGES]; // ascending, with holes between them
};

struct held_slot {
	struct fragment_held held;
	uint32_t next; // of the same datagram, or of the free ones
};

// Index 0 of datagrams and slots is nobody.
struct fragment_table {
	struct byte_lock lock;	// of all that follows, but for what is never changed
	uint64_t multiplier;	// of the hash; random and odd, set once
	uint32_t next_expiry_s; // deadline of the oldest; read without the lock
	uint32_t oldest;
	uint32_t newest;
	uint32_t free_datagram;
	uint32_t n_fresh; // datagrams that were never used start here
	uint32_t free_slot;
	uint32_t n_fresh_slots;
	uint32_t held_size;
	uint16_t n_of[MAX_ATTACHMENTS]; // datagrams
	uint32_t buckets[BUCKETS];
	struct held_slot slots[HELD_SLOTS + 1];
	struct datagram datagrams[FRAGMENT_DATAGRAMS + 1];
};

// ---- datagrams --------------------------------------------------------------------------------

static uint32_t *bucket_of(struct fragment_table *table, const struct fragment_key *key)
{
	uint64_t words[sizeof(*key) / 8];
	uint64_t hash = ~table->multiplier;

	memcpy(words, key, sizeof(words));
	for (unsigned i = 0; i < sizeof(*key) / 8; i++) {
		unsigned __int128 product =
			(unsigned __int128)(hash ^ words[i]) * table->multiplier;

		hash = (uint64_t)(product >> 64) ^ (uint64_t)product;
	}
	return &table->buckets[hash % BUCKETS];
}

static struct datagram *find(struct fragment_table *table, const struct fragment_key *key)
{
	for (uint32_t id = *bucket_of(table, key); id != 0; id = table->datagrams[id].next) {
		if (memcmp(&table->datagrams[id].key, key, sizeof(*key)) == 0)
			return &table->datagrams[id];
	}
	return NULL;
}

static uint32_t id_of(const struct fragment_table *table, const struct datagram *d)
{
	return (uint32_t)(d - table->datagrams);
}

static void note_expiry(struct fragment_table *table)
{
	uint32_t expiry_s = table->oldest != 0 ? table->datagrams[table->oldest].deadline_s : NEVER;

	__atomic_store_n(&table->next_expiry_s, expiry_s, __ATOMIC_RELAXED);
}

static void age_link(struct fragment_table *table, struct datagram *d, uint32_t now_s)
{
	d->deadline_s = now_s + FRAGMENT_TIMEOUT_S;
	d->older = table->newest;
	d->newer = 0;
	*(table->newest != 0 ? &table->datagrams[table->newest].newer : &table->oldest) =
		id_of(table, d);
	table->newest = id_of(table, d);
	note_expiry(table);
}

static void age_unlink(struct fragment_table *table, const struct datagram *d)
{
	*(d->older != 0 ? &table->datagrams[d->older].newer : &table->oldest) = d->newer;
	*(d->newer != 0 ? &table->datagrams[d->newer].older : &table->newest) = d->older;
	note_expiry(table);
}

// NULL: there are too many.
static struct datagram *add(
	struct fragment_table *table, const struct fragment_key *key, uint32_t now_s)
{
	uint32_t *bucket = bucket_of(table, key);
	uint32_t id = table->free_datagram;

	if (table->n_of[key->in] == FRAGMENT_QUOTA)
		return NULL;
	if (id != 0)
		table->free_datagram = table->datagrams[id].next;
	else if (table->n_fresh <= FRAGMENT_DATAGRAMS)
		id = table->n_fresh++;
	else
		return NULL;
	struct datagram *d = &table->datagrams[id];

	*d = (struct datagram){.key = *key, .next = *bucket};
	*bucket = id;
	table->n_of[key->in]++;
	age_link(table, d, now_s);
	return d;
}

static void forget(struct fragment_table *table, struct datagram *d)
{
	uint32_t *link = bucket_of(table, &d->key);
	uint32_t id = id_of(table, d);

	while (*link != id)
		link = &table->datagrams[*link].next;
	*link = d->next;
	age_unlink(table, d);
	table->n_of[d->key.in]--;
	d->next = table->free_datagram;
	table->free_datagram = id;
}

// ---- the bytes of a datagram ------------------------------------------------------------------

// Whether a fragment contradicts what is known about where its datagram ends.
static bool end_differs(const struct datagram *d, const struct fragment *f)
{
	if (d->end != 0)
		return f->end > d->end || (!f->more && f->end != d->end);
	return !f->more && d->n_ranges != 0 && d->ranges[d->n_ranges - 1].end > f->end;
}

// Where the fragment belongs among the ranges.
static unsigned range_after(const struct datagram *d, const struct fragment *f)
{
	unsigned i = d->n_ranges;

	while (i != 0 && d->ranges[i - 1].start >= f->start)
		i--;
	return i;
}

// FRAGMENT_NO_REASON, or why the fragment can not be part of its datagram.
static enum drop_reason add_range(struct datagram *d, const struct fragment *f)
{
	unsigned i = range_after(d, f);
	struct range *r = &d->ranges[i];
	bool joins_before = i != 0 && r[-1].end == f->start;
	bool joins_after = i != d->n_ranges && r->start == f->end;

	if (end_differs(d, f) || (i != 0 && r[-1].end > f->start) ||
		(i != d->n_ranges && r->start < f->end))
		return DROP_FRAG_OVERLAP;
	if (joins_before && joins_after) {
		r[-1].end = r->end;
		d->n_ranges--;
		memmove(r, r + 1, (d->n_ranges - i) * sizeof(*r));
	} else if (joins_before) {
		r[-1].end = f->end;
	} else if (joins_after) {
		r->start = f->start;
	} else {
		if (d->n_ranges == FRAGMENT_RANGES)
			return DROP_FRAG_FULL;
		memmove(r + 1, r, (d->n_ranges - i) * sizeof(*r));
		*r = (struct range){f->start, f->end};
		d->n_ranges++;
	}
	if (!f->more)
		d->end = f->end;
	return FRAGMENT_NO_REASON;
}

static bool is_complete(const struct datagram *d)
{
	return d->n_ranges == 1 && d->ranges[0].start == 0 && d->ranges[0].end == d->end;
}

// ---- what waits -------------------------------------------------------------------------------

static uint32_t buffer_size(const struct rte_mbuf *mbuf)
{
	return sizeof(*mbuf) + mbuf->buf_len;
}

// `d` may be NULL: a datagram that is not known yet.
static bool has_room(
	const struct fragment_table *table, const struct datagram *d, const struct rte_mbuf *mbuf)
{
	return (d == NULL || d->n_held < FRAGMENT_HELD_MAX) &&
	       table->held_size + buffer_size(mbuf) <= FRAGMENT_HELD_SIZE &&
	       (table->free_slot != 0 || table->n_fresh_slots <= HELD_SLOTS);
}

static void hold(struct fragment_table *table, struct datagram *d, const struct fragment_held *held)
{
	uint32_t id = table->free_slot;

	if (id != 0)
		table->free_slot = table->slots[id].next;
	else
		id = table->n_fresh_slots++;
	table->slots[id] = (struct held_slot){.held = *held};
	*(d->n_held != 0 ? &table->slots[d->last_held].next : &d->first_held) = id;
	d->last_held = id;
	d->n_held++;
	table->held_size += buffer_size(held->mbuf);
}

static struct fragment_held unhold(struct fragment_table *table, struct datagram *d)
{
	uint32_t id = d->first_held;
	struct held_slot *slot = &table->slots[id];

	d->first_held = slot->next;
	d->n_held--;
	table->held_size -= buffer_size(slot->held.mbuf);
	slot->next = table->free_slot;
	table->free_slot = id;
	return slot->held;
}

// ---- arrival ----------------------------------------------------------------------------------

static struct fragment_answer drop_of(enum drop_reason reason)
{
	return (struct fragment_answer){.fate = FRAGMENT_DROP, .verdict.reason = reason};
}

// Whoever has the datagram in hands, the caller or another worker, takes out what waits.
static struct fragment_answer kill_datagram(
	struct fragment_table *table, struct datagram *d, enum drop_reason reason)
{
	struct fragment_answer answer = drop_of(reason);

	d->state = DEAD;
	d->verdict.reason = reason;
	if (!d->busy && d->n_held != 0) {
		d->busy = true;
		answer.datagram = id_of(table, d);
	}
	return answer;
}

// A further fragment of a dead datagram.
static struct fragment_answer refuse(const struct datagram *d)
{
	bool gave_up = d->verdict.reason == DROP_FRAG_TIMEOUT;

	return drop_of(gave_up ? DROP_FRAG_NO_FIRST : d->verdict.reason);
}

static struct fragment_answer join(
	struct fragment_table *table, struct datagram *d, const struct fragment *f)
{
	struct fragment_answer answer = {.fate = FRAGMENT_HELD};
	enum drop_reason reason = f->reason;

	if (reason == FRAGMENT_NO_REASON)
		reason = add_range(d, f);
	if (f->again)
		reason = FRAGMENT_NO_REASON;
	if (reason == DROP_FRAG_FULL)
		return drop_of(reason);
	if (reason != FRAGMENT_NO_REASON)
		return kill_datagram(table, d, reason);
	if (f->start == 0) {
		answer.fate = FRAGMENT_JUDGE;
		answer.datagram = d->busy ? 0 : id_of(table, d);
		answer.verdict = d->verdict;
		d->came_again = d->busy;
		d->busy = true;
	} else if (d->state == DECIDED) {
		answer.fate = FRAGMENT_PASS;
		answer.verdict = d->verdict;
		if (is_complete(d) && !d->busy)
			forget(table, d);
	} else {
		hold(table, d, &f->held);
	}
	return answer;
}

static struct fragment_answer arrive(
	struct fragment_table *table, const struct fragment *f, uint32_t now_s)
{
	struct datagram *d = find(table, &f->key);
	bool waits = f->start != 0 && (d == NULL || d->state == WAITING);

	// Its id may be in use again: a first fragment that comes after all begins anew.
	if (d != NULL && d->state == DEAD && d->verdict.reason == DROP_FRAG_TIMEOUT &&
		f->start == 0 && !d->busy) {
		forget(table, d);
		d = NULL;
	}
	if (d != NULL && d->state == DEAD)
		return refuse(d);
	if (waits && f->again)
		return drop_of(DROP_FRAG_NO_FIRST);
	if (waits && !has_room(table, d, f->held.mbuf))
		return drop_of(DROP_FRAG_FULL);
	if (d == NULL)
		d = add(table, &f->key, now_s);
	return d != NULL ? join(table, d, f) : drop_of(DROP_FRAG_FULL);
}

struct fragment_answer fragment_arrive(
	struct fragment_table *table, const struct fragment *fragment, uint32_t now_s)
{
	byte_lock(&table->lock);
	struct fragment_answer answer = arrive(table, fragment, now_s);

	byte_unlock(&table->lock);
	return answer;
}

void fragment_decide(
	struct fragment_table *table, uint32_t datagram, const struct fragment_verdict *verdict)
{
	struct datagram *d = &table->datagrams[datagram];

	byte_lock(&table->lock);
	if (d->state != DEAD) {
		d->state = verdict->waits && !d->came_again ? WAITING : DECIDED;
		d->verdict = *verdict;
	}
	byte_unlock(&table->lock);
}

bool fragment_take(struct fragment_table *table, uint32_t datagram, struct fragment_held *held,
	struct fragment_verdict *verdict)
{
	struct datagram *d = &table->datagrams[datagram];

	byte_lock(&table->lock);
	bool any = d->n_held != 0 && d->state != WAITING;

	if (any) {
		*held = unhold(table, d);
		*verdict = d->verdict;
	} else {
		d->busy = false;
		if (d->state == DECIDED && is_complete(d))
			forget(table, d);
	}
	byte_unlock(&table->lock);
	return any;
}

// ---- time -------------------------------------------------------------------------------------

bool fragment_expires(const struct fragment_table *table, uint32_t now_s)
{
	return __atomic_load_n(&table->next_expiry_s, __ATOMIC_RELAXED) <= now_s;
}

// A datagram whose first never came is remembered for as long again, so that what comes of it still
// need not wait in vain.
static uint32_t expire(struct fragment_table *table, uint32_t now_s)
{
	for (unsigned i = 0; i < EXPIRE_STEPS && table->next_expiry_s <= now_s; i++) {
		struct datagram *d = &table->datagrams[table->oldest];

		if (d->busy)
			return 0;
		if (d->n_held != 0) {
			age_unlink(table, d);
			age_link(table, d, now_s);
			return kill_datagram(table, d, DROP_FRAG_TIMEOUT).datagram;
		}
		forget(table, d);
	}
	return 0;
}

uint32_t fragment_expire(struct fragment_table *table, uint32_t now_s)
{
	byte_lock(&table->lock);
	uint32_t datagram = expire(table, now_s);

	byte_unlock(&table->lock);
	return datagram;
}

// ---- table ------------------------------------------------------------------------------------

struct fragment_table *fragment_table_new(void)
{
	struct fragment_table *table = table_alloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	if (getrandom(&table->multiplier, sizeof(table->multiplier), 0) < 0) {
		table_free(table, sizeof(*table));
		return NULL;
	}
	table->multiplier |= 1;
	table->n_fresh = 1;
	table->n_fresh_slots = 1;
	table->next_expiry_s = NEVER;
	return table;
}

void fragment_table_free(struct fragment_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t id = table->oldest; id != 0; id = table->datagrams[id].newer) {
		struct datagram *d = &table->datagrams[id];

		while (d->n_held != 0)
			rte_pktmbuf_free(unhold(table, d).mbuf);
	}
	table_free(table, sizeof(*table));
}
