package conformance

import "testing"

func TestSystem(t *testing.T) { testScope(t, "system") }
