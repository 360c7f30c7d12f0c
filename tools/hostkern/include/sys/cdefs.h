/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD's compiler macros, over the C library's. */
#ifndef _HOSTKERN_SYS_CDEFS_H_
#define _HOSTKERN_SYS_CDEFS_H_

#include_next <sys/cdefs.h>

#define	__RCSID(s)
#define	__KERNEL_RCSID(n, s)	struct hk_rcsid_ ## n
#define	__KERNEL_COPYRIGHT(n, s) struct hk_copyright_ ## n

#ifndef __unused
#define	__unused		__attribute__((__unused__))
#endif
#define	__used			__attribute__((__used__))
#define	__dead			__attribute__((__noreturn__))
#define	__packed		__attribute__((__packed__))
#define	__aligned(n)		__attribute__((__aligned__(n)))
#define	__diagused
#define	__debugused		__unused
#define	__printflike(f, a)	__attribute__((__format__(__printf__, f, a)))
#ifndef __noinline
#define	__noinline		__attribute__((__noinline__))
#endif
#ifndef __always_inline
#define	__always_inline		__attribute__((__always_inline__))
#endif
#define	__predict_true(e)	__builtin_expect((e) != 0, 1)
#define	__predict_false(e)	__builtin_expect((e) != 0, 0)
#define	__arraycount(a)		(sizeof(a) / sizeof((a)[0]))
#define	__read_mostly
#define	__cacheline_aligned	__attribute__((__aligned__(64)))
#define	__UNCONST(p)		((void *)(unsigned long)(const void *)(p))
#define	__UNVOLATILE(p)		((void *)(unsigned long)(volatile void *)(p))
#define	__BIT(n)		(1ULL << (n))
#define	__BITS(m, n)		((__BIT((m) + 1) - 1) ^ (__BIT(n) - 1))
#define	__SHIFTIN(v, m)		((v) * ((m) & -(m)))
#define	__SHIFTOUT(v, m)	(((v) & (m)) / ((m) & -(m)))
#define	__FPTRCAST(t, f)	((t)(void *)(f))
#ifndef __CTASSERT
#define	__CTASSERT(x)		_Static_assert(x, #x)
#endif
#define	CTASSERT(x)		_Static_assert(x, #x)

#endif
