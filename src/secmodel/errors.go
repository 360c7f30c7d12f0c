package secmodel

import (
	"errors"
	"fmt"
	"syscall"
)

// What a caller may want to tell apart; the errors that Client returns wrap
// one of these where one fits.
var (
	ErrNoModel   = errors.New("no kernel model is loaded")
	ErrNotRoot   = errors.New("only root on the host may do this")
	ErrNoJail    = errors.New("no such jail")
	ErrExists    = errors.New("a jail of that name exists")
	ErrBusy      = errors.New("processes remain in the jail")
	ErrDying     = errors.New("the jail is being killed")
	ErrPortTaken = errors.New("the port is taken")

	// ErrOlder is a model that does not know what this program asks for.
	ErrOlder = errors.New("the kernel model is older than this program")
)

// ABIError says that the kernel's model and this program were built from
// different versions of the interface.
type ABIError struct{ Kernel uint32 }

func (e *ABIError) Error() string {
	what := ErrOlder.Error()
	if e.Kernel > abiVersion {
		what = "the kernel model is newer than this program"
	}
	return fmt.Sprintf("%s: it speaks version %d of the interface, this program version %d", what, e.Kernel, abiVersion)
}

// Is makes an older model's ErrOlder.
func (e *ABIError) Is(target error) bool { return target == ErrOlder && e.Kernel < abiVersion }

// ExitHint says what to do about it.
func (e *ABIError) ExitHint() string {
	if e.Kernel > abiVersion {
		return "install the commands of the model's release"
	}
	return OlderHint
}

// UnknownWord is an allow or deny word that the kernel does not know.
type UnknownWord struct {
	Word    string
	Nearest string // a word it may have meant, or ""
}

func (e *UnknownWord) Error() string {
	if e.Nearest != "" {
		return fmt.Sprintf("unknown word %q; did you mean %q?", e.Word, e.Nearest)
	}
	return fmt.Sprintf("unknown word %q", e.Word)
}

// Reason is why the kernel refused a command; JAIL_REASON_* in jail.h.
type Reason uint32

// The reasons, in jail.h's order.
const (
	ReasonNone Reason = iota
	ReasonField
	ReasonName
	ReasonExists
	ReasonRoot
	ReasonWord
	ReasonPort
	ReasonPortBound
	ReasonTooMany
	ReasonNoJail
	ReasonDying
	ReasonMembers
	ReasonNotHost
	ReasonNotRoot
	ReasonTraced
	ReasonVfork
	ReasonSharedFDs
	ReasonSharedCwd
	ReasonSession
	ReasonTerminal
	ReasonExec
	ReasonFDDirectory
	ReasonFDDevice
	ReasonFDSocket
	ReasonFDKqueue
	ReasonFDOther
	ReasonHasInit
	ReasonCap
	_ // given by no model
	ReasonLimit
)

// Refused is a command that the kernel, or the client before it, refused.
type Refused struct {
	Command  string // create, set, enter, kill, destroy
	Jail     string // its name or id, as the caller gave it
	Reason   Reason
	Detail   int       // a count, descriptor, process id, offset or errno, by Reason
	Port     PortRange // with ReasonPort, ReasonPortBound, and of a bound socket with ReasonFDSocket
	Holder   string    // the jail that holds Port, or "" for the host
	HolderID ID
	Errno    syscall.Errno
}

// Error says what was refused and why, in one sentence without a stop.
func (e *Refused) Error() string {
	switch e.Reason {
	case ReasonName:
		return fmt.Sprintf("bad name %q: a small letter, then small letters, digits, - _ or ., at most %d in all", e.Jail, MaxName)
	case ReasonExists:
		return fmt.Sprintf("jail %q exists", e.Jail)
	case ReasonPort:
		if e.HolderID == 0 {
			return fmt.Sprintf("port %s belongs to the host", e.Port)
		}
		return fmt.Sprintf("port %s belongs to jail %q", e.Port, e.Holder)
	case ReasonPortBound:
		if e.HolderID == 0 {
			return fmt.Sprintf("port %s is in use by a process on the host", e.Port)
		}
		return fmt.Sprintf("port %s is in use by a process in jail %q", e.Port, e.Holder)
	case ReasonNoJail:
		return fmt.Sprintf("no jail %q", e.Jail)
	case ReasonMembers:
		return fmt.Sprintf("jail %q still has %s", e.Jail, plural(e.Detail, "process", "processes"))
	case ReasonDying:
		return fmt.Sprintf("jail %q is being killed", e.Jail)
	case ReasonNotRoot:
		return fmt.Sprintf("cannot %s: %s", e.what(), ErrNotRoot)
	}
	return fmt.Sprintf("cannot %s: %s", e.what(), e.why())
}

