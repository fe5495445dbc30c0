package project

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// variableName makes the name of an environment variable of a text; not empty,
// it ends in _ so that more can follow.
func variableName(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, text)
	if name = strings.Trim(name, "_"); name == "" {
		return ""
	}
	if name[0] >= '0' && name[0] <= '9' {
		name = "V" + name
	}
	return name + "_"
}

// nameSecrets gives every secret a variable: the same one where the same value
// goes by the same name, else one with the component's name in front.
func (x *exporter) nameSecrets() {
	values := map[string]map[string]bool{}
	for _, s := range x.secrets {
		s.base = cmp.Or(s.base, "SECRET")
		if values[s.base] == nil {
			values[s.base] = map[string]bool{}
		}
		values[s.base][s.secret] = true
	}
	taken := map[string]string{}
	for _, s := range x.secrets {
		name := x.prefix + s.base
		if len(values[s.base]) > 1 {
			name = x.prefix + variableName(s.component) + s.base
		}
		s.variable = freeName(taken, name, s.secret)
		taken[s.variable] = s.secret
	}
	x.listVariables()
}

// freeName is name, or a numbered one if that has another value already.
func freeName(taken map[string]string, name, value string) string {
	free := name
	for n := 2; ; n++ {
		if other, used := taken[free]; !used || other == value {
			return free
		}
		free = fmt.Sprintf("%s_%d", name, n)
	}
}

func (x *exporter) listVariables() {
	at := map[string]int{}
	for _, s := range x.secrets {
		i, known := at[s.variable]
		if !known {
			i = len(x.variables)
			at[s.variable] = i
			x.variables = append(x.variables, ExportedVariable{Name: s.variable, value: s.secret})
		}
		x.variables[i].Paths = append(x.variables[i].Paths, s.path)
	}
	slices.SortFunc(x.variables, func(a, b ExportedVariable) int { return cmp.Compare(a.Name, b.Name) })
}
