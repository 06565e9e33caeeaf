// SPDX-License-Identifier: BSD-3-Clause
// libweft as another program sees it: weft.h and the shared library, nothing else of this tree.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "rpc/weft.h"
#include "server_env.h"
#include "suite.h"

#define N_TESTS(tests) (sizeof(tests) / sizeof((tests)[0]))

START_TEST(results_are_text)
{
	const char *replies[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\": {\"a\": [1, 2]}}\n", SERVER_WAIT};
	struct server *server = server_start(replies);
	struct weft_client *client = weft_connect(server_path(server), 5000);
	char *result = weft_call(client, "port.list", "{\"network\": \"n\"}");

	ck_assert_str_eq(result, "{\"a\":[1,2]}");
	ck_assert_int_eq(weft_error_code(client), 0);
	ck_assert_str_eq(weft_error_message(client), "");
	ck_assert_str_eq(weft_error_symbol(client), "");
	ck_assert_str_eq(weft_error_problems(client), "[]");
	free(result);
	weft_close(client);
	server_stop_serving(server);
	ck_assert_str_eq(server_received(server),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\","
		"\"params\":{\"network\":\"n\"}}\n");
	server_free(server);
}
END_TEST

START_TEST(refusals_are_told_in_full)
{
	const char *replies[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"VNI 7 is used\","
		"\"data\":{\"symbol\":\"E_NET_VNI_IN_USE\",\"path\":\"networks.a\","
		"\"problems\":[{\"symbol\":\"E_NET_VNI_IN_USE\"}]}}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":1}\n", SERVER_WAIT};
	struct server *server = server_start(replies);
	struct weft_client *client = weft_connect(server_path(server), 5000);
	char *result;

	ck_assert_ptr_null(weft_call(client, "network.add", NULL));
	ck_assert_int_eq(weft_error_code(client), 1);
	ck_assert_str_eq(weft_error_message(client), "VNI 7 is used");
	ck_assert_str_eq(weft_error_symbol(client), "E_NET_VNI_IN_USE");
	ck_assert_str_eq(weft_error_path(client), "networks.a");
	ck_assert_str_eq(weft_error_problems(client), "[{\"symbol\":\"E_NET_VNI_IN_USE\"}]");
	result = weft_call(client, "network.add", NULL);
	ck_assert_str_eq(result, "1");
	ck_assert_int_eq(weft_error_code(client), 0); // forgotten
	free(result);
	weft_close(client);
	server_stop_serving(server);
	server_free(server);
}
END_TEST

START_TEST(failures_have_an_errno_and_a_sentence)
{
	const char *replies[] = {"", NULL};
	struct server *server = server_start(replies);
	struct weft_client *client = weft_connect(server_path(server), 5000);

	ck_assert_ptr_null(weft_call(client, "x", "[1]"));
	ck_assert_int_eq(weft_error_code(client), -EINVAL);
	ck_assert_ptr_null(weft_call(client, "x", "{"));
	ck_assert_int_eq(weft_error_code(client), -EINVAL);
	ck_assert_ptr_null(weft_call(client, "x", NULL));
	ck_assert_int_eq(weft_error_code(client), -ECONNRESET);
	ck_assert_str_eq(weft_error_message(client), "the daemon closed the connection");
	ck_assert_str_eq(weft_error_symbol(client), "");
	weft_close(client);
	server_stop_serving(server);
	server_free(server);
	errno = 0;
	ck_assert_ptr_null(weft_connect("/tmp/weft-test-no-such-directory/socket", 5000));
	ck_assert_int_eq(errno, ENOENT);
	weft_close(NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		results_are_text,
		refusals_are_told_in_full,
		failures_have_an_errno_and_a_sentence,
	};

	return suite_main("libweft", tests, N_TESTS(tests));
}
