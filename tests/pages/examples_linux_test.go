package pages

import (
	"bytes"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jails/src/exit"
)

// What the pages and the README show to type is a command line that the
// program takes. It is run where there is neither a model nor a jail, and may
// fail for any reason but its usage. Not on NetBSD, where a model may be.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("JAILS_PREFIX", dir)
	t.Setenv("HOSTKERN_SOCKET", filepath.Join(dir, "none"))
	texts := all(t)
	texts["README.md"], texts["BUILD.md"] = read(t, "README.md"), read(t, "BUILD.md")
	n := 0
	for file, text := range texts {
		for _, line := range examples(text) {
			words := split(line)
			if len(words) == 0 {
				t.Errorf("%s: %s: nothing to run", file, line)
				continue
			}
			run, ok := mains[words[0]]
			if !ok {
				continue
			}
			n++
			if words[0] == "jail-exporter" {
				words = slices.Insert(words, 1, "--help") // or it would serve
			}
			var stderr bytes.Buffer
			if code := run(words, strings.NewReader(""), io.Discard, &stderr); code == exit.Usage || code == exit.Software {
				t.Errorf("%s: %s\n%d %s", file, line, code, &stderr)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d examples", n)
	}
}

// examples are the command lines in a page that are typed at the prompt of
// root.
func examples(page string) (lines []string) {
	var whole string
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(strings.TrimPrefix(line, ".Dl "))
		line = strings.ReplaceAll(strings.ReplaceAll(line, `\e`, `\`), `\-`, "-")
		if whole == "" && !strings.HasPrefix(line, "# ") {
			continue
		}
		if head, more := strings.CutSuffix(line, `\`); more {
			whole += head
			continue
		}
		lines = append(lines, strings.TrimPrefix(whole+line, "# "))
		whole = ""
	}
	return lines
}

// split takes a command line apart as a shell would, at the first operator.
// It knows both kinds of quotes and nothing of expansions.
func split(line string) (words []string) {
	var word strings.Builder
	quote, begun := rune(0), false
	flush := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ':
			flush()
		case strings.ContainsRune("|&;<>#", r):
			flush()
			return words
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	flush()
	return words
}

var demoCommand = regexp.MustCompile(`"(jailmgr|jailctl)(?: |", ")([a-z]+)`)

// The README's example is what make demo does, in the same order.
func TestReadmeIsDemo(t *testing.T) {
	var demo []string
	for _, m := range demoCommand.FindAllStringSubmatch(read(t, "tests/demo/main.go"), -1) {
		demo = append(demo, m[1]+" "+m[2])
	}
	rest := demo
	for _, line := range examples(read(t, "README.md")) {
		words := split(line)
		if len(words) < 2 || words[0] != "jailmgr" && words[0] != "jailctl" || slices.Contains(words, "-P") {
			continue // the demonstration asks the exporter in place of stats -P
		}
		i := slices.Index(rest, words[0]+" "+words[1])
		if i < 0 {
			t.Fatalf("README.md: %s is not next in make demo, which does\n%s", line, strings.Join(demo, "\n"))
		}
		rest = rest[i+1:]
	}
	if len(demo)-len(rest) < 12 {
		t.Errorf("only %d commands in common", len(demo)-len(rest))
	}
}
