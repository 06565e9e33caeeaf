// SPDX-License-Identifier: BSD-3-Clause
// Builds the classifiers of tables/filter.h.

#pragma once

#include "base/arena.h"
#include "model/model.h"
#include "tables/filter.h"

// A rule with its remote side resolved.
struct classifier_rule {
	const struct security_rule *rule;
	const struct prefix_list *members; // of rule->remote_group; NULL: it names none
};

// The classifier of at most UINT16_MAX - 1 rules, all of one direction and family, in their order.
// Its memory is the arena's.
struct classifier *classifier_build(
	struct arena *arena, const struct classifier_rule *rules, size_t n_rules);

// An address and a prefix length of its family as the classifier compares them.
struct filter_address filter_address_of(const struct ip_addr *ip);
struct filter_address filter_mask_of(const struct ip_prefix *prefix);
