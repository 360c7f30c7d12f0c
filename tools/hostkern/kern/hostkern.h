/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The hosted kernel as the daemon sees it.  Errors are errno's numbers.
 * Every call that takes a process as its actor runs as that process's lwp.
 * The caller serializes: hk_proc_* calls that make, end or free a process
 * against all others on the same process.
 */
#ifndef _HOSTKERN_H_
#define _HOSTKERN_H_

#include <stddef.h>
#include <stdint.h>

struct lwp;
struct proc;

/* Once, before anything else. */
void	hk_boot(void);
/* The model as a module: INIT, FINI. */
int	hk_load(void);
int	hk_unload(void);
/* Ids up to this one are never given again. */
void	hk_set_lastid(uint32_t);
uint32_t hk_lastid(void);
int	hk_jail_limits(uint32_t, uint32_t *mask, uint64_t *soft,
    uint64_t *hard);
/* name and path: JAIL_NAMELEN and JAIL_ROOTLEN. */
uint32_t hk_jail_at(int n, char *name, char *path);
/* The id of the process's jail, 0 for the host. */
uint32_t hk_jail_of(struct proc *);

/* uids and gids: real, effective, saved. */
struct hk_ids {
	unsigned int	uid[3];
	unsigned int	gid[3];
};

/* Gauges, read when they are asked for. */
struct hk_gauges {
	int		threads;
	uint64_t	resident;	/* pages */
	uint64_t	virtual_;	/* pages */
	uint64_t	user, system;	/* ticks */
	int64_t		start_sec;
	int64_t		start_usec;
	int		nice;
};

/*
 * parent NULL: a process of the host that was found running; it gets a
 * credential of its own.  Else a fork: the parent's credential is shared.
 */
struct proc *hk_proc_new(struct proc *parent, int pid,
    const struct hk_ids *);
/* A fork of which the process id is not known yet, and its arrival. */
struct proc *hk_proc_embryo(struct proc *parent);
void	hk_proc_arrive(struct proc *, int pid);
void	hk_proc_gauges(struct proc *, const struct hk_gauges *);
void	hk_proc_ids(struct proc *, const struct hk_ids *);
void	hk_proc_command(struct proc *, const char *);
/* flags: HK_P_*. */
#define	HK_P_TRACED	1
#define	HK_P_LEADER	2	/* session leader */
#define	HK_P_TERMINAL	4	/* has a controlling terminal */
#define	HK_P_PPWAIT	8	/* parent waits in vfork */
#define	HK_P_SHAREDFD	16
#define	HK_P_SHAREDCWD	32
#define	HK_P_SHAREDVM	64	/* as between vfork and execve */
void	hk_proc_flags(struct proc *, int flags, int session);
void	hk_proc_parent(struct proc *, struct proc *newparent);
/* allproc to zombproc, with the exit hooks; then gone. */
void	hk_proc_exit(struct proc *);
void	hk_proc_exec(struct proc *);
void	hk_proc_executed(struct proc *);
void	hk_proc_free(struct proc *);

/* Entry: descriptors and directories as they are just now. */
enum hk_fdtype { HK_FD_VNODE, HK_FD_SOCKET, HK_FD_PIPE, HK_FD_KQUEUE,
    HK_FD_EVENT, HK_FD_TIMER, HK_FD_OTHER };
struct hk_fd {
	int		fd;
	int		type;		/* enum hk_fdtype */
	int		cloexec;
	unsigned int	mode;		/* st_mode, of a vnode */
	uint64_t	dev, ino, rdev;
	int		dirfd;		/* O_PATH of a directory, taken; or -1 */
	int		family, stype, protocol;	/* NetBSD's numbers */
	uint16_t	port;		/* of a socket, that others can't bind */
};
int	hk_proc_setfiles(struct proc *, const struct hk_fd *, int);
void	hk_proc_clearfiles(struct proc *);
int	hk_proc_setdirs(struct proc *, int cwdfd, int rootfd, int chrooted);
/* A descriptor (O_PATH) of the root that the process has; -1 for none. */
int	hk_proc_rootfd(struct proc *);
/* Limits: soft and hard by NetBSD's number. */
#define	HK_NLIMITS	12
void	hk_proc_limits(struct proc *, const uint64_t *, const uint64_t *);
void	hk_proc_getlimits(struct proc *, uint64_t *, uint64_t *);

/* Fetch signals that the model has sent. */
int	hk_signals(int *pids, int *signos, int max);

/* Sockets that are bound, for the model's scan. */
struct hk_bound {
	struct proc	*holder;	/* or NULL: the host */
	int		family;		/* NetBSD's */
	int		protocol;	/* 6, 17 */
	uint16_t	port;		/* host order */
};
int	hk_set_bound(const struct hk_bound *, int);

int	hk_sysctl(struct proc *, const char *name, const void *newp,
    size_t newlen, void *oldp, size_t *oldlenp);

/* An LWP of its own, whose call may wait, and be interrupted for good. */
struct lwp *hk_lwp_new(struct proc *);
int	hk_lwp_sysctl(struct lwp *, const char *name, const void *newp,
    size_t newlen, void *oldp, size_t *oldlenp);
