// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"runtime"
	"testing"
)

// The host pays nothing for jails: whatever its processes ask, about whom,
// listeners take no lock and allocate nothing. Nor do they for a jail's
// process, unless they have a denial to record or a fork to count.
func TestNoLockNoMemory(t *testing.T) {
	runtime.LockOSThread() // the kernel counts by thread
	defer runtime.UnlockOSThread()

	root := host(t, 0)
	mine := jail(t, root, "mine", 0, Port{Protocol: 6, First: 8000, Last: 8099})
	others := jail(t, root, "others", 2, Port{Protocol: 6, First: 9000, Last: 9099})
	inside, other := member(t, mine, 0), member(t, others, 0)
	user, peer := host(t, 1000), host(t, 0)
	socket := func(p Proc) Socket {
		s := p.NewSocket(2, 1, 6)
		t.Cleanup(s.Free)
		return s
	}

	type question struct {
		name string
		ask  func(p Proc, s Socket)
	}
	about := func(target Proc) []question {
		return []question{
			{"signal", func(p Proc, _ Socket) { _ = p.Signal(target, 15) }},
			{"see", func(p Proc, _ Socket) { _ = p.CanSee(target, ReqProcessCanseeEntry) }},
			{"environment", func(p Proc, _ Socket) { _ = p.CanSee(target, ReqProcessCanseeEnv) }},
			{"ptrace", func(p Proc, _ Socket) { _ = p.Ptrace(target, 9) }},
			{"ktrace", func(p Proc, _ Socket) { _ = p.Ktrace(target) }},
			{"kevent", func(p Proc, _ Socket) { _ = p.Kevent(target) }},
			{"nice", func(p Proc, _ Socket) { _ = p.Nice(target, 30) }},
			{"procfs", func(p Proc, _ Socket) { _ = p.Procfs(target, ReqProcessProcfsRead) }},
			{"getaffinity", func(p Proc, _ Socket) { _ = p.Sched(target, ProcessSchedulerGetaffinity, 0, 0) }},
		}
	}
	own := func(bindable uint16) []question {
		return []question{
			{"fork", func(p Proc, _ Socket) { _ = p.MayFork() }},
			{"setid", func(p Proc, _ Socket) { _ = p.SetID() }},
			{"socket", func(p Proc, _ Socket) { _ = p.SocketOpen(2, 1, 6) }},
			{"bind", func(p Proc, s Socket) { _ = p.Bind(s, bindable) }},
			{"bind, automatic", func(p Proc, s Socket) { _ = p.Autobind(s); _ = p.Candidate(s, bindable, false) }},
			{"see socket", func(p Proc, s Socket) { _ = p.SocketAsk(ReqNetworkSocketCansee, s) }},
			{"chroot", func(p Proc, _ Socket) { _ = p.System(SystemChroot, ReqSystemChrootChroot, 0, 0) }},
			{"null", func(p Proc, _ Socket) { _ = p.Spec(ReqDeviceRawioSpecRw, false, 1<<8|3) }},
			{"lookup", func(p Proc, _ Socket) { p.Ask(AskLookup, Proc{}, Socket{}, 0, 1) }},
		}
	}
	powers := []question{
		{"issuser", func(p Proc, _ Socket) { _ = p.Generic(GenericIssuser) }},
		{"reboot", func(p Proc, _ Socket) { _ = p.System(SystemReboot, 0, 0, 0) }},
		{"mount", func(p Proc, _ Socket) { _ = p.System(SystemMount, ReqSystemMountNew, 0, 0) }},
		{"iopl", func(p Proc, _ Socket) { _ = p.Machdep(MachdepIopl) }},
		{"disk", func(p Proc, _ Socket) { _ = p.Spec(ReqDeviceRawioSpecRw, true, 8<<8) }},
		{"raw socket", func(p Proc, _ Socket) { _ = p.SocketOpen(2, 3, 1) }},
		{"route", func(p Proc, _ Socket) { _ = p.Route(1) }},
		{"bind another's", func(p Proc, s Socket) { _ = p.Bind(s, 9000) }},
		{"bind low", func(p Proc, s Socket) { _ = p.Bind(s, 80) }},
		{"revoke", func(p Proc, _ Socket) { _ = p.Vnode(VnodeRevoke, 0o020600, 0, -1) }},
	}
	free := func(who string, p Proc, questions ...[]question) {
		s := socket(p)
		for _, list := range questions {
			for _, q := range list {
				locks, blocks := Cost()
				q.ask(p, s)
				if l, b := Cost(); l != locks || b != blocks {
					t.Errorf("%s asks %s: %d locks, %d allocations", who, q.name, l-locks, b-blocks)
				}
			}
		}
	}
	for who, p := range map[string]Proc{"host root": root, "host user": user} {
		free(who, p, about(peer), about(inside), about(p), own(7000), powers)
	}
	free("jailed root", inside, about(inside), own(8000), own(7000))

	// The counters do count: a denial takes the lock of what is recorded.
	locks, _ := Cost()
	_ = inside.Signal(other, 15)
	if l, _ := Cost(); l == locks {
		t.Error("a denial was recorded without a lock")
	}
}
