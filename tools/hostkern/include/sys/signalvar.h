/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_SIGNALVAR_H_
#define _HOSTKERN_SYS_SIGNALVAR_H_

#include <sys/signal.h>
#include <sys/siginfo.h>
#include <sys/proc.h>

void	psignal(struct proc *, int);
void	kpsignal(struct proc *, struct ksiginfo *, void *);
void	kpsignal2(struct proc *, struct ksiginfo *);

#endif
