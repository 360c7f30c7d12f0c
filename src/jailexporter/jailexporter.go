// Package jailexporter is the command jail-exporter: it serves the metrics of
// all jails to Prometheus, and needs no privilege for it.
package jailexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/signal"
	"path"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/durable"
	"jails/src/exit"
	"jails/src/metrics"
	"jails/src/secmodel"
)

// listenAddress is the default: a port above the range that is given out to
// exporters, which is full.
const listenAddress = "127.0.0.1:10452"

// Main runs the command and returns its exit status, one of sysexits(3).
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command.Run(App(), args, stdin, stdout, stderr)
}

// App describes the command line.
func App() *cli.App {
	return &cli.App{
		Name:            "jail-exporter",
		Usage:           "serve the metrics of all jails to Prometheus",
		UsageText:       "jail-exporter [options]",
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{
				Name:  "web.listen-address",
				Usage: "serve on `HOST:PORT`; may be given more than once",
				Value: cli.NewStringSlice(listenAddress),
			},
			&cli.StringFlag{
				Name:  "web.telemetry-path",
				Usage: "serve the metrics under `PATH`",
				Value: "/metrics",
			},
			&cli.StringFlag{
				Name:  "web.config.file",
				Usage: "read TLS and authentication settings from `FILE`",
			},
			&cli.StringFlag{
				Name:  "output.file",
				Usage: "write the jails' metrics to `FILE` once, - for standard output, and exit",
			},
			&cli.StringFlag{
				Name:  "pid.file",
				Usage: "keep the process id in `FILE` while serving",
			},
			&cli.StringFlag{
				Name:  "log.level",
				Usage: "log at `LEVEL` and above: debug, info, warn, error",
				Value: "info",
			},
		},
		Action: run,
	}
}

// usage makes an error for a command line that can not be understood.
func usage(format string, args ...any) error {
	return exit.With(fmt.Errorf(format, args...), exit.Usage, "see: jail-exporter --help")
}

func open() (reader, error) { return secmodel.Open() }

func run(c *cli.Context) error {
	if c.Args().Present() {
		return usage("unexpected argument %q", c.Args().First())
	}
	level, err := zerolog.ParseLevel(c.String("log.level"))
	if err != nil || level < zerolog.DebugLevel || level > zerolog.ErrorLevel {
		return usage("log.level %q is none of debug, info, warn, error", c.String("log.level"))
	}
	if file := c.String("output.file"); file != "" {
		return writeOnce(open, file, c.App.Writer)
	}
	s := settings{
		addresses: c.StringSlice("web.listen-address"),
		path:      c.String("web.telemetry-path"),
		config:    c.String("web.config.file"),
		pidFile:   c.String("pid.file"),
	}
	if err := s.check(); err != nil {
		return err
	}
	logger := zerolog.New(c.App.ErrWriter).Level(level).With().Timestamp().Str("command", "jail-exporter").Logger()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return serve(ctx, open, s, slog.New(zerolog.NewSlogHandler(logger)))
}

// settings of a server.
type settings struct {
	addresses []string
	path      string // of the metrics
	config    string // file of TLS and authentication settings, or ""
	pidFile   string // or ""
}

func (s *settings) check() error {
	for _, a := range s.addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return usage("web.listen-address %q is not HOST:PORT", a)
		}
	}
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~/", r)
	}
	if len(s.path) < 2 || s.path[0] != '/' || path.Clean(s.path) != s.path || strings.ContainsFunc(s.path, odd) {
		return usage("web.telemetry-path %q is not a path such as /metrics", s.path)
	}
	return nil
}

// writeOnce writes the table in text format, as node_exporter's textfile
// collector reads it: the file is complete or not there.
func writeOnce(open func() (reader, error), file string, stdout io.Writer) error {
	s, err := (&gatherer{open: open}).snapshot()
	if err != nil {
		return err
	}
	if file == "-" {
		return exit.With(metrics.WriteText(stdout, &s), exit.IO, "")
	}
	var b bytes.Buffer
	if err := metrics.WriteText(&b, &s); err != nil {
		return err
	}
	return exit.With(durable.WriteFile(file, b.Bytes(), 0o644, false), exit.IO, "")
}
