// SPDX-License-Identifier: BSD-3-Clause
// See socket_file.h.

#include "control/socket_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_MODE 0660

// Makes the directories above `path`.
static int make_parents(const char *path)
{
	char *copy = strdup(path);
	int rc = copy == NULL ? -ENOMEM : 0;

	for (char *p = copy; rc == 0 && (p = strchr(p + 1, '/')) != NULL;) {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			rc = -errno;
		*p = '/';
	}
	free(copy);
	return rc;
}

// Removes a socket file that nobody answers on.
static int replace_stale(const struct sockaddr_un *address)
{
	struct stat file;
	int fd, rc;

	if (lstat(address->sun_path, &file) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(file.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	// A full backlog (EAGAIN) is somebody alive too.
	if (rc != -ECONNREFUSED)
		return rc == 0 || rc == -EAGAIN ? -EADDRINUSE : rc;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_and_listen(struct socket_file *file, int fd)
{
	struct stat made;
	mode_t mask;
	int rc;

	// By the mask and not by chmod(): nobody else may connect in between.
	mask = umask(0777 & ~SOCKET_MODE);
	rc = bind(fd, (const struct sockaddr *)&file->address, sizeof(file->address));
	umask(mask);
	if (rc < 0 || listen(fd, SOMAXCONN) < 0 || lstat(file->address.sun_path, &made) < 0)
		return -errno;
	file->device = made.st_dev;
	file->inode = made.st_ino;
	return 0;
}

int socket_file_listen(struct socket_file *file, const char *path)
{
	int fd, rc;

	*file = (struct socket_file){.address.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(file->address.sun_path))
		return -ENAMETOOLONG;
	strcpy(file->address.sun_path, path);
	rc = make_parents(path);
	if (rc == 0)
		rc = replace_stale(&file->address);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = bind_and_listen(file, fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void socket_file_remove(struct socket_file *file)
{
	struct stat there;

	if (file->inode != 0 && lstat(file->address.sun_path, &there) == 0 &&
		there.st_dev == file->device && there.st_ino == file->inode)
		unlink(file->address.sun_path);
	file->inode = 0;
}
