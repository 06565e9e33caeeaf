// SPDX-License-Identifier: BSD-3-Clause
// Lines <-> JSON-RPC messages. Pure functions, any thread.

#include "rpc/framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// An answer must fit a line whatever a document is full of.
#define PROBLEMS_LISTED_MAX 1000

json_t *rpc_parse_line(const char *line, size_t len, struct problems *problems)
{
	json_error_t error;
	// Any value: what is JSON but no request gets an answer that says so.
	json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (message == NULL)
		problem_add(problems, E_PARSE, "", "column %d: %s", error.column, error.text);
	return message;
}

static bool id_valid(const json_t *id)
{
	return json_is_string(id) || json_is_number(id) || json_is_null(id);
}

int rpc_request_read(const json_t *message, struct rpc_request *request, struct problems *problems)
{
	const json_t *id = json_object_get(message, "id");
	const json_t *params = json_object_get(message, "params");
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	const char *method = json_string_value(json_object_get(message, "method"));
	size_t n_before = problems->n;

	if (!json_is_object(message))
		problem_add(problems, E_REQUEST, "",
			"a request must be an object {\"jsonrpc\": \"2.0\", \"id\": …, \"method\": "
			"…}");
	else if (version == NULL || strcmp(version, "2.0") != 0)
		problem_add(problems, E_REQUEST, "jsonrpc", "jsonrpc must be \"2.0\"");
	else if (id != NULL && !id_valid(id))
		problem_add(problems, E_REQUEST, "id", "id must be a text, a number or null");
	else if (method == NULL)
		problem_add(problems, E_REQUEST, "method",
			"method must be a text such as \"network.add\"");
	else if (params != NULL && !json_is_object(params))
		problem_add(problems, E_TYPE, "params",
			"params must be an object {KEY: VALUE}; values are told apart by their "
			"keys");
	if (problems->n == n_before) {
		*request = (struct rpc_request){method, params, id};
		return 0;
	}
	*request = (struct rpc_request){.id = id != NULL && id_valid(id) ? id : json_null()};
	return -EINVAL;
}

json_t *rpc_request_make(json_int_t id, const char *method, json_t *params)
{
	json_t *request = json_object();

	json_object_set_new(request, "jsonrpc", json_string("2.0"));
	json_object_set_new(request, "id", json_integer(id));
	json_object_set_new(request, "method", json_string(method));
	if (params != NULL)
		json_object_set_new(request, "params", params);
	return request;
}

static json_t *answer_to(const json_t *id)
{
	json_t *answer = json_object();

	json_object_set_new(answer, "jsonrpc", json_string("2.0"));
	if (id == NULL)
		json_object_set_new(answer, "id", json_null());
	else
		json_object_set(answer, "id", (json_t *)id);
	return answer;
}

json_t *rpc_result(const json_t *id, json_t *result)
{
	json_t *answer = answer_to(id);

	json_object_set_new(answer, "result", result);
	return answer;
}

enum rpc_code rpc_code_of(enum error_symbol symbol)
{
	switch (symbol) {
	case E_PARSE:
		return RPC_CODE_PARSE;
	case E_REQUEST:
		return RPC_CODE_REQUEST;
	case E_METHOD_UNKNOWN:
		return RPC_CODE_METHOD;
	case E_KEY_UNKNOWN:
	case E_KEY_MISSING:
	case E_TYPE:
		return RPC_CODE_PARAMS;
	case E_IO:
	case E_DEV_OPEN:
		return RPC_CODE_MACHINE;
	default:
		return RPC_CODE_REFUSED;
	}
}

// Texts from outside may hold broken UTF-8, which JSON can not.
static json_t *text_to_json(const char *text)
{
	json_t *json = json_string(text);

	return json != NULL ? json : json_string("(a text that is not UTF-8)");
}

static json_t *problem_to_json(const struct problem *problem)
{
	json_t *json = json_object();

	json_object_set_new(json, "symbol", json_string(error_symbol_name(problem->symbol)));
	json_object_set_new(json, "path", text_to_json(problem->path));
	json_object_set_new(json, "text", text_to_json(problem->text));
	return json;
}

json_t *rpc_error(const json_t *id, const struct problems *problems)
{
	const struct problem *first = &problems->list[0];
	json_t *answer = answer_to(id), *error = json_object(), *data = json_object();
	json_t *list = json_array();

	for (size_t i = 0; i < problems->n && i < PROBLEMS_LISTED_MAX; i++)
		json_array_append_new(list, problem_to_json(&problems->list[i]));
	json_object_set_new(data, "symbol", json_string(error_symbol_name(first->symbol)));
	json_object_set_new(data, "path", text_to_json(first->path));
	json_object_set_new(data, "problems", list);
	if (problems->n > PROBLEMS_LISTED_MAX)
		json_object_set_new(data, "more",
			json_integer((json_int_t)(problems->n - PROBLEMS_LISTED_MAX)));
	json_object_set_new(error, "code", json_integer(rpc_code_of(first->symbol)));
	json_object_set_new(error, "message", text_to_json(first->text));
	json_object_set_new(error, "data", data);
	json_object_set_new(answer, "error", error);
	return answer;
}

char *rpc_line(const json_t *message, size_t *len)
{
	char *text = json_dumps(message, JSON_COMPACT), *line;

	*len = text == NULL ? 0 : strlen(text);
	line = text == NULL ? NULL : realloc(text, *len + 2);
	if (line == NULL)
		abort(); // out of memory: messages hold nothing that can not be printed
	memcpy(line + *len, "\n", 2);
	*len += 1;
	return line;
}
