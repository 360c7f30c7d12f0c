/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For the tests of the shim itself: what a careless model would do, each of
 * which has to be a panic.
 */
#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/rwlock.h>
#include <sys/signalvar.h>

static int careless;
static kmutex_t *adaptive, *spin;

static int
careless_cb(kauth_cred_t c, kauth_action_t action __unused,
    void *cookie __unused, void *a0, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{
	struct proc *p = a0;

	(void)c;
	switch (careless) {
	case 1:
		mutex_enter(adaptive);	/* below a spin lock, at some places */
		mutex_exit(adaptive);
		break;
	case 2:
		(void)kmem_alloc(16, KM_SLEEP);
		break;
	case 3:
		mutex_enter(&proc_lock);	/* below p_lock */
		break;
	case 4:
		mutex_enter(p->p_lock);	/* which the caller has */
		break;
	case 5:
		mutex_enter(adaptive);	/* and forgets it */
		break;
	case 6:
		return 42;
	}
	return KAUTH_RESULT_DEFER;
}

/* 0 if there is no such case; else it does not return. */
int
hk_careless(int n, struct proc *p, struct proc *t)
{
	static kmutex_t *second;
	void *m;

	adaptive = mutex_obj_alloc(MUTEX_DEFAULT, IPL_NONE);
	spin = mutex_obj_alloc(MUTEX_DEFAULT, IPL_SCHED);
	second = mutex_obj_alloc(MUTEX_DEFAULT, IPL_NONE);
	careless = n;
	if (n <= 6 && kauth_listen_scope(KAUTH_SCOPE_PROCESS, careless_cb,
	    NULL) == NULL)
		panic("no listener");
	switch (n) {
	case 1:
		(void)hk_ask_sched(p, t, KAUTH_PROCESS_SCHEDULER_SETPARAM,
		    0, 0);
		break;
	case 2:
	case 4:
	case 5:
	case 6:
		(void)hk_ask_signal(p, t, SIGTERM);
		break;
	case 3:
		(void)hk_ask_kevent(p, t);
		break;
	case 7:		/* DEFER in the scope of credentials */
		(void)hk_unload();
		if (kauth_listen_scope(KAUTH_SCOPE_CRED, careless_cb, NULL) ==
		    NULL)
			panic("no listener");
		(void)kauth_cred_dup(p->p_cred);
		break;
	case 8:		/* an order, and its contradiction */
		mutex_enter(adaptive);
		mutex_enter(second);
		mutex_exit(second);
		mutex_exit(adaptive);
		mutex_enter(second);
		mutex_enter(adaptive);
		break;
	case 9:
		mutex_exit(adaptive);
		break;
	case 10:
		m = kmem_alloc(16, KM_SLEEP);
		kmem_free(m, 17);
		break;
	case 11:
		mutex_spin_enter(spin);
		(void)kmem_alloc(16, KM_NOSLEEP);
		break;
	case 12:
		mutex_enter(p->p_lock);
		(void)kmem_alloc(16, KM_SLEEP);
		break;
	case 13:
		mutex_enter(adaptive);
		mutex_destroy(adaptive);
		break;
	case 14:
		psignal(t, SIGTERM);	/* without proc_lock */
		break;
	default:
		return 0;
	}
	return n;
}
