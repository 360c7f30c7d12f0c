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
 * Moments in which no thread is in a listener, or on its way into one or out.
 *
 * kauth(9) walks its lists of listeners without a lock, and what it unlists
 * it frees at once.  Who takes a listener out has to know by himself that no
 * thread stands at it, wherever in kauth(9) it is.  Neither kauth(9) nor a
 * listener sleeps there, so a thread that does is either running, or it was
 * preempted by force, in the middle of the kernel.  The latter is forbidden
 * for a while, until each thread that waits for a processor has had one since
 * and left it by itself: to sleep, or on its way back to its program.  Then
 * the other processors are held, by a cross-call, which their threads too have
 * to make way for by themselves.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/cpu.h>
#include <sys/errno.h>
#include <sys/intr.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/sched.h>
#include <sys/time.h>
#include <sys/xcall.h>

#include <secmodel/jail/jail_impl.h>

#define	TURN_SECONDS	30	/* for each thread to have its turn */
#define	HOLD_TRIES	100	/* of a tenth of a second each */
#define	HOLD_SECONDS	10	/* no processor is held for longer */

/* Who has this priority preempts, in the kernel: kern.sched.kpreempt_pri. */
extern int	sched_kpreempt_pri;

/* Processors that are held. */
struct hold {
	struct cpu_info	*h_cpu;		/* : not this one */
	u_int		h_held;		/* atomic: how many */
	u_int		h_over;		/* atomic */
};

/*
 * Whether a thread waits for a processor and has had none since then.  Who has
 * never had one was not preempted.  Needs the LWP's lock.
 */
static bool
waiting(struct lwp *l, const struct bintime *since)
{

	KASSERT(lwp_locked(l, NULL));

	return l->l_stat == LSRUN && (l->l_flag & LW_IDLE) == 0 &&
	    (l->l_pflag & LP_INTR) == 0 &&	/* they are not preempted */
	    l->l_stime.sec != 0 && bintimecmp(&l->l_stime, since, <);
}

/*
 * How many threads wait for a processor and have had none since then.  Each
 * gets our priority, unless it has a better one, or a fixed one.  Takes
 * proc_lock.
 */
static u_int
count_waiting(const struct bintime *since)
{
	const pri_t pri = MIN(curlwp->l_priority, MAXPRI_USER);
	struct lwp *l;
	u_int n = 0;

	mutex_enter(&proc_lock);
	LIST_FOREACH(l, &alllwp, l_list) {
		lwp_lock(l);
		if (waiting(l, since)) {
			if (l->l_class == SCHED_OTHER && l->l_priority < pri)
				lwp_changepri(l, pri);
			n++;
		}
		lwp_unlock(l);
	}
	mutex_exit(&proc_lock);
	return n;
}

/*
 * Wait until each thread that waits for a processor has had one; EBUSY if it
 * takes too long.  May sleep; takes proc_lock.
 */
static int
wait_for_turns(void)
{
	struct bintime since;
	u_int ticks;

	/* Who was to be preempted still has been after this. */
	xc_barrier(0);
	/* Who begins to run from now on leaves its processor by itself. */
	binuptime(&since);
	for (ticks = TURN_SECONDS * hz; count_waiting(&since) > 0; ticks--) {
		if (ticks == 0) {
			printf("secmodel_jail: threads have no turn for"
			    " %d seconds\n", TURN_SECONDS);
			return EBUSY;
		}
		(void)kpause("jailquiet", false, 1, NULL);
	}
	return 0;
}

/*
 * Cross-call: hold this processor, its soft interrupts too.  Not for ever:
 * who holds it may come to need it, if he has to wait for memory.
 */
static void
hold_cpu(void *arg, void *dummy)
{
	struct hold *h = arg;
	const int since = getticks();
	int s;

	if (curcpu() == h->h_cpu)
		return;

	s = splsoftserial();
	atomic_inc_uint(&h->h_held);
	while (atomic_load_acquire(&h->h_over) == 0 &&
	    getticks() - since < HOLD_SECONDS * hz)
		SPINLOCK_BACKOFF_HOOK;
	splx(s);
}

/*
 * Call a function with the other processors held.  EBUSY if one of them makes
 * no way: its thread may be spinning for a lock that the caller holds, which
 * ends when he sleeps.  May sleep.
 */
static int
call_alone(void (*func)(void))
{
	struct hold h = { NULL, 0, 0 };
	CPU_INFO_ITERATOR cii;
	struct cpu_info *ci;
	u_int others = 0;
	int begin, bound, error = 0;
	uint64_t where;

	bound = curlwp_bind();
	h.h_cpu = curcpu();
	for (CPU_INFO_FOREACH(cii, ci)) {
		if (ci != h.h_cpu &&
		    (ci->ci_schedstate.spc_flags & SPCF_RUNNING) != 0)
			others++;
	}
	where = xc_broadcast(0, hold_cpu, &h, NULL);
	begin = getticks();
	while (atomic_load_acquire(&h.h_held) < others) {
		if (getticks() - begin > hz / 10) {
			error = EBUSY;
			break;
		}
		SPINLOCK_BACKOFF_HOOK;
	}
	if (error == 0)
		(*func)();
	atomic_store_release(&h.h_over, 1);
	xc_wait(where);
	curlwp_bindx(bound);
	return error;
}

/*
 * Call a function while no other thread is in a listener; what it unlists
 * then was left by all.  It may sleep for no more than memory.  May sleep,
 * takes proc_lock, and the caller holds no lock that others spin for.  EBUSY,
 * and it is not called, if there is no such moment for seconds: a thread of
 * higher priority doesn't let others run.
 */
int
jail_quiet_call(void (*func)(void))
{
	const int pri = atomic_load_relaxed(&sched_kpreempt_pri);
	int error, i;

	ASSERT_SLEEPABLE();
	KASSERT(!mutex_owned(&jail_lock));

	atomic_store_relaxed(&sched_kpreempt_pri, PRI_COUNT);
	error = wait_for_turns();
	for (i = 0; error == 0 && i < HOLD_TRIES; i++) {
		if (call_alone(func) == 0)
			break;
		(void)kpause("jailhold", false, 1, NULL);
	}
	if (i == HOLD_TRIES) {
		printf("secmodel_jail: a processor does not leave the"
		    " kernel\n");
		error = EBUSY;
	}
	/* Someone else may have set it meanwhile, by sysctl(8). */
	(void)atomic_cas_uint((u_int *)&sched_kpreempt_pri, PRI_COUNT,
	    (u_int)pri);
	return error;
}
