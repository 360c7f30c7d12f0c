/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For benchmarks: questions in a loop, put as ask.c puts them, but measured
 * without what the caller does for each; and a choice of who listens.
 */
#include <errno.h>

#include "hk.h"
#include "hostkern.h"
#include "listmutex.h"

#include <sys/kauth.h>
#include <sys/signalvar.h>
#include <sys/socketvar.h>
#include <sys/vnode.h>
#include <netinet/in.h>
#include <secmodel/jail/jail_impl.h>

/*
 * Lets one model alone be asked from now on.  The model's own jails, members
 * and credentials stay, but while it isn't asked none may come or go.
 */
void
hk_bench_model(int model)
{
	static int now = HK_OURS;

	if (now == HK_OURS)
		jail_listener_stop();
	else if (now == HK_LISTMUTEX)
		hk_list_unlisten();
	now = model;
	if (now == HK_OURS && jail_listener_start() != 0)
		panic("no listeners any more");
	else if (now == HK_LISTMUTEX)
		hk_list_listen();
}

static long
bench_bind(kauth_cred_t cred, struct socket *so, uint16_t port, long n)
{
	struct sockaddr_in in;
	long yes = 0;

	memset(&in, 0, sizeof(in));
	in.sin_len = sizeof(in);
	in.sin_family = AF_INET;
	in.sin_port = htons(port);
	solock(so);
	while (n-- > 0)
		yes += kauth_authorize_network(cred, KAUTH_NETWORK_BIND,
		    KAUTH_REQ_NETWORK_BIND_PORT, so, &in, NULL) == 0;
	sounlock(so);
	return yes;
}

static long
bench_signal(kauth_cred_t cred, struct proc *target, long n)
{
	long yes = 0;

	mutex_enter(&proc_lock);
	mutex_enter(target->p_lock);
	while (n-- > 0)
		yes += kauth_authorize_process(cred, KAUTH_PROCESS_SIGNAL,
		    target, KAUTH_ARG(SIGTERM), NULL, NULL) == 0;
	mutex_exit(target->p_lock);
	mutex_exit(&proc_lock);
	return yes;
}

static long
bench_system(kauth_cred_t cred, kauth_action_t action,
    enum kauth_system_req req, long n)
{
	long yes = 0;

	while (n-- > 0)
		yes += kauth_authorize_system(cred, action, req, NULL, NULL,
		    NULL) == 0;
	return yes;
}

static long
bench_lookup(kauth_cred_t cred, long n)
{
	long yes = 0;

	while (n-- > 0)
		yes += kauth_authorize_vnode(cred, KAUTH_VNODE_EXECUTE |
		    KAUTH_VNODE_IS_EXEC, rootvnode, NULL, 0) == 0;
	return yes;
}

long
hk_bench_ask(int what, struct proc *p, struct proc *target,
    struct socket *so, uint16_t port, long n)
{
	struct lwp *saved = hk_self.lwp;
	kauth_cred_t cred;
	long yes = 0;

	mutex_enter(p->p_lock);
	cred = kauth_cred_hold(p->p_cred);
	mutex_exit(p->p_lock);
	hk_self.lwp = LIST_FIRST(&p->p_lwps);
	switch (what) {
	case HK_BENCH_BIND:
		yes = bench_bind(cred, so, port, n);
		break;
	case HK_BENCH_SIGNAL:
		yes = bench_signal(cred, target, n);
		break;
	case HK_BENCH_CHROOT:
		yes = bench_system(cred, KAUTH_SYSTEM_CHROOT,
		    KAUTH_REQ_SYSTEM_CHROOT_CHROOT, n);
		break;
	case HK_BENCH_LOOKUP:
		yes = bench_lookup(cred, n);
		break;
	case HK_BENCH_REBOOT:
		yes = bench_system(cred, KAUTH_SYSTEM_REBOOT, 0, n);
		break;
	}
	hk_self.lwp = saved;
	kauth_cred_free(cred);
	return yes;
}

/* Looks at each process once, as who lists them all does. */
void
hk_bench_walk(void)
{
	static volatile uint64_t sum;
	struct proc *p;

	mutex_enter(&proc_lock);
	PROCLIST_FOREACH(p, &allproc) {
		mutex_enter(p->p_lock);
		sum += (uint64_t)p->p_pid + kauth_cred_geteuid(p->p_cred);
		mutex_exit(p->p_lock);
	}
	mutex_exit(&proc_lock);
}
