package metrics

import (
	"bufio"
	"io"
	"slices"
	"strconv"

	"jails/src/secmodel"
)

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// eachDenial gives the scopes in alphabetical order.
func eachDenial(j *secmodel.Jail, sample Sample) {
	var room [16]string
	scopes := room[:0]
	for scope := range j.Denials {
		scopes = append(scopes, scope)
	}
	slices.Sort(scopes)
	for _, scope := range scopes {
		sample(float64(j.Denials[scope]), scope)
	}
}

// Unique returns the jails whose names tell them apart, in the order of their
// names: of several with one name (a dying jail and its successor) the newest.
// A format in which the name is the key could not hold the others.
func Unique(jails []secmodel.Jail) []*secmodel.Jail {
	byName := make([]*secmodel.Jail, len(jails))
	for i := range jails {
		byName[i] = &jails[i]
	}
	slices.SortFunc(byName, func(a, b *secmodel.Jail) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		case a.ID > b.ID:
			return -1
		}
		return 1
	})
	return slices.CompactFunc(byName, func(a, b *secmodel.Jail) bool { return a.Name == b.Name })
}

// WriteText writes the families of all jails in Prometheus' text format,
// version 0.0.4, families and jails in alphabetical order. The error is w's.
func WriteText(w io.Writer, s *secmodel.Snapshot) error {
	b := bufio.NewWriterSize(w, 64<<10)
	jails := Unique(s.Jails)
	var line []byte
	for i := range families {
		f := &families[i]
		head := false
		for _, j := range jails {
			f.Each(j, func(value float64, labels ...string) {
				if !head {
					b.WriteString("# HELP " + f.Name + " " + f.Help + "\n# TYPE " + f.Name + " " + string(f.Kind) + "\n")
					head = true
				}
				line = append(line[:0], f.Name...)
				line = appendLabel(line, '{', JailLabel, j.Name)
				for k, v := range labels {
					line = appendLabel(line, ',', f.Labels[k], v)
				}
				line = append(line, "} "...)
				line = strconv.AppendFloat(line, value, 'g', -1, 64)
				line = append(line, '\n')
				b.Write(line)
			})
		}
	}
	return b.Flush()
}

// appendLabel adds before, name="value", escaped as the format asks.
func appendLabel(line []byte, before byte, name, value string) []byte {
	line = append(line, before)
	line = append(line, name...)
	line = append(line, `="`...)
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '\\':
			line = append(line, `\\`...)
		case '"':
			line = append(line, `\"`...)
		case '\n':
			line = append(line, `\n`...)
		default:
			line = append(line, c)
		}
	}
	return append(line, '"')
}
