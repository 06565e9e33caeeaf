// SPDX-License-Identifier: BSD-3-Clause

#include "node.h"

#include <arpa/inet.h>

void resolve_all(void)
{
	resolve("ens18", OUR_IP, IP_101, MAC_101);
	resolve("ens18", OUR_IP, IP_103, MAC_103);
	resolve("ens18", OUR_IP, IP_105, MAC_105);
}

void node(const char *tunnel)
{
	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS "%s}, " NETWORKS ", " PORTS "}", tunnel);
	resolve_all();
}

struct frame talk(const char *from, const char *to, uint16_t len)
{
	return frame_udp(&(struct hosts){from, to, "172.16.1.33", "172.16.1.17"}, 1234, 80, len);
}

struct frame who_has(const char *from)
{
	return frame_arp(&(struct hosts){from, BROADCAST, "172.16.1.33", "172.16.1.17"}, 1);
}

struct frame from_remote(const char *ip, uint32_t vni, const struct frame *inner)
{
	return frame_vxlan(
		&(struct hosts){"52:54:00:00:99:99", device_mac_text("ens18"), ip, OUR_IP}, vni,
		inner);
}

unsigned remote_of(const struct frame *datagram)
{
	struct frame copy = *datagram;

	ck_assert(frame_ip_checksum_ok(datagram));
	ck_assert_uint_eq(ntohs(frame_l4(&copy)->destination), 8472);
	return ntohl(frame_ip(&copy)->destination) & 0xff;
}
