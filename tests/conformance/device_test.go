package conformance

import "testing"

// device is a node that every root has.
type device struct {
	name   string
	listed bool // jails may open it
}

func TestDevice(t *testing.T) { testScope(t, "device") }
