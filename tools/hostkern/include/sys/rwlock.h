/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_RWLOCK_H_
#define _HOSTKERN_SYS_RWLOCK_H_

#include <sys/types.h>

typedef enum krw_t { RW_READER = 0, RW_WRITER = 1 } krw_t;

typedef struct krwlock {
	struct hk_lock	*rw_lock;	/* made by rw_init */
} krwlock_t;

void	hk_rw_init(krwlock_t *, const char *, int);
void	hk_rw_enter(krwlock_t *, krw_t, const char *, int);
int	hk_rw_tryenter(krwlock_t *, krw_t, const char *, int);
void	hk_rw_exit(krwlock_t *, const char *, int);

#define	rw_init(r)		hk_rw_init(r, __FILE__, __LINE__)
#define	rw_enter(r, o)		hk_rw_enter(r, o, __FILE__, __LINE__)
#define	rw_tryenter(r, o)	hk_rw_tryenter(r, o, __FILE__, __LINE__)
#define	rw_exit(r)		hk_rw_exit(r, __FILE__, __LINE__)
void	rw_destroy(krwlock_t *);

#endif
