package conformance

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sysRevoke = 56
	sfArchive = 0x00010000
)

func init() {
	register(
		attempt{name: "chflags nodump", rules: []string{"vnode writeflags"}, do: func(int) error {
			return unix.Chflags("/tmp/file", 1)
		}},
		attempt{name: "chflags", rules: []string{"vnode writesysflags"}, do: func(int) error {
			if err := unix.Chflags("/tmp/file", sfArchive); err != nil {
				return err
			}
			return unix.Chflags("/tmp/file", 0)
		}},
		attempt{name: "revoke", rules: []string{"vnode revoke"}, do: func(int) error {
			// Nobody has it open.
			return call(sysRevoke, text("/dev/full"))
		}},
	)
}

// What file systems decide alone is the same in a jail as outside.
func init() {
	inTmp := func(do func(name string) error) func(int) error {
		return func(int) error {
			f, err := os.CreateTemp("/tmp", "vnode")
			if err != nil {
				return err
			}
			defer os.Remove(f.Name())
			f.Close()
			return do(f.Name())
		}
	}
	register(
		attempt{name: "read file", rules: []string{"vnode read"}, do: inTmp(func(name string) error {
			_, err := os.ReadFile(name)
			return err
		})},
		attempt{name: "write file", rules: []string{"vnode write", "vnode append"}, do: inTmp(func(name string) error {
			return os.WriteFile(name, []byte("x"), 0)
		})},
		attempt{name: "write another's file", rules: []string{"vnode write"}, do: func(int) error {
			f, err := os.OpenFile(program, os.O_WRONLY, 0)
			if err == nil {
				f.Close()
			}
			return err
		}},
		attempt{name: "search directory", rules: []string{"vnode execute"}, do: func(int) error { return unix.Chdir("/") }},
		attempt{name: "unlink file", rules: []string{"vnode delete"}, do: inTmp(os.Remove)},
		attempt{name: "rename file", rules: []string{"vnode rename"}, do: inTmp(func(name string) error {
			if err := os.Rename(name, name+"x"); err != nil {
				return err
			}
			return os.Remove(name + "x")
		})},
		attempt{name: "link file", rules: []string{"vnode addlink"}, do: inTmp(func(name string) error {
			if err := os.Link(name, name+"x"); err != nil {
				return err
			}
			return os.Remove(name + "x")
		})},
		attempt{name: "chown file", rules: []string{"vnode chown"}, do: inTmp(func(name string) error { return os.Chown(name, 1, 1) })},
		attempt{name: "chmod file", rules: []string{"vnode writesecurity"}, do: inTmp(func(name string) error { return os.Chmod(name, 0o600) })},
		attempt{name: "utimes file", rules: []string{"vnode writetimes"}, do: inTmp(func(name string) error {
			return os.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0))
		})},
		attempt{name: "write set-user-id file", rules: []string{"vnode retainsuid"}, do: inTmp(func(name string) error {
			return retains(name, os.ModeSetuid)
		})},
		attempt{name: "write set-group-id file", rules: []string{"vnode retainsgid"}, do: inTmp(func(name string) error {
			return retains(name, os.ModeSetgid)
		})},
		attempt{name: "access file", rules: []string{"vnode access"}, do: func(int) error { return unix.Access("/tmp", unix.W_OK) }},
	)
}

// retains writes to a file with a mode that only root's writing leaves: EPERM
// if it is gone.
func retains(name string, mode os.FileMode) error {
	if err := os.Chmod(name, mode|0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte("x"), 0); err != nil {
		return err
	}
	st, err := os.Stat(name)
	if err == nil && st.Mode()&mode == 0 {
		err = unix.EPERM
	}
	return err
}
