/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD's numbers of domains; the daemon translates Linux's. */
#ifndef _HOSTKERN_SYS_SOCKET_H_
#define _HOSTKERN_SYS_SOCKET_H_

#include <sys/types.h>

typedef uint8_t		sa_family_t;

#define	AF_UNSPEC	0
#define	AF_LOCAL	1
#define	AF_UNIX		AF_LOCAL
#define	AF_INET		2
#define	AF_APPLETALK	16
#define	AF_LINK		18
#define	AF_INET6	24
#define	AF_OROUTE	17
#define	AF_KEY		29
#define	pseudo_AF_KEY	29
#define	AF_BLUETOOTH	31
#define	AF_MPLS		33
#define	AF_ROUTE	34
#define	AF_CAN		35
#define	AF_ETHER	36
#define	AF_MAX		37
#define	PF_UNSPEC	AF_UNSPEC
#define	PF_LOCAL	AF_LOCAL
#define	PF_UNIX		AF_UNIX
#define	PF_INET		AF_INET
#define	PF_INET6	AF_INET6
#define	PF_OROUTE	AF_OROUTE
#define	PF_KEY		AF_KEY
#define	PF_BLUETOOTH	AF_BLUETOOTH
#define	PF_ROUTE	AF_ROUTE
#define	PF_CAN		AF_CAN
#define	PF_LINK		AF_LINK

#define	SOCK_STREAM	1
#define	SOCK_DGRAM	2
#define	SOCK_RAW	3
#define	SOCK_RDM	4
#define	SOCK_SEQPACKET	5

struct sockaddr {
	uint8_t		sa_len;
	sa_family_t	sa_family;
	char		sa_data[14];
};

struct sockaddr_storage {
	uint8_t		ss_len;
	sa_family_t	ss_family;
	char		ss_pad[126];
} __attribute__((__aligned__(8)));

#endif
