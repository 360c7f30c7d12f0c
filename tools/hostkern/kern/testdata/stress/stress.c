/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Threads that do at random, at the same time, all that the model is for,
 * and look at what they read.  What does not hold is a panic.  It is a
 * program of its own, and C alone: cgo would order the threads at every call
 * for the thread sanitizer.  stress_test.go builds and runs it.
 *
 * Nobody but its maker changes or ends a process; others ask about it as
 * long as they hold its slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "stress.h"

#include <sys/kauth.h>
#include <sys/signal.h>

static struct worker workers[NWORKERS];
u_int nworkers;
static u_int lastpid;
u_int lastid;			/* of the jails made */
bool ending;
static pthread_mutex_t choice = PTHREAD_MUTEX_INITIALIZER;
static struct { u_long done, refused; } counts[NKINDS];

u_int
dice(struct worker *w, u_int n)
{

	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (u_int)(w->random >> 33) % n;
}

void
count(enum kind kind, int error)
{

	(void)__atomic_add_fetch(error == 0 ? &counts[kind].done :
	    &counts[kind].refused, 1, __ATOMIC_RELAXED);
}

/* An id that there is, was, or will be. */
uint32_t
some_jail(struct worker *w)
{
	const u_int n = __atomic_load_n(&lastid, __ATOMIC_RELAXED);

	return n <= 2 ? n + 1 : n + 1 - dice(w, n < 6 ? n : 6);
}

static int
some_signal(struct worker *w)
{
	static const int signals[] = { SIGKILL, SIGKILL, SIGTERM, SIGURG };

	return signals[dice(w, __arraycount(signals))];
}

/* ---- Processes. */

/* A slot of one's own, with a process in it or an empty one; or NULL. */
struct slot *
own_slot(struct worker *w, bool empty)
{
	const u_int from = dice(w, NSLOTS);
	struct slot *s;
	u_int i;

	for (i = 0; i < NSLOTS; i++) {
		s = &w->slots[(from + i) % NSLOTS];
		if ((s->p == NULL) == empty)
			return s;
	}
	return NULL;
}

/* Anyone's process, which does not end until slot_leave(); or NULL. */
static struct slot *
slot_visit(struct worker *w)
{
	struct slot *s = &workers[dice(w, nworkers)].slots[dice(w, NSLOTS)];

	pthread_rwlock_rdlock(&s->life);
	if (s->p != NULL)
		return s;
	pthread_rwlock_unlock(&s->life);
	return NULL;
}

static void
slot_leave(struct slot *s)
{

	pthread_rwlock_unlock(&s->life);
}

static void
slot_fill(struct slot *s, struct proc *p)
{

	pthread_rwlock_wrlock(&s->life);
	s->p = p;
	pthread_rwlock_unlock(&s->life);
}

static struct proc *
proc_new(u_int uid)
{
	const struct hk_ids ids = { { uid, uid, uid }, { uid, uid, uid } };

	return hk_proc_new(NULL, (int)__atomic_add_fetch(&lastpid, 1,
	    __ATOMIC_RELAXED), &ids);
}

static int
root_open(void)
{
	int fd;

	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		panic("stress: no root directory");
	return fd;
}

static int
command(struct proc *p, struct jail_request *jq, size_t nports,
    struct jail_reply *reply)
{
	size_t len = sizeof(*reply);

	jq->jq_abi = JAIL_ABI_VERSION;
	jq->jq_nports = (uint32_t)nports;
	return hk_sysctl(p, "security.models.jail.command", jq,
	    sizeof(*jq) + nports * sizeof(struct jail_port), reply, &len);
}

