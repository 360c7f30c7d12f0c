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
 * The interface of secmodel_jail, below the sysctl node
 * security.models.jail:
 *
 *	name		string, the model's name
 *	version		int, JAIL_ABI_VERSION
 *	command		struct jail_request in, struct jail_reply out
 *	jails		struct jail_snapshot, then struct jail_record each
 *	processes	struct jail_snapshot, then struct jail_process each
 *	ports		struct jail_snapshot, then struct jail_port_owner each
 *	policy		struct jail_snapshot, then struct jail_rule each
 *	words		struct jail_snapshot, then struct jail_word each
 *	events		struct jail_snapshot, then struct jail_event each;
 *			below it, if given: a jail's id or 0 for all, then the
 *			high and the low half of the je_seq to begin after,
 *			and then 1 to wait until there is one (EINTR: a signal
 *			came; ESRCH: the jail dies, or is none)
 *	seen		struct jail_snapshot, then struct jail_event each: the
 *			latest of each rule that is above the floor, with how
 *			often since jr_since; below it, if given: a jail's id
 *	log		int, seconds between two lines of a jail and a scope in
 *			the kernel's log, 0 for no lines
 *
 * Only root on the host may command.  A process in a jail reads its own
 * jail's record and nothing of others; host users read names, gauges and
 * counters; the host's root reads all.
 *
 * All integers are in the host's byte order.  Every field named reserved,
 * every flag without a name, and every field that a command does not use
 * must be zero, or the command is refused with EINVAL.
 */

#ifndef _SYS_JAIL_H_
#define _SYS_JAIL_H_

#include <sys/types.h>

#define	JAIL_ABI_VERSION	3

#define	JAIL_NAMELEN		64	/* with the NUL */
#define	JAIL_ROOTLEN		1024	/* with the NUL */
#define	JAIL_MAXPORTS		1024	/* port ranges of one jail */
#define	JAIL_MAXJAILS		65536	/* that exist at one time */
#define	JAIL_NLIMITS		12	/* RLIMIT_CPU up to RLIMIT_NTHR */
#define	JAIL_NEVENTS		64	/* of one jail that are kept */

/* A jail's id is never used again while the system runs; 0 is the host. */
#define	JAIL_HOST		0

/* Levels. */
#define	JAIL_LEVEL_LOW		0
#define	JAIL_LEVEL_MEDIUM	1
#define	JAIL_LEVEL_HIGH		2
#define	JAIL_NLEVELS		3

/* States. */
#define	JAIL_STATE_CREATING	1	/* not visible yet */
#define	JAIL_STATE_ACTIVE	2
#define	JAIL_STATE_DYING	3	/* no entry, no fork, all is denied */

/* Commands. */
#define	JAIL_COMMAND_CREATE	1	/* name, root, config, ports */
#define	JAIL_COMMAND_SET	2	/* mask, config, ports */
#define	JAIL_COMMAND_ENTER	3	/* JAIL_ENTER_* */
#define	JAIL_COMMAND_KILL	4	/* signal */
#define	JAIL_COMMAND_DESTROY	5

/* Flags of JAIL_COMMAND_ENTER. */
#define	JAIL_ENTER_INIT		0x0001	/* as init, without limits */
#define	JAIL_ENTER_EXEC		0x0002	/* guarded as init is, until it
					   executes a program */

/* What JAIL_COMMAND_SET changes; the rest of the config stays as it is. */
#define	JAIL_SET_LEVEL		0x0001
#define	JAIL_SET_ALLOW		0x0002
#define	JAIL_SET_DENY		0x0004
#define	JAIL_SET_STRICT		0x0008	/* that flag alone */
#define	JAIL_SET_PROCESSES	0x0010
#define	JAIL_SET_LIMITS		0x0020
#define	JAIL_SET_PORTS		0x0040	/* the whole list */
#define	JAIL_SET_OBSERVE	0x0080	/* that flag alone */

