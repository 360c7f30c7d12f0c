/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_BITOPS_H_
#define _HOSTKERN_SYS_BITOPS_H_

#include <sys/types.h>
#include <strings.h>

static inline int
ffs32(uint32_t n)
{

	return __builtin_ffs((int)n);
}

static inline int
ffs64(uint64_t n)
{

	return __builtin_ffsll((long long)n);
}

static inline int
fls32(uint32_t n)
{

	return n == 0 ? 0 : 32 - __builtin_clz(n);
}

static inline int
fls64(uint64_t n)
{

	return n == 0 ? 0 : 64 - __builtin_clzll(n);
}

#define	popcount32(n)	((unsigned int)__builtin_popcount(n))
#define	popcount64(n)	((unsigned int)__builtin_popcountll(n))

#endif
