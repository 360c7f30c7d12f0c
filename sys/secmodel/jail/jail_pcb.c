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
 * Which ports are bound already, by the protocols' own tables.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/mutex.h>
#include <sys/protosw.h>
#include <sys/socket.h>
#include <sys/socketvar.h>

#include <net/if.h>
#include <net/route.h>

#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/in_pcb.h>
#include <netinet/ip.h>
#include <netinet/ip_var.h>
#include <netinet/ip6.h>
#include <netinet6/ip6_var.h>
#include <netinet/portalgo.h>
#include <netinet/tcp.h>
#include <netinet/tcp_timer.h>
#include <netinet/tcp_var.h>
#include <netinet/udp.h>
#include <netinet/udp_var.h>

#include <secmodel/jail/jail_impl.h>

/*
 * A socket of another than j that is bound in a range.  Needs softnet_lock.
 *
 * Connections that nobody has open any more, as they close or were not
 * accepted yet, hold no port: else a server that was restarted in a new jail
 * could not have its own for minutes.  Who listens is here for himself.
 */
static bool
pcb_find(struct inpcbtable *table, struct jail *j,
    const struct jail_port *range, u_int *port, struct jail **holder)
{
	struct inpcb *inp;
	struct socket *so;

	KASSERT(mutex_owned(softnet_lock));

	TAILQ_FOREACH(inp, &table->inpt_queue, inp_queue) {
		*port = ntohs(inp->inp_lport);
		if (*port < range->jp_first || *port > range->jp_last)
			continue;
		so = inp->inp_socket;
		if (so == NULL || (so->so_state & SS_NOFDREF) != 0)
			continue;
		*holder = so->so_cred != NULL ? jail_of(so->so_cred) : NULL;
		if (*holder != j)
			return true;
	}
	return false;
}

/*
 * Whether somebody else has bound a port of a range; if so, bound says which
 * and holder who (NULL: the host).  Needs jail_lock, which keeps the holder;
 * takes softnet_lock.
 */
bool
jail_pcb_bound(struct jail *j, const struct jail_port *range,
    struct jail_port *bound, struct jail **holder)
{
	u_int port = 0;
	uint16_t protocol = JAIL_PROTOCOL_TCP;
	bool found = false;

	KASSERT(mutex_owned(&jail_lock));

	mutex_enter(softnet_lock);
	if (range->jp_protocol != JAIL_PROTOCOL_UDP)
		found = pcb_find(&tcbtable, j, range, &port, holder);
	if (!found && range->jp_protocol != JAIL_PROTOCOL_TCP) {
		protocol = JAIL_PROTOCOL_UDP;
		found = pcb_find(&udbtable, j, range, &port, holder);
	}
	mutex_exit(softnet_lock);

	if (found) {
		bound->jp_protocol = protocol;
		bound->jp_first = port;
		bound->jp_last = port;
	}
	return found;
}

/* Where a socket is bound, or is to be. */
struct place {
	bool		pl_any;		/* at every address */
	bool		pl_in;		/* of IPv4, at pl_addr */
	bool		pl_in6;		/* of IPv6, at pl_addr6 */
	struct in_addr	pl_addr;
	struct in6_addr	pl_addr6;
};

static struct place
place_in(struct in_addr addr)
{
	struct place pl = { .pl_in = true, .pl_addr = addr };

	pl.pl_any = addr.s_addr == INADDR_ANY;
	return pl;
}

/* Without IPV6_V6ONLY every address of IPv6 has all those of IPv4 in it. */
static struct place
place_in6(const struct inpcb *inp, const struct in6_addr *addr)
{
	struct place pl = { .pl_in6 = true, .pl_addr6 = *addr };
	struct in_addr in;

	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		memcpy(&in, &addr->s6_addr[12], sizeof(in));
		return place_in(in);
	}
	pl.pl_any = IN6_IS_ADDR_UNSPECIFIED(addr);
	pl.pl_in = pl.pl_any && (inp->inp_flags & IN6P_IPV6_V6ONLY) == 0;
	return pl;
}

static bool
place_multicast(const struct place *pl)
{

	if (pl->pl_in && IN_MULTICAST(pl->pl_addr.s_addr))
		return true;
	return pl->pl_in6 && IN6_IS_ADDR_MULTICAST(&pl->pl_addr6);
}

/* Whether what is sent to one place may be for the other, too. */
static bool
places_meet(const struct place *a, const struct place *b)
{
	const bool any = a->pl_any || b->pl_any;

	if (a->pl_in && b->pl_in &&
	    (any || a->pl_addr.s_addr == b->pl_addr.s_addr))
		return true;
	return a->pl_in6 && b->pl_in6 &&
	    (any || IN6_ARE_ADDR_EQUAL(&a->pl_addr6, &b->pl_addr6));
}

