/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Threads that wait for events. */
#include <errno.h>
#include <time.h>

#include "stress.h"

static struct {
	pthread_t	thread;
	struct lwp	*lwp;
} readers[NREADERS];

/* Each gets its jail's events, or with 0 all jails', once and in order. */
static void *
reader_run(void *cookie)
{
	const struct timespec moment = { 0, 1000000 };
	const size_t i = (size_t)cookie;
	struct jail_snapshot *js;
	struct jail_event *je;
	uint64_t since = 0;
	char name[128];
	size_t size;
	u_int n;
	int error;

	js = malloc(BUFFER);
	if (js == NULL)
		panic("stress: no memory");
	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED)) {
		n = i == 0 ? 0 : __atomic_load_n(&lastid, __ATOMIC_RELAXED);
		(void)snprintf(name, sizeof(name), "security.models.jail."
		    "events.%u.%u.%u.1", n, (u_int)(since >> 32),
		    (u_int)since);
		size = BUFFER;
		error = hk_lwp_sysctl(readers[i].lwp, name, NULL, 0, js,
		    &size);
		count(WAIT, error);
		if (error == ESRCH && n != 0) {
			nanosleep(&moment, NULL);
			continue;
		}
		if (error == EINTR && __atomic_load_n(&ending,
		    __ATOMIC_RELAXED))
			break;
		if (error != 0 || js->js_count == 0)
			panic("stress: a reader waits: error %d, %zu bytes",
			    error, size);
		je = (struct jail_event *)(js + 1);
		for (n = 0; n < js->js_count; n++) {
			if (je[n].je_seq <= since)
				panic("stress: event %llu again",
				    (unsigned long long)je[n].je_seq);
		}
		for (n = 0; n < js->js_count; n++) {
			if (je[n].je_seq > since)
				since = je[n].je_seq;
		}
	}
	free(js);
	return NULL;
}

void
readers_begin(struct proc *p)
{
	size_t i;

	for (i = 0; i < NREADERS; i++) {
		readers[i].lwp = hk_lwp_new(p);
		if (pthread_create(&readers[i].thread, NULL, reader_run,
		    (void *)i) != 0)
			panic("stress: no thread");
	}
}

void
readers_end(void)
{
	size_t i;

	for (i = 0; i < NREADERS; i++) {
		hk_lwp_interrupt(readers[i].lwp);
		pthread_join(readers[i].thread, NULL);
		hk_lwp_free(readers[i].lwp);
	}
}
