package audit

import (
	"os"
	"strconv"

	"jails/src/account"
)

// logIn gives what is known of a login: only one that is there, for it can not
// be changed.
func logIn(string) string {
	b, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return ""
	}
	n, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil || n == 1<<32-1 {
		return ""
	}
	return account.Name(uint32(n))
}
