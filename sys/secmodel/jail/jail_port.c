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
 * Ports and who has reserved them.
 *
 * For each protocol a table of two steps says which jail a port belongs to,
 * however many jails and reservations there are.  Listeners read it without
 * a lock; writers hold jail_lock.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/bitops.h>
#include <sys/domain.h>
#include <sys/errno.h>
#include <sys/kauth.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/mutex.h>
#include <sys/protosw.h>
#include <sys/socket.h>
#include <sys/socketvar.h>

#include <netinet/in.h>

#include <secmodel/jail/jail_impl.h>

/* A reservation for any protocol is in all three. */
#define	TABLE_TCP	0
#define	TABLE_UDP	1
#define	TABLE_OTHER	2
#define	NTABLES		3

#define	NPORTS		65536
#define	PAGE_PORTS	256
#define	NPAGES		(NPORTS / PAGE_PORTS)

/* Ids of jails, JAIL_HOST for nobody; pages stay once they are there. */
static uint32_t	*port_pages[NTABLES][NPAGES];	/* j l */
static u_int	port_jails;			/* j l: with reservations */

/*
 * Who was choosing a port last.  An automatic choice asks once with port 0
 * and then for each candidate, all under softnet_lock, so that what other
 * asks for inet there is between belongs to another choice.
 */
static struct lwp	*auto_lwp;	/* softnet_lock */
static struct socket	*auto_socket;	/* softnet_lock */

/* Called once at load. */
void
jail_port_init(void)
{

	memset(port_pages, 0, sizeof(port_pages));
}

/* Called at unload, when no listener runs. */
void
jail_port_fini(void)
{
	u_int t, i;

	for (t = 0; t < NTABLES; t++) {
		for (i = 0; i < NPAGES; i++) {
			if (port_pages[t][i] != NULL)
				kmem_free(port_pages[t][i],
				    PAGE_PORTS * sizeof(uint32_t));
		}
	}
}

/* The jail that has reserved a port, or JAIL_HOST.  Needs no lock. */
static uint32_t
port_owner(u_int table, u_int port)
{
	uint32_t *page;

	page = __atomic_load_n(&port_pages[table][port / PAGE_PORTS],
	    __ATOMIC_CONSUME);
	if (page == NULL)
		return JAIL_HOST;
	return jail_load(&page[port % PAGE_PORTS]);
}

/* Set a port's owner.  Needs jail_lock.  May sleep. */
static void
port_set(u_int table, u_int port, uint32_t id)
{
	uint32_t **slot = &port_pages[table][port / PAGE_PORTS];

	KASSERT(mutex_owned(&jail_lock));

	if (*slot == NULL) {
		if (id == JAIL_HOST)
			return;
		atomic_store_release(slot,
		    kmem_zalloc(PAGE_PORTS * sizeof(uint32_t), KM_SLEEP));
	}
	atomic_store_relaxed(&(*slot)[port % PAGE_PORTS], id);
}

/* Whether a reservation is in a table. */
static bool
port_covers(const struct jail_port *jp, u_int table)
{

	switch (jp->jp_protocol) {
	case JAIL_PROTOCOL_TCP:
		return table == TABLE_TCP;
	case JAIL_PROTOCOL_UDP:
		return table == TABLE_UDP;
	default:
		return true;
	}
}

/* Name a jail, or the host, as the holder of a port.  Needs jail_lock. */
static void
port_holder(struct jail_reply *reply, const struct jail *holder)
{

	KASSERT(mutex_owned(&jail_lock));

	if (holder == NULL) {
		reply->jy_holder_id = JAIL_HOST;
		return;
	}
	reply->jy_holder_id = holder->j_id;
	strlcpy(reply->jy_holder, holder->j_name, sizeof(reply->jy_holder));
}

/* The first port of a range that another jail has.  Needs jail_lock. */
static int
port_check_taken(const struct jail_port *jp, uint32_t id,
    struct jail_reply *reply)
{
	uint32_t owner;
	u_int t, port;

	KASSERT(mutex_owned(&jail_lock));

