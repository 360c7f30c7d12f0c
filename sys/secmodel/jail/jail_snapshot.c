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
 * Lists of what is: jails, their processes, ports and events, the policy.
 * Each is made at one moment, as its reader may see it.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/resourcevar.h>
#include <sys/rwlock.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include <uvm/uvm_extern.h>

#include <secmodel/jail/jail_impl.h>

#define	SLACK		16	/* records that may come meanwhile */

/* Who reads: a process of a jail, the host's root, or another on the host. */
struct reader {
	struct jail	*rd_jail;	/* NULL for the host */
	bool		rd_root;

	/* Which events. */
	uint32_t	rd_id;		/* of that jail, or 0 */
	uint64_t	rd_since;	/* after that */
	bool		rd_seen;	/* of rules above the floor */
};

/* A list that is being made. */
struct list {
	size_t		ls_size;	/* of a record */
	size_t		ls_room;	/* records that fit */
	size_t		ls_count;	/* records, some perhaps without room */
	void		*ls_buffer;	/* a header and the records */
	size_t		ls_length;	/* of the buffer */
};

static void
reader_init(struct reader *rd, struct lwp *l)
{

	memset(rd, 0, sizeof(*rd));
	/* Another thread may have entered a jail since this call began. */
	rd->rd_jail = jail_of_proc(l->l_proc);
	rd->rd_root = rd->rd_jail == NULL &&
	    kauth_cred_geteuid(l->l_cred) == 0;
}

/* Whether a reader is shown the inside of a jail. */
static bool
reader_inside(const struct reader *rd, const struct jail *j)
{

	return rd->rd_root || rd->rd_jail == j;
}

/* Make room for n records.  May sleep. */
static void
list_alloc(struct list *ls, size_t size, size_t n)
{

	ls->ls_size = size;
	ls->ls_room = n;
	ls->ls_count = 0;
	ls->ls_length = sizeof(struct jail_snapshot) + n * size;
	ls->ls_buffer = kmem_zalloc(ls->ls_length, KM_SLEEP);
}

static void
list_free(struct list *ls)
{

	kmem_free(ls->ls_buffer, ls->ls_length);
}

/* Room for the next record, or NULL if there is none; it counts anyhow. */
static void *
list_next(struct list *ls)
{
	const size_t i = ls->ls_count++;

	if (i >= ls->ls_room)
		return NULL;
	return (uint8_t *)ls->ls_buffer + sizeof(struct jail_snapshot) +
	    i * ls->ls_size;
}

/*
 * Make a list of about n records, which fill adds, those too for which there
 * is no room.  May sleep; needs and takes what fill does.
 */
static void
list_fill(struct list *ls, size_t size, size_t n, const struct reader *rd,
    void (*fill)(const struct reader *, struct list *))
{

	for (;;) {
		list_alloc(ls, size, n + SLACK);
		(*fill)(rd, ls);
		if (ls->ls_count <= ls->ls_room)
			break;
		n = ls->ls_count;
		list_free(ls);
	}
}

/*
 * Write the header, and hand the list over to be freed by the caller.  What
 * comes and goes among the others is nothing for a reader in a jail.  Needs
 * jail_lock; but without a reader, for what does not change.
 */
static int
list_finish(struct list *ls, const struct reader *rd, void **buffer,
    size_t *allocated, size_t *length)
{
	struct jail_snapshot *js = ls->ls_buffer;
	struct timespec ts;

	KASSERT(ls->ls_count <= ls->ls_room);

	getnanouptime(&ts);
	js->js_abi = JAIL_ABI_VERSION;
	js->js_size = ls->ls_size;
	js->js_count = ls->ls_count;
	js->js_stathz = stathz != 0 ? stathz : hz;
	if (rd != NULL && rd->rd_jail == NULL) {
		KASSERT(mutex_owned(&jail_lock));
		js->js_generation = jail_generation;
	}
	js->js_uptime = (uint64_t)ts.tv_sec * 1000000000U + ts.tv_nsec;
	js->js_pagesize = PAGE_SIZE;
	*buffer = ls->ls_buffer;
	*allocated = ls->ls_length;
	*length = sizeof(*js) + ls->ls_count * ls->ls_size;
	return 0;
}

