package conformance

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// Gaps of system calls where NetBSD's kernel asks nobody.

const (
	sysShmat     = 228
	sysSigaction = 340

	keySocket  = 29 // PF_KEY
	keyVersion = 2  // PF_KEY_V2
	keyAdd     = 3  // SADB_ADD
	keyDelete  = 4  // SADB_DELETE

	setGeneric   = 0x80906939 // SIOCSIFGENERIC, as lagg(4)'s SIOCSLAGG
	setL2tpState = 0x8090699b // SIOCSL2TPSTATE
)

func init() {
	show("Executions", func(t *testing.T) {
		if _, err := node("security.pax.segvguard.enabled"); err != nil {
			skip(t, "no guard against crashes here; boot a kernel with options PAX_SEGVGUARD")
		}
		j := strictest(t)
		if err := os.Chmod(filepath.Join(j.root, "tmp"), 0o1777); err != nil {
			t.Fatal(err)
		}
		a := j.actor(t, user)
		must(t, a.do(t, "fifo", "/tmp/fifo"))
		got := a.do(t, "spawn-from", program, "/tmp/fifo")
		must(t, got)
		waits, err := strconv.Atoi(got.Value)
		if err != nil {
			t.Fatal(err)
		}
		must(t, a.do(t, "crash"))
		eventually(t, "a process crashes", func() bool {
			_, err := os.Stat(filepath.Join(j.root, "tmp/crash"))
			return err == nil
		})
		time.Sleep(100 * time.Millisecond)
		ended := make(chan error, 1)
		go func() {
			cmd := exec.Command(self)
			cmd.Env = []string{roleVariable + "=exit"}
			ended <- cmd.Run()
		}()
		select {
		case err := <-ended:
			open(t, false, "the host executes a program while a jail is about to, and another of it has crashed: %v", err)
			return
		case <-time.After(time.Second):
			open(t, true, "")
		}
		if err := unix.Kill(waits, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			check(t, err == nil, "the host's program: %v", err)
		case <-time.After(replyTime):
			t.Fatal("the host executes nothing, though the process that was in the way is killed")
		}
	})
	verb("fifo", func(args []string) (string, error) { return "", unix.Mkfifo(args[0], 0o600) })
	// spawn-from PROGRAM FILE: posix_spawn(3), with a file for standard input;
	// the process id.
	verb("spawn-from", func(args []string) (string, error) {
		action, b := buffer(32) // a posix_spawn_file_actions_entry_t: FAE_OPEN of 0
		binary.LittleEndian.PutUint64(b[8:], uint64(text(args[1])))
		actions, b := buffer(16)
		binary.LittleEndian.PutUint32(b, 1)
		binary.LittleEndian.PutUint32(b[4:], 1)
		binary.LittleEndian.PutUint64(b[8:], uint64(action))
		pid, err := posixSpawn(args[0], "exit", actions)
		return strconv.Itoa(pid), err
	})
	verb("crash", func([]string) (string, error) {
		_, err := spawn("crash")
		return "", err
	})
	roles["crash"] = func() {
		standard, _ := buffer(32) // a struct sigaction with SIG_DFL
		if call(sysSigaction, uintptr(unix.SIGSEGV), standard, 0, 0, 0) == nil && os.WriteFile("/tmp/crash", nil, 0o600) == nil {
			_ = unix.Kill(os.Getpid(), unix.SIGSEGV)
			sleep()
		}
		os.Exit(1)
	}

	show("System V objects of others", func(t *testing.T) {
		const key = 0x6f746872
		host := start(t, part{UID: user})
		made := host.do(t, "segment", strconv.Itoa(key))
		must(t, made)
		id, err := strconv.Atoi(made.Value)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := removeSegment(id); err != nil {
				t.Errorf("segment %d: %v", id, err)
			}
		})
		got := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0).do(t, "attach-segment", made.Value)
		open(t, got.Error == "", "root in a jail at low attaches the memory of a user of the host: %s", got)
		got = newJail(t, secmodel.Config{Level: secmodel.Medium}).actor(t, 0).do(t, "attach-segment", made.Value)
		check(t, got.errno() == unix.EPERM || got.errno() == unix.EACCES, "and at medium: %s", got)
	})
	// attach-segment NUMBER: shared memory, to read and write.
	verb("attach-segment", func(args []string) (string, error) {
		id, err := numbers(args)
		if err != nil {
			return "", err
		}
		_, _, errno := unix.Syscall(sysShmat, uintptr(id[0]), 0, 0)
		if errno != 0 {
			return "", errno
		}
		return "", nil
	})

	show("Keys of IPsec", func(t *testing.T) {
		key := []byte("twenty secret bytes.")
		message := func(kind byte, more ...byte) []byte {
			b := []byte{keyVersion, kind, 0, 2 /* AH */, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
			b = append(b, 2, 0, 1, 0, 0, 0, 0x12, 0x34 /* SPI */, 0, 1 /* mature */, 3 /* SHA1 */, 0, 0, 0, 0, 0)
			for i, last := range []byte{1, 2} {
				b = append(b, 3, 0, byte(5+i), 0, 0, 32, 0, 0, 16, unix.AF_INET, 0, 0, 192, 0, 2, last, 0, 0, 0, 0, 0, 0, 0, 0)
			}
			b = append(b, more...)
			binary.LittleEndian.PutUint16(b[4:], uint16(len(b)/8))
			return b
		}
		s, err := unix.Socket(keySocket, unix.SOCK_RAW, keyVersion)
		if err == unix.EAFNOSUPPORT || err == unix.EPROTONOSUPPORT {
			skip(t, "no IPsec here; boot a kernel with options IPSEC")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Close(s); err != nil {
				t.Error(err)
			}
		})
		add := append([]byte{4, 0, 8, 0, 160, 0, 0, 0}, key...)
		if _, err := unix.Write(s, message(keyAdd, append(add, 0, 0, 0, 0)...)); err != nil {
			t.Fatalf("SADB_ADD: %v", err)
		}
		t.Cleanup(func() {
			if _, err := unix.Write(s, message(keyDelete)); err != nil {
				t.Errorf("SADB_DELETE: %v", err)
			}
		})
		got := strictest(t).actor(t, user).do(t, "keys")
		open(t, bytes.Contains([]byte(got.Value), key), "a user in a jail reads no key of the host's: %q (%s)", got.Value, got.Error)
	})
	verb("keys", func([]string) (string, error) {
		mib, err := node("net.key.dumpsa")
		if err != nil {
			return "", err
		}
		b := make([]byte, 4096)
		n, err := sysctl(append(mib, 0), b, nil)
		return string(b[:min(n, len(b))]), err
	})

	show("Aggregated links", func(t *testing.T) {
		for name, act := range map[string]string{"lagg0": "aggregate", "l2tp0": "end-tunnel"} {
			t.Run(name, func(t *testing.T) {
				err := onInterface(name, ifCreate)
				if err == unix.EINVAL || err == unix.ENXIO {
					skip(t, "no such interface here; boot a kernel with it")
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := onInterface(name, ifDestroy); err != nil {
						t.Error(err)
					}
				})
				got := strictest(t).actor(t, user).do(t, act, name)
				open(t, got.Error == "", "a user in a jail changes the host's %s: %s", name, got)
			})
		}
	})
	// aggregate INTERFACE: by failover, from now on.
	verb("aggregate", func(args []string) (string, error) {
		p, b := buffer(256)                     // struct lagg_req
		binary.LittleEndian.PutUint32(b, 1)     // LAGGIOC_SETPROTO
		binary.LittleEndian.PutUint32(b[4:], 2) // LAGG_PROTO_FAILOVER
		return "", setInterface(args[0], setGeneric, p)
	})
	// end-tunnel INTERFACE: down, from now on.
	verb("end-tunnel", func(args []string) (string, error) {
		p, _ := buffer(64) // struct l2tp_req with L2TP_STATE_DOWN
		return "", setInterface(args[0], setL2tpState, p)
	})
}

// setInterface asks something of an interface, with what is at p.
func setInterface(name string, request uintptr, p uintptr) error {
	return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
		var req [144]byte // struct ifreq
		copy(req[:], name)
		binary.LittleEndian.PutUint64(req[16:], uint64(p))
		return ioctl(s, request, unsafe.Pointer(&req))
	})
}
