package supervise

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jails/src/control"
)

func TestFinish(t *testing.T) {
	const finish = `finish = ["sh", "-c", "echo $JAIL_SERVICE $JAIL_PID $JAIL_EXIT,$JAIL_SIGNAL $WHO `
	w := newWorld(t,
		sh("crash", `echo $$; exit 3`, finish+`; case $JAIL_EXIT in 3) exit 125; esac"]`, `environment = { WHO = "me" }`, `ready = "fd:3"`)+
			sh("stubborn", `echo $$; exec sleep 1000`, finish+`; trap : TERM; while :; do sleep 1; done"]`, `stop = { timeout = "500ms" }`)+
			sh("lost", `exit 1`, `finish = ["/no/such"]`, `ready = "fd:3"`, "limit = 2", `delay = "1ms"`))
	if err := w.start(); err == nil || !strings.Contains(err.Error(), "crash failed: exited 3; its finish command forbids another start") {
		t.Errorf("start: %v", err)
	}
	if got, pid := w.lines("crash", "out"), w.lines("crash", "out")[0]; len(got) != 2 || got[1] != fmt.Sprintf("crash %s 3, me", pid) {
		t.Errorf("%q", got)
	}
	if s := w.service("lost"); s.State != "failed" || s.Restarts != 1 {
		t.Errorf("a finish command that can not start: %+v", s)
	}
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s, err := one(c.Services(w.ctx(patience), control.OpStop, []string{"stubborn"}, 0)); err != nil || s.State != "down" {
		t.Errorf("%+v %v", s, err)
	}
	// The process may have been stopped before it said its number.
	said := w.lines("stubborn", "out")
	if last := said[len(said)-1]; !strings.HasPrefix(last, "stubborn ") || !strings.HasSuffix(last, " ,TERM") {
		t.Errorf("%q", said)
	}
	w.mustStop()
	own := strings.Join(w.lines("jail-init", "err"), "\n")
	for _, want := range []string{"crash: finishing: exited 3; its finish command runs", "crash: its finish command: exited 125",
		"stubborn: its finish command: killed by KILL", "lost: its finish command: start /no/such as root: no such file"} {
		if !strings.Contains(own, want) {
			t.Errorf("jail-init did not say %q:\n%s", want, own)
		}
	}
}

// deaths are those that a service remembers, the newest last.
func (w *world) deaths(name string) []control.Death {
	w.Helper()
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	s, err := one(c.Services(w.ctx(patience), control.OpStatus, []string{name}, 0))
	if err != nil {
		w.Fatal(err)
	}
	return s.Deaths
}

// died is the newest.
func (w *world) died(name string) (last control.Death) {
	w.Helper()
	if all := w.deaths(name); len(all) > 0 {
		last = all[len(all)-1]
	}
	return last
}

func TestHealth(t *testing.T) {
	dir := t.TempDir()
	ill, slow, script := filepath.Join(dir, "ill"), filepath.Join(dir, "slow"), filepath.Join(dir, "check")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(script, "#!/bin/sh\n[ ! -e "+slow+" ] || sleep 1000\n[ ! -e "+ill+" ] || exit 4\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // the queue of connections has an end
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	}()
	w := newWorld(t, sh("program", "exec sleep 1000", `health = { check = "exec:`+script+`", interval = "10ms", timeout = "2s", failures = 3 }`, `restart = "on-failure"`)+
		sh("port", "exec sleep 1000", fmt.Sprintf(`health = { check = "tcp:%s", interval = "10ms", failures = 1 }`, l.Addr()), `restart = "never"`))
	w.mustStart()
	first := w.service("program").PID
	write(ill, "")
	w.eventually("a restart", func() bool { return w.service("program").Restarts > 0 })
	os.Remove(ill)
	// The next process may have been found to be ill by then, too.
	if d := w.deaths("program")[0]; d.PID != first || d.Why != "3 health checks failed: "+script+" exited 4" || d.Exit.Signal != 15 {
		t.Errorf("%+v, the process was %d", d, first)
	}
	w.eventually("health", func() bool { s := w.service("program"); return s.State == "ready" && s.Reason == "" })
	second := w.service("program")
	write(slow, "")
	w.eventually("a check that takes too long", func() bool {
		s := w.service("program")
		if s.PID != second.PID { // three of them, before this looked
			return w.died("program").Why == "3 health checks failed: "+script+" took longer than 2s"
		}
		return strings.HasSuffix(s.Reason, " of 3 health checks failed: "+script+" took longer than 2s")
	})
	os.Remove(slow)
	if s := w.service("port"); s.State != "ready" || s.Reason != "" {
		t.Errorf("%+v", s)
	}
	l.Close()
	w.eventually("the end of what is never restarted", func() bool { return w.service("port").State == "failed" })
	// A connection that was in the queue is reset.
	const form = "1 health checks failed: %s: connection %s; killed by TERM"
	if s := w.service("port"); s.Reason != fmt.Sprintf(form, l.Addr(), "refused") && s.Reason != fmt.Sprintf(form, l.Addr(), "reset by peer") {
		t.Error(s.Reason)
	}
	w.mustStop()
}

