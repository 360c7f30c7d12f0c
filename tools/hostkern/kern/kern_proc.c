/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Processes: what a NetBSD kernel would know of the Linux processes that
 * the daemon tells of.  The daemon serializes the making, ending and
 * freeing of a process against what else is done with it.
 */
#include <stdlib.h>

#include "hk_proc.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/vnode.h>

struct proc	proc0;
struct lwp	lwp0;
struct proc	*initproc;
kmutex_t	proc_lock;
struct proclist	allproc;
struct proclist	zombproc;
u_int		nprocs;
int		maxproc = 32768;

static struct emul emul_linux = { .e_name = "linux", .e_flags = 0 };

struct lwp *
hk_curlwp(void)
{

	return hk_self.lwp != NULL ? hk_self.lwp : &lwp0;
}

void
lwp_lock(struct lwp *l)
{

	mutex_spin_enter(l->l_mutex);
}

void
lwp_unlock(struct lwp *l)
{

	mutex_spin_exit(l->l_mutex);
}

/* ---- Memory. */

struct proc *
hk_proc_alloc(void)
{
	struct hk_proc *h;
	struct proc *p;

	p = calloc(1, sizeof(*p));
	h = calloc(1, sizeof(*h));
	if (p == NULL || h == NULL)
		panic("no memory for a process");
	p->p_host = h;
	p->p_lock = mutex_obj_alloc(MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&p->p_auxlock, MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&p->p_stmutex, MUTEX_DEFAULT, IPL_HIGH);
	rw_init(&p->p_reflock);
	p->p_stat = SIDL;
	p->p_emul = &emul_linux;
	p->p_nice = 20;
	LIST_INIT(&p->p_children);
	LIST_INIT(&p->p_lwps);

	h->lwp.l_mutex = mutex_obj_alloc(MUTEX_DEFAULT, IPL_SCHED);
	h->lwp.l_proc = p;
	h->lwp.l_lid = 1;
	h->lwp.l_priority = 43;
	LIST_INSERT_HEAD(&p->p_lwps, &h->lwp, l_sibling);
	p->p_nlwps = 1;

	p->p_limit = &h->limit;
	mutex_init(&h->limit.pl_lock, MUTEX_DEFAULT, IPL_NONE);
	h->limit.pl_refcnt = 1;
	h->limit.pl_writeable = true;
	p->p_stats = &h->stats;
	p->p_vmspace = &h->vmspace;
	h->vmspace.vm_refcnt = 1;
	p->p_cwdi = &h->cwdi;
	rw_init(&h->cwdi.cwdi_lock);
	h->cwdi.cwdi_refcnt = 1;
	p->p_pgrp = &h->pgrp;
	h->pgrp.pg_session = &h->session;
	LIST_INIT(&h->pgrp.pg_members);
	return p;
}

void
hk_proc_dispose(struct proc *p)
{
	struct hk_proc *h = p->p_host;

	kauth_cred_free(h->lwp.l_cred);
	kauth_cred_free(p->p_cred);
	if (h->cwdi.cwdi_rdir != NULL)
		vrele(h->cwdi.cwdi_rdir);
	if (h->cwdi.cwdi_cdir != NULL)
		vrele(h->cwdi.cwdi_cdir);
	rw_destroy(&h->cwdi.cwdi_lock);
	mutex_destroy(&h->limit.pl_lock);
	mutex_obj_free(h->lwp.l_mutex);
	mutex_obj_free(p->p_lock);
	mutex_destroy(&p->p_auxlock);
	mutex_destroy(&p->p_stmutex);
	rw_destroy(&p->p_reflock);
	free(h);
	free(p);
}

/* ---- What the daemon tells. */

void
hk_proc_gauges(struct proc *p, const struct hk_gauges *g)
{
	struct hk_proc *h = p->p_host;

	mutex_enter(p->p_lock);
	if (!h->zombie)
		p->p_nlwps = g->threads;
	h->vmspace.vm_resident = (segsz_t)g->resident;
	h->vmspace.vm_map.size = g->virtual_ << PAGE_SHIFT;
	h->vmspace.vm_tsize = 0;
	h->vmspace.vm_dsize = (segsz_t)g->virtual_;
	h->vmspace.vm_ssize = 0;
	h->stats.p_start.tv_sec = g->start_sec;
	h->stats.p_start.tv_usec = g->start_usec;
	p->p_nice = (u_char)(g->nice + 20);
	mutex_spin_enter(&p->p_stmutex);
	/* They never run backwards. */
	if (g->user > p->p_uticks)
		p->p_uticks = g->user;
	if (g->system > p->p_sticks)
		p->p_sticks = g->system;
	mutex_spin_exit(&p->p_stmutex);
	mutex_exit(p->p_lock);
}

