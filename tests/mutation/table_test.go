//go:build linux && amd64

package mutation

// The mistakes, by what they are about. Those of other programs of this kind
// come first in each part; the others suggest themselves.
var mutations = slicesOf(floor, apart, lives, entry, ports, figures, requests, kernel)

func slicesOf(parts ...[]mutation) (all []mutation) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// rule changes the first verdicts, or the word, of a line of the table.
func rule(line, old, new string) []edit {
	return []edit{{"jail_rules.h", line + old, line + new}}
}

// floor: what nobody in a jail may, and what everybody needs.
var floor = []mutation{
	{"jailed root mounts at low", rule("KAUTH_REQ_SYSTEM_MOUNT_NEW,\n    ", "X, X, X, NONE", "D, X, X, NONE"),
		"conformance", "TestFloor", `"system mount.new" is of the floor`},
	{"jailed root makes device nodes at low", rule("KAUTH_SYSTEM_MKNOD, 0, ", "X, X, X, NONE", "D, X, X, NONE"),
		"conformance", "TestFloor", `"system mknod" is of the floor`},
	{"jailed root loads modules at low", rule("KAUTH_SYSTEM_MODULE, 0, ", "X, X, X, NONE", "D, X, X, NONE"),
		"conformance", "TestFloor", `"system module" is of the floor`},
	{"jailed root reboots at low", rule("KAUTH_SYSTEM_REBOOT, 0, ", "X, X, X, NONE", "D, X, X, NONE"),
		"conformance", "TestFloor", `"system reboot" is of the floor`},
	{"a word lifts a rule of the floor", rule("KAUTH_REQ_SYSTEM_TIME_SYSTEM,\n    ", "X, X, X, NONE", "X, X, X, SUPERUSER"),
		"conformance", "TestFloor", `"system time.system" is of the floor`},
	{"chroot is denied at medium", rule("KAUTH_REQ_SYSTEM_CHROOT_CHROOT,\n    ", "D, D, X, CHROOT", "D, X, X, CHROOT"),
		"conformance", "TestWhatServicesNeed", `medium: jailed root changes its root`},
	{"chroot can't be allowed", rule("KAUTH_REQ_SYSTEM_CHROOT_CHROOT,\n    ", "D, D, X, CHROOT", "D, D, X, NONE"),
		"conformance", "TestWhatServicesNeed", `chroot allowed: jailed root changes its root`},
	{"the system scope is not enforced", []edit{{"jail_listener.c",
		"\treturn decide(cred, JAIL_SCOPE_SYSTEM, action, (u_int)(uintptr_t)arg0);", "\treturn KAUTH_RESULT_DEFER;"}},
		"conformance", "TestSystem", `the table denies, but this got`},
	{"devices that may come along are mem and kmem too", []edit{{"jail_listener.c", `{ "mem", DEV_NULL, NODEVMAJOR },`, `{ "mem", -1, NODEVMAJOR },`}},
		"kern", "TestEntryReasons", `mem: <nil>, reason 0, want 22`},
	{"devices are mem, kmem and klog too", []edit{{"jail_listener.c", `{ "mem", DEV_NULL, NODEVMAJOR },`, `{ "mem", -1, NODEVMAJOR },`}},
		"conformance", "TestDevice", `open read (mem|kmsg): the table denies, but this got`},
	{"block devices by a character device's number", []edit{{"jail_listener.c", "vp->v_type == VCHR && ", ""}, {"jail_listener.c",
		`{ "mem", DEV_NULL, NODEVMAJOR },`, `{ "mem", -1, NODEVMAJOR },`}},
		"conformance", "TestDevice", `the table denies, but this got`},
	{"no device can be opened", []edit{{"jail_listener.c", "vp->v_type == VCHR && jail_device_listed(vp->v_rdev)", "vp->v_type == VNON"}},
		"conformance", "TestWhatServicesNeed", `jailed root: open-null`},
	{"raw sockets are like others", []edit{{"jail_listener.c", "type == SOCK_RAW ? JAIL_REQ_SOCKET_RAW :", "type == 99 ? JAIL_REQ_SOCKET_RAW :"}},
		"conformance", "TestNetwork", `the table denies, but this got`},
	{"what the table does not know is let pass", []edit{{"jail_listener.c", "\tif (i == -1)\n\t\treturn JAIL_VERDICT_DENY;", "\tif (i == -1)\n\t\treturn JAIL_VERDICT_DEFER;"}},
		"kern", "TestUnknownIsDenied", `network: <nil>, denials`},
	{"a denied word is not heeded", []edit{{"jail_policy.c", "\tif ((jc->jc_deny & bit) != 0)\n\t\treturn X;\n", ""}},
		"conformance", "TestSystem", `all denied: .*: the table denies, but this got`},
	{"the vnode scope is not enforced", []edit{{"jail_listener.c", "__predict_false(deny != 0)", "false"}},
		"conformance", "TestVnode", `the table denies, but this got`},
}

