// SPDX-License-Identifier: BSD-3-Clause

#include "router_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/icmp.h"

#define ETHERNET_LEN 14

void meet(const char *device, const struct hosts *hosts)
{
	struct frame request = frame_arp(hosts, 1);

	arrive(device, &request);
	forget_sent(device);
}

void meet_all(void)
{
	static const char *const devices[] = {"a", "b", "c", "v", "ens18", "ens19", "ens20"};

	meet("a", &(struct hosts){MAC_A, BROADCAST, IP_A, IP_R1});
	meet("b", &(struct hosts){MAC_B, BROADCAST, IP_B, IP_R1});
	meet("c", &(struct hosts){MAC_C, BROADCAST, IP_C, IP_R2});
	meet("v", &(struct hosts){MAC_V, BROADCAST, IP_V, IP_R3});
	meet("ens20", &(struct hosts){MAC_X, BROADCAST, IP_X, IP_GW});
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		forget_sent(devices[i]);
}

void router_node(const struct router_config_text *config)
{
	static const char gateway_head[] =
		", 'gateway': {'network': 'inside', 'address': '" IP_GW "', 'mac': '" MAC_GW "'";
	char gateway[256] = "";

	if (config->gateway != NULL)
		snprintf(gateway, sizeof(gateway), "%s%s}", gateway_head, config->gateway);
	configure("{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"
		  "  'inside': {'device': 'fake:ens20'},"
		  "  'underlay': {'device': 'fake:ens18', 'address': '192.168.31.101/24'}},"
		  "'tunnel': {'uplink': 'underlay', 'mode': 'headend', 'remotes': "
		  "['192.168.31.103']},"
		  "'networks': {'vxlan1': {'segments': [{'type': 'vxlan', 'id': 1}]},"
		  "  'vxlan2': {'segments': [{'type': 'vxlan', 'id': 2}]},"
		  "  'vlan1001': {'segments': [{'type': 'vlan', 'uplink': 'provider',"
		  "    'id': 1001}]},"
		  "  'inside': {'segments': [{'type': 'flat', 'uplink': 'inside'}],"
		  "    'external': true}},"
		  "'subnets': {'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.0/24'},"
		  "  'vxlan2': {'network': 'vxlan2', 'cidr': '172.16.2.0/24'},"
		  "  'vlan1001': {'network': 'vlan1001', 'cidr': '172.17.0.0/24'},"
		  "  'inside': {'network': 'inside', 'cidr': '10.1.0.0/24'} %s},"
		  "'ports': {'a': {'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "',"
		  "    'addresses': ['" IP_A "']},"
		  "  'b': {'network': 'vxlan1', 'device': 'fake:b', 'mac': '" MAC_B "',"
		  "    'addresses': ['" IP_B "']},"
		  "  'c': {'network': 'vxlan2', 'device': 'fake:c', 'mac': '" MAC_C "',"
		  "    'addresses': ['" IP_C "']},"
		  "  'v': {'network': 'vlan1001', 'device': 'fake:v', 'mac': '" MAC_V "',"
		  "    'addresses': ['" IP_V "']} %s},"
		  "'routers': {'vxlan1and2': {'interfaces': ["
		  "    {'subnet': 'vxlan1', 'mac': '" MAC_R1 "'},"
		  "    {'subnet': 'vxlan2', 'mac': '" MAC_R2 "'},"
		  "    {'subnet': 'vlan1001', 'mac': '" MAC_R3 "'}] %s %s} %s} %s}",
		config->more_subnets != NULL ? config->more_subnets : "",
		config->more_ports != NULL ? config->more_ports : "", gateway,
		config->router != NULL ? config->router : "",
		config->more_routers != NULL ? config->more_routers : "",
		config->others != NULL ? config->others : "");
	resolve("ens18", "192.168.31.101", "192.168.31.103", "52:54:00:00:01:03");
	pass_time(10); // announcements
	meet_all();
	if (config->gateway == NULL) // X has asked for it
		drops_are("inside.flat", DROP_NO_FLOOD_TARGET, 1);
}

void plain_router(void)
{
	router_node(&(struct router_config_text){.gateway = "", .others = ", " FLOATING});
}

struct frame hop(const struct frame *frame, const char *from_mac, const char *to_mac)
{
	struct frame next = *frame;

	ether_addr_set(next.bytes, mac_of(to_mac));
	ether_addr_set(next.bytes + 6, mac_of(from_mac));
	frame_ip(&next)->ttl--;
	frame_fix_ip(&next);
	return next;
}

struct frame udp_over(const struct hosts *hosts, uint16_t from, uint16_t to, unsigned hops)
{
	struct frame frame = frame_udp(hosts, from, to, 100);

	frame_ip(&frame)->ttl -= hops;
	frame_fix_ip(&frame);
	return frame;
}

struct frame error_about(const struct hosts *hosts, uint8_t type, uint8_t code, uint16_t mtu,
	const struct frame *packet)
{
	struct frame error = {.len = ETHERNET_LEN};
	struct icmp_error fields = {
		.type = type,
		.code = code,
		.mtu = mtu,
		.source = ip_of(hosts->from),
		.packet = packet->bytes + ETHERNET_LEN,
		.packet_len = packet->len - ETHERNET_LEN,
	};

	ether_addr_set(error.bytes, mac_of(hosts->to_mac));
	ether_addr_set(error.bytes + 6, mac_of(hosts->from_mac));
	error.bytes[12] = 8;
	error.len += (uint16_t)icmp_error_build(&fields, 0, error.bytes + ETHERNET_LEN);
	return error;
}

void expect_error(const char *device, const struct frame *error)
{
	struct frame is = sent(device), should = frame_padded(error);

	ck_assert(frame_ip_checksum_ok(&is));
	frame_ip(&is)->id = 0;
	frame_fix_ip(&is);
	ck_assert_uint_ge(is.len, error->len);
	ck_assert_mem_eq(is.bytes, should.bytes, error->len);
}

void crosses(const struct crossing *p)
{
	uint16_t from = p->seen_from != 0 ? p->seen_from : p->from;
	uint16_t to = p->seen_to != 0 ? p->seen_to : p->to;
	struct frame frame = udp_over(&p->hosts, p->from, p->to, 0);
	struct frame seen = udp_over(&p->seen, from, to, 1);

	arrive(p->in, &frame);
	expect(p->out, &seen);
	expect_none(p->out);
}
