/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_ENDIAN_H_
#define _HOSTKERN_SYS_ENDIAN_H_

#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define	hk_swap16(x)	__builtin_bswap16(x)
#define	hk_swap32(x)	__builtin_bswap32(x)
#else
#define	hk_swap16(x)	(x)
#define	hk_swap32(x)	(x)
#endif
#undef	htons
#undef	ntohs
#undef	htonl
#undef	ntohl
#define	htons(x)	((uint16_t)hk_swap16((uint16_t)(x)))
#define	ntohs(x)	((uint16_t)hk_swap16((uint16_t)(x)))
#define	htonl(x)	((uint32_t)hk_swap32((uint32_t)(x)))
#define	ntohl(x)	((uint32_t)hk_swap32((uint32_t)(x)))
#ifndef bswap16
#define	bswap16(x)	__builtin_bswap16(x)
#define	bswap32(x)	__builtin_bswap32(x)
#endif

#endif
