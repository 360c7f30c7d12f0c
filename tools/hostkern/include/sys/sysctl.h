/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SYSCTL_H_
#define _HOSTKERN_SYS_SYSCTL_H_

#include <sys/types.h>
#include <sys/lwp.h>
#include <sys/proc.h>

#define	CTL_MAXNAME	12
#define	SYSCTL_NAMELEN	32

#define	CTLTYPE_NODE	1
#define	CTLTYPE_INT	2
#define	CTLTYPE_STRING	3
#define	CTLTYPE_QUAD	4
#define	CTLTYPE_STRUCT	5
#define	CTLTYPE_BOOL	6
#define	CTLTYPE(x)	((x) & 0xf)

#define	CTLFLAG_READONLY	0x00000000
#define	CTLFLAG_READWRITE	0x00000070
#define	CTLFLAG_ANYWRITE	0x00000080
#define	CTLFLAG_PRIVATE		0x00000100
#define	CTLFLAG_PERMANENT	0x00000200
#define	CTLFLAG_OWNDATA		0x00000400
#define	CTLFLAG_IMMEDIATE	0x00000800
#define	CTLFLAG_HEX		0x00001000
#define	CTLFLAG_ROOT		0x00002000
#define	CTLFLAG_ANYNUMBER	0x00004000
#define	CTLFLAG_HIDDEN		0x00008000
#define	CTLFLAG_ALIAS		0x00010000
#define	CTLFLAG_MMAP		0x00020000
#define	CTLFLAG_OWNDESC		0x00040000
#define	CTLFLAG_UNSIGNED	0x00080000

#define	CTL_EOL		(-1)
#define	CTL_QUERY	(-2)
#define	CTL_CREATE	(-3)
#define	CTL_CREATESYM	(-4)
#define	CTL_DESTROY	(-5)
#define	CTL_DESCRIBE	(-7)

#define	CTL_KERN	1
#define	CTL_SECURITY	12

struct sysctlnode;
struct sysctllog;

#define	SYSCTLFN_PROTO	const int *, u_int, void *, size_t *, const void *, \
    size_t, const int *, struct lwp *, const struct sysctlnode *
#define	SYSCTLFN_ARGS	const int *name, u_int namelen, void *oldp,	\
    size_t *oldlenp, const void *newp, size_t newlen,			\
    const int *oname, struct lwp *l, const struct sysctlnode *rnode
#define	SYSCTLFN_CALL(n) name, namelen, oldp, oldlenp, newp, newlen,	\
    oname, l, n
#define	SYSCTLFN_RWPROTO const int *, u_int, void *, size_t *,	\
    const void *, size_t, const int *, struct lwp *, struct sysctlnode *
#define	SYSCTLFN_RWARGS	const int *name, u_int namelen, void *oldp,	\
    size_t *oldlenp, const void *newp, size_t newlen,			\
    const int *oname, struct lwp *l, struct sysctlnode *rnode

typedef int (*sysctlfn)(SYSCTLFN_PROTO);

struct sysctlnode {
	uint32_t	sysctl_flags;
	int32_t		sysctl_num;
	char		sysctl_name[SYSCTL_NAMELEN];
	size_t		sysctl_size;
	sysctlfn	sysctl_func;
	void		*sysctl_data;
	uint64_t	sysctl_qdata;
	struct sysctlnode *sysctl_parent;
	const char	*sysctl_desc;
	LIST_HEAD(, sysctlnode) sysctl_children;
	LIST_ENTRY(sysctlnode) sysctl_sibling;
};
#define	sysctl_idata	sysctl_qdata

#define	SYSCTL_DESCR(s)		s
#define	SYSCTL_SETUP(f, d)	void f(struct sysctllog **clog)
#define	SYSCTL_SETUP_PROTO(f)	void f(struct sysctllog **)

int	sysctl_createv(struct sysctllog **, int, const struct sysctlnode **,
    const struct sysctlnode **, int, int, const char *, const char *,
    sysctlfn, uint64_t, void *, size_t, ...);
void	sysctl_teardown(struct sysctllog **);
void	sysctl_lock(bool);
void	sysctl_unlock(void);
void	sysctl_relock(void);
int	sysctl_lookup(SYSCTLFN_PROTO);
int	sysctl_query(SYSCTLFN_PROTO);
int	sysctl_copyin(struct lwp *, const void *, void *, size_t);
int	sysctl_copyout(struct lwp *, const void *, void *, size_t);
int	sysctl_copyinstr(struct lwp *, const void *, void *, size_t, size_t *);

#endif
