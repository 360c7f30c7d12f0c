/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_KMEM_H_
#define _HOSTKERN_SYS_KMEM_H_

#include <sys/types.h>

typedef unsigned int	km_flag_t;
#define	KM_SLEEP	0x00000001u
#define	KM_NOSLEEP	0x00000002u

void	*kmem_alloc(size_t, km_flag_t);
void	*kmem_zalloc(size_t, km_flag_t);
void	kmem_free(void *, size_t);
char	*kmem_asprintf(const char *, ...) __printflike(1, 2);
char	*kmem_strndup(const char *, size_t, km_flag_t);

#endif
