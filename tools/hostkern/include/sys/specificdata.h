/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SPECIFICDATA_H_
#define _HOSTKERN_SYS_SPECIFICDATA_H_

#include <sys/mutex.h>

#define	HK_NKEYS	8

typedef unsigned int	specificdata_key_t;
typedef void		(*specificdata_dtor_t)(void *);

/* Holds no container until the first set: setting then allocates. */
typedef struct {
	void		**specdataref_container;
	kmutex_t	specdataref_lock;
} specificdata_reference;

#endif
