// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

/*
#include <sys/jail.h>
*/
import "C"

import "unsafe"

// Of the ABI of sys/sys/jail.h only what hostkern itself has to read; the
// client's encoder is src/secmodel's.
const (
	ABIVersion     = C.JAIL_ABI_VERSION
	CommandCreate  = C.JAIL_COMMAND_CREATE
	CommandSet     = C.JAIL_COMMAND_SET
	CommandEnter   = C.JAIL_COMMAND_ENTER
	CommandKill    = C.JAIL_COMMAND_KILL
	CommandDestroy = C.JAIL_COMMAND_DESTROY

	SetLevel     = C.JAIL_SET_LEVEL
	SetAllow     = C.JAIL_SET_ALLOW
	SetDeny      = C.JAIL_SET_DENY
	SetProcesses = C.JAIL_SET_PROCESSES
	SetPorts     = C.JAIL_SET_PORTS
	SetStrict    = C.JAIL_SET_STRICT
	SetObserve   = C.JAIL_SET_OBSERVE
	Strict       = C.JAIL_STRICT
	Observe      = C.JAIL_OBSERVE
	EnterInit    = C.JAIL_ENTER_INIT
	EnterExec    = C.JAIL_ENTER_EXEC
)

// Config is struct jail_config.
type Config struct {
	Allow, Deny                     uint64
	Level, Flags, Processes, Limits uint32
	Soft, Hard                      [NLimits]uint64
}

// Request is struct jail_request.
type Request struct {
	ABI, Command, Flags, ID, Mask uint32
	Signal                        int32
	NPorts, Reserved              uint32
	Config                        Config
	Name                          [C.JAIL_NAMELEN]byte
	Root                          [C.JAIL_ROOTLEN]byte
}

// Port is struct jail_port.
type Port struct{ Protocol, First, Last, Reserved uint16 }

// Reply is struct jail_reply.
type Reply struct {
	ABI, ID, Reason    uint32
	Detail             int32
	Port               Port
	HolderID, Reserved uint32
	Holder             [C.JAIL_NAMELEN]byte
}

// Event is struct jail_event.
type Event struct {
	Seq, Number, Repeats                            uint64
	First, Last                                     int64
	Detail                                          uint64
	ID                                              uint32
	PID                                             int32
	UID, Scope, Action, Request                     uint32
	Rule, Verdict, Kind, Target, Protocol, Reserved uint32
	Command                                         [32]byte
}

// The sizes are the C compiler's.
var (
	_ [0]struct{} = [unsafe.Sizeof(Request{}) - C.sizeof_struct_jail_request]struct{}{}
	_ [0]struct{} = [unsafe.Sizeof(Reply{}) - C.sizeof_struct_jail_reply]struct{}{}
	_ [0]struct{} = [unsafe.Sizeof(Port{}) - C.sizeof_struct_jail_port]struct{}{}
	_ [0]struct{} = [unsafe.Sizeof(Event{}) - C.sizeof_struct_jail_event]struct{}{}
)

func (q *Request) SetName(s string) { copy(q.Name[:len(q.Name)-1], s) }
func (q *Request) SetRoot(s string) { copy(q.Root[:len(q.Root)-1], s) }

// Bytes is q as it travels, with its ports.
func (q *Request) Bytes(ports []Port) []byte {
	q.ABI = ABIVersion
	q.NPorts = uint32(len(ports))
	b := append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(q)), unsafe.Sizeof(*q))...)
	for i := range ports {
		b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&ports[i])), unsafe.Sizeof(ports[i]))...)
	}
	return b
}

// ParseRequest reads what every request begins with; false if it is short.
func ParseRequest(b []byte) (q Request, ok bool) {
	if len(b) < int(unsafe.Sizeof(q)) {
		return q, false
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&q)), unsafe.Sizeof(q)), b)
	return q, true
}

// ParseReply reads a reply; false if it is short.
func ParseReply(b []byte) (y Reply, ok bool) {
	if len(b) < int(unsafe.Sizeof(y)) {
		return y, false
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&y)), unsafe.Sizeof(y)), b)
	return y, true
}

// Command runs q on behalf of p.
func (p Proc) Command(q *Request, ports []Port) (Reply, error) {
	old := make([]byte, unsafe.Sizeof(Reply{}))
	_, err := p.Sysctl("security.models.jail.command", old, q.Bytes(ports))
	y, _ := ParseReply(old)
	return y, err
}
