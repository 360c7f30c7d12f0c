/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Limits on resources. */
#include <errno.h>

#include "hk_proc.h"
#include "hostkern.h"

#include <sys/kauth.h>

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
	if (hk_fault())	/* the stack's pages can't be protected, say */
		return ENOMEM;
	mutex_enter(&p->p_limit->pl_lock);
	p->p_rlimit[which] = *rl;
	mutex_exit(&p->p_limit->pl_lock);
	return 0;
}
