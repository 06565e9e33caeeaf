// SPDX-License-Identifier: BSD-3-Clause
// A blocking client of the control socket, in terms of jansson. Programs outside this tree use
// weft.h, which needs no jansson. One connection is used by one thread at a time.

#pragma once

#include <jansson.h>

#include "base/problem.h"

#define RPC_SOCKET_DEFAULT "/run/weft/control.sock"

struct rpc_client;

// Connects to a UNIX stream socket. timeout_ms bounds connecting and each later call, negative:
// no bound. NULL and errno on failure (ENAMETOOLONG, ENOENT, ECONNREFUSED, EACCES…).
struct rpc_client *rpc_connect(const char *path, int timeout_ms);
void rpc_close(struct rpc_client *client);

// Calls a method. Takes over the reference to params (may be NULL). Returns 0 and the result (new
// reference); -EREMOTEIO and the error object {"code", "message", "data"} (new reference) when the
// daemon refused; or -ETIMEDOUT, -ECONNRESET, -EPROTO… with *answer NULL, after which the
// connection is of no more use.
int rpc_call(struct rpc_client *client, const char *method, json_t *params, json_t **answer);
