/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What the model is compared with in benchmarks, and no part of it: the
 * simplest one that could be.  Its jails are a list with one mutex; a
 * credential's data is an id, which each check looks up in the list.  It
 * leaves out what the model looks at at entry, its policy is four actions,
 * and it takes mutexes in listeners, where the real kernel may hold spin
 * locks.
 */
#include <errno.h>

#include "hk.h"
#include "hostkern.h"
#include "listmutex.h"

#include <sys/filedesc.h>
#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/signalvar.h>
#include <sys/vfs_syscalls.h>
#include <sys/vnode.h>
#include <netinet/in.h>
#include <secmodel/secmodel.h>

struct list_jail {
	TAILQ_ENTRY(list_jail) lj_list;
	uint32_t	lj_id;
	u_int		lj_refs;	/* credentials */
	struct vnode	*lj_root;
	char		lj_name[64];
	uint16_t	*lj_ports;
	int		lj_nports;
};

static kmutex_t list_lock;
static TAILQ_HEAD(, list_jail) list = TAILQ_HEAD_INITIALIZER(list);
static uint32_t list_lastid;
static secmodel_t list_model;
static kauth_key_t list_key;

static struct list_jail *
list_find(uint32_t id)
{
	struct list_jail *lj;

	KASSERT(mutex_owned(&list_lock));
	TAILQ_FOREACH(lj, &list, lj_list)
		if (lj->lj_id == id)
			break;
	return lj;
}

/* The id of a credential's jail, 0 for the host. */
static uint32_t
list_id(kauth_cred_t cred)
{

	return (uint32_t)(uintptr_t)kauth_cred_getdata(cred, list_key);
}

