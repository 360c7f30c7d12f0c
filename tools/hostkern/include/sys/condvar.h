/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD's <sys/condvar.h> as far as the jail model uses it. */
#ifndef _HOSTKERN_SYS_CONDVAR_H_
#define _HOSTKERN_SYS_CONDVAR_H_

#include <sys/mutex.h>

typedef struct kcondvar {
	struct hk_cv	*cv_host;	/* made by cv_init */
} kcondvar_t;

void	cv_init(kcondvar_t *, const char *);
void	cv_destroy(kcondvar_t *);
int	hk_cv_wait_sig(kcondvar_t *, kmutex_t *, const char *, int);
void	cv_broadcast(kcondvar_t *);

#define	cv_wait_sig(c, m)	hk_cv_wait_sig(c, m, __FILE__, __LINE__)

#endif
