/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The lists, by all kinds of readers, and what must hold in them. */
#include "stress.h"

static void
check_record(struct worker *w, const struct jail_record *jr)
{
	struct last *l = &w->last[jr->jr_id % NLAST];
	struct last now = { .id = jr->jr_id, .state = jr->jr_state,
	    .entries = jr->jr_entries, .forks = jr->jr_forks,
	    .exits = jr->jr_exits, .lost = jr->jr_lost };
	uint64_t born;
	u_int i;

	for (i = 0; i < JAIL_NSCOPES; i++) {
		now.denials += jr->jr_denials[i];
		now.observed += jr->jr_observed[i];
	}
	/* A thread's fork may be under way: it counts, and is no process. */
	born = now.entries + now.forks - now.exits;
	if (born < jr->jr_processes || born > jr->jr_processes + nworkers)
		panic("stress: jail %u: %llu entries and %llu forks, "
		    "%llu exits, and %u processes", jr->jr_id,
		    (unsigned long long)now.entries,
		    (unsigned long long)now.forks,
		    (unsigned long long)now.exits, jr->jr_processes);
	if (jr->jr_init != 0 && jr->jr_processes == 0)
		panic("stress: jail %u: an init that is no process",
		    jr->jr_id);
	if (jr->jr_state != JAIL_STATE_ACTIVE &&
	    jr->jr_state != JAIL_STATE_DYING)
		panic("stress: jail %u is in state %u", jr->jr_id,
		    jr->jr_state);
	if (l->id == jr->jr_id && (now.state < l->state ||
	    now.entries < l->entries || now.forks < l->forks ||
	    now.exits < l->exits || now.lost < l->lost ||
	    now.denials < l->denials || now.observed < l->observed))
		panic("stress: jail %u: a counter has fallen", jr->jr_id);
	*l = now;
}

static void
check_jails(struct worker *w, const struct jail_record *jr, u_int n,
    const struct proc *reader)
{
	u_int i, k;

	for (i = 0; i < n; i++) {
		check_record(w, &jr[i]);
		if ((reader == w->root && jr[i].jr_root[0] == '\0') ||
		    (reader == w->user && jr[i].jr_root[0] != '\0'))
			panic("stress: jail %u is hidden, or is not",
			    jr[i].jr_id);
		for (k = 0; k < i; k++)
			if (jr[k].jr_id >= jr[i].jr_id ||
			    strcmp(jr[k].jr_name, jr[i].jr_name) == 0)
				panic("stress: jails %u %s and %u %s",
				    jr[k].jr_id, jr[k].jr_name, jr[i].jr_id,
				    jr[i].jr_name);
	}
}

static void
check_processes(const struct jail_process *jx, u_int n)
{
	u_int i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			if (jx[k].jx_pid == jx[i].jx_pid && jx[k].jx_pid != 0)
				panic("stress: process %d is in %u and %u",
				    jx[i].jx_pid, jx[k].jx_id, jx[i].jx_id);
}

static void
check_ports(const struct jail_port_owner *jo, u_int n)
{
	const struct jail_port *a, *b;
	u_int i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++) {
			a = &jo[i].jo_port;
			b = &jo[k].jo_port;
			if (jo[i].jo_id != jo[k].jo_id &&
			    (a->jp_protocol == b->jp_protocol ||
			    a->jp_protocol == 0 || b->jp_protocol == 0) &&
			    a->jp_first <= b->jp_last &&
			    b->jp_first <= a->jp_last)
				panic("stress: jails %u and %u have one port",
				    jo[i].jo_id, jo[k].jo_id);
		}
}

static void
check_events(const struct jail_event *je, u_int n, uint32_t inside)
{
	u_int i;

	for (i = 0; i < n; i++) {
		if (je[i].je_repeats == 0 || je[i].je_reserved != 0 ||
		    (inside != 0 && (je[i].je_id != inside ||
		    (je[i].je_target != 0 && je[i].je_target != inside))))
			panic("stress: an event of %u, read in %u",
			    je[i].je_id, inside);
		if (i > 0 && je[i].je_id == je[i - 1].je_id &&
		    je[i].je_number - je[i].je_repeats !=
		    je[i - 1].je_number)
			panic("stress: jail %u: a gap between events",
			    je[i].je_id);
	}
}

enum { JAILS, PROCESSES, PORTS, POLICY, WORDS, EVENTS, SEEN, NLISTS };

void
do_read(struct worker *w)
{
	static const char *const names[NLISTS] = { "jails", "processes",
	    "ports", "policy", "words", "events", "seen" };
	const u_int list = dice(w, NLISTS);
	struct slot *s = own_slot(w, false);
	struct jail_snapshot *js = (struct jail_snapshot *)w->buffer;
	const void *records = js + 1;
	struct proc *p;
	size_t len = BUFFER;
	char name[64];
	uint32_t jail;
	int error;

	p = s != NULL && dice(w, 3) == 0 ? s->p :
	    dice(w, 3) == 0 ? w->user : w->root;
	jail = hk_jail_of(p);
	if (list >= EVENTS && dice(w, 2) == 0)
		snprintf(name, sizeof(name), "security.models.jail.%s.%u",
		    names[list], some_jail(w));
	else
		snprintf(name, sizeof(name), "security.models.jail.%s",
		    names[list]);
	error = hk_sysctl(p, name, NULL, 0, w->buffer, &len);
	if (error != 0 || len != sizeof(*js) + (size_t)js->js_size *
	    js->js_count)
		panic("stress: %s: error %d, %zu bytes", name, error, len);
	if (list == POLICY || list == WORDS || jail != JAIL_HOST) {
		if (js->js_generation != 0)
			panic("stress: %s: a generation in %u", name, jail);
	} else {
		if (js->js_generation < w->generation)
			panic("stress: the generation has fallen");
		w->generation = js->js_generation;
	}
	switch (list) {
	case JAILS:
		if (jail != JAIL_HOST && js->js_count > 1)
			panic("stress: in %u %u jails are listed", jail,
			    js->js_count);
		check_jails(w, records, js->js_count, p);
		break;
	case PROCESSES:
		check_processes(records, js->js_count);
		break;
	case PORTS:
		check_ports(records, js->js_count);
		break;
	case EVENTS:
		check_events(records, js->js_count, jail);
		break;
	}
}
