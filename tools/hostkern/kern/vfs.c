/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Vnodes, which are Linux inodes, and directories of a process. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/conf.h>
#include <sys/filedesc.h>
#include <sys/kauth.h>
#include <sys/tty.h>
#include <sys/vfs_syscalls.h>
#include <sys/vnode.h>

struct vnode *rootvnode;
struct cwdinfo cwdi0;
kmutex_t constty_lock;

static kmutex_t vnode_lock;
static LIST_HEAD(, vnode) vnodes = LIST_HEAD_INITIALIZER(vnodes);

void
hk_vnode_stat(long *n, long *references)
{
	struct vnode *v;

	*n = *references = 0;
	mutex_enter(&vnode_lock);
	LIST_FOREACH(v, &vnodes, v_hash) {
		++*n;
		*references += v->v_usecount;
	}
	mutex_exit(&vnode_lock);
}

static enum vtype
vtype_of(unsigned int mode)
{

	switch (mode & S_IFMT) {
	case S_IFDIR:	return VDIR;
	case S_IFCHR:	return VCHR;
	case S_IFBLK:	return VBLK;
	case S_IFLNK:	return VLNK;
	case S_IFIFO:	return VFIFO;
	case S_IFSOCK:	return VSOCK;
	case S_IFREG:	return VREG;
	}
	return VNON;
}

/* The id of the mount that a descriptor is of; it holds the mount. */
static uint64_t
mount_of(int fd)
{
	struct statx st;

	if (fd == -1 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == -1 ||
	    (st.stx_mask & STATX_MNT_ID) == 0)
		return 0;
	return st.stx_mnt_id;
}

/* The vnode of an inode, referenced; it keeps fd, which may be -1. */
struct vnode *
hk_vget(uint64_t dev, uint64_t ino, unsigned int mode, uint64_t rdev, int fd)
{
	struct vnode *v;
	const uint64_t mount = mount_of(fd);

	mutex_enter(&vnode_lock);
	LIST_FOREACH(v, &vnodes, v_hash)
		if (v->v_hkdev == dev && v->v_hkino == ino &&
		    v->v_hkmount == mount)
			break;
	if (v == NULL) {
		v = calloc(1, sizeof(*v));
		if (v == NULL)
			panic("no memory for a vnode");
		v->v_type = vtype_of(mode);
		v->v_rdev = v->v_type == VCHR || v->v_type == VBLK ?
		    hk_device(rdev, v->v_type == VBLK) : NODEV;
		v->v_hkdev = dev;
		v->v_hkino = ino;
		v->v_hkmount = mount;
		v->v_hkfd = -1;
		LIST_INSERT_HEAD(&vnodes, v, v_hash);
	}
	v->v_usecount++;
	if (fd != -1 && v->v_hkfd == -1) {
		v->v_hkfd = fd;
		fd = -1;
	}
	mutex_exit(&vnode_lock);
	if (fd != -1)
		close(fd);
	return v;
}

static int
vget_fd(int fd, struct vnode **vpp)
{
	struct stat st;
	int error;

	if (fstat(fd, &st) == -1) {
		error = errno;
		close(fd);
		return error;
	}
	*vpp = hk_vget(st.st_dev, st.st_ino, st.st_mode, st.st_rdev, fd);
	return 0;
}

void
vref(struct vnode *v)
{

	mutex_enter(&vnode_lock);
	KASSERT(v->v_usecount > 0);
	v->v_usecount++;
	mutex_exit(&vnode_lock);
}

void
vrele(struct vnode *v)
{

	mutex_enter(&vnode_lock);
	KASSERT(v->v_usecount > 0);
	if (--v->v_usecount > 0) {
		mutex_exit(&vnode_lock);
		return;
	}
	LIST_REMOVE(v, v_hash);
	mutex_exit(&vnode_lock);
	if (v->v_hkfd != -1)
		close(v->v_hkfd);
	free(v);
}

/* Whether a directory is below another, or is it; looks from dir upwards. */
bool
vn_isunder(struct vnode *dir, struct vnode *top, struct lwp *l __unused)
{
	struct stat st, up;
	int fd, next;
	bool found = false;

	ASSERT_SLEEPABLE();
	if (dir == top)
		return true;
	fd = dir->v_hkfd == -1 ? -1 : fcntl(dir->v_hkfd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1 || fstat(fd, &st) == -1)
		goto out;
	for (;;) {
		if (st.st_dev == top->v_hkdev && st.st_ino == top->v_hkino &&
		    mount_of(fd) == top->v_hkmount) {
			found = true;
			break;
		}
		next = openat(fd, "..", O_PATH | O_CLOEXEC | O_DIRECTORY);
		if (next == -1)
			break;
		close(fd);
		fd = next;
		if (fstat(fd, &up) == -1 ||
		    (up.st_dev == st.st_dev && up.st_ino == st.st_ino))
			break;
		st = up;
	}
out:
	if (fd != -1)
		close(fd);
	return found;
}

/* ---- Devices: Linux's numbers in terms of NetBSD's drivers. */

