/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What the files of the shim share with each other only. */
#ifndef _HK_H_
#define _HK_H_

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/specificdata.h>

struct socket;
struct vnode;

#define	HK_MAXHELD	32
#define	HK_LW_WAITS	0x40000000	/* l_flag: one of hk_lwp_new */

enum hk_kind { HK_SPIN, HK_ADAPTIVE, HK_RW };

struct hk_held {
	struct hk_lock	*lock;
	bool		writer;
	const char	*file;
	int		line;
};

/* What a host thread does on behalf of which lwp. */
struct hk_thread {
	struct lwp	*lwp;
	int		nheld;
	int		nspin;
	int		listener;	/* depth, of listeners that can't sleep */
	long		taken;		/* locks, so far */
	long		allocated;	/* blocks, so far */
	long		model_taken;	/* of these by the model's listeners */
	long		model_allocated;
	int		answer;		/* of the model, to the last question */
	struct hk_held	held[HK_MAXHELD];
};

extern __thread struct hk_thread hk_self;

void	hk_lock_order(kmutex_t *first, kmutex_t *second);
void	hk_assert_nospin(const char *, int);
bool	hk_fault(void);		/* true: the fallible call must fail */

void	hk_specific_init(specificdata_reference *);
void	hk_specific_fini(specificdata_reference *);
void	*hk_specific_get(specificdata_reference *, specificdata_key_t);
void	hk_specific_set(specificdata_reference *, specificdata_key_t, void *);
int	hk_specific_key(bool *, specificdata_key_t *);

extern bool hk_booted;		/* the kernel's own listeners are there */

void	hk_kauth_init(void);
void	hk_defaults_init(void);
void	hk_proc_init(void);
void	hk_sysctl_init(void);
void	hk_vfs_init(void);
void	hk_socket_init(void);
void	hk_socket_bound(struct socket *, u_int port);
/* The vnode of an inode, referenced; it keeps fd, which may be -1. */
struct vnode *hk_vget(uint64_t dev, uint64_t ino, unsigned int mode,
    uint64_t rdev, int fd);
void	hk_cred_setids(kauth_cred_t, const unsigned int *uids,
    const unsigned int *gids);

#endif
