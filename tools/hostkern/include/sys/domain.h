/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_DOMAIN_H_
#define _HOSTKERN_SYS_DOMAIN_H_

struct domain {
	int		dom_family;
	const char	*dom_name;
};

#endif
