/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Hooks, which run when a process exits or executes a program. */
#include "hk_proc.h"
#include "hostkern.h"

#include <sys/kmem.h>
#include <sys/rwlock.h>

struct hook {
	LIST_ENTRY(hook) list;
	void		(*func)(struct proc *, void *);
	void		*arg;
};

LIST_HEAD(hooklist, hook);
static struct hooklist exithooks = LIST_HEAD_INITIALIZER(exithooks);
static struct hooklist exechooks = LIST_HEAD_INITIALIZER(exechooks);
static krwlock_t exec_lock;

static void *
hook_establish(struct hooklist *hooks, void (*func)(struct proc *, void *),
    void *arg)
{
	struct hook *k;

	if (hk_fault())		/* NetBSD's don't wait for memory */
		return NULL;
	k = kmem_alloc(sizeof(*k), KM_SLEEP);
	k->func = func;
	k->arg = arg;
	rw_enter(&exec_lock, RW_WRITER);
	LIST_INSERT_HEAD(hooks, k, list);
	rw_exit(&exec_lock);
	return k;
}

static void
hook_disestablish(struct hook *k)
{

	rw_enter(&exec_lock, RW_WRITER);
	LIST_REMOVE(k, list);
	rw_exit(&exec_lock);
	kmem_free(k, sizeof(*k));
}

void *
exithook_establish(void (*func)(struct proc *, void *), void *arg)
{

	return hook_establish(&exithooks, func, arg);
}

void
exithook_disestablish(void *cookie)
{

	hook_disestablish(cookie);
}

void *
exechook_establish(void (*func)(struct proc *, void *), void *arg)
{

	return hook_establish(&exechooks, func, arg);
}

void
exechook_disestablish(void *cookie)
{

	hook_disestablish(cookie);
}

void
hk_run_hooks(struct proc *p, bool exec)
{
	struct hook *k;

	rw_enter(&exec_lock, RW_READER);
	LIST_FOREACH(k, exec ? &exechooks : &exithooks, list)
		k->func(p, k->arg);
	rw_exit(&exec_lock);
}

/* It does not run its parent's program any more. */
void
hk_proc_executed(struct proc *p)
{

	(void)__atomic_or_fetch(&p->p_flag, PK_EXEC, __ATOMIC_RELAXED);
}

/* A new program: only hooks see it. */
void
hk_proc_exec(struct proc *p)
{
	struct lwp *saved = hk_self.lwp;

	hk_self.lwp = &p->p_host->lwp;
	hk_proc_executed(p);
	hk_run_hooks(p, true);
	hk_self.lwp = saved;
}

void
hk_hook_init(void)
{

	rw_init(&exec_lock);
}