/* A process of the host is made, and enters. */
static void
do_enter(struct worker *w)
{
	struct slot *s = own_slot(w, true);
	struct jail_request jq = { .jq_command = JAIL_COMMAND_ENTER };
	struct jail_reply reply;
	struct proc *p;
	int error;

	if (s == NULL)
		return;
	p = proc_new(0);
	if (hk_proc_setfiles(p, NULL, 0) != 0 ||
	    hk_proc_setdirs(p, root_open(), root_open(), 0) != 0)
		panic("stress: no files");
	hk_proc_flags(p, HK_P_LEADER, 0);
	/* Half of them are known before. */
	if (dice(w, 2) == 0)
		slot_fill(s, p);
	jq.jq_id = some_jail(w);
	jq.jq_flags = (dice(w, 3) == 0 ? JAIL_ENTER_INIT : 0) |
	    (dice(w, 2) == 0 ? JAIL_ENTER_EXEC : 0);
	error = command(p, &jq, 0, &reply);
	if (error == 0 && hk_jail_of(p) != jq.jq_id)
		panic("stress: entered %u, is in %u", jq.jq_id,
		    hk_jail_of(p));
	if (error != 0 && hk_jail_of(p) != JAIL_HOST)
		panic("stress: refused, is in %u", hk_jail_of(p));
	count(ENTER, error);
	slot_fill(s, p);
}

static void
do_fork(struct worker *w)
{
	struct slot *s = own_slot(w, false), *free = own_slot(w, true);
	const int pid = (int)__atomic_add_fetch(&lastpid, 1,
	    __ATOMIC_RELAXED);
	struct proc *child;
	int error;

	if (s == NULL || free == NULL)
		return;
	error = hk_ask_fork(s->p);
	count(FORK, error);
	if (error != 0)
		return;
	if (dice(w, 2) == 0)
		child = hk_proc_new(s->p, pid, NULL);
	else {
		child = hk_proc_embryo(s->p);
		hk_proc_arrive(child, pid);
	}
	if (hk_jail_of(child) != hk_jail_of(s->p))
		panic("stress: a child of %u is in %u", hk_jail_of(s->p),
		    hk_jail_of(child));
	slot_fill(free, child);
}

static void
do_exit(struct worker *w)
{
	struct slot *s = own_slot(w, false);

	if (s == NULL)
		return;
	pthread_rwlock_wrlock(&s->life);
	hk_proc_exit(s->p);
	/* A zombie for a moment. */
	if (dice(w, 2) == 0)
		sched_yield();
	hk_proc_free(s->p);
	s->p = NULL;
	pthread_rwlock_unlock(&s->life);
}

/* What a process does to itself, and keeps its jail. */
static void
do_change(struct worker *w)
{
	struct slot *s = own_slot(w, false), *other;
	struct hk_gauges gauges = { .threads = 2, .resident = 10,
	    .virtual_ = 20, .user = 30, .start_sec = 40 };
	struct hk_ids ids = { { 0, 0, 0 }, { 0, 0, 0 } };
	uint32_t jail;

	if (s == NULL)
		return;
	jail = hk_jail_of(s->p);
	switch (dice(w, 4)) {
	case 0:
		ids.uid[0] = ids.uid[1] = dice(w, 3);
		hk_proc_ids(s->p, &ids);
		break;
	case 1:
		hk_proc_exec(s->p);
		break;
	case 2:
		hk_proc_gauges(s->p, &gauges);
		hk_proc_command(s->p, "changed");
		break;
	case 3:
		other = own_slot(w, false);
		if (other != s)
			hk_proc_parent(s->p, other->p);
		break;
	}
	if (hk_jail_of(s->p) != jail)
		panic("stress: left %u for %u", jail, hk_jail_of(s->p));
}

/* ---- Questions. */

static void
ask_bind(struct worker *w, struct proc *p)
{
	const int family = dice(w, 2) == 0 ? 2 : 24;
	const int type = 1 + (int)dice(w, 2);
	struct socket *so;
	u_int i;

	(void)hk_ask_socket_open(p, family, type, 0);
	so = hk_socket_new(p, family, type, type == 1 ? 6 : 17);
	(void)hk_ask_bind_anyaddr(p, so);
	if (dice(w, 2) == 0)
		count(BIND, hk_ask_bind(p, so,
		    (uint16_t)(1000 + dice(w, 60))));
	else {
		/* As softnet_lock has it, one chooses at a time. */
		pthread_mutex_lock(&choice);
		if (hk_ask_autobind(p, so) == 0)
			for (i = 0; i < 5; i++)
				(void)hk_ask_candidate(p, so,
				    (uint16_t)(1000 + dice(w, 60)), 0);
		pthread_mutex_unlock(&choice);
	}
	hk_socket_free(so);
}

