// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// A kernel can boot once, and a panic ends the process: some tests run this
// binary again, as what the variable says.
const roleVariable = "KERN_TEST_ROLE"

func TestMain(m *testing.M) {
	role, arg, _ := strings.Cut(os.Getenv(roleVariable), " ")
	switch role {
	case "careless":
		boot()
		n, _ := strconv.Atoi(arg)
		if Careless(n, NewHost(100, IDs{}), NewHost(101, IDs{})) {
			fmt.Println("no panic")
		} else {
			fmt.Println("no such case")
		}
		os.Exit(0)
	case "faults":
		os.Exit(loadFaults())
	case "copies":
		boot()
		os.Exit(copies())
	case "log":
		boot()
		os.Exit(logged())
	}
	boot()
	os.Exit(m.Run())
}

func boot() {
	if err := Boot(0); err != nil {
		println("boot:", err.Error())
		os.Exit(1)
	}
	NewHost(1, IDs{})
}

var lastPID atomic.Int32

// host makes a process of the host that is gone at the test's end.
func host(t testing.TB, uid uint32) Proc {
	p := NewHost(100+int(lastPID.Add(1)), IDs{UID: [3]uint32{uid, uid, uid}, GID: [3]uint32{uid, uid, uid}})
	t.Cleanup(func() { end(p) })
	return p
}

func end(p Proc) {
	p.Exit()
	p.Free()
}

// jail makes a jail that is gone at the test's end; its members must be.
func jail(t testing.TB, root Proc, name string, level uint32, ports ...Port) uint32 {
	t.Helper()
	q := Request{Command: CommandCreate, Config: Config{Level: level}}
	q.SetName(name)
	q.SetRoot("/tmp")
	y, err := root.Command(&q, ports)
	if err != nil {
		t.Fatalf("create %s: %v, reason %d detail %d", name, err, y.Reason, y.Detail)
	}
	t.Cleanup(func() {
		if y, err := root.Command(&Request{Command: CommandDestroy, ID: y.ID}, nil); err != nil {
			t.Errorf("destroy %s: %v, reason %d detail %d", name, err, y.Reason, y.Detail)
		}
	})
	return y.ID
}

