package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUndoOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "web")
	j, err := Begin(path, "start")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(path, "start"); !errors.Is(err, os.ErrExist) {
		t.Errorf("two journals of one jail: %v", err)
	}
	want := []Step{{"mount", []string{"/a b", "c\"\n"}}, {"kernel", nil}, {"tree", []string{""}}}
	for i, s := range want {
		if err := j.Record(i == 0, s.Kind, s.Args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Finish(); err != nil {
		t.Fatal(err)
	}

	left, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if left.Verb != "start" || !left.Done {
		t.Errorf("%+v", left)
	}
	if d := cmp.Diff(want, left.Steps); d != "" {
		t.Error(d)
	}
	// Undo that fails in the middle can be taken up again.
	var undone []string
	failing := errors.New("failing")
	if err := left.Undo(func(s Step) error {
		if s.Kind == "mount" {
			return failing
		}
		undone = append(undone, s.Kind)
		return nil
	}); !errors.Is(err, failing) {
		t.Error(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Undo(func(s Step) error { undone = append(undone, s.Kind); return nil }); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"tree", "kernel", "tree", "kernel", "mount"}, undone); d != "" {
		t.Error(d)
	}
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestOpenDamaged(t *testing.T) {
	for _, tt := range []struct {
		text  string
		steps int
		bad   bool
	}{
		{"", 0, false},
		{"start", 0, false},
		{"start\nmount \"/a\"\nmount \"/b", 1, false},
		{"start\nmount \"/a\"\nmount \"/b\"", 1, false}, // recorded, but not to its end: not done
		{"start\nmount /a\n", 0, true},
		{"start\n\x00\x00\n\n", 0, true},
	} {
		path := filepath.Join(t.TempDir(), "web")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(path)
		if (err != nil) != tt.bad {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if err != nil {
			continue
		}
		if len(j.Steps) != tt.steps || j.Done {
			t.Errorf("%q: %+v", tt.text, j)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}
