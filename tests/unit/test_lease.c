// SPDX-License-Identifier: BSD-3-Clause
// Leases and their journal: what a new process finds after a stop, a kill at any byte, and damage.

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "slowpath/lease.h"
#include "suite.h"

#define A_MAC 0xfa163ede6e86u
#define B_MAC 0xfa163e74ad39u

static char directory[64];
static char journal[96];
static struct leases *leases;

static void setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/weft-lease-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(journal, sizeof(journal), "%s/leases", directory);
	clock_use_virtual(1000 * NS_PER_S);
	leases = leases_open(directory);
	ck_assert_ptr_nonnull(leases);
}

static void teardown(void)
{
	char command[96];

	leases_close(leases);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
	clock_use_real();
}

static void reopen(void)
{
	leases_close(leases);
	leases = leases_open(directory);
	ck_assert_ptr_nonnull(leases);
}

static uint32_t ip(uint8_t last)
{
	return htonl(0xac100100u + last);
}

static uint64_t in_s(uint64_t seconds)
{
	return clock_now_ns() + seconds * NS_PER_S;
}

static off_t journal_len(void)
{
	struct stat st;

	ck_assert_int_eq(stat(journal, &st), 0);
	return st.st_size;
}

static struct lease found[300];
static size_t n_found;

static void note(const struct lease *lease, void *arg)
{
	(void)arg;
	found[n_found++ % ARRAY_SIZE(found)] = *lease;
}

static size_t look(void)
{
	n_found = 0;
	leases_visit(leases, note, NULL);
	return n_found;
}

// As a process sees it that has just begun; a second may pass between writing and reading.
static void lease_is(size_t i, const char *network, uint8_t last, uint64_t mac, uint64_t left_s)
{
	int64_t left_ns = (int64_t)(found[i].expires_ns - clock_now_ns());

	ck_assert_str_eq(found[i].network, network);
	ck_assert_uint_eq(found[i].address, ip(last));
	ck_assert_uint_eq(found[i].mac, mac);
	if (llabs(left_ns - (int64_t)(left_s * NS_PER_S)) > (int64_t)(2 * NS_PER_S))
		ck_abort_msg("%jd s left", (intmax_t)(left_ns / 1000000000));
}

START_TEST(leases_survive_a_restart)
{
	ck_assert_int_eq(lease_grant(leases, "vxlan2", ip(33), A_MAC, in_s(86400)), 0);
	ck_assert_int_eq(lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(86400)), 0);
	ck_assert_int_eq(lease_grant(leases, "vxlan1", ip(17), B_MAC, in_s(300)), 0);
	ck_assert_int_eq(lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(4000)), 0); // renewed
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(look(), 3);
		lease_is(0, "vxlan1", 17, B_MAC, 300);
		lease_is(1, "vxlan1", 33, A_MAC, 4000);
		lease_is(2, "vxlan2", 33, A_MAC, 86400);
		reopen();
	}
}
END_TEST

START_TEST(released_and_expired_leases_do_not)
{
	lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(86400));
	lease_grant(leases, "vxlan1", ip(17), B_MAC, in_s(300));
	ck_assert_int_eq(lease_release(leases, "vxlan1", ip(33), B_MAC), 0); // not its own
	ck_assert_uint_eq(look(), 2);
	ck_assert_int_eq(lease_release(leases, "vxlan1", ip(33), A_MAC), 0);
	ck_assert_int_eq(lease_release(leases, "vxlan1", ip(99), A_MAC), 0); // there is none
	ck_assert_uint_eq(look(), 1);
	clock_advance(299 * NS_PER_S);
	leases_poll(leases, clock_now_ns());
	ck_assert_uint_eq(leases_count(leases), 1);
	clock_advance(NS_PER_S);
	ck_assert_uint_eq(look(), 0);
	leases_poll(leases, clock_now_ns());
	ck_assert_uint_eq(leases_count(leases), 0);
	reopen();
	ck_assert_uint_eq(look(), 1); // by the wall clock, 300 s have not passed
	lease_is(0, "vxlan1", 17, B_MAC, 300);
}
END_TEST

START_TEST(a_declined_address_is_held)
{
	lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(86400));
	ck_assert_uint_eq(lease_held_until(leases, "vxlan1", ip(33)), 0);
	ck_assert_int_eq(lease_decline(leases, "vxlan1", ip(33), A_MAC, in_s(600)), 0);
	ck_assert_uint_eq(lease_held_until(leases, "vxlan1", ip(33)), in_s(600));
	ck_assert_uint_eq(lease_held_until(leases, "vxlan2", ip(33)), 0);
	reopen();
	uint64_t until_ns = lease_held_until(leases, "vxlan1", ip(33));
	ck_assert(until_ns >= in_s(598) && until_ns <= in_s(601));
	ck_assert_uint_eq(look(), 1);
	ck_assert_uint_eq(found[0].expires_ns, 0);
	// A lease after that does not end the conflict.
	lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(86400));
	ck_assert_uint_ne(lease_held_until(leases, "vxlan1", ip(33)), 0);
	clock_advance(602 * NS_PER_S);
	leases_poll(leases, clock_now_ns());
	ck_assert_uint_eq(look(), 1);
	lease_is(0, "vxlan1", 33, A_MAC, 86400 - 602);
}
END_TEST