/* Flags of a jail's config. */
#define	JAIL_STRICT		0x0001	/* may bind reserved ports only */
#define	JAIL_OBSERVE		0x0002	/* what is denied above the floor is
					   recorded, and let pass */

/* Protocols of a port: as in IP, and 0 for any. */
#define	JAIL_PROTOCOL_ANY	0
#define	JAIL_PROTOCOL_TCP	6
#define	JAIL_PROTOCOL_UDP	17

/* Where a denial, or one that only would be, is counted. */
#define	JAIL_SCOPE_GENERIC	0
#define	JAIL_SCOPE_SYSTEM	1
#define	JAIL_SCOPE_PROCESS	2
#define	JAIL_SCOPE_NETWORK	3
#define	JAIL_SCOPE_MACHDEP	4
#define	JAIL_SCOPE_DEVICE	5
#define	JAIL_SCOPE_VNODE	6
#define	JAIL_SCOPE_PORT		7	/* another's port, or none in strict */
#define	JAIL_SCOPE_FORK		8	/* the cap on processes */
#define	JAIL_NSCOPES		9

/* A range of ports; first is at least 1 and at most last. */
struct jail_port {
	uint16_t	jp_protocol;	/* JAIL_PROTOCOL_* */
	uint16_t	jp_first;
	uint16_t	jp_last;
	uint16_t	jp_reserved;
};

/* What an administrator may choose, and change, for a jail. */
struct jail_config {
	uint64_t	jc_allow;	/* words, 1 << jw_bit */
	uint64_t	jc_deny;
	uint32_t	jc_level;
	uint32_t	jc_flags;	/* JAIL_STRICT, JAIL_OBSERVE */
	uint32_t	jc_processes;	/* at most; 0 for no cap */
	uint32_t	jc_limits;	/* which of the limits, 1 << RLIMIT_* */
	uint64_t	jc_soft[JAIL_NLIMITS];	/* set at entry, not init's */
	uint64_t	jc_hard[JAIL_NLIMITS];
};

/* One command.  It is followed by jq_nports times a struct jail_port. */
struct jail_request {
	uint32_t	jq_abi;		/* JAIL_ABI_VERSION */
	uint32_t	jq_command;	/* JAIL_COMMAND_* */
	uint32_t	jq_flags;	/* JAIL_ENTER_* */
	uint32_t	jq_id;		/* which jail; 0 to create */
	uint32_t	jq_mask;	/* JAIL_SET_* */
	int32_t		jq_signal;
	uint32_t	jq_nports;
	uint32_t	jq_reserved;
	struct jail_config jq_config;
	char		jq_name[JAIL_NAMELEN];	/* to create */
	char		jq_root[JAIL_ROOTLEN];	/* to create: a directory */
};

/* Why a command was refused, where errno alone can not say it. */
#define	JAIL_REASON_NONE	0
#define	JAIL_REASON_FIELD	1	/* jy_detail: offset of a bad field */
#define	JAIL_REASON_NAME	2	/* bad name */
#define	JAIL_REASON_EXISTS	3	/* jy_id has that name */
#define	JAIL_REASON_ROOT	4	/* no directory, not absolute, or the
					   host's; jy_detail: errno or 0 */
#define	JAIL_REASON_WORD	5	/* unknown word, or one that is floor */
#define	JAIL_REASON_PORT	6	/* jy_port is held by jy_holder */
#define	JAIL_REASON_PORT_BOUND	7	/* jy_port is bound by a socket */
#define	JAIL_REASON_TOO_MANY	8	/* jails */
#define	JAIL_REASON_NO_JAIL	9
#define	JAIL_REASON_DYING	10
#define	JAIL_REASON_MEMBERS	11	/* jy_detail: how many remain */
#define	JAIL_REASON_NOT_HOST	12	/* the caller is in a jail */
#define	JAIL_REASON_NOT_ROOT	13
#define	JAIL_REASON_TRACED	14
#define	JAIL_REASON_VFORK	15	/* the parent waits in vfork(2) */
#define	JAIL_REASON_SHARED_FDS	16
#define	JAIL_REASON_SHARED_CWD	17
#define	JAIL_REASON_SESSION	18	/* not a session leader */
#define	JAIL_REASON_TERMINAL	19	/* has a controlling terminal */
#define	JAIL_REASON_EXEC	20	/* another thread is in execve(2) */
#define	JAIL_REASON_FD_DIRECTORY 21	/* jy_detail: descriptor */
#define	JAIL_REASON_FD_DEVICE	22	/* jy_detail: descriptor */
#define	JAIL_REASON_FD_SOCKET	23	/* jy_detail: descriptor; of one bound
					   to jy_port, which is jy_holder's */
