package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/jail"
	"jails/src/journal"
	"jails/src/root"
	"jails/src/secmodel"
	"jails/src/supervise"
)

var ctx = context.Background()

func created(t testing.TB) (*Host, *fakeKernel, *fakeSupervisor) {
	t.Helper()
	h, k, s := newHost(t)
	if err := h.Create(ctx, "web", []byte(definition)); err != nil {
		t.Fatal(err)
	}
	return h, k, s
}

func started(t *testing.T) (*Host, *fakeKernel, *fakeSupervisor) {
	t.Helper()
	h, k, s := created(t)
	err := h.Start(ctx, "web", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h, k, s
}

func condition(t *testing.T, h *Host, want Condition) {
	t.Helper()
	if got, err := h.Condition("web"); err != nil || got != want {
		t.Errorf("condition %v, %v; want %v", got, err, want)
	}
}

func TestLife(t *testing.T) {
	h, k, _ := created(t)
	condition(t, h, Stopped)
	clean(t, h)
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	condition(t, h, Running)
	if j, err := k.Lookup("web"); err != nil || mountable && j.Root != h.Layout.Root("web") {
		t.Errorf("%+v, %v", j, err)
	}
	var running *RunningError
	for name, do := range map[string]func() error{
		"start":   func() error { return h.Start(ctx, "web", 0, nil) },
		"destroy": func() error { return h.Destroy(ctx, "web", false) },
	} {
		if err := do(); !errors.As(err, &running) {
			t.Errorf("%s of a jail that runs: %v", name, err)
		}
		condition(t, h, Running)
	}
	// A verb that has no kernel to ask must not take a jail that runs for one
	// that crashed.
	for _, kernel := range []Kernel{k, nil} {
		h.Kernel = kernel
		if err := h.Create(ctx, "web", []byte(definition)); !errors.Is(err, ErrExists) {
			t.Errorf("create of a jail that runs: %v", err)
		}
		if err := h.Destroy(ctx, "web", false); !errors.As(err, &running) {
			t.Errorf("destroy of a jail that runs: %v", err)
		}
		if err := h.Repair(ctx, "web"); err != nil {
			t.Error(err)
		}
		if left, err := h.Store.Mounted("web"); err != nil || mountable && len(left) == 0 {
			t.Errorf("what runs was unmounted: %v", err)
		}
		condition(t, h, Running)
	}
	h.Kernel = k
	before, _ := k.Lookup("web")
	if err := h.Restart(ctx, "web", 0, 0, nil); err != nil {
		t.Error(err)
	}
	if after, err := k.Lookup("web"); err != nil || after.ID == before.ID {
		t.Errorf("not restarted: %v", err)
	}
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	condition(t, h, Stopped)
	clean(t, h)
	var stopped *StoppedError
	if err := h.Stop(ctx, "web", 0, nil); !errors.As(err, &stopped) {
		t.Errorf("stop of a jail that does not run: %v", err)
	}
	if err := h.Restart(ctx, "web", 0, 0, nil); err != nil {
		t.Errorf("restart of a jail that does not run: %v", err)
	}
	if err := errors.Join(h.Stop(ctx, "web", 0, nil), h.Destroy(ctx, "web", false)); err != nil {
		t.Error(err)
	}
	if whole(t, h) {
		t.Error("not destroyed")
	}
	if _, err := os.Stat(h.Layout.Volume("v")); mountable && err != nil {
		t.Error("its volume is gone")
	}
	var unknown *UnknownError
	for _, err := range []error{h.Start(ctx, "web", 0, nil), h.Stop(ctx, "web", 0, nil), h.Destroy(ctx, "web", false), h.Restart(ctx, "web", 0, 0, nil)} {
		if !errors.As(err, &unknown) {
			t.Errorf("a jail that is not there: %v", err)
		}
	}
	clean(t, h)
}

func TestCreateRefuses(t *testing.T) {
	h, _, _ := newHost(t)
	for name, tt := range map[string]struct {
		jail, text string
		want       error
	}{
		"invalid": {"web", "prot = 1", jail.ErrInvalid},
		"no base": {"web", "base = 'c'", root.ErrNoBase},
		"no root": {"web", "root = '/nonexistent'", root.ErrNoBase},
		"name":    {"../web", definition, nil},
	} {
		if err := h.Create(ctx, tt.jail, []byte(tt.text)); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if whole(t, h) {
			t.Errorf("%s: created", name)
		}
		clean(t, h)
	}
	if err := h.Create(ctx, "web", []byte(definition)); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(ctx, "web", []byte(definition)); !errors.Is(err, ErrExists) || !whole(t, h) {
		t.Errorf("a second time: %v", err)
	}
	// Data without a definition is an administrator's doing, and kept.
	if err := os.Remove(h.Layout.Definition("web")); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(ctx, "web", []byte(definition)); !errors.Is(err, os.ErrExist) {
		t.Errorf("over old data: %v", err)
	}
	if _, err := os.Stat(h.Layout.Data("web") + "/etc"); err != nil {
		t.Error("the old data is gone")
	}
	clean(t, h)
}

// A definition that was written by hand gets its data with the first start.
func TestStartByHand(t *testing.T) {
	h, _, _ := newHost(t)
	if err := os.MkdirAll(h.Layout.Definitions(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Layout.Definition("web"), []byte(definition), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	condition(t, h, Running)
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	if !whole(t, h) {
		t.Error("no data, or it went with the stop")
	}
	clean(t, h)
}

// Of two administrators who create one jail, one does.
func TestCreateTwice(t *testing.T) {
	h, _, _ := newHost(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := h.Create(ctx, "web", []byte(definition)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrExists) && !errors.Is(err, jail.ErrLocked):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || !whole(t, h) {
		t.Errorf("%d created it", won.Load())
	}
}

// A start that fails, wherever, leaves nothing.
func TestStartFails(t *testing.T) {
	failing := errors.New("failing")
	for name, arrange := range map[string]func(t *testing.T, h *Host, k *fakeKernel, s *fakeSupervisor) error{
		"no base": func(t *testing.T, h *Host, _ *fakeKernel, _ *fakeSupervisor) error {
			if err := os.Rename(h.Layout.Base("b"), h.Layout.Base("c")); err != nil {
				t.Fatal(err)
			}
			return root.ErrNoBase
		},
		"a link in the data": func(t *testing.T, h *Host, _ *fakeKernel, _ *fakeSupervisor) error {
			if !mountable {
				t.Skip(noMounts)
			}
			if err := errors.Join(os.RemoveAll(h.Layout.Data("web")+"/var/v"), os.Symlink("/tmp", h.Layout.Data("web")+"/var/v")); err != nil {
				t.Fatal(err)
			}
			return root.ErrLink
		},
		"kernel": func(_ *testing.T, _ *Host, k *fakeKernel, _ *fakeSupervisor) error {
			k.createErr = secmodel.ErrPortTaken
			return secmodel.ErrPortTaken
		},
		"supervisor": func(_ *testing.T, _ *Host, _ *fakeKernel, s *fakeSupervisor) error {
			s.startErr = failing
			return failing
		},
		"no kernel model": func(_ *testing.T, h *Host, _ *fakeKernel, _ *fakeSupervisor) error {
			h.Kernel = nil
			return secmodel.ErrNoModel
		},
		"bad definition": func(t *testing.T, h *Host, _ *fakeKernel, _ *fakeSupervisor) error {
			if err := os.WriteFile(h.Layout.Definition("web"), []byte("prot=1"), 0o644); err != nil {
				t.Fatal(err)
			}
			return jail.ErrInvalid
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, k, s := created(t)
			want := arrange(t, h, k, s)
			err := h.Start(ctx, "web", 0, nil)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			condition(t, h, Stopped)
			clean(t, h)
		})
	}
}

// A service that fails, or a time that is over, ends the wait, not the jail.
func TestStartStays(t *testing.T) {
	for _, err := range []error{&supervise.ServiceError{Jail: "web", Reason: "x failed"}, &supervise.StepError{Jail: "web", Step: "x", Err: context.DeadlineExceeded}} {
		h, _, s := created(t)
		s.startErr = err
		got := h.Start(ctx, "web", time.Minute, nil)
		if !errors.Is(got, err) {
			t.Errorf("got %v", got)
		}
		condition(t, h, Running)
		if err := h.Stop(ctx, "web", 0, nil); err != nil {
			t.Error(err)
		}
		clean(t, h)
	}
}

// A person who interrupts a start wants nothing of it.
func TestStartInterrupted(t *testing.T) {
	h, _, s := created(t)
	interrupted, cancel := context.WithCancelCause(ctx)
	pressed := errors.New("interrupt")
	s.beforeEnd = func() { cancel(pressed) }
	err := h.Start(interrupted, "web", time.Minute, nil)
	if !errors.Is(err, pressed) {
		t.Errorf("got %v", err)
	}
	condition(t, h, Stopped)
	clean(t, h)
}

// A jail that ended by itself, or with the machine, starts anew.
func TestStartAfterCrash(t *testing.T) {
	h, k, s := started(t)
	if err := errors.Join(s.destroy("web"), os.Remove(s.path("web"))); err != nil {
		t.Fatal(err)
	}
	condition(t, h, Crashed)
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	condition(t, h, Running)
	// Only the supervisor is gone: the jail is adopted, not restarted.
	before, _ := k.Lookup("web")
	if err := os.Remove(s.path("web")); err != nil {
		t.Fatal(err)
	}
	condition(t, h, Unwatched)
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	condition(t, h, Running)
	if after, _ := k.Lookup("web"); after.ID != before.ID {
		t.Error("restarted, not adopted")
	}
	// Both the supervisor and jail-init are gone.
	if err := errors.Join(os.Remove(s.path("web")), os.Remove(k.path("web")+".init")); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	if after, _ := k.Lookup("web"); after.ID == before.ID {
		t.Error("an empty jail was kept")
	}
	// Stop ends it even if its supervisor can not.
	s.stopErr = errors.New("failing")
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
	clean(t, h)
}

// A stop says how its services ended, if not as they should.
func TestStopNotes(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("failing"):                                "not stopped in order, but killed: failing",
		&supervise.UnloggedError{Err: errors.New("failing")}: "stopped in order, but what was written last is not in the log: failing",
	} {
		h, _, s := started(t)
		var notes []string
		h.Note = func(_, text string) { notes = append(notes, text) }
		s.stopErr = err
		if err := h.Stop(ctx, "web", 0, nil); err != nil || !slices.Equal(notes, []string{want}) {
			t.Errorf("%v, %q", err, notes)
		}
		clean(t, h)
	}
}

// otherKernel is a model of another version.
type otherKernel struct{ *fakeKernel }

func (otherKernel) Lookup(string) (secmodel.Jail, error) {
	return secmodel.Jail{}, fmt.Errorf("reading: %w", &secmodel.ABIError{Kernel: 1})
}

// With a model of another version a jail is stopped as far as that goes without
// it, and what stays is told, for others to carry on.
func TestStopWithAnotherModel(t *testing.T) {
	var other *secmodel.ABIError
	for _, c := range []struct {
		name  string
		err   error // of the supervisor
		stays bool
	}{
		{"supervised", nil, false},
		{"no supervisor", &supervise.UnloggedError{Err: errors.New("failing")}, true},
		{"nothing answers", supervise.ErrNotRunning, true},
		{"failing", errors.New("failing"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, k, s := started(t)
			h.Kernel, s.stopErr = otherKernel{k}, c.err
			err := h.Restart(ctx, "web", 0, 0, nil)
			if !errors.As(err, &other) || !s.Running("web") {
				t.Fatalf("it is stopped for a start that can not be: %v", err)
			}
			err = h.Stop(ctx, "web", 0, nil)
			var rest *RestError
			switch {
			case !c.stays && err != nil, c.stays && err == nil, c.name != "failing" && c.stays != errors.As(err, &other):
				t.Error(err)
			case errors.As(err, &rest) != (c.name == "no supervisor"):
				t.Errorf("%v", err)
			}
			if _, err := k.Lookup("web"); (err == nil) != c.stays {
				t.Errorf("the kernel's jail: %v", err)
			}
			if left, err := h.Store.Mounted("web"); err != nil || (len(left) > 0) != (c.stays && mountable) {
				t.Errorf("mounted: %v, %v", left, err)
			}
			h.Kernel, s.stopErr = k, nil
			var stopped *StoppedError
			if err := h.Stop(ctx, "web", 0, nil); c.stays && err != nil || !c.stays && !errors.As(err, &stopped) {
				t.Errorf("stopped again: %v", err)
			}
			clean(t, h)
			h.Kernel = otherKernel{k}
			if err := h.Stop(ctx, "web", 0, nil); !errors.As(err, &stopped) {
				t.Errorf("of one that does not run: %v", err)
			}
			var unknown *UnknownError
			if err := h.Stop(ctx, "nobody", 0, nil); !errors.As(err, &unknown) {
				t.Errorf("of none: %v", err)
			}
		})
	}
}

// A jail of jailctl's is not jailmgr's to touch.
func TestForeign(t *testing.T) {
	h, k, _ := created(t)
	if _, err := k.Create("web", "/x", secmodel.Config{}); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignError
	if err := h.Start(ctx, "web", 0, nil); !errors.As(err, &foreign) {
		t.Errorf("start: %v", err)
	}
	if err := h.Stop(ctx, "web", 0, nil); !errors.As(err, &foreign) {
		t.Errorf("stop: %v", err)
	}
	var running *RunningError
	if err := h.Destroy(ctx, "web", false); !errors.As(err, &running) {
		t.Errorf("destroy: %v", err)
	}
	j, err := k.Lookup("web")
	if err != nil {
		t.Fatal("it was touched")
	}
	if err := k.End(ctx, j.ID); err != nil {
		t.Error(err)
	}
}

func TestProvision(t *testing.T) {
	h, k, _ := created(t)
	failing := errors.New("failing")
	for _, want := range []error{nil, failing} {
		calls := 0
		err := h.Provision(ctx, "web", func(id secmodel.ID) error {
			calls++
			j, err := k.Lookup("web")
			if err != nil || j.ID != id {
				t.Errorf("%+v, %v", j, err)
			}
			return want
		})
		if !errors.Is(err, want) || calls != 1 {
			t.Errorf("got %v, %d calls", err, calls)
		}
		clean(t, h)
	}
	// In a jail that runs.
	if err := h.Start(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := k.Lookup("web")
	if err := h.Provision(ctx, "web", func(id secmodel.ID) error {
		if id != before.ID {
			t.Error("not in the jail that runs")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	condition(t, h, Running)
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Error(err)
	}
}

func TestDestroyRefusesMounts(t *testing.T) {
	if !mountable {
		t.Skip(noMounts)
	}
	h, _, s := started(t)
	if err := errors.Join(s.destroy("web"), os.Remove(s.path("web")), os.Remove(h.Layout.Journal("web"))); err != nil {
		t.Fatal(err)
	}
	// Now nothing says what is mounted, but it is.
	if err := h.Destroy(ctx, "web", false); !errors.Is(err, root.ErrMounted) || !whole(t, h) {
		t.Errorf("got %v", err)
	}
	if err := h.Start(ctx, "web", 0, nil); !errors.Is(err, root.ErrMounted) {
		t.Errorf("start over leftovers: %v", err)
	}
	if err := h.Repair(ctx, "web"); err != nil {
		t.Error(err)
	}
	clean(t, h)
	if err := h.Destroy(ctx, "web", false); err != nil || whole(t, h) {
		t.Error(err)
	}
}

// A volume that can't be removed is removed by the next try.
func TestDestroyVolumes(t *testing.T) {
	h, _, _ := newHost(t)
	var notes []string
	h.Note = func(_, text string) { notes = append(notes, text) }
	text := "base = 'b'\n[[mount]]\nvolume = 'shared'\nat = '/mnt'\n[[mount]]\nvolume = 'v'\nat = '/srv'\n"
	if err := h.Create(ctx, "web", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(ctx, "mail", []byte("base = 'b'\n[[mount]]\nvolume = 'shared'\nat = '/mnt'\n")); err != nil {
		t.Fatal(err)
	}
	volume := h.Layout.Volume("v")
	if err := errors.Join(os.Remove(volume), os.WriteFile(volume, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx, "web", true); err == nil || !h.Known("web") {
		t.Errorf("with a file for a volume: %v", err)
	}
	condition(t, h, Interrupted)
	if err := errors.Join(os.Remove(volume), os.Mkdir(volume, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx, "web", true); err != nil || whole(t, h) {
		t.Errorf("again: %v", err)
	}
	clean(t, h)
	if _, err := os.Lstat(volume); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its volume: %v", err)
	}
	if _, err := os.Lstat(h.Layout.Volume("shared")); err != nil {
		t.Errorf("another's volume: %v", err)
	}
	if !slices.Contains(notes, "volume shared is kept: jail mail has it too") {
		t.Errorf("notes: %q", notes)
	}
}

// A volume stays that another jail runs with, whatever its definition is by now.
func TestDestroyVolumeInUse(t *testing.T) {
	h, _, _ := newHost(t)
	var notes []string
	h.Note = func(_, text string) { notes = append(notes, text) }
	if err := h.Create(ctx, "web", []byte("base = 'b'\n[[mount]]\nvolume = 'v'\nat = '/srv'\n")); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Begin(h.Layout.Journal("mail"), verbStart)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := fixed{Mount: []jail.Mount{{Volume: "v", At: "/mnt"}}}.text()
	if err := errors.Join(err, j.Record(false, stepKernel, "mail", kept), j.Finish()); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx, "web", true); err != nil || whole(t, h) {
		t.Error(err)
	}
	if _, err := os.Lstat(h.Layout.Volume("v")); err != nil || !slices.Contains(notes, "volume v is kept: jail mail has it too") {
		t.Errorf("%v, notes %q", err, notes)
	}
}

// A journal that the disk has spoilt stops nothing for good.
func TestDamagedJournal(t *testing.T) {
	h, _, s := started(t)
	if err := errors.Join(s.destroy("web"), os.Remove(s.path("web"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Layout.Journal("web"), []byte("start\n\x00\x00\x00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	condition(t, h, Interrupted)
	if err := h.Repair(ctx, "web"); err != nil {
		t.Error(err)
	}
	clean(t, h)
	if !whole(t, h) {
		t.Error("the jail is gone")
	}
}

// A journal that can't be read says nothing of how the jail stands.
func TestUnreadableJournal(t *testing.T) {
	h, _, _ := created(t)
	if err := os.Mkdir(h.Layout.Journal("web"), 0o700); err != nil {
		t.Fatal(err)
	}
	if c, err := h.Condition("web"); !errors.Is(err, unix.EISDIR) {
		t.Errorf("condition %v, %v", c, err)
	}
}

// A disk that is full while a jail is made leaves no part of it.
// Whatever part of a step the disk still took, the journal reads as it was.
func TestJournalFullDisk(t *testing.T) {
	if !mountable {
		t.Skip(noMounts)
	}
	dir := t.TempDir()
	unmount := smallDisk(t, dir)
	defer unmount()
	j, err := journal.Begin(filepath.Join(dir, "web"), verbStart)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	steps := 0
	for ; err == nil && steps < 1000; steps++ {
		err = j.Record(false, root.StepTree, strings.Repeat("x", 700))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("after %d steps: %v", steps, err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "fill")), j.Record(false, root.StepDir, "y"), j.Close()); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(filepath.Join(dir, "web")); err != nil {
		t.Fatal(err)
	}
	if n := len(j.Steps); n != steps || n < 2 || j.Steps[n-1].Kind != root.StepDir {
		t.Errorf("%d steps were recorded, %d are read", steps, n)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestCreateFullDisk(t *testing.T) {
	if !mountable {
		t.Skip(noMounts)
	}
	h, _, _ := newHost(t)
	if err := os.WriteFile(h.Layout.Base("b")+"/etc/big", make([]byte, 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(h.Layout.Jails(), 0o700); err != nil {
		t.Fatal(err)
	}
	unmount := smallDisk(t, h.Layout.Jails())
	defer unmount()
	if err := h.Create(ctx, "web", []byte(definition)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if whole(t, h) {
		t.Error("created")
	}
	clean(t, h)
	if entries, err := os.ReadDir(filepath.Dir(h.Layout.Jail("web"))); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
