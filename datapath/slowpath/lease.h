// SPDX-License-Identifier: BSD-3-Clause
// The leases that the DHCP responder gave, and the addresses that clients declined, with a journal
// in the state directory: every change is appended with write(2) before the caller goes on, so that
// a killed process forgets nothing; a last line that was torn is left out at the next start. The
// journal is written anew (and renamed over the old one) when it has grown to several times what
// it holds. Control thread only.
//
// A lease says what a client was told. It never decides what it is told next: that is the address
// reserved for it in the configuration.
//
// Times are those of clock_now_ns(); the journal has wall-clock seconds.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define LEASE_NETWORK_MAX 256

struct lease {
	char network[LEASE_NETWORK_MAX]; // its name: ids change with a restart
	uint32_t address;		 // network order
	uint64_t mac;			 // low 48 bits
	uint64_t expires_ns;		 // 0: none is held
	uint64_t held_until_ns;		 // declined; 0: not
};

struct leases;

// Opens or makes DIRECTORY/leases and reads it. NULL directory: nothing is kept. NULL and errno on
// failure, which is logged.
struct leases *leases_open(const char *directory);
void leases_close(struct leases *leases);

// Records that `address` is leased until `expires_ns`. Returns 0 when it is in the journal;
// -errno when it is remembered until the next start only (logged).
int lease_grant(struct leases *leases, const char *network, uint32_t address, uint64_t mac,
	uint64_t expires_ns);
int lease_release(struct leases *leases, const char *network, uint32_t address, uint64_t mac);
// Records that the client found the address in use.
int lease_decline(struct leases *leases, const char *network, uint32_t address, uint64_t mac,
	uint64_t held_until_ns);
// Until when it is held; 0: it is not.
uint64_t lease_held_until(const struct leases *leases, const char *network, uint32_t address);

// Forgets what `keep` does not want (after a commit: networks and addresses that are gone).
void leases_keep(
	struct leases *leases, bool (*keep)(const struct lease *lease, void *arg), void *arg);
// Forgets what has expired and keeps the journal short; call it about once a second.
void leases_poll(struct leases *leases, uint64_t now_ns);

// By network and address.
void leases_visit(const struct leases *leases, void (*visit)(const struct lease *lease, void *arg),
	void *arg);
size_t leases_count(const struct leases *leases);
