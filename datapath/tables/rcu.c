// SPDX-License-Identifier: BSD-3-Clause

#include <errno.h>
#include <stdlib.h>

#include <rte_rcu_qsbr.h>

#include "tables/rcu.h"

struct retired {
	struct retired *next;
	void *object;
	void (*free_object)(void *);
	uint64_t token;
};

struct rcu {
	struct rte_rcu_qsbr *qsbr;
	struct retired *first; // oldest first: tokens grow along the list
	struct retired **last;
};

struct rcu *rcu_new(unsigned max_readers)
{
	struct rcu *rcu = calloc(1, sizeof(*rcu));

	if (rcu == NULL)
		return NULL;
	size_t size = rte_rcu_qsbr_get_memsize(max_readers);

	size = (size + 63) & ~(size_t)63;
	rcu->qsbr = aligned_alloc(64, size);
	if (rcu->qsbr == NULL || rte_rcu_qsbr_init(rcu->qsbr, max_readers) != 0)
		goto fail;
	for (unsigned i = 0; i < max_readers; i++) {
		if (rte_rcu_qsbr_thread_register(rcu->qsbr, i) != 0)
			goto fail;
	}
	rcu->last = &rcu->first;
	return rcu;
fail:
	free(rcu->qsbr);
	free(rcu);
	errno = ENOMEM;
	return NULL;
}

void rcu_free(struct rcu *rcu)
{
	if (rcu == NULL)
		return;
	rcu_barrier(rcu);
	free(rcu->qsbr);
	free(rcu);
}

void rcu_reader_online(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_thread_online(rcu->qsbr, reader);
}

void rcu_reader_offline(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_thread_offline(rcu->qsbr, reader);
}

void rcu_quiescent(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_quiescent(rcu->qsbr, reader);
}

uint64_t rcu_token(struct rcu *rcu)
{
	return rte_rcu_qsbr_start(rcu->qsbr);
}

bool rcu_passed(struct rcu *rcu, uint64_t token)
{
	return rte_rcu_qsbr_check(rcu->qsbr, token, false) == 1;
}

static void free_first(struct rcu *rcu)
{
	struct retired *retired = rcu->first;

	rcu->first = retired->next;
	if (rcu->first == NULL)
		rcu->last = &rcu->first;
	retired->free_object(retired->object);
	free(retired);
}

void rcu_retire(struct rcu *rcu, void *object, void (*free_object)(void *))
{
	if (object == NULL)
		return;
	struct retired *retired = malloc(sizeof(*retired));
	uint64_t token = rcu_token(rcu);

	if (retired == NULL) {
		// Nowhere to note it down: wait here, rarely and briefly, rather than leak.
		rte_rcu_qsbr_check(rcu->qsbr, token, true);
		free_object(object);
		return;
	}
	*retired = (struct retired){.object = object, .free_object = free_object, .token = token};
	*rcu->last = retired;
	rcu->last = &retired->next;
}

void rcu_poll(struct rcu *rcu)
{
	while (rcu->first != NULL && rcu_passed(rcu, rcu->first->token))
		free_first(rcu);
}

void rcu_barrier(struct rcu *rcu)
{
	while (rcu->first != NULL) {
		rte_rcu_qsbr_check(rcu->qsbr, rcu->first->token, true);
		free_first(rcu);
	}
}
