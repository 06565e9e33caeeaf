// SPDX-License-Identifier: BSD-3-Clause
// A listening UNIX stream socket with its file. Control thread.

#pragma once

#include <sys/stat.h>
#include <sys/un.h>

struct socket_file {
	struct sockaddr_un address;
	dev_t device; // of the file that is ours
	ino_t inode;  // 0: there is none
};

// Listens on `path` (mode 0660, the directory is made when it is missing). A socket file that
// nobody answers on is replaced; one that a live process answers on is not. Returns the socket or
// -errno; -EADDRINUSE: somebody answers there, -ENOTSOCK: a file that is no socket is there.
int socket_file_listen(struct socket_file *file, const char *path);
// Removes the file if it is still ours. The socket is the caller's to close.
void socket_file_remove(struct socket_file *file);
