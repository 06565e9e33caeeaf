// SPDX-License-Identifier: BSD-3-Clause
// The control socket: lines, clients and the socket file. The event loop runs on the test's thread,
// a turn at a time.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/server.h"
#include "control_env.h"
#include "rpc/framing.h"

#define TURNS_MAX 200000
#define CLIENTS	  256 // that the server takes

#define REQUEST(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"" method "\"}\n"

static char directory[64];
static char path[96];
static struct event_base *events;
static struct server *server;

static struct server *listen_at(const char *at)
{
	problems_free(&env.problems);
	return server_new(env.control, events, at, &env.problems);
}

static void start(void)
{
	strcpy(directory, "/tmp/weft-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/run/weft/control.sock", directory);
	events = event_base_new();
	ck_assert_ptr_nonnull(events);
	server = listen_at(path);
	ck_assert_ptr_nonnull(server);
	env_accept("{" NODE ", 'networks': {" NETWORK_VXLAN1 "}}");
}

static void stop(void)
{
	server_free(server);
	event_base_free(events);
	ck_assert_int_eq(access(path, F_OK), -1);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(rmdir(path), 0);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}

static int connect_to(const char *at)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, at);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int client(void)
{
	int fd = connect_to(path);

	event_base_loop(events, EVLOOP_NONBLOCK);
	return fd;
}

// Sends all of it, letting the server read meanwhile.
static void send_bytes(int fd, const char *bytes, size_t len)
{
	for (int turn = 0; len > 0; turn++) {
		ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		ck_assert_int_lt(turn, TURNS_MAX);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		event_base_loop(events, EVLOOP_NONBLOCK);
	}
}

static void send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

// Takes what is there of the line that is being received. Returns bytes taken, 0 at the end of the
// connection, or -1 when nothing is there.
static ssize_t receive_some(int fd, char *buffer, size_t size)
{
	ssize_t n = recv(fd, buffer, size, MSG_DONTWAIT | MSG_PEEK);
	char *newline = n > 0 ? memchr(buffer, '\n', (size_t)n) : NULL;

	if (newline != NULL)
		n = newline + 1 - buffer;
	return n > 0 ? recv(fd, buffer, (size_t)n, 0) : n;
}

// The next answer, as a new reference; NULL when the server has closed the connection.
static json_t *receive(int fd)
{
	size_t size = 65536, len = 0;
	char *line = malloc(size);
	json_t *json = NULL;

	for (int turn = 0; len == 0 || line[len - 1] != '\n'; turn++) {
		ssize_t n = receive_some(fd, line + len, size - len);

		ck_assert_int_lt(turn, TURNS_MAX);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else
			event_base_loop(events, EVLOOP_NONBLOCK);
		if (len == size)
			line = realloc(line, size *= 2);
	}
	if (len > 0)
		json = json_loadb(line, len, 0, NULL);
	free(line);
	return json;
}

static bool has_answer(int fd)
{
	char byte;

	for (int turn = 0; turn < 100; turn++)
		event_base_loop(events, EVLOOP_NONBLOCK);
	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
}

static void expect_id(int fd, json_int_t id)
{
	json_t *answer = receive(fd);

	ck_assert_ptr_nonnull(answer);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "id")), id);
	ck_assert_ptr_nonnull(json_object_get(answer, "result"));
	json_decref(answer);
}

static void expect_code(int fd, json_int_t code)
{
	json_t *answer = receive(fd);

	ck_assert_ptr_nonnull(answer);
	ck_assert(json_is_null(json_object_get(answer, "id")));
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
		code);
	json_decref(answer);
}

// ---- lines -------------------------------------------------------------------------------------

START_TEST(requests_come_in_any_pieces)
{
	static const char text[] = REQUEST(1, "status.get");
	int fd;

	start();
	fd = client();
	for (size_t i = 0; i < strlen(text); i++) {
		ck_assert(!has_answer(fd));
		send_bytes(fd, text + i, 1);
	}
	expect_id(fd, 1);
	send_text(fd, REQUEST(2, "config.get") REQUEST(3, "port.list") "{\"jsonrpc\":\"2.0\",");
	expect_id(fd, 2);
	expect_id(fd, 3);
	send_text(fd, "\"id\":4,\"method\":\"port.list\"}\n");
	expect_id(fd, 4);
	close(fd);
	stop();
}
END_TEST

