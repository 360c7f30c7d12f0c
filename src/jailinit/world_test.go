package jailinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event/eventtest"
	"jails/src/service"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(roles[role]())
	}
	goleak.VerifyTestMain(m)
}

// world is a jail-init whose processes and whose time are on paper; its pipes
// and the connection to its supervisor are real.
type world struct {
	*testing.T
	*process
	sim      *eventtest.Simulation
	asker    *control.Peer // the other end of what p.supervisor is
	told     []*control.Message
	streams  []string       // that the supervisor was sent
	got      map[string]int // their read ends
	stubborn bool           // TERM ends nobody
	lost     int            // how many KILLs are lost, as those in execve(2) of NetBSD

	last     int
	alive    map[int]string // processes, by what they execute
	started  []string       // "1s db /bin/db"
	more     map[string]string
	noStart  error
	signals  []string // "1s TERM 101"
	lines    []string
	notify   int   // the descriptor that the last process got for its readiness, or -1
	refuses  error // of a connection
	attempts []time.Duration
}

const second = time.Second

func daemon(name string) Service {
	return Service{
		Spec: service.Spec{Name: name, Delay: second / 10, MaxDelay: 10 * second, Healthy: 30 * second, Limit: 5, Interval: 10 * second, StopTimeout: 5 * second},
		User: "root", Directory: "/", Umask: 0o22, Command: []string{"/bin/" + name}, StopSignal: int(unix.SIGTERM),
	}
}

func newWorld(t *testing.T, services ...Service) *world {
	t.Helper()
	return newWorldThat(t, func(*world) {}, services...)
}

// newWorldThat is newWorld, in which something is otherwise from the start.
func newWorldThat(t *testing.T, is func(*world), services ...Service) *world {
	t.Helper()
	w := &world{T: t, last: 100, alive: map[int]string{}, notify: -1, got: map[string]int{}}
	is(w)
	setup := Setup{Jail: "web", ID: 7, Services: services}
	if err := setup.Check(); err != nil {
		t.Fatal(err)
	}
	w.process = newProcess(setup, w)
	w.loop, w.sim = eventtest.New()
	own, err := openPipes(OwnName)
	if err != nil {
		t.Fatal(err)
	}
	w.ownLog = own[1].read
	for i, s := range services {
		if w.jobs[i].pipes, err = openPipes(s.Name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		w.asker.Close()
		if w.supervisor != nil {
			w.supervisor.Close()
		}
		if err := w.loop.Close(); err != nil {
			t.Error(err)
		}
		for i := range w.jobs {
			w.endProbe(i)
			w.endCare(i)
		}
		closePipes(own[:])
		for i, s := range w.process.services {
			if s.Name != "" {
				closePipes(w.jobs[i].pipes[:])
			}
		}
		for _, l := range w.left {
			closePipes(l.pipes[:])
		}
		for _, fd := range w.got {
			unix.Close(fd)
		}
		if w.notify >= 0 {
			unix.Close(w.notify)
		}
	})
	if err := w.ready(); err != nil {
		t.Fatal(err)
	}
	w.connect2()
	w.supervisor.Send(&control.Message{Op: control.OpEntered})
	w.sendStreams()
	w.perform(w.graph.StartAll(w.loop.Now()))
	w.pass(0)
	return w
}

