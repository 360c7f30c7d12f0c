// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"jails/src/secmodel"
	"jails/tests/matrix"
)

// The whole matrix: each rule of the table that the model exports, asked of
// the model itself by everyone, about everything, with every level and word,
// observed or not. What is right, tests/matrix says.

// exported is the model's table and its words, by name and bit.
func exported(t testing.TB, root Proc) (rules []secmodel.Rule, bits map[string]uint64) {
	t.Helper()
	bits = map[string]uint64{}
	names := map[uint32]string{}
	records(t, root, "words", func(b []byte) {
		name := text(b[4:32])
		bit := binary.NativeEndian.Uint32(b)
		names[bit], bits[name] = name, 1<<bit
	})
	records(t, root, "policy", func(b []byte) {
		number := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
		r := secmodel.Rule{Scope: secmodel.Scopes[number(0)], Action: number(4), Request: number(8), Word: names[uint32(b[15])], Name: text(b[16:48]), What: text(b[48:112])}
		for level := range r.Verdict {
			r.Verdict[level] = secmodel.Verdict(b[12+level])
		}
		rules = append(rules, r)
	})
	return rules, bits
}

func text(b []byte) string { return string(b[:strings.IndexByte(string(b), 0)]) }

// TestTable: the model's table is what tests/matrix wants, and each line is
// about the action and the request that its name says.
func TestTable(t *testing.T) {
	rules, _ := exported(t, host(t, 0))
	for _, wrong := range matrix.Compare(rules) {
		t.Error(wrong)
	}
	header, err := os.ReadFile("../include/sys/kauth.h")
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := matrix.Header(string(header))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		for _, row := range matrix.Scopes[r.Scope] {
			if row.Name != r.Name {
				continue
			}
			if n, ok := numbers[row.ActionName(r.Scope)]; !ok || n != r.Action {
				t.Errorf("%s %s is about action %d, want %s, %d", r.Scope, r.Name, r.Action, row.ActionName(r.Scope), n)
			}
			switch name := row.RequestName(r.Scope); {
			case name != "":
				if n, ok := numbers[name]; !ok || n != r.Request {
					t.Errorf("%s %s is about request %d, want %s, %d", r.Scope, r.Name, r.Request, name, n)
				}
			case row.Request == "" && r.Request != 0, row.Request != "" && r.Request < secmodel.RequestCase:
				t.Errorf("%s %s is about request %d", r.Scope, r.Name, r.Request)
			}
		}
	}
}

// party is who asks, or is asked about.
type party struct {
	name string
	p    Proc
	jail uint32 // 0: the host
	root bool
	init bool
}

// mill is the jails and processes that ask each other.
type mill struct {
	t                    *testing.T
	root                 Proc
	rules                []secmodel.Rule
	bits                 map[string]uint64
	subject, other, gone uint32 // jails: the one that is changed, one at high, and a dying one
	config               map[uint32]secmodel.Config
	all                  []*party
	sockets              map[uint32]Socket // of each jail
	cases, wrong         int
}

// Ports of the jails.
var (
	subjectPorts = []Port{{6, 8000, 8000, 0}, {17, 8001, 8001, 0}, {0, 8002, 8002, 0}, {6, 80, 80, 0}}
	otherPorts   = []Port{{6, 9000, 9000, 0}, {17, 9001, 9001, 0}, {0, 9002, 9002, 0}, {6, 90, 90, 0}}
)

func newMill(t *testing.T) *mill {
	t.Helper()
	root := host(t, 0)
	m := &mill{t: t, root: root, sockets: map[uint32]Socket{}, config: map[uint32]secmodel.Config{}}
	m.rules, m.bits = exported(t, root)
	m.subject = jail(t, root, "subject", 0, subjectPorts...)
	m.other = jail(t, root, "other", 2, otherPorts...)
	m.gone = jail(t, root, "gone", 0)
	m.config[m.other] = secmodel.Config{Level: secmodel.High}
	add := func(name string, p Proc, jail uint32, init bool) {
		m.all = append(m.all, &party{name: name, p: p, jail: jail, root: !strings.HasSuffix(name, "user"), init: init})
		limits(p)
		if _, ok := m.sockets[jail]; !ok {
			so := p.NewSocket(2, 1, 6)
			m.sockets[jail] = so
			t.Cleanup(so.Free)
		}
	}
	add("host root", host(t, 0), 0, false)
	add("host user", host(t, 1000), 0, false)
	for _, j := range []struct {
		name string
		id   uint32
	}{{"jail", m.subject}, {"other jail", m.other}, {"dying jail", m.gone}} {
		first := member(t, j.id, EnterInit)
		add(j.name+"'s init", first, j.id, true)
		for _, who := range []string{"root", "user"} {
			p := first.Fork(100 + int(lastPID.Add(1)))
			p.Executed()
			t.Cleanup(func() { end(p) })
			if who == "user" {
				p.SetIDs(IDs{UID: [3]uint32{1000, 1000, 1000}, GID: [3]uint32{1000, 1000, 1000}})
			}
			add(j.name+"'s "+who, p, j.id, false)
		}
	}
	if y, err := root.Command(&Request{Command: CommandKill, ID: m.gone, Signal: 16}, nil); err != nil {
		t.Fatalf("kill: %v, reason %d", err, y.Reason)
	}
	Signals()
	return m
}

