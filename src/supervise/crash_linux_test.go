package supervise

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// A supervisor that is killed loses no service, and no line that it has not
// read; the next one goes on.
func TestAdoption(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	feed, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	w := newWorld(t, sh("echo", `exec 3<`+fifo+`; while read -r line <&3; do echo "$line"; printf . >>`+fifo+`.said; done`))
	w.mustStart()
	said := 0
	say := func() {
		for range 20 {
			said++
			fmt.Fprintln(feed, said)
		}
	}
	heard := func() {
		t.Helper()
		w.eventually(fmt.Sprint(said, " lines"), func() bool { return len(w.lines("echo", "out")) == said })
	}
	kill := func() {
		t.Helper()
		unix.Kill(w.supervisor().PID, unix.SIGKILL)
		w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	}
	say()
	heard()
	before := w.service("echo")
	kill()
	say() // it waits in the pipe
	w.mustStart()
	say()
	heard()
	if now := w.service("echo"); now.PID != before.PID || now.Restarts != 0 {
		t.Errorf("the service was restarted: %+v, %+v", before, now)
	}
	// Stop brings a supervisor back if there is none.
	kill()
	say()
	w.eventually("the service to have said all", func() bool {
		st, err := os.Stat(fifo + ".said")
		return err == nil && st.Size() == int64(said)
	})
	w.mustStop()
	for i, l := range w.lines("echo", "out") {
		if l != strconv.Itoa(i+1) {
			t.Fatalf("line %d is %q", i+1, l)
		}
	}
	if n := len(w.lines("echo", "out")); n != said {
		t.Errorf("%d lines of %d", n, said)
	}
}

// A stop needs a supervisor, but not one whose services are all ready.
func TestStopBringsASupervisorBack(t *testing.T) {
	w := newWorld(t, sh("slow", "exec sleep 1000", `ready = "fd:3"`))
	var step *StepError
	if err := w.startUntil("slow is starting"); !errors.As(err, &step) {
		t.Fatal(err)
	}
	unix.Kill(w.supervisor().PID, unix.SIGKILL)
	w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	w.mustStop()
}

// A supervisor that does not answer keeps nobody from a stop in order.
func TestStopWithoutAnAnswer(t *testing.T) {
	defer func(was time.Duration) { hungAfter = was }(hungAfter)
	hungAfter = time.Second
	w := newWorld(t, sh("db", "trap 'echo in order; exit' TERM; echo up; while :; do sleep 0.01; done"))
	w.mustStart()
	w.eventually("its start", func() bool { return w.hasLine("db", "out", "up") })
	pid := w.supervisor().PID
	unix.Kill(pid, unix.SIGSTOP)
	w.eventually("it stands", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && strings.Contains(string(b), ") T ")
	})
	var steps []string
	if err := Stop(w.ctx(patience), w.name, 0, func(step string) { steps = append(steps, step) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"its supervisor is to answer", "another supervisor is to take on the jail"}; len(steps) < 3 || !slices.Equal(steps[:2], want) {
		t.Errorf("steps: %q", steps)
	}
	if !w.hasLine("db", "out", "in order") {
		t.Errorf("%q", w.lines("db", "out"))
	}
}

// Where a jail can have no supervisor any more, its services are stopped in
// order all the same.
func TestStopWithoutASupervisor(t *testing.T) {
	w := newWorld(t, "")
	ended := filepath.Join(w.layout.Prefix, "ended")
	w.define(sh("db", "trap 'echo in order > "+ended+"; exit' TERM; echo up; while :; do sleep 0.01; done"))
	w.mustStart()
	w.eventually("its start", func() bool { return w.hasLine("db", "out", "up") })
	w.killSupervisor()
	w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	w.define("levle = 'low'\n")
	err := Stop(w.ctx(patience), w.name, 0, nil)
	if _, is := errors.AsType[*UnloggedError](err); !is || !strings.Contains(err.Error(), "levle") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(ended); string(b) != "in order\n" {
		t.Errorf("%q %v", b, err)
	}
	w.eventually("jail-init's end", func() bool { return len(w.k.members(1)) == 0 })
	if err := os.Remove(w.layout.SupervisorLock(w.name)); err != nil { // of the one that was killed
		t.Error(err)
	}
}

