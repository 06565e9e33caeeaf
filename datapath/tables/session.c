// SPDX-License-Identifier: BSD-3-Clause
// The side of the session table that changes it. Workers and control change buckets under the
// bucket's lock, and lists of ids under the pool's; a bucket's lock is never held while the pool's
// is taken. A session's life is FREE -> LIVE -> DEAD -> FREE; only control takes the last step.
//
// An id that nobody uses is in a worker's cache, in the pool's stack, or has never been used.

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

#include "net/headers.h"
#include "tables/memory.h"
#include "tables/session.h"

#define CACHE_SIZE 64 // ids a worker keeps, so that it takes the pool's lock seldom

static const uint32_t default_timeout_s[N_SESSION_TIMEOUTS] = {
	[SESSION_TIMEOUT_TCP_SYN_SENT] = 120,
	[SESSION_TIMEOUT_TCP_SYN_RECEIVED] = 60,
	[SESSION_TIMEOUT_TCP_ESTABLISHED] = 432000,
	[SESSION_TIMEOUT_TCP_FIN_WAIT] = 120,
	[SESSION_TIMEOUT_TCP_CLOSE_WAIT] = 60,
	[SESSION_TIMEOUT_TCP_LAST_ACK] = 30,
	[SESSION_TIMEOUT_TCP_TIME_WAIT] = 120,
	[SESSION_TIMEOUT_TCP_CLOSE] = 10,
	[SESSION_TIMEOUT_TCP_UNACKNOWLEDGED] = 300,
	[SESSION_TIMEOUT_UDP] = 30,
	[SESSION_TIMEOUT_UDP_STREAM] = 120,
	[SESSION_TIMEOUT_ICMP] = 30,
	[SESSION_TIMEOUT_OTHER] = 600,
};

const char *const session_state_names[N_SESSION_STATES] = {
	[SESSION_UNREPLIED] = "unreplied",
	[SESSION_REPLIED] = "replied",
	[SESSION_STREAM] = "stream",
	[SESSION_TCP_SYN_SENT] = "syn-sent",
	[SESSION_TCP_SYN_BOTH] = "syn-both",
	[SESSION_TCP_SYN_RECEIVED] = "syn-received",
	[SESSION_TCP_ESTABLISHED] = "established",
	[SESSION_TCP_FIN_WAIT] = "fin-wait",
	[SESSION_TCP_CLOSE_WAIT] = "close-wait",
	[SESSION_TCP_LAST_ACK] = "last-ack",
	[SESSION_TCP_TIME_WAIT] = "time-wait",
	[SESSION_TCP_CLOSE] = "close",
};

struct id_cache {
	uint32_t n;
	uint32_t ids[CACHE_SIZE];
} __attribute__((aligned(64)));

struct session_pool {
	struct rcu *rcu;

	// Of new sessions; changed with atomics by whoever makes or frees one.
	uint32_t limit;
	uint32_t quota;
	uint32_t used; // ids that are reserved, live or dead
	uint32_t owned[MAX_ATTACHMENTS];

	struct byte_lock lock; // of what follows
	uint32_t fresh;	       // the lowest id that was never used
	uint32_t n_free;
	uint32_t *free_ids; // [MAX_SESSIONS]
	uint32_t dead;	    // first of those whose grace period has not begun
	uint32_t n_dead;    // these and the waiting ones

	// Control's own.
	uint32_t waiting; // first of those that died before `token`
	uint64_t token;
	uint32_t cursor; // next bucket to sweep

	struct id_cache caches[MAX_WORKERS + 1]; // each its worker's; the last is control's
};

// ---- table ------------------------------------------------------------------------------------

#define BUCKETS_SIZE  ((size_t)SESSION_BUCKETS * sizeof(struct session_bucket))
#define SESSIONS_SIZE ((size_t)MAX_SESSIONS * sizeof(struct session))
#define IDS_SIZE      ((size_t)MAX_SESSIONS * sizeof(uint32_t))

