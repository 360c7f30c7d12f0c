// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func ports(p secmodel.Protocol, first, last int) []secmodel.PortRange {
	return []secmodel.PortRange{{Protocol: p, First: uint16(first), Last: uint16(last)}}
}

func TestLife(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		id := d.jail("life", secmodel.Config{Level: secmodel.High, Limits: []secmodel.Limit{{Resource: 8, Soft: 100, Hard: 200}}})
		a := d.act(id, 0)
		a.want("jailed", "root")
		a.want("/", "cwd")
		a.want("100 200", "limit %d", unix.RLIMIT_NOFILE)
		j := d.record(id)
		if j.Processes != 1 || j.Threads < 2 || j.Entries != 1 || j.Resident == 0 || j.Oldest.IsZero() {
			t.Errorf("%+v", j)
		}
		if err := d.client.Destroy(id); !errors.Is(err, secmodel.ErrBusy) {
			t.Errorf("destroy with a member: %v", err)
		}
		t.Run("user", func(t *testing.T) {
			needUsers(t)
			u := d.act(id, 1000)
			ps, err := d.client.Processes()
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, p := range ps {
				if p.PID == a.pid() && p.UID == 0 || p.PID == u.pid() && p.UID == 1000 {
					seen++
				}
			}
			if seen != 2 {
				t.Errorf("processes: %+v", ps)
			}
		})
		d.end(id)
		if a.running() {
			t.Error("a process outlives its jail")
		}
		if id2 := d.jail("life", secmodel.Config{}); id2 == id {
			t.Error("an id came back")
		}
	})
}

func TestEntryChecks(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{Processes: 1})
	if _, first := d.tryAct(id, 0); first != "ready" {
		t.Fatal(first)
	}
	_, first := d.tryAct(id, 0)
	if !strings.Contains(first, "EAGAIN") && !strings.Contains(first, "cap") && !strings.Contains(first, "full") {
		t.Errorf("beyond the cap: %s", first)
	}
	if _, first := d.tryAct(id+7, 0); first == "ready" {
		t.Error("entered a jail that is not there")
	}
	a := d.act("init="+strconv.Itoa(int(d.jail("k", secmodel.Config{}))), 0)
	if !a.running() {
		t.Error("init is gone")
	}
}

func TestPorts(t *testing.T) {
	d := startDaemon(t)
	mine := d.jail("mine", secmodel.Config{Level: secmodel.Medium, Ports: ports(secmodel.TCP, 18080, 18081)})
	other := d.jail("other", secmodel.Config{Level: secmodel.Medium, Ports: ports(secmodel.AnyProtocol, 18090, 18090)})
	strict := d.jail("strict", secmodel.Config{Level: secmodel.High, Strict: true, Ports: ports(secmodel.TCP, 18100, 18100)})
	a, b, s, h := d.act(mine, 0), d.act(other, 0), d.act(strict, 0), d.act("observe", 0)
	t.Run("user", func(t *testing.T) {
		needUsers(t)
		d.act(mine, 1000).want("18081", "bind tcp 18081")
	})

	a.want("18080", "bind tcp 18080")
	a.want("18080", "bind udp 18080") // reserved for TCP only
	b.want("EACCES", "bind tcp 18080")
	b.want("EACCES", "bind tcp6 18080")
	h.want("EACCES", "bind tcp 18080") // the host's root too
	a.want("EACCES", "bind udp6 18090")
	b.want("18090", "bind udp6 18090")
	a.want("18200", "bind tcp6 18200") // nobody's
	s.want("EACCES", "bind tcp 18201")
	s.want("18100", "bind tcp 18100")
	s.want("EACCES", "bind tcp 0")
	if r := d.record(other); r.Denials["port"] != 2 {
		t.Errorf("denials of other: %v", r.Denials)
	}
	// What somebody has bound can't be reserved, and who it is is said.
	_, err := d.client.Create("late", d.dir, secmodel.Config{Ports: ports(secmodel.TCP, 18200, 18200)})
	var refused *secmodel.Refused
	if !errors.As(err, &refused) || !errors.Is(err, secmodel.ErrPortTaken) || refused.Holder != "mine" {
		t.Errorf("reserving a port that is bound: %v", err)
	}
	// An address that changes after the question.
	if got := b.do("race 18300 18080 2000"); !strings.HasPrefix(got, "0 ") {
		t.Errorf("race: %s", got)
	}
}

