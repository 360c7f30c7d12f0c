package service

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reload is one Change in words: the names of services, a "!" behind those
// that are to have a new process.
func reload(t *testing.T, g *Graph, want string, specs ...Spec) {
	t.Helper()
	var renew []bool
	for i := range specs {
		name, again := strings.CutSuffix(specs[i].Name, "!")
		specs[i].Name = name
		renew = append(renew, again)
	}
	before := names(g)
	got, err := g.Change(0, pointers(specs), func(i int) bool { return renew[i] })
	if err != nil {
		t.Fatal(err)
	}
	if text := text(g, before, got); text != want {
		t.Fatalf("got %s\nwant %s", text, want)
	}
}

func TestChange(t *testing.T) {
	g := mustNew(t, spec("web", on("db", UntilReady)), spec("db"), spec("old", on("db", UntilReady)), spec("older"))
	run(t, g, []step{
		{0, "start-all", "web:waiting, db:waiting, old:waiting, older:waiting, spawn db, db:starting, spawn older, older:starting"},
		{0, "spawned db 2", "db:ready, spawn web, web:starting, spawn old, old:starting"},
		{0, "spawned older 3", "older:ready"},
		{0, "spawned web 4", "web:ready"},
		{0, "spawned old 5", "old:ready"},
	})
	reload(t, g, "", spec("web", on("db", UntilReady)), spec("db"), spec("old", on("db", UntilReady)), spec("older"))
	slow := spec("web", on("new", UntilReady))
	slow.StopTimeout = second
	reload(t, g, "new:waiting, signal old 5, timeout old 5s, old:stopping, signal older 3, timeout older 5s, older:stopping, spawn new, new:starting",
		spec("new"), slow)
	run(t, g, []step{
		{0, "spawned new 6", "new:ready"},
		{0, "exited older 0", "disarm older, kill older 3, older:down, older:gone"},
		// db ends after old did.
		{0, "exited old 0", "disarm old, kill old 5, old:down, signal db 2, timeout db 5s, db:stopping, old:gone"},
		{0, "restart web", "signal web 4, timeout web 1s, web:stopping"},
		{0, "exited web 0", "disarm web, kill web 4, web:waiting, spawn web, web:starting"},
		{0, "exited db 0", "disarm db, kill db 2, db:down, db:gone"},
	})
	if n := g.Len(); n != 5 || !g.Removed(1) || g.Removed(0) {
		t.Errorf("%d places", n)
	}
	reload(t, g, "again:waiting, spawn again, again:starting", slow, spec("new"), spec("again"))
	if g.Len() != 5 || g.Find("again") != 1 {
		t.Errorf("a free place is not used: %d", g.Find("again"))
	}
	if g.StopAll(0); !g.Stopping() {
		t.Error("it does not stop")
	}
	if _, err := g.Change(0, nil, nil); err == nil || err.Error() != "all services are being stopped" {
		t.Error(err)
	}
}

// What a new process needs happens in every state.
func TestChangeRenews(t *testing.T) {
	once := spec("a")
	once.Restart = Never
	done := once
	done.Oneshot = true
	for _, c := range []struct {
		before Spec
		steps  []step
		want   string
	}{
		{spec("a"), []step{{0, "spawned a 2", "a:ready"}}, "signal a 2, timeout a 5s, a:stopping"},
		{spec("a"), []step{{0, "spawned a 2", "a:ready"}, {0, "stop a", "signal a 2, timeout a 5s, a:stopping"}}, ""},
		{spec("a"), []step{{0, "spawned a 2", "a:ready"}, {0, "exited a 1", "kill a 2, delay a 100ms, a:backoff"}}, "disarm a, a:waiting, spawn a, a:starting"},
		{once, []step{{0, "not-spawned a", "a:failed"}}, "a:waiting, spawn a, a:starting"},
		{done, []step{{0, "spawned a 2", ""}, {0, "exited a 0", "a:completed"}}, "a:waiting, spawn a, a:starting"},
		{once, []step{{0, "not-spawned a", "a:failed"}, {0, "stop a", "a:down"}}, ""},
	} {
		g := mustNew(t, c.before)
		g.StartAll(0)
		run(t, g, c.steps)
		c.before.Name = "a!"
		reload(t, g, c.want, c.before)
	}
	// Its finish command and its time are the old process's.
	finish := spec("a")
	finish.Finish = true
	g := mustNew(t, finish)
	g.StartAll(0)
	run(t, g, []step{{0, "spawned a 2", "a:ready"}})
	other := spec("a!")
	other.StopTimeout, other.Oneshot, other.Restart = second, true, Never
	reload(t, g, "signal a 2, timeout a 5s, a:stopping", other)
	run(t, g, []step{{0, "exited a 0", "disarm a, kill a 2, finish a 2 exited 0, timeout a 5s, a:finishing"}})
	other.Name = "a"
	reload(t, g, "", other)
	run(t, g, []step{
		{0, "finished a 0", "disarm a, a:waiting, spawn a, a:starting"},
		{0, "spawned a 3", ""},
		{0, "exited a 0", "a:completed"},
	})
}

