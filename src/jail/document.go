package jail

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"jails/src/secmodel"
)

// fileSize bounds a definition, in bytes.
const fileSize = 1 << 20

// document is a TOML text held against the type it shall be decoded into:
// where each key stands, and what is wrong with it.
type document struct {
	file     string
	parser   unstable.Parser
	at       map[string]place // by path, as in service[0].stop.signal
	arrays   map[string]int   // how many elements of [[path]] so far
	problems []Problem
}

type place struct {
	line, column int
	start, end   int // bytes, of key and value
}

// parse checks the keys and the kinds of values of data against v's type,
// reports all problems, and if there are none decodes into v, a pointer.
func parse(file string, data []byte, v any) *document {
	d := &document{file: file, at: map[string]place{}, arrays: map[string]int{}}
	if len(data) > fileSize {
		d.add("", "larger than 1 MB")
		return d
	}
	d.parser.Reset(data)
	root := reflect.TypeOf(v).Elem()
	typ, path := root, ""
	for d.parser.NextExpression() {
		switch e := d.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			typ, path = d.header(root, e)
		case unstable.KeyValue:
			if typ != nil {
				d.keyValue(typ, path, e)
			}
		}
	}
	if err := d.parser.Error(); err != nil || len(d.problems) == 0 {
		d.decode(data, v)
	}
	return d
}

