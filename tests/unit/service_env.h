// SPDX-License-Identifier: BSD-3-Clause
// Services for a slow path on its own (slowpath_env.h). On NETWORK, called vxlan1:
//
//   SERVICE  fa:16:3e:31:14:a6  172.16.1.10/24, 169.254.169.254/32, fe80::a9fe:a9fe/128; serves
//            DHCP and names
//   ROUTER   fa:16:3e:dd:e1:a2  172.16.1.1/24, fd00:1::1/64; announced; while service_env.router is
//   set PORT     fa:16:3e:de:6e:86  172.16.1.33, fd00:1::33; the port "a" (away) fa:16:3e:74:ad:39
//   172.16.1.40, fd00:1::40; the port "b" of another node, named db.prod (away)   fa:16:3e:00:00:50
//   172.16.1.50; the port "c", down

#pragma once

#include "slowpath_env.h"

#include "slowpath/services.h"

#define SERVICE_MAC "fa163e3114a6"
#define ROUTER_MAC  "fa163edde1a2"
#define A_MAC	    "fa163ede6e86"
#define B_MAC	    "fa163e74ad39"
#define X_MAC	    "fa163e999901" // nobody's

struct service_setup {
	bool router;
	bool arp_responder;
	struct device *metadata; // of SERVICE
	uint64_t router_mac;	 // 0: ROUTER_MAC
	const char *fixed;	 // that the router's IPv4 address stands for, NULL: nothing
};

// Hands services to the slow path, as a commit does.
void env_serve(const struct service_setup *setup);
