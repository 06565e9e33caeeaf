// SPDX-License-Identifier: BSD-3-Clause
// Methods of the control socket: tables of them, and what they share. docs/rpc.md is their manual.
// Control thread.

#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/problem.h"
#include "control/control.h"
#include "model/fields.h"

struct call {
	struct control *control;
	const struct object_def *def; // the kind, for object_methods; else NULL
	const json_t *params;	      // an object
	struct problems *problems;
};

// The result (new reference), or NULL after adding a problem.
typedef json_t *method_fn(struct call *call);

struct method {
	const char *name; // "config.get"; in object_methods only what follows the kind's dot
	method_fn *run;
	const char *const *params; // keys it takes, ended by NULL; NULL: those of the kind
	const char *help;
	bool changes; // changes something: logged with who asked
};

// For methods without parameters.
extern const char *const call_no_params[];

// Each ended by a row without name.
extern const struct method config_methods[];
extern const struct method object_methods[];
extern const struct method remote_methods[];
extern const struct method router_methods[];
extern const struct method rule_methods[];
extern const struct method fdb_methods[];
extern const struct method filter_methods[];
extern const struct method lease_methods[];
extern const struct method service_methods[];
extern const struct method stats_methods[];
extern const struct method status_methods[];

// A parameter that is a text. Returns 0 and the text, or NULL when it is not given; -EINVAL after
// adding E_TYPE.
int call_text(const struct call *call, const char *key, const char **text);
// A flag; false when it is not given.
int call_flag(const struct call *call, const char *key, bool *flag);
// An integer from min to max; *value stays when it is not given. -EINVAL after E_TYPE or E_VALUE.
int call_integer(const struct call *call, const char *key, json_int_t max, json_int_t *value);
// Id of the attachment that a parameter names; 0: not given. -ENOENT after adding E_NOT_FOUND.
int call_attachment(const struct call *call, const char *key, uint16_t *id);
// The port that a parameter names; NULL: not given. -ENOENT after adding E_NOT_FOUND.
int call_port(const struct call *call, const char *key, const struct port_config **port);
