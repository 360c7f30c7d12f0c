package secmodel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"jails/src/nearest"
)

// kernel is the platform's boundary: sysctl(2) on NetBSD, hostkern on Linux.
type kernel interface {
	// sysctl reads and writes the node of that name below
	// security.models.jail; numbers may follow the name, each after a dot. It
	// returns how many bytes the kernel wrote to
	// old, or, with ENOMEM, and where old is nil, how many it has. old is
	// filled even where a command is refused.
	sysctl(node string, old, new []byte) (int, error)
	// wait is sysctl of a node at which the kernel waits; when ctx is over it
	// fails with EINTR, and may do so before.
	wait(ctx context.Context, node string, old []byte) (int, error)
	// enter is sysctl of the command node for the entry of this process.
	enter(request, reply []byte) (int, error)
	Close() error
}

// Client speaks to the kernel's model. Its methods may be called from several
// goroutines; they wait for one another.
type Client struct {
	mu     sync.Mutex
	kernel kernel
	known  []wordData // the model's words; they don't change while it is loaded
	rules  []Rule     // nor does its policy; Events needs it
}

// Open connects to the kernel's model. It fails with ErrNoModel where none is
// loaded, or, on Linux, where hostkern does not run.
func Open() (*Client, error) {
	k, err := open()
	if err != nil {
		return nil, err
	}
	return &Client{kernel: k}, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kernel.Close()
}

// Create makes a jail; name must pass CheckName, and root be the absolute path
// of a directory. The root is pinned: what is renamed or mounted over later
// does not change it.
func (c *Client) Create(name, root string, config Config) (ID, error) {
	if err := CheckName(name); err != nil {
		return 0, err
	}
	if len(root) == 0 || root[0] != '/' || len(root) >= rootLen || slices.Contains([]byte(root), 0) {
		return 0, &Refused{Command: "create", Jail: name, Reason: ReasonRoot}
	}
	change := Change{Level: &config.Level, Allow: &config.Allow, Deny: &config.Deny, Strict: &config.Strict,
		Observe: &config.Observe, Processes: &config.Processes, Ports: &config.Ports, Limits: &config.Limits}
	q := requestData{command: commandCreate, name: name, root: root}
	ports, err := c.fill(&q, change, "create", name)
	if err != nil {
		return 0, err
	}
	q.mask = 0 // a new jail takes the whole configuration
	reply, err := c.command(&q, ports, "create", name)
	return ID(reply.id), err
}

// Set changes a living jail, wholly or not at all.
func (c *Client) Set(id ID, change Change) error {
	q := requestData{command: commandSet, id: uint32(id)}
	ports, err := c.fill(&q, change, "set", id.String())
	if err != nil {
		return err
	}
	_, err = c.command(&q, ports, "set", id.String())
	return err
}

// Enter puts this process, with all its threads, into the jail, for good: its
// root directory, credential and limits.
//
// The caller must be root on the host, the leader of a session without a
// terminal, and must have no directory open. On NetBSD only the calling
// thread's system calls are surely the jail's when Enter returns; those that
// other threads have in flight end as the host's. So a caller that goes on to
// exec must call runtime.LockOSThread before, and syscall.Exec on the same
// thread; one that goes on running must not start programs from threads that
// may still be in a call made before.
//
// If it fails the process is not in the jail, but on Linux it may have a
// system call filter that answers as for the host.
func (c *Client) Enter(id ID, how Entry) error {
	q := requestData{command: commandEnter, flags: uint32(how), id: uint32(id)}
	_, err := c.command(&q, nil, "enter", id.String())
	return err
}

// Kill makes the jail dying: nothing enters it or forks in it any more. Every
// member gets the signal. Killing a dying jail again sends the signal again.
func (c *Client) Kill(id ID, signal int) error {
	q := requestData{command: commandKill, id: uint32(id), signal: int32(signal)}
	_, err := c.command(&q, nil, "kill", id.String())
	return err
}

// Destroy ends a jail that has no member left, zombies included; else it fails
// with ErrBusy.
func (c *Client) Destroy(id ID) error {
	q := requestData{command: commandDestroy, id: uint32(id)}
	_, err := c.command(&q, nil, "destroy", id.String())
	return err
}

