// SPDX-License-Identifier: BSD-3-Clause
// Each dimension is cut where some rule begins or ends to accept; equal vectors are stored once, so
// that the thousand members of a group cost a thousand intervals and one vector.

#include "control/classifier.h"

#include <stdlib.h>
#include <string.h>

#define N_PROTOCOLS 256
#define N_PORTS	    0x10000u

struct builder {
	struct arena *arena;
	const struct classifier_rule *rules;
	size_t n_rules;
	size_t n_words;
	uint64_t *vectors;
	uint64_t *hashes; // of each vector
	size_t n_vectors;
	size_t room;
	uint32_t *index; // by hash of the vector: its number + 1, 0: none; open addressing
	size_t index_mask;
};

// ---- vectors -----------------------------------------------------------------------------------

static void *grow(void *memory, size_t size)
{
	void *p = realloc(memory, size);

	if (p == NULL)
		abort();
	return p;
}

// A vector that is being made. Its hash follows the rules that come and go, so that it costs no
// walk over all words.
struct draft {
	uint64_t *words;
	uint64_t hash;
};

static struct draft draft_new(const struct builder *b)
{
	struct draft draft = {.words = calloc(b->n_words, sizeof(*draft.words))};

	if (draft.words == NULL)
		abort();
	return draft;
}

