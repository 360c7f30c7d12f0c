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
 * What the files of secmodel_jail share.
 *
 * Locks, outermost first:
 *
 *	sysctl tree lock	held by all of jail_sysctl.c's handlers, but
 *				not while a kill or a reader waits
 *	jail_lock		adaptive: the list of jails, their configs,
 *				the port tables' writers
 *	p_reflock		of the current process, tried, at entry; exec
 *				hooks are called with it
 *	softnet_lock		only for the scan of bound sockets
 *	proc_lock		members of jails and their ticks
 *	p_lock			of one process
 *	event_lock		adaptive, IPL_SOFTCLOCK: readers that wait
 *	jail_leaf		spin, IPL_SCHED: credential nodes, counts,
 *				counters; nothing is taken below it
 *
 * Listeners run with locks of the kernel held, spin locks among them: they
 * take nothing but jail_leaf, allocate nothing, and sleep never; but for forks
 * and new credentials, about which they are asked with no lock held.  What they
 * read without a lock is marked "l" below and written with atomic stores.
 *
 *	:	never changes		j	jail_lock
 *	p	proc_lock		s	jail_leaf
 *	l	read by listeners without a lock
 */

#ifndef _SECMODEL_JAIL_JAIL_IMPL_H_
#define _SECMODEL_JAIL_JAIL_IMPL_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cpu.h>
#include <sys/kauth.h>
#include <sys/mutex.h>
#include <sys/queue.h>
#include <sys/jail.h>

/*
 * Listeners are asked for each name of each path, so they load by this, which
 * is one instruction; atomic_load_relaxed(9) asserts, and has a detour by the
 * stack.
 */
#define	jail_load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)

struct lwp;
struct proc;
struct socket;
struct vnode;

/*
 * Differences of the releases that the model builds for.  NetBSD 10 lacks
 * nothing that is used; 9 lacks BIND_ANYADDR and WG, and is not supported.
 */
#if !__NetBSD_Prereq__(10,0,0)
#error "secmodel_jail needs NetBSD 10 or later"
#endif

/* Cases that the model tells apart within one request; no KAUTH_REQ_*. */
enum jail_request_case {
	JAIL_REQ_NICE_RAISE = JAIL_REQUEST_CASE,
	JAIL_REQ_RLIMIT_RAISE,
	JAIL_REQ_BIND_AUTO,
	JAIL_REQ_SOCKET_RAW,
	JAIL_REQ_SOCKET_ROUTE,
	JAIL_REQ_SOCKET_KEY,
	JAIL_REQ_SOCKET_OTHER,
	JAIL_REQ_ROUTE_GET,
	JAIL_REQ_LAST,
	/* Of another action than those above. */
	JAIL_REQ_TTY_LINE = JAIL_REQUEST_CASE
};

#define	JAIL_MAXRULES		255	/* of the policy table */
#define	JAIL_NACTIONS		64	/* of a scope */
#define	JAIL_NTICKETS		16	/* forks under way in a capped jail */
#define	JAIL_MAXSEEN		64	/* rules above the floor */

/* A fork that has passed the cap and is not counted yet. */
struct jail_ticket {
	struct lwp	*jt_lwp;		/* s: NULL if free */
	time_t		jt_uptime;		/* s: seconds */
};

/* A process that lives in a jail. */
struct jail_member {
	LIST_ENTRY(jail_member) jm_list;	/* p: of the jail */
	LIST_ENTRY(jail_member) jm_hash;	/* p: by process */
	struct proc	*jm_proc;		/* : */
	pid_t		jm_pid;			/* : set when it has ended */
	struct jail	*jm_jail;		/* : */
	u_int		jm_kill;		/* p: that has signalled it */
};

/* Statistics clock ticks. */
struct jail_ticks {
	uint64_t	jk_user;
	uint64_t	jk_system;
	uint64_t	jk_interrupt;
};

