package conformance

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// Ways out of a root directory, each tried. They are NetBSD's to close, and
// not open on Linux's account: there chroot(2) in chroot(2) leads out, and
// directories are passed to whoever asks.

const treasure = "treasure"

func init() {
	// climb HOW: what is in the file that is beside the jail's root, or
	// reached on the way up, by a directory of ours.
	verb("climb", func(args []string) (string, error) {
		up := "../../../../.."
		var all []error
		for n := 0; n <= len(up); n += 3 {
			path := treasure
			if n > 0 {
				path = up[:n-1] + "/" + treasure
			}
			var (
				fd  int
				err error
			)
			switch args[0] {
			case "cwd":
				fd, err = unix.Open(path, unix.O_RDONLY, 0)
			case "held":
				dir, e := last()
				if e != nil {
					return "", e
				}
				fd, err = unix.Openat(dir, path, unix.O_RDONLY, 0)
			case "fchdir":
				dir, e := last()
				if e != nil {
					return "", e
				}
				if err = unix.Fchdir(dir); err == nil {
					fd, err = unix.Open(path, unix.O_RDONLY, 0)
				}
			case "fchroot":
				dir, e := last()
				if e != nil {
					return "", e
				}
				if err = call(unix.SYS_FCHROOT, uintptr(dir)); err == nil {
					fd, err = unix.Open(path, unix.O_RDONLY, 0)
				}
			default:
				return "", fmt.Errorf("how is %q?", args[0])
			}
			if err != nil {
				all = append(all, fmt.Errorf("%s: %v", path, err))
				continue
			}
			b := make([]byte, 100)
			got, err := unix.Read(fd, b)
			unix.Close(fd)
			return string(b[:max(got, 0)]), err
		}
		return "", fmt.Errorf("%v", all)
	})
	verb("chroot", func(args []string) (string, error) { return "", unix.Chroot(args[0]) })
	verb("fchroot-last", func([]string) (string, error) {
		dir, err := last()
		if err != nil {
			return "", err
		}
		return "", call(unix.SYS_FCHROOT, uintptr(dir))
	})
	// queue: a directory outside is on its way to us, as we enter.
	verb("queue", func(args []string) (string, error) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		dir, err := unix.Open(args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return "", err
		}
		err = unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(dir), nil, 0)
		unix.Close(dir)
		offered = pair[1]
		held = append(held, pair[0])
		return "", err
	})
	verb("chmod", func(args []string) (string, error) {
		mode, err := strconv.ParseUint(args[1], 8, 32)
		if err != nil {
			return "", err
		}
		return "", unix.Chmod(args[0], uint32(mode))
	})
	verb("link", func(args []string) (string, error) { return "", unix.Link(args[0], args[1]) })
	verb("take-queued", func([]string) (string, error) { return "", receive(offered) })
}

