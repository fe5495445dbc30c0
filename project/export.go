package project

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Exported is a stored project as a file that declares just it.
type Exported struct {
	Text string // YAML, always the same for the same project

	// Variables stand in Text where a secret was, sorted by name. A project
	// that is loaded with them set to those secrets is the one exported.
	Variables []ExportedVariable
}

// ExportedVariable is a secret that an export leaves out.
type ExportedVariable struct {
	Name  string
	Paths []string // where it is used, as they stand in the text

	value string
}

// Export writes a stored project as a file: names are sorted, what has its
// default is left out, secrets are ${NAME}.
func Export(p *Project) Exported { return ExportPrefixed(p, "") }

// ExportPrefixed is Export with variables whose names begin with a prefix, so
// that several projects can have theirs in one file.
func ExportPrefixed(p *Project, prefix string) Exported {
	return (&exporter{project: p, prefix: variableName(prefix)}).export()
}

// ExportWithheld is ExportPrefixed of a project that lacks the values of
// environments and headers: a variable stands for each.
func ExportWithheld(p *Project, prefix string) Exported {
	return (&exporter{project: p, prefix: variableName(prefix), withheld: true}).export()
}

func (x *exporter) export() Exported {
	x.used = map[*exportedText]string{}
	root := x.file()
	x.nameSecrets()
	var out yamlWriter
	out.mapping(root, 0)
	return Exported{Text: out.String(), Variables: x.variables}
}

// EnvTemplate is a dotenv file with the names of the variables and no values.
func (e *Exported) EnvTemplate() string {
	var b strings.Builder
	for _, v := range e.Variables {
		for _, path := range v.Paths {
			fmt.Fprintf(&b, "# %s\n", path)
		}
		fmt.Fprintf(&b, "%s=\n", v.Name)
	}
	return b.String()
}

// exporter turns a project into what is written.
type exporter struct {
	project *Project
	prefix  string // of the names of variables, empty or ending in _

	withheld bool // values of environments and headers are not known

	component string // short name of the one under way
	secrets   []*exportedText
	used      map[*exportedText]string
	variables []ExportedVariable
}

// exportedText is a text of the file; a secret stands behind its head.
type exportedText struct {
	text string // without the secret

	secret    string
	base      string // what the variable would best be called
	component string
	path      string
	variable  string // that stands for the secret, once named
}

// exportedPair is a key of a mapping: of an exportedText, a list of any, a
// mapping of pairs, or a plain scalar.
type exportedPair struct {
	key   string
	value any
}

func (x *exporter) file() []exportedPair {
	var components []exportedPair
	explicit := !slices.ContainsFunc(x.project.Components, func(c Component) bool {
		return c.MaxConcurrency > DefaultMaxConcurrency
	})
	for _, c := range sortedByName(x.project.Components, func(c *Component) string { return c.Name }) {
		x.component = x.short(c.Name)
		components = append(components, exportedPair{x.component, x.writeComponent(c, explicit)})
	}
	return []exportedPair{{"name", &exportedText{text: x.project.Name}}, {"components", components}}
}

func sortedByName[T any](list []T, name func(*T) string) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortFunc(out, func(a, b *T) int { return cmp.Compare(name(a), name(b)) })
	return out
}

// short is a full name without the project, unless the rest would be taken for
// a full name itself.
func (x *exporter) short(full string) string {
	prefix := strings.ToLower(x.project.Name) + "_"
	short, ok := strings.CutPrefix(full, prefix)
	if !ok || short == "" || strings.HasPrefix(short, prefix) {
		return full
	}
	return short
}

// writeComponent writes c, with explicit also a maxconcurrency of 1: a file
// that never says how many is warned about.
func (x *exporter) writeComponent(c *Component, explicit bool) []exportedPair {
	file := fileComponent{Component: *c, EventSources: map[string]*EventSource{}}
	if bare := *c; c.RestartOrder != "" {
		bare.RestartOrder = ""
		if chosen, _ := bare.restartOrder(); chosen == c.RestartOrder {
			file.RestartOrder = ""
		}
	}
	for _, f := range c.Files {
		file.Files = append(file.Files, f.written())
	}
	for i := range x.project.EventSources {
		if e := x.project.EventSources[i]; e.Component == c.Name {
			file.EventSources[x.short(e.Name)] = withoutDefaults(&e)
		}
	}
	path := "components." + x.component
	pairs := x.structure(reflectValue(&file), path)
	if explicit {
		pairs = slices.DeleteFunc(pairs, func(p exportedPair) bool { return p.key == "maxconcurrency" })
		pairs = insertPair(pairs, shapeOf(&file), exportedPair{"maxconcurrency", DefaultMaxConcurrency})
	}
	if len(c.Environment) > 0 {
		pairs = insertPair(pairs, shapeOf(&file), exportedPair{"environment", x.environment(c.Environment, path)})
	}
	return pairs
}

