// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"pgregory.net/rapid"
)

// An oracle says what the model must answer and what its lists must show, and
// knows nothing of how the model does it.
type oracle struct {
	*rapid.T
	root       Proc
	rules      map[string]rule
	jails      []*oracleJail // by id
	procs      []*oracleProc
	bound      []oracleBound
	last       uint32 // id
	generation uint64
	pid        int
}

type oracleJail struct {
	id                    uint32
	name                  string
	low                   bool // its root is the host's
	dying                 bool
	config                Config
	ports                 []Port
	init                  *oracleProc
	entries, forks, exits uint64
	denials, observed     [9]uint64
}

type oracleProc struct {
	Proc
	pid    int
	uid    uint32
	jail   *oracleJail // nil: the host
	zombie bool

	parent   *oracleProc // that has forked it
	executed bool
	cred     *oracleCred
}

// An oracleCred is what who has forked shares, until one changes.
type oracleCred struct{ entering bool }

type oracleBound struct {
	by       *oracleProc
	jail     *oracleJail // by's; nil: the host
	protocol uint16
	port     uint16
}

// rule is a row of the policy.
type rule struct {
	scope, action, request uint32
	verdict                [3]uint8
	word                   uint8
}

// What the client sets and the daemon does not know: JAIL_SET_*.
const setDeny, setLimits = 0x4, 0x20

// Scopes where denials count.
const (
	inSystem  = 1
	inProcess = 2
	inNetwork = 3
	inPort    = 7
	inFork    = 8
)

// policyOf reads the table, by names.
func policyOf(t rapid.TB, p Proc) map[string]rule {
	t.Helper()
	b := list(t, p, "policy")
	size := int(binary.NativeEndian.Uint32(b[4:]))
	all := map[string]rule{}
	for b = b[unsafe.Sizeof(snapshot{}):]; len(b) >= size; b = b[size:] {
		r := rule{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:]), [3]uint8(b[12:15]), b[15]}
		all[strings.TrimRight(string(b[16:48]), "\x00")] = r
	}
	return all
}

// denied says whether a rule that is at most DEFER denies a jail.
func (o *oracle) denied(name string, c *Config) bool {
	r, ok := o.rules[name]
	if !ok {
		o.Fatalf("no rule %q", name)
	}
	if r.word != 0xff {
		if c.Deny&(1<<r.word) != 0 {
			return true
		}
		if c.Allow&(1<<r.word) != 0 {
			return false
		}
	}
	return r.verdict[c.Level] == 1
}

// A word that the machine allows and denies.
func (o *oracle) words() uint64 {
	var w uint64
	for _, name := range []string{"chroot.chroot", "bind.privport"} {
		w |= 1 << o.rules[name].word & -uint64(rapid.IntRange(0, 1).Draw(o.T, name))
	}
	return w
}

func (o *oracle) find(id uint32) *oracleJail {
	for _, j := range o.jails {
		if j.id == id {
			return j
		}
	}
	return nil
}

// members are the processes of a jail that are not zombies.
func (o *oracle) members(j *oracleJail) (n int) {
	for _, p := range o.procs {
		if p.jail == j && !p.zombie {
			n++
		}
	}
	return n
}

// places are those taken under a jail's cap: the dead keep theirs until they are
// reaped.
func (o *oracle) places(j *oracleJail) (n int) {
	for _, p := range o.procs {
		if p.jail == j {
			n++
		}
	}
	return n
}

// owner of a port, nil for nobody.
func (o *oracle) owner(protocol, port uint16) *oracleJail {
	for _, j := range o.jails {
		for _, r := range j.ports {
			if (r.Protocol == 0 || r.Protocol == protocol) && r.First <= port && port <= r.Last {
				return j
			}
		}
	}
	return nil
}

// anyJail is the id of one, or one that is not.
func (o *oracle) anyJail() uint32 {
	ids := []uint32{o.last + 1}
	for _, j := range o.jails {
		ids = append(ids, j.id, j.id) // more often
	}
	return rapid.SampledFrom(ids).Draw(o.T, "id")
}

