// SPDX-License-Identifier: BSD-3-Clause
// See server.h. A client can not hold up others or the packets: one read event handles a few lines
// and then waits for its next turn, and a client that does not read its answers is not read from.

#include "control/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/socket_file.h"
#include "rpc/framing.h"

#define LOG_MODULE "server"

#define MAX_CLIENTS    256
#define LINES_PER_TURN 16
#define MAX_UNSENT     (4 * 1024 * 1024) // answers that wait before no more requests are read

struct client {
	LIST_ENTRY(client) entries;
	struct server *server;
	struct bufferevent *stream;
	char peer[64];	 // "pid=12 uid=0 gid=0"
	size_t searched; // bytes at the start of the input that hold no newline
	bool waiting;	 // for its answers to be read; no more requests until then
	bool ended;	 // sends no more
	bool skipping;	 // the rest of a line that is too long
};

struct server {
	struct control *control;
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *timer;
	unsigned n_clients;
	LIST_HEAD(, client) clients;
	struct socket_file file;
};

// ---- clients -----------------------------------------------------------------------------------

static void client_free(struct client *client)
{
	LIST_REMOVE(client, entries);
	client->server->n_clients--;
	bufferevent_free(client->stream);
	free(client);
}

static void answer(struct client *client, json_t *message)
{
	size_t len;
	char *line;

	if (message == NULL)
		return;
	line = rpc_line(message, &len);
	bufferevent_write(client->stream, line, len);
	free(line);
	json_decref(message);
}

static void refuse(struct client *client, enum error_symbol symbol, const char *text)
{
	struct problems problems = PROBLEMS_INIT;

	problem_add(&problems, symbol, "", "%s", text);
	answer(client, rpc_error(NULL, &problems));
	problems_free(&problems);
}

static void handle_line(struct client *client, const char *line, size_t len)
{
	struct problems problems = PROBLEMS_INIT;
	struct control *control = client->server->control;
	uint32_t version = control_version(control);
	json_t *message = rpc_parse_line(line, len, &problems);
	json_t *reply = message == NULL ? rpc_error(NULL, &problems)
					: control_call_from(control, message, client->peer);

	// Who reads the answer may rely on it: what was forbidden passes no more.
	if (control_version(control) != version)
		control_settle(control);
	answer(client, reply);
	json_decref(message);
	problems_free(&problems);
}

static size_t unsent(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->stream));
}

// Handles the first line of the input. False: there is no whole line.
static bool next_line(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	struct evbuffer_ptr from, end;
	size_t len;

	evbuffer_ptr_set(input, &from, client->searched, EVBUFFER_PTR_SET);
	end = evbuffer_search(input, "\n", 1, &from);
	if (end.pos < 0) {
		client->searched = evbuffer_get_length(input);
		if (client->searched < RPC_LINE_MAX)
			return false;
		if (!client->skipping)
			refuse(client, E_REQUEST, "a line is longer than 16 MiB");
		client->skipping = true;
		evbuffer_drain(input, client->searched);
		client->searched = 0;
		return false;
	}
	len = (size_t)end.pos + 1;
	if (!client->skipping)
		handle_line(client, (const char *)evbuffer_pullup(input, (ssize_t)len), len);
	client->skipping = false;
	client->searched = 0;
	evbuffer_drain(input, len);
	return true;
}

// One turn: a few lines. Frees a client that has sent all and got all.
static void take_turn(struct client *client)
{
	for (int i = 0; i < LINES_PER_TURN; i++) {
		if (unsent(client) > MAX_UNSENT) {
			// on_write() goes on when the answers are gone.
			client->waiting = true;
			bufferevent_disable(client->stream, EV_READ);
			return;
		}
		if (!next_line(client)) {
			if (client->ended && unsent(client) == 0)
				client_free(client);
			return;
		}
	}
	// More may wait in the buffer; others first.
	bufferevent_trigger(client->stream, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct client *client = arg;

	if (!client->waiting)
		take_turn(client);
}

// All answers are sent.
static void on_write(struct bufferevent *stream, void *arg)
{
	struct client *client = arg;

	if (client->waiting && !client->ended)
		bufferevent_enable(stream, EV_READ);
	client->waiting = false;
	take_turn(client);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct client *client = arg;

	if (what & BEV_EVENT_EOF) {
		// It may have sent requests and still read what they bring.
		client->ended = true;
		if (!client->waiting)
			take_turn(client);
	} else {
		client_free(client);
	}
}

static void name_peer(struct client *client, int fd)
{
	struct ucred peer = {.pid = -1};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		log_warn("who asks is not known: %s", strerror(errno));
	snprintf(client->peer, sizeof(client->peer), "pid:%d,uid:%u,gid:%u", (int)peer.pid,
		peer.uid, peer.gid);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int len, void *arg)
{
	struct server *server = arg;
	struct client *client = NULL;

	if (server->n_clients < MAX_CLIENTS)
		client = calloc(1, sizeof(*client));
	if (client != NULL)
		client->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client == NULL || client->stream == NULL) {
		log_limited(
			LOG_LEVEL_WARN, 10, "too many connections clients=%u", server->n_clients);
		free(client);
		close(fd);
		return;
	}
	client->server = server;
	name_peer(client, fd);
	LIST_INSERT_HEAD(&server->clients, client, entries);
	server->n_clients++;
	bufferevent_setcb(client->stream, on_read, on_write, on_event, client);
	// Reads no more than one line ahead.
	bufferevent_setwatermark(client->stream, EV_READ, 0, RPC_LINE_MAX);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	log_limited(LOG_LEVEL_WARN, 10, "accept: %s",
		evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

// ---- the timer ---------------------------------------------------------------------------------

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct timeval next = {0};

	// At once means after the sockets had their turn.
	if (!control_poll(server->control, clock_now_ns()))
		next.tv_usec = control_poll_delay_us(server->control);
	event_add(server->timer, &next);
}

// ---- start and end -----------------------------------------------------------------------------

static const char *socket_error(int rc)
{
	if (rc == -EADDRINUSE)
		return "another weftd answers there";
	if (rc == -ENOTSOCK)
		return "there is a file of that name that is no socket";
	return strerror(-rc);
}

static int start(struct server *server, const char *path)
{
	struct timeval now = {0};
	int fd = socket_file_listen(&server->file, path);

	if (fd < 0)
		return fd;
	server->listener = evconnlistener_new(server->base, on_accept, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (server->listener == NULL) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	server->timer = evtimer_new(server->base, on_timer, server);
	if (server->timer == NULL || event_add(server->timer, &now) < 0)
		return -ENOMEM;
	return 0;
}

struct server *server_new(struct control *control, struct event_base *base, const char *path,
	struct problems *problems)
{
	struct server *server = calloc(1, sizeof(*server));
	int rc = server == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		server->control = control;
		server->base = base;
		LIST_INIT(&server->clients);
		rc = start(server, path);
	}
	if (rc == 0)
		return server;
	problem_add(problems, E_IO, "", "can not listen on %s: %s", path, socket_error(rc));
	server_free(server);
	return NULL;
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	while (!LIST_EMPTY(&server->clients))
		client_free(LIST_FIRST(&server->clients));
	if (server->timer != NULL)
		event_free(server->timer);
	if (server->listener != NULL)
		evconnlistener_free(server->listener);
	socket_file_remove(&server->file);
	free(server);
}
