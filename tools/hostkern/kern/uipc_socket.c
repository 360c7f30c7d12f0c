/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Sockets, which questions are about, or which a process has open. */
#include <stdlib.h>

#include "hk.h"
#include "hostkern.h"

#include <sys/domain.h>
#include <sys/kauth.h>
#include <sys/protosw.h>
#include <sys/socketvar.h>

#include <secmodel/jail/jail_impl.h>

struct hk_socket {
	struct socket	so;
	struct protosw	proto;
	struct domain	domain;
	u_int		port;		/* as jail_pcb_port() says it */
};

kmutex_t *softnet_lock;

/*
 * NetBSD asks about a socket when it is made.  Here that was asked earlier, by
 * who knows what of the same process since; the thread does make one now.
 */
struct socket *
hk_socket_new(struct proc *p, int family, int type, int protocol)
{
	struct lwp *saved = hk_self.lwp;
	struct hk_socket *h;

	h = calloc(1, sizeof(*h));
	if (h == NULL)
		panic("no memory for a socket");
	h->domain.dom_family = family;
	h->proto.pr_domain = &h->domain;
	h->proto.pr_type = type;
	h->proto.pr_protocol = (short)protocol;
	h->so.so_proto = &h->proto;
	h->so.so_type = (short)type;
	h->so.so_lock = softnet_lock;
	h->so.so_cred = kauth_cred_hold(p->p_cred);
	h->so.so_cpid = p->p_pid;
	hk_self.lwp = LIST_FIRST(&p->p_lwps);
	jail_port_socket_opened();
	hk_self.lwp = saved;
	return &h->so;
}

void
hk_socket_free(struct socket *so)
{

	kauth_cred_free(so->so_cred);
	free((struct hk_socket *)so);
}

/* In place of jail_pcb.c. */
u_int
jail_pcb_port(struct socket *so)
{

	return ((struct hk_socket *)so)->port;
}

/* Linux lets nobody have one address of another's who has them all. */
bool
jail_pcb_alone(const struct socket *so, u_int port)
{

	return true;
}

bool
jail_pcb_steals(const struct jail *j, const struct socket *so,
    const void *address, u_int port, struct jail **holder)
{

	return false;
}

bool
jail_pcb_blind(const struct jail *j, const struct socket *so, u_int port,
    struct jail **holder)
{

	return false;
}

void
solock(struct socket *so)
{

	mutex_enter(so->so_lock);
}

void
sounlock(struct socket *so)
{

	mutex_exit(so->so_lock);
}

/* It is bound already, to a port as jail_pcb_port() says it. */
void
hk_socket_bound(struct socket *so, u_int port)
{

	((struct hk_socket *)so)->port = port;
}

void
hk_socket_init(void)
{

	softnet_lock = mutex_obj_alloc(MUTEX_DEFAULT, IPL_NONE);
}
