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
 * The policy: what a level and its words make of the table in jail_rules.h.
 *
 * For each jail the verdicts of all rules are worked out when its config
 * changes, so that a listener reads one byte.  What no rule covers is
 * denied.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/mutex.h>

#include <secmodel/jail/jail_impl.h>

/*
 * That the table has a line for each action and request is asserted when
 * the module is compiled: jail_actions.h, which actions.awk makes from the
 * kernel's sys/kauth.h, has an assertion for each of them, which compiles
 * if the lines below have declared the name.
 */
#define	RULE(scope, action, request, low, medium, high, word, name, what) \
	extern const char jail_has_##action[1];	\
	extern const char jail_has_##request[1];
#define	VRULE(action, low, medium, high, word, name, what)		\
	extern const char jail_has_##action[1];
#include <secmodel/jail/jail_rules.h>
#undef	RULE
#undef	VRULE
#define	SCOPE(scope)	extern const char jail_has_KAUTH_SCOPE_##scope[1];
SCOPE(CRED) SCOPE(GENERIC) SCOPE(SYSTEM) SCOPE(PROCESS) SCOPE(NETWORK)
SCOPE(MACHDEP) SCOPE(DEVICE) SCOPE(VNODE)
#undef	SCOPE
#ifdef JAIL_CHECK_ACTIONS
#include "jail_actions.h"
#endif

/* Words, by their bit in jc_allow and jc_deny: never renumbered. */
enum {
	WORD_SUPERUSER,
	WORD_CHROOT,
	WORD_FCHROOT,
	WORD_MOUNT_INFO,
	WORD_PRIVATE_SYSCTL,
	WORD_RESERVED_SPACE,
	WORD_QUOTA,
	WORD_SEMAPHORE,
	WORD_SYSVIPC,
	WORD_MQUEUE,
	WORD_EXTATTR,
	WORD_PROCESS_CONTROL,
	WORD_KTRACE,
	WORD_NICE,
	WORD_PROCFS_WRITE,
	WORD_PTRACE,
	WORD_RLIMIT,
	WORD_SCHEDULER,
	WORD_LOW_PORT,
	WORD_AUTO_PORT,
	WORD_INTERFACE_INFO,
	WORD_RAW_SOCKET,
	WORD_ROUTE_SOCKET,
	WORD_OTHER_SOCKET,
	WORD_SOCKET_DROP,
	WORD_MULTICAST,
	WORD_HARDWARE_INFO,
	WORD_LDT,
	WORD_TTY,
	WORD_REVOKE,
	WORD_LAST,
	WORD_NONE = JAIL_WORD_NONE
};

#define	WORD(bit, name, what)	[WORD_##bit] = { WORD_##bit, name, what }

