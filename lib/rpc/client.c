// SPDX-License-Identifier: BSD-3-Clause
// A blocking client over a non-blocking socket: each wait is a poll() that ends at the deadline of
// the call.

#include "rpc/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/framing.h"

#define CHUNK		 65536
#define CONNECT_RETRY_MS 10

struct rpc_client {
	int fd;
	int timeout_ms; // negative: none
	json_int_t last_id;
	char *input; // received, not yet consumed
	size_t input_len;
	size_t input_size;
	size_t searched; // no newline in the first bytes
};

// When the operation that starts now must be over; UINT64_MAX: never.
static uint64_t deadline_of(const struct rpc_client *client)
{
	if (client->timeout_ms < 0)
		return UINT64_MAX;
	return clock_now_ns() + (uint64_t)client->timeout_ms * NS_PER_MS;
}

// Milliseconds left, rounded up; -1: no bound.
static int left_ms(uint64_t deadline)
{
	uint64_t now = clock_now_ns(), left;

	if (deadline == UINT64_MAX)
		return -1;
	if (now >= deadline)
		return 0;
	left = (deadline - now + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

static int wait_for(const struct rpc_client *client, short events, uint64_t deadline)
{
	struct pollfd p = {.fd = client->fd, .events = events};
	int rc;

	do {
		rc = poll(&p, 1, left_ms(deadline));
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	return rc == 0 ? -ETIMEDOUT : 0;
}

// A UNIX socket whose backlog is full says EAGAIN at once and can not be waited for.
static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (left_ms(deadline) == 0)
			return -ETIMEDOUT;
		poll(NULL, 0, CONNECT_RETRY_MS);
	}
	return 0;
}

struct rpc_client *rpc_connect(const char *path, int timeout_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rpc_client *client;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(address.sun_path, path);
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return NULL;
	client->timeout_ms = timeout_ms;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = client->fd < 0 ? -errno : connect_until(client->fd, &address, deadline_of(client));
	if (rc == 0)
		return client;
	rpc_close(client);
	errno = -rc;
	return NULL;
}

void rpc_close(struct rpc_client *client)
{
	if (client == NULL)
		return;
	if (client->fd >= 0)
		close(client->fd);
	free(client->input);
	free(client);
}

static int send_all(struct rpc_client *client, const char *data, size_t len, uint64_t deadline)
{
	while (len > 0) {
		ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno == EPIPE ? -ECONNRESET : -errno;
		rc = wait_for(client, POLLOUT, deadline);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int receive_some(struct rpc_client *client, uint64_t deadline)
{
	ssize_t n;
	int rc;

	if (client->input_len > RPC_LINE_MAX)
		return -EPROTO;
	if (client->input_size - client->input_len < CHUNK) {
		size_t size = client->input_size * 2 + CHUNK;
		char *input = realloc(client->input, size);

		if (input == NULL)
			return -ENOMEM;
		client->input = input;
		client->input_size = size;
	}
	do {
		rc = wait_for(client, POLLIN, deadline);
		if (rc < 0)
			return rc;
		n = recv(client->fd, client->input + client->input_len, CHUNK, 0);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n <= 0)
		return n == 0 ? -ECONNRESET : -errno;
	client->input_len += (size_t)n;
	return 0;
}

static json_t *parse_quietly(const char *line, size_t len)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *message = rpc_parse_line(line, len, &problems);

	problems_free(&problems);
	return message;
}

// The next message of the daemon, new reference.
static int receive_message(struct rpc_client *client, uint64_t deadline, json_t **message)
{
	char *newline = NULL;
	size_t len;

	for (;;) {
		int rc;

		if (client->input_len > client->searched)
			newline = memchr(client->input + client->searched, '\n',
				client->input_len - client->searched);
		if (newline != NULL)
			break;
		client->searched = client->input_len;
		rc = receive_some(client, deadline);
		if (rc < 0)
			return rc;
	}
	len = (size_t)(newline - client->input);
	*message = parse_quietly(client->input, len);
	client->input_len -= len + 1;
	client->searched = 0;
	memmove(client->input, newline + 1, client->input_len);
	return *message == NULL ? -EPROTO : 0;
}

// The answer to a call.
static int receive_answer(
	struct rpc_client *client, json_int_t id, uint64_t deadline, json_t **answer)
{
	json_t *message;
	int rc = receive_message(client, deadline, &message);

	if (rc < 0)
		return rc;
	// id null: the daemon could not read the request
	if (json_integer_value(json_object_get(message, "id")) == id ||
		json_is_null(json_object_get(message, "id"))) {
		*answer = message;
		return 0;
	}
	json_decref(message);
	return -EPROTO;
}

int rpc_call(struct rpc_client *client, const char *method, json_t *params, json_t **answer)
{
	json_t *request = rpc_request_make(++client->last_id, method, params);
	json_t *message = NULL, *member;
	uint64_t deadline = deadline_of(client);
	size_t len;
	char *line = rpc_line(request, &len);
	int rc = send_all(client, line, len, deadline);

	*answer = NULL;
	free(line);
	json_decref(request);
	if (rc == 0)
		rc = receive_answer(client, client->last_id, deadline, &message);
	if (rc < 0)
		return rc;
	member = json_object_get(message, "result");
	if (member == NULL) {
		member = json_object_get(message, "error");
		rc = json_is_object(member) ? -EREMOTEIO : -EPROTO;
	}
	*answer = rc == -EPROTO ? NULL : json_incref(member);
	json_decref(message);
	return rc;
}
