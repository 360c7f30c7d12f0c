package conformance

import "golang.org/x/sys/unix"

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
