/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * All rights reserved.
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions
 * are met:
 * 1. Redistributions of source code must retain the above copyright
 *    notice, this list of conditions and the following disclaimer.
 * 2. Redistributions in binary form must reproduce the above copyright
 *    notice, this list of conditions and the following disclaimer in the
 *    documentation and/or other materials provided with the distribution.
 *
 * THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
 * ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
 * IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
 * ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
 * FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
 * DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
 * OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
 * HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
 * LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
 * OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
 * SUCH DAMAGE.
 */


/*
 * What kauth(9) asks, and what the model answers: DENY or DEFER, and ALLOW
 * to nothing.
 *
 * Listeners are asked with all kinds of locks held, spin locks too, so they
 * take none but jail_leaf, to record what they deny; but about a fork with none,
 * and for that proc_lock, to count who has ended.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/resourcevar.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/tty.h>
#include <sys/vnode.h>

#include <miscfs/specfs/specdev.h>

#include <net/route.h>

#include <secmodel/jail/jail_impl.h>

/* Character devices that jails may open, by the names of config(5). */
static struct {
	const char	*ld_name;
	int		ld_minor;	/* or -1 for all */
	devmajor_t	ld_major;	/* set at load */
	bool		ld_ptyfs;	/* to open, by a node of ptyfs only */
} listed_devices[] = {
	{ "mem", DEV_NULL, NODEVMAJOR, false },
	{ "mem", DEV_ZERO, NODEVMAJOR, false },
	{ "mem", DEV_FULL, NODEVMAJOR, false },
	{ "rnd", -1, NODEVMAJOR, false },
	{ "ctty", -1, NODEVMAJOR, false },
	{ "ptm", -1, NODEVMAJOR, false },
	{ "ptc", -1, NODEVMAJOR, true },
	{ "pts", -1, NODEVMAJOR, true },
	/* One's own descriptors. */
	{ "filedesc", -1, NODEVMAJOR, false },
};

/* The place of a character device in the list, or -1. */
static int
device_index(dev_t dev)
{
	u_int i;

	for (i = 0; i < __arraycount(listed_devices); i++) {
		if (listed_devices[i].ld_major == NODEVMAJOR ||
		    listed_devices[i].ld_major != major(dev))
			continue;
		if (listed_devices[i].ld_minor == -1 ||
		    listed_devices[i].ld_minor == (int)minor(dev))
			return (int)i;
	}
	return -1;
}

/* Whether a jail may have a character device open.  Needs no lock. */
bool
jail_device_listed(dev_t dev)
{

	return device_index(dev) != -1;
}

/*
 * Whether a jail may open a device by that node.  Of pseudo-terminals each
 * mount of ptyfs has its own, and another node is anybody's, the host's too.
 * What the kernel opens for a jail is a pseudo-terminal.
 */
static bool
node_listed(const struct vnode *vp, bool kernel)
{
	const int i = vp->v_type == VCHR ? device_index(vp->v_rdev) : -1;

	return i != -1 && (vp->v_tag == VT_PTYFS ||
	    (!kernel && !listed_devices[i].ld_ptyfs));
}

/* What a jail's table says by a rule; what it doesn't know (-1), it denies. */
static uint8_t
verdict_of(const struct jail *j, int i)
{

	if (i == -1)
		return JAIL_VERDICT_DENY;
	return jail_load(&j->j_verdict[i]);
}

/* The scopes where the table alone decides. */
static int
decide(kauth_cred_t cred, u_int scope, kauth_action_t action, u_int request)
{
	struct jail *j = jail_of(cred);
	struct jail_event je;
	int i;

	if (j == NULL)
		return KAUTH_RESULT_DEFER;
	if (jail_dying(j))
		return jail_deny_dying(j, scope);
	i = jail_rule_index(scope, action, request);
	if (verdict_of(j, i) == JAIL_VERDICT_DEFER)
		return KAUTH_RESULT_DEFER;
	jail_event_make(&je, scope, i, (u_int)action, request);
	return jail_deny(j, cred, &je,
	    jail_rule_lifted(i) == JAIL_VERDICT_DEFER);
}

