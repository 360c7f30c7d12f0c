/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Processes: what a NetBSD kernel would know of the Linux processes that
 * the daemon tells of.  The daemon serializes the making, ending and
 * freeing of a process against what else is done with it.
 */
#include <errno.h>
#include <stdlib.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/signalvar.h>
#include <sys/vnode.h>
#include <uvm/uvm_extern.h>

struct hk_proc {
	struct lwp	lwp;
	struct session	session;
	struct pgrp	pgrp;
	struct plimit	limit;
	struct pstats	stats;
	struct vmspace	vmspace;
	struct cwdinfo	cwdi;
	int		pending;	/* signal for an embryo */
	struct proc	*sharer;	/* of descriptors and the like */
	bool		zombie;
};

struct hook {
	LIST_ENTRY(hook) list;
	void		(*func)(struct proc *, void *);
	void		*arg;
};

struct proc	proc0;
struct lwp	lwp0;
struct proc	*initproc;
kmutex_t	proc_lock;
struct proclist	allproc;
struct proclist	zombproc;
u_int		nprocs;
int		maxproc = 32768;

static LIST_HEAD(, hook) exithooks, exechooks;
static krwlock_t exec_lock;
static bool proc_keys[HK_NKEYS];
static specificdata_dtor_t proc_dtors[HK_NKEYS];
static struct emul emul_linux = { .e_name = "linux", .e_flags = 0 };

/* Signals that were sent and that the daemon has not fetched. */
#define	NSIGNALS	65536
static struct { int pid, signo; } signals[NSIGNALS];
static int nsignals;
static kmutex_t signals_lock;

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

/* ---- Hooks. */

static void *
hook_establish(void (*func)(struct proc *, void *), void *arg, bool exec)
{
	struct hook *k;

	k = kmem_alloc(sizeof(*k), KM_SLEEP);
	k->func = func;
	k->arg = arg;
	rw_enter(&exec_lock, RW_WRITER);
	if (exec)
		LIST_INSERT_HEAD(&exechooks, k, list);
	else
		LIST_INSERT_HEAD(&exithooks, k, list);
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

	return hook_establish(func, arg, false);
}

void
exithook_disestablish(void *cookie)
{

	hook_disestablish(cookie);
}

void *
exechook_establish(void (*func)(struct proc *, void *), void *arg)
{

	return hook_establish(func, arg, true);
}

void
exechook_disestablish(void *cookie)
{

	hook_disestablish(cookie);
}

static void
run_hooks(struct proc *p, bool exec)
{
	struct hook *k;

	rw_enter(&exec_lock, RW_READER);
	LIST_FOREACH(k, exec ? &exechooks : &exithooks, list)
		k->func(p, k->arg);
	rw_exit(&exec_lock);
}

/* ---- Data of subsystems. */

int
proc_specific_key_create(specificdata_key_t *keyp, specificdata_dtor_t dtor)
{
	int error;

	error = hk_specific_key(proc_keys, keyp);
	if (error == 0)
		proc_dtors[*keyp] = dtor;
	return error;
}

void
proc_specific_key_delete(specificdata_key_t key)
{

	proc_dtors[key] = NULL;
}

void *
proc_getspecific(struct proc *p, specificdata_key_t key)
{

	return hk_specific_get(&p->p_specdataref, key);
}

void
proc_setspecific(struct proc *p, specificdata_key_t key, void *data)
{

	hk_specific_set(&p->p_specdataref, key, data);
}

static void
finispecific(struct proc *p)
{
	specificdata_key_t i;
	void *data;

	for (i = 0; i < HK_NKEYS; i++) {
		data = proc_getspecific(p, i);
		if (data != NULL && proc_dtors[i] != NULL)
			proc_dtors[i](data);
	}
	hk_specific_fini(&p->p_specdataref);
}

/* ---- Life. */

static struct proc *
proc_alloc_raw(void)
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
	hk_specific_init(&p->p_specdataref);
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

static void
proc_free_raw(struct proc *p)
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

/*
 * Sharing shows by another process that has the same: one is made for it,
 * and ended when nothing is shared any more.
 */