// fill puts a change into a request, and returns its ports, encoded.
func (c *Client) fill(q *requestData, change Change, verb, jail string) (ports []byte, err error) {
	set := func(bit uint32) { q.mask |= bit }
	if change.Level != nil {
		set(setLevel)
		q.config.level = uint32(*change.Level)
	}
	if change.Allow != nil {
		set(setAllow)
		if q.config.allow, err = c.bits(*change.Allow); err != nil {
			return nil, err
		}
	}
	if change.Deny != nil {
		set(setDeny)
		if q.config.deny, err = c.bits(*change.Deny); err != nil {
			return nil, err
		}
	}
	if change.Strict != nil {
		set(setStrict)
		if *change.Strict {
			q.config.flags |= flagStrict
		}
	}
	if change.Observe != nil {
		set(setObserve)
		if *change.Observe {
			q.config.flags |= flagObserve
		}
	}
	if change.Processes != nil {
		set(setProcesses)
		q.config.processes = *change.Processes
	}
	if change.Limits != nil {
		set(setLimits)
		for _, l := range *change.Limits {
			if l.Resource < 0 || l.Resource >= nLimits || l.Soft > l.Hard {
				return nil, &Refused{Command: verb, Jail: jail, Reason: ReasonLimit, Detail: l.Resource}
			}
			q.config.limits |= 1 << l.Resource
			q.config.soft[l.Resource] = min(l.Soft, unlimited)
			q.config.hard[l.Resource] = min(l.Hard, unlimited)
		}
	}
	if change.Ports != nil {
		set(setPorts)
		if len(*change.Ports) > MaxPorts {
			return nil, fmt.Errorf("%d ranges of ports; a jail may have %d", len(*change.Ports), MaxPorts)
		}
		q.nports = uint32(len(*change.Ports))
		ports = make([]byte, len(*change.Ports)*sizePort)
		for i, p := range *change.Ports {
			encode(ports[i*sizePort:], &portData{protocol: uint16(p.Protocol), first: p.First, last: p.Last})
		}
	}
	return ports, nil
}

// command sends a request and takes its reply apart.
func (c *Client) command(q *requestData, ports []byte, verb, jail string) (replyData, error) {
	q.abi = abiVersion
	request := make([]byte, sizeRequest, sizeRequest+len(ports))
	encode(request, q)
	request = append(request, ports...)

	c.mu.Lock()
	defer c.mu.Unlock()
	var reply replyData
	old := make([]byte, sizeReply)
	call := c.kernel.enter
	if q.command != commandEnter {
		call = func(request, reply []byte) (int, error) { return c.kernel.sysctl("command", reply, request) }
	}
	n, err := call(request, old)
	if n >= sizeReply {
		decode(old, &reply)
	}
	if err == nil {
		if n < sizeReply {
			return replyData{}, errTruncated
		}
		return reply, nil
	}
	errno, ok := err.(syscall.Errno) // the model's own; what is wrapped is not
	if !ok {
		return replyData{}, err
	}
	switch reason := Reason(reply.reason); {
	case reason == ReasonNone && (errno == syscall.EPERM || errno == syscall.EACCES):
		reply.reason = uint32(ReasonNotRoot)
	case reason == ReasonNone && errno == syscall.EINVAL, reason == ReasonField:
		if err := c.checkVersion(); err != nil {
			return replyData{}, err
		}
	}
	return replyData{}, &Refused{Command: verb, Jail: jail, Reason: Reason(reply.reason), Detail: int(reply.detail),
		Port:   PortRange{Protocol: Protocol(reply.port.protocol), First: reply.port.first, Last: reply.port.last},
		Holder: reply.holder, HolderID: ID(reply.holder_id), Errno: errno}
}

// checkVersion finds out whether the model speaks another version.
func (c *Client) checkVersion() error {
	b := make([]byte, 4)
	if n, err := c.kernel.sysctl("version", b, nil); err != nil || n != len(b) {
		return nil // what was refused before says more
	}
	if v := native.Uint32(b); v != abiVersion {
		return &ABIError{Kernel: v}
	}
	return nil
}

// list reads a list, each of whose records has size bytes.
func (c *Client) list(node string, size int) (snapshotData, [][]byte, error) {
	return listBy(func(old []byte) (int, error) { return c.kernel.sysctl(node, old, nil) }, node, size)
}

