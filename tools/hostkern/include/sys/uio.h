/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_UIO_H_
#define _HOSTKERN_SYS_UIO_H_
enum uio_seg { UIO_USERSPACE, UIO_SYSSPACE };
#endif