static void
set_sharer(struct proc *p, int flags)
{
	struct proc *o = p->p_host->sharer;

	if (o != NULL) {
		mutex_enter(&proc_lock);
		LIST_REMOVE(o, p_list);
		mutex_exit(&proc_lock);
		o->p_fd = NULL;
		o->p_cwdi = &o->p_host->cwdi;
		o->p_vmspace = &o->p_host->vmspace;
		hk_specific_fini(&o->p_specdataref);
		proc_free_raw(o);
		p->p_host->sharer = NULL;
	}
	p->p_vmspace->vm_refcnt = (flags & HK_P_SHAREDVM) != 0 ? 2 : 1;
	p->p_cwdi->cwdi_refcnt = (flags & HK_P_SHAREDCWD) != 0 ? 2 : 1;
	if (p->p_fd != NULL)
		p->p_fd->fd_refcnt = (flags & HK_P_SHAREDFD) != 0 ? 2 : 1;
	if ((flags & (HK_P_SHAREDVM | HK_P_SHAREDCWD | HK_P_SHAREDFD)) == 0)
		return;
	o = proc_alloc_raw();
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
	p = proc_alloc_raw();
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
	p = proc_alloc_raw();
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

	set_sharer(p, 0);
	rw_enter(&p->p_reflock, RW_WRITER);
	hk_proc_clearfiles(p);
	run_hooks(p, false);
	finispecific(p);

	mutex_enter(&proc_lock);
	heir = initproc != NULL && initproc != p ? initproc : &proc0;
	for (c = LIST_FIRST(&p->p_children); c != NULL; c = n) {
		n = LIST_NEXT(c, p_sibling);
		LIST_REMOVE(c, p_sibling);
		LIST_INSERT_HEAD(&heir->p_children, c, p_sibling);
		c->p_pptr = heir;
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

/* A new program: only hooks see it. */
void
hk_proc_exec(struct proc *p)
{
	struct lwp *saved = hk_self.lwp;

	hk_self.lwp = &p->p_host->lwp;
	run_hooks(p, true);
	hk_self.lwp = saved;
}

void
hk_proc_free(struct proc *p)
{

	if (!p->p_host->zombie)
		panic("a process is reaped that did not exit");
	mutex_enter(&proc_lock);
	LIST_REMOVE(p, p_list);
	LIST_REMOVE(p, p_sibling);
	if (initproc == p)
		initproc = NULL;
	mutex_exit(&proc_lock);
	atomic_dec_uint(&nprocs);
	proc_free_raw(p);
}

int
hk_proc_pid(const struct proc *p)
{

	return p->p_pid;
}

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

/* The caller keeps it apart from questions by the process. */
void
hk_proc_command(struct proc *p, const char *name)
{

	mutex_enter(p->p_lock);
	strlcpy(p->p_comm, name, sizeof(p->p_comm));
	mutex_exit(p->p_lock);
}

/* As setresuid(2) does: a new credential, copied, set in. */
void
hk_proc_ids(struct proc *p, const struct hk_ids *ids)
{
	struct lwp *saved = hk_self.lwp;
	kauth_cred_t o, n;
	bool same;

	mutex_enter(p->p_lock);
	o = p->p_cred;
	same = kauth_cred_getuid(o) == ids->uid[0] &&
	    kauth_cred_geteuid(o) == ids->uid[1] &&
	    kauth_cred_getsvuid(o) == ids->uid[2] &&
	    kauth_cred_getgid(o) == ids->gid[0] &&
	    kauth_cred_getegid(o) == ids->gid[1] &&
	    kauth_cred_getsvgid(o) == ids->gid[2];
	mutex_exit(p->p_lock);
	if (same)
		return;
	hk_self.lwp = &p->p_host->lwp;
	n = kauth_cred_alloc();
	proc_crmod_enter();
	o = p->p_cred;
	kauth_cred_clone(o, n);
	hk_cred_setids(n, ids->uid, ids->gid);
	proc_crmod_leave(n, o, true);
	hk_self.lwp = saved;
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
	p->p_flag = (p->p_flag & ~PK_KMEM) |
	    ((flags & HK_P_KMEM) != 0 ? PK_KMEM : 0);
	h->session.s_sid = session;
	h->session.s_leader = (flags & HK_P_LEADER) != 0 ? p : initproc;
	h->session.s_ttyvp = (flags & HK_P_TERMINAL) != 0 ? rootvnode : NULL;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
	set_sharer(p, flags);
}

void
hk_proc_limits(struct proc *p, const uint64_t *soft, const uint64_t *hard)
{
	int i;

	mutex_enter(&p->p_limit->pl_lock);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		p->p_rlimit[i].rlim_cur = soft[i];
		p->p_rlimit[i].rlim_max = hard[i];
	}
	mutex_exit(&p->p_limit->pl_lock);
}

void
hk_proc_getlimits(struct proc *p, uint64_t *soft, uint64_t *hard)
{
	int i;

	mutex_enter(&p->p_limit->pl_lock);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		soft[i] = p->p_rlimit[i].rlim_cur;
		hard[i] = p->p_rlimit[i].rlim_max;
	}
	mutex_exit(&p->p_limit->pl_lock);
}

void
lim_privatise(struct proc *p __unused)
{

	ASSERT_SLEEPABLE();
}

