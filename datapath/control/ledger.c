// SPDX-License-Identifier: BSD-3-Clause
// Sums of the workers' counters. Counters only grow and only their worker writes them, so an
// attachment id that gets a new owner starts from a baseline instead of from zero, and what its
// former owner counted goes on in `retired`: totals never lose a packet.

#include "control/internal.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_ALIGN alignof(struct attachment_counters)

void *ledger_alloc(size_t size)
{
	size_t whole = (size + COUNTERS_ALIGN - 1) & ~(size_t)(COUNTERS_ALIGN - 1);
	void *p = aligned_alloc(COUNTERS_ALIGN, whole);

	if (p == NULL)
		abort();
	return memset(p, 0, whole);
}

void ledger_add(struct attachment_counters *sum, const struct attachment_counters *counters)
{
	sum->rx += counter_read(&counters->rx);
	sum->rx_bytes += counter_read(&counters->rx_bytes);
	sum->tx += counter_read(&counters->tx);
	sum->tx_bytes += counter_read(&counters->tx_bytes);
	sum->originated += counter_read(&counters->originated);
	sum->copies += counter_read(&counters->copies);
	sum->consumed += counter_read(&counters->consumed);
	sum->handed_out += counter_read(&counters->handed_out);
	sum->handed_in += counter_read(&counters->handed_in);
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum->drops[i] += counter_read(&counters->drops[i]);
}

static void subtract(struct attachment_counters *sum, const struct attachment_counters *counters)
{
	sum->rx -= counters->rx;
	sum->rx_bytes -= counters->rx_bytes;
	sum->tx -= counters->tx;
	sum->tx_bytes -= counters->tx_bytes;
	sum->originated -= counters->originated;
	sum->copies -= counters->copies;
	sum->consumed -= counters->consumed;
	sum->handed_out -= counters->handed_out;
	sum->handed_in -= counters->handed_in;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum->drops[i] -= counters->drops[i];
}

// Of all owners that the id ever had.
static void read_raw(
	const struct control *control, uint16_t attachment, struct attachment_counters *counters)
{
	*counters = (struct attachment_counters){0};
	for (unsigned i = 0; i <= MAX_WORKERS; i++) {
		if (control->tables->counters[i] != NULL)
			ledger_add(
				counters, &control->tables->counters[i]->attachments[attachment]);
	}
}

void ledger_read(
	const struct control *control, uint16_t attachment, struct attachment_counters *counters)
{
	read_raw(control, attachment, counters);
	if (control->baselines[attachment] != NULL)
		subtract(counters, control->baselines[attachment]);
}

void ledger_retire(struct control *control, uint16_t attachment)
{
	struct attachment_counters *baseline = control->baselines[attachment];
	struct attachment_counters raw;

	read_raw(control, attachment, &raw);
	if (baseline == NULL)
		baseline = control->baselines[attachment] = ledger_alloc(sizeof(*baseline));
	ledger_add(&control->retired, &raw);
	subtract(&control->retired, baseline);
	*baseline = raw;
}

void ledger_read_retired(const struct control *control, struct attachment_counters *sum)
{
	*sum = control->retired;
	for (uint16_t id = ids_next_leaving(control->attachments, 0); id != 0;
		id = ids_next_leaving(control->attachments, id)) {
		struct attachment_counters counters;

		ledger_read(control, id, &counters);
		ledger_add(sum, &counters);
	}
}

uint64_t ledger_info(const struct control *control, enum info_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= MAX_WORKERS; i++) {
		if (control->tables->counters[i] != NULL)
			sum += counter_read(&control->tables->counters[i]->info[counter]);
	}
	return sum;
}
