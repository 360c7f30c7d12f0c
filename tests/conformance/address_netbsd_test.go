package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// bareRequest is struct jail_request, and bareReply how long its reply is: the
// client has no way to give a command with addresses that are bad.
type bareRequest struct {
	ABI, Command, Flags, ID, Mask    uint32
	Signal                           int32
	Ports, _                         uint32
	Allow, Deny                      uint64
	Level, Config, Processes, Limits uint32
	Soft, Hard                       [12]uint64
	Name                             [64]byte
	Root                             [1024]byte
}

const (
	bareReply = 96

	createCommand, setCommand, enterCommand, killCommand, destroyCommand = 1, 2, 3, 4, 5
	setProcesses                                                         = 0x10
)

func (r bareRequest) bytes() []byte {
	r.ABI = 3
	b, err := binary.Append(nil, binary.NativeEndian, r)
	if err != nil {
		panic(err) // of a type that has no size
	}
	return b
}

// edge is the address of a copy of b after which no byte can be touched.
func edge(b []byte) (uintptr, error) {
	page := os.Getpagesize()
	all, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return 0, err
	}
	kept = append(kept, all)
	copy(all[page-len(b):], b)
	return uintptr(unsafe.Pointer(&all[0])) + uintptr(page-len(b)), unix.Mprotect(all[page:], unix.PROT_NONE)
}

// sysctlAt is __sysctl(2) with addresses and lengths as one likes.
func sysctlAt(mib []int32, old, oldlen, new uintptr, newlen int) error {
	return call(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)), old, oldlen, new, uintptr(newlen))
}

// length is the address of a size_t.
func length(n int) uintptr {
	return bytesAt(binary.NativeEndian.AppendUint64(nil, uint64(n)))
}

// giveBadly gives a command with each of its addresses bad, by all of what it
// points to and by the last byte; it returns what else than EFAULT came of it.
func giveBadly(mib []int32, r bareRequest) error {
	request := r.bytes()
	size := len(request)
	good, err := edge(request)
	if err != nil {
		return err
	}
	reply, err := edge(make([]byte, bareReply))
	if err != nil {
		return err
	}
	var wrong []error
	want := func(err error, format string, args ...any) {
		if err != unix.EFAULT {
			wrong = append(wrong, fmt.Errorf("%s: %v", fmt.Sprintf(format, args...), err))
		}
	}
	for _, n := range []int{0, 1, size - 1} {
		at, err := edge(request[:n])
		if err != nil {
			return err
		}
		want(sysctlAt(mib, reply, length(bareReply), at, size), "%d bytes of the request can be read", n)
	}
	for _, n := range []int{0, 1, bareReply - 1} {
		at, err := edge(make([]byte, n))
		if err != nil {
			return err
		}
		want(sysctlAt(mib, at, length(bareReply), good, size), "%d bytes of the reply can be written", n)
	}
	for _, n := range []int{0, 7} {
		at, err := edge(binary.NativeEndian.AppendUint64(nil, bareReply)[:n])
		if err != nil {
			return err
		}
		want(sysctlAt(mib, reply, at, good, size), "%d bytes of the length can be read", n)
	}
	const kernel = ^uintptr(0) - 0xffff // no program has memory there
	want(sysctlAt(mib, reply, length(bareReply), kernel, size), "the request is the kernel's")
	want(sysctlAt(mib, kernel, length(bareReply), good, size), "the reply is the kernel's")
	return errors.Join(wrong...)
}

// giveWell gives the same command.
func giveWell(mib []int32, r bareRequest) error {
	request := r.bytes()
	good, err := edge(request)
	if err != nil {
		return err
	}
	reply, err := edge(make([]byte, bareReply))
	if err != nil {
		return err
	}
	return sysctlAt(mib, reply, length(bareReply), good, len(request))
}