static int
generic_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{

	return decide(cred, JAIL_SCOPE_GENERIC, action, 0);
}

static int
system_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{

	return decide(cred, JAIL_SCOPE_SYSTEM, action, (u_int)(uintptr_t)arg0);
}

static int
machdep_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{

	return decide(cred, JAIL_SCOPE_MACHDEP, action, 0);
}

/* The request of an action of the process scope, or the case of it. */
static u_int
process_request(kauth_action_t action, struct proc *p, void *arg1, void *arg2,
    void *arg3)
{
	const u_int request = (u_int)(uintptr_t)arg1;
	const struct rlimit *rl;

	switch (action) {
	case KAUTH_PROCESS_CANSEE:
	case KAUTH_PROCESS_CORENAME:
	case KAUTH_PROCESS_KTRACE:
		return request;
	case KAUTH_PROCESS_NICE:
		return (u_long)arg1 < p->p_nice ? JAIL_REQ_NICE_RAISE : 0;
	case KAUTH_PROCESS_PROCFS:
		return (u_int)(uintptr_t)arg2;
	case KAUTH_PROCESS_RLIMIT:
		rl = arg2;
		if (request == KAUTH_REQ_PROCESS_RLIMIT_SET &&
		    rl->rlim_max > p->p_rlimit[(u_long)arg3].rlim_max)
			return JAIL_REQ_RLIMIT_RAISE;
		return request;
	default:
		return 0;
	}
}

/*
 * Whether a process runs a program of the host's.  It is its jail's init; or,
 * to everyone but init, made by it and not come to execve(2) yet, with init's
 * memory and files and without the jail's limits; or it has entered and not
 * come to execve(2) yet, which whom it has made meanwhile need not be told.
 * Takes jail_leaf, or nothing: while init lives only a tracer takes its place
 * as the parent, which is the host's, and PK_EXEC is set once.
 */
static bool
process_guarded(const struct jail *j, const struct proc *p)
{
	const struct proc *init = atomic_load_relaxed(&j->j_init);

	if (p == init)
		return true;
	if (init != NULL && init != curproc &&
	    atomic_load_relaxed(&p->p_pptr) == init &&
	    (atomic_load_relaxed(&p->p_flag) & PK_EXEC) == 0)
		return true;
	return jail_load(&j->j_entering) != 0 &&
	    atomic_load_relaxed(&p->p_cred) != curlwp->l_cred &&
	    jail_cred_entering(p);
}

/* Whether a process is surely not guarded: not init, nor made by it. */
static bool
process_common(const struct jail *j, const struct proc *p)
{
	const struct proc *init = jail_load(&j->j_init);

	return init == NULL ||
	    (p != init && jail_load(&p->p_pptr) != init);
}

/* Whether a jail's init is guarded against an action of its own jail. */
static bool
init_guarded(kauth_action_t action, u_int request)
{

	switch (action) {
	case KAUTH_PROCESS_KTRACE:
	case KAUTH_PROCESS_NICE:
	case KAUTH_PROCESS_PROCFS:
	case KAUTH_PROCESS_PTRACE:
	case KAUTH_PROCESS_SCHEDULER_SETAFFINITY:
	case KAUTH_PROCESS_SCHEDULER_SETPARAM:
	case KAUTH_PROCESS_SIGNAL:
	case KAUTH_PROCESS_STOPFLAG:
		return true;
	case KAUTH_PROCESS_CANSEE:
		/* That it is there; in /proc is its program, the host's. */
		return request != KAUTH_REQ_PROCESS_CANSEE_EPROC;
	case KAUTH_PROCESS_CORENAME:
		return request != KAUTH_REQ_PROCESS_CORENAME_GET;
	case KAUTH_PROCESS_RLIMIT:
		return request != KAUTH_REQ_PROCESS_RLIMIT_GET;
	default:
		return false;
	}
}