func TestAutomaticPorts(t *testing.T) {
	if !networkApart(t) {
		return
	}
	d := startDaemon(t)
	first, last := portRange()
	// All but a few are another's.
	d.jail("owner", secmodel.Config{Ports: ports(secmodel.AnyProtocol, first+20, last)})
	// And those few, with their bytes exchanged, are the trap.
	a := d.act(d.jail("a", secmodel.Config{Level: secmodel.High}), 0)
	h := d.act("observe", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l6, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer l6.Close()
	port := func(l net.Listener) string {
		_, p, _ := net.SplitHostPort(l.Addr().String())
		return p
	}
	for _, what := range []string{"bind tcp 0", "bind udp6 0", "listen tcp 0", "listen tcp6 0",
		"connect tcp " + port(l), "connect tcp6 " + port(l6), "connect udp 9", "send udp 9", "send udp6 9", "sendmsg udp 9"} {
		for _, who := range []*actor{a, h} {
			got := who.do("auto %s", what)
			n, err := strconv.Atoi(got)
			if err != nil || n < first || n >= first+20 {
				t.Errorf("auto %s: %s, want %d to %d", what, got, first, first+19)
			}
		}
	}
}

// networkApart says whether the test is in a network of its own, where nobody
// else has bound a port. If not, it has run the test again in one.
func networkApart(t *testing.T) bool {
	const apart = "HOSTKERN_TEST_NETWORK"
	if os.Getenv(apart) != "" {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		ifr, err := unix.NewIfreq("lo")
		if err != nil {
			t.Fatal(err)
		}
		ifr.SetUint16(unix.IFF_UP)
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(ifr))); e != 0 {
			t.Fatal(e)
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.Process == nil:
		t.Skipf("no network of its own is allowed here (%v), and in this one ports are bound; run as root on the machine itself", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	}
	return false
}

func TestUnixSockets(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{Level: secmodel.High})
	d.act(id, 0).want("true", "unixbind /tmp/a")
	d.act(id, 0).want("ENOENT", "unixbind /nowhere/a")
	needUsers(t)
	d.act(id, 1000).want("true", "unixbind /tmp/b")
	st, err := os.Stat(filepath.Join(d.dir, "j", "tmp", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := statUID(st); uid != 1000 {
		t.Errorf("the socket is user %d's", uid)
	}
	d.act(id, 1000).want("EACCES", "unixbind /nowhere")
}

func TestProcessesOfOthers(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		low := secmodel.Config{Level: secmodel.Low}
		one, two := d.jail("one", low), d.jail("two", low)
		init := d.act("init="+strconv.Itoa(int(one)), 0)
		a, same, other := d.act(one, 0), d.act(one, 0), d.act(two, 0)
		host := d.act("host", 0)
		usr1 := int(unix.SIGUSR1)
		for _, target := range []*actor{other, host} {
			for _, verb := range []string{"kill %d 0", "kill %d 10", "tgkill %d 10", "sigqueue %d 10", "setown %d", "setown -%d"} {
				a.want("EPERM", verb, target.pid())
			}
			for _, verb := range []string{"pidfdget %d 0", "pidfdopen %d"} {
				a.want("EACCES", verb, target.pid())
			}
			a.want("EACCES", "nice %d 5", target.pid())
			a.want("EPERM", "fifo %d", target.pid())
			a.want("ESRCH", "vmread %d", target.pid())
			a.want("ESRCH", "attach %d", target.pid())
		}
		for _, verb := range []string{"kill %d 10", "tgkill %d 10", "sigqueue %d 10", "pidfdopen %d", "nice %d 5", "vmread %d"} {
			a.want("ok", verb, same.pid())
		}
		// Init is guarded from its own jail, but not from itself.
		a.want("EPERM", "kill %d %d", init.pid(), usr1)
		a.want("ESRCH", "vmread 1")
		init.want("ok", "kill %d %d", init.pid(), usr1)
		// A user of the host has nothing to do with the same id in a jail.
		t.Run("user", func(t *testing.T) {
			needUsers(t)
			user, jailuser := d.act("observe", 1000), d.act(one, 1000)
			user.want("EPERM", "kill %d %d", jailuser.pid(), usr1)
			d.act("observe", 0).want("ok", "kill %d %d", jailuser.pid(), usr1)
		})
		// To all: those of the own jail.
		a.want("ok", "kill -1 %d", int(unix.SIGKILL))
		eventually(t, "the own jail's processes end", func() bool { return !same.running() })
		if !other.running() || !host.running() || !init.running() {
			t.Error("kill(-1) reached out of the jail, or its init")
		}
		a.want("ESRCH", "kill -%d %d", other.pid(), usr1)
	})
}