void	hk_lwp_interrupt(struct lwp *);
int	hk_lwp_waits(struct lwp *);
void	hk_lwp_free(struct lwp *);

/* Questions.  0 or the errno that kauth answers. */
int	hk_ask_generic(struct proc *, uint64_t action);
int	hk_ask_system(struct proc *, uint64_t action, unsigned long req,
    unsigned long a1, unsigned long a2);
int	hk_ask_machdep(struct proc *, uint64_t action);
int	hk_ask_device(struct proc *, uint64_t action, unsigned long req);
int	hk_ask_passthru(struct proc *, uint64_t dev, unsigned long bits);
int	hk_ask_tty(struct proc *, uint64_t action, int line);
int	hk_ask_spec(struct proc *, unsigned long req, int block,
    uint64_t rdev);
int	hk_ask_vnode(struct proc *, uint64_t action, unsigned int mode,
    uint64_t rdev, int fs_decision);
int	hk_ask_console(struct proc *, uint64_t action);
int	hk_ask_network(struct proc *, uint64_t action, unsigned long req,
    unsigned long a1, unsigned long a2, unsigned long a3);
int	hk_ask_route(struct proc *, int type);
int	hk_ask_cansee(struct proc *, struct proc *target, unsigned long req);
int	hk_ask_signal(struct proc *, struct proc *target, int signo);
int	hk_ask_ptrace(struct proc *, struct proc *target, int request);
int	hk_ask_ktrace(struct proc *, struct proc *target);
int	hk_ask_procfs(struct proc *, struct proc *target, unsigned long rw);
int	hk_ask_kevent(struct proc *, struct proc *target);
int	hk_ask_nice(struct proc *, struct proc *target, int nice);
/* action: one of KAUTH_PROCESS_SCHEDULER_*. */
int	hk_ask_sched(struct proc *, struct proc *target, uint64_t action,
    int policy, int priority);
int	hk_ask_rlimit(struct proc *, struct proc *target, unsigned long req,
    int which, uint64_t soft, uint64_t hard);
int	hk_ask_setid(struct proc *);
int	hk_ask_fork(struct proc *);
/* Questions with a request only: CORENAME, STOPFLAG. */
int	hk_ask_process(struct proc *, struct proc *target, uint64_t action,
    unsigned long req);

/* A socket that questions are about; it has the credential of its maker. */
struct socket *hk_socket_new(struct proc *, int family, int type,
    int protocol);
void	hk_socket_free(struct socket *);
int	hk_ask_socket_open(struct proc *, int family, int type, int protocol);
int	hk_ask_socket(struct proc *, unsigned long req, struct socket *);
/* An explicit bind; port in host order, 0 for an automatic one. */
int	hk_ask_bind(struct proc *, struct socket *, uint16_t port);
int	hk_ask_bind_anyaddr(struct proc *, struct socket *);
/* An automatic choice: once with port 0, then each candidate. */
int	hk_ask_autobind(struct proc *, struct socket *);
int	hk_ask_candidate(struct proc *, struct socket *, uint16_t port,
    int low);

/* For tests of what is held, and given back. */
void	hk_vnode_stat(long *vnodes, long *references);
void	hk_sleep_at(long n);	/* every nth allocation that may sleep does */
void	hk_tick(long microseconds);	/* that kpause(9) takes for one */
int	hk_forget(void);	/* 0: there is a jail */
void	hk_copies(struct proc *, int n);
struct kauth_cred *hk_cred_keep(struct proc *);
int	hk_cred_ask(struct kauth_cred *, uint64_t action, unsigned long req);
void	hk_cred_drop(struct kauth_cred *);
void	hk_proc_stray(struct proc *);
void	hk_proc_busy(struct proc *, int);
int	hk_modcmd(int);

/* For tests. */
int	hk_answer(void);	/* KAUTH_RESULT_* */
void	hk_fault_at(long n);	/* the nth fallible call from here fails */
long	hk_fault_count(void);	/* fallible calls since */
int	hk_careless(int n, struct proc *, struct proc *);
void	hk_kmem_stat(long *blocks, long *bytes);
/* By the model's listeners, in this thread so far. */
void	hk_model_cost(long *locks, long *allocations);

/* For benchmarks. */
void	hk_lock_check(int on);
long	hk_time_proc_lock(int on);
enum hk_model { HK_NO_MODEL, HK_OURS, HK_LISTMUTEX };
void	hk_bench_model(int);	/* enum hk_model; the only one that listens */
enum hk_bench { HK_BENCH_BIND, HK_BENCH_SIGNAL, HK_BENCH_CHROOT,
    HK_BENCH_LOOKUP, HK_BENCH_REBOOT };
/* Asks the same n times; returns how often the answer was yes. */
long	hk_bench_ask(int, struct proc *, struct proc *target,
    struct socket *, uint16_t port, long n);
void	hk_bench_walk(void);

/* listmutex.c: a model to compare with. */
void	hk_list_init(void);
int	hk_list_create(struct proc *, const char *name, const char *root,
    const uint16_t *ports, int nports, uint32_t *id);
int	hk_list_enter(struct proc *, uint32_t id);
int	hk_list_destroy(uint32_t id);

#endif
