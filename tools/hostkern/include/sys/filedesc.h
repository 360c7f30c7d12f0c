/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_FILEDESC_H_
#define _HOSTKERN_SYS_FILEDESC_H_

#include <sys/types.h>
#include <sys/file.h>
#include <sys/mutex.h>
#include <sys/rwlock.h>

/*
 * A process's table is read from /proc at the moment that it asks to enter
 * a jail, and freed after.
 */
#define	NDFILE		20
#define	NDFDFILE	6

typedef struct fdfile {
	bool		ff_exclose;
	bool		ff_allocated;
	u_int		ff_refcnt;
	struct file	*ff_file;
} fdfile_t;

typedef struct fdtab {
	u_int		dt_nfiles;
	struct fdtab	*dt_link;
	fdfile_t	*dt_ff[NDFILE];	/* as many as dt_nfiles */
} fdtab_t;

typedef struct filedesc {
	kmutex_t	fd_lock;
	fdtab_t * volatile fd_dt;
	int		fd_lastkqfile;
	int		fd_lastfile;
	int		fd_refcnt;
	void		*fd_knhash;
	u_long		fd_knhashmask;
	bool		fd_exclose;
} filedesc_t;

typedef struct cwdinfo {
	struct vnode	*cwdi_cdir;
	struct vnode	*cwdi_rdir;
	struct vnode	*cwdi_edir;
	u_int		cwdi_cmask;
	u_int		cwdi_refcnt;
	krwlock_t	cwdi_lock;
} cwdinfo_t;

extern struct cwdinfo cwdi0;

file_t	*fd_getfile(unsigned);
void	fd_putfile(unsigned);

#endif