func TestForks(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		id := d.jail("j", secmodel.Config{Level: secmodel.High, Processes: 4})
		a := d.act(id, 0)
		a.want("ok", "forks 200")
		j := d.record(id)
		if j.Forks != 200 || j.Exits != 200 || j.Processes != 1 {
			t.Errorf("forks %d exits %d processes %d, want 200 200 1", j.Forks, j.Exits, j.Processes)
		}
		a.want("3 "+unix.EAGAIN.Error(), "crowd 10")
		if j = d.record(id); j.Processes != 4 || j.Denials["fork"] == 0 {
			t.Errorf("%d processes, denials %v", j.Processes, j.Denials)
		}
		a.want("ok", "threads 50") // are no processes
		d.end(id)
	})
}

// A process whose parent is gone is its jail's still.
func TestOrphan(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		id := d.jail("j", secmodel.Config{Level: secmodel.High})
		a := d.act(id, 0)
		a.want("ok", "orphan")
		a.in.Close()
		<-a.done
		if j := d.record(id); j.Processes != 1 || j.Forks != 2 || j.Exits != 2 {
			t.Errorf("processes %d forks %d exits %d, want 1 2 2", j.Processes, j.Forks, j.Exits)
		}
		if err := d.client.Destroy(id); !errors.Is(err, secmodel.ErrBusy) {
			t.Errorf("destroy: %v", err)
		}
		d.end(id)
	})
}

// Who is made by one that dies before anybody has seen its child is a member
// all the same, and killed with the jail.
func TestBereaved(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		id := d.jail("j", secmodel.Config{Level: secmodel.High})
		a := d.act(id, 0)
		for range 5 {
			a.want("segmentation fault", "bereave")
		}
		var all []secmodel.Process
		eventually(t, "five and the actor are known", func() bool {
			var err error
			if all, err = d.client.Processes(); err != nil {
				t.Fatal(err)
			}
			return len(all) == 6 && !slices.ContainsFunc(all, func(p secmodel.Process) bool { return p.PID == 0 })
		})
		d.end(id)
		for _, p := range all {
			if unix.Kill(p.PID, 0) != unix.ESRCH {
				t.Errorf("process %d is there after the jail's end", p.PID)
			}
		}
	})
}

func TestTicksSurvive(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{})
	a := d.act(id, 0)
	a.want("ok", "burn")
	before := d.record(id)
	a.in.Close()
	<-a.done
	after := d.record(id)
	if before.User == 0 || after.User < before.User || after.Processes != 0 {
		t.Errorf("CPU time %v, and after its end %v", before.User, after.User)
	}
}

