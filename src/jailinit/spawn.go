package jailinit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"jails/src/account"
	"jails/src/service"
)

// searchPath is PATH for services that are not given another.
const searchPath = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin:/usr/local/sbin:/usr/local/bin"

const closedFD = ^uintptr(0)

// spawn starts the process of service i in a session of its own.
func (p *process) spawn(i int) (int, error) {
	s := p.services[i]
	p.jobs[i].runs = s
	out, errfd := p.outputs(i)
	files := []uintptr{0, uintptr(out), uintptr(errfd)}
	notify := -1
	if s.Ready.FD > 0 {
		w, err := p.openNotify(i)
		if err != nil {
			return 0, err
		}
		notify = w
		for len(files) < s.Ready.FD {
			files = append(files, closedFD)
		}
		files = append(files, uintptr(w))
	}
	pid, err := p.execute(s, s.Command, nil, files)
	if notify >= 0 {
		unix.Close(notify)
		if err != nil {
			p.endProbe(i)
		}
	}
	return pid, err
}

// startFinish runs a service's finish command, with how its process ended in
// the environment.
func (p *process) startFinish(i int, a service.Action) {
	s := p.jobs[i].runs
	finished := func(exit service.Exit) {
		p.jobs[i].finish = 0
		if !exit.OK() {
			p.say(s.Name, "its finish command: "+exit.String())
		}
		p.happen(service.Event{Kind: service.Finished, Service: i, Exit: exit})
	}
	more := map[string]string{"JAIL_SERVICE": s.Name, "JAIL_PID": strconv.Itoa(a.PID), "JAIL_EXIT": "", "JAIL_SIGNAL": ""}
	if a.Exit.Signal != 0 {
		more["JAIL_SIGNAL"] = strings.TrimPrefix(unix.SignalName(unix.Signal(a.Exit.Signal)), "SIG")
	} else {
		more["JAIL_EXIT"] = strconv.Itoa(a.Exit.Code)
	}
	out, errfd := p.outputs(i)
	pid, err := p.execute(s, s.FinishCommand, more, []uintptr{0, uintptr(out), uintptr(errfd)})
	if err != nil {
		finished(service.Exit{Error: err.Error()})
		return
	}
	p.jobs[i].finish = pid
	p.children[pid] = func(exit service.Exit) {
		p.kill(-pid, unix.SIGKILL) // what it left behind
		finished(exit)
	}
}

// noRoom says whether a start may succeed later without anyone's doing.
func noRoom(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// execute starts a command as the service would run: its user, directory,
// environment, to which more is added, and umask.
func (p *process) execute(s *Service, command []string, more map[string]string, files []uintptr) (int, error) {
	// Looked up for each start: the jail's own files may have changed.
	id, err := account.Find(s.User, s.Group)
	if err != nil {
		return 0, err
	}
	env, path := environment(s, id, more)
	file, err := lookPath(command[0], path)
	if err != nil {
		return 0, err
	}
	directory := s.Directory
	if directory == "" {
		directory = "/"
	}
	var st unix.Stat_t
	if err := unix.Stat(directory, &st); err != nil {
		return 0, fmt.Errorf("directory %s: %w", directory, err)
	} else if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return 0, fmt.Errorf("directory %s: %w", directory, unix.ENOTDIR)
	}
	// Package syscall moves descriptors to numbers above all that it is given,
	// where the jail's limit of files may not let it.
	files = slices.Clone(files)
	for i, fd := range files {
		if fd != closedFD && fd >= streamFD {
			low, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return 0, err
			}
			defer unix.Close(low)
			files[i] = uintptr(low)
		}
	}
	unix.Umask(s.Umask)
	defer unix.Umask(0o022)
	pid, err := syscall.ForkExec(file, command, &syscall.ProcAttr{
		Dir: directory, Env: env, Files: files,
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Credential: &syscall.Credential{Uid: id.UID, Gid: id.GID, Groups: id.Groups, NoSetGroups: !p.regroup},
		},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s as %s: %w", file, id.Name, err)
	}
	return pid, nil
}

// environment is all that a service sees of any environment.
func environment(s *Service, id account.Identity, more map[string]string) (env []string, path string) {
	path = searchPath
	vars := map[string]string{
		"HOME": id.Home, "LOGNAME": id.Name, "USER": id.Name, "SHELL": id.Shell, "PATH": path,
	}
	maps.Copy(vars, s.Environment)
	maps.Copy(vars, more)
	for k, v := range vars {
		env = append(env, k+"="+v)
	}
	sort.Strings(env)
	return env, vars["PATH"]
}

// lookPath finds a command as a shell would, without its surprise of the
// current directory.
func lookPath(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	found := error(unix.ENOENT)
	for dir := range strings.SplitSeq(path, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		file := dir + "/" + name
		var st unix.Stat_t
		err := unix.Stat(file, &st)
		switch {
		case err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0:
			return file, nil
		case err == nil:
			found = unix.EACCES
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			found = err
		}
	}
	return "", fmt.Errorf("command %s: %w in %s", name, found, path)
}
