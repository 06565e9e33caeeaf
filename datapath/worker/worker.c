// SPDX-License-Identifier: BSD-3-Clause
// The poll loop. A worker is a plain thread, registered with DPDK so that it has a mempool cache.
//
// Round: take the snapshot, receive from each queue of ours, run the pipeline, send what control
// injects, flush, report quiescent. No pointer into shared data survives the round.

#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/pipeline.h"
#include "tables/device.h"
#include "worker/idle.h"

#define LOG_MODULE "worker"

struct worker {
	struct workers *all;
	struct worker_ctx *ctx;
	struct counters *counters;
	unsigned index;
	unsigned cpu;
	pthread_t thread;
};

struct workers {
	struct tables *tables;
	bool stop; // atomic
	bool spin; // atomic
	unsigned n;
	struct worker workers[MAX_WORKERS];
};

// Returns the number of packets received.
static unsigned poll_round(struct worker *w, uint64_t now_ns)
{
	const struct snapshot *s;
	struct rte_mbuf *mbufs[BURST_SIZE];
	unsigned n_packets = 0;

	pipeline_begin(w->ctx, now_ns);
	s = pipeline_snapshot(w->ctx);
	for (unsigned i = 0; i < s->n_polls[w->index]; i++) {
		const struct poll_entry *e = &s->polls[w->index][i];
		struct device *device = s->devices[e->device];
		uint16_t n = device->rx_burst(device, e->queue, mbufs, BURST_SIZE);

		if (n == 0)
			continue;
		pipeline_run(w->ctx, e->device, mbufs, n);
		counter_add(&w->counters->bursts, 1);
		n_packets += n;
	}
	pipeline_inject(w->ctx);
	pipeline_flush(w->ctx);
	counter_add(&w->counters->polls, 1);
	counter_add(&w->counters->packets, n_packets);
	return n_packets;
}

static void sleep_offline(struct worker *w, uint64_t ns)
{
	const struct timespec duration = {.tv_nsec = ns};

	rcu_reader_offline(w->all->tables->rcu, w->index);
	nanosleep(&duration, NULL); // a signal may end it early
	rcu_reader_online(w->all->tables->rcu, w->index);
}

static void run(struct worker *w)
{
	struct rcu *rcu = w->all->tables->rcu;
	struct idle idle = {.busy_ns = clock_now_ns()};
	uint64_t last_tsc = rte_rdtsc();

	rcu_reader_online(rcu, w->index);
	while (!__atomic_load_n(&w->all->stop, __ATOMIC_ACQUIRE)) {
		uint64_t now_ns = clock_now_ns();
		bool busy = poll_round(w, now_ns) > 0;
		uint64_t sleep_ns = idle_after_round(&idle, now_ns, busy);
		uint64_t tsc;

		rcu_quiescent(rcu, w->index);
		if (sleep_ns > 0 && !__atomic_load_n(&w->all->spin, __ATOMIC_RELAXED))
			sleep_offline(w, sleep_ns);
		tsc = rte_rdtsc();
		if (busy)
			counter_add(&w->counters->busy_cycles, tsc - last_tsc);
		else
			counter_add(&w->counters->idle_cycles, tsc - last_tsc);
		last_tsc = tsc;
	}
	poll_round(w, clock_now_ns()); // what control sent before it said stop
	rcu_reader_offline(rcu, w->index);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	prctl(PR_SET_TIMERSLACK, 1); // sleeps of 5 us are meant
	if (rte_thread_register() < 0)
		log_warn("no buffer cache for this worker index=%u error=\"%s\"", w->index,
			rte_strerror(rte_errno));
	run(w);
	// what the transmit buffers still hold goes back while this thread has its mempool cache
	worker_ctx_free(w->ctx);
	rte_thread_unregister();
	return NULL;
}

static int start(struct worker *w)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	char name[16];
	int ret;

	w->ctx = worker_ctx_new(w->all->tables, w->index);
	if (w->ctx == NULL)
		return -errno;
	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	ret = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	if (ret != 0) {
		worker_ctx_free(w->ctx);
		return -ret;
	}
	snprintf(name, sizeof(name), "worker-%u", w->index);
	pthread_setname_np(w->thread, name);
	log_info("worker started index=%u cpu=%u", w->index, w->cpu);
	return 0;
}

struct workers *workers_start(struct tables *tables, const struct worker_cpus *cpus, bool spin)
{
	struct workers *all = calloc(1, sizeof(*all));
	sigset_t every, old;
	int ret = 0;

	if (all == NULL)
		return NULL;
	all->tables = tables;
	all->spin = spin;
	// signals are for the control thread; workers inherit this mask
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &old);
	while (all->n < cpus->n && ret == 0) {
		struct worker *w = &all->workers[all->n];

		w->all = all;
		w->index = all->n;
		w->cpu = cpus->cpus[all->n];
		w->counters = tables->counters[all->n];
		ret = start(w);
		if (ret == 0)
			all->n++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret < 0) {
		workers_stop(all);
		errno = -ret;
		return NULL;
	}
	return all;
}

void workers_set_spin(struct workers *workers, bool spin)
{
	__atomic_store_n(&workers->spin, spin, __ATOMIC_RELAXED);
}

void workers_stop(struct workers *workers)
{
	__atomic_store_n(&workers->stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < workers->n; i++)
		pthread_join(workers->workers[i].thread, NULL);
	free(workers);
}
