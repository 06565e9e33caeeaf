// SPDX-License-Identifier: BSD-3-Clause

#include "slowpath/services.h"

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
	const struct service_host *host = element;

	return mac < host->mac ? -1 : mac > host->mac;
}

const struct service_host *service_host_by_mac(const struct service_network *network, uint64_t mac)
{
	return find(&mac, network->hosts, network->n_hosts, sizeof(*network->hosts), compare_host);
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

bool internal_port_has(const struct internal_port *port, const struct ip_addr *address)
{
	for (size_t i = 0; i < port->n_addresses; i++) {
		if (ip_equal(&port->addresses[i].prefix.addr, address))
			return true;
	}
	return false;
}
