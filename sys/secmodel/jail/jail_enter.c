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
 * Entry: a process of the host's root becomes a jail's, in one operation
 * and for good.  It happens as a whole or leaves the process as it was.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/domain.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/filedesc.h>
#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/protosw.h>
#include <sys/resource.h>
#include <sys/resourcevar.h>
#include <sys/rwlock.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/vfs_syscalls.h>
#include <sys/vnode.h>

#include <miscfs/specfs/specdev.h>

#include <uvm/uvm_extern.h>

#include <secmodel/jail/jail_impl.h>

__CTASSERT(JAIL_NLIMITS == RLIM_NLIMITS);

/* A limit of a config, in the kernel's form. */
static struct rlimit
limit_of(const struct jail_config *jc, u_int i)
{
	struct rlimit rl;

	rl.rlim_cur = MIN(jc->jc_soft[i], (uint64_t)RLIM_INFINITY);
	rl.rlim_max = MIN(jc->jc_hard[i], (uint64_t)RLIM_INFINITY);
	return rl;
}

/* Whether the limits of a config make sense; the reply says why not. */
bool
jail_limits_valid(const struct jail_config *jc, struct jail_reply *reply)
{
	u_int i;

	if ((jc->jc_limits >> JAIL_NLIMITS) != 0) {
		(void)jail_refuse(reply, JAIL_REASON_FIELD,
		    offsetof(struct jail_request, jq_config.jc_limits), 0);
		return false;
	}
	for (i = 0; i < JAIL_NLIMITS; i++) {
		if ((jc->jc_limits & (1U << i)) != 0 ?
		    jc->jc_soft[i] > jc->jc_hard[i] :
		    jc->jc_soft[i] != 0 || jc->jc_hard[i] != 0) {
			(void)jail_refuse(reply, JAIL_REASON_LIMIT, (int)i, 0);
			return false;
		}
	}
	return true;
}

/* Set the limits of an array that are in the mask back.  May sleep. */
static void
limits_restore(struct lwp *l, const struct rlimit old[JAIL_NLIMITS], u_int n,
    uint32_t mask)
{
	struct rlimit rl;

	while (n-- > 0) {
		if ((mask & (1U << n)) == 0)
			continue;
		rl = old[n];
		(void)dosetrlimit(l, l->l_proc, n, &rl);
	}
}

/*
 * Set the current process's limits to those of a jail, all or none; old has
 * what they were.  Needs jail_lock.  May sleep.
 */
static int
limits_set(struct lwp *l, const struct jail_config *jc,
    struct rlimit old[JAIL_NLIMITS], struct jail_reply *reply)
{
	struct proc *p = l->l_proc;
	struct rlimit rl;
	u_int i;
	int error;

	KASSERT(mutex_owned(&jail_lock));

	for (i = 0; i < JAIL_NLIMITS; i++) {
		old[i] = p->p_rlimit[i];
		if ((jc->jc_limits & (1U << i)) == 0)
			continue;
		rl = limit_of(jc, i);
		error = dosetrlimit(l, p, i, &rl);
		if (error != 0) {
			limits_restore(l, old, i, jc->jc_limits);
			return jail_refuse(reply, JAIL_REASON_LIMIT, (int)i,
			    error);
		}
	}
	return 0;
}

/* Why a vnode may not be open in a jail with that root, or NONE. */
static uint32_t
vnode_reason(struct lwp *l, struct vnode *vp, struct vnode *root)
{

	switch (vp->v_type) {
	case VDIR:
		/* A directory outside is a way out: openat(2), fchroot(2). */
		if (vp != root && !vn_isunder(vp, root, l))
			return JAIL_REASON_FD_DIRECTORY;
		return JAIL_REASON_NONE;
	case VCHR:
		if (!jail_device_listed(vp->v_rdev))
			return JAIL_REASON_FD_DEVICE;
		return JAIL_REASON_NONE;
	case VBLK:
		return JAIL_REASON_FD_DEVICE;
	case VREG:
	case VFIFO:
	case VSOCK:
	case VLNK:
		return JAIL_REASON_NONE;
	default:
		return JAIL_REASON_FD_OTHER;
	}
}

