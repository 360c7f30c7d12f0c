/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _HOSTKERN_SYS_MODULE_H_
#define _HOSTKERN_SYS_MODULE_H_

#include <sys/types.h>

typedef enum modcmd {
	MODULE_CMD_INIT,
	MODULE_CMD_FINI,
	MODULE_CMD_STAT,
	MODULE_CMD_AUTOUNLOAD
} modcmd_t;

typedef enum modclass {
	MODULE_CLASS_ANY,
	MODULE_CLASS_MISC,
	MODULE_CLASS_VFS,
	MODULE_CLASS_DRIVER,
	MODULE_CLASS_EXEC,
	MODULE_CLASS_SECMODEL,
	MODULE_CLASS_BUFQ,
	MODULE_CLASS_MAX
} modclass_t;

typedef struct modinfo {
	modclass_t	mi_class;
	int		(*mi_modcmd)(modcmd_t, void *);
	const char	*mi_name;
	const char	*mi_required;
} modinfo_t;

/* The shim finds the model by its modinfo. */
#define	MODULE(c, n, r)							\
static int n##_modcmd(modcmd_t, void *);				\
const modinfo_t n##_modinfo = {						\
	.mi_class = (c), .mi_modcmd = n##_modcmd, .mi_name = #n,	\
	.mi_required = (r)						\
}

#endif
