// SPDX-License-Identifier: BSD-3-Clause
// The BPF programs of one uplink (uplink.bpf.c): loaded, told what is ours, attached. Control
// thread.
//
// The XDP program is attached by a BPF link: when this process ends, however it does, the kernel
// takes the program off the interface.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/uplink_maps.h"
#include "tables/device.h"

struct uplink;

// Loads the programs; nothing is ours yet. NULL and errno, with the kernel's reason logged.
struct uplink *uplink_new(int index);
void uplink_free(struct uplink *uplink); // takes the program off first

// Makes room on the interface: a program that an earlier weft has left there is taken off. Returns
// 0, -EADDRINUSE when another weftd is there, -EBUSY when a program of somebody else is, with a
// reason.
int uplink_clear(const struct uplink *uplink, char *reason, size_t size);

// Puts the program on the interface: into the driver, or before the kernel's stack (slower, with
// any driver). Returns 0, or -errno with a reason.
int uplink_attach(struct uplink *uplink, bool native, char *reason, size_t size);
void uplink_detach(struct uplink *uplink);
// Once the interface has more queues: veth runs the program only on those that were there when it
// was given one. No frame passes by meanwhile. Returns 0 or -errno.
int uplink_renew(struct uplink *uplink);

// Gives the frames of a queue to a socket.
int uplink_set_socket(struct uplink *uplink, uint32_t queue, int fd);
// The program for packet sockets.
int uplink_filter(const struct uplink *uplink);

// What is ours from now on. `no_xdp`: the socket filter takes it. What finds no room in a map stays
// the kernel's, and is logged.
void uplink_share(
	struct uplink *uplink, const struct device_share *share, uint64_t mac, bool no_xdp);

void uplink_read_counters(const struct uplink *uplink, uint64_t counters[N_UPLINK_COUNTERS]);
