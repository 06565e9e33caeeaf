// SPDX-License-Identifier: BSD-3-Clause
// The installed C interface: rpc/client.h with texts in place of jansson's values.

#include "rpc/weft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/client.h"

struct weft_client {
	struct rpc_client *rpc;
	int code;	// of the last call, 0: success
	char *message;	// NULL: ""
	json_t *error;	// the daemon's error object, NULL: none
	char *problems; // text of its list of problems, NULL: none
};

struct weft_client *weft_connect(const char *path, int timeout_ms)
{
	struct weft_client *client = calloc(1, sizeof(*client));
	int error;

	if (client == NULL)
		return NULL;
	client->rpc = rpc_connect(path == NULL ? RPC_SOCKET_DEFAULT : path, timeout_ms);
	if (client->rpc != NULL)
		return client;
	error = errno;
	free(client);
	errno = error;
	return NULL;
}

static void forget_error(struct weft_client *client)
{
	client->code = 0;
	free(client->message);
	client->message = NULL;
	json_decref(client->error);
	client->error = NULL;
	free(client->problems);
	client->problems = NULL;
}

void weft_close(struct weft_client *client)
{
	if (client == NULL)
		return;
	forget_error(client);
	rpc_close(client->rpc);
	free(client);
}

static const char *sentence_of(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "the daemon did not answer in time";
	case -ECONNRESET:
		return "the daemon closed the connection";
	case -EPROTO:
		return "the daemon sent something that is not an answer";
	default:
		return strerror(-error);
	}
}

static void remember_local_error(struct weft_client *client, int error, const char *message)
{
	client->code = error;
	client->message = strdup(message);
}

// Takes over the daemon's error object.
static void remember_error(struct weft_client *client, json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *message = json_string_value(json_object_get(error, "message"));

	client->error = error;
	client->code = (int)json_integer_value(json_object_get(error, "code"));
	client->message = strdup(message == NULL ? "" : message);
	client->problems = json_dumps(json_object_get(data, "problems"), JSON_COMPACT);
}

char *weft_call(struct weft_client *client, const char *method, const char *params)
{
	json_t *json = NULL, *answer;
	char *text;
	int rc;

	forget_error(client);
	if (params != NULL) {
		json = json_loads(params, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(json)) {
			json_decref(json);
			remember_local_error(client, -EINVAL, "params is not a JSON object");
			return NULL;
		}
	}
	rc = rpc_call(client->rpc, method, json, &answer);
	if (rc == -EREMOTEIO) {
		remember_error(client, answer);
		return NULL;
	}
	if (rc < 0) {
		remember_local_error(client, rc, sentence_of(rc));
		return NULL;
	}
	text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(answer);
	return text;
}

int weft_error_code(const struct weft_client *client)
{
	return client->code;
}

const char *weft_error_message(const struct weft_client *client)
{
	return client->message == NULL ? "" : client->message;
}

static const char *data_text(const struct weft_client *client, const char *key)
{
	const json_t *data = json_object_get(client->error, "data");
	const char *text = json_string_value(json_object_get(data, key));

	return text == NULL ? "" : text;
}

const char *weft_error_symbol(const struct weft_client *client)
{
	return data_text(client, "symbol");
}

const char *weft_error_path(const struct weft_client *client)
{
	return data_text(client, "path");
}

const char *weft_error_problems(const struct weft_client *client)
{
	return client->problems == NULL ? "[]" : client->problems;
}
