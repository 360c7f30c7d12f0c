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
 * The processes that live in jails.
 *
 * Each has a member, which joins with the fork that makes it, or at entry,
 * and goes when it exits, before it is a zombie.  Members join and leave
 * under proc_lock, so that whoever holds it sees a process either alive or
 * in what its jail's dead have used, never in both or neither.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/rwlock.h>
#include <sys/signal.h>
#include <sys/signalvar.h>
#include <sys/sysctl.h>

#include <secmodel/jail/jail_impl.h>

#define	NBUCKETS	1024
#define	TICKET_SECONDS	2	/* no fork takes longer to be counted */
#define	KILL_SECONDS	5	/* what is under way has to end in these */

static struct member_bucket {
	LIST_HEAD(, jail_member) mb_members;	/* p: by process */
	u_int		mb_count;		/* p l */
} member_table[NBUCKETS];
static u_int	member_count;			/* p */
static void	*exit_hook;
static void	*exec_hook;

static struct member_bucket *
member_bucket(const struct proc *p)
{

	return &member_table[((uint32_t)((uintptr_t)p >> 6) * 0x9e3779b1U >>
	    8) % NBUCKETS];
}

/*
 * Whether a process may be a member: a hint that costs the host's nothing.
 * Of the current process it is certain, as only others come and go.
 */
static bool
member_maybe(const struct proc *p)
{

	return atomic_load_relaxed(&member_bucket(p)->mb_count) != 0;
}

/* The member that a process is, or NULL.  Needs proc_lock. */
static struct jail_member *
member_find(const struct proc *p)
{
	struct jail_member *jm;

	KASSERT(mutex_owned(&proc_lock));

	LIST_FOREACH(jm, &member_bucket(p)->mb_members, jm_hash) {
		if (jm->jm_proc == p)
			break;
	}
	return jm;
}

/* A jail's fork that has been asked for by this LWP.  Needs jail_leaf. */
static struct jail_ticket *
ticket_find(struct jail *j, const struct lwp *l)
{
	u_int i;

	KASSERT(mutex_owned(&jail_leaf));

	for (i = 0; i < JAIL_NTICKETS; i++) {
		if (j->j_tickets[i].jt_lwp == l)
			return &j->j_tickets[i];
	}
	return NULL;
}

/*
 * Forget the processes of a jail that have ended and are reaped by now.  Needs
 * proc_lock; takes jail_leaf.
 */
static void
ended_forget(struct jail *j)
{
	struct jail_member *jm, *next;
	struct proc *p;

	KASSERT(mutex_owned(&proc_lock));

	LIST_FOREACH_SAFE(jm, &j->j_ended, jm_list, next) {
		p = proc_find_raw(jm->jm_pid);
		/* Both may be another's by now, in another jail perhaps. */
		if (p == jm->jm_proc && jail_of_proc(p) == j &&
		    (p->p_stat == SDYING || p->p_stat == SDEAD ||
		    p->p_stat == SZOMB))
			continue;
		LIST_REMOVE(jm, jm_list);
		kmem_free(jm, sizeof(*jm));
		mutex_spin_enter(&jail_leaf);
		KASSERT(j->j_nended > 0);
		atomic_store_relaxed(&j->j_nended, j->j_nended - 1);
		mutex_spin_exit(&jail_leaf);
	}
}

/*
 * Forget those of a jail that nobody is left of.  Takes proc_lock and
 * jail_leaf.
 */
void
jail_proc_forget(struct jail *j)
{

	mutex_enter(&proc_lock);
	ended_forget(j);
	mutex_exit(&proc_lock);
}

/* Whether the current LWP gets a ticket to fork.  Takes jail_leaf. */
static bool
ticket_take(struct jail *j, u_int cap)
{
	const time_t now = time_uptime;
	struct jail_ticket *jt, *mine, *empty;
	u_int i, pending;

	mutex_spin_enter(&jail_leaf);
	mine = empty = NULL;
	pending = 0;
	for (i = 0; i < JAIL_NTICKETS; i++) {
		jt = &j->j_tickets[i];
		if (jt->jt_lwp != NULL && now - jt->jt_uptime > TICKET_SECONDS)
			jt->jt_lwp = NULL;
		if (jt->jt_lwp == NULL)
			empty = jt;
		else if (jt->jt_lwp == curlwp)
			mine = jt;
		else
			pending++;
	}
	if (mine == NULL)
		mine = empty;
	if (mine != NULL && j->j_nmembers + j->j_nended + pending < cap) {
		mine->jt_lwp = curlwp;
		mine->jt_uptime = now;
	} else
		mine = NULL;
	mutex_spin_exit(&jail_leaf);
	return mine != NULL;
}

