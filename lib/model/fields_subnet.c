// SPDX-License-Identifier: BSD-3-Clause
// The field tables of subnets and of what DHCP hands out. Constant data, any thread.

#include "base/util.h"
#include "model/model.h"
#include "model/tables.h"

static const struct field route_fields[] = {
	FIELD(route_config, destination, "destination", FIELD_PREFIX, E_VALUE,
		.flags = FIELD_REQUIRED | FIELD_HOST_OK | FIELD_ANY_OK,
		.expects = "an address or prefix such as \"198.51.100.0/24\"", .help = "where to"),
	FIELD(route_config, nexthop, "nexthop", FIELD_IP, E_VALUE, .flags = FIELD_REQUIRED,
		.help = "router on the way there"),
};

const struct object_def route_def = {
	.kind = "route",
	.key = "routes",
	.size = sizeof(struct route_config),
	.fields = route_fields,
	.n_fields = ARRAY_SIZE(route_fields),
	.word_form = "DESTINATION@NEXTHOP",
	.separator = '@',
	.present_offset = -1,
	.help = "a destination and the router on the way there",
};

static const struct field dhcp_fields[] = {
	FIELD(dhcp_config, mode, "mode", FIELD_ENUM, E_VALUE, WORDS("off", "responder", "external"),
		.default_text = "off",
		.help = "who answers: none here, so that DHCP floods; weft; or a server behind "
			"device"),
	FIELD(dhcp_config, address, "address", FIELD_IP, E_PORT_IP_INVALID,
		.flags = FIELD_GENERATED, .default_text = "the lowest free one of the pools",
		.help = "address of the service port on the subnet"),
	FIELD(dhcp_config, mac, "mac", FIELD_MAC, E_PORT_MAC_INVALID, .flags = FIELD_GENERATED,
		.default_text = "fa:16:3e and three random octets",
		.help = "MAC of the service port, which is one for all subnets of the network"),
	FIELD(dhcp_config, device, "device", FIELD_DEVICE, E_CFG_DEVICE, .expects = DEVICE_FORM,
		.help = "mode external: device with the server behind it"),
	FIELD(dhcp_config, lease, "lease", FIELD_UINT, E_VALUE, .min = 120, .max = UINT32_MAX,
		.default_text = "86400", .unit = "s", .help = "how long an address is lent"),
	FIELD(dhcp_config, domain, "domain", FIELD_STRING, E_VALUE,
		.default_text = "openstacklocal", .help = "domain of the names in DHCP and DNS"),
	FIELD(dhcp_config, metadata_device, "metadata-device", FIELD_DEVICE, E_CFG_DEVICE,
		.expects = DEVICE_FORM,
		.help = "device with the metadata server for " METADATA_IPV4 " behind it"),
	FIELD(dhcp_config, force_metadata, "force-metadata", FIELD_BOOL, E_VALUE,
		.default_text = "false",
		.help = "whether clients are sent to the service port for metadata even if a "
			"router holds the gateway"),
};

static const struct object_def dhcp_def = {
	.kind = "dhcp",
	.key = "dhcp",
	.size = sizeof(struct dhcp_config),
	.fields = dhcp_fields,
	.n_fields = ARRAY_SIZE(dhcp_fields),
	.present_offset = -1,
	.help = "who lends addresses of a subnet, and what else it says",
};

static const struct field subnet_fields[] = {
	FIELD(subnet_config, network, "network", FIELD_NAME, E_REFERENCE,
		.flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .ref = "network",
		.help = "network the subnet is on"),
	FIELD(subnet_config, cidr, "cidr", FIELD_PREFIX, E_SUB_CIDR,
		.flags = FIELD_REQUIRED | FIELD_IMMUTABLE | FIELD_ANY_OK,
		.expects = "a prefix with its length such as \"192.0.2.0/24\"",
		.help = "addresses of the subnet; host bits are cleared"),
	FIELD(subnet_config, gateway, "gateway", FIELD_IP, E_SUB_GW_INVALID,
		.flags = FIELD_GENERATED, GIVEN(subnet_config, gateway_given), WORDS("none"),
		.default_text = "the first host", .expects = "an address or \"none\"",
		.help = "default router of the instances"),
	FIELD(subnet_config, pools, "pools", FIELD_IP_RANGE_LIST, E_SUB_POOL_PARSE,
		.flags = FIELD_GENERATED, GIVEN(subnet_config, pools_given),
		.default_text = "all hosts but the gateway",
		.help = "where automatic addresses come from"),
	FIELD(subnet_config, dns, "dns", FIELD_IP_LIST, E_SUB_DNS, .flags = FIELD_GENERATED,
		.default_text = "the service port",
		.help = "nameservers that DHCP names, at most 5; 0.0.0.0 alone: none"),
	FIELD(subnet_config, routes, "routes", FIELD_OBJECTS, E_SUB_ROUTE, .sub = &route_def,
		.help = "routes that DHCP tells instances, at most 20"),
	FIELD(subnet_config, dhcp, "dhcp", FIELD_OBJECT, E_VALUE, .sub = &dhcp_def,
		.help = "who lends the addresses, and what else it says"),
};

const struct object_def subnet_def = {
	.kind = "subnet",
	.key = "subnets",
	.size = sizeof(struct subnet_config),
	.fields = subnet_fields,
	.n_fields = ARRAY_SIZE(subnet_fields),
	.name_form = "NAME",
	.model_offset = offsetof(struct model, subnets),
	.present_offset = -1,
	.help = "addresses of a network and how they are given out",
};

static const struct field dhcp_option_fields[] = {
	FIELD(dhcp_option_config, code, "code", FIELD_UINT, E_VALUE, .flags = FIELD_REQUIRED,
		.min = 1, .max = 254, .help = "number of the option"),
	FIELD(dhcp_option_config, value, "value", FIELD_STRING, E_VALUE, .flags = FIELD_REQUIRED,
		.expects = "IPv4 addresses with blanks between them, a number where the option is "
			   "one, \"hex:0a0b0c\", or text",
		.help = "what it says"),
	FIELD(dhcp_option_config, forced, "forced", FIELD_BOOL, E_VALUE, .default_text = "false",
		.help = "whether it is sent even to a client that does not ask for it"),
};

const struct object_def dhcp_option_def = {
	.kind = "dhcp-option",
	.key = "dhcp-options",
	.size = sizeof(struct dhcp_option_config),
	.fields = dhcp_option_fields,
	.n_fields = ARRAY_SIZE(dhcp_option_fields),
	.word_form = "CODE=VALUE[=FORCED]",
	.separator = '=',
	.present_offset = -1,
	.help = "an option that DHCP sends to a port",
};
