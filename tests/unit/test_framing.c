// SPDX-License-Identifier: BSD-3-Clause
// JSON-RPC messages: reading requests, building answers.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "rpc/framing.h"
#include "suite.h"

START_TEST(lines_are_parsed)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *message = rpc_parse_line("{\"a\":1}\n", 8, &problems);

	ck_assert_int_eq(json_integer_value(json_object_get(message, "a")), 1);
	json_decref(message);
	message = rpc_parse_line("[{}]", 4, &problems);
	ck_assert(json_is_array(message));
	json_decref(message);
	expect_none(&problems);
	ck_assert_ptr_null(rpc_parse_line("{\"a\":1,\"a\":2}", 13, &problems));
	ck_assert_ptr_null(rpc_parse_line("", 0, &problems));
	ck_assert_ptr_null(rpc_parse_line("{} {}", 5, &problems));
	ck_assert_uint_eq(problems.n, 3);
	for (size_t i = 0; i < problems.n; i++)
		ck_assert_int_eq(problems.list[i].symbol, E_PARSE);
	problems_free(&problems);
}
END_TEST

START_TEST(requests_are_read)
{
	json_t *message = json_of(
		"{'jsonrpc': '2.0', 'id': 'x', 'method': 'port.add', 'params': {'name': 'web'}}");
	struct problems problems = PROBLEMS_INIT;
	struct rpc_request request;

	ck_assert_int_eq(rpc_request_read(message, &request, &problems), 0);
	ck_assert_str_eq(request.method, "port.add");
	ck_assert_str_eq(json_string_value(request.id), "x");
	ck_assert_str_eq(json_string_value(json_object_get(request.params, "name")), "web");
	json_decref(message);

	message = json_of("{'jsonrpc': '2.0', 'method': 'audit.run'}");
	ck_assert_int_eq(rpc_request_read(message, &request, &problems), 0);
	ck_assert_ptr_null(request.id); // a notification
	ck_assert_ptr_null(request.params);
	expect_none(&problems);
	json_decref(message);
}
END_TEST

