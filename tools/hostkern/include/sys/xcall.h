/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_XCALL_H_
#define _HOSTKERN_SYS_XCALL_H_

void	xc_barrier(unsigned int);

#endif