/*
 * The host's own users: only root has to do with what is in a jail.  A
 * user's id may be anybody's there.
 */
static int
process_host(kauth_cred_t cred, kauth_action_t action, struct proc *p,
    void *arg1, void *arg2, void *arg3)
{
	int i;

	if (p == NULL || kauth_cred_geteuid(cred) == 0 ||
	    jail_of_proc(p) == NULL)
		return KAUTH_RESULT_DEFER;
	i = jail_rule_index(JAIL_SCOPE_PROCESS, action,
	    process_request(action, p, arg1, arg2, arg3));
	if (i != -1 && jail_rules[i].ju_verdict[JAIL_LEVEL_LOW] ==
	    JAIL_VERDICT_DEFER)
		return KAUTH_RESULT_DEFER;
	return KAUTH_RESULT_DENY;
}

/*
 * Whether a denial is nothing to record.  What is only not shown would make
 * ps(1) look hostile; and execve(2) asks whether a limit may be exceeded
 * though it is not, of each process that has changed ids.
 */
static bool
process_uncounted(kauth_action_t action, u_int request)
{

	return action == KAUTH_PROCESS_CANSEE ||
	    (action == KAUTH_PROCESS_RLIMIT &&
	    request == KAUTH_REQ_PROCESS_RLIMIT_BYPASS);
}

/* Whether a verdict lets a process of a jail do something to p. */
static bool
process_passes(const struct jail *j, uint8_t verdict, kauth_action_t action,
    u_int request, struct proc *p)
{

	switch (verdict) {
	case JAIL_VERDICT_DEFER:
		return true;
	case JAIL_VERDICT_OWN:
		if (p == curproc)
			return true;
		if (jail_of_proc(p) == j)
			return !init_guarded(action, request) ||
			    !process_guarded(j, p);
		/* Opening /proc itself is asked about process 0. */
		return action == KAUTH_PROCESS_PROCFS &&
		    request == KAUTH_REQ_PROCESS_PROCFS_READ && p == &proc0;
	default:
		return false;
	}
}

/*
 * p may be another process, unlocked, or locked in any way, and is looked at
 * without its lock.
 */
static __noinline int
process_asked(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct jail *j = jail_of(cred);
	struct proc *p = arg0;
	struct jail_event je;
	u_int request;
	bool lifted;
	int i;

	if (j == NULL)
		return process_host(cred, action, p, arg1, arg2, arg3);
	if (jail_dying(j))
		return jail_deny_dying(j, JAIL_SCOPE_PROCESS);

	request = process_request(action, p, arg1, arg2, arg3);
	i = jail_rule_index(JAIL_SCOPE_PROCESS, action, request);
	if (process_passes(j, verdict_of(j, i), action, request, p)) {
		if (action == KAUTH_PROCESS_FORK && !jail_proc_may_fork(j))
			return jail_deny_cap(j, cred, 1);
		return KAUTH_RESULT_DEFER;
	}
	lifted = process_passes(j, jail_rule_lifted(i), action, request, p);
	if (process_uncounted(action, request))
		return lifted && jail_observing(j) ? KAUTH_RESULT_DEFER :
		    KAUTH_RESULT_DENY;
	jail_event_make(&je, JAIL_SCOPE_PROCESS, i, (u_int)action, request);
	if (p != NULL) {
		je.je_kind = JAIL_DETAIL_PROCESS;
		je.je_detail = (uint64_t)p->p_pid;
		je.je_target = jail_id_of_proc(p);
	}
	return jail_deny(j, cred, &je, lifted);
}

/*
 * What is asked mostly is about the caller, or about who has its credential
 * still, as children have, and is passed whatever the request.
 */
