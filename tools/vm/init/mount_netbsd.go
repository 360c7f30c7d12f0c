package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const mountUpdate = 0x10000 // MNT_UPDATE

// mountAll makes the root writable, mounts the memory file systems that
// programs expect, and gives the loopback interface its address.
func mountAll() error {
	// struct ufs_args is a pointer to the device's name, unused here.
	if err := mount("ffs", "/", mountUpdate, make([]byte, 8)); err != nil {
		return err
	}
	for _, dir := range []string{"/tmp", "/var"} {
		if err := mount("tmpfs", dir, 0, tmpfsArgs(dir)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/var/tmp", "/var/run", "/var/log"} {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("mkdir %s: %w", dir, err)
		}
	}
	// struct procfs_args: version, flags.
	if err := mount("procfs", "/proc", 0, words(1, 0)); err != nil {
		return err
	}
	// struct ptyfs_args: version, group, mode, flags.
	if err := mount("ptyfs", "/dev/pts", 0, words(2, 4, 0o620, 0)); err != nil {
		return err
	}
	return loopback()
}

// tmpfsArgs is a struct tmpfs_args without limits.
func tmpfsArgs(dir string) []byte {
	b := make([]byte, 40)
	mode := uint32(0o755)
	if dir == "/tmp" {
		mode = 0o1777
	}
	binary.LittleEndian.PutUint32(b[0:], 1) // version
	binary.LittleEndian.PutUint32(b[32:], mode)
	return b
}

func words(w ...uint32) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func mount(kind, dir string, flags uintptr, args []byte) error {
	k, err := unix.BytePtrFromString(kind)
	if err != nil {
		return err
	}
	d, err := unix.BytePtrFromString(dir)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_MOUNT, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(d)), flags,
		uintptr(unsafe.Pointer(&args[0])), uintptr(len(args)), 0)
	if errno != 0 {
		return fmt.Errorf("mount %s on %s: %w", kind, dir, errno)
	}
	return nil
}

// loopback does what ifconfig lo0 127.0.0.1 does, which brings it up too.
func loopback() error {
	const setAddress = 0x8090690c // SIOCSIFADDR
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("lo0: socket: %w", err)
	}
	defer unix.Close(s)
	var req [144]byte // struct ifreq
	copy(req[:], "lo0")
	copy(req[16:], []byte{16, unix.AF_INET, 0, 0, 127, 0, 0, 1})
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), setAddress, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return fmt.Errorf("lo0: SIOCSIFADDR: %w", errno)
	}
	return nil
}
