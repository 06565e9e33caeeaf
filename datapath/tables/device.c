// SPDX-License-Identifier: BSD-3-Clause
// The registry of device drivers, and opening a device by its text. Control thread only.

#include "tables/device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#define MAX_DRIVERS 16

static const struct device_driver *drivers[MAX_DRIVERS];
static unsigned n_drivers;

void device_driver_register(const struct device_driver *driver)
{
	for (unsigned i = 0; i < n_drivers; i++) {
		if (strcmp(drivers[i]->word, driver->word) == 0) {
			drivers[i] = driver;
			return;
		}
	}
	assert(n_drivers < MAX_DRIVERS);
	drivers[n_drivers++] = driver;
}

const struct device_driver *device_driver_find(const char *word, size_t word_len)
{
	for (unsigned i = 0; i < n_drivers; i++) {
		if (strlen(drivers[i]->word) == word_len &&
			memcmp(drivers[i]->word, word, word_len) == 0)
			return drivers[i];
	}
	return NULL;
}

// "tap, packet, memif", for messages.
static void list_drivers(char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n_drivers && len < size; i++)
		len += snprintf(
			text + len, size - len, "%s%s", i == 0 ? "" : ", ", drivers[i]->word);
}

// The driver that `text` names; NULL after problem_add().
static const struct device_driver *find_driver(
	const char *text, const char *path, struct problems *problems)
{
	const char *colon = strchr(text, ':');
	const struct device_driver *driver;
	char known[256];

	list_drivers(known, sizeof(known));
	if (colon == NULL || colon == text) {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" is not DRIVER:NAME[,KEY=VALUE…]; drivers are %s", text, known);
		return NULL;
	}
	driver = device_driver_find(text, colon - text);
	if (driver == NULL) {
		problem_add(problems, E_CFG_DEVICE, path,
			"\"%s\" names no driver that weft has: \"%.*s\"; drivers are %s", text,
			(int)(colon - text), text, known);
		return NULL;
	}
	if (colon[1] == '\0' || (colon[1] == ',' && !driver->name_optional)) {
		problem_add(problems, E_CFG_DEVICE, path, "\"%s\" lacks a name after the colon: %s",
			text, driver->help);
		return NULL;
	}
	return driver;
}

// Whether a packet buffer holds a frame of the MTU with two tags.
static bool fits_buffers(
	const struct device_request *request, const char *path, struct problems *problems)
{
	uint16_t room, frame = request->mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;

	if (request->pool == NULL)
		return true;
	room = rte_pktmbuf_data_room_size(request->pool) - RTE_PKTMBUF_HEADROOM;
	if (frame <= room)
		return true;
	problem_add(problems, E_DEV_OPEN, path,
		"can not open \"%s\": an MTU of %u does not fit the packet buffers, which were "
		"made "
		"for %u when weftd started; restart it with this configuration",
		request->text, request->mtu, room - RTE_ETHER_HDR_LEN - 2 * RTE_VLAN_HLEN);
	return false;
}

// Fills in *device. `name` is the writable text after the colon.
static int open_named(struct device *device, struct device_request *request, char *name,
	const char *path, struct problems *problems)
{
	char *comma = strchr(name, ',');

	if (comma != NULL)
		*comma = '\0';
	request->name = name;
	request->options = comma != NULL ? comma + 1 : "";
	return device->driver->open(device, request, path, problems);
}

struct device *device_open(
	struct device_request *request, const char *path, struct problems *problems)
{
	const struct device_driver *driver = find_driver(request->text, path, problems);
	struct device *device;
	char *name;
	int ret;

	if (driver == NULL || !fits_buffers(request, path, problems)) {
		errno = EINVAL;
		return NULL;
	}
	device = calloc(1, sizeof(*device));
	name = strdup(strchr(request->text, ':') + 1);
	if (device != NULL)
		device->text = strdup(request->text);
	if (device == NULL || name == NULL || device->text == NULL) {
		problem_add(
			problems, E_DEV_OPEN, path, "out of memory opening \"%s\"", request->text);
		ret = -ENOMEM;
	} else {
		rte_spinlock_init(&device->tx_lock);
		device->mtu = request->mtu;
		device->driver = driver;
		ret = open_named(device, request, name, path, problems);
		request->name = NULL;
		request->options = NULL;
	}
	free(name);
	if (ret < 0) {
		if (device != NULL)
			free(device->text);
		free(device);
		errno = -ret;
		return NULL;
	}
	return device;
}

void device_close(struct device *device)
{
	if (device == NULL)
		return;
	device->driver->close(device);
	free(device->text);
	free(device);
}
