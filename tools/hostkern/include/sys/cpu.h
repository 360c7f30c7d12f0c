/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A thread of the host is a processor. */
#ifndef _HOSTKERN_SYS_CPU_H_
#define _HOSTKERN_SYS_CPU_H_

struct cpu_info {
	int	ci_mtx_count;	/* of spin locks, negative */
};

struct cpu_info *curcpu(void);

#define	kpreempt_disable()	((void)0)
#define	kpreempt_enable()	((void)0)

#endif
