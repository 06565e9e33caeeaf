// SPDX-License-Identifier: BSD-3-Clause
// Where metrics are served: to this host only, as they tell what goes on in every network.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "model/check.h"

#define UNIX "unix:"

#define NOT_AN_ENDPOINT "is neither ADDRESS:PORT nor unix:/PATH"

static const char *parse_path(const char *path, struct metrics_endpoint *endpoint)
{
	if (path[0] != '/')
		return "does not name a path that begins with \"/\"";
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "names a path of more than 107 bytes";
	endpoint->path = path;
	return NULL;
}

// "ADDRESS" or, of IPv6, "[ADDRESS]".
static int parse_address(const char *text, size_t len, struct ip_addr *ip)
{
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	char copy[IP_TEXT_LEN];

	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return ip_parse(copy, ip) == 0 && ip_is_v4(ip) != brackets ? 0 : -EINVAL;
}

static int parse_port(const char *text, uint16_t *port)
{
	size_t len = strspn(text, "0123456789");
	long value = strtol(text, NULL, 10);

	if (len == 0 || len > 5 || text[len] != '\0' || value < 1 || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

static bool is_loopback(const struct ip_addr *ip)
{
	static const struct ip_addr loopback6 = {.b = {[15] = 1}};

	return ip_is_v4(ip) ? ip->b[12] == 127 : ip_equal(ip, &loopback6);
}

const char *metrics_endpoint_parse(const char *text, struct metrics_endpoint *endpoint)
{
	const char *colon = strrchr(text, ':');

	*endpoint = (struct metrics_endpoint){0};
	if (strncmp(text, UNIX, strlen(UNIX)) == 0)
		return parse_path(text + strlen(UNIX), endpoint);
	if (colon == NULL || parse_address(text, (size_t)(colon - text), &endpoint->address) < 0)
		return NOT_AN_ENDPOINT;
	if (parse_port(colon + 1, &endpoint->port) < 0)
		return "does not end with a port from 1 to 65535";
	if (!is_loopback(&endpoint->address))
		return "is not a loopback address, and metrics are only for this host";
	return NULL;
}

void check_metrics(struct check *check)
{
	const char *listen = check->model->metrics.listen;
	struct metrics_endpoint endpoint;
	const char *wrong = listen == NULL ? NULL : metrics_endpoint_parse(listen, &endpoint);

	if (wrong != NULL)
		check_report(check, E_VALUE, "metrics.listen",
			"\"%s\" %s; give one such as \"127.0.0.1:9469\", \"[::1]:9469\" or "
			"\"unix:/run/weft/metrics.sock\"",
			listen, wrong);
}
