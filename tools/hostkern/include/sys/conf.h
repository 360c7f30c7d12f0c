/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_CONF_H_
#define _HOSTKERN_SYS_CONF_H_

#include <sys/types.h>

/* Minors of the driver mem. */
#define	DEV_MEM		0
#define	DEV_KMEM	1
#define	DEV_NULL	2
#define	DEV_FULL	11
#define	DEV_ZERO	12

struct cdevsw { int d_flag; };
struct bdevsw { int d_flag; };
const struct cdevsw *cdevsw_lookup(dev_t);
const struct bdevsw *bdevsw_lookup(dev_t);
devmajor_t devsw_name2chr(const char *, char *, size_t);
devmajor_t cdevsw_lookup_major(const struct cdevsw *);

/* NetBSD's number of a Linux device. */
dev_t	hk_device(uint64_t, bool block);

#endif
