// SPDX-License-Identifier: BSD-3-Clause
// What weft itself is on the networks: its internal ports (service ports; router interfaces and
// gateways), the subnets they serve and the hosts that are known there. Control builds one struct
// services from each configuration and hands it over after the snapshot is published; it never
// changes after that. What packets make (leases, conflicts, announcements) is not in here and
// survives the next one. Control thread only.
//
// Every address stands beside its network: two networks may use the same ones (S4).

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "net/addr.h"
#include "slowpath/dhcp.h"
#include "slowpath/dns.h"

struct device;
struct service_network;

enum internal_kind {
	INTERNAL_SERVICE, // serves DHCP, DNS and metadata on one network
	INTERNAL_ROUTER,  // interface of a router
	INTERNAL_GATEWAY, // its port on an external network
};

struct internal_address {
	struct ip_prefix prefix; // the address, and how long the prefix around it is
	struct ip_addr fixed;	 // that a floating IP stands for
	bool announce;		 // tell the network when it appears, or stands for another
};

// A port of weft's own: an attachment without a device. What is sent to it ends in the slow path
// (or in the router); what it answers enters the pipeline as sent by it.
struct internal_port {
	enum internal_kind kind;
	uint16_t attachment;
	const struct service_network *network;
	uint64_t mac; // low 48 bits
	const struct internal_address *addresses;
	size_t n_addresses;
	struct device *metadata; // TAP to the metadata backend, NULL: none
};

// A port of the network, here or on another node.
struct service_host {
	const char *port;      // its name
	uint64_t mac;	       // low 48 bits
	uint16_t attachment;   // 0: on another node
	bool up;	       // its attachment is up; on another node: true
	struct dhcp_host dhcp; // no reservations: not served
};

// What the name server of the network says of an address.
struct service_name {
	const char *name;   // lower case, without domain
	const char *domain; // of its subnet, NULL: none
	uint32_t address;   // network order
};

// Who has an address of a network: an internal port or a host, the other is NULL.
struct service_owner {
	struct ip_addr address;
	const struct internal_port *internal;
	const struct service_host *host;
	const struct service_name *name; // NULL: none
};

struct service_network {
	uint16_t id; // in the snapshot
	const char *name;
	bool arp_responder;		     // ARP and ND requests of local ports are answered here
	const struct internal_port *service; // NULL: none
	const struct dhcp_service *dhcp;     // of the service port, NULL: none
	const struct service_host *const *hosts; // sorted by MAC
	size_t n_hosts;
	const struct service_owner *owners; // sorted by address
	size_t n_owners;
	const struct service_name *const *names; // sorted by name
	size_t n_names;
};

struct services {
	struct arena *arena;			// of all that is here
	const struct service_network *networks; // sorted by id
	size_t n_networks;
	const struct internal_port *ports; // sorted by attachment
	size_t n_ports;
};

void services_free(struct services *services); // NULL: nothing

// NULL when there is none.
const struct service_network *services_network(const struct services *services, uint16_t id);
const struct internal_port *services_port(const struct services *services, uint16_t attachment);
const struct service_host *service_host_by_mac(const struct service_network *network, uint64_t mac);
const struct service_owner *service_owner_of(
	const struct service_network *network, const struct ip_addr *address);
// What the name server of the network says.
struct dns_zone service_zone(const struct service_network *network);