// enterable tells what the kernel has to know of p for its entry.
func enterable(t rapid.TB, p Proc) {
	t.Helper()
	if err := p.SetFiles(nil); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open("/", syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	root, err := syscall.Open("/", syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetDirs(fd, root, false); err != nil {
		t.Fatal(err)
	}
	p.SetFlags(Leader, 0)
}

// member makes a process in a jail.
func member(t testing.TB, id uint32, flags uint32) Proc {
	t.Helper()
	p := host(t, 0)
	enterable(t, p)
	if y, err := p.Command(&Request{Command: CommandEnter, Flags: flags, ID: id}, nil); err != nil {
		t.Fatalf("enter %d: %v, reason %d detail %d", id, err, y.Reason, y.Detail)
	}
	if p.Jail() != id {
		t.Fatalf("in jail %d, want %d", p.Jail(), id)
	}
	return p
}

// again runs this test binary as something.
func again(role string) (string, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GOTRACEBACK=none")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What NetBSD's kernel would panic of is a panic here.
func TestCareless(t *testing.T) {
	for n, want := range map[int]string{
		1:  "an adaptive lock is taken with a spin lock held",
		2:  "sleeps in a listener",
		3:  "lock order",
		4:  "locking against myself",
		5:  "leaves with a lock",
		6:  "no answer",
		7:  "the cred scope answered",
		8:  "lock order",
		9:  "given up that is not held",
		10: "kmem_free: size 17, allocated 16",
		11: "a spin lock is held",
		12: "sleeps with p_lock held",
		13: "a lock is destroyed that is held",
		14: "mutex_owned(&proc_lock)",
	} {
		out, err := again("careless " + strconv.Itoa(n))
		var e *exec.ExitError
		if !errors.As(err, &e) || !strings.Contains(out, want) {
			t.Errorf("%d: want %q: %v: %s", n, want, err, out)
		}
	}
	if out, err := again("careless 15"); err != nil || !strings.Contains(out, "no such case") {
		t.Errorf("a case is not tested: %v: %s", err, out)
	}
}

// loadFaults lets each call that can fail do so, at load, one by one.
func loadFaults() int {
	BootBare()
	root := NewHost(2, IDs{})
	blocks, size := Memory()
	for n := 1; ; n++ {
		FaultAt(n)
		err := Load()
		if err == nil {
			if Faults() >= n {
				fmt.Printf("call %d failed, and the load did not\n", n)
				return 1
			}
			break
		}
		if b, s := Memory(); b != blocks || s != size {
			fmt.Printf("call %d failed (%v), and %d blocks of %d bytes are left\n", n, err, b-blocks, s-size)
			return 1
		}
	}
	fmt.Printf("%d calls\n", Faults())
	FaultAt(0)
	for range 3 {
		// Without a moment for it, it stays, and all of it.
		FaultAt(1)
		err := Unload()
		FaultAt(0)
		if !errors.Is(err, syscall.EBUSY) {
			fmt.Println("unload when there is no moment for it:", err)
			return 1
		}
		if _, err := root.Sysctl("security.models.jail.version", make([]byte, 4), nil); err != nil {
			fmt.Println("version, when it was not unloaded:", err)
			return 1
		}
		if err := Unload(); err != nil {
			fmt.Println("unload:", err)
			return 1
		}
		if b, s := Memory(); b != blocks || s != size {
			fmt.Printf("unloaded, and %d blocks of %d bytes are left\n", b-blocks, s-size)
			return 1
		}
		if err := Load(); err != nil {
			fmt.Println("load:", err)
			return 1
		}
	}
	return 0
}

func TestLoadFaults(t *testing.T) {
	out, err := again("faults")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Log(strings.TrimSpace(out))
}

func TestUnloadRefused(t *testing.T) {
	jail(t, host(t, 0), "once", 0)
	if err := Unload(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("unload with a jail: %v", err)
	}
}

// list reads a list as a client does.
func list(t rapid.TB, p Proc, name string) []byte {
	t.Helper()
	for {
		n, err := p.Sysctl("security.models.jail."+name, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b := make([]byte, n)
		n, err = p.Sysctl("security.models.jail."+name, b, nil)
		if errors.Is(err, syscall.ENOMEM) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return b[:n]
	}
}

// records goes through a list.
func records(t rapid.TB, p Proc, node string, each func(b []byte)) {
	t.Helper()
	b := list(t, p, node)
	var s snapshot
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s)), b)
	for b = b[unsafe.Sizeof(s):]; len(b) >= int(s.Size); b = b[s.Size:] {
		each(b[:s.Size])
	}
}

// The kernel without a jail answers as NetBSD's usual models do.
func TestDefaults(t *testing.T) {
	root, user, other := host(t, 0), host(t, 1000), host(t, 1001)
	for name, c := range map[string]struct {
		root, user error
		ask        func(p Proc) error
	}{
		"reboot":     {nil, syscall.EPERM, func(p Proc) error { return p.System(SystemReboot, 0, 0, 0) }},
		"issuser":    {nil, syscall.EPERM, func(p Proc) error { return p.Generic(GenericIssuser) }},
		"raw":        {nil, syscall.EPERM, func(p Proc) error { return p.SocketOpen(2, 3, 1) }},
		"tcp":        {nil, nil, func(p Proc) error { return p.SocketOpen(2, 1, 0) }},
		"kill":       {nil, syscall.EPERM, func(p Proc) error { return p.Signal(other, 15) }},
		"see":        {nil, nil, func(p Proc) error { return p.CanSee(other, ReqProcessCanseeEntry) }},
		"kptr":       {nil, syscall.EPERM, func(p Proc) error { return p.CanSee(other, ReqProcessCanseeKptr) }},
		"nice down":  {nil, nil, func(p Proc) error { return p.Nice(p, 30) }},
		"nice up":    {nil, syscall.EACCES, func(p Proc) error { return p.Nice(p, 10) }},
		"fifo":       {nil, syscall.EPERM, func(p Proc) error { return p.Sched(p, ProcessSchedulerSetparam, 1, 1) }},
		"fork":       {nil, nil, func(p Proc) error { return p.MayFork() }},
		"iopl":       {nil, syscall.EPERM, func(p Proc) error { return p.Machdep(MachdepIopl) }},
		"tty":        {nil, syscall.EBUSY, func(p Proc) error { return p.TTY(DeviceTtyOpen) }},
		"null":       {nil, nil, func(p Proc) error { return p.Spec(ReqDeviceRawioSpecRw, false, 1<<8|3) }},
		"route add":  {nil, syscall.EPERM, func(p Proc) error { return p.Route(1) }},
		"ptrace own": {nil, nil, func(p Proc) error { return p.Ptrace(p, 0) }},
	} {
		if err := c.ask(root); err != c.root {
			t.Errorf("%s, root: %v, want %v", name, err, c.root)
		}
		if err := c.ask(user); err != c.user {
			t.Errorf("%s, user: %v, want %v", name, err, c.user)
		}
	}
}

// A jail's credential stays with what becomes of its process.
func TestCredentials(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "cred", 2)
	p := member(t, id, 0)
	c := p.Fork(9000)
	if c.Jail() != id {
		t.Errorf("a child is in %d", c.Jail())
	}
	c.SetIDs(IDs{UID: [3]uint32{5, 5, 5}, GID: [3]uint32{5, 5, 5}})
	g := c.Fork(9001)
	c.Exec()
	if c.Jail() != id || g.Jail() != id || p.Jail() != id {
		t.Errorf("in %d, %d, %d", p.Jail(), c.Jail(), g.Jail())
	}
	if err := g.System(SystemReboot, 0, 0, 0); err != syscall.EPERM {
		t.Errorf("a jailed user: %v", err)
	}
	if err := p.System(SystemReboot, 0, 0, 0); err != syscall.EPERM {
		t.Errorf("a jailed root: %v", err)
	}
	if err := p.Signal(root, 15); err != syscall.EPERM {
		t.Errorf("signal to the host: %v", err)
	}
	y, err := root.Command(&Request{Command: CommandKill, ID: id, Signal: 9}, nil)
	if err != nil {
		t.Errorf("kill: %v, reason %d", err, y.Reason)
	}
	want := map[int]bool{9000: true, 9001: true}
	for _, s := range Signals() {
		if s.Signo == 9 {
			delete(want, s.PID)
		}
	}
	if len(want) != 0 {
		t.Errorf("no signal to %v", want)
	}
	if err := c.MayFork(); err != syscall.EAGAIN {
		t.Errorf("fork in a dying jail: %v", err)
	}
	end(g)
	c.Exit()
	if y, err := root.Command(&Request{Command: CommandDestroy, ID: id}, nil); err != syscall.EBUSY || y.Detail != 2 {
		t.Errorf("destroy with a zombie: %v, detail %d", err, y.Detail)
	}
	c.Free()
}