// decode has the last word on syntax, duplicates and ranges.
func (d *document) decode(data []byte, v any) {
	err := toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields().Decode(v)
	var decode *toml.DecodeError
	var strict *toml.StrictMissingError
	switch {
	case err == nil:
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		decode = &strict.Errors[0]
		fallthrough
	case errors.As(err, &decode):
		line, column := decode.Position()
		d.problems = append(d.problems, Problem{d.file, line, column, strings.TrimPrefix(decode.Error(), "toml: ")})
	default:
		d.add("", "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
}

// invalid is all problems, in the file's order, or nil.
func (d *document) invalid() *Invalid {
	if len(d.problems) == 0 {
		return nil
	}
	sort.SliceStable(d.problems, func(i, j int) bool { return d.problems[i].Line < d.problems[j].Line })
	return &Invalid{d.problems}
}

// add reports a problem at a path, or at the nearest path above it that the
// file has.
func (d *document) add(path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for p := path; p != ""; p = p[:max(strings.LastIndexAny(p, ".["), 0)] {
		if at, ok := d.at[p]; ok {
			d.problems = append(d.problems, Problem{d.file, at.line, at.column, text})
			return
		}
	}
	d.problems = append(d.problems, Problem{File: d.file, Text: text})
}

func (d *document) has(path string) bool { _, ok := d.at[path]; return ok }

func (d *document) note(path string, r unstable.Range) {
	if r.Length == 0 {
		return
	}
	s := d.parser.Shape(r)
	d.at[path] = place{s.Start.Line, s.Start.Column, int(r.Offset), int(r.Offset + r.Length)}
}

func (d *document) wrong(r unstable.Range, format string, args ...any) {
	s := d.parser.Shape(r).Start
	d.problems = append(d.problems, Problem{d.file, s.Line, s.Column, fmt.Sprintf(format, args...)})
}

// header follows [a.b] or [[a.b]] to the type and path of its table; the
// type is nil if there is no such table.
func (d *document) header(root reflect.Type, e *unstable.Node) (reflect.Type, string) {
	typ, path := root, ""
	for it := e.Key(); it.Next(); {
		key := it.Node()
		if typ, path = d.descend(typ, path, key); typ == nil {
			return nil, ""
		}
		switch last := it.IsLast(); {
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
			if last && e.Kind == unstable.ArrayTable {
				d.arrays[path]++
			} else if last || d.arrays[path] == 0 {
				d.wrong(key.Raw, "there may be several: write [[%s]]", string(key.Data))
				return nil, ""
			}
			path = fmt.Sprintf("%s[%d]", path, d.arrays[path]-1)
			typ = typ.Elem()
			d.note(path, key.Raw)
		case last && e.Kind == unstable.ArrayTable:
			d.wrong(key.Raw, "there is only one: write [%s]", string(key.Data))
			return nil, ""
		case !isTable(typ):
			d.wrong(key.Raw, "%s is not a table; it wants %s", string(key.Data), wants(typ))
			return nil, ""
		default:
			d.note(path, key.Raw)
		}
	}
	return typ, path
}

// descend is the type and path of a key in a table.
func (d *document) descend(typ reflect.Type, path string, key *unstable.Node) (reflect.Type, string) {
	name := string(key.Data)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	next := name
	if path != "" {
		next = path + "." + name
	}
	if typ == limitType {
		if name != "soft" && name != "hard" {
			d.wrong(key.Raw, "unknown key %q; a limit has soft and hard", name)
			return nil, ""
		}
		return limitType, next
	}
	if typ.Kind() == reflect.Map {
		if typ.Elem() == limitType {
			if _, err := secmodel.ParseLimit(name); err != nil {
				d.wrong(key.Raw, "%v", err)
				return nil, ""
			}
		}
		return typ.Elem(), next
	}
	if typ.Kind() != reflect.Struct || typ == durationType {
		d.wrong(key.Raw, "%q is not in a table", name)
		return nil, ""
	}
	fields := fieldsOf(typ)
	for _, f := range fields {
		if f.name == name {
			return f.typ, next
		}
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	d.wrong(key.Raw, "unknown key %q%s", name, meantOr(name, names))
	return nil, ""
}

func (d *document) keyValue(typ reflect.Type, path string, e *unstable.Node) {
	first := true
	for it := e.Key(); it.Next(); {
		if !first && !isTable(typ) {
			d.wrong(it.Node().Raw, "%q is not in a table", string(it.Node().Data))
			return
		}
		if typ, path = d.descend(typ, path, it.Node()); typ == nil {
			return
		}
		first = false
	}
	d.note(path, e.Raw)
	d.value(typ, path, e.Raw, e.Value())
}

// value checks that a value is of the kind that the type wants.
func (d *document) value(typ reflect.Type, path string, at unstable.Range, v *unstable.Node) {
	if v.Raw.Length > 0 && v.Kind != unstable.InlineTable {
		at = v.Raw
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	ok := false
	switch {
	case typ == durationType:
		if ok = v.Kind == unstable.String; ok {
			if err := new(Duration).UnmarshalText(v.Data); err != nil {
				d.wrong(at, "%s: %v", path, err)
			}
		}
	case typ == limitType:
		ok = v.Kind == unstable.String || v.Kind == unstable.Integer
		if v.Kind == unstable.InlineTable && !strings.HasSuffix(path, ".soft") && !strings.HasSuffix(path, ".hard") {
			d.table(typ, path, v)
			return
		}
	case isTable(typ):
		if ok = v.Kind == unstable.InlineTable; ok {
			d.table(typ, path, v)
		}
	case typ.Kind() == reflect.Slice:
		if ok = v.Kind == unstable.Array; ok {
			i := 0
			for it := v.Children(); it.Next(); i++ {
				p := path + "[" + strconv.Itoa(i) + "]"
				d.note(p, it.Node().Raw)
				d.value(typ.Elem(), p, at, it.Node())
			}
			if typ.Elem().Kind() == reflect.Struct {
				d.arrays[path] = i
			}
		}
	case typ.Kind() == reflect.String:
		ok = v.Kind == unstable.String
	case typ.Kind() == reflect.Bool:
		ok = v.Kind == unstable.Bool
	default:
		ok = v.Kind == unstable.Integer
	}
	if !ok {
		d.wrong(at, "%s wants %s, not %s", path, wants(typ), kindName(v.Kind))
	}
}

func (d *document) table(typ reflect.Type, path string, v *unstable.Node) {
	for it := v.Children(); it.Next(); {
		d.keyValue(typ, path, it.Node())
	}
}

var (
	durationType = reflect.TypeFor[Duration]()
	limitType    = reflect.TypeFor[Limit]()
)

func isTable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Map || t.Kind() == reflect.Struct && t != durationType
}

type field struct {
	name string
	typ  reflect.Type
}

// fieldsOf lists a struct's keys; those of an embedded struct are its own,
// and an outer key hides an inner one.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			fields = append(fields, fieldsOf(f.Type)...)
		case tag != "" && tag != "-":
			typ := f.Type
			if typ == rawLimitsType {
				typ = reflect.TypeFor[map[string]Limit]()
			}
			fields = slices.DeleteFunc(fields, func(f field) bool { return f.name == tag })
			fields = append(fields, field{tag, typ})
		}
	}
	return fields
}

func wants(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return `a duration, as in "1.5s"`
	case t == limitType:
		return `a number, a size as in "64 MB", "unlimited", or { soft =, hard = }`
	case isTable(t):
		return "a table"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return `a list of strings, as in ["a", "b"]`
	case t.Kind() == reflect.Slice:
		return "a list of tables"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}

func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Float:
		return "a fraction"
	case unstable.Integer:
		return "a number"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}

// meantOr suggests the nearest candidate, or else names them all.
func meantOr(word string, candidates []string) string {
	if m := meant(word, candidates); m != "" {
		return m
	}
	sort.Strings(candidates)
	return "; known are " + strings.Join(candidates, ", ")
}