START_TEST(bad_lines_are_answered_and_the_connection_goes_on)
{
	int fd;

	start();
	fd = client();
	send_text(fd, "hello\n");
	expect_code(fd, -32700);
	send_text(fd, "{\"jsonrpc\":\"2.0\"} x\n");
	expect_code(fd, -32700);
	send_text(fd, "\n");
	expect_code(fd, -32700);
	send_bytes(fd, "{\"a\0b\":1}\n", 10);
	expect_code(fd, -32700);
	send_text(fd, "\"\xff\xfe\"\n");
	expect_code(fd, -32700);
	send_text(fd, "[]\n");
	expect_code(fd, -32600);
	send_text(fd, REQUEST(9, "port.list"));
	expect_id(fd, 9);
	close(fd);
	stop();
}
END_TEST

START_TEST(too_long_a_line_is_skipped)
{
	size_t len = RPC_LINE_MAX + 5000;
	char *line = malloc(len);
	int fd;

	start();
	fd = client();
	memset(line, ' ', len);
	send_bytes(fd, line, len);
	expect_code(fd, -32600);
	// Twice as long: still one error.
	send_bytes(fd, line, len);
	send_text(fd, "\n" REQUEST(1, "port.list"));
	expect_id(fd, 1);
	// The longest that is allowed.
	memcpy(line + RPC_LINE_MAX - strlen(REQUEST(2, "port.list")), REQUEST(2, "port.list"),
		strlen(REQUEST(2, "port.list")));
	send_bytes(fd, line, RPC_LINE_MAX);
	expect_id(fd, 2);
	free(line);
	close(fd);
	stop();
}
END_TEST

START_TEST(batch_and_notification)
{
	json_t *answer;
	int fd;

	start();
	fd = client();
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"network.del\","
		      "\"params\":{\"name\":\"vxlan1\"}}\n");
	ck_assert(!has_answer(fd));
	ck_assert_uint_eq(control_network_id(env.control, "vxlan1"), 0);
	send_text(fd, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"},"
		      "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"none\"}]\n");
	answer = receive(fd);
	ck_assert_uint_eq(json_array_size(answer), 2);
	json_decref(answer);
	close(fd);
	stop();
}
END_TEST

// ---- clients -----------------------------------------------------------------------------------

START_TEST(client_that_leaves_in_the_middle)
{
	int fd, other;

	start();
	fd = client();
	other = client();
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"network.del\","
		      "\"params\":{\"name\":\"vxlan1\"}}");
	close(fd);
	send_text(other, REQUEST(1, "port.list"));
	expect_id(other, 1);
	// Without its newline it was no request.
	ck_assert_uint_ne(control_network_id(env.control, "vxlan1"), 0);
	close(other);
	stop();
}
END_TEST

START_TEST(client_that_only_asks_gets_its_answers)
{
	int fd;

	start();
	fd = connect_to(path);
	// As "echo … | nc -U" does: all sent and closed before the server looks.
	for (int i = 0; i < 50; i++)
		ck_assert_int_gt(send(fd, REQUEST(7, "port.list"), strlen(REQUEST(7, "port.list")),
					 MSG_DONTWAIT),
			0);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 50; i++)
		expect_id(fd, 7);
	ck_assert_ptr_null(receive(fd));
	close(fd);
	stop();
}
END_TEST

