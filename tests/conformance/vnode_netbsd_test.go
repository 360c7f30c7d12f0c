package conformance

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sysRevoke = 56
	sfArchive = 0x00010000

	sysExtattrGet = 362
	users         = 1 // EXTATTR_NAMESPACE_USER
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
		attempt{name: "extattr set", rules: []string{"vnode writeextattr"}, do: func(int) error {
			value, _ := buffer(1)
			return call(sysExtattrSet, text("/tmp/file"), users, text("conformance"), value, 1)
		}},
		attempt{name: "extattr get", rules: []string{"vnode readextattr"}, do: func(int) error {
			value, _ := buffer(1)
			return call(sysExtattrGet, text("/tmp/file"), users, text("conformance"), value, 1)
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
		// What root may with others' files, and owners not even with theirs.
		attempt{name: "chmod another's file", rules: []string{"vnode writesecurity"}, do: func(int) error { return unix.Chmod("/tmp/file", 0o666) }},
		attempt{name: "chmod sticky", rules: []string{"vnode writesecurity"}, do: inTmp(func(name string) error { return unix.Chmod(name, 0o1600) })},
		attempt{name: "chmod set-group-id of another's group", rules: []string{"vnode chown", "vnode writesecurity"}, do: inTmp(func(name string) error {
			if err := os.Chown(name, -1, 7); err != nil {
				return err
			}
			return unix.Chmod(name, 0o2600)
		})},
		attempt{name: "chgrp set-user-id file", rules: []string{"vnode chown", "vnode retainsuid"}, do: inTmp(func(name string) error {
			if err := unix.Chmod(name, 0o4600); err != nil {
				return err
			}
			return os.Chown(name, -1, os.Getegid())
		})},
		attempt{name: "chflags another's file", rules: []string{"vnode writeflags"}, do: func(int) error { return unix.Chflags("/tmp/file", 0) }},
		attempt{name: "utimes another's file", rules: []string{"vnode writetimes"}, do: func(int) error {
			return unix.Utimes("/tmp/file", []unix.Timeval{{Sec: 1}, {Sec: 1}})
		}},
		attempt{name: "touch another's file", rules: []string{"vnode writetimes"}, do: func(int) error { return unix.Utimes("/tmp/file", nil) }},
		attempt{name: "unlink another's file", rules: []string{"vnode delete"}, do: func(int) error {
			// In a directory where one's own only go: and root's come back.
			if err := unix.Unlink("/tmp/file"); err != nil {
				return err
			}
			return errors.Join(os.WriteFile("/tmp/file", []byte("file\n"), 0o666), os.Chmod("/tmp/file", 0o666))
		}},
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