// listBy is list by a call of its own.
func listBy(call func(old []byte) (int, error), node string, size int) (snapshotData, [][]byte, error) {
	const (
		tries   = 16        // the list may grow between two of them
		maxList = 512 << 20 // more is a fault
	)
	b := make([]byte, 32<<10)
	node, _, _ = strings.Cut(node, ".")
	for range tries {
		n, err := call(b)
		switch {
		case errors.Is(err, syscall.ENOMEM) && n <= maxList:
			b = make([]byte, max(n, len(b))*9/8+4096)
			continue
		case errors.Is(err, syscall.EPERM):
			return snapshotData{}, nil, fmt.Errorf("reading the list of %s: %w", node, ErrNotRoot)
		case err != nil:
			return snapshotData{}, nil, fmt.Errorf("reading the list of %s: %w", node, err)
		}
		head, records, err := decodeList(b[:n], size)
		if err != nil {
			return head, nil, fmt.Errorf("reading the list of %s: %w", node, err)
		}
		return head, records, nil
	}
	return snapshotData{}, nil, fmt.Errorf("reading the list of %s: it grows faster than it can be read", node)
}

// lists is list, for callers that don't hold the lock.
func (c *Client) lists(node string, size int) (snapshotData, [][]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list(node, size)
}

// Jails returns all jails at one moment. Inside a jail that is the own one.
func (c *Client) Jails() (Snapshot, error) {
	head, records, err := c.lists("jails", sizeRecord)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Generation: head.generation, Uptime: time.Duration(head.uptime), Jails: make([]Jail, len(records))}
	for i, b := range records {
		if s.Jails[i], err = c.jail(&head, b); err != nil {
			return Snapshot{}, err
		}
	}
	return s, nil
}

func (c *Client) jail(head *snapshotData, b []byte) (Jail, error) {
	var r recordData
	decode(b, &r)
	j := Jail{
		ID: ID(r.id), Name: r.name, Root: r.root, State: State(r.state), Init: int(r.init),
		Created: moment(r.created), NPorts: int(r.nports),
		Config: Config{Level: Level(r.config.level), Strict: r.config.flags&flagStrict != 0,
			Observe: r.config.flags&flagObserve != 0, Processes: r.config.processes},

		Processes: int(r.processes), Threads: int(r.threads),
		Resident: head.bytes(r.resident), Virtual: head.bytes(r.virtual), Oldest: moment(r.oldest),

		User: head.duration(r.user), System: head.duration(r.system), Interrupt: head.duration(r.interrupt),
		Entries: r.entries, Forks: r.forks, Exits: r.exits,
		Denials: make(map[string]uint64, nScopes), Observed: make(map[string]uint64, nScopes),
		Lost: r.lost, Since: moment(r.since),
	}
	for i, n := range r.observed {
		j.Observed[Scopes[i]] = n
	}
	for i, n := range r.denials {
		j.Denials[Scopes[i]] = n
	}
	for i := range nLimits {
		if r.config.limits&(1<<i) != 0 {
			j.Config.Limits = append(j.Config.Limits, Limit{Resource: i, Soft: limit(r.config.soft[i]), Hard: limit(r.config.hard[i])})
		}
	}
	var err error
	if j.Config.Allow, err = c.names(r.config.allow); err == nil {
		j.Config.Deny, err = c.names(r.config.deny)
	}
	return j, err
}

// moment is a time in seconds since 1970; 0 is no time.
func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

func limit(n uint64) uint64 {
	if n >= unlimited {
		return math.MaxUint64
	}
	return n
}

func (h *snapshotData) bytes(pages uint64) uint64 { return pages * uint64(h.pagesize) }

func (h *snapshotData) duration(ticks uint64) time.Duration {
	if h.stathz == 0 {
		return 0
	}
	hz := uint64(h.stathz)
	return time.Duration(ticks/hz)*time.Second + time.Duration(ticks%hz)*time.Second/time.Duration(hz)
}

// Lookup finds a jail by its name or by its id, a plain decimal number, which
// no name can be. It fails with ErrNoJail.
func (c *Client) Lookup(nameOrID string) (Jail, error) {
	head, records, err := c.lists("jails", sizeRecord)
	if err != nil {
		return Jail{}, err
	}
	id, byID := uint64(0), decimal(nameOrID)
	if byID {
		id, err = strconv.ParseUint(nameOrID, 10, 32)
	}
	for _, b := range records {
		var r recordData
		decode(b, &r)
		if byID && err == nil && uint64(r.id) == id || !byID && r.name == nameOrID {
			return c.jail(&head, b)
		}
	}
	return Jail{}, &Refused{Command: "find", Jail: nameOrID, Reason: ReasonNoJail}
}

