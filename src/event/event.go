// Package event waits, in one goroutine, for descriptors, children, signals
// and timers, and calls back. It sleeps until one of them is due: there is no
// ticker, and without a timer armed there is no time-out either.
//
// A Loop that was told of Children is the one owner of wait4 in its process:
// nothing else there may use os/exec or os.Process.Wait. It never blocks in
// wait4, where Go may hang on NetBSD (golang issue 57999).
package event

import (
	"container/heap"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Mode is what a descriptor is watched for, or is found to be.
type Mode uint8

const (
	Readable Mode = 1 << iota // or at its end, or in error
	Writable                  // or in error
)

// Ready is a descriptor that was found ready.
type Ready struct {
	FD   int
	Mode Mode
}

// System is what a loop waits by: epoll, kqueue, or a simulation. All but Wake
// are called by the loop's goroutine only.
type System interface {
	// Set changes what fd is watched for; 0 is nothing.
	Set(fd int, old, mode Mode) error
	// Wait fills in what is ready, after at most timeout; below 0 it
	// waits for ever.
	Wait(timeout time.Duration, found []Ready) (int, error)
	// Wake makes Wait return early, once. Any goroutine may call it.
	Wake() error
	// Now is monotonic.
	Now() time.Duration
	Close() error
}

// Reap gives a child that has ended, or 0 or an error if none has.
type Reap func() (pid int, status unix.WaitStatus, err error)

// Loop calls back what is due, one at a time. Its methods belong to the
// goroutine that calls Run, and to callbacks; Post alone may be called from
// anywhere.
type Loop struct {
	poll    System
	watches map[int]*watch
	timers  timers
	armed   uint64 // counts timers, so that equal times keep their order
	found   [64]Ready
	batch   []Ready // the rest of what wait found
	stopped bool

	rest     func()
	children func(pid int, status unix.WaitStatus)
	reap     Reap
	ended    chan struct{}
	relay    sync.WaitGroup

	mu     sync.Mutex // guards posted and closed
	posted []func()
	closed bool
}

type watch struct {
	mode Mode
	call func(Mode)
}

// New makes a loop on the system's own events.
func New() (*Loop, error) {
	s, err := newSystem()
	if err != nil {
		return nil, err
	}
	l, _ := On(s, reapChild)
	return l, nil
}

// On makes a loop on another system. childEnded is for that to call, from any
// goroutine, when children have ended.
func On(s System, reap Reap) (l *Loop, childEnded func()) {
	l = &Loop{poll: s, watches: make(map[int]*watch), ended: make(chan struct{}), reap: reap}
	return l, func() { l.Post(l.reapAll) }
}

// Now is the monotonic time on the loop's clock: setting the system's clock
// does not move it.
func (l *Loop) Now() time.Duration { return l.poll.Now() }

// Watch calls back whenever fd is ready in one of the modes. The caller makes
// fd non-blocking, and calls Forget before it closes fd.
func (l *Loop) Watch(fd int, mode Mode, call func(Mode)) error {
	if l.watches[fd] != nil {
		return fmt.Errorf("descriptor %d is watched already", fd)
	}
	if err := l.poll.Set(fd, 0, mode); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	l.watches[fd] = &watch{mode, call}
	return nil
}

// Change watches fd for other modes from now on; 0 pauses it.
func (l *Loop) Change(fd int, mode Mode) error {
	w := l.watches[fd]
	if w == nil {
		return fmt.Errorf("descriptor %d is not watched", fd)
	}
	if w.mode == mode {
		return nil
	}
	if err := l.poll.Set(fd, w.mode, mode); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	w.mode = mode
	return nil
}

// Forget ends a Watch; no call comes afterwards. Forgetting what is not
// watched does nothing.
func (l *Loop) Forget(fd int) {
	w := l.watches[fd]
	if w == nil {
		return
	}
	delete(l.watches, fd)
	// Only a descriptor closed too early makes this fail, and that is gone
	// from the kernel's list by itself.
	_ = l.poll.Set(fd, w.mode, 0)
	for i := range l.batch {
		if l.batch[i].FD == fd {
			l.batch[i].Mode = 0
		}
	}
}

// Post calls f in the loop's goroutine, soon. After Close it does nothing.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.posted = append(l.posted, f)
	if len(l.posted) == 1 {
		_ = l.poll.Wake() // full of wake-ups already is as good
	}
}

