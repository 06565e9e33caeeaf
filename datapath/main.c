// SPDX-License-Identifier: BSD-3-Clause
// weftd: start-up order, event loop, shutdown. This thread becomes the control thread.
//
// Up:   configuration read and checked -> DPDK -> tables -> control -> socket -> devices and first
//       snapshot -> workers -> events.
// Down: socket -> workers -> devices and snapshot -> tables -> DPDK.

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <rte_eal.h>

#include "base/log.h"
#include "base/util.h"
#include "control/control.h"
#include "control/server.h"
#include "io/eal.h"
#include "io/io.h"
#include "model/model.h"
#include "rpc/config_json.h"
#include "tables/tables.h"
#include "worker/worker.h"

#define LOG_MODULE "weftd"

#define DEFAULT_SOCKET "/run/weft/control.sock"
#define DEFAULT_STATE  "/var/lib/weft"

#define EXIT_CONFIG  2 // arguments or configuration can not be used
#define EXIT_MACHINE 1 // something outside of them failed

static const char help[] =
	"weftd -c FILE [-s SOCKET] [OPTION]…\n"
	"The weft datapath. Runs in the foreground and logs to stderr.\n"
	"\n"
	"  -c, --config FILE     configuration to start with (JSON, see weft.conf(5))\n"
	"  -s, --socket SOCKET   control socket, default " DEFAULT_SOCKET "\n"
	"      --state-dir DIR   where generated values and leases outlive weftd, default\n"
	"                        " DEFAULT_STATE "\n"
	"      --log-level L     error, warn, info (default) or debug\n"
	"      --no-huge         do not use huge pages, even if there are some\n"
	"      --check           only say whether FILE is right, opening no device\n"
	"      --version         print the version\n"
	"  -h, --help            print this\n"
	"\n"
	"SIGTERM and SIGINT end it cleanly. SIGHUP reads FILE again and makes it the "
	"configuration\n"
	"in force, or changes nothing and logs what is wrong.\n"
	"Exit code: 0 ended as asked, 1 the machine lacks something, 2 wrong arguments or\n"
	"configuration.\n";

struct options {
	const char *config;
	const char *socket;
	const char *state;
	bool check;
	bool no_huge;
};

struct daemon {
	struct options options;
	char **argv;
	cpu_set_t usable; // CPUs this process was started on
	struct worker_cpus cpus;
	struct tables *tables;
	struct rte_mempool *pool;
	struct control *control;
	struct event_base *events;
	struct server *server;
	struct workers *workers;
};

// ---- configuration file -----------------------------------------------------------------------

// `where`: the file or socket that the problems are about.
static void report(const char *where, const struct problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		const struct problem *p = &problems->list[i];

		log_error("%s: %s%s%s [%s]", where, p->path, p->path[0] != '\0' ? ": " : "",
			p->text, error_symbol_name(p->symbol));
	}
}

// The whole file as text, to be freed; NULL and errno.
static char *read_file(const char *name, size_t *len)
{
	FILE *file = fopen(name, "re");
	char *text = NULL;
	size_t size = 0;
	int error;

	if (file == NULL)
		return NULL;
	*len = 0;
	do {
		char *grown = *len == size ? realloc(text, size += 65536) : text;

		if (grown == NULL)
			break;
		text = grown;
		*len += fread(text + *len, 1, size - *len, file);
	} while (!feof(file) && !ferror(file));
	error = ferror(file) || text == NULL ? errno : 0;
	fclose(file);
	if (error != 0) {
		free(text);
		text = NULL;
		errno = error;
	}
	return text;
}

static json_t *load_document(const struct options *o, struct problems *problems)
{
	size_t len;
	char *text = read_file(o->config, &len);
	json_t *document;

	if (text == NULL) {
		problem_add(problems, E_IO, "", "can not be read: %s", strerror(errno));
		return NULL;
	}
	document = config_parse_text(text, len, problems);
	free(text);
	return document;
}

// All that can be found wrong without touching a device.
static struct model *check_document(
	const json_t *document, struct worker_cpus *cpus, struct problems *problems)
{
	struct model *model = config_decode(document, problems);

	if (model == NULL)
		return NULL;
	model_complete(model, NULL, problems);
	model_validate(model, NULL, problems);
	worker_cpus_parse(model->workers.cores, cpus, "workers.cores", problems);
	return model;
}

// ---- memory -----------------------------------------------------------------------------------

// Frames that a device "pcap:FILE…,infinite_rx=1" keeps in memory, at most.
static uint32_t n_replayed(const char *device)
{
	const char *name = device + strlen("pcap:");
	char *file;
	struct stat st = {0};

	if (strstr(device, "infinite_rx=1") == NULL)
		return 0;
	file = strndup(name, strcspn(name, ","));
	if (file == NULL || stat(file, &st) < 0)
		st.st_size = 0; // opening it will say why
	free(file);
	return st.st_size / (16 + 60) + 1; // a record's header, the shortest frame
}