/* Whether a socket listens to a multicast group. */
static bool
pcb_listens(struct inpcb *inp)
{
	const struct ip_moptions *imo = inp->inp_moptions;
	const struct ip6_moptions *im6o;

	if (imo != NULL && imo->imo_num_memberships > 0)
		return true;
	if (inp->inp_af != AF_INET6)
		return false;
	im6o = in6p_moptions(inp);
	return im6o != NULL && !LIST_EMPTY(&im6o->im6o_memberships);
}

/*
 * Whether a socket, once it is bound to a place, gets what another's socket
 * would have got, and the kernel lets it.  Where it does not, that is for the
 * kernel to say; of who is hidden it does not know.
 *
 * Who is bound at all addresses gets nothing of who is at one of them; but of
 * UDP, when he has connected, all that his peer sends to that one, and nobody
 * is asked about connect(2).
 */
static bool
place_steals(const struct socket *so, const struct place *to,
    const struct socket *other, const struct place *from, bool hidden)
{
	const bool udp = so->so_proto->pr_protocol == IPPROTO_UDP;
	const int reuse = SO_REUSEADDR | SO_REUSEPORT;

	if (!places_meet(to, from))
		return false;
	if (hidden)
		return true;
	if (to->pl_in6 != from->pl_in6)	/* IPv4 alone comes before both */
		return from->pl_in6;
	if (to->pl_any != from->pl_any)
		return (from->pl_any || udp) && (so->so_options & reuse) != 0;
	if ((so->so_options & other->so_options & SO_REUSEPORT) == 0)
		return false;
	/*
	 * Those who listen to a multicast group share the port, but of what is
	 * sent to one alone the last one bound gets all.
	 */
	return !udp || !to->pl_any || !pcb_listens(other->so_pcb);
}

/* Among which of a table's sockets are those that are bound to a port. */
static struct inpcbhead *
pcb_chain(const struct inpcbtable *table, u_int port)
{

	return &table->inpt_porthashtbl[port & table->inpt_porthash];
}

/*
 * Among which others they may be, or NULL.  A socket of UDP and IPv6 that got
 * its port by sendto(2) stays with those that have none, where the kernel
 * does not look for it: it lets everyone have that port as well.
 */
static struct inpcbhead *
pcb_hidden(const struct socket *so, u_int port)
{
	const struct inpcb *self = so->so_pcb;
	struct inpcbhead *chain = pcb_chain(self->inp_table, 0);

	return so->so_proto->pr_protocol == IPPROTO_UDP &&
	    chain != pcb_chain(self->inp_table, port) ? chain : NULL;
}

/* Whether another than a socket is bound to a port.  Needs softnet_lock. */
static bool
chain_has(const struct inpcbhead *chain, const struct inpcb *self, u_int port)
{
	const struct inpcb *inp;

	KASSERT(mutex_owned(softnet_lock));

	LIST_FOREACH(inp, chain, inp_lhash) {
		if (ntohs(inp->inp_lport) == port && inp != self)
			return true;
	}
	return false;
}

/*
 * Whether it is certain that no other socket is bound to the port, in host
 * order, that one is to be bound to.  Needs softnet_lock.
 */
bool
jail_pcb_alone(const struct socket *so, u_int port)
{
	const struct inpcb *self = so->so_pcb;
	const struct inpcbhead *hidden;

	switch (so->so_proto->pr_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		break;
	default:
		return false;
	}
	hidden = pcb_hidden(so, port);
	return !chain_has(pcb_chain(self->inp_table, port), self, port) &&
	    (hidden == NULL || !chain_has(hidden, self, port));
}

/*
 * Whether a socket that a jail binds to a place would get what is for one of a
 * chain that another jail or the host has bound to the port; if so, holder is
 * who (NULL: the host).  Needs softnet_lock, which keeps holder.
 */
static bool
chain_stolen(const struct inpcbhead *chain, const struct jail *j,
    const struct socket *so, const struct place *to, u_int port, bool hidden,
    struct jail **holder)
{
	const struct inpcb *inp, *self = so->so_pcb;
	const struct socket *other;
	struct place from;

	KASSERT(mutex_owned(softnet_lock));

