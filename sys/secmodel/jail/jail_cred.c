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
 * Which jail a credential belongs to.
 *
 * A hash table by the credential's address has a node for every jailed
 * credential and for no other, so that a host credential costs the load of
 * one counter, or of an empty bucket.  Specificdata would cost each of them
 * an adaptive mutex, which some callers, holding spin locks, may not take.
 *
 * Readers take no lock.  Nodes are type-stable: once allocated they are
 * reused, and freed only at unload.  A writer makes its bucket's sequence
 * odd while it changes the chain, and a reader believes what it found, or
 * missed, only if the sequence was even and stayed the same.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/proc.h>

#include <secmodel/jail/jail_impl.h>

#define	CHUNK		64	/* nodes allocated together */
#define	RESERVE		64	/* nodes kept for who can not allocate */
#define	BUCKETS_MIN	1024
#define	BUCKETS_MAX	65536

struct cred_chunk {
	SLIST_ENTRY(cred_chunk) cc_list;	/* s */
	struct jail_cred_node cc_nodes[CHUNK];
};

struct jail_cred_bucket *jail_cred_table;	/* : */
u_int			jail_cred_mask;	/* : */
u_int			jail_cred_count;	/* s l */
static struct jail_cred_node *cred_free;	/* s */
static u_int		cred_nfree;	/* s */
static SLIST_HEAD(, cred_chunk) cred_chunks;	/* s */

/*
 * The jail of a credential, or NULL if it is the host's.  Needs no lock, nor
 * a reference, but without one the result may only be compared.
 */
struct jail *
jail_cred_search(kauth_cred_t cred)
{
	const struct jail_cred_bucket *b;
	struct jail_cred_node *n;
	struct jail *j;
	u_int sequence;

	b = jail_cred_bucket(cred);
again:
	sequence = atomic_load_acquire(&b->cb_sequence);
	if (__predict_false((sequence & 1) != 0))
		goto again;	/* not for long: a writer isn't preempted */
	j = NULL;
	for (n = atomic_load_consume(&b->cb_first); n != NULL;
	    n = atomic_load_consume(&n->cn_next)) {
		if (atomic_load_relaxed(&n->cn_cred) == cred) {
			j = atomic_load_relaxed(&n->cn_jail);
			break;
		}
		/* A reused node may have led us into another chain. */
		membar_acquire();
		if (atomic_load_relaxed(&b->cb_sequence) != sequence)
			goto again;
	}
	membar_acquire();
	if (atomic_load_relaxed(&b->cb_sequence) != sequence)
		goto again;
	return j;
}

/*
 * The jail of a process, for comparing only.  p_lock need not be held, as
 * many callers of kauth(9) don't: p_cred is only compared and hashed here,
 * and what was found counts if the process has that credential still.
 */
struct jail *
jail_of_proc(struct proc *p)
{
	kauth_cred_t cred, now;
	struct jail *j;

	if (__predict_true(jail_nobody()))
		return NULL;
	now = atomic_load_relaxed(&p->p_cred);
	do {
		cred = now;
		j = jail_cred_search(cred);
		membar_acquire();
		now = atomic_load_relaxed(&p->p_cred);
	} while (now != cred);
	return j;
}

/* Add a chunk to the free nodes.  Needs jail_leaf. */
static void
cred_add_chunk(struct cred_chunk *cc)
{
	u_int i;

	KASSERT(mutex_owned(&jail_leaf));

	SLIST_INSERT_HEAD(&cred_chunks, cc, cc_list);
	for (i = 0; i < CHUNK; i++) {
		atomic_store_relaxed(&cc->cc_nodes[i].cn_next, cred_free);
		cred_free = &cc->cc_nodes[i];
	}
	cred_nfree += CHUNK;
}

/*
 * Make sure that n nodes, and the reserve, are free at this moment.  May
 * sleep; takes jail_leaf.
 */
void
jail_cred_reserve(u_int n)
{
	struct cred_chunk *cc;
	bool enough;

	ASSERT_SLEEPABLE();

	for (;;) {
		mutex_spin_enter(&jail_leaf);
		enough = cred_nfree >= n + RESERVE;
		mutex_spin_exit(&jail_leaf);
		if (enough)
			break;
		cc = kmem_zalloc(sizeof(*cc), KM_SLEEP);
		mutex_spin_enter(&jail_leaf);
		cred_add_chunk(cc);
		mutex_spin_exit(&jail_leaf);
	}
}

