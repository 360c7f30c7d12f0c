// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	machine "jails/tests/host"
)

// daemonProcess is a hostkern that runs.
type daemonProcess struct {
	t      *testing.T
	dir    string
	pid    int
	model  *machine.Model // nil when it is stopped
	client *secmodel.Client
}

// modes are the ways to follow processes; each test that depends on it runs
// in both, where the machine has both.
func modes(t *testing.T, f func(t *testing.T, d *daemonProcess)) {
	t.Run("events", func(t *testing.T) {
		d := startDaemon(t)
		if strings.Contains(d.said(), "process events:") {
			t.Skip("the kernel gives no process events here; run as root on the machine itself")
		}
		f(t, d)
	})
	t.Run("without", func(t *testing.T) { f(t, startDaemon(t, "--no-connector")) })
}

func startDaemon(t *testing.T, args ...string) *daemonProcess {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	dir, err := os.MkdirTemp("", "hostkern")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Users other than root come here too.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &daemonProcess{t: t, dir: dir}
	d.start(args...)
	t.Cleanup(func() {
		if t.Failed() && d.model != nil {
			t.Logf("hostkern said:\n%s", d.said())
		}
		d.stop()
	})
	return d
}

func (d *daemonProcess) socket() string { return filepath.Join(d.dir, "s") }

func (d *daemonProcess) start(args ...string) {
	t := d.t
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVariable+"=daemon")
	model, err := machine.StartModel(cmd, d.socket())
	if errors.Is(err, machine.ErrForbidden) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.model, d.pid = model, cmd.Process.Pid
	os.Setenv("HOSTKERN_SOCKET", d.socket())
	if d.client, err = secmodel.Open(); err != nil {
		t.Fatal(err)
	}
}

func (d *daemonProcess) stop() {
	if d.model == nil {
		return
	}
	d.client.Close()
	if err := d.model.Stop(); err != nil {
		d.t.Error(err)
	}
	if _, err := os.Stat(d.socket()); !os.IsNotExist(err) {
		d.t.Errorf("the socket is left: %v", err)
	}
	d.model = nil
}

func (d *daemonProcess) said() string { return d.model.Said() }

// jail makes a jail that is killed and destroyed at the test's end.
func (d *daemonProcess) jail(name string, c secmodel.Config) secmodel.ID {
	d.t.Helper()
	root := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Join(root, "tmp"), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o1777); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "marker"), nil, 0o644); err != nil {
		d.t.Fatal(err)
	}
	id, err := d.client.Create(name, root, c)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if d.model != nil {
			d.end(id)
		}
	})
	return id
}

// end kills a jail, waits for its end, and destroys it.
func (d *daemonProcess) end(id secmodel.ID) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.client.End(ctx, id); err != nil {
		d.t.Errorf("ending jail %d: %v", id, err)
	}
}

func (d *daemonProcess) record(id secmodel.ID) secmodel.Jail {
	d.t.Helper()
	j, err := d.client.Lookup(strconv.Itoa(int(id)))
	if err != nil {
		d.t.Fatal(err)
	}
	return j
}

// actor is a client process somewhere.
type actor struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	done chan struct{} // closed when it has ended, and was waited for
}

// act starts a client; where is host, observe, or a jail's id.
func (d *daemonProcess) act(where any, uid int) *actor {
	d.t.Helper()
	a, first := d.tryAct(where, uid)
	if first != "ready" {
		d.t.Fatalf("a client in %v: %s", where, first)
	}
	return a
}

func (d *daemonProcess) tryAct(where any, uid int) (*actor, string) {
	t := d.t
	t.Helper()
	cmd := exec.Command("/proc/self/exe", fmt.Sprint(where), strconv.Itoa(uid))
	cmd.Env = append(os.Environ(), roleVariable+"=client", "HOSTKERN_SOCKET="+d.socket())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr // no pipe that an orphan would hold
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{t: t, cmd: cmd, in: in, out: bufio.NewScanner(out), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(a.done)
	}()
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		<-a.done
		out.Close()
	})
	if !a.out.Scan() {
		return a, "it ended"
	}
	return a, a.out.Text()
}

// do lets the client do something, and gives its answer.
func (a *actor) do(format string, args ...any) string {
	a.t.Helper()
	line := fmt.Sprintf(format, args...)
	timer := time.AfterFunc(30*time.Second, func() { _ = a.cmd.Process.Signal(unix.SIGQUIT) })
	defer timer.Stop()
	if _, err := io.WriteString(a.in, line+"\n"); err != nil {
		a.t.Fatalf("%s: %v", line, err)
	}
	if !a.out.Scan() {
		a.t.Fatalf("%s: the client ended: %v", line, a.out.Err())
	}
	return a.out.Text()
}

// want does it and compares.
func (a *actor) want(want, format string, args ...any) {
	a.t.Helper()
	if got := a.do(format, args...); got != want {
		a.t.Errorf("%s: %s, want %s", fmt.Sprintf(format, args...), got, want)
	}
}

func (a *actor) pid() int { return a.cmd.Process.Pid }

func (a *actor) running() bool {
	select {
	case <-a.done:
		return false
	default:
		st, err := readStat(a.pid())
		return err == nil && st.State != 'Z'
	}
}

// needUsers skips where root is the only user that there is.
func needUsers(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		first, _ := strconv.Atoi(f[0])
		if n, _ := strconv.Atoi(f[2]); first <= 1000 && 1000 < first+n {
			return
		}
	}
	t.Skip("this user namespace has no other user than root; run as root on the machine itself")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}
