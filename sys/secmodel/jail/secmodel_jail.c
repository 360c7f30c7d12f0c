/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * All rights reserved.
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions
 * are met:
 * 1. Redistributions of source code must retain the above copyright
 *    notice, this list of conditions and the following disclaimer.
 * 2. Redistributions in binary form must reproduce the above copyright
 *    notice, this list of conditions and the following disclaimer in the
 *    documentation and/or other materials provided with the distribution.
 *
 * THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
 * ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
 * IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
 * ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
 * FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
 * DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
 * OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
 * HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
 * LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
 * OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
 * SUCH DAMAGE.
 */


/*
 * secmodel_jail: jails, as a security model and a module.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/module.h>
#include <sys/mutex.h>

#include <secmodel/secmodel.h>

#include <secmodel/jail/jail_impl.h>

/* Not of class SECMODEL, whose modules start before there are processes. */
MODULE(MODULE_CLASS_MISC, secmodel_jail, NULL);

static secmodel_t jail_model;

/* Undo start(), once nothing listens.  No jail ever was. */
static void
stop(void)
{

	jail_event_fini();
	jail_proc_fini();
	jail_port_fini();
	jail_cred_fini();
	jail_object_fini();
	(void)secmodel_deregister(jail_model);
}

/* Load.  May sleep. */
static int
start(void)
{
	int error;

	error = secmodel_register(&jail_model, "org.netbsd.secmodel.jail",
	    "NetBSD Security Model: Jail", NULL, NULL, NULL);
	if (error != 0)
		return error;

	jail_object_init();
	jail_policy_init();
	jail_cred_init();
	jail_port_init();
	error = jail_event_init();
	if (error == 0)
		error = jail_proc_init();
	if (error == 0)
		error = jail_listener_start();
	if (error == 0)
		error = jail_sysctl_start();
	if (error != 0) {
		/* The module goes: there is no way but to wait. */
		while (jail_listener_stop() != 0)
			printf("secmodel_jail: waiting for other threads\n");
		stop();
	}
	return error;
}

/* Whether a jail ever was, or somebody waits for the events of one. */
static bool
used(void)
{
	bool was;

	mutex_enter(&jail_lock);
	was = jail_lastid != 0;
	mutex_exit(&jail_lock);
	return was || jail_event_waited();
}

/*
 * Unload, if no jail ever was: else what a jail's credential is would be
 * forgotten, and a listener may sleep.
 */
static int
unload(void)
{
	int error;

	if (used())
		return EBUSY;

	/* No command comes any more once the nodes are gone: ask again. */
	jail_sysctl_stop();
	error = used() ? EBUSY : jail_listener_stop();
	if (error != 0) {
		if (jail_sysctl_start() != 0)
			printf("secmodel_jail: no sysctl nodes any more\n");
		return error;
	}
	stop();
	return 0;
}

static int
secmodel_jail_modcmd(modcmd_t cmd, void *arg)
{

	switch (cmd) {
	case MODULE_CMD_INIT:
		return start();
	case MODULE_CMD_FINI:
		return unload();
	case MODULE_CMD_AUTOUNLOAD:
		return EPERM;
	default:
		return ENOTTY;
	}
}