func init() {
	// enter-badly JAIL, enter-well JAIL: the command to enter.
	for name, give := range map[string]func([]int32, bareRequest) error{"enter-badly": giveBadly, "enter-well": giveWell} {
		verb(name, func(args []string) (string, error) {
			n, err := numbers(args)
			if err != nil {
				return "", err
			}
			mib, err := node("security.models.jail.command")
			if err != nil {
				return "", err
			}
			return "", give(mib, bareRequest{Command: enterCommand, ID: uint32(n[0])})
		})
	}
}

// TestBadAddresses: a command that can't be read, or whose reply can't be
// written, is not carried out, and the same goes well right after.
func TestBadAddresses(t *testing.T) {
	need(t)
	mib, err := node("security.models.jail.command")
	if err != nil {
		t.Fatal(err)
	}
	j := newJail(t, secmodel.Config{Processes: 5})
	spare := newJail(t, secmodel.Config{})
	create := bareRequest{Command: createCommand}
	copy(create.Name[:], "badly")
	copy(create.Root[:], j.root)
	lookup := func(name string) bool {
		_, err := model.Lookup(name)
		return !errors.Is(err, secmodel.ErrNoJail)
	}
	for _, c := range []struct {
		name    string
		request bareRequest
		done    func() bool
	}{
		{"create", create, func() bool { return lookup("badly") }},
		{"set", bareRequest{Command: setCommand, ID: uint32(j.id), Mask: setProcesses, Processes: 7}, func() bool { return j.record(t).Config.Processes == 7 }},
		{"destroy", bareRequest{Command: destroyCommand, ID: uint32(spare.id)}, func() bool { return !lookup(spare.id.String()) }},
		{"kill", bareRequest{Command: killCommand, ID: uint32(j.id), Signal: int32(unix.SIGURG)}, func() bool { return j.record(t).State != secmodel.Active }},
	} {
		err := giveBadly(mib, c.request)
		check(t, err == nil, "%s: %v", c.name, err)
		check(t, !c.done(), "%s was done, though its request or reply was bad", c.name)
		err = giveWell(mib, c.request)
		check(t, err == nil && c.done(), "%s, given well: %v, done %v", c.name, err, c.done())
	}
	if made, err := model.Lookup("badly"); err == nil {
		if err := model.Destroy(made.ID); err != nil {
			t.Error(err)
		}
	}

	k := newJail(t, secmodel.Config{})
	a := start(t, part{})
	got := a.do(t, "enter-badly", k.id.String())
	r := k.record(t)
	check(t, got.Error == "" && r.Entries == 0 && r.Processes == 0, "enter: %s, %d entries, %d processes", got, r.Entries, r.Processes)
	got = a.do(t, "enter-well", k.id.String())
	r = k.record(t)
	check(t, got.Error == "" && r.Entries == 1 && r.Processes == 1, "enter, given well: %s, %d entries, %d processes", got, r.Entries, r.Processes)
}

// TestBadAddressesOfLists: a list that can't be written is nobody's harm.
func TestBadAddressesOfLists(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Ports: berths})
	j.actor(t, 0).do(t, "attempt", "chroot")
	for _, list := range []string{"name", "version", "jails", "processes", "ports", "policy", "words", "events", "seen", "log"} {
		mib, err := node("security.models.jail." + list)
		if err != nil {
			t.Fatal(err)
		}
		room, err := sysctl(mib, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 3} {
			at, err := edge(make([]byte, n))
			if err != nil {
				t.Fatal(err)
			}
			err = sysctlAt(mib, at, length(room), 0, 0)
			check(t, err == unix.EFAULT, "%s, of which %d bytes can be written: %v", list, n, err)
		}
		_, err = sysctl(mib, make([]byte, room), nil)
		check(t, err == nil, "%s after that: %v", list, err)
	}
	mib, err := node("security.models.jail.log")
	if err != nil {
		t.Fatal(err)
	}
	at, err := edge(make([]byte, 3))
	if err != nil {
		t.Fatal(err)
	}
	err = sysctlAt(mib, 0, 0, at, 4)
	check(t, err == unix.EFAULT, "log, of which 3 bytes can be read: %v", err)
}
