// SPDX-License-Identifier: BSD-3-Clause
// A whole node on the test's own thread: real commit, slow path and pipeline, devices that keep
// what is sent to them, and a clock that a test moves by hand. A test reads as a story: configure,
// send a frame into a device, expect frames at others.
//
// Every test ends with the ledger, for each attachment and in total, with a look for lost packets,
// and with the drops: each that happened must have been expected by drops_are().

#pragma once

#include <check.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/util.h"
#include "control/control.h"
#include "frames.h"
#include "pipeline/pipeline.h"
#include "tables/tables.h"

struct switch_env {
	struct rte_mempool *pool;    // of weft
	struct rte_mempool *rx_pool; // of received frames
	struct tables *tables;
	struct control *control;
	struct worker_ctx *worker;
};

extern struct switch_env sw;

// ---- configuration ----------------------------------------------------------------------------

// Commits a document, JSON with ' for ", built as by printf; must be accepted. Ports that name
// neither port-security nor security-groups are open.
__attribute__((format(printf, 1, 2))) void configure(const char *format, ...);
// Calls a method of the control socket; must succeed.
__attribute__((format(printf, 2, 3))) void call(const char *method, const char *params, ...);

// ---- time and frames --------------------------------------------------------------------------

// Lets control and worker do what waits for them.
void run(void);
// The same once a second (of the test's clock) for so many seconds.
void pass_time(unsigned seconds);

// A frame arrives on fake:DEVICE, and everything that follows from it happens.
void arrive(const char *device, const struct frame *frame);
// Frames that arrive in one burst.
void arrive_burst(const char *device, const struct frame *frames, unsigned n);
// The same; returns the cycles of the time stamp counter that the pipeline took.
uint64_t arrive_timed(const char *device, const struct frame *frames, unsigned n);
// With what a driver says about it.
void arrive_offloaded(
	const char *device, const struct frame *frame, uint64_t ol_flags, uint16_t tci);
// In pieces of `piece_len` bytes, as some drivers deliver it.
void arrive_chained(const char *device, const struct frame *frame, uint16_t piece_len);
// With so many free bytes in front of it.
void arrive_without_headroom(const char *device, const struct frame *frame, uint16_t headroom);
// On a device that control itself polls, and no worker.
void arrive_privately(const char *device, const struct frame *frame);
// Only the pipeline runs: control does not get to its rings.
void arrive_unpolled(const char *device, const struct frame *frame);

// ---- the slow path ----------------------------------------------------------------------------

// The next packet that waits for control, which did not get to it; there must be one.
struct punt punted(struct frame *frame);
unsigned n_punted(void);
// Control sends a frame by an attachment. Unpolled: the worker does not get to it.
void inject(const char *attachment, const struct frame *frame);
void inject_unpolled(const char *attachment, const struct frame *frame);

// ---- what comes out ---------------------------------------------------------------------------

// The next frame that was sent by fake:DEVICE; there must be one.
struct frame sent(const char *device);
// Exactly this frame was the next, or none at all.
void expect(const char *device, const struct frame *frame);
void expect_none(const char *device);
unsigned n_sent(const char *device);
void forget_sent(const char *device);

// The transmit queue takes so many frames from now on; nobody is at the other end.
void set_room(const char *device, unsigned room);
void set_no_peer(const char *device, bool no_peer);
void set_trusts_checksum(const char *device, bool trusts);

// ---- the underlay -----------------------------------------------------------------------------

// The next tunnel datagram that was sent by fake:DEVICE; other frames are skipped.
struct frame sent_datagram(const char *device);
unsigned n_datagrams(const char *device);
// A station of the underlay makes itself known to our resolver.
void resolve(const char *device, const char *our_ip, const char *ip, const char *mac);
uint64_t device_mac(const char *device);
const char *device_mac_text(const char *device);

// ---- what is known ----------------------------------------------------------------------------

#define NOWHERE 0
uint16_t where(const char *network, const char *mac); // FDB location
uint16_t attachment(const char *name);
uint16_t location_of_remote(const char *ip);

// So many packets have died of this, all of them in the care of this attachment.
void drops_are(const char *attachment, enum drop_reason reason, uint64_t n);
// For drops whose number or place a test can not tell: they are counted as expected.
void any_drops(void);
struct attachment_counters counters_of(const char *attachment);
uint64_t info_of(enum info_counter info);

// ---- suites -----------------------------------------------------------------------------------

// Each file of tests has a function that adds them to its case.
void l2_tests(TCase *tcase);
void vlan_tests(TCase *tcase);
void encap_tests(TCase *tcase);
void decap_tests(TCase *tcase);
void drop_tests(TCase *tcase);
void local_tests(TCase *tcase);
void service_tests(TCase *tcase);
void service_dhcp_tests(TCase *tcase);
void dhcp_tests(TCase *tcase);
void router_tests(TCase *tcase);
void router_nat_tests(TCase *tcase);
void router_path_tests(TCase *tcase);
void router_edge_tests(TCase *tcase);
void reassembly_tests(TCase *tcase);
void random_tests(TCase *tcase);
void filter_tests(TCase *tcase);
void filter_state_tests(TCase *tcase);
void filter_fragment_tests(TCase *tcase);
void add_tests(TCase *tcase, const TTest *const *tests, size_t n);
