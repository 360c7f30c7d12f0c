/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_NETINET_IN_H_
#define _HOSTKERN_NETINET_IN_H_

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/endian.h>

typedef uint16_t	in_port_t;
typedef uint32_t	in_addr_t;

#define	IPPROTO_IP	0
#define	IPPROTO_TCP	6
#define	IPPROTO_UDP	17
#define	IPPROTO_IPV6	41
#define	IPPROTO_ICMPV6	58
#define	IPPROTO_SCTP	132
#define	IPPROTO_RAW	255
#define	IPPORT_RESERVED	1024

struct in_addr { in_addr_t s_addr; };
struct in6_addr { uint8_t s6_addr[16]; };

struct sockaddr_in {
	uint8_t		sin_len;
	sa_family_t	sin_family;
	in_port_t	sin_port;
	struct in_addr	sin_addr;
	uint8_t		sin_zero[8];
};

struct sockaddr_in6 {
	uint8_t		sin6_len;
	sa_family_t	sin6_family;
	in_port_t	sin6_port;
	uint32_t	sin6_flowinfo;
	struct in6_addr	sin6_addr;
	uint32_t	sin6_scope_id;
};

#endif