#define	JAIL_REASON_FD_KQUEUE	24	/* jy_detail: descriptor */
#define	JAIL_REASON_FD_OTHER	25	/* jy_detail: descriptor */
#define	JAIL_REASON_HAS_INIT	26	/* jy_detail: process id */
#define	JAIL_REASON_CAP		27	/* the cap on processes */
#define	JAIL_REASON_LIMIT	29	/* jy_detail: RLIMIT_* */

/* Copied out whether the command succeeds or not. */
struct jail_reply {
	uint32_t	jy_abi;
	uint32_t	jy_id;
	uint32_t	jy_reason;	/* JAIL_REASON_* */
	int32_t		jy_detail;
	struct jail_port jy_port;
	uint32_t	jy_holder_id;	/* JAIL_HOST for the host */
	uint32_t	jy_reserved;
	char		jy_holder[JAIL_NAMELEN];
};

/* The header of every list. */
struct jail_snapshot {
	uint32_t	js_abi;
	uint32_t	js_size;	/* of one record, in bytes */
	uint32_t	js_count;
	uint32_t	js_stathz;	/* ticks in a second */
	uint64_t	js_generation;	/* grows as jails come, change and go;
					   0 to a process in a jail */
	uint64_t	js_uptime;	/* nanoseconds since boot */
	uint32_t	js_pagesize;	/* bytes */
	uint32_t	js_reserved;
};

/* A jail.  To host users other than root, config, nports and root are 0. */
struct jail_record {
	uint32_t	jr_id;
	uint32_t	jr_state;	/* JAIL_STATE_* */
	int32_t		jr_init;	/* process id of its init, or 0 */
	uint32_t	jr_nports;	/* ranges */
	int64_t		jr_created;	/* seconds since 1970 */
	struct jail_config jr_config;

	/* Gauges. */
	uint32_t	jr_processes;
	uint32_t	jr_threads;
	uint64_t	jr_resident;	/* pages */
	uint64_t	jr_virtual;	/* pages */
	int64_t		jr_oldest;	/* start of the oldest process, or 0 */

	/* Counters; they only grow, and include processes that ended. */
	uint64_t	jr_user;	/* ticks */
	uint64_t	jr_system;	/* ticks */
	uint64_t	jr_interrupt;	/* ticks */
	uint64_t	jr_entries;
	uint64_t	jr_forks;
	uint64_t	jr_exits;
	uint64_t	jr_denials[JAIL_NSCOPES];
	uint64_t	jr_observed[JAIL_NSCOPES];	/* let pass */
	uint64_t	jr_lost;	/* events, as often as they were */
	int64_t		jr_since;	/* seconds since 1970; see "seen" */

	char		jr_name[JAIL_NAMELEN];
	char		jr_root[JAIL_ROOTLEN];
};

/* A process in a jail. */
#define	JAIL_PROCESS_INIT	0x0001
#define	JAIL_PROCESS_ZOMBIE	0x0002

struct jail_process {
	uint32_t	jx_id;		/* of its jail */
	int32_t		jx_pid;
	int32_t		jx_parent;
	uint32_t	jx_uid;		/* effective */
	uint32_t	jx_flags;	/* JAIL_PROCESS_* */
	uint32_t	jx_threads;
	uint64_t	jx_resident;	/* pages */
	uint64_t	jx_virtual;	/* pages */
	uint64_t	jx_ticks;	/* user, system and interrupt */
	int64_t		jx_started;	/* seconds since 1970 */
	char		jx_command[32];
};