static int
process_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct proc *p = arg0;
	struct jail *j;
	uint8_t verdict;

	if (__predict_true(jail_nobody()))
		return KAUTH_RESULT_DEFER;
	if (jail_glance(cred, &j) && p != NULL &&
	    jail_load(&p->p_cred) == cred) {
		if (j == NULL)
			return KAUTH_RESULT_DEFER;
		verdict = jail_process_verdict(j, action);
		if (!jail_dying(j) && (verdict == JAIL_VERDICT_DEFER ||
		    (verdict == JAIL_VERDICT_OWN && process_common(j, p))))
			return KAUTH_RESULT_DEFER;
	}
	return process_asked(cred, action, cookie, arg0, arg1, arg2, arg3);
}

/* Which case it is to open a socket. */
static u_int
socket_request(u_int domain, u_int type)
{

	switch (domain) {
	case PF_LOCAL:
		return KAUTH_REQ_NETWORK_SOCKET_OPEN;
	case PF_INET:
	case PF_INET6:
		return type == SOCK_RAW ? JAIL_REQ_SOCKET_RAW :
		    KAUTH_REQ_NETWORK_SOCKET_OPEN;
	case PF_ROUTE:
		return JAIL_REQ_SOCKET_ROUTE;
	case PF_KEY:
		return JAIL_REQ_SOCKET_KEY;
	default:
		return type == SOCK_RAW ? JAIL_REQ_SOCKET_KEY :
		    JAIL_REQ_SOCKET_OTHER;
	}
}

/* The request of an action of the network scope, or the case of it. */
static u_int
network_request(kauth_action_t action, u_int request, void *arg1, void *arg2)
{
	const struct rt_msghdr *rtm;

	switch (action) {
	case KAUTH_NETWORK_ROUTE:
		rtm = arg1;
		return rtm->rtm_type == RTM_GET ? JAIL_REQ_ROUTE_GET : 0;
	case KAUTH_NETWORK_SOCKET:
		if (request == KAUTH_REQ_NETWORK_SOCKET_OPEN)
			return socket_request((u_int)(uintptr_t)arg1,
			    (u_int)(uintptr_t)arg2);
		return request;
	default:
		return request;
	}
}

/* Whether a socket was made in a jail (NULL: on the host). */
static bool
socket_is_of(const struct socket *so, const struct jail *j)
{

	return so->so_cred != NULL && jail_of(so->so_cred) == j;
}

static __noinline int
network_asked(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	u_int request = (u_int)(uintptr_t)arg0;
	struct jail *j = jail_of(cred);
	struct jail_event je;
	bool cansee, drop, open, lifted;
	uint8_t most;
	int i;

	open = action == KAUTH_NETWORK_SOCKET &&
	    request == KAUTH_REQ_NETWORK_SOCKET_OPEN;
	if (open)
		jail_port_socket_opened();
	if (j != NULL && jail_dying(j))
		return jail_deny_dying(j, JAIL_SCOPE_NETWORK);

	cansee = action == KAUTH_NETWORK_SOCKET &&
	    request == KAUTH_REQ_NETWORK_SOCKET_CANSEE;
	drop = action == KAUTH_NETWORK_SOCKET &&
	    request == KAUTH_REQ_NETWORK_SOCKET_DROP;
	if (j == NULL) {
		if ((!cansee && !drop) || socket_is_of(arg1, NULL) ||
		    kauth_cred_geteuid(cred) == 0)
			return KAUTH_RESULT_DEFER;
		return KAUTH_RESULT_DENY;
	}
	request = network_request(action, request, arg1, arg2);
	i = jail_rule_index(JAIL_SCOPE_NETWORK, action, request);
	switch (verdict_of(j, i)) {
	case JAIL_VERDICT_DEFER:
		return KAUTH_RESULT_DEFER;
	case JAIL_VERDICT_OWN:	/* socket.cansee, socket.drop */
		if (socket_is_of(arg1, j))
			return KAUTH_RESULT_DEFER;
		break;
	default:
		break;
	}
	if (cansee)
		return KAUTH_RESULT_DENY;
	most = jail_rule_lifted(i);
	lifted = most == JAIL_VERDICT_DEFER ||
	    (most == JAIL_VERDICT_OWN && socket_is_of(arg1, j));
	jail_event_make(&je, JAIL_SCOPE_NETWORK, i, (u_int)action, request);
	if (open) {
		je.je_kind = JAIL_DETAIL_SOCKET;
		je.je_detail = (uintptr_t)arg1;
		je.je_protocol = (uint32_t)(uintptr_t)arg3;
	}
	return jail_deny(j, cred, &je, lifted);
}

