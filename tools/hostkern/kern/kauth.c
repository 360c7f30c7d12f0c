/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * kauth(9) and secmodel(9): scopes, listeners, how their answers combine,
 * credentials and their events, data of secmodels on credentials.
 */
#include <errno.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/rwlock.h>
#include <sys/atomic.h>

struct kauth_listener {
	kauth_scope_callback_t	func;
	kauth_scope_t		scope;
	bool			model;	/* not one of the kernel's own */
	LIST_ENTRY(kauth_listener) list;
};

struct kauth_scope {
	const char		*id;
	void			*cookie;
	u_int			nlisteners;
	LIST_HEAD(, kauth_listener) listeners;
	LIST_ENTRY(kauth_scope)	list;
};

struct kauth_key {
	secmodel_t		secmodel;
	specificdata_key_t	key;
};

struct kauth_cred {
	u_int			cr_refcnt;
	uid_t			cr_uid, cr_euid, cr_svuid;
	gid_t			cr_gid, cr_egid, cr_svgid;
	specificdata_reference	cr_sd;
};

struct secmodel_descr {
	const char		*id;
	const char		*name;
	secmodel_eval_t		eval;
	LIST_ENTRY(secmodel_descr) list;
};

static LIST_HEAD(, kauth_scope) scopes = LIST_HEAD_INITIALIZER(scopes);
static LIST_HEAD(, secmodel_descr) secmodels =
    LIST_HEAD_INITIALIZER(secmodels);
static u_int nsecmodels;
static krwlock_t kauth_lock;
static krwlock_t secmodels_lock;
static bool cred_keys[HK_NKEYS];
bool hk_booted;
static kauth_scope_t scope_generic, scope_system, scope_process,
    scope_network, scope_machdep, scope_device, scope_cred, scope_vnode;

/* ---- Data of subsystems, on credentials and processes. */

struct container {
	void	*data[HK_NKEYS];
};

void
hk_specific_init(specificdata_reference *ref)
{

	ref->specdataref_container = NULL;
	mutex_init(&ref->specdataref_lock, MUTEX_DEFAULT, IPL_NONE);
}

void
hk_specific_fini(specificdata_reference *ref)
{

	mutex_destroy(&ref->specdataref_lock);
	if (ref->specdataref_container != NULL)
		kmem_free(ref->specdataref_container,
		    sizeof(struct container));
	ref->specdataref_container = NULL;
}

void *
hk_specific_get(specificdata_reference *ref, specificdata_key_t key)
{
	void *data = NULL;

	mutex_enter(&ref->specdataref_lock);
	if (ref->specdataref_container != NULL)
		data = ref->specdataref_container[key];
	mutex_exit(&ref->specdataref_lock);
	return data;
}

/* The first set allocates the container, and may sleep for it. */
void
hk_specific_set(specificdata_reference *ref, specificdata_key_t key,
    void *data)
{
	void **fresh;

	mutex_enter(&ref->specdataref_lock);
	if (ref->specdataref_container == NULL) {
		mutex_exit(&ref->specdataref_lock);
		fresh = kmem_zalloc(sizeof(struct container), KM_SLEEP);
		mutex_enter(&ref->specdataref_lock);
		if (ref->specdataref_container == NULL)
			ref->specdataref_container = fresh;
		else
			kmem_free(fresh, sizeof(struct container));
	}
	ref->specdataref_container[key] = data;
	mutex_exit(&ref->specdataref_lock);
}

int
hk_specific_key(bool *keys, specificdata_key_t *keyp)
{
	u_int i;

	if (hk_fault())
		return ENOMEM;
	for (i = 0; i < HK_NKEYS; i++)
		if (!keys[i]) {
			keys[i] = true;
			*keyp = i;
			return 0;
		}
	return ENOMEM;
}

/* ---- Security models. */

