// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// program is a classic BPF program for seccomp(2).
type program []unix.SockFilter

// blocks are the parts of a program in the making: what it does for each
// system call. Jumps that depend on something are short, so each ends with
// a return.
type blocks []block

type block struct {
	nr   uint32
	code program
}

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
	opJump  = unix.BPF_JMP | unix.BPF_JA
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

// on adds a block for a system call, which is to notify if it has no code.
func (b *blocks) on(nr uintptr, code ...unix.SockFilter) {
	if len(code) == 0 {
		code = program{ret(retNotify)}
	}
	if len(code) > 255 || code[len(code)-1].Code != opRet {
		panic("a block has to end with a return")
	}
	*b = append(*b, block{uint32(nr), code})
}

// program makes one of the blocks, for the number that the accumulator holds;
// rest is what it returns for all others. It finds a block by halving them:
// Linux runs a filter for each system call there is when it is installed, and
// for all that it does not always allow.
func (b blocks) program(rest unix.SockFilter) program {
	b = slices.SortedFunc(slices.Values(b), func(x, y block) int { return cmp.Compare(x.nr, y.nr) })
	for i := range len(b) - 1 {
		if b[i].nr == b[i+1].nr {
			panic("a system call has two blocks")
		}
	}
	return b.search(rest)
}

func (b blocks) search(rest unix.SockFilter) (p program) {
	const few = 4
	if len(b) <= few {
		for _, x := range b {
			p = append(append(p, when(opEqual, x.nr, len(x.code))), x.code...)
		}
		return append(p, rest)
	}
	middle := len(b) / 2
	lower := b[:middle].search(rest)
	p = program{when(opGE, b[middle].nr, 1), {Code: opJump, K: uint32(len(lower))}}
	return append(append(p, lower...), b[middle:].search(rest)...)
}
