package secmodel

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ModelHint says how to get a kernel model.
const ModelHint = "load it: modload secmodel_jail; or see: jailmgr bootstrap"

// OlderHint says what to do about a model that is older than this program.
const OlderHint = "stop all jails, install the module of this program's release, and start the system anew: one that has had a jail is not unloaded"

// node is the model's node in the tree of sysctl(7).
var node = [...]string{"security", "models", "jail"}

// sysctlTree is the kernel's own interface. The numbers of the model's nodes
// are not fixed: they are looked up when it is opened.
type sysctlTree struct {
	mib   [len(node)]int32
	nodes []unix.Sysctlnode
}

func open() (kernel, error) {
	t := &sysctlTree{}
	for depth, name := range node {
		nodes, err := children(t.mib[:depth])
		if err != nil {
			return nil, fmt.Errorf("looking for the kernel model: %w", err)
		}
		n := find(nodes, name)
		if n == nil {
			return nil, fmt.Errorf("%w: this kernel has no sysctl node security.models.jail", ErrNoModel)
		}
		t.mib[depth] = n.Num
	}
	var err error
	if t.nodes, err = children(t.mib[:]); err != nil {
		return nil, fmt.Errorf("looking for the kernel model: %w", err)
	}
	return t, nil
}

func (t *sysctlTree) Close() error { return nil }

func (t *sysctlTree) sysctl(name string, old, new []byte) (int, error) {
	name, below, more := strings.Cut(name, ".")
	n := find(t.nodes, name)
	if n == nil {
		return 0, fmt.Errorf("%w: it has no node %q", ErrOlder, name)
	}
	mib := append(t.mib[:len(t.mib):len(t.mib)], n.Num)
	for more {
		var number string
		number, below, more = strings.Cut(below, ".")
		v, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("below the node %q: %w", name, err)
		}
		mib = append(mib, int32(uint32(v)))
	}
	length, err := sysctl(mib, old, new)
	// An answer begins with its version; without one the node is gone.
	if err == unix.ENOENT && (len(old) < 4 || native.Uint32(old) == 0) {
		err = fmt.Errorf("%w: it was unloaded", ErrNoModel)
	}
	return length, err
}

// signalAgain is how long a call that waits may take to end: the signal may
// have come before it began.
const signalAgain = 10 * time.Millisecond

// wait ends the call, when ctx is over, by a signal to its thread, of which
// Go's runtime makes nothing.
func (t *sysctlTree) wait(ctx context.Context, name string, old []byte) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, _, _ := syscall.RawSyscall(unix.SYS__LWP_SELF, 0, 0, 0)
	ended, quiet := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(quiet)
		for {
			_, _, _ = syscall.RawSyscall(unix.SYS__LWP_KILL, self, uintptr(unix.SIGURG), 0)
			select {
			case <-ended:
				return
			case <-time.After(signalAgain):
			}
		}
	})
	n, err := t.sysctl(name, old, nil)
	close(ended)
	if !stop() {
		<-quiet // the thread's number is another's some day
	}
	return n, err
}

// enter is the one operation of the kernel; the reply says why it was refused.
func (t *sysctlTree) enter(request, reply []byte) (int, error) {
	return t.sysctl("command", reply, request)
}

// children asks for the nodes below mib.
func children(mib []int32) ([]unix.Sysctlnode, error) {
	const size = int(unsafe.Sizeof(unix.Sysctlnode{}))
	query := append(mib[:len(mib):len(mib)], unix.CTL_QUERY)
	version := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1}
	new := unsafe.Slice((*byte)(unsafe.Pointer(&version)), size)
	for room := 64; ; {
		nodes := make([]unix.Sysctlnode, room)
		n, err := sysctl(query, unsafe.Slice((*byte)(unsafe.Pointer(&nodes[0])), room*size), new)
		if err == unix.ENOMEM && n > room*size {
			room = n/size + 8
			continue
		}
		if err != nil {
			return nil, err
		}
		return nodes[:n/size], nil
	}
}

func find(nodes []unix.Sysctlnode, name string) *unix.Sysctlnode {
	for i := range nodes {
		if have := nodes[i].Name[:]; equal(have, name) {
			return &nodes[i]
		}
	}
	return nil
}

func equal(have []int8, name string) bool {
	for i := range len(name) {
		if i >= len(have) || byte(have[i]) != name[i] {
			return false
		}
	}
	return len(name) < len(have) && have[len(name)] == 0
}

// sysctl is the system call itself: x/sys/unix only reads.
func sysctl(mib []int32, old, new []byte) (int, error) {
	length := uintptr(len(old))
	_, _, errno := syscall.Syscall6(unix.SYS___SYSCTL,
		uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
		uintptr(unsafe.Pointer(unsafe.SliceData(old))), uintptr(unsafe.Pointer(&length)),
		uintptr(unsafe.Pointer(unsafe.SliceData(new))), uintptr(len(new)))
	if errno != 0 {
		return int(length), errno
	}
	return int(length), nil
}
