package logs

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"sync"
	"time"
)

// placed is a line of one of several directories.
type placed struct {
	place int
	line  Line
}

// Tail is Read of several jails' directories: their lines in the order of time,
// each with its directory's place in dirs; the last ones only, or all if last
// is below 0. Each jail's own lines keep their order, also where the clock was
// set back. A directory that is not there has no lines.
func Tail(dirs []string, filter Filter, last int, f func(place int, l Line) error) error {
	heads := make([]head, len(dirs))
	for i, dir := range dirs {
		next, stop := iter.Pull2(lines(dir, filter))
		defer stop()
		heads[i].next = next
	}
	return mergeLast(heads, last, f)
}

// Follow is Tail, but goes on with the lines to come, in the order in which
// they come, until ctx ends; then it gives nil.
func Follow(ctx context.Context, dirs []string, filter Filter, last int, f func(place int, l Line) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var followers sync.WaitGroup
	defer followers.Wait()
	defer cancel()
	live := make(chan placed)
	failed := make(chan error, len(dirs))
	heads := make([]head, len(dirs))
	for i, dir := range dirs {
		before := make(chan Line) // lines that were there, until it is closed
		heads[i].next = func() (Line, error, bool) {
			select {
			case l, ok := <-before:
				return l, nil, ok
			case err := <-failed:
				return Line{}, err, false
			case <-ctx.Done():
				return Line{}, nil, false
			}
		}
		caught := false
		followers.Go(func() {
			err := follow(ctx, dir, filter, func(l Line) error {
				if caught {
					return send(ctx, live, placed{i, l})
				}
				return send(ctx, before, l)
			}, func() {
				caught = true
				close(before)
			})
			if err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	if err := mergeLast(heads, last, f); err != nil {
		return err
	}
	for {
		select {
		case p := <-live:
			if err := f(p.place, p.line); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func mergeLast(heads []head, last int, f func(place int, l Line) error) error {
	return lastOf(last, func(f func(placed) error) error { return merge(heads, f) },
		func(p placed) error { return f(p.place, p.line) })
}

// head is the next line of one directory.
type head struct {
	line Line
	time time.Time // a line that is not ours has that of the one before
	next func() (Line, error, bool)
	over bool
}

func (h *head) advance() error {
	line, err, ok := h.next()
	h.line, h.over = line, !ok
	if line.Time.After(h.time) {
		h.time = line.Time
	}
	return err
}

func merge(heads []head, f func(placed) error) error {
	for i := range heads {
		if err := heads[i].advance(); err != nil {
			return err
		}
	}
	for {
		first := -1
		for i := range heads {
			if !heads[i].over && (first < 0 || heads[i].time.Before(heads[first].time)) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		if err := f(placed{first, heads[first].line}); err != nil {
			return err
		}
		if err := heads[first].advance(); err != nil {
			return err
		}
	}
}

// lastOf calls f with the last of what read gives, all of it if last is below
// 0.
func lastOf[T any](last int, read func(func(T) error) error, f func(T) error) error {
	if last < 0 {
		return read(f)
	}
	var ring []T
	next := 0 // the oldest, once it is full
	if err := read(func(v T) error {
		switch {
		case last == 0:
		case len(ring) < last:
			ring = append(ring, v)
		default:
			ring[next] = v
			next = (next + 1) % last
		}
		return nil
	}); err != nil {
		return err
	}
	for i := range ring {
		if err := f(ring[(next+i)%len(ring)]); err != nil {
			return err
		}
	}
	return nil
}

var errEnough = errors.New("no more lines are wanted")

// lines is Read as a sequence, which an error ends.
func lines(dir string, filter Filter) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		err := Read(dir, filter, func(l Line) error {
			if !yield(l, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough && !errors.Is(err, fs.ErrNotExist) {
			yield(Line{}, err)
		}
	}
}