START_TEST(client_that_does_not_read_is_not_read_from)
{
	static const char request[] = REQUEST(1, "rpc.methods");
	unsigned n_sent = 0;
	int fd, other;

	start();
	fd = client();
	for (int idle = 0; idle < 100;) {
		ssize_t n = send(fd, request, strlen(request), MSG_DONTWAIT | MSG_NOSIGNAL);

		// A stream socket of this family takes small writes whole or not at all.
		ck_assert(n == (ssize_t)strlen(request) || (n < 0 && errno == EAGAIN));
		n_sent += n > 0;
		idle = n > 0 ? 0 : idle + 1;
		event_base_loop(events, EVLOOP_NONBLOCK);
		ck_assert_uint_lt(n_sent, 100000);
	}
	other = client();
	send_text(other, REQUEST(2, "port.list"));
	expect_id(other, 2);
	while (n_sent-- > 0)
		expect_id(fd, 1);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(busy_client_leaves_turns_to_others)
{
	char *text = calloc(1, 500 * strlen(REQUEST(1, "port.list")) + 1), answers[16384];
	int busy, other;

	start();
	busy = client();
	other = client();
	for (int i = 0; i < 500; i++)
		strcat(text, REQUEST(1, "port.list"));
	ck_assert_int_eq(send(busy, text, strlen(text), MSG_DONTWAIT), (ssize_t)strlen(text));
	ck_assert_int_gt(
		send(other, REQUEST(2, "port.list"), strlen(REQUEST(2, "port.list")), 0), 0);
	expect_id(other, 2);
	// By then the busy one has some answers, not all 500 of at least 35 bytes.
	ck_assert_int_lt(recv(busy, answers, sizeof(answers), MSG_DONTWAIT | MSG_PEEK), 500 * 35);
	for (int i = 0; i < 500; i++)
		expect_id(busy, 1);
	free(text);
	close(busy);
	close(other);
	stop();
}
END_TEST

START_TEST(too_many_clients_are_turned_away)
{
	int fds[CLIENTS], extra;

	start();
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client();
	extra = client();
	ck_assert_ptr_null(receive(extra));
	close(extra);
	close(fds[0]);
	for (int turn = 0; turn < 100; turn++)
		event_base_loop(events, EVLOOP_NONBLOCK);
	fds[0] = client();
	send_text(fds[0], REQUEST(1, "port.list"));
	expect_id(fds[0], 1);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	stop();
}
END_TEST

START_TEST(control_is_polled)
{
	int fd;

	start();
	fd = client();
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"uplink.del\","
		      "\"params\":{\"name\":\"inside\"}}\n");
	expect_id(fd, 1);
	// The removed device is closed by a later poll.
	for (int turn = 0; env.n_open == 3 && turn < TURNS_MAX; turn++)
		event_base_loop(events, EVLOOP_ONCE);
	ck_assert_uint_eq(env.n_open, 2);
	close(fd);
	stop();
}
END_TEST

// ---- the socket file ---------------------------------------------------------------------------

START_TEST(socket_file)
{
	char file[128], longest[200];
	struct stat st;
	FILE *f;

	start();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	// Somebody answers there: hands off.
	ck_assert_ptr_null(listen_at(path));
	ck_assert_uint_eq(env.problems.n, 1);
	ck_assert_int_eq(env.problems.list[0].symbol, E_IO);
	ck_assert_int_eq(access(path, F_OK), 0);
	// A file that is no socket.
	snprintf(file, sizeof(file), "%s/file", directory);
	f = fopen(file, "w");
	fclose(f);
	ck_assert_ptr_null(listen_at(file));
	ck_assert_int_eq(unlink(file), 0);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_ptr_null(listen_at(longest));
	ck_assert_int_eq(env.problems.list[0].symbol, E_IO);
	stop();
}
END_TEST

START_TEST(stale_socket_file_is_replaced)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int stale, fd;

	start();
	server_free(server);
	strcpy(address.sun_path, path);
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale);
	ck_assert_int_eq(access(path, F_OK), 0);
	server = listen_at(path);
	ck_assert_ptr_nonnull(server);
	fd = client();
	send_text(fd, REQUEST(1, "port.list"));
	expect_id(fd, 1);
	close(fd);
	stop();
}
END_TEST

START_TEST(socket_file_of_somebody_else_stays)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int other;

	start();
	ck_assert_int_eq(unlink(path), 0);
	strcpy(address.sun_path, path);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(other, (struct sockaddr *)&address, sizeof(address)), 0);
	server_free(server);
	server = NULL;
	ck_assert_int_eq(access(path, F_OK), 0);
	close(other);
	unlink(path);
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {requests_come_in_any_pieces,
		bad_lines_are_answered_and_the_connection_goes_on, too_long_a_line_is_skipped,
		batch_and_notification, client_that_leaves_in_the_middle,
		client_that_only_asks_gets_its_answers, client_that_does_not_read_is_not_read_from,
		busy_client_leaves_turns_to_others, too_many_clients_are_turned_away,
		control_is_polled, socket_file, stale_socket_file_is_replaced,
		socket_file_of_somebody_else_stays};

	return env_main("control_server", tests, ARRAY_SIZE(tests));
}
