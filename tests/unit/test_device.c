// SPDX-License-Identifier: BSD-3-Clause
// Device texts: "driver:name[,key=value]".

#include <errno.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "suite.h"
#include "tables/device.h"

static char seen_name[64], seen_options[64];
static unsigned n_closed;

static int fake_open(struct device *device, const struct device_request *request, const char *path,
	struct problems *problems)
{
	snprintf(seen_name, sizeof(seen_name), "%s", request->name);
	snprintf(seen_options, sizeof(seen_options), "%s", request->options);
	if (strcmp(request->name, "broken") == 0) {
		problem_add(problems, E_DEV_OPEN, path, "broken");
		return -EIO;
	}
	device->n_rxq = request->n_workers;
	return 0;
}

static void fake_close(struct device *device)
{
	n_closed++;
}

static const struct device_driver fake = {
	.word = "fake", .help = "fake:NAME", .open = fake_open, .close = fake_close};
static const struct device_driver file = {.word = "file",
	.help = "file:IN[,OUT]",
	.name_optional = true,
	.open = fake_open,
	.close = fake_close};

static struct device *open_text(const char *text, struct problems *problems)
{
	struct device_request request = {.text = text, .mtu = 1450, .n_workers = 2};

	device_driver_register(&fake);
	device_driver_register(&file);
	return device_open(&request, "ports.x.device", problems);
}

START_TEST(text_is_split)
{
	static const struct {
		const char *text, *name, *options;
	} cases[] = {
		{"fake:a", "a", ""},
		{"fake:a,b=1", "a", "b=1"},
		{"fake:a,b=1,c=2", "a", "b=1,c=2"},
		{"fake:a:b", "a:b", ""},
		{"fake:/run/x y", "/run/x y", ""},
		{"file:,out", "", "out"},
		{"file:in,out", "in", "out"},
	};
	struct problems problems = PROBLEMS_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device *d = open_text(cases[i].text, &problems);

		ck_assert_msg(d != NULL, "\"%s\"", cases[i].text);
		ck_assert_str_eq(d->text, cases[i].text);
		ck_assert_str_eq(seen_name, cases[i].name);
		ck_assert_str_eq(seen_options, cases[i].options);
		ck_assert_uint_eq(d->mtu, 1450);
		ck_assert_uint_eq(d->n_rxq, 2);
		n_closed = 0;
		device_close(d);
		ck_assert_uint_eq(n_closed, 1);
	}
	ck_assert_uint_eq(problems.n, 0);
	device_close(NULL);
}
END_TEST

START_TEST(bad_text_is_refused)
{
	static const char *const bad[] = {"", "fake", ":a", "fake:", "fake:,b=1",
		"file:", "other:a", "fak:a", "fakes:a", "Fake:a"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct problems problems = PROBLEMS_INIT;

		ck_assert_msg(open_text(bad[i], &problems) == NULL, "\"%s\"", bad[i]);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_uint_eq(problems.n, 1);
		ck_assert_int_eq(problems.list[0].symbol, E_CFG_DEVICE);
		ck_assert_str_eq(problems.list[0].path, "ports.x.device");
		problems_free(&problems);
	}
}
END_TEST

START_TEST(unknown_driver_lists_the_known)
{
	struct problems problems = PROBLEMS_INIT;

	ck_assert_ptr_null(open_text("other:a", &problems));
	ck_assert_ptr_nonnull(strstr(problems.list[0].text, "\"other\""));
	ck_assert_str_eq(strstr(problems.list[0].text, "fake"), "fake, file"); // each once
	problems_free(&problems);
}
END_TEST

START_TEST(failed_open_leaves_nothing)
{
	struct problems problems = PROBLEMS_INIT;

	n_closed = 0;
	ck_assert_ptr_null(open_text("fake:broken", &problems));
	ck_assert_int_eq(errno, EIO);
	ck_assert_uint_eq(n_closed, 0);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_int_eq(problems.list[0].symbol, E_DEV_OPEN);
	problems_free(&problems);
}
END_TEST

START_TEST(registry)
{
	device_driver_register(&fake);
	device_driver_register(&file);
	device_driver_register(&fake); // again: still one
	ck_assert_ptr_eq(device_driver_find("file:x", 4), &file);
	ck_assert_ptr_null(device_driver_find("file", 3));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		text_is_split,
		bad_text_is_refused,
		unknown_driver_lists_the_known,
		failed_open_leaves_nothing,
		registry,
	};

	return suite_main("device", tests, ARRAY_SIZE(tests));
}
