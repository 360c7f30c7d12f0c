/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What the files of the stress share. */
#ifndef _STRESS_H_
#define _STRESS_H_

#include <pthread.h>
#include <stdlib.h>

#include "../../hk.h"
#include "../../hostkern.h"

#include <sys/jail.h>

#define	NSLOTS		6	/* processes of a thread */
#define	NWORKERS	16	/* at most */
#define	NREADERS	3	/* who wait for events */
#define	NNAMES		5	/* so there are no more jails */
#define	NLAST		256	/* records that a thread remembers */
#define	BUFFER		(512 * 1024)

enum kind { ENTER, FORK, BIND, ASK, CREATE, SET, KILL, DESTROY, WAIT,
    NKINDS };
static const char *const kinds[NKINDS] = { "enter", "fork", "bind", "ask",
    "create", "set", "kill", "destroy", "wait" };

struct slot {
	pthread_rwlock_t life;
	struct proc	*p;		/* NULL: empty */
};

/* What a thread has read of a jail. */
struct last {
	uint32_t	id;
	uint32_t	state;
	uint64_t	entries, forks, exits, lost;
	uint64_t	denials, observed;
};

struct worker {
	pthread_t	thread;
	uint64_t	random;
	struct proc	*root, *user;	/* on the host */
	struct slot	slots[NSLOTS];
	struct last	last[NLAST];
	uint64_t	generation;
	unsigned char	*buffer;
};

extern u_int nworkers;
extern u_int lastid;
extern bool ending;

u_int	dice(struct worker *, u_int);
uint32_t some_jail(struct worker *);
struct slot *own_slot(struct worker *, bool);
void	count(enum kind, int error);
void	do_read(struct worker *);
void	readers_begin(struct proc *);
void	readers_end(void);

#endif
