// SPDX-License-Identifier: BSD-3-Clause
// config.*: the whole document.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/call.h"
#include "control/internal.h"
#include "rpc/config_json.h"

static json_t *config_get(struct call *call)
{
	return json_incref(call->control->document);
}

// The parameter "config"; NULL after adding a problem.
static const json_t *given_document(const struct call *call)
{
	const json_t *document = json_object_get(call->params, "config");

	if (document == NULL)
		problem_add(call->problems, E_KEY_MISSING, "config",
			"the parameter \"config\" must be a configuration document");
	return document;
}

static json_t *config_check(struct call *call)
{
	const json_t *given = given_document(call);
	struct model *model;
	json_t *document, *changes;

	if (given == NULL)
		return NULL;
	model = commit_check(call->control, given, call->problems);
	if (model == NULL)
		return NULL;
	document = config_encode(model);
	changes = config_diff(call->control->document, document);
	json_decref(document);
	model_free(model);
	return json_pack("{s:o}", "changes", changes);
}

static json_t *config_apply(struct call *call)
{
	const json_t *given = given_document(call);
	json_t *before, *changes;

	if (given == NULL)
		return NULL;
	before = json_incref(call->control->document);
	if (control_commit(call->control, given, call->problems) < 0) {
		json_decref(before);
		return NULL;
	}
	changes = config_diff(before, call->control->document);
	json_decref(before);
	return json_pack("{s:o}", "changes", changes);
}

// ---- config.save -------------------------------------------------------------------------------

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

// A rename is on disk when its directory is.
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
	int fd, rc;

	if (directory == NULL)
		return -ENOMEM;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(directory);
	return rc;
}

// Whole or not at all: a new file beside it, on disk, then renamed over it.
static int write_file(const char *path, const char *text)
{
	struct stat old;
	mode_t mode = stat(path, &old) == 0 ? old.st_mode & 07777 : 0640;
	char *temporary;
	int fd, rc;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		free(temporary);
		return rc;
	}
	rc = write_all(fd, text, strlen(text));
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(temporary);
	else
		rc = sync_directory(path);
	free(temporary);
	return rc;
}

static json_t *config_save(struct call *call)
{
	struct control *control = call->control;
	const char *file;
	char *path, *text;
	json_t *result;
	int rc;

	if (call_text(call, "file", &file) < 0)
		return NULL;
	if (file != NULL && file[0] != '/') {
		problem_add(call->problems, E_VALUE, "file",
			"file must be an absolute path: the daemon's directory is not yours");
		return NULL;
	}
	if (file == NULL)
		file = control->file;
	if (file == NULL) {
		problem_add(call->problems, E_KEY_MISSING, "file",
			"the daemon was not started from a file: name one with \"file\"");
		return NULL;
	}
	// A symbolic link stays one.
	path = realpath(file, NULL);
	text = config_dump(control->document);
	rc = write_file(path != NULL ? path : file, text);
	free(path);
	free(text);
	if (rc < 0) {
		problem_add(call->problems, E_IO, "file", "%s can not be written: %s", file,
			strerror(-rc));
		return NULL;
	}
	result = json_pack("{s:s}", "file", file);
	if (control->file != NULL && strcmp(file, control->file) == 0)
		control_set_file(control, file); // frees what `file` points to
	return result;
}

static const char *const document_params[] = {"config", NULL};
static const char *const file_params[] = {"file", NULL};

const struct method config_methods[] = {
	{"config.get", config_get, call_no_params, "the document in force", false},
	{"config.check", config_check, document_params,
		"what config.apply would change; changes nothing", false},
	{"config.apply", config_apply, document_params, "makes a document the one in force", true},
	{"config.save", config_save, file_params, "writes the document in force to its file", true},
	{0},
};
