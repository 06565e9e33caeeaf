// SPDX-License-Identifier: BSD-3-Clause
// The control socket: JSON-RPC over a UNIX stream socket, and the timer that drives control_poll().
// Control thread; everything happens inside the event loop of `base`.

#pragma once

#include "base/problem.h"
#include "control/control.h"

struct event_base;
struct server;

// Listens on `path` (mode 0660, the directory is made when it is missing). A socket file that
// nobody answers on is replaced; one that a live process answers on is not. NULL after adding E_IO.
struct server *server_new(struct control *control, struct event_base *base, const char *path,
	struct problems *problems);
// Closes all connections and removes the socket file.
void server_free(struct server *server);
