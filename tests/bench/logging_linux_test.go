package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// keeper keeps the lines of a service in files of bounded size.
type keeper interface {
	// begin starts the site's one service, which writes so many lines, and
	// keeps them in the site's directory of logs.
	begin(b *testing.B, s *site, lines, each int)
	// pid is the process that does so.
	pid(b *testing.B) int
	// files are those of the log, the oldest first and the current one last.
	files(b *testing.B, s *site) []string
	ender
}

const (
	lineLength = 80
	logLines   = 2_500_000
	logRounds  = 3
	logSize    = 10_000_000 // bytes of a file
	logFiles   = 60         // more than all lines need
)

func ratioAtLeast(least float64) *goal { return &goal{Of: "ratio", Least: &least} }

// BenchmarkLogging compares the supervisor with others that keep what services
// write: the same numbered lines, with rotation, until the last of them is in
// a file. Each line must be there once, in its place.
func BenchmarkLogging(b *testing.B) {
	h := host.New(b)
	all := slices.DeleteFunc(present(b), func(c competitor) bool { return c.log == nil })
	for _, way := range []struct {
		name        string
		lines, each int // at a time
	}{{"written by 64 KB", logLines, 64 << 10 / lineLength}, {"written one by one", logLines / 2, 1}} {
		seconds, processor, wrong := make([][]time.Duration, len(all)), make([][]time.Duration, len(all)), make([]int, len(all))
		for range logRounds {
			for c := range all {
				took, cpu, bad := kept(b, all[c].log(b, h), newSite(b, h, "log", 1), way.lines, way.each)
				seconds[c] = append(seconds[c], took)
				processor[c] = append(processor[c], cpu)
				wrong[c] += bad
			}
		}
		lines := func(c int) float64 { return float64(way.lines) / median(seconds[c]).Seconds() }
		compare(b, all, "log of lines "+way.name, "kB/s", ratioAtLeast(1), func(c int) float64 { return lines(c) * lineLength / 1e3 })
		compare(b, all, "  lines", "/s", nil, lines)
		compare(b, all, "  processor time of 1 GB", "s", nil, func(c int) float64 {
			return median(processor[c]).Seconds() / float64(way.lines) / lineLength * 1e9
		})
		for c := range all {
			f := figure{Name: "  lines lost, doubled or in a wrong place: " + all[c].name, Ours: float64(wrong[c])}
			if c < firstPeer {
				f.Goal = oursAtMost(0)
			}
			add(b, f)
		}
	}
}

// kept runs a service until all of its lines are kept: how long that took, by
// the clock and of the processors, and how many lines are not as they should
// be.
func kept(b *testing.B, k keeper, s *site, lines, each int) (took, processor time.Duration, wrong int) {
	b.Helper()
	if err := os.Mkdir(s.logs(), 0o755); err != nil {
		b.Fatal(err)
	}
	// Not after begin, which may take longer than the writing.
	ended := make(chan time.Duration)
	go func() {
		defer close(ended)
		last, file := fmt.Appendf(nil, "%010d ", lines), filepath.Join(s.logs(), "current")
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if bytes.HasPrefix(lastText(file), last) {
				ended <- monotonic(b)
				return
			}
		}
	}()
	k.begin(b, s, lines, each)
	first := s.next(b)
	if at, ok := <-ended; ok {
		took = at - first.at
	} else {
		b.Fatalf("%s: the last line is not kept", s.dir)
	}
	processor = processorTime(b, k.pid(b))
	wrong = misplaced(b, k.files(b, s), lines)
	s.services = []int{first.pid}
	stopped(b, k, s)
	return took, processor, wrong
}

// logs is the directory of the site's log.
func (s *site) logs() string { return filepath.Join(s.dir, "log") }

// lastText is what the service has written as the last line of a file.
func lastText(file string) []byte {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var text [lineLength]byte
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	if _, err := f.ReadAt(text[:], info.Size()-lineLength); err != nil {
		return nil
	}
	return text[:]
}

// misplaced counts the lines that are not there once and after the one before.
func misplaced(b *testing.B, files []string, lines int) (wrong int) {
	b.Helper()
	next := 1
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		scan := bufio.NewScanner(f)
		for scan.Scan() {
			text := scan.Bytes()
			// Ours keeps what jail-init says in the same file.
			if len(text) < lineLength-1 || bytes.Contains(text, []byte(" jail-init err ")) {
				continue
			}
			text = text[len(text)-lineLength+1:]
			n, err := strconv.Atoi(string(text[:10]))
			if err != nil {
				continue
			}
			if n < next {
				wrong++
				continue
			}
			wrong += n - next
			next = n + 1
		}
		if err := scan.Err(); err != nil {
			b.Fatal(err)
		}
	}
	return wrong + lines + 1 - next
}

// rotated are the files of a pattern in their order, and current.
func rotated(b *testing.B, s *site, pattern string) []string {
	b.Helper()
	list, err := filepath.Glob(filepath.Join(s.logs(), pattern))
	if err != nil {
		b.Fatal(err)
	}
	slices.Sort(list)
	return append(list, filepath.Join(s.logs(), "current"))
}

// pipeKeeper is a program that keeps what it reads.
type pipeKeeper struct {
	running
	logger  func(b *testing.B, dir string) *exec.Cmd
	service *exec.Cmd
}

func (k *pipeKeeper) begin(b *testing.B, s *site, lines, each int) {
	b.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	cmd := k.logger(b, s.logs())
	cmd.Stdin = read
	k.run(b, cmd)
	k.service = exec.Command(s.program(), strconv.Itoa(lines), strconv.Itoa(each))
	k.service.Dir, k.service.Stdout = s.service(0), write
	k.service.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := k.service.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { // if the benchmark fails
		_ = k.service.Process.Kill()
		_ = k.service.Wait()
	})
}

func (k *pipeKeeper) pid(b *testing.B) int { return k.top(b) }

func (k *pipeKeeper) files(b *testing.B, s *site) []string { return rotated(b, s, "@*") }

func (k *pipeKeeper) stop(b *testing.B) {
	b.Helper()
	if err := k.service.Process.Signal(unix.SIGTERM); err != nil {
		b.Fatal(err)
	}
	_ = k.service.Wait() // by the signal
	k.end(b, 0, 0)
}
