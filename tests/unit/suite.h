// SPDX-License-Identifier: BSD-3-Clause
// Runs a list of tests as a suite of one case, with what is to be done before and after each.

#pragma once

#include <stddef.h>
#include <stdlib.h>

#include <check.h>

static inline int suite_main_with(const char *name, const TTest *const *tests, size_t n_tests,
	void (*setup)(void), void (*teardown)(void))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60); // of each test, on a machine that is busy with others
	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(tcase, tests[i]);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int suite_main(const char *name, const TTest *const *tests, size_t n_tests)
{
	return suite_main_with(name, tests, n_tests, NULL, NULL);
}