// apart: other jails, the host, and the jail's init.
var apart = []mutation{
	{"renice reaches everyone", rule("KAUTH_PROCESS_NICE, 0, ", "T, T, T, NONE", "D, D, D, NONE"),
		"conformance", "TestFloor", `"process nice" must keep jails apart`},
	{"affinity reaches everyone", rule("KAUTH_PROCESS_SCHEDULER_SETAFFINITY, 0, ", "T, X, X, SCHEDULER", "D, X, X, SCHEDULER"),
		"conformance", "TestFloor", `"process scheduler.setaffinity" must keep jails apart`},
	{"the host's processes are everyone's", []edit{{"jail_listener.c", "\t\tif (jail_of_proc(p) == j)\n", "\t\tif (jail_of_proc(p) == j || jail_of_proc(p) == NULL)\n"}},
		"conformance", "TestProcess", `at the host: the table denies, but this got "done"`},
	{"the jailed are all in one jail", []edit{{"jail_listener.c", "\t\tif (jail_of_proc(p) == j)\n", "\t\tif (jail_of_proc(p) != NULL)\n"}},
		"conformance", "TestProcess", `at the other jail: the table denies, but this got "done"`},
	{"a word frees what is inside the jail only", []edit{{"jail_policy.c", "\tcase T:\n\t\treturn T;\n", "\tcase T:\n\t\treturn D;\n"}},
		"conformance", "TestProcess", `all allowed: .* at the (other jail|host): the table denies, but this got`},
	{"users of the host reach who has their number in a jail", []edit{{"jail_listener.c", "\tif (p == NULL || jail_of_proc(p) == NULL ||\n", "\tif (true || p == NULL || jail_of_proc(p) == NULL ||\n"}},
		"conformance", "TestHostUsersAreKeptOut", `a user of the host: kill URG at a jailed process of the same number goes`},
	{"init can be killed from inside", []edit{{"jail_listener.c", "return p != atomic_load_relaxed(&j->j_init) ||\n", "return p != NULL ||\n"}},
		"conformance", "TestInitIsProtected", `sends init`},
	{"init can be traced from inside", []edit{{"jail_listener.c", "\tcase KAUTH_PROCESS_PTRACE:\n", ""}},
		"conformance", "TestInitIsProtected", `ptrace at init goes|process_vm_readv at init goes|pidfd_getfd at init goes`},
	{"a process reads of all jails", []edit{{"jail_snapshot.c", "\treturn rd->rd_root || rd->rd_jail == j;", "\treturn true;"}},
		"conformance", "TestOwnRecordOnly", `reads of|host user reads`},
	{"a child is nobody's", []edit{{"jail_cred.c", "\t\tjail_proc_forked(arg1);\n", ""}},
		"conformance", "TestKillReachesDaemons", `not within .*: the daemon is a member`},
	{"other ids are another credential, the host's", []edit{
		{"jail_cred.c", "\t\tif (j != NULL)\n\t\t\tjail_cred_attach(cred, j);\n", ""},
		{"jail_cred.c", "\t\tif (j != NULL)\n\t\t\tcred_attach_copy(arg0, j);\n", "\t\tif (j != NULL && false)\n\t\t\tcred_attach_copy(arg0, j);\n"}},
		"kern", "TestCredentials", `in \d+, 0, 0|in \d+, \d+, 0`},
}