/* Pages of a process, if it isn't exiting or in execve.  Needs p_lock. */
static void
process_pages(struct proc *p, uint64_t *resident, uint64_t *virtual)
{
	struct vmspace *vm;

	KASSERT(mutex_owned(p->p_lock));

	*resident = *virtual = 0;
	if (!rw_tryenter(&p->p_reflock, RW_READER))
		return;
	vm = p->p_vmspace;
	*resident = vm_resident_count(vm);
	*virtual = atop(vm->vm_map.size);
	rw_exit(&p->p_reflock);
}

/* Ticks that a process has used.  Needs p_lock; takes p_stmutex. */
static void
process_ticks(struct proc *p, struct jail_ticks *jk)
{

	KASSERT(mutex_owned(p->p_lock));

	mutex_spin_enter(&p->p_stmutex);
	jk->jk_user = p->p_uticks;
	jk->jk_system = p->p_sticks;
	jk->jk_interrupt = p->p_iticks;
	mutex_spin_exit(&p->p_stmutex);
}

/* Add up a jail's members.  Needs proc_lock; takes p_lock of each. */
static void
jail_gauges(struct jail *j, struct jail_record *jr)
{
	struct jail_member *jm;
	struct jail_ticks ticks;
	uint64_t resident, virtual;
	struct proc *p;
	time_t start;

	KASSERT(mutex_owned(&proc_lock));

	jr->jr_user = j->j_exited.jk_user;
	jr->jr_system = j->j_exited.jk_system;
	jr->jr_interrupt = j->j_exited.jk_interrupt;
	LIST_FOREACH(jm, &j->j_members, jm_list) {
		p = jm->jm_proc;
		if (p->p_stat == SIDL)
			continue;
		mutex_enter(p->p_lock);
		jr->jr_processes++;
		jr->jr_threads += p->p_nlwps;
		process_ticks(p, &ticks);
		jr->jr_user += ticks.jk_user;
		jr->jr_system += ticks.jk_system;
		jr->jr_interrupt += ticks.jk_interrupt;
		process_pages(p, &resident, &virtual);
		jr->jr_resident += resident;
		jr->jr_virtual += virtual;
		start = p->p_stats->p_start.tv_sec;
		if (jr->jr_oldest == 0 || start < jr->jr_oldest)
			jr->jr_oldest = start;
		mutex_exit(p->p_lock);
	}
	if (j->j_init != NULL)
		jr->jr_init = j->j_init->p_pid;
}

/* Describe a jail.  Needs jail_lock and proc_lock; takes jail_leaf. */
static void
jail_describe(const struct reader *rd, struct jail *j, struct jail_record *jr)
{

	KASSERT(mutex_owned(&jail_lock));
	KASSERT(mutex_owned(&proc_lock));

	jr->jr_id = j->j_id;
	jr->jr_state = j->j_state;
	jr->jr_created = j->j_created;
	strlcpy(jr->jr_name, j->j_name, sizeof(jr->jr_name));
	if (reader_inside(rd, j)) {
		jr->jr_nports = j->j_nports;
		jr->jr_config = j->j_config;
		strlcpy(jr->jr_root, j->j_path, sizeof(jr->jr_root));
	}
	jail_gauges(j, jr);

	mutex_spin_enter(&jail_leaf);
	jr->jr_entries = j->j_entries;
	jr->jr_forks = j->j_forks;
	jr->jr_exits = j->j_exits;
	memcpy(jr->jr_denials, j->j_denials, sizeof(jr->jr_denials));
	memcpy(jr->jr_observed, j->j_observed, sizeof(jr->jr_observed));
	jr->jr_lost = j->j_lost;
	jr->jr_since = j->j_since;
	mutex_spin_exit(&jail_leaf);
}

/*
 * The list of jails.  The caller frees the buffer.  May sleep; takes
 * jail_lock and proc_lock.
 */
int
jail_snapshot_jails(struct lwp *l, void **buffer, size_t *allocated,
    size_t *length)
{
	struct reader rd;
	struct list ls;
	struct jail *j;
	int error;

	mutex_enter(&jail_lock);
	reader_init(&rd, l);
	list_alloc(&ls, sizeof(struct jail_record),
	    rd.rd_jail != NULL ? 1 : jail_count);
	mutex_enter(&proc_lock);
	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (rd.rd_jail == NULL || rd.rd_jail == j)
			jail_describe(&rd, j, list_next(&ls));
	}
	mutex_exit(&proc_lock);
	error = list_finish(&ls, &rd, buffer, allocated, length);
	mutex_exit(&jail_lock);
	return error;
}