	for (port = jp->jp_first; port <= jp->jp_last; port++) {
		for (t = 0; t < NTABLES; t++) {
			if (!port_covers(jp, t))
				continue;
			owner = port_owner(t, port);
			if (owner == JAIL_HOST || owner == id)
				continue;
			reply->jy_port.jp_protocol = jp->jp_protocol;
			reply->jy_port.jp_first = port;
			reply->jy_port.jp_last = port;
			port_holder(reply, jail_find(owner));
			return jail_refuse(reply, JAIL_REASON_PORT, 0,
			    EADDRINUSE);
		}
	}
	return 0;
}

/*
 * Whether a jail (NULL: one that is to be) may reserve n ports; the reply
 * says why not.  Needs jail_lock.
 */
int
jail_port_check(struct jail *j, const struct jail_port *ports, uint32_t n,
    struct jail_reply *reply)
{
	const struct jail_port *jp;
	uint32_t i;
	int error;

	KASSERT(mutex_owned(&jail_lock));

	for (i = 0; i < n; i++) {
		jp = &ports[i];
		if ((jp->jp_protocol != JAIL_PROTOCOL_ANY &&
		    jp->jp_protocol != JAIL_PROTOCOL_TCP &&
		    jp->jp_protocol != JAIL_PROTOCOL_UDP) ||
		    jp->jp_first == 0 || jp->jp_first > jp->jp_last ||
		    jp->jp_reserved != 0) {
			reply->jy_port = *jp;
			return jail_refuse(reply, JAIL_REASON_FIELD,
			    sizeof(struct jail_request) + i * sizeof(*jp),
			    EINVAL);
		}
		error = port_check_taken(jp, j != NULL ? j->j_id : JAIL_HOST,
		    reply);
		if (error != 0)
			return error;
	}
	return 0;
}

/* Mark the ports of a list, by table. */
static void
port_mark(uint8_t *map, const struct jail_port *ports, uint32_t n)
{
	u_int t, port;
	uint32_t i;

	for (i = 0; i < n; i++) {
		for (t = 0; t < NTABLES; t++) {
			if (!port_covers(&ports[i], t))
				continue;
			for (port = ports[i].jp_first;
			    port <= ports[i].jp_last; port++)
				setbit(map, t * NPORTS + port);
		}
	}
}

/* Give the ports of a list to an id, but for those marked.  Needs jail_lock. */
static void
port_give(const struct jail_port *ports, uint32_t n, uint32_t id,
    const uint8_t *except)
{
	u_int t, port;
	uint32_t i;

	KASSERT(mutex_owned(&jail_lock));

	for (i = 0; i < n; i++) {
		for (t = 0; t < NTABLES; t++) {
			if (!port_covers(&ports[i], t))
				continue;
			for (port = ports[i].jp_first;
			    port <= ports[i].jp_last; port++) {
				if (isclr(except, t * NPORTS + port))
					port_set(t, port, id);
			}
		}
	}
}

/*
 * Replace a jail's reservations by n that jail_port_check() has passed, all
 * or none.  What is kept is never without its owner.  Needs jail_lock.  May
 * sleep.
 *
 * They are published before the bound sockets are looked at: afterwards
 * nobody else can bind them, so that nothing slips in between.
 */
int
jail_port_replace(struct jail *j, const struct jail_port *ports, uint32_t n,
    struct jail_reply *reply)
{
	const size_t size = NTABLES * NPORTS / NBBY;
	struct jail *holder;
	struct jail_port *copy;
	uint8_t *old, *new;
	uint32_t i;
	int error = 0;

	KASSERT(mutex_owned(&jail_lock));

	if (n == 0 && j->j_nports == 0)
		return 0;

	copy = n == 0 ? NULL : kmem_alloc(n * sizeof(*copy), KM_SLEEP);
	old = kmem_zalloc(size, KM_SLEEP);
	new = kmem_zalloc(size, KM_SLEEP);
	port_mark(old, j->j_ports, j->j_nports);
	port_mark(new, ports, n);