// anyProc is one that lives; nil if there is none.
func (o *oracle) anyProc(label string) *oracleProc {
	var alive []*oracleProc
	for _, p := range o.procs {
		if !p.zombie {
			alive = append(alive, p)
		}
	}
	if len(alive) == 0 {
		o.Skip("no process")
	}
	return alive[rapid.IntRange(0, len(alive)-1).Draw(o.T, label)]
}

func (o *oracle) anyPorts() []Port {
	var all []Port
	for range rapid.IntRange(0, 2).Draw(o.T, "ranges") {
		first := uint16(rapid.IntRange(1018, 1030).Draw(o.T, "first"))
		all = append(all, Port{rapid.SampledFrom([]uint16{0, 6, 17}).Draw(o.T, "protocol"), first, first + uint16(rapid.IntRange(0, 4).Draw(o.T, "more")), 0})
	}
	return all
}

func overlap(a, b Port) bool {
	return (a.Protocol == 0 || b.Protocol == 0 || a.Protocol == b.Protocol) && a.First <= b.Last && b.First <= a.Last
}

// portsTaken is what must be said to a reservation for j (nil: a new one):
// the reason, 0 for none, and who holds a port.
func (o *oracle) portsTaken(j *oracleJail, ports []Port) (reason uint32, holder uint32) {
	for _, want := range ports {
		// The lowest port that is taken.
		for port := want.First; port <= want.Last; port++ {
			for _, protocol := range []uint16{6, 17, 132} {
				if !overlap(want, Port{protocol, port, port, 0}) {
					continue
				}
				if owner := o.owner(protocol, port); owner != nil && owner != j {
					return 6, owner.id
				}
			}
		}
	}
	for _, want := range ports {
		for _, b := range o.bound {
			if (b.jail != j || j == nil) && overlap(want, Port{b.protocol, b.port, b.port, 0}) {
				if b.jail == nil {
					return 7, 0
				}
				return 7, b.jail.id
			}
		}
	}
	return 0, 0
}

// configBad is what must be said to a config.
func configBad(c *Config, hostRoot bool) uint32 {
	switch {
	case c.Allow&c.Deny != 0:
		return 5
	case hostRoot && c.Level != 0:
		return 4
	}
	return 0
}

func (o *oracle) anyConfig() Config {
	return Config{
		Level: uint32(rapid.IntRange(0, 2).Draw(o.T, "level")), Flags: uint32(rapid.IntRange(0, 3).Draw(o.T, "flags")),
		Processes: uint32(rapid.IntRange(0, 4).Draw(o.T, "cap")), Allow: o.words(), Deny: o.words(),
	}
}

// want compares what a command said.
func (o *oracle) want(what string, y Reply, err error, errno syscall.Errno, reason, id, holder uint32) {
	o.Helper()
	var got syscall.Errno
	if err != nil {
		got = err.(syscall.Errno)
	}
	if got != errno || y.Reason != reason || id != 0 && y.ID != id || y.HolderID != holder {
		o.Fatalf("%s: %v, reason %d, detail %d, id %d, holder %d; want %v, reason %d, id %d, holder %d", what, err, y.Reason, y.Detail, y.ID, y.HolderID, errno, reason, id, holder)
	}
}

func (o *oracle) create(*rapid.T) {
	j := &oracleJail{id: o.last + 1, name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(o.T, "name"), config: o.anyConfig(), ports: o.anyPorts()}
	j.low = rapid.Bool().Draw(o.T, "host's root")
	q := Request{Command: CommandCreate, Config: j.config}
	q.SetName(j.name)
	q.SetRoot(map[bool]string{false: "/tmp", true: "/"}[j.low])
	y, err := o.root.Command(&q, j.ports)
	for _, other := range o.jails {
		if other.name == j.name {
			o.want("create", y, err, syscall.EEXIST, 3, other.id, 0)
			return
		}
	}
	if reason := configBad(&j.config, j.low); reason != 0 {
		o.want("create", y, err, syscall.EINVAL, reason, 0, 0)
		return
	}
	if reason, holder := o.portsTaken(nil, j.ports); reason != 0 {
		o.want("create", y, err, syscall.EADDRINUSE, reason, 0, holder)
		return
	}
	o.want("create", y, err, 0, 0, j.id, 0)
	o.last = j.id
	o.jails = append(o.jails, j)
}