struct jail {
	TAILQ_ENTRY(jail) j_list;		/* j: by id */
	SLIST_ENTRY(jail) j_dead;		/* s: to be freed */
	uint32_t	j_id;			/* : */
	u_int		j_state;		/* j l: JAIL_STATE_* */
	u_int		j_refs;			/* s: credentials, and 1 */
	struct vnode	*j_root;		/* j: NULL once destroyed */
	time_t		j_created;		/* : seconds since 1970 */
	char		j_name[JAIL_NAMELEN];	/* : */
	char		*j_path;		/* : as given, JAIL_ROOTLEN */
	size_t		j_pathlen;		/* : with the NUL */
	struct jail_config j_config;		/* j: but see the next two */
	u_int		j_cap;			/* j l: jc_processes */
	u_int		j_flags;		/* j l: jc_flags */
	struct jail_port *j_ports;		/* j: j_nports of them */
	uint32_t	j_nports;		/* j */

	/* The table for this jail's level and words, by rule. */
	uint8_t		j_verdict[JAIL_MAXRULES];	/* j l */
	uint8_t		j_process[JAIL_NACTIONS];	/* j l: by action */
	uint32_t	j_vnode_deny[2];	/* j l: bits, by halves */

	LIST_HEAD(, jail_member) j_members;	/* p */
	u_int		j_nmembers;		/* p and s, l */
	LIST_HEAD(, jail_member) j_ended;	/* p: maybe not reaped yet */
	u_int		j_nended;		/* p and s, l */
	struct jail_ticket j_tickets[JAIL_NTICKETS];	/* s */
	struct proc	*j_init;		/* p l: compared only */
	u_int		j_entering;		/* s l: with cn_entering */
	u_int		j_kills;		/* p: how often killed */
	int		j_signal;		/* p: of the last kill, or 0 */
	struct jail_ticks j_exited;		/* p: of ended members */

	uint64_t	j_entries;		/* s */
	uint64_t	j_forks;		/* s */
	uint64_t	j_exits;		/* s */
	uint64_t	j_denials[JAIL_NSCOPES];	/* s */
	uint64_t	j_observed[JAIL_NSCOPES];	/* s */

	/* jail_event.c */
	uint64_t	j_number;		/* s: events that there were */
	uint64_t	j_lost;			/* s: pushed out of the ring */
	u_int		j_newest;		/* s: in the ring */
	struct jail_event j_events[JAIL_NEVENTS];	/* s: none if no
							   je_repeats */
	struct jail_event j_seen[JAIL_MAXSEEN];	/* s: the same */
	time_t		j_since;		/* s: of j_seen */
	time_t		j_logged[JAIL_NSCOPES];	/* s: seconds of uptime */
	uint64_t	j_unlogged[JAIL_NSCOPES];	/* s: since then */
};

/* Whether what is denied above the floor passes.  Needs no lock. */
#define	jail_observing(j)						\
	((jail_load(&(j)->j_flags) & JAIL_OBSERVE) != 0)

/* Whether a jail is on its way out: then all is denied to it. */
static inline bool
jail_dying(const struct jail *j)
{

	return jail_load(&j->j_state) != JAIL_STATE_ACTIVE;
}

TAILQ_HEAD(jail_list, jail);

/* jail_object.c */
extern kmutex_t		jail_lock;
extern kmutex_t		jail_leaf;
extern struct jail_list	jail_list;		/* j */
extern uint32_t		jail_count;		/* j: in jail_list */
extern uint64_t		jail_generation;	/* j */
extern uint32_t		jail_lastid;		/* j: 0 before the first */

void	jail_object_init(void);
void	jail_object_fini(void);
struct jail *jail_find(uint32_t);
void	jail_hold(struct jail *);
void	jail_release(struct jail *);
void	jail_reap(void);
int	jail_create(struct lwp *, const struct jail_request *,
	    const struct jail_port *, struct jail_reply *);
int	jail_set(const struct jail_request *, const struct jail_port *,
	    struct jail_reply *);
int	jail_destroy(const struct jail_request *, struct jail_reply *);
int	jail_refuse(struct jail_reply *, uint32_t, int, int);

/* jail_cred.c */
struct jail_cred_node {
	struct jail_cred_node *cn_next;	/* s l: of the chain, or of the free */
	kauth_cred_t	cn_cred;	/* s l */
	struct jail	*cn_jail;	/* s l */
	bool		cn_entering;	/* s: no program executed since entry */
};

struct jail_cred_bucket {
	u_int		cb_sequence;	/* s l: odd while a writer is at it */
	struct jail_cred_node *cb_first;	/* s l */
};