/* A credential's node, or NULL.  Needs jail_leaf. */
static struct jail_cred_node *
cred_lookup(kauth_cred_t cred)
{
	struct jail_cred_node *n;

	KASSERT(mutex_owned(&jail_leaf));

	n = jail_cred_bucket(cred)->cb_first;
	for (; n != NULL; n = n->cn_next) {
		if (n->cn_cred == cred)
			break;
	}
	return n;
}

/*
 * The id of a process's jail, of this moment.  p_lock need not be held: it
 * is jail_leaf, which is taken, that keeps the jail there.
 */
uint32_t
jail_id_of_proc(struct proc *p)
{
	struct jail_cred_node *n;
	uint32_t id;

	mutex_spin_enter(&jail_leaf);
	n = cred_lookup(atomic_load_relaxed(&p->p_cred));
	id = n != NULL ? n->cn_jail->j_id : JAIL_HOST;
	mutex_spin_exit(&jail_leaf);
	return id;
}

/* Begin and end a change of a bucket's chain.  Need jail_leaf. */
static void
cred_change(struct jail_cred_bucket *b)
{

	KASSERT(mutex_owned(&jail_leaf));
	KASSERT((b->cb_sequence & 1) == 0);

	atomic_store_relaxed(&b->cb_sequence, b->cb_sequence + 1);
	membar_producer();
}

static void
cred_changed(struct jail_cred_bucket *b)
{

	KASSERT(mutex_owned(&jail_leaf));
	KASSERT((b->cb_sequence & 1) == 1);

	atomic_store_release(&b->cb_sequence, b->cb_sequence + 1);
}

/* Let a node be of who is entering, or not.  Needs jail_leaf. */
static void
cred_mark(struct jail_cred_node *n, bool entering)
{
	struct jail *j = n->cn_jail;

	KASSERT(mutex_owned(&jail_leaf));

	if (n->cn_entering == entering)
		return;
	n->cn_entering = entering;
	atomic_store_relaxed(&j->j_entering,
	    entering ? j->j_entering + 1 : j->j_entering - 1);
}

/*
 * Give a credential to a jail, in place of another if it had one; a node is
 * free if it had none.  Needs jail_leaf.
 */
static void
cred_attach(kauth_cred_t cred, struct jail *j, bool entering)
{
	struct jail_cred_bucket *b = jail_cred_bucket(cred);
	struct jail_cred_node *n;

	KASSERT(mutex_owned(&jail_leaf));

	jail_hold(j);
	n = cred_lookup(cred);
	if (n != NULL) {
		cred_mark(n, false);
		jail_release(n->cn_jail);
		/* One word: readers see the one or the other. */
		atomic_store_release(&n->cn_jail, j);
		cred_mark(n, entering);
		return;
	}
	KASSERT(cred_nfree > 0);
	n = cred_free;
	cred_free = n->cn_next;
	cred_nfree--;
	cred_change(b);
	atomic_store_relaxed(&n->cn_cred, cred);
	atomic_store_relaxed(&n->cn_jail, j);
	atomic_store_relaxed(&n->cn_next, b->cb_first);
	atomic_store_release(&b->cb_first, n);
	cred_changed(b);
	cred_mark(n, entering);
	atomic_store_relaxed(&jail_cred_count, jail_cred_count + 1);
}

/*
 * Give a credential to a jail, with entering until its process executes, and
 * leave the reserve as it is.  The caller holds both.  May sleep; takes
 * jail_leaf.
 */
void
jail_cred_attach(kauth_cred_t cred, struct jail *j, bool entering)
{
	struct cred_chunk *cc;

	ASSERT_SLEEPABLE();

	mutex_spin_enter(&jail_leaf);
	while (cred_nfree <= RESERVE) {
		mutex_spin_exit(&jail_leaf);
		cc = kmem_zalloc(sizeof(*cc), KM_SLEEP);
		mutex_spin_enter(&jail_leaf);
		cred_add_chunk(cc);
	}
	cred_attach(cred, j, entering);
	mutex_spin_exit(&jail_leaf);
}

/*
 * Whether a process has entered a jail and not executed since.  p_lock need
 * not be held, as for jail_of_proc().  Takes jail_leaf.
 */
bool
jail_cred_entering(const struct proc *p)
{
	const struct jail_cred_node *n;
	kauth_cred_t cred;
	bool entering;

	do {
		cred = atomic_load_relaxed(&p->p_cred);
		mutex_spin_enter(&jail_leaf);
		n = cred_lookup(cred);
		entering = n != NULL && n->cn_entering;
		mutex_spin_exit(&jail_leaf);
	} while (atomic_load_relaxed(&p->p_cred) != cred);
	return entering;
}