static int
network_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const u_int request = (u_int)(uintptr_t)arg0;

	if (action == KAUTH_NETWORK_BIND &&
	    (request == KAUTH_REQ_NETWORK_BIND_PORT ||
	    request == KAUTH_REQ_NETWORK_BIND_PRIVPORT))
		return jail_port_bind(cred, request, arg1, arg2);
	return network_asked(cred, action, cookie, arg0, arg1, arg2, arg3);
}

static int
device_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	/*
	 * ptm(4) opens as process 0, and without ptyfs by a name: then root
	 * in a jail says of which device, and which is to be revoked.
	 */
	const bool kernel = cred == lwp0.l_cred;
	struct jail *j = jail_of(kernel ? curlwp->l_cred : cred);
	const struct vnode *vp;
	struct jail_event je;
	u_int request = 0;
	int i;

	if (j == NULL)
		return KAUTH_RESULT_DEFER;
	if (jail_dying(j))
		return jail_deny_dying(j, JAIL_SCOPE_DEVICE);

	switch (action) {
	case KAUTH_DEVICE_BLUETOOTH_BCSP:
	case KAUTH_DEVICE_BLUETOOTH_BTUART:
	case KAUTH_DEVICE_RAWIO_SPEC:
		request = (u_int)(uintptr_t)arg0;
		break;
	case KAUTH_DEVICE_TTY_OPEN:
		/* Who opens a terminal has it locked. */
		if (!jail_spins())
			request = JAIL_REQ_TTY_LINE;
		break;
	default:
		break;
	}
	i = jail_rule_index(JAIL_SCOPE_DEVICE, action, request);
	switch (verdict_of(j, i)) {
	case JAIL_VERDICT_DEFER:
		return KAUTH_RESULT_DEFER;
	case JAIL_VERDICT_LISTED:	/* rawio.spec */
		vp = arg1;
		if (node_listed(vp, kernel))
			return KAUTH_RESULT_DEFER;
		break;
	default:
		break;
	}
	jail_event_make(&je, JAIL_SCOPE_DEVICE, i, (u_int)action, request);
	if (action == KAUTH_DEVICE_RAWIO_SPEC) {
		je.je_kind = JAIL_DETAIL_DEVICE;
		je.je_detail = ((const struct vnode *)arg1)->v_rdev;
	}
	return jail_deny(j, cred, &je,
	    jail_rule_lifted(i) == JAIL_VERDICT_DEFER);
}

/* Deny some actions of the vnode scope, which are bits. */
static int
vnode_deny(struct jail *j, kauth_cred_t cred, uint64_t deny)
{
	struct jail_event je;
	bool lifted = true;
	u_int bit = 0;
	int i = -1;

	/* The event is of one of them, of the floor if one is. */
	for (; deny != 0 && lifted; deny &= deny - 1) {
		bit = (u_int)__builtin_ctzll(deny);
		i = jail_vnode_index(bit);
		lifted = jail_rule_lifted(i) == JAIL_VERDICT_DEFER;
	}
	jail_event_make(&je, JAIL_SCOPE_VNODE, i, bit, 0);
	return jail_deny(j, cred, &je, lifted);
}

