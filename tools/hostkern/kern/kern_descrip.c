/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Descriptors: a process's table of them, read from /proc for the moment of
 * entry.
 */
#include <errno.h>
#include <stdlib.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/kauth.h>
#include <sys/socketvar.h>
#include <sys/vnode.h>

const struct fileops vnops = { "vnode" }, socketops = { "socket" };

static void
file_free(struct file *fp)
{

	if (fp->f_type == DTYPE_VNODE)
		vrele(fp->f_vnode);
	else if (fp->f_type == DTYPE_SOCKET)
		hk_socket_free(fp->f_socket);
	mutex_destroy(&fp->f_lock);
	free(fp);
}

int
hk_proc_setfiles(struct proc *p, const struct hk_fd *fds, int n)
{
	static const u_int type[] = {
		[HK_FD_VNODE] = DTYPE_VNODE,
		[HK_FD_SOCKET] = DTYPE_SOCKET,
		[HK_FD_PIPE] = DTYPE_PIPE,
		[HK_FD_KQUEUE] = DTYPE_KQUEUE,
		[HK_FD_EVENT] = DTYPE_EVENTFD,
		[HK_FD_TIMER] = DTYPE_TIMERFD,
		[HK_FD_OTHER] = DTYPE_MISC,
	};
	struct filedesc *fd;
	struct fdfile *ff;
	struct file *fp;
	int i, last = -1;
	size_t slots;

	hk_proc_clearfiles(p);
	for (i = 0; i < n; i++)
		if (fds[i].fd > last)
			last = fds[i].fd;
	slots = (size_t)(last + 1) > NDFILE ? (size_t)(last + 1) : NDFILE;
	fd = calloc(1, sizeof(*fd));
	if (fd == NULL)
		return ENOMEM;
	mutex_init(&fd->fd_lock, MUTEX_DEFAULT, IPL_NONE);
	fd->fd_refcnt = 1;
	fd->fd_lastfile = last;
	fd->fd_lastkqfile = -1;
	fd->fd_dt = calloc(1, sizeof(fdtab_t) + slots * sizeof(fdfile_t *));
	if (fd->fd_dt == NULL)
		panic("no memory for descriptors");
	fd->fd_dt->dt_nfiles = (u_int)slots;
	for (i = 0; i < n; i++) {
		ff = calloc(1, sizeof(*ff));
		fp = calloc(1, sizeof(*fp));
		if (ff == NULL || fp == NULL)
			panic("no memory for descriptors");
		mutex_init(&fp->f_lock, MUTEX_DEFAULT, IPL_NONE);
		fp->f_type = type[fds[i].type];
		fp->f_count = 1;
		fp->f_cred = p->p_cred;
		if (fp->f_type == DTYPE_VNODE) {
			fp->f_ops = &vnops;
			fp->f_vnode = hk_vget(fds[i].dev, fds[i].ino,
			    fds[i].mode, fds[i].rdev, fds[i].dirfd);
		} else if (fp->f_type == DTYPE_SOCKET) {
			fp->f_ops = &socketops;
			fp->f_socket = hk_socket_new(p, fds[i].family,
			    fds[i].stype, fds[i].protocol);
			hk_socket_bound(fp->f_socket, fds[i].port);
		}
		ff->ff_exclose = fds[i].cloexec != 0;
		ff->ff_allocated = true;
		ff->ff_refcnt = 1;
		ff->ff_file = fp;
		fd->fd_dt->dt_ff[fds[i].fd] = ff;
	}
	p->p_fd = fd;
	LIST_FIRST(&p->p_lwps)->l_fd = fd;
	return 0;
}

void
hk_proc_clearfiles(struct proc *p)
{
	struct filedesc *fd = p->p_fd;
	u_int i;

	if (fd == NULL)
		return;
	p->p_fd = NULL;
	LIST_FIRST(&p->p_lwps)->l_fd = NULL;
	for (i = 0; i < fd->fd_dt->dt_nfiles; i++)
		if (fd->fd_dt->dt_ff[i] != NULL) {
			file_free(fd->fd_dt->dt_ff[i]->ff_file);
			free(fd->fd_dt->dt_ff[i]);
		}
	free(fd->fd_dt);
	mutex_destroy(&fd->fd_lock);
	free(fd);
}

file_t *
fd_getfile(unsigned int n)
{
	struct filedesc *fd = curproc->p_fd;
	fdfile_t *ff;

	if (fd == NULL || n >= fd->fd_dt->dt_nfiles ||
	    (ff = fd->fd_dt->dt_ff[n]) == NULL)
		return NULL;
	atomic_inc_uint(&ff->ff_refcnt);
	return ff->ff_file;
}

void
fd_putfile(unsigned int n)
{

	atomic_dec_uint(&curproc->p_fd->fd_dt->dt_ff[n]->ff_refcnt);
}