/* Why a socket may not be open in a jail, or NONE; takes softnet_lock. */
static uint32_t
socket_reason(struct jail *j, struct socket *so, struct jail_reply *reply)
{

	/* These go on with the host's credential that they were made with. */
	if (so->so_type == SOCK_RAW)
		return JAIL_REASON_FD_SOCKET;
	switch (so->so_proto->pr_domain->dom_family) {
	case AF_LOCAL:
		return JAIL_REASON_NONE;
	case AF_INET:
	case AF_INET6:
		return jail_port_may_bring(j, so, reply) ?
		    JAIL_REASON_NONE : JAIL_REASON_FD_SOCKET;
	default:
		return JAIL_REASON_FD_SOCKET;
	}
}

/* Why a file may not be open in a jail, or NONE. */
static uint32_t
file_reason(struct lwp *l, struct file *fp, bool exclose, struct jail *j,
    struct jail_reply *reply)
{

	switch (fp->f_type) {
	case DTYPE_VNODE:
		return vnode_reason(l, fp->f_vnode, j->j_root);
	case DTYPE_SOCKET:
		return socket_reason(j, fp->f_socket, reply);
	case DTYPE_KQUEUE:
		/* Of no use to others, but Go's runtime always has one. */
		return exclose ? JAIL_REASON_NONE : JAIL_REASON_FD_KQUEUE;
	case DTYPE_PIPE:
	case DTYPE_MQUEUE:
	case DTYPE_SEM:
	case DTYPE_EVENTFD:
	case DTYPE_TIMERFD:
#ifdef DTYPE_MEMFD	/* from 11 */
	case DTYPE_MEMFD:
#endif
		return JAIL_REASON_NONE;
	default:
		/* Cloned devices: bpf, tap, audio. */
		return JAIL_REASON_FD_OTHER;
	}
}

/*
 * Look at all open files of the current process.  Needs jail_lock.  May
 * sleep.
 */
static int
files_check(struct lwp *l, struct jail *j, struct jail_reply *reply)
{
	struct fdtab *dt = atomic_load_consume(&l->l_fd->fd_dt);
	struct file *fp;
	uint32_t reason;
	u_int fd;

	for (fd = 0; fd < dt->dt_nfiles; fd++) {
		fp = fd_getfile(fd);
		if (fp == NULL)
			continue;
		reason = file_reason(l, fp, dt->dt_ff[fd]->ff_exclose, j,
		    reply);
		fd_putfile(fd);
		if (reason != JAIL_REASON_NONE)
			return jail_refuse(reply, reason, (int)fd, EPERM);
	}
	return 0;
}

/*
 * What of the current process another one shares, or NONE.  Needs proc_lock.
 *
 * The counts of references are 1 for most; but that of the descriptors has
 * each thread, and the others' may be raised for a moment by who only looks.
 */
static uint32_t
shared_reason(const struct proc *p)
{
	struct proc *other;

	KASSERT(mutex_owned(&proc_lock));

	if (p->p_vmspace->vm_refcnt == 1 && p->p_fd->fd_refcnt == 1 &&
	    p->p_cwdi->cwdi_refcnt == 1)
		return JAIL_REASON_NONE;
	PROCLIST_FOREACH(other, &allproc) {
		if (other == p || other->p_stat == SDYING)
			continue;
		if (other->p_vmspace == p->p_vmspace)
			return JAIL_REASON_VFORK;
		if (other->p_fd == p->p_fd)
			return JAIL_REASON_SHARED_FDS;
		if (other->p_cwdi == p->p_cwdi)
			return JAIL_REASON_SHARED_CWD;
	}
	return JAIL_REASON_NONE;
}

/*
 * Look at the current process itself.  Takes proc_lock and p_lock.
 *
 * PK_KMEM is of no use: to open null or zero sets it as well.
 */
static uint32_t
process_reason(struct proc *p)
{
	uint32_t reason = JAIL_REASON_NONE;

	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	if ((p->p_slflag & PSL_TRACED) != 0 || p->p_tracep != NULL)
		reason = JAIL_REASON_TRACED;
	else if ((p->p_lflag & PL_PPWAIT) != 0)
		reason = JAIL_REASON_VFORK;
	else if (!SESS_LEADER(p))
		reason = JAIL_REASON_SESSION;
	else if ((p->p_lflag & PL_CONTROLT) != 0 ||
	    p->p_session->s_ttyvp != NULL)
		reason = JAIL_REASON_TERMINAL;
	else
		reason = shared_reason(p);
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
	return reason;
}