	port_give(ports, n, j->j_id, old);
	if (j->j_nports == 0)
		atomic_store_release(&port_jails, port_jails + 1);
	for (i = 0; i < n; i++) {
		if (!jail_pcb_bound(j, &ports[i], &reply->jy_port, &holder))
			continue;
		port_holder(reply, holder);
		error = jail_refuse(reply, JAIL_REASON_PORT_BOUND, 0,
		    EADDRINUSE);
		break;
	}
	if (error != 0) {
		port_give(ports, n, JAIL_HOST, old);
		if (j->j_nports == 0)
			atomic_store_release(&port_jails, port_jails - 1);
		if (copy != NULL)
			kmem_free(copy, n * sizeof(*copy));
	} else {
		port_give(j->j_ports, j->j_nports, JAIL_HOST, new);
		if (n == 0)
			atomic_store_release(&port_jails, port_jails - 1);
		else
			memcpy(copy, ports, n * sizeof(*copy));
		if (j->j_nports != 0)
			kmem_free(j->j_ports,
			    j->j_nports * sizeof(j->j_ports[0]));
		j->j_ports = copy;
		j->j_nports = n;
	}
	kmem_free(old, size);
	kmem_free(new, size);
	return error;
}

/*
 * A socket is being made by this thread, so it isn't choosing a port: what
 * it chose one for may be gone, and the new one take its address.
 */
void
jail_port_socket_opened(void)
{

	if (atomic_load_relaxed(&auto_lwp) == curlwp)
		atomic_store_relaxed(&auto_lwp, NULL);
}

/* The verdict of a jail about a request of BIND. */
static uint8_t
bind_verdict(struct jail *j, u_int request)
{
	const int i = jail_rule_index(JAIL_SCOPE_NETWORK, KAUTH_NETWORK_BIND,
	    request);

	KASSERT(i >= 0);
	return jail_load(&j->j_verdict[i]);
}

/* Whether a socket is of IPv4 or IPv6, which have our ports. */
static bool
socket_inet(const struct socket *so)
{
	const int family = so->so_proto->pr_domain->dom_family;

	return family == AF_INET || family == AF_INET6;
}

/* The table for a socket's protocol. */
static u_int
socket_table(const struct socket *so)
{

	switch (so->so_proto->pr_protocol) {
	case IPPROTO_TCP:
		return TABLE_TCP;
	case IPPROTO_UDP:
		return TABLE_UDP;
	default:
		return TABLE_OTHER;
	}
}

/*
 * Whether who enters a jail may bring a socket: if it is bound, then to a
 * port that it could bind there; the reply says which one, and whose.  Needs
 * jail_lock; takes softnet_lock.
 */
bool
jail_port_may_bring(struct jail *j, struct socket *so,
    struct jail_reply *reply)
{
	u_int port;
	uint32_t owner;

	KASSERT(mutex_owned(&jail_lock));

	port = jail_pcb_port(so);
	if (port == 0)
		return true;
	owner = port_owner(socket_table(so), port);
	if (owner == j->j_id)
		return true;
	if (owner == JAIL_HOST &&
	    ((j->j_flags & JAIL_STRICT) == 0 || jail_observing(j)))
		return true;
	reply->jy_port.jp_protocol = (uint16_t)so->so_proto->pr_protocol;
	reply->jy_port.jp_first = reply->jy_port.jp_last = (uint16_t)port;
	port_holder(reply, jail_find(owner));
	return false;
}

/*
 * Deny a jail to bind a port (0: any), by the rule for a request, or let it
 * pass.  Takes jail_leaf.
 */
static int
bind_deny(struct jail *j, kauth_cred_t cred, u_int scope, u_int request,
    const struct socket *so, u_int port, uint32_t owner, bool lifted)
{
	struct jail_event je;

	jail_event_make(&je, scope, jail_rule_index(JAIL_SCOPE_NETWORK,
	    KAUTH_NETWORK_BIND, request), KAUTH_NETWORK_BIND, request);
	je.je_kind = JAIL_DETAIL_PORT;
	je.je_detail = port;
	je.je_protocol = (uint32_t)so->so_proto->pr_protocol;
	je.je_target = owner;
	return jail_deny(j, cred, &je, lifted);
}

/*
 * Whether a jail (NULL: the host) may begin an automatic choice.  If so, this
 * thread chooses from now on.  Needs softnet_lock.
 */
