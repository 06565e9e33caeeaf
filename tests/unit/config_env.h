// SPDX-License-Identifier: BSD-3-Clause
// What the tests of configurations share: documents in readable C strings, and one node to vary.

#pragma once

#include <jansson.h>

#include "base/problem.h"
#include "model/model.h"

// JSON with ' in place of ". New reference.
json_t *json_of(const char *text);

// The node of the examples: uplinks provider (VLANs 1001-2000), inside and underlay; a tunnel with
// VNIs 1-1000; networks provider (flat), vlan1001 and vxlan1; port vxlan1-1; a static FDB entry.
extern const char *const node_text;

// That node with a JSON merge patch (RFC 7386) applied: null takes a key away. New reference.
json_t *node_with(const char *patch);
// The same with two, one after the other.
json_t *node_with_both(const char *first, const char *second);

// Decodes, completes and validates; the caller frees the model and the problems.
struct model *model_of(const json_t *document, const struct model *old, struct problems *problems);

// The same for a document that must have nothing wrong.
struct model *good_model(const json_t *document, const struct model *old);

// Fails unless there is exactly one problem, with this symbol at this path.
void expect_only(const struct problems *problems, enum error_symbol symbol, const char *path);
// Fails unless there is such a problem, maybe among others.
void expect_among(const struct problems *problems, enum error_symbol symbol, const char *path);
void expect_none(const struct problems *problems);

// A change to that node, and the one problem it must make.
struct rule {
	enum error_symbol symbol;
	const char *path;
	const char *patch; // see node_with()
};

void try_rule(const struct rule *rule, const struct model *old);
// The same on the node with the patch `base` applied before.
void try_rule_with(const char *base, const struct rule *rule, const struct model *old);
