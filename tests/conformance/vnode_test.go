package conformance

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestVnode(t *testing.T) { testScope(t, "vnode") }

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
		attempt{name: "access file", rules: []string{"vnode access"}, do: func(int) error { return unix.Access("/tmp", unix.W_OK) }},
	)
}
