package supervise

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/audit"
)

const (
	refusals = 5   // that the role denied asks for
	messages = 500 // that the role logger sends
)

// denied asks for what no jail may have.
func denied() int {
	for range refusals {
		if err := unix.Mknod("/tmp/mem", unix.S_IFCHR|0o600, 2<<8); err != unix.EPERM {
			fmt.Println("mknod:", err)
			return 1
		}
	}
	return idle()
}

// logger sends what syslog(3) would send, in its form. A socket that is full
// gives an error on NetBSD.
func logger() int {
	for _, path := range []string{"/var/run/log", "/dev/log"} {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		if err != nil {
			fmt.Println(path, err)
			return 1
		}
		for n := 1; n <= messages; n++ {
			b := fmt.Appendf(nil, "<27>1 2026-11-23T08:51:38.123456+00:00 - httpd %d - - %s %d", os.Getpid(), path, n)
			for err = unix.Send(fd, b, 0); err == unix.ENOBUFS; err = unix.Send(fd, b, 0) {
				time.Sleep(time.Millisecond)
			}
			if err != nil {
				fmt.Println(path, n, err)
				return 1
			}
		}
	}
	return idle()
}

// What a jail is denied is in the audit trail, in sum, and each only once,
// whoever supervises.
func TestDenialsInAJail(t *testing.T) {
	w := newWorld(t, runs("denied", "denied"))
	recorded := func() (n uint64) {
		t.Helper()
		if err := audit.Read(w.layout.Audit(), func(r *audit.Record) error {
			if r.Event == audit.Denied && r.Action == "mknod" {
				if n += r.Count; !slices.Equal(r.Jails, []string{name}) || r.Result != "refused" || r.Program != "denied" {
					t.Errorf("%+v %+v", r, r.Denial)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.mustStart()
	w.eventually("the denials", func() bool { return recorded() == refusals })
	w.killSupervisor()
	w.mustStart()
	w.mustStop()
	if n := recorded(); n != refusals {
		t.Errorf("%d denials are recorded, want %d", n, refusals)
	}
	if lines := w.lines("denied", "out"); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
}

// What programs send to syslogd is in the log, each message once, also where
// the supervisor is killed meanwhile.
func TestSyslogInAJail(t *testing.T) {
	w := newWorld(t, runs("logger", "logger"))
	w.mustStart()
	w.eventually("some messages", func() bool { return len(w.lines("syslog", "err")) > messages/10 })
	w.killSupervisor()
	w.mustStart()
	w.eventually("all messages", func() bool { return len(w.lines("syslog", "err")) >= 2*messages })
	pid := w.service("logger").PID
	var want []string
	for _, path := range []string{"/var/run/log", "/dev/log"} {
		for n := 1; n <= messages; n++ {
			want = append(want, fmt.Sprintf("daemon.err httpd[%d]: %s %d", pid, path, n))
		}
	}
	if got := w.lines("syslog", "err"); !slices.Equal(got, want) {
		t.Errorf("%d messages, want %d; %q", len(got), len(want), got[max(0, len(got)-3):])
	}
	w.mustStop()
	if lines := w.lines("logger", "out"); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
}