/* Describe a process.  Needs proc_lock; takes p_lock. */
static void
process_describe(struct jail *j, struct proc *p, bool zombie,
    struct jail_process *jx)
{
	struct jail_ticks ticks;

	KASSERT(mutex_owned(&proc_lock));

	if (jx == NULL)
		return;
	mutex_enter(p->p_lock);
	jx->jx_id = j->j_id;
	jx->jx_pid = p->p_pid;
	jx->jx_parent = p->p_pptr != NULL ? p->p_pptr->p_pid : 0;
	jx->jx_uid = kauth_cred_geteuid(p->p_cred);
	jx->jx_threads = zombie ? 0 : p->p_nlwps;
	if (zombie)
		jx->jx_flags |= JAIL_PROCESS_ZOMBIE;
	else
		process_pages(p, &jx->jx_resident, &jx->jx_virtual);
	if (p == j->j_init)
		jx->jx_flags |= JAIL_PROCESS_INIT;
	process_ticks(p, &ticks);
	jx->jx_ticks = ticks.jk_user + ticks.jk_system + ticks.jk_interrupt;
	jx->jx_started = p->p_stats->p_start.tv_sec;
	strlcpy(jx->jx_command, p->p_comm, sizeof(jx->jx_command));
	mutex_exit(p->p_lock);
}

/* Add all processes of jails to a list.  Needs jail_lock; takes proc_lock. */
static void
processes_fill(const struct reader *rd, struct list *ls)
{
	struct jail_member *jm;
	struct proc *p;
	struct jail *j;

	KASSERT(mutex_owned(&jail_lock));

	if (!rd->rd_root && rd->rd_jail == NULL)
		return;

	mutex_enter(&proc_lock);
	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (!reader_inside(rd, j))
			continue;
		LIST_FOREACH(jm, &j->j_members, jm_list) {
			if (jm->jm_proc->p_stat != SIDL)
				process_describe(j, jm->jm_proc, false,
				    list_next(ls));
		}
	}
	/* Who waits for a jail's end waits for these two, as destroy does. */
	PROCLIST_FOREACH(p, &allproc) {
		if (!jail_proc_leaving(p))
			continue;
		j = jail_of_proc(p);
		if (reader_inside(rd, j))
			process_describe(j, p, true, list_next(ls));
	}
	PROCLIST_FOREACH(p, &zombproc) {
		/* It has its credential for as long as it is here. */
		j = jail_of_proc(p);
		if (j != NULL && reader_inside(rd, j))
			process_describe(j, p, true, list_next(ls));
	}
	mutex_exit(&proc_lock);
}

/*
 * The list of processes: none for the host's users but root.  The caller
 * frees the buffer.  May sleep; takes jail_lock and proc_lock.
 */
int
jail_snapshot_processes(struct lwp *l, void **buffer, size_t *allocated,
    size_t *length)
{
	struct reader rd;
	struct list ls;
	struct jail *j;
	size_t n = 0;
	int error;

	mutex_enter(&jail_lock);
	reader_init(&rd, l);
	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (reader_inside(&rd, j))
			n += atomic_load_relaxed(&j->j_nmembers);
	}
	list_fill(&ls, sizeof(struct jail_process), n, &rd, processes_fill);
	error = list_finish(&ls, &rd, buffer, allocated, length);
	mutex_exit(&jail_lock);
	return error;
}

/*
 * The list of reservations, by jail: none for the host's users but root.
 * The caller frees the buffer.  May sleep; takes jail_lock.
 */
int
jail_snapshot_ports(struct lwp *l, void **buffer, size_t *allocated,
    size_t *length)
{
	struct jail_port_owner *jo;
	struct reader rd;
	struct list ls;
	struct jail *j;
	size_t n = 0;
	uint32_t i;
	int error;

	mutex_enter(&jail_lock);
	reader_init(&rd, l);
	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (reader_inside(&rd, j))
			n += j->j_nports;
	}
	list_alloc(&ls, sizeof(*jo), n);
	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (!reader_inside(&rd, j))
			continue;
		for (i = 0; i < j->j_nports; i++) {
			jo = list_next(&ls);
			jo->jo_id = j->j_id;
			jo->jo_port = j->j_ports[i];
		}
	}
	error = list_finish(&ls, &rd, buffer, allocated, length);
	mutex_exit(&jail_lock);
	return error;
}