/* Let the current process's root and directory be a vnode.  May sleep. */
static void
enter_root(struct proc *p, struct vnode *root)
{
	struct cwdinfo *cwdi = p->p_cwdi;
	struct vnode *old;

	vref(root);
	change_root(root);	/* takes the reference */

	vref(root);
	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	old = cwdi->cwdi_cdir;
	cwdi->cwdi_cdir = root;
	rw_exit(&cwdi->cwdi_lock);
	vrele(old);
}

/*
 * Give the current process to a jail, with exec guarded until it executes.
 * Takes p_lock.  May sleep.
 */
static void
enter_cred(struct proc *p, struct jail *j, bool exec)
{
	kauth_cred_t cred;

	cred = kauth_cred_alloc();
	jail_cred_attach(cred, j, exec);
	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, cred);
	proc_crmod_leave(cred, p->p_cred, true);
}

/*
 * Command: the current process enters a jail.  Needs jail_lock, so that the
 * jail neither dies nor changes meanwhile.  May sleep.
 */
int
jail_enter(struct lwp *l, const struct jail_request *jq,
    struct jail_reply *reply)
{
	const bool init = (jq->jq_flags & JAIL_ENTER_INIT) != 0;
	struct rlimit old[JAIL_NLIMITS];
	struct proc *p = l->l_proc;
	struct jail_member *jm;
	struct jail *j;
	uint32_t reason;
	pid_t pid;
	int error;

	KASSERT(mutex_owned(&jail_lock));
	KASSERT(l == curlwp);

	j = jail_find(jq->jq_id);
	if (j == NULL)
		return jail_refuse(reply, JAIL_REASON_NO_JAIL, 0, ESRCH);
	if (j->j_state != JAIL_STATE_ACTIVE)
		return jail_refuse(reply, JAIL_REASON_DYING, 0, EBUSY);
	if (j->j_root->v_type != VDIR)	/* unmounted by force */
		return jail_refuse(reply, JAIL_REASON_ROOT, ENOENT,
		    EINVAL);
	if (init) {
		mutex_enter(&proc_lock);
		pid = j->j_init != NULL ? j->j_init->p_pid : 0;
		mutex_exit(&proc_lock);
		if (pid != 0)
			return jail_refuse(reply, JAIL_REASON_HAS_INIT,
			    (int)pid, EBUSY);
	}
	reason = process_reason(p);
	if (reason != JAIL_REASON_NONE)
		return jail_refuse(reply, reason, 0, EPERM);

	/* Threads that are in execve(2) have it; others wait before it. */
	if (!rw_tryenter(&p->p_reflock, RW_READER))
		return jail_refuse(reply, JAIL_REASON_EXEC, 0, EBUSY);
	error = files_check(l, j, reply);
	if (error != 0)
		goto out;
	if (!jail_proc_reserve(j)) {
		error = jail_refuse(reply, JAIL_REASON_CAP, 0, EAGAIN);
		goto out;
	}
	/* Init has none: it gives them to those that it starts. */
	if (!init) {
		error = limits_set(l, &j->j_config, old, reply);
		if (error != 0) {
			jail_proc_unreserve(j);
			goto out;
		}
	}

	/*
	 * Nothing fails from here on.  Any other thread may be about to copy
	 * its credential, without a node of its own for the copy.
	 */
	jm = kmem_zalloc(sizeof(*jm), KM_SLEEP);
	jail_cred_reserve(p->p_nlwps);
	enter_root(p, j->j_root);
	enter_cred(p, j, (jq->jq_flags & JAIL_ENTER_EXEC) != 0);
	if (jail_observing(j) && jail_proc_crowded(j))
		(void)jail_deny_cap(j, p->p_cred, 0);
	jail_proc_add(jm, j, p, init);
	reply->jy_id = j->j_id;
out:
	rw_exit(&p->p_reflock);
	return error;
}
