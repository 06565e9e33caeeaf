// SPDX-License-Identifier: BSD-3-Clause
// The other end of vhost-user, as a virtual machine and its driver are, in the test's own process:
// listens on a socket, shares its memory, and writes into its rings what the test says.
//
// Failures end the test.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRONTEND_TO_GUEST   0
#define FRONTEND_FROM_GUEST 1
#define FRONTEND_ENTRIES    64	 // of a ring
#define FRONTEND_BUFFER	    2048 // each entry of a ring has one
#define FRONTEND_HEADER	    12	 // of virtio, in front of each frame

// 4 GiB and a bit, of which only what is written takes memory: lengths may wrap in it.
#define FRONTEND_MEMORY (UINT64_C(4) << 30 | 1 << 20)

struct frontend {
	const char *path;
	int listener;
	int peer;	 // -1: not connected
	uint8_t *memory; // [FRONTEND_MEMORY], shared
	int memory_fd;
	int events[4];
	uint16_t next[2];  // what is offered next, by queue
	uint64_t features; // that were offered to the guest
};

void frontend_listen(struct frontend *f, const char *path);
// Waits for the other end and brings both queues up, with empty rings.
void frontend_connect(struct frontend *f);
void frontend_disconnect(struct frontend *f);
void frontend_close(struct frontend *f);

// Address of an entry's buffer, as the guest says it: an offset into its memory.
uint64_t frontend_buffer(unsigned queue, unsigned entry);

struct frontend_entry {
	uint64_t address;
	uint32_t len;
	uint16_t flags, next; // VRING_DESC_F_*
};

void frontend_set(
	struct frontend *f, unsigned queue, unsigned entry, const struct frontend_entry *value);
// Offers the chain that begins there.
void frontend_offer(struct frontend *f, unsigned queue, uint16_t head);
// Offers a frame, with a header of zeros.
void frontend_send(struct frontend *f, const void *frame, size_t len);
// How much of a queue was used by the other end since it was brought up.
uint16_t frontend_used(const struct frontend *f, unsigned queue);
