// SPDX-License-Identifier: BSD-3-Clause
// Addresses and their text forms. Parsers take the whole string: trailing text, blanks, signs and
// leading zeros that would mean octal are refused with -EINVAL; nothing is written on failure.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_TEXT_LEN	18 // "fa:16:3e:de:6e:86" and NUL
#define IP_TEXT_LEN	46 // longest IPv6 text and NUL
#define PREFIX_TEXT_LEN 50

struct mac {
	uint8_t b[6];
};

// IPv4 or IPv6 in 16 bytes; IPv4 is held IPv4-mapped (::ffff:a.b.c.d), network order.
// All zero bytes: no address.
struct ip_addr {
	uint8_t b[16];
};

struct ip_prefix {
	struct ip_addr addr;
	uint8_t len; // in bits of the family: 0..32 for IPv4, 0..128 for IPv6
};

int mac_parse(const char *text, struct mac *mac);
char *mac_format(const struct mac *mac, char text[MAC_TEXT_LEN]);
bool mac_is_zero(const struct mac *mac);
bool mac_is_multicast(const struct mac *mac); // group bit set; true for broadcast too
bool mac_equal(const struct mac *a, const struct mac *b);
// The MAC in the low 48 bits, first octet highest: fa:16:3e:de:6e:86 -> 0xfa163ede6e86.
uint64_t mac_to_u64(const struct mac *mac);
struct mac mac_from_u64(uint64_t value);

int ip_parse(const char *text, struct ip_addr *ip);
char *ip_format(const struct ip_addr *ip, char text[IP_TEXT_LEN]);
bool ip_is_set(const struct ip_addr *ip);
bool ip_is_v4(const struct ip_addr *ip);
bool ip_is_multicast(const struct ip_addr *ip);
// Neither unset, in 0.0.0.0/8, loopback, multicast nor the limited broadcast address.
bool ip_is_host(const struct ip_addr *ip);
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);
uint32_t ip_v4(const struct ip_addr *ip);  // network order; the address must be IPv4
struct ip_addr ip_from_v4(uint32_t v4_be); // network order

// "10.0.0.1/24": the address as typed, with its length; host bits stay.
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);
char *ip_prefix_format(const struct ip_prefix *prefix, char text[PREFIX_TEXT_LEN]);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip);
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);
// The prefix with its host bits cleared; the IPv4 broadcast address of the prefix.
struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix);
struct ip_addr ip_prefix_broadcast(const struct ip_prefix *prefix);
