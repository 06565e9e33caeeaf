// SPDX-License-Identifier: BSD-3-Clause
// What the files of control/ share among themselves. Everything here belongs to the control
// thread; workers see only what is published through struct tables.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "control/control.h"
#include "control/filters.h"
#include "control/ids.h"
#include "control/rows.h"
#include "control/state.h"
#include "tables/device.h"
#include "tables/limits.h"
#include "tables/tables.h"

// "uplink " or "trunk " and the longest name or device text.
#define ATTACHMENT_NAME_LEN 512

struct device_slot {
	struct device *device; // NULL: none
	uint16_t mtu;	       // L3 size it was opened for
	bool is_private;       // control alone sends and receives by it
	unsigned first_worker; // polls queue 0, the next one queue 1, …; fixed for the device's
			       // life, so that no two workers ever poll one queue, not even while
			       // they hold different snapshots
	enum device_presence presence; // of its interface, when it was last looked at
	bool reopen;		       // in this transaction
	char *problem;		       // why it is not opened again, NULL: nothing is in the way
};

// A static FDB entry as it stands in the table.
struct static_entry {
	uint64_t key; // fdb_key()
	uint16_t location;
};

// Busy share of a worker over the last second.
struct worker_load {
	uint64_t busy_cycles, idle_cycles; // at the last sample
	double load;			   // 0 to 1
};

struct control {
	struct tables *tables;
	struct slowpath *slowpath;
	struct model *model; // in force; NULL before the first commit
	json_t *document;    // in force, generated values in it
	uint32_t version;    // of the snapshot
	uint64_t start_ns;

	struct ids *devices;	 // by device text
	struct ids *networks;	 // by name
	struct ids *domains;	 // by network name; a flush gives a network a new one
	struct ids *attachments; // by the names of docs/rpc.md
	struct ids *routers;	 // by name
	struct device_slot slots[MAX_DEVICES];

	int link_events;      // socket, -1: none
	uint64_t presence_ns; // when control looked after its devices
	uint64_t reopen_ns;   // when it tried to open one again

	struct ip_prefix underlay_prefix; // of the local VTEP address; unset: there is no tunnel
	struct kernel_link underlay_link; // where the kernel has it; index 0: it is ours alone

	uint64_t sweep_ns; // of sessions, the last time
	struct rows *rows; // ids of row counters
	struct cuts *cuts; // sessions to end once more; NULL: none

	struct static_entry *statics; // sorted by key
	size_t n_statics;
	struct static_entry *old_statics; // during a commit: those before it
	size_t n_old_statics;
	bool statics_missing;	   // some found no room in the table
	uint64_t statics_retry_ns; // when to try again

	// What an attachment id had counted before its present owner (NULL: nothing), and the sum
	// of what owners that are gone have counted: counters only grow, their writers are workers.
	struct attachment_counters *baselines[MAX_ATTACHMENTS];
	struct attachment_counters retired;

	struct worker_load loads[MAX_WORKERS];
	uint64_t loads_ns; // of the last sample

	const unsigned *cpus;	 // of the workers; NULL: not told
	unsigned busy_polls;	 // left at the short interval
	char *file;		 // that config.save writes; NULL: none
	json_t *saved;		 // the document that the file stands for; NULL: none
	struct state *state;	 // NULL: none is kept
	struct metrics *metrics; // NULL: there is no event loop to serve them in
};

// ---- routers.c ---------------------------------------------------------------------------------

// An interface of a router, or its gateway.
struct router_port {
	const struct router_config *router;
	const struct network_config *network;
	const struct subnet_config *subnet;
	struct mac mac;
	struct ip_addr address;
	bool is_gateway;
};

struct router_ports {
	struct router_port *list; // by router, as in the model
	size_t n;
};

// Those of a completed model.
struct router_ports router_ports(const struct model *model, struct arena *arena);
// Whether an address is on the link of the port.
bool router_port_reaches(const struct router_port *port, const struct ip_addr *ip);
// Whether a floating address belongs to the router, and stands for a port's.
bool floating_is_on(const struct floating_ip_config *floating, const struct router_config *router);
// Routers and their attachments. Networks and filters are compiled.
void routers_compile(struct control *control, const struct model *model, struct snapshot *s,
	struct arena *arena);

// ---- names of attachments ----------------------------------------------------------------------

// Each writes the name into `text` and returns it.
const char *name_of_port(char text[ATTACHMENT_NAME_LEN], const struct port_config *port);
const char *name_of_uplink(char text[ATTACHMENT_NAME_LEN], const struct uplink_config *uplink);
const char *name_of_trunk(char text[ATTACHMENT_NAME_LEN], const char *device);
const char *name_of_segment(char text[ATTACHMENT_NAME_LEN], const struct segment_config *segment);
const char *name_of_service(char text[ATTACHMENT_NAME_LEN], const struct network_config *network);
const char *name_of_router_port(char text[ATTACHMENT_NAME_LEN], const struct router_port *port);

// ---- service_ports.c ---------------------------------------------------------------------------

