/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Memory, panics, clocks and strings. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/kmem.h>
#include <sys/kernel.h>
#include <sys/proc.h>

int hz = 100;
int stathz = 100;
int securelevel = 0;
int cold = 0;

/* The size before a block, so that kmem_free is checked against it. */
struct header {
	size_t	size;
	size_t	magic;
};
#define	MAGIC	0x6b6d656d5f686b21UL

static long blocks, bytes;
static long fault_at = -1, fault_calls;
static long sleep_at, sleep_calls;
static long tick;		/* microseconds that a test wants, or 0 */

void
panic(const char *fmt, ...)
{
	va_list ap;

	fputs("hostkern: panic: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	abort();
}

bool
hk_fault(void)
{
	long n;

	n = __atomic_add_fetch(&fault_calls, 1, __ATOMIC_RELAXED);
	return n == __atomic_load_n(&fault_at, __ATOMIC_RELAXED);
}

void
hk_fault_at(long n)
{

	__atomic_store_n(&fault_calls, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_at, n, __ATOMIC_RELAXED);
}

long
hk_fault_count(void)
{

	return __atomic_load_n(&fault_calls, __ATOMIC_RELAXED);
}

void
hk_sleep_at(long n)
{

	__atomic_store_n(&sleep_at, n, __ATOMIC_RELAXED);
}

void
hk_tick(long microseconds)
{

	__atomic_store_n(&tick, microseconds, __ATOMIC_RELAXED);
}

/* What may sleep does, now and then, if a test wants it. */
static void
may_sleep(void)
{
	const long n = __atomic_load_n(&sleep_at, __ATOMIC_RELAXED);

	ASSERT_SLEEPABLE();
	if (n > 0 && __atomic_add_fetch(&sleep_calls, 1, __ATOMIC_RELAXED) %
	    n == 0)
		usleep(100);
}

void
hk_kmem_stat(long *nblocks, long *nbytes)
{

	*nblocks = __atomic_load_n(&blocks, __ATOMIC_RELAXED);
	*nbytes = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
}

static void *
alloc(size_t size, km_flag_t flags, bool zero)
{
	struct header *h;

	if (size == 0)
		panic("kmem_alloc of nothing");
	if ((flags & KM_SLEEP) != 0)
		may_sleep();
	else {
		hk_assert_nospin(__FILE__, __LINE__);
		if (hk_fault())
			return NULL;
	}
	h = malloc(sizeof(*h) + size);
	if (h == NULL) {
		if ((flags & KM_SLEEP) != 0)
			panic("out of memory");
		return NULL;
	}
	h->size = size;
	h->magic = MAGIC;
	/* What is not asked to be zero is not. */
	memset(h + 1, zero ? 0 : 0xa5, size);
	(void)__atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
	(void)__atomic_add_fetch(&bytes, (long)size, __ATOMIC_RELAXED);
	hk_self.allocated++;
	return h + 1;
}

void *
kmem_alloc(size_t size, km_flag_t flags)
{

	return alloc(size, flags, false);
}

void *
kmem_zalloc(size_t size, km_flag_t flags)
{

	return alloc(size, flags, true);
}

void
kmem_free(void *p, size_t size)
{
	struct header *h;

	if (p == NULL)
		panic("kmem_free of NULL");
	hk_assert_nospin(__FILE__, __LINE__);
	h = (struct header *)p - 1;
	if (h->magic != MAGIC)
		panic("kmem_free of what was not allocated");
	if (h->size != size)
		panic("kmem_free: size %zu, allocated %zu", size, h->size);
	h->magic = 0;
	(void)__atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
	(void)__atomic_sub_fetch(&bytes, (long)size, __ATOMIC_RELAXED);
	free(h);
}

int
copyin(const void *from, void *to, size_t len)
{

	if (from == NULL && len > 0)
		return EFAULT;
	if (len > 0)
		memcpy(to, from, len);
	return 0;
}

int
copyout(const void *from, void *to, size_t len)
{

	if (to == NULL && len > 0)
		return EFAULT;
	if (len > 0)
		memcpy(to, from, len);
	return 0;
}

int
kpause(const char *what __unused, bool intr __unused, int ticks,
    kmutex_t *lock)
{
	long us;

	if (lock != NULL)
		mutex_exit(lock);
	ASSERT_SLEEPABLE();
	us = __atomic_load_n(&tick, __ATOMIC_RELAXED);
	usleep((useconds_t)ticks * (us != 0 ? (useconds_t)us :
	    1000000U / (u_int)hz));
	if (lock != NULL)
		mutex_enter(lock);
	return EWOULDBLOCK;
}

void
nanotime(struct timespec *ts)
{

	clock_gettime(CLOCK_REALTIME, ts);
}

void
getnanotime(struct timespec *ts)
{

	nanotime(ts);
}

void
microtime(struct timeval *tv)
{
	struct timespec ts;

	nanotime(&ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
}

void
nanouptime(struct timespec *ts)
{

	clock_gettime(CLOCK_BOOTTIME, ts);
}

void
getnanouptime(struct timespec *ts)
{

	nanouptime(ts);
}

time_t
getrealtime_sec(void)
{
	struct timespec ts;

	nanotime(&ts);
	return ts.tv_sec;
}

time_t
hk_uptime_sec(void)
{
	struct timespec ts;

	nanouptime(&ts);
	return ts.tv_sec;
}

#ifdef strlcpy
size_t
hk_strlcpy(char *to, const char *from, size_t size)
{
	size_t len, n;

	len = strlen(from);
	if (size > 0) {
		n = len < size ? len : size - 1;
		memcpy(to, from, n);
		to[n] = '\0';
	}
	return len;
}

#endif
