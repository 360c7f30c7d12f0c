package audit

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"jails/src/secmodel"
)

// Tally sums up what one of the kernel's jails was denied. Number says how far:
// events that are not later are passed over.
type Tally struct {
	Jail    string // its name
	ID      secmodel.ID
	Created time.Time // secmodel.Jail's
	Number  uint64

	sums map[kind]*Denial // at most as many as the policy has rules
	lost uint64
}

type kind struct {
	scope, action string
	observed      bool
}

// Add takes events of the jail, in the order of Seq.
func (t *Tally) Add(events []secmodel.Event) {
	for i := range events {
		e := &events[i]
		if e.Jail != t.ID || e.Number <= t.Number {
			continue
		}
		if t.sums == nil {
			t.sums = map[kind]*Denial{}
		}
		k := kind{e.Scope, e.Name(), e.Observed}
		d := t.sums[k]
		if d == nil {
			d = &Denial{JailID: uint32(t.ID), Created: t.Created.UTC(), Result: "refused", Scope: k.scope, Action: k.action, First: e.Last.UTC()}
			if e.Observed {
				d.Result = "observed"
			}
			t.sums[k] = d
		}
		if before := e.Number - e.Repeats; before >= t.Number {
			t.lost += before - t.Number
			d.Count += e.Repeats
			if e.First.Before(d.First) {
				d.First = e.First.UTC()
			}
		} else { // some of it is counted already
			d.Count += e.Number - t.Number
		}
		d.Last, d.Program, d.Process, d.User = e.Last.UTC(), safe(e.Command, maxClaim), e.PID, e.UID
		t.Number = e.Number
	}
}

// Empty says whether there is nothing to record.
func (t *Tally) Empty() bool { return len(t.sums) == 0 }

// Write records the sums, and begins anew. After an error they are kept, to be
// recorded another time.
func (t *Tally) Write(trail Trail) error {
	if t.Empty() {
		return nil
	}
	var records []*Record
	for _, k := range slices.SortedFunc(maps.Keys(t.sums), func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.action, b.action), t.sums[a].Last.Compare(t.sums[b].Last))
	}) {
		d := *t.sums[k]
		d.Number = t.Number
		records = append(records, &Record{Event: Denied, Jails: []string{t.Jail}, Denial: &d})
	}
	records[0].Lost = t.lost
	err := trail.Write(records...)
	if err == nil {
		t.sums, t.lost = nil, 0
	}
	return err
}

// Recorded is the number of the latest of a jail's denials that the trail at
// path has, 0 for none. created is when the kernel's jail was made, as it says
// itself: its id may have been another's before the system started, and clocks
// are set.
func Recorded(path string, jail secmodel.ID, created time.Time) (number uint64, err error) {
	files, err := openAll(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closeAll(files)
	mark := []byte(`"jail_id":` + strconv.FormatUint(uint64(jail), 10) + ",")
	for _, f := range slices.Backward(files) {
		f.wanted = func(line []byte) bool { return bytes.Contains(line, mark) }
		err := f.read(func(r *Record) error {
			if r.Event == Denied && r.JailID == uint32(jail) && r.Created.Equal(created) {
				number = max(number, r.Number)
			}
			return nil
		})
		if err != nil || number > 0 { // older files have lower ones
			return number, err
		}
	}
	return 0, nil
}