// TestEscapes: no way that root in a jail has tried leads out of its root.
func TestEscapes(t *testing.T) {
	need(t)
	if err := os.WriteFile(filepath.Join(work, treasure), []byte("out"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(filepath.Join(work, treasure)); err != nil {
			t.Error(err)
		}
	})
	config := secmodel.Config{Level: secmodel.Low} // with chroot(2) and fchroot(2)
	climbs := func(t *testing.T, a *actor) {
		t.Helper()
		for _, how := range []string{"cwd", "held", "fchdir", "fchroot", "cwd"} {
			got := a.do(t, "climb", how)
			check(t, got.Value == "" && got.Error != "", "by %s: %q is read", how, got.Value)
		}
	}
	inside := func(t *testing.T) (*jail, *actor) {
		j := newJail(t, config)
		if err := os.MkdirAll(filepath.Join(j.root, "tmp/a/b/c"), 0o755); err != nil {
			t.Fatal(err)
		}
		return j, j.actor(t, 0)
	}
	t.Run("found", func(t *testing.T) {
		// The host's root finds it, so that the climbs are worth something.
		j := newJail(t, config)
		a := start(t, part{})
		must(t, a.do(t, "chdir", filepath.Join(j.root, "tmp")))
		got := a.do(t, "climb", "cwd")
		check(t, got.Value == "out", "the host climbs to %q (%s)", got.Value, got.Error)
	})
	t.Run("root", func(t *testing.T) {
		_, a := inside(t)
		must(t, a.do(t, "open-at", "/"))
		climbs(t, a)
	})
	t.Run("chroot twice", func(t *testing.T) {
		_, a := inside(t)
		must(t, a.do(t, "open-at", "/"))
		must(t, a.do(t, "chroot", "/tmp/a"))
		climbs(t, a)
	})
	t.Run("chroot and back", func(t *testing.T) {
		_, a := inside(t)
		must(t, a.do(t, "open-at", "/tmp"))
		must(t, a.do(t, "chroot", "/tmp/a/b"))
		must(t, a.do(t, "fchroot-last"))
		climbs(t, a)
	})
	t.Run("moved away", func(t *testing.T) {
		j, a := inside(t)
		must(t, a.do(t, "open-at", "/tmp/a/b"))
		must(t, a.do(t, "chdir", "/tmp/a/b/c"))
		moved := j.root + "-moved"
		if err := os.Rename(filepath.Join(j.root, "tmp/a/b"), moved); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(moved); err != nil {
				t.Error(err)
			}
		})
		climbs(t, a)
	})
	t.Run("passed", func(t *testing.T) {
		j, a := inside(t)
		host := start(t, part{})
		must(t, host.do(t, "open-at", work))
		got := handOver(t, host, nil, a, j)
		check(t, got.errno() == unix.EPERM, "a directory outside is passed: %s (%s), want EPERM", got, got.Error)
		// Of another jail as well.
		k, b := inside(t)
		must(t, b.do(t, "open-at", "/"))
		got = handOver(t, b, k, a, j)
		check(t, got.errno() == unix.EPERM, "another jail's root is passed: %s (%s), want EPERM", got, got.Error)
		must(t, a.do(t, "open-at", "/tmp"))
		climbs(t, a)
	})
	t.Run("on its way", func(t *testing.T) {
		j := newJail(t, config)
		a := start(t, part{})
		must(t, a.do(t, "queue", work))
		must(t, a.do(t, "enter", j.id.String()))
		got := a.do(t, "take-queued")
		check(t, got.errno() == unix.EPERM, "a directory that was sent before the entry comes: %s (%s), want EPERM", got, got.Error)
		must(t, a.do(t, "open-at", "/tmp"))
		climbs(t, a)
	})
	t.Run("program", func(t *testing.T) {
		// /proc/N/file is the program itself, on the host's file system.
		j, a := inside(t)
		init := start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
		for _, name := range []string{"file", "fd/0", "exe"} {
			path := fmt.Sprintf("/proc/%d/%s", init.pid, name)
			got := a.do(t, "chmod", path, "700")
			check(t, got.Error != "", "the mode of %s is changed", path)
			got = a.do(t, "link", path, "/tmp/taken")
			check(t, got.Error != "", "%s is linked into the jail", path)
		}
	})
	t.Run("procfs", func(t *testing.T) {
		_, a := inside(t)
		host := start(t, part{})
		must(t, host.do(t, "chdir", work))
		for _, link := range []string{"cwd", "root", "exe"} {
			for _, pid := range []string{"1", "self", "curproc", fmt.Sprint(host.pid)} {
				path := "/proc/" + pid + "/" + link + "/" + treasure
				got := a.do(t, "read", path)
				check(t, got.Error != "", "%s is %q", path, got.Value)
				got = a.do(t, "read", "/proc/"+pid+"/"+link+"/../"+treasure)
				check(t, got.Error != "", "%s is %q", path, got.Value)
			}
		}
	})
}

// TestVforkMayNotEnter: who runs on its parent's memory does not enter, though
// it is another process.
func TestVforkMayNotEnter(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	got := start(t, part{}).do(t, "vfork-and-enter", j.id.String())
	check(t, got.Value == fmt.Sprint(int(secmodel.ReasonVfork)), "between vfork(2) and execve(2) the reason is %q (%s), want %d", got.Value, got.Error, secmodel.ReasonVfork)
	check(t, j.record(t).Entries == 0, "an entry counts: %+v", j.record(t))
}

// entryRequest and entryReply are a struct jail_request to enter with, and what
// comes back: the child has to do with what there is.
var (
	entryRequest [32 + 224 + 64 + 1024]byte
	entryReply   [96]byte
	entrySize    uintptr
	entryMIB     []int32
)

func init() {
	verb("vfork-and-enter", func(args []string) (string, error) {
		id, err := numbers(args)
		if err != nil {
			return "", err
		}
		if entryMIB, err = node("security.models.jail.command"); err != nil {
			return "", err
		}
		binary.LittleEndian.PutUint32(entryRequest[0:], 3) // JAIL_ABI_VERSION
		binary.LittleEndian.PutUint32(entryRequest[4:], 3) // JAIL_COMMAND_ENTER
		binary.LittleEndian.PutUint32(entryRequest[12:], uint32(id[0]))
		entrySize = uintptr(len(entryReply))
		vforkCall = [...]uintptr{unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&entryMIB[0])), uintptr(len(entryMIB)),
			uintptr(unsafe.Pointer(&entryReply)), uintptr(unsafe.Pointer(&entrySize)),
			uintptr(unsafe.Pointer(&entryRequest)), uintptr(len(entryRequest))}
		pid, err := share(shares["memory"].flags)
		if err != nil {
			return "", err
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return "", err
		}
		if reason := binary.LittleEndian.Uint32(entryReply[8:]); reason != 0 {
			return fmt.Sprint(reason), nil
		}
		return "", fmt.Errorf("no reply: % x", entryReply)
	})
}