func (e *Refused) what() string { return fmt.Sprintf("%s jail %q", e.Command, e.Jail) }

func (e *Refused) why() string {
	switch e.Reason {
	case ReasonField:
		return fmt.Sprintf("the kernel model does not accept the field at offset %d of the request, and may be older than this program", e.Detail)
	case ReasonRoot:
		if e.Detail != 0 {
			return fmt.Sprintf("its root directory: %s", syscall.Errno(e.Detail))
		}
		return "its root must be a directory of its own, below the host's"
	case ReasonWord:
		return "a word is unknown to the kernel model, or belongs to the floor"
	case ReasonTooMany:
		return fmt.Sprintf("there are %d jails already", maxJails)
	case ReasonNotHost:
		return "the caller is in a jail itself"
	case ReasonTraced:
		return "the process is traced"
	case ReasonVfork:
		return "the parent waits in vfork"
	case ReasonSharedFDs:
		return "another process shares this one's descriptors"
	case ReasonSharedCwd:
		return "another process shares this one's working directory"
	case ReasonSession:
		return "the process is not a session leader"
	case ReasonTerminal:
		return "the process has a controlling terminal"
	case ReasonExec:
		return "another thread is starting a program"
	case ReasonFDDirectory:
		return fmt.Sprintf("descriptor %d is a directory outside the jail", e.Detail)
	case ReasonFDDevice:
		return fmt.Sprintf("descriptor %d is a device that jails may not have", e.Detail)
	case ReasonFDSocket:
		switch {
		case e.Port.First == 0:
			return fmt.Sprintf("descriptor %d is a socket that jails may not have", e.Detail)
		case e.HolderID == 0:
			return fmt.Sprintf("descriptor %d is a socket bound to port %s, which is not the jail's", e.Detail, e.Port)
		}
		return fmt.Sprintf("descriptor %d is a socket bound to port %s, which belongs to jail %q", e.Detail, e.Port, e.Holder)
	case ReasonFDKqueue:
		return fmt.Sprintf("descriptor %d is an event queue", e.Detail)
	case ReasonFDOther:
		return fmt.Sprintf("descriptor %d is of a kind that jails may not have", e.Detail)
	case ReasonHasInit:
		return fmt.Sprintf("it has an init process, %d", e.Detail)
	case ReasonCap:
		return "it has as many processes as it may have"
	case ReasonLimit:
		return fmt.Sprintf("the limit %q: soft above hard, or hard above the caller's own", LimitName(e.Detail))
	}
	if e.Errno != 0 {
		return e.Errno.Error()
	}
	return fmt.Sprintf("refused for reason %d, which this program does not know", e.Reason)
}

// Unwrap gives the sentinel that fits, and the kernel's error number.
func (e *Refused) Unwrap() []error {
	var all []error
	switch e.Reason {
	case ReasonExists:
		all = append(all, ErrExists)
	case ReasonPort, ReasonPortBound:
		all = append(all, ErrPortTaken)
	case ReasonNoJail:
		all = append(all, ErrNoJail)
	case ReasonDying:
		all = append(all, ErrDying)
	case ReasonMembers:
		all = append(all, ErrBusy)
	case ReasonNotRoot, ReasonNotHost:
		all = append(all, ErrNotRoot)
	case ReasonField:
		all = append(all, ErrOlder)
	case ReasonRoot:
		if e.Detail != 0 {
			all = append(all, syscall.Errno(e.Detail))
		}
	}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	return all
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
