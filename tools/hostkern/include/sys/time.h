/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_TIME_H_
#define _HOSTKERN_SYS_TIME_H_

#include_next <sys/time.h>
#include <sys/types.h>
#include <time.h>

struct bintime {
	time_t		sec;
	uint64_t	frac;
};

void	nanotime(struct timespec *);
void	getnanotime(struct timespec *);
void	microtime(struct timeval *);
void	nanouptime(struct timespec *);
void	getnanouptime(struct timespec *);
time_t	getrealtime_sec(void);

#define	time_second	((time_t)getrealtime_sec())
#define	time_uptime	((time_t)hk_uptime_sec())
#define	time_uptime32	((uint32_t)hk_uptime_sec())
time_t	hk_uptime_sec(void);

#endif
