// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

/*
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	int root, cwd, sock;	// descriptors
	mode_t mask;
	uid_t uid;
	gid_t gid;
	size_t ngroups;
	const gid_t *groups;
	const struct sockaddr *addr;
	socklen_t len;
	int error;
};

static int
there(void *arg)
{
	struct place *p = arg;

	if (fchdir(p->root) == -1 || chroot(".") == -1 || fchdir(p->cwd) == -1)
		goto failed;
	// Whoever has these ids already needs no right to set them.
	if (syscall(SYS_setgroups, p->ngroups, p->groups) == -1 &&
	    (geteuid() != p->uid || getegid() != p->gid))
		goto failed;
	setfsgid(p->gid);
	setfsuid(p->uid);
	// They answer the ids as they were; a second time tells.
	if ((gid_t)setfsgid(-1) != p->gid || (uid_t)setfsuid(-1) != p->uid) {
		errno = EPERM;
		goto failed;
	}
	umask(p->mask);
	if (bind(p->sock, p->addr, p->len) == -1)
		goto failed;
	p->error = 0;
	return 0;
failed:
	p->error = errno;
	return 0;
}

// The child has this process's memory and descriptors, but root, directory,
// mask and ids of its own, as a thread could have by unshare(2) only, which
// containers refuse.
static int
bind_there(int root, int cwd, int sock, mode_t mask, uid_t uid, gid_t gid,
    size_t ngroups, const gid_t *groups, const void *addr, socklen_t len)
{
	struct place p = { root, cwd, sock, mask, uid, gid, ngroups, groups,
	    addr, len, EIO };
	const size_t size = 64 << 10;
	sigset_t all, old;
	char *stack = malloc(size);
	pid_t pid;

	if (stack == NULL)
		return ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(there, stack + size, CLONE_VM | CLONE_FILES | CLONE_VFORK, &p);
	if (pid == -1)
		p.error = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	while (pid != -1 && waitpid(pid, NULL, __WALL) == -1 && errno == EINTR)
		continue;
	free(stack);
	return p.error;
}
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bindUnix binds a unix socket where its caller would: below the caller's
// root and directory, with its ids and mask. It can't be left to the kernel,
// because the caller could put an inet socket and address in place.
func (c *call) bindUnix(s *sock, addr []byte) error {
	if len(addr) <= 2 || addr[2] == 0 {
		return s.bind(addr) // none, or an abstract name
	}
	const how = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	root, cwd := -1, -1
	err := reach(c.st.IDs, func() (err error) {
		root, err = unix.Open(procPath(int(c.n.TID), "root"), how, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(root)
	err = reach(c.st.IDs, func() (err error) {
		cwd, err = unix.Open(procPath(int(c.n.TID), "cwd"), how, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(cwd)
	if !valid(c.l.fd, c.n.ID) {
		return unix.ESRCH
	}
	groups := make([]C.gid_t, len(c.st.Groups)+1)
	for i, g := range c.st.Groups {
		groups[i] = C.gid_t(g)
	}
	if e := C.bind_there(C.int(root), C.int(cwd), C.int(s.fd), C.mode_t(c.st.Umask), C.uid_t(c.st.IDs.UID[1]), C.gid_t(c.st.IDs.GID[1]),
		C.size_t(len(c.st.Groups)), &groups[0], unsafe.Pointer(&addr[0]), C.socklen_t(len(addr))); e != 0 {
		return unix.Errno(e)
	}
	return nil
}
