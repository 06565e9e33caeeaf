// SPDX-License-Identifier: BSD-3-Clause
// What the verbs do: the run() functions of commands[], one file for each object that needs its
// own. All return an enum cli_exit.

#pragma once

#include "cli/cli.h"

// cmd_object.c: what the field tables describe
int object_add(struct cli *cli, const struct request *request);
int object_set(struct cli *cli, const struct request *request);
int object_del(struct cli *cli, const struct request *request);
int object_show(struct cli *cli, const struct request *request);

// cmd_rule.c
int rule_add(struct cli *cli, const struct request *request);
int rule_del(struct cli *cli, const struct request *request);
void rules_print(struct cli *cli, const json_t *rules);

// cmd_port.c
int port_show(struct cli *cli, const struct request *request);

// cmd_session.c
extern const struct verb session_verbs[];
extern const size_t n_session_verbs;

// cmd_lease.c
extern const struct verb lease_verb;

// cmd_router.c
extern const struct verb route_verb;
extern const struct verb neighbour_verb;

// cmd_service.c
extern const struct verb service_verb;

// cmd_fdb.c
extern const struct verb fdb_verbs[];
extern const size_t n_fdb_verbs;

// cmd_remote.c
extern const struct verb remote_verbs[];
extern const size_t n_remote_verbs;

// cmd_config.c
extern const struct verb config_verbs[];
extern const size_t n_config_verbs;

// cmd_stats.c
extern const struct verb stats_verb;
extern const struct verb drops_verb;

// cmd_audit.c
extern const struct verb audit_verb;

// cmd_status.c
extern const struct verb status_verb;

// cmd_batch.c
extern const struct verb batch_verb;

// help.c
extern const struct verb help_verb;

// complete.c
extern const struct verb complete_verb;
