// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// waiter is a thread that waits for events.
type waiter struct {
	Thread
	done chan struct{}
	ids  []uint32 // of the jails of the events that it got
	err  error
}

// wait begins to wait, as p, for events of a jail after since.
func wait(p Proc, id uint32, since uint64) *waiter {
	w := &waiter{Thread: p.Thread(), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer w.End()
		b := make([]byte, 100000)
		n, err := w.Read(fmt.Sprintf("security.models.jail.events.%d.%d.%d.1", id, since>>32, uint32(since)), b)
		if w.err = err; err != nil {
			return
		}
		const head = unsafe.Sizeof(snapshot{})
		size := int(binary.NativeEndian.Uint32(b[4:]))
		for b = b[head:n]; len(b) > 0; b = b[size:] {
			w.ids = append(w.ids, binary.NativeEndian.Uint32(b[48:]))
		}
	}()
	return w
}

// asleep returns when it waits in the kernel.
func (w *waiter) asleep(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !w.ended(); time.Sleep(time.Millisecond) {
		if w.Waits() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not wait after a minute")
		}
	}
	t.Fatalf("it does not wait: %v, %v", w.ids, w.err)
}

func (w *waiter) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// got waits for its end, and wants these.
func (w *waiter) got(t *testing.T, err error, ids ...uint32) {
	t.Helper()
	select {
	case <-w.done:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits still, after 20 seconds")
	}
	if w.err != err || fmt.Sprint(w.ids) != fmt.Sprint(ids) {
		t.Errorf("events of %v, %v, want %v, %v", w.ids, w.err, ids, err)
	}
}

// still says that it has been woken up for nothing, if at all.
func (w *waiter) still(t *testing.T) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	w.asleep(t)
}

func offend(p Proc) { _ = p.System(SystemReboot, 0, 0, 0) }

// A reader that waits gets what comes, of the jail that it named, at once
// what there is already, and keeps nobody from anything meanwhile.
func TestWait(t *testing.T) {
	root := host(t, 0)
	a, b := jail(t, root, "a", 0), jail(t, root, "b", 0)
	inA, inB := member(t, a, 0), member(t, b, 0)
	all, ofA, ofB, inside := wait(root, 0, newest(t, root)), wait(root, a, 0), wait(root, b, 0), wait(inB, 0, 0)
	for _, w := range []*waiter{all, ofA, ofB, inside} {
		w.asleep(t)
	}
	offend(inA)
	all.got(t, nil, a)
	ofA.got(t, nil, a)
	ofB.still(t)
	inside.still(t)
	offend(inB)
	ofB.got(t, nil, b)
	inside.got(t, nil, b)
	wait(root, 0, 0).got(t, nil, a, b)
	wait(inB, b, 0).got(t, nil, b)

	// The number within the jail, inside; one that is repeated is new.
	one := wait(inB, 0, 1)
	one.asleep(t)
	offend(inB)
	one.got(t, nil, b)
}

// newest is the latest event's number.
func newest(t *testing.T, root Proc) (seq uint64) {
	t.Helper()
	for _, e := range events(t, root, "events") {
		seq = max(seq, e.Seq)
	}
	return seq
}