// lives: ids, dying, killing, destroying.
var lives = []mutation{
	{"ids are used again", []edit{{"jail_object.c", "\tj->j_id = jail_lastid + 1;\n", "\tfor (j->j_id = 1; jail_find(j->j_id) != NULL;)\n\t\tj->j_id++;\n"}},
		"conformance", "TestIdsAreNotUsedAgain", `comes after`},
	{"a dying jail may all that it might", []edit{{"jail_listener.c", "\treturn atomic_load_relaxed(&j->j_state) != JAIL_STATE_ACTIVE;", "\treturn false;"}},
		"conformance", "TestDyingJailsMayNothing", `a process of a dying jail has forked`},
	{"a dying jail admits entry", []edit{{"jail_enter.c", "\tif (j->j_state != JAIL_STATE_ACTIVE)\n\t\treturn jail_refuse(reply, JAIL_REASON_DYING, 0, EBUSY);\n", ""}},
		"conformance", "TestEntryNeedsALivingJail", `entering a dying jail: reason 0`},
	{"a killed jail goes on", []edit{{"jail_proc.c", "\t\tatomic_store_release(&j->j_state, JAIL_STATE_DYING);\n", ""}},
		"conformance", "TestDestroyWaitsForMembers", `a killed jail's state is 2`},
	{"kill reaches init only", []edit{{"jail_proc.c", "\t\tpsignal(p, j->j_signal);\n", "\t\tif (p == j->j_init)\n\t\t\tpsignal(p, j->j_signal);\n"}},
		"conformance", "TestKillReachesDaemons", `wait for jail|deadline exceeded`},
	{"kill sends one signal, whichever is asked for", []edit{{"jail_proc.c", "\tj->j_signal = jq->jq_signal;\n", "\tj->j_signal = SIGURG;\n"}},
		"conformance", "TestKillSendsTheSignal", `the member goes on`},
	{"a jail with members is destroyed", []edit{{"jail_object.c", "\tif (n != 0)\n\t\treturn jail_refuse(reply, JAIL_REASON_MEMBERS, (int)n, EBUSY);\n", "\t(void)n;\n"}},
		"conformance", "TestDestroyWaitsForMembers", `destroy with a member: <nil>|panic|connection`},
	{"a jail with zombies is destroyed", []edit{{"jail_proc.c", "\tPROCLIST_FOREACH(p, &zombproc) {\n\t\tif (jail_of_proc(p) == j)\n", "\tPROCLIST_FOREACH(p, &zombproc) {\n\t\tif (p == NULL)\n"}},
		"conformance", "TestDestroyWaitsForMembers", `destroy with a zombie: <nil>`},
	{"a destroyed jail keeps its ports", []edit{{"jail_object.c", "\t(void)jail_port_replace(j, NULL, 0, reply);\n", ""}},
		"conformance", "TestDestroyedJailsLeaveNothing", `still kept from the host`},
	{"the cap on processes is none", []edit{{"jail_proc.c", "\tif (cap == 0)\n\t\treturn true;\n\n\tmutex_spin_enter(&jail_leaf);\n\tmine", "\tif (cap != 1U << 31)\n\t\treturn true;\n\n\tmutex_spin_enter(&jail_leaf);\n\tmine"}},
		"conformance", "TestProcessCap", `of 20 forks at once 20 succeed`},
	{"entry is beyond the cap", []edit{{"jail_proc.c", "\tok = cap == 0 || j->j_nmembers < cap || jail_observing(j);\n", "\tok = cap != 1U << 31;\n"}},
		"conformance", "TestProcessCap", `entering a full jail: reason 0`},
	{"forks under way are not counted", []edit{{"jail_proc.c", "j->j_nmembers + pending < cap", "j->j_nmembers + 0 * pending < cap"}},
		"kern", "TestCapCountsForksUnderWay", `with the third under way: <nil>`},
	{"the module goes with jails in it", []edit{{"secmodel_jail.c", "\tif (used)\n\t\treturn EBUSY;\n", "\t(void)used;\n"}, {"secmodel_jail.c", "\tif (jail_lastid != 0) {\n", "\tif (jail_lastid == 1U << 31) {\n"}},
		"kern", "TestUnloadRefused", `unload with a jail: <nil>|panic`},
}

