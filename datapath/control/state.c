// SPDX-License-Identifier: BSD-3-Clause
// Control thread. The file is written anew beside the old one and renamed over it, so that a
// process that is killed leaves one or the other. It is not synced to the disk at each change: what
// a power cut can take are generated values of changes that were not saved either.

#include "control/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "rpc/config_json.h"

#define LOG_MODULE "state"

#define FILE_NAME "running.json"
#define NEW_NAME  "running.json.new"

struct state {
	char *directory;
	int fd; // of the directory, locked
	struct model *previous;
};

// Adds a problem and returns -1.
static int complain(struct problems *problems, const char *directory, const char *what, int error)
{
	problem_add(problems, E_IO, "",
		"state directory %s %s: %s; name another one with --state-dir", directory, what,
		strerror(error));
	return -1;
}

// Opens and locks the directory. Returns its descriptor or -1.
static int open_directory(const char *directory, struct problems *problems)
{
	int fd, error;

	if (mkdir(directory, 0750) < 0 && errno != EEXIST)
		return complain(problems, directory, "can not be made", errno);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return complain(problems, directory, "can not be used", errno);
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		error = errno;
		close(fd);
		return complain(problems, directory, "can not be written to", error);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	error = errno;
	close(fd);
	if (error != EWOULDBLOCK)
		return complain(problems, directory, "can not be locked", error);
	problem_add(problems, E_BUSY, "",
		"another weftd uses state directory %s; name another one with --state-dir",
		directory);
	return -1;
}

// The file as a document, NULL when there is none that can be read.
static json_t *read_document(const struct state *state)
{
	int fd = openat(state->fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	json_error_t error;
	json_t *document;

	if (fd < 0) {
		if (errno != ENOENT)
			log_warn("what the last process left can not be read file=%s/%s "
				 "error=\"%s\"",
				state->directory, FILE_NAME, strerror(errno));
		return NULL;
	}
	document = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
	close(fd);
	if (document == NULL)
		log_warn("what the last process left is no JSON file=%s/%s error=\"%s\"",
			state->directory, FILE_NAME, error.text);
	return document;
}

// What can be read of a document counts, even if another version wrote it.
static void read_previous(struct state *state)
{
	json_t *document = read_document(state);
	struct problems problems = PROBLEMS_INIT;

	if (document == NULL)
		return;
	state->previous = config_decode(document, &problems);
	if (problems.n > 0)
		log_warn("not all that the last process left can be read file=%s/%s first=\"%s: "
			 "%s\"",
			state->directory, FILE_NAME, problems.list[0].path, problems.list[0].text);
	if (state->previous != NULL)
		model_complete(state->previous, NULL, &problems);
	problems_free(&problems);
	json_decref(document);
}

struct state *state_open(const char *directory, struct problems *problems)
{
	int fd = open_directory(directory, problems);
	struct state *state;

	if (fd < 0)
		return NULL;
	state = calloc(1, sizeof(*state));
	if (state == NULL || (state->directory = strdup(directory)) == NULL)
		abort();
	state->fd = fd;
	read_previous(state);
	return state;
}

void state_free(struct state *state)
{
	if (state == NULL)
		return;
	model_free(state->previous);
	close(state->fd);
	free(state->directory);
	free(state);
}

const struct model *state_previous(const struct state *state)
{
	return state->previous;
}

static int write_document(const struct state *state, const json_t *document)
{
	int fd = openat(state->fd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	int rc;

	if (file == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	errno = ENOSPC; // where nothing else tells
	rc = json_dumpf(document, file, JSON_COMPACT) < 0 || fflush(file) != 0 ? -errno : 0;
	if (fclose(file) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(state->fd, NEW_NAME, state->fd, FILE_NAME) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(state->fd, NEW_NAME, 0);
	return rc;
}

void state_keep(struct state *state, const json_t *document)
{
	int rc = write_document(state, document);

	if (rc < 0)
		log_limited(LOG_LEVEL_ERROR, 10,
			"the configuration in force can not be kept for the next start file=%s/%s "
			"error=\"%s\"",
			state->directory, FILE_NAME, strerror(-rc));
}
