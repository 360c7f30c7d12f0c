/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Limits with NetBSD's numbers; the daemon translates them for Linux. */
#ifndef _HOSTKERN_SYS_RESOURCE_H_
#define _HOSTKERN_SYS_RESOURCE_H_

#include <sys/types.h>

#define	RLIMIT_CPU	0
#define	RLIMIT_FSIZE	1
#define	RLIMIT_DATA	2
#define	RLIMIT_STACK	3
#define	RLIMIT_CORE	4
#define	RLIMIT_RSS	5
#define	RLIMIT_MEMLOCK	6
#define	RLIMIT_NPROC	7
#define	RLIMIT_NOFILE	8
#define	RLIMIT_SBSIZE	9
#define	RLIMIT_AS	10
#define	RLIMIT_VMEM	RLIMIT_AS
#define	RLIMIT_NTHR	11
#define	RLIM_NLIMITS	12

#define	RLIM_INFINITY	((rlim_t)0x7fffffffffffffffULL)

typedef uint64_t	rlim_t;
struct rlimit {
	rlim_t	rlim_cur;
	rlim_t	rlim_max;
};

#endif
