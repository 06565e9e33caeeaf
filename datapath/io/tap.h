// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Registers tap.
void tap_register(void);
