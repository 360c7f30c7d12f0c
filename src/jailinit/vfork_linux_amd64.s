#include "textflag.h"

// func vfork() (pid uintptr, errno syscall.Errno)
//
// clone(CLONE_VM|CLONE_VFORK|SIGCHLD) on this stack. The return address is kept
// in a register: where it was, the child has written when the parent goes on.
TEXT ·vfork(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ	$56, AX
	MOVQ	$0x4111, DI
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	POPQ	R12
	SYSCALL
	PUSHQ	R12
	CMPQ	AX, $-4095
	JCC	failed
	MOVQ	AX, pid+0(FP)
	MOVQ	$0, errno+8(FP)
	RET
failed:
	NEGQ	AX
	MOVQ	$0, pid+0(FP)
	MOVQ	AX, errno+8(FP)
	RET
