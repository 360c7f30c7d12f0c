/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef _LISTMUTEX_H_
#define _LISTMUTEX_H_

void	hk_list_listen(void);
void	hk_list_unlisten(void);

#endif
