// SPDX-License-Identifier: BSD-3-Clause
// The table of addresses: who has which on which network.

#include "suite.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/util.h"
#include "net/addr.h"
#include "tables/address.h"

static struct address_table table;

static void start(size_t n)
{
	uint32_t size = address_table_size(n);

	table = (struct address_table){size - 1, calloc(size, sizeof(*table.entries))};
	ck_assert_ptr_nonnull(table.entries);
}

static void stop(void)
{
	free(table.entries);
}

static struct address_key key(uint16_t network, const char *text)
{
	struct ip_addr ip;

	ck_assert_int_eq(ip_parse(text, &ip), 0);
	return address_key6(network, ip.b);
}

static void add(uint16_t network, const char *text, enum address_kind kind, uint16_t attachment)
{
	struct address_key k = key(network, text);

	address_add(&table, &k, (struct address_owner){kind, attachment});
}

static void owner_is(
	uint16_t network, const char *text, enum address_kind kind, uint16_t attachment)
{
	struct address_owner owner = address_find(&table, key(network, text));

	ck_assert_uint_eq(owner.kind, kind);
	ck_assert_uint_eq(owner.attachment, attachment);
}

START_TEST(an_address_belongs_to_a_network)
{
	start(6);
	add(1, "172.16.1.10", ADDRESS_OWN, 7);
	add(2, "172.16.1.10", ADDRESS_OWN, 8);
	add(1, "172.16.1.33", ADDRESS_KNOWN, 9);
	add(1, "172.16.1.44", ADDRESS_KNOWN, 0);
	add(1, "172.16.1.255", ADDRESS_BROADCAST, 7);
	add(1, "fe80::a9fe:a9fe", ADDRESS_OWN, 7);
	owner_is(1, "172.16.1.10", ADDRESS_OWN, 7);
	owner_is(2, "172.16.1.10", ADDRESS_OWN, 8);
	owner_is(3, "172.16.1.10", ADDRESS_NONE, 0);
	owner_is(1, "172.16.1.33", ADDRESS_KNOWN, 9);
	owner_is(2, "172.16.1.33", ADDRESS_NONE, 0);
	owner_is(1, "172.16.1.44", ADDRESS_KNOWN, 0);
	owner_is(1, "172.16.1.255", ADDRESS_BROADCAST, 7);
	owner_is(1, "fe80::a9fe:a9fe", ADDRESS_OWN, 7);
	owner_is(1, "fe80::a9fe:a9ff", ADDRESS_NONE, 0);
	stop();
}
END_TEST

START_TEST(ipv4_has_one_form)
{
	struct address_key short_form = address_key4(1, htonl(0xac10010a));
	struct address_key long_form = key(1, "172.16.1.10");

	ck_assert(short_form.high == long_form.high && short_form.low == long_form.low &&
		  short_form.network == long_form.network);
	// The IPv6 address with the same low bits is another one.
	start(1);
	add(1, "::ac10:10a", ADDRESS_OWN, 7);
	owner_is(1, "172.16.1.10", ADDRESS_NONE, 0);
	stop();
}
END_TEST

START_TEST(the_first_owner_stays)
{
	start(2);
	add(1, "172.16.1.10", ADDRESS_OWN, 7);
	add(1, "172.16.1.10", ADDRESS_KNOWN, 9);
	owner_is(1, "172.16.1.10", ADDRESS_OWN, 7);
	stop();
}
END_TEST

START_TEST(an_empty_table_has_nobody)
{
	start(0);
	owner_is(1, "0.0.0.0", ADDRESS_NONE, 0);
	owner_is(1, "::", ADDRESS_NONE, 0);
	stop();
}
END_TEST

// As many as it was made for, in rows as networks have them, and none that it has not.
START_TEST(many_addresses)
{
	enum { NETWORKS = 40, HOSTS = 250 };

	start(NETWORKS * HOSTS);
	ck_assert_uint_ge(table.mask + 1, 2 * NETWORKS * HOSTS);
	for (uint16_t n = 1; n <= NETWORKS; n++) {
		for (uint16_t i = 1; i <= HOSTS; i++) {
			struct address_key k = address_key4(n, htonl(0x0a000000u + i));

			address_add(&table, &k, (struct address_owner){ADDRESS_KNOWN, n ^ i});
		}
	}
	for (uint16_t n = 1; n <= NETWORKS + 1; n++) {
		for (uint16_t i = 0; i <= HOSTS + 1; i++) {
			struct address_owner owner =
				address_find(&table, address_key4(n, htonl(0x0a000000u + i)));
			bool is_there = n <= NETWORKS && i != 0 && i <= HOSTS;

			ck_assert_uint_eq(owner.kind, is_there ? ADDRESS_KNOWN : ADDRESS_NONE);
			ck_assert_uint_eq(owner.attachment, is_there ? n ^ i : 0);
		}
	}
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_address_belongs_to_a_network,
		ipv4_has_one_form,
		the_first_owner_stays,
		an_empty_table_has_nobody,
		many_addresses,
	};

	return suite_main("address", tests, ARRAY_SIZE(tests));
}
