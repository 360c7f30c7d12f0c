/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Mutexes that assert: owner, order, no adaptive one under a spin one.
 * A class is the place where a lock was made; the order in which locks of
 * two classes were first taken together is the order for good.
 */
#ifndef _HOSTKERN_SYS_MUTEX_H_
#define _HOSTKERN_SYS_MUTEX_H_

#include <sys/types.h>
#include <sys/intr.h>

typedef enum kmutex_type_t {
	MUTEX_SPIN = 0,
	MUTEX_ADAPTIVE = 1,
	MUTEX_DEFAULT = 2,
	MUTEX_DRIVER = 3,
	MUTEX_NODEBUG = 4
} kmutex_type_t;

typedef struct kmutex {
	struct hk_lock	*mtx_lock;	/* made by mutex_init */
} kmutex_t;

void	hk_mutex_init(kmutex_t *, kmutex_type_t, int, const char *, int);
kmutex_t *hk_mutex_obj_alloc(kmutex_type_t, int, const char *, int);
void	hk_mutex_enter(kmutex_t *, const char *, int);
void	hk_mutex_exit(kmutex_t *, const char *, int);

#define	mutex_init(m, t, i)	hk_mutex_init(m, t, i, __FILE__, __LINE__)
#define	mutex_obj_alloc(t, i)	hk_mutex_obj_alloc(t, i, __FILE__, __LINE__)
#define	mutex_enter(m)		hk_mutex_enter(m, __FILE__, __LINE__)
#define	mutex_spin_enter(m)	hk_mutex_enter(m, __FILE__, __LINE__)
#define	mutex_exit(m)		hk_mutex_exit(m, __FILE__, __LINE__)
#define	mutex_spin_exit(m)	hk_mutex_exit(m, __FILE__, __LINE__)
void	mutex_destroy(kmutex_t *);
int	mutex_owned(const kmutex_t *);
bool	mutex_obj_free(kmutex_t *);

#endif
