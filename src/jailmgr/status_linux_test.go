package jailmgr_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Jails that do not answer are waited for at the same time, and stand in the
// order of their names.
func TestManySilent(t *testing.T) {
	s := newSite(t)
	const jails = 12
	for i := range jails {
		name := fmt.Sprintf("j%02d", i)
		s.define(name, "")
		dir := filepath.Join(s.Dir, "var/run/jails", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, socket := range []string{"supervisor.sock", "control.sock"} {
			l, err := net.Listen("unix", filepath.Join(dir, socket))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		defer os.RemoveAll(dir)
	}
	begun := time.Now()
	out, err := s.Try("jailmgr", "status", "--json")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// One after the other it would be 12 times 2 s at the least.
	if took := time.Since(begun); took > 12*time.Second {
		t.Errorf("it took %v", took)
	}
	var all []struct{ Name, State, Reason string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != jails {
		t.Fatalf("%+v", all)
	}
	for i, j := range all {
		if j.Name != fmt.Sprintf("j%02d", i) || j.State != "failed" || j.Reason == "" {
			t.Errorf("%+v", j)
		}
	}
}
