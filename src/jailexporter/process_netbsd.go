package jailexporter

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// process collects this process's own metrics. The library's collector reads a
// /proc like Linux's, which NetBSD has not.
func process() prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("process_"+name, help, nil, nil)
	}
	return &processCollector{
		cpu:       desc("cpu_seconds_total", "Total user and system CPU time spent in seconds."),
		openFDs:   desc("open_fds", "Number of open file descriptors."),
		maxFDs:    desc("max_fds", "Maximum number of open file descriptors."),
		resident:  desc("resident_memory_bytes", "Resident memory size in bytes."),
		virtual:   desc("virtual_memory_bytes", "Virtual memory size in bytes."),
		startTime: desc("start_time_seconds", "Start time of the process since unix epoch in seconds."),
	}
}

type processCollector struct {
	cpu, openFDs, maxFDs, resident, virtual, startTime *prometheus.Desc
}

func (c *processCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.cpu, c.openFDs, c.maxFDs, c.resident, c.virtual, c.startTime} {
		ch <- d
	}
}

func (c *processCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		ch <- prometheus.NewInvalidMetric(c.cpu, fmt.Errorf("getrusage: %w", err))
	} else {
		ns := usage.Utime.Nano() + usage.Stime.Nano()
		ch <- prometheus.MustNewConstMetric(c.cpu, prometheus.CounterValue, float64(ns)/1e9)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		ch <- prometheus.NewInvalidMetric(c.maxFDs, fmt.Errorf("getrlimit: %w", err))
	} else {
		gauge(c.maxFDs, float64(limit.Cur))
	}
	if n, err := openDescriptors(); err != nil {
		ch <- prometheus.NewInvalidMetric(c.openFDs, err)
	} else {
		gauge(c.openFDs, float64(n))
	}
	p, err := self()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.resident, err)
		return
	}
	gauge(c.resident, p.resident)
	gauge(c.virtual, p.virtual)
	gauge(c.startTime, p.started)
}

// openDescriptors counts; F_MAXFD is the highest number in use.
func openDescriptors() (int, error) {
	highest, err := unix.FcntlInt(0, unix.F_MAXFD, 0)
	if err != nil {
		return 0, fmt.Errorf("fcntl F_MAXFD: %w", err)
	}
	n := 0
	for fd := 0; fd <= highest; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n, nil
}

type selfUse struct {
	resident, virtual float64 // bytes
	started           float64 // seconds since 1970
}

// self asks kern.proc2 for this process. The offsets are struct kinfo_proc2's,
// which has fixed-size fields and grows only at its end.
func self() (u selfUse, err error) {
	const (
		kernProcPID = 1   // KERN_PROC_PID
		size        = 680 // with p_vm_msize
		offResident = 432 // p_vm_rssize, int32, pages
		offStart    = 456 // p_ustart_sec and _usec, uint32
		offVirtual  = 664 // p_vm_vsize, int64, pages
	)
	b, err := unix.SysctlRaw("kern.proc2", kernProcPID, os.Getpid(), size, 1)
	if err != nil {
		return u, fmt.Errorf("sysctl kern.proc2: %w", err)
	}
	if len(b) < size {
		return u, fmt.Errorf("sysctl kern.proc2: %d bytes, want %d", len(b), size)
	}
	page := float64(os.Getpagesize())
	u.resident = float64(binary.NativeEndian.Uint32(b[offResident:])) * page
	u.virtual = float64(binary.NativeEndian.Uint64(b[offVirtual:])) * page
	u.started = float64(binary.NativeEndian.Uint32(b[offStart:])) +
		float64(binary.NativeEndian.Uint32(b[offStart+4:]))/1e6
	return u, nil
}