// limits gives a process limits that can be raised.
func limits(p Proc) {
	var soft, hard [NLimits]uint64
	for i := range soft {
		soft[i], hard[i] = 1000, 1000
	}
	p.SetLimits(&soft, &hard)
}

// set changes the subject while its processes live.
func (m *mill) set(c secmodel.Config) {
	m.t.Helper()
	q := Request{ID: m.subject, Mask: SetLevel | SetAllow | SetDeny | SetStrict | SetObserve, Config: Config{Level: uint32(c.Level)}}
	for _, w := range c.Allow {
		q.Config.Allow |= m.bits[w]
	}
	for _, w := range c.Deny {
		q.Config.Deny |= m.bits[w]
	}
	if c.Strict {
		q.Config.Flags |= Strict
	}
	if c.Observe {
		q.Config.Flags |= Observe
	}
	set(m.t, m.root, q)
	m.config[m.subject] = c
}

// configs are every level: plain, with all words, and with each alone; and
// each of that observed, too.
func (m *mill) configs() (all []secmodel.Config) {
	var words []string
	for w := range m.bits {
		words = append(words, w)
	}
	for _, level := range []secmodel.Level{secmodel.Low, secmodel.Medium, secmodel.High} {
		for _, observe := range []bool{false, true} {
			c := secmodel.Config{Level: level, Observe: observe}
			all = append(all, c)
			for _, some := range append([][]string{words}, apiece(words)...) {
				c.Allow, c.Deny = some, nil
				all = append(all, c)
				c.Allow, c.Deny = nil, some
				all = append(all, c)
			}
		}
	}
	return all
}

func apiece(words []string) (all [][]string) {
	for _, w := range words {
		all = append(all, []string{w})
	}
	return all
}

// situation is that of who asks.
func (m *mill) situation(who *party) matrix.Situation {
	return matrix.Situation{Host: who.jail == 0, Root: who.root, Dying: who.jail == m.gone, Config: m.config[who.jail]}
}

// relation is where something of a jail is for who asks.
func (m *mill) relation(who *party, jail uint32) matrix.Relation {
	switch jail {
	case who.jail:
		return matrix.Own
	case 0:
		return matrix.Hosts
	case m.gone:
		return matrix.Dying
	}
	return matrix.Other
}

// question is what a rule is asked with, and what it is about.
type question struct {
	ask   func(who *party) error
	about func(who *party, s *matrix.Situation) // or nil
	what  string
}

// questions are those about a rule: for each process, socket or device that
// the answer may depend on.
func (m *mill) questions(r secmodel.Rule) (all []question) {
	action, request := uint64(r.Action), uint64(r.Request)
	if strings.HasSuffix(r.Name, ".other") {
		request = 47 // which nothing has
	}
	switch r.Scope {
	case "process":
		for _, t := range m.all {
			if r.Name == "fork" || r.Name == "setid" {
				break // of oneself only
			}
			all = append(all, question{
				ask: func(who *party) error { return process(r, request, who.p, t.p) },
				about: func(who *party, s *matrix.Situation) {
					s.Relation, s.Self, s.Init = m.relation(who, t.jail), who == t, t.init
				},
				what: " at the " + t.name,
			})
		}
		return append(all, question{
			ask:   func(who *party) error { return process(r, request, who.p, who.p) },
			about: func(_ *party, s *matrix.Situation) { s.Relation, s.Self = matrix.Own, true },
			what:  " at itself",
		})
	case "network":
		if r.Name != "socket.cansee" && r.Name != "socket.drop" {
			return []question{{ask: func(who *party) error { return network(r, request, who.p) }}}
		}
		for jail, so := range m.sockets {
			all = append(all, question{
				ask:   func(who *party) error { return who.p.SocketAsk(request, so) },
				about: func(who *party, s *matrix.Situation) { s.Relation = m.relation(who, jail) },
				what:  fmt.Sprintf(" at a socket of %d", jail),
			})
		}
		return all
	case "device":
		if !strings.HasPrefix(r.Name, "rawio.spec") {
			return []question{{ask: func(who *party) error { return device(r, request, who.p) }}}
		}
		for _, d := range []struct {
			name   string
			block  bool
			number uint64
			listed bool
		}{{"null", false, 1<<8 | 3, true}, {"random", false, 1<<8 | 8, true}, {"mem", false, 1<<8 | 1, false}, {"disk", true, 8 << 8, false}, {"block null", true, 1<<8 | 3, false}} {
			all = append(all, question{
				ask:   func(who *party) error { return who.p.Spec(request, d.block, d.number) },
				about: func(_ *party, s *matrix.Situation) { s.Listed = d.listed },
				what:  " of " + d.name,
			})
		}
		return all
	}
	return []question{{ask: func(who *party) error {
		switch r.Scope {
		case "generic":
			return who.p.Generic(action)
		case "system":
			return who.p.System(action, request, 0, 0)
		case "machdep":
			return who.p.Machdep(action)
		}
		return who.p.Vnode(1<<action, syscall.S_IFREG, 0, 0)
	}}}
}

