/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_INTR_H_
#define _HOSTKERN_SYS_INTR_H_

#define	IPL_NONE	0
#define	IPL_SOFTCLOCK	1
#define	IPL_SOFTBIO	2
#define	IPL_SOFTNET	3
#define	IPL_SOFTSERIAL	4
#define	IPL_VM		5
#define	IPL_SCHED	6
#define	IPL_HIGH	7

#define	SOFTINT_CLOCK	0x0000
#define	SOFTINT_MPSAFE	0x0100

void	*softint_establish(unsigned int, void (*)(void *), void *);
void	softint_disestablish(void *);
void	softint_schedule(void *);

#endif
