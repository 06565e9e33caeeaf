// SPDX-License-Identifier: BSD-3-Clause
// The few things every layer stands on: arena, clock, log, problems, nearest word.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/problem.h"
#include "base/util.h"
#include "suite.h"

#define LOG_MODULE "test"

START_TEST(arena_gives_zeroed_aligned_memory)
{
	struct arena *arena = arena_new();

	for (size_t size = 1; size < 40000; size = size * 2 + 1) {
		uint8_t *p = arena_alloc(arena, size);

		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, size); // must not reach into the next one
	}
	arena_free(arena);
	arena_free(NULL);
}
END_TEST

START_TEST(arena_copies_and_prints_text)
{
	struct arena *arena = arena_new();
	char *copy = arena_strdup(arena, "web");
	char *text = arena_printf(arena, "ports.%s[%d]", copy, 7);

	ck_assert_str_eq(copy, "web");
	ck_assert_str_eq(text, "ports.web[7]");
	ck_assert_str_eq(arena_printf(arena, "%s", ""), "");
	arena_free(arena);
}
END_TEST

START_TEST(clock_stands_still_when_told)
{
	uint64_t before = clock_now_ns();

	clock_use_virtual(5 * NS_PER_S);
	ck_assert_uint_eq(clock_now_ns(), 5 * NS_PER_S);
	clock_advance(NS_PER_MS);
	ck_assert_uint_eq(clock_now_ns(), 5 * NS_PER_S + NS_PER_MS);
	clock_use_real();
	ck_assert_uint_ge(clock_now_ns(), before);
}
END_TEST

START_TEST(log_limit_swallows_and_counts)
{
	struct log_limit limit = {0};
	uint32_t suppressed = 99;

	clock_use_virtual(NS_PER_S);
	ck_assert(log_limit_pass(&limit, 10 * NS_PER_S, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	ck_assert(!log_limit_pass(&limit, 10 * NS_PER_S, &suppressed));
	clock_advance(10 * NS_PER_S - 1);
	ck_assert(!log_limit_pass(&limit, 10 * NS_PER_S, &suppressed));
	clock_advance(1);
	ck_assert(log_limit_pass(&limit, 10 * NS_PER_S, &suppressed));
	ck_assert_uint_eq(suppressed, 2);
	clock_use_real();
}
END_TEST

// What the test's own stderr got since it was pointed at a file.
static const char *captured(FILE *file)
{
	static char text[4096];
	size_t n;

	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	return text;
}

START_TEST(log_prints_lines_up_to_a_level)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO); // this test is a process of its own
	log_info("started cpu=%d", 1);
	log_debug("not shown");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("not shown");
	log_error("broken");
	ck_assert_str_eq(captured(file),
		"info test: started cpu=1\ndebug test: shown\nerror test: broken\n");
	fclose(file);
}
END_TEST

START_TEST(log_cuts_long_lines)
{
	FILE *file = tmpfile();
	char word[3000];
	const char *text;

	ck_assert_ptr_nonnull(file);
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	log_error("%s", word);
	text = captured(file);
	ck_assert_uint_lt(strlen(text), sizeof(word));
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	fclose(file);
}
END_TEST

START_TEST(log_levels_have_names)
{
	enum log_level level = LOG_LEVEL_ERROR;

	ck_assert_int_eq(log_level_parse("debug", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_level_parse("Debug", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(problems_keep_symbol_path_and_sentence)
{
	struct problems problems = PROBLEMS_INIT;

	problem_add(&problems, E_VALUE, "tunnel.port", "port %d is too large", 70000);
	problem_add(&problems, E_PARSE, "", "line 1");
	ck_assert_uint_eq(problems.n, 2);
	ck_assert_int_eq(problems.list[0].symbol, E_VALUE);
	ck_assert_str_eq(problems.list[0].path, "tunnel.port");
	ck_assert_str_eq(problems.list[0].text, "port 70000 is too large");
	ck_assert_str_eq(problems.list[1].path, "");
	problems_free(&problems);
	ck_assert_uint_eq(problems.n, 0);
	problems_free(&problems);
}
END_TEST

START_TEST(symbols_have_names_and_sentences)
{
	ck_assert_str_eq(error_symbol_name(E_NET_VNI_IN_USE), "E_NET_VNI_IN_USE");
	for (enum error_symbol symbol = 0; symbol < N_ERROR_SYMBOLS; symbol++) {
		ck_assert_int_eq(strncmp(error_symbol_name(symbol), "E_", 2), 0);
		ck_assert_uint_gt(strlen(error_symbol_text(symbol)), 10);
	}
}
END_TEST

START_TEST(nearest_word_is_near)
{
	static const char *const known[] = {"mtu", "admin-state", "segments", "vlan", "vlans"};
	const size_t n = ARRAY_SIZE(known);

	ck_assert_str_eq(nearest_word("mut", known, n), "mtu");
	ck_assert_str_eq(nearest_word("adminstate", known, n), "admin-state");
	ck_assert_str_eq(nearest_word("segment", known, n), "segments");
	ck_assert_str_eq(nearest_word("vlans", known, n), "vlans");
	ck_assert_ptr_null(nearest_word("remotes", known, n));
	ck_assert_ptr_null(nearest_word("mtu", known, 0));
	ck_assert_ptr_null(nearest_word(
		"segmentssegmentssegmentssegmentssegmentssegmentssegmentssegmentssegments", known,
		n));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		arena_gives_zeroed_aligned_memory,
		arena_copies_and_prints_text,
		clock_stands_still_when_told,
		log_limit_swallows_and_counts,
		log_prints_lines_up_to_a_level,
		log_cuts_long_lines,
		log_levels_have_names,
		problems_keep_symbol_path_and_sentence,
		symbols_have_names_and_sentences,
		nearest_word_is_near,
	};

	return suite_main("base", tests, ARRAY_SIZE(tests));
}