// entry: one operation, its checks, one way.
var entry = []mutation{
	{"entry checks, lets go, and commits", []edit{{"jail_enter.c", "\tenter_root(p, j->j_root);\n",
		"\tsysctl_unlock();\n\t(void)kpause(\"jailenter\", false, 5, &jail_lock);\n\tmutex_exit(&jail_lock);\n\tsysctl_relock();\n\tmutex_enter(&jail_lock);\n" +
			"\tif (j->j_root == NULL)\n\t\tpanic(\"entered jail %u, which is not\", j->j_id);\n\tenter_root(p, j->j_root);\n"},
		{"jail_enter.c", "#include <sys/vnode.h>\n", "#include <sys/vnode.h>\n#include <sys/sysctl.h>\n"},
		{"jail_proc.c", "\tok = cap == 0 || j->j_nmembers < cap || jail_observing(j);\n\tif (ok)\n", "\tok = cap == 0 || j->j_nmembers < cap;\n\tif (false)\n"},
		{"jail_proc.c", "\tmember_insert(jm, j, p);\n\tif (init) {\n", "\tmember_insert(jm, j, p);\n\tj->j_nmembers++;\n\tif (init) {\n"}},
		"conformance", "TestEntryAgainstKill", `lives on|kill and destroy: |connection|panic`},
	{"descriptors are not looked at", []edit{{"jail_enter.c", "\terror = files_check(l, j, reply);\n", "\terror = l != NULL ? 0 : files_check(l, j, reply);\n"}},
		"conformance", "TestEntryIsRefused", `a directory: reason 0`},
	{"directories outside may come along", []edit{{"jail_enter.c", "\t\tif (vp != root && !vn_isunder(vp, root, l))\n", "\t\tif (vp != root && vp == NULL)\n"}},
		"conformance", "TestEntryIsRefused", `a directory: reason 0`},
	{"raw sockets may come along", []edit{{"jail_enter.c", "\tif (so->so_type == SOCK_RAW)\n", "\tif (so == NULL)\n"}},
		"conformance", "TestEntryIsRefused", `a raw socket: reason 0`},
	{"bound sockets may come along", []edit{{"jail_enter.c", "\t\treturn jail_port_may_bring(j, so, reply) ?\n", "\t\treturn so != NULL ?\n"}},
		"conformance", "TestEntryWithSockets", `bound by the owner: reason 0`},
	{"into a strict jail any port may be brought", []edit{{"jail_port.c", "\t    ((j->j_flags & JAIL_STRICT) == 0 || jail_observing(j)))\n", "\t    j->j_flags != UINT32_MAX)\n"}},
		"conformance", "TestEntryWithSockets", `a free port, strict: reason 0`},
	{"no port may be brought", []edit{{"jail_port.c", "\tif (owner == j->j_id)\n\t\treturn true;\n", ""}},
		"conformance", "TestEntryWithSockets", `home again: `},
	{"routing sockets may come along", []edit{{"jail_enter.c", "\tdefault:\n\t\treturn JAIL_REASON_FD_SOCKET;\n", "\tdefault:\n\t\treturn JAIL_REASON_NONE;\n"}, {"jail_enter.c", "\tif (so->so_type == SOCK_RAW)\n", "\tif (so == NULL)\n"}},
		"kern", "TestEntryReasons", `route: <nil>, reason 0, want 23`},
	{"devices may come along", []edit{{"jail_enter.c", "\t\tif (!jail_device_listed(vp->v_rdev))\n", "\t\tif (vp == NULL)\n"}, {"jail_enter.c", "\tcase VBLK:\n\t\treturn JAIL_REASON_FD_DEVICE;\n", "\tcase VBLK:\n\t\treturn JAIL_REASON_NONE;\n"}},
		"kern", "TestEntryReasons", `(disk|mem): <nil>, reason 0, want 22`},
	{"the terminal may come along", []edit{{"jail_enter.c", "\telse if ((p->p_lflag & PL_CONTROLT) != 0 ||\n\t    p->p_session->s_ttyvp != NULL)\n", "\telse if (p == NULL)\n"}},
		"conformance", "TestEntryIsRefused", `a terminal: reason 0`},
	{"the session may be another's", []edit{{"jail_enter.c", "\telse if (!SESS_LEADER(p))\n", "\telse if (p == NULL)\n"}},
		"conformance", "TestEntryIsRefused", `not a session leader: reason`},
	{"the traced may enter", []edit{{"jail_enter.c", "\tif ((p->p_slflag & PSL_TRACED) != 0 || p->p_tracep != NULL)\n", "\tif (p->p_tracep != NULL)\n"}},
		"conformance", "TestTracedMayNotEnter", `a traced process enters: reason 0`},
	{"descriptors shared with another process", []edit{{"jail_enter.c", "\t\tif (other->p_fd == p->p_fd)\n", "\t\tif (other == NULL)\n"}},
		"kern", "TestEntryReasons", `fds: .*, want 16`},
	{"directories shared with another process", []edit{{"jail_enter.c", "\t\tif (other->p_cwdi == p->p_cwdi)\n", "\t\tif (other == NULL)\n"}},
		"conformance", "TestEntryShared", `shares directories: reason 0`},
	{"a gap is closed: files may not come along", []edit{{"jail_enter.c", "\tcase VREG:\n\tcase VFIFO:\n", "\tcase VREG:\n\t\treturn JAIL_REASON_FD_OTHER;\n\tcase VFIFO:\n"}},
		"conformance", "TestGaps/Files kept open", `closed, it seems`},
	{"a gap is closed: the host's root is no jail's", []edit{{"jail_object.c", "\tif (root == rootvnode && jc->jc_level != JAIL_LEVEL_LOW)\n", "\tif (root == rootvnode)\n"}},
		"conformance", "TestGaps/The host's root directory", `closed, it seems`},
	{"jail to jail", []edit{{"jail_sysctl.c", "\tif (jail_of(l->l_cred) != NULL || jail_of_proc(l->l_proc) != NULL)\n", "\tif (l == NULL)\n"}},
		"conformance", "TestNobodyElseCommands", `jailed root: (create|set|kill-jail|destroy): `},
	{"anyone commands", []edit{{"jail_sysctl.c", "\tif (kauth_cred_geteuid(l->l_cred) != 0)\n\t\treturn jail_refuse(reply, JAIL_REASON_NOT_ROOT, 0, EPERM);\n", ""}},
		"conformance", "TestNobodyElseCommands", `host user: (create|set|kill-jail|destroy): `},
	{"the root is found by name again", []edit{{"jail_enter.c", "\tenter_root(p, j->j_root);\n",
		"\t{\n\t\tstruct vnode *again;\n\n\t\tif (chdir_lookup(j->j_path, UIO_SYSSPACE, &again, l) == 0)\n\t\t\tenter_root(p, again);\n\t}\n"},
		{"jail_enter.c", "#include <sys/vnode.h>\n", "#include <sys/vnode.h>\n#include <sys/uio.h>\n"}},
		"conformance", "TestRootIsPinned", `want pinned`},
	{"two are init", []edit{{"jail_enter.c", "\t\tif (pid != 0)\n", "\t\tif (pid == -1)\n"}},
		"conformance", "TestOneInit", `a second init: reason 0|panic|connection`},
	{"limits are forgotten", []edit{{"jail_enter.c", "\terror = limits_set(l, &j->j_config, old, reply);\n", "\terror = l != NULL ? 0 : limits_set(l, &j->j_config, old, reply);\n"}},
		"kern", "TestLimitsAtEntry", `limits \[`},
	{"uid 0 of a strict jail owns the host's files", []edit{{"jail_object.c", "\tif (root == rootvnode && jc->jc_level != JAIL_LEVEL_LOW)\n", "\tif (root == NULL)\n"}},
		"kern", "TestNamesAndRoots", `root "/", level 1: <nil>`},
}

