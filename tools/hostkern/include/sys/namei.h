/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_NAMEI_H_
#define _HOSTKERN_SYS_NAMEI_H_

#include <sys/vnode.h>
#include <sys/uio.h>

struct pathbuf;
struct pathbuf *pathbuf_create(const char *);
void	pathbuf_destroy(struct pathbuf *);

#define	LOOKUP		0
#define	FOLLOW		0x00000040
#define	NOFOLLOW	0
#define	LOCKLEAF	0x00000004
#define	TRYEMULROOT	0x00000010
#define	NSM_FOLLOW_NOEMULROOT	0x1
#define	NSM_FOLLOW_TRYEMULROOT	0x2
#define	NSM_NOFOLLOW_NOEMULROOT	0x3
#define	NSM_NOFOLLOW_TRYEMULROOT 0x4

struct nameidata {
	struct vnode	*ni_vp;
	struct vnode	*ni_dvp;
	struct pathbuf	*ni_pathbuf;
	int		ni_flags;
};

#define	NDINIT(n, op, flags, pb)	do {				\
	(n)->ni_vp = (n)->ni_dvp = NULL;				\
	(n)->ni_pathbuf = (pb);						\
	(n)->ni_flags = (flags);					\
} while (0)

int	namei(struct nameidata *);
int	namei_simple_kernel(const char *, unsigned, struct vnode **);

#endif
