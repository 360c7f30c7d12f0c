/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SYSLIMITS_H_
#define _HOSTKERN_SYS_SYSLIMITS_H_

#undef	PATH_MAX
#undef	NAME_MAX
#define	MAXPATHLEN	1024
#define	PATH_MAX	1024
#define	NAME_MAX	511
#define	NGROUPS		16
#define	MAXCOMLEN	16

#endif
