package audit

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"jails/src/account"
)

// claims are what Hearsay holds of the environment.
var claims = [...]string{"SUDO_USER", "DOAS_USER", "SSH_CONNECTION"}

// identify fills in who acts, and from where.
func (a *Act) identify() {
	a.UID = uint32(os.Getuid())
	a.User = account.Name(a.UID)
	a.PID, a.Parent = os.Getpid(), os.Getppid()
	if dir, err := unix.Getwd(); err == nil {
		a.Directory = safe(dir, maxError)
	}
	var tty uint64
	var has bool
	if a.Login, tty, has = session(); has {
		a.TTY = ttyName(tty)
	}
	a.Login = safe(a.Login, maxClaim)
	for _, name := range claims {
		if v := os.Getenv(name); v != "" {
			if a.Hearsay == nil {
				a.Hearsay = map[string]string{}
			}
			a.Hearsay[name] = safe(v, maxClaim)
		}
	}
}

// terminals are the names of terminals on either system, with a number.
var terminals = [...]string{"pts/%d", "tty%d", "ttyE%d", "tty%02d", "ttyS%d", "ttyU%d"}

// ttyName is a terminal's name below /dev, or its number where it has none.
func ttyName(device uint64) string {
	if name := fmt.Sprintf(terminals[0], unix.Minor(device)); isDevice("/dev/"+name, device) {
		return name
	}
	for _, name := range [...]string{"console", "constty"} {
		if isDevice("/dev/"+name, device) {
			return name
		}
	}
	for _, form := range terminals[1:] {
		for n := range 64 {
			if name := fmt.Sprintf(form, n); isDevice("/dev/"+name, device) {
				return name
			}
		}
	}
	return fmt.Sprintf("%d,%d", unix.Major(device), unix.Minor(device))
}

func isDevice(path string, device uint64) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(st.Rdev) == device
}
