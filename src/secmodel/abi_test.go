package secmodel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const header = "../../sys/sys/jail.h"

// structures are those of jail.h: the prefix of its fields, ours, its size.
var structures = map[string]struct {
	prefix string
	make   func() structure
	size   int
}{
	"jail_port":       {"jp_", func() structure { return &portData{} }, sizePort},
	"jail_config":     {"jc_", func() structure { return &configData{} }, sizeConfig},
	"jail_request":    {"jq_", func() structure { return &requestData{} }, sizeRequest},
	"jail_reply":      {"jy_", func() structure { return &replyData{} }, sizeReply},
	"jail_snapshot":   {"js_", func() structure { return &snapshotData{} }, sizeSnapshot},
	"jail_record":     {"jr_", func() structure { return &recordData{} }, sizeRecord},
	"jail_process":    {"jx_", func() structure { return &processData{} }, sizeProcess},
	"jail_port_owner": {"jo_", func() structure { return &ownerData{} }, sizeOwner},
	"jail_rule":       {"ju_", func() structure { return &ruleData{} }, sizeRule},
	"jail_word":       {"jw_", func() structure { return &wordData{} }, sizeWord},
	"jail_event":      {"je_", func() structure { return &eventData{} }, sizeEvent},
}

// constants are our values of jail.h's constants. LOW, MEDIUM and so on are
// compared too, because our types carry them.
var constants = map[string]int{
	"JAIL_ABI_VERSION": abiVersion,
	"JAIL_NAMELEN":     nameLen,
	"JAIL_ROOTLEN":     rootLen,
	"JAIL_MAXPORTS":    MaxPorts,
	"JAIL_MAXJAILS":    maxJails,
	"JAIL_NLIMITS":     nLimits,
	"JAIL_HOST":        0,

	"JAIL_LEVEL_LOW": int(Low), "JAIL_LEVEL_MEDIUM": int(Medium), "JAIL_LEVEL_HIGH": int(High), "JAIL_NLEVELS": nLevels,

	"JAIL_STATE_CREATING": int(Creating), "JAIL_STATE_ACTIVE": int(Active), "JAIL_STATE_DYING": int(Dying),

	"JAIL_COMMAND_CREATE": commandCreate, "JAIL_COMMAND_SET": commandSet, "JAIL_COMMAND_ENTER": commandEnter,
	"JAIL_COMMAND_KILL": commandKill, "JAIL_COMMAND_DESTROY": commandDestroy, "JAIL_ENTER_INIT": int(EnterInit),
	"JAIL_ENTER_EXEC": int(EnterExec),

	"JAIL_SET_LEVEL": setLevel, "JAIL_SET_ALLOW": setAllow, "JAIL_SET_DENY": setDeny, "JAIL_SET_STRICT": setStrict,
	"JAIL_SET_PROCESSES": setProcesses, "JAIL_SET_LIMITS": setLimits, "JAIL_SET_PORTS": setPorts,
	"JAIL_SET_OBSERVE": setObserve, "JAIL_STRICT": flagStrict, "JAIL_OBSERVE": flagObserve, "JAIL_NEVENTS": nEvents,

	"JAIL_EVENT_REFUSED": eventRefused, "JAIL_EVENT_OBSERVED": eventObserved, "JAIL_RULE_NONE": ruleNone,
	"JAIL_DETAIL_NONE": int(NoDetail), "JAIL_DETAIL_PROCESS": int(ProcessDetail), "JAIL_DETAIL_PORT": int(PortDetail),
	"JAIL_DETAIL_DEVICE": int(DeviceDetail), "JAIL_DETAIL_SOCKET": int(SocketDetail), "JAIL_DETAIL_COUNT": int(CountDetail),

	"JAIL_PROTOCOL_ANY": int(AnyProtocol), "JAIL_PROTOCOL_TCP": int(TCP), "JAIL_PROTOCOL_UDP": int(UDP),

	"JAIL_SCOPE_GENERIC": scope("generic"), "JAIL_SCOPE_SYSTEM": scope("system"), "JAIL_SCOPE_PROCESS": scope("process"),
	"JAIL_SCOPE_NETWORK": scope("network"), "JAIL_SCOPE_MACHDEP": scope("machdep"), "JAIL_SCOPE_DEVICE": scope("device"),
	"JAIL_SCOPE_VNODE": scope("vnode"), "JAIL_SCOPE_PORT": scope("port"), "JAIL_SCOPE_FORK": scope("fork"), "JAIL_NSCOPES": nScopes,

	"JAIL_REASON_NONE": int(ReasonNone), "JAIL_REASON_FIELD": int(ReasonField), "JAIL_REASON_NAME": int(ReasonName),
	"JAIL_REASON_EXISTS": int(ReasonExists), "JAIL_REASON_ROOT": int(ReasonRoot), "JAIL_REASON_WORD": int(ReasonWord),
	"JAIL_REASON_PORT": int(ReasonPort), "JAIL_REASON_PORT_BOUND": int(ReasonPortBound), "JAIL_REASON_TOO_MANY": int(ReasonTooMany),
	"JAIL_REASON_NO_JAIL": int(ReasonNoJail), "JAIL_REASON_DYING": int(ReasonDying), "JAIL_REASON_MEMBERS": int(ReasonMembers),
	"JAIL_REASON_NOT_HOST": int(ReasonNotHost), "JAIL_REASON_NOT_ROOT": int(ReasonNotRoot), "JAIL_REASON_TRACED": int(ReasonTraced),
	"JAIL_REASON_VFORK": int(ReasonVfork), "JAIL_REASON_SHARED_FDS": int(ReasonSharedFDs), "JAIL_REASON_SHARED_CWD": int(ReasonSharedCwd),
	"JAIL_REASON_SESSION": int(ReasonSession), "JAIL_REASON_TERMINAL": int(ReasonTerminal), "JAIL_REASON_EXEC": int(ReasonExec),
	"JAIL_REASON_FD_DIRECTORY": int(ReasonFDDirectory), "JAIL_REASON_FD_DEVICE": int(ReasonFDDevice),
	"JAIL_REASON_FD_SOCKET": int(ReasonFDSocket), "JAIL_REASON_FD_KQUEUE": int(ReasonFDKqueue), "JAIL_REASON_FD_OTHER": int(ReasonFDOther),
	"JAIL_REASON_HAS_INIT": int(ReasonHasInit), "JAIL_REASON_CAP": int(ReasonCap),
	"JAIL_REASON_LIMIT": int(ReasonLimit),

	"JAIL_PROCESS_INIT": processInit, "JAIL_PROCESS_ZOMBIE": processZombie,

	"JAIL_VERDICT_DEFER": int(Defer), "JAIL_VERDICT_DENY": int(Deny), "JAIL_VERDICT_OWN": int(Own),
	"JAIL_VERDICT_LISTED": int(Listed), "JAIL_VERDICT_PORT": int(Port), "JAIL_WORD_NONE": wordNone, "JAIL_REQUEST_CASE": RequestCase,
}