int
dosetrlimit(struct lwp *l, struct proc *p, int which, struct rlimit *rl)
{
	int error;

	if ((u_int)which >= RLIM_NLIMITS)
		return EINVAL;
	if (rl->rlim_cur > rl->rlim_max)
		rl->rlim_cur = rl->rlim_max;
	error = kauth_authorize_process(l->l_cred, KAUTH_PROCESS_RLIMIT, p,
	    KAUTH_ARG(KAUTH_REQ_PROCESS_RLIMIT_SET), rl, KAUTH_ARG(which));
	if (error != 0)
		return error;
	mutex_enter(&p->p_limit->pl_lock);
	p->p_rlimit[which] = *rl;
	mutex_exit(&p->p_limit->pl_lock);
	return 0;
}

/* ---- Finding. */

proc_t *
proc_find_raw(pid_t pid)
{
	struct proc *p;

	KASSERT(mutex_owned(&proc_lock));
	LIST_FOREACH(p, &allproc, p_list)
		if (p->p_pid == pid && p->p_stat != SIDL)
			return p;
	LIST_FOREACH(p, &zombproc, p_list)
		if (p->p_pid == pid)
			return p;
	return NULL;
}

proc_t *
proc_find(pid_t pid)
{
	struct proc *p;

	p = proc_find_raw(pid);
	return p == NULL || (p->p_stat != SACTIVE && p->p_stat != SSTOP) ?
	    NULL : p;
}

int
proclist_foreach_call(struct proclist *list,
    int (*func)(struct proc *, void *), void *arg)
{
	struct proc *p, *n;
	int r = 0;

	mutex_enter(&proc_lock);
	for (p = LIST_FIRST(list); p != NULL; p = n) {
		n = LIST_NEXT(p, p_list);
		if (((u_int)p->p_flag & PK_MARKER) != 0)
			continue;
		r = func(p, arg);
		if (r != 0)
			break;
	}
	mutex_exit(&proc_lock);
	return r;
}

/* ---- A process's credential is changed by itself only. */

void
proc_crmod_enter(void)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t o;

	mutex_enter(p->p_lock);
	if ((o = l->l_cred) != p->p_cred) {
		l->l_cred = kauth_cred_hold(p->p_cred);
		kauth_cred_free(o);
	}
}

void
proc_crmod_leave(kauth_cred_t set, kauth_cred_t drop, bool sugid)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t o = NULL;

	KASSERT(mutex_owned(p->p_lock));
	if (set != NULL) {
		atomic_store_release(&p->p_cred, set);
		if ((o = l->l_cred) != set)
			atomic_store_release(&l->l_cred, kauth_cred_hold(set));
	}
	if (sugid)
		p->p_flag |= PK_SUGID;
	mutex_exit(p->p_lock);
	if (drop != NULL) {
		KASSERT(set != NULL);
		kauth_cred_free(drop);
		if (o != set)
			kauth_cred_free(o);
	}
}

/* ---- Signals: noted here, sent by the daemon. */

void
kpsignal2(struct proc *p, struct ksiginfo *ksi)
{
	int i;

	KASSERT(mutex_owned(&proc_lock));
	KASSERT(mutex_owned(p->p_lock));
	if (P_ZOMBIE(p))
		return;
	if (p->p_pid == 0) {
		if (p->p_host->pending != SIGKILL)
			p->p_host->pending = ksi->ksi_signo;
		return;
	}
	mutex_enter(&signals_lock);
	for (i = 0; i < nsignals; i++)
		if (signals[i].pid == p->p_pid &&
		    signals[i].signo == ksi->ksi_signo)
			break;		/* pending already */
	if (i == nsignals && nsignals < NSIGNALS) {
		signals[nsignals].pid = p->p_pid;
		signals[nsignals].signo = ksi->ksi_signo;
		nsignals++;
	}
	mutex_exit(&signals_lock);
}

void
kpsignal(struct proc *p, struct ksiginfo *ksi, void *data __unused)
{

	mutex_enter(p->p_lock);
	kpsignal2(p, ksi);
	mutex_exit(p->p_lock);
}

void
psignal(struct proc *p, int signo)
{
	struct ksiginfo ksi;

	KSI_INIT(&ksi);
	ksi.ksi_signo = signo;
	kpsignal(p, &ksi, NULL);
}

int
hk_signals(int *pids, int *signos, int max)
{
	int i, n;

	mutex_enter(&signals_lock);
	n = nsignals < max ? nsignals : max;
	for (i = 0; i < n; i++) {
		pids[i] = signals[i].pid;
		signos[i] = signals[i].signo;
	}
	memmove(&signals[0], &signals[n],
	    (size_t)(nsignals - n) * sizeof(signals[0]));
	nsignals -= n;
	mutex_exit(&signals_lock);
	return n;
}

void
hk_proc_init(void)
{
	struct hk_proc *h;
	struct proc *p;

	mutex_init(&proc_lock, MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&signals_lock, MUTEX_DEFAULT, IPL_NONE);
	rw_init(&exec_lock);
	LIST_INIT(&allproc);
	LIST_INIT(&zombproc);
	LIST_INIT(&exithooks);
	LIST_INIT(&exechooks);

	p = proc_alloc_raw();
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