extern struct jail_cred_bucket *jail_cred_table;	/* : */
extern u_int	jail_cred_mask;		/* : */
extern u_int	jail_cred_count;	/* s l: nodes in chains */

void	jail_cred_init(void);
void	jail_cred_fini(void);
struct jail *jail_cred_search(kauth_cred_t);
struct jail *jail_of_proc(struct proc *);
uint32_t jail_id_of_proc(struct proc *);
void	jail_cred_reserve(u_int);
void	jail_cred_attach(kauth_cred_t, struct jail *, bool);
bool	jail_cred_entering(const struct proc *);
void	jail_cred_entered(kauth_cred_t);
int	jail_cred_cb(kauth_cred_t, kauth_action_t, void *, void *, void *,
	    void *, void *);

/* The bucket for a credential, whose address alone is looked at. */
static inline struct jail_cred_bucket *
jail_cred_bucket(kauth_cred_t cred)
{
	uint32_t h;

	/* Credentials are cache-line aligned: the low bits say nothing. */
	h = (uint32_t)((uintptr_t)cred >> 6) * 0x9e3779b1U;
	return &jail_cred_table[(h >> 8) & jail_cred_mask];
}

/* Whether nobody is in a jail.  Needs no lock. */
static inline bool
jail_nobody(void)
{

	return jail_load(&jail_cred_count) == 0;
}

/*
 * A glance at a credential, to which the caller holds a reference: mostly it
 * tells the jail, or that it is the host's (NULL).  Needs no lock.
 *
 * A credential had its node before anybody had the credential, and it keeps
 * it while there are references.  So who finds it there need not look at the
 * bucket's sequence, nor who finds none at all.
 */
static inline __always_inline bool
jail_glance(kauth_cred_t cred, struct jail **jp)
{
	const struct jail_cred_node *n;

	*jp = NULL;
	n = __atomic_load_n(&jail_cred_bucket(cred)->cb_first,
	    __ATOMIC_CONSUME);
	if (__predict_true(n == NULL))
		return true;
	if (__predict_false(jail_load(&n->cn_cred) != cred))
		return false;
	*jp = jail_load(&n->cn_jail);
	return true;
}

/* The jail of a credential, or NULL: as for a glance, but for certain. */
static inline struct jail *
jail_of(kauth_cred_t cred)
{
	struct jail *j;

	if (__predict_true(jail_nobody()))
		return NULL;
	return jail_glance(cred, &j) ? j : jail_cred_search(cred);
}

/* jail_policy.c */
#define	JAIL_NREQUESTS	64
__CTASSERT(JAIL_REQ_LAST <= JAIL_NREQUESTS);

extern uint8_t	jail_rule_table[JAIL_SCOPE_VNODE][JAIL_NACTIONS]
		    [JAIL_NREQUESTS];	/* : the rule plus 1, or 0 */
extern const struct jail_rule jail_rules[];
extern const u_int	jail_nrules;
extern const struct jail_word jail_words[];
extern const u_int	jail_nwords;

/*
 * Whether the current thread has a spin lock: of a certain one mutex_owned(9)
 * can't tell who has it.
 */
static inline bool
jail_spins(void)
{
	bool spins;

	kpreempt_disable();
	spins = curcpu()->ci_mtx_count != 0;
	kpreempt_enable();
	return spins;
}

/*
 * The rule for an action and request, or -1 if there is none, which means
 * to deny.  Needs no lock.
 */
static inline int
jail_rule_index(u_int scope, kauth_action_t action, u_int request)
{

	KASSERT(scope < JAIL_SCOPE_VNODE);

	if (action >= JAIL_NACTIONS)
		return -1;
	if (request >= JAIL_NREQUESTS)
		request = 0;
	return (int)jail_rule_table[scope][action][request] - 1;
}

/*
 * What a jail's table says by all rules for an action of the process scope, if
 * they say the same, and nothing but a rule decides; else DENY, which says to
 * look at the request.  Needs no lock.
 */
static inline uint8_t
jail_process_verdict(const struct jail *j, kauth_action_t action)
{

	return action < JAIL_NACTIONS ? jail_load(&j->j_process[action]) :
	    JAIL_VERDICT_DENY;
}

