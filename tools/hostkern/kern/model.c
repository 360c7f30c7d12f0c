/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The model's life as a module, and what hostkern gives it in place of a
 * file that only NetBSD's kernel can have: who has bound a port.
 */
#include <errno.h>
#include <stdlib.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/module.h>
#include <secmodel/jail/jail_impl.h>

extern const modinfo_t secmodel_jail_modinfo;

struct bound {
	struct jail_port port;
	kauth_cred_t	cred;		/* a socket's; NULL for the host */
};

static kmutex_t bound_lock;
static struct bound *bound;
static int nbound;

void
hk_boot(void)
{

	hk_kauth_init();
	hk_proc_init();
	hk_vfs_init();
	hk_socket_init();
	hk_defaults_init();
	hk_booted = true;
	hk_sysctl_init();
	mutex_init(&bound_lock, MUTEX_DEFAULT, IPL_NONE);
}

int
hk_load(void)
{

	return secmodel_jail_modinfo.mi_modcmd(MODULE_CMD_INIT, NULL);
}

int
hk_unload(void)
{

	return secmodel_jail_modinfo.mi_modcmd(MODULE_CMD_FINI, NULL);
}

void
hk_set_lastid(uint32_t id)
{

	mutex_enter(&jail_lock);
	if (id > jail_lastid)
		jail_lastid = id;
	mutex_exit(&jail_lock);
}

/* The limits that a jail sets at entry; false if there is no such jail. */
int
hk_jail_limits(uint32_t id, uint32_t *mask, uint64_t *soft, uint64_t *hard)
{
	struct jail *j;

	mutex_enter(&jail_lock);
	j = jail_find(id);
	if (j != NULL) {
		*mask = j->j_config.jc_limits;
		memcpy(soft, j->j_config.jc_soft, sizeof(j->j_config.jc_soft));
		memcpy(hard, j->j_config.jc_hard, sizeof(j->j_config.jc_hard));
	}
	mutex_exit(&jail_lock);
	return j != NULL;
}

/* The n-th jail's id, name and path; 0 when there are no more. */
uint32_t
hk_jail_at(int n, char *name, char *path)
{
	struct jail *j;
	uint32_t id = 0;

	mutex_enter(&jail_lock);
	TAILQ_FOREACH(j, &jail_list, j_list)
		if (n-- == 0)
			break;
	if (j != NULL) {
		id = j->j_id;
		strlcpy(name, j->j_name, JAIL_NAMELEN);
		strlcpy(path, j->j_path, JAIL_ROOTLEN);
	}
	mutex_exit(&jail_lock);
	return id;
}

uint32_t
hk_lastid(void)
{
	uint32_t id;

	mutex_enter(&jail_lock);
	id = jail_lastid;
	mutex_exit(&jail_lock);
	return id;
}

uint32_t
hk_jail_of(struct proc *p)
{
	struct jail *j;

	j = jail_of_proc(p);
	return j == NULL ? JAIL_HOST : j->j_id;
}

static void
bound_free(struct bound *b, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (b[i].cred != NULL)
			kauth_cred_free(b[i].cred);
	free(b);
}

int
hk_set_bound(const struct hk_bound *b, int n)
{
	struct bound *fresh, *old;
	struct proc *p;
	int i, nold;

	fresh = calloc((size_t)n + 1, sizeof(*fresh));
	if (fresh == NULL)
		return ENOMEM;
	for (i = 0; i < n; i++) {
		fresh[i].port.jp_protocol = (uint16_t)b[i].protocol;
		fresh[i].port.jp_first = fresh[i].port.jp_last = b[i].port;
		p = b[i].holder;
		if (p == NULL)
			continue;
		mutex_enter(p->p_lock);
		fresh[i].cred = kauth_cred_hold(p->p_cred);
		mutex_exit(p->p_lock);
	}
	mutex_enter(&bound_lock);
	old = bound;
	nold = nbound;
	bound = fresh;
	nbound = n;
	mutex_exit(&bound_lock);
	bound_free(old, nold);
	return 0;
}

/*
 * In place of jail_pcb.c: whether a socket of another than j is bound to a
 * port of want; which one, and whose.
 */
bool
jail_pcb_bound(struct jail *j, const struct jail_port *want,
    struct jail_port *portp, struct jail **holderp)
{
	const struct bound *b;
	struct jail *holder;
	int i;

	mutex_enter(&bound_lock);
	for (i = 0; i < nbound; i++) {
		b = &bound[i];
		holder = b->cred != NULL ? jail_of(b->cred) : NULL;
		if (holder == j && j != NULL)
			continue;
		if (want->jp_protocol != JAIL_PROTOCOL_ANY &&
		    want->jp_protocol != b->port.jp_protocol)
			continue;
		if (b->port.jp_first < want->jp_first ||
		    b->port.jp_first > want->jp_last)
			continue;
		*portp = b->port;
		*holderp = holder;
		mutex_exit(&bound_lock);
		return true;
	}
	mutex_exit(&bound_lock);
	return false;
}

/* In place of jail_pcb.c: Linux chooses no port without asking. */
u_int
jail_pcb_fallback(const struct socket *so __unused)
{

	return 0;
}
