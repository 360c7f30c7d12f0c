/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_LWP_H_
#define _HOSTKERN_SYS_LWP_H_

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/mutex.h>

/* One lwp stands for all threads of a Linux process. */
typedef int32_t		lwpid_t;

struct lwp {
	LIST_ENTRY(lwp)	l_sibling;
	struct proc	*l_proc;
	struct kauth_cred *l_cred;
	kmutex_t	*l_mutex;
	lwpid_t		l_lid;
	int		l_class;
	pri_t		l_priority;
	u_int		l_flag;
	u_int		l_prflag;
	int		l_stat;
	struct filedesc	*l_fd;
};

struct lwp *hk_curlwp(void);
#define	curlwp		hk_curlwp()
#define	curproc		(curlwp->l_proc)

#define	LW_SYSTEM	0x00000200
#define	LPR_CRMOD	0x00000100

void	lwp_lock(struct lwp *);
void	lwp_unlock(struct lwp *);
int	lwp_locked(struct lwp *, kmutex_t *);

#endif
