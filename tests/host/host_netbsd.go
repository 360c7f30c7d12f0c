package host

import "testing"

// asRoot has no other way to be root here.
func asRoot() (status int, done bool) { return 0, false }

// The model is in the kernel.
func buildModel(string, string) error { return nil }

func (h *Host) startModel(testing.TB) {}
