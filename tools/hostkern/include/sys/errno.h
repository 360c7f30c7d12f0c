/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The names are NetBSD's, the numbers Linux's: what the model answers goes
 * to Linux processes as it is.
 */
#ifndef _HOSTKERN_SYS_ERRNO_H_
#define _HOSTKERN_SYS_ERRNO_H_

#include_next <sys/errno.h>

#ifndef EFTYPE
#define	EFTYPE		EINVAL
#endif
#define	EPASSTHROUGH	(-4)
#ifndef ERESTART
#define	ERESTART	(-3)
#endif

#endif