func process(r secmodel.Rule, request uint64, p, t Proc) error {
	action := uint64(r.Action)
	switch action {
	case ProcessCansee:
		return p.CanSee(t, request)
	case ProcessFork:
		return p.MayFork()
	case ProcessKeventFilter:
		return p.Kevent(t)
	case ProcessNice:
		if r.Name == "nice.raise" {
			return p.Nice(t, 10)
		}
		return p.Nice(t, 30)
	case ProcessProcfs:
		return p.Procfs(t, request)
	case ProcessRlimit:
		if r.Name == "rlimit.raise" {
			return p.Rlimit(t, ReqProcessRlimitSet, 8, 1000, 1001)
		}
		return p.Rlimit(t, request, 8, 1000, 1000)
	case ProcessSchedulerGetaffinity, ProcessSchedulerSetaffinity, ProcessSchedulerGetparam, ProcessSchedulerSetparam:
		return p.Sched(t, action, 0, 0)
	case ProcessSetid:
		return p.SetID()
	case ProcessSignal:
		return p.Signal(t, 15)
	}
	return p.Process(t, action, request)
}

func network(r secmodel.Rule, request uint64, p Proc) error {
	switch r.Name {
	case "route.change":
		return p.Route(1)
	case "route.get":
		return p.Route(4)
	case "socket.open":
		return p.SocketOpen(2, 1, 0)
	case "socket.open.raw":
		return p.SocketOpen(24, 3, 58)
	case "socket.open.route":
		return p.SocketOpen(34, 3, 0)
	case "socket.open.key":
		return p.SocketOpen(29, 3, 2)
	case "socket.open.family":
		return p.SocketOpen(31, 1, 3)
	}
	return p.Network(uint64(r.Action), request, 0, 0, 0)
}

func device(r secmodel.Rule, request uint64, p Proc) error {
	if r.Name == "tty.line" {
		return p.TTYLine()
	}
	switch uint64(r.Action) {
	case DeviceTtyOpen, DeviceTtyPrivset, DeviceTtySti, DeviceTtyVirtual:
		return p.TTY(uint64(r.Action))
	case DeviceRawioPassthru:
		return p.Passthru(1<<8|3, 1)
	}
	return p.Device(uint64(r.Action), request)
}

// judge compares the model's answer to a question, which was asked last.
func (m *mill) judge(who *party, what string, err error, denied bool) {
	m.cases++
	want := Defer
	if denied {
		want = Deny
	}
	got := LastAnswer()
	if got == want && (got != Deny || err != nil) {
		return
	}
	if m.wrong++; m.wrong <= 20 {
		m.t.Errorf("%+v: the %s: %s: the model answers %v (%v), want %v", m.config[who.jail], who.name, what, got, err, want)
	}
}