// refusedCalls are refused to a jail's root whatever its level; 1 is a
// pointer that nothing is at.
var refusedCalls = map[string]string{
	"mount":                 "EPERM",
	"raw 166 1 0":           "EPERM", // umount2
	"raw 155 1 1":           "EPERM", // pivot_root
	"raw 430 1 0":           "EPERM", // fsopen
	"raw 428 1 1 0":         "EPERM", // open_tree
	"raw 429 1 1":           "EPERM", // move_mount
	"raw 442 1 1":           "EPERM", // mount_setattr
	"raw 169 0 0 0":         "EPERM", // reboot
	"raw 246 0 0 0":         "EPERM", // kexec_load
	"raw 175 1 1 1":         "EPERM", // init_module
	"raw 313 0 1 0":         "EPERM", // finit_module
	"raw 176 1 0":           "EPERM", // delete_module
	"raw 167 1 0":           "EPERM", // swapon
	"raw 163 0":             "EPERM", // acct
	"hostname":              "EPERM",
	"raw 164 0 0":           "EPERM", // settimeofday
	"raw 227 0 1":           "EPERM", // clock_settime
	"adjtimex 1":            "EPERM",
	"adjtimex 0":            "ok", // only reads
	"mknod /tmp/n 8192 259": "EPERM",
	"mkfifo /tmp/f":         "ok",
	"socket 2 3 1":          "EPERM", // raw
	"socket 17 3 0":         "EPERM", // packet
	"socket 16 3 9":         "EPERM", // audit
	"socket 38 5 0":         "EAFNOSUPPORT",
	"socket 2 1 0":          "ok",
	"raw 321 0 0 0":         "EPERM",  // bpf
	"raw 298 0 0 0 0":       "EPERM",  // perf_event_open
	"raw 304 0 1 0":         "EPERM",  // open_by_handle_at
	"raw 303 0 1 1 1 0":     "EPERM",  // name_to_handle_at
	"raw 173 0 1 1":         "EPERM",  // ioperm
	"raw 172 3":             "EPERM",  // iopl
	"raw 425 1 0":           "ENOSYS", // io_uring_setup
	"raw 323 0":             "ENOSYS", // userfaultfd
	"raw 435 0 0":           "ENOSYS", // clone3
	"raw 248 1 1":           "ENOSYS", // add_key
	"raw 308 0 0":           "EPERM",  // setns
	"clone 0x10000000":      "EPERM",  // unshare(CLONE_NEWUSER)
	"clone 0x20000":         "EPERM",  // CLONE_NEWNS
	"raw 1073741863":        "ENOSYS", // getpid of the x32 architecture
	"raw 300 0 0":           "EPERM",  // fanotify_init
}

func TestRefused(t *testing.T) {
	d := startDaemon(t)
	for _, level := range []secmodel.Level{secmodel.Low, secmodel.Medium, secmodel.High} {
		a := d.act(d.jail("j"+strconv.Itoa(int(level)), secmodel.Config{Level: level}), 0)
		for call, want := range refusedCalls {
			a.want(want, "%s", call)
		}
	}
	// Above the floor it depends on the level.
	low, high := d.act(d.jail("low", secmodel.Config{Level: secmodel.Low}), 0), d.act(d.jail("high", secmodel.Config{Level: secmodel.High}), 0)
	h := d.act("host", 0)
	for _, call := range []string{"sysv", "nice 0 -5", "chroot /tmp"} {
		low.want(h.do("%s", call), "%s", call) // as on the host
	}
	high.want("EPERM", "chroot /tmp")
	high.want("EPERM", "sysv")
	high.want("EACCES", "nice 0 -5")
}

func TestDevices(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{Level: secmodel.Low})
	root := filepath.Join(d.dir, "j")
	for name, dev := range map[string]uint64{"null": 1<<8 | 3, "zero": 1<<8 | 5, "mem": 1<<8 | 1, "port": 1<<8 | 4} {
		if err := unix.Mknod(filepath.Join(root, name), unix.S_IFCHR|0o666, int(dev)); err != nil {
			t.Skipf("no device nodes can be made here: %v", err)
		}
	}
	if err := os.Symlink("/tmp/../mem", filepath.Join(root, "tmp", "link")); err != nil {
		t.Fatal(err)
	}
	a := d.act(id, 0)
	for path, want := range map[string]string{
		"/null": "ok", "/zero": "ok", "null": "ok", "/mem": "EPERM", "mem": "EPERM", "/port": "EPERM",
		"/tmp/link": "EPERM", "tmp/link": "EPERM", "/../../mem": "EPERM", "/marker": "ok", "/none": "ENOENT", "/tmp": "ok",
	} {
		a.want(want, "open %s", path)
	}
	if r := d.record(id); r.Denials["device"] != 6 {
		t.Errorf("denials: %v", r.Denials)
	}
}

