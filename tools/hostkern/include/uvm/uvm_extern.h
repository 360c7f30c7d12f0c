/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_UVM_UVM_EXTERN_H_
#define _HOSTKERN_UVM_UVM_EXTERN_H_

#include <sys/types.h>

typedef int64_t		segsz_t;

struct vm_map {
	vsize_t		size;	/* bytes */
};

struct vmspace {
	struct vm_map	vm_map;
	segsz_t		vm_tsize;	/* pages */
	segsz_t		vm_dsize;
	segsz_t		vm_ssize;
	segsz_t		vm_resident;
	u_int		vm_refcnt;
};

static inline long
vm_resident_count(const struct vmspace *vm)
{

	return (long)vm->vm_resident;
}

#endif
