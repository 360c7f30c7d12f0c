/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Locks that say what the real ones would.  A lock's class is the place
 * where it is made.  Taking a lock of class B while holding one of class A
 * settles A before B for good; a later contradiction, also a roundabout
 * one, is a panic, as are: taking a lock twice, two of one class, giving
 * up what one does not own, an adaptive lock under a spin lock, sleeping
 * where NetBSD's kernel may not.  All that takes time: benchmarks do without.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "hk.h"

#include <sys/cpu.h>
#include <sys/rwlock.h>

#define	NCLASS	256

struct hk_lock {
	enum hk_kind	kind;
	int		class;
	u_int		refs;		/* of mutex_obj */
	void		*owner;		/* thread, of mutex and writer */
	pthread_mutex_t	mutex;
	pthread_rwlock_t rw;
};

static struct {
	const char	*file;
	int		line;
} class_of[NCLASS];
static int nclass;
static unsigned char before[NCLASS][NCLASS];
static pthread_mutex_t class_lock = PTHREAD_MUTEX_INITIALIZER;

__thread struct hk_thread hk_self;

static bool checked = true;		/* by hk_lock_check */
static struct {
	struct hk_lock	*lock;		/* whose holds are timed, or NULL */
	struct timespec	since;
	long		longest;	/* nanoseconds */
} hold;

static int
class_find(const char *file, int line)
{
	int i;

	pthread_mutex_lock(&class_lock);
	for (i = 0; i < nclass; i++)
		if (class_of[i].line == line &&
		    strcmp(class_of[i].file, file) == 0)
			break;
	if (i == nclass) {
		if (nclass == NCLASS)
			panic("too many classes of locks");
		class_of[i].file = file;
		class_of[i].line = line;
		nclass++;
	}
	pthread_mutex_unlock(&class_lock);
	return i;
}

static struct hk_lock *
lock_new(enum hk_kind kind, const char *file, int line)
{
	struct hk_lock *l;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		panic("no memory for a lock");
	l->kind = kind;
	l->class = class_find(file, line);
	l->refs = 1;
	if (kind == HK_RW)
		pthread_rwlock_init(&l->rw, NULL);
	else
		pthread_mutex_init(&l->mutex, NULL);
	return l;
}

static void
lock_free(struct hk_lock *l)
{

	if (l == NULL)
		panic("a lock is destroyed that was never made");
	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) != NULL)
		panic("a lock is destroyed that is held");
	if (l->kind == HK_RW)
		pthread_rwlock_destroy(&l->rw);
	else
		pthread_mutex_destroy(&l->mutex);
	free(l);
}

/* Whether a is settled before b, also through others; class_lock is held. */
static bool
reaches(int a, int b, unsigned char *seen)
{
	int i;

	if (before[a][b])
		return true;
	seen[a] = 1;
	for (i = 0; i < nclass; i++)
		if (before[a][i] && !seen[i] && reaches(i, b, seen))
			return true;
	return false;
}

