// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/model: what the parts of model_validate() share. One check runs over one model on
// one thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problem.h"
#include "model/model.h"

// Who holds a MAC or an address on a network.
enum holder_kind {
	HOLDER_PORT,
	HOLDER_SERVICE,
	HOLDER_INTERFACE,
	HOLDER_GATEWAY,
	HOLDER_FLOATING,
};

struct holder {
	enum holder_kind kind;
	const char *name; // of the port, subnet, router or floating IP
	size_t index;	  // of the address or interface
	const char *network;
	const struct mac *mac;
	const struct ip_addr *ip; // NULL: the MAC is meant
	bool in_force;		  // the old model has it: the other one is to blame
};

struct holders {
	struct holder *list; // sorted by network and value
	size_t n;
};

struct check {
	const struct model *model;
	const struct model *old; // in force, NULL: none
	struct problems *problems;
	void *earlier;	     // paths of problems that decoding found; see tsearch(3)
	void *around;	     // those paths and all that lie around one
	struct arena *arena; // paths and sentences, gone with the check
	struct holders macs; // from check_holders
};

// Adds a problem, unless decoding has already reported one at this path, inside it, or around it:
// one mistake, one sentence.
__attribute__((format(printf, 4, 5))) void check_report(
	struct check *check, enum error_symbol symbol, const char *path, const char *format, ...);

// The JSON path as a text of the check's arena.
#define PATH(check, ...) arena_printf((check)->arena, __VA_ARGS__)

void check_metrics(struct check *check);
void check_networks(struct check *check);
void check_subnets(struct check *check);
void check_ports(struct check *check);
void check_routers(struct check *check);
void check_floating_ips(struct check *check);
// No MAC and no address of a network is held twice.
void check_holders(struct check *check);
// Security groups, and what ports have to do with them: their groups and allowed pairs.
void check_security(struct check *check);
void check_fdb(struct check *check);
// One device serves one uplink or port.
void check_devices(struct check *check);

// Who on this node holds the MAC on the network, in words; NULL: nobody. After check_holders().
const char *mac_holder(struct check *check, const char *network, const struct mac *mac);

// Checks the name of the network that `user` ("router r1") is on; N16 when it is being deleted.
void check_network_name(
	struct check *check, const char *network, const char *user, const char *path);

// P3: checks an address that something on the network has.
void check_address(
	struct check *check, const char *network, const struct ip_addr *ip, const char *path);

// Labels of letters, digits and hyphens with dots between them.
bool dns_name_valid(const char *name);

// The interface of a router on a subnet, NULL: none; whether that is the gateway of the subnet.
const struct router_interface *router_interface_on(
	const struct router_config *router, const char *subnet);
bool router_holds_gateway(const struct router_config *router, const struct subnet_config *subnet);

// Checks the address of a tunnel endpoint other than this node.
void check_remote(struct check *check, const struct ip_addr *remote, const char *path);

// Type and uplink agree; ids may differ.
bool segment_same_carrier(const struct segment_config *a, const struct segment_config *b);

// The largest MTU that every segment carries (N13).
uint16_t network_mtu_limit(const struct model *model, const struct network_config *network);

// NULL-safe strcmp; NULL sorts first.
int text_compare(const char *a, const char *b);

// Whether the protocol has ports that a rule may name.
bool protocol_has_ports(uint8_t protocol);

// An order of addresses of one family, and the next one in it.
int ip_compare(const struct ip_addr *a, const struct ip_addr *b);
struct ip_addr ip_next(struct ip_addr ip);
bool ip_range_has(const struct ip_range *range, const struct ip_addr *ip);

// The addresses of a subnet that hosts can have, first to last.
struct ip_range subnet_hosts(const struct subnet_config *subnet);
bool subnet_is_v4(const struct subnet_config *subnet);
// Whether a network of a completed model has a subnet of IPv4.
bool network_has_v4(const struct network_config *network);
size_t port_count_v4(const struct port_config *port);

// The steps of model_complete() beside its own, in this order.
void complete_subnets(struct model *model);
void complete_routers(struct model *model);
void complete_macs(struct model *model, const struct model *old);
void complete_floating_names(struct model *model);
void complete_addresses(struct model *model, const struct model *old, struct problems *problems);
void complete_router_ports(struct model *model);
void complete_floating_ips(struct model *model);
void complete_dhcp_options(struct model *model);
// Host bits off, repetitions out.
void complete_routes(struct route_config *routes, size_t *n_routes);

// What model_complete() does for security groups and for the filter keys of ports.
void complete_security(struct model *model);