// withoutDefaults drops what follows from another key.
func withoutDefaults(e *EventSource) *EventSource {
	if e.SQS == nil {
		return e
	}
	sqs := *e.SQS
	bare := EventSource{SQS: &sqs}
	sqs.ConcurrencyPerPoller = 0
	if e.SQS.ConcurrencyPerPoller != 0 && bare.Effective().SQS.ConcurrencyPerPoller != e.SQS.ConcurrencyPerPoller {
		return e
	}
	out := *e
	out.SQS = &sqs
	return &out
}

// insertPair puts p where the order of the reference has it.
func insertPair(pairs []exportedPair, s *shape, p exportedPair) []exportedPair {
	place := slices.Index(s.names, p.key)
	at := slices.IndexFunc(pairs, func(other exportedPair) bool { return slices.Index(s.names, other.key) > place })
	if at < 0 {
		at = len(pairs)
	}
	return slices.Insert(pairs, at, p)
}

func (x *exporter) environment(vars []EnvVar, path string) []any {
	var list []any
	for i, v := range vars {
		entry := x.named(v.Name, v.Value, fmt.Sprintf("%s.environment[%d]", path, i))
		entry.text = v.Name + "=" + entry.text
		list = append(list, entry)
	}
	return list
}

// named is the value of a variable or a header. One that is not known is the
// same as no other.
func (x *exporter) named(name, value, path string) *exportedText {
	if x.withheld {
		return x.secret(name, "\x00"+path, path)
	}
	return x.text(name, value, path)
}

// text is a value that goes by a name.
func (x *exporter) text(name, value, path string) *exportedText {
	if value == "" || !Secret(name) {
		return &exportedText{text: value}
	}
	return x.secret(name, value, path)
}

func (x *exporter) secret(name, value, path string) *exportedText {
	t := &exportedText{secret: value, base: strings.TrimSuffix(variableName(name), "_"), component: x.component, path: path}
	x.secrets = append(x.secrets, t)
	return t
}

// structure is every key of a mapping that is not as it is by default. The
// environment of a component is left to its own.
func (x *exporter) structure(v reflect.Value, path string) []exportedPair {
	var pairs []exportedPair
	for _, k := range shapes[v.Type()].keys {
		field := v.FieldByIndex(k.index)
		_, header := v.Addr().Interface().(*Header)
		if !k.required && !(header && x.withheld) && (field.IsZero() || k.def != nil && fmt.Sprint(k.def) == fmt.Sprint(field.Interface())) {
			continue
		}
		at := path + "." + k.name
		var value any
		switch parent := v.Addr().Interface().(type) {
		case *Header:
			value = &exportedText{text: field.String()}
			if k.name == "value" {
				value = x.named(parent.Name, field.String(), at)
			}
		case *fileFileMount:
			value = x.value(field, k.name, at)
			if k.name == "content" && parent.Sensitive && parent.Content != "" {
				value = x.secret("file "+strings.Trim(parent.Target, "/"), parent.Content, at)
			}
		default:
			value = x.value(field, k.name, at)
			if k.duration {
				value = &exportedText{text: durationText(seconds(int(field.Int())))}
			}
		}
		if value != nil {
			pairs = append(pairs, exportedPair{k.name, value})
		}
	}
	return pairs
}

// value is what a field holds; nil if nothing is written.
func (x *exporter) value(v reflect.Value, name, path string) any {
	switch v.Kind() {
	case reflect.Pointer:
		return x.value(v.Elem(), name, path)
	case reflect.Struct:
		return x.structure(v, path)
	case reflect.String:
		return x.text(name, v.String(), path)
	case reflect.Slice:
		var list []any
		for i := range v.Len() {
			list = append(list, x.value(v.Index(i), name, index(path, i)))
		}
		if list == nil {
			return nil
		}
		return list
	case reflect.Map:
		return x.entries(v, path)
	}
	return v.Interface()
}

func (x *exporter) entries(v reflect.Value, path string) any {
	var pairs []exportedPair
	for _, key := range slices.SortedFunc(maps.Keys(keysOfMap(v)), strings.Compare) {
		pairs = append(pairs, exportedPair{key, x.value(keysOfMap(v)[key], key, joinPath(path, key))})
	}
	if pairs == nil {
		return nil
	}
	return pairs
}

func keysOfMap(v reflect.Value) map[string]reflect.Value {
	out := make(map[string]reflect.Value, v.Len())
	for entries := v.MapRange(); entries.Next(); {
		out[entries.Key().String()] = entries.Value()
	}
	return out
}
