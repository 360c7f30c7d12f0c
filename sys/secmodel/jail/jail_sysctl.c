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
 * The nodes below security.models.jail.  sysctl(9) checks nothing for nodes
 * with a function, so each checks its caller itself.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/sysctl.h>

#include <secmodel/jail/jail_impl.h>

/* Bytes that a list may grow by between two calls. */
#define	SLACK		4096

typedef int (*snapshot_t)(struct lwp *, void **, size_t *, size_t *);

static struct sysctllog *jail_log;

/* Whether n bytes are all zero. */
static bool
zeros(const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	while (n > 0 && b[n - 1] == 0)
		n--;
	return n == 0;
}

/* A field of the request that has to be zero if what does not hold. */
#define	UNUSED(what, field) do {					\
	if (!(what) && !zeros(&jq->field, sizeof(jq->field)))		\
		return jail_refuse(reply, JAIL_REASON_FIELD,		\
		    offsetof(struct jail_request, field), EINVAL);	\
} while (/* CONSTCOND */ 0)

/* A field that has to be right. */
#define	NEEDED(what, field) do {					\
	if (!(what))							\
		return jail_refuse(reply, JAIL_REASON_FIELD,		\
		    offsetof(struct jail_request, field), EINVAL);	\
} while (/* CONSTCOND */ 0)

/*
 * Whether the fields of a request are those that its command has.  What
 * they say is checked by the command.  nports is how many ports follow.
 */
static int
request_check(const struct jail_request *jq, size_t nports,
    struct jail_reply *reply)
{
	const uint32_t known = JAIL_SET_LEVEL | JAIL_SET_ALLOW |
	    JAIL_SET_DENY | JAIL_SET_STRICT | JAIL_SET_PROCESSES |
	    JAIL_SET_LIMITS | JAIL_SET_PORTS | JAIL_SET_OBSERVE;
	const bool create = jq->jq_command == JAIL_COMMAND_CREATE;
	const bool set = jq->jq_command == JAIL_COMMAND_SET;
	const uint32_t mask = create ? known : set ? jq->jq_mask : 0;
	uint32_t flags = 0;

	NEEDED(jq->jq_abi == JAIL_ABI_VERSION, jq_abi);
	NEEDED(jq->jq_command >= JAIL_COMMAND_CREATE &&
	    jq->jq_command <= JAIL_COMMAND_DESTROY, jq_command);
	UNUSED(false, jq_reserved);
	NEEDED(jq->jq_nports == nports, jq_nports);
	if (jq->jq_command == JAIL_COMMAND_ENTER)
		NEEDED((jq->jq_flags & ~(JAIL_ENTER_INIT | JAIL_ENTER_EXEC)) ==
		    0, jq_flags);
	else
		UNUSED(false, jq_flags);
	NEEDED((jq->jq_id == 0) == create, jq_id);
	UNUSED(set, jq_mask);
	NEEDED(!set || (jq->jq_mask != 0 && (jq->jq_mask & ~known) == 0),
	    jq_mask);
	UNUSED(jq->jq_command == JAIL_COMMAND_KILL, jq_signal);
	UNUSED((mask & JAIL_SET_PORTS) != 0, jq_nports);
	UNUSED((mask & JAIL_SET_LEVEL) != 0, jq_config.jc_level);
	UNUSED((mask & JAIL_SET_ALLOW) != 0, jq_config.jc_allow);
	UNUSED((mask & JAIL_SET_DENY) != 0, jq_config.jc_deny);
	if ((mask & JAIL_SET_STRICT) != 0)
		flags |= JAIL_STRICT;
	if ((mask & JAIL_SET_OBSERVE) != 0)
		flags |= JAIL_OBSERVE;
	NEEDED((jq->jq_config.jc_flags & ~flags) == 0, jq_config.jc_flags);
	UNUSED((mask & JAIL_SET_PROCESSES) != 0, jq_config.jc_processes);
	UNUSED((mask & JAIL_SET_LIMITS) != 0, jq_config.jc_limits);
	UNUSED((mask & JAIL_SET_LIMITS) != 0, jq_config.jc_soft);
	UNUSED((mask & JAIL_SET_LIMITS) != 0, jq_config.jc_hard);
	UNUSED(create, jq_name);
	UNUSED(create, jq_root);
	return 0;
}

