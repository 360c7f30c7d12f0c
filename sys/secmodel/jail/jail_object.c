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
 * Jails: their ids, names, states and configs.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs_syscalls.h>
#include <sys/vnode.h>

#include <secmodel/jail/jail_impl.h>

kmutex_t	jail_lock;
kmutex_t	jail_leaf;
struct jail_list jail_list;		/* j */
uint32_t	jail_count;		/* j */
uint64_t	jail_generation;	/* j */
uint32_t	jail_lastid;		/* j */

/* Destroyed, and without credentials by now. */
static SLIST_HEAD(, jail) jail_dead;	/* s */

/* Called once at load. */
void
jail_object_init(void)
{

	mutex_init(&jail_lock, MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&jail_leaf, MUTEX_DEFAULT, IPL_SCHED);
	TAILQ_INIT(&jail_list);
	SLIST_INIT(&jail_dead);
}

/* Called at unload, when no jail ever was. */
void
jail_object_fini(void)
{

	KASSERT(jail_lastid == 0);

	mutex_destroy(&jail_leaf);
	mutex_destroy(&jail_lock);
}

/* Fill in why a command is refused; returns error.  Needs no lock. */
int
jail_refuse(struct jail_reply *reply, uint32_t reason, int detail, int error)
{

	reply->jy_reason = reason;
	reply->jy_detail = detail;
	return error;
}

/* The jail with an id, or NULL.  Needs jail_lock. */
struct jail *
jail_find(uint32_t id)
{
	struct jail *j;

	KASSERT(mutex_owned(&jail_lock));

	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (j->j_id == id)
			break;
	}
	return j;
}

/* One more credential has the jail.  Needs jail_leaf. */
void
jail_hold(struct jail *j)
{

	KASSERT(mutex_owned(&jail_leaf));
	KASSERT(j->j_refs > 0);

	j->j_refs++;
}

/* One less.  Needs jail_leaf, so what is over is freed later. */
void
jail_release(struct jail *j)
{

	KASSERT(mutex_owned(&jail_leaf));
	KASSERT(j->j_refs > 0);

	if (--j->j_refs == 0)
		SLIST_INSERT_HEAD(&jail_dead, j, j_dead);
}

/* Free a jail's memory.  It has no ports, and nobody knows it any more. */
static void
jail_free(struct jail *j)
{

	if (j->j_path != NULL)
		kmem_free(j->j_path, j->j_pathlen);
	kmem_free(j, sizeof(*j));
}

/*
 * Free the jails that ended since.  Needs jail_lock, under which others look
 * into jails that they have found by a credential; takes jail_leaf.
 */
void
jail_reap(void)
{
	struct jail *j;

	KASSERT(mutex_owned(&jail_lock));

	for (;;) {
		mutex_spin_enter(&jail_leaf);
		j = SLIST_FIRST(&jail_dead);
		if (j != NULL)
			SLIST_REMOVE_HEAD(&jail_dead, j_dead);
		mutex_spin_exit(&jail_leaf);
		if (j == NULL)
			break;
		jail_free(j);
	}
}

/*
 * Whether a name is fit: letters, digits, '.', '_' and '-', the first a
 * letter or digit, not digits alone (those would be taken for an id), and
 * zeros up to the end of the field.
 */
static bool
name_valid(const char name[JAIL_NAMELEN])
{
	bool digits = true;
	u_int i, n;
	char c;

	for (n = 0; n < JAIL_NAMELEN && name[n] != '\0'; n++) {
		c = name[n];
		if (c >= '0' && c <= '9')
			continue;
		digits = false;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			continue;
		if (n > 0 && (c == '.' || c == '_' || c == '-'))
			continue;
		return false;
	}
	if (n == 0 || n == JAIL_NAMELEN || digits)
		return false;
	for (i = n; i < JAIL_NAMELEN; i++) {
		if (name[i] != '\0')
			return false;
	}
	return true;
}

/* Whether a path is absolute and ends within its field. */
static bool
path_valid(const char path[JAIL_ROOTLEN])
{

	return path[0] == '/' &&
	    strnlen(path, JAIL_ROOTLEN) < JAIL_ROOTLEN;
}

