package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// What a jail is given for its standard descriptors stays the host's: owner,
// mode and times of a file, of a named pipe and of the host's /dev/null are
// out of reach of whoever is root in the jail, and what it writes arrives.
func TestDescriptors(t *testing.T) {
	h := host.New(t)
	root := h.Userland(t)
	build := exec.Command("go", "build", "-o", filepath.Join(root, "bin/own"), "./testdata/own")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", root)
	defer h.Run(t, "jailctl", "destroy", "-k", "web")

	dir := t.TempDir()
	open := func(name string, flags int, text string) *os.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	named, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	state := func(f *os.File) unix.Stat_t {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return unix.Stat_t{Mode: st.Mode, Uid: st.Uid, Gid: st.Gid}
	}
	run := func(in, out, errs *os.File) {
		t.Helper()
		files := []*os.File{in, out, errs}
		var before [3]unix.Stat_t
		for i, f := range files {
			before[i] = state(f)
		}
		cmd := h.Command(t.Context(), "jailctl", "exec", "web", "own")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
		if err := cmd.Run(); err != nil {
			t.Errorf("%s %s %s: %v", in.Name(), out.Name(), errs.Name(), err)
		}
		for i, f := range files {
			if after := state(f); after != before[i] {
				t.Errorf("%s as descriptor %d is changed: %o of %d, was %o of %d", f.Name(), i, after.Mode, after.Uid, before[i].Mode, before[i].Uid)
			}
		}
	}
	in, out, errs := open("in", os.O_RDONLY, "line\n"), open("out", os.O_WRONLY, ""), open("err", os.O_WRONLY, "")
	run(in, out, errs)
	for name, want := range map[string]string{"out": "out line\n", "err": "err\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	run(open("empty", os.O_RDONLY, ""), named, named)
	if got := make([]byte, 9); readFull(t, named, got) != "out \nerr\n" {
		t.Errorf("the named pipe has %q", got)
	}

	// The host's /dev/null does not come in, whether the jail has one of its
	// own to stand in for it or not. Another node of it serves here, which is
	// gone with the test.
	t.Run("null", func(t *testing.T) {
		node := func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) }
		if err := node(filepath.Join(dir, "null")); err != nil {
			t.Skipf("device nodes can't be made here: %v; run as root", err)
		}
		null, err := os.OpenFile(filepath.Join(dir, "null"), os.O_RDWR, 0)
		if err != nil {
			t.Skipf("device nodes are of no use here: %v; set TMPDIR to a file system with devices", err)
		}
		defer null.Close()
		run(null, null, null)
		if err := os.Mkdir(filepath.Join(root, "dev"), 0o755); err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(root, "dev/null")
		if err := node(own); err != nil {
			t.Fatal(err)
		}
		run(null, null, null)
		if st, err := os.Stat(own); err != nil || st.Mode().Perm() != 0o777 {
			t.Errorf("the jail's own is %v, %v; was another used?", st.Mode(), err)
		}
	})
}

// A socket may be a standard descriptor, but not with a port that is not for the
// jail.
func TestBoundSockets(t *testing.T) {
	h := host.New(t)
	root := h.Userland(t)
	for name, args := range map[string][]string{"owner": {"-r", "7790"}, "strict": {"--strict", "-r", "7791"}, "web": nil} {
		h.Run(t, "jailctl", append(append([]string{"create", "-n", name}, args...), root)...)
		defer h.Run(t, "jailctl", "destroy", "-k", name)
	}
	bound := func(port int) *os.File {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(s), "socket")
		t.Cleanup(func() { f.Close() })
		// hostkern does not ask about processes of the host.
		if err := unix.Bind(s, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		jail string
		in   *os.File
		want string
	}{
		{"web", bound(7792), ""},
		{"web", bound(7790), `jailctl: cannot enter jail "web": descriptor 0 is a socket bound to port 7790/udp, which belongs to jail "owner"`},
		{"strict", bound(7793), `jailctl: cannot enter jail "strict": descriptor 0 is a socket bound to port 7793/udp, which is not the jail's`},
	} {
		var said strings.Builder
		cmd := h.Command(t.Context(), "jailctl", "exec", c.jail, "true")
		cmd.Stdin, cmd.Stderr = c.in, &said
		err := cmd.Run()
		if got := strings.TrimSpace(said.String()); got != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v, %q, want %q", c.jail, err, got, c.want)
		}
	}
}

func readFull(t *testing.T, f *os.File, b []byte) string {
	t.Helper()
	if _, err := io.ReadFull(f, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A command in a shell's loop that reads a file leaves the loop what it did
// not read itself.
func TestInputGivenBack(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	list := filepath.Join(t.TempDir(), "list")
	// More than a pipe holds, so that some of it is still to be written to
	// the command when that ends.
	if err := os.WriteFile(list, []byte("one\ntwo\n"+strings.Repeat("more\n", 100<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := h.Run(t, "sh", "-c", `{ read a; jailctl exec web true; read b; jailctl exec web cat | wc -l; read c; echo "$a $b $c"; } <`+list)
	if want := "102400\none two \n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
}
