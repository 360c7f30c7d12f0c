package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	k, err := Take(path, "start it")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(path, "stop it")
	if held, ok := errors.AsType[*HeldError](err); !ok || *held != (HeldError{os.Getpid(), "start it"}) {
		t.Errorf("taken twice: %v", err)
	}
	if !Held(path) {
		t.Error("nobody holds it")
	}
	if err := k.Unlock(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); Held(path) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("held, or left behind: %v", err)
	}
	if _, err := Take(filepath.Join(path, "no"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// What is in the file may be anything.
func TestHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	for text, want := range map[string]HeldError{
		"": {}, "12 \n": {PID: 12}, "12\n": {PID: 12}, "7 a b\n": {7, "a b"}, "-3 x\n": {}, "x\n": {},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := holder(f); *got != want {
			t.Errorf("%q: %+v, want %+v", text, *got, want)
		}
		f.Close()
	}
}

func TestNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "web")); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(filepath.Join(dir, "web"), ""); err == nil {
		t.Error("a link was followed")
	}
}

func TestWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if err := Wait(t.Context(), path); err != nil {
		t.Errorf("nobody has it: %v", err)
	}
	k, err := Take(path, "")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := Wait(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited for nothing: %v", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- Wait(t.Context(), path) }()
	if err := k.Unlock(); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// What is borrowed is there before and after, a directory too.
func TestBorrow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web")
	if _, err := Borrow(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing is there: %v", err)
	}
	taken, err := Take(path, "start it")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Borrow(path)
	if held, ok := errors.AsType[*HeldError](err); !ok || *held != (HeldError{os.Getpid(), "start it"}) {
		t.Errorf("borrowed from its holder: %v", err)
	}
	k, err := Borrow(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Borrow(dir)
	if held, ok := errors.AsType[*HeldError](err); !ok || *held != (HeldError{}) {
		t.Errorf("borrowed twice: %v", err)
	}
	if err := errors.Join(k.Unlock(), taken.Unlock()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
