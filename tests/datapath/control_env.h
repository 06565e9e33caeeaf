// SPDX-License-Identifier: BSD-3-Clause
// The control side on its own: real tables, slow path and commits, devices that only count. No
// worker runs; a test may play one as a reader of rcu. Virtual clock.
//
// Configurations and parameters are JSON with ' for ".

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>
#include <jansson.h>

#include "base/problem.h"
#include "base/util.h"
#include "control/control.h"
#include "tables/device.h"
#include "tables/tables.h"

#include "base/clock.h"

// Two uplinks and a tunnel, as on a node of the deployment that weft was made for.
#define NODE                                                                                       \
	"'uplinks': {"                                                                             \
	"  'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"                            \
	"  'inside': {'device': 'fake:ens20'},"                                                    \
	"  'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24'}},"                 \
	"'tunnel': {'uplink': 'underlay', 'vnis': '1-1000', 'mode': 'headend',"                    \
	"  'remotes': ['192.168.31.101', '192.168.31.103']}"

#define NETWORK_VXLAN1 "'vxlan1': {'segments': [{'type': 'vxlan', 'id': 1}]}"
#define NETWORK_VLAN1001                                                                           \
	"'vlan1001': {'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1001}]}"

struct env {
	struct rte_mempool *pool;
	struct tables *tables;
	struct control *control;
	struct problems problems; // of the last env_commit() or env_call()
	json_t *error;		  // of the last env_call() that was refused
	unsigned n_open;	  // devices that are open
	unsigned n_opened;	  // ever
	const char *broken;	  // devices whose name starts so do not open; NULL: all do
};

extern struct env env;

// Fixture of every test. Tear-down checks that every device was closed and no packet leaked.
void env_start(void);
void env_stop(void);

json_t *env_json(const char *text);
// Commits a document; must be accepted.
void env_accept(const char *document);
// Commits a document; must be refused with exactly these symbols, in any order, and change nothing.
// The list is ended by N_ERROR_SYMBOLS.
void env_refuse(const char *document, const enum error_symbol *symbols);
#define REFUSE(document, ...)                                                                      \
	env_refuse(document, (const enum error_symbol[]){__VA_ARGS__, N_ERROR_SYMBOLS})

// Calls a method; must succeed. The result is valid until the next call.
const json_t *env_call(const char *method, const char *params);
// Calls a method; must be refused with this first symbol and code, and change nothing.
void env_call_refused(const char *method, const char *params, enum error_symbol symbol, int code);

const struct snapshot *env_snapshot(void);
const struct attachment *env_attachment(const char *name); // in the snapshot
const struct network *env_network(const char *name);
struct device *env_device(const char *text);
// The location of a MAC ("fa:16:3e:00:00:01") on a network, 0: none.
uint16_t env_fdb(const char *network, const char *mac);
void env_learn(const char *network, const char *mac, uint16_t location);
void env_poll(void);

int env_main(const char *suite, const TTest *const *tests, size_t n);
