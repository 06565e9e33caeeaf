// SPDX-License-Identifier: BSD-3-Clause
// Internal to lib/model: how rows of field tables are written, and the tables that are spread over
// several files.

#pragma once

#include "model/fields.h"

// One row: structure, member, key, type, problem of a bad value, then what else applies.
#define FIELD(structure, member, key, field_type, error, ...)                                      \
	{                                                                                          \
		.name = key, .type = field_type, .symbol = error,                                  \
		.size = sizeof(((struct structure *)0)->member),                                   \
		.offset = offsetof(struct structure, member), __VA_ARGS__                          \
	}
#define GIVEN(structure, member) .set_offset = offsetof(struct structure, member)
#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#define DEVICE_FORM                                                                                \
	"\"driver:name[,key=value]\", such as \"tap:web\", \"packet:eth1\" or "                    \
	"\"pci:0000:01:00.0\""

// fields_subnet.c
extern const struct object_def subnet_def;
extern const struct object_def dhcp_option_def;
// fields_router.c
extern const struct object_def router_def;
extern const struct object_def floating_ip_def;
// a destination and its next hop
extern const struct object_def route_def;