int
secmodel_register(secmodel_t *smp, const char *id, const char *name,
    void *behavior __unused, secmodel_eval_t eval,
    secmodel_setinfo_t setinfo __unused)
{
	secmodel_t sm, s;

	if (hk_fault())
		return ENOMEM;
	sm = kmem_zalloc(sizeof(*sm), KM_SLEEP);
	sm->id = id;
	sm->name = name;
	sm->eval = eval;
	rw_enter(&secmodels_lock, RW_WRITER);
	LIST_FOREACH(s, &secmodels, list)
		if (strcmp(s->id, id) == 0)
			break;
	if (s == NULL) {
		LIST_INSERT_HEAD(&secmodels, sm, list);
		atomic_inc_uint(&nsecmodels);
	}
	rw_exit(&secmodels_lock);
	if (s != NULL) {
		kmem_free(sm, sizeof(*sm));
		return EEXIST;
	}
	*smp = sm;
	return 0;
}

int
secmodel_deregister(secmodel_t sm)
{

	rw_enter(&secmodels_lock, RW_WRITER);
	LIST_REMOVE(sm, list);
	atomic_dec_uint(&nsecmodels);
	rw_exit(&secmodels_lock);
	kmem_free(sm, sizeof(*sm));
	return 0;
}

int
secmodel_nsecmodels(void)
{

	return (int)atomic_load_relaxed(&nsecmodels);
}

/* ---- Scopes and listeners. */

static kauth_scope_t
find_scope(const char *id)
{
	kauth_scope_t s;

	LIST_FOREACH(s, &scopes, list)
		if (strcmp(s->id, id) == 0)
			return s;
	return NULL;
}

kauth_scope_t
kauth_register_scope(const char *id, kauth_scope_callback_t func,
    void *cookie)
{
	kauth_scope_t s;

	s = kmem_zalloc(sizeof(*s), KM_SLEEP);
	s->id = id;
	s->cookie = cookie;
	LIST_INIT(&s->listeners);
	rw_enter(&kauth_lock, RW_WRITER);
	if (find_scope(id) != NULL) {
		rw_exit(&kauth_lock);
		kmem_free(s, sizeof(*s));
		return NULL;
	}
	LIST_INSERT_HEAD(&scopes, s, list);
	rw_exit(&kauth_lock);
	if (func != NULL && kauth_listen_scope(id, func, NULL) == NULL)
		panic("scope %s: no listener", id);
	return s;
}

/* As in NetBSD the listener's own cookie reaches nobody. */
kauth_listener_t
kauth_listen_scope(const char *id, kauth_scope_callback_t func,
    void *cookie __unused)
{
	kauth_listener_t k, last;
	kauth_scope_t s;

	if (hk_fault())
		return NULL;
	k = kmem_zalloc(sizeof(*k), KM_SLEEP);
	k->func = func;
	k->model = hk_booted;
	rw_enter(&kauth_lock, RW_WRITER);
	s = find_scope(id);
	if (s == NULL) {
		rw_exit(&kauth_lock);
		kmem_free(k, sizeof(*k));
		return NULL;
	}
	k->scope = s;
	last = LIST_FIRST(&s->listeners);
	while (last != NULL && LIST_NEXT(last, list) != NULL)
		last = LIST_NEXT(last, list);
	if (last == NULL)
		LIST_INSERT_HEAD(&s->listeners, k, list);
	else
		LIST_INSERT_AFTER(last, k, list);
	s->nlisteners++;
	rw_exit(&kauth_lock);
	return k;
}

void
kauth_unlisten_scope(kauth_listener_t k)
{

	if (k == NULL)
		return;
	rw_enter(&kauth_lock, RW_WRITER);
	LIST_REMOVE(k, list);
	k->scope->nlisteners--;
	rw_exit(&kauth_lock);
	kmem_free(k, sizeof(*k));
}

/*
 * In place of jail_quiet.c, which moves NetBSD's threads: nobody unloads
 * while questions are asked.
 */