const struct jail_word jail_words[] = {
	WORD(SUPERUSER, "superuser",
	    "pass checks that ask for the superuser and don't say what for"),
	WORD(CHROOT, "chroot",
	    "chroot(2), as sshd and named do"),
	WORD(FCHROOT, "fchroot",
	    "fchroot(2), to any directory of which a descriptor is held"),
	WORD(MOUNT_INFO, "mount-info",
	    "read the arguments of the host's mounts"),
	WORD(PRIVATE_SYSCTL, "private-sysctl",
	    "read sysctl nodes that are private to root"),
	WORD(RESERVED_SPACE, "reserved-space",
	    "fill a file system's reserved space, as root may"),
	WORD(QUOTA, "quota",
	    "read the quotas of other users"),
	WORD(SEMAPHORE, "semaphore",
	    "POSIX semaphores that exist; their names are the whole host's"),
	WORD(SYSVIPC, "sysvipc",
	    "System V IPC; its objects are the whole host's"),
	WORD(MQUEUE, "mqueue",
	    "remove POSIX message queues; their names are the whole host's"),
	WORD(EXTATTR, "extattr",
	    "extended attributes of files"),
	WORD(PROCESS_CONTROL, "process-control",
	    "change core file names and stop flags of the jail's processes"),
	WORD(KTRACE, "ktrace",
	    "trace system calls of the jail's processes"),
	WORD(NICE, "nice",
	    "raise the priority of the jail's processes"),
	WORD(PROCFS_WRITE, "procfs-write",
	    "write memory and registers of the jail's processes by /proc"),
	WORD(PTRACE, "ptrace",
	    "debug the jail's processes"),
	WORD(RLIMIT, "rlimit",
	    "raise hard limits, and exceed the limit on processes, as root"),
	WORD(SCHEDULER, "scheduler",
	    "real-time priorities and processor affinity"),
	WORD(LOW_PORT, "low-port",
	    "ports below 1024 that are not reserved for the jail"),
	WORD(AUTO_PORT, "auto-port",
	    "ports chosen by the kernel although the jail is strict"),
	WORD(INTERFACE_INFO, "interface-info",
	    "read the private state of network interfaces"),
	WORD(RAW_SOCKET, "raw-socket",
	    "raw IPv4 and IPv6 sockets, as ping needs them"),
	WORD(ROUTE_SOCKET, "route-socket",
	    "routing sockets, to ask for routes and hear of changes"),
	WORD(OTHER_SOCKET, "other-socket",
	    "sockets of families other than local, IPv4 and IPv6"),
	WORD(SOCKET_DROP, "socket-drop",
	    "drop the jail's TCP connections, as tcpdrop(8) does"),
	WORD(MULTICAST, "multicast",
	    "join, as root, any IPv6 multicast group on any interface"),
	WORD(HARDWARE_INFO, "hardware-info",
	    "read the maps of I/O ports and of memory types"),
	WORD(LDT, "ldt",
	    "local descriptor tables, as Wine needs them"),
	WORD(TTY, "tty",
	    "privileged settings of terminals"),
	WORD(REVOKE, "revoke",
	    "revoke(2), as login services do; needs a /dev without leftovers"),
};
const u_int jail_nwords = __arraycount(jail_words);

__CTASSERT(__arraycount(jail_words) == WORD_LAST);
__CTASSERT(WORD_LAST <= 64);

/* The bit's number, as the ABI's action numbers have 32 bits only. */
#define	VNODE_ACTION(bit)	((uint32_t)__builtin_ctzll(bit))

#define	D	JAIL_VERDICT_DEFER
#define	X	JAIL_VERDICT_DENY
#define	T	JAIL_VERDICT_OWN
#define	L	JAIL_VERDICT_LISTED
#define	P	JAIL_VERDICT_PORT