static struct session_pool *pool_new(struct rcu *rcu)
{
	struct session_pool *pool = table_alloc(sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->free_ids = table_alloc(IDS_SIZE);
	if (pool->free_ids == NULL) {
		table_free(pool, sizeof(*pool));
		return NULL;
	}
	pool->rcu = rcu;
	pool->limit = SESSION_DEFAULT_LIMIT;
	pool->quota = SESSION_DEFAULT_QUOTA;
	pool->fresh = 1;
	return pool;
}

struct session_table *session_table_new(struct rcu *rcu, unsigned n_workers)
{
	struct session_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->buckets = table_alloc(BUCKETS_SIZE);
	table->sessions = table_alloc(SESSIONS_SIZE);
	table->pool = pool_new(rcu);
	if (table->buckets == NULL || table->sessions == NULL || table->pool == NULL)
		goto fail;
	if (getrandom(table->multiplier, sizeof(table->multiplier), 0) < 0)
		goto fail;
	for (unsigned i = 0; i < 4; i++)
		table->multiplier[i] |= 1;
	table->one_worker = n_workers == 1;
	memcpy(table->timeout_s, default_timeout_s, sizeof(default_timeout_s));
	return table;
fail:
	session_table_free(table);
	errno = ENOMEM;
	return NULL;
}

void session_table_free(struct session_table *table)
{
	if (table == NULL)
		return;
	table_free(table->buckets, BUCKETS_SIZE);
	table_free(table->sessions, SESSIONS_SIZE);
	if (table->pool != NULL)
		table_free(table->pool->free_ids, IDS_SIZE);
	table_free(table->pool, sizeof(*table->pool));
	free(table);
}

void session_set_limits(struct session_table *table, uint32_t limit, uint32_t quota)
{
	__atomic_store_n(&table->pool->limit, limit, __ATOMIC_RELAXED);
	__atomic_store_n(&table->pool->quota, quota, __ATOMIC_RELAXED);
}

void session_set_timeout(
	struct session_table *table, enum session_timeout timeout, uint32_t seconds)
{
	__atomic_store_n(&table->timeout_s[timeout], seconds, __ATOMIC_RELAXED);
}

struct session_counts session_counts(const struct session_table *table)
{
	struct session_pool *pool = table->pool;
	uint32_t used = __atomic_load_n(&pool->used, __ATOMIC_RELAXED);
	uint32_t dead = __atomic_load_n(&pool->n_dead, __ATOMIC_RELAXED);

	return (struct session_counts){
		.live = used > dead ? used - dead : 0,
		.dead = dead,
		.limit = pool->limit,
		.quota = pool->quota,
	};
}

uint32_t session_count_owner(const struct session_table *table, uint16_t owner)
{
	return __atomic_load_n(&table->pool->owned[owner], __ATOMIC_RELAXED);
}

// ---- ids --------------------------------------------------------------------------------------

// Fills an empty cache half; it may stay empty.
static void cache_fill(struct session_pool *pool, struct id_cache *cache)
{
	byte_lock(&pool->lock);
	while (cache->n < CACHE_SIZE / 2 && pool->n_free > 0)
		cache->ids[cache->n++] = pool->free_ids[--pool->n_free];
	while (cache->n < CACHE_SIZE / 2 && pool->fresh < MAX_SESSIONS) {
		cache->ids[cache->n++] = pool->fresh;
		__atomic_store_n(&pool->fresh, pool->fresh + 1, __ATOMIC_RELAXED);
	}
	byte_unlock(&pool->lock);
}

static void cache_drain(struct session_pool *pool, struct id_cache *cache)
{
	byte_lock(&pool->lock);
	while (cache->n > CACHE_SIZE / 2)
		pool->free_ids[pool->n_free++] = cache->ids[--cache->n];
	byte_unlock(&pool->lock);
}

static bool count_up(uint32_t *count, const uint32_t *limit)
{
	uint32_t before = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);

	if (before < __atomic_load_n(limit, __ATOMIC_RELAXED))
		return true;
	__atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
	return false;
}

