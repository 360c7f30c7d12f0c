/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* For tests of what the model holds, and gives back. */
#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <secmodel/jail/jail_impl.h>

/*
 * For tests, which want all back that the model has: as if no jail had been,
 * so that it can be unloaded.  0 if there is one.
 */
int
hk_forget(void)
{
	bool empty;

	mutex_enter(&jail_lock);
	jail_reap();
	empty = TAILQ_EMPTY(&jail_list);
	if (empty)
		jail_lastid = 0;
	mutex_exit(&jail_lock);
	return empty;
}

/*
 * What a thread does that was in a system call, with the host's credential,
 * when another one of its process entered a jail: it copies the process's,
 * into one that it has made before.  n times, and all are kept until then.
 */
void
hk_copies(struct proc *p, int n)
{
	kauth_cred_t *all;
	int i;

	all = kmem_alloc((size_t)n * sizeof(*all), KM_SLEEP);
	for (i = 0; i < n; i++)
		all[i] = kauth_cred_alloc();
	mutex_enter(p->p_lock);
	for (i = 0; i < n; i++)
		kauth_cred_clone(p->p_cred, all[i]);
	mutex_exit(p->p_lock);
	for (i = 0; i < n; i++) {
		if (kauth_authorize_system(all[i], KAUTH_SYSTEM_REBOOT, 0,
		    NULL, NULL, NULL) == 0)
			panic("a copy left its jail");
		kauth_cred_free(all[i]);
	}
	kmem_free(all, (size_t)n * sizeof(*all));
}
