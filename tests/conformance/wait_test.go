package conformance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	// Of the jail with an id, or of all, after a number.
	verb("next-events", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		return asJSON(func(c *secmodel.Client) (any, error) {
			return c.NextEvents(context.Background(), secmodel.ID(n[0]), uint64(n[1]))
		})(nil)
	})
	// A thread waits for what comes of all jails, and another goes on.
	verb("begin-waiting", func([]string) (string, error) {
		c, err := secmodel.Open()
		if err != nil {
			return "", err
		}
		all, err := c.Events(0, 0)
		if err != nil {
			return "", err
		}
		go func() {
			got, err := c.NextEvents(context.Background(), 0, all[len(all)-1].Seq)
			waited <- say(fmt.Sprintf("%+v", got), err)
		}()
		time.Sleep(100 * time.Millisecond)
		return "", nil
	})
	verb("waited", func([]string) (string, error) {
		select {
		case y := <-waited:
			return "", fmt.Errorf("it got %+v", y)
		case <-time.After(100 * time.Millisecond):
			return "", nil
		}
	})
}

// waited is what begin-waiting has got.
var waited = make(chan answer, 1)

// follower waits for events, with a client of its own.
type follower struct {
	client *secmodel.Client
	cancel context.CancelFunc
	done   chan error
	events []secmodel.Event // when done
}

func follow(t *testing.T, id secmodel.ID, since uint64) *follower {
	t.Helper()
	c, err := secmodel.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{client: c, cancel: cancel, done: make(chan error, 1)}
	go func() {
		var err error
		f.events, err = c.NextEvents(ctx, id, since)
		f.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		c.Close()
	})
	return f
}

// still says whether it waits still, for a moment.
func (f *follower) still() bool {
	select {
	case err := <-f.done:
		f.done <- err
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

func (f *follower) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(replyTime):
		t.Fatal("it waits still")
		return nil
	}
}

// latest is the number after which a jail has no event yet.
func (j *jail) latest(t *testing.T) (seq uint64) {
	for _, e := range j.events(t, 0) {
		seq = max(seq, e.Seq)
	}
	return seq
}

// TestWaitForEvents: who waits for a jail's events sleeps until there is one,
// and keeps nobody from anything meanwhile.
func TestWaitForEvents(t *testing.T) {
	need(t)
	j, other := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	a, b := j.actor(t, 0), other.actor(t, 0)
	b.do(t, "open-raw")
	ofAll, err := model.Events(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	one, all := follow(t, j.id, j.latest(t)), follow(t, 0, ofAll[len(ofAll)-1].Seq)
	check(t, one.still() && all.still(), "there was something already")
	b.do(t, "open-raw")
	check(t, all.end(t) == nil && len(all.events) == 1 && all.events[0].Jail == other.id && all.events[0].Name() == "socket.open.raw", "of all come %+v", all.events)
	check(t, one.still(), "another jail's event ends it: %+v", one.events)
	a.do(t, "open-raw")
	check(t, one.end(t) == nil && len(one.events) == 1 && one.events[0].Jail == j.id && one.events[0].PID == a.pid, "of one come %+v", one.events)

	// What is there comes at once, and what is repeated is there again.
	again := follow(t, j.id, one.events[0].Seq-1)
	check(t, again.end(t) == nil && len(again.events) == 1, "what there is: %+v", again.events)
	repeated := follow(t, j.id, one.events[0].Seq)
	check(t, repeated.still(), "what there was comes again: %+v", repeated.events)
	a.do(t, "open-raw")
	check(t, repeated.end(t) == nil && len(repeated.events) == 1 && repeated.events[0].Repeats == one.events[0].Repeats+1, "what is repeated: %+v", repeated.events)
}

// TestWaitEnds: by its context, and the client is as good as before; and by the
// jail's death.
func TestWaitEnds(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	f := follow(t, j.id, j.latest(t))
	check(t, f.still(), "there was something already")
	f.cancel()
	check(t, errors.Is(f.end(t), context.Canceled), "the end of its context ends it with something else")
	_, err := f.client.Jails()
	check(t, err == nil, "the client afterwards: %v", err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = f.client.NextEvents(ctx, j.id, j.latest(t))
	check(t, errors.Is(err, context.Canceled), "in a context that is over: %v", err)

	dying, all := follow(t, j.id, j.latest(t)), follow(t, 0, 1<<62)
	check(t, dying.still() && all.still(), "there was something already")
	if err := model.Kill(j.id, int(unix.SIGURG)); err != nil {
		t.Fatal(err)
	}
	check(t, errors.Is(dying.end(t), secmodel.ErrNoJail), "the jail dies: %+v", dying.events)
	check(t, all.still(), "one of all jails dies: %+v", all.events)
	_, err = f.client.NextEvents(context.Background(), j.id, j.latest(t))
	check(t, errors.Is(err, secmodel.ErrNoJail), "of a dying jail: %v", err)
	_, err = f.client.NextEvents(context.Background(), j.id+1000, 0)
	check(t, errors.Is(err, secmodel.ErrNoJail), "of no jail: %v", err)
	a.end()
}

// TestWaitInside: inside one waits for the own jail's, and a kill ends it; users
// of the host may not wait.
func TestWaitInside(t *testing.T) {
	need(t)
	j, other := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	a, b := j.actor(t, 0), other.actor(t, 0)
	a.do(t, "open-raw")
	latest := j.events(t, 0)
	number := latest[len(latest)-1].Number
	in := start(t, part{Jail: j.id, Known: true})
	for _, id := range []secmodel.ID{0, j.id} {
		got := make(chan answer, 1)
		go func() {
			y, err := in.ask("next-events", id.String(), strconv.FormatUint(number, 10))
			if err != nil {
				y.Error = err.Error()
			}
			got <- y
		}()
		b.do(t, "open-raw")
		select {
		case y := <-got:
			check(t, false, "another jail's event is heard inside: %+v", y)
			return
		case <-time.After(100 * time.Millisecond):
		}
		a.do(t, "open-raw")
		all, err := fromJSON[[]secmodel.Event](<-got)
		check(t, err == nil && len(all) == 1 && all[0].Jail == j.id && all[0].Seq == number+1, "of jail %d inside: %+v, %v", id, all, err)
		number++
	}
	y := in.do(t, "next-events", other.id.String(), "0")
	check(t, y.Error != "", "inside one waits for another jail's: %+v", y)
	if uids["user"] != 0 {
		y := start(t, part{UID: user}).do(t, "next-events", "0", "0")
		check(t, y.Error != "", "a user of the host waits: %+v", y)
	}

	// Nothing comes, and nothing of it is left when it is killed.
	got := make(chan error, 1)
	go func() {
		_, err := in.ask("next-events", "0", strconv.FormatUint(number, 10))
		got <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	<-got
	a.end()
	in.end()
	j.wait(t)
}

// TestWaitDoesNotEnter: a thread that waits as the host's root, while another
// of its process enters a jail, hears of no other jail there.
func TestWaitDoesNotEnter(t *testing.T) {
	need(t)
	j, other := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	b := other.actor(t, 0)
	b.do(t, "open-raw")
	in := start(t, part{Jail: j.id, Before: []string{"begin-waiting"}})
	b.do(t, "open-raw")
	y := in.do(t, "waited")
	check(t, y.Error == "", "a thread that waited before the entry: %s", y.Error)
}
