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
 * What jails were denied, or would have been.
 *
 * Each has a ring of events of its own, so that a noisy one pushes out
 * nothing of another's; and for each rule above the floor the latest event
 * and how often, which nothing pushes out.
 *
 * Listeners record with all kinds of locks held: all memory is in struct
 * jail already, and jail_leaf is all that is taken.  log(9) wakes up who
 * reads the log, which spin locks do not allow, so that a soft interrupt
 * calls it.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/condvar.h>
#include <sys/errno.h>
#include <sys/intr.h>
#include <sys/kauth.h>
#include <sys/kernel.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/syslog.h>
#include <sys/time.h>

#include <secmodel/jail/jail_impl.h>

#define	NLINES		16	/* of the log, that wait to be written */
#define	NCHANNELS	64	/* to wait on: jails may share one */

/* A line of the log. */
struct event_line {
	struct jail_event el_event;
	char		el_name[JAIL_NAMELEN];	/* of the jail */
	uint64_t	el_more;	/* of the scope, since the last line */
};

int jail_log_interval;			/* l */

static uint64_t	event_seq;		/* s: of the latest of all */
static uint8_t	seen_index[JAIL_MAXRULES];	/* : in j_seen, plus 1 */
static struct event_line event_lines[NLINES];	/* s */
static u_int	event_first;		/* s: line to be written next */
static u_int	event_nlines;		/* s */
static void	*event_softint;		/* : */

/* Who waits for events.  Channel 0 is for those of all jails. */
static kmutex_t	event_lock;		/* held to wait and to wake up */
static kcondvar_t event_cv[NCHANNELS];
static uint32_t	event_count[NCHANNELS];	/* s: events while some wait */
static uint64_t	event_woken;		/* s: channels to be woken up */
static u_int	event_waiters;		/* s: who waits, or is about to */

static u_int
channel(uint32_t id)
{

	return id == 0 ? 0 : 1 + id % (NCHANNELS - 1);
}

/* Take the oldest line that waits, if there is one.  Takes jail_leaf. */
static bool
line_take(struct event_line *el)
{
	bool taken = false;

	mutex_spin_enter(&jail_leaf);
	if (event_nlines > 0) {
		*el = event_lines[event_first];
		event_first = (event_first + 1) % NLINES;
		event_nlines--;
		taken = true;
	}
	mutex_spin_exit(&jail_leaf);
	return taken;
}

