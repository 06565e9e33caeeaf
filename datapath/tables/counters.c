// SPDX-License-Identifier: BSD-3-Clause

#include "tables/counters.h"
#include "tables/memory.h"

const struct drop_info drop_infos[N_DROP_REASONS] = {
#define X(symbol, name, class, text) [DROP_##symbol] = {#name, DROP_CLASS_##class, text},
#include "pipeline/drop.def"
#undef X
};

const char *const info_counter_names[N_INFO_COUNTERS] = {
	[INFO_FDB_FULL] = "fdb_full",
	[INFO_FDB_MOVED] = "fdb_moved",
	[INFO_ARP_CONFLICT] = "arp_conflict",
};

struct counters *counters_new(void)
{
	return table_alloc(sizeof(struct counters));
}

void counters_free(struct counters *counters)
{
	table_free(counters, sizeof(*counters));
}