func (o *oracle) set(*rapid.T) {
	q := Request{Command: CommandSet, ID: o.anyJail(), Mask: uint32(rapid.IntRange(1, 0xff).Draw(o.T, "mask")) &^ setLimits}
	if q.Mask == 0 {
		q.Mask = SetLevel
	}
	fresh := o.anyConfig()
	var ports []Port
	if q.Mask&SetPorts != 0 {
		ports = o.anyPorts()
	}
	merged := Config{}
	j := o.find(q.ID)
	if j != nil {
		merged = j.config
	}
	for bit, move := range map[uint32]func(to *Config){
		SetLevel:     func(to *Config) { to.Level = fresh.Level },
		SetAllow:     func(to *Config) { to.Allow = fresh.Allow },
		setDeny:      func(to *Config) { to.Deny = fresh.Deny },
		SetProcesses: func(to *Config) { to.Processes = fresh.Processes },
		SetStrict:    func(to *Config) { to.Flags = to.Flags&^Strict | fresh.Flags&Strict },
		SetObserve:   func(to *Config) { to.Flags = to.Flags&^Observe | fresh.Flags&Observe },
	} {
		if q.Mask&bit != 0 {
			move(&q.Config)
			move(&merged)
		}
	}
	y, err := o.root.Command(&q, ports)
	switch {
	case j == nil:
		o.want("set", y, err, syscall.ESRCH, 9, 0, 0)
		return
	case j.dying:
		o.want("set", y, err, syscall.EBUSY, 10, 0, 0)
		return
	}
	if reason := configBad(&merged, j.low); reason != 0 {
		o.want("set", y, err, syscall.EINVAL, reason, 0, 0)
		return
	}
	if reason, holder := o.portsTaken(j, ports); reason != 0 {
		o.want("set", y, err, syscall.EADDRINUSE, reason, 0, holder)
		return
	}
	o.want("set", y, err, 0, 0, j.id, 0)
	j.config = merged
	if q.Mask&SetPorts != 0 {
		j.ports = ports
	}
}

// appear makes a process of the host, which may enter.
func (o *oracle) appear(*rapid.T) {
	o.pid++
	p := &oracleProc{Proc: NewHost(o.pid, IDs{}), pid: o.pid}
	enterable(o.T, p.Proc)
	o.procs = append(o.procs, p)
}

func (o *oracle) enter(*rapid.T) {
	p, id := o.anyProc("process"), o.anyJail()
	q := Request{Command: CommandEnter, ID: id}
	if rapid.Bool().Draw(o.T, "init") {
		q.Flags = EnterInit
	}
	init, exec := q.Flags != 0, rapid.Bool().Draw(o.T, "to execute")
	if exec {
		q.Flags |= EnterExec
	}
	if p.jail != nil || p.uid != 0 {
		y, err := p.Command(&q, nil)
		o.want("enter", y, err, syscall.EPERM, map[bool]uint32{true: 12, false: 13}[p.jail != nil], 0, 0)
		return
	}
	enterable(o.T, p.Proc) // a child has not its parent's session
	y, err := p.Command(&q, nil)
	j := o.find(id)
	switch {
	case j == nil:
		o.want("enter", y, err, syscall.ESRCH, 9, 0, 0)
	case j.dying:
		o.want("enter", y, err, syscall.EBUSY, 10, 0, 0)
	case init && j.init != nil:
		o.want("enter", y, err, syscall.EBUSY, 26, 0, 0)
	case j.config.Processes != 0 && o.places(j) >= int(j.config.Processes) && j.config.Flags&Observe == 0:
		o.want("enter", y, err, syscall.EAGAIN, 27, 0, 0)
	default:
		o.want("enter", y, err, 0, 0, id, 0)
		if j.config.Processes != 0 && o.places(j) >= int(j.config.Processes) {
			j.observed[inFork]++
		}
		p.jail, p.cred = j, &oracleCred{entering: exec}
		j.entries++
		if init {
			j.init = p
		}
	}
}

