/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The questions, each put as the place in NetBSD's kernel puts it: with the
 * same arguments, and with the locks held that are held there, spin locks
 * included.
 */
#include <errno.h>
#include <stdlib.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/atomic.h>
#include <sys/conf.h>
#include <sys/kauth.h>
#include <sys/domain.h>
#include <sys/protosw.h>
#include <sys/socketvar.h>
#include <sys/tty.h>
#include <sys/vnode.h>
#include <net/route.h>
#include <netinet/in.h>

/* Act as p's lwp from here to END. */
#define	BEGIN(p)							\
	struct lwp *saved = hk_self.lwp;				\
	struct lwp *l = LIST_FIRST(&(p)->p_lwps);			\
	kauth_cred_t cred = begin(l);					\
	int error

#define	END()	do {							\
	end(cred);							\
	hk_self.lwp = saved;						\
	return error;							\
} while (0)

/* The lwp's view of the credential, as at its last entry to the kernel. */
static kauth_cred_t
begin(struct lwp *l)
{
	struct proc *p = l->l_proc;
	kauth_cred_t c;

	hk_self.lwp = l;
	mutex_enter(p->p_lock);
	c = kauth_cred_hold(p->p_cred);
	mutex_exit(p->p_lock);
	return c;
}

static void
end(kauth_cred_t c)
{

	if (hk_self.nheld != 0)
		panic("a question ends with a lock held");
	kauth_cred_free(c);
}

/* What the model alone has answered to this thread's last question. */
int
hk_answer(void)
{

	return hk_self.answer;
}

int
hk_ask_generic(struct proc *p, uint64_t action)
{
	BEGIN(p);

	error = kauth_authorize_generic(cred, action, NULL);
	END();
}

int
hk_ask_system(struct proc *p, uint64_t action, unsigned long req,
    unsigned long a1, unsigned long a2)
{
	BEGIN(p);

	error = kauth_authorize_system(cred, action, req, KAUTH_ARG(a1),
	    KAUTH_ARG(a2), NULL);
	END();
}

int
hk_ask_machdep(struct proc *p, uint64_t action)
{
	BEGIN(p);

	error = kauth_authorize_machdep(cred, action, NULL, NULL, NULL, NULL);
	END();
}

int
hk_ask_device(struct proc *p, uint64_t action, unsigned long req)
{
	BEGIN(p);

	error = kauth_authorize_device(cred, action, KAUTH_ARG(req), NULL,
	    NULL, NULL);
	END();
}

int
hk_ask_passthru(struct proc *p, uint64_t dev, unsigned long bits)
{
	BEGIN(p);

	error = kauth_authorize_device_passthru(cred, dev, bits, NULL);
	END();
}

/*
 * TTY_OPEN is asked with the terminal's lock held, a spin lock; but not by a
 * line discipline.
 */
int
hk_ask_tty(struct proc *p, uint64_t action, int line)
{
	static struct tty *tty;
	kmutex_t *tty_lock;
	BEGIN(p);

	tty_lock = mutex_obj_alloc(MUTEX_DEFAULT, IPL_VM);
	if (action == KAUTH_DEVICE_TTY_OPEN && !line)
		mutex_spin_enter(tty_lock);
	error = kauth_authorize_device_tty(cred, action, tty);
	if (action == KAUTH_DEVICE_TTY_OPEN && !line) {
		mutex_spin_exit(tty_lock);
		if (error != 0)
			error = EBUSY;
	}
	mutex_obj_free(tty_lock);
	END();
}

int
hk_ask_spec(struct proc *p, unsigned long req, int block, uint64_t rdev)
{
	struct vnode v;
	BEGIN(p);

	memset(&v, 0, sizeof(v));
	v.v_type = block ? VBLK : VCHR;
	v.v_usecount = 1;
	v.v_rdev = hk_device(rdev, block != 0);
	/* Linux has no other pseudo-terminals than those of mounts. */
	v.v_tag = VT_PTYFS;
	v.v_hkfd = -1;
	error = kauth_authorize_device_spec(cred, req, &v);
	END();
}

int
hk_ask_vnode(struct proc *p, uint64_t action, unsigned int mode,
    uint64_t rdev, int fs_decision)
{
	struct vnode v;
	BEGIN(p);

	memset(&v, 0, sizeof(v));
	v.v_type = (mode & 0170000) == 0020000 ? VCHR :
	    (mode & 0170000) == 0060000 ? VBLK :
	    (mode & 0170000) == 0040000 ? VDIR : VREG;
	v.v_usecount = 1;
	v.v_rdev = hk_device(rdev, v.v_type == VBLK);
	v.v_hkfd = -1;
	error = kauth_authorize_vnode(cred, action, &v, NULL, fs_decision);
	END();
}