static void
do_ask(struct worker *w)
{
	struct slot *own = own_slot(w, false), *s;
	struct proc *p, *t;
	int error = 0;

	p = own != NULL && dice(w, 4) != 0 ? own->p :
	    dice(w, 2) == 0 ? w->root : w->user;
	if (dice(w, 3) == 0) {
		ask_bind(w, p);
		return;
	}
	s = slot_visit(w);
	if (s == NULL)
		return;
	t = s->p;
	switch (dice(w, 12)) {
	case 0:
		error = hk_ask_signal(p, t, SIGTERM);
		break;
	case 1:
		error = hk_ask_ptrace(p, t, 9);
		break;
	case 2:
		error = hk_ask_cansee(p, t, KAUTH_REQ_PROCESS_CANSEE_KPTR);
		break;
	case 3:
		error = hk_ask_sched(p, t, KAUTH_PROCESS_SCHEDULER_SETPARAM,
		    1, 1);
		break;
	case 4:
		error = hk_ask_nice(p, t, 10);
		break;
	case 5:
		error = hk_ask_procfs(p, t, KAUTH_REQ_PROCESS_PROCFS_READ);
		break;
	case 6:
		error = hk_ask_kevent(p, t);
		break;
	case 7:
		error = hk_ask_system(p, KAUTH_SYSTEM_CHROOT,
		    KAUTH_REQ_SYSTEM_CHROOT_CHROOT, 0, 0);
		break;
	case 8:
		error = hk_ask_generic(p, KAUTH_GENERIC_ISSUSER);
		break;
	case 9:
		error = hk_ask_tty(p, KAUTH_DEVICE_TTY_OPEN, 0);
		break;
	case 10:
		error = hk_ask_vnode(p, KAUTH_VNODE_REVOKE, 0020000, 0, 0);
		break;
	case 11:
		error = hk_ask_socket_open(p, 2, 3, 1);
		break;
	}
	slot_leave(s);
	count(ASK, error);
}

/* ---- Commands. */

static size_t
some_ports(struct worker *w, struct jail_port *jp)
{
	static const uint16_t protocols[] = { JAIL_PROTOCOL_ANY,
	    JAIL_PROTOCOL_TCP, JAIL_PROTOCOL_UDP };
	const size_t n = dice(w, 3);
	size_t i;

	for (i = 0; i < n; i++) {
		jp[i].jp_protocol = protocols[dice(w, 3)];
		jp[i].jp_first = (uint16_t)(1000 + dice(w, 60));
		jp[i].jp_last = (uint16_t)(jp[i].jp_first + dice(w, 8));
	}
	return n;
}

/* A request with room for its ports. */
struct request {
	struct jail_request q;
	struct jail_port ports[2];
};

static void
some_config(struct worker *w, struct jail_config *jc)
{

	/* At the root of the host there is no other level than low. */
	jc->jc_level = JAIL_LEVEL_LOW;
	jc->jc_allow = UINT64_C(1) << dice(w, 31);
	jc->jc_deny = UINT64_C(1) << dice(w, 31);
	jc->jc_flags = dice(w, 4);
	jc->jc_processes = dice(w, 8);
	jc->jc_limits = 1 << 8;
	jc->jc_soft[8] = 100;
	jc->jc_hard[8] = 200;
}