/* Add events to a list.  Needs jail_lock; takes jail_leaf. */
static void
events_fill(const struct reader *rd, struct list *ls)
{
	struct jail_event *to;
	struct jail *j;
	u_int room;

	KASSERT(mutex_owned(&jail_lock));

	TAILQ_FOREACH(j, &jail_list, j_list) {
		if (!reader_inside(rd, j) ||
		    (rd->rd_id != 0 && rd->rd_id != j->j_id))
			continue;
		room = ls->ls_room - MIN(ls->ls_room, ls->ls_count);
		to = (struct jail_event *)((struct jail_snapshot *)
		    ls->ls_buffer + 1) + (ls->ls_room - room);
		ls->ls_count += rd->rd_seen ?
		    jail_event_seen(j, !rd->rd_root, to, room) :
		    jail_event_copy(j, rd->rd_since, !rd->rd_root, to, room);
	}
}

/*
 * Whether a reader may wait for the events of a jail, and of which: inside,
 * of the own one.  Needs jail_lock.
 */
static int
events_waitable(const struct reader *rd, uint32_t *idp)
{
	struct jail *j = rd->rd_jail;

	KASSERT(mutex_owned(&jail_lock));

	if (j == NULL && !rd->rd_root)
		return EPERM;
	if (j == NULL && rd->rd_id == 0) {
		*idp = 0;
		return 0;
	}
	if (j == NULL)
		j = jail_find(rd->rd_id);
	else if (rd->rd_id != 0 && rd->rd_id != j->j_id)
		j = NULL;
	if (j == NULL || j->j_state != JAIL_STATE_ACTIVE)
		return ESRCH;
	*idp = j->j_id;
	return 0;
}

/*
 * The list of events after since, by jail, of each the oldest first; with
 * seen, of what rules above the floor denied.  id 0 is for all jails.  Of
 * others than the reader's own there are none, and none for the host's users
 * but root.  With wait, sleep until there is one, or a signal comes, or there
 * can be none any more.  The caller frees the buffer.  Needs the sysctl tree
 * lock, but not while it waits; takes jail_lock, event_lock and jail_leaf.
 */
int
jail_snapshot_events(struct lwp *l, uint32_t id, uint64_t since, bool seen,
    bool wait, void **buffer, size_t *allocated, size_t *length)
{
	struct reader rd;
	struct list ls;
	uint32_t count, what;
	int error, refused;

	for (;;) {
		what = 0;
		mutex_enter(&jail_lock);
		reader_init(&rd, l);
		rd.rd_id = id;
		rd.rd_since = since;
		rd.rd_seen = seen;
		refused = wait ? events_waitable(&rd, &what) : 0;
		count = jail_event_count(what);
		list_fill(&ls, sizeof(struct jail_event), 0, &rd,
		    events_fill);
		error = list_finish(&ls, &rd, buffer, allocated, length);
		mutex_exit(&jail_lock);
		if (!wait || ls.ls_count > 0)
			return error;

		list_free(&ls);
		if (refused != 0)
			return refused;
		sysctl_unlock();
		error = jail_event_wait(what, count);
		sysctl_relock();
		if (error != 0)
			return error;
	}
}

/* The policy table, for everyone.  The caller frees the buffer. */
int
jail_snapshot_policy(struct lwp *l, void **buffer, size_t *allocated,
    size_t *length)
{
	struct list ls;
	u_int i;

	list_alloc(&ls, sizeof(jail_rules[0]), jail_nrules);
	for (i = 0; i < jail_nrules; i++)
		memcpy(list_next(&ls), &jail_rules[i], sizeof(jail_rules[0]));
	return list_finish(&ls, NULL, buffer, allocated, length);
}

/* The words, for everyone.  The caller frees the buffer. */
int
jail_snapshot_words(struct lwp *l, void **buffer, size_t *allocated,
    size_t *length)
{
	struct list ls;
	u_int i;

	list_alloc(&ls, sizeof(jail_words[0]), jail_nwords);
	for (i = 0; i < jail_nwords; i++)
		memcpy(list_next(&ls), &jail_words[i], sizeof(jail_words[0]));
	return list_finish(&ls, NULL, buffer, allocated, length);
}