START_TEST(bad_requests_are_told)
{
	static const struct {
		const char *message;
		enum error_symbol symbol;
		const char *path;
		const char *id;
	} cases[] = {
		{"7", E_REQUEST, "", "null"},
		{"[]", E_REQUEST, "", "null"},
		{"{'id': 1, 'method': 'x'}", E_REQUEST, "jsonrpc", "1"},
		{"{'jsonrpc': '1.0', 'id': 1, 'method': 'x'}", E_REQUEST, "jsonrpc", "1"},
		{"{'jsonrpc': 2.0, 'id': 'a', 'method': 'x'}", E_REQUEST, "jsonrpc", "'a'"},
		{"{'jsonrpc': '2.0', 'id': [1], 'method': 'x'}", E_REQUEST, "id", "null"},
		{"{'jsonrpc': '2.0', 'id': 1}", E_REQUEST, "method", "1"},
		{"{'jsonrpc': '2.0', 'id': 1, 'method': 7}", E_REQUEST, "method", "1"},
		{"{'jsonrpc': '2.0', 'id': 1, 'method': 'x', 'params': [1]}", E_TYPE, "params",
			"1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *message = json_of(cases[i].message), *id = json_of(cases[i].id);
		struct problems problems = PROBLEMS_INIT;
		struct rpc_request request;

		ck_assert_int_eq(rpc_request_read(message, &request, &problems), -EINVAL);
		expect_only(&problems, cases[i].symbol, cases[i].path);
		ck_assert(json_equal(request.id, id));
		problems_free(&problems);
		json_decref(id);
		json_decref(message);
	}
}
END_TEST

START_TEST(a_made_request_can_be_read)
{
	json_t *message = rpc_request_make(7, "port.list", json_of("{'network': 'n'}"));
	struct problems problems = PROBLEMS_INIT;
	struct rpc_request request;

	ck_assert_int_eq(rpc_request_read(message, &request, &problems), 0);
	ck_assert_str_eq(request.method, "port.list");
	ck_assert_int_eq(json_integer_value(request.id), 7);
	json_decref(message);
	message = rpc_request_make(8, "audit.run", NULL);
	ck_assert_ptr_null(json_object_get(message, "params"));
	json_decref(message);
}
END_TEST

static void expect_line(json_t *message, const char *expected)
{
	json_t *json = json_of(expected);
	size_t len;
	char *line = rpc_line(message, &len);

	ck_assert_uint_eq(len, strlen(line));
	ck_assert_int_eq(line[len - 1], '\n');
	ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
	ck_assert_msg(json_equal(message, json), "%s", line);
	free(line);
	json_decref(json);
	json_decref(message);
}

START_TEST(answers_are_lines)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *id = json_integer(1);

	expect_line(rpc_result(id, json_of("{'a': 'b\\nc'}")),
		"{'jsonrpc': '2.0', 'id': 1, 'result': {'a': 'b\\nc'}}");
	problem_add(&problems, E_NET_VNI_OUT_OF_RANGE, "networks.x.segments[0].id", "VNI 7 is out");
	problem_add(&problems, E_VALUE, "tunnel.port", "port 0");
	expect_line(rpc_error(id, &problems),
		"{'jsonrpc': '2.0', 'id': 1, 'error': {'code': 1, 'message': 'VNI 7 is out', "
		"'data': {"
		" 'symbol': 'E_NET_VNI_OUT_OF_RANGE', 'path': 'networks.x.segments[0].id',"
		" 'problems': [{'symbol': 'E_NET_VNI_OUT_OF_RANGE',"
		"   'path': 'networks.x.segments[0].id', 'text': 'VNI 7 is out'},"
		"  {'symbol': 'E_VALUE', 'path': 'tunnel.port', 'text': 'port 0'}]}}}");
	problems_free(&problems);
	problem_add(&problems, E_PARSE, "", "not UTF-8: \xff");
	expect_line(rpc_error(NULL, &problems),
		"{'jsonrpc': '2.0', 'id': null, 'error': {'code': -32700,"
		" 'message': '(a text that is not UTF-8)', 'data': {'symbol': 'E_PARSE', 'path': "
		"'',"
		" 'problems': [{'symbol': 'E_PARSE', 'path': '',"
		"   'text': '(a text that is not UTF-8)'}]}}}");
	problems_free(&problems);
	json_decref(id);
}
END_TEST

START_TEST(answers_list_a_thousand_problems)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *answer, *data;

	for (unsigned i = 0; i < 1003; i++)
		problem_add(&problems, E_VALUE, "tunnel.port", "port 0");
	answer = rpc_error(NULL, &problems);
	data = json_object_get(json_object_get(answer, "error"), "data");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "problems")), 1000);
	ck_assert_int_eq(json_integer_value(json_object_get(data, "more")), 3);
	json_decref(answer);
	problems_free(&problems);
}
END_TEST

START_TEST(codes_follow_the_standard)
{
	ck_assert_int_eq(rpc_code_of(E_PARSE), -32700);
	ck_assert_int_eq(rpc_code_of(E_REQUEST), -32600);
	ck_assert_int_eq(rpc_code_of(E_METHOD_UNKNOWN), -32601);
	ck_assert_int_eq(rpc_code_of(E_KEY_MISSING), -32602);
	ck_assert_int_eq(rpc_code_of(E_TYPE), -32602);
	ck_assert_int_eq(rpc_code_of(E_KEY_UNKNOWN), -32602);
	ck_assert_int_eq(rpc_code_of(E_NET_IN_USE), 1);
	ck_assert_int_eq(rpc_code_of(E_VALUE), 1);
	ck_assert_int_eq(rpc_code_of(E_IO), 2);
	ck_assert_int_eq(rpc_code_of(E_DEV_OPEN), 2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		lines_are_parsed,
		requests_are_read,
		bad_requests_are_told,
		a_made_request_can_be_read,
		answers_are_lines,
		answers_list_a_thousand_problems,
		codes_follow_the_standard,
	};

	return suite_main("framing", tests, ARRAY_SIZE(tests));
}
