/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_PARAM_H_
#define _HOSTKERN_SYS_PARAM_H_

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/syslimits.h>
#include <sys/uio.h>
#include <sys/resource.h>
#include <sys/ucred.h>

/* 10.99.12 */
#define	__NetBSD_Version__	1099001200
#define	__NetBSD_Prereq__(M, m, p)	\
    (((((M) * 100000000) + ((m) * 1000000)) + ((p) * 100)) <= \
    __NetBSD_Version__)

#define	MAXLOGNAME	16
#define	COHERENCY_UNIT	64
#define	CACHE_LINE_SIZE	64

#ifndef PAGE_SIZE
#define	PAGE_SIZE	4096
#define	PAGE_SHIFT	12
#endif
#define	ptoa(x)		((vaddr_t)(x) << PAGE_SHIFT)
#define	atop(x)		((vaddr_t)(x) >> PAGE_SHIFT)

#ifndef MIN
#define	MIN(a, b)	((a) < (b) ? (a) : (b))
#define	MAX(a, b)	((a) > (b) ? (a) : (b))
#endif
#ifndef roundup
#define	roundup(x, y)	((((x) + ((y) - 1)) / (y)) * (y))
#define	roundup2(x, m)	(((x) + ((m) - 1)) & ~((__typeof__(x))((m) - 1)))
#define	howmany(x, y)	(((x) + ((y) - 1)) / (y))
#define	powerof2(x)	((((x) - 1) & (x)) == 0)
#endif
#define	NBBY		8
#define	isset(a, i)	((((const uint8_t *)(a))[(i) / NBBY]) & \
    (1u << ((i) % NBBY)))
#define	setbit(a, i)	((((uint8_t *)(a))[(i) / NBBY]) |= \
    (uint8_t)(1u << ((i) % NBBY)))
#define	clrbit(a, i)	((((uint8_t *)(a))[(i) / NBBY]) &= \
    (uint8_t)~(1u << ((i) % NBBY)))
#define	isclr(a, i)	(isset(a, i) == 0)
#define	SET(t, f)	((t) |= (f))
#define	CLR(t, f)	((t) &= ~(f))
#define	ISSET(t, f)	((t) & (f))

static inline int imax(int a, int b) { return a > b ? a : b; }
static inline int imin(int a, int b) { return a < b ? a : b; }
static inline u_int uimax(u_int a, u_int b) { return a > b ? a : b; }
static inline u_int uimin(u_int a, u_int b) { return a < b ? a : b; }
static inline u_long ulmax(u_long a, u_long b) { return a > b ? a : b; }
static inline u_long ulmin(u_long a, u_long b) { return a < b ? a : b; }

#endif
