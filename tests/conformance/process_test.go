package conformance

import "testing"

func TestProcess(t *testing.T) { testScope(t, "process") }
