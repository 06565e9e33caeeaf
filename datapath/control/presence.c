// SPDX-License-Identifier: BSD-3-Clause
// Interfaces of the kernel that go away under a device and come back: a card that is taken out, a
// veth that is made anew. The device stays in force meanwhile, whatever else is committed. When
// there is an interface of its name again, the same model is committed with a new device in place
// of the old one, which is closed after the grace period as any device that leaves.
//
// The kernel tells of each change of an interface; what it does not tell (a number of queues), and
// what did not work at once, is looked after now and then.

#include "control/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_MODULE "control"

#define LOOK_INTERVAL_NS   NS_PER_S
#define REOPEN_INTERVAL_NS (10 * NS_PER_S)

void presence_begin(struct control *control)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		log_warn("the kernel does not tell of interfaces that come and go: weftd looks "
			 "after them once a second");
	control->link_events = fd;
}

void presence_end(struct control *control)
{
	if (control->link_events >= 0)
		close(control->link_events);
}

// Whether the kernel has told of any interface since. What it told is not read: the device knows.
static bool links_changed(const struct control *control)
{
	bool changed = false;
	char byte;

	while (control->link_events >= 0 &&
		(recv(control->link_events, &byte, sizeof(byte), 0) >= 0 || errno == ENOBUFS))
		changed = true;
	return changed;
}

static bool is_gone(enum device_presence presence)
{
	return presence == DEVICE_GONE || presence == DEVICE_REPLACED;
}

static void set_problem(struct device_slot *slot, const char *text)
{
	free(slot->problem);
	slot->problem = text != NULL ? strdup(text) : NULL;
}

static void reopen(struct control *control, struct device_slot *slot)
{
	struct problems problems = PROBLEMS_INIT;
	const char *text;

	slot->reopen = true;
	if (commit_again(control, &problems) == 0) {
		log_info("the interface is back device=%s", slot->device->text);
	} else {
		text = problems.n > 0 ? problems.list[0].text : "";
		if (slot->problem == NULL || strcmp(slot->problem, text) != 0)
			log_warn("the interface is back and the device can not be opened again: it "
				 "is tried at each change of an interface and every 10 s device=%s "
				 "error=\"%s\"",
				slot->device->text, text);
		set_problem(slot, text);
		links_changed(control); // what the attempt has done itself is no reason for another
	}
	slot->reopen = false;
	problems_free(&problems);
}

static void take_up_queues(struct control *control, const struct device *device)
{
	struct problems problems = PROBLEMS_INIT;

	if (commit_again(control, &problems) < 0)
		log_error("the new queues are not polled device=%s error=\"%s\"", device->text,
			problems.n > 0 ? problems.list[0].text : "");
	problems_free(&problems);
}

// It works, but neither the next start nor another interface's coming would find it.
static void tell_of_name(struct device_slot *slot)
{
	set_problem(slot, "the interface has another name now: it stays in use until weftd ends; "
			  "give it its name back, or delete the uplink or port and add it with the "
			  "new one");
	log_warn("%s device=%s", slot->problem, slot->device->text);
}

static void look(struct control *control, struct device_slot *slot, bool try)
{
	const struct device *device = slot->device;
	enum device_presence presence = device->driver->look(slot->device);
	enum device_presence before = slot->presence;

	slot->presence = presence;
	if (is_gone(presence) && !is_gone(before))
		log_warn("the interface is gone: the device waits for one of its name device=%s",
			device->text);
	if (presence == DEVICE_GONE || presence == DEVICE_PRESENT)
		set_problem(slot, NULL);
	else if (presence == DEVICE_RENAMED && before != DEVICE_RENAMED)
		tell_of_name(slot);
	else if (presence == DEVICE_REPLACED && try)
		reopen(control, slot);
	else if (presence == DEVICE_GREW)
		take_up_queues(control, device);
}

void presence_poll(struct control *control, uint64_t now_ns)
{
	uint16_t highest = ids_highest(control->devices);
	bool changed = links_changed(control);
	bool try = changed || now_ns - control->reopen_ns >= REOPEN_INTERVAL_NS;

	if (!changed && now_ns - control->presence_ns < LOOK_INTERVAL_NS)
		return;
	control->presence_ns = now_ns;
	if (try)
		control->reopen_ns = now_ns;
	for (uint16_t id = 1; id <= highest; id++) {
		struct device_slot *slot = &control->slots[id];

		if (ids_live(control->devices, id) && slot->device->driver->look != NULL)
			look(control, slot, try);
	}
}

static const char *presence_word(enum device_presence presence)
{
	if (is_gone(presence))
		return "gone";
	return presence == DEVICE_RENAMED ? "renamed" : "running";
}

void presence_details(const struct device_slot *slot, json_t *object)
{
	if (slot->device->driver->look == NULL)
		return;
	json_object_set_new(object, "interface", json_string(presence_word(slot->presence)));
	if (slot->problem != NULL)
		json_object_set_new(object, "problem", json_string(slot->problem));
}