/* The actions of the vnode scope, which are bits, that a jail is denied. */
static inline uint64_t
jail_vnode_deny(const struct jail *j)
{

	return jail_load(&j->j_vnode_deny[0]) |
	    (uint64_t)jail_load(&j->j_vnode_deny[1]) << 32;
}

void	jail_policy_init(void);
int	jail_vnode_index(u_int);
uint8_t	jail_rule_lifted(int);
int	jail_policy_check(const struct jail_config *, struct jail_reply *);
void	jail_policy_apply(struct jail *);

/* jail_listener.c */
int	jail_listener_start(void);
int	jail_listener_stop(void);
bool	jail_device_listed(dev_t);

/* jail_event.c */
extern int	jail_log_interval;	/* l: seconds, 0 for no lines */

int	jail_event_init(void);
void	jail_event_fini(void);
void	jail_event_begin(struct jail *);
void	jail_event_make(struct jail_event *, u_int, int, u_int, u_int);
int	jail_deny(struct jail *, kauth_cred_t, struct jail_event *, bool);
int	jail_deny_dying(struct jail *, u_int);
int	jail_deny_cap(struct jail *, kauth_cred_t, u_int);
u_int	jail_event_copy(struct jail *, uint64_t, bool, struct jail_event *,
	    u_int);
u_int	jail_event_seen(struct jail *, bool, struct jail_event *, u_int);
void	jail_event_waiter(bool);
bool	jail_event_waited(void);
uint32_t jail_event_count(uint32_t);
int	jail_event_wait(uint32_t, uint32_t);
void	jail_event_end(struct jail *);

/* jail_port.c */
void	jail_port_init(void);
void	jail_port_fini(void);
int	jail_port_check(struct jail *, const struct jail_port *, uint32_t,
	    struct jail_reply *);
int	jail_port_replace(struct jail *, const struct jail_port *, uint32_t,
	    struct jail_reply *);
int	jail_port_bind(kauth_cred_t, enum kauth_network_req, struct socket *,
	    const void *);
void	jail_port_socket_opened(void);
bool	jail_port_may_bring(struct jail *, struct socket *,
	    struct jail_reply *);

/* jail_pcb.c */
bool	jail_pcb_bound(struct jail *, const struct jail_port *,
	    struct jail_port *, struct jail **);
bool	jail_pcb_alone(const struct socket *, u_int);
bool	jail_pcb_steals(const struct jail *, const struct socket *,
	    const void *, u_int, struct jail **);
bool	jail_pcb_blind(const struct jail *, const struct socket *, u_int,
	    struct jail **);
u_int	jail_pcb_port(struct socket *);
u_int	jail_pcb_fallback(const struct socket *);

/* jail_proc.c */
int	jail_proc_init(void);
void	jail_proc_fini(void);
void	jail_proc_add(struct jail_member *, struct jail *, struct proc *,
	    bool);
bool	jail_proc_reserve(struct jail *);
bool	jail_proc_crowded(struct jail *);
void	jail_proc_unreserve(struct jail *);
void	jail_proc_forked(struct proc *);
bool	jail_proc_may_fork(struct jail *);
bool	jail_proc_leaving(struct proc *);
u_int	jail_proc_remaining(struct jail *);
void	jail_proc_forget(struct jail *);
int	jail_kill(const struct jail_request *, struct jail_reply *);

/* jail_enter.c */
int	jail_enter(struct lwp *, const struct jail_request *,
	    struct jail_reply *);
bool	jail_limits_valid(const struct jail_config *, struct jail_reply *);

/* jail_quiet.c */
int	jail_quiet_call(void (*)(void));

/* jail_snapshot.c */
int	jail_snapshot_jails(struct lwp *, void **, size_t *, size_t *);
int	jail_snapshot_processes(struct lwp *, void **, size_t *, size_t *);
int	jail_snapshot_ports(struct lwp *, void **, size_t *, size_t *);
int	jail_snapshot_policy(struct lwp *, void **, size_t *, size_t *);
int	jail_snapshot_words(struct lwp *, void **, size_t *, size_t *);
int	jail_snapshot_events(struct lwp *, uint32_t, uint64_t, bool, bool,
	    void **, size_t *, size_t *);

/* jail_sysctl.c */
int	jail_sysctl_start(void);
void	jail_sysctl_stop(void);

#endif /* !_SECMODEL_JAIL_JAIL_IMPL_H_ */
