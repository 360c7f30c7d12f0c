package secmodel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jails/tests/host"
)

var testWords = []structure{
	&wordData{bit: 3, name: "chroot", what: "chroot(2)"},
	&wordData{bit: 0, name: "raw-socket", what: "raw sockets"},
}

func TestNoModel(t *testing.T) {
	t.Setenv(SocketVariable, filepath.Join(t.TempDir(), "none"))
	if _, err := Open(); !errors.Is(err, ErrNoModel) {
		t.Errorf("got %v", err)
	}
}

func TestJails(t *testing.T) {
	f := newFake(t)
	f.list("words", sizeWord, testWords...)
	r := &recordData{
		id: 3, state: uint32(Active), init: 77, nports: 2, created: 1000,
		config:    configData{allow: 1 << 3, deny: 1 | 1<<40, level: 1, flags: flagStrict | flagObserve, processes: 64, limits: 1<<4 | 1<<8},
		processes: 2, threads: 5, resident: 10, virtual: 20, oldest: 2000,
		user: 150, system: 25, interrupt: 1, entries: 1, forks: 2, exits: 3, name: "web", root: "/r",
	}
	r.config.soft[8], r.config.hard[8] = 1024, unlimited
	r.denials[7], r.observed[1], r.lost, r.since = 9, 4, 6, 3000
	f.list("jails", sizeRecord, &recordData{id: 2, name: "a"}, r)
	s, err := f.client().Jails()
	if err != nil {
		t.Fatal(err)
	}
	want := Jail{
		ID: 3, Name: "web", Root: "/r", State: Active, Init: 77, Created: time.Unix(1000, 0), NPorts: 2,
		Config: Config{Level: Medium, Allow: []string{"chroot"}, Deny: []string{"raw-socket", "bit-40"}, Strict: true, Observe: true, Processes: 64,
			Limits: []Limit{{Resource: 4}, {Resource: 8, Soft: 1024, Hard: math.MaxUint64}}},
		Processes: 2, Threads: 5, Resident: 40960, Virtual: 81920, Oldest: time.Unix(2000, 0),
		User: 1500 * time.Millisecond, System: 250 * time.Millisecond, Interrupt: 10 * time.Millisecond,
		Entries: 1, Forks: 2, Exits: 3, Denials: map[string]uint64{},
		Observed: map[string]uint64{}, Lost: 6, Since: time.Unix(3000, 0),
	}
	for _, scope := range Scopes {
		want.Denials[scope], want.Observed[scope] = 0, 0
	}
	want.Denials["port"], want.Observed["system"] = 9, 4
	if diff := cmp.Diff(want, s.Jails[1]); diff != "" {
		t.Error(diff)
	}
	if s.Generation != 7 || s.Uptime != 5*time.Second || len(s.Jails) != 2 {
		t.Errorf("snapshot %+v", s)
	}
}

// A list that is larger than the first buffer, and grows while it is read.
func TestListGrows(t *testing.T) {
	f := newFake(t)
	n, calls := 100, 0
	f.node("jails", func(_ []byte, room int) ([]byte, unix.Errno) {
		if calls++; calls == 2 {
			n = 2000
		}
		b := make([]byte, sizeSnapshot+n*sizeRecord)
		encode(b, &snapshotData{abi: abiVersion, size: uint32(sizeRecord), count: uint32(n)})
		if room < len(b) {
			return b, unix.ENOMEM
		}
		return b, 0
	})
	s, err := f.client().Jails()
	if err != nil || len(s.Jails) != 2000 {
		t.Errorf("%d jails, %v", len(s.Jails), err)
	}
}

func TestListGrowsForEver(t *testing.T) {
	f := newFake(t)
	f.node("ports", func(_ []byte, room int) ([]byte, unix.Errno) { return make([]byte, room+1), unix.ENOMEM })
	if _, err := f.client().Ports(); err == nil || !strings.Contains(err.Error(), "grows") {
		t.Errorf("got %v", err)
	}
}

func TestLookup(t *testing.T) {
	f := newFake(t)
	f.list("jails", sizeRecord, &recordData{id: 16, name: "web"}, &recordData{id: 7, name: "0x10"}, &recordData{id: 4294967295, name: "z"})
	c := f.client()
	for arg, want := range map[string]ID{"web": 16, "16": 16, "0x10": 7, "7": 7, "4294967295": 4294967295} {
		if j, err := c.Lookup(arg); err != nil || j.ID != want {
			t.Errorf("Lookup(%q) = %d, %v", arg, j.ID, err)
		}
	}
	for _, arg := range []string{"", "0", "016", "+16", "-16", "16 ", "1e1", "4294967312", "99999999999999999999", "Web", "we"} {
		if _, err := c.Lookup(arg); !errors.Is(err, ErrNoJail) {
			t.Errorf("Lookup(%q): %v", arg, err)
		}
	}
}