// One that was removed and comes back before it has ended is no other service.
func TestChangeBack(t *testing.T) {
	g := mustNew(t, spec("a"), spec("b", on("a", UntilReady)))
	g.StartAll(0)
	run(t, g, []step{{0, "spawned a 2", "a:ready, spawn b, b:starting"}, {0, "spawned b 3", "b:ready"}})
	reload(t, g, "signal b 3, timeout b 5s, b:stopping")
	reload(t, g, "", spec("a"), spec("b", on("a", UntilReady)))
	run(t, g, []step{
		{0, "exited b 0", "disarm b, kill b 3, b:waiting, spawn b, b:starting"},
		{0, "exited a 0", "kill a 2, delay a 100ms, a:backoff"},
	})
}

func TestChangeRefuses(t *testing.T) {
	g := mustNew(t, spec("a"), spec("b"))
	g.StartAll(0)
	_, err := g.Change(0, pointers([]Spec{spec("a", on("c", 0)), spec("c", on("a", 0))}), func(int) bool { return true })
	var cycle *CycleError
	if !errors.As(err, &cycle) || err.Error() != "services wait for each other: a → c → a" {
		t.Error(err)
	}
	if g.Find("b") != 1 || g.Removed(1) || g.Len() != 2 || g.services[0].after != nil {
		t.Error("something has changed")
	}
}

// change is a reload at any moment: services go, come, and become others. Of
// those that stay the ones in renew have another process from then on.
func (w *world) change(t *rapid.T) {
	var specs []Spec
	places, back := map[string]int{}, map[string]bool{}
	var known []string
	for i, s := range w.specs {
		if s.Name == "" {
			continue
		}
		places[s.Name], back[s.Name] = i, w.g.Removed(i)
		if !back[s.Name] {
			known = append(known, s.Name)
		}
	}
	slices.Sort(known)
	for _, name := range known {
		if rapid.IntRange(0, 4).Draw(t, "goes "+name) > 0 {
			s := w.draw(t, name, specs)
			if old := w.specs[places[name]]; rapid.Bool().Draw(t, "as it is") {
				old.After = s.After
				if w.allowed(old, specs) {
					s = old
				}
			}
			specs = append(specs, s)
		}
	}
	if len(specs) < 6 {
		if name := fmt.Sprint("s", rapid.IntRange(0, 9).Draw(t, "name")); !slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == name }) {
			specs = append(specs, w.draw(t, name, specs))
		}
	}
	// What others wait for may have become what never completes.
	for i := range specs {
		for j, d := range specs[i].After {
			if d.Until == UntilCompleted && !slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == d.Service && (s.Oneshot || s.Restart != Always) }) {
				specs[i].After[j].Until = UntilReady
			}
		}
	}
	renew := make([]bool, len(specs))
	for i, s := range specs {
		if place, ok := places[s.Name]; ok {
			old := w.specs[place]
			renew[i] = s.Oneshot != old.Oneshot || s.Probed != old.Probed || rapid.IntRange(0, 3).Draw(t, "renew") == 0
		}
	}
	actions, err := w.g.Change(w.now, pointers(specs), func(i int) bool { return renew[i] })
	if err != nil {
		t.Fatal(err)
	}
	actions = slices.Clone(actions)
	for len(w.specs) < w.g.Len() {
		w.grow()
	}
	for i, s := range specs {
		place := w.g.Find(s.Name)
		old := w.specs[place]
		w.specs[place] = s
		switch {
		case old.Name != s.Name: // another had this place
			w.ended[place], w.starts[place] = false, nil
			w.ran[place] = s
		case renew[i]:
			w.starts[place] = nil
			if w.alive[place] == 0 && w.g.State(place) != Down {
				w.ended[place] = false
			}
		case w.alive[place] != 0 && !w.stale[place]:
			w.ran[place] = s
		}
		if w.g.State(place) == Finishing && !renew[i] { // what follows is as the new policy has it
			w.ended[place] = w.good[place] && (s.Oneshot || s.Restart != Always)
		}
		if old.Limit != s.Limit || back[s.Name] {
			w.starts[place] = nil
		}
		w.stale[place] = w.stale[place] || renew[i]
	}
	w.do(actions)
}

// forget is for a service that is gone: another of its name is another.
func (w *world) forget(i int) {
	for j := range w.specs {
		w.specs[j].After = slices.DeleteFunc(slices.Clone(w.specs[j].After), func(d Dependency) bool {
			return d.Service == w.specs[i].Name && w.g.Removed(j)
		})
	}
	w.specs[i] = Spec{}
}

func (w *world) allowed(s Spec, before []Spec) bool {
	return !slices.ContainsFunc(s.After, func(d Dependency) bool {
		return !slices.ContainsFunc(before, func(b Spec) bool { return b.Name == d.Service })
	})
}

// letGo sees that all which the definition has no more ends.
func (w *world) letGo(t *rapid.T) {
	for rounds := 0; ; rounds++ {
		left := -1
		for i := range w.specs {
			if w.g.Removed(i) && w.g.State(i) != Gone {
				left = i
			}
		}
		if left < 0 {
			return
		}
		if rounds > 3*len(w.specs) {
			t.Fatalf("%s is removed and does not end: %s", w.specs[left].Name, w.g.State(left))
		}
		w.obey(t)
	}
}