/* Carry out a command.  Takes jail_lock.  May sleep. */
static int
command(struct lwp *l, const struct jail_request *jq,
    const struct jail_port *ports, size_t nports, struct jail_reply *reply)
{
	int error;

	/* Another thread may have entered a jail during this call. */
	if (jail_of(l->l_cred) != NULL || jail_of_proc(l->l_proc) != NULL)
		return jail_refuse(reply, JAIL_REASON_NOT_HOST, 0, EPERM);
	if (kauth_cred_geteuid(l->l_cred) != 0)
		return jail_refuse(reply, JAIL_REASON_NOT_ROOT, 0, EPERM);
	error = request_check(jq, nports, reply);
	if (error != 0)
		return error;

	mutex_enter(&jail_lock);
	jail_reap();
	switch (jq->jq_command) {
	case JAIL_COMMAND_CREATE:
		error = jail_create(l, jq, ports, reply);
		break;
	case JAIL_COMMAND_SET:
		error = jail_set(jq, ports, reply);
		break;
	case JAIL_COMMAND_ENTER:
		error = jail_enter(l, jq, reply);
		break;
	case JAIL_COMMAND_KILL:
		error = jail_kill(jq, reply);
		break;
	case JAIL_COMMAND_DESTROY:
		error = jail_destroy(jq, reply);
		break;
	}
	mutex_exit(&jail_lock);
	return error;
}

/*
 * security.models.jail.command: a struct jail_request, and ports, are new; a
 * struct jail_reply is old, error or not.  For the host's root.
 */
static int
sysctl_command(SYSCTLFN_ARGS)
{
	struct jail_request *jq;
	struct jail_reply reply;
	size_t nports;
	int error, copyerror;

	if (namelen == 1 && name[0] == CTL_QUERY)
		return sysctl_query(SYSCTLFN_CALL(rnode));
	if (namelen != 0)
		return EINVAL;
	if (newp == NULL || oldp == NULL || *oldlenp < sizeof(reply))
		return EINVAL;
	if (newlen < sizeof(*jq) ||
	    (newlen - sizeof(*jq)) % sizeof(struct jail_port) != 0)
		return EINVAL;
	nports = (newlen - sizeof(*jq)) / sizeof(struct jail_port);
	if (nports > JAIL_MAXPORTS)
		return E2BIG;

	jq = kmem_alloc(newlen, KM_SLEEP);
	error = sysctl_copyin(l, newp, jq, newlen);
	memset(&reply, 0, sizeof(reply));
	reply.jy_abi = JAIL_ABI_VERSION;
	/* Nothing is done whose outcome could not be told. */
	if (error == 0)
		error = sysctl_copyout(l, &reply, oldp, sizeof(reply));
	if (error == 0) {
		reply.jy_id = jq->jq_id;
		error = command(l, jq, (const struct jail_port *)(jq + 1),
		    nports, &reply);
		copyerror = sysctl_copyout(l, &reply, oldp, sizeof(reply));
		if (error == 0)
			error = copyerror;
		*oldlenp = sizeof(reply);
	}
	kmem_free(jq, newlen);
	return error;
}

/* Copy a list out, and free it. */
static int
list_copyout(struct lwp *l, void *buffer, size_t allocated, size_t length,
    void *oldp, size_t *oldlenp)
{
	int error = 0;

	if (oldp == NULL)
		*oldlenp = length + SLACK;
	else if (*oldlenp < length) {
		*oldlenp = length + SLACK;
		error = ENOMEM;
	} else {
		error = sysctl_copyout(l, buffer, oldp, length);
		*oldlenp = length;
	}
	kmem_free(buffer, allocated);
	return error;
}

/*
 * security.models.jail.events and seen: below them the reader may name a
 * jail's id, where the events are to begin, and whether to wait for one.
 */
static int
sysctl_events(SYSCTLFN_ARGS)
{
	const bool seen = *(const bool *)rnode->sysctl_data;
	size_t allocated, length;
	bool wait = false;
	uint64_t since = 0;
	uint32_t id = 0;
	void *buffer;
	int error;

	if (namelen == 1 && name[0] == CTL_QUERY)
		return sysctl_query(SYSCTLFN_CALL(rnode));
	if (namelen > 4 || namelen == 2 || (namelen > 1 && seen))
		return EINVAL;
	if (newp != NULL)
		return EPERM;
	if (namelen > 0)
		id = (uint32_t)name[0];
	if (namelen >= 3)
		since = (uint64_t)(uint32_t)name[1] << 32 | (uint32_t)name[2];
	if (namelen == 4) {
		if (name[3] != 0 && name[3] != 1)
			return EINVAL;
		wait = name[3] == 1;
	}

	/* While it waits the module stays, and our node need not. */
	if (wait)
		jail_event_waiter(true);
	error = jail_snapshot_events(l, id, since, seen, wait, &buffer,
	    &allocated, &length);
	if (wait)
		jail_event_waiter(false);
	if (error != 0)
		return error;
	return list_copyout(l, buffer, allocated, length, oldp, oldlenp);
}

/*
 * All other lists: the node's data is the function that makes it, and it
 * shows its reader what he may see.
 */
static int
sysctl_list(SYSCTLFN_ARGS)
{
	const snapshot_t *make = rnode->sysctl_data;
	size_t allocated, length;
	void *buffer;
	int error;

	if (namelen == 1 && name[0] == CTL_QUERY)
		return sysctl_query(SYSCTLFN_CALL(rnode));
	if (namelen != 0)
		return EINVAL;
	if (newp != NULL)
		return EPERM;

	error = (**make)(l, &buffer, &allocated, &length);
	if (error != 0)
		return error;
	return list_copyout(l, buffer, allocated, length, oldp, oldlenp);
}