func TestRequests(t *testing.T) {
	f := newFake(t)
	f.list("words", sizeWord, testWords...)
	var got requestData
	var ports []portData
	f.command(0, replyData{id: 12}, &got, &ports)
	c := f.client()

	id, err := c.Create("web", "/r", Config{Level: Medium, Allow: []string{"chroot"}, Deny: []string{"raw-socket"}, Strict: true, Observe: true, Processes: 9,
		Ports: []PortRange{{TCP, 80, 80}, {AnyProtocol, 1, 65535}}, Limits: []Limit{{8, 10, math.MaxUint64}}})
	if err != nil || id != 12 {
		t.Fatal(id, err)
	}
	want := requestData{abi: abiVersion, command: commandCreate, nports: 2, name: "web", root: "/r",
		config: configData{allow: 8, deny: 1, level: 1, flags: flagStrict | flagObserve, processes: 9, limits: 1 << 8}}
	want.config.soft[8], want.config.hard[8] = 10, unlimited
	f.mu.Lock() // as the fake does when it writes
	if got != want {
		t.Errorf("create: %+v, want %+v", got, want)
	}
	if diff := cmp.Diff([]portData{{6, 80, 80, 0}, {0, 1, 65535, 0}}, ports, cmp.AllowUnexported(portData{})); diff != "" {
		t.Error(diff)
	}
	f.mu.Unlock()

	level, none, most, yes, no := Low, []string{}, uint32(0), true, false
	for _, step := range []struct {
		name string
		do   func() error
		want requestData
	}{
		{"set", func() error { return c.Set(5, Change{Level: &level, Allow: &none, Processes: &most}) },
			requestData{command: commandSet, id: 5, mask: setLevel | setAllow | setProcesses}},
		{"set strict", func() error { return c.Set(5, Change{Strict: &yes}) },
			requestData{command: commandSet, id: 5, mask: setStrict, config: configData{flags: flagStrict}}},
		{"set no observe", func() error { return c.Set(5, Change{Observe: &no, Strict: &yes}) },
			requestData{command: commandSet, id: 5, mask: setStrict | setObserve, config: configData{flags: flagStrict}}},
		{"set observe", func() error { return c.Set(5, Change{Observe: &yes}) },
			requestData{command: commandSet, id: 5, mask: setObserve, config: configData{flags: flagObserve}}},
		{"set ports", func() error { return c.Set(5, Change{Ports: &[]PortRange{}}) },
			requestData{command: commandSet, id: 5, mask: setPorts}},
		{"kill", func() error { return c.Kill(5, 15) }, requestData{command: commandKill, id: 5, signal: 15}},
		{"destroy", func() error { return c.Destroy(5) }, requestData{command: commandDestroy, id: 5}},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		f.mu.Lock()
		if step.want.abi = abiVersion; got != step.want {
			t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
		}
		f.mu.Unlock()
	}
}

// Events come by Seq, with the rule that they are of, or none.
func TestEvents(t *testing.T) {
	f := newFake(t)
	f.list("words", sizeWord, testWords...)
	f.list("policy", sizeRule, &ruleData{name: "first", word: wordNone}, &ruleData{scope: 3, name: "raw", word: 0})
	f.list("events.7.1.2", sizeEvent,
		&eventData{seq: 9, number: 5, repeats: 3, first: 1e9, last: 2e9, detail: 80, id: 7, pid: 6, uid: 5, scope: 7, rule: 1,
			verdict: eventObserved, kind: uint32(PortDetail), target: 4, protocol: 6, command: "httpd"},
		&eventData{seq: 3, number: 4, repeats: 1, id: 7, scope: 99, action: 8, request: 1, rule: ruleNone})
	f.list("seen.7", sizeEvent)
	c := f.client()
	got, err := c.Events(7, 1<<32|2)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Event{
		{Seq: 3, Number: 4, Repeats: 1, First: time.Unix(0, 0), Last: time.Unix(0, 0), Jail: 7, Scope: "99", Action: 8, Request: 1},
		{Seq: 9, Number: 5, Repeats: 3, First: time.Unix(1, 0), Last: time.Unix(2, 0), Jail: 7, PID: 6, UID: 5, Command: "httpd",
			Scope: "port", Rule: &rules[1], Observed: true, Kind: PortDetail, Value: 80, Target: 4, Protocol: 6},
	}, got); diff != "" {
		t.Error(diff)
	}
	if got[0].Name() != "action 8 request 1" || got[1].Name() != "raw" {
		t.Errorf("%q, %q", got[0].Name(), got[1].Name())
	}
	if got, err := c.Seen(7); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// What is wrong is refused before the kernel is asked.
