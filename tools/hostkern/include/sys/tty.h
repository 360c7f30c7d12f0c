/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_TTY_H_
#define _HOSTKERN_SYS_TTY_H_

#include <sys/mutex.h>

/* Of who takes the console: nobody, for Linux keeps its own. */
extern kmutex_t		constty_lock;

#endif
