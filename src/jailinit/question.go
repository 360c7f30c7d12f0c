package jailinit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
	"jails/src/service"
)

// Check is how to find out how a service is; one of the two is set.
type Check struct {
	Addr string // "127.0.0.1:8080": it accepts connections there
	Path string // a program that exits 0
}

// question is one such check. It is answered once, with what is wrong, or with
// "" if nothing is; unless it is dropped.
type question struct {
	p       *process
	service int
	limit   time.Duration
	answer  func(wrong string)
	over    bool
	late    bool
	fd      int // the socket, or -1
	pid     int // of the program, or 0
	timer   *event.Timer
}

// ask begins a check. The answer may come before ask returns.
func (q *question) ask(c Check) {
	q.fd = -1
	q.timer = q.p.loop.After(q.limit, q.timeOver)
	if c.Addr != "" {
		q.connect(c.Addr)
	} else {
		q.execute(c.Path)
	}
}

func (q *question) done(wrong string) {
	if !q.over {
		q.end()
		q.answer(wrong)
	}
}

func (q *question) end() {
	q.over = true
	q.timer.Stop()
	if q.fd >= 0 {
		q.p.loop.Forget(q.fd)
		unix.Close(q.fd)
		q.fd = -1
	}
}

// drop ends a question, if there is one, without an answer.
func (q *question) drop() {
	if q != nil && !q.over {
		q.end()
		q.killProgram()
	}
}

func (q *question) killProgram() {
	if q.pid != 0 {
		q.p.killGroup(q.pid)
	}
}

func (q *question) timeOver() {
	if q.pid != 0 {
		q.late = true
		q.killProgram() // its end is the answer
		return
	}
	q.done("no answer within " + q.limit.String())
}

func (q *question) connect(addr string) {
	fd, now, err := q.p.system.connect(addr)
	q.fd = fd
	if err == nil && !now {
		err = q.p.loop.Watch(fd, event.Writable, func(event.Mode) { q.connection(addr, q.p.system.connected(fd)) })
		if err == nil {
			return
		}
	}
	q.connection(addr, err)
}

func (q *question) connection(addr string, err error) {
	if err != nil {
		q.done(addr + ": " + err.Error())
		return
	}
	q.done("")
}

func (q *question) execute(path string) {
	q.p.litter += startLitter
	_, errfd := q.p.outputs(q.service)
	pid, err := q.p.system.start(q.p.jobs[q.service].runs, []string{path}, nil, []uintptr{0, uintptr(errfd), uintptr(errfd)})
	if err != nil {
		q.done(err.Error())
		return
	}
	q.pid = pid
	q.p.children[pid] = func(exit service.Exit) {
		q.p.kill(-pid, unix.SIGKILL) // what it left behind
		q.pid = 0
		switch {
		case q.late:
			q.done(fmt.Sprintf("%s took longer than %s", path, q.limit))
		case exit.OK():
			q.done("")
		default:
			q.done(path + " " + exit.String())
		}
	}
}