func TestBadInput(t *testing.T) {
	f := newFake(t)
	f.list("words", sizeWord, testWords...)
	f.node("command", func([]byte, int) ([]byte, unix.Errno) {
		t.Error("the kernel was asked")
		return nil, unix.EINVAL
	})
	c := f.client()
	for name, err := range map[string]error{
		"number":     second(c.Create("12", "/r", Config{})),
		"path":       second(c.Create("../x", "/r", Config{})),
		"long name":  second(c.Create("a"+strings.Repeat("b", 63), "/r", Config{})),
		"newline":    second(c.Create("a\n", "/r", Config{})),
		"relative":   second(c.Create("a", "r", Config{})),
		"no root":    second(c.Create("a", "", Config{})),
		"NUL":        second(c.Create("a", "/r\x00/x", Config{})),
		"long root":  second(c.Create("a", "/"+strings.Repeat("r", 1023), Config{})),
		"word":       second(c.Create("a", "/r", Config{Allow: []string{"chrot"}})),
		"limit":      second(c.Create("a", "/r", Config{Limits: []Limit{{8, 2, 1}}})),
		"limit name": second(c.Create("a", "/r", Config{Limits: []Limit{{12, 1, 1}}})),
		"many ports": second(c.Create("a", "/r", Config{Ports: make([]PortRange, MaxPorts+1)})),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	_, err := c.Create("a", "/r", Config{Allow: []string{"chrot"}})
	if u, ok := errors.AsType[*UnknownWord](err); !ok || u.Nearest != "chroot" {
		t.Errorf("unknown word: %v", err)
	}
}

func second(_ ID, err error) error { return err }

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		errno unix.Errno
		reply replyData
		is    error
		says  string
	}{
		{unix.EEXIST, replyData{reason: uint32(ReasonExists)}, ErrExists, `jail "web" exists`},
		{unix.EADDRINUSE, replyData{reason: uint32(ReasonPort), port: portData{6, 80, 89, 0}, holder_id: 4, holder: "edge"}, ErrPortTaken, `port 80-89/tcp belongs to jail "edge"`},
		{unix.EADDRINUSE, replyData{reason: uint32(ReasonPortBound), port: portData{0, 53, 53, 0}}, ErrPortTaken, `port 53 is in use by a process on the host`},
		{unix.EINVAL, replyData{reason: uint32(ReasonRoot), detail: int32(unix.ENOENT)}, unix.ENOENT, `its root directory: no such file or directory`},
		{unix.EPERM, replyData{}, ErrNotRoot, `only root on the host may do this`},
		{unix.EPERM, replyData{reason: uint32(ReasonNotHost)}, ErrNotRoot, `the caller is in a jail itself`},
		{unix.EINVAL, replyData{reason: uint32(ReasonField), detail: 40}, unix.EINVAL, `offset 40`},
		{unix.EBUSY, replyData{reason: 999}, unix.EBUSY, `device or resource busy`},
	} {
		f := newFake(t)
		f.command(c.errno, c.reply, nil, nil)
		_, err := f.client().Create("web", "/r", Config{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("reason %d: %v, want %q", c.reply.reason, err, c.says)
		}
	}
	for reason := ReasonNone; reason <= ReasonLimit; reason++ {
		if says := (&Refused{Command: "create", Jail: "web", Reason: reason, Errno: unix.EINVAL}).Error(); strings.Contains(says, "does not know") || says == "" {
			t.Errorf("reason %d: %q", reason, says)
		}
	}
}

