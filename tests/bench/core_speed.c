// SPDX-License-Identifier: BSD-3-Clause
// core_speed CPU MILLISECONDS: prints how many additions a nanosecond the CPU does just now, when
// most of them need not wait for each other. Takes the CPU away from all that is not real-time.

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_ADDERS 8
#define N_ROUNDS 20000

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void add(void)
{
	uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;

	for (unsigned i = 0; i < N_ROUNDS; i++) {
		a++, b++, c++, d++, e++, f++, g++, h++;
		// As if each was looked at: no two rounds are made one.
		__asm__ volatile(
			""
			: "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h));
	}
}

static int take_cpu(int cpu)
{
	struct sched_param parameters = {.sched_priority = 1};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0)
		return -1;
	return sched_setscheduler(0, SCHED_FIFO, &parameters);
}

int main(int argc, char **argv)
{
	double begin, end, n = 0;

	if (argc != 3 || atoi(argv[2]) <= 0) {
		fprintf(stderr, "usage: core_speed CPU MILLISECONDS\n");
		return 2;
	}
	if (take_cpu(atoi(argv[1])) != 0) {
		perror("core_speed: taking the CPU");
		return 1;
	}
	begin = now_ns();
	do {
		add();
		n += (double)N_ADDERS * N_ROUNDS;
		end = now_ns();
	} while (end - begin < atoi(argv[2]) * 1e6);
	printf("%.2f\n", n / (end - begin));
	return 0;
}
