// SPDX-License-Identifier: BSD-3-Clause
// A weft command line against a scripted daemon: what was sent, what was printed, how it ended.

#pragma once

#include <stdbool.h>

#include <jansson.h>

struct cli_env {
	char *out; // what a person or program would see
	char *err;
	int status;
	json_t *sent; // array of the requests: {"method", "params"}
};

// Runs "network add web vxlan 1" (blanks separate words; 'a b' is one word), with -j before it when
// `json`. The daemon gives the answers in order: JSON texts, each a "result", or an "error" object
// if it has a "code"; ended by NULL. A NULL list: nobody listens on the socket.
struct cli_env cli_env_run(const char *line, bool json, const char *const *answers);
void cli_env_free(struct cli_env *env);

// Method and parameters of the only request: "network.add {\"name\": \"web\"}".
char *cli_env_request(const struct cli_env *env);
