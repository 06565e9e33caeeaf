// SPDX-License-Identifier: BSD-3-Clause
// Checksums that a kernel on this machine left to be computed by a network card. Frames that come
// by XDP from veth and the like carry the sum of the pseudo header in the field, and nothing beside
// the frame says so.

#pragma once

#include <stdint.h>

// Completes the TCP or UDP checksum of a frame where it holds the sum of the pseudo header and is
// not right as it is; for a VXLAN datagram to `port` (network order, 0: none) that of the frame
// inside first. Any bytes may be there.
void partial_complete(uint8_t *frame, uint16_t len, uint16_t port);
