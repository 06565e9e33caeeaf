// SPDX-License-Identifier: BSD-3-Clause
// JSON-RPC 2.0 as docs/rpc.md says: one JSON value a line. Pure functions between lines and JSON,
// for the server and the client; who reads and writes sockets is not their business.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/problem.h"

#define RPC_LINE_MAX (16 * 1024 * 1024) // bytes, with the newline

enum rpc_code {
	RPC_CODE_PARSE = -32700,
	RPC_CODE_REQUEST = -32600,
	RPC_CODE_METHOD = -32601,
	RPC_CODE_PARAMS = -32602,
	RPC_CODE_REFUSED = 1, // a rule says no
	RPC_CODE_MACHINE = 2, // a file, a device, memory
};

// A request; members are borrowed from the message it was read from.
struct rpc_request {
	const char *method;
	const json_t *params; // an object; NULL: none
	const json_t *id;     // NULL: a notification, which gets no answer
};

// One line without or with its newline as JSON: a request or a batch. New reference, or NULL after
// adding E_PARSE.
json_t *rpc_parse_line(const char *line, size_t len, struct problems *problems);

// Reads one request. Returns 0, or -EINVAL after adding E_REQUEST or E_TYPE; request->id is then
// the id if it could be read, else JSON null, so that the error can be answered.
int rpc_request_read(const json_t *message, struct rpc_request *request, struct problems *problems);

// Makes a request. Takes over the reference to params (may be NULL).
json_t *rpc_request_make(json_int_t id, const char *method, json_t *params);

// Answers. rpc_result takes over the reference to result; id NULL stands for null. rpc_error tells
// the first thousand problems; the first one is the message and decides the code.
json_t *rpc_result(const json_t *id, json_t *result);
json_t *rpc_error(const json_t *id, const struct problems *problems);

// The code of an error whose first problem has this symbol.
enum rpc_code rpc_code_of(enum error_symbol symbol);

// A message as one line with its newline; *len counts both. The caller frees it.
char *rpc_line(const json_t *message, size_t *len);
