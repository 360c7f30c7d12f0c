/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_VFS_SYSCALLS_H_
#define _HOSTKERN_SYS_VFS_SYSCALLS_H_

#include <sys/types.h>
#include <sys/uio.h>

struct vnode;
void	change_root(struct vnode *);
int	chdir_lookup(const char *, int, struct vnode **, struct lwp *);
int	do_sys_chdir(struct lwp *, const char *, enum uio_seg, int *);

#endif