// int80 is a program that asks for its pid as 32-bit programs do; it ends
// with the error that it gets.
var int80 = []byte{
	0xb8, 20, 0, 0, 0, // mov $20, %eax
	0xcd, 0x80, // int $0x80
	0x89, 0xc7, 0xf7, 0xdf, // mov %eax, %edi; neg %edi
	0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05, // exit_group(%edi)
}

func elf(code []byte) []byte {
	const base = 0x400000
	var b bytes.Buffer
	le := binary.LittleEndian
	h := make([]byte, 64+56)
	copy(h, "\x7fELF\x02\x01\x01")
	le.PutUint16(h[16:], 2)
	le.PutUint16(h[18:], 62)
	le.PutUint32(h[20:], 1)
	le.PutUint64(h[24:], base+64+56)
	le.PutUint64(h[32:], 64)
	le.PutUint16(h[52:], 64)
	le.PutUint16(h[54:], 56)
	le.PutUint16(h[56:], 1)
	p := h[64:]
	le.PutUint32(p, 1)
	le.PutUint32(p[4:], 5)
	le.PutUint64(p[16:], base)
	le.PutUint64(p[24:], base)
	le.PutUint64(p[32:], uint64(len(h)+len(code)))
	le.PutUint64(p[40:], uint64(len(h)+len(code)))
	le.PutUint64(p[48:], 4096)
	b.Write(h)
	b.Write(code)
	return b.Bytes()
}

func TestForeignArchitecture(t *testing.T) {
	d := startDaemon(t)
	a := d.act(d.jail("j", secmodel.Config{}), 0)
	if err := os.WriteFile(filepath.Join(d.dir, "j", "int80"), elf(int80), 0o755); err != nil {
		t.Fatal(err)
	}
	a.want(strconv.Itoa(int(unix.ENOSYS)), "exec /int80")
}

func TestLimits(t *testing.T) {
	d := startDaemon(t)
	low := d.act(d.jail("low", secmodel.Config{Level: secmodel.Low}), 0)
	high := d.act(d.jail("high", secmodel.Config{Level: secmodel.High}), 0)
	for _, a := range []*actor{low, high} {
		a.want("ok", "setlimit %d 50 60", unix.RLIMIT_NOFILE)
		a.want("50 60", "limit %d", unix.RLIMIT_NOFILE)
	}
	high.want("EPERM", "setlimit %d 50 70", unix.RLIMIT_NOFILE)
	high.want("50 60", "limit %d", unix.RLIMIT_NOFILE)
}

// What clients do wrong costs them their connection, and nobody else's.
func TestBadClients(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{})
	send := func(b []byte) net.Conn {
		c, err := net.Dial("unix", d.socket())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		return c
	}
	head := func(op, name, new uint32) []byte {
		b := binary.NativeEndian.AppendUint32(nil, magic)
		b = binary.NativeEndian.AppendUint32(b, op)
		b = binary.NativeEndian.AppendUint32(b, name)
		b = binary.NativeEndian.AppendUint32(b, new)
		return binary.NativeEndian.AppendUint64(b, 1<<62)
	}
	// Cut off in the middle.
	send(head(opSysctl, 7, 1000)[:10]).Close()
	send(append(head(opSysctl, 7, 1000), "command"...)).Close()
	for _, bad := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n........"),
		head(opSysctl, 1<<20, 0),
		head(opSysctl, 0, 1<<31),
	} {
		c := send(bad)
		if n, err := c.Read(make([]byte, 100)); err == nil {
			t.Errorf("%q is answered by %d bytes", bad, n)
		}
		c.Close()
	}
	for _, q := range []struct {
		b    []byte
		want unix.Errno
	}{
		{head(99, 0, 0), unix.EOPNOTSUPP},
		{append(head(opSysctl, 3, 0), "foo"...), unix.ENOENT},
		{append(head(opSysctl, 7, 4), "commandabcd"...), unix.EINVAL},
		{head(opEntered, 0, 0), unix.EINVAL},
		{head(opEnter, 0, 0), unix.EBADF},
	} {
		c := send(q.b)
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err != nil || n < headSize || unix.Errno(binary.NativeEndian.Uint32(b[4:])) != q.want {
			t.Errorf("%q: %d bytes, errno %d, %v; want %v", q.b, n, binary.NativeEndian.Uint32(b[4:]), err, q.want)
		}
		c.Close()
	}
	d.act(id, 0).want("jailed", "root")
}