// Who has nothing to wait for is told so, and who waited is too when the jail
// dies, or is destroyed.
func TestWaitForNothing(t *testing.T) {
	root, user := host(t, 0), host(t, 1000)
	a := jail(t, root, "a", 0)
	q := Request{Command: CommandCreate}
	q.SetName("b")
	q.SetRoot("/tmp")
	y, err := root.Command(&q, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, inA := y.ID, member(t, a, 0)
	wait(user, 0, 0).got(t, syscall.EPERM)
	wait(user, a, 0).got(t, syscall.EPERM)
	wait(inA, b, 0).got(t, syscall.ESRCH)
	wait(root, b+100, 0).got(t, syscall.ESRCH)
	for _, form := range []string{"events.0.0.0.2", "events.0.0.0.4294967295", "events.0.0.0.1.1", "seen.0.0.0.1", "seen.1.1"} {
		if _, err := root.Sysctl("security.models.jail."+form, nil, nil); err != syscall.EINVAL {
			t.Errorf("%s: %v", form, err)
		}
	}
	if _, err := root.Sysctl("security.models.jail.events.0.0.0.1", nil, make([]byte, 4)); err != syscall.EPERM {
		t.Errorf("written: %v", err)
	}

	inside, outside, other := wait(inA, 0, 0), wait(root, a, 0), wait(root, b, 0)
	for _, w := range []*waiter{inside, outside, other} {
		w.asleep(t)
	}
	if _, err := root.Command(&Request{Command: CommandKill, ID: a, Signal: int32(syscall.SIGURG)}, nil); err != nil {
		t.Fatal(err)
	}
	inside.got(t, syscall.ESRCH)
	outside.got(t, syscall.ESRCH)
	wait(root, a, 0).got(t, syscall.ESRCH)
	other.still(t)
	if _, err := root.Command(&Request{Command: CommandDestroy, ID: b}, nil); err != nil {
		t.Fatal(err)
	}
	other.got(t, syscall.ESRCH)
	Signals()
}

// A signal ends the waiting, of its thread alone; a process may end meanwhile.
func TestWaitIsInterrupted(t *testing.T) {
	blocks, size, vnodes, references := unloaded(t)
	if err := Load(); err != nil {
		t.Fatal(err)
	}
	root := NewHost(3, IDs{})
	if _, err := root.Sysctl("security.models.jail.events.0.0.0.1", nil, nil); err != syscall.EINTR {
		t.Errorf("a thread that may not wait: %v", err)
	}
	one, two := wait(root, 0, 0), wait(root, 0, 0)
	one.asleep(t)
	two.asleep(t)
	one.Interrupt()
	one.got(t, syscall.EINTR)
	two.still(t)
	end(root)
	two.still(t)
	two.Interrupt()
	two.got(t, syscall.EINTR)

	by := NewHost(4, IDs{})
	FaultAt(1)
	early := wait(by, 0, 0)
	early.got(t, syscall.EINTR)
	FaultAt(0)
	end(by)

	b, z, v, r := unloaded(t)
	if b != blocks || z != size || v != vnodes || r != references {
		t.Errorf("%d blocks of %d bytes, %d vnodes and %d references are left", b-blocks, z-size, v-vnodes, r-references)
	}
	if err := Load(); err != nil {
		t.Fatal(err)
	}
}

// The module stays while somebody waits in it.
func TestWaitKeepsTheModule(t *testing.T) {
	if !Forget() {
		t.Fatal("there is a jail")
	}
	root := host(t, 0)
	w := wait(root, 0, 0)
	w.asleep(t)
	if err := Unload(); err != syscall.EBUSY {
		t.Errorf("unload: %v", err)
	}
	id := jail(t, root, "late", 0)
	offend(member(t, id, 0))
	w.got(t, nil, id)
}

// A process of the host that enters a jail while one of its threads waits is
// told there of nothing that is not its own.
func TestWaitDoesNotEnter(t *testing.T) {
	root := host(t, 0)
	a, b := jail(t, root, "a", 0), jail(t, root, "b", 0)
	inA, p := member(t, a, 0), host(t, 0)
	w := wait(p, 0, newest(t, root))
	w.asleep(t)
	enterable(t, p)
	if _, err := p.Command(&Request{Command: CommandEnter, ID: b}, nil); err != nil {
		t.Fatal(err)
	}
	offend(inA)
	w.still(t)
	w.Interrupt()
	w.got(t, syscall.EINTR)
}

// However a reader that is about to wait and an event meet, it gets it.
func TestWaitBegins(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "begins", 0)
	p := member(t, id, 0)
	for i := range 300 {
		w := wait(p, 0, uint64(i))
		time.Sleep(time.Duration(i) * time.Microsecond)
		offend(p)
		w.got(t, nil, id)
	}
}

// Of many readers none misses an event, and who waits for another's sleeps on.
func TestWaitMissesNothing(t *testing.T) {
	const n, readers = 2000, 8
	root := host(t, 0)
	a, b := jail(t, root, "a", 0), jail(t, root, "b", 0)
	inA := member(t, a, 0)
	idle := wait(root, b, 0)
	idle.asleep(t)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			p, id := root, uint32(0)
			if i%2 == 1 {
				p, id = inA, a
			}
			thread := p.Thread()
			defer thread.End()
			old := make([]byte, 100000)
			for since, told := uint64(0), uint64(0); told < n; {
				size, err := thread.Read(fmt.Sprintf("security.models.jail.events.%d.%d.%d.1", id, since>>32, uint32(since)), old)
				if err != nil || size <= int(unsafe.Sizeof(snapshot{})) {
					t.Errorf("%d bytes, %v", size, err)
					return
				}
				last := old[size-int(binary.NativeEndian.Uint32(old[4:])):]
				since, told = binary.NativeEndian.Uint64(last), binary.NativeEndian.Uint64(last[8:])
			}
		})
	}
	for i := range n {
		offend(inA)
		if i%10 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("somebody waits still, after a minute")
	}
	idle.still(t)
	idle.Interrupt()
	idle.got(t, syscall.EINTR)
}
