/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_VNODE_H_
#define _HOSTKERN_SYS_VNODE_H_

#include <sys/types.h>
#include <sys/mutex.h>
#include <sys/queue.h>

enum vtagtype { VT_NON, VT_PTYFS };
enum vtype { VNON, VREG, VDIR, VBLK, VCHR, VLNK, VSOCK, VFIFO, VBAD };

/*
 * A vnode is a Linux inode as one mount shows it, as NetBSD's null mounts have
 * vnodes of their own: the same device, number and mount, the same vnode.
 */
struct vnode {
	enum vtype	v_type;
	enum vtagtype	v_tag;
	u_int		v_usecount;
	u_int		v_vflag;
	dev_t		v_rdev;
	struct mount	*v_mount;
	LIST_ENTRY(vnode) v_hash;
	dev_t		v_hkdev;
	ino_t		v_hkino;
	uint64_t	v_hkmount;	/* its id; 0: not known, without v_hkfd */
	int		v_hkfd;		/* of O_PATH, or -1 */
};
typedef struct vnode	vnode_t;

extern struct vnode	*rootvnode;

void	vref(struct vnode *);
void	vrele(struct vnode *);
bool	vn_isunder(struct vnode *, struct vnode *, struct lwp *);

#endif