/* TIOCCONS, of a plain file /dev/console, or of a directory on the way. */
int
hk_ask_console(struct proc *p, uint64_t action)
{
	struct vnode v;
	BEGIN(p);

	memset(&v, 0, sizeof(v));
	v.v_type = action == KAUTH_VNODE_EXECUTE ? VDIR : VREG;
	v.v_usecount = 1;
	v.v_hkfd = -1;
	mutex_enter(&constty_lock);
	error = kauth_authorize_vnode(cred, action, &v, NULL, 0);
	mutex_exit(&constty_lock);
	END();
}

int
hk_ask_network(struct proc *p, uint64_t action, unsigned long req,
    unsigned long a1, unsigned long a2, unsigned long a3)
{
	BEGIN(p);

	error = kauth_authorize_network(cred, action, req, KAUTH_ARG(a1),
	    KAUTH_ARG(a2), KAUTH_ARG(a3));
	END();
}

/* A message to a routing socket, by its type: RTM_*. */
int
hk_ask_route(struct proc *p, int type)
{
	struct rt_msghdr rtm;
	BEGIN(p);

	memset(&rtm, 0, sizeof(rtm));
	rtm.rtm_msglen = sizeof(rtm);
	rtm.rtm_type = (u_char)type;
	error = kauth_authorize_network(cred, KAUTH_NETWORK_ROUTE, 0, &rtm,
	    NULL, NULL);
	END();
}

/* ---- About another process. */

/* The locks that are held where a question about a process is asked. */
#define	LOCK_LIST	1	/* of all processes */
#define	LOCK_PROC	2	/* the process's */
#define	LOCK_LWP	4	/* its thread's, a spin lock */

static int
ask_process(struct proc *p, struct proc *t, int locks, uint64_t action,
    void *a1, void *a2, void *a3)
{
	struct lwp *tl = LIST_FIRST(&t->p_lwps);
	BEGIN(p);

	if ((locks & LOCK_LIST) != 0)
		mutex_enter(&proc_lock);
	if ((locks & LOCK_PROC) != 0)
		mutex_enter(t->p_lock);
	if ((locks & LOCK_LWP) != 0)
		lwp_lock(tl);
	error = kauth_authorize_process(cred, action, t, a1, a2, a3);
	if ((locks & LOCK_LWP) != 0)
		lwp_unlock(tl);
	if ((locks & LOCK_PROC) != 0)
		mutex_exit(t->p_lock);
	if ((locks & LOCK_LIST) != 0)
		mutex_exit(&proc_lock);
	END();
}

/* kern.lwp asks KPTR of each thread. */
int
hk_ask_cansee(struct proc *p, struct proc *t, unsigned long req)
{

	return ask_process(p, t, LOCK_LIST | LOCK_PROC |
	    (req == KAUTH_REQ_PROCESS_CANSEE_KPTR ? LOCK_LWP : 0),
	    KAUTH_PROCESS_CANSEE, KAUTH_ARG(req), NULL, NULL);
}

int
hk_ask_signal(struct proc *p, struct proc *t, int signo)
{

	return ask_process(p, t, LOCK_LIST | LOCK_PROC, KAUTH_PROCESS_SIGNAL,
	    KAUTH_ARG(signo), NULL, NULL);
}

/* ptrace(2) looks first whether the process may be seen. */
int
hk_ask_ptrace(struct proc *p, struct proc *t, int request)
{

	if (p != t &&
	    hk_ask_cansee(p, t, KAUTH_REQ_PROCESS_CANSEE_ENTRY) != 0)
		return ESRCH;
	return ask_process(p, t, LOCK_LIST | LOCK_PROC, KAUTH_PROCESS_PTRACE,
	    KAUTH_ARG(request), NULL, NULL);
}

int
hk_ask_ktrace(struct proc *p, struct proc *t)
{

	return ask_process(p, t, LOCK_PROC, KAUTH_PROCESS_KTRACE, NULL, NULL,
	    NULL);
}

int
hk_ask_procfs(struct proc *p, struct proc *t, unsigned long rw)
{

	return ask_process(p, t, 0, KAUTH_PROCESS_PROCFS, NULL, KAUTH_ARG(rw),
	    NULL);
}

int
hk_ask_kevent(struct proc *p, struct proc *t)
{

	return ask_process(p, t, LOCK_PROC, KAUTH_PROCESS_KEVENT_FILTER, NULL,
	    NULL, NULL) != 0 ? EACCES : 0;
}

