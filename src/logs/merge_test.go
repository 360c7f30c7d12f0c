package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// several makes log directories, each with the lines at these seconds.
func several(t *testing.T, seconds ...[]int) []string {
	t.Helper()
	var dirs []string
	for _, list := range seconds {
		dir := t.TempDir()
		dirs = append(dirs, dir)
		for _, s := range list {
			write(t, dir, s, fmt.Sprint(s))
		}
	}
	return dirs
}

func write(t *testing.T, dir string, second int, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, currentName), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	l := Line{Time: time.Unix(int64(second), 0), Service: "a", Stream: "out", Full: true, Text: []byte(text)}
	if _, err := f.Write(l.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A line that comes is new, also if the clock was set back meanwhile.
func TestFollowAcrossClocks(t *testing.T) {
	dir := several(t, []int{100, 200})[0]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	err := follow(ctx, dir, Filter{Since: time.Unix(150, 0)}, func(l Line) error {
		if got = append(got, string(l.Text)); len(got) == 3 {
			cancel()
		}
		return nil
	}, func() {
		write(t, dir, 50, "50")
		write(t, dir, 300, "300")
	})
	if err != nil || !slices.Equal(got, []string{"200", "50", "300"}) {
		t.Errorf("%q %v", got, err)
	}
}

func TestTailSeveral(t *testing.T) {
	// In the second the clock was set back: its lines keep their order.
	dirs := append(several(t, []int{1, 3, 3, 8}, []int{2, 5, 4, 6}, nil), filepath.Join(t.TempDir(), "none"))
	for last, want := range map[int][]string{
		-1: {"0:1", "1:2", "0:3", "0:3", "1:5", "1:4", "1:6", "0:8"},
		3:  {"1:4", "1:6", "0:8"},
		0:  nil,
	} {
		var got []string
		err := Tail(dirs, Filter{}, last, func(i int, l Line) error {
			got = append(got, fmt.Sprintf("%d:%s", i, l.Text))
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("last %d: %q %v", last, got, err)
		}
	}
	enough := errors.New("enough")
	if err := Tail(dirs, Filter{}, -1, func(int, Line) error { return enough }); err != enough {
		t.Errorf("%v", err)
	}
	if err := os.Symlink("current", filepath.Join(dirs[2], "current")); err != nil {
		t.Fatal(err)
	}
	if err := Tail(dirs, Filter{}, -1, func(int, Line) error { return nil }); err == nil {
		t.Error("a log that can not be read is no error")
	}
}

func TestFollowSeveral(t *testing.T) {
	dirs := append(several(t, []int{1, 3}, []int{2, 4}), filepath.Join(t.TempDir(), "none"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var got []string
	err := Follow(ctx, dirs, Filter{}, 3, func(i int, l Line) error {
		got = append(got, fmt.Sprintf("%d:%s", i, l.Text))
		switch string(l.Text) {
		case "4": // the newest of those that there were
			write(t, dirs[0], 5, "new")
		case "new":
			write(t, dirs[2], 6, "last") // of a jail that had no log
		case "last":
			cancel()
		}
		return nil
	})
	if want := []string{"1:2", "0:3", "1:4", "0:new", "2:last"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	enough := errors.New("enough")
	if err := Follow(context.Background(), dirs, Filter{}, -1, func(int, Line) error { return enough }); err != enough {
		t.Errorf("%v", err)
	}
	dirs[1] = filepath.Join(dirs[0], currentName)
	if err := Follow(context.Background(), dirs, Filter{}, -1, func(int, Line) error { return nil }); err == nil {
		t.Error("a log that can not be read is no error")
	}
}
