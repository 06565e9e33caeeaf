// SPDX-License-Identifier: BSD-3-Clause

#include "service_env.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

// Everything that services point to, in one piece of their arena.
struct served {
	const struct service_setup *setup; // while it is filled in
	struct services services;
	struct service_network network;
	struct internal_port ports[2];
	struct internal_address service_addresses[3];
	struct internal_address router_addresses[2];
	struct service_host hosts[3];
	const struct service_host *by_mac[3];
	struct service_owner owners[10];
	struct service_name names[3];
	const struct service_name *by_name[3];
	struct dhcp_service dhcp;
	struct dhcp_subnet subnet;
};

static struct ip_addr ip(const char *text)
{
	struct ip_addr address;

	ck_assert_int_eq(ip_parse(text, &address), 0);
	return address;
}

static struct internal_address own(const char *text, bool announce)
{
	struct internal_address address = {.announce = announce};

	ck_assert_int_eq(ip_prefix_parse(text, &address.prefix), 0);
	return address;
}

static void add_owner(struct served *s, const char *address, const struct internal_port *port,
	const struct service_host *host)
{
	s->owners[s->network.n_owners++] = (struct service_owner){
		.address = ip(address),
		.internal = port,
		.host = host,
	};
}

static void add_ports(struct served *s)
{
	s->service_addresses[0] = own("172.16.1.10/24", false);
	s->service_addresses[1] = own("169.254.169.254/32", false);
	s->service_addresses[2] = own("fe80::a9fe:a9fe/128", false);
	s->router_addresses[0] = own("172.16.1.1/24", true);
	if (s->setup->fixed != NULL)
		s->router_addresses[0].fixed = ip(s->setup->fixed);
	s->router_addresses[1] = own("fd00:1::1/64", true);
	s->ports[0] = (struct internal_port){
		.kind = INTERNAL_SERVICE,
		.attachment = SERVICE,
		.network = &s->network,
		.mac = UINT64_C(0xfa163e3114a6),
		.addresses = s->service_addresses,
		.n_addresses = 3,
		.metadata = s->setup->metadata,
	};
	s->ports[1] = (struct internal_port){
		.kind = INTERNAL_ROUTER,
		.attachment = ROUTER,
		.network = &s->network,
		.mac = s->setup->router_mac != 0 ? s->setup->router_mac : UINT64_C(0xfa163edde1a2),
		.addresses = s->router_addresses,
		.n_addresses = 2,
	};
	s->services.ports = s->ports;
	s->services.n_ports = s->setup->router ? 2 : 1;
}

static void add_hosts(struct served *s)
{
	s->subnet = (struct dhcp_subnet){
		.dhcp = true,
		.network = inet_addr("172.16.1.0"),
		.prefix_len = 24,
		.server = inet_addr("172.16.1.10"),
		.gateway = inet_addr("172.16.1.1"),
		.isolated = true,
		.lease_s = 86400,
		.domain = "openstacklocal",
	};
	s->dhcp = (struct dhcp_service){
		.mac = s->ports[0].mac, .mtu = 1450, .subnets = &s->subnet, .n_subnets = 1};
	s->hosts[0] = (struct service_host){"c", UINT64_C(0xfa163e000050), 0, false,
		{.reservations = {{&s->subnet, inet_addr("172.16.1.50")}}, .n_reservations = 1}};
	s->hosts[1] = (struct service_host){"b", UINT64_C(0xfa163e74ad39), 0, true,
		{.name = "db.prod",
			.reservations = {{&s->subnet, inet_addr("172.16.1.40")}},
			.n_reservations = 1}};
	s->hosts[2] = (struct service_host){"a", PORT_MAC, PORT, true,
		{.reservations = {{&s->subnet, inet_addr("172.16.1.33")}}, .n_reservations = 1}};
	for (size_t i = 0; i < 3; i++)
		s->by_mac[i] = &s->hosts[i];
	s->names[0] = (struct service_name){"db.prod", "openstacklocal", inet_addr("172.16.1.40")};
	s->names[1] = (struct service_name){
		"host-172-16-1-33", "openstacklocal", inet_addr("172.16.1.33")};
	s->names[2] = (struct service_name){"host-172-16-1-50", NULL, inet_addr("172.16.1.50")};
	for (size_t i = 0; i < 3; i++)
		s->by_name[i] = &s->names[i];
}

static void add_owners(struct served *s)
{
	if (s->setup->router)
		add_owner(s, "172.16.1.1", &s->ports[1], NULL);
	add_owner(s, "169.254.169.254", &s->ports[0], NULL);
	add_owner(s, "172.16.1.10", &s->ports[0], NULL);
	add_owner(s, "172.16.1.33", NULL, &s->hosts[2]);
	add_owner(s, "172.16.1.40", NULL, &s->hosts[1]);
	add_owner(s, "172.16.1.50", NULL, &s->hosts[0]);
	if (s->setup->router)
		add_owner(s, "fd00:1::1", &s->ports[1], NULL);
	add_owner(s, "fd00:1::33", NULL, &s->hosts[2]);
	add_owner(s, "fd00:1::40", NULL, &s->hosts[1]);
	add_owner(s, "fe80::a9fe:a9fe", &s->ports[0], NULL);
	for (size_t i = 0; i < s->network.n_owners; i++) {
		for (size_t j = 0; j < 3; j++) {
			struct ip_addr named = ip_from_v4(s->names[j].address);

			if (ip_equal(&s->owners[i].address, &named))
				s->owners[i].name = &s->names[j];
		}
	}
}

static int compare_owner(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

void env_serve(const struct service_setup *setup)
{
	struct arena *arena = arena_new();
	struct served *s = arena_alloc(arena, sizeof(*s));

	s->setup = setup;
	add_ports(s);
	add_hosts(s);
	add_owners(s);
	qsort(s->owners, s->network.n_owners, sizeof(s->owners[0]), compare_owner);
	s->network.id = NETWORK;
	s->network.name = "vxlan1";
	s->network.arp_responder = s->setup->arp_responder;
	s->network.service = &s->ports[0];
	s->network.dhcp = &s->dhcp;
	s->network.hosts = s->by_mac;
	s->network.n_hosts = 3;
	s->network.owners = s->owners;
	s->network.names = s->by_name;
	s->network.n_names = 3;
	s->services.arena = arena;
	s->services.networks = &s->network;
	s->services.n_networks = 1;
	slowpath_set_services(env.slowpath, &s->services);
	env_poll();
}
