// SPDX-License-Identifier: BSD-3-Clause
// The HTTP server of metrics. Whoever asks can not hold up packets or the control socket:
//
// - There are at most MAX_CONNECTIONS; further ones wait in the backlog. Each lives for one
//   request, and for LIFETIME at most, whatever it sends or does not read.
// - The page is served again for REUSE times as long as it took to write, so that no number of
//   requests takes more than a small share of the control thread. All connections share its bytes.

#include "control/metrics.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "control/socket_file.h"
#include "model/model.h"

#define LOG_MODULE "metrics"

#define PATH		 "/metrics"
#define CONTENT_TYPE	 "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define MAX_CONNECTIONS	 16
#define LIFETIME_NS	 (5 * NS_PER_S)
#define LOOK_INTERVAL_US 20000
#define MAX_HEADERS	 8192 // bytes of a request
#define MAX_BODY	 4096
#define BACKLOG		 16
#define REUSE		 10

// What was collected, shared by all who get it.
struct page {
	unsigned references;
	struct metrics_text text;
};

struct connection {
	struct bufferevent *stream; // with a reference of ours; NULL: the place is free
	uint64_t until_ns;
};

struct endpoint {
	char *text; // as configured; NULL: nowhere
	struct evconnlistener *listener;
	struct socket_file file; // of a UNIX socket
};

struct metrics {
	const struct control *control;
	struct event_base *base;
	struct evhttp *http;
	struct event *timer; // looks after the connections
	struct connection connections[MAX_CONNECTIONS];
	unsigned n_connections;
	struct endpoint current;
	struct evhttp_bound_socket *bound; // of current
	struct endpoint next;		   // during a commit
	bool changes;			   // current becomes next
	struct page *page;		   // NULL: none was written yet
	uint64_t page_until_ns;		   // when it is too old
};

// ---- the page ----------------------------------------------------------------------------------

static void page_release(struct page *page)
{
	if (page == NULL || --page->references > 0)
		return;
	free(page->text.bytes);
	free(page);
}

static void on_page_sent(const void *bytes, size_t len, void *arg)
{
	page_release(arg);
}

static struct page *current_page(struct metrics *m)
{
	uint64_t begin_ns = clock_now_ns(), end_ns;
	struct page *page;

	if (m->page != NULL && begin_ns < m->page_until_ns)
		return m->page;
	page = calloc(1, sizeof(*page));
	if (page == NULL)
		abort();
	page->references = 1;
	metrics_collect(m->control, &page->text);
	end_ns = clock_now_ns();
	page_release(m->page);
	m->page = page;
	m->page_until_ns = end_ns + REUSE * (end_ns - begin_ns);
	return page;
}

// ---- requests ----------------------------------------------------------------------------------

static void answer(
	struct evhttp_request *request, int code, const char *type, struct evbuffer *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	evhttp_add_header(headers, "Content-Type", type);
	// A connection has one request: who waits for its next one would keep others out.
	evhttp_add_header(headers, "Connection", "close");
	evhttp_send_reply(request, code, NULL, body);
	evbuffer_free(body);
}

static struct evbuffer *new_body(void)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL)
		abort();
	return body;
}

static void refuse(struct evhttp_request *request, int code, const char *text)
{
	struct evbuffer *body = new_body();

	evbuffer_add(body, text, strlen(text));
	answer(request, code, "text/plain; charset=utf-8", body);
}

static bool is_get(struct evhttp_request *request)
{
	if (evhttp_request_get_command(request) == EVHTTP_REQ_GET)
		return true;
	evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET");
	refuse(request, HTTP_BADMETHOD, "only GET is answered here\n");
	return false;
}

static void on_metrics(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body;
	struct page *page;

	if (!is_get(request))
		return;
	page = current_page(arg);
	page->references++;
	body = new_body();
	if (evbuffer_add_reference(body, page->text.bytes, page->text.len, on_page_sent, page) < 0)
		abort();
	answer(request, HTTP_OK, CONTENT_TYPE, body);
}

static void on_other(struct evhttp_request *request, void *arg)
{
	if (is_get(request))
		refuse(request, HTTP_NOTFOUND, "there is nothing here but " PATH "\n");
}

// ---- connections -------------------------------------------------------------------------------

static void look_soon(struct metrics *m)
{
	const struct timeval interval = {.tv_usec = LOOK_INTERVAL_US};

	if (!event_pending(m->timer, EV_TIMEOUT, NULL))
		event_add(m->timer, &interval);
}

// A new connection's stream. The HTTP server owns it, and does not tell when it is done with it: a
// reference of ours keeps it, so that we can look.
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct metrics *m = arg;
	struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	unsigned i = 0;

	if (stream == NULL)
		abort();
	while (i < MAX_CONNECTIONS && m->connections[i].stream != NULL)
		i++;
	assert(i < MAX_CONNECTIONS); // or nobody would be accepted
	bufferevent_incref(stream);
	m->connections[i].stream = stream;
	m->connections[i].until_ns = clock_now_ns() + LIFETIME_NS;
	if (++m->n_connections == MAX_CONNECTIONS)
		evconnlistener_disable(m->current.listener);
	look_soon(m);
	return stream;
}

// Whether the HTTP server has let go of a stream: it takes its callbacks away then, and only then.
static bool is_over(struct bufferevent *stream)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *arg;

	bufferevent_getcb(stream, &read, &write, &event, &arg);
	return read == NULL && write == NULL && event == NULL;
}