struct jail_port_owner {
	uint32_t	jo_id;
	struct jail_port jo_port;
};

/* What a rule answers at a level. */
#define	JAIL_VERDICT_DEFER	0	/* as if there were no jail */
#define	JAIL_VERDICT_DENY	1
#define	JAIL_VERDICT_OWN	2	/* own jail: DEFER, others: DENY */
#define	JAIL_VERDICT_LISTED	3	/* DEFER for the devices of a list */
#define	JAIL_VERDICT_PORT	4	/* by the ownership of the port */

#define	JAIL_WORD_NONE		0xff
#define	JAIL_REQUEST_CASE	0x38	/* from here: no KAUTH_REQ_* */

/*
 * A rule of the policy table.  With a word, an administrator may allow
 * what a level denies, and deny what it defers; without one, nobody may.
 */
struct jail_rule {
	uint32_t	ju_scope;	/* JAIL_SCOPE_* */
	uint32_t	ju_action;	/* KAUTH_*; vnodes: the bit's number */
	uint32_t	ju_request;	/* KAUTH_REQ_*; 0: all others; from
					   JAIL_REQUEST_CASE: a case of one */
	uint8_t		ju_verdict[JAIL_NLEVELS];	/* JAIL_VERDICT_* */
	uint8_t		ju_word;	/* jw_bit, or JAIL_WORD_NONE */
	char		ju_name[32];	/* of action and request: mount.new */
	char		ju_what[64];	/* the same in words */
};

struct jail_word {
	uint32_t	jw_bit;		/* of jc_allow and jc_deny */
	char		jw_name[28];
	char		jw_what[96];
};

/* What became of an operation that the policy denies. */
#define	JAIL_EVENT_REFUSED	0
#define	JAIL_EVENT_OBSERVED	1	/* it was let pass */

/* What je_detail is. */
#define	JAIL_DETAIL_NONE	0
#define	JAIL_DETAIL_PROCESS	1	/* its id; je_target is its jail */
#define	JAIL_DETAIL_PORT	2	/* of je_protocol; je_target owns it */
#define	JAIL_DETAIL_DEVICE	3	/* a device's number */
#define	JAIL_DETAIL_SOCKET	4	/* a family; je_protocol is within it */
#define	JAIL_DETAIL_COUNT	5	/* processes that there would be */

#define	JAIL_RULE_NONE		0xffff	/* denied as not known */

/*
 * An event: what was denied, or would have been.  One after the other that
 * differ in nothing but the time are one event, which has the latest one's
 * je_seq and je_number.  A process in a jail reads je_number in je_seq, and
 * no other jail's id in je_target.
 */
struct jail_event {
	uint64_t	je_seq;		/* grows with each of any jail */
	uint64_t	je_number;	/* 1, 2 and so on within the jail; there
					   are none between the end of one event
					   and the begin of the next */
	uint64_t	je_repeats;	/* how often, at least 1 */
	int64_t		je_first;	/* nanoseconds since 1970 */
	int64_t		je_last;
	uint64_t	je_detail;
	uint32_t	je_id;		/* of the jail */
	int32_t		je_pid;
	uint32_t	je_uid;		/* effective */
	uint32_t	je_scope;	/* JAIL_SCOPE_*, where it is counted */
	uint32_t	je_action;	/* as in struct jail_rule */
	uint32_t	je_request;
	uint32_t	je_rule;	/* its place in policy, from 0 */
	uint32_t	je_verdict;	/* JAIL_EVENT_* */
	uint32_t	je_kind;	/* JAIL_DETAIL_* */
	uint32_t	je_target;	/* a jail, or JAIL_HOST */
	uint32_t	je_protocol;
	uint32_t	je_reserved;
	char		je_command[32];
};

#endif /* !_SYS_JAIL_H_ */