static void uncount(struct session_pool *pool, uint16_t owner)
{
	__atomic_fetch_sub(&pool->owned[owner], 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&pool->used, 1, __ATOMIC_RELAXED);
}

// All but `life`, which control may be reading.
static void clear(struct session *s)
{
	const size_t life = offsetof(struct session, life);

	memset(s, 0, life);
	memset((uint8_t *)s + life + 1, 0, sizeof(*s) - life - 1);
}

uint32_t session_reserve(struct session_table *table, unsigned worker, uint16_t owner)
{
	struct session_pool *pool = table->pool;
	struct id_cache *cache = &pool->caches[worker];

	if (!count_up(&pool->used, &pool->limit))
		return 0;
	if (!count_up(&pool->owned[owner], &pool->quota)) {
		__atomic_fetch_sub(&pool->used, 1, __ATOMIC_RELAXED);
		return 0;
	}
	if (cache->n == 0)
		cache_fill(pool, cache);
	if (cache->n == 0) {
		uncount(pool, owner);
		return 0;
	}
	uint32_t id = cache->ids[--cache->n];

	clear(session_get(table, id));
	session_get(table, id)->owner = owner;
	return id;
}

void session_cancel(struct session_table *table, unsigned worker, uint32_t id)
{
	struct id_cache *cache = &table->pool->caches[worker];

	uncount(table->pool, session_get(table, id)->owner);
	if (cache->n == CACHE_SIZE)
		cache_drain(table->pool, cache);
	cache->ids[cache->n++] = id;
}

// Of a session that was taken out of the index.
static void bury(struct session_table *table, uint32_t id)
{
	struct session_pool *pool = table->pool;

	byte_lock(&pool->lock);
	session_get(table, id)->next = pool->dead;
	pool->dead = id;
	__atomic_store_n(&pool->n_dead, pool->n_dead + 1, __ATOMIC_RELAXED);
	byte_unlock(&pool->lock);
}

// ---- index ------------------------------------------------------------------------------------