#define	RULE(scope, action, request, low, medium, high, word, name, what) \
	{ JAIL_SCOPE_##scope, action, request, { low, medium, high },	\
	  WORD_##word, name, what },
#define	VRULE(action, low, medium, high, word, name, what)		\
	{ JAIL_SCOPE_VNODE, VNODE_ACTION(action), 0, { low, medium, high }, \
	  WORD_##word, name, what },

const struct jail_rule jail_rules[] = {
#include <secmodel/jail/jail_rules.h>
};
const u_int jail_nrules = __arraycount(jail_rules);

__CTASSERT(__arraycount(jail_rules) <= JAIL_MAXRULES);

uint8_t jail_rule_table[JAIL_SCOPE_VNODE][JAIL_NACTIONS][JAIL_NREQUESTS];
static uint8_t vnode_index[JAIL_NACTIONS];	/* the same of a bit */

/* The rule for a bit of the vnode scope, or -1. */
int
jail_vnode_index(u_int bit)
{

	KASSERT(bit < JAIL_NACTIONS);

	return (int)vnode_index[bit] - 1;
}

/* Called once at load, before the listeners start. */
void
jail_policy_init(void)
{
	const struct jail_rule *ju;
	uint8_t *slot;
	u_int i, r;

	for (i = 0; i < jail_nrules; i++) {
		ju = &jail_rules[i];
		KASSERT(ju->ju_action < JAIL_NACTIONS);
		if (ju->ju_scope == JAIL_SCOPE_VNODE) {
			vnode_index[ju->ju_action] = i + 1;
			continue;
		}
		KASSERT(ju->ju_request < JAIL_NREQUESTS);
		slot = &jail_rule_table[ju->ju_scope][ju->ju_action]
		    [ju->ju_request];
		KASSERTMSG(*slot == 0 || *slot == i + 1, "two rules: %s",
		    ju->ju_name);
		*slot = i + 1;
	}
	/* A rule without a request is for those that have no own. */
	for (i = 0; i < JAIL_SCOPE_VNODE * JAIL_NACTIONS; i++) {
		slot = jail_rule_table[i / JAIL_NACTIONS][i % JAIL_NACTIONS];
		for (r = 1; r < JAIL_NREQUESTS; r++) {
			if (slot[r] == 0)
				slot[r] = slot[0];
		}
	}
}

/* Whether the words of a config are words.  Needs no lock. */
int
jail_policy_check(const struct jail_config *jc, struct jail_reply *reply)
{
	const uint64_t known = (__BIT(WORD_LAST - 1) << 1) - 1;
	uint64_t bad;

	bad = (jc->jc_allow | jc->jc_deny) & ~known;
	if (bad == 0)	/* both allowed and denied? */
		bad = jc->jc_allow & jc->jc_deny;
	if (bad == 0)
		return 0;
	return jail_refuse(reply, JAIL_REASON_WORD, __builtin_ctzll(bad),
	    EINVAL);
}

/*
 * What a rule answers at most, whatever the config: as at the lowest level,
 * and with its word ever inside the jail.  What it denies then is floor.
 */
uint8_t
jail_rule_lifted(int i)
{
	const struct jail_rule *ju;

	if (i == -1)
		return X;
	ju = &jail_rules[i];
	if (ju->ju_word == JAIL_WORD_NONE)
		return ju->ju_verdict[JAIL_LEVEL_LOW];
	switch (ju->ju_verdict[JAIL_LEVEL_LOW]) {
	case T:
		return T;
	case L:
		return L;
	default:
		return D;
	}
}

/* What a rule answers for a config. */
static uint8_t
rule_verdict(u_int i, const struct jail_config *jc)
{
	const struct jail_rule *ju = &jail_rules[i];
	const uint8_t verdict = ju->ju_verdict[jc->jc_level];
	uint64_t bit;

	if (ju->ju_word == JAIL_WORD_NONE)
		return verdict;
	bit = UINT64_C(1) << ju->ju_word;
	if ((jc->jc_deny & bit) != 0)
		return X;
	if ((jc->jc_allow & bit) == 0)
		return verdict;
	return jail_rule_lifted((int)i);
}

/* What all rules of a jail for an action of the process scope say. */
static uint8_t
process_verdict(const struct jail *j, u_int action)
{
	const uint8_t *rules = jail_rule_table[JAIL_SCOPE_PROCESS][action];
	u_int r;

	/* The cap decides too. */
	if (action == KAUTH_PROCESS_FORK && j->j_config.jc_processes != 0)
		return X;
	for (r = 0; r < JAIL_NREQUESTS; r++) {
		if (rules[r] == 0 || j->j_verdict[rules[r] - 1] !=
		    j->j_verdict[rules[0] - 1])
			return X;
	}
	return j->j_verdict[rules[0] - 1];
}

/*
 * Work out a jail's verdicts.  Needs jail_lock.  Listeners may look on:
 * each verdict is the old one or the new one.
 */
void
jail_policy_apply(struct jail *j)
{
	uint64_t deny = ~UINT64_C(0);	/* what no rule covers, too */
	uint8_t verdict;
	u_int i;

	KASSERT(mutex_owned(&jail_lock));

	for (i = 0; i < jail_nrules; i++) {
		verdict = rule_verdict(i, &j->j_config);
		if (jail_rules[i].ju_scope == JAIL_SCOPE_VNODE) {
			if (verdict != X)
				deny &= ~(UINT64_C(1) <<
				    jail_rules[i].ju_action);
		} else
			atomic_store_relaxed(&j->j_verdict[i], verdict);
	}
	for (i = 0; i < JAIL_NACTIONS; i++)
		atomic_store_relaxed(&j->j_process[i], process_verdict(j, i));
	atomic_store_relaxed(&j->j_vnode_deny[0], (uint32_t)deny);
	atomic_store_relaxed(&j->j_vnode_deny[1], (uint32_t)(deny >> 32));
}