// TestMatrix asks everything.
func TestMatrix(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := newMill(t)
	byScope := map[string]int{}
	for i, s := range secmodel.Scopes {
		byScope[s] = i
	}
	type asked struct {
		rule      secmodel.Rule
		questions []question
	}
	var all []asked
	for _, r := range m.rules {
		if strings.HasPrefix(r.Name, "bind.") && r.Name != "bind.other" && r.Name != "bind.anyaddr" {
			continue // TestMatrixOfPorts
		}
		all = append(all, asked{r, m.questions(r)})
	}
	configs := m.configs()
	for _, c := range configs {
		m.set(c)
		for _, who := range m.all {
			var denials, observed [9]uint64
			var before record
			if who.jail != 0 {
				before = counters(t, m.root, who.jail)
			}
			base := m.situation(who)
			for _, a := range all {
				for _, q := range a.questions {
					s := base
					if q.about != nil {
						q.about(who, &s)
					}
					err := q.ask(who)
					denied := s.Denies(a.rule)
					passes := denied && s.Observed(a.rule)
					m.judge(who, a.rule.Scope+" "+a.rule.Name+q.what, err, denied && !passes)
					switch {
					case !matrix.Counts(a.rule) || !denied:
					case passes:
						observed[byScope[a.rule.Scope]]++
					default:
						denials[byScope[a.rule.Scope]]++
					}
				}
			}
			if who.jail == 0 || base.Dying {
				continue
			}
			after := counters(t, m.root, who.jail)
			for i, name := range secmodel.Scopes {
				if d, o := after.Denials[i]-before.Denials[i], after.Observed[i]-before.Observed[i]; d != denials[i] || o != observed[i] {
					if m.wrong++; m.wrong <= 20 {
						t.Errorf("%+v: the %s: %s: %d denials and %d observed are counted, want %d and %d", c, who.name, name, d, o, denials[i], observed[i])
					}
				}
			}
		}
		if m.wrong > 20 {
			t.Fatalf("and more, of %d cases", m.cases)
		}
	}
	t.Logf("%d cases: %d rules, %d configurations, %d who ask", m.cases, len(all), len(configs), len(m.all))
}

// TestMatrixOfNumbers: what no line is about, its action's line for all other
// requests decides, and if there is none, it is denied.
func TestMatrixOfNumbers(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := newMill(t)
	var words []string
	for w := range m.bits {
		words = append(words, w)
	}
	m.set(secmodel.Config{Level: secmodel.Low, Allow: words})
	type key struct {
		scope           string
		action, request uint32
	}
	rules := map[key]secmodel.Rule{}
	for _, r := range m.rules {
		rules[key{r.Scope, r.Action, r.Request}] = r
	}
	const last = 100
	for _, scope := range []string{"generic", "system", "process", "network", "machdep", "device"} {
		for action := uint64(1); action < last; action++ {
			for _, high := range []uint64{0, 1 << 32} {
				for request := range uint64(last) {
					action := action | high
					if secmodel.RequestCase <= request && request < 64 {
						continue // the model's own cases
					}
					r, ok := rules[key{scope, uint32(action), uint32(request)}]
					if !ok {
						r, ok = rules[key{scope, uint32(action), 0}]
					}
					if high != 0 {
						ok = false
					}
					for _, who := range m.all {
						m.number(who, scope, action, request, r, ok)
					}
				}
			}
		}
	}
	for bits := uint64(1); bits != 0; bits <<= 1 {
		for _, who := range m.all {
			for _, more := range []uint64{0, VnodeRevoke, VnodeWriteSysflags, 1 << 2, 1 << 29} {
				denied := false
				for bit := range uint32(64) {
					if (bits|more)&(1<<bit) != 0 {
						r, ok := rules[key{"vnode", bit, 0}]
						denied = denied || m.denies(who, r, ok, matrix.None)
					}
				}
				err := who.p.Vnode(bits|more, syscall.S_IFREG, 0, 0)
				m.judge(who, fmt.Sprintf("vnode %#x", bits|more), err, denied)
			}
		}
	}
	if m.wrong > 20 {
		t.Errorf("and more: %d of %d", m.wrong, m.cases)
	}
	t.Logf("%d cases", m.cases)
}

// denies says so of a rule, or of what has none.
func (m *mill) denies(who *party, r secmodel.Rule, known bool, rel matrix.Relation) bool {
	s := m.situation(who)
	s.Relation = rel
	if !known {
		return !s.Host || rel != matrix.None && rel != matrix.Own && !s.Root
	}
	return s.Denies(r)
}

