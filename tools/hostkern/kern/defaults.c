/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What a NetBSD kernel with its usual security models answers without the
 * model: root may what the traditional model lets it, and the kernel's own
 * listeners allow users what anyone may.
 */
#include "hk.h"
#include "hostkern.h"

#include <sys/atomic.h>
#include <sys/kauth.h>
#include <sys/signal.h>
#include <sys/socketvar.h>

#define	R(x)	((unsigned long)(uintptr_t)(x))

static bool
isroot(kauth_cred_t c)
{

	return kauth_cred_geteuid(c) == 0;
}

struct ids {
	uid_t	uid, euid, svuid;
	gid_t	gid, svgid;
};

/* Those of a target that the caller may or may not have locked. */
static struct ids
target_ids(struct proc *p)
{
	struct ids i;
	bool locked;

	locked = mutex_owned(p->p_lock) != 0;
	if (!locked)
		mutex_enter(p->p_lock);
	i.uid = kauth_cred_getuid(p->p_cred);
	i.euid = kauth_cred_geteuid(p->p_cred);
	i.svuid = kauth_cred_getsvuid(p->p_cred);
	i.gid = kauth_cred_getgid(p->p_cred);
	i.svgid = kauth_cred_getsvgid(p->p_cred);
	if (!locked)
		mutex_exit(p->p_lock);
	return i;
}

/* Any of c's ids is one of the target's. */
static bool
any_uid(kauth_cred_t c, const struct ids *i)
{
	uid_t u = kauth_cred_getuid(c), e = kauth_cred_geteuid(c);

	return u == i->uid || e == i->uid || u == i->euid || e == i->euid;
}

/* c owns the target wholly. */
static bool
owns(kauth_cred_t c, const struct ids *i)
{
	uid_t u = kauth_cred_getuid(c);

	return u == i->uid && u == i->svuid && i->gid == i->svgid;
}

