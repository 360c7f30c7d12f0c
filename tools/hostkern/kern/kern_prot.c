/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The credential of a process, which only itself changes. */
#include "hk_proc.h"
#include "hostkern.h"

#include <sys/atomic.h>
#include <sys/kauth.h>

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
		(void)__atomic_or_fetch(&p->p_flag, PK_SUGID,
		    __ATOMIC_RELAXED);
	mutex_exit(p->p_lock);
	if (drop != NULL) {
		KASSERT(set != NULL);
		kauth_cred_free(drop);
		if (o != set)
			kauth_cred_free(o);
	}
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