func scope(name string) int {
	for i, s := range Scopes {
		if s == name {
			return i
		}
	}
	return -1
}

// field of a C structure.
type field struct {
	structure, name string
	offset, size    int
}

var (
	structPattern = regexp.MustCompile(`(?s)\nstruct (jail_\w+) \{\n(.*?)\n\};`)
	fieldPattern  = regexp.MustCompile(`(\w+)(?:\[[^]]*\])?;`)
	definePattern = regexp.MustCompile(`(?m)^#define\s+(JAIL_\w+)\s+\S`)
	comments      = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// declared lists what jail.h declares: fields by structure, and constants.
func declared(t *testing.T) (fields []field, names []string) {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler to ask what jail.h means; install cc")
	}
	source, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	text := comments.ReplaceAllString(string(source), "")
	for _, s := range structPattern.FindAllStringSubmatch(text, -1) {
		for _, f := range fieldPattern.FindAllStringSubmatch(s[2], -1) {
			fields = append(fields, field{structure: s[1], name: f[1]})
		}
	}
	for _, d := range definePattern.FindAllStringSubmatch(text, -1) {
		names = append(names, d[1])
	}
	if len(fields) < 50 || len(names) < 50 {
		t.Fatalf("found %d fields and %d constants in %s", len(fields), len(names), header)
	}
	return fields, names
}

// compileC runs a program that prints the layout, and returns what it says.
func compileC(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "layout.c")
	text := "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include \"jail.h\"\nint main(void) {\n" + body + "return 0;\n}\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "layout")
	if out, err := exec.Command("cc", "-Wall", "-Werror", "-I"+filepath.Dir(header), "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestConstants(t *testing.T) {
	_, names := declared(t)
	var body strings.Builder
	for _, name := range names {
		fmt.Fprintf(&body, "printf(\"%s %%lld\\n\", (long long)%s);\n", name, name)
	}
	for line := range strings.Lines(compileC(t, body.String())) {
		f := strings.Fields(line)
		want, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		got, ok := constants[f[0]]
		switch {
		case !ok:
			t.Errorf("%s is unknown here", f[0])
		case got != want:
			t.Errorf("%s is %d here, %d in jail.h", f[0], got, want)
		}
	}
	for name := range constants {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			t.Errorf("jail.h has no %s", name)
		}
	}
}

