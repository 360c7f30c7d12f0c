package root

import "golang.org/x/sys/unix"

// loosen: who may set such attributes here may do worse things.
func loosen(string, *unix.Stat_t) (bool, error) { return false, nil }
