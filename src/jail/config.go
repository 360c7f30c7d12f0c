package jail

import (
	"fmt"
	"sort"

	"jails/src/secmodel"
)

// Config is what the kernel is told of a valid definition.
func (d *Definition) Config() (secmodel.Config, error) {
	c := secmodel.Config{
		Allow: d.Allow, Deny: d.Deny, Strict: d.Strict, Observe: d.Observe, Processes: d.Processes,
	}
	var err error
	if c.Level, err = secmodel.ParseLevel(d.Level); err != nil {
		return c, err
	}
	for _, p := range d.Ports {
		r, err := secmodel.ParsePorts(p)
		if err != nil {
			return c, err
		}
		c.Ports = append(c.Ports, r)
	}
	for name, l := range d.Limits {
		i, err := secmodel.ParseLimit(name)
		if err != nil {
			return c, err
		}
		c.Limits = append(c.Limits, secmodel.Limit{Resource: i, Soft: l.Soft, Hard: l.Hard})
	}
	sort.Slice(c.Limits, func(i, j int) bool { return c.Limits[i].Resource < c.Limits[j].Resource })
	return c, nil
}

// CheckWords says which words of a definition the kernel does not know.
func CheckWords(file string, data []byte, def *Definition, known []secmodel.Word) *Invalid {
	names := make([]string, len(known))
	for i, w := range known {
		names[i] = w.Name
	}
	var raw rawDefinition
	d := parse(file, data, &raw)
	for key, words := range map[string][]string{"allow": def.Allow, "deny": def.Deny} {
		for i, w := range words {
			found := false
			for _, n := range names {
				found = found || n == w
			}
			if !found {
				d.add(fmt.Sprintf("%s[%d]", key, i), "the kernel knows no word %q%s; see: jailctl policy --words", w, meant(w, names))
			}
		}
	}
	return d.invalid()
}
