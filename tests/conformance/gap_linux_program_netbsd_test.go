package conformance

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

func init() {
	show("Linux programs", func(t *testing.T) {
		if _, err := node("emul.linux"); err != nil {
			skip(t, "no emulation of Linux here; boot a kernel with options COMPAT_LINUX")
		}
		if runtime.GOARCH != "amd64" {
			skip(t, "the program is for amd64")
		}
		j, victim := strictest(t), newSleeper(t)
		if err := os.WriteFile(filepath.Join(j.root, "tmp/tkill"), linuxKill(victim.pid), 0o755); err != nil {
			t.Fatal(err)
		}
		a := j.actor(t, user)
		got := a.do(t, "kill", strconv.Itoa(victim.pid), "9")
		check(t, got.Error != "", "a user in a jail kills a process of the host")
		must(t, a.do(t, "posix-spawn", "/tmp/tkill", "none", "1"))
		open(t, victim.killed(), "a user in a jail does not kill a process of the host by tkill(2) of Linux")
	})
}

// linuxKill is a program that kills a thread by Linux's system call for it.
func linuxKill(thread int) []byte {
	const at, headers = 0x400000, 64 + 56
	code := []byte{0xb8, 200, 0, 0, 0, 0xbf} // mov $200, %eax; mov $thread, %edi
	code = binary.LittleEndian.AppendUint32(code, uint32(thread))
	code = append(code, 0xbe, 9, 0, 0, 0, 0x0f, 0x05) // mov $9, %esi; syscall
	code = append(code, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05)
	size := uint64(headers + len(code))
	b := []byte("\x7fELF\x02\x01\x01\x03\x00\x00\x00\x00\x00\x00\x00\x00")
	le := binary.LittleEndian
	b = le.AppendUint16(b, 2)    // ET_EXEC
	b = le.AppendUint16(b, 0x3e) // EM_X86_64
	b = le.AppendUint32(b, 1)
	for _, v := range []uint64{at + headers, 64, 0} { // entry, program headers, sections
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 1, 64, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, 5) // to read and execute
	for _, v := range []uint64{0, at, at, size, size, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return append(b, code...)
}
