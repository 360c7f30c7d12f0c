package conformance

import "testing"

func TestMachdep(t *testing.T) { testScope(t, "machdep") }
