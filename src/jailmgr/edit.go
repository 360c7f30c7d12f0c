package jailmgr

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/durable"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/output"
)

func editCommand() *cli.Command {
	return &cli.Command{
		Name:         "edit",
		Usage:        "change a jail's definition",
		ArgsUsage:    "NAME",
		BashComplete: completeJails,
		Description: "With options, these keys are changed, and comments kept; without, $EDITOR is\n" +
			"run on a copy, which takes the definition's place once it is valid. A jail\n" +
			"that runs keeps what it was started with until: jailmgr reload NAME.",
		Flags:  append(choices(), command.JSON()),
		Action: on(withKernel, edit),
	}
}

func edit(ctx context.Context, h *host) error {
	name, err := one(h.c)
	if err != nil {
		return err
	}
	path := h.Layout.Definition(name)
	old, err := jail.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &lifecycle.UnknownError{Name: name}
	}
	if err != nil {
		return err
	}
	settings, err := h.Layout.LoadSettings()
	if err != nil {
		return err
	}
	var text []byte
	if chosen(h.c) {
		if text, err = setKeys(h.c, path, old); err == nil {
			_, err = jail.Decode(path, text, settings)
		}
	} else {
		text, err = h.inEditor(ctx, path, old, settings)
	}
	if err != nil {
		return err
	}
	changed := !bytes.Equal(text, old)
	if changed {
		if err := h.replace(name, old, text); err != nil {
			return err
		}
		audit.From(h.c.Context).File(path, old, text)
		if condition, err := h.Condition(name); err == nil && condition == lifecycle.Running {
			h.note(name, "it runs with the old definition until: jailmgr reload "+name)
		}
	}
	switch {
	case h.c.Bool("json"):
		return output.JSON(h.c.App.Writer, edited{name, path, changed, append([]string{}, h.told(name)...)})
	case changed:
		h.line("Changed jail %s (%s)", name, path)
	}
	return nil
}

// edited is what edit did, as JSON.
type edited struct {
	Name       string   `json:"name"`
	Definition string   `json:"definition"`
	Changed    bool     `json:"changed"`
	Notes      []string `json:"notes"`
}

// replace writes a definition, unless someone else has changed it.
func (h *host) replace(name string, old, text []byte) (err error) {
	lock, err := h.Layout.Lock(name, "edit")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	path := h.Layout.Definition(name)
	now, err := jail.Read(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) {
		return exit.With(fmt.Errorf("%s was changed by someone else in the meantime", path), exit.Temporary, "nothing was changed; try again")
	}
	// A link stays one.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	return durable.WriteFile(path, text, st.Mode().Perm(), false)
}

// setKeys makes the changes that options ask for.
func setKeys(c *cli.Context, path string, text []byte) ([]byte, error) {
	set := map[string]string{}
	for flag, key := range map[string]string{"port": "ports", "allow": "allow", "deny": "deny"} {
		if c.IsSet(flag) {
			set[key] = jail.QuoteList(values(c, flag))
		}
	}
	for _, key := range []string{"strict", "observe", "autostart"} {
		if c.IsSet(key) {
			set[key] = strconv.FormatBool(c.Bool(key))
		}
	}
	if c.IsSet("level") {
		set["level"] = jail.Quote(c.String("level"))
	}
	if c.IsSet("processes") {
		n, err := number(c)
		if err != nil {
			return nil, err
		}
		set["processes"] = strconv.FormatUint(uint64(n), 10)
	}
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var err error
	for _, key := range keys {
		if text, err = jail.SetKey(path, text, key, set[key]); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// inEditor lets the administrator change a copy until it is valid.
func (h *host) inEditor(ctx context.Context, path string, old []byte, settings *jail.Settings) (_ []byte, err error) {
	line := os.Getenv("VISUAL")
	if line == "" {
		line = os.Getenv("EDITOR")
	}
	if line == "" {
		if line = "vi"; !onTerminal(h.c.App.Reader) {
			return nil, command.Usage(h.c, errors.New("there is no terminal to edit on: say by options what to change, or set EDITOR"))
		}
	}
	argv, err := split(line)
	if err != nil || len(argv) == 0 {
		return nil, command.Usage(h.c, fmt.Errorf("bad $EDITOR %q", line))
	}
	f, err := os.CreateTemp("", "jail.*.toml")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(old)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	answers := bufio.NewReader(h.c.App.Reader)
	for {
		// What is typed to interrupt it is the editor's, and no end of ours.
		cmd := exec.Command(argv[0], append(argv[1:], f.Name())...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, exit.With(fmt.Errorf("editor %s: %w", argv[0], err), exit.Software, "nothing was changed")
		}
		text, err := jail.Read(f.Name())
		if err != nil {
			return nil, err
		}
		_, err = jail.Decode(path, text, settings)
		if err == nil || !errors.Is(err, jail.ErrInvalid) {
			return text, err
		}
		if !onTerminal(h.c.App.Reader) {
			return nil, exit.With(err, exit.Config, "nothing was changed")
		}
		fmt.Fprintf(h.c.App.ErrWriter, "%v\nedit again? [Y/n] ", err)
		asking, stop := signal.NotifyContext(context.WithoutCancel(ctx), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
		answer, readErr := input(asking, func() (string, error) { return answers.ReadString('\n') })
		stop()
		if a := strings.ToLower(strings.TrimSpace(answer)); a == "n" || a == "no" || readErr != nil {
			return nil, exit.With(err, exit.Config, "nothing was changed")
		}
	}
}