// A service that is stopped is not checked any more, not even by the check
// that ran.
func TestHealthEnds(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(filepath.Dir(ran), "check")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho >>"+ran+"\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, sh("a", "exec sleep 1000", `health = { check = "exec:`+script+`", interval = "1ms", timeout = "200ms", failures = 1000 }`))
	w.mustStart()
	count := func() int64 {
		st, err := os.Stat(ran)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	w.eventually("three checks", func() bool { return count() >= 3 })
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := one(c.Services(w.ctx(patience), control.OpStop, []string{"a"}, 0)); err != nil {
		t.Fatal(err)
	}
	n := count()
	time.Sleep(time.Second)
	if now := count(); now != n {
		t.Errorf("%d checks of a service that is down", now-n)
	}
	w.mustStop()
}

func TestWatchdog(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "silent")
	w := newWorld(t, sh("a", `echo >&3; while [ ! -e `+silent+` ]; do printf . >&3; sleep 0.1; done; exec sleep 1000`, `ready = "fd:3"`, `watchdog = "1s"`)+
		sh("closes", `echo >&3; exec 3>&-; exec sleep 1000`, `ready = "fd:3"`, `watchdog = "1s"`, `restart = "never"`))
	w.mustStart()
	first := w.service("a").PID
	w.eventually("the end of one that gives no sign", func() bool { return w.service("closes").State == "failed" })
	if s := w.service("closes"); s.Reason != "no sign of life for 1s; killed by TERM" {
		t.Errorf("%+v", s)
	}
	if s := w.service("a"); s.PID != first || s.State != "ready" {
		t.Errorf("it gives signs of life and was restarted: %+v", s)
	}
	if err := os.WriteFile(silent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.eventually("the end of one that is silent", func() bool { return w.died("a").PID == first })
	if d := w.died("a"); d.Why != "no sign of life for 1s" {
		t.Errorf("%+v", d)
	}
	w.mustStop()
}

// Whoever asks why a service is not ready hears what the last try said.
func TestWhyNotReady(t *testing.T) {
	w := newWorld(t, sh("program", "exec sleep 1000", `ready = "exec:/bin/false"`)+
		sh("port", "exec sleep 1000", `ready = "tcp:1"`)+
		sh("closes", "exec 3>&-; exec sleep 1000", `ready = "fd:3"`))
	step := w.startUntil("jail-init is in the jail")
	if step == nil {
		t.Fatal("it is ready")
	}
	for name, want := range map[string]string{
		"program": "is not ready yet: /bin/false exited 1", "port": "is not ready yet: 127.0.0.1:1: connection refused",
		"closes": "is not ready yet: it closed descriptor 3 without a newline",
	} {
		w.eventually(name+" "+want, func() bool { return w.service(name).Reason == want })
	}
	w.mustStop()
}

func TestDeathsAreRemembered(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000")+sh("bad", "exit 7", `delay = "1ms"`, "limit = 3", `ready = "fd:3"`))
	if err := w.start(); err == nil || !strings.Contains(err.Error(), "bad failed: exited 7") {
		t.Fatal(err)
	}
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	if _, err := one(c.Services(w.ctx(patience), control.OpRestart, []string{"a"}, 0)); err != nil {
		t.Fatal(err)
	}
	r := c.Services(w.ctx(patience), control.OpStatus, []string{"a", "bad"}, 0)
	for _, result := range r {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	if d := r[0].Service.Deaths; len(d) != 1 || d[0].Exit.Signal != 15 || d[0].Why != "restarted" || d[0].Time.Before(begin.Add(-time.Second)) {
		t.Errorf("%+v", d)
	}
	d := r[1].Service.Deaths
	if len(d) != 3 || slices.ContainsFunc(d, func(d control.Death) bool { return d.Exit.Code != 7 || d.PID == 0 || d.Why != "" }) || !d[0].Time.Before(d[2].Time) {
		t.Errorf("%+v", d)
	}
	w.mustStop()
}
