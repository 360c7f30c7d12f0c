package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/durable"
	"jails/src/event"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/jailinit"
	"jails/src/logs"
	"jails/src/secmodel"
	"jails/src/service"
)

// Kernel is what a supervisor needs of secmodel.Client.
type Kernel interface {
	Lookup(nameOrID string) (secmodel.Jail, error)
	Ports() ([]secmodel.PortOwner, error)
	Create(name, root string, c secmodel.Config) (secmodel.ID, error)
	Set(id secmodel.ID, c secmodel.Change) error
	EndAfter(ctx context.Context, id secmodel.ID, last func()) error
}

// ownName stands on the supervisor's own lines in the log.
const ownName = "supervisor"

// Limits on starting jail-init again.
const (
	restartDelay = 200 * time.Millisecond // doubles; the first restart has none
	restartMost  = 10 * time.Second
	restartLimit = 5           // deaths in a row
	healthyAfter = time.Minute // a run that ends the row
	stopGrace    = 10 * time.Second
)

type state string

const (
	starting   state = "starting"
	running    state = "running"
	restarting state = "restarting"
	stopping   state = "stopping"
)

// supervisor belongs to its loop's goroutine; what may wait runs beside it,
// through work.
type supervisor struct {
	name    string
	layout  jail.Layout
	setup   *jailinit.Setup
	logging jail.Log // what the log is set to
	reload  *reload  // under way, or nil
	reloads uint32   // requests of that to jail-init so far
	kernel  Kernel
	loop    *event.Loop
	log     *logs.Writer
	spool   *logs.Spool
	notice  notice
	server  *control.Server
	askers  []asker // of the stop
	step    string  // what they were told last
	restart *event.Timer
	events  Events
	denials *denials // of the jail id

	state    state
	since    time.Time
	ran      time.Time // since when an adopted jail has run, if that is known
	id       secmodel.ID
	init     *control.Peer // nil without a connection to jail-init
	child    int           // jail-init's process, when it is ours
	adopted  bool          // it is not
	entered  bool          // it is in the jail
	begun    time.Duration // when jail-init was started
	deaths   int           // in a row
	restarts int
	settled  bool
	failure  string // what failed at the start, or ""
	last     string // how jail-init ended, or what it said last
	gone     bool   // jail-init has stopped in order
	deadline *event.Timer
	ending   bool  // the end has begun
	err      error // what Run returns
}

type asker struct {
	peer *control.Peer
	id   uint32
}

// Run supervises a jail until it is stopped. definition is the path of its
// file, "" being the usual one. log hears of what goes wrong before the jail's
// own log is open.
// events, if it is not nil, tells what the jail was denied, which is recorded.
// With ended the caller records what Run returns before those hear of it who
// wait for the stop.
func Run(name, definition string, kernel Kernel, events Events, ended func(error)) error {
	notice := notice{fd: inheritedNotice()}
	err := run(name, definition, kernel, events, ended, &notice)
	if err != nil {
		notice.fail(exit.Code(err), err.Error())
	}
	notice.close()
	return err
}

// inheritedNotice is the descriptor that Start passed on, or -1.
func inheritedNotice() int {
	v := os.Getenv(notifyVar)
	os.Unsetenv(notifyVar)
	fd, err := strconv.Atoi(v)
	if err != nil || fd < 3 {
		return -1
	}
	unix.CloseOnExec(fd)
	return fd
}

// startPatience is how long a new supervisor waits for an old one to end.
const startPatience = 2 * time.Second