// ports: who may bind what.
var ports = []mutation{
	{"a reservation is a permission", []edit{{"jail_port.c", "\tif (owner == j->j_id)\n\t\treturn KAUTH_RESULT_DEFER;\n", "\tif (owner == j->j_id)\n\t\treturn KAUTH_RESULT_ALLOW;\n"}},
		"conformance", "TestOwnersAreNotPrivileged", `the owner's user binds 700: done`},
	{"tcp is udp too", []edit{{"jail_port.c", "\t\treturn table == TABLE_TCP;\n", "\t\treturn table != TABLE_OTHER;\n"}},
		"conformance", "TestReservedPortsAreTheOwners", `binds udp port 7100 .*: EACCES`},
	{"ports in use are not looked at", []edit{{"jail_port.c", "\t\terror = jail_refuse(reply, JAIL_REASON_PORT_BOUND, 0,\n\t\t    EADDRINUSE);\n", ""}},
		"conformance", "TestBoundBefore", `want it refused and the holder named`},
	{"a jail's own sockets are in its way", []edit{{"jail_port.c", "\t\tif (!jail_pcb_bound(j, &ports[i], &reply->jy_port, &holder))\n", "\t\tif (!jail_pcb_bound(NULL, &ports[i], &reply->jy_port, &holder))\n"}},
		"conformance", "TestBoundBefore", `bound by the jail itself`},
	{"the host's root takes what it likes", []edit{{"jail_port.c", "\t\treturn owner == JAIL_HOST ? KAUTH_RESULT_DEFER :\n", "\t\treturn owner != UINT32_MAX ? KAUTH_RESULT_DEFER :\n"}},
		"conformance", "TestReservedPortsAreTheOwners", `the host's root binds .*: done`},
	{"a port of another is only reported", []edit{{"jail_port.c", "\tif (owner != JAIL_HOST ||\n\t    (atomic", "\tif ((\n\t    atomic"}},
		"conformance", "TestReservedPortsAreTheOwners", `another jail's root binds .*: done`},
	{"what others have can be reserved", []edit{{"jail_port.c", "\t\t\tif (owner == JAIL_HOST || owner == id)\n", "\t\t\tif (owner != UINT32_MAX || owner == id)\n"}},
		"conformance", "TestReservationsExclude", `the same: <nil>, want it refused`},
	{"ports are told in one byte order only", []edit{{"jail_port.c", "const uint32_t first = port_owner(table, port);", "const uint32_t first = port_owner(table, ntohs(port));"}},
		"kern", "TestCandidates", `is given 8080: <nil>`},
	{"explicit ports are not swapped", []edit{{"jail_port.c", "return bind_explicit(j, cred, req, so, ntohs(sin->sin_port));", "return bind_explicit(j, cred, req, so, sin->sin_port);"}},
		"conformance", "TestSwappedPorts", `port 8080: done`},
	{"who chooses in vain may choose himself", []edit{{"jail_port.c", "\tif (j != NULL) {\n\t\tverdict = bind_verdict(j, JAIL_REQ_BIND_AUTO);\n",
		"\tatomic_store_relaxed(&auto_socket, so);\n\tatomic_store_relaxed(&auto_lwp, curlwp);\n\tif (j != NULL) {\n\t\tverdict = bind_verdict(j, JAIL_REQ_BIND_AUTO);\n"}},
		"conformance", "TestFailedChoice", `after a refused choice: done`},
	{"after a choice nothing is reserved", []edit{{"jail_port.c", "\tif ((first != JAIL_HOST && first != id) ||\n\t    (second != JAIL_HOST && second != id))\n\t\treturn KAUTH_RESULT_DENY;\n", ""}},
		"conformance", "TestAutomaticPorts", `automatic .* ports at .* went wrong`},
	{"strict is not", []edit{{"jail_port.c", "\tif (owner != JAIL_HOST ||\n\t    (atomic_load_relaxed(&j->j_flags) & JAIL_STRICT) != 0)\n", "\tif (owner != JAIL_HOST)\n"}},
		"conformance", "TestStrict", `strict jail binds (tcp 7120|udp 7100): done`},
	{"low ports are anyone's at high", []edit{{"jail_port.c", "\t\t    owner == JAIL_HOST);\n\tif (req == KAUTH_REQ_NETWORK_BIND_PRIVPORT &&\n", "\t\t    owner == JAIL_HOST);\n\tif (req == KAUTH_REQ_NETWORK_BIND_ANYADDR &&\n"}},
		"conformance", "TestOwnersAreNotPrivileged", `jailed root binds 701: done`},
}