static int
bind_begin(struct jail *j, kauth_cred_t cred, enum kauth_network_req req,
    struct socket *so)
{
	const uint32_t id = j != NULL ? j->j_id : JAIL_HOST;
	struct jail *holder;
	uint32_t owner;
	uint8_t verdict;
	u_int port;

	KASSERT(mutex_owned(softnet_lock));

	if (j != NULL) {
		verdict = bind_verdict(j, JAIL_REQ_BIND_AUTO);
		if ((verdict == JAIL_VERDICT_DENY ||
		    (verdict == JAIL_VERDICT_PORT &&
		    (atomic_load_relaxed(&j->j_flags) & JAIL_STRICT) != 0)) &&
		    bind_deny(j, cred, JAIL_SCOPE_PORT, JAIL_REQ_BIND_AUTO,
		    so, 0, JAIL_HOST, true) == KAUTH_RESULT_DENY)
			return KAUTH_RESULT_DENY;
		/* Without a candidate the choice would fail, and go on. */
		if (req == KAUTH_REQ_NETWORK_BIND_PRIVPORT &&
		    bind_verdict(j, req) == JAIL_VERDICT_DENY &&
		    bind_deny(j, cred, JAIL_SCOPE_NETWORK, req, so, 0,
		    JAIL_HOST, true) == KAUTH_RESULT_DENY)
			return KAUTH_RESULT_DENY;
	}

	/* Who picks an algorithm could have a port that nobody asks about. */
	port = jail_pcb_fallback(so);
	if (port != 0) {
		owner = port_owner(socket_table(so), port);
		if (owner != JAIL_HOST && owner != id)
			return j == NULL ? KAUTH_RESULT_DENY :
			    bind_deny(j, cred, JAIL_SCOPE_PORT,
			    KAUTH_REQ_NETWORK_BIND_PORT, so, port, owner,
			    false);
		if (j != NULL && port < IPPORT_RESERVED)
			return bind_deny(j, cred, JAIL_SCOPE_NETWORK,
			    KAUTH_REQ_NETWORK_BIND_PRIVPORT, so, port,
			    JAIL_HOST, false);
		if (j != NULL && jail_pcb_blind(j, so, port, &holder))
			return bind_deny(j, cred, JAIL_SCOPE_PORT,
			    KAUTH_REQ_NETWORK_BIND_PORT, so, port,
			    holder != NULL ? holder->j_id : JAIL_HOST, false);
	}

	atomic_store_relaxed(&auto_socket, so);
	atomic_store_relaxed(&auto_lwp, curlwp);
	return KAUTH_RESULT_DEFER;
}

/*
 * Whether a jail (NULL: the host) may have a candidate of an automatic
 * choice.  That one is passed over is nothing to report.  Needs no lock.
 *
 * The port is in host order, but an explicit one, in network order, may come
 * here too, if a choice has found nothing: so both orders have to be free.
 * For a candidate that is harmless, as it costs one of many; and it is never
 * less than what an explicit port is asked for, but that strict jails, which
 * are allowed to choose, get by it any port that nobody has reserved.
 */
static int
bind_candidate(struct jail *j, enum kauth_network_req req,
    const struct socket *so, const void *address, in_port_t port)
{
	const uint32_t id = j != NULL ? j->j_id : JAIL_HOST;
	const u_int table = socket_table(so);
	const u_int swapped = ntohs(port);
	const uint32_t first = port_owner(table, port);
	const uint32_t second = port_owner(table, swapped);
	struct jail *holder;

	if ((first != JAIL_HOST && first != id) ||
	    (second != JAIL_HOST && second != id))
		return KAUTH_RESULT_DENY;
	if (j == NULL || (first == id && second == id))
		return KAUTH_RESULT_DEFER;
	if (req == KAUTH_REQ_NETWORK_BIND_PRIVPORT &&
	    bind_verdict(j, req) == JAIL_VERDICT_DENY && !jail_observing(j))
		return KAUTH_RESULT_DENY;
	if (jail_pcb_steals(j, so, address, port, &holder) ||
	    jail_pcb_steals(j, so, address, swapped, &holder))
		return KAUTH_RESULT_DENY;
	return KAUTH_RESULT_DEFER;
}

