package secmodel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// What sys/sys/jail.h says, in its order; a test compares every constant and
// every field with what the C compiler makes of it.

const (
	abiVersion = 3

	nameLen   = 64
	rootLen   = 1024
	maxJails  = 65536
	nLimits   = 12
	nLevels   = 3
	nEvents   = 64
	unlimited = 1<<63 - 1 // on the wire; NetBSD's RLIM_INFINITY
)

// MaxPorts is how many ranges of ports a jail may have.
const MaxPorts = 1024

const (
	commandCreate  = 1
	commandSet     = 2
	commandEnter   = 3
	commandKill    = 4
	commandDestroy = 5
)

// Entry says how a process enters a jail: nothing, or some of these.
type Entry uint32

const (
	// EnterInit makes it the jail's init process, which has none of the jail's
	// limits and which nothing in the jail can signal or trace.
	EnterInit Entry = 0x0001
	// EnterExec guards it as init is until it executes a program. On Linux it
	// does nothing.
	EnterExec Entry = 0x0002
)

const (
	setLevel     = 0x0001
	setAllow     = 0x0002
	setDeny      = 0x0004
	setStrict    = 0x0008
	setProcesses = 0x0010
	setLimits    = 0x0020
	setPorts     = 0x0040
	setObserve   = 0x0080
)

const (
	flagStrict  = 0x0001
	flagObserve = 0x0002
)

const (
	eventRefused  = 0
	eventObserved = 1

	ruleNone = 0xffff
)

const (
	processInit   = 0x0001
	processZombie = 0x0002
)

const wordNone = 0xff

// RequestCase is the first Request of a Rule that is no KAUTH_REQ_*, but a
// case of one, which the model tells apart itself.
const RequestCase = 0x38

// Scopes names the scopes in which denials, and what would be some, are
// counted, by JAIL_SCOPE_*.
var Scopes = [...]string{"generic", "system", "process", "network", "machdep", "device", "vnode", "port", "fork"}

const nScopes = len(Scopes)

// Sizes of the structures in bytes, the same on every machine: no field
// needs padding.
const (
	sizePort     = 8
	sizeConfig   = 32 + 2*8*nLimits
	sizeRequest  = 32 + sizeConfig + nameLen + rootLen
	sizeReply    = 32 + nameLen
	sizeSnapshot = 40
	sizeRecord   = 24 + sizeConfig + 32 + 48 + 2*8*nScopes + 16 + nameLen + rootLen
	sizeProcess  = 56 + 32
	sizeOwner    = 4 + sizePort
	sizeRule     = 16 + 32 + 64
	sizeWord     = 4 + 28 + 96
	sizeEvent    = 96 + 32
)

var native = binary.NativeEndian

// coder walks over the bytes of a structure, reading them into the fields it
// is given, or writing the fields into them.
type coder struct {
	b     []byte
	write bool
}

func (c *coder) next(n int) []byte {
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *coder) u8(v *uint8) {
	if b := c.next(1); c.write {
		b[0] = *v
	} else {
		*v = b[0]
	}
}

func (c *coder) u16(v *uint16) {
	if b := c.next(2); c.write {
		native.PutUint16(b, *v)
	} else {
		*v = native.Uint16(b)
	}
}

func (c *coder) u32(v *uint32) {
	if b := c.next(4); c.write {
		native.PutUint32(b, *v)
	} else {
		*v = native.Uint32(b)
	}
}

func (c *coder) i32(v *int32) {
	if b := c.next(4); c.write {
		native.PutUint32(b, uint32(*v))
	} else {
		*v = int32(native.Uint32(b))
	}
}

func (c *coder) u64(v *uint64) {
	if b := c.next(8); c.write {
		native.PutUint64(b, *v)
	} else {
		*v = native.Uint64(b)
	}
}

func (c *coder) i64(v *int64) {
	if b := c.next(8); c.write {
		native.PutUint64(b, uint64(*v))
	} else {
		*v = int64(native.Uint64(b))
	}
}

// text is an array of n characters that ends with a NUL.
func (c *coder) text(v *string, n int) {
	b := c.next(n)
	if c.write {
		clear(b[copy(b[:n-1], *v):])
		return
	}
	b, _, _ = bytes.Cut(b[:n-1], []byte{0})
	*v = string(b)
}

// Each structure names its fields once, in C's order, for both directions.

type portData struct {
	protocol, first, last, reserved uint16
}

func (p *portData) code(c *coder) {
	c.u16(&p.protocol)
	c.u16(&p.first)
	c.u16(&p.last)
	c.u16(&p.reserved)
}

type configData struct {
	allow, deny                     uint64
	level, flags, processes, limits uint32
	soft, hard                      [nLimits]uint64
}

func (d *configData) code(c *coder) {
	c.u64(&d.allow)
	c.u64(&d.deny)
	c.u32(&d.level)
	c.u32(&d.flags)
	c.u32(&d.processes)
	c.u32(&d.limits)
	for i := range d.soft {
		c.u64(&d.soft[i])
	}
	for i := range d.hard {
		c.u64(&d.hard[i])
	}
}

type requestData struct {
	abi, command, flags, id, mask uint32
	signal                        int32
	nports, reserved              uint32
	config                        configData
	name, root                    string
}

func (d *requestData) code(c *coder) {
	c.u32(&d.abi)
	c.u32(&d.command)
	c.u32(&d.flags)
	c.u32(&d.id)
	c.u32(&d.mask)
	c.i32(&d.signal)
	c.u32(&d.nports)
	c.u32(&d.reserved)
	d.config.code(c)
	c.text(&d.name, nameLen)
	c.text(&d.root, rootLen)
}

