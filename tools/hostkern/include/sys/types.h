/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD's basic types, over the C library's. */
#ifndef _HOSTKERN_SYS_TYPES_H_
#define _HOSTKERN_SYS_TYPES_H_

#include_next <sys/types.h>
#include <sys/cdefs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/sysmacros.h>

typedef int		pri_t;
typedef unsigned long	vaddr_t;
typedef unsigned long	vsize_t;
typedef unsigned long	paddr_t;
typedef int		accmode_t;
typedef int		devmajor_t;
typedef int		devminor_t;
typedef uint32_t	fixpt_t;

static inline devmajor_t
hk_major(dev_t d)
{

	return (devmajor_t)gnu_dev_major(d);
}

static inline devminor_t
hk_minor(dev_t d)
{

	return (devminor_t)gnu_dev_minor(d);
}
#undef	major
#undef	minor
#undef	makedev
#define	major(d)	hk_major(d)
#define	minor(d)	hk_minor(d)
#define	makedev(M, m)	((dev_t)gnu_dev_makedev((u_int)(M), (u_int)(m)))

#ifndef NODEV
#define	NODEV		((dev_t)-1)
#endif
#define	NODEVMAJOR	(-1)

struct proc;
struct lwp;
struct kauth_cred;
typedef struct proc	proc_t;
typedef struct lwp	lwp_t;
typedef struct kauth_cred *kauth_cred_t;


#endif
