/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_UCRED_H_
#define _HOSTKERN_SYS_UCRED_H_
/* Nothing of it is used; the name is here because NetBSD's files ask. */
#endif