/*
 * Whether a jail's cap lets the current LWP fork, for the listener of the
 * process scope; the kernel holds no lock when it asks that.  Takes proc_lock
 * and jail_leaf.
 *
 * A fork counts from here on, so that threads which fork at the same moment
 * can't exceed the cap together.  If it fails later, nobody tells us; then
 * it counts until the LWP forks again, or for two seconds.  Who has ended
 * counts until he is reaped, as he is in the kernel's table until then; that
 * is looked up when there is no place left.
 */
bool
jail_proc_may_fork(struct jail *j)
{
	const u_int cap = atomic_load_relaxed(&j->j_cap);

	if (cap == 0 || ticket_take(j, cap))
		return true;
	if (atomic_load_relaxed(&j->j_nended) == 0)
		return false;
	jail_proc_forget(j);
	return ticket_take(j, cap);
}

/* Take a place under a jail's cap, if there is one.  Takes jail_leaf. */
static bool
place_take(struct jail *j)
{
	const u_int cap = atomic_load_relaxed(&j->j_cap);
	bool ok;

	mutex_spin_enter(&jail_leaf);
	ok = cap == 0 || j->j_nmembers + j->j_nended < cap ||
	    jail_observing(j);
	if (ok)
		atomic_store_relaxed(&j->j_nmembers, j->j_nmembers + 1);
	mutex_spin_exit(&jail_leaf);
	return ok;
}

/*
 * Set one place under the cap aside for a process that enters, and give it
 * back if it doesn't.  An observed jail's cap keeps nobody out.  Take
 * proc_lock and jail_leaf.
 */
bool
jail_proc_reserve(struct jail *j)
{

	if (place_take(j))
		return true;
	jail_proc_forget(j);
	return place_take(j);
}

/*
 * Whether more have a place under a jail's cap than it has.  Takes proc_lock
 * and jail_leaf.
 */
bool
jail_proc_crowded(struct jail *j)
{
	const u_int cap = atomic_load_relaxed(&j->j_cap);

	if (cap == 0 || atomic_load_relaxed(&j->j_nmembers) +
	    atomic_load_relaxed(&j->j_nended) <= cap)
		return false;
	jail_proc_forget(j);
	return atomic_load_relaxed(&j->j_nmembers) +
	    atomic_load_relaxed(&j->j_nended) > cap;
}

void
jail_proc_unreserve(struct jail *j)
{

	mutex_spin_enter(&jail_leaf);
	KASSERT(j->j_nmembers > 0);
	atomic_store_relaxed(&j->j_nmembers, j->j_nmembers - 1);
	mutex_spin_exit(&jail_leaf);
}

/* Let a process be a member, counted already.  Needs proc_lock. */
static void
member_insert(struct jail_member *jm, struct jail *j, struct proc *p)
{
	struct member_bucket *mb = member_bucket(p);

	KASSERT(mutex_owned(&proc_lock));
	KASSERT(member_find(p) == NULL);

	jm->jm_proc = p;
	jm->jm_jail = j;
	LIST_INSERT_HEAD(&j->j_members, jm, jm_list);
	LIST_INSERT_HEAD(&mb->mb_members, jm, jm_hash);
	atomic_store_relaxed(&mb->mb_count, mb->mb_count + 1);
	member_count++;
}

/* Let it be none any more.  Needs proc_lock. */
static void
member_remove(struct jail_member *jm)
{
	struct member_bucket *mb = member_bucket(jm->jm_proc);

	KASSERT(mutex_owned(&proc_lock));

	LIST_REMOVE(jm, jm_list);
	LIST_REMOVE(jm, jm_hash);
	atomic_store_relaxed(&mb->mb_count, mb->mb_count - 1);
	member_count--;
}

/*
 * Let a process that enters be a member, for which a place was reserved, and
 * with init the jail's init.  Takes proc_lock and jail_leaf.
 */
void
jail_proc_add(struct jail_member *jm, struct jail *j, struct proc *p,
    bool init)
{

	mutex_enter(&proc_lock);
	member_insert(jm, j, p);
	if (init) {
		KASSERT(j->j_init == NULL);
		atomic_store_release(&j->j_init, p);
	}
	mutex_spin_enter(&jail_leaf);
	j->j_entries++;
	mutex_spin_exit(&jail_leaf);
	mutex_exit(&proc_lock);
}

/*
 * A process has been made and shares its parent's credential.  Nobody else
 * knows it yet.  May sleep; takes proc_lock and jail_leaf.
 */