/*
 * Whether a config can be had by a jail with that root.  Needs jail_lock.
 */
static int
config_check(const struct jail_config *jc, const struct vnode *root,
    struct jail_reply *reply)
{
	int error;

	KASSERT(mutex_owned(&jail_lock));

	if (jc->jc_level >= JAIL_NLEVELS)
		return jail_refuse(reply, JAIL_REASON_FIELD,
		    offsetof(struct jail_request, jq_config.jc_level),
		    EINVAL);
	error = jail_policy_check(jc, reply);
	if (error != 0)
		return error;
	if (!jail_limits_valid(jc, reply))
		return EINVAL;
	/* Uid 0 of the jail owns the files of the host's root. */
	if (root == rootvnode && jc->jc_level != JAIL_LEVEL_LOW)
		return jail_refuse(reply, JAIL_REASON_ROOT, 0, EINVAL);
	return 0;
}

/* Tell a jail's listeners of its config.  Needs jail_lock. */
static void
config_apply(struct jail *j)
{

	KASSERT(mutex_owned(&jail_lock));

	atomic_store_relaxed(&j->j_cap, j->j_config.jc_processes);
	atomic_store_relaxed(&j->j_flags, j->j_config.jc_flags);
	jail_policy_apply(j);
}

/*
 * Command: create a jail.  Needs jail_lock.  May sleep.
 */
int
jail_create(struct lwp *l, const struct jail_request *jq,
    const struct jail_port *ports, struct jail_reply *reply)
{
	struct jail *j, *other;
	struct vnode *root;
	int error;

	KASSERT(mutex_owned(&jail_lock));

	if (!name_valid(jq->jq_name))
		return jail_refuse(reply, JAIL_REASON_NAME, 0, EINVAL);
	if (!path_valid(jq->jq_root))
		return jail_refuse(reply, JAIL_REASON_ROOT, 0, EINVAL);
	TAILQ_FOREACH(other, &jail_list, j_list) {
		if (strcmp(other->j_name, jq->jq_name) == 0) {
			reply->jy_id = other->j_id;
			return jail_refuse(reply, JAIL_REASON_EXISTS, 0,
			    EEXIST);
		}
	}
	if (jail_count >= JAIL_MAXJAILS || jail_lastid == UINT32_MAX)
		return jail_refuse(reply, JAIL_REASON_TOO_MANY, 0, ENOSPC);

	error = chdir_lookup(jq->jq_root, UIO_SYSSPACE, &root, l);
	if (error != 0)	/* ENOENT itself would mean that we are not there */
		return jail_refuse(reply, JAIL_REASON_ROOT, error, EINVAL);
	error = config_check(&jq->jq_config, root, reply);
	if (error == 0)
		error = jail_port_check(NULL, ports, jq->jq_nports, reply);
	if (error != 0) {
		vrele(root);
		return error;
	}

	j = kmem_zalloc(sizeof(*j), KM_SLEEP);
	j->j_state = JAIL_STATE_CREATING;
	j->j_refs = 1;
	j->j_root = root;
	j->j_created = time_second;
	strlcpy(j->j_name, jq->jq_name, sizeof(j->j_name));
	j->j_pathlen = strlen(jq->jq_root) + 1;
	j->j_path = kmem_alloc(j->j_pathlen, KM_SLEEP);
	memcpy(j->j_path, jq->jq_root, j->j_pathlen);
	LIST_INIT(&j->j_members);
	LIST_INIT(&j->j_ended);
	j->j_config = jq->jq_config;
	config_apply(j);
	jail_event_begin(j);
	j->j_id = jail_lastid + 1;
	error = jail_port_replace(j, ports, jq->jq_nports, reply);
	if (error != 0) {
		vrele(root);
		jail_free(j);
		return error;
	}

	jail_lastid = j->j_id;
	TAILQ_INSERT_TAIL(&jail_list, j, j_list);
	jail_count++;
	jail_generation++;
	atomic_store_release(&j->j_state, JAIL_STATE_ACTIVE);
	reply->jy_id = j->j_id;
	return 0;
}