// A model of another version is named as such.
func TestOtherVersion(t *testing.T) {
	for version, want := range map[uint32]string{abiVersion - 1: "older than this program", abiVersion + 1: "newer than this program"} {
		f := newFake(t)
		b := make([]byte, sizeReply)
		encode(b, &replyData{abi: version, reason: uint32(ReasonField)}) // of the field that is the version
		f.node("version", func([]byte, int) ([]byte, unix.Errno) { return native.AppendUint32(nil, version), 0 })
		f.node("jails", func([]byte, int) ([]byte, unix.Errno) {
			b := make([]byte, sizeSnapshot)
			encode(b, &snapshotData{abi: version})
			return b, 0
		})
		c := f.client()
		for _, reply := range [][]byte{b, nil} { // one that knows no requests of our size has none
			f.node("command", func([]byte, int) ([]byte, unix.Errno) { return reply, unix.EINVAL })
			_, err := c.Create("web", "/r", Config{})
			_, ok := errors.AsType[*ABIError](err)
			if !ok || !strings.Contains(err.Error(), want) || errors.Is(err, ErrOlder) != (version < abiVersion) {
				t.Errorf("create: %v", err)
			}
		}
		_, err := c.Jails()
		if _, ok := errors.AsType[*ABIError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("jails: %v", err)
		}
	}
}

// What an older model lacks, without the interface having changed: a flag, or a
// list.
func TestOlderModel(t *testing.T) {
	f := newFake(t)
	f.node("version", func([]byte, int) ([]byte, unix.Errno) { return native.AppendUint32(nil, abiVersion), 0 })
	f.command(unix.EINVAL, replyData{reason: uint32(ReasonField), detail: 8}, nil, nil)
	c := f.client()
	if err := c.Kill(3, 9); !errors.Is(err, ErrOlder) {
		t.Errorf("kill: %v", err)
	}
	if _, err := c.Seen(3); !errors.Is(err, ErrOlder) || !strings.Contains(err.Error(), `no node "seen.3"`) {
		t.Errorf("seen: %v", err)
	}
}

// Whatever comes over the socket, the client neither hangs nor takes memory
// by what it says.
func FuzzReply(f *testing.F) {
	good := make([]byte, replyHead+sizeSnapshot)
	native.PutUint32(good, socketMagic)
	native.PutUint64(good[8:], sizeSnapshot)
	native.PutUint32(good[16:], sizeSnapshot)
	encode(good[replyHead:], &snapshotData{abi: abiVersion, size: uint32(sizeProcess)})
	f.Add(good)
	f.Add(good[:30])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		// At most what the socket holds without a reader.
		if _, err := unix.Write(pair[1], raw[:min(len(raw), 64<<10)]); err != nil && len(raw) > 0 {
			t.Fatal(err)
		}
		unix.Shutdown(pair[1], unix.SHUT_WR)
		c := &Client{kernel: &hostkern{fd: pair[0]}}
		_, _ = c.Processes()
		c.Close()
		unix.Close(pair[1])
	})
}

func TestWait(t *testing.T) {
	f := newFake(t)
	c := f.client()
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	// The fake's kernel: the child is a member until it is reaped, and so long
	// there is one whose number is not known yet.
	f.node("processes", func([]byte, int) ([]byte, unix.Errno) {
		records := []structure{&processData{id: 3}, &processData{id: 3, pid: int32(child.Process.Pid)}}
		select {
		case <-reaped:
			records = nil
		default:
		}
		b := make([]byte, sizeSnapshot+len(records)*sizeProcess)
		encode(b, &snapshotData{abi: abiVersion, size: uint32(sizeProcess), count: uint32(len(records))})
		for i, r := range records {
			encode(b[sizeSnapshot+i*sizeProcess:], r)
		}
		return b, 0
	})
	f.list("jails", sizeRecord, &recordData{id: 3, name: "web"})

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a member: %v", err)
	}
	if err := c.Wait(t.Context(), 4); err != nil {
		t.Errorf("another jail: %v", err)
	}

	done := make(chan error, 1)
	go func() { done <- c.Wait(t.Context(), 3) }()
	time.Sleep(20 * time.Millisecond)
	child.Process.Kill()
	select {
	case err := <-done:
		t.Errorf("it did not wait for the zombie: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	child.Wait()
	close(reaped)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("no end")
	}
}

