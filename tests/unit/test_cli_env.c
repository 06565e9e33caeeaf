// SPDX-License-Identifier: BSD-3-Clause

#include "test_cli_env.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"

#define WORDS_MAX 64

struct daemon {
	int listener;
	const char *const *answers;
	json_t *sent;
};

static void answer(FILE *out, const json_t *request, const char *text)
{
	json_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
	const char *key = json_object_get(body, "code") != NULL ? "error" : "result";
	json_t *message;

	ck_assert_ptr_nonnull(body);
	message = json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id",
		json_object_get(request, "id"), key, body);
	json_dumpf(message, out, JSON_COMPACT);
	fputc('\n', out);
	fflush(out);
	json_decref(message);
}

// Serves one connection; hangs up when the answers are used up.
static void *serve(void *arg)
{
	struct daemon *daemon = arg;
	int fd = accept(daemon->listener, NULL, NULL);
	FILE *in, *out;
	char *line = NULL;
	size_t size = 0;

	if (fd < 0) // shut down: nobody called
		return NULL;
	in = fdopen(fd, "r");
	out = fdopen(dup(fd), "w");
	for (const char *const *a = daemon->answers; getline(&line, &size, in) >= 0; a++) {
		json_t *request = json_loads(line, 0, NULL);

		ck_assert_ptr_nonnull(request);
		json_array_append_new(daemon->sent,
			json_pack("{s:O, s:O}", "method", json_object_get(request, "method"),
				"params", json_object_get(request, "params")));
		if (*a != NULL)
			answer(out, request, *a);
		json_decref(request);
		if (*a == NULL)
			break;
	}
	free(line);
	fclose(in);
	fclose(out);
	return NULL;
}

static size_t split(char *line, const char *list[WORDS_MAX])
{
	size_t n = 0;

	while (*(line += strspn(line, " ")) != '\0') {
		char end = *line == '\'' ? '\'' : ' ';

		ck_assert_uint_lt(n, WORDS_MAX);
		line += end == '\'';
		list[n++] = line;
		line = strchrnul(line, end);
		if (*line != '\0')
			*line++ = '\0';
	}
	return n;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

struct cli_env cli_env_run(const char *line, bool json, const char *const *answers)
{
	char directory[] = "/tmp/test_cli.XXXXXX", path[64];
	struct cli_env env = {.sent = json_array()};
	struct daemon daemon = {.answers = answers, .sent = env.sent};
	struct words words;
	const char *list[WORDS_MAX];
	char *copy = strdup(line);
	size_t out_len, err_len;
	struct cli cli = {.json = json, .socket = path};
	pthread_t thread;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	if (answers != NULL) {
		daemon.listener = listen_at(path);
		ck_assert_int_eq(pthread_create(&thread, NULL, serve, &daemon), 0);
	}
	cli.out = open_memstream(&env.out, &out_len);
	cli.err = open_memstream(&env.err, &err_len);
	words = (struct words){.list = list, .n = split(copy, list)};
	env.status = cli_run(&cli, &words);
	cli_close(&cli);
	fclose(cli.out);
	fclose(cli.err);
	if (answers != NULL) {
		shutdown(daemon.listener, SHUT_RDWR);
		pthread_join(thread, NULL);
		close(daemon.listener);
		unlink(path);
	}
	rmdir(directory);
	free(copy);
	return env;
}

void cli_env_free(struct cli_env *env)
{
	free(env->out);
	free(env->err);
	json_decref(env->sent);
}

char *cli_env_request(const struct cli_env *env)
{
	const json_t *request = json_array_get(env->sent, 0);
	char *params, *text;

	if (json_array_size(env->sent) != 1)
		return strdup("not one request");
	params = json_dumps(json_object_get(request, "params"), JSON_SORT_KEYS);
	ck_assert_int_ge(asprintf(&text, "%s %s",
				 json_string_value(json_object_get(request, "method")), params),
		0);
	free(params);
	return text;
}
