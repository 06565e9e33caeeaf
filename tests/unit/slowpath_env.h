// SPDX-License-Identifier: BSD-3-Clause
// A slow path on its own: real tables and rings, a snapshot written by hand, a virtual clock. The
// test plays the workers: it puts events and packets on worker 0's rings and takes what comes back.
//
// Node: 192.168.31.104/24, MAC 02:00:00:00:00:01, gateway .1, port 8472. Network 1 (domain 11) has
// a tunnel segment and a port.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <check.h>

#include "base/clock.h"
#include "base/util.h"
#include "slowpath/slowpath.h"

#define UPLINK	1 // attachments
#define TUNNEL	2
#define PORT	3
#define SERVICE 4 // weft's own ports, see service_env.h
#define ROUTER	5
#define NETWORK 1
#define DOMAIN	11

#define NODE_MAC UINT64_C(0x020000000001)
#define PORT_MAC UINT64_C(0xfa163ede6e86)
#define START_NS (1000 * NS_PER_S)

struct env {
	struct rte_mempool *pool;
	struct tables *tables;
	struct slowpath *slowpath;
	struct tunnel_config tunnel;
	struct underlay underlay;
	struct snapshot snapshot;
	struct network networks[2];
	struct attachment attachments[6];
};

extern struct env env;

// Fixture of every test. Tear-down checks the ledger of the slow path and that no packet leaked.
void env_start(void); // one worker
void env_start_workers(unsigned n);
void env_stop(void);

// Commits the underlay and remotes ("192.168.31.101", …, NULL).
void env_commit(const char *const *remotes);
// Commits and throws away what is announced at start.
void env_commit_quiet(const char *const *remotes);
uint16_t env_remote(const char *address); // id, 0: unknown
const struct remote *env_entry(const char *address);
struct remote_state env_state(const char *address);

void env_poll(void);	       // until it has nothing more to do
void env_advance(uint64_t ns); // moves the clock and polls
// Moves the clock in steps of `step_ns`, polling at each.
void env_run(uint64_t ns, uint64_t step_ns);

// A worker punts a packet that `address` is not resolved for; `mark` is found again in the packet.
void env_unresolved(const char *address, uint32_t mark);
// A frame of the underlay arrives.
void env_receive(const char *hex);
void env_receive_later(const char *hex); // at the next poll
// A worker saw a MAC.
void env_learn(uint64_t mac, uint16_t attachment, const char *vtep);
void env_learn_at(unsigned worker, uint64_t mac, uint16_t attachment, const char *vtep);

// A worker punts a frame of NETWORK that came in by an attachment; `local`: weft's own port that it
// is for, or 0.
void env_punt(enum punt_class class, uint16_t attachment, uint16_t local, const char *hex);

// The next frame that was sent on the uplink must be these bytes.
void env_expect(const char *hex);
// The same of any attachment.
void env_expect_at(uint16_t attachment, const char *hex);
// The next packet must be the held one of this mark, to be encapsulated to `address`.
void env_expect_held(const char *address, uint32_t mark);
void env_expect_nothing(void);
// Takes the next frame sent on the uplink into `frame`; its length, 0: there is none.
size_t env_take(uint8_t *frame, size_t size);
size_t env_take_at(uint16_t attachment, uint8_t *frame, size_t size);
// Throws away what was sent; how many.
unsigned env_discard(void);

uint64_t env_drops(uint16_t attachment, enum drop_reason reason);
uint64_t env_info(enum info_counter counter);

int env_main(const char *suite, const TTest *const *tests, size_t n);
