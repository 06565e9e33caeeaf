// SPDX-License-Identifier: BSD-3-Clause
// The field tables of routers and floating IPs. Constant data, any thread.

#include "base/util.h"
#include "model/model.h"
#include "model/tables.h"

static const struct field interface_fields[] = {
	FIELD(router_interface, subnet, "subnet", FIELD_NAME, E_REFERENCE,
		GIVEN(router_interface, subnet_given), .flags = FIELD_GENERATED, .ref = "subnet",
		.default_text = "the port's", .help = "subnet that the interface is on"),
	FIELD(router_interface, address, "address", FIELD_IP, E_PORT_IP_INVALID,
		.flags = FIELD_GENERATED, GIVEN(router_interface, address_given),
		.default_text = "the gateway of the subnet", .help = "address of the router there"),
	FIELD(router_interface, mac, "mac", FIELD_MAC, E_PORT_MAC_INVALID, .flags = FIELD_GENERATED,
		GIVEN(router_interface, mac_given),
		.default_text = "fa:16:3e and three random octets",
		.help = "MAC of the router there"),
	FIELD(router_interface, port, "port", FIELD_NAME, E_REFERENCE, .ref = "port",
		.help = "port without device that the router takes over, in place of subnet"),
};

static const struct object_def interface_def = {
	.kind = "interface",
	.key = "interfaces",
	.size = sizeof(struct router_interface),
	.fields = interface_fields,
	.n_fields = ARRAY_SIZE(interface_fields),
	.word_form = "SUBNET[@ADDRESS[@MAC]]",
	.separator = '@',
	.present_offset = -1,
	.help = "a subnet that a router is on",
};

static const struct field gateway_fields[] = {
	FIELD(router_gateway, network, "network", FIELD_NAME, E_REFERENCE, .flags = FIELD_REQUIRED,
		.ref = "network", .help = "external network"),
	FIELD(router_gateway, address, "address", FIELD_IP, E_RTR_GW_IP, .flags = FIELD_GENERATED,
		.default_text = "the lowest free one of the network's IPv4 pools",
		.help = "address of the router on the external network"),
	FIELD(router_gateway, mac, "mac", FIELD_MAC, E_PORT_MAC_INVALID, .flags = FIELD_GENERATED,
		.default_text = "fa:16:3e and three random octets",
		.help = "MAC of the router on the external network"),
	FIELD(router_gateway, enable_snat, "enable-snat", FIELD_BOOL, E_VALUE,
		.default_text = "true",
		.help = "whether what goes out by the gateway gets its address"),
};

static const struct object_def gateway_def = {
	.kind = "gateway",
	.key = "gateway",
	.size = sizeof(struct router_gateway),
	.fields = gateway_fields,
	.n_fields = ARRAY_SIZE(gateway_fields),
	.present_offset = -1,
	.help = "a router's way out",
};

static const struct field router_fields[] = {
	FIELD(router_config, interfaces, "interfaces", FIELD_OBJECTS, E_VALUE,
		.sub = &interface_def, .help = "subnets that the router is on"),
	FIELD(router_config, gateway, "gateway", FIELD_OBJECT, E_VALUE, .sub = &gateway_def,
		GIVEN(router_config, gateway.present), .flags = FIELD_GENERATED,
		.default_text = "none", .help = "external network that the router leads to"),
	FIELD(router_config, routes, "routes", FIELD_OBJECTS, E_VALUE, .sub = &route_def,
		.help = "static routes, at most 30; equal destinations share the traffic"),
	FIELD(router_config, block_private_ingress, "block-private-ingress", FIELD_BOOL, E_VALUE,
		.default_text = "false",
		.help = "whether what comes in by the gateway for an inside address is refused"),
	FIELD(router_config, strict_source, "strict-source", FIELD_BOOL, E_VALUE,
		.default_text = "false",
		.help = "whether a packet must come in where its source is routed to"),
	FIELD(router_config, metadata_device, "metadata-device", FIELD_DEVICE, E_CFG_DEVICE,
		.expects = DEVICE_FORM,
		.help = "device with the metadata server for " METADATA_IPV4 " behind it"),
};

const struct object_def router_def = {
	.kind = "router",
	.key = "routers",
	.size = sizeof(struct router_config),
	.fields = router_fields,
	.n_fields = ARRAY_SIZE(router_fields),
	.name_form = "NAME",
	.model_offset = offsetof(struct model, routers),
	.busy_key = "interfaces",
	.busy = E_RTR_IN_USE,
	.present_offset = -1,
	.help = "what routes between subnets and translates addresses",
};

static const struct field floating_ip_fields[] = {
	FIELD(floating_ip_config, network, "network", FIELD_NAME, E_REFERENCE,
		.flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .ref = "network",
		.help = "external network the address is on"),
	FIELD(floating_ip_config, external, "external-address", FIELD_IP, E_FIP_ADDRESS,
		.flags = FIELD_GENERATED | FIELD_IMMUTABLE,
		GIVEN(floating_ip_config, external_given),
		.default_text = "the name, else the lowest free one of the network's IPv4 pools",
		.help = "the floating address"),
	FIELD(floating_ip_config, port, "port", FIELD_NAME, E_REFERENCE, .ref = "port",
		.help = "port that it leads to; none: it is only reserved"),
	FIELD(floating_ip_config, fixed, "address", FIELD_IP, E_FIP_NO_FIXED,
		.flags = FIELD_GENERATED, GIVEN(floating_ip_config, fixed_given),
		.default_text = "the only IPv4 address of the port",
		.help = "address of the port that it stands for"),
};

const struct object_def floating_ip_def = {
	.kind = "floating-ip",
	.key = "floating-ips",
	.size = sizeof(struct floating_ip_config),
	.fields = floating_ip_fields,
	.n_fields = ARRAY_SIZE(floating_ip_fields),
	.name_form = "ADDRESS|NAME",
	.model_offset = offsetof(struct model, floating_ips),
	.present_offset = -1,
	.help = "an external address that stands for the address of a port",
};
