/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_NET_ROUTE_H_
#define _HOSTKERN_NET_ROUTE_H_

#include <sys/types.h>

#define	RTM_ADD		1
#define	RTM_GET		4

struct rt_msghdr {
	u_short	rtm_msglen;
	u_char	rtm_version;
	u_char	rtm_type;
};

#endif
