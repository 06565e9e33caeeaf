// SPDX-License-Identifier: BSD-3-Clause
// The client against a scripted daemon.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "base/util.h"
#include "rpc/client.h"
#include "rpc/framing.h"
#include "server_env.h"
#include "suite.h"

#define LONG_MS	 5000 // longer than any test waits
#define SHORT_MS 50

START_TEST(call_returns_the_result)
{
	const char *replies[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[7]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null}\n", SERVER_WAIT};
	struct server *server = server_start(replies);
	struct rpc_client *client = rpc_connect(server_path(server), LONG_MS);
	json_t *answer;

	ck_assert_ptr_nonnull(client);
	ck_assert_int_eq(rpc_call(client, "port.list", json_object(), &answer), 0);
	ck_assert_int_eq(json_integer_value(json_array_get(answer, 0)), 7);
	json_decref(answer);
	ck_assert_int_eq(rpc_call(client, "audit.run", NULL, &answer), 0);
	ck_assert(json_is_null(answer));
	rpc_close(client);
	server_stop_serving(server);
	ck_assert_str_eq(server_received(server),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\",\"params\":{}}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"audit.run\"}\n");
	server_free(server);
}
END_TEST

START_TEST(call_returns_the_error)
{
	const char *replies[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"no\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700}}\n", SERVER_WAIT};
	struct server *server = server_start(replies);
	struct rpc_client *client = rpc_connect(server_path(server), LONG_MS);
	json_t *answer;

	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), -EREMOTEIO);
	ck_assert_str_eq(json_string_value(json_object_get(answer, "message")), "no");
	json_decref(answer);
	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), -EREMOTEIO);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "code")), -32700);
	json_decref(answer);
	rpc_close(client);
	server_stop_serving(server);
	server_free(server);
}
END_TEST

START_TEST(an_answer_longer_than_a_read)
{
	const size_t len = 1000000;
	char *reply = malloc(len + 100);
	const char *replies[] = {reply, SERVER_WAIT};
	size_t n = (size_t)sprintf(reply, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"");
	struct rpc_client *client;
	struct server *server;
	json_t *answer;

	memset(reply + n, 'x', len);
	strcpy(reply + n + len, "\"}\n");
	server = server_start(replies);
	client = rpc_connect(server_path(server), LONG_MS);
	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), 0);
	ck_assert_uint_eq(json_string_length(answer), len);
	json_decref(answer);
	rpc_close(client);
	server_stop_serving(server);
	server_free(server);
	free(reply);
}
END_TEST

static void expect_failure(const char *reply, int rc)
{
	const char *replies[] = {reply, SERVER_WAIT};
	struct server *server = server_start(replies);
	struct rpc_client *client = rpc_connect(server_path(server), SHORT_MS);
	json_t *answer;

	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), rc);
	ck_assert_ptr_null(answer);
	rpc_close(client);
	server_stop_serving(server);
	server_free(server);
}

START_TEST(what_is_no_answer_is_refused)
{
	expect_failure("hello\n", -EPROTO);
	expect_failure("{}\n", -EPROTO);
	expect_failure("{\"jsonrpc\":\"2.0\",\"method\":\"event\"}\n", -EPROTO);
	expect_failure("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":1}\n", -EPROTO);
	expect_failure("{\"jsonrpc\":\"2.0\",\"id\":1}\n", -EPROTO);
	expect_failure("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":7}\n", -EPROTO);
}
END_TEST

START_TEST(a_silent_daemon_times_out)
{
	expect_failure("", -ETIMEDOUT);
	expect_failure("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}", -ETIMEDOUT); // no newline
}
END_TEST

START_TEST(a_closed_connection_is_told)
{
	const char *replies[] = {"{\"jsonrpc\":", NULL};
	struct server *server = server_start(replies);
	struct rpc_client *client = rpc_connect(server_path(server), LONG_MS);
	json_t *answer;

	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), -ECONNRESET);
	server_stop_serving(server);
	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), -ECONNRESET);
	rpc_close(client);
	server_free(server);
}
END_TEST

START_TEST(an_endless_line_is_refused)
{
	char *reply = malloc(RPC_LINE_MAX + 100000);
	const char *replies[] = {reply, NULL};
	struct rpc_client *client;
	struct server *server;
	json_t *answer;

	memset(reply, 'x', RPC_LINE_MAX + 100000 - 1);
	reply[RPC_LINE_MAX + 100000 - 1] = '\0';
	server = server_start(replies);
	client = rpc_connect(server_path(server), LONG_MS);
	ck_assert_int_eq(rpc_call(client, "x", NULL, &answer), -EPROTO);
	rpc_close(client);
	server_stop_serving(server);
	server_free(server);
	free(reply);
}
END_TEST

START_TEST(connecting_tells_why_not)
{
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_ptr_null(rpc_connect(path, LONG_MS));
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_ptr_null(rpc_connect("/tmp/weft-test-no-such-directory/socket", LONG_MS));
	ck_assert_int_eq(errno, ENOENT);
	rpc_close(NULL);
}
END_TEST

// A listener that accepts nobody: connections queue until the backlog is full.
START_TEST(connecting_times_out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rpc_client *clients[8];
	char directory[] = "/tmp/weft-test-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	while (n < ARRAY_SIZE(clients)) {
		clients[n] = rpc_connect(address.sun_path, SHORT_MS);
		if (clients[n] == NULL)
			break;
		n++;
	}
	ck_assert_uint_lt(n, ARRAY_SIZE(clients));
	ck_assert_int_eq(errno, ETIMEDOUT);
	while (n > 0)
		rpc_close(clients[--n]);
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		call_returns_the_result,
		call_returns_the_error,
		an_answer_longer_than_a_read,
		what_is_no_answer_is_refused,
		a_silent_daemon_times_out,
		a_closed_connection_is_told,
		an_endless_line_is_refused,
		connecting_tells_why_not,
		connecting_times_out,
	};

	return suite_main("client", tests, ARRAY_SIZE(tests));
}
