/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SIGINFO_H_
#define _HOSTKERN_SYS_SIGINFO_H_

#include <sys/types.h>
#include <string.h>

typedef struct ksiginfo {
	int	ksi_flags;
	int	ksi_signo;
	int	ksi_code;
	pid_t	ksi_pid;
	uid_t	ksi_uid;
} ksiginfo_t;

#define	KSI_INIT(k)	memset((k), 0, sizeof(*(k)))
#define	KSI_INIT_EMPTY(k) KSI_INIT(k)

#endif
