/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_NETINET_udp_VAR_H_
#define _HOSTKERN_NETINET_udp_VAR_H_

#include <netinet/in_pcb.h>

extern struct inpcbtable udbtable;

#endif