/* Command: change a jail's config, all of it or nothing.  Needs jail_lock. */
int
jail_set(const struct jail_request *jq, const struct jail_port *ports,
    struct jail_reply *reply)
{
	const struct jail_config *new = &jq->jq_config;
	struct jail_config jc;
	struct jail *j;
	uint32_t flags = 0;
	int error;

	KASSERT(mutex_owned(&jail_lock));

	j = jail_find(jq->jq_id);
	if (j == NULL)
		return jail_refuse(reply, JAIL_REASON_NO_JAIL, 0, ESRCH);
	if (j->j_state != JAIL_STATE_ACTIVE)
		return jail_refuse(reply, JAIL_REASON_DYING, 0, EBUSY);

	jc = j->j_config;
	if ((jq->jq_mask & JAIL_SET_LEVEL) != 0)
		jc.jc_level = new->jc_level;
	if ((jq->jq_mask & JAIL_SET_ALLOW) != 0)
		jc.jc_allow = new->jc_allow;
	if ((jq->jq_mask & JAIL_SET_DENY) != 0)
		jc.jc_deny = new->jc_deny;
	if ((jq->jq_mask & JAIL_SET_STRICT) != 0)
		flags |= JAIL_STRICT;
	if ((jq->jq_mask & JAIL_SET_OBSERVE) != 0)
		flags |= JAIL_OBSERVE;
	jc.jc_flags = (jc.jc_flags & ~flags) | (new->jc_flags & flags);
	if ((jq->jq_mask & JAIL_SET_PROCESSES) != 0)
		jc.jc_processes = new->jc_processes;
	if ((jq->jq_mask & JAIL_SET_LIMITS) != 0) {
		jc.jc_limits = new->jc_limits;
		memcpy(jc.jc_soft, new->jc_soft, sizeof(jc.jc_soft));
		memcpy(jc.jc_hard, new->jc_hard, sizeof(jc.jc_hard));
	}
	error = config_check(&jc, j->j_root, reply);
	if (error == 0 && (jq->jq_mask & JAIL_SET_PORTS) != 0) {
		error = jail_port_check(j, ports, jq->jq_nports, reply);
		if (error == 0)
			error = jail_port_replace(j, ports, jq->jq_nports,
			    reply);
	}
	if (error != 0)
		return error;

	/* An observation begins: what was seen before is not its. */
	if ((jc.jc_flags & ~j->j_config.jc_flags & JAIL_OBSERVE) != 0)
		jail_event_begin(j);
	j->j_config = jc;
	config_apply(j);
	jail_generation++;
	return 0;
}

/*
 * Command: destroy a jail that has no member.  Needs jail_lock.  May sleep.
 *
 * Credentials of it may live on, in sockets and open files: they keep the
 * memory, in the state dying, in which all is denied.
 */
int
jail_destroy(const struct jail_request *jq, struct jail_reply *reply)
{
	struct jail *j;
	u_int n;

	KASSERT(mutex_owned(&jail_lock));

	j = jail_find(jq->jq_id);
	if (j == NULL)
		return jail_refuse(reply, JAIL_REASON_NO_JAIL, 0, ESRCH);
	n = jail_proc_remaining(j);
	if (n != 0)
		return jail_refuse(reply, JAIL_REASON_MEMBERS, (int)n, EBUSY);

	/* Entry needs jail_lock and there is nobody to fork. */
	jail_proc_forget(j);
	atomic_store_release(&j->j_state, JAIL_STATE_DYING);
	jail_event_end(j);
	TAILQ_REMOVE(&jail_list, j, j_list);
	jail_count--;
	jail_generation++;
	(void)jail_port_replace(j, NULL, 0, reply);
	vrele(j->j_root);
	j->j_root = NULL;

	mutex_spin_enter(&jail_leaf);
	jail_release(j);
	mutex_spin_exit(&jail_leaf);
	return 0;
}
