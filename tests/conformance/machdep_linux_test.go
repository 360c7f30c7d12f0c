package conformance

import "golang.org/x/sys/unix"

func init() {
	register(
		attempt{name: "iopl", rules: []string{"machdep iopl"}, do: func(int) error { return raw(unix.SYS_IOPL, 4) }}, // no level
		attempt{name: "ioperm", rules: []string{"machdep ioperm.set"}, do: func(int) error {
			return raw(unix.SYS_IOPERM, 1<<20, 1, 1) // no port
		}},
		attempt{name: "modify_ldt read", rules: []string{"machdep ldt.get"}, do: func(int) error {
			b := make([]byte, 16)
			kept = append(kept, b)
			return raw(unix.SYS_MODIFY_LDT, 0, address(b), 16)
		}},
		attempt{name: "modify_ldt write", rules: []string{"machdep ldt.set"}, do: func(int) error {
			return raw(unix.SYS_MODIFY_LDT, 1, 0, 1) // no entry has that size
		}},
	)
}
