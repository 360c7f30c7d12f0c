package supervise

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/logs"
)

// send sends messages to the jail's syslog socket.
func (w *world) send(path string, messages ...string) {
	w.Helper()
	c, err := net.Dial("unixgram", filepath.Join(w.layout.Prefix, path))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	for _, m := range messages {
		if _, err := c.Write([]byte(m)); err != nil {
			w.Fatal(err)
		}
	}
}

// What programs send to syslogd is in the log, whoever dies; nothing that they
// send does harm.
func TestSyslogSocket(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000"))
	dev := filepath.Join(w.layout.Prefix, "dev")
	if err := os.Mkdir(dev, 0o755); err != nil {
		t.Fatal(err)
	}
	// What an earlier one left is replaced.
	if err := os.Symlink("/nowhere", filepath.Join(dev, "log")); err != nil {
		t.Fatal(err)
	}
	w.mustStart()
	w.send("log", "<27>Nov 23 08:51:38 httpd[77]: no such file\n", "", "<14>1 - - app - - - \x1b[2Jhi")
	w.send("dev/log", "<13>a\n2026-11-23T08:51:38.123456Z a out F forged")
	has := func(errs, outs []string) {
		t.Helper()
		w.eventually(fmt.Sprintf("%d and %d lines", len(errs), len(outs)), func() bool {
			return len(w.lines("syslog", "err")) >= len(errs) && len(w.lines("syslog", "out")) >= len(outs)
		})
		if got := w.lines("syslog", "err"); !slices.Equal(got, errs) {
			t.Errorf("err %q, want %q", got, errs)
		}
		if got := w.lines("syslog", "out"); !slices.Equal(got, outs) {
			t.Errorf("out %q, want %q", got, outs)
		}
	}
	errs, outs := []string{"daemon.err httpd[77]: no such file"}, []string{"user.info app: \x1b[2Jhi", "user.notice a\n2026-11-23T08:51:38.123456Z a out F forged"}
	has(errs, outs)
	if n := len(w.lines("a", "out")); n != 0 {
		t.Errorf("%d forged lines", n)
	}

	// Messages wait while there is no supervisor.
	unix.Kill(w.supervisor().PID, unix.SIGKILL)
	w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	w.send("log", "<11>waits 1", "<11>waits 2")
	w.mustStart()
	has(append(errs, "user.err waits 1", "user.err waits 2"), outs)

	// jail-init that follows takes the place of the one that died.
	unix.Kill(w.init().PID, unix.SIGKILL)
	w.eventually("another jail", func() bool { _, err := w.k.load(2); return err == nil && w.supervisor().State == "running" })
	big := strings.Repeat("x", 60000)
	w.send("log", big, string(bytes.Repeat([]byte{0xff}, 50000)), "<11>last")
	var text []byte
	w.eventually("the last message", func() bool { return w.hasLine("syslog", "err", "user.err last") })
	if err := logs.Read(w.layout.Log(w.name), logs.Filter{Services: []string{"syslog"}, Stream: "out"}, func(l logs.Line) error {
		text = append(text, l.Text...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(outs, "") + "user.notice " + big + "user.notice " + strings.Repeat("\xff", 50000); string(text) != want {
		t.Errorf("%d bytes, want %d", len(text), len(want))
	}

	// A flood keeps nobody from the others, and loses nothing.
	const flood = 20000
	c, err := net.Dial("unixgram", filepath.Join(w.layout.Prefix, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range flood {
		if _, err := fmt.Fprintf(c, "<14>flood %d", i); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the flood's end", func() bool { return w.hasLine("syslog", "out", fmt.Sprintf("user.info flood %d", flood-1)) })
	next := 0
	for _, l := range w.lines("syslog", "out") {
		if strings.HasPrefix(l, "user.info flood ") {
			if l != fmt.Sprintf("user.info flood %d", next) {
				t.Fatalf("%s, want %d", l, next)
			}
			next++
		}
	}
	if next != flood {
		t.Errorf("%d messages of %d", next, flood)
	}
	w.mustStop()
}

// Where something else lies it stays, and the log tells; the jail runs.
func TestNoSyslogSocket(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000"))
	path := filepath.Join(w.layout.Prefix, "log")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustStart()
	w.eventually("a complaint", func() bool { return w.hasLine("jail-init", "err", "syslog socket "+path+": something else is there") })
	w.mustStop()
	if b, err := os.ReadFile(path); string(b) != "mine" {
		t.Error(string(b), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}

	w = newWorld(t, sh("a", "exec sleep 1000")+"[log]\nsocket = false\n")
	w.mustStart()
	if exists(filepath.Join(w.layout.Prefix, "log")) {
		t.Error("a socket")
	}
	w.mustStop()
}