	LIST_FOREACH(inp, chain, inp_lhash) {
		other = inp->inp_socket;
		if (inp == self || ntohs(inp->inp_lport) != port ||
		    other == NULL || (other->so_state & SS_NOFDREF) != 0)
			continue;
		/* A connection has its own, and takes nobody's. */
		if (inp->inp_af == AF_INET ?
		    !in_nullhost(const_in4p_faddr(inp)) :
		    !IN6_IS_ADDR_UNSPECIFIED(&const_in6p_faddr(inp)))
			continue;
		from = inp->inp_af == AF_INET ?
		    place_in(const_in4p_laddr(inp)) :
		    place_in6(inp, &const_in6p_laddr(inp));
		if (!place_steals(so, to, other, &from, hidden))
			continue;
		*holder = other->so_cred != NULL ? jail_of(other->so_cred) :
		    NULL;
		if (*holder != j)
			return true;
	}
	return false;
}

/*
 * Whether a socket that a jail binds to an address, and a port in host order,
 * would get what is for one that another jail or the host has bound; if so,
 * holder is who (NULL: the host).  Nobody need have reserved the port.  For the
 * superuser the kernel lets a socket with SO_REUSEADDR have one address of
 * those at which another waits, and with IPv6 for everyone.  Needs
 * softnet_lock, which keeps holder.
 */
bool
jail_pcb_steals(const struct jail *j, const struct socket *so,
    const void *address, u_int port, struct jail **holder)
{
	const struct inpcb *self = so->so_pcb;
	const struct sockaddr_in6 *sin6 = address;
	const struct sockaddr_in *sin = address;
	const struct inpcbhead *hidden;
	struct place to;

	switch (so->so_proto->pr_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		break;
	default:
		return false;
	}
	to = self->inp_af == AF_INET ? place_in(sin->sin_addr) :
	    place_in6(self, &sin6->sin6_addr);
	if (place_multicast(&to))
		return false;
	hidden = pcb_hidden(so, port);
	return chain_stolen(pcb_chain(self->inp_table, port), j, so, &to, port,
	    false, holder) || (hidden != NULL &&
	    chain_stolen(hidden, j, so, &to, port, true, holder));
}

/*
 * The same of a port, of TCP or UDP, that a socket would be given at its own
 * address without a look at who has it.  Needs softnet_lock, which keeps holder.
 */
bool
jail_pcb_blind(const struct jail *j, const struct socket *so, u_int port,
    struct jail **holder)
{
	const struct inpcb *self = so->so_pcb;
	const struct inpcbhead *hidden = pcb_hidden(so, port);
	const struct place to = self->inp_af == AF_INET ?
	    place_in(const_in4p_laddr(self)) :
	    place_in6(self, &const_in6p_laddr(self));

	return chain_stolen(pcb_chain(self->inp_table, port), j, so, &to, port,
	    true, holder) || (hidden != NULL &&
	    chain_stolen(hidden, j, so, &to, port, true, holder));
}

/*
 * The port that a socket keeps from others, in host order, or 0.  Of TCP a
 * connection keeps none, and can't come to.  Takes softnet_lock.
 */
u_int
jail_pcb_port(struct socket *so)
{
	const struct inpcb *inp = NULL;
	u_int port = 0;

	solock(so);
	switch (so->so_proto->pr_protocol) {
	case IPPROTO_TCP:
		if ((so->so_state & (SS_ISCONNECTED | SS_ISCONNECTING |
		    SS_ISDISCONNECTING)) == 0)
			inp = so->so_pcb;
		break;
	case IPPROTO_UDP:
		inp = so->so_pcb;
		break;
	default:
		break;
	}
	if (inp != NULL)
		port = ntohs(inp->inp_lport);
	sounlock(so);
	return port;
}

/*
 * The port that an automatic choice for a socket may end with although nobody
 * is asked about it, or 0.  Needs softnet_lock.
 *
 * All algorithms but BSD's say EINVAL if no candidate is left, and then
 * portalgo_randport() takes the port below the last one chosen, free or not.
 * A socket's owner picks the algorithm with IP_PORTALGO; of the default one,
 * which only the host's root changes, nothing can be known here.
 */
u_int
jail_pcb_fallback(const struct socket *so)
{
	const struct inpcb *inp;
	bool low;

	KASSERT(mutex_owned(softnet_lock));

	switch (so->so_proto->pr_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		inp = so->so_pcb;
		break;
	default:
		return 0;
	}
	if (inp->inp_portalgo == (int)PORTALGO_DEFAULT ||
	    inp->inp_portalgo == PORTALGO_BSD)
		return 0;
	low = (inp->inp_flags & (inp->inp_af == AF_INET6 ? IN6P_LOWPORT :
	    INP_LOWPORT)) != 0;
	return (in_port_t)((low ? inp->inp_table->inpt_lastlow :
	    inp->inp_table->inpt_lastport) - 1);
}
