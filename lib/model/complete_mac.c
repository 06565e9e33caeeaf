// SPDX-License-Identifier: BSD-3-Clause
// MACs that the document leaves to weft: of ports, service ports, router interfaces and gateways.
// One that was generated before stays; new ones are random and used nowhere else on the node.

#include <sys/random.h>

#include "model/check.h"
#include "model/model.h"

#define MAC_PREFIX 0xfa163eu

// MACs in use on this node: open addressing, never more than half full; 0 is an empty slot.
struct mac_set {
	uint64_t *slots;
	size_t mask;
};

// False when the MAC is in the set already.
static bool mac_set_add(struct mac_set *set, uint64_t mac)
{
	size_t i = (size_t)(mac * UINT64_C(0x9e3779b97f4a7c15) >> 32) & set->mask;

	for (; set->slots[i] != 0; i = (i + 1) & set->mask)
		if (set->slots[i] == mac)
			return false;
	set->slots[i] = mac;
	return true;
}

static struct mac mac_generate(struct mac_set *used)
{
	uint64_t mac;

	do {
		uint8_t b[3];

		while (getrandom(b, sizeof(b), 0) != sizeof(b))
			; // interrupted before the kernel's pool was ready
		mac = (uint64_t)MAC_PREFIX << 24 | (uint64_t)b[0] << 16 | (uint64_t)b[1] << 8 |
		      b[2];
	} while (!mac_set_add(used, mac));
	return mac_from_u64(mac);
}

// All MACs of the node, with those that they were.
struct macs {
	struct {
		struct mac *mac;
		const struct mac *was; // NULL: it is new
	} * list;
	size_t n;
};

static void append(struct macs *macs, struct mac *mac, const struct mac *was)
{
	macs->list[macs->n].mac = mac;
	macs->list[macs->n++].was = was;
}

static const struct mac *old_port_mac(const struct model *old, const struct port_config *port)
{
	const struct port_config *was = old == NULL ? NULL : model_port(old, port->name);

	return was == NULL ? NULL : &was->mac;
}

// The MAC of a network's service port, NULL: none of its subnets says it.
static const struct mac *service_mac(const struct model *model, const char *name)
{
	const struct network_config *network = model == NULL ? NULL : model_network(model, name);

	for (size_t i = 0; network != NULL && i < network->n_subnets; i++)
		if (!mac_is_zero(&network->subnets[i]->dhcp.mac))
			return &network->subnets[i]->dhcp.mac;
	return NULL;
}

// A new MAC of the service port is written to the first of the network's subnets with DHCP.
static void append_services(struct macs *macs, struct model *model, const struct model *old)
{
	for (size_t i = 0; i < model->n_networks; i++) {
		const struct network_config *network = &model->networks[i];
		const struct mac *mac = service_mac(model, network->name);
		struct subnet_config *first = NULL;

		for (size_t j = network->n_subnets; j-- > 0;)
			if (network->subnets[j]->dhcp.mode != DHCP_OFF)
				first = (struct subnet_config *)network->subnets[j];
		if (mac != NULL)
			append(macs, (struct mac *)mac, NULL);
		else if (first != NULL)
			append(macs, &first->dhcp.mac, service_mac(old, network->name));
	}
}

static const struct mac *old_interface_mac(
	const struct router_config *old, const struct router_interface *interface)
{
	for (size_t i = 0; old != NULL && i < old->n_interfaces; i++)
		if (old->interfaces[i].port == NULL &&
			text_compare(old->interfaces[i].subnet, interface->subnet) == 0)
			return &old->interfaces[i].mac;
	return NULL;
}

static void append_router(
	struct macs *macs, struct router_config *router, const struct router_config *old)
{
	struct router_gateway *gateway = &router->gateway;
	bool same = old != NULL && old->gateway.present &&
		    text_compare(old->gateway.network, gateway->network) == 0;

	for (size_t i = 0; i < router->n_interfaces; i++) {
		struct router_interface *interface = &router->interfaces[i];

		if (interface->port != NULL)
			continue; // it has the port's
		append(macs, &interface->mac, old_interface_mac(old, interface));
		interface->mac_given = true;
	}
	if (gateway->present)
		append(macs, &gateway->mac, same ? &old->gateway.mac : NULL);
}

static void collect(struct macs *macs, struct model *model, const struct model *old)
{
	for (size_t i = 0; i < model->n_ports; i++)
		append(macs, &model->ports[i].mac, old_port_mac(old, &model->ports[i]));
	append_services(macs, model, old);
	for (size_t i = 0; i < model->n_routers; i++) {
		struct router_config *router = &model->routers[i];

		append_router(macs, router, old == NULL ? NULL : model_router(old, router->name));
	}
}

static size_t count(const struct model *model)
{
	size_t n = model->n_ports + model->n_networks;

	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_interfaces + 1;
	return n;
}

void complete_macs(struct model *model, const struct model *old)
{
	struct arena *arena = arena_new();
	struct mac_set used = {NULL, 1};
	struct macs macs = {.n = 0};
	size_t n = count(model);

	while (used.mask <= 2 * n)
		used.mask = used.mask << 1 | 1;
	used.slots = arena_alloc(arena, (used.mask + 1) * sizeof(*used.slots));
	macs.list = arena_alloc(arena, n * sizeof(*macs.list));
	collect(&macs, model, old);
	for (size_t i = 0; i < macs.n; i++) {
		if (mac_is_zero(macs.list[i].mac) && macs.list[i].was != NULL)
			*macs.list[i].mac = *macs.list[i].was;
		if (!mac_is_zero(macs.list[i].mac))
			mac_set_add(&used, mac_to_u64(macs.list[i].mac));
	}
	for (size_t i = 0; i < macs.n; i++)
		if (mac_is_zero(macs.list[i].mac))
			*macs.list[i].mac = mac_generate(&used);
	arena_free(arena);
}
