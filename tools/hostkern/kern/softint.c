/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Soft interrupts: each has a thread, which runs its function once for all
 * schedulings that came before it.  And the kernel's log, which they write.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "hk.h"

#include <sys/intr.h>
#include <sys/kmem.h>
#include <sys/syslog.h>

struct softint {
	pthread_t	thread;
	pthread_mutex_t	mutex;
	pthread_cond_t	cond;
	void		(*function)(void *);
	void		*arg;
	bool		pending, end;
};

static void *
softint_thread(void *cookie)
{
	struct softint *si = cookie;

	pthread_mutex_lock(&si->mutex);
	while (!si->end) {
		if (!si->pending) {
			pthread_cond_wait(&si->cond, &si->mutex);
			continue;
		}
		si->pending = false;
		pthread_mutex_unlock(&si->mutex);
		si->function(si->arg);
		if (hk_self.nheld != 0)
			panic("a soft interrupt returns with a lock held");
		pthread_mutex_lock(&si->mutex);
	}
	pthread_mutex_unlock(&si->mutex);
	return NULL;
}

void *
softint_establish(unsigned int flags __unused, void (*function)(void *),
    void *arg)
{
	struct softint *si;

	ASSERT_SLEEPABLE();
	if (hk_fault())
		return NULL;
	si = kmem_zalloc(sizeof(*si), KM_SLEEP);
	pthread_mutex_init(&si->mutex, NULL);
	pthread_cond_init(&si->cond, NULL);
	si->function = function;
	si->arg = arg;
	if (pthread_create(&si->thread, NULL, softint_thread, si) != 0)
		panic("no thread for a soft interrupt");
	return si;
}

void
softint_disestablish(void *cookie)
{
	struct softint *si = cookie;

	ASSERT_SLEEPABLE();
	pthread_mutex_lock(&si->mutex);
	si->end = true;
	pthread_cond_signal(&si->cond);
	pthread_mutex_unlock(&si->mutex);
	pthread_join(si->thread, NULL);
	pthread_cond_destroy(&si->cond);
	pthread_mutex_destroy(&si->mutex);
	kmem_free(si, sizeof(*si));
}

/* From anywhere that preemption is off, as with any spin lock held. */
void
softint_schedule(void *cookie)
{
	struct softint *si = cookie;

	if (hk_self.nspin == 0)
		panic("softint_schedule with preemption on");
	pthread_mutex_lock(&si->mutex);
	si->pending = true;
	pthread_cond_signal(&si->cond);
	pthread_mutex_unlock(&si->mutex);
}

/* The log's readers would be woken up here, which takes spin locks. */
void
log(int level __unused, const char *fmt, ...)
{
	va_list ap;

	if (hk_self.nheld != 0)
		panic("log with a lock held");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}
