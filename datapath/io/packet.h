// SPDX-License-Identifier: BSD-3-Clause
// Registers the driver "packet:INTERFACE", an interface of the kernel by AF_PACKET sockets; and the
// same for a driver that shares its interface with the kernel.

#pragma once

#include <stdbool.h>

#include "tables/device.h"

void packet_register(void);

// Fills in *device with packet sockets that get only what a BPF socket filter takes. The interface
// stays as it is, but that frames are not merged while they `listen` from the start; else
// packet_listen() has them begin. Returns 0 or -errno. Ended by packet_close().
int packet_open_filtered(
	struct device *device, const struct device_request *request, int program, bool listen);
// From now on frames come; `promiscuous`: to whatever MAC. Returns 0 or -errno.
int packet_listen(struct device *device, bool promiscuous);

void packet_stats(struct device *device, struct device_stats *stats);
void packet_close(struct device *device);
void packet_link(struct device *device, struct device_link *link);
enum device_presence packet_look(struct device *device);
