/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_ATOMIC_H_
#define _HOSTKERN_SYS_ATOMIC_H_

#include <sys/types.h>

#define	HK_ATOMIC(name, type)						\
static inline void							\
atomic_inc_##name(volatile type *p)					\
{									\
	(void)__atomic_add_fetch(p, 1, __ATOMIC_RELAXED);		\
}									\
static inline void							\
atomic_dec_##name(volatile type *p)					\
{									\
	(void)__atomic_sub_fetch(p, 1, __ATOMIC_RELAXED);		\
}									\
static inline type							\
atomic_inc_##name##_nv(volatile type *p)				\
{									\
	return __atomic_add_fetch(p, 1, __ATOMIC_RELAXED);		\
}									\
static inline type							\
atomic_dec_##name##_nv(volatile type *p)				\
{									\
	return __atomic_sub_fetch(p, 1, __ATOMIC_RELAXED);		\
}									\
static inline type							\
atomic_cas_##name(volatile type *p, type o, type n)			\
{									\
	(void)__atomic_compare_exchange_n(p, &o, n, false,		\
	    __ATOMIC_RELAXED, __ATOMIC_RELAXED);			\
	return o;							\
}									\
static inline type							\
atomic_swap_##name(volatile type *p, type n)				\
{									\
	return __atomic_exchange_n(p, n, __ATOMIC_RELAXED);		\
}									\
static inline void							\
atomic_or_##name(volatile type *p, type n)				\
{									\
	(void)__atomic_or_fetch(p, n, __ATOMIC_RELAXED);		\
}									\
static inline void							\
atomic_and_##name(volatile type *p, type n)				\
{									\
	(void)__atomic_and_fetch(p, n, __ATOMIC_RELAXED);		\
}

#define	HK_ATOMIC_ADD(name, type, delta)				\
static inline void							\
atomic_add_##name(volatile type *p, delta n)				\
{									\
	(void)__atomic_add_fetch(p, (type)n, __ATOMIC_RELAXED);		\
}									\
static inline type							\
atomic_add_##name##_nv(volatile type *p, delta n)			\
{									\
	return __atomic_add_fetch(p, (type)n, __ATOMIC_RELAXED);	\
}

HK_ATOMIC(uint, unsigned int)
HK_ATOMIC_ADD(int, unsigned int, int)
HK_ATOMIC(ulong, unsigned long)
HK_ATOMIC_ADD(long, unsigned long, long)
HK_ATOMIC(32, uint32_t)
HK_ATOMIC_ADD(32, uint32_t, int32_t)
HK_ATOMIC(64, uint64_t)
HK_ATOMIC_ADD(64, uint64_t, int64_t)

static inline void *
atomic_cas_ptr(volatile void *p, void *o, void *n)
{
	(void)__atomic_compare_exchange_n((void * volatile *)(volatile
	    uintptr_t)p, &o, n, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return o;
}

static inline void *
atomic_swap_ptr(volatile void *p, void *n)
{
	return __atomic_exchange_n((void * volatile *)(volatile uintptr_t)p,
	    n, __ATOMIC_RELAXED);
}

#define	atomic_load_relaxed(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define	atomic_load_consume(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	atomic_load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	atomic_store_relaxed(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define	atomic_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)


/*
 * The thread sanitizer knows no fences; what they order is atomic itself
 * here, so it need not see them.
 */
#ifdef __SANITIZE_THREAD__
#define	HK_FENCE(order)		hk_fence()
static inline void
hk_fence(void)
{

	__asm volatile("mfence" ::: "memory");
}
#else
#define	HK_FENCE(order)		__atomic_thread_fence(order)
#endif

#define	membar_acquire()	HK_FENCE(__ATOMIC_ACQUIRE)
#define	membar_release()	HK_FENCE(__ATOMIC_RELEASE)
#define	membar_producer()	HK_FENCE(__ATOMIC_RELEASE)
#define	membar_consumer()	HK_FENCE(__ATOMIC_ACQUIRE)
#define	membar_enter()		HK_FENCE(__ATOMIC_SEQ_CST)
#define	membar_exit()		HK_FENCE(__ATOMIC_SEQ_CST)
#define	membar_sync()		HK_FENCE(__ATOMIC_SEQ_CST)
#define	membar_datadep_consumer() HK_FENCE(__ATOMIC_ACQUIRE)

#endif
