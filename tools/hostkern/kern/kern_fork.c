/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Processes that are found or forked. */
#include "hk_proc.h"
#include "hostkern.h"

#include <sys/atomic.h>
#include <sys/kauth.h>
#include <sys/vnode.h>

static void
proc_insert(struct proc *p, struct proc *parent, int stat)
{

	mutex_enter(&proc_lock);
	p->p_pptr = parent;
	p->p_ppid = parent->p_pid;
	LIST_INSERT_HEAD(&parent->p_children, p, p_sibling);
	LIST_INSERT_HEAD(&allproc, p, p_list);
	p->p_stat = (char)stat;
	mutex_exit(&proc_lock);
	atomic_inc_uint(&nprocs);
}

static struct proc *
fork_raw(struct proc *parent, int pid, int stat)
{
	struct lwp *saved = hk_self.lwp;
	struct proc *p;
	struct hk_proc *h;

	hk_self.lwp = &parent->p_host->lwp;
	p = hk_proc_alloc();
	h = p->p_host;
	p->p_pid = pid;
	kauth_proc_fork(parent, p);
	h->lwp.l_cred = kauth_cred_hold(p->p_cred);
	memcpy(h->limit.pl_rlimit, parent->p_limit->pl_rlimit,
	    sizeof(h->limit.pl_rlimit));
	strlcpy(p->p_comm, parent->p_comm, sizeof(p->p_comm));
	rw_enter(&parent->p_cwdi->cwdi_lock, RW_READER);
	h->cwdi.cwdi_rdir = parent->p_cwdi->cwdi_rdir;
	h->cwdi.cwdi_cdir = parent->p_cwdi->cwdi_cdir;
	if (h->cwdi.cwdi_rdir != NULL)
		vref(h->cwdi.cwdi_rdir);
	if (h->cwdi.cwdi_cdir != NULL)
		vref(h->cwdi.cwdi_cdir);
	rw_exit(&parent->p_cwdi->cwdi_lock);
	h->session.s_sid = parent->p_session->s_sid;
	h->pgrp.pg_id = parent->p_pgrp->pg_id;
	microtime(&h->stats.p_start);
	proc_insert(p, parent, stat);
	hk_self.lwp = saved;
	return p;
}

struct proc *
hk_proc_new(struct proc *parent, int pid, const struct hk_ids *ids)
{
	struct proc *p;

	if (parent != NULL)
		return fork_raw(parent, pid, SACTIVE);
	p = hk_proc_alloc();
	p->p_pid = pid;
	p->p_cred = kauth_cred_alloc();
	hk_cred_setids(p->p_cred, ids->uid, ids->gid);
	p->p_host->lwp.l_cred = kauth_cred_hold(p->p_cred);
	p->p_host->session.s_sid = 0;
	if (pid == 1)
		initproc = p;
	proc_insert(p, initproc != NULL && initproc != p ? initproc : &proc0,
	    SACTIVE);
	return p;
}

struct proc *
hk_proc_embryo(struct proc *parent)
{

	/* A signal to it is kept until it arrives. */
	return fork_raw(parent, 0, SACTIVE);
}

void
hk_proc_arrive(struct proc *p, int pid)
{
	int pending;

	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_pid = pid;
	p->p_stat = SACTIVE;
	pending = p->p_host->pending;
	p->p_host->pending = 0;
	mutex_exit(p->p_lock);
	if (pending != 0)
		psignal(p, pending);
	mutex_exit(&proc_lock);
}