// Entry judges what /proc showed.
func TestEntryReasons(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "reasons", 0)
	jail(t, root, "owner", 0, Port{6, 8080, 8080, 0})
	dirfd, err := syscall.Open("/usr", syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := os.MkdirTemp("/tmp", "kern")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(inside)
	infd, err := syscall.Open(inside, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var st, ist syscall.Stat_t
	if syscall.Fstat(dirfd, &st) != nil || syscall.Fstat(infd, &ist) != nil {
		t.Fatal("fstat")
	}
	file := func(f FD) func(Proc) {
		if f.DirFD == 0 {
			f.DirFD = -1
		}
		f.FD = 7
		return func(p Proc) {
			if err := p.SetFiles([]FD{f}); err != nil {
				t.Fatal(err)
			}
			p.SetFlags(Leader, 0)
		}
	}
	flags := func(f Flags) func(Proc) { return func(p Proc) { p.SetFlags(f, 0) } }
	for name, c := range map[string]struct {
		prepare func(Proc)
		reason  uint32
	}{
		"fine":      {func(Proc) {}, 0},
		"traced":    {flags(Leader | Traced), 14},
		"vfork":     {flags(Leader | PPWait), 15},
		"memory":    {flags(Leader | SharedVM), 15},
		"fds":       {flags(Leader | SharedFD), 16},
		"cwd":       {flags(Leader | SharedCWD), 17},
		"session":   {flags(0), 18},
		"terminal":  {flags(Leader | Terminal), 19},
		"directory": {file(FD{Type: FDVnode, Mode: syscall.S_IFDIR, Dev: st.Dev, Ino: st.Ino, DirFD: dirfd}), 21},
		"inside":    {file(FD{Type: FDVnode, Mode: syscall.S_IFDIR, Dev: ist.Dev, Ino: ist.Ino, DirFD: infd}), 0},
		"disk":      {file(FD{Type: FDVnode, Mode: syscall.S_IFBLK, Rdev: 8 << 8, Ino: 1}), 22},
		"mem":       {file(FD{Type: FDVnode, Mode: syscall.S_IFCHR, Rdev: 1<<8 | 1, Ino: 2}), 22},
		"null":      {file(FD{Type: FDVnode, Mode: syscall.S_IFCHR, Rdev: 1<<8 | 3, Ino: 3}), 0},
		"raw":       {file(FD{Type: FDSocket, Family: 2, SType: 3}), 23},
		"stream":    {file(FD{Type: FDSocket, Family: 2, SType: 1}), 0},
		"taken":     {file(FD{Type: FDSocket, Family: 24, SType: 1, Protocol: 6, Port: 8080}), 23},
		"free":      {file(FD{Type: FDSocket, Family: 24, SType: 1, Protocol: 6, Port: 8081}), 0},
		"udp":       {file(FD{Type: FDSocket, Family: 24, SType: 2, Protocol: 17, Port: 8080}), 0},
		"route":     {file(FD{Type: FDSocket, Family: 34, SType: 3}), 23},
		"kqueue":    {file(FD{Type: FDKqueue}), 24},
		"own queue": {file(FD{Type: FDKqueue, CloseOnExec: true}), 0},
		"other":     {file(FD{Type: FDOther}), 25},
		"event":     {file(FD{Type: FDEvent}), 0},
	} {
		p := host(t, 0)
		enterable(t, p)
		c.prepare(p)
		y, err := p.Command(&Request{Command: CommandEnter, ID: id}, nil)
		if (err == nil) != (c.reason == 0) || y.Reason != c.reason {
			t.Errorf("%s: %v, reason %d, want %d", name, err, y.Reason, c.reason)
		}
		p.SetFlags(0, 0)
		p.ClearFiles()
	}
	u := host(t, 1000)
	enterable(t, u)
	if y, err := u.Command(&Request{Command: CommandEnter, ID: id}, nil); err != syscall.EPERM {
		t.Errorf("a user: %v, reason %d", err, y.Reason)
	}
}

func TestLastID(t *testing.T) {
	root := host(t, 0)
	a := jail(t, root, "a", 0)
	if b := jail(t, root, "b", 0); b != a+1 || LastID() != b {
		t.Errorf("%d after %d, last %d", b, a, LastID())
	}
}

// Everything at once, for the thread sanitizer. The daemon's rule is kept:
// a process ends while nobody asks about it.
func TestConcurrent(t *testing.T) {
	root := host(t, 0)
	ids := []uint32{
		jail(t, root, "c1", 0, Port{6, 1000, 1100, 0}),
		jail(t, root, "c2", 2, Port{0, 2000, 2000, 0}),
	}
	var life sync.RWMutex
	members := []Proc{member(t, ids[0], 0), member(t, ids[1], 0)}
	var wg sync.WaitGroup
	const rounds = 300
	for i := range 4 {
		p := members[i%2]
		var mu sync.Mutex // one question by a process at a time
		wg.Go(func() {
			child := p.Fork(20000 + i)
			so := child.NewSocket(2, 1, 6)
			for n := range rounds {
				life.RLock()
				mu.Lock()
				_ = child.Bind(so, uint16(990+n%20))
				_ = child.Signal(members[1-i%2], 15)
				_ = child.Sched(members[i%2], ProcessSchedulerSetparam, 0, 0)
				_ = child.System(SystemMount, ReqSystemMountNew, 0, 0)
				if n%10 == 0 {
					child.SetIDs(IDs{UID: [3]uint32{uint32(n), uint32(n), uint32(n)}})
				}
				mu.Unlock()
				life.RUnlock()
				if n%20 == 0 && child.MayFork() == nil {
					g := child.Embryo()
					g.Arrive(30000 + i*rounds + n)
					life.Lock()
					end(g)
					life.Unlock()
				}
			}
			so.Free()
			life.Lock()
			end(child)
			life.Unlock()
		})
	}
	for i := range 2 {
		h := host(t, 0)
		wg.Go(func() {
			for n := range rounds {
				life.RLock()
				list(t, h, []string{"jails", "processes", "ports", "policy"}[n%4])
				q := Request{Command: CommandSet, ID: ids[i], Mask: SetLevel | SetProcesses, Config: Config{Level: uint32(n % 3), Processes: 100}}
				if y, err := h.Command(&q, nil); err != nil {
					t.Errorf("set: %v, reason %d", err, y.Reason)
				}
				life.RUnlock()
			}
		})
	}
	wg.Wait()
}

func TestABI(t *testing.T) {
	var q Request
	if unsafe.Offsetof(q.Root) != unsafe.Sizeof(q)-1024 {
		t.Error("the root is not at the end")
	}
	if _, ok := ParseRequest(make([]byte, 10)); ok {
		t.Error("a short request is one")
	}
}

func TestNamesOfNodes(t *testing.T) {
	root := host(t, 0)
	for name, want := range map[string]error{
		"security.models.jail.version":      nil,
		"security.models.jail.name":         nil,
		"security.models.jail":              syscall.EISDIR,
		"security.models.jail.nothing":      syscall.ENOENT,
		"security.models.jail.version.more": syscall.ENOENT,
		"":                                  syscall.EISDIR,
		strings.Repeat("a.", 40):            syscall.ENOENT,
		filepath.Join("a", "b"):             syscall.ENOENT,
	} {
		if _, err := root.Sysctl(name, make([]byte, 64), nil); err != want {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
}