void
jail_proc_forked(struct proc *child)
{
	struct jail *j = jail_of(child->p_cred);
	struct jail_member *jm;
	struct jail_ticket *jt;

	if (j == NULL)
		return;

	jm = kmem_zalloc(sizeof(*jm), KM_SLEEP);
	mutex_enter(&proc_lock);
	mutex_spin_enter(&jail_leaf);
	jt = ticket_find(j, curlwp);
	if (jt != NULL)
		jt->jt_lwp = NULL;
	atomic_store_relaxed(&j->j_nmembers, j->j_nmembers + 1);
	j->j_forks++;
	mutex_spin_exit(&jail_leaf);
	member_insert(jm, j, child);
	mutex_exit(&proc_lock);
}

/*
 * Exit hook: a member leaves its jail, which keeps the sum of its ticks.
 * Takes proc_lock, p_stmutex and jail_leaf.
 */
static void
member_exit(struct proc *p, void *cookie)
{
	struct jail_member *jm, *other;
	struct proc *child;
	struct jail *j;
	u_int ended = 0;

	if (!member_maybe(p))
		return;

	mutex_enter(&proc_lock);
	jm = member_find(p);
	if (jm == NULL) {
		mutex_exit(&proc_lock);
		return;
	}
	j = jm->jm_jail;

	mutex_spin_enter(&p->p_stmutex);
	j->j_exited.jk_user += p->p_uticks;
	j->j_exited.jk_system += p->p_sticks;
	j->j_exited.jk_interrupt += p->p_iticks;
	mutex_spin_exit(&p->p_stmutex);

	member_remove(jm);
	if (j->j_init == p)
		atomic_store_relaxed(&j->j_init, NULL);

	/* Nobody tells when it is reaped. */
	if (atomic_load_relaxed(&j->j_cap) != 0) {
		jm->jm_pid = p->p_pid;
		LIST_INSERT_HEAD(&j->j_ended, jm, jm_list);
		ended = 1;
	}
	mutex_spin_enter(&jail_leaf);
	KASSERT(j->j_nmembers > 0);
	atomic_store_relaxed(&j->j_nmembers, j->j_nmembers - 1);
	atomic_store_relaxed(&j->j_nended, j->j_nended + ended);
	j->j_exits++;
	mutex_spin_exit(&jail_leaf);

	/* A child made while the jail was killed may have been missed. */
	if (j->j_signal != 0) {
		LIST_FOREACH(child, &p->p_children, p_sibling) {
			other = member_find(child);
			if (other == NULL || other->jm_kill == j->j_kills ||
			    child->p_stat == SIDL)
				continue;
			other->jm_kill = j->j_kills;
			psignal(child, j->j_signal);
		}
	}
	mutex_exit(&proc_lock);
	if (ended == 0)
		kmem_free(jm, sizeof(*jm));
}

/*
 * Exec hook: a process stays in its jail, and is guarded no more if it has
 * entered it.  Takes proc_lock, p_lock and jail_leaf.
 *
 * A thread that was in execve(2) when another one of its process entered a
 * jail still has the host's credential, and execve makes that the process's
 * own again.  By now it is the only thread, and no instruction of the new
 * program has run.
 */
static void
member_exec(struct proc *p, void *cookie)
{
	struct jail_member *jm;
	struct jail *j;
	kauth_cred_t cred;

	KASSERT(p == curproc);

	if (!member_maybe(p))
		return;
	j = jail_of(p->p_cred);
	if (j != NULL) {
		if (jail_load(&j->j_entering) != 0)
			jail_cred_entered(p->p_cred);
		return;
	}

	/* We are its member, if at all, so the jail does not go away. */
	mutex_enter(&proc_lock);
	jm = member_find(p);
	j = jm != NULL ? jm->jm_jail : NULL;
	mutex_exit(&proc_lock);
	if (j == NULL)
		return;

	cred = kauth_cred_alloc();
	jail_cred_attach(cred, j, false);
	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, cred);
	proc_crmod_leave(cred, p->p_cred, true);
}

/*
 * Whether a process has left its jail's members, and is no zombie yet: it
 * gives its memory back meanwhile.  Needs proc_lock.
 */
bool
jail_proc_leaving(struct proc *p)
{

	KASSERT(mutex_owned(&proc_lock));

	return p->p_stat != SIDL && jail_of_proc(p) != NULL &&
	    member_find(p) == NULL;
}

/*
 * How many processes of a jail there are, zombies included.  Needs
 * jail_lock; takes jail_leaf and proc_lock.
 */
u_int
jail_proc_remaining(struct jail *j)
{
	struct proc *p;
	bool none;
	u_int n;

	KASSERT(mutex_owned(&jail_lock));

	/* Each has a credential of the jail: mostly there is none any more. */
	mutex_spin_enter(&jail_leaf);
	none = j->j_refs == 1 && j->j_nmembers == 0;
	mutex_spin_exit(&jail_leaf);
	if (none)
		return 0;

	mutex_enter(&proc_lock);
	n = j->j_nmembers;
	PROCLIST_FOREACH(p, &zombproc) {
		if (jail_of_proc(p) == j)
			n++;
	}
	PROCLIST_FOREACH(p, &allproc) {
		if (jail_of_proc(p) == j && jail_proc_leaving(p))
			n++;
	}
	mutex_exit(&proc_lock);
	return n;
}