static int
root_cb(kauth_cred_t c, kauth_action_t action __unused,
    void *cookie __unused, void *a0 __unused, void *a1 __unused,
    void *a2 __unused, void *a3 __unused)
{

	return isroot(c) ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

static int
generic_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0 __unused, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{

	return action == KAUTH_GENERIC_ISSUSER && isroot(c) ?
	    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

static int
system_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0, void *a1, void *a2 __unused, void *a3 __unused)
{

	switch (action) {
	case KAUTH_SYSTEM_DEBUG:
		return KAUTH_RESULT_DEFER;
	case KAUTH_SYSTEM_MODULE:
		/* Loading on demand is anyone's. */
		if (R(a1) != 0 && R(a0) == 0)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_SYSTEM_SYSVIPC:
		/* The daemon asks with a1 != 0 where modes allow already. */
		if (R(a0) == KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS && R(a1) != 0)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_SYSTEM_SEMAPHORE:
	case KAUTH_SYSTEM_MQUEUE:
		if (R(a0) != 0)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_SYSTEM_MOUNT:
		if (R(a0) == KAUTH_REQ_SYSTEM_MOUNT_GET)
			return KAUTH_RESULT_ALLOW;
		break;
	}
	return isroot(c) ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

static int
process_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0, void *a1, void *a2, void *a3)
{
	struct proc *p = a0;
	const struct rlimit *rl;
	struct ids i;

	/* Root may all of this scope. */
	if (isroot(c))
		return KAUTH_RESULT_ALLOW;
	i = target_ids(p);
	switch (action) {
	case KAUTH_PROCESS_CANSEE:
		switch (R(a1)) {
		case KAUTH_REQ_PROCESS_CANSEE_ENV:
			if (kauth_cred_getuid(c) == i.uid &&
			    kauth_cred_getuid(c) == i.svuid)
				return KAUTH_RESULT_ALLOW;
			break;
		case KAUTH_REQ_PROCESS_CANSEE_KPTR:
			break;
		default:
			return KAUTH_RESULT_ALLOW;
		}
		break;
	case KAUTH_PROCESS_FORK:
		/* NetBSD reads the wrong argument here, and so allows. */
		return KAUTH_RESULT_ALLOW;
	case KAUTH_PROCESS_CORENAME:
	case KAUTH_PROCESS_STOPFLAG:
		if (owns(c, &i))
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_SIGNAL:
		if (any_uid(c, &i) ||
		    (R(a1) == SIGCONT && p->p_pgrp != NULL &&
		    curproc->p_session == p->p_session))
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_KEVENT_FILTER:
	case KAUTH_PROCESS_KTRACE:
		if (kauth_cred_getuid(c) == i.uid &&
		    (atomic_load_relaxed(&p->p_flag) & PK_SUGID) == 0)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_PROCFS:
	case KAUTH_PROCESS_PTRACE:
		/*
		 * What needs the target to be attached already is Linux's
		 * to judge; the rest is the owner's.
		 */
		if (kauth_cred_getuid(c) == i.uid &&
		    (atomic_load_relaxed(&p->p_flag) & PK_SUGID) == 0)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_NICE:
		if (kauth_cred_geteuid(c) != i.euid &&
		    kauth_cred_getuid(c) != i.euid)
			break;
		if (R(a1) >= p->p_nice)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_RLIMIT:
		switch (R(a1)) {
		case KAUTH_REQ_PROCESS_RLIMIT_GET:
			return KAUTH_RESULT_ALLOW;
		case KAUTH_REQ_PROCESS_RLIMIT_SET:
			if (p != curproc && !owns(c, &i))
				break;
			rl = a2;
			if (rl->rlim_max <= p->p_rlimit[R(a3)].rlim_max)
				return KAUTH_RESULT_ALLOW;
			break;
		}
		break;
	case KAUTH_PROCESS_SCHEDULER_GETPARAM:
		if (any_uid(c, &i))
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_PROCESS_SCHEDULER_SETPARAM:
		/* Neither the real-time classes nor a better priority. */
		if (any_uid(c, &i)) {
			struct lwp *l = a1;

			if ((R(a2) == (u_long)l->l_class ||
			    (R(a2) != 1 && R(a2) != 2)) &&
			    (pri_t)R(a3) <= l->l_priority)
				return KAUTH_RESULT_ALLOW;
		}
		break;
	case KAUTH_PROCESS_SCHEDULER_GETAFFINITY:
		return KAUTH_RESULT_ALLOW;
	case KAUTH_PROCESS_SETID:
		/* Linux knows the rules of the real and saved ids. */
		return KAUTH_RESULT_ALLOW;
	}
	return KAUTH_RESULT_DEFER;
}

static int
network_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0, void *a1, void *a2, void *a3 __unused)
{

	switch (action) {
	case KAUTH_NETWORK_BIND:
		if (R(a0) == KAUTH_REQ_NETWORK_BIND_PORT)
			return KAUTH_RESULT_ALLOW;
		break;
	case KAUTH_NETWORK_SOCKET:
		switch (R(a0)) {
		case KAUTH_REQ_NETWORK_SOCKET_OPEN:
			if (R(a1) == PF_ROUTE || R(a1) == PF_OROUTE ||
			    R(a1) == PF_BLUETOOTH || R(a1) == PF_CAN ||
			    R(a2) != SOCK_RAW)
				return KAUTH_RESULT_ALLOW;
			break;
		case KAUTH_REQ_NETWORK_SOCKET_CANSEE:
			return KAUTH_RESULT_ALLOW;
		}
		break;
	case KAUTH_NETWORK_ROUTE:
	case KAUTH_NETWORK_INTERFACE:
		/* Reading is anyone's; the daemon asks it as GET only. */
		if (action == KAUTH_NETWORK_INTERFACE &&
		    R(a0) == KAUTH_REQ_NETWORK_INTERFACE_GET)
			return KAUTH_RESULT_ALLOW;
		break;
	}
	return isroot(c) ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

static int
device_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0 __unused, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{

	switch (action) {
	case KAUTH_DEVICE_RAWIO_SPEC:
	case KAUTH_DEVICE_RAWIO_PASSTHRU:
		/* By the node's permissions, which Linux judges. */
		return KAUTH_RESULT_ALLOW;
	}
	return isroot(c) ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

static int
vnode_cb(kauth_cred_t c, kauth_action_t action, void *cookie __unused,
    void *a0 __unused, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{

	if (isroot(c) && ((action & KAUTH_VNODE_EXECUTE) == 0 ||
	    (action & KAUTH_VNODE_IS_EXEC) != 0))
		return KAUTH_RESULT_ALLOW;
	return KAUTH_RESULT_DEFER;
}

void
hk_defaults_init(void)
{
	static const struct {
		const char		*scope;
		kauth_scope_callback_t	func;
	} all[] = {
		{ KAUTH_SCOPE_GENERIC, generic_cb },
		{ KAUTH_SCOPE_SYSTEM, system_cb },
		{ KAUTH_SCOPE_PROCESS, process_cb },
		{ KAUTH_SCOPE_NETWORK, network_cb },
		{ KAUTH_SCOPE_MACHDEP, root_cb },
		{ KAUTH_SCOPE_DEVICE, device_cb },
		{ KAUTH_SCOPE_VNODE, vnode_cb },
	};
	secmodel_t sm;
	u_int i;

	if (secmodel_register(&sm, "org.netbsd.secmodel.suser",
	    "Traditional NetBSD: Superuser", NULL, NULL, NULL) != 0)
		panic("no superuser model");
	for (i = 0; i < __arraycount(all); i++)
		if (kauth_listen_scope(all[i].scope, all[i].func, NULL) ==
		    NULL)
			panic("no listener on %s", all[i].scope);
}