func (o *oracle) fork(*rapid.T) {
	p := o.anyProc("parent")
	if len(o.procs) > 12 {
		o.Skip("enough")
	}
	err := p.MayFork()
	if j := p.jail; j != nil {
		full := j.config.Processes != 0 && o.places(j) >= int(j.config.Processes)
		switch {
		case j.dying:
			j.denials[inProcess]++
		case full && j.config.Flags&Observe == 0:
			j.denials[inFork]++
		case full:
			j.observed[inFork]++
		}
		if refused := j.dying || full && j.config.Flags&Observe == 0; refused != (err != nil) {
			o.Fatalf("fork in %d: %v, want it refused: %v", j.id, err, refused)
		}
		if err != nil {
			return
		}
		j.forks++
	} else if err != nil {
		o.Fatalf("fork on the host: %v", err)
	}
	o.pid++
	c := &oracleProc{pid: o.pid, uid: p.uid, jail: p.jail, parent: p, cred: p.cred}
	if rapid.Bool().Draw(o.T, "embryo") {
		c.Proc = p.Embryo()
		c.Arrive(c.pid)
	} else {
		c.Proc = p.Fork(c.pid)
	}
	o.procs = append(o.procs, c)
}

func (o *oracle) exit(*rapid.T) {
	p := o.anyProc("process")
	p.Exit()
	p.zombie = true
	if j := p.jail; j != nil {
		j.exits++
		if j.init == p {
			j.init = nil
		}
	}
}

func (o *oracle) reap(*rapid.T) {
	for i, p := range o.procs {
		if p.zombie {
			p.Free()
			o.procs = slices.Delete(o.procs, i, i+1)
			return
		}
	}
	o.Skip("no zombie")
}

// change is what a process does to itself; its jail it can't change.
func (o *oracle) change(*rapid.T) {
	p := o.anyProc("process")
	if rapid.Bool().Draw(o.T, "exec") {
		p.Exec()
		p.executed = true
		if p.cred != nil {
			p.cred.entering = false
		}
		return
	}
	if p.cred != nil {
		p.cred = &oracleCred{entering: p.cred.entering}
	}
	p.uid = 1000 - p.uid
	p.SetIDs(IDs{UID: [3]uint32{p.uid, p.uid, p.uid}, GID: [3]uint32{p.uid, p.uid, p.uid}})
}

func (o *oracle) kill(*rapid.T) {
	id := o.anyJail()
	q := Request{Command: CommandKill, ID: id, Signal: rapid.SampledFrom([]int32{16, 15, 9, 0, 64, -1}).Draw(o.T, "signal")}
	Signals()
	y, err := o.root.Command(&q, nil)
	j := o.find(id)
	switch {
	case j == nil:
		o.want("kill", y, err, syscall.ESRCH, 9, 0, 0)
		return
	case q.Signal <= 0 || q.Signal >= 64:
		o.want("kill", y, err, syscall.EINVAL, 1, 0, 0)
		return
	}
	o.want("kill", y, err, 0, 0, id, 0)
	j.dying = true
	sent := map[int]int{}
	for _, s := range Signals() {
		sent[s.PID] = s.Signo
	}
	for _, p := range o.procs {
		if reached := sent[p.pid] == int(q.Signal); reached != (p.jail == j && !p.zombie) {
			o.Fatalf("jail %d is killed, and process %d gets the signal: %v", id, p.pid, reached)
		}
	}
}

func (o *oracle) destroy(*rapid.T) {
	id := o.anyJail()
	y, err := o.root.Command(&Request{Command: CommandDestroy, ID: id}, nil)
	j := o.find(id)
	if j == nil {
		o.want("destroy", y, err, syscall.ESRCH, 9, 0, 0)
		return
	}
	n := 0
	for _, p := range o.procs {
		if p.jail == j {
			n++
		}
	}
	if n > 0 {
		o.want("destroy", y, err, syscall.EBUSY, 11, 0, 0)
		if y.Detail != int32(n) {
			o.Fatalf("destroy: %d remain, want %d", y.Detail, n)
		}
		return
	}
	o.want("destroy", y, err, 0, 0, id, 0)
	o.jails = slices.DeleteFunc(o.jails, func(other *oracleJail) bool { return other == j })
}

