// SPDX-License-Identifier: BSD-3-Clause
// Text that users send: lines for the control socket, and whole configurations. Whatever it is, a
// request is answered as JSON-RPC says, what is refused changes nothing, and what is accepted is
// accepted again as the daemon shows it.
//
// An input that starts with "#" is a configuration behind that; else each line is a request.

#include "node.h"

#include <string.h>

#include "base/clock.h"
#include "rpc/config_json.h"
#include "rpc/framing.h"

// config.save writes files: not for a fuzzer.
static bool saves(const json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));
	const json_t *element;
	size_t i;

	if (method != NULL && strcmp(method, "config.save") == 0)
		return true;
	json_array_foreach ((json_t *)message, i, element) {
		if (saves(element))
			return true;
	}
	return false;
}

static void check_answer(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	bool has_result = json_object_get(answer, "result") != NULL;

	FUZZ_CHECK(json_is_object(answer), "an answer that is no object");
	FUZZ_CHECK(json_object_get(answer, "id") != NULL, "an answer without id");
	FUZZ_CHECK((error != NULL) != has_result, "neither or both of error and result");
	if (error == NULL)
		return;
	FUZZ_CHECK(json_is_integer(json_object_get(error, "code")), "no code");
	FUZZ_CHECK(json_string_length(json_object_get(error, "message")) > 0, "no message");
}

static void check_answers(const json_t *answer)
{
	const json_t *element;
	size_t i;
	size_t len;
	char *line = rpc_line(answer, &len);

	FUZZ_CHECK(line != NULL && strchr(line, '\n') == line + len - 1, "not one line");
	free(line);
	if (!json_is_array(answer)) {
		check_answer(answer);
		return;
	}
	json_array_foreach ((json_t *)answer, i, element)
		check_answer(element);
}

// The document in force, as shown, is one that can be put in force, and is then the same.
static void check_document(void)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *before = json_deep_copy(control_document(node.control));
	char *text = config_dump(before);
	json_t *again = config_parse_text(text, strlen(text), &problems);

	if (again != NULL)
		control_commit(node.control, again, &problems);
	FUZZ_CHECK(problems.n == 0, "%s: %s in %s", problems.list[0].path, problems.list[0].text,
		text);
	FUZZ_CHECK(json_equal(before, control_document(node.control)), "it changed: %s", text);
	json_decref(again);
	free(text);
	json_decref(before);
}

static void commit(const char *text, size_t len)
{
	struct problems problems = PROBLEMS_INIT;
	const struct snapshot *before = node.tables->snapshot;
	json_t *document = config_parse_text(text, len, &problems);

	if (document != NULL && control_commit(node.control, document, &problems) == 0) {
		FUZZ_CHECK(problems.n == 0, "accepted, but: %s", problems.list[0].text);
		check_document();
	} else {
		FUZZ_CHECK(problems.n > 0, "refused without a reason");
		FUZZ_CHECK(node.tables->snapshot == before, "refused, but changed");
	}
	json_decref(document);
	problems_free(&problems);
}

static void call(const char *line, size_t len)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *message = rpc_parse_line(line, len, &problems);

	FUZZ_CHECK((message == NULL) == (problems.n > 0), "parsed with problems, or not without");
	if (message != NULL && !saves(message)) {
		json_t *answer = control_call(node.control, message);

		if (answer != NULL)
			check_answers(answer);
		json_decref(answer);
	}
	json_decref(message);
	problems_free(&problems);
	node_run();
	clock_advance(NS_PER_MS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	node_setup();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = text + size;

	node_start();
	if (size > 0 && text[0] == '#') {
		commit(text + 1, size - 1);
	} else {
		commit("{}", 2);
		while (text < end) {
			const char *newline = memchr(text, '\n', end - text);
			size_t len = newline != NULL ? newline - text : end - text;

			call(text, len);
			text += len + 1;
		}
	}
	if (node.tables->snapshot != NULL)
		check_document();
	node_stop();
	return 0;
}