func run(name, definition string, kernel Kernel, events Events, ended func(error), notice *notice) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(20)
	// Counts while the loop waits with the collector off: without a limit Go
	// takes the heap for a large one then, and has huge pages for its tables.
	debug.SetMemoryLimit(64 << 20)
	layout := jail.Paths()
	if err := jail.CheckName(name); err != nil {
		return &exit.Error{Code: exit.Usage, Err: err}
	}
	if definition == "" {
		definition = layout.Definition(name)
	}
	def, err := layout.LoadFile(definition)
	if errors.Is(err, os.ErrNotExist) {
		return exit.With(err, exit.NoInput, "to name another definition: -f FILE")
	}
	if err != nil {
		return err
	}
	def.Name = name
	s := &supervisor{
		name: name, layout: layout, kernel: kernel, events: events, notice: *notice, state: starting, since: time.Now(),
	}
	defer func() { *notice = s.notice }()
	s.logging = def.Log
	if s.setup, err = setup(def); err != nil {
		return &exit.Error{Code: exit.Config, Msg: definition, Err: err}
	}
	patience := time.Duration(0)
	if notice.fd >= 0 {
		patience = startPatience
	}
	k, err := lockSupervisor(layout, name, patience)
	if err != nil {
		return err
	}
	released := false
	defer func() {
		if !released {
			unlockSupervisor(layout, name, k)
		}
	}()
	if notice.abandoned() {
		// The jail of that name, if there is one, is another starter's.
		return &exit.Error{Code: exit.Temporary, Msg: "whoever started this supervisor is gone"}
	}
	s.notice.begun()
	j, err := kernel.Lookup(name)
	if errors.Is(err, secmodel.ErrNoJail) {
		return exit.With(err, exit.NoInput, "to start it: jailmgr start "+name)
	}
	if err != nil {
		return err
	}
	s.id = j.ID
	if s.loop, err = event.New(); err != nil {
		return err
	}
	defer s.loop.Close()
	s.spool = logs.OpenSpool(filepath.Join(layout.Run(name), spoolName))
	if s.log, err = writer(s.loop, layout.Log(name), &def.Log, s.spool); err != nil {
		return errors.Join(err, s.spool.Close())
	}
	if err = s.begin(j); err == nil {
		err = s.loop.Run()
	}
	s.denials.stop()
	if err == nil {
		err = s.err
	}
	// Those who wait for the stop may want to start the jail again at once.
	released = true
	err = errors.Join(err, s.log.Close(), unlockSupervisor(layout, name, k))
	ended(err)
	s.answer(err)
	return err
}

func (s *supervisor) begin(j secmodel.Jail) error {
	if err := s.listen(); err != nil {
		return err
	}
	s.watchDenials(j.Created)
	s.loop.Children(s.reaped)
	s.loop.Signals(func(g unix.Signal) { s.stop(0, "told to by "+unix.SignalName(g)) }, unix.SIGTERM, unix.SIGINT)
	s.loop.Signals(func(unix.Signal) {}, unix.SIGHUP) // a terminal that goes away is no reason to stop

	if s.spool.Jail() == uint32(s.id) {
		s.restarts, s.ran = s.spool.Remembered()
	} else {
		s.log.Settle(uint32(s.id))
	}
	fd, err := control.Connect(s.layout.ControlSocket(s.name))
	if err == nil {
		return s.adopt(fd)
	}
	mine := s.recordedID() == j.ID
	if j.Init != 0 && !mine {
		return &exit.Error{Code: exit.Temporary, Hint: "jailctl destroy -k " + s.name,
			Msg: fmt.Sprintf("jail %s has an init process, %d, that can not be reached at %s", s.name, j.Init, s.layout.ControlSocket(s.name))}
	}
	if mine && (j.Processes > 0 || j.State == secmodel.Dying) {
		s.entered = true
		s.last = "found without its jail-init"
		s.crashed()
		return nil
	}
	s.launch()
	return nil
}

// recordedID is which jail the last jail-init was put into.
func (s *supervisor) recordedID() secmodel.ID {
	b, err := os.ReadFile(filepath.Join(s.layout.Run(s.name), idName))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0
	}
	return secmodel.ID(n)
}

// work does what may wait in a goroutine, and then calls done in the loop.
func (s *supervisor) work(f func() error, done func(error)) {
	go func() {
		err := f()
		s.loop.Post(func() { done(err) })
	}()
}

