// SPDX-License-Identifier: BSD-3-Clause
// Device drivers. Control thread only.

#pragma once

// Registers every driver of this folder (tables/device.h). Once, after EAL init.
void io_register(void);
