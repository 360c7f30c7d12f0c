/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SYSLOG_H_
#define _HOSTKERN_SYS_SYSLOG_H_

#include <sys/cdefs.h>

#define	LOG_NOTICE	5

/* Not the compiler's own, the logarithm. */
#define	log	hk_log

void	log(int, const char *, ...) __printflike(2, 3);

#endif
