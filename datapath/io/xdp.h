// SPDX-License-Identifier: BSD-3-Clause
// Registers the driver "xdp:INTERFACE", an interface that the kernel goes on using.

#pragma once

void xdp_register(void);