static void
settle(int a, int b, const char *file, int line)
{
	unsigned char seen[NCLASS];

	if (__atomic_load_n(&before[a][b], __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&class_lock);
	memset(seen, 0, sizeof(seen));
	if (a == b || reaches(b, a, seen))
		panic("%s:%d: lock order: %s:%d is held, and %s:%d taken "
		    "after it, which goes before it", file, line,
		    class_of[a].file, class_of[a].line,
		    class_of[b].file, class_of[b].line);
	__atomic_store_n(&before[a][b], 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&class_lock);
}

static struct hk_held *
find_held(const struct hk_lock *l)
{
	int i;

	for (i = hk_self.nheld - 1; i >= 0; i--)
		if (hk_self.held[i].lock == l)
			return &hk_self.held[i];
	return NULL;
}

/* Before blocking for a lock. */
static void
want(struct hk_lock *l, const char *file, int line)
{
	int i;

	if (l == NULL)
		panic("%s:%d: a lock is taken that was never made", file, line);
	if (!checked)
		return;
	if (find_held(l) != NULL)
		panic("%s:%d: locking against myself", file, line);
	if (l->kind != HK_SPIN && hk_self.nspin > 0)
		panic("%s:%d: an adaptive lock is taken with a spin lock held",
		    file, line);
	for (i = 0; i < hk_self.nheld; i++)
		settle(hk_self.held[i].lock->class, l->class, file, line);
}

static void
got(struct hk_lock *l, bool writer, const char *file, int line)
{
	struct hk_held *h;

	hk_self.taken++;
	if (__predict_false(l == hold.lock))
		clock_gettime(CLOCK_MONOTONIC, &hold.since);
	if (writer)
		__atomic_store_n(&l->owner, &hk_self, __ATOMIC_RELAXED);
	if (!checked)
		return;
	if (hk_self.nheld == HK_MAXHELD)
		panic("%s:%d: too many locks held", file, line);
	h = &hk_self.held[hk_self.nheld++];
	h->lock = l;
	h->writer = writer;
	h->file = file;
	h->line = line;
	if (l->kind == HK_SPIN)
		hk_self.nspin++;
}

/* Before giving up the lock whose holds are timed. */
static void
hold_end(void)
{
	struct timespec now;
	long held;

	clock_gettime(CLOCK_MONOTONIC, &now);
	held = (now.tv_sec - hold.since.tv_sec) * 1000000000L +
	    now.tv_nsec - hold.since.tv_nsec;
	if (held > hold.longest)
		hold.longest = held;
}

/* Before giving up a lock; says whether it was held for writing. */
static bool
ungot(struct hk_lock *l, const char *file, int line)
{
	struct hk_held *h;
	bool writer;

	if (__predict_false(l != NULL && l == hold.lock))
		hold_end();
	if (!checked) {
		writer = __atomic_load_n(&l->owner, __ATOMIC_RELAXED) ==
		    &hk_self;
		if (writer)
			__atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
		return writer;
	}
	h = l == NULL ? NULL : find_held(l);
	if (h == NULL)
		panic("%s:%d: a lock is given up that is not held", file, line);
	writer = h->writer;
	if (writer)
		__atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
	if (l->kind == HK_SPIN)
		hk_self.nspin--;
	memmove(h, h + 1, (size_t)((char *)&hk_self.held[hk_self.nheld] -
	    (char *)(h + 1)));
	hk_self.nheld--;
	return writer;
}

/*
 * Lets locks be checked, as they are from the start, or be as fast as they
 * can.  Unchecked, nobody may wait for a condition.  No lock may be held.
 */
void
hk_lock_check(int on)
{

	checked = on != 0;
}

/*
 * Times how long proc_lock is held, or no longer; returns the longest time
 * so far, in nanoseconds, and forgets it.  It may not be held.
 */
long
hk_time_proc_lock(int on)
{
	const long longest = hold.longest;

	hold.lock = on != 0 ? proc_lock.mtx_lock : NULL;
	hold.longest = 0;
	return longest;
}

/* Settles an order without taking the locks. */
void
hk_lock_order(kmutex_t *first, kmutex_t *second)
{

	settle(first->mtx_lock->class, second->mtx_lock->class, __FILE__,
	    __LINE__);
}

struct cpu_info *
curcpu(void)
{
	static __thread struct cpu_info ci;

	ci.ci_mtx_count = -hk_self.nspin;
	return &ci;
}

void
hk_assert_nospin(const char *file, int line)
{

	if (hk_self.nspin > 0)
		panic("%s:%d: a spin lock is held", file, line);
}

/*
 * Stricter than NetBSD's, which panics here under a spin lock only: the
 * model is not to sleep in a listener, nor with a process locked.
 */
void
hk_assert_sleepable(const char *file, int line)
{
	int i;

	hk_assert_nospin(file, line);
	if (hk_self.listener > 0)
		panic("%s:%d: sleeps in a listener", file, line);
	for (i = 0; i < hk_self.nheld; i++) {
		if (hk_self.held[i].lock == proc_lock.mtx_lock)
			panic("%s:%d: sleeps with proc_lock held", file, line);
		if (proc0.p_lock != NULL && hk_self.held[i].lock->class ==
		    proc0.p_lock->mtx_lock->class)
			panic("%s:%d: sleeps with p_lock held", file, line);
	}
}

void
hk_mutex_init(kmutex_t *m, kmutex_type_t type, int ipl, const char *file,
    int line)
{
	bool spin;

	spin = type == MUTEX_SPIN || (type != MUTEX_ADAPTIVE && ipl >= IPL_VM);
	m->mtx_lock = lock_new(spin ? HK_SPIN : HK_ADAPTIVE, file, line);
}

void
mutex_destroy(kmutex_t *m)
{

	lock_free(m->mtx_lock);
	m->mtx_lock = NULL;
}

void
hk_mutex_enter(kmutex_t *m, const char *file, int line)
{

	want(m->mtx_lock, file, line);
	pthread_mutex_lock(&m->mtx_lock->mutex);
	got(m->mtx_lock, true, file, line);
}

void
hk_mutex_exit(kmutex_t *m, const char *file, int line)
{

	(void)ungot(m->mtx_lock, file, line);
	pthread_mutex_unlock(&m->mtx_lock->mutex);
}

int
mutex_owned(const kmutex_t *m)
{

	return m->mtx_lock != NULL &&
	    __atomic_load_n(&m->mtx_lock->owner, __ATOMIC_RELAXED) == &hk_self;
}

kmutex_t *
hk_mutex_obj_alloc(kmutex_type_t type, int ipl, const char *file, int line)
{
	kmutex_t *m;

	m = calloc(1, sizeof(*m));
	if (m == NULL)
		panic("no memory for a lock");
	hk_mutex_init(m, type, ipl, file, line);
	return m;
}

bool
mutex_obj_free(kmutex_t *m)
{

	if (__atomic_sub_fetch(&m->mtx_lock->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return false;
	mutex_destroy(m);
	free(m);
	return true;
}

void
hk_rw_init(krwlock_t *r, const char *file, int line)
{

	r->rw_lock = lock_new(HK_RW, file, line);
}

void
rw_destroy(krwlock_t *r)
{

	lock_free(r->rw_lock);
	r->rw_lock = NULL;
}

void
hk_rw_enter(krwlock_t *r, krw_t op, const char *file, int line)
{

	want(r->rw_lock, file, line);
	if (op == RW_WRITER)
		pthread_rwlock_wrlock(&r->rw_lock->rw);
	else
		pthread_rwlock_rdlock(&r->rw_lock->rw);
	got(r->rw_lock, op == RW_WRITER, file, line);
}

int
hk_rw_tryenter(krwlock_t *r, krw_t op, const char *file, int line)
{
	int error;

	error = op == RW_WRITER ? pthread_rwlock_trywrlock(&r->rw_lock->rw) :
	    pthread_rwlock_tryrdlock(&r->rw_lock->rw);
	if (error != 0)
		return 0;
	got(r->rw_lock, op == RW_WRITER, file, line);
	return 1;
}

void
hk_rw_exit(krwlock_t *r, const char *file, int line)
{

	(void)ungot(r->rw_lock, file, line);
	pthread_rwlock_unlock(&r->rw_lock->rw);
}
