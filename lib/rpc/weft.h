/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief libweft: talk to a running weftd from C.
 *
 * The daemon speaks JSON-RPC 2.0 over a UNIX stream socket; methods, their parameters and results
 * are described in rpc.md (installed in share/doc/weft). This library connects, frames and times
 * out; parameters and results are JSON text, so that a program can use the JSON library it has.
 *
 * @code
 * struct weft_client *client = weft_connect(NULL, 5000);
 * char *ports = weft_call(client, "port.list", "{}");
 * if (ports == NULL)
 *         fprintf(stderr, "%s\n", weft_error_message(client));
 * free(ports);
 * weft_close(client);
 * @endcode
 *
 * A client is used by one thread at a time; different clients are independent.
 */
#ifndef WEFT_H
#define WEFT_H

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to a daemon. */
struct weft_client;

/**
 * Connect to a daemon.
 *
 * @param path        socket, at most 107 bytes; NULL: /run/weft/control.sock
 * @param timeout_ms  bound for connecting and for each later call, in milliseconds; negative: none
 * @return a connection to be closed with weft_close(), or NULL with errno set: ENOENT or
 *         ECONNREFUSED when no daemon listens there, EACCES without permission, ENAMETOOLONG,
 *         ETIMEDOUT, ENOMEM
 */
struct weft_client *weft_connect(const char *path, int timeout_ms);

/** Close a connection; NULL is allowed. Texts returned by weft_error_*() die with it. */
void weft_close(struct weft_client *client);

/**
 * Call a method and wait for its answer.
 *
 * @param client  a connection
 * @param method  for example "network.add"
 * @param params  a JSON object as text; NULL: none
 * @return the result as JSON text on one line, to be released with free(); or NULL, and then
 *         weft_error_*() tell why
 */
char *weft_call(struct weft_client *client, const char *method, const char *params);

/**
 * Why the last weft_call() returned NULL.
 *
 * @return a JSON-RPC error code of the daemon (1: refused by a rule, 2: failure of the machine,
 *         -32700 to -32600 as in the standard); or a negative errno (-ETIMEDOUT, -ECONNRESET,
 *         -EPROTO; -EINVAL: params is not a JSON object), which is above -32000; 0 after a success.
 *         After a negative errno other than -EINVAL the connection must be closed.
 */
int weft_error_code(const struct weft_client *client);

/** One sentence for people; "" after a success. Valid until the next call or close. */
const char *weft_error_message(const struct weft_client *client);

/** Stable symbol such as "E_NET_VNI_OUT_OF_RANGE"; "" if the error did not come from the daemon. */
const char *weft_error_symbol(const struct weft_client *client);

/** Where in the configuration, such as "networks.vxlan1.segments[0].id"; "" for no one place. */
const char *weft_error_path(const struct weft_client *client);

/**
 * Everything that is wrong, as the JSON text of an array of {"symbol", "path", "text"}; "[]" if the
 * error did not come from the daemon. Valid until the next call or close.
 */
const char *weft_error_problems(const struct weft_client *client);

#ifdef __cplusplus
}
#endif

#endif