static const struct {
	const char	*name;
	devmajor_t	major;		/* NetBSD's, of amd64 */
	int		lmajor;		/* Linux's; -1: none */
	int		lminor;		/* -1: all, as they are */
	int		minor;
} devices[] = {
	{ "mem", 2, 1, 1, DEV_MEM },
	{ "mem", 2, 1, 2, DEV_KMEM },
	{ "mem", 2, 1, 3, DEV_NULL },
	{ "mem", 2, 1, 5, DEV_ZERO },
	{ "mem", 2, 1, 7, DEV_FULL },
	{ "rnd", 46, 1, 8, 0 },
	{ "rnd", 46, 1, 9, 1 },
	{ "cons", 0, 5, 1, 0 },
	{ "ctty", 1, 5, 0, 0 },
	{ "ptm", 165, 5, 2, 0 },
	{ "pts", 5, 136, -1, 0 },
	{ "ptc", 6, -1, -1, 0 },
	{ "filedesc", 22, -1, -1, 0 },
	{ "bpf", 23, -1, -1, 0 },
};

dev_t
hk_device(uint64_t rdev, bool block)
{
	const int M = (int)gnu_dev_major(rdev), m = (int)gnu_dev_minor(rdev);
	u_int i;

	for (i = 0; i < __arraycount(devices) && !block; i++)
		if (devices[i].lmajor == M &&
		    (devices[i].lminor == m || devices[i].lminor == -1))
			return makedev(devices[i].major,
			    devices[i].lminor == -1 ? m : devices[i].minor);
	/* One that NetBSD does not have. */
	return makedev(2048 + M, m);
}

devmajor_t
devsw_name2chr(const char *name, char *buf __unused, size_t len __unused)
{
	u_int i;

	for (i = 0; i < __arraycount(devices); i++)
		if (strcmp(devices[i].name, name) == 0)
			return devices[i].major;
	return NODEVMAJOR;
}

/* ---- Names. */

static int
lookup(const char *path, bool follow, struct vnode **vpp)
{
	int fd;

	ASSERT_SLEEPABLE();
	fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd == -1)
		return errno;
	return vget_fd(fd, vpp);
}

int
chdir_lookup(const char *path, int where __unused, struct vnode **vpp,
    struct lwp *l __unused)
{
	int error;

	if (hk_fault())
		return EIO;
	error = lookup(path, true, vpp);
	if (error == 0 && (*vpp)->v_type != VDIR) {
		vrele(*vpp);
		*vpp = NULL;
		error = ENOTDIR;
	}
	return error;
}

/* Takes over the caller's reference, as NetBSD's does. */
void
change_root(struct vnode *v)
{
	struct proc *p = curproc;
	struct cwdinfo *cwdi = p->p_cwdi;
	struct vnode *ordir, *ocdir;
	kauth_cred_t n;

	n = kauth_cred_alloc();
	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	ordir = cwdi->cwdi_rdir;
	ocdir = cwdi->cwdi_cdir;
	cwdi->cwdi_rdir = v;
	vref(v);
	cwdi->cwdi_cdir = v;
	rw_exit(&cwdi->cwdi_lock);
	if (ordir != NULL)
		vrele(ordir);
	if (ocdir != NULL)
		vrele(ocdir);

	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, n);
	kauth_proc_chroot(n, cwdi);
	proc_crmod_leave(n, p->p_cred, true);
}

int
hk_proc_setdirs(struct proc *p, int cwdfd, int rootfd, int chrooted)
{
	struct vnode *cdir = NULL, *rdir = NULL;
	struct cwdinfo *cwdi = p->p_cwdi;
	int error;

	error = vget_fd(cwdfd, &cdir);
	if (error != 0) {
		close(rootfd);
		return error;
	}
	if (!chrooted)
		close(rootfd);
	else if ((error = vget_fd(rootfd, &rdir)) != 0) {
		vrele(cdir);
		return error;
	}
	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	if (cwdi->cwdi_cdir != NULL)
		vrele(cwdi->cwdi_cdir);
	if (cwdi->cwdi_rdir != NULL)
		vrele(cwdi->cwdi_rdir);
	cwdi->cwdi_cdir = cdir;
	cwdi->cwdi_rdir = rdir;
	rw_exit(&cwdi->cwdi_lock);
	return 0;
}

int
hk_proc_rootfd(struct proc *p)
{
	struct cwdinfo *cwdi = p->p_cwdi;
	int fd = -1;

	rw_enter(&cwdi->cwdi_lock, RW_READER);
	if (cwdi->cwdi_rdir != NULL && cwdi->cwdi_rdir->v_hkfd != -1)
		fd = fcntl(cwdi->cwdi_rdir->v_hkfd, F_DUPFD_CLOEXEC, 0);
	rw_exit(&cwdi->cwdi_lock);
	return fd;
}

void
hk_vfs_init(void)
{

	mutex_init(&vnode_lock, MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&constty_lock, MUTEX_DEFAULT, IPL_NONE);
	if (lookup("/", true, &rootvnode) != 0)
		panic("no root directory");
}