static void
do_create(struct worker *w)
{
	struct request r;
	struct jail_reply reply;
	u_int id;
	size_t n;
	int error;

	memset(&r, 0, sizeof(r));
	r.q.jq_command = JAIL_COMMAND_CREATE;
	some_config(w, &r.q.jq_config);
	snprintf(r.q.jq_name, sizeof(r.q.jq_name), "j%u", dice(w, NNAMES));
	strlcpy(r.q.jq_root, dice(w, 20) == 0 ? "/none" : "/",
	    sizeof(r.q.jq_root));
	n = some_ports(w, r.ports);
	error = command(w->root, &r.q, n, &reply);
	count(CREATE, error);
	if (error != 0)
		return;
	id = __atomic_load_n(&lastid, __ATOMIC_RELAXED);
	while (id < reply.jy_id && !__atomic_compare_exchange_n(&lastid, &id,
	    reply.jy_id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

static void
do_set(struct worker *w)
{
	struct jail_config jc, *to;
	struct jail_reply reply;
	struct request r;
	size_t n = 0;

	memset(&jc, 0, sizeof(jc));
	some_config(w, &jc);
	memset(&r, 0, sizeof(r));
	r.q.jq_command = JAIL_COMMAND_SET;
	r.q.jq_id = some_jail(w);
	r.q.jq_mask = 1 + dice(w, 255);
	to = &r.q.jq_config;
	if ((r.q.jq_mask & JAIL_SET_LEVEL) != 0)
		to->jc_level = jc.jc_level;
	if ((r.q.jq_mask & JAIL_SET_ALLOW) != 0)
		to->jc_allow = jc.jc_allow;
	if ((r.q.jq_mask & JAIL_SET_DENY) != 0)
		to->jc_deny = jc.jc_deny;
	if ((r.q.jq_mask & JAIL_SET_STRICT) != 0)
		to->jc_flags |= jc.jc_flags & JAIL_STRICT;
	if ((r.q.jq_mask & JAIL_SET_OBSERVE) != 0)
		to->jc_flags |= jc.jc_flags & JAIL_OBSERVE;
	if ((r.q.jq_mask & JAIL_SET_PROCESSES) != 0)
		to->jc_processes = jc.jc_processes;
	if ((r.q.jq_mask & JAIL_SET_LIMITS) != 0) {
		to->jc_limits = jc.jc_limits;
		memcpy(to->jc_soft, jc.jc_soft, sizeof(jc.jc_soft));
		memcpy(to->jc_hard, jc.jc_hard, sizeof(jc.jc_hard));
	}
	if ((r.q.jq_mask & JAIL_SET_PORTS) != 0)
		n = some_ports(w, r.ports);
	count(SET, command(w->root, &r.q, n, &reply));
}

static void
do_kill(struct worker *w)
{
	struct jail_request jq = { .jq_command = JAIL_COMMAND_KILL };
	struct jail_reply reply;
	int pids[64], signos[64];

	jq.jq_id = some_jail(w);
	jq.jq_signal = some_signal(w);
	count(KILL, command(w->root, &jq, 0, &reply));
	(void)hk_signals(pids, signos, (int)__arraycount(pids));
}

static void
do_destroy(struct worker *w)
{
	struct jail_request jq = { .jq_command = JAIL_COMMAND_DESTROY };
	struct jail_reply reply;

	jq.jq_id = some_jail(w);
	count(DESTROY, command(w->root, &jq, 0, &reply));
}

/* Nobody of these commands. */
static void
do_trespass(struct worker *w)
{
	struct slot *s = own_slot(w, false);
	struct jail_request jq = { .jq_command = JAIL_COMMAND_DESTROY };
	struct jail_reply reply;
	struct proc *p = w->user;

	if (s != NULL && hk_jail_of(s->p) != JAIL_HOST)
		p = s->p;
	jq.jq_id = some_jail(w);
	if (command(p, &jq, 0, &reply) != EPERM)
		panic("stress: not the host's root, and commands");
}

static void
do_bound(struct worker *w)
{
	struct slot *s = own_slot(w, false);
	struct hk_bound b[2] = {
		{ s != NULL ? s->p : NULL, 2, 6, (uint16_t)(1000 + dice(w, 60)) },
		{ NULL, 24, 17, (uint16_t)(1000 + dice(w, 60)) },
	};

	if (hk_set_bound(b, (int)dice(w, 3)) != 0)
		panic("stress: no memory");
}

/* ---- All of it. */

static const struct {
	void	(*act)(struct worker *);
	u_int	weight;
} acts[] = {
	{ do_enter, 20 }, { do_fork, 20 }, { do_exit, 30 }, { do_change, 20 },
	{ do_ask, 60 }, { do_create, 6 }, { do_set, 10 }, { do_kill, 1 },
	{ do_destroy, 8 }, { do_trespass, 2 }, { do_bound, 2 },
	{ do_read, 20 },
};

static void *
worker_run(void *cookie)
{
	struct worker *w = cookie;
	u_int i, n, total = 0;

	for (i = 0; i < __arraycount(acts); i++)
		total += acts[i].weight;
	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED)) {
		n = dice(w, total);
		for (i = 0; n >= acts[i].weight; i++)
			n -= acts[i].weight;
		acts[i].act(w);
	}
	while (own_slot(w, false) != NULL)
		do_exit(w);
	return NULL;
}

static void
worker_begin(struct worker *w, uint64_t seed)
{
	u_int i;

	memset(w, 0, sizeof(*w));
	w->random = seed;
	w->root = proc_new(0);
	w->user = proc_new(1000);
	w->buffer = malloc(BUFFER);
	if (w->buffer == NULL)
		panic("stress: no memory");
	for (i = 0; i < NSLOTS; i++)
		pthread_rwlock_init(&w->slots[i].life, NULL);
}

static void
worker_end(struct worker *w)
{
	u_int i;

	hk_proc_exit(w->root);
	hk_proc_free(w->root);
	hk_proc_exit(w->user);
	hk_proc_free(w->user);
	for (i = 0; i < NSLOTS; i++)
		pthread_rwlock_destroy(&w->slots[i].life);
	free(w->buffer);
}

/* Destroy every jail, in which there is nobody any more. */
static void
destroy_all(struct proc *root)
{
	struct jail_request jq = { .jq_command = JAIL_COMMAND_DESTROY };
	char name[JAIL_NAMELEN], path[JAIL_ROOTLEN];
	struct jail_reply reply;
	int error;

	while ((jq.jq_id = hk_jail_at(0, name, path)) != 0) {
		error = command(root, &jq, 0, &reply);
		if (error != 0)
			panic("stress: jail %u remains: error %d, reason %u, "
			    "detail %d", jq.jq_id, error, reply.jy_reason,
			    reply.jy_detail);
	}
}

/* How much there is of what has to be given back; the model is unloaded. */
struct balance {
	long		blocks, bytes, vnodes, references;
};

static void
weigh(struct balance *b)
{

	memset(b, 0, sizeof(*b));
	if (!hk_forget() || hk_unload() != 0)
		panic("stress: the model does not go");
	hk_kmem_stat(&b->blocks, &b->bytes);
	hk_vnode_stat(&b->vnodes, &b->references);
}

static void
load(void)
{

	if (hk_load() != 0)
		panic("stress: the model does not load");
}

static void
stress(u_int threads, u_int milliseconds, uint64_t seed)
{
	const struct timespec ts = { milliseconds / 1000,
	    (long)(milliseconds % 1000) * 1000000 };
	u_int i;

	nworkers = threads;
	for (i = 0; i < nworkers; i++)
		worker_begin(&workers[i], seed * 0x9e3779b97f4a7c15U + i + 1);
	for (i = 0; i < nworkers; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run,
		    &workers[i]) != 0)
			panic("stress: no thread");
	readers_begin(workers[0].root);
	nanosleep(&ts, NULL);
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
	for (i = 0; i < nworkers; i++)
		pthread_join(workers[i].thread, NULL);
	readers_end();
	(void)hk_set_bound(NULL, 0);
	destroy_all(workers[0].root);
	for (i = 0; i < nworkers; i++)
		worker_end(&workers[i]);
}

/* stress THREADS MILLISECONDS SEED */
int
main(int argc, char **argv)
{
	const struct hk_ids root = { { 0, 0, 0 }, { 0, 0, 0 } };
	struct balance before, after;
	u_int i;
	int status = 0;

	if (argc != 4)
		return 64;
	lastpid = 1000;
	hk_boot();
	(void)hk_proc_new(NULL, 1, &root);
	load();
	weigh(&before);
	load();
	hk_sleep_at(7);
	hk_tick(500);
	stress((u_int)atoi(argv[1]), (u_int)atoi(argv[2]),
	    strtoull(argv[3], NULL, 10));
	weigh(&after);
	if (memcmp(&before, &after, sizeof(before)) != 0) {
		printf("%ld blocks, %ld bytes, %ld vnodes and %ld references "
		    "are left\n", after.blocks - before.blocks,
		    after.bytes - before.bytes, after.vnodes - before.vnodes,
		    after.references - before.references);
		status = 1;
	}
	for (i = 0; i < NKINDS; i++) {
		printf("%s %lu done %lu refused\n", kinds[i],
		    counts[i].done, counts[i].refused);
		if (counts[i].done == 0 || counts[i].refused == 0)
			status = 1;	/* nothing was tried */
	}
	return status;
}
