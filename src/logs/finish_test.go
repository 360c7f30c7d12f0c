package logs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event/eventtest"
)

// At the end a file that takes nothing is waited for, for some time; what it
// does not take by then is told by the next who writes.
func TestFinishWithoutRoom(t *testing.T) {
	const limit, never = 10 * time.Second, time.Hour
	lines := []string{"out one", "out two", "out three", "out half"}
	for _, c := range []struct {
		name    string
		drop    bool
		room    time.Duration
		took    time.Duration
		want    []string
		dropped uint64
	}{
		{"room in time", false, 2500 * time.Millisecond, 3 * time.Second, append(slices.Clone(lines), "err the end"), 0},
		{"room too late", false, never, limit, []string{"err 4 lines were dropped, the log took none", "err the end"}, 4},
		{"lines are dropped", true, never, 0, []string{"err 4 lines were dropped, the log took none"}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			loop, sim := eventtest.New()
			defer loop.Close()
			dir, path := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "spool")
			if err := os.WriteFile(dir, nil, 0o600); err != nil { // no directory: nothing can be written
				t.Fatal(err)
			}
			open := func() *Writer {
				return NewWriter(loop, &File{Dir: dir, Keep: 10, Size: 1 << 20}, nil, c.drop, OpenSpool(path))
			}
			pass := func(d time.Duration) {
				t.Helper()
				if err := sim.Pass(d); err != nil {
					t.Fatal(err)
				}
			}
			w := open()
			for name, text := range map[string]string{"a": "one\ntwo\n", "b": "three\n", "c": "half"} {
				var fds [2]int
				if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
					t.Fatal(err)
				}
				unix.Write(fds[1], []byte(text))
				unix.Close(fds[1])
				if err := w.Add(name, "out", fds[0]); err != nil {
					t.Fatal(err)
				}
			}
			pass(0)
			begun, took := sim.Now(), time.Duration(-1)
			w.Finish(limit, func() { took = sim.Now() - begun })
			if c.room < never {
				pass(c.room)
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
			}
			pass(2 * limit)
			if took != c.took {
				t.Errorf("it took %v, want %v", took, c.took)
			}
			w.Note(ownService, "the end")
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			_, err := os.Stat(path)
			if kept := err == nil; kept != (c.dropped > 0) {
				t.Errorf("is the spool there? %v", err)
			}
			if err := os.Remove(dir); err != nil && c.room == never {
				t.Fatal(err)
			}
			w = open()
			if n := w.Counters().Dropped; n != c.dropped {
				t.Errorf("%d lines dropped, want %d", n, c.dropped)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			var got []string
			if err := Read(dir, Filter{}, func(l Line) error {
				got = append(got, l.Stream+" "+string(l.Text))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			slices.Sort(got) // the streams are read in any order
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the spool is left: %v", err)
			}
		})
	}
}
