/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_FILE_H_
#define _HOSTKERN_SYS_FILE_H_

#include <sys/types.h>
#include <sys/mutex.h>

#define	DTYPE_VNODE	1
#define	DTYPE_SOCKET	2
#define	DTYPE_PIPE	3
#define	DTYPE_KQUEUE	4
#define	DTYPE_MISC	5
#define	DTYPE_CRYPTO	6
#define	DTYPE_MQUEUE	7
#define	DTYPE_SEM	8
#define	DTYPE_EVENTFD	9
#define	DTYPE_TIMERFD	10
#define	DTYPE_MEMFD	11

struct fileops {
	const char	*fo_name;
};

typedef struct file {
	struct kauth_cred *f_cred;
	const struct fileops *f_ops;
	union {
		void		*fd_data;
		struct vnode	*fd_vp;
		struct socket	*fd_so;
	} f_undata;
	kmutex_t	f_lock;
	int		f_flag;
	u_int		f_type;
	u_int		f_count;
} file_t;

#define	f_vnode		f_undata.fd_vp
#define	f_socket	f_undata.fd_so
#define	f_data		f_undata.fd_data

extern const struct fileops vnops, socketops;

#endif
