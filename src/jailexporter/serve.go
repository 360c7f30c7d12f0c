package jailexporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"

	"jails/src/command"
	"jails/src/exit"
)

const (
	scrapesAtOnce = 4 // more are told to come again
	drain         = 5 * time.Second
)

// serve answers scrapes until ctx ends, then lets those under way finish.
func serve(ctx context.Context, open func() (reader, error), s settings, log *slog.Logger) error {
	if s.config != "" {
		// Read it before a socket is open, to fail at start; it is read
		// again for each connection.
		if err := web.Validate(s.config); err != nil {
			return exit.With(fmt.Errorf("%s: %w", s.config, err), exit.Config, "see: man jail-exporter")
		}
	}
	handler, err := handler(open, s.path, log)
	if err != nil {
		return err
	}
	listeners, err := listen(s.addresses)
	if err != nil {
		return err
	}
	if s.pidFile != "" {
		if err := os.WriteFile(s.pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			closeAll(listeners)
			return exit.With(err, exit.CantCreate, "")
		}
		defer os.Remove(s.pidFile)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() {
		done <- web.ServeMultiple(listeners, server, &web.FlagConfig{WebConfigFile: &s.config}, log)
	}()
	select {
	case err := <-done:
		closeAll(listeners)
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping")
	last, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		log.Warn("scrapes cut off", "error", err)
		server.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func listen(addresses []string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			closeAll(listeners)
			return nil, exit.With(err, exit.Unavailable, "choose another address with --web.listen-address")
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// handler serves the metrics under path and a page that links to them.
func handler(open func() (reader, error), path string, log *slog.Logger) (http.Handler, error) {
	own := prometheus.NewRegistry()
	own.MustRegister(process(), collectors.NewGoCollector())
	g := &gatherer{open: open, own: own, failed: func(err error) {
		log.Error("no snapshot", "error", err)
	}}
	page, err := web.NewLandingPage(web.LandingConfig{
		Name:        "jail-exporter",
		Description: "Metrics of the jails on this host",
		Version:     command.Version(),
		Profiling:   "false",
		Links:       []web.LandingLinks{{Address: path, Text: "Metrics"}},
	})
	if err != nil {
		return nil, fmt.Errorf("landing page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle(path, promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
		DisableCompression:  true, // it would cost more than all the rest
	}))
	return mux, nil
}
