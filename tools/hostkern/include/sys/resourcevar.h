/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_RESOURCEVAR_H_
#define _HOSTKERN_SYS_RESOURCEVAR_H_

#include <sys/mutex.h>
#include <sys/resource.h>
#include <sys/time.h>

struct plimit {
	struct rlimit	pl_rlimit[RLIM_NLIMITS];
	u_int		pl_refcnt;
	bool		pl_writeable;
	kmutex_t	pl_lock;
};

struct pstats {
	struct timeval	p_start;
};

struct plimit *lim_copy(struct plimit *);
int	dosetrlimit(struct lwp *, struct proc *, int, struct rlimit *);

#endif
