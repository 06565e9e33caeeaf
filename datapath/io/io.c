// SPDX-License-Identifier: BSD-3-Clause

#include "io/io.h"

#include "io/ethdev.h"
#include "io/packet.h"
#include "io/tap.h"
#include "io/vhost.h"
#include "io/xdp.h"

void io_register(void)
{
	tap_register();
	packet_register();
	vhost_register();
	xdp_register();
	ethdev_register();
}
