/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A process as those files know it that make it up: kern_*.c. */
#ifndef _HK_PROC_H_
#define _HK_PROC_H_

#include "hk.h"

#include <sys/filedesc.h>
#include <sys/signalvar.h>
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
	int		nlwps;		/* p: of hk_lwp_new */
	bool		freed;		/* p: when they are gone, it is too */
};

struct proc *hk_proc_alloc(void);
void	hk_proc_dispose(struct proc *);
void	hk_proc_share(struct proc *, int flags);	/* HK_P_* */
void	hk_run_hooks(struct proc *, bool exec);

void	hk_hook_init(void);
void	hk_sig_init(void);

#endif
