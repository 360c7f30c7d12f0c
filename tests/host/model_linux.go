package host

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func buildModel(source, dir string) error {
	return compile(source, filepath.Join(dir, "hostkern"), "./tools/hostkern", "CGO_ENABLED=1")
}

// startModel starts hostkern and stops it at the test's end.
func (h *Host) startModel(t testing.TB) {
	t.Helper()
	m, err := StartModel(exec.Command(filepath.Join(h.Bin, "hostkern")), filepath.Join(h.Dir, "hostkern.sock"))
	if errors.Is(err, ErrForbidden) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// Model is a hostkern that was started.
type Model struct {
	cmd  *exec.Cmd
	said *os.File // not a pipe: what it says before it is ready is there then
}

// Said is all that it has said so far.
func (m *Model) Said() string {
	b, err := io.ReadAll(io.NewSectionReader(m.said, 0, math.MaxInt64))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// ErrForbidden is a machine that lets no hostkern run.
var ErrForbidden = errors.New("hostkern can't run here")

// exUnavailable is hostkern's status where the machine forbids it to run.
const exUnavailable = 69

// StartModel starts a hostkern, to whose arguments it adds the socket, and
// returns when that is served.
func StartModel(cmd *exec.Cmd, socket string) (*Model, error) {
	ready, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	defer write.Close()
	said, err := os.CreateTemp("", "hostkern")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(said.Name()); err != nil {
		return nil, err
	}
	m := &Model{cmd: cmd, said: said}
	cmd.Args = append(cmd.Args, "-s", socket, "--ready-fd", "3")
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	write.Close()
	if n, _ := ready.Read(make([]byte, 1)); n != 1 {
		err := cmd.Wait()
		said := strings.TrimSpace(m.Said())
		if cmd.ProcessState.ExitCode() == exUnavailable {
			return nil, fmt.Errorf("%w: %s", ErrForbidden, strings.TrimPrefix(said, "hostkern: "))
		}
		return nil, fmt.Errorf("hostkern does not start: %w: %s", err, said)
	}
	return m, nil
}

// Stop ends it in order. One that does not end tells what it was doing.
func (m *Model) Stop() error {
	err := m.cmd.Process.Signal(unix.SIGTERM)
	timer := time.AfterFunc(20*time.Second, func() { _ = m.cmd.Process.Signal(unix.SIGQUIT) })
	defer timer.Stop()
	if err = errors.Join(err, m.cmd.Wait()); err != nil {
		return fmt.Errorf("hostkern: %w\n%s", err, m.Said())
	}
	return nil
}

// Kill ends it as a crash would.
func (m *Model) Kill() error {
	err := m.cmd.Process.Kill()
	_ = m.cmd.Wait() // it was killed
	return err
}