int
jail_quiet_call(void (*func)(void))
{

	ASSERT_SLEEPABLE();
	if (hk_fault())
		return EBUSY;
	func();
	return 0;
}

/*
 * Every listener is asked, without a lock on the list.  Only those of a
 * credential's making and of a fork may sleep.
 */
static int
ask(kauth_scope_t s, kauth_cred_t cred, kauth_action_t action, void *a0,
    void *a1, void *a2, void *a3, bool may_sleep)
{
	kauth_listener_t k;
	long taken, allocated;
	bool allow = false, deny = false;
	int held, result, answer = KAUTH_RESULT_DEFER;

	KASSERT(cred != NULL);
	KASSERT(action != 0);
	if (cred == NOCRED || cred == FSCRED)
		return KAUTH_RESULT_ALLOW;
	KASSERT(atomic_load_relaxed(&cred->cr_refcnt) > 0 || s == scope_cred);

	if (!may_sleep)
		hk_self.listener++;
	LIST_FOREACH(k, &s->listeners, list) {
		held = hk_self.nheld;
		taken = hk_self.taken;
		allocated = hk_self.allocated;
		result = k->func(cred, action, s->cookie, a0, a1, a2, a3);
		if (k->model) {
			answer = result;
			hk_self.model_taken += hk_self.taken - taken;
			hk_self.model_allocated +=
			    hk_self.allocated - allocated;
		}
		switch (result) {
		case KAUTH_RESULT_ALLOW:
			allow = true;
			break;
		case KAUTH_RESULT_DENY:
			deny = true;
			break;
		case KAUTH_RESULT_DEFER:
			break;
		default:
			panic("listener of %s: no answer", s->id);
		}
		if (hk_self.nheld != held)
			panic("listener of %s leaves with a lock", s->id);
	}
	if (!may_sleep)
		hk_self.listener--;
	if (s != scope_cred)
		hk_self.answer = answer;
	return deny ? KAUTH_RESULT_DENY :
	    allow ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
}

void
hk_model_cost(long *locks, long *allocations)
{

	*locks = hk_self.model_taken;
	*allocations = hk_self.model_allocated;
}

int
kauth_authorize_action(kauth_scope_t s, kauth_cred_t cred,
    kauth_action_t action, void *a0, void *a1, void *a2, void *a3)
{

	switch (ask(s, cred, action, a0, a1, a2, a3, false)) {
	case KAUTH_RESULT_DENY:
		return EPERM;
	case KAUTH_RESULT_ALLOW:
		return 0;
	}
	return secmodel_nsecmodels() == 0 ? 0 : EPERM;
}

int
kauth_authorize_generic(kauth_cred_t c, kauth_action_t action, void *a0)
{

	return kauth_authorize_action(scope_generic, c, action, a0, NULL,
	    NULL, NULL);
}

int
kauth_authorize_system(kauth_cred_t c, kauth_action_t action,
    enum kauth_system_req req, void *a1, void *a2, void *a3)
{

	return kauth_authorize_action(scope_system, c, action,
	    KAUTH_ARG(req), a1, a2, a3);
}

int
kauth_authorize_process(kauth_cred_t c, kauth_action_t action,
    struct proc *p, void *a1, void *a2, void *a3)
{

	return kauth_authorize_action(scope_process, c, action, p, a1, a2, a3);
}

int
kauth_authorize_network(kauth_cred_t c, kauth_action_t action,
    enum kauth_network_req req, void *a1, void *a2, void *a3)
{

	return kauth_authorize_action(scope_network, c, action,
	    KAUTH_ARG(req), a1, a2, a3);
}

int
kauth_authorize_machdep(kauth_cred_t c, kauth_action_t action, void *a0,
    void *a1, void *a2, void *a3)
{

	return kauth_authorize_action(scope_machdep, c, action, a0, a1, a2,
	    a3);
}

int
kauth_authorize_device(kauth_cred_t c, kauth_action_t action, void *a0,
    void *a1, void *a2, void *a3)
{

	return kauth_authorize_action(scope_device, c, action, a0, a1, a2,
	    a3);
}