func (s *supervisor) note(format string, args ...any) {
	s.log.Note(ownName, fmt.Sprintf(format, args...))
}

// enterState is the only way to another state.
func (s *supervisor) enterState(st state) {
	if s.state != st {
		s.state, s.since = st, time.Now()
	}
}

// launch starts jail-init for the jail s.id.
func (s *supervisor) launch() {
	s.entered, s.settled, s.adopted = false, false, false
	s.begun = s.loop.Now()
	s.log.Settle(uint32(s.id))
	if err := s.spawnInit(); err != nil {
		s.last = "jail-init could not be started: " + err.Error()
		s.crashed()
	}
}

func (s *supervisor) spawnInit() error {
	idFile := filepath.Join(s.layout.Run(s.name), idName)
	if err := durable.WriteFile(idFile, []byte(s.id.String()+"\n"), 0o600, false); err != nil {
		return err
	}
	listener, err := control.Listen(s.layout.ControlSocket(s.name))
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	pair, err := control.Pair()
	if err != nil {
		return err
	}
	defer unix.Close(pair[1])
	j, err := s.kernel.Lookup(s.id.String())
	if err != nil {
		unix.Close(pair[0])
		return err
	}
	s.setup.ID = uint32(s.id)
	data, err := json.Marshal(within(s.setup, j.Config.Limits))
	if err != nil {
		unix.Close(pair[0])
		return err
	}
	if s.child, err = startInit(s.name, pair[1], listener); err != nil {
		unix.Close(pair[0])
		return err
	}
	if err := s.connect(pair[0]); err != nil {
		return err
	}
	s.init.Send(&control.Message{Op: control.OpSetup, Setup: data})
	return nil
}

// connect makes fd the connection to jail-init.
func (s *supervisor) connect(fd int) error {
	peer, err := control.NewPeer(s.loop, fd, control.PeerOptions{
		Limit: control.MaxMessage, Descriptors: true,
		Message: s.told,
		Closed:  s.lost,
	})
	s.init = peer
	return err
}

// adopt takes on a jail-init that another supervisor left.
func (s *supervisor) adopt(fd int) error {
	if err := s.connect(fd); err != nil {
		return err
	}
	s.adopted, s.entered = true, true
	s.begun = s.loop.Now()
	s.init.Send(&control.Message{ID: adoptID, Op: control.OpAdopt})
	s.note("took on the running jail")
	s.notice.adopted()
	return nil
}

// The requests to jail-init that are answered.
const (
	adoptID  = 1
	stopID   = 2
	reloadID = 3 // and all above, each reload's own
)

// saidMost is how much is taken of what jail-init says to people.
const saidMost = 1 << 10

// told is what jail-init says. A process of the jail may have got hold of its
// connection: all that it says is the jail's word, on the jail alone.
func (s *supervisor) told(m *control.Message, fds []int) {
	m.Error = m.Error[:min(len(m.Error), saidMost)]
	switch m.Op {
	case control.OpEntered:
		s.entered = true
		s.notice.progress("jail-init is in the jail")
	case control.OpStreams:
		for i, stream := range m.Streams {
			s.read(stream, fds[i])
		}
		return
	case control.OpState:
		if m.Service != nil && m.Service.State == service.Gone.String() {
			s.serviceGone(m.ID, m.Service.Name)
		} else if m.Service != nil {
			s.serviceChanged(m.Service)
		}
	case control.OpSettled:
		s.started(m.Error)
	case control.OpStopped:
		s.gone = true
	case control.OpAccepted, control.OpDone, control.OpProgress, control.OpError:
		switch {
		case m.ID >= reloadID:
			s.reloadTold(m)
		case m.ID == adoptID && m.Status != nil:
			s.adoptedInit(m)
		case m.Op == control.OpProgress:
			s.progress(m.Error)
		case m.Op == control.OpError:
			s.last = m.Error
		}
	}
	for _, fd := range fds { // nothing else brings any
		unix.Close(fd)
	}
}