// number asks by an action's and a request's number.
func (m *mill) number(who *party, scope string, action, request uint64, r secmodel.Rule, known bool) {
	what := fmt.Sprintf("%s action %d, request %d", scope, action, request)
	var err error
	rel := matrix.None
	switch scope {
	case "generic":
		err = who.p.Generic(action)
	case "system":
		err = who.p.System(action, request, 0, 0)
	case "machdep":
		err = who.p.Machdep(action)
	case "device":
		if action == DeviceRawioSpec {
			return // asked about a device
		}
		if action == DeviceTtyOpen {
			err = who.p.TTY(action)
		} else {
			err = who.p.Device(action, request)
		}
	case "network":
		switch {
		case action == NetworkRoute:
			return
		case action == NetworkBind && (request == ReqNetworkBindPort || request == ReqNetworkBindPrivport),
			action == NetworkSocket && (request == ReqNetworkSocketCansee || request == ReqNetworkSocketDrop || request == ReqNetworkSocketOpen):
			return // asked about a socket
		}
		err = who.p.Network(action, request, 0, 0, 0)
	case "process":
		// In the jail, of the same, and on the host, of the jail: there the
		// model has something to say.
		switch action {
		case ProcessNice, ProcessRlimit, ProcessSchedulerSetparam, ProcessSchedulerGetparam, ProcessFork, ProcessProcfs:
			return // asked with something else
		}
		t := m.fellow()
		rel = m.relation(who, t.jail)
		err = who.p.Process(t.p, action, request)
	}
	m.judge(who, what, err, m.denies(who, r, known, rel))
}

// fellow is root in the subject.
func (m *mill) fellow() *party {
	for _, p := range m.all {
		if p.jail == m.subject && p.root && !p.init {
			return p
		}
	}
	return nil
}

// TestMatrixOfPorts: who may bind what, and have chosen.
func TestMatrixOfPorts(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := newMill(t)
	rules := map[string]secmodel.Rule{}
	for _, r := range m.rules {
		rules[r.Scope+" "+r.Name] = r
	}
	byScope := map[string]int{}
	for i, s := range secmodel.Scopes {
		byScope[s] = i
	}
	owner := func(protocol int, port uint16) uint32 {
		for id, all := range map[uint32][]Port{m.subject: subjectPorts, m.other: otherPorts} {
			for _, p := range all {
				if p.First <= port && port <= p.Last && (p.Protocol == 0 || int(p.Protocol) == protocol) {
					return id
				}
			}
		}
		return 0
	}
	for _, level := range []secmodel.Level{secmodel.Low, secmodel.Medium, secmodel.High} {
		for bits := range 1 << 6 {
			c := secmodel.Config{Level: level, Strict: bits&1 != 0, Observe: bits&2 != 0}
			for i, w := range []string{"low-port", "auto-port"} {
				if bits>>(2+i)&1 != 0 {
					c.Allow = append(c.Allow, w)
				} else if bits>>(4+i)&1 != 0 {
					c.Deny = append(c.Deny, w)
				}
			}
			m.set(c)
			for _, who := range m.all {
				for _, family := range []int{2, 24} {
					for _, protocol := range []int{6, 17, 132} {
						for _, port := range []uint16{0, 8000, 8001, 8002, 80, 9000, 9001, 9002, 90, 7000, 70, 1023, 1024, 65535} {
							s := m.situation(who)
							b := matrix.Berth{Auto: port == 0, Low: port != 0 && port < 1024}
							if id := owner(protocol, port); id == who.jail && id != 0 {
								b.Owner = matrix.Own
							} else if id != 0 {
								b.Owner = matrix.Other
							}
							rule, scope, observed := s.Bind(rules, b)
							// A new socket chooses nothing yet.
							_ = who.p.SocketOpen(family, 1, protocol)
							so := who.p.NewSocket(family, 1, protocol)
							var before, after record
							if who.jail != 0 {
								before = counters(t, m.root, who.jail)
							}
							err := who.p.Bind(so, port)
							what := fmt.Sprintf("family %d, protocol %d, port %d of %q", family, protocol, port, b.Owner)
							m.judge(who, what, err, rule != "" && !observed)
							so.Free()
							if who.jail == 0 {
								continue
							}
							after = counters(t, m.root, who.jail)
							var denials, seen [9]uint64
							switch {
							case rule == "":
							case observed:
								seen[byScope[scope]] = 1
							default:
								denials[byScope[scope]] = 1
							}
							for i, name := range secmodel.Scopes {
								if d, o := after.Denials[i]-before.Denials[i], after.Observed[i]-before.Observed[i]; d != denials[i] || o != seen[i] {
									t.Errorf("%+v: the %s: %s: %s: %d denials and %d observed, want %d and %d", c, who.name, what, name, d, o, denials[i], seen[i])
								}
							}
						}
					}
				}
			}
			if m.wrong > 20 || t.Failed() {
				t.Fatalf("%d wrong of %d", m.wrong, m.cases)
			}
		}
	}
	t.Logf("%d cases", m.cases)
}
