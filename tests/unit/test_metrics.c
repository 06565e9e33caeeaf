// SPDX-License-Identifier: BSD-3-Clause
// The text of metrics, and where they may be served.

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "control/metrics_text.h"
#include "model/model.h"
#include "suite.h"

#define LABELS(...)                                                                                \
	(const struct metric_label[]){__VA_ARGS__},                                                \
		ARRAY_SIZE(((const struct metric_label[]){__VA_ARGS__}))

static void expect_text(struct metrics_text *text, const char *expected)
{
	ck_assert_msg(
		text->len == strlen(expected) && memcmp(text->bytes, expected, text->len) == 0,
		"is:\n%.*s\nshould be:\n%s", (int)text->len, text->bytes, expected);
	free(text->bytes);
}

START_TEST(empty_page_has_its_end)
{
	struct metrics_text text = {0};

	metrics_end(&text);
	expect_text(&text, "# EOF\n");
}
END_TEST

START_TEST(each_type_has_its_suffix)
{
	static const struct metric_family counter = {
		"weft_rx_bytes", METRIC_COUNTER, "bytes", "bytes received"};
	static const struct metric_family gauge = {"weft_up", METRIC_GAUGE, NULL, "whether it is"};
	static const struct metric_family info = {"weft_build", METRIC_INFO, NULL, "versions"};
	struct metrics_text text = {0};

	metrics_family(&text, &counter);
	metrics_count(&text, LABELS({"port", "web"}, {"network", ""}), UINT64_MAX);
	metrics_count(&text, LABELS({"port", "db"}, {"network", "n"}), 0);
	metrics_family(&text, &gauge);
	metrics_real(&text, NULL, 0, 0.25);
	metrics_family(&text, &info);
	metrics_count(&text, LABELS({"version", "1"}), 1);
	metrics_end(&text);
	expect_text(&text, "# TYPE weft_rx_bytes counter\n"
			   "# UNIT weft_rx_bytes bytes\n"
			   "# HELP weft_rx_bytes bytes received\n"
			   "weft_rx_bytes_total{port=\"web\",network=\"\"} 18446744073709551615\n"
			   "weft_rx_bytes_total{port=\"db\",network=\"n\"} 0\n"
			   "# TYPE weft_up gauge\n"
			   "# HELP weft_up whether it is\n"
			   "weft_up 0.25\n"
			   "# TYPE weft_build info\n"
			   "# HELP weft_build versions\n"
			   "weft_build_info{version=\"1\"} 1\n"
			   "# EOF\n");
}
END_TEST

START_TEST(labels_and_help_are_escaped)
{
	static const struct metric_family family = {
		"weft_x", METRIC_GAUGE, NULL, "a \"b\" \\ c\nd"};
	struct metrics_text text = {0};

	metrics_family(&text, &family);
	metrics_count(&text, LABELS({"device", "pcap:a\\b,\"c\"\n\xc3\xa9"}), 7);
	expect_text(&text, "# TYPE weft_x gauge\n"
			   "# HELP weft_x a \\\"b\\\" \\\\ c\\nd\n"
			   "weft_x{device=\"pcap:a\\\\b,\\\"c\\\"\\n\xc3\xa9\"} 7\n");
}
END_TEST

START_TEST(text_grows)
{
	static const struct metric_family family = {"weft_x", METRIC_GAUGE, NULL, "many"};
	struct metrics_text text = {0};
	char label[1000];
	size_t len;

	memset(label, '"', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	metrics_family(&text, &family);
	len = text.len;
	for (uint64_t i = 0; i < 1000; i++)
		metrics_count(&text, LABELS({"l", label}), 1000 + i);
	ck_assert_uint_eq(text.len - len, 1000 * strlen("weft_x{l=\"\"} 1000\n") + 1000 * 2 * 999);
	ck_assert_mem_eq(text.bytes + text.len - 10, "\\\"\"} 1999\n", 10);
	free(text.bytes);
}
END_TEST

// ---- where they may be served ------------------------------------------------------------------

static void expect_endpoint(const char *listen, const char *address, uint16_t port)
{
	struct metrics_endpoint endpoint;
	char text[IP_TEXT_LEN];

	ck_assert_ptr_null(metrics_endpoint_parse(listen, &endpoint));
	ck_assert_ptr_null(endpoint.path);
	ck_assert_str_eq(ip_format(&endpoint.address, text), address);
	ck_assert_uint_eq(endpoint.port, port);
}

START_TEST(endpoints_of_this_host)
{
	struct metrics_endpoint endpoint;

	expect_endpoint("127.0.0.1:9469", "127.0.0.1", 9469);
	expect_endpoint("127.255.0.9:1", "127.255.0.9", 1);
	expect_endpoint("[::1]:65535", "::1", 65535);
	ck_assert_ptr_null(metrics_endpoint_parse("unix:/run/weft/m.sock", &endpoint));
	ck_assert_str_eq(endpoint.path, "/run/weft/m.sock");
}
END_TEST

START_TEST(other_endpoints)
{
	static const struct {
		const char *listen, *wrong;
	} wrongs[] = {
		{"0.0.0.0:9469", "is not a loopback address"},
		{"192.0.2.1:9469", "is not a loopback address"},
		{"[::]:9469", "is not a loopback address"},
		{"[2001:db8::1]:9469", "is not a loopback address"},
		{"127.0.0.1", "is neither"},
		{"127.0.0.1:", "does not end with a port"},
		{"127.0.0.1:0", "does not end with a port"},
		{"127.0.0.1:65536", "does not end with a port"},
		{"127.0.0.1:+80", "does not end with a port"},
		{"127.0.0.1:80 ", "does not end with a port"},
		{"127.0.0.1:999999999999", "does not end with a port"},
		{"[127.0.0.1]:9469", "is neither"},
		{"::1:9469", "is neither"},
		{"[::1:9469", "is neither"},
		{"localhost:9469", "is neither"},
		{":9469", "is neither"},
		{"9469", "is neither"},
		{"tcp:/x", "is neither"},
		{"0000000000000000000000000000000000000000000000000:1", "is neither"},
		{"unix:", "does not name a path"},
		{"unix:m.sock", "does not name a path"},
	};
	char longest[5 + 108 + 1] = "unix:/";
	struct metrics_endpoint endpoint;

	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		const char *wrong = metrics_endpoint_parse(wrongs[i].listen, &endpoint);

		ck_assert_msg(wrong != NULL, "%s was accepted", wrongs[i].listen);
		ck_assert_msg(strncmp(wrong, wrongs[i].wrong, strlen(wrongs[i].wrong)) == 0,
			"%s %s", wrongs[i].listen, wrong);
	}
	memset(longest + 6, 'x', 106);
	ck_assert_ptr_null(metrics_endpoint_parse(longest, &endpoint));
	longest[6 + 106] = 'x';
	ck_assert_str_eq(
		metrics_endpoint_parse(longest, &endpoint), "names a path of more than 107 bytes");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {empty_page_has_its_end, each_type_has_its_suffix,
		labels_and_help_are_escaped, text_grows, endpoints_of_this_host, other_endpoints};

	return suite_main("metrics", tests, ARRAY_SIZE(tests));
}