/*
 * Whether tty(4) asks, for TIOCCONS: it wants no more than that /dev/console
 * may be read, and in a jail that is what root there has made, maybe a link
 * into a file system that asks nobody.  So it is refused on the way there.
 */
static inline bool
takes_console(void)
{

	return __predict_false(mutex_owned(&constty_lock));
}

static __noinline int
vnode_asked(kauth_cred_t cred, kauth_action_t action)
{
	struct jail *j = jail_of(cred);
	uint64_t deny;

	if (j == NULL)
		return KAUTH_RESULT_DEFER;
	if (jail_dying(j))
		return jail_deny_dying(j, JAIL_SCOPE_VNODE);
	deny = action & jail_vnode_deny(j);
	if (deny != 0)
		return vnode_deny(j, cred, deny);
	if (takes_console())
		return device_cb(cred, KAUTH_DEVICE_TTY_VIRTUAL, NULL, NULL,
		    NULL, NULL, NULL);
	return KAUTH_RESULT_DEFER;
}

/* Asked for each name of each path: there is no more to it than needed. */
static int
vnode_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct jail *j;

	if (__predict_true(jail_nobody()))
		return KAUTH_RESULT_DEFER;
	if (jail_glance(cred, &j) && (j == NULL ||
	    (!jail_dying(j) && (action & jail_vnode_deny(j)) == 0 &&
	    !takes_console())))
		return KAUTH_RESULT_DEFER;
	return vnode_asked(cred, action);
}

static struct {
	const char	*ls_scope;
	kauth_scope_callback_t ls_callback;
	kauth_listener_t ls_listener;
} listeners[] = {
	/* First and last: who is jailed has to be known to the others. */
	{ KAUTH_SCOPE_CRED, jail_cred_cb, NULL },
	{ KAUTH_SCOPE_GENERIC, generic_cb, NULL },
	{ KAUTH_SCOPE_SYSTEM, system_cb, NULL },
	{ KAUTH_SCOPE_PROCESS, process_cb, NULL },
	{ KAUTH_SCOPE_NETWORK, network_cb, NULL },
	{ KAUTH_SCOPE_MACHDEP, machdep_cb, NULL },
	{ KAUTH_SCOPE_DEVICE, device_cb, NULL },
	{ KAUTH_SCOPE_VNODE, vnode_cb, NULL },
};

/* Listen, with whom the kernel has room for.  May sleep. */
static void
listen(void)
{
	u_int i;

	for (i = 0; i < __arraycount(listeners); i++)
		listeners[i].ls_listener = kauth_listen_scope(
		    listeners[i].ls_scope, listeners[i].ls_callback, NULL);
}

/* Listen no more.  Needs a moment when no thread is in a listener. */
static void
unlisten(void)
{
	u_int i;

	for (i = __arraycount(listeners); i-- > 0;) {
		kauth_unlisten_scope(listeners[i].ls_listener);
		listeners[i].ls_listener = NULL;
	}
}

/*
 * Called once at load.  May sleep; takes proc_lock.
 *
 * Of a kernel with DIAGNOSTIC, kauth(9) asserts that if there is a listener
 * for credentials, it was asked: none comes while a thread is about to ask.
 */
int
jail_listener_start(void)
{
	u_int i;
	int error;

	for (i = 0; i < __arraycount(listed_devices); i++)
		listed_devices[i].ld_major =
		    devsw_name2chr(listed_devices[i].ld_name, NULL, 0);
	error = jail_quiet_call(listen);
	for (i = 0; error == 0 && i < __arraycount(listeners); i++) {
		if (listeners[i].ls_listener == NULL)
			error = ENOENT;
	}
	return error;
}

/*
 * Called at unload, when no jail ever was: then no listener sleeps.  After it
 * no thread is in one.  EBUSY if that can't be had: they go on to listen.  May
 * sleep; takes proc_lock.
 */
int
jail_listener_stop(void)
{

	return jail_quiet_call(unlisten);
}
