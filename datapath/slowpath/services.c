// SPDX-License-Identifier: BSD-3-Clause

#include "slowpath/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void services_free(struct services *services)
{
	if (services != NULL)
		arena_free(services->arena);
}

typedef int compare_fn(const void *key, const void *element);

// As bsearch(), which must not be given the array of an empty table.
static const void *find(
	const void *key, const void *array, size_t n, size_t element_size, compare_fn *compare)
{
	return n == 0 ? NULL : bsearch(key, array, n, element_size, compare);
}

static int compare_network(const void *key, const void *element)
{
	const struct service_network *network = element;

	return (int)*(const uint16_t *)key - network->id;
}

const struct service_network *services_network(const struct services *services, uint16_t id)
{
	return find(&id, services->networks, services->n_networks, sizeof(*services->networks),
		compare_network);
}

static int compare_port(const void *key, const void *element)
{
	const struct internal_port *port = element;

	return (int)*(const uint16_t *)key - port->attachment;
}

const struct internal_port *services_port(const struct services *services, uint16_t attachment)
{
	return find(&attachment, services->ports, services->n_ports, sizeof(*services->ports),
		compare_port);
}

static int compare_host(const void *key, const void *element)
{
	uint64_t mac = *(const uint64_t *)key;
	const struct service_host *host = *(const struct service_host *const *)element;

	return mac < host->mac ? -1 : mac > host->mac;
}

const struct service_host *service_host_by_mac(const struct service_network *network, uint64_t mac)
{
	const struct service_host *const *found =
		find(&mac, network->hosts, network->n_hosts, sizeof(*network->hosts), compare_host);

	return found == NULL ? NULL : *found;
}

static int compare_owner(const void *key, const void *element)
{
	const struct service_owner *owner = element;

	return memcmp(key, &owner->address, sizeof(owner->address));
}

const struct service_owner *service_owner_of(
	const struct service_network *network, const struct ip_addr *address)
{
	return find(address, network->owners, network->n_owners, sizeof(*network->owners),
		compare_owner);
}

// ---- names ------------------------------------------------------------------------------------

// The first host of the name that is `len` bytes long, and whose domain is `domain` (NULL: any).
static const struct service_name *find_name(
	const struct service_network *network, const char *name, size_t len, const char *domain)
{
	size_t from = 0, to = network->n_names;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const char *other = network->names[middle]->name;
		int order = strncmp(other, name, len);

		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	for (; from < network->n_names; from++) {
		const struct service_name *found = network->names[from];

		if (strncmp(found->name, name, len) != 0)
			break;
		if (found->name[len] == '\0' &&
			(domain == NULL ||
				(found->domain != NULL && strcmp(found->domain, domain) == 0)))
			return found;
	}
	return NULL;
}

// A name may have dots itself, so that each of them may be where the domain begins.
static bool find_address(void *arg, const char *name, uint32_t *address)
{
	const struct service_network *network = arg;
	const struct service_name *found = find_name(network, name, strlen(name), NULL);

	for (const char *dot = strchr(name, '.'); found == NULL && dot != NULL;
		dot = strchr(dot + 1, '.'))
		found = find_name(network, name, (size_t)(dot - name), dot + 1);
	if (found != NULL)
		*address = found->address;
	return found != NULL;
}

static bool find_name_of(void *arg, uint32_t address, char name[DNS_NAME_MAX])
{
	struct ip_addr ip = ip_from_v4(address);
	const struct service_owner *owner = service_owner_of(arg, &ip);

	if (owner == NULL || owner->name == NULL)
		return false;
	if (owner->name->domain == NULL)
		snprintf(name, DNS_NAME_MAX, "%s", owner->name->name);
	else
		snprintf(name, DNS_NAME_MAX, "%s.%s", owner->name->name, owner->name->domain);
	return true;
}

struct dns_zone service_zone(const struct service_network *network)
{
	return (struct dns_zone){
		.find_address = find_address,
		.find_name = find_name_of,
		.arg = (void *)network, // only read
	};
}
