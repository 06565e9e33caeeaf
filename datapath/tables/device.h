// SPDX-License-Identifier: BSD-3-Clause
// A packet device behind one small interface. Opened and closed by control, polled by workers.
// Drivers register by the word before the colon of a device text ("tap:web,mtu=1450").

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include "base/problem.h"
#include "net/addr.h"

struct device;

typedef uint16_t device_burst_fn(
	struct device *device, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);

struct device_stats {
	uint64_t rx_missed; // dropped by the device before a worker saw them
	uint64_t rx_errors;
	uint64_t rx_nombuf;
	uint64_t tx_errors;
};

struct device_link {
	bool up;
	uint32_t speed_mbps; // 0: unknown
};

struct device {
	device_burst_fn *rx_burst;
	device_burst_fn *tx_burst; // takes what it can; the rest stays the caller's
	uint16_t ethdev;	   // DPDK port id, for ethdev devices
	uint16_t n_rxq;
	uint16_t n_txq;
	bool tx_shared;		 // fewer transmit queues than workers: take tx_lock
	bool tx_no_peer;	 // no receiver is attached: unsent frames die as tx_no_peer
	bool trusts_l4_checksum; // received UDP checksum verdicts (ol_flags) can be believed
	rte_spinlock_t tx_lock;
	uint64_t mac;	  // low 48 bits, 0: none
	uint16_t mtu;	  // L3
	int kernel_index; // the interface, when the kernel goes on using it: addresses, neighbours
			  // and routes are the kernel's; 0: the device is all ours
	char *text;	  // as configured
	const struct device_driver *driver;
	void *priv; // the driver's
};

struct device_request {
	const char *text;    // whole device text
	const char *name;    // after the colon, before the first comma; set by device_open()
	const char *options; // after that comma, "" when none; set by device_open()
	uint16_t mtu;	     // L3 size the device must carry (tags come on top)
	uint64_t mac;	     // wanted MAC of an uplink, 0: the device's own
	unsigned n_workers;  // queues wanted, each way
	struct rte_mempool *pool;
};

// What a device that the kernel goes on using is to hand to us (driver xdp).
struct device_share {
	uint16_t port;			 // of the tunnel, 0: none on this device
	uint16_t vid;			 // of the underlay, 0: untagged
	const struct ip_addr *addresses; // of the tunnel
	size_t n_addresses;
	const struct ip_prefix *groups;
	size_t n_groups;
	bool vlans;	      // frames of these VLANs
	const uint16_t *vids; // ascending
	size_t n_vids;
	bool untagged;	      // untagged frames: those to these MACs, and copies of those to many
	const uint64_t *macs; // low 48 bits
	size_t n_macs;
};

#define DEVICE_REFUSALS_MAX 4
#define DEVICE_REFUSAL_LEN  160

// How a device of several ways to work does, and what it has handed over.
struct device_details {
	const char *mode;			   // "zero-copy", …
	const char *refusals[DEVICE_REFUSALS_MAX]; // ways that were not possible: "MODE: why"
	size_t n_refusals;
	uint64_t frames_tunnel, frames_vlan, frames_untagged; // to us
	uint64_t frames_kernel;				      // not ours
	uint64_t frames_no_socket; // ours, but to the kernel as nobody listened
	uint32_t n_queues;	   // receive queues of the interface
	uint32_t n_sockets;	   // those of them that have a socket
	const char *problem;	   // with the others; NULL: none
};

// Whether the interface of a device is there.
enum device_presence {
	DEVICE_PRESENT,
	DEVICE_RENAMED,	 // present, and not called as configured any more
	DEVICE_GREW,	 // present, with receive queues in n_rxq that no snapshot knows of
	DEVICE_GONE,	 // no frames come, what is sent dies as tx_no_peer
	DEVICE_REPLACED, // gone, and there is another one of its name: open the device again
};

struct device_driver {
	const char *word;   // "tap"
	const char *help;   // "tap:NAME  a TAP interface, created and removed with the port"
	bool name_optional; // the text may go on with a comma right after the colon
	// Fills in *device (zeroed but text, driver). Returns 0, or -errno after problem_add() of
	// E_DEV_OPEN with `path`.
	int (*open)(struct device *device, const struct device_request *request, const char *path,
		struct problems *problems);
	void (*close)(struct device *device); // no worker uses it any more
	void (*stats)(struct device *device, struct device_stats *stats);
	void (*link)(struct device *device, struct device_link *link);
	// The following are NULL but for devices that the kernel goes on using. May be called at
	// any time, workers go on.
	void (*share)(struct device *device, const struct device_share *share);
	void (*details)(struct device *device, struct device_details *details);
	// NULL: such a device does not go away. May be called at any time, workers go on.
	enum device_presence (*look)(struct device *device);
};

void device_driver_register(const struct device_driver *driver);
const struct device_driver *device_driver_find(const char *word, size_t word_len);

// Parses request->text, finds the driver, opens. NULL and errno after problem_add().
struct device *device_open(
	struct device_request *request, const char *path, struct problems *problems);
void device_close(struct device *device); // NULL: nothing
