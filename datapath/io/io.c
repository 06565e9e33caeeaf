// SPDX-License-Identifier: BSD-3-Clause

#include "io/io.h"

#include "io/ethdev.h"

void io_register(void)
{
	ethdev_register();
}
