/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The C library's lists, and what it lacks of NetBSD's. */
#ifndef _HOSTKERN_SYS_QUEUE_H_
#define _HOSTKERN_SYS_QUEUE_H_

#include_next <sys/queue.h>

#ifndef LIST_FOREACH_SAFE
#define	LIST_FOREACH_SAFE(v, h, f, n)					\
	for ((v) = LIST_FIRST(h); (v) != NULL &&			\
	    ((n) = LIST_NEXT(v, f), 1); (v) = (n))
#endif
#ifndef TAILQ_FOREACH_SAFE
#define	TAILQ_FOREACH_SAFE(v, h, f, n)					\
	for ((v) = TAILQ_FIRST(h); (v) != NULL &&			\
	    ((n) = TAILQ_NEXT(v, f), 1); (v) = (n))
#endif
#ifndef SLIST_FOREACH_SAFE
#define	SLIST_FOREACH_SAFE(v, h, f, n)					\
	for ((v) = SLIST_FIRST(h); (v) != NULL &&			\
	    ((n) = SLIST_NEXT(v, f), 1); (v) = (n))
#endif
#ifndef SIMPLEQ_FOREACH_SAFE
#define	SIMPLEQ_FOREACH_SAFE(v, h, f, n)				\
	for ((v) = SIMPLEQ_FIRST(h); (v) != NULL &&			\
	    ((n) = SIMPLEQ_NEXT(v, f), 1); (v) = (n))
#endif

#endif