static snapshot_t snapshot_jails = jail_snapshot_jails;
static snapshot_t snapshot_processes = jail_snapshot_processes;
static snapshot_t snapshot_ports = jail_snapshot_ports;
static snapshot_t snapshot_policy = jail_snapshot_policy;
static snapshot_t snapshot_words = jail_snapshot_words;
static bool events_only = false;
static bool events_seen = true;

/* Make a node of a list. */
static int
list_createv(const struct sysctlnode **parent, const char *name,
    const char *what, snapshot_t *make)
{

	return sysctl_createv(&jail_log, 0, parent, NULL, CTLFLAG_PERMANENT,
	    CTLTYPE_STRUCT, name, what, sysctl_list, 0, make, sizeof(*make),
	    CTL_CREATE, CTL_EOL);
}

/* Make a node of events. */
static int
events_createv(const struct sysctlnode **parent, const char *name,
    const char *what, bool *seen)
{

	return sysctl_createv(&jail_log, 0, parent, NULL, CTLFLAG_PERMANENT,
	    CTLTYPE_STRUCT, name, what, sysctl_events, 0, seen,
	    sizeof(*seen), CTL_CREATE, CTL_EOL);
}

/* Called at load, last.  May sleep. */
int
jail_sysctl_start(void)
{
	const struct sysctlnode *rnode;
	int error;

	error = sysctl_createv(&jail_log, 0, NULL, &rnode, CTLFLAG_PERMANENT,
	    CTLTYPE_NODE, "models", NULL, NULL, 0, NULL, 0,
	    CTL_SECURITY, CTL_CREATE, CTL_EOL);
	if (error == 0)
		error = sysctl_createv(&jail_log, 0, &rnode, &rnode, 0,
		    CTLTYPE_NODE, "jail",
		    SYSCTL_DESCR("Jail security model"), NULL, 0, NULL, 0,
		    CTL_CREATE, CTL_EOL);
	if (error == 0)
		error = sysctl_createv(&jail_log, 0, &rnode, NULL, 0,
		    CTLTYPE_STRING, "name", SYSCTL_DESCR("Name of the model"),
		    NULL, 0, __UNCONST("Jails"), 0, CTL_CREATE, CTL_EOL);
	if (error == 0)
		error = sysctl_createv(&jail_log, 0, &rnode, NULL,
		    CTLFLAG_IMMEDIATE, CTLTYPE_INT, "version",
		    SYSCTL_DESCR("Version of the interface, sys/jail.h"),
		    NULL, JAIL_ABI_VERSION, NULL, 0, CTL_CREATE, CTL_EOL);
	if (error == 0)
		error = sysctl_createv(&jail_log, 0, &rnode, NULL,
		    CTLFLAG_READWRITE, CTLTYPE_STRUCT, "command",
		    SYSCTL_DESCR("Create, change, enter, kill, destroy jails"),
		    sysctl_command, 0, NULL, 0, CTL_CREATE, CTL_EOL);
	if (error == 0)
		error = list_createv(&rnode, "jails",
		    SYSCTL_DESCR("Jails"), &snapshot_jails);
	if (error == 0)
		error = list_createv(&rnode, "processes",
		    SYSCTL_DESCR("Processes in jails"), &snapshot_processes);
	if (error == 0)
		error = list_createv(&rnode, "ports",
		    SYSCTL_DESCR("Reserved ports"), &snapshot_ports);
	if (error == 0)
		error = list_createv(&rnode, "policy",
		    SYSCTL_DESCR("Policy table"), &snapshot_policy);
	if (error == 0)
		error = list_createv(&rnode, "words",
		    SYSCTL_DESCR("Words to allow and deny"), &snapshot_words);
	if (error == 0)
		error = events_createv(&rnode, "events",
		    SYSCTL_DESCR("What was denied, or would have been"),
		    &events_only);
	if (error == 0)
		error = events_createv(&rnode, "seen",
		    SYSCTL_DESCR("What rules above the floor denied"),
		    &events_seen);
	if (error == 0)
		error = sysctl_createv(&jail_log, 0, &rnode, NULL,
		    CTLFLAG_READWRITE, CTLTYPE_INT, "log",
		    SYSCTL_DESCR("Seconds between two lines of a jail and "
		    "scope in the kernel's log; 0 for none"),
		    NULL, 0, &jail_log_interval, 0, CTL_CREATE, CTL_EOL);
	if (error != 0)
		jail_sysctl_stop();
	return error;
}

/* Called at unload, first.  Waits for those who are in a node. */
void
jail_sysctl_stop(void)
{

	sysctl_teardown(&jail_log);
}