// Children calls back for each child of the process that ends. From now on
// the loop reaps all of them.
func (l *Loop) Children(call func(pid int, status unix.WaitStatus)) {
	l.children = call
	l.notify(unix.SIGCHLD)
	l.Post(l.reapAll) // those that ended before
}

// Signals calls back when one of the signals came; several of one kind may
// be told as one.
func (l *Loop) Signals(call func(unix.Signal), signals ...unix.Signal) {
	for _, s := range signals {
		l.relaySignal(s, func() { call(s) })
	}
}

func (l *Loop) notify(s unix.Signal) { l.relaySignal(s, l.reapAll) }

// relaySignal gives each signal a channel of its own: one that comes often
// can not push out another.
func (l *Loop) relaySignal(s unix.Signal, call func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, s)
	l.relay.Add(1)
	go func() {
		defer l.relay.Done()
		defer signal.Stop(c)
		for {
			select {
			case <-c:
				l.Post(call)
			case <-l.ended:
				return
			}
		}
	}()
}

func reapChild() (int, unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err != unix.EINTR {
			return pid, status, err
		}
	}
}

func (l *Loop) reapAll() {
	for {
		pid, status, err := l.reap()
		if err != nil || pid <= 0 { // ECHILD: there are none
			return
		}
		l.children(pid, status)
	}
}

// Rest calls f each time that all that was due is done, before the loop waits.
func (l *Loop) Rest(f func()) { l.rest = f }

// Run calls back until Stop, or until the system fails to wait.
func (l *Loop) Run() error {
	for !l.stopped {
		l.runPosted()
		l.runTimers()
		if l.stopped {
			break
		}
		n, err := l.wait()
		if err != nil {
			return fmt.Errorf("wait for events: %w", err)
		}
		l.batch = l.found[:n]
		for len(l.batch) > 0 && !l.stopped {
			r := l.batch[0]
			l.batch = l.batch[1:]
			if w := l.watches[r.FD]; w != nil && r.Mode&w.mode != 0 {
				w.call(r.Mode & w.mode)
			}
		}
		l.batch = nil
	}
	l.stopped = false
	return nil
}

// wait waits with the collector off if it may be long: Go's runtime would wake
// up every two minutes to collect what there is none of.
func (l *Loop) wait() (int, error) {
	if l.rest != nil {
		l.rest()
	}
	timeout := l.timeout()
	if timeout < 0 || timeout > time.Minute {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	return l.poll.Wait(timeout, l.found[:])
}

// Stop makes Run return once the callback that calls it has; Run may be
// called again.
func (l *Loop) Stop() { l.stopped = true }

// Close gives back what the loop holds; watched descriptors stay open.
func (l *Loop) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.posted = nil
	l.mu.Unlock()
	close(l.ended)
	l.relay.Wait()
	return l.poll.Close()
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	calls := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range calls {
		if l.stopped {
			return
		}
		f()
	}
}

// Timer calls back once, unless it is stopped first.
type Timer struct {
	at    time.Duration
	order uint64
	index int // in the heap, or -1
	call  func()
	loop  *Loop
}

// After calls f once d has passed.
func (l *Loop) After(d time.Duration, f func()) *Timer {
	l.armed++
	t := &Timer{at: l.Now() + max(d, 0), order: l.armed, call: f, loop: l}
	heap.Push(&l.timers, t)
	return t
}

// Stop disarms the timer. A nil Timer, or one that has fired, may be stopped.
func (t *Timer) Stop() {
	if t != nil && t.index >= 0 {
		heap.Remove(&t.loop.timers, t.index)
	}
}

// Armed says whether the call is still to come.
func (t *Timer) Armed() bool { return t != nil && t.index >= 0 }

func (l *Loop) runTimers() {
	now := l.Now()
	for len(l.timers) > 0 && !l.stopped && l.timers[0].at <= now {
		t := heap.Pop(&l.timers).(*Timer)
		t.call()
	}
}

func (l *Loop) timeout() time.Duration {
	if len(l.timers) == 0 {
		return -1
	}
	return max(l.timers[0].at-l.Now(), 0)
}

type timers []*Timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timers) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
