/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SYSTM_H_
#define _HOSTKERN_SYS_SYSTM_H_

#include <sys/types.h>
#include <sys/param.h>

/* The boot's checks are those of a DIAGNOSTIC kernel. */
#define	DIAGNOSTIC	1

void	panic(const char *, ...) __dead __printflike(1, 2);

#define	KASSERTMSG(e, msg, ...)	do {					\
	if (__predict_false(!(e)))					\
		panic("assertion \"%s\" failed, %s:%d: " msg, #e,	\
		    __FILE__, __LINE__, ## __VA_ARGS__);		\
} while (0)
#define	KASSERT(e)	do {						\
	if (__predict_false(!(e)))					\
		panic("assertion \"%s\" failed, %s:%d", #e,		\
		    __FILE__, __LINE__);				\
} while (0)
#define	KDASSERT(e)		KASSERT(e)
#define	KDASSERTMSG(e, ...)	KASSERTMSG(e, __VA_ARGS__)

void	hk_assert_sleepable(const char *, int);
#define	ASSERT_SLEEPABLE()	hk_assert_sleepable(__FILE__, __LINE__)

int	copyin(const void *, void *, size_t);
int	copyout(const void *, void *, size_t);
int	copyinstr(const void *, void *, size_t, size_t *);

extern int hz;
extern int stathz;
extern int securelevel;
extern int cold;

void	*exithook_establish(void (*)(struct proc *, void *), void *);
void	exithook_disestablish(void *);
void	*forkhook_establish(void (*)(struct proc *, struct proc *));
void	forkhook_disestablish(void *);
void	*exechook_establish(void (*)(struct proc *, void *), void *);
void	exechook_disestablish(void *);

#ifndef __GLIBC_PREREQ
#define	__GLIBC_PREREQ(a, b) 0
#endif
#if !__GLIBC_PREREQ(2, 38)
size_t	hk_strlcpy(char *, const char *, size_t);
#define	strlcpy		hk_strlcpy
#endif

uint32_t cprng_fast32(void);
uint32_t cprng_strong32(void);

#endif
