package conformance

import "testing"

func TestGeneric(t *testing.T) { testScope(t, "generic") }
