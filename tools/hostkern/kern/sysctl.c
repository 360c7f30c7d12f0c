/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * sysctl(9): a tree, one lock around it, and calls dispatched by name.
 * Handlers with a function of their own check for themselves who calls.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/rwlock.h>
#include <sys/sysctl.h>

struct entry {
	LIST_ENTRY(entry) list;
	struct sysctlnode *node;
};

struct sysctllog {
	LIST_HEAD(, entry) entries;	/* the last made is the first */
};

static krwlock_t tree_lock;
static struct sysctlnode tree_root;
static int next_num = 1024;

void
sysctl_lock(bool write)
{

	rw_enter(&tree_lock, write ? RW_WRITER : RW_READER);
}

/* Who goes on to wait does so late: what comes before must not be missed. */
void
sysctl_unlock(void)
{

	rw_exit(&tree_lock);
	if ((curlwp->l_flag & HK_LW_WAITS) != 0)
		usleep(100);
}

void
sysctl_relock(void)
{

	rw_enter(&tree_lock, RW_READER);
}

static struct sysctlnode *
by_num(struct sysctlnode *parent, int num)
{
	struct sysctlnode *n;

	LIST_FOREACH(n, &parent->sysctl_children, sysctl_sibling)
		if (n->sysctl_num == num)
			return n;
	return NULL;
}

static struct sysctlnode *
by_name(struct sysctlnode *parent, const char *name, size_t len)
{
	struct sysctlnode *n;

	LIST_FOREACH(n, &parent->sysctl_children, sysctl_sibling)
		if (strlen(n->sysctl_name) == len &&
		    memcmp(n->sysctl_name, name, len) == 0)
			return n;
	return NULL;
}

int
sysctl_createv(struct sysctllog **log, int cflags __unused,
    const struct sysctlnode **rnode, const struct sysctlnode **cnode,
    int flags, int type, const char *name, const char *desc, sysctlfn func,
    uint64_t qdata, void *data, size_t size, ...)
{
	struct sysctlnode *parent, *n;
	struct entry *e;
	va_list ap;
	int num;

	if (hk_fault())
		return ENOMEM;
	ASSERT_SLEEPABLE();
	parent = rnode != NULL && *rnode != NULL ?
	    __UNCONST(*rnode) : &tree_root;
	rw_enter(&tree_lock, RW_WRITER);
	va_start(ap, size);
	for (;;) {
		num = va_arg(ap, int);
		if (num == CTL_CREATE || num == CTL_EOL)
			break;
		n = by_num(parent, num);
		if (n == NULL && va_arg(ap, int) == CTL_EOL) {
			/* A fixed number of its own for the new node. */
			break;
		}
		if (n == NULL) {
			va_end(ap);
			rw_exit(&tree_lock);
			return ENOENT;
		}
		parent = n;
	}
	va_end(ap);

	n = by_name(parent, name, strlen(name));
	if (n != NULL) {
		/* A node twice is one, as for security.models. */
		rw_exit(&tree_lock);
		if (type != CTLTYPE_NODE ||
		    CTLTYPE(n->sysctl_flags) != CTLTYPE_NODE)
			return EEXIST;
		if (cnode != NULL)
			*cnode = n;
		return 0;
	}
	n = kmem_zalloc(sizeof(*n), KM_SLEEP);
	n->sysctl_flags = (uint32_t)(flags | type);
	n->sysctl_num = num >= 0 ? num : next_num++;
	strlcpy(n->sysctl_name, name, sizeof(n->sysctl_name));
	n->sysctl_desc = desc;
	n->sysctl_func = func;
	n->sysctl_qdata = qdata;
	n->sysctl_data = data;
	n->sysctl_size = type == CTLTYPE_INT ? sizeof(int) :
	    type == CTLTYPE_STRING && size == 0 && data != NULL ?
	    strlen(data) + 1 : size;
	n->sysctl_parent = parent;
	LIST_INIT(&n->sysctl_children);
	LIST_INSERT_HEAD(&parent->sysctl_children, n, sysctl_sibling);
	if (log != NULL) {
		if (*log == NULL) {
			*log = kmem_zalloc(sizeof(**log), KM_SLEEP);
			LIST_INIT(&(*log)->entries);
		}
		e = kmem_zalloc(sizeof(*e), KM_SLEEP);
		e->node = n;
		LIST_INSERT_HEAD(&(*log)->entries, e, list);
	}
	rw_exit(&tree_lock);
	if (cnode != NULL)
		*cnode = n;
	return 0;
}

/* Waits for handlers that run, for they hold the lock. */
void
sysctl_teardown(struct sysctllog **log)
{
	struct entry *e;

	if (*log == NULL)
		return;
	rw_enter(&tree_lock, RW_WRITER);
	while ((e = LIST_FIRST(&(*log)->entries)) != NULL) {
		if (!LIST_EMPTY(&e->node->sysctl_children))
			panic("sysctl node %s is torn down with children",
			    e->node->sysctl_name);
		LIST_REMOVE(e, list);
		LIST_REMOVE(e->node, sysctl_sibling);
		kmem_free(e->node, sizeof(*e->node));
		kmem_free(e, sizeof(*e));
	}
	rw_exit(&tree_lock);
	kmem_free(*log, sizeof(**log));
	*log = NULL;
}

