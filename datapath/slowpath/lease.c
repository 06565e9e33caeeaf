// SPDX-License-Identifier: BSD-3-Clause
// The table is an array of pointers, sorted by network and address. The journal is lines of text:
//
//   NETWORK ADDRESS MAC EXPIRES HELD-UNTIL
//
// in wall-clock seconds, 0: never or not. The last line about an address holds; with both times 0
// it is forgotten. A line without its end was torn by a crash before anybody was told of it.

#define LOG_MODULE "lease"

#include "slowpath/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LEASES_MAX    65536
#define LINE_LEN_MAX  (LEASE_NETWORK_MAX + IP_TEXT_LEN + MAC_TEXT_LEN + 64)
#define LINE_FORMAT   "%s %s %s %" PRId64 " %" PRId64 "\n"
#define COMPACT_SLACK 65536 // bytes the journal may always have

struct leases {
	struct lease **list; // sorted
	size_t n;
	size_t capacity;
	uint64_t expire_ns; // nothing expires before
	char *directory;    // NULL: no journal
	int journal;	    // -1: none
	uint64_t journal_len;
	uint64_t compact_len; // of the journal, from which on it is written anew
};

// ---- table ------------------------------------------------------------------------------------

static int compare(const char *network, uint32_t address, const struct lease *lease)
{
	int order = strcmp(network, lease->network);

	return order != 0 ? order : memcmp(&address, &lease->address, sizeof(address));
}

