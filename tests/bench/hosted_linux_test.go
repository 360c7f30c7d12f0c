//go:build cgo && amd64

package bench

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// The kernel in this process: the model's own C, in tools/hostkern/kern.

// boot makes the kernel, with the model and what it is compared with. Its locks are as fast as they can be,
// not checked as in tests.
var boot = sync.OnceValue(func() error {
	err := kern.Boot(0)
	kern.ListInit()
	kern.CheckLocks(false)
	return err
})

// hosted boots the kernel, and gives a process of it, root on the host.
func hosted(b *testing.B) (root kern.Proc) {
	b.Helper()
	if err := boot(); err != nil {
		b.Fatal(err)
	}
	return process()
}

var lastPID = 1000000

// process is a process of the kernel's, root on the host.
func process() kern.Proc {
	lastPID++
	return kern.NewHost(lastPID, kern.IDs{})
}

func end(p kern.Proc) {
	p.Exit()
	p.Free()
}

// command must succeed.
func command(b *testing.B, p kern.Proc, q *kern.Request, ports ...kern.Port) (id uint32) {
	b.Helper()
	y, err := p.Command(q, ports)
	if err != nil {
		b.Fatalf("command %d, jail %d: %v, reason %d, detail %d", q.Command, q.ID, err, y.Reason, y.Detail)
	}
	return y.ID
}

// jailRoot is the root directory of all jails.
const jailRoot = "/tmp"

// jail makes one with the level medium.
func jail(b *testing.B, root kern.Proc, n int, ports ...kern.Port) (id uint32) {
	b.Helper()
	q := kern.Request{Command: kern.CommandCreate, Config: kern.Config{Level: 1}}
	q.SetName(fmt.Sprintf("jail%d", n))
	q.SetRoot(jailRoot)
	return command(b, root, &q, ports...)
}

func destroy(b *testing.B, root kern.Proc, id uint32) {
	b.Helper()
	command(b, root, &kern.Request{Command: kern.CommandDestroy, ID: id})
}

// enterable is a process that may enter a jail, with pipes for descriptors.
func enterable(b *testing.B) kern.Proc {
	b.Helper()
	p := process()
	var dirs [2]int // of its working directory and its root; the model closes them
	for i := range dirs {
		var err error
		if dirs[i], err = unix.Open("/", unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			b.Fatal(err)
		}
	}
	var fds []kern.FD
	for fd := range 3 {
		fds = append(fds, kern.FD{FD: fd, Type: kern.FDPipe, DirFD: -1})
	}
	if err := p.SetFiles(fds); err != nil {
		b.Fatal(err)
	}
	if err := p.SetDirs(dirs[0], dirs[1], false); err != nil {
		b.Fatal(err)
	}
	p.SetFlags(kern.Leader, os.Getpid())
	return p
}

// member is a process in a jail, its root.
func member(b *testing.B, id uint32) kern.Proc {
	b.Helper()
	p := enterable(b)
	command(b, p, &kern.Request{Command: kern.CommandEnter, ID: id})
	return p
}

// populate makes jails with so many processes in each, and gives what ends
// them all.
func populate(b *testing.B, root kern.Proc, jails, each int) (empty func()) {
	b.Helper()
	var ids []uint32
	var members []kern.Proc
	for n := range jails {
		ids = append(ids, jail(b, root, n))
		p := member(b, ids[n])
		members = append(members, p)
		for range each - 1 {
			lastPID++
			members = append(members, p.Fork(lastPID))
		}
	}
	return func() {
		for _, p := range slices.Backward(members) {
			end(p)
		}
		for _, id := range ids {
			destroy(b, root, id)
		}
	}
}