// connect2 is another connection to jail-init, the supervisor's if there is
// none.
func (w *world) connect2() *control.Peer {
	w.Helper()
	pair, err := control.Pair()
	if err != nil {
		w.Fatal(err)
	}
	var peer *control.Peer
	peer, err = control.NewPeer(w.loop, pair[0], control.PeerOptions{
		Limit:   control.MaxMessage,
		Message: func(m *control.Message, _ []int) { w.request(peer, m) },
		Closed:  func(error) { w.forget(peer) },
	})
	if err != nil {
		w.Fatal(err)
	}
	w.asker, err = control.NewPeer(w.loop, pair[1], control.PeerOptions{
		Limit: control.MaxMessage, Descriptors: true, Closed: func(error) {},
		Message: func(m *control.Message, fds []int) {
			w.told = append(w.told, m)
			for i, s := range m.Streams {
				name := s.Service + "." + s.Name
				w.streams = append(w.streams, name)
				if old, ok := w.got[name]; ok {
					unix.Close(old)
				}
				w.got[name] = fds[i]
			}
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	if w.supervisor == nil {
		w.supervisor = peer
	}
	return peer
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.Helper()
	if err := w.sim.Pass(d); err != nil {
		w.Fatal(err)
	}
}

// quiet lets all that is due happen, until there is nothing more.
func (w *world) quiet() {
	w.Helper()
	if err := w.loop.Run(); !errors.Is(err, eventtest.ErrIdle) {
		w.Fatal(err)
	}
}

func (w *world) start(s *Service, command []string, more map[string]string, files []uintptr) (int, error) {
	w.started = append(w.started, fmt.Sprint(w.sim.Now(), " ", s.Name, " ", strings.Join(command, " ")))
	if w.noStart != nil {
		return 0, w.noStart
	}
	w.more = more
	if len(files) > 3 {
		if w.notify >= 0 {
			unix.Close(w.notify)
		}
		var err error
		if w.notify, err = unix.FcntlInt(files[len(files)-1], unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return 0, err
		}
	}
	w.last++
	w.alive[w.last] = command[0]
	return w.last, nil
}

func (w *world) kill(pid int, s unix.Signal) error {
	w.signals = append(w.signals, fmt.Sprint(w.sim.Now(), " ", strings.TrimPrefix(unix.SignalName(s), "SIG"), " ", pid))
	if pid < 0 || w.alive[pid] == "" {
		return unix.ESRCH
	}
	if s == unix.SIGKILL && w.lost > 0 {
		w.lost--
		return nil
	}
	if s == unix.SIGKILL || s == unix.SIGTERM && !w.stubborn {
		w.ends(pid, int(s))
	}
	return nil
}

// ends is the end of a process, with a code in the second byte, or by a signal.
func (w *world) ends(pid, status int) {
	if w.alive[pid] == "" {
		w.Fatalf("no process %d", pid)
	}
	delete(w.alive, pid)
	w.sim.Exit(pid, unix.WaitStatus(status))
}

func (w *world) connect(string) (int, bool, error) {
	w.attempts = append(w.attempts, w.sim.Now())
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, true, err
	}
	unix.Close(fds[0])
	return fds[1], false, nil
}

func (w *world) connected(int) error { return w.refuses }

func (w *world) log(line string) error {
	w.lines = append(w.lines, strings.TrimSuffix(line, "\n"))
	return nil
}

func (w *world) state(name string) string { return describe(w.statusOf(w.graph.Find(name))) }

func (w *world) is(name, want string) {
	w.Helper()
	if got := w.state(name); got != want {
		w.Errorf("%v: %s; want %s", w.sim.Now(), got, want)
	}
}

func (w *world) pid(name string) int { return w.graph.PID(w.graph.Find(name)) }

// did compares what was done since the last time, and forgets it.
func (w *world) did(what string, got *[]string, want ...string) {
	w.Helper()
	if !slices.Equal(*got, want) {
		w.Errorf("%s:\n got %q\nwant %q", what, *got, want)
	}
	*got = nil
}

// ask sends a request, and gives what was said to it until nothing is due.
func (w *world) ask(m *control.Message) (answers []*control.Message) {
	w.Helper()
	w.told = nil
	m.ID = 9
	w.asker.Send(m)
	w.pass(0)
	return w.answers()
}

func (w *world) answers() (answers []*control.Message) {
	for _, m := range w.told {
		if m.ID == 9 {
			answers = append(answers, m)
		}
	}
	return answers
}

func (w *world) reloadTo(dry bool, services ...Service) []*control.Message {
	w.Helper()
	data, err := json.Marshal(Setup{Jail: "web", ID: 7, Services: services})
	if err != nil {
		w.Fatal(err)
	}
	return w.ask(&control.Message{Op: control.OpReload, Setup: data, Dry: dry})
}

// ops are the answers in short.
func ops(answers []*control.Message) string {
	var all []string
	for _, m := range answers {
		text := m.Op
		if m.Error != "" {
			text += ": " + m.Error
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
