package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jails/src/jail"
)

// The lock goes from one to the next though each removes its file and the
// directory, and never belongs to two.
func TestLockHandedOn(t *testing.T) {
	l := jail.Layout{Prefix: t.TempDir()}
	const takers, times = 4, 100
	held := make(chan struct{}, 1)
	ended := make(chan error, takers)
	for range takers {
		go func() {
			for range times {
				k, err := lockSupervisor(l, "web", time.Minute)
				if err != nil {
					ended <- err
					return
				}
				select {
				case held <- struct{}{}:
				default:
					ended <- errors.New("two have it")
					return
				}
				<-held
				if err := unlockSupervisor(l, "web", k); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for range takers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// What is in the way is told of, not waited for.
func TestLockInTheWay(t *testing.T) {
	l := jail.Layout{Prefix: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(l.Run("web")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.Run("web"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lockSupervisor(l, "web", 0); err == nil {
		t.Error("a file for a directory")
	}
}