static uint64_t rule_hash(uint32_t rule)
{
	uint64_t hash = (rule + 1) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

// Takes a rule in, or out again.
static void draft_toggle(struct draft *draft, uint32_t rule)
{
	draft->words[rule / 64] ^= UINT64_C(1) << rule % 64;
	draft->hash ^= rule_hash(rule);
}

static void index_put(struct builder *b, uint32_t number)
{
	size_t i = b->hashes[number];

	while (b->index[i & b->index_mask] != 0)
		i++;
	b->index[i & b->index_mask] = number + 1;
}

static void index_grow(struct builder *b)
{
	size_t size = 2 * (b->index_mask + 1);

	free(b->index);
	b->index = grow(NULL, size * sizeof(*b->index));
	memset(b->index, 0, size * sizeof(*b->index));
	b->index_mask = size - 1;
	for (uint32_t i = 0; i < b->n_vectors; i++)
		index_put(b, i);
}

// The number of a vector, which is stored when it is new.
static uint32_t vector_number(struct builder *b, const struct draft *draft)
{
	size_t size = b->n_words * sizeof(*draft->words);

	for (size_t i = draft->hash;; i++) {
		uint32_t number = b->index[i & b->index_mask];

		if (number == 0)
			break;
		if (b->hashes[number - 1] == draft->hash &&
			memcmp(&b->vectors[(number - 1) * b->n_words], draft->words, size) == 0)
			return number - 1;
	}
	if (b->n_vectors == b->room) {
		b->room *= 2;
		b->vectors = grow(b->vectors, b->room * size);
		b->hashes = grow(b->hashes, b->room * sizeof(*b->hashes));
	}
	memcpy(&b->vectors[b->n_vectors * b->n_words], draft->words, size);
	b->hashes[b->n_vectors++] = draft->hash;
	if (2 * b->n_vectors > b->index_mask)
		index_grow(b);
	else
		index_put(b, b->n_vectors - 1);
	return b->n_vectors - 1;
}

// ---- cuts --------------------------------------------------------------------------------------

// Where rule `rule` begins (or stops) to accept along a dimension.
struct cut {
	struct filter_address at;
	uint32_t rule;
	int by; // +1 or -1; members of a group may overlap
};

struct cuts {
	struct cut *list;
	size_t n;
	size_t room;
	uint32_t *next_alike; // by rule: the next one that its cuts are for as well; 0: none
};

static int address_compare(const struct filter_address *a, const struct filter_address *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low < b->low ? -1 : a->low > b->low;
}

static int cut_compare(const void *a, const void *b)
{
	return address_compare(&((const struct cut *)a)->at, &((const struct cut *)b)->at);
}

static void cut_add(struct cuts *cuts, struct filter_address at, uint32_t rule, int by)
{
	if (cuts->n == cuts->room) {
		cuts->room = cuts->room != 0 ? 2 * cuts->room : 64;
		cuts->list = grow(cuts->list, cuts->room * sizeof(*cuts->list));
	}
	cuts->list[cuts->n++] = (struct cut){at, rule, by};
}

// `rule` accepts first..last, both included.
static void cut_range(
	struct cuts *cuts, struct filter_address first, struct filter_address last, uint32_t rule)
{
	cut_add(cuts, first, rule, 1);
	last.low++;
	last.high += last.low == 0;
	// Behind the last address of all there is nothing to cut.
	if (last.low != 0 || last.high != 0)
		cut_add(cuts, last, rule, -1);
}

static void draft_toggle_alike(struct draft *draft, const struct cuts *cuts, uint32_t rule)
{
	do {
		draft_toggle(draft, rule);
		rule = cuts->next_alike != NULL ? cuts->next_alike[rule] : 0;
	} while (rule != 0);
}

// The intervals of one dimension: starts and the vector of each.
struct intervals {
	struct filter_address *starts;
	uint32_t *vectors;
	uint32_t n;
};

static struct intervals intervals_build(struct builder *b, struct cuts *cuts)
{
	uint32_t *depth = calloc(b->n_rules, sizeof(*depth)); // prefixes of a rule that are open
	struct draft draft = draft_new(b);
	struct intervals out = {
		.starts = arena_alloc(b->arena, (cuts->n + 1) * sizeof(*out.starts)),
		.vectors = arena_alloc(b->arena, (cuts->n + 1) * sizeof(*out.vectors)),
	};
	struct filter_address at = {0, 0};

	if (depth == NULL)
		abort();
	if (cuts->n != 0)
		qsort(cuts->list, cuts->n, sizeof(*cuts->list), cut_compare);
	for (size_t i = 0;;) {
		for (; i < cuts->n && address_compare(&cuts->list[i].at, &at) == 0; i++) {
			const struct cut *cut = &cuts->list[i];
			bool was_open = depth[cut->rule] != 0;

			depth[cut->rule] += cut->by;
			if (was_open != (depth[cut->rule] != 0))
				draft_toggle_alike(&draft, cuts, cut->rule);
		}
		uint32_t number = vector_number(b, &draft);

		if (out.n == 0 || out.vectors[out.n - 1] != number) {
			out.starts[out.n] = at;
			out.vectors[out.n++] = number;
		}
		if (i == cuts->n)
			break;
		at = cuts->list[i].at;
	}
	free(depth);
	free(draft.words);
	return out;
}

// ---- dimensions --------------------------------------------------------------------------------

static void toggle_protocol(const struct builder *b, struct draft *draft, uint8_t protocol)
{
	for (size_t i = 0; i < b->n_rules; i++) {
		if (b->rules[i].rule->protocol == protocol)
			draft_toggle(draft, i);
	}
}

static void build_protocols(struct builder *b, struct classifier *c)
{
	struct draft draft = draft_new(b);
	bool is_named[N_PROTOCOLS] = {false};
	uint32_t of_any;

	for (size_t i = 0; i < b->n_rules; i++)
		is_named[b->rules[i].rule->protocol] = true;
	toggle_protocol(b, &draft, PROTOCOL_ANY);
	of_any = vector_number(b, &draft);
	for (unsigned protocol = 0; protocol < N_PROTOCOLS; protocol++) {
		c->protocols[protocol] = of_any;
		if (protocol == PROTOCOL_ANY || !is_named[protocol])
			continue;
		toggle_protocol(b, &draft, protocol);
		c->protocols[protocol] = vector_number(b, &draft);
		toggle_protocol(b, &draft, protocol);
	}
	free(draft.words);
}

// What a rule accepts in the place of the destination port.
static struct range rule_ports(const struct security_rule *rule)
{
	if (rule->ports_given)
		return rule->ports;
	if (rule->icmp_type == ICMP_ANY)
		return (struct range){0, N_PORTS - 1};
	if (rule->icmp_code == ICMP_ANY)
		return (struct range){rule->icmp_type << 8, rule->icmp_type << 8 | 0xff};
	return (struct range){
		rule->icmp_type << 8 | rule->icmp_code, rule->icmp_type << 8 | rule->icmp_code};
}

static void build_ports(struct builder *b, struct classifier *c)
{
	struct cuts cuts = {0};
	struct intervals intervals;
	uint16_t *starts;

	for (size_t i = 0; i < b->n_rules; i++) {
		struct range ports = rule_ports(b->rules[i].rule);

		cut_add(&cuts, (struct filter_address){0, ports.min}, i, 1);
		if (ports.max < N_PORTS - 1)
			cut_add(&cuts, (struct filter_address){0, ports.max + 1}, i, -1);
	}
	intervals = intervals_build(b, &cuts);
	starts = arena_alloc(b->arena, intervals.n * sizeof(*starts));
	for (uint32_t i = 0; i < intervals.n; i++)
		starts[i] = (uint16_t)intervals.starts[i].low;
	c->n_ports = intervals.n;
	c->ports = starts;
	c->port_vectors = intervals.vectors;
	free(cuts.list);
}

static void cut_prefix(struct cuts *cuts, const struct ip_prefix *prefix, uint32_t rule)
{
	struct filter_address first = filter_address_of(&prefix->addr);
	struct filter_address mask = filter_mask_of(prefix);
	struct filter_address last = {first.high | ~mask.high, first.low | ~mask.low};

	if (ip_is_v4(&prefix->addr)) {
		last.high = 0;
		last.low &= UINT32_MAX;
	}
	cut_range(cuts, first, last, rule);
}

// A rule that names a group.
struct naming {
	const struct prefix_list *members;
	uint32_t rule;
};

static int naming_compare(const void *a, const void *b)
{
	const struct naming *x = a, *y = b;

	if (x->members != y->members)
		return x->members < y->members ? -1 : 1;
	return x->rule < y->rule ? -1 : 1;
}

// A hundred rules may name a group of thousands: its members are cut once, for the first of them.
static void cut_members(struct builder *b, struct cuts *cuts)
{
	struct naming *list = grow(NULL, b->n_rules * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < b->n_rules; i++) {
		if (b->rules[i].members != NULL)
			list[n++] = (struct naming){b->rules[i].members, i};
	}
	qsort(list, n, sizeof(*list), naming_compare);
	for (size_t i = 0; i < n; i++) {
		const struct prefix_list *members = list[i].members;

		if (i > 0 && list[i - 1].members == members) {
			cuts->next_alike[list[i - 1].rule] = list[i].rule;
			continue;
		}
		for (size_t m = 0; m < members->n; m++)
			cut_prefix(cuts, &members->list[m], list[i].rule);
	}
	free(list);
}

static void build_remotes(struct builder *b, struct classifier *c)
{
	static const struct filter_address none = {0, 0};
	static const struct filter_address all = {UINT64_MAX, UINT64_MAX};
	struct cuts cuts = {.next_alike = calloc(b->n_rules, sizeof(*cuts.next_alike))};
	struct intervals intervals;

	if (cuts.next_alike == NULL)
		abort();
	for (size_t i = 0; i < b->n_rules; i++) {
		const struct classifier_rule *rule = &b->rules[i];

		if (rule->rule->remote_prefix_given)
			cut_prefix(&cuts, &rule->rule->remote_prefix, i);
		else if (rule->members == NULL)
			cut_range(&cuts, none, all, i);
	}
	cut_members(b, &cuts);
	intervals = intervals_build(b, &cuts);
	c->n_remotes = intervals.n;
	c->remotes = intervals.starts;
	c->remote_vectors = intervals.vectors;
	free(cuts.next_alike);
	free(cuts.list);
}

struct classifier *classifier_build(
	struct arena *arena, const struct classifier_rule *rules, size_t n_rules)
{
	struct classifier *c = arena_alloc(arena, sizeof(*c));
	struct builder b = {
		.arena = arena,
		.rules = rules,
		.n_rules = n_rules,
		.n_words = (n_rules + 63) / 64,
		.room = 64,
		.index_mask = 31,
	};
	uint64_t *vectors;

	c->n_rules = (uint16_t)n_rules;
	if (n_rules == 0)
		return c;
	c->n_words = (uint16_t)b.n_words;
	b.vectors = grow(NULL, b.room * b.n_words * sizeof(*b.vectors));
	b.hashes = grow(NULL, b.room * sizeof(*b.hashes));
	index_grow(&b);
	build_protocols(&b, c);
	build_ports(&b, c);
	build_remotes(&b, c);
	vectors = arena_alloc(arena, b.n_vectors * b.n_words * sizeof(*vectors));
	memcpy(vectors, b.vectors, b.n_vectors * b.n_words * sizeof(*vectors));
	c->vectors = vectors;
	free(b.vectors);
	free(b.hashes);
	free(b.index);
	return c;
}

// ---- addresses ---------------------------------------------------------------------------------

static uint64_t load_be(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

struct filter_address filter_address_of(const struct ip_addr *ip)
{
	if (ip_is_v4(ip))
		return (struct filter_address){0, load_be(ip->b + 12, 4)};
	return (struct filter_address){load_be(ip->b, 8), load_be(ip->b + 8, 8)};
}

static uint64_t high_bits(unsigned n, unsigned width)
{
	if (n == 0)
		return 0;
	if (n >= width)
		return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
	return ((UINT64_C(1) << n) - 1) << (width - n);
}

struct filter_address filter_mask_of(const struct ip_prefix *prefix)
{
	if (ip_is_v4(&prefix->addr))
		return (struct filter_address){0, high_bits(prefix->len, 32)};
	return (struct filter_address){
		high_bits(prefix->len, 64), high_bits(prefix->len > 64 ? prefix->len - 64 : 0, 64)};
}