// Wait sleeps: it asks the kernel a few times, whatever time passes.
func TestWaitDoesNotPoll(t *testing.T) {
	f := newFake(t)
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	var asked atomic.Int32
	f.node("processes", func([]byte, int) ([]byte, unix.Errno) {
		asked.Add(1)
		b := make([]byte, sizeSnapshot+sizeProcess)
		encode(b, &snapshotData{abi: abiVersion, size: uint32(sizeProcess), count: 1})
		encode(b[sizeSnapshot:], &processData{id: 3, pid: int32(child.Process.Pid)})
		return b, 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_ = f.client().Wait(ctx, 3)
	if n := asked.Load(); n > 3 {
		t.Errorf("asked %d times", n)
	}
}

// enterVariable makes this test binary enter a jail of the fake's.
const enterVariable = "SECMODEL_TEST_ENTER"

func TestMain(m *testing.M) {
	if os.Getenv(enterVariable) != "" {
		os.Exit(enterAsChild())
	}
	host.Main(m)
}

func enterAsChild() int {
	c, err := Open()
	if err == nil {
		err = c.Enter(3, EnterInit|EnterExec)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	wd, _ := os.Getwd()
	_, err = os.Stat("/here")
	fds, _ := unix.FcntlInt(uintptr(c.kernel.(*hostkern).fd), unix.F_GETFD, 0)
	fmt.Println("in", wd, err, fds)
	return 0
}

func enter(t *testing.T, f *fake) (string, error) {
	t.Helper()
	// A NULL filter is EFAULT where notifications can be had.
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, 0); e != unix.EFAULT {
		t.Skipf("no seccomp notifications here: %v; run where the container's profile allows them", e)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), enterVariable+"=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var allowAll = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}

func TestEnter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	if err := unix.Chroot("/"); err != nil {
		t.Skipf("chroot(2) is not allowed here: %v; run as root with CAP_SYS_CHROOT", err)
	}
	f := newFake(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "here"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.root, err = unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(f.root)
	f.filter = allowAll
	var got requestData
	var ports []portData
	f.command(0, replyData{id: 3}, &got, &ports)
	out, err := enter(t, f)
	if err != nil || strings.TrimSpace(out) != "in / <nil> 0" && strings.TrimSpace(out) != "in / <nil> -1" {
		t.Errorf("%q, %v", out, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := (requestData{abi: abiVersion, command: commandEnter, flags: 3, id: 3}); got != want {
		t.Errorf("%+v", got)
	}
	if f.listened < 0 {
		t.Error("no listener came")
	}
	unix.Close(f.listened)
	select {
	case <-f.entered:
	default:
		t.Error("it did not say that it entered")
	}
}

func TestEnterRefused(t *testing.T) {
	f := newFake(t)
	f.filter = allowAll
	f.command(unix.EPERM, replyData{reason: uint32(ReasonFDDirectory), detail: 5}, nil, nil)
	out, err := enter(t, f)
	if err == nil || !strings.Contains(out, "descriptor 5 is a directory") {
		t.Errorf("%q, %v", out, err)
	}
	unix.Close(f.listened)
}

func TestEnterBadFilter(t *testing.T) {
	f := newFake(t)
	f.filter = []unix.SockFilter{{Code: 0xffff}}
	f.command(0, replyData{}, nil, nil)
	if out, err := enter(t, f); err == nil || !strings.Contains(out, "filter") {
		t.Errorf("%q, %v", out, err)
	}
}

// Who waits for events is not disturbed by a signal, and told why nothing will
// come; the end of his context ends the kernel's waiting by a request, after
// which the connection is as good as before.
func TestNextEvents(t *testing.T) {
	f := newFake(t)
	f.list("policy", sizeRule)
	f.list("events.7.1.2.1", sizeEvent, &eventData{seq: 1<<32 + 4, id: 7}, &eventData{seq: 1<<32 + 3, id: 7})
	list := f.nodes["events.7.1.2.1"]
	var asked atomic.Int32
	f.node("events.7.1.2.1", func(new []byte, room int) ([]byte, unix.Errno) {
		if asked.Add(1) <= 3 {
			return nil, unix.EINTR
		}
		return list(new, room)
	})
	c := f.client()
	all, err := c.NextEvents(context.Background(), 7, 1<<32+2)
	if err != nil || len(all) != 2 || all[0].Seq != 1<<32+3 || all[1].Seq != 1<<32+4 || asked.Load() != 4 {
		t.Errorf("%+v, %v, asked %d times", all, err, asked.Load())
	}
	for errno, want := range map[unix.Errno]error{unix.ESRCH: ErrNoJail, unix.EPERM: ErrNotRoot, unix.EAGAIN: unix.EAGAIN} {
		f.node("events.8.0.0.1", func([]byte, int) ([]byte, unix.Errno) { return nil, errno })
		if _, err := c.NextEvents(context.Background(), 8, 0); !errors.Is(err, want) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	// The fake, which answers one after the other, waits for the context.
	ctx, cancel := context.WithCancel(context.Background())
	f.node("events.9.0.0.1", func([]byte, int) ([]byte, unix.Errno) {
		cancel()
		return nil, unix.EINTR
	})
	if _, err := c.NextEvents(ctx, 9, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends: %v", err)
	}
	if _, err := c.NextEvents(context.Background(), 7, 1<<32+2); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