/*
 * Signal the members that a kill has not signalled yet, SIGKILL again and
 * again; returns how many it may not have reached.  Takes proc_lock, p_lock.
 *
 * Those being made can't be signalled yet.  And execve(2) forgets what was
 * pending when it ends, SIGKILL too; but who is in it holds p_reflock, and
 * who comes to it after the jail began to die is denied the file.
 */
static u_int
members_signal(struct jail *j, u_int kill)
{
	struct jail_member *jm;
	struct proc *p;
	u_int n = 0;

	mutex_enter(&proc_lock);
	LIST_FOREACH(jm, &j->j_members, jm_list) {
		p = jm->jm_proc;
		if (p->p_stat == SIDL) {
			n++;
			continue;
		}
		if (jm->jm_kill == kill && j->j_signal != SIGKILL)
			continue;
		psignal(p, j->j_signal);
		if (rw_tryenter(&p->p_reflock, RW_READER)) {
			rw_exit(&p->p_reflock);
			jm->jm_kill = kill;
		} else if (p->p_stat != SDYING)
			n++;
	}
	mutex_exit(&proc_lock);
	return n;
}

/*
 * Command: let a jail die.  All is denied to it from now on, and every
 * member gets the signal.  Needs jail_lock and the sysctl tree lock.  May
 * sleep, for KILL_SECONDS, without these, so that others need not wait.
 *
 * A fork or execve that was under way has to come to its end first, so there
 * are at least two passes; after SIGKILL they go on for a moment until all
 * are gone.  Who has not been reached after the last one is caught by the
 * command's repetition, which EAGAIN asks for.
 */
int
jail_kill(const struct jail_request *jq, struct jail_reply *reply)
{
	struct jail *j;
	u_int kill, missed;
	int pass;

	KASSERT(mutex_owned(&jail_lock));

	j = jail_find(jq->jq_id);
	if (j == NULL)
		return jail_refuse(reply, JAIL_REASON_NO_JAIL, 0, ESRCH);
	if (jq->jq_signal <= 0 || jq->jq_signal >= NSIG)
		return jail_refuse(reply, JAIL_REASON_FIELD,
		    offsetof(struct jail_request, jq_signal), EINVAL);

	if (j->j_state != JAIL_STATE_DYING) {
		atomic_store_release(&j->j_state, JAIL_STATE_DYING);
		jail_event_end(j);
		jail_generation++;
	}
	mutex_enter(&proc_lock);
	j->j_signal = jq->jq_signal;
	kill = ++j->j_kills;
	mutex_exit(&proc_lock);

	/* Once there has been a jail, the module with its nodes stays. */
	sysctl_unlock();
	missed = members_signal(j, kill);
	for (pass = 0; pass < KILL_SECONDS * hz; pass++) {
		if (atomic_load_relaxed(&j->j_nmembers) == 0) {
			missed = 0;	/* they have ended meanwhile */
			break;
		}
		if (missed == 0 && pass > 0 &&
		    (jq->jq_signal != SIGKILL || pass >= hz / 10))
			break;
		(void)kpause("jailkill", false, 1, &jail_lock);
		missed = 0;
		j = jail_find(jq->jq_id);
		if (j == NULL)	/* destroyed meanwhile */
			break;
		missed = members_signal(j, kill);
	}
	mutex_exit(&jail_lock);
	sysctl_relock();
	mutex_enter(&jail_lock);
	if (missed > 0)
		return jail_refuse(reply, JAIL_REASON_MEMBERS, (int)missed,
		    EAGAIN);
	return 0;
}

/* Called once at load.  ENOMEM: the hooks don't wait for memory. */
int
jail_proc_init(void)
{
	u_int i;

	for (i = 0; i < NBUCKETS; i++)
		LIST_INIT(&member_table[i].mb_members);
	exit_hook = exithook_establish(member_exit, NULL);
	exec_hook = exechook_establish(member_exec, NULL);
	return exit_hook != NULL && exec_hook != NULL ? 0 : ENOMEM;
}

/* Called at unload, when there is no member. */
void
jail_proc_fini(void)
{

	KASSERT(member_count == 0);

	if (exec_hook != NULL)
		exechook_disestablish(exec_hook);
	if (exit_hook != NULL)
		exithook_disestablish(exit_hook);
	exec_hook = exit_hook = NULL;
}
