package conformance

import "testing"

func TestNetwork(t *testing.T) { testScope(t, "network") }
