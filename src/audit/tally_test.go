package audit

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jails/src/secmodel"
)

// ring is the kernel's memory of one jail's events.
type ring struct {
	seq, number uint64
	kept        []secmodel.Event
}

var moment = time.Unix(1e9, 0)

func (k *ring) deny(action uint32, times int) {
	for range times {
		k.seq++
		k.number++
		now := moment.Add(time.Duration(k.number) * time.Second)
		if n := len(k.kept); n > 0 && k.kept[n-1].Action == action {
			e := &k.kept[n-1]
			e.Seq, e.Number, e.Last = k.seq, k.number, now
			e.Repeats++
			continue
		}
		k.kept = append(k.kept, secmodel.Event{Seq: k.seq, Number: k.number, Repeats: 1, First: now, Last: now, Jail: 7, Scope: "process", Action: action, Command: "x\x1b"})
		if len(k.kept) > 64 {
			k.kept = k.kept[1:]
		}
	}
}

// after is Client.Events.
func (k *ring) after(since uint64) (all []secmodel.Event) {
	for _, e := range k.kept {
		if e.Seq > since {
			all = append(all, e)
		}
	}
	return all
}

// However often it is read and written, and whoever goes on after a kill: each
// denial is counted once, or as lost.
func TestTally(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		trail := newTrail(t)
		k := &ring{seq: 100}
		tally := &Tally{Jail: "web", ID: 7, Created: moment}
		var since uint64
		truth := map[string]uint64{}
		kept := 0 // since it was read last, at most
		maybeLost := false
		read := func() {
			events := k.after(since)
			for _, e := range events {
				since = max(since, e.Seq)
			}
			tally.Add(append(events, secmodel.Event{Jail: 8, Number: 1 << 40, Repeats: 1}))
			kept = 0
		}
		rt.Repeat(map[string]func(*rapid.T){
			"deny": func(rt *rapid.T) {
				action := uint32(rapid.IntRange(0, 3).Draw(rt, "action"))
				times := rapid.IntRange(1, 5).Draw(rt, "times")
				k.deny(action, times)
				truth[fmt.Sprintf("action %d request 0", action)] += uint64(times)
				kept++
				maybeLost = maybeLost || kept > 64
			},
			"flood": func(rt *rapid.T) {
				n := rapid.IntRange(60, 70).Draw(rt, "n")
				for i := range n {
					k.deny(uint32(i%4), 1)
					truth[fmt.Sprintf("action %d request 0", i%4)]++
				}
				kept += n
				maybeLost = maybeLost || kept > 64
			},
			"read": func(*rapid.T) { read() },
			"write": func(rt *rapid.T) {
				if err := tally.Write(trail); err != nil || !tally.Empty() {
					rt.Fatal(err)
				}
			},
			"killed": func(rt *rapid.T) {
				number, err := Recorded(trail.Path, 7, moment)
				if err != nil {
					rt.Fatal(err)
				}
				tally, since = &Tally{Jail: "web", ID: 7, Created: moment, Number: number}, 0
				// What was read and not written must still be there.
				kept = 1000
				maybeLost = maybeLost || len(k.kept) == 64
			},
		})
		read()
		if err := tally.Write(trail); err != nil {
			rt.Fatal(err)
		}
		got := map[string]uint64{}
		var total, lost uint64
		if err := Read(trail.Path, func(r *Record) error {
			if r.Event != Denied || r.Jails[0] != "web" || r.JailID != 7 || r.Program != `x\x1b` || r.First.After(r.Last) {
				return fmt.Errorf("%+v %+v", r, r.Denial)
			}
			got[r.Action] += r.Count
			total += r.Count
			lost += r.Lost
			return nil
		}); err != nil {
			rt.Fatal(err)
		}
		if total+lost != k.number || lost > 0 && !maybeLost {
			rt.Fatalf("%d and %d lost of %d", total, lost, k.number)
		}
		for action, n := range truth {
			if got[action] > n || lost == 0 && got[action] != n {
				rt.Fatalf("%s: %d of %d", action, got[action], n)
			}
		}
	})
}

// What could not be recorded is, later.
func TestTallyAgain(t *testing.T) {
	trail := newTrail(t)
	k := new(ring)
	tally := &Tally{Jail: "web", ID: 7, Created: moment}
	k.deny(1, 3)
	tally.Add(k.after(0))
	if err := os.MkdirAll(trail.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tally.Write(trail); err == nil || tally.Empty() {
		t.Error("written to a directory")
	}
	k.deny(1, 2)
	tally.Add(k.after(0))
	if err := errors.Join(os.Remove(trail.Path), tally.Write(trail), tally.Write(trail)); err != nil {
		t.Fatal(err)
	}
	want(t, all(t, trail), "denied")
	// A jail that was made before the clock was set back.
	ahead := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	k = new(ring)
	k.deny(1, 2)
	tally = &Tally{Jail: "web", ID: 7, Created: ahead}
	tally.Add(k.after(0))
	if err := tally.Write(trail); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		jail  secmodel.ID
		since time.Time
		want  uint64
	}{{7, moment, 5}, {8, moment, 0}, {7, moment.Add(time.Second), 0}, {7, ahead, 2}} {
		if n, err := Recorded(trail.Path, c.jail, c.since); n != c.want || err != nil {
			t.Errorf("%d since %v: %d, %v", c.jail, c.since, n, err)
		}
	}
}
