// SPDX-License-Identifier: BSD-3-Clause
// The underlay of an interface that the kernel goes on using: its addresses, routes, neighbours and
// group memberships, by netlink. Control thread only; never blocks.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "slowpath/internal.h"

struct kernel;

// Follows the kernel on an interface from now on. NULL and errno.
struct kernel *kernel_new(int index, uint16_t vlan);
void kernel_free(struct kernel *kernel);
bool kernel_same(const struct kernel *kernel, int index, uint16_t vlan);

// Takes tunnel datagrams off the kernel's hands that come to it nevertheless (fragments, or frames
// of a moment without us), so that it does not answer that the port is closed. 0: no address.
void kernel_set_endpoint(struct kernel *kernel, uint32_t address, uint16_t port);

// The next hop of a packet from our address to another; false: none on this interface.
bool kernel_route(struct kernel *kernel, uint32_t source, uint32_t destination, uint32_t *next_hop);
// Has it find out or verify a neighbour; what it knows comes as neighbour_told().
void kernel_resolve(struct kernel *kernel, uint32_t address);

// Returns the handle that kernel_leave() takes, or -errno.
int kernel_join(struct kernel *kernel, uint32_t group);
void kernel_leave(struct kernel *kernel, uint32_t group, int handle);

// Takes in what has changed. True when more waits.
bool kernel_poll(struct slowpath *s);