int
kauth_authorize_device_tty(kauth_cred_t c, kauth_action_t action,
    struct tty *tty)
{

	return kauth_authorize_device(c, action, tty, NULL, NULL, NULL);
}

int
kauth_authorize_device_spec(kauth_cred_t c, enum kauth_device_req req,
    struct vnode *vp)
{

	return kauth_authorize_device(c, KAUTH_DEVICE_RAWIO_SPEC,
	    KAUTH_ARG(req), vp, NULL, NULL);
}

int
kauth_authorize_device_passthru(kauth_cred_t c, dev_t dev, u_long bits,
    void *data)
{

	return kauth_authorize_device(c, KAUTH_DEVICE_RAWIO_PASSTHRU,
	    KAUTH_ARG(bits), KAUTH_ARG(dev), data, NULL);
}

int
kauth_authorize_vnode(kauth_cred_t c, kauth_action_t action,
    struct vnode *vp, struct vnode *dvp, int fs_decision)
{

	switch (ask(scope_vnode, c, action, vp, dvp, NULL, NULL, false)) {
	case KAUTH_RESULT_DENY:
		return EACCES;
	case KAUTH_RESULT_ALLOW:
		return 0;
	}
	if (fs_decision == -1 || secmodel_nsecmodels() == 0)
		return 0;
	return fs_decision;
}

/* ---- Credentials. */

static void
cred_event(kauth_cred_t cred, kauth_action_t event, void *a0, void *a1)
{
	int r;

	r = ask(scope_cred, cred, event, a0, a1, NULL, NULL,
	    event == KAUTH_CRED_INIT || event == KAUTH_CRED_FORK);
	/* A DIAGNOSTIC kernel asserts this once someone listens. */
	if (scope_cred->nlisteners > 0)
		KASSERTMSG(r == KAUTH_RESULT_ALLOW,
		    "the cred scope answered %d to event %d", r, (int)event);
}

kauth_cred_t
kauth_cred_alloc(void)
{
	kauth_cred_t c;

	c = kmem_zalloc(sizeof(*c), KM_SLEEP);
	c->cr_refcnt = 1;
	hk_specific_init(&c->cr_sd);
	cred_event(c, KAUTH_CRED_INIT, NULL, NULL);
	return c;
}

kauth_cred_t
kauth_cred_hold(kauth_cred_t c)
{

	KASSERT(c != NULL && c != NOCRED && c != FSCRED);
	KASSERT(atomic_load_relaxed(&c->cr_refcnt) > 0);
	atomic_inc_uint(&c->cr_refcnt);
	return c;
}

