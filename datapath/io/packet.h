// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Registers packet.
void packet_register(void);