type replyData struct {
	abi, id, reason     uint32
	detail              int32
	port                portData
	holder_id, reserved uint32
	holder              string
}

func (d *replyData) code(c *coder) {
	c.u32(&d.abi)
	c.u32(&d.id)
	c.u32(&d.reason)
	c.i32(&d.detail)
	d.port.code(c)
	c.u32(&d.holder_id)
	c.u32(&d.reserved)
	c.text(&d.holder, nameLen)
}

type snapshotData struct {
	abi, size, count, stathz uint32
	generation, uptime       uint64
	pagesize, reserved       uint32
}

func (d *snapshotData) code(c *coder) {
	c.u32(&d.abi)
	c.u32(&d.size)
	c.u32(&d.count)
	c.u32(&d.stathz)
	c.u64(&d.generation)
	c.u64(&d.uptime)
	c.u32(&d.pagesize)
	c.u32(&d.reserved)
}

type recordData struct {
	id, state               uint32
	init                    int32
	nports                  uint32
	created                 int64
	config                  configData
	processes, threads      uint32
	resident, virtual       uint64
	oldest                  int64
	user, system, interrupt uint64
	entries, forks, exits   uint64
	denials, observed       [nScopes]uint64
	lost                    uint64
	since                   int64
	name, root              string
}

func (d *recordData) code(c *coder) {
	c.u32(&d.id)
	c.u32(&d.state)
	c.i32(&d.init)
	c.u32(&d.nports)
	c.i64(&d.created)
	d.config.code(c)
	c.u32(&d.processes)
	c.u32(&d.threads)
	c.u64(&d.resident)
	c.u64(&d.virtual)
	c.i64(&d.oldest)
	c.u64(&d.user)
	c.u64(&d.system)
	c.u64(&d.interrupt)
	c.u64(&d.entries)
	c.u64(&d.forks)
	c.u64(&d.exits)
	for i := range d.denials {
		c.u64(&d.denials[i])
	}
	for i := range d.observed {
		c.u64(&d.observed[i])
	}
	c.u64(&d.lost)
	c.i64(&d.since)
	c.text(&d.name, nameLen)
	c.text(&d.root, rootLen)
}

type processData struct {
	id                       uint32
	pid, parent              int32
	uid, flags, threads      uint32
	resident, virtual, ticks uint64
	started                  int64
	command                  string
}

func (d *processData) code(c *coder) {
	c.u32(&d.id)
	c.i32(&d.pid)
	c.i32(&d.parent)
	c.u32(&d.uid)
	c.u32(&d.flags)
	c.u32(&d.threads)
	c.u64(&d.resident)
	c.u64(&d.virtual)
	c.u64(&d.ticks)
	c.i64(&d.started)
	c.text(&d.command, 32)
}

type ownerData struct {
	id   uint32
	port portData
}

func (d *ownerData) code(c *coder) {
	c.u32(&d.id)
	d.port.code(c)
}

type ruleData struct {
	scope, action, request uint32
	verdict                [nLevels]uint8
	word                   uint8
	name, what             string
}

func (d *ruleData) code(c *coder) {
	c.u32(&d.scope)
	c.u32(&d.action)
	c.u32(&d.request)
	for i := range d.verdict {
		c.u8(&d.verdict[i])
	}
	c.u8(&d.word)
	c.text(&d.name, 32)
	c.text(&d.what, 64)
}

type wordData struct {
	bit        uint32
	name, what string
}

func (d *wordData) code(c *coder) {
	c.u32(&d.bit)
	c.text(&d.name, 28)
	c.text(&d.what, 96)
}

type eventData struct {
	seq, number, repeats                            uint64
	first, last                                     int64
	detail                                          uint64
	id                                              uint32
	pid                                             int32
	uid, scope, action, request                     uint32
	rule, verdict, kind, target, protocol, reserved uint32
	command                                         string
}

func (d *eventData) code(c *coder) {
	c.u64(&d.seq)
	c.u64(&d.number)
	c.u64(&d.repeats)
	c.i64(&d.first)
	c.i64(&d.last)
	c.u64(&d.detail)
	c.u32(&d.id)
	c.i32(&d.pid)
	c.u32(&d.uid)
	c.u32(&d.scope)
	c.u32(&d.action)
	c.u32(&d.request)
	c.u32(&d.rule)
	c.u32(&d.verdict)
	c.u32(&d.kind)
	c.u32(&d.target)
	c.u32(&d.protocol)
	c.u32(&d.reserved)
	c.text(&d.command, 32)
}

// structure is any of the above.
type structure interface{ code(*coder) }

// decode reads d from the front of b, which has at least d's size.
func decode(b []byte, d structure) { d.code(&coder{b: b}) }

// encode writes d to the front of b, which has at least d's size.
func encode(b []byte, d structure) { d.code(&coder{b: b, write: true}) }

// errTruncated is an answer that is shorter than it says.
var errTruncated = errors.New("truncated answer from the kernel model")

// decodeList takes a list apart: its header, and size bytes each of its
// records.
func decodeList(b []byte, size int) (snapshotData, [][]byte, error) {
	var head snapshotData
	if len(b) < sizeSnapshot {
		return head, nil, errTruncated
	}
	decode(b, &head)
	b = b[sizeSnapshot:]
	if head.abi != abiVersion {
		return head, nil, &ABIError{Kernel: head.abi}
	}
	if head.size != uint32(size) {
		return head, nil, fmt.Errorf("the kernel model's records have %d bytes, this program's %d", head.size, size)
	}
	if uint64(len(b)) < uint64(head.count)*uint64(size) {
		return head, nil, errTruncated
	}
	records := make([][]byte, head.count)
	for i := range records {
		records[i] = b[i*size : (i+1)*size]
	}
	return head, records, nil
}