// A supervisor that is killed in the midst of a flood loses nothing, and
// doubles nothing; what it counted is counted on.
func TestAdoptionInAFlood(t *testing.T) {
	const width = 9 // not a divisor of what awk writes at once
	w := newWorld(t, "[log]\nkeep = \"2 x 1 GB\"\n"+sh("count", fmt.Sprintf(`exec awk 'BEGIN { for (i = 1; ; i++) printf "%%0%dd\n", i }'`, width-1)))
	w.mustStart()
	since := w.supervisor().Since
	const kills = 5
	n := uint64(0)
	for range kills {
		if now := w.supervisor().Logs.Bytes; now < n {
			t.Errorf("%d bytes were read, and then only %d", n, now)
		}
		n = w.supervisor().Logs.Bytes
		w.eventually("more lines", func() bool { return w.supervisor().Logs.Bytes > n+1<<20 })
		pid := w.supervisor().PID
		time.Sleep(rand.N(10 * time.Millisecond))
		unix.Kill(pid, unix.SIGKILL)
		w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
		w.mustStart()
	}
	if st := w.supervisor(); !st.Since.Equal(since) || st.Restarts != 0 {
		t.Errorf("it runs since %v, and then since %v; %d restarts", since, st.Since, st.Restarts)
	}
	w.mustStop()
	list := w.lines("count", "out")
	for i, l := range list {
		if got, err := strconv.Atoi(l); (err != nil || got != i+1 || len(l) != width-1) && i < len(list)-1 {
			t.Fatalf("line %d is %q", i+1, l)
		}
	}
	t.Logf("%d kills, %d lines", kills, len(list))
}

// When jail-init dies the rest of the jail is killed and all starts afresh.
func TestInitDies(t *testing.T) {
	w := newWorld(t, sh("a", `(setsid sleep 1000 &); echo up $$; exec sleep 1000`))
	w.mustStart()
	st := w.init()
	old := w.k.members(1)
	if len(old) != 3 {
		t.Errorf("members %v", old)
	}
	unix.Kill(st.PID, unix.SIGKILL)
	w.eventually("a new jail-init", func() bool {
		j, err := w.k.Lookup(w.name)
		return err == nil && j.ID == 2 && len(w.k.members(2)) == 3 && len(w.lines("a", "out")) == 2
	})
	if left := w.k.members(1); len(left) > 0 {
		t.Errorf("left of the old jail: %v", left)
	}
	w.eventually("running", func() bool { return w.supervisor().State == "running" })
	if st := w.supervisor(); st.Restarts != 1 || st.ID != 2 {
		t.Errorf("status %+v", st)
	}
	j, err := w.k.load(2)
	if err != nil || j.Config.Processes != 7 || len(j.Config.Ports) != 1 || j.Config.Ports[0].First != 80 {
		t.Errorf("the new jail's configuration: %+v %v", j, err)
	}
	if !strings.Contains(strings.Join(w.lines("supervisor", "err"), "\n"), "jail-init was killed by SIGKILL") {
		t.Errorf("the log does not say why: %q", w.lines("supervisor", "err"))
	}
	w.mustStop()
}

// The same while no supervisor is there to see it.
func TestInitAndSupervisorDie(t *testing.T) {
	w := newWorld(t, sh("a", `exec sleep 1000`))
	w.mustStart()
	st := w.init()
	unix.Kill(w.supervisor().PID, unix.SIGKILL)
	w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	unix.Kill(st.PID, unix.SIGKILL)
	w.eventually("jail-init's end", func() bool { return len(w.k.members(1)) == 1 })
	w.mustStart()
	if len(w.k.members(1)) != 0 || len(w.k.members(2)) != 2 {
		t.Errorf("members %v %v", w.k.members(1), w.k.members(2))
	}
	w.mustStop()
}

// A jail that someone else kills is not started again.
func TestKilledByAnother(t *testing.T) {
	w := newWorld(t, sh("a", `exec sleep 1000`))
	w.mustStart()
	if err := w.k.Kill(1, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	w.eventually("the supervisor's end", func() bool {
		_, err := os.Stat(w.layout.Run(w.name))
		return os.IsNotExist(err)
	})
	if _, err := w.k.Lookup(w.name); !errors.Is(err, secmodel.ErrNoJail) {
		t.Errorf("the jail: %v", err)
	}
}