// judge compares an answer: deny in a scope, or pass; lifted: the config alone
// denies. usual is what the kernel says without a jail.
func (o *oracle) judge(what string, p *oracleProc, scope int, deny, lifted bool, err error, refusal, usual error) {
	o.Helper()
	want := usual
	if j := p.jail; j != nil && (deny || j.dying) {
		switch {
		case !j.dying && lifted && j.config.Flags&Observe != 0:
			j.observed[scope]++
		default:
			j.denials[scope]++
			want = refusal
		}
	}
	if err != want {
		o.Fatalf("%s by %d in %v: %v, want %v", what, p.pid, p.jail, err, want)
	}
}

func (o *oracle) ask(*rapid.T) {
	p := o.anyProc("who")
	var usual error
	if p.uid != 0 {
		usual = syscall.EPERM
	}
	o.judge("reboot", p, inSystem, true, false, p.System(SystemReboot, 0, 0, 0), syscall.EPERM, usual)
	o.judge("chroot", p, inSystem, p.jail != nil && o.denied("chroot.chroot", &p.jail.config), true,
		p.System(SystemChroot, ReqSystemChrootChroot, 0, 0), syscall.EPERM, usual)
}

func (o *oracle) signal(*rapid.T) {
	p, t := o.anyProc("who"), o.anyProc("whom")
	guarded := p.jail != nil && p != t && (t.jail != p.jail || t == p.jail.init ||
		t.parent != nil && t.parent == p.jail.init && p != p.jail.init && !t.executed ||
		t.cred.entering && t.cred != p.cred)
	var usual error
	if p.uid != 0 && (p.uid != t.uid || p.jail == nil && t.jail != nil) {
		usual = syscall.EPERM
	}
	o.judge("signal", p, inProcess, guarded, false, p.Signal(t.Proc, 15), syscall.EPERM, usual)
}

func (o *oracle) bind(*rapid.T) {
	p := o.anyProc("who")
	protocol := rapid.SampledFrom([]uint16{6, 17, 132}).Draw(o.T, "protocol")
	port := uint16(rapid.IntRange(1018, 1034).Draw(o.T, "port"))
	so := p.NewSocket(2, 1, int(protocol))
	defer so.Free()
	err := p.Bind(so, port)
	owner := o.owner(protocol, port)
	var usual error
	if port < 1024 && p.uid != 0 {
		usual = syscall.EACCES
	}
	j := p.jail
	switch {
	case j == nil:
		if owner != nil {
			usual = syscall.EACCES
		}
		o.judge("bind", p, 0, false, false, err, nil, usual)
	case j.dying:
		o.judge("bind", p, inNetwork, true, false, err, syscall.EACCES, usual)
	case owner == j:
		o.judge("bind one's own", p, 0, false, false, err, nil, usual)
	case owner != nil:
		o.judge("bind another's", p, inPort, true, false, err, syscall.EACCES, usual)
	case j.config.Flags&Strict != 0:
		o.judge("bind, strict", p, inPort, true, true, err, syscall.EACCES, usual)
	default:
		o.judge("bind", p, inNetwork, port < 1024 && o.denied("bind.privport", &j.config), true, err, syscall.EACCES, usual)
	}
	if err == nil && len(o.bound) < 3 {
		o.bound = append(o.bound, oracleBound{by: p, protocol: protocol, port: port})
		o.tellBound()
	}
}

// unbind lets go of all.
func (o *oracle) unbind(*rapid.T) {
	o.bound = nil
	o.tellBound()
}

func (o *oracle) tellBound() {
	var all []Bound
	// Who has ended meanwhile has closed his.
	o.bound = slices.DeleteFunc(o.bound, func(b oracleBound) bool { return !slices.Contains(o.procs, b.by) })
	for i, b := range o.bound {
		o.bound[i].jail = b.by.jail
		all = append(all, Bound{Holder: b.by.Proc, Family: 2, Protocol: int(b.protocol), Port: b.port})
	}
	if err := SetBound(all); err != nil {
		o.Fatal(err)
	}
}