/* Write the lines that wait.  Takes jail_leaf. */
static void
lines_write(void)
{
	struct jail_event *je;
	struct event_line el;
	char *c;

	while (line_take(&el)) {
		je = &el.el_event;
		/* A jail names its programs: no name looks like a line. */
		for (c = je->je_command; *c != '\0'; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
		log(LOG_NOTICE, "jail %s: %s[%d] uid %u: %s %s"
		    " (%llu more of its kind before)\n", el.el_name,
		    je->je_command, (int)je->je_pid, je->je_uid,
		    je->je_rule != JAIL_RULE_NONE ?
		    jail_rules[je->je_rule].ju_name : "what is not known",
		    je->je_verdict == JAIL_EVENT_OBSERVED ? "observed" :
		    "refused", (unsigned long long)el.el_more);
	}
}

/* Soft interrupt: do what listeners may not.  Takes event_lock, jail_leaf. */
static void
event_interrupt(void *cookie)
{
	uint64_t woken;
	u_int i;

	lines_write();

	mutex_spin_enter(&jail_leaf);
	woken = event_woken;
	event_woken = 0;
	mutex_spin_exit(&jail_leaf);
	mutex_enter(&event_lock);
	for (i = 0; i < NCHANNELS; i++) {
		if ((woken & (UINT64_C(1) << i)) != 0)
			cv_broadcast(&event_cv[i]);
	}
	mutex_exit(&event_lock);
}

/* Have who waits for events of a jail woken up.  Needs jail_leaf. */
static void
event_wake(const struct jail *j)
{
	const u_int c = channel(j->j_id);

	KASSERT(mutex_owned(&jail_leaf));

	if (__predict_true(event_waiters == 0))
		return;
	event_count[0]++;
	event_count[c]++;
	event_woken |= UINT64_C(1) | UINT64_C(1) << c;
	softint_schedule(event_softint);
}

/* Have an event written to the log, if it is time.  Needs jail_leaf. */
static void
event_log(struct jail *j, const struct jail_event *je)
{
	const int interval = atomic_load_relaxed(&jail_log_interval);
	const time_t now = time_uptime;
	time_t *last = &j->j_logged[je->je_scope];
	struct event_line *el;

	KASSERT(mutex_owned(&jail_leaf));

	if (interval <= 0)
		return;
	if ((*last != 0 && now - *last < interval) ||
	    event_nlines == NLINES) {
		j->j_unlogged[je->je_scope]++;
		return;
	}
	el = &event_lines[(event_first + event_nlines++) % NLINES];
	el->el_event = *je;
	memcpy(el->el_name, j->j_name, sizeof(el->el_name));
	el->el_more = j->j_unlogged[je->je_scope];
	j->j_unlogged[je->je_scope] = 0;
	*last = now;
	softint_schedule(event_softint);
}

/* Whether two events differ in nothing but the time. */
static bool
event_same(const struct jail_event *a, const struct jail_event *b)
{
	const size_t from = offsetof(struct jail_event, je_detail);

	return memcmp((const char *)a + from, (const char *)b + from,
	    sizeof(*a) - from) == 0;
}

/* Record an event in its jail's ring.  Needs jail_leaf. */
static void
event_record(struct jail *j, struct jail_event *je)
{
	struct jail_event *slot = &j->j_events[j->j_newest];

	KASSERT(mutex_owned(&jail_leaf));

	je->je_seq = ++event_seq;
	je->je_number = ++j->j_number;
	je->je_repeats = 1;
	if (slot->je_repeats > 0 && event_same(slot, je)) {
		slot->je_seq = je->je_seq;
		slot->je_number = je->je_number;
		slot->je_last = je->je_last;
		slot->je_repeats++;
		return;
	}
	if (slot->je_repeats > 0) {
		j->j_newest = (j->j_newest + 1) % JAIL_NEVENTS;
		slot = &j->j_events[j->j_newest];
		j->j_lost += slot->je_repeats;
	}
	*slot = *je;
}

/* Count an event of a rule above the floor.  Needs jail_leaf. */
static void
event_see(struct jail *j, const struct jail_event *je)
{
	struct jail_event *seen;
	uint64_t most;

	KASSERT(mutex_owned(&jail_leaf));
	KASSERT(je->je_rule < jail_nrules);
	KASSERT(seen_index[je->je_rule] != 0);

	seen = &j->j_seen[seen_index[je->je_rule] - 1];
	most = je->je_detail;
	if (je->je_kind == JAIL_DETAIL_COUNT && seen->je_detail > most)
		most = seen->je_detail;
	if (seen->je_repeats == 0)
		*seen = *je;
	else {
		seen->je_seq = je->je_seq;
		seen->je_number = je->je_number;
		seen->je_last = je->je_last;
		seen->je_repeats++;
		memcpy(&seen->je_detail, &je->je_detail, sizeof(*je) -
		    offsetof(struct jail_event, je_detail));
	}
	seen->je_detail = most;
}

/*
 * Begin an event: in which scope it counts, the rule (-1: none), action and
 * request.  The caller may add a detail.
 */
void
jail_event_make(struct jail_event *je, u_int scope, int rule, u_int action,
    u_int request)
{

	KASSERT(scope < JAIL_NSCOPES);

	memset(je, 0, sizeof(*je));
	je->je_scope = scope;
	je->je_rule = rule == -1 ? JAIL_RULE_NONE : (uint32_t)rule;
	je->je_action = action;
	je->je_request = request;
}

/*
 * Deny what the current process wants with a credential, record and count
 * it; but where it is only the config that denies it (lifted: another would
 * not) and the jail is observed, let it pass.  Takes jail_leaf.
 */
int
jail_deny(struct jail *j, kauth_cred_t cred, struct jail_event *je,
    bool lifted)
{
	const bool pass = lifted && jail_observing(j);
	struct timespec now;

	getnanotime(&now);
	je->je_first = je->je_last =
	    (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	je->je_id = j->j_id;
	je->je_pid = curproc->p_pid;
	je->je_uid = kauth_cred_geteuid(cred);
	je->je_verdict = pass ? JAIL_EVENT_OBSERVED : JAIL_EVENT_REFUSED;
	strlcpy(je->je_command, curproc->p_comm, sizeof(je->je_command));

	mutex_spin_enter(&jail_leaf);
	if (pass)
		j->j_observed[je->je_scope]++;
	else
		j->j_denials[je->je_scope]++;
	event_record(j, je);
	if (lifted)
		event_see(j, je);
	event_log(j, je);
	event_wake(j);
	mutex_spin_exit(&jail_leaf);
	return pass ? KAUTH_RESULT_DEFER : KAUTH_RESULT_DENY;
}

/*
 * Deny what a dying jail's process wants: that is counted, but tells nothing
 * of what it needs.  Takes jail_leaf.
 */
int
jail_deny_dying(struct jail *j, u_int scope)
{

	KASSERT(scope < JAIL_NSCOPES);

	mutex_spin_enter(&jail_leaf);
	j->j_denials[scope]++;
	mutex_spin_exit(&jail_leaf);
	return KAUTH_RESULT_DENY;
}

/*
 * Deny n more processes, beyond the jail's cap, or let them pass.  Takes
 * jail_leaf.
 */
int
jail_deny_cap(struct jail *j, kauth_cred_t cred, u_int n)
{
	struct jail_event je;

	jail_event_make(&je, JAIL_SCOPE_FORK, jail_rule_index(
	    JAIL_SCOPE_PROCESS, KAUTH_PROCESS_FORK, 0), KAUTH_PROCESS_FORK,
	    0);
	je.je_kind = JAIL_DETAIL_COUNT;
	je.je_detail = (uint64_t)atomic_load_relaxed(&j->j_nmembers) +
	    atomic_load_relaxed(&j->j_nended) + n;
	return jail_deny(j, cred, &je, true);
}

/* Begin to count anew what rules above the floor deny.  Takes jail_leaf. */
void
jail_event_begin(struct jail *j)
{

	mutex_spin_enter(&jail_leaf);
	memset(j->j_seen, 0, sizeof(j->j_seen));
	j->j_since = time_second;
	mutex_spin_exit(&jail_leaf);
}

/* Let a process in the jail see nothing of others. */
static void
event_hide(struct jail_event *je)
{

	je->je_seq = je->je_number;
	if (je->je_target != je->je_id)
		je->je_target = JAIL_HOST;
}

/*
 * Copy a jail's events after since, the oldest first, as many as there is
 * room for; returns how many there are.  Inside: for a process in the jail,
 * to which since is a number within the jail.  Takes jail_leaf.
 */
u_int
jail_event_copy(struct jail *j, uint64_t since, bool inside,
    struct jail_event *to, u_int room)
{
	const struct jail_event *je;
	u_int i, n = 0;

	mutex_spin_enter(&jail_leaf);
	for (i = 1; i <= JAIL_NEVENTS; i++) {
		je = &j->j_events[(j->j_newest + i) % JAIL_NEVENTS];
		if (je->je_repeats == 0 ||
		    (inside ? je->je_number : je->je_seq) <= since)
			continue;
		if (n < room) {
			to[n] = *je;
			if (inside)
				event_hide(&to[n]);
		}
		n++;
	}
	mutex_spin_exit(&jail_leaf);
	return n;
}

/* The same of what its rules above the floor denied.  Takes jail_leaf. */
u_int
jail_event_seen(struct jail *j, bool inside, struct jail_event *to,
    u_int room)
{
	u_int i, n = 0;

	mutex_spin_enter(&jail_leaf);
	for (i = 0; i < JAIL_MAXSEEN; i++) {
		if (j->j_seen[i].je_repeats == 0)
			continue;
		if (n < room) {
			to[n] = j->j_seen[i];
			if (inside)
				event_hide(&to[n]);
		}
		n++;
	}
	mutex_spin_exit(&jail_leaf);
	return n;
}

/* A reader may wait from now on, or does no more.  Takes jail_leaf. */
void
jail_event_waiter(bool begin)
{

	mutex_spin_enter(&jail_leaf);
	KASSERT(begin || event_waiters > 0);
	if (begin)
		event_waiters++;
	else
		event_waiters--;
	mutex_spin_exit(&jail_leaf);
}

/* Whether any reader may wait.  Takes jail_leaf. */
bool
jail_event_waited(void)
{
	bool waited;

	mutex_spin_enter(&jail_leaf);
	waited = event_waiters != 0;
	mutex_spin_exit(&jail_leaf);
	return waited;
}

/*
 * How many events of a jail, or with id 0 of all, there were, for
 * jail_event_wait(): other jails' may count too.  Takes jail_leaf.
 */
uint32_t
jail_event_count(uint32_t id)
{
	uint32_t count;

	mutex_spin_enter(&jail_leaf);
	count = event_count[channel(id)];
	mutex_spin_exit(&jail_leaf);
	return count;
}

/*
 * Wait until there have been more than count, or a signal comes: EINTR, so
 * that the call isn't begun again.  Takes event_lock and jail_leaf.
 */
int
jail_event_wait(uint32_t id, uint32_t count)
{
	int error = 0;

	mutex_enter(&event_lock);
	while (error == 0 && jail_event_count(id) == count)
		error = cv_wait_sig(&event_cv[channel(id)], &event_lock);
	mutex_exit(&event_lock);
	return error == ERESTART ? EINTR : error;
}

/* A jail begins to die: there will be no more events.  Takes jail_leaf. */
void
jail_event_end(struct jail *j)
{

	mutex_spin_enter(&jail_leaf);
	event_wake(j);
	mutex_spin_exit(&jail_leaf);
}

/* Called once at load, after the policy.  May sleep. */
int
jail_event_init(void)
{
	const struct jail_rule *ju;
	u_int i, n = 0;

	/* Ports of a strict jail and the cap have no word. */
	for (i = 0; i < jail_nrules; i++) {
		ju = &jail_rules[i];
		seen_index[i] = 0;
		if (ju->ju_word != JAIL_WORD_NONE ||
		    ju->ju_verdict[JAIL_LEVEL_LOW] == JAIL_VERDICT_PORT ||
		    (ju->ju_scope == JAIL_SCOPE_PROCESS &&
		    ju->ju_action == KAUTH_PROCESS_FORK))
			seen_index[i] = ++n;
	}
	KASSERT(n <= JAIL_MAXSEEN);

	mutex_init(&event_lock, MUTEX_DEFAULT, IPL_SOFTCLOCK);
	for (i = 0; i < NCHANNELS; i++)
		cv_init(&event_cv[i], "jailevt");
	event_softint = softint_establish(SOFTINT_CLOCK | SOFTINT_MPSAFE,
	    event_interrupt, NULL);
	return event_softint != NULL ? 0 : ENOMEM;
}

/* Called at unload, when no listener runs and nobody waits. */
void
jail_event_fini(void)
{
	u_int i;

	KASSERT(event_waiters == 0);

	if (event_softint != NULL)
		softint_disestablish(event_softint);
	event_softint = NULL;
	for (i = 0; i < NCHANNELS; i++)
		cv_destroy(&event_cv[i]);
	mutex_destroy(&event_lock);
}