// `device`: NULL for a port of another node.
static void need_device(struct memory_need *need, const char *device)
{
	if (device == NULL || strncmp(device, "tap:", 4) == 0 ||
		strncmp(device, "packet:", 7) == 0 || device_is_shared(device))
		return;
	if (strncmp(device, "pcap:", 5) == 0)
		need->n_replay += n_replayed(device);
	need->n_queues += strncmp(device, "pci:", 4) == 0 ? need->n_workers : 1;
}

static void compute_need(const struct model *model, unsigned n_workers, struct memory_need *need)
{
	*need = (struct memory_need){.n_workers = n_workers, .max_mtu = 1500};
	for (size_t i = 0; i < model->n_uplinks; i++) {
		need_device(need, model->uplinks[i].device);
		if (model->uplinks[i].mtu > need->max_mtu)
			need->max_mtu = model->uplinks[i].mtu;
	}
	for (size_t i = 0; i < model->n_ports; i++)
		need_device(need, model->ports[i].device);
	for (size_t i = 0; i < model->n_networks; i++) {
		if (model->networks[i].mtu > need->max_mtu)
			need->max_mtu = model->networks[i].mtu;
	}
}

static bool uses_pci(const struct model *model)
{
	for (size_t i = 0; i < model->n_uplinks; i++) {
		if (strncmp(model->uplinks[i].device, "pci:", 4) == 0)
			return true;
	}
	for (size_t i = 0; i < model->n_ports; i++) {
		if (port_is_local(&model->ports[i]) &&
			strncmp(model->ports[i].device, "pci:", 4) == 0)
			return true;
	}
	return false;
}

// ---- up and down ------------------------------------------------------------------------------

// Others can take huge pages between our look at them and our use of them, and DPDK can be started
// only once in the life of a program. Returns only when that fails.
static void start_again_without_huge_pages(const struct daemon *d)
{
	size_t n = 0;
	char **longer;

	while (d->argv[n] != NULL)
		n++;
	longer = calloc(n + 2, sizeof(*longer));
	if (longer == NULL)
		return;
	memcpy(longer, d->argv, n * sizeof(*longer));
	longer[n] = "--no-huge";
	log_warn("the huge pages were taken by others meanwhile, starting again with normal ones");
	rte_eal_cleanup();
	sched_setaffinity(0, sizeof(d->usable), &d->usable);
	close_range(3, UINT_MAX, 0); // DPDK's memory files would keep what it got
	execv("/proc/self/exe", longer);
	free(longer);
}

// Keeps this thread, and those that DPDK starts, off the workers' CPUs; then starts DPDK.
static int start_dpdk(struct daemon *d, const struct model *model)
{
	struct memory_need need;
	struct memory_plan plan;
	char cpus[128];

	compute_need(model, d->cpus.n, &need);
	need.no_huge_pages = d->options.no_huge;
	memory_plan(&need, &plan);
	worker_cpus_leave(&d->cpus, cpus, sizeof(cpus));
	if (eal_start(&plan, cpus, uses_pci(model)) < 0)
		return -EIO;
	d->pool = eal_pool_new(&plan);
	if (d->pool == NULL && plan.huge_pages)
		start_again_without_huge_pages(d);
	return d->pool == NULL ? -ENOMEM : 0;
}

static int start_control(struct daemon *d, const json_t *document)
{
	struct problems problems = PROBLEMS_INIT;
	const char *where = d->options.socket;
	int ret = -EBUSY;

	io_register();
	d->tables = tables_new(d->cpus.n, d->pool);
	if (d->tables == NULL) {
		log_error("no memory for tables error=\"%s\"", strerror(errno));
		return -errno;
	}
	d->control = control_new(d->tables);
	d->events = event_base_new();
	if (d->control == NULL || d->events == NULL ||
		control_set_events(d->control, d->events) < 0) {
		log_error("no memory for control");
		return -ENOMEM;
	}
	control_set_file(d->control, d->options.config);
	control_set_cpus(d->control, d->cpus.cpus);
	// before the devices: a second daemon on this socket must not touch those of the first
	d->server = server_new(d->control, d->events, d->options.socket, &problems);
	if (d->server != NULL && control_set_state(d->control, d->options.state, &problems) == 0) {
		where = d->options.config;
		ret = control_commit(d->control, document, &problems);
	}
	report(where, &problems);
	problems_free(&problems);
	return ret;
}

static bool wants_spin(const struct daemon *d)
{
	return control_model(d->control)->workers.idle == IDLE_SPIN;
}

static void stop(struct daemon *d)
{
	if (d->server != NULL)
		server_free(d->server);
	if (d->workers != NULL) {
		slowpath_stop(control_slowpath(d->control));
		workers_stop(d->workers);
	}
	if (d->control != NULL)
		control_free(d->control);
	if (d->events != NULL)
		event_base_free(d->events);
	if (d->tables != NULL)
		tables_free(d->tables);
	rte_mempool_free(d->pool);
	rte_eal_cleanup();
	rmdir(rte_eal_get_runtime_dir()); // which DPDK makes at start and leaves behind
}

// ---- events -----------------------------------------------------------------------------------

