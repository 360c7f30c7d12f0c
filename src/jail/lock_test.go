package jail

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLock(t *testing.T) {
	l := Layout{Prefix: t.TempDir()}
	k, err := l.Lock("web", "start")
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Lock("web", "stop")
	want := fmt.Sprintf("process %d works on jail web (start); try again later", os.Getpid())
	if !errors.Is(err, ErrLocked) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	other, err := l.Lock("web2", "stop")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Unlock(), k.Unlock()); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(l.locks()); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// A lock file that goes away between open and flock never lets two in.
func TestLockRace(t *testing.T) {
	l := Layout{Prefix: t.TempDir()}
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				k, err := l.Lock("web", "test")
				if errors.Is(err, ErrLocked) {
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				inside.Add(-1)
				if err := k.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