// The port of a network that serves its DHCP and metadata. Of mode responder it is an internal
// port; of mode external an ordinary one, with the server behind its device.
struct service_port {
	const struct network_config *network;
	struct network_service service;
};

struct service_ports {
	struct service_port *list; // by name of network
	size_t n;
};

// Those of a completed model.
struct service_ports service_ports(const struct model *model, struct arena *arena);
// Fills in snapshot->addresses. Attachments and networks are compiled.
void addresses_compile(struct control *control, const struct model *model,
	const struct service_ports *ports, struct snapshot *s, struct arena *arena);

// ---- devices.c ---------------------------------------------------------------------------------

// Takes the ids of all devices of the model and opens those that are new. Adds every problem.
int devices_prepare(struct control *control, const struct model *model, struct problems *problems);
// Closes what devices_prepare() opened in this transaction.
void devices_undo(struct control *control);
// Closes devices that left the configuration and that no worker uses any more.
void devices_poll(struct control *control, uint64_t now_ns);

// ---- presence.c --------------------------------------------------------------------------------

// Begins, ends to hear of interfaces that come and go.
void presence_begin(struct control *control);
void presence_end(struct control *control);
// Looks after the interfaces of devices: takes those up again that were away.
void presence_poll(struct control *control, uint64_t now_ns);
// Adds to an object how the interface of a device does; nothing for a device without one.
void presence_details(const struct device_slot *slot, json_t *object);

// ---- compile.c ---------------------------------------------------------------------------------

// A snapshot of the model. All ids are taken, all devices open, all remotes known.
struct snapshot *snapshot_compile(struct control *control, const struct model *model);
void snapshot_free(void *snapshot);

// ---- underlay.c --------------------------------------------------------------------------------

// Tells the slow path the underlay and the remotes of a model (NULL: none). -ENOSPC when there are
// more remotes than the table holds.
int underlay_apply(struct control *control, const struct model *model);
// Commits again when the kernel's address or link is not what was committed.
void underlay_follow(struct control *control);
// Group of a vxlan segment, 0: none. Network order.
uint32_t underlay_group(const struct tunnel_config *tunnel, uint32_t vni);
// The uplink of the tunnel; NULL when the model (which may be NULL) has none.
const struct uplink_config *underlay_uplink(const struct model *model);

// ---- share.c -----------------------------------------------------------------------------------

// Tells devices that the kernel goes on using what is ours. Called after the snapshot is published.
void share_follow(struct control *control, const struct model *model);
// Adds how such a device does to an object; nothing for another device.
void share_details(struct device *device, json_t *object);

// ---- services.c --------------------------------------------------------------------------------

// Hands the slow path what weft is on the networks of the model. Called after its snapshot is
// published and its ids are in force.
void services_follow(struct control *control, const struct model *model);

// ---- entries.c ---------------------------------------------------------------------------------

// Writes the static entries of domains that are new in `new`: whoever sees that snapshot finds the
// MACs of ports in them at once, nobody else looks there. Called before it is published.
void entries_prepare(
	struct control *control, const struct snapshot *new, const struct model *model);
// Makes the FDB follow a commit: forgets what was learned at attachments that are gone, down or
// elsewhere, and brings the static entries up to date. Called after the snapshot is published.
void entries_follow(struct control *control, const struct snapshot *old, const struct model *model);
// Forgets what was learned at an attachment; its static entries stay.
void entries_flush(struct control *control, uint16_t attachment);
// Tries again what found no room.
void entries_poll(struct control *control, uint64_t now_ns);

// ---- commit.c ----------------------------------------------------------------------------------

// decode -> complete -> validate, without touching anything. NULL after problem_add().
struct model *commit_check(
	struct control *control, const json_t *document, struct problems *problems);
// Gives one network (NULL: all) a new FDB domain: everything learned there is forgotten.
int commit_flush(struct control *control, const char *network, struct problems *problems);
// The same model again, when something that it does not say has changed.
int commit_again(struct control *control, struct problems *problems);
// Publishes the snapshot of a node without configuration, so that workers always have one.
void commit_empty(struct control *control);

// ---- ledger.c ----------------------------------------------------------------------------------

// Zeroed memory for something with counters in it: they are aligned to cache lines, calloc() is
// not.
void *ledger_alloc(size_t size);
// Folds the counters of a released attachment id into `retired`.
void ledger_retire(struct control *control, uint16_t attachment);
// What the owner of an attachment id has counted, over all workers and control.
void ledger_read(
	const struct control *control, uint16_t attachment, struct attachment_counters *counters);
void ledger_add(struct attachment_counters *sum, const struct attachment_counters *counters);
// What attachments that are gone have counted, also those whose ids still rest.
void ledger_read_retired(const struct control *control, struct attachment_counters *sum);
uint64_t ledger_info(const struct control *control, enum info_counter counter);

// ---- methods_stats.c ---------------------------------------------------------------------------

extern const char *const attachment_kind_names[]; // by enum attachment_kind
extern const char *const drop_class_names[];	  // by enum drop_class
