package pages

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jails/src/jail"
	"jails/src/secmodel"
)

// keys are the keys of a definition's tables: "", limits, mount, service …
func keys(t reflect.Type, table string, found map[string][]string) {
	for f := range t.Fields() {
		key := f.Tag.Get("toml")
		if key == "" || key == "-" {
			continue
		}
		ft := f.Type
		for ft.Kind() == reflect.Pointer || ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		if ft.Kind() != reflect.Struct || ft == reflect.TypeFor[jail.Duration]() {
			found[table] = append(found[table], key)
			continue
		}
		below := key
		if table != "" {
			below = table + "." + key
		}
		found[below] = nil
		keys(ft, below, found)
	}
	slices.Sort(found[table])
}

var (
	tableHead = regexp.MustCompile(`^\.Ss The table (\S+)`)
	keyItem   = regexp.MustCompile(`^\.It Ic (\S+)`)
)

// documented are the keys in a page, in the form of keys.
func documented(page string) map[string][]string {
	found := map[string][]string{}
	table, in := "", false
	for line := range strings.Lines(page) {
		if m := tableHead.FindStringSubmatch(line); m != nil {
			table, in = m[1], true
			found[table] = nil
		} else if strings.HasPrefix(line, ".Sh ") || strings.HasPrefix(line, ".Ss ") {
			table, in = "", strings.HasPrefix(line, ".Ss The top")
		} else if m := keyItem.FindStringSubmatch(line); m != nil && in {
			found[table] = append(found[table], m[1])
		}
	}
	for table := range found {
		slices.Sort(found[table])
	}
	return found
}

func TestDefinitionPage(t *testing.T) {
	want := map[string][]string{}
	keys(reflect.TypeFor[jail.Definition](), "", want)
	want["limits"] = secmodel.LimitNames()
	slices.Sort(want["limits"])
	want["service.limits"] = nil // those of limits
	if diff := cmp.Diff(want, documented(read(t, "share/man/jail.toml.5"))); diff != "" {
		t.Errorf("jail.toml.5 (+) does not have the keys of a definition (-):\n%s", diff)
	}
}

func TestSettingsPage(t *testing.T) {
	want := map[string][]string{}
	keys(reflect.TypeFor[jail.Settings](), "", want)
	keys(reflect.TypeFor[jail.Defaults](), "defaults", want)
	// What is as in a definition is told there.
	for table := range want {
		if strings.HasPrefix(table, "defaults.") {
			delete(want, table)
		}
	}
	want["defaults"] = append(want["defaults"], "limits", "log")
	slices.Sort(want["defaults"])
	if diff := cmp.Diff(want, documented(read(t, "share/man/jailmgr.toml.5"))); diff != "" {
		t.Errorf("jailmgr.toml.5 (+) does not have the settings' keys (-):\n%s", diff)
	}
}

// literal is the first display of a page's section.
func literal(t *testing.T, page, section string) string {
	t.Helper()
	_, text, ok := strings.Cut(page, "\n.Sh "+section+"\n")
	if !ok {
		t.Fatalf("no section %s", section)
	}
	_, text, _ = strings.Cut(text, ".Bd -literal")
	_, text, _ = strings.Cut(text, "\n")
	text, _, ok = strings.Cut(text, "\n.Ed")
	if !ok {
		t.Fatalf("no display in section %s", section)
	}
	return strings.ReplaceAll(text, `\e`, `\`) + "\n"
}

func TestDefinitionExamples(t *testing.T) {
	page := literal(t, read(t, "share/man/jail.toml.5"), "EXAMPLES")
	if _, err := jail.Decode("web.toml", []byte(page), jail.DefaultSettings()); err != nil {
		t.Errorf("jail.toml.5: %v", err)
	}
	page = literal(t, read(t, "share/man/jailmgr.toml.5"), "EXAMPLES")
	if _, err := jail.DecodeSettings("jailmgr.toml", []byte(page)); err != nil {
		t.Errorf("jailmgr.toml.5: %v", err)
	}
	files, err := filepath.Glob(source(t, "share/examples/*.toml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("only %d examples: %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(f) == "jailmgr.toml" {
			_, err = jail.DecodeSettings(f, b)
		} else {
			_, err = jail.Decode(f, b, jail.DefaultSettings())
		}
		if err != nil {
			t.Error(err)
		}
	}
}