int
sysctl_copyin(struct lwp *l __unused, const void *from, void *to, size_t len)
{

	if (hk_fault())
		return EFAULT;
	return copyin(from, to, len);
}

int
sysctl_copyout(struct lwp *l __unused, const void *from, void *to,
    size_t len)
{

	if (hk_fault())
		return EFAULT;
	return copyout(from, to, len);
}

/* A plain variable. */
int
sysctl_lookup(SYSCTLFN_ARGS)
{
	const void *data;
	size_t n, size;
	int error;

	(void)name;
	(void)oname;
	if (namelen != 0)
		return ENOTDIR;
	if (newp != NULL || newlen != 0) {
		if ((rnode->sysctl_flags & CTLFLAG_READWRITE) !=
		    CTLFLAG_READWRITE)
			return EPERM;
		error = kauth_authorize_system(l->l_cred,
		    KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_MODIFY,
		    NULL, NULL, NULL);
		if (error != 0)
			return error;
		if (rnode->sysctl_data == NULL || newlen != rnode->sysctl_size)
			return EINVAL;
	}
	size = rnode->sysctl_size;
	data = (rnode->sysctl_flags & CTLFLAG_IMMEDIATE) != 0 ?
	    (const void *)&rnode->sysctl_qdata : rnode->sysctl_data;
	error = 0;
	if (oldp != NULL) {
		n = *oldlenp < size ? *oldlenp : size;
		error = sysctl_copyout(l, data, oldp, n);
		if (error == 0 && n < size)
			error = ENOMEM;
	}
	*oldlenp = size;
	if (error == 0 && newp != NULL)
		error = sysctl_copyin(l, newp, rnode->sysctl_data, newlen);
	return error;
}

/* Clients name nodes in words here, so nobody lists what is below one. */
int
sysctl_query(SYSCTLFN_ARGS)
{

	(void)name;
	(void)namelen;
	(void)oldp;
	(void)oldlenp;
	(void)newp;
	(void)newlen;
	(void)oname;
	(void)l;
	return CTLTYPE(rnode->sysctl_flags) == CTLTYPE_NODE ?
	    EOPNOTSUPP : ENOTDIR;
}

/* A number between dots; the rest is after it. */
static bool
number(const char **path, int *n)
{
	unsigned long v;
	char *end;

	if (**path < '0' || **path > '9')
		return false;
	errno = 0;
	v = strtoul(*path, &end, 10);
	if (errno != 0 || v > UINT32_MAX || (*end != '.' && *end != '\0'))
		return false;
	*n = (int)(uint32_t)v;
	*path = *end == '.' ? end + 1 : end;
	return true;
}

int
hk_sysctl(struct proc *p, const char *path, const void *newp, size_t newlen,
    void *oldp, size_t *oldlenp)
{

	return hk_lwp_sysctl(LIST_FIRST(&p->p_lwps), path, newp, newlen, oldp,
	    oldlenp);
}

int
hk_lwp_sysctl(struct lwp *l, const char *path, const void *newp,
    size_t newlen, void *oldp, size_t *oldlenp)
{
	struct lwp *saved = hk_self.lwp;
	struct sysctlnode *n = &tree_root;
	int mib[CTL_MAXNAME], error;
	u_int depth = 0, below = 0;
	size_t len;

	hk_self.lwp = l;
	sysctl_lock(newp != NULL);
	while (n != NULL && CTLTYPE(n->sysctl_flags) == CTLTYPE_NODE &&
	    *path != '\0' && depth < CTL_MAXNAME) {
		len = strcspn(path, ".");
		n = by_name(n, path, len);
		if (n != NULL)
			mib[depth++] = n->sysctl_num;
		path += len;
		if (*path == '.')
			path++;
	}
	/* What is below a node's function is numbers, and its to read. */
	while (n != NULL && depth + below < CTL_MAXNAME &&
	    number(&path, &mib[depth + below]))
		below++;
	if (n == NULL || *path != '\0' ||
	    (below > 0 && n->sysctl_func == NULL))
		error = ENOENT;
	else if (CTLTYPE(n->sysctl_flags) == CTLTYPE_NODE)
		error = EISDIR;
	else
		error = (n->sysctl_func != NULL ? n->sysctl_func :
		    sysctl_lookup)(mib + depth, below, oldp, oldlenp, newp,
		    newlen, mib, curlwp, n);
	sysctl_unlock();
	if (hk_self.nheld != 0)
		panic("sysctl returns with a lock held");
	hk_self.lwp = saved;
	return error;
}

void
hk_sysctl_init(void)
{
	const struct sysctlnode *n;

	rw_init(&tree_lock);
	tree_root.sysctl_flags = CTLTYPE_NODE;
	LIST_INIT(&tree_root.sysctl_children);
	if (sysctl_createv(NULL, 0, NULL, NULL, 0, CTLTYPE_NODE, "security",
	    NULL, NULL, 0, NULL, 0, CTL_SECURITY, CTL_EOL) != 0 ||
	    sysctl_createv(NULL, 0, NULL, &n, 0, CTLTYPE_NODE, "models",
	    NULL, NULL, 0, NULL, 0, CTL_SECURITY, CTL_CREATE, CTL_EOL) != 0)
		panic("no sysctl tree");
}