// figures: counters and lists.
var figures = []mutation{
	{"inside is read how often jails come and go", []edit{{"jail_snapshot.c", "\tif (rd != NULL && rd->rd_jail == NULL) {\n", "\tif (rd != NULL) {\n"}},
		"conformance", "TestOwnRecordOnly", `jails have come, changed and gone`},
	{"users of the host read ports", []edit{{"jail_snapshot.c", "\t\tif (!reader_inside(&rd, j))\n\t\t\tcontinue;\n\t\tfor (i = 0;", "\t\tif (rd.rd_jail != NULL && rd.rd_jail != j)\n\t\t\tcontinue;\n\t\tfor (i = 0;"},
		{"jail_snapshot.c", "\t\tif (reader_inside(&rd, j))\n\t\t\tn += j->j_nports;\n", "\t\tn += j->j_nports;\n"}},
		"conformance", "TestOwnRecordOnly", `host user reads of \d+ ports`},
	{"one life in ten is missed", []edit{{"jail_proc.c", "\tj->j_exits++;\n", "\tif (j->j_exits % 10 != 9)\n\t\tj->j_exits++;\n"}},
		"conformance", "TestCountersMissNothing", `short lives count`},
	{"who has ended is counted as living", []edit{{"jail_snapshot.c", "\t\tjr->jr_processes++;\n", "\t\tjr->jr_processes += 2;\n"}},
		"conformance", "TestCountersMissNothing", `processes, of \d+ that entered`},
	{"who reads zeroes the denials", []edit{{"jail_snapshot.c", "\tmemcpy(jr->jr_denials, j->j_denials, sizeof(jr->jr_denials));\n", "\tmemcpy(jr->jr_denials, j->j_denials, sizeof(jr->jr_denials));\n\tmemset(j->j_denials, 0, sizeof(j->j_denials));\n"}},
		"conformance", "TestReadersTakeNothing", `one refused mount counts|after reading: denials`},
	{"who reads zeroes the ticks", []edit{{"jail_snapshot.c", "\tjr->jr_user = j->j_exited.jk_user;\n", "\tjr->jr_user = j->j_exited.jk_user;\n\tj->j_exited.jk_user = 0;\n"}},
		"kern", "TestTicksOfTheDead", `after child 0: 0 and|with child 1 alive: 100`},
	{"the ticks of the dead are lost", []edit{{"jail_proc.c", "\tj->j_exited.jk_user += p->p_uticks;\n", ""}},
		"conformance", "TestCountersOnlyGrow", `a counter fell|have used`},
	{"the ticks of the dying count twice", []edit{{"jail_proc.c", "\tj->j_exited.jk_user += p->p_uticks;\n", "\tj->j_exited.jk_user += 2 * p->p_uticks;\n"}},
		"kern", "TestTicksOfTheDead", `after child 0: 200`},
	{"short lives are not counted", []edit{{"jail_proc.c", "\tj->j_forks++;\n", "\tif (j->j_nmembers > 1000)\n\t\tj->j_forks++;\n"}},
		"conformance", "TestShortLives", `count 0 forks`},
	{"exits are not counted", []edit{{"jail_proc.c", "\tj->j_exits++;\n", ""}},
		"conformance", "TestShortLives", `forks, 0 exits`},
	{"denials are everyone's", []edit{{"jail_event.c", "\t\tj->j_denials[je->je_scope]++;\n", "\t{\n\t\tstruct jail *o;\n\n\t\tTAILQ_FOREACH(o, &jail_list, j_list)\n\t\t\to->j_denials[je->je_scope]++;\n\t}\n"}},
		"conformance", "TestDenialsAreEachJails", `another jail's refused chroots count`},
	{"denials are not counted", []edit{{"jail_event.c", "\t\tj->j_denials[je->je_scope]++;\n", "\t\tj->j_denials[je->je_scope] += 0;\n"}},
		"conformance", "TestPortDenialsAreCounted", `one refused bind counts map\[\]`},
	{"members are those that live when asked", []edit{{"jail_snapshot.c", "\t\tjr->jr_processes++;\n", "\t\tjr->jr_processes = 1;\n"}},
		"conformance", "TestProcessCap", `processes 1, want 5`},
}

