// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import "golang.org/x/sys/unix"

// program is a classic BPF program for seccomp(2) in the making. Jumps
// are relative and short, so each system call has a block of its own that
// ends with a return, and is skipped when the number is another.
type program []unix.SockFilter

// What a program can return.
const (
	retAllow  = 0x7fff0000
	retNotify = 0x7fc00000
	retErrno  = 0x00050000 // | errno
)

// Offsets in struct seccomp_data.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

const (
	opLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opGE    = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opSet   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	opAnd   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opRet   = unix.BPF_RET | unix.BPF_K
)

func load(off uint32) unix.SockFilter {
	return unix.SockFilter{Code: opLoad, K: off}
}

// low and high load a half of an argument.
func low(arg int) unix.SockFilter  { return load(uint32(offArgs + 8*arg)) }
func high(arg int) unix.SockFilter { return load(uint32(offArgs + 8*arg + 4)) }

func mask(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: opAnd, K: k}
}

func ret(k uint32) unix.SockFilter { return unix.SockFilter{Code: opRet, K: k} }

// unless skips the next n instructions if the test holds; when skips them
// if it doesn't.
func unless(op uint16, k uint32, n int) unix.SockFilter {
	return unix.SockFilter{Code: op, K: k, Jt: uint8(n)}
}

func when(op uint16, k uint32, n int) unix.SockFilter {
	return unix.SockFilter{Code: op, K: k, Jf: uint8(n)}
}

// on adds a block for a system call; the accumulator holds its number when
// the block is skipped.
func (p *program) on(nr uintptr, block ...unix.SockFilter) {
	if len(block) == 0 {
		block = []unix.SockFilter{ret(retNotify)}
	}
	if len(block) > 255 || block[len(block)-1].Code != opRet {
		panic("a block has to end with a return")
	}
	*p = append(*p, when(opEqual, uint32(nr), len(block)))
	*p = append(*p, block...)
}
