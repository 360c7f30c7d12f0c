package jailinit

import (
	"math"

	"golang.org/x/sys/unix"
)

// closeFrom closes every descriptor from first on.
func closeFrom(first int) error {
	return unix.CloseRange(uint(first), math.MaxUint32, 0)
}