// requests: what comes from who commands.
var requests = []mutation{
	{"names are not looked at", []edit{{"jail_object.c", "\tif (!name_valid(jq->jq_name))\n", "\tif (!name_valid(jq->jq_name) && jq == NULL)\n"}},
		"kern", "TestNamesAndRoots", `name "\.\./web", .*: <nil>, reason 0, want 2`},
	{"a name may be a number", []edit{{"jail_object.c", "\tif (n == 0 || n == JAIL_NAMELEN || digits)\n", "\tif (n == 0 || n == JAIL_NAMELEN)\n"}, {"jail_object.c", "\tbool digits = true;\n", ""}, {"jail_object.c", "\t\tdigits = false;\n", ""}},
		"kern", "TestNamesAndRoots", `name "10", .*: <nil>, reason 0, want 2`},
	{"a name may have no end", []edit{{"jail_object.c", "\tif (n == 0 || n == JAIL_NAMELEN || digits)\n", "\tif (n == 0 || digits)\n"}},
		"kern", "TestNamesAndRoots", `name "x{64}", .*: <nil>, reason 0, want 2`},
	{"names are not unique", []edit{{"jail_object.c", "\t\tif (strcmp(other->j_name, jq->jq_name) == 0) {\n", "\t\tif (other == NULL) {\n"}},
		"conformance", "TestCreateIsRefused", `create c\d+: \d+ <nil>`},
	{"a root may be relative, and have no end", []edit{{"jail_object.c", "\treturn path[0] == '/' &&\n\t    strnlen(path, JAIL_ROOTLEN) < JAIL_ROOTLEN;", "\treturn path[0] != 1;"}},
		"kern", "TestNamesAndRoots", `root "tmp": detail`},
	{"unknown fields are let pass", []edit{{"jail_sysctl.c", "\terror = request_check(jq, nports, reply);\n", "\terror = jq != NULL ? 0 : request_check(jq, nports, reply);\n"}},
		"kern", "TestUnknownFields", `reserved: <nil>`},
	{"a refused change is half done", []edit{{"jail_object.c", "\terror = config_check(&jc, j->j_root, reply);\n", "\tj->j_config = jc;\n\tconfig_apply(j);\n\terror = config_check(&jc, j->j_root, reply);\n"}},
		"kern", "TestRefusedChange", `a refused change has made of`},
	{"refused ports are kept", []edit{{"jail_object.c", "\t\terror = jail_port_check(j, ports, jq->jq_nports, reply);\n\t\tif (error == 0)\n", "\t\terror = jail_port_check(j, ports, jq->jq_nports, reply);\n\t\tif (error != EINVAL)\n"}},
		"conformance", "TestReservationsExclude", `want it refused and the holder named`},
	{"a word both allowed and denied", []edit{{"jail_policy.c", "\t\tbad = jc->jc_allow & jc->jc_deny;\n", "\t\tbad = 0;\n"}},
		"conformance", "TestCreateIsRefused", `create both-words: \d+ <nil>`},
}

