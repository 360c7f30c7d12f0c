package pages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jails/tests/host"
)

// source is a path below the top of the source tree.
func source(t testing.TB, path string) string {
	t.Helper()
	top, err := host.Source()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(top, path)
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(source(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// all are the manual pages, by name: jailctl.8.
func all(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob(source(t, "share/man/*.[0-9]"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	pages := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(f)] = string(b)
	}
	return pages
}

// options are what a page documents: by verb, "" for the command itself, its
// options without dashes, in alphabetical order. A verb is an item that begins
// with Cm in the section COMMANDS, an option one that begins with Fl.
func options(page string) map[string][]string {
	found := map[string][]string{"": nil}
	verb, section := "", ""
	for line := range strings.Lines(page) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == ".Sh":
			verb, section = "", words[1]
		case words[0] == ".It" && words[1] == "Cm" && section == "COMMANDS":
			verb = words[2]
			found[verb] = nil
		case words[0] == ".It" && words[1] == "Fl":
			for i, w := range words {
				if w == "Fl" {
					found[verb] = append(found[verb], strings.TrimPrefix(words[i+1], "-"))
				}
			}
		}
	}
	for verb := range found {
		slices.Sort(found[verb])
		found[verb] = slices.Compact(found[verb])
	}
	return found
}