struct proc *
proc_find_raw(pid_t pid)
{
	struct proc *p;

	if (!mutex_owned(&proc_lock))
		panic("proc_find_raw without proc_lock");
	LIST_FOREACH(p, &allproc, p_list)
		if (p->p_pid == pid)
			return p;
	LIST_FOREACH(p, &zombproc, p_list)
		if (p->p_pid == pid)
			break;
	return p;
}

/* The caller keeps it apart from questions by the process. */
void
hk_proc_command(struct proc *p, const char *name)
{

	mutex_enter(p->p_lock);
	strlcpy(p->p_comm, name, sizeof(p->p_comm));
	mutex_exit(p->p_lock);
}

/*
 * Sharing shows by another process that has the same: one is made for it,
 * and ended when nothing is shared any more.
 */
void
hk_proc_share(struct proc *p, int flags)
{
	struct proc *o = p->p_host->sharer;

	if (o != NULL) {
		mutex_enter(&proc_lock);
		LIST_REMOVE(o, p_list);
		mutex_exit(&proc_lock);
		o->p_fd = NULL;
		o->p_cwdi = &o->p_host->cwdi;
		o->p_vmspace = &o->p_host->vmspace;
		hk_proc_dispose(o);
		p->p_host->sharer = NULL;
	}
	p->p_vmspace->vm_refcnt = (flags & HK_P_SHAREDVM) != 0 ? 2 : 1;
	p->p_cwdi->cwdi_refcnt = (flags & HK_P_SHAREDCWD) != 0 ? 2 : 1;
	if (p->p_fd != NULL)
		p->p_fd->fd_refcnt = (flags & HK_P_SHAREDFD) != 0 ? 2 : 1;
	if ((flags & (HK_P_SHAREDVM | HK_P_SHAREDCWD | HK_P_SHAREDFD)) == 0)
		return;
	o = hk_proc_alloc();
	o->p_cred = kauth_cred_hold(proc0.p_cred);
	o->p_host->lwp.l_cred = kauth_cred_hold(proc0.p_cred);
	if ((flags & HK_P_SHAREDVM) != 0)
		o->p_vmspace = p->p_vmspace;
	if ((flags & HK_P_SHAREDCWD) != 0)
		o->p_cwdi = p->p_cwdi;
	if ((flags & HK_P_SHAREDFD) != 0)
		o->p_fd = p->p_fd;
	p->p_host->sharer = o;
	mutex_enter(&proc_lock);
	o->p_stat = SACTIVE;
	LIST_INSERT_HEAD(&allproc, o, p_list);
	mutex_exit(&proc_lock);
}

void
hk_proc_flags(struct proc *p, int flags, int session)
{
	struct hk_proc *h = p->p_host;

	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_slflag = (flags & HK_P_TRACED) != 0 ? PSL_TRACED : 0;
	p->p_lflag = (char)(((flags & HK_P_TERMINAL) != 0 ? PL_CONTROLT : 0) |
	    ((flags & HK_P_PPWAIT) != 0 ? PL_PPWAIT : 0));
	h->session.s_sid = session;
	h->session.s_leader = (flags & HK_P_LEADER) != 0 ? p : initproc;
	h->session.s_ttyvp = (flags & HK_P_TERMINAL) != 0 ? rootvnode : NULL;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
	hk_proc_share(p, flags);
}

void
hk_proc_init(void)
{
	struct hk_proc *h;
	struct proc *p;

	mutex_init(&proc_lock, MUTEX_DEFAULT, IPL_NONE);
	hk_sig_init();
	hk_hook_init();
	LIST_INIT(&allproc);
	LIST_INIT(&zombproc);

	p = hk_proc_alloc();
	h = p->p_host;
	/* proc0 is not allocated in NetBSD, and nobody frees it. */
	proc0 = *p;
	LIST_INIT(&proc0.p_lwps);
	free(p);
	proc0.p_flag = PK_SYSTEM;
	proc0.p_stat = SACTIVE;
	strlcpy(proc0.p_comm, "system", sizeof(proc0.p_comm));
	lwp0 = h->lwp;
	lwp0.l_proc = &proc0;
	LIST_INSERT_HEAD(&proc0.p_lwps, &lwp0, l_sibling);
	h->session.s_leader = &proc0;
	proc0.p_cred = kauth_cred_alloc();
	lwp0.l_cred = kauth_cred_hold(proc0.p_cred);
	LIST_INSERT_HEAD(&allproc, &proc0, p_list);
	nprocs = 1;
	hk_lock_order(&proc_lock, proc0.p_lock);
}
