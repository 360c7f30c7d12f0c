/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Condition variables, and the LWPs that may wait for them: those that the
 * daemon makes for one call.  For the others, which stand for all threads of
 * a process, it is as if a signal had come already.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "hk_proc.h"
#include "hostkern.h"

#include <sys/condvar.h>
#include <sys/kauth.h>

struct hk_cv {
	pthread_cond_t	cond;
	u_int		waiters;
	u_int		wakeups;
};

/* An LWP of its own. */
struct hk_lwp {
	struct lwp	lwp;
	struct hk_cv	*cv;		/* on which it waits, or NULL */
	bool		interrupted;
};

/* Guards what is above, with any mutex of the model released under it. */
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;

void
cv_init(kcondvar_t *cv, const char *name __unused)
{
	struct hk_cv *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		panic("no memory for a condition variable");
	pthread_cond_init(&c->cond, NULL);
	cv->cv_host = c;
}

void
cv_destroy(kcondvar_t *cv)
{
	struct hk_cv *c = cv->cv_host;

	if (c->waiters != 0)
		panic("a condition variable is destroyed that is waited for");
	pthread_cond_destroy(&c->cond);
	free(c);
	cv->cv_host = NULL;
}

/* Stricter than NetBSD's: nothing else may be held. */
int
hk_cv_wait_sig(kcondvar_t *cv, kmutex_t *m, const char *file, int line)
{
	struct hk_cv *c = cv->cv_host;
	struct lwp *l = curlwp;
	struct hk_lwp *hl;
	u_int wakeups;
	int error;

	hk_assert_sleepable(file, line);
	if (!mutex_owned(m))
		panic("%s:%d: waits without the mutex", file, line);
	if (hk_self.nheld != 1)
		panic("%s:%d: waits with another lock held", file, line);
	if (hk_fault() || (l->l_flag & HK_LW_WAITS) == 0)
		return EINTR;
	hl = (struct hk_lwp *)l;
	pthread_mutex_lock(&sleep_lock);
	hk_mutex_exit(m, file, line);
	wakeups = c->wakeups;
	c->waiters++;
	hl->cv = c;
	while (!hl->interrupted && wakeups == c->wakeups)
		pthread_cond_wait(&c->cond, &sleep_lock);
	hl->cv = NULL;
	c->waiters--;
	error = hl->interrupted ? EINTR : 0;
	pthread_mutex_unlock(&sleep_lock);
	hk_mutex_enter(m, file, line);
	return error;
}

void
cv_broadcast(kcondvar_t *cv)
{
	struct hk_cv *c = cv->cv_host;

	hk_assert_nospin(__FILE__, __LINE__);
	pthread_mutex_lock(&sleep_lock);
	c->wakeups++;
	pthread_cond_broadcast(&c->cond);
	pthread_mutex_unlock(&sleep_lock);
}

/* The process's end may come before its LWP's; its memory waits for that. */
struct lwp *
hk_lwp_new(struct proc *p)
{
	struct hk_lwp *hl;

	hl = calloc(1, sizeof(*hl));
	if (hl == NULL)
		panic("no memory for an lwp");
	hl->lwp.l_proc = p;
	hl->lwp.l_flag = HK_LW_WAITS;
	mutex_enter(p->p_lock);
	p->p_host->nlwps++;
	hl->lwp.l_mutex = p->p_host->lwp.l_mutex;
	hl->lwp.l_cred = kauth_cred_hold(p->p_cred);
	mutex_exit(p->p_lock);
	return &hl->lwp;
}

void
hk_lwp_interrupt(struct lwp *l)
{
	struct hk_lwp *hl = (struct hk_lwp *)l;

	pthread_mutex_lock(&sleep_lock);
	hl->interrupted = true;
	if (hl->cv != NULL)
		pthread_cond_broadcast(&hl->cv->cond);
	pthread_mutex_unlock(&sleep_lock);
}

/* Whether it waits. */
int
hk_lwp_waits(struct lwp *l)
{
	int waits;

	pthread_mutex_lock(&sleep_lock);
	waits = ((struct hk_lwp *)l)->cv != NULL;
	pthread_mutex_unlock(&sleep_lock);
	return waits;
}

void
hk_lwp_free(struct lwp *l)
{
	struct proc *p = l->l_proc;
	bool last;

	kauth_cred_free(l->l_cred);
	free(l);
	mutex_enter(p->p_lock);
	last = --p->p_host->nlwps == 0 && p->p_host->freed;
	mutex_exit(p->p_lock);
	if (last)
		hk_proc_dispose(p);
}
