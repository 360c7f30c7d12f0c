/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_MISCFS_SPECFS_SPECDEV_H_
#define _HOSTKERN_MISCFS_SPECFS_SPECDEV_H_
#include <sys/vnode.h>
#endif