// Where the lease is, or where it would be. `*found`: it is there.
static size_t locate(
	const struct leases *leases, const char *network, uint32_t address, bool *found)
{
	size_t low = 0;
	size_t high = leases->n;

	*found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(network, address, leases->list[middle]);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool in_force(const struct lease *lease, uint64_t now_ns)
{
	return lease->expires_ns > now_ns || lease->held_until_ns > now_ns;
}

// Of what is in force: when it no longer is.
static uint64_t end_ns(const struct lease *lease)
{
	return lease->expires_ns > lease->held_until_ns ? lease->expires_ns : lease->held_until_ns;
}

static void forget_expired(struct leases *leases, uint64_t now_ns)
{
	size_t n = 0;

	leases->expire_ns = UINT64_MAX;
	for (size_t i = 0; i < leases->n; i++) {
		struct lease *lease = leases->list[i];

		if (!in_force(lease, now_ns)) {
			free(lease);
			continue;
		}
		if (end_ns(lease) < leases->expire_ns)
			leases->expire_ns = end_ns(lease);
		leases->list[n++] = lease;
	}
	leases->n = n;
}

static int make_room(struct leases *leases)
{
	if (leases->n < leases->capacity)
		return 0;
	if (leases->capacity == LEASES_MAX)
		return -ENOSPC;

	size_t capacity = leases->capacity == 0 ? 64 : leases->capacity * 2;
	struct lease **list = realloc(leases->list, capacity * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	leases->list = list;
	leases->capacity = capacity;
	return 0;
}

// The lease, made when it is new. NULL and errno on failure.
static struct lease *get(struct leases *leases, const char *network, uint32_t address)
{
	bool found;
	size_t at = locate(leases, network, address, &found);

	if (found)
		return leases->list[at];
	if (leases->n == LEASES_MAX) {
		forget_expired(leases, clock_now_ns());
		at = locate(leases, network, address, &found);
	}
	int error = strlen(network) < LEASE_NETWORK_MAX ? make_room(leases) : -ENAMETOOLONG;
	struct lease *lease = error == 0 ? calloc(1, sizeof(*lease)) : NULL;
	if (lease == NULL) {
		errno = error == 0 ? ENOMEM : -error;
		return NULL;
	}
	memcpy(lease->network, network, strlen(network) + 1);
	lease->address = address;
	memmove(leases->list + at + 1, leases->list + at,
		(leases->n - at) * sizeof(leases->list[0]));
	leases->list[at] = lease;
	leases->n++;
	return lease;
}

// ---- journal ----------------------------------------------------------------------------------

// A time of clock_now_ns() in wall-clock seconds and back; what is over is 0.
static int64_t to_wall(uint64_t time_ns)
{
	uint64_t now_ns = clock_now_ns();

	if (time_ns <= now_ns)
		return 0;
	return time(NULL) + (int64_t)((time_ns - now_ns + NS_PER_S - 1) / NS_PER_S);
}

static uint64_t from_wall(int64_t wall_s)
{
	int64_t left_s = wall_s <= 0 ? 0 : wall_s - time(NULL);

	// No lease is longer than this; a longer one is a clock that was set back.
	if (left_s > UINT32_MAX)
		left_s = UINT32_MAX;
	return left_s <= 0 ? 0 : clock_now_ns() + (uint64_t)left_s * NS_PER_S;
}

static int format_line(const struct lease *lease, char line[LINE_LEN_MAX])
{
	struct ip_addr ip = ip_from_v4(lease->address);
	struct mac mac = mac_from_u64(lease->mac);
	char ip_text[IP_TEXT_LEN];
	char mac_text[MAC_TEXT_LEN];

	return snprintf(line, LINE_LEN_MAX, LINE_FORMAT, lease->network, ip_format(&ip, ip_text),
		mac_format(&mac, mac_text), to_wall(lease->expires_ns),
		to_wall(lease->held_until_ns));
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

// Appends what the lease is now.
static int record(struct leases *leases, const struct lease *lease)
{
	char line[LINE_LEN_MAX];

	if (leases->journal < 0)
		return 0;
	int len = format_line(lease, line);
	int error = write_all(leases->journal, line, (size_t)len);
	if (error == 0) {
		leases->journal_len += (uint64_t)len;
		return 0;
	}
	log_limited(LOG_LEVEL_ERROR, 10,
		"can not write the journal of leases directory=%s error=\"%s\"", leases->directory,
		strerror(-error));
	// A torn line would spoil the next one.
	if (ftruncate(leases->journal, (off_t)leases->journal_len) != 0)
		log_limited(LOG_LEVEL_ERROR, 10, "can not cut the journal of leases error=\"%s\"",
			strerror(errno));
	return error;
}

// Takes one line, without its end, into the table. False: it is none.
static bool read_line(struct leases *leases, const char *line)
{
	char network[LEASE_NETWORK_MAX];
	char ip_text[IP_TEXT_LEN];
	char mac_text[MAC_TEXT_LEN];
	int64_t expires_s;
	int64_t held_until_s;
	struct ip_addr ip;
	struct mac mac;
	int end = -1;

	int n = sscanf(line, "%255s %45s %17s %" SCNd64 " %" SCNd64 "%n", network, ip_text,
		mac_text, &expires_s, &held_until_s, &end);
	if (n != 5 || line[end] != '\0' || ip_parse(ip_text, &ip) != 0 || !ip_is_v4(&ip) ||
		mac_parse(mac_text, &mac) != 0)
		return false;
	struct lease *lease = get(leases, network, ip_v4(&ip));
	if (lease == NULL)
		return false;
	lease->mac = mac_to_u64(&mac);
	lease->expires_ns = from_wall(expires_s);
	lease->held_until_ns = from_wall(held_until_s);
	return true;
}

// Reads the journal and cuts off a torn line at its end.
static int load(struct leases *leases, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	unsigned n_bad = 0;

	while ((len = getline(&line, &size, file)) > 0 && line[len - 1] == '\n') {
		leases->journal_len += (uint64_t)len;
		line[len - 1] = '\0';
		n_bad += !read_line(leases, line);
	}
	free(line);
	if (ferror(file))
		return -EIO;
	if (n_bad != 0)
		log_warn("left out lines of the journal of leases that can not be read lines=%u",
			n_bad);
	return ftruncate(leases->journal, (off_t)leases->journal_len) == 0 ? 0 : -errno;
}

static int journal_open(struct leases *leases)
{
	int directory = open(leases->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FILE *file = NULL;
	int error = 0;

	if (directory >= 0)
		leases->journal =
			openat(directory, "leases", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (leases->journal >= 0) {
		int copy = fcntl(leases->journal, F_DUPFD_CLOEXEC, 0);

		file = copy < 0 ? NULL : fdopen(copy, "re");
		if (file == NULL && copy >= 0)
			close(copy);
	}
	error = file == NULL ? -errno : load(leases, file);
	if (file != NULL)
		fclose(file);
	if (directory >= 0)
		close(directory);
	return error;
}

// Writes what is in force into a file. Its length, or -errno.
static int64_t write_table(const struct leases *leases, int fd)
{
	uint64_t now_ns = clock_now_ns();
	FILE *file = fdopen(fd, "we");
	int64_t written = 0;

	if (file == NULL) {
		int error = -errno;

		close(fd);
		return error;
	}
	for (size_t i = 0; i < leases->n; i++) {
		char line[LINE_LEN_MAX];

		if (in_force(leases->list[i], now_ns)) {
			int len = format_line(leases->list[i], line);

			fwrite(line, 1, (size_t)len, file);
			written += len;
		}
	}
	if (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0)
		written = errno == 0 ? -EIO : -errno;
	fclose(file);
	return written;
}

// Puts a journal of what is in force in the place of the old one, in one step. The old one stays
// open until then, so that nothing is lost when this fails.
static int compact_in(struct leases *leases, int directory)
{
	int fd = openat(directory, "leases.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int64_t len = fd < 0 ? -errno : write_table(leases, fd);

	if (len < 0)
		return (int)len;
	fd = openat(directory, "leases.new", O_RDWR | O_APPEND | O_CLOEXEC);
	if (fd < 0 || renameat(directory, "leases.new", directory, "leases") != 0) {
		int error = -errno;

		if (fd >= 0)
			close(fd);
		return error;
	}
	close(leases->journal);
	leases->journal = fd;
	leases->journal_len = (uint64_t)len;
	return fsync(directory) == 0 ? 0 : -errno;
}

static void compact(struct leases *leases)
{
	int directory = open(leases->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = directory < 0 ? -errno : compact_in(leases, directory);

	if (directory >= 0)
		close(directory);
	if (error != 0)
		log_limited(LOG_LEVEL_ERROR, 10,
			"can not write the journal of leases anew directory=%s error=\"%s\"",
			leases->directory, strerror(-error));
	// Also after a failure, so that it is not tried again with each lease.
	leases->compact_len = leases->journal_len * 4 + COMPACT_SLACK;
}

// ---- interface --------------------------------------------------------------------------------

struct leases *leases_open(const char *directory)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	if (leases == NULL)
		return NULL;
	leases->journal = -1;
	leases->expire_ns = UINT64_MAX;
	if (directory == NULL)
		return leases;

	leases->directory = strdup(directory);
	int error = leases->directory == NULL ? -ENOMEM : journal_open(leases);
	if (error != 0) {
		log_error("can not read the leases directory=%s error=\"%s\"", directory,
			strerror(-error));
		leases_close(leases);
		errno = -error;
		return NULL;
	}
	forget_expired(leases, clock_now_ns());
	compact(leases);
	log_info("leases=%zu directory=%s", leases->n, directory);
	return leases;
}

void leases_close(struct leases *leases)
{
	if (leases == NULL)
		return;
	if (leases->journal >= 0)
		close(leases->journal);
	for (size_t i = 0; i < leases->n; i++)
		free(leases->list[i]);
	free(leases->list);
	free(leases->directory);
	free(leases);
}

// The lease to be changed, of this MAC. NULL and errno on failure, which is logged.
static struct lease *change(
	struct leases *leases, const char *network, uint32_t address, uint64_t mac)
{
	struct lease *lease = get(leases, network, address);

	if (lease == NULL)
		log_limited(LOG_LEVEL_ERROR, 10, "can not remember a lease error=\"%s\"",
			strerror(errno));
	else
		lease->mac = mac;
	return lease;
}

static int changed(struct leases *leases, const struct lease *lease)
{
	if (end_ns(lease) < leases->expire_ns)
		leases->expire_ns = end_ns(lease);
	return record(leases, lease);
}

int lease_grant(struct leases *leases, const char *network, uint32_t address, uint64_t mac,
	uint64_t expires_ns)
{
	struct lease *lease = change(leases, network, address, mac);

	if (lease == NULL)
		return -errno;
	lease->expires_ns = expires_ns;
	return changed(leases, lease);
}

int lease_release(struct leases *leases, const char *network, uint32_t address, uint64_t mac)
{
	bool found;
	size_t at = locate(leases, network, address, &found);

	if (!found || leases->list[at]->mac != mac)
		return 0;
	leases->list[at]->expires_ns = 0;
	return changed(leases, leases->list[at]);
}

int lease_decline(struct leases *leases, const char *network, uint32_t address, uint64_t mac,
	uint64_t held_until_ns)
{
	struct lease *lease = change(leases, network, address, mac);

	if (lease == NULL)
		return -errno;
	lease->expires_ns = 0;
	lease->held_until_ns = held_until_ns;
	return changed(leases, lease);
}

uint64_t lease_held_until(const struct leases *leases, const char *network, uint32_t address)
{
	bool found;
	size_t at = locate(leases, network, address, &found);

	return found ? leases->list[at]->held_until_ns : 0;
}

void leases_keep(
	struct leases *leases, bool (*keep)(const struct lease *lease, void *arg), void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < leases->n; i++) {
		struct lease *lease = leases->list[i];

		if (keep(lease, arg)) {
			leases->list[n++] = lease;
			continue;
		}
		lease->expires_ns = 0;
		lease->held_until_ns = 0;
		record(leases, lease); // logs; a lease that is kept too long does no harm
		free(lease);
	}
	leases->n = n;
}

void leases_poll(struct leases *leases, uint64_t now_ns)
{
	if (now_ns >= leases->expire_ns)
		forget_expired(leases, now_ns);
	if (leases->journal >= 0 && leases->journal_len >= leases->compact_len)
		compact(leases);
}

void leases_visit(
	const struct leases *leases, void (*visit)(const struct lease *lease, void *arg), void *arg)
{
	uint64_t now_ns = clock_now_ns();

	for (size_t i = 0; i < leases->n; i++) {
		if (in_force(leases->list[i], now_ns))
			visit(leases->list[i], arg);
	}
}

size_t leases_count(const struct leases *leases)
{
	return leases->n;
}