static void release(struct metrics *m, struct connection *connection)
{
	bufferevent_decref(connection->stream); // closes it
	connection->stream = NULL;
	m->n_connections--;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct metrics *m = arg;
	uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *connection = &m->connections[i];

		if (connection->stream == NULL)
			continue;
		if (is_over(connection->stream))
			release(m, connection);
		else if (now_ns >= connection->until_ns) // the HTTP server sees its end
			shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
	}
	if (m->n_connections < MAX_CONNECTIONS && m->current.listener != NULL)
		evconnlistener_enable(m->current.listener);
	if (m->n_connections > 0)
		look_soon(m);
}

// No file descriptors are left, mostly.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	log_limited(LOG_LEVEL_WARN, 10, "accept: %s",
		evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	evconnlistener_disable(listener);
	look_soon(arg);
}

// ---- where it listens --------------------------------------------------------------------------

static int listen_tcp(const struct metrics_endpoint *endpoint)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
	bool is_v4 = ip_is_v4(&endpoint->address);
	const struct sockaddr *address = is_v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

	if (fd < 0)
		return -errno;
	if (is_v4)
		in.sin_addr.s_addr = ip_v4(&endpoint->address);
	else
		memcpy(&in6.sin6_addr, endpoint->address.b, sizeof(in6.sin6_addr));
	// Connections of a weftd before this one may not be over.
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
		bind(fd, address, is_v4 ? sizeof(in) : sizeof(in6)) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void endpoint_close(struct endpoint *endpoint)
{
	if (endpoint->listener != NULL)
		evconnlistener_free(endpoint->listener);
	socket_file_remove(&endpoint->file);
	free(endpoint->text);
	*endpoint = (struct endpoint){0};
}

static int endpoint_open(struct metrics *m, struct endpoint *endpoint, const char *text)
{
	struct metrics_endpoint parsed;
	int fd;

	// The text was checked with the rest of the configuration.
	metrics_endpoint_parse(text, &parsed);
	fd = parsed.path != NULL ? socket_file_listen(&endpoint->file, parsed.path)
				 : listen_tcp(&parsed);
	if (fd < 0)
		return fd;
	endpoint->text = strdup(text);
	endpoint->listener = evconnlistener_new(m->base, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (endpoint->text == NULL || endpoint->listener == NULL)
		abort();
	return 0;
}

static const char *listen_error(int rc)
{
	if (rc == -EADDRINUSE)
		return "another program listens there";
	if (rc == -ENOTSOCK)
		return "there is a file of that name that is no socket";
	return strerror(-rc);
}

int metrics_prepare(struct metrics *m, const char *listen, struct problems *problems)
{
	const char *current = m->current.text;
	int rc;

	m->changes = (listen == NULL) != (current == NULL) ||
		     (listen != NULL && strcmp(listen, current) != 0);
	if (!m->changes || listen == NULL)
		return 0;
	rc = endpoint_open(m, &m->next, listen);
	if (rc < 0)
		problem_add(problems, E_IO, "metrics.listen", "can not listen on %s: %s", listen,
			listen_error(rc));
	return rc;
}

void metrics_undo(struct metrics *m)
{
	endpoint_close(&m->next);
	m->changes = false;
}

void metrics_follow(struct metrics *m)
{
	m->page_until_ns = 0; // the change shows at once
	if (!m->changes)
		return;
	m->changes = false;
	if (m->bound != NULL) {
		evhttp_del_accept_socket(m->http, m->bound); // frees the listener
		m->bound = NULL;
		m->current.listener = NULL;
	}
	endpoint_close(&m->current);
	m->current = m->next;
	m->next = (struct endpoint){0};
	if (m->current.listener == NULL) {
		log_info("metrics are served no more");
		return;
	}
	m->bound = evhttp_bind_listener(m->http, m->current.listener);
	if (m->bound == NULL)
		abort();
	evconnlistener_set_error_cb(m->current.listener, on_accept_error);
	if (m->n_connections < MAX_CONNECTIONS)
		evconnlistener_enable(m->current.listener);
	log_info("metrics are served listen=%s path=" PATH, m->current.text);
}

// ---- start and end -----------------------------------------------------------------------------

struct metrics *metrics_new(const struct control *control, struct event_base *base)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->control = control;
	m->base = base;
	m->timer = evtimer_new(base, on_timer, m);
	m->http = evhttp_new(base);
	if (m->timer == NULL || m->http == NULL ||
		evhttp_set_cb(m->http, PATH, on_metrics, m) != 0) {
		metrics_free(m);
		errno = ENOMEM;
		return NULL;
	}
	evhttp_set_gencb(m->http, on_other, m);
	evhttp_set_bevcb(m->http, on_connection, m);
	evhttp_set_max_headers_size(m->http, MAX_HEADERS);
	evhttp_set_max_body_size(m->http, MAX_BODY);
	// All that it knows, to be refused in the right way.
	evhttp_set_allowed_methods(m->http, UINT16_MAX);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	if (m->http != NULL)
		evhttp_free(m->http); // with the listener
	m->current.listener = NULL;
	endpoint_close(&m->current);
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
		if (m->connections[i].stream != NULL)
			release(m, &m->connections[i]);
	}
	if (m->timer != NULL)
		event_free(m->timer);
	page_release(m->page);
	free(m);
}