// A hostkern that ends lets what was jailed fail, and the next says so.
func TestRestart(t *testing.T) {
	d := startDaemon(t)
	id := d.jail("j", secmodel.Config{Ports: ports(secmodel.TCP, 18400, 18400)})
	a := d.act(id, 0)
	a.want("3", "crowd 3")
	if err := d.model.Kill(); err != nil {
		t.Fatal(err)
	}
	a.want("ENOSYS", "bind tcp 18400")
	a.want("ENOSYS", "chroot /")
	a.want("0 "+unix.ENOSYS.Error(), "crowd 1")
	d.client.Close()

	d.start()
	said := d.said()
	for _, want := range []string{"jail j (" + strconv.Itoa(int(id)) + ")", strconv.Itoa(a.pid()), "--kill-leftovers"} {
		if !strings.Contains(said, want) {
			t.Errorf("the next hostkern does not say %q: %s", want, said)
		}
	}
	if next := d.jail("k", secmodel.Config{}); next <= id {
		t.Errorf("id %d after %d", next, id)
	}
	d.stop()
	if !a.running() {
		t.Error("a stop of hostkern killed")
	}
	d.start("--kill-leftovers")
	if !strings.Contains(d.said(), "killed 4 processes") {
		t.Error(d.said())
	}
	eventually(t, "the leftovers end", func() bool { return !a.running() })
}

// Who is refused can go on as before; who enters has to take the root.
func TestObserver(t *testing.T) {
	d := startDaemon(t)
	a := d.act("observe", 0)
	a.want(d.act("host", 0).do("socket 2 3 1"), "socket 2 3 1") // root of the host may
	a.want("ok", "forks 20")
	needUsers(t)
	u := d.act("observe", 1000)
	u.want("EPERM", "socket 2 3 1")
	u.want("EPERM", "mount")
	u.want("EPERM", "hostname")
}

// Many at once, while jails are listed, changed and killed.
func TestStress(t *testing.T) {
	modes(t, func(t *testing.T, d *daemonProcess) {
		var ids []secmodel.ID
		var actors []*actor
		for i := range 3 {
			id := d.jail("s"+strconv.Itoa(i), secmodel.Config{Level: secmodel.Medium})
			ids = append(ids, id)
			actors = append(actors, d.act(id, 0), d.act(id, 0))
		}
		var wg sync.WaitGroup
		for i, a := range actors {
			wg.Go(func() {
				for range 5 {
					a.want("ok", "forks 20")
					a.want("ok", "orphan")
					if got := a.do("auto bind tcp 0"); number(got) == 0 {
						t.Errorf("auto bind: %s", got)
					}
					a.want("EPERM", "kill %d 0", actors[(i+2)%len(actors)].pid())
					a.want("ok", "threads 5")
				}
			})
		}
		stop := make(chan struct{})
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := secmodel.Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			level := secmodel.Low
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := c.Jails(); err != nil {
					t.Errorf("list: %v", err)
				}
				if _, err := c.Processes(); err != nil {
					t.Errorf("processes: %v", err)
				}
				level = (level + 1) % 3
				if err := c.Set(ids[0], secmodel.Change{Level: &level}); err != nil {
					t.Errorf("set: %v", err)
				}
			}
		}()
		done := make(chan struct{})
		go func() {
			time.Sleep(time.Second)
			close(stop)
			wg.Wait()
			close(done)
		}()
		<-done
		for _, id := range ids {
			// Two members, and the ten orphans; 2 x 5 x (20 + 2) forks.
			eventually(t, "the orphans' parents are waited for", func() bool { return d.record(id).Processes == 12 })
			if j := d.record(id); j.Forks != 220 || j.Exits != 210 {
				t.Errorf("forks %d, exits %d, want 220 and 210", j.Forks, j.Exits)
			}
			d.end(id)
		}
	})
}