static void on_end(evutil_socket_t signal, short what, void *arg)
{
	struct daemon *d = arg;

	log_info("ending signal=%s", strsignal(signal));
	event_base_loopbreak(d->events);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	struct daemon *d = arg;
	struct problems problems = PROBLEMS_INIT;
	json_t *document = load_document(&d->options, &problems);

	if (document != NULL && control_commit(d->control, document, &problems) == 0) {
		control_set_file(d->control, d->options.config);
		log_info("configuration read again file=%s", d->options.config);
	} else {
		log_error("the configuration in force stays as it is file=%s problems=%zu",
			d->options.config, problems.n);
	}
	report(d->options.config, &problems);
	problems_free(&problems);
	json_decref(document);
}

// A commit may have changed how workers idle.
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	workers_set_spin(d->workers, wants_spin(d));
}

static int add_event(struct event *event, const struct timeval *interval)
{
	return event == NULL ? -1 : event_add(event, interval);
}

static int run_events(struct daemon *d)
{
	const struct timeval interval = {.tv_usec = 100000};
	struct event *term = evsignal_new(d->events, SIGTERM, on_end, d);
	struct event *interrupt = evsignal_new(d->events, SIGINT, on_end, d);
	struct event *hup = evsignal_new(d->events, SIGHUP, on_reload, d);
	struct event *tick = event_new(d->events, -1, EV_PERSIST, on_tick, d);
	struct event *all[] = {term, interrupt, hup, tick};
	int ret = -1;

	if (add_event(term, NULL) == 0 && add_event(interrupt, NULL) == 0 &&
		add_event(hup, NULL) == 0 && add_event(tick, &interval) == 0) {
		log_info("ready socket=%s workers=%u", d->options.socket, d->cpus.n);
		ret = event_base_dispatch(d->events);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i] != NULL)
			event_free(all[i]);
	}
	return ret < 0 ? -EIO : 0;
}

// Returns the exit code.
static int run(struct daemon *d, const struct model *model, const json_t *document)
{
	int code = EXIT_MACHINE;

	if (start_dpdk(d, model) < 0)
		return EXIT_MACHINE;
	if (start_control(d, document) == 0) {
		d->workers = workers_start(d->tables, &d->cpus, wants_spin(d));
		if (d->workers == NULL)
			log_error("a worker can not be started error=\"%s\"", strerror(errno));
		else if (run_events(d) == 0)
			code = EXIT_SUCCESS;
	}
	stop(d);
	return code;
}

// ---- arguments --------------------------------------------------------------------------------

// Returns -1 to go on, else the exit code.
static int parse_options(int argc, char **argv, struct options *o)
{
	enum { OPTION_LOG_LEVEL = 256, OPTION_STATE, OPTION_NO_HUGE, OPTION_CHECK, OPTION_VERSION };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, 's'},
		{"state-dir", required_argument, NULL, OPTION_STATE},
		{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
		{"no-huge", no_argument, NULL, OPTION_NO_HUGE},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	enum log_level level;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:h", longs, NULL)) != -1) {
		if (c == 'c') {
			o->config = optarg;
		} else if (c == 's') {
			o->socket = optarg;
		} else if (c == OPTION_STATE) {
			o->state = optarg;
		} else if (c == OPTION_CHECK) {
			o->check = true;
		} else if (c == OPTION_NO_HUGE) {
			o->no_huge = true;
		} else if (c == 'h') {
			fputs(help, stdout);
			return EXIT_SUCCESS;
		} else if (c == OPTION_VERSION) {
			puts("weftd " WEFT_VERSION);
			return EXIT_SUCCESS;
		} else if (c == OPTION_LOG_LEVEL && log_level_parse(optarg, &level) == 0) {
			log_set_level(level);
		} else {
			if (c == OPTION_LOG_LEVEL)
				fprintf(stderr,
					"weftd: log level \"%s\" is not one of error, warn, "
					"info, debug\n",
					optarg);
			return EXIT_CONFIG;
		}
	}
	if (o->config == NULL || optind < argc) {
		fprintf(stderr,
			optind < argc ? "weftd: unexpected argument \"%s\"\n"
				      : "weftd: no configuration: use -c FILE%s\n",
			optind < argc ? argv[optind] : "");
		return EXIT_CONFIG;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct daemon d = {
		.argv = argv, .options = {.socket = DEFAULT_SOCKET, .state = DEFAULT_STATE}};
	struct problems problems = PROBLEMS_INIT;
	struct model *model = NULL;
	json_t *document;
	int code = parse_options(argc, argv, &d.options);

	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	sched_getaffinity(0, sizeof(d.usable), &d.usable);
	document = load_document(&d.options, &problems);
	if (document != NULL)
		model = check_document(document, &d.cpus, &problems);
	report(d.options.config, &problems);
	if (problems.n > 0)
		code = EXIT_CONFIG;
	else if (d.options.check)
		code = printf("%s: the configuration is right\n", d.options.config) < 0;
	else
		code = run(&d, model, document);
	problems_free(&problems);
	model_free(model);
	json_decref(document);
	return code;
}