// kernel: what NetBSD's kernel would panic of. hostkern's locks and answers
// are as strict.
var kernel = []mutation{
	{"the cred listener defers", []edit{{"jail_cred.c", "\treturn KAUTH_RESULT_ALLOW;\n", "\treturn KAUTH_RESULT_DEFER;\n"}},
		"kern", "TestCredentials", `the cred scope answered`},
	{"a listener takes a lock that sleeps", []edit{{"jail_event.c", "\tmutex_spin_enter(&jail_leaf);\n\tif (pass)\n", "\tmutex_enter(&jail_lock);\n\tmutex_exit(&jail_lock);\n\tmutex_spin_enter(&jail_leaf);\n\tif (pass)\n"}},
		"conformance", "TestProcess", `lock order|spin lock held|connection|hostkern`},
	{"a listener allocates", []edit{{"jail_event.c", "\tmutex_spin_enter(&jail_leaf);\n\tif (pass)\n", "\tkmem_free(kmem_alloc(16, KM_SLEEP), 16);\n\tmutex_spin_enter(&jail_leaf);\n\tif (pass)\n"}, {"jail_event.c", "#include <sys/kauth.h>\n", "#include <sys/kauth.h>\n#include <sys/kmem.h>\n"}},
		"kern", "TestCredentials", `sleeps in a listener|spin lock`},
	{"a lock is not given back", []edit{{"jail_sysctl.c", "\tmutex_exit(&jail_lock);\n\treturn error;\n", "\treturn error;\n"}},
		"kern", "TestLastID", `returns with a lock held`},
	{"memory is not given back", []edit{{"jail_object.c", "\tif (error != 0) {\n\t\tvrele(root);\n\t\tjail_free(j);\n", "\tif (error != 0) {\n\t\tvrele(root);\n"}},
		"kern", "TestRefusedCreate", `blocks of memory, were`},
}