// adoptedInit is a jail-init's answer to the one who adopts it. What it runs may
// be other than what the definition says by now.
func (s *supervisor) adoptedInit(m *control.Message) {
	if m.Status.ID != uint32(s.id) {
		s.last = fmt.Sprintf("its jail-init was put into jail %d, the kernel has jail %d", m.Status.ID, s.id)
		s.init.Close()
		s.lost(nil)
		return
	}
	var runs jailinit.Setup
	err := json.Unmarshal(m.Setup, &runs)
	if err == nil {
		err = runs.Check()
	}
	if err != nil {
		s.note("what jail-init runs can not be read, and is taken for what the definition says: %v", err)
		return
	}
	s.setup = &runs
}

// read takes on a stream. Its names stand in the log, so they must be names,
// whatever became of jail-init; a running jail's services may be others than
// those that the definition has now.
func (s *supervisor) read(stream control.Stream, fd int) {
	if stream == jailinit.SyslogStream {
		if err := s.log.AddSocket(fd); err != nil {
			s.note("the jail's syslog socket: %v", err)
		}
		return
	}
	if jail.CheckName(stream.Service) != nil || stream.Name != "out" && stream.Name != "err" {
		unix.Close(fd)
		s.note("jail-init sent a stream with a bad name: %q of %q", stream.Name, stream.Service)
		return
	}
	if s.log.Keep(stream.Service, stream.Name) {
		unix.Close(fd) // the same pipe: the service was removed, and is back
		return
	}
	if err := s.log.Add(stream.Service, stream.Name, fd); err != nil {
		s.note("the log of %s: %v", stream.Service, err)
	}
}

func (s *supervisor) serviceChanged(v *control.Service) {
	switch v.State {
	case "finishing", "backoff", "failed", "completed", "down", "waiting":
		s.log.Ended(v.Name)
	}
	s.notice.progress(clause(v))
}

// serviceGone follows when a service that a reload has removed has ended.
func (s *supervisor) serviceGone(id uint32, name string) {
	init := s.init
	s.log.End(name, func() { init.Send(&control.Message{ID: id, Op: control.OpDrained}) })
}

// started is the end of the start.
func (s *supervisor) started(failure string) {
	s.settled = true
	s.failure = failure
	if s.state != stopping {
		s.enterState(running)
		if s.adopted && !s.ran.IsZero() {
			s.since = s.ran
		}
		s.spool.Remember(s.restarts, s.since)
	}
	if s.adopted { // all streams have come
		s.log.Settle(uint32(s.id))
	}
	if failure == "" {
		s.notice.ready()
	} else {
		s.notice.failed(failure)
	}
	debug.FreeOSMemory()
}

// lost is the end of the connection to jail-init.
func (s *supervisor) lost(err error) {
	s.init = nil
	if s.last == "" && err != nil && err != io.EOF {
		s.last = "jail-init: " + err.Error()
	}
	if s.child != 0 {
		if !s.gone {
			// If it lives on without us it is of no use; how it ended is
			// for reaped to say.
			_ = unix.Kill(s.child, unix.SIGKILL)
		}
		return
	}
	s.ended()
}

// reaped is told of jail-init's end when it was our child. What it said last
// may still be in the connection.
func (s *supervisor) reaped(pid int, status unix.WaitStatus) {
	if pid != s.child {
		return
	}
	s.child = 0
	if s.last == "" {
		s.last = describe(status)
	}
	if s.init == nil {
		s.ended()
	}
}

// ended follows when jail-init and the connection to it both are gone.
func (s *supervisor) ended() {
	switch {
	case s.ending:
	case s.gone:
		s.finish(nil)
	default:
		if s.last == "" {
			s.last = "jail-init died"
		}
		s.crashed()
	}
}

func describe(w unix.WaitStatus) string {
	if w.Signaled() {
		return "jail-init was killed by " + unix.SignalName(w.Signal())
	}
	return fmt.Sprintf("jail-init exited %d", w.ExitStatus())
}