/* A jailed process has executed with this credential.  Takes jail_leaf. */
void
jail_cred_entered(kauth_cred_t cred)
{

	mutex_spin_enter(&jail_leaf);
	cred_mark(cred_lookup(cred), false);
	mutex_spin_exit(&jail_leaf);
}

/*
 * Give a copy of a jailed credential to its jail, as entering as that is.
 * Does not sleep; takes jail_leaf.
 *
 * What a jailed thread copies to has had its jail from the start.  So a node
 * is taken from the reserve only for a thread that was in a system call, with
 * the host's credential, when another thread of its process entered, and
 * changes ids in that very call; jail_enter() has seen to a node for each.
 * If all of that memory were gone nevertheless there would be one thing
 * left: a credential that lost its jail would be the host's.
 */
static void
cred_attach_copy(kauth_cred_t cred, kauth_cred_t of, struct jail *j)
{
	struct cred_chunk *cc;

	mutex_spin_enter(&jail_leaf);
	if (cred_nfree == 0 && cred_lookup(cred) == NULL) {
		mutex_spin_exit(&jail_leaf);
		cc = kmem_zalloc(sizeof(*cc), KM_NOSLEEP);
		if (cc == NULL)
			panic("secmodel_jail: no memory for a credential");
		mutex_spin_enter(&jail_leaf);
		cred_add_chunk(cc);
	}
	cred_attach(cred, j, cred_lookup(of)->cn_entering);
	mutex_spin_exit(&jail_leaf);
}

/* A credential ends: forget it.  Does not sleep; takes jail_leaf. */
static void
cred_detach(kauth_cred_t cred)
{
	struct jail_cred_bucket *b = jail_cred_bucket(cred);
	struct jail_cred_node *n, **np;

	/* Its last reference is the caller's: nobody can be adding it. */
	if (jail_of(cred) == NULL)
		return;

	mutex_spin_enter(&jail_leaf);
	n = cred_lookup(cred);
	KASSERT(n != NULL);
	for (np = &b->cb_first; *np != n; np = &(*np)->cn_next)
		continue;
	cred_change(b);
	atomic_store_relaxed(np, n->cn_next);
	cred_changed(b);
	atomic_store_relaxed(&jail_cred_count, jail_cred_count - 1);
	cred_mark(n, false);
	jail_release(n->cn_jail);
	atomic_store_relaxed(&n->cn_next, cred_free);
	cred_free = n;
	cred_nfree++;
	mutex_spin_exit(&jail_leaf);
}

/*
 * Listener of the credentials scope.  It has to say ALLOW, always.  INIT
 * and FORK may sleep; COPY and FREE are asked with p_lock held, maybe.
 */
int
jail_cred_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct jail *j;

	switch (action) {
	case KAUTH_CRED_INIT:
		/*
		 * What a jailed process makes belongs to its jail from the
		 * start; a copy that follows then needs no memory.
		 */
		j = jail_of(curlwp->l_cred);
		if (j != NULL)
			jail_cred_attach(cred, j, false);
		break;
	case KAUTH_CRED_COPY:
		/* A copy of the host's does not leave its maker's jail. */
		j = jail_of(cred);
		if (j != NULL)
			cred_attach_copy(arg0, cred, j);
		break;
	case KAUTH_CRED_FORK:
		jail_proc_forked(arg1);
		break;
	case KAUTH_CRED_FREE:
		cred_detach(cred);
		break;
	default:
		break;
	}
	return KAUTH_RESULT_ALLOW;
}

/* Called once at load, before the listeners start.  May sleep. */
void
jail_cred_init(void)
{
	u_int n;

	for (n = BUCKETS_MIN; n < BUCKETS_MAX && n < (u_int)maxproc; n <<= 1)
		continue;
	jail_cred_mask = n - 1;
	jail_cred_table = kmem_zalloc(n * sizeof(*jail_cred_table), KM_SLEEP);
	SLIST_INIT(&cred_chunks);
	jail_cred_reserve(0);
}

/* Called at unload, when no listener runs and no jail ever was. */
void
jail_cred_fini(void)
{
	struct cred_chunk *cc;

	KASSERT(jail_cred_count == 0);

	while ((cc = SLIST_FIRST(&cred_chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&cred_chunks, cc_list);
		kmem_free(cc, sizeof(*cc));
	}
	cred_free = NULL;
	cred_nfree = 0;
	kmem_free(jail_cred_table,
	    (jail_cred_mask + 1) * sizeof(*jail_cred_table));
}
