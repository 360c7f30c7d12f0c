/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SOCKETVAR_H_
#define _HOSTKERN_SYS_SOCKETVAR_H_

#include <sys/types.h>
#include <sys/mutex.h>
#include <sys/socket.h>

struct socket {
	kmutex_t	*so_lock;
	short		so_type;
	short		so_options;
	short		so_state;
	void		*so_pcb;
	const struct protosw *so_proto;
	uid_t		so_uidinfo;
	struct kauth_cred *so_cred;
	pid_t		so_cpid;
};

void	solock(struct socket *);
void	sounlock(struct socket *);
#define	sotoinpcb(so)	((struct inpcb *)(so)->so_pcb)

extern kmutex_t	*softnet_lock;

#endif
