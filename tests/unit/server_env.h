// SPDX-License-Identifier: BSD-3-Clause
// A daemon that says what a test tells it to: on each line it receives, the next reply.

#pragma once

struct server;

// Listens on a socket of its own and serves one connection in a thread. Each reply is sent as it
// is when a line has come: any bytes, "" for none. NULL ends the list and closes the connection;
// SERVER_WAIT ends it and leaves the connection open until the client closes it.
extern const char SERVER_WAIT[];
struct server *server_start(const char *const *replies);
const char *server_path(const struct server *server);
// The lines received so far, joined; to be read after server_stop_serving().
const char *server_received(const struct server *server);
// Waits for the end of the connection.
void server_stop_serving(struct server *server);
void server_free(struct server *server);
