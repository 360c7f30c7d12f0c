package conformance

// checkPorts has nothing to say of a machine that is the tests' own.
func checkPorts() error { return nil }
