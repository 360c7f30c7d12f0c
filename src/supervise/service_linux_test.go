package supervise

import (
	"fmt"
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
		"stubborn: its finish command: killed by signal 9", "lost: its finish command: start /no/such as root: no such file"} {
		if !strings.Contains(own, want) {
			t.Errorf("jail-init did not say %q:\n%s", want, own)
		}
	}
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
