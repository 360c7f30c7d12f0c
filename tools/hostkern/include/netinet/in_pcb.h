/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_NETINET_IN_PCB_H_
#define _HOSTKERN_NETINET_IN_PCB_H_

#include <sys/queue.h>
#include <sys/socketvar.h>
#include <netinet/in.h>

/* Rebuilt from /proc/net before each question that looks at it. */
struct inpcb {
	TAILQ_ENTRY(inpcb) inp_queue;
	int		inp_af;
	in_port_t	inp_fport;
	in_port_t	inp_lport;	/* network order */
	struct socket	*inp_socket;
	int		inp_flags;
	struct inpcbtable *inp_table;
};

TAILQ_HEAD(inpcbqueue, inpcb);

struct inpcbtable {
	struct inpcbqueue inpt_queue;
};

#endif
