package conformance

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// attempts are all that this system knows; the files of the scopes fill it.
var attempts []attempt

// register adds attempts.
func register(a ...attempt) {
	attempts = append(attempts, a...)
}

// disposable says that the machine may be lost: tools/vm sets it.
const disposableVariable = "CONFORMANCE_DISPOSABLE"

// impossible says why the attempt can't be tried here, with the remedy.
func (a *attempt) impossible() string {
	if a.disposable && os.Getenv(disposableVariable) == "" {
		return "a broken model would let it end the machine; set " + disposableVariable + "=1 where that does not matter (make vm-test)"
	}
	return missing[a.device]
}

// missing is why the roots lack a device, with the remedy.
var missing = map[string]string{}

// verbs are what an actor can be asked for.
var verbs = map[string]func(args []string) (string, error){}

// verb adds one.
func verb(name string, do func(args []string) (string, error)) {
	if verbs[name] != nil {
		panic("two verbs " + name)
	}
	verbs[name] = do
}

func init() {
	verb("attempt", func(args []string) (string, error) {
		target := 0
		if len(args) == 2 {
			var err error
			if target, err = strconv.Atoi(args[1]); err != nil {
				return "", err
			}
		}
		for i := range attempts {
			if attempts[i].name == args[0] {
				return "", attempts[i].do(target)
			}
		}
		return "", fmt.Errorf("no attempt %q", args[0])
	})
	verb("pid", func([]string) (string, error) { return strconv.Itoa(os.Getpid()), nil })
}

// errnoName is EPERM and the like.
func errnoName(errno unix.Errno) string {
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(errno))
}
