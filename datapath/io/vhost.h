// SPDX-License-Identifier: BSD-3-Clause
// Virtual machines by vhost-user: vhost:PATH (tables/device.h).

#pragma once

void vhost_register(void);