/*
 * Whether a jail (NULL: the host) may have the port that it asks for, in host
 * order.  Takes jail_leaf.
 */
static int
bind_explicit(struct jail *j, kauth_cred_t cred, enum kauth_network_req req,
    struct socket *so, const void *address, u_int port)
{
	const uint32_t owner = port_owner(socket_table(so), port);
	struct jail *holder;

	if (j == NULL)
		return owner == JAIL_HOST ? KAUTH_RESULT_DEFER :
		    KAUTH_RESULT_DENY;
	if (owner == j->j_id)
		return KAUTH_RESULT_DEFER;
	if (owner == JAIL_HOST &&
	    jail_pcb_steals(j, so, address, port, &holder))
		return bind_deny(j, cred, JAIL_SCOPE_PORT,
		    KAUTH_REQ_NETWORK_BIND_PORT, so, port,
		    holder != NULL ? holder->j_id : JAIL_HOST, false);
	if (owner != JAIL_HOST ||
	    (atomic_load_relaxed(&j->j_flags) & JAIL_STRICT) != 0)
		return bind_deny(j, cred, JAIL_SCOPE_PORT,
		    KAUTH_REQ_NETWORK_BIND_PORT, so, port, owner,
		    owner == JAIL_HOST);
	if (req == KAUTH_REQ_NETWORK_BIND_PRIVPORT &&
	    bind_verdict(j, req) == JAIL_VERDICT_DENY)
		return bind_deny(j, cred, JAIL_SCOPE_NETWORK, req, so, port,
		    JAIL_HOST, true);
	return KAUTH_RESULT_DEFER;
}

/*
 * Whether a process may bind.  Needs softnet_lock, for inet; takes jail_leaf.
 *
 * The address is that of the caller for an explicit port.  For a candidate
 * of an automatic choice family and length of the address are whatever was
 * on the stack: so the family is the socket's.
 */
static __noinline int
bind_asked(kauth_cred_t cred, enum kauth_network_req req, struct socket *so,
    const void *address)
{
	const struct sockaddr_in *sin = address;	/* as in sockaddr_in6 */
	struct jail *j = jail_of(cred);

	if (j != NULL && jail_dying(j))
		return jail_deny_dying(j, JAIL_SCOPE_NETWORK);
	if (!socket_inet(so))
		return KAUTH_RESULT_DEFER;
	if (j == NULL && atomic_load_relaxed(&port_jails) == 0)
		return KAUTH_RESULT_DEFER;

	KASSERT(mutex_owned(softnet_lock));

	if (sin->sin_port == 0)
		return bind_begin(j, cred, req, so);
	if (atomic_load_relaxed(&auto_lwp) == curlwp &&
	    atomic_load_relaxed(&auto_socket) == so)
		return bind_candidate(j, req, so, address, sin->sin_port);
	atomic_store_relaxed(&auto_lwp, NULL);
	return bind_explicit(j, cred, req, so, address, ntohs(sin->sin_port));
}

/*
 * The same for the listener of the network scope, which is mostly asked by
 * the host, or for a port that the jail has reserved, or that nobody has.
 */
int
jail_port_bind(kauth_cred_t cred, enum kauth_network_req req,
    struct socket *so, const void *address)
{
	const struct sockaddr_in *sin = address;
	struct jail *j = NULL;
	uint32_t owner;
	u_int port;

	if (jail_nobody() || jail_glance(cred, &j)) {
		if (j == NULL) {
			if (jail_load(&port_jails) == 0)
				return KAUTH_RESULT_DEFER;
		} else if (!jail_dying(j) && jail_load(&auto_lwp) == NULL &&
		    socket_inet(so)) {
			port = ntohs(sin->sin_port);
			owner = port_owner(socket_table(so), port);
			if (owner == j->j_id)
				return KAUTH_RESULT_DEFER;
			if (owner == JAIL_HOST && port != 0 &&
			    req == KAUTH_REQ_NETWORK_BIND_PORT &&
			    (jail_load(&j->j_flags) & JAIL_STRICT) == 0 &&
			    jail_pcb_alone(so, port))
				return KAUTH_RESULT_DEFER;
		}
	}
	return bind_asked(cred, req, so, address);
}
