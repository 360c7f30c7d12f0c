/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_PROTOSW_H_
#define _HOSTKERN_SYS_PROTOSW_H_

#include <sys/types.h>

struct protosw {
	int		pr_type;
	struct domain	*pr_domain;
	short		pr_protocol;
	short		pr_flags;
};

#endif
