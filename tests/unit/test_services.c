// SPDX-License-Identifier: BSD-3-Clause
// Look-ups in what control hands to the slow path: by id, by MAC, by address, by name.

#include "slowpath/services.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/util.h"
#include "suite.h"

static const struct service_host low = {.port = "low", .mac = UINT64_C(0x0200000000ff)};
static const struct service_host high = {.port = "high", .mac = UINT64_C(0xfa1600000001)};
static const struct service_host *const hosts[] = {&low, &high};

static const struct service_name name_a = {"a", "one", 1};
static const struct service_name name_a_two = {"a", "two", 2};
static const struct service_name name_ab = {"a.b", "one", 3};
static const struct service_name name_plain = {"plain", NULL, 4};
static const struct service_name *const names[] = {&name_a, &name_a_two, &name_ab, &name_plain};

static const struct service_network networks[] = {
	{.id = 3, .name = "empty"},
	{.id = 9, .name = "full", .hosts = hosts, .n_hosts = 2, .names = names, .n_names = 4},
};
static const struct internal_port ports[] = {{.attachment = 5}, {.attachment = 7}};
static const struct services services = {
	.networks = networks, .n_networks = 2, .ports = ports, .n_ports = 2};

START_TEST(networks_and_ports_are_found_by_id)
{
	static const struct services none = {0};

	ck_assert_ptr_eq(services_network(&services, 3), &networks[0]);
	ck_assert_ptr_eq(services_network(&services, 9), &networks[1]);
	ck_assert_ptr_null(services_network(&services, 4));
	ck_assert_ptr_eq(services_port(&services, 7), &ports[1]);
	ck_assert_ptr_null(services_port(&services, 0));
	ck_assert_ptr_null(services_port(&none, 5));
	ck_assert_ptr_null(services_network(&none, 3));
}
END_TEST

START_TEST(hosts_are_found_by_mac)
{
	ck_assert_ptr_eq(service_host_by_mac(&networks[1], low.mac), &low);
	ck_assert_ptr_eq(service_host_by_mac(&networks[1], high.mac), &high);
	ck_assert_ptr_null(service_host_by_mac(&networks[1], 1));
	ck_assert_ptr_null(service_host_by_mac(&networks[0], low.mac));
}
END_TEST

// 0: not found.
static uint32_t address_of(const char *name)
{
	struct dns_zone zone = service_zone(&networks[1]);
	uint32_t address;

	return zone.find_address(zone.arg, name, &address) ? address : 0;
}

START_TEST(names_are_found_with_and_without_domain)
{
	ck_assert_uint_eq(address_of("a"), 1);
	ck_assert_uint_eq(address_of("a.one"), 1);
	ck_assert_uint_eq(address_of("a.two"), 2);
	ck_assert_uint_eq(address_of("a.b"), 3); // a name with a dot, not a domain
	ck_assert_uint_eq(address_of("a.b.one"), 3);
	ck_assert_uint_eq(address_of("plain"), 4);
}
END_TEST

START_TEST(other_names_are_not_found)
{
	static const char *const unknown[] = {
		"", ".", "a.", ".one", "a.three", "a.b.two", "a.one.two", "ab", "plain.one", "b"};

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		ck_assert_uint_eq(address_of(unknown[i]), 0);
}
END_TEST

START_TEST(addresses_have_the_names_of_their_hosts)
{
	struct service_owner owners[] = {
		{.address = ip_from_v4(htonl(1)), .name = &name_a},
		{.address = ip_from_v4(htonl(2)), .name = &name_plain},
		{.address = ip_from_v4(htonl(3))},
	};
	struct service_network network = {.owners = owners, .n_owners = ARRAY_SIZE(owners)};
	struct dns_zone zone = service_zone(&network);
	char name[DNS_NAME_MAX];

	ck_assert(zone.find_name(zone.arg, htonl(1), name));
	ck_assert_str_eq(name, "a.one");
	ck_assert(zone.find_name(zone.arg, htonl(2), name));
	ck_assert_str_eq(name, "plain");
	ck_assert(!zone.find_name(zone.arg, htonl(3), name));
	ck_assert(!zone.find_name(zone.arg, htonl(4), name));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		networks_and_ports_are_found_by_id,
		hosts_are_found_by_mac,
		names_are_found_with_and_without_domain,
		other_names_are_not_found,
		addresses_have_the_names_of_their_hosts,
	};

	return suite_main("services", tests, ARRAY_SIZE(tests));
}
