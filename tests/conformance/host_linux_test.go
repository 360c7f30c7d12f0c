package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// startModel starts hostkern, built from this tree, unless one is named.
func startModel() (stop func() error, err error) {
	none := func() error { return nil }
	if os.Getenv(secmodel.SocketVariable) != "" {
		return none, nil
	}
	program, err := hostkern()
	if err != nil {
		return none, err
	}
	socket := filepath.Join(work, "hostkern.sock")
	if err := os.Setenv(secmodel.SocketVariable, socket); err != nil {
		return none, err
	}
	ready, write, err := os.Pipe()
	if err != nil {
		return none, err
	}
	defer ready.Close()
	cmd := exec.Command(program, "-s", socket, "--ready-fd", "3")
	cmd.ExtraFiles = []*os.File{write}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return none, err
	}
	write.Close()
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("hostkern is gone: %w: %v", err, cmd.Wait())
		}
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		if !timer.Stop() || err != nil {
			return fmt.Errorf("hostkern: %w\n%s", err, said.String())
		}
		return nil
	}
	if n, err := ready.Read(make([]byte, 1)); n != 1 {
		unable = fmt.Sprintf("hostkern can't run here (%v): %s", err, bytes.TrimSpace(said.Bytes()))
		_ = cmd.Wait()
		return none, nil
	}
	// Ordinary users may speak to it; what it tells them is the model's.
	return stop, os.Chmod(socket, 0o666)
}

// hostkern is the path of one, built if $HOSTKERN names none.
func hostkern() (string, error) {
	if path := os.Getenv("HOSTKERN"); path != "" {
		return path, nil
	}
	path := filepath.Join(work, "hostkern")
	cmd := exec.Command("go", "build", "-o", path, "jails/tools/hostkern")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building hostkern: %w\n%s", err, said)
	}
	return path, nil
}

// observe lets hostkern ask the model about a process of the host.
func observe() error { return secmodel.Observe() }

func mknod(path string, mode uint32, dev uint64) error {
	return unix.Mknod(path, mode, int(dev))
}

// furnish puts hostkern's socket into a root: the same one, by another name.
func furnish(t testing.TB, root string) {
	t.Helper()
	socket := os.Getenv(secmodel.SocketVariable)
	to := filepath.Join(root, socket)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Link(socket, to)); err != nil {
		t.Fatal(err)
	}
}
