// SPDX-License-Identifier: BSD-3-Clause

#include "server_env.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

const char SERVER_WAIT[] = "wait";

struct server {
	char directory[32];
	struct sockaddr_un address;
	int listener;
	const char *const *replies;
	pthread_t thread;
	char received[4096];
};

// One line, appended to what was received; false at the end of the connection.
static bool read_line(struct server *server, int fd)
{
	size_t n = strlen(server->received);
	char c;

	while (read(fd, &c, 1) == 1) {
		if (n + 1 < sizeof(server->received))
			server->received[n++] = c;
		if (c == '\n')
			return true;
	}
	return false;
}

static void send_text(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return; // the client has gone, which some tests want
		text += n;
		len -= (size_t)n;
	}
}

static void *serve(void *argument)
{
	struct server *server = argument;
	int fd = accept(server->listener, NULL, NULL);

	const char *const *reply = server->replies;

	for (; *reply != NULL && *reply != SERVER_WAIT && read_line(server, fd); reply++)
		send_text(fd, *reply);
	while (*reply == SERVER_WAIT && read_line(server, fd))
		;
	close(fd);
	return NULL;
}

struct server *server_start(const char *const *replies)
{
	struct server *server = calloc(1, sizeof(*server));

	strcpy(server->directory, "/tmp/weft-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server->directory));
	server->address.sun_family = AF_UNIX;
	snprintf(server->address.sun_path, sizeof(server->address.sun_path), "%s/socket",
		server->directory);
	server->replies = replies;
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&server->address,
				 sizeof(server->address)),
		0);
	ck_assert_int_eq(listen(server->listener, 1), 0);
	ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
	return server;
}

const char *server_path(const struct server *server)
{
	return server->address.sun_path;
}

const char *server_received(const struct server *server)
{
	return server->received;
}

void server_stop_serving(struct server *server)
{
	pthread_join(server->thread, NULL);
}

void server_free(struct server *server)
{
	close(server->listener);
	unlink(server->address.sun_path);
	rmdir(server->directory);
	free(server);
}
