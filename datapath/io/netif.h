// SPDX-License-Identifier: BSD-3-Clause
// Properties of the kernel's network interfaces, in the network namespace of this process.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

// All return 0 or -errno; -ENODEV when there is no such interface.
int netif_index(const char *name, int *index);
// What an interface is called now; "", which no interface is, when it is gone.
const char *netif_name(int index, char name[IFNAMSIZ]);
// Whether the interface of this name is that of this index, and not another one, or none.
bool netif_is(const char *name, int index);
int netif_mac(const char *name, uint64_t *mac); // low 48 bits
int netif_mtu(const char *name, int *mtu);
int netif_set_mtu(const char *name, int mtu);
int netif_up(const char *name);			   // brings it up
int netif_is_running(const char *name, bool *yes); // up, with carrier

// Whether the kernel may merge received frames into larger ones.
int netif_merging(const char *name, bool *on);
int netif_set_merging(const char *name, bool on);

// Whether the card takes VLAN tags out of received frames.
int netif_strips_tags(const char *name, bool *on);
int netif_set_strips_tags(const char *name, bool on);

// Receive queues in use; 1 where the driver does not say.
int netif_rx_queues(const char *name, uint32_t *n);

// Whether the kernel would take `name` for an interface: 1 to 15 characters, no slash, no blank.
bool netif_name_ok(const char *name);