static int
list_system_cb(kauth_cred_t cred, kauth_action_t action,
    void *cookie __unused, void *a0, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{
	const uint32_t id = list_id(cred);
	bool deny;

	if (id == 0)
		return KAUTH_RESULT_DEFER;
	mutex_enter(&list_lock);
	deny = list_find(id) == NULL;
	mutex_exit(&list_lock);
	if (action == KAUTH_SYSTEM_REBOOT ||
	    (action == KAUTH_SYSTEM_CHROOT && (u_long)(uintptr_t)a0 ==
	    KAUTH_REQ_SYSTEM_CHROOT_FCHROOT))
		deny = true;
	return deny ? KAUTH_RESULT_DENY : KAUTH_RESULT_DEFER;
}

static int
list_process_cb(kauth_cred_t cred, kauth_action_t action,
    void *cookie __unused, void *a0, void *a1 __unused, void *a2 __unused,
    void *a3 __unused)
{
	const uint32_t id = list_id(cred);
	struct proc *p = a0;
	bool deny;

	if (id == 0)
		return KAUTH_RESULT_DEFER;
	mutex_enter(&list_lock);
	deny = list_find(id) == NULL;
	mutex_exit(&list_lock);
	if (action == KAUTH_PROCESS_SIGNAL && list_id(p->p_cred) != id)
		deny = true;
	return deny ? KAUTH_RESULT_DENY : KAUTH_RESULT_DEFER;
}

/* Whether another jail has reserved a port. */
static bool
list_taken(uint32_t id, uint16_t port)
{
	struct list_jail *lj;
	int i;

	KASSERT(mutex_owned(&list_lock));
	TAILQ_FOREACH(lj, &list, lj_list)
		for (i = 0; i < lj->lj_nports; i++)
			if (lj->lj_ports[i] == port)
				return lj->lj_id != id;
	return false;
}

static int
list_network_cb(kauth_cred_t cred, kauth_action_t action,
    void *cookie __unused, void *a0 __unused, void *a1 __unused, void *a2,
    void *a3 __unused)
{
	const uint32_t id = list_id(cred);
	const struct sockaddr_in *in = a2;
	bool deny;

	if (id == 0)
		return KAUTH_RESULT_DEFER;
	mutex_enter(&list_lock);
	deny = list_find(id) == NULL;
	if (!deny && action == KAUTH_NETWORK_BIND && in != NULL)
		deny = list_taken(id, ntohs(in->sin_port));
	mutex_exit(&list_lock);
	return deny ? KAUTH_RESULT_DENY : KAUTH_RESULT_DEFER;
}

static int
list_cred_cb(kauth_cred_t cred, kauth_action_t action, void *cookie __unused,
    void *a0, void *a1 __unused, void *a2 __unused, void *a3 __unused)
{
	struct list_jail *lj;
	uint32_t id;

	if (action != KAUTH_CRED_COPY && action != KAUTH_CRED_FREE)
		return KAUTH_RESULT_ALLOW;
	id = list_id(cred);
	if (id == 0)
		return KAUTH_RESULT_ALLOW;
	if (action == KAUTH_CRED_COPY)
		kauth_cred_setdata(a0, list_key, (void *)(uintptr_t)id);
	mutex_enter(&list_lock);
	lj = list_find(id);
	if (lj != NULL)
		lj->lj_refs += action == KAUTH_CRED_COPY ? 1 : -1;
	mutex_exit(&list_lock);
	return KAUTH_RESULT_ALLOW;
}

static struct {
	const char		*scope;
	kauth_scope_callback_t	callback;
	kauth_listener_t	listener;
} listeners[] = {
	{ KAUTH_SCOPE_CRED, list_cred_cb, NULL },
	{ KAUTH_SCOPE_SYSTEM, list_system_cb, NULL },
	{ KAUTH_SCOPE_PROCESS, list_process_cb, NULL },
	{ KAUTH_SCOPE_NETWORK, list_network_cb, NULL },
};

void
hk_list_listen(void)
{
	u_int i;

	for (i = 0; i < __arraycount(listeners); i++)
		listeners[i].listener = kauth_listen_scope(
		    listeners[i].scope, listeners[i].callback, NULL);
}

void
hk_list_unlisten(void)
{
	u_int i;

	for (i = 0; i < __arraycount(listeners); i++)
		kauth_unlisten_scope(listeners[i].listener);
}

/* Before the other commands. */
void
hk_list_init(void)
{

	mutex_init(&list_lock, MUTEX_DEFAULT, IPL_NONE);
	if (secmodel_register(&list_model, "list", "a list and a mutex",
	    NULL, NULL, NULL) != 0 ||
	    kauth_register_key(list_model, &list_key) != 0)
		panic("no model to compare with");
}

int
hk_list_create(struct proc *p, const char *name, const char *root,
    const uint16_t *ports, int nports, uint32_t *id)
{
	struct list_jail *lj, *other;
	struct vnode *vp;
	int error;

	error = chdir_lookup(root, UIO_SYSSPACE, &vp,
	    LIST_FIRST(&p->p_lwps));
	if (error != 0)
		return error;
	lj = kmem_zalloc(sizeof(*lj), KM_SLEEP);
	lj->lj_root = vp;
	strlcpy(lj->lj_name, name, sizeof(lj->lj_name));
	if (nports > 0) {
		lj->lj_nports = nports;
		lj->lj_ports = kmem_alloc((size_t)nports * sizeof(*ports),
		    KM_SLEEP);
		memcpy(lj->lj_ports, ports, (size_t)nports * sizeof(*ports));
	}
	mutex_enter(&list_lock);
	TAILQ_FOREACH(other, &list, lj_list)
		if (strcmp(other->lj_name, name) == 0)
			panic("%s is there already", name);
	*id = lj->lj_id = ++list_lastid;
	TAILQ_INSERT_TAIL(&list, lj, lj_list);
	mutex_exit(&list_lock);
	return 0;
}

int
hk_list_enter(struct proc *p, uint32_t id)
{
	struct lwp *saved = hk_self.lwp;
	struct list_jail *lj;
	struct vnode *root;
	kauth_cred_t cred;

	hk_self.lwp = LIST_FIRST(&p->p_lwps);
	mutex_enter(&list_lock);
	lj = list_find(id);
	if (lj == NULL) {
		mutex_exit(&list_lock);
		hk_self.lwp = saved;
		return ESRCH;
	}
	lj->lj_refs++;
	root = lj->lj_root;
	mutex_exit(&list_lock);

	vref(root);
	change_root(root);
	cred = kauth_cred_alloc();
	kauth_cred_setdata(cred, list_key, (void *)(uintptr_t)id);
	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, cred);
	proc_crmod_leave(cred, p->p_cred, true);
	hk_self.lwp = saved;
	return 0;
}

int
hk_list_destroy(uint32_t id)
{
	struct list_jail *lj;

	mutex_enter(&list_lock);
	lj = list_find(id);
	if (lj == NULL || lj->lj_refs != 0) {
		mutex_exit(&list_lock);
		return lj == NULL ? ESRCH : EBUSY;
	}
	TAILQ_REMOVE(&list, lj, lj_list);
	mutex_exit(&list_lock);
	vrele(lj->lj_root);
	if (lj->lj_nports > 0)
		kmem_free(lj->lj_ports, (size_t)lj->lj_nports *
		    sizeof(*lj->lj_ports));
	kmem_free(lj, sizeof(*lj));
	return 0;
}