// Whatever byte a crash stops at, all leases whose line is whole are there, and new ones go on.
START_TEST(a_torn_line_is_left_out)
{
	char text[4096];

	for (uint8_t i = 1; i <= 3; i++)
		lease_grant(leases, "vxlan1", ip(i), A_MAC + i, in_s(86400));
	leases_close(leases);
	FILE *file = fopen(journal, "re");
	size_t len = fread(text, 1, sizeof(text), file);
	fclose(file);
	ck_assert_uint_eq(text[len - 1], '\n');

	for (size_t cut = 0; cut <= len; cut++) {
		size_t n_whole = 0;

		for (size_t i = 0; i < cut; i++)
			n_whole += text[i] == '\n';
		file = fopen(journal, "we");
		fwrite(text, 1, cut, file);
		fclose(file);
		leases = leases_open(directory);
		if (leases == NULL || look() != n_whole)
			ck_abort_msg("cut at %zu", cut);
		lease_grant(leases, "vxlan1", ip(9), B_MAC, in_s(60));
		reopen();
		if (look() != n_whole + 1)
			ck_abort_msg("cut at %zu, then one more", cut);
		leases_close(leases);
	}
	leases = leases_open(directory);
}
END_TEST

START_TEST(lines_that_can_not_be_read_are_left_out)
{
	FILE *file = fopen(journal, "ae");
	long long now_s = time(NULL);

	fprintf(file, "\nhello\nvxlan1 172.16.1.300 fa:16:3e:de:6e:86 %lld 0\n", now_s + 60);
	fprintf(file, "vxlan1 172.16.1.1 fa:16:3e:de:6e %lld 0\n", now_s + 60);
	fprintf(file, "vxlan1 fe80::1 fa:16:3e:de:6e:86 %lld 0\n", now_s + 60);
	fprintf(file, "vxlan1 172.16.1.2 fa:16:3e:de:6e:86 %lld 0 more\n", now_s + 60);
	fprintf(file, "vxlan1 172.16.1.3 fa:16:3e:de:6e:86 -9223372036854775808 -1\n");
	fprintf(file, "vxlan1 172.16.1.4 fa:16:3e:de:6e:86 9223372036854775807 0\n");
	fprintf(file, "vxlan1 172.16.1.5 fa:16:3e:de:6e:86 %lld 0\n", now_s + 60);
	fclose(file);
	reopen();
	ck_assert_uint_eq(look(), 2);
	lease_is(0, "vxlan1", 4, A_MAC, UINT32_MAX); // as long as a lease can be
	lease_is(1, "vxlan1", 5, A_MAC, 60);
}
END_TEST

START_TEST(the_journal_does_not_grow_without_bound)
{
	off_t longest = 0;

	for (unsigned round = 0; round < 40; round++) {
		for (uint8_t i = 0; i < 200; i++)
			lease_grant(leases, "vxlan1", ip(i), A_MAC + i, in_s(86400 + round));
		clock_advance(NS_PER_S);
		leases_poll(leases, clock_now_ns());
		if (journal_len() > longest)
			longest = journal_len();
	}
	ck_assert_int_lt(longest, 200000); // 40 rounds are 400,000 bytes
	reopen();
	ck_assert_uint_eq(look(), 200);
	lease_is(0, "vxlan1", 0, A_MAC, 86400 + 39 - 1);
	ck_assert_int_lt(journal_len(), 200 * 80); // written anew at the start
}
END_TEST

static bool of_vxlan1(const struct lease *lease, void *arg)
{
	return strcmp(lease->network, arg) == 0;
}

START_TEST(what_is_not_kept_is_forgotten)
{
	lease_grant(leases, "old", ip(1), A_MAC, in_s(60));
	lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(60));
	leases_keep(leases, of_vxlan1, "vxlan1");
	ck_assert_uint_eq(look(), 1);
	reopen();
	ck_assert_uint_eq(look(), 1);
	lease_is(0, "vxlan1", 33, A_MAC, 60);
}
END_TEST

// What was granted before a kill -9 is there after it.
START_TEST(a_killed_process_has_forgotten_nothing)
{
	leases_close(leases);
	pid_t child = fork();
	if (child == 0) {
		leases = leases_open(directory);
		for (uint8_t i = 0; i < 200; i++)
			lease_grant(leases, "vxlan1", ip(i), A_MAC + i, in_s(86400));
		raise(SIGKILL);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	leases = leases_open(directory);
	ck_assert_uint_eq(look(), 200);
}
END_TEST

START_TEST(without_a_directory_all_is_forgotten)
{
	leases_close(leases);
	leases = leases_open(NULL);
	ck_assert_int_eq(lease_grant(leases, "vxlan1", ip(33), A_MAC, in_s(60)), 0);
	ck_assert_uint_eq(look(), 1);
	leases_poll(leases, clock_now_ns());
	leases_close(leases);
	leases = leases_open(NULL);
	ck_assert_uint_eq(look(), 0);
	ck_assert_ptr_null(leases_open("/nowhere/at/all"));
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

// A full disk: the lease is remembered, the caller is told, and what was written is whole.
START_TEST(a_journal_that_can_not_be_written)
{
	lease_grant(leases, "vxlan1", ip(1), A_MAC, in_s(86400));
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = {(rlim_t)journal_len() + 10, RLIM_INFINITY};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		int error = lease_grant(leases, "vxlan1", ip(2), A_MAC, in_s(86400));
		_exit(error == -EFBIG && look() == 2 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(lease_grant(leases, "vxlan1", ip(3), A_MAC, in_s(86400)), 0);
	reopen();
	ck_assert_uint_eq(look(), 2);
	lease_is(1, "vxlan1", 3, A_MAC, 86400);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		leases_survive_a_restart,
		released_and_expired_leases_do_not,
		a_declined_address_is_held,
		a_torn_line_is_left_out,
		lines_that_can_not_be_read_are_left_out,
		the_journal_does_not_grow_without_bound,
		what_is_not_kept_is_forgotten,
		a_killed_process_has_forgotten_nothing,
		without_a_directory_all_is_forgotten,
		a_journal_that_can_not_be_written,
	};

	return suite_main_with("lease", tests, ARRAY_SIZE(tests), setup, teardown);
}
