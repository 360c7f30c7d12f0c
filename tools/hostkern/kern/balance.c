/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For tests of what the model holds, and gives back, and of moments that the
 * daemon does not bring about.
 */
#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/module.h>
#include <sys/rwlock.h>
#include <secmodel/jail/jail_impl.h>

/*
 * For tests, which want all back that the model has: as if no jail had been,
 * so that it can be unloaded.  0 if there is one.
 */
int
hk_forget(void)
{
	bool empty;

	mutex_enter(&jail_lock);
	jail_reap();
	empty = TAILQ_EMPTY(&jail_list);
	if (empty)
		jail_lastid = 0;
	mutex_exit(&jail_lock);
	return empty;
}

/*
 * What a thread does that was in a system call, with the host's credential,
 * when another one of its process entered a jail: it copies the process's,
 * into one that it has made before.  n times, and all are kept until then.
 */
void
hk_copies(struct proc *p, int n)
{
	kauth_cred_t *all;
	int i;

	all = kmem_alloc((size_t)n * sizeof(*all), KM_SLEEP);
	for (i = 0; i < n; i++)
		all[i] = kauth_cred_alloc();
	mutex_enter(p->p_lock);
	for (i = 0; i < n; i++)
		kauth_cred_clone(p->p_cred, all[i]);
	mutex_exit(p->p_lock);
	for (i = 0; i < n; i++) {
		if (kauth_authorize_system(all[i], KAUTH_SYSTEM_REBOOT, 0,
		    NULL, NULL, NULL) == 0)
			panic("a copy left its jail");
		kauth_cred_free(all[i]);
	}
	kmem_free(all, (size_t)n * sizeof(*all));
}

/* A credential that something else keeps, a socket or an open file. */
struct kauth_cred *
hk_cred_keep(struct proc *p)
{
	kauth_cred_t c;

	mutex_enter(p->p_lock);
	c = kauth_cred_hold(p->p_cred);
	mutex_exit(p->p_lock);
	return c;
}

int
hk_cred_ask(struct kauth_cred *c, uint64_t action, unsigned long req)
{

	return kauth_authorize_system(c, action, req, NULL, NULL, NULL);
}

void
hk_cred_drop(struct kauth_cred *c)
{

	kauth_cred_free(c);
}

/*
 * As execve(2) does in a thread that was in it when another one of its
 * process entered a jail: the thread's old credential is the process's again.
 */
void
hk_proc_stray(struct proc *p)
{
	struct lwp *saved = hk_self.lwp;
	kauth_cred_t c;

	c = kauth_cred_dup(proc0.p_cred);
	hk_self.lwp = LIST_FIRST(&p->p_lwps);
	proc_crmod_enter();
	proc_crmod_leave(c, p->p_cred, true);
	hk_self.lwp = saved;
}

/* A thread of p begins or ends execve(2), or its exit; on this thread. */
void
hk_proc_busy(struct proc *p, int busy)
{

	if (busy)
		rw_enter(&p->p_reflock, RW_WRITER);
	else
		rw_exit(&p->p_reflock);
}

int
hk_modcmd(int cmd)
{
	extern const modinfo_t secmodel_jail_modinfo;

	return secmodel_jail_modinfo.mi_modcmd((modcmd_t)cmd, NULL);
}