int
hk_ask_nice(struct proc *p, struct proc *t, int nice)
{

	return ask_process(p, t, LOCK_LIST | LOCK_PROC, KAUTH_PROCESS_NICE,
	    KAUTH_ARG(nice), NULL, NULL) != 0 ? EACCES : 0;
}

int
hk_ask_sched(struct proc *p, struct proc *t, uint64_t action, int policy,
    int priority)
{

	return ask_process(p, t, LOCK_PROC |
	    (action == KAUTH_PROCESS_SCHEDULER_SETPARAM ? LOCK_LWP : 0),
	    action, LIST_FIRST(&t->p_lwps), KAUTH_ARG(policy),
	    KAUTH_ARG(priority));
}

int
hk_ask_rlimit(struct proc *p, struct proc *t, unsigned long req, int which,
    uint64_t soft, uint64_t hard)
{
	struct rlimit rl = { .rlim_cur = soft, .rlim_max = hard };

	if ((u_int)which >= RLIM_NLIMITS)
		return EINVAL;
	return ask_process(p, t, 0, KAUTH_PROCESS_RLIMIT, KAUTH_ARG(req), &rl,
	    KAUTH_ARG(which));
}

int
hk_ask_process(struct proc *p, struct proc *t, uint64_t action,
    unsigned long req)
{

	return ask_process(p, t, 0, action, KAUTH_ARG(req), NULL, NULL);
}

int
hk_ask_setid(struct proc *p)
{

	return ask_process(p, p, LOCK_PROC, KAUTH_PROCESS_SETID, NULL, NULL,
	    NULL);
}

/* Any refusal is EAGAIN to who forks. */
int
hk_ask_fork(struct proc *p)
{
	u_int n;
	int error;

	n = atomic_inc_uint_nv(&nprocs);
	error = ask_process(p, p, 0, KAUTH_PROCESS_FORK, KAUTH_ARG(n), NULL,
	    NULL);
	atomic_dec_uint(&nprocs);
	return error != 0 ? EAGAIN : 0;
}

/* ---- Sockets and ports. */

int
hk_ask_socket_open(struct proc *p, int family, int type, int protocol)
{

	return hk_ask_network(p, KAUTH_NETWORK_SOCKET,
	    KAUTH_REQ_NETWORK_SOCKET_OPEN, (unsigned long)family,
	    (unsigned long)type, (unsigned long)protocol);
}

int
hk_ask_socket(struct proc *p, unsigned long req, struct socket *so)
{
	BEGIN(p);

	error = kauth_authorize_network(cred, KAUTH_NETWORK_SOCKET, req, so,
	    NULL, NULL);
	END();
}

union address {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_storage	ss;
};

static int
ask_bind(struct proc *p, struct socket *so, enum kauth_network_req req,
    union address *a)
{
	BEGIN(p);

	solock(so);
	error = kauth_authorize_network(cred, KAUTH_NETWORK_BIND, req, so, a,
	    NULL);
	sounlock(so);
	END();
}

/* Ports below 1024 are privileged; a refusal is EACCES. */
int
hk_ask_bind(struct proc *p, struct socket *so, uint16_t port)
{
	union address a;

	memset(&a, 0, sizeof(a));
	if (so->so_proto->pr_domain->dom_family == AF_INET6) {
		a.in6.sin6_len = sizeof(a.in6);
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
	} else {
		a.in.sin_len = sizeof(a.in);
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
	}
	return ask_bind(p, so, port != 0 && port < IPPORT_RESERVED ?
	    KAUTH_REQ_NETWORK_BIND_PRIVPORT : KAUTH_REQ_NETWORK_BIND_PORT,
	    &a) != 0 ? EACCES : 0;
}

/* The first question of an automatic choice. */
int
hk_ask_autobind(struct proc *p, struct socket *so)
{

	return hk_ask_bind(p, so, 0);
}

/*
 * A candidate of an automatic choice: in host order, in an address of which
 * nothing else has been written.
 */
int
hk_ask_candidate(struct proc *p, struct socket *so, uint16_t port, int low)
{
	union address a;

	memset(&a, 0xa5, sizeof(a));
	if (so->so_proto->pr_domain->dom_family == AF_INET6)
		a.in6.sin6_port = port;
	else
		a.in.sin_port = port;
	return ask_bind(p, so, low ? KAUTH_REQ_NETWORK_BIND_PRIVPORT :
	    KAUTH_REQ_NETWORK_BIND_PORT, &a) != 0 ? EACCES : 0;
}

int
hk_ask_bind_anyaddr(struct proc *p, struct socket *so)
{

	return ask_bind(p, so, KAUTH_REQ_NETWORK_BIND_ANYADDR, NULL);
}
