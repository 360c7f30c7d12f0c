package audit

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/terminal"
)

// Who acts is what the kernel says of the session, wherever the standard
// descriptors lead.
func TestSession(t *testing.T) {
	if want := os.Getenv("TEST_AUDIT_TERMINAL"); want != "" {
		login := logIn("alice")
		var a Act
		a.identify()
		if a.TTY != want || a.Login != login {
			fmt.Printf("on %q by %q, want %q by %q", a.TTY, a.Login, want, login)
			os.Exit(1)
		}
		os.Exit(0)
	}
	master, slave, err := terminal.Open()
	if err != nil {
		t.Skip("no terminals here; mount devpts or ptyfs: ", err)
	}
	defer master.Close()
	defer slave.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(slave.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	name := ttyName(uint64(st.Rdev))
	if isDevice("/dev/pts/0", uint64(st.Rdev)) && name != "pts/0" {
		t.Error(name)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSession$")
	cmd.Env = append(os.Environ(), "TEST_AUDIT_TERMINAL="+name)
	cmd.ExtraFiles = []*os.File{slave}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}

	cmd = exec.Command(os.Args[0], "-test.run=^TestSession$")
	cmd.Env = append(os.Environ(), "TEST_AUDIT_TERMINAL=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out, err := cmd.CombinedOutput(); err == nil || string(out[:min(5, len(out))]) != `on ""` {
		t.Errorf("without a terminal: %v: %s", err, out)
	}
}
