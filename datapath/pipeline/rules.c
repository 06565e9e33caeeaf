// SPDX-License-Identifier: BSD-3-Clause
// States and the rules of security groups.
//
// The rules look at nothing of a packet but what the key of its session has, so that all packets of
// the originator meet the same rule. The stamp of a session says which one, as of an epoch of the
// filters, and spares those after the first the classifier. It is written under the session's lock
// and read without: its epoch is 0 while the rest changes.

#include "pipeline/rules.h"

struct stamp {
	uint32_t egress_row;  // 0: not known
	uint32_t ingress_row; // likewise
	uint16_t ingress;     // attachment that ingress_row is about
};

// Nothing is known if there is no stamp of this epoch.
static void stamp_read(const struct session *s, uint32_t epoch, struct stamp *stamp)
{
	*stamp = (struct stamp){0};
	if (__atomic_load_n(&s->epoch, __ATOMIC_ACQUIRE) != epoch)
		return;
	struct stamp read = {
		.egress_row = __atomic_load_n(&s->egress_row, __ATOMIC_RELAXED),
		.ingress_row = __atomic_load_n(&s->ingress_row, __ATOMIC_RELAXED),
		.ingress = __atomic_load_n(&s->ingress, __ATOMIC_RELAXED),
	};

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&s->epoch, __ATOMIC_RELAXED) == epoch)
		*stamp = read;
}

static void stamp_write(struct session *s, uint32_t epoch, const struct stamp *stamp)
{
	__atomic_store_n(&s->epoch, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&s->egress_row, stamp->egress_row, __ATOMIC_RELAXED);
	__atomic_store_n(&s->ingress_row, stamp->ingress_row, __ATOMIC_RELAXED);
	__atomic_store_n(&s->ingress, stamp->ingress, __ATOMIC_RELAXED);
	__atomic_store_n(&s->epoch, epoch, __ATOMIC_RELEASE);
}

// A flow that enters several ports keeps the row of the first one: another's would only take its
// place for one packet.
static void stamp_add(struct worker_ctx *ctx, struct session *s, const struct stamp *found)
{
	const struct session_table *sessions = ctx->tables->sessions;
	uint32_t epoch = ctx->snapshot->filter_epoch;
	struct stamp stamp;

	session_lock(sessions, s);
	stamp_read(s, epoch, &stamp);
	if (found->egress_row != 0)
		stamp.egress_row = found->egress_row;
	if (stamp.ingress == 0) {
		stamp.ingress = found->ingress;
		stamp.ingress_row = found->ingress_row;
	}
	stamp_write(s, epoch, &stamp);
	session_unlock(sessions, s);
}

static uint32_t classify(
	const struct filter *filter, const struct chain_end *end, const struct inet *ip)
{
	const uint8_t *remote = end->ingress ? ip->source : ip->destination;
	struct filter_address address = filter_address(remote, ip->family);
	uint8_t icmp = ip->family == 4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
	uint16_t port = ip->destination_port;

	// Type and code; a message that has none gets one that is nobody's.
	if (ip->protocol == icmp && ip->fragment != INET_LATER)
		port = ip->l4_len >= 2 ? load_be16(ip->l4) : UINT16_MAX;
	uint16_t rule =
		classifier_match(filter->policy->chains[end->chain], ip->protocol, port, &address);

	return rule != CLASSIFIER_NO_RULE ? filter->chain_rows[end->chain] + rule : 0;
}

// A NEW packet of a session: the originator sends on although nothing has answered.
static uint32_t stamped_row(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct chain_end *end, const struct inet *ip)
{
	struct session *s = session_get(ctx->tables->sessions, p->session);
	struct stamp stamp;

	if (s->in != p->in)
		return classify(filter, end, ip);
	stamp_read(s, ctx->snapshot->filter_epoch, &stamp);
	if (!end->ingress && stamp.egress_row != 0)
		return stamp.egress_row;
	if (end->ingress && stamp.ingress == p->out)
		return stamp.ingress_row;
	uint32_t row = classify(filter, end, ip);

	if (row == 0)
		return 0;
	if (!end->ingress)
		stamp_add(ctx, s, &(struct stamp){.egress_row = row});
	else if (stamp.ingress == 0)
		stamp_add(ctx, s, &(struct stamp){.ingress_row = row, .ingress = p->out});
	return row;
}

struct verdict rules_verdict(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct chain_end *end, const struct inet *ip)
{
	uint8_t state = filter->policy->stateless ? TRACK_NONE : p->track;
	uint32_t row;

	if (state == TRACK_NEW && p->session != 0)
		row = stamped_row(ctx, p, filter, end, ip);
	else
		row = classify(filter, end, ip);
	if (row != 0)
		return (struct verdict){row, ACCEPT};
	if (state == TRACK_INVALID)
		return verdict_of(filter, end->invalid, DROP_CT_INVALID);
	return verdict_of(filter, end->fallback, end->fallback_reason);
}
