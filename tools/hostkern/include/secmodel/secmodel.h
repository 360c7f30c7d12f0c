/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SECMODEL_SECMODEL_H_
#define _HOSTKERN_SECMODEL_SECMODEL_H_

#include <sys/types.h>
#include <stdarg.h>

typedef struct secmodel_descr *secmodel_t;
typedef int (*secmodel_eval_t)(const char *, void *, void *);
typedef int (*secmodel_setinfo_t)(void *);

/* NetBSD has a dictionary here, which nobody uses. */
int	secmodel_register(secmodel_t *, const char *, const char *, void *,
    secmodel_eval_t, secmodel_setinfo_t);
int	secmodel_deregister(secmodel_t);
int	secmodel_nsecmodels(void);

#endif