// Only one can end a session: who gets true takes it out of the index and buries it.
static bool end_life(struct session *s)
{
	uint8_t live = SESSION_LIVE;

	return __atomic_compare_exchange_n(
		&s->life, &live, SESSION_DEAD, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// Frees a slot; the bucket is locked. Returns the id if its session ended by that: finish_removal()
// it when the lock is released. 0: somebody else is about to.
static uint32_t unlink_slot(
	struct session_table *table, struct session_bucket *bucket, unsigned slot)
{
	uint32_t id = bucket->id[slot];

	__atomic_store_n(&bucket->tag[slot], 0, __ATOMIC_RELEASE);
	return end_life(session_get(table, id)) ? id : 0;
}

// Whether a session in the index has ended or timed out, so that its slot may be taken. One whose
// life has not begun has claimed its slot.
static bool may_displace(const struct session_table *table, const struct session *s, uint32_t now_s)
{
	uint8_t life = __atomic_load_n(&s->life, __ATOMIC_ACQUIRE);

	return life == SESSION_DEAD || (life == SESSION_LIVE && session_expired(table, s, now_s));
}

static uint32_t used_slots(const struct session_bucket *bucket)
{
	return ~session_slots(bucket, 0) & ((1u << SESSION_BUCKET_SIZE) - 1);
}

// Slot of a key in a locked bucket; -1: none.
static int slot_of_key(const struct session_table *table, const struct session_bucket *bucket,
	const struct session_key *key, uint8_t tag)
{
	for (uint32_t slots = session_slots(bucket, tag); slots != 0; slots &= slots - 1) {
		unsigned slot = __builtin_ctz(slots);

		if (session_has_key(session_get(table, bucket->id[slot]), key))
			return (int)slot;
	}
	return -1;
}

// A slot for a new session in a locked bucket: one that is free, or whose session has timed out;
// -1: none.
static int slot_to_take(
	const struct session_table *table, const struct session_bucket *bucket, uint32_t now_s)
{
	uint32_t slots = session_slots(bucket, 0);

	if (slots != 0)
		return __builtin_ctz(slots);
	for (unsigned slot = 0; slot < SESSION_BUCKET_SIZE; slot++) {
		if (may_displace(table, session_get(table, bucket->id[slot]), now_s))
			return (int)slot;
	}
	return -1;
}

// Takes the entry of a session out of the bucket of a hash, if it is there.
static void remove_entry(struct session_table *table, uint32_t id, uint32_t hash)
{
	struct session_bucket *bucket = session_bucket(table, hash);

	byte_lock(&bucket->lock);
	for (uint32_t slots = session_slots(bucket, session_tag(hash)); slots != 0;
		slots &= slots - 1) {
		unsigned slot = __builtin_ctz(slots);

		if (bucket->id[slot] == id)
			__atomic_store_n(&bucket->tag[slot], 0, __ATOMIC_RELEASE);
	}
	byte_unlock(&bucket->lock);
}

static void remove_reply_entry(struct session_table *table, uint32_t id)
{
	const struct session *s = session_get(table, id);

	if (session_flags(s) & SESSION_TRANSLATED) {
		struct session_key key = session_reply_key(s);

		remove_entry(table, id, session_hash(table, &key));
	}
}

// Of a session that has ended.
static void finish_removal(struct session_table *table, uint32_t id)
{
	remove_entry(table, id, session_hash(table, &session_get(table, id)->key));
	remove_reply_entry(table, id);
	bury(table, id);
}

struct new_entry {
	uint32_t id;
	uint32_t hash;
	struct session_key key;
	bool is_last; // of its session, whose life begins with it
};

static void link_slot(struct session_table *table, struct session_bucket *bucket, unsigned slot,
	const struct new_entry *entry)
{
	// Release: who finds the id finds the session filled in; who finds the tag, the id.
	__atomic_store_n(&bucket->id[slot], entry->id, __ATOMIC_RELEASE);
	if (entry->is_last)
		__atomic_store_n(
			&session_get(table, entry->id)->life, SESSION_LIVE, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->tag[slot], session_tag(entry->hash), __ATOMIC_RELEASE);
}

// Puts an entry into its bucket. Returns the id of the session that has the key from now on; 0:
// there is no room.
static uint32_t add_entry(
	struct session_table *table, const struct new_entry *entry, uint32_t now_s)
{
	struct session_bucket *bucket = session_bucket(table, entry->hash);
	uint8_t tag = session_tag(entry->hash);
	uint32_t found = 0, displaced = 0;

	byte_lock(&bucket->lock);
	int slot = slot_of_key(table, bucket, &entry->key, tag);

	if (slot >= 0 && !may_displace(table, session_get(table, bucket->id[slot]), now_s)) {
		found = bucket->id[slot];
	} else {
		if (slot < 0)
			slot = slot_to_take(table, bucket, now_s);
		if (slot >= 0) {
			if (bucket->tag[slot] != 0)
				displaced = unlink_slot(table, bucket, slot);
			link_slot(table, bucket, slot, entry);
			found = entry->id;
		}
	}
	byte_unlock(&bucket->lock);
	if (displaced != 0)
		finish_removal(table, displaced);
	return found;
}

bool session_claim_reply(struct session_table *table, uint32_t id, uint32_t hash, uint32_t now_s)
{
	struct new_entry entry = {
		.id = id, .hash = hash, .key = session_reply_key(session_get(table, id))};

	return add_entry(table, &entry, now_s) == id;
}

// Of a session that could not be published. A key that it has claimed may have been seen.
static void abandon(struct session_table *table, unsigned worker, uint32_t id)
{
	struct session *s = session_get(table, id);

	if (!(session_flags(s) & SESSION_TRANSLATED)) {
		session_cancel(table, worker, id);
		return;
	}
	remove_reply_entry(table, id);
	__atomic_store_n(&s->life, SESSION_DEAD, __ATOMIC_RELEASE);
	bury(table, id);
}

uint32_t session_publish(
	struct session_table *table, unsigned worker, uint32_t id, uint32_t hash, uint32_t now_s)
{
	struct new_entry entry = {
		.id = id, .hash = hash, .key = session_get(table, id)->key, .is_last = true};
	uint32_t found = add_entry(table, &entry, now_s);

	if (found != id)
		abandon(table, worker, id);
	return found;
}

bool session_remove(struct session_table *table, uint32_t id)
{
	if (!end_life(session_get(table, id)))
		return false;
	finish_removal(table, id);
	return true;
}

// ---- control ----------------------------------------------------------------------------------

// Lets at most `max` ids of the waiting list be used again.
static void free_waiting(struct session_table *table, uint32_t max)
{
	struct session_pool *pool = table->pool;

	while (pool->waiting != 0 && max > 0) {
		uint32_t ids[CACHE_SIZE];
		uint32_t n = 0;

		for (; pool->waiting != 0 && n < CACHE_SIZE && max > 0; max--) {
			struct session *s = session_get(table, pool->waiting);

			ids[n++] = pool->waiting;
			pool->waiting = s->next;
			__atomic_store_n(&s->life, SESSION_FREE, __ATOMIC_RELEASE);
			uncount(pool, s->owner);
		}
		byte_lock(&pool->lock);
		memcpy(&pool->free_ids[pool->n_free], ids, n * sizeof(ids[0]));
		pool->n_free += n;
		__atomic_store_n(&pool->n_dead, pool->n_dead - n, __ATOMIC_RELAXED);
		byte_unlock(&pool->lock);
	}
}

static void collect_dead(struct session_pool *pool)
{
	byte_lock(&pool->lock);
	pool->waiting = pool->dead;
	pool->dead = 0;
	byte_unlock(&pool->lock);
	if (pool->waiting != 0)
		pool->token = rcu_token(pool->rcu);
}

static void sweep_bucket(struct session_table *table, struct session_bucket *bucket, uint32_t now_s)
{
	for (uint32_t slots = used_slots(bucket); slots != 0; slots &= slots - 1) {
		uint32_t id = session_id_at(bucket, __builtin_ctz(slots));

		if (session_expired(table, session_get(table, id), now_s))
			session_remove(table, id); // unless its life has not begun
	}
}

void session_sweep(struct session_table *table, uint32_t now_s, uint32_t max_buckets)
{
	struct session_pool *pool = table->pool;

	if (__atomic_load_n(&pool->used, __ATOMIC_RELAXED) == 0)
		return;
	for (uint32_t i = 0; i < max_buckets; i++) {
		sweep_bucket(table, &table->buckets[pool->cursor], now_s);
		pool->cursor = (pool->cursor + 1) & (SESSION_BUCKETS - 1);
	}
	if (pool->waiting != 0 && rcu_passed(pool->rcu, pool->token))
		free_waiting(table, max_buckets * SESSION_BUCKET_SIZE);
	if (pool->waiting == 0)
		collect_dead(pool);
}

static struct ip_addr endpoint_address(const struct session_key *key, bool second)
{
	struct ip_addr address;

	if (session_family(key) == SESSION_IP4)
		return ip_from_v4((uint32_t)(second ? key->address[0] : key->address[0] >> 32));
	memcpy(address.b, &key->address[second ? 2 : 0], sizeof(address.b));
	return address;
}

static uint16_t endpoint_port(const struct session_key *key, bool second)
{
	return rte_be_to_cpu_16((uint16_t)(second ? key->meta : key->meta >> 16));
}

static bool is_icmp(uint8_t protocol, uint8_t family)
{
	return family == SESSION_IP4 ? protocol == IP_PROTOCOL_ICMP
				     : protocol == IP_PROTOCOL_ICMPV6;
}

static uint8_t icmp_request_type(uint16_t kind, uint8_t family)
{
	static const uint8_t types[] = {
		[SESSION_ICMP_ECHO] = 8,
		[SESSION_ICMP_TIMESTAMP] = 13,
		[SESSION_ICMP_INFORMATION] = 15,
		[SESSION_ICMP_MASK] = 17,
	};

	return family == SESSION_IP6 ? 128 : types[kind >> SESSION_ICMP_REQUEST_SHIFT];
}

static void describe_ports(struct session_info *info, const struct session_key *key, bool reversed)
{
	if (is_icmp(info->protocol, info->family)) {
		uint16_t kind = (uint16_t)key->meta;

		info->icmp_id = endpoint_port(key, false);
		info->icmp_type = icmp_request_type(kind, info->family);
		info->icmp_code = (uint8_t)kind;
		return;
	}
	info->source_port = endpoint_port(key, reversed);
	info->destination_port = endpoint_port(key, !reversed);
}

static void describe_reply(struct session_info *info, const struct session *s)
{
	struct session_key key = session_reply_key(s);
	bool reversed = session_flags(s) & SESSION_REPLY_REVERSED;

	info->translated = true;
	info->reply_source = endpoint_address(&key, reversed);
	info->reply_destination = endpoint_address(&key, !reversed);
	if (is_icmp(info->protocol, info->family)) {
		info->reply_icmp_id = endpoint_port(&key, false);
		return;
	}
	info->reply_source_port = endpoint_port(&key, reversed);
	info->reply_destination_port = endpoint_port(&key, !reversed);
}

static struct session_info describe(
	const struct session_table *table, const struct session *s, uint32_t now_s)
{
	const struct session_key *key = &s->key;
	uint8_t flags = session_flags(s);
	uint8_t timeout = __atomic_load_n(&s->timeout, __ATOMIC_RELAXED);
	int32_t idle_s = (int32_t)(now_s - __atomic_load_n(&s->seen_s, __ATOMIC_RELAXED));
	int32_t left_s = (int32_t)table->timeout_s[timeout] - idle_s;
	bool reversed = flags & SESSION_REVERSED;
	struct session_info info = {
		.id = (uint32_t)(s - table->sessions),
		.zone = (uint16_t)(key->meta >> 48),
		.family = session_family(key),
		.protocol = (uint8_t)(key->meta >> 32),
		.state = __atomic_load_n(&s->state, __ATOMIC_RELAXED),
		.flags = flags,
		.source = endpoint_address(key, reversed),
		.destination = endpoint_address(key, !reversed),
		.in = s->in,
		.owner = s->owner,
		.age_s = now_s - s->created_s,
		.idle_s = idle_s > 0 ? (uint32_t)idle_s : 0,
		.expires_s = left_s > 0 ? (uint32_t)left_s : 0,
	};

	describe_ports(&info, key, reversed);
	if (flags & SESSION_TRANSLATED)
		describe_reply(&info, s);
	return info;
}

static bool is_live(const struct session *s)
{
	return __atomic_load_n(&s->life, __ATOMIC_ACQUIRE) == SESSION_LIVE;
}

static uint32_t end_of_ids(const struct session_table *table)
{
	return __atomic_load_n(&table->pool->fresh, __ATOMIC_RELAXED);
}

void session_walk(const struct session_table *table, uint32_t now_s,
	bool (*visit)(const struct session_info *, void *), void *arg)
{
	for (uint32_t id = 1; id < end_of_ids(table); id++) {
		const struct session *s = session_get(table, id);

		if (!is_live(s) || session_expired(table, s, now_s))
			continue;
		struct session_info info = describe(table, s, now_s);

		if (!visit(&info, arg))
			return;
	}
}

uint32_t session_cut(
	struct session_table *table, bool (*match)(const struct session_info *, void *), void *arg)
{
	uint32_t n = 0;

	for (uint32_t id = 1; id < end_of_ids(table); id++) {
		const struct session *s = session_get(table, id);

		if (!is_live(s))
			continue;
		struct session_info info = describe(table, s, s->created_s);

		if ((match == NULL || match(&info, arg)) && session_remove(table, id))
			n++;
	}
	return n;
}
