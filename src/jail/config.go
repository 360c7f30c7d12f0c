package jail

import (
	"fmt"
	"maps"
	"slices"

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
	c.Limits, err = inOrder(d.Limits)
	return c, err
}

// LimitsOf are those that a service's processes start with: the jail's, and in
// place of these its own.
func (d *Definition) LimitsOf(s *Service) ([]secmodel.Limit, error) {
	all := map[string]Limit{}
	maps.Copy(all, d.Limits)
	maps.Copy(all, s.Limits)
	return inOrder(all)
}

func inOrder(limits map[string]Limit) (all []secmodel.Limit, err error) {
	for name, l := range limits {
		i, err := secmodel.ParseLimit(name)
		if err != nil {
			return nil, err
		}
		all = append(all, secmodel.Limit{Resource: i, Soft: l.Soft, Hard: l.Hard})
	}
	slices.SortFunc(all, func(a, b secmodel.Limit) int { return a.Resource - b.Resource })
	return all, nil
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
