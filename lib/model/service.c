// SPDX-License-Identifier: BSD-3-Clause
// What the subnets of a network, the service port they share, and the routers on them have to do
// with each other, in a completed model.

#include <string.h>

#include "model/check.h"
#include "model/model.h"

bool network_has_v4(const struct network_config *network)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (subnet_is_v4(network->subnets[i]))
			return true;
	return false;
}

const struct subnet_config *model_subnet_of(
	const struct model *model, const char *network, const struct ip_addr *ip)
{
	const struct network_config *config = model_network(model, network);

	for (size_t i = 0; config != NULL && i < config->n_subnets; i++)
		if (ip_prefix_contains(&config->subnets[i]->cidr, ip))
			return config->subnets[i];
	return NULL;
}

static void append_address(struct prefix_list *list, const struct ip_addr *ip, uint8_t len)
{
	list->list[list->n++] = (struct ip_prefix){*ip, len};
}

static void append_metadata(struct prefix_list *list)
{
	struct ip_addr v4, v6;

	ip_parse(METADATA_IPV4, &v4);
	ip_parse(METADATA_IPV6, &v6);
	append_address(list, &v4, 32);
	append_address(list, &v6, 128);
}

// What one subnet says about the service port of its network, where none before it did.
static void add_subnet(struct network_service *service, const struct subnet_config *subnet)
{
	const struct dhcp_config *dhcp = &subnet->dhcp;

	service->subnets[service->n_subnets++] = subnet;
	service->mode = dhcp->mode;
	if (mac_is_zero(&service->mac))
		service->mac = dhcp->mac;
	if (service->device == NULL && dhcp->mode == DHCP_EXTERNAL)
		service->device = dhcp->device;
	if (service->metadata_device == NULL)
		service->metadata_device = dhcp->metadata_device;
	if (ip_is_set(&dhcp->address))
		append_address(&service->addresses, &dhcp->address, subnet->cidr.len);
}

bool model_network_service(const struct model *model, const char *network, struct arena *arena,
	struct network_service *service)
{
	const struct network_config *config = model_network(model, network);
	size_t n = config == NULL ? 0 : config->n_subnets;

	memset(service, 0, sizeof(*service));
	service->subnets = arena_alloc(arena, n * sizeof(*service->subnets));
	service->addresses.list = arena_alloc(arena, (n + 2) * sizeof(*service->addresses.list));
	for (size_t i = 0; i < n; i++)
		if (config->subnets[i]->dhcp.mode != DHCP_OFF)
			add_subnet(service, config->subnets[i]);
	if (service->n_subnets == 0)
		return false;
	append_metadata(&service->addresses);
	return true;
}

const char *model_subnet_router(const struct model *model, const struct subnet_config *subnet)
{
	for (size_t i = 0; i < model->n_routers; i++)
		if (router_holds_gateway(&model->routers[i], subnet))
			return model->routers[i].name;
	return NULL;
}

bool model_subnet_routed(const struct model *model, const struct subnet_config *subnet)
{
	return model_subnet_router(model, subnet) != NULL;
}
