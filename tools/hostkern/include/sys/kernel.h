/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_KERNEL_H_
#define _HOSTKERN_SYS_KERNEL_H_

#include <sys/systm.h>
#include <sys/time.h>

#endif
