package secmodel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Detail is what an Event's Number means.
type Detail uint32

const (
	NoDetail      Detail = iota
	ProcessDetail        // a process id; Target is its jail
	PortDetail           // of Protocol, 0 for one that the kernel chooses; Target owns it
	DeviceDetail         // a device's number
	SocketDetail         // an address family; Protocol is within it
	CountDetail          // processes that there would be
)

// Event is an operation that the policy denied, or would have. One after the
// other that differ in nothing but the time are one Event.
type Event struct {
	Seq     uint64 // of the latest; it grows with each, of whatever jail
	Number  uint64 // the same within the jail: 1, 2, and so on
	Repeats uint64 // how often; the first had the Number less Repeats, plus 1
	First   time.Time
	Last    time.Time

	Jail    ID
	PID     int
	UID     uint32
	Command string

	Scope   string // in which it is counted
	Rule    *Rule  // nil: it was denied as not known
	Action  uint32 // kauth's numbers, as in Rule
	Request uint32

	// Observed is whether it passed, because the jail is observed.
	Observed bool

	Kind     Detail
	Value    uint64
	Target   ID // a jail, 0 for none, or the host, or to a reader in a jail
	Protocol uint32
}

// Events returns what was denied after the Seq since, or would have been, in
// the order of Seq: of one jail, or of all with the id 0. The kernel keeps
// the latest 64 of each; Jail.Lost counts the others. Inside a jail those are
// the own jail's only, and a Seq is a Number; to users of the host other than
// root there are none.
func (c *Client) Events(id ID, since uint64) ([]Event, error) {
	all, err := c.events(fmt.Sprintf("events.%d.%d.%d", id, since>>32, uint32(since)))
	sortEvents(all)
	return all, err
}

func sortEvents(all []Event) {
	slices.SortFunc(all, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
}

// NextEvents is Events, but if there is none it sleeps until there is one, or
// fails with ctx's error. Of a jail that dies, or does not exist, there will be
// none: ErrNoJail. Users of the host other than root get ErrNotRoot. Events
// often come in numbers: a caller that rests between two calls gets them
// together. The other methods wait meanwhile; a Client of its own is best.
func (c *Client) NextEvents(ctx context.Context, id ID, since uint64) ([]Event, error) {
	rules, err := c.policy()
	if err != nil {
		return nil, err
	}
	node := fmt.Sprintf("events.%d.%d.%d.1", id, since>>32, uint32(since))
	c.mu.Lock()
	defer c.mu.Unlock()
	_, records, err := listBy(func(old []byte) (int, error) {
		for {
			n, err := c.kernel.wait(ctx, node, old)
			if err != syscall.EINTR {
				return n, err
			}
			if err := ctx.Err(); err != nil {
				return n, err
			}
		}
	}, node, sizeEvent)
	if errors.Is(err, syscall.ESRCH) {
		err = &Refused{Command: "wait for events of", Jail: id.String(), Reason: ReasonNoJail, Errno: syscall.ESRCH}
	}
	all := newEvents(records, rules)
	sortEvents(all)
	return all, err
}

// Seen returns, of a jail or of all with the id 0, the latest event of each
// rule that is above the floor, with how often there was one since
// Jail.Since, in the policy's order. None of them is ever lost.
func (c *Client) Seen(id ID) ([]Event, error) {
	return c.events("seen." + id.String())
}

func (c *Client) events(node string) ([]Event, error) {
	_, records, err := c.lists(node, sizeEvent)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	rules, err := c.policy()
	return newEvents(records, rules), err
}

func newEvents(records [][]byte, rules []Rule) []Event {
	all := make([]Event, len(records))
	for i, b := range records {
		var d eventData
		decode(b, &d)
		all[i] = newEvent(&d, rules)
	}
	return all
}

// policy returns the model's rules, read once.
func (c *Client) policy() ([]Rule, error) {
	c.mu.Lock()
	rules := c.rules
	c.mu.Unlock()
	if rules != nil {
		return rules, nil
	}
	rules, err := c.Policy()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = rules
	return rules, nil
}

func newEvent(d *eventData, rules []Rule) Event {
	e := Event{
		Seq: d.seq, Number: d.number, Repeats: d.repeats, First: time.Unix(0, d.first), Last: time.Unix(0, d.last),
		Jail: ID(d.id), PID: int(d.pid), UID: d.uid, Command: d.command,
		Scope: strconv.Itoa(int(d.scope)), Action: d.action, Request: d.request,
		Observed: d.verdict == eventObserved,
		Kind:     Detail(d.kind), Value: d.detail, Target: ID(d.target), Protocol: d.protocol,
	}
	if d.scope < uint32(nScopes) {
		e.Scope = Scopes[d.scope]
	}
	if uint64(d.rule) < uint64(len(rules)) {
		e.Rule = &rules[d.rule]
	}
	return e
}

// Name is the event's rule's.
func (e *Event) Name() string {
	if e.Rule == nil {
		return fmt.Sprintf("action %d request %d", e.Action, e.Request)
	}
	return e.Rule.Name
}
