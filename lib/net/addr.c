// SPDX-License-Identifier: BSD-3-Clause
// Addresses and their text forms. Pure functions, any thread.

#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *text, struct mac *mac)
{
	struct mac m;

	if (strlen(text) != MAC_TEXT_LEN - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		m.b[i] = (uint8_t)(high << 4 | low);
	}
	*mac = m;
	return 0;
}

char *mac_format(const struct mac *mac, char text[MAC_TEXT_LEN])
{
	const uint8_t *b = mac->b;

	snprintf(text, MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		b[5]);
	return text;
}

bool mac_is_zero(const struct mac *mac)
{
	return mac_to_u64(mac) == 0;
}

bool mac_is_multicast(const struct mac *mac)
{
	return (mac->b[0] & 1) != 0;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint64_t mac_to_u64(const struct mac *mac)
{
	uint64_t value = 0;

	for (int i = 0; i < 6; i++)
		value = value << 8 | mac->b[i];
	return value;
}

struct mac mac_from_u64(uint64_t value)
{
	struct mac mac;

	for (int i = 5; i >= 0; i--) {
		mac.b[i] = (uint8_t)value;
		value >>= 8;
	}
	return mac;
}

int ip_parse(const char *text, struct ip_addr *ip)
{
	struct ip_addr a;
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ip = ip_from_v4(v4);
		return 0;
	}
	// An IPv4-mapped text would silently change its family and its prefix length.
	if (inet_pton(AF_INET6, text, a.b) != 1 || ip_is_v4(&a))
		return -EINVAL;
	*ip = a;
	return 0;
}

char *ip_format(const struct ip_addr *ip, char text[IP_TEXT_LEN])
{
	if (ip_is_v4(ip))
		inet_ntop(AF_INET, ip->b + 12, text, IP_TEXT_LEN);
	else
		inet_ntop(AF_INET6, ip->b, text, IP_TEXT_LEN);
	return text;
}

bool ip_is_set(const struct ip_addr *ip)
{
	static const struct ip_addr none;

	return !ip_equal(ip, &none);
}

bool ip_is_v4(const struct ip_addr *ip)
{
	return memcmp(ip->b, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool ip_is_multicast(const struct ip_addr *ip)
{
	return ip_is_v4(ip) ? (ip->b[12] & 0xf0) == 0xe0 : ip->b[0] == 0xff;
}

bool ip_is_host(const struct ip_addr *ip)
{
	static const struct ip_addr v6_loopback = {{[15] = 1}};

	if (!ip_is_set(ip) || ip_is_multicast(ip) || ip_equal(ip, &v6_loopback))
		return false;
	if (!ip_is_v4(ip))
		return true;
	return ip->b[12] != 0 && ip->b[12] != 127 && ip_v4(ip) != UINT32_MAX;
}

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint32_t ip_v4(const struct ip_addr *ip)
{
	uint32_t v4;

	memcpy(&v4, ip->b + 12, sizeof(v4));
	return v4;
}

struct ip_addr ip_from_v4(uint32_t v4_be)
{
	struct ip_addr ip;

	memcpy(ip.b, v4_mapped, sizeof(v4_mapped));
	memcpy(ip.b + 12, &v4_be, sizeof(v4_be));
	return ip;
}

// A decimal number without sign, blank or leading zero.
static int prefix_len_parse(const char *text, unsigned max, uint8_t *len)
{
	unsigned value = 0;

	if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*len = (uint8_t)value;
	return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT_LEN];
	struct ip_prefix p;
	size_t n;

	if (slash == NULL)
		return -EINVAL;
	n = (size_t)(slash - text);
	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	if (ip_parse(address, &p.addr) < 0)
		return -EINVAL;
	if (prefix_len_parse(slash + 1, ip_is_v4(&p.addr) ? 32 : 128, &p.len) < 0)
		return -EINVAL;
	*prefix = p;
	return 0;
}

char *ip_prefix_format(const struct ip_prefix *prefix, char text[PREFIX_TEXT_LEN])
{
	size_t n;

	ip_format(&prefix->addr, text);
	n = strlen(text);
	snprintf(text + n, PREFIX_TEXT_LEN - n, "/%u", prefix->len);
	return text;
}

// The prefix length counted over the 16 bytes in which both families are held.
static unsigned bits_of(const struct ip_prefix *prefix)
{
	return ip_is_v4(&prefix->addr) ? prefix->len + 96u : prefix->len;
}

static bool same_bits(const struct ip_addr *a, const struct ip_addr *b, unsigned n_bits)
{
	unsigned bytes = n_bits / 8, rest = n_bits % 8;

	if (memcmp(a->b, b->b, bytes) != 0)
		return false;
	return rest == 0 || ((a->b[bytes] ^ b->b[bytes]) >> (8 - rest)) == 0;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip)
{
	return ip_is_v4(&prefix->addr) == ip_is_v4(ip) &&
	       same_bits(&prefix->addr, ip, bits_of(prefix));
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len < b->len ? ip_prefix_contains(a, &b->addr) : ip_prefix_contains(b, &a->addr);
}

// The address with every bit from `n_bits` on set to `value` (0x00 or 0xff).
static struct ip_addr fill_host_bits(struct ip_addr ip, unsigned n_bits, uint8_t value)
{
	for (unsigned i = n_bits / 8; i < sizeof(ip.b); i++) {
		uint8_t keep = i > n_bits / 8 ? 0 : (uint8_t) ~(0xffu >> n_bits % 8);

		ip.b[i] = (uint8_t)((ip.b[i] & keep) | (value & (uint8_t)~keep));
	}
	return ip;
}

struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix)
{
	struct ip_prefix network = *prefix;

	network.addr = fill_host_bits(prefix->addr, bits_of(prefix), 0x00);
	return network;
}

struct ip_addr ip_prefix_broadcast(const struct ip_prefix *prefix)
{
	return fill_host_bits(prefix->addr, bits_of(prefix), 0xff);
}
