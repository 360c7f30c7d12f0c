/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The end of a process: a zombie, then gone. */
#include "hk_proc.h"
#include "hostkern.h"

#include <sys/atomic.h>

void
hk_proc_parent(struct proc *p, struct proc *parent)
{

	mutex_enter(&proc_lock);
	if (p->p_pptr != parent) {
		LIST_REMOVE(p, p_sibling);
		LIST_INSERT_HEAD(&parent->p_children, p, p_sibling);
		p->p_pptr = parent;
		p->p_ppid = parent->p_pid;
	}
	mutex_exit(&proc_lock);
}

void
hk_proc_exit(struct proc *p)
{
	struct lwp *saved = hk_self.lwp;
	struct proc *c, *n, *heir;

	hk_self.lwp = &p->p_host->lwp;

	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_sflag |= PS_WEXIT;
	p->p_stat = SDYING;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);

	hk_proc_share(p, 0);
	rw_enter(&p->p_reflock, RW_WRITER);
	hk_proc_clearfiles(p);
	hk_run_hooks(p, false);

	mutex_enter(&proc_lock);
	heir = initproc != NULL && initproc != p ? initproc : &proc0;
	for (c = LIST_FIRST(&p->p_children); c != NULL; c = n) {
		n = LIST_NEXT(c, p_sibling);
		LIST_REMOVE(c, p_sibling);
		LIST_INSERT_HEAD(&heir->p_children, c, p_sibling);
		atomic_store_relaxed(&c->p_pptr, heir);	/* looked at without locks */
		c->p_ppid = heir->p_pid;
	}
	LIST_REMOVE(p, p_list);
	LIST_INSERT_HEAD(&zombproc, p, p_list);
	p->p_stat = SZOMB;
	p->p_host->zombie = true;
	mutex_enter(p->p_lock);
	p->p_nlwps = 0;
	mutex_exit(p->p_lock);
	rw_exit(&p->p_reflock);
	mutex_exit(&proc_lock);

	hk_self.lwp = saved;
}

void
hk_proc_free(struct proc *p)
{
	bool waited;

	if (!p->p_host->zombie)
		panic("a process is reaped that did not exit");
	mutex_enter(&proc_lock);
	LIST_REMOVE(p, p_list);
	LIST_REMOVE(p, p_sibling);
	if (initproc == p)
		initproc = NULL;
	mutex_exit(&proc_lock);
	atomic_dec_uint(&nprocs);
	mutex_enter(p->p_lock);
	p->p_host->freed = true;
	waited = p->p_host->nlwps != 0;
	mutex_exit(p->p_lock);
	if (!waited)
		hk_proc_dispose(p);
}
