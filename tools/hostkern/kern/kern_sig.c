/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Signals: noted here, sent by the daemon. */
#include "hk_proc.h"
#include "hostkern.h"

/* Signals that were sent and that the daemon has not fetched. */
#define	NSIGNALS	65536
static struct { int pid, signo; } signals[NSIGNALS];
static int nsignals;
static kmutex_t signals_lock;

void
kpsignal2(struct proc *p, struct ksiginfo *ksi)
{
	int i;

	KASSERT(mutex_owned(&proc_lock));
	KASSERT(mutex_owned(p->p_lock));
	if (P_ZOMBIE(p))
		return;
	if (p->p_pid == 0) {
		if (p->p_host->pending != SIGKILL)
			p->p_host->pending = ksi->ksi_signo;
		return;
	}
	mutex_enter(&signals_lock);
	for (i = 0; i < nsignals; i++)
		if (signals[i].pid == p->p_pid &&
		    signals[i].signo == ksi->ksi_signo)
			break;		/* pending already */
	if (i == nsignals && nsignals < NSIGNALS) {
		signals[nsignals].pid = p->p_pid;
		signals[nsignals].signo = ksi->ksi_signo;
		nsignals++;
	}
	mutex_exit(&signals_lock);
}

void
kpsignal(struct proc *p, struct ksiginfo *ksi, void *data __unused)
{

	mutex_enter(p->p_lock);
	kpsignal2(p, ksi);
	mutex_exit(p->p_lock);
}

void
psignal(struct proc *p, int signo)
{
	struct ksiginfo ksi;

	KSI_INIT(&ksi);
	ksi.ksi_signo = signo;
	kpsignal(p, &ksi, NULL);
}

int
hk_signals(int *pids, int *signos, int max)
{
	int i, n;

	mutex_enter(&signals_lock);
	n = nsignals < max ? nsignals : max;
	for (i = 0; i < n; i++) {
		pids[i] = signals[i].pid;
		signos[i] = signals[i].signo;
	}
	memmove(&signals[0], &signals[n],
	    (size_t)(nsignals - n) * sizeof(signals[0]));
	nsignals -= n;
	mutex_exit(&signals_lock);
	return n;
}

void
hk_sig_init(void)
{

	mutex_init(&signals_lock, MUTEX_DEFAULT, IPL_NONE);
}