// Each field that the C compiler sees, filled alone, comes out in the field of
// that name here, and goes back to the same bytes.
func TestLayout(t *testing.T) {
	fields, _ := declared(t)
	var body strings.Builder
	for name := range structures {
		fmt.Fprintf(&body, "printf(\"%s - 0 %%zu\\n\", sizeof(struct %s));\n", name, name)
	}
	for _, f := range fields {
		fmt.Fprintf(&body, "printf(\"%s %s %%zu %%zu\\n\", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));\n",
			f.structure, f.name, f.structure, f.name, f.structure, f.name)
	}
	covered := map[string]int{} // bytes of each structure that are in a field
	for line := range strings.Lines(compileC(t, body.String())) {
		var f field
		if _, err := fmt.Sscan(line, &f.structure, &f.name, &f.offset, &f.size); err != nil {
			t.Fatal(err)
		}
		s, ok := structures[f.structure]
		if !ok {
			t.Errorf("struct %s is unknown here", f.structure)
			continue
		}
		if f.name == "-" {
			if s.size != f.size {
				t.Errorf("struct %s has %d bytes here, %d in C", f.structure, s.size, f.size)
			}
			continue
		}
		covered[f.structure] += f.size
		t.Run(f.structure+"."+f.name, func(t *testing.T) { checkField(t, f, s.make(), strings.TrimPrefix(f.name, s.prefix), s.size) })
	}
	for name, s := range structures {
		if covered[name] != s.size {
			t.Errorf("struct %s: %d of its %d bytes are padding", name, s.size-covered[name], s.size)
		}
	}
}

func checkField(t *testing.T, f field, d structure, name string, size int) {
	raw := make([]byte, size)
	for i := range f.size {
		raw[f.offset+i] = byte('a' + i%26)
	}
	v := reflect.ValueOf(d).Elem()
	ours := v.FieldByName(name)
	if !ours.IsValid() {
		t.Fatalf("no field %q here", name)
	}
	text := ours.Kind() == reflect.String
	if text {
		raw[f.offset+f.size-1] = 0
	}
	decode(raw, d)
	for i := range v.NumField() {
		if zero := v.Field(i).IsZero(); zero == (v.Type().Field(i).Name == name) {
			t.Errorf("with only %s filled, %s is %v", f.name, v.Type().Field(i).Name, v.Field(i))
		}
	}
	if text {
		if want := string(raw[f.offset : f.offset+f.size-1]); ours.String() != want {
			t.Errorf("reads %q, want %q", ours.String(), want)
		}
	}
	again := make([]byte, size)
	encode(again, d)
	if string(again) != string(raw) {
		t.Errorf("encoded again it is\n%x, want\n%x", again, raw)
	}
}

// On i386 a uint64_t is aligned to 4 bytes: the layout must not depend on it.
func TestLayoutOn386(t *testing.T) {
	fields, _ := declared(t)
	dir := t.TempDir()
	// jail.h needs of this header the integers only, and a machine for the
	// other word length may have no C library.
	if err := os.Mkdir(filepath.Join(dir, "sys"), 0o700); err != nil {
		t.Fatal(err)
	}
	body := "#include <stddef.h>\n#include \"jail.h\"\n"
	var offsets strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&offsets, "printf(\"_Static_assert(offsetof(struct %s, %s) == %%zu, \\\"%s\\\");\\n\", offsetof(struct %s, %s));\n",
			f.structure, f.name, f.name, f.structure, f.name)
	}
	body += compileC(t, offsets.String())
	for name, s := range structures {
		body += fmt.Sprintf("_Static_assert(sizeof(struct %s) == %d, \"%s\");\n", name, s.size, name)
	}
	source := filepath.Join(dir, "layout.c")
	for path, text := range map[string]string{source: body, filepath.Join(dir, "sys/types.h"): "#include <stdint.h>\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	probe := exec.Command("cc", "-m32", "-ffreestanding", "-fsyntax-only", "-x", "c", "/dev/null")
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("cc can't compile for i386 here (%s); run on amd64 with gcc or clang", strings.TrimSpace(string(out)))
	}
	cc := exec.Command("cc", "-m32", "-ffreestanding", "-fsyntax-only", "-Wall", "-Werror", "-I"+dir, "-I"+filepath.Dir(header), source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("cc -m32: %v\n%s", err, out)
	}
}

// Whatever bytes come, a list is taken apart or refused.
func FuzzDecodeList(f *testing.F) {
	head := make([]byte, sizeSnapshot+2*sizeProcess)
	encode(head, &snapshotData{abi: abiVersion, size: sizeProcess, count: 2, stathz: 100, pagesize: 4096})
	f.Add(head, uint8(0))
	f.Add(head[:sizeSnapshot+3], uint8(1))
	f.Add([]byte{}, uint8(2))
	sizes := []int{sizeRecord, sizeProcess, sizeOwner, sizeRule, sizeWord, sizeEvent}
	kinds := []func() structure{
		func() structure { return &recordData{} }, func() structure { return &processData{} }, func() structure { return &ownerData{} },
		func() structure { return &ruleData{} }, func() structure { return &wordData{} }, func() structure { return &eventData{} },
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		k := int(kind) % len(sizes)
		head, records, err := decodeList(b, sizes[k])
		if err != nil {
			return
		}
		if len(records) != int(head.count) {
			t.Fatalf("%d records, the head says %d", len(records), head.count)
		}
		for _, r := range records {
			d := kinds[k]()
			decode(r, d)
			again := make([]byte, sizes[k])
			encode(again, d)
			second := kinds[k]()
			if decode(again, second); !reflect.DeepEqual(d, second) {
				t.Fatalf("%+v becomes %+v", d, second)
			}
		}
	})
}