void
kauth_cred_free(kauth_cred_t c)
{

	KASSERT(c != NULL && c != NOCRED && c != FSCRED);
	KASSERT(atomic_load_relaxed(&c->cr_refcnt) > 0);
	hk_assert_nospin(__FILE__, __LINE__);
	if (__atomic_sub_fetch(&c->cr_refcnt, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	cred_event(c, KAUTH_CRED_FREE, NULL, NULL);
	hk_specific_fini(&c->cr_sd);
	kmem_free(c, sizeof(*c));
}

void
kauth_cred_clone(kauth_cred_t from, kauth_cred_t to)
{

	KASSERT(atomic_load_relaxed(&from->cr_refcnt) > 0);
	to->cr_uid = from->cr_uid;
	to->cr_euid = from->cr_euid;
	to->cr_svuid = from->cr_svuid;
	to->cr_gid = from->cr_gid;
	to->cr_egid = from->cr_egid;
	to->cr_svgid = from->cr_svgid;
	cred_event(from, KAUTH_CRED_COPY, to, NULL);
}

kauth_cred_t
kauth_cred_dup(kauth_cred_t c)
{
	kauth_cred_t n;

	n = kauth_cred_alloc();
	kauth_cred_clone(c, n);
	return n;
}

void
kauth_proc_fork(struct proc *parent, struct proc *child)
{

	mutex_enter(parent->p_lock);
	child->p_cred = kauth_cred_hold(parent->p_cred);
	mutex_exit(parent->p_lock);
	cred_event(parent->p_cred, KAUTH_CRED_FORK, parent, child);
}

void
kauth_proc_chroot(kauth_cred_t c, struct cwdinfo *cwdi)
{

	cred_event(c, KAUTH_CRED_CHROOT, cwdi, NULL);
}

#define	GETTER(what)							\
uid_t									\
kauth_cred_get##what(kauth_cred_t c)					\
{									\
									\
	KASSERT(c != NULL && c != NOCRED && c != FSCRED);		\
	return c->cr_##what;						\
}
GETTER(uid)
GETTER(euid)
GETTER(svuid)
GETTER(gid)
GETTER(egid)
GETTER(svgid)

#define	SETTER(what)							\
void									\
kauth_cred_set##what(kauth_cred_t c, uid_t id)				\
{									\
									\
	KASSERT(atomic_load_relaxed(&c->cr_refcnt) == 1);		\
	c->cr_##what = id;						\
}
SETTER(uid)
SETTER(euid)
SETTER(svuid)
SETTER(gid)
SETTER(egid)
SETTER(svgid)

void
hk_cred_setids(kauth_cred_t c, const unsigned int *uids,
    const unsigned int *gids)
{

	kauth_cred_setuid(c, uids[0]);
	kauth_cred_seteuid(c, uids[1]);
	kauth_cred_setsvuid(c, uids[2]);
	kauth_cred_setgid(c, gids[0]);
	kauth_cred_setegid(c, gids[1]);
	kauth_cred_setsvgid(c, gids[2]);
}

int
kauth_register_key(secmodel_t sm, kauth_key_t *keyp)
{
	specificdata_key_t key;
	kauth_key_t k;
	int error;

	error = hk_specific_key(cred_keys, &key);
	if (error != 0)
		return error;
	k = kmem_zalloc(sizeof(*k), KM_SLEEP);
	k->secmodel = sm;
	k->key = key;
	*keyp = k;
	return 0;
}

int
kauth_deregister_key(kauth_key_t k)
{

	/* Left on old credentials; the number is not given again. */
	kmem_free(k, sizeof(*k));
	return 0;
}

void *
kauth_cred_getdata(kauth_cred_t c, kauth_key_t k)
{

	KASSERT(c != NULL && c != NOCRED && c != FSCRED);
	KASSERT(k != NULL);
	return hk_specific_get(&c->cr_sd, k->key);
}

void
kauth_cred_setdata(kauth_cred_t c, kauth_key_t k, void *data)
{

	KASSERT(c != NULL && c != NOCRED && c != FSCRED);
	KASSERT(k != NULL);
	hk_specific_set(&c->cr_sd, k->key, data);
}

void
hk_kauth_init(void)
{

	rw_init(&kauth_lock);
	rw_init(&secmodels_lock);
	scope_cred = kauth_register_scope(KAUTH_SCOPE_CRED, NULL, NULL);
	scope_generic = kauth_register_scope(KAUTH_SCOPE_GENERIC, NULL, NULL);
	scope_system = kauth_register_scope(KAUTH_SCOPE_SYSTEM, NULL, NULL);
	scope_process = kauth_register_scope(KAUTH_SCOPE_PROCESS, NULL, NULL);
	scope_network = kauth_register_scope(KAUTH_SCOPE_NETWORK, NULL, NULL);
	scope_machdep = kauth_register_scope(KAUTH_SCOPE_MACHDEP, NULL, NULL);
	scope_device = kauth_register_scope(KAUTH_SCOPE_DEVICE, NULL, NULL);
	scope_vnode = kauth_register_scope(KAUTH_SCOPE_VNODE, NULL, NULL);
}
