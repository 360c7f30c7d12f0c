/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Processes: what the model may look at.  Locks as in NetBSD: l proc_lock,
 * p p_lock, t p_stmutex, k ktrace_lock; "::" stable.
 */
#ifndef _HOSTKERN_SYS_PROC_H_
#define _HOSTKERN_SYS_PROC_H_

#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/rwlock.h>
#include <sys/queue.h>
#include <sys/resourcevar.h>
#include <sys/syslimits.h>
#include <sys/param.h>

struct session {
	int		s_count;
	u_int		s_flags;
	struct proc	*s_leader;
	struct vnode	*s_ttyvp;
	struct tty	*s_ttyp;
	pid_t		s_sid;
};

struct pgrp {
	LIST_HEAD(, proc) pg_members;
	struct session	*pg_session;
	pid_t		pg_id;
	int		pg_jobc;
};

struct emul {
	const char	*e_name;
	int		e_flags;
};

struct proc {
	LIST_ENTRY(proc) p_list;	/* l */
	kmutex_t	*p_lock;	/* :: */

	struct kauth_cred *p_cred;	/* p */
	struct filedesc	*p_fd;		/* :: */
	struct cwdinfo	*p_cwdi;	/* :: */
	struct pstats	*p_stats;	/* :: */
	struct plimit	*p_limit;	/* :: */
	struct vmspace	*p_vmspace;	/* :: */

	int		p_flag;		/* p: PK_* */
	int		p_sflag;	/* p: PS_* */
	int		p_stflag;	/* t */
	short		p_slflag;	/* l, p: PSL_* */
	char		p_stat;		/* l */
	char		p_lflag;	/* l: PL_* */

	pid_t		p_pid;		/* :: */
	LIST_ENTRY(proc) p_pglist;	/* l */
	struct proc	*p_pptr;	/* l */
	LIST_ENTRY(proc) p_sibling;	/* l */
	LIST_HEAD(, proc) p_children;	/* l */
	LIST_HEAD(, lwp) p_lwps;	/* p */

	int		p_nlwps;	/* p */
	struct lwp	*p_vforklwp;	/* p */
	struct proc	*p_opptr;	/* l */
	struct bintime	p_rtime;	/* p */
	uint64_t	p_uticks;	/* t */
	uint64_t	p_sticks;	/* t */
	uint64_t	p_iticks;	/* t */

	int		p_traceflag;	/* k */
	void		*p_tracep;	/* k */
	struct emul	*p_emul;	/* :: */
	pid_t		p_ppid;		/* :: */
	u_char		p_nice;
	char		p_comm[MAXCOMLEN + 1];
	struct pgrp	*p_pgrp;	/* l */

	kmutex_t	p_auxlock;
	kmutex_t	p_stmutex;
	krwlock_t	p_reflock;

	struct hk_proc	*p_host;	/* the shim's own */
};

#define	p_rlimit	p_limit->pl_rlimit
#define	p_session	p_pgrp->pg_session
#define	p_pgid		p_pgrp->pg_id

#define	SIDL		1
#define	SACTIVE		2
#define	SDYING		3
#define	SSTOP		4
#define	SZOMB		5
#define	SDEAD		6

#define	P_ZOMBIE(p)	((p)->p_stat == SZOMB || (p)->p_stat == SDYING || \
    (p)->p_stat == SDEAD)

#define	PK_SYSTEM	0x00000002
#define	PK_SUGID	0x00000100
#define	PK_EXEC		0x00004000
#define	PK_32		0x00040000
#define	PK_MARKER	0x80000000

#define	PS_WEXIT	0x00002000
#define	PS_STOPPING	0x80000000

#define	PSL_TRACED	0x00000040
#define	PSL_TRACEDCHILD	0x00000080
#define	PSL_CHTRACED	0x00000100

#define	PL_CONTROLT	0x00000001
#define	PL_PPWAIT	0x00000002

#define	SESS_LEADER(p)	((p)->p_session->s_leader == (p))

LIST_HEAD(proclist, proc);

extern struct proc	proc0;
extern struct lwp	lwp0;
extern struct proc	*initproc;
extern kmutex_t		proc_lock;
extern struct proclist	allproc;
extern struct proclist	zombproc;
extern u_int		nprocs;
extern int		maxproc;

static inline struct proc *
hk_skip_marker(struct proc *p)
{

	/* As in NetBSD, whose p_flag is another lock's. */
	while (p != NULL && ((u_int)__atomic_load_n(&p->p_flag,
	    __ATOMIC_RELAXED) & PK_MARKER) != 0)
		p = LIST_NEXT(p, p_list);
	return p;
}

#define	PROCLIST_FOREACH(v, h)						\
	for ((v) = hk_skip_marker(LIST_FIRST(h)); (v) != NULL;		\
	    (v) = hk_skip_marker(LIST_NEXT(v, p_list)))

struct pgrp *pgrp_find(pid_t);
struct proc *proc_find_raw(pid_t);
int	proc_isunder(struct proc *, struct lwp *);
void	proc_crmod_enter(void);
void	proc_crmod_leave(kauth_cred_t, kauth_cred_t, bool);
int	kpause(const char *, bool, int, kmutex_t *);
int	proc_vmspace_getref(struct proc *, struct vmspace **);

#endif
