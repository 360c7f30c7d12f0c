package conformance

import "testing"

func TestVnode(t *testing.T) { testScope(t, "vnode") }
