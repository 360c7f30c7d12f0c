/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_VNODE_H_
#define _HOSTKERN_SYS_VNODE_H_

#include <sys/types.h>
#include <sys/mutex.h>
#include <sys/queue.h>

enum vtype { VNON, VREG, VDIR, VBLK, VCHR, VLNK, VSOCK, VFIFO, VBAD };

/*
 * A vnode is a Linux inode as one mount shows it, as NetBSD's null mounts have
 * vnodes of their own: the same device, number and mount, the same vnode.
 */
struct vnode {
	enum vtype	v_type;
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

#define	VV_ROOT		0x00000001
#define	LK_EXCLUSIVE	2
#define	LK_SHARED	1
#define	LK_RETRY	0x20000

extern struct vnode	*rootvnode;

void	vref(struct vnode *);
void	vrele(struct vnode *);
void	vput(struct vnode *);
#define	VOP_UNLOCK(vp)	hk_vunlock(vp)
void	hk_vunlock(struct vnode *);
bool	vn_isunder(struct vnode *, struct vnode *, struct lwp *);
int	vn_lock(struct vnode *, int);

#endif
