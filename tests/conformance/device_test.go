package conformance

import "testing"

func TestDevice(t *testing.T) { testScope(t, "device") }