// Processes returns the processes of all jails; to host users other than root
// none, and to a process in a jail its own jail's.
func (c *Client) Processes() ([]Process, error) {
	head, records, err := c.lists("processes", sizeProcess)
	if err != nil {
		return nil, err
	}
	all := make([]Process, len(records))
	for i, b := range records {
		var d processData
		decode(b, &d)
		all[i] = Process{
			Jail: ID(d.id), PID: int(d.pid), Parent: int(d.parent), UID: d.uid,
			Init: d.flags&processInit != 0, Zombie: d.flags&processZombie != 0,
			Threads: int(d.threads), Resident: head.bytes(d.resident), Virtual: head.bytes(d.virtual),
			CPU: head.duration(d.ticks), Started: moment(d.started), Command: d.command,
		}
	}
	return all, nil
}

// Ports returns all reservations, each with its jail.
func (c *Client) Ports() ([]PortOwner, error) {
	_, records, err := c.lists("ports", sizeOwner)
	if err != nil {
		return nil, err
	}
	all := make([]PortOwner, len(records))
	for i, b := range records {
		var d ownerData
		decode(b, &d)
		all[i] = PortOwner{Jail: ID(d.id), Port: PortRange{Protocol: Protocol(d.port.protocol), First: d.port.first, Last: d.port.last}}
	}
	return all, nil
}

// Policy returns the table that the kernel holds.
func (c *Client) Policy() ([]Rule, error) {
	_, records, err := c.lists("policy", sizeRule)
	if err != nil {
		return nil, err
	}
	all := make([]Rule, len(records))
	for i, b := range records {
		var d ruleData
		decode(b, &d)
		all[i] = Rule{Scope: strconv.Itoa(int(d.scope)), Name: d.name, What: d.what, Action: d.action, Request: d.request}
		if d.scope < uint32(nScopes) {
			all[i].Scope = Scopes[d.scope]
		}
		for level, v := range d.verdict {
			all[i].Verdict[level] = Verdict(v)
		}
		if d.word != wordNone {
			names, err := c.names(1 << (d.word & 63))
			if err != nil {
				return nil, err
			}
			all[i].Word = names[0]
		}
	}
	return all, nil
}

// Words returns what an administrator may allow or deny.
func (c *Client) Words() ([]Word, error) {
	known, err := c.words()
	if err != nil {
		return nil, err
	}
	all := make([]Word, len(known))
	for i, w := range known {
		all[i] = Word{Name: w.name, What: w.what}
	}
	return all, nil
}

// words returns the model's words, read once.
func (c *Client) words() ([]wordData, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known != nil {
		return c.known, nil
	}
	_, records, err := c.list("words", sizeWord)
	if err != nil {
		return nil, err
	}
	known := make([]wordData, len(records))
	for i, b := range records {
		if decode(b, &known[i]); known[i].bit >= 64 {
			return nil, fmt.Errorf("the kernel model's word %q has the impossible bit %d", known[i].name, known[i].bit)
		}
	}
	c.known = known
	return known, nil
}

// bits turns words into the kernel's bits.
func (c *Client) bits(words []string) (uint64, error) {
	if len(words) == 0 {
		return 0, nil
	}
	known, err := c.words()
	if err != nil {
		return 0, err
	}
	var set uint64
	for _, word := range words {
		i := slices.IndexFunc(known, func(w wordData) bool { return w.name == word })
		if i < 0 {
			names := make([]string, len(known))
			for i, w := range known {
				names[i] = w.name
			}
			return 0, &UnknownWord{Word: word, Nearest: nearest.Of(word, names)}
		}
		set |= 1 << known[i].bit
	}
	return set, nil
}

// names turns the kernel's bits into words, in the model's order. A bit that
// no word has is named by its number, so that nothing is hidden.
func (c *Client) names(set uint64) ([]string, error) {
	if set == 0 {
		return nil, nil
	}
	known, err := c.words()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, w := range known {
		if set&(1<<w.bit) != 0 {
			names = append(names, w.name)
			set &^= 1 << w.bit
		}
	}
	for bit := range 64 {
		if set&(1<<bit) != 0 {
			names = append(names, "bit-"+strconv.Itoa(bit))
		}
	}
	return names, nil
}

func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }
