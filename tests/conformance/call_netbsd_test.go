package conformance

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kept are the bytes that system calls were given addresses of.
var kept [][]byte

// buffer is the address of n zero bytes, and the bytes.
func buffer(n int) (uintptr, []byte) {
	b := make([]byte, n)
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0])), b
}

// text is the address of a C string.
func text(s string) uintptr {
	p, b := buffer(len(s) + 1)
	copy(b, s)
	return p
}

// bytesAt is the address of a copy of b.
func bytesAt(b []byte) uintptr {
	p, c := buffer(max(len(b), 1))
	copy(c, b)
	return p
}

// call is a system call by its number.
func call(number uintptr, args ...uintptr) error {
	_, err := result(number, args...)
	return err
}

func result(number uintptr, args ...uintptr) (int, error) {
	var a [9]uintptr
	copy(a[:], args)
	r, _, errno := unix.Syscall9(number, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8])
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// sysctl reads and writes a node; it returns how much there is to read.
func sysctl(mib []int32, old, new []byte) (int, error) {
	size := uintptr(len(old))
	_, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
		uintptr(unsafe.Pointer(unsafe.SliceData(old))), uintptr(unsafe.Pointer(&size)),
		uintptr(unsafe.Pointer(unsafe.SliceData(new))), uintptr(len(new)))
	if errno != 0 {
		return int(size), errno
	}
	return int(size), nil
}

// node is a sysctl node's number, by its name.
func node(name string) ([]int32, error) {
	const size = int(unsafe.Sizeof(unix.Sysctlnode{}))
	var mib []int32
	version := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1}
	query := unsafe.Slice((*byte)(unsafe.Pointer(&version)), size)
next:
	for _, part := range strings.Split(name, ".") {
		nodes := make([]unix.Sysctlnode, 256)
		n, err := sysctl(append(mib[:len(mib):len(mib)], unix.CTL_QUERY),
			unsafe.Slice((*byte)(unsafe.Pointer(&nodes[0])), len(nodes)*size), query)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, have := range nodes[:n/size] {
			if unix.ByteSliceToString(unsafe.Slice((*byte)(unsafe.Pointer(&have.Name[0])), len(have.Name))) == part {
				mib = append(mib, have.Num)
				continue next
			}
		}
		return nil, fmt.Errorf("no node %s in %s", part, name)
	}
	return mib, nil
}

// rewrite writes to a node what it holds.
func rewrite(name string) error {
	mib, err := node(name)
	if err != nil {
		return err
	}
	return rewriteAt(mib)
}

func rewriteAt(mib []int32) error {
	b := make([]byte, 1024)
	n, err := sysctl(mib, b, nil)
	if err != nil {
		return err
	}
	_, err = sysctl(mib, nil, b[:n])
	return err
}

// read reads a node.
func read(name string) error {
	mib, err := node(name)
	if err != nil {
		return err
	}
	_, err = sysctl(mib, make([]byte, 1024), nil)
	return err
}
