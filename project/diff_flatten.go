package project

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// diffObject is one component or event source.
type diffObject struct {
	path      string // of its position, and the beginning of those of its fields
	detail    string
	schedule  string
	effective any // to see quickly that two are the same
	fields    func() []diffLeaf
}

// diffLeaf is one value to compare: a text, a number or a truth value.
type diffLeaf struct {
	field  string // as a diff shows it
	at     string // path of its position below the object's
	rank   int    // fields are shown in this order
	value  any
	impact Impact
	names  [2]string // of the key and its element: what Secret goes by
	hidden bool      // secret whatever its name is
}

func (l *diffLeaf) isZero() bool { return l.value == nil || reflect.ValueOf(l.value).IsZero() }

// ulimitList holds texts NAME=LIMIT, compared by name.
type ulimitList []string

// flattenFields appends what an object has under fields. Prefix is what stands
// before a field in the file.
func flattenFields[T any](out []diffLeaf, prefix func(field string) string, fields []diffField[T], from T) []diffLeaf {
	for i, f := range fields {
		out = append(out, diffElements(diffLeaf{
			field: f.name, at: prefix(f.name) + f.name, rank: i,
			value: f.value(from), impact: f.impact, names: [2]string{f.name},
		})...)
	}
	return out
}

// diffElements is l itself, or one for each element if its value is a list or map.
func diffElements(l diffLeaf) []diffLeaf {
	list := diffElementList{of: l, seen: map[string]int{}}
	switch v := l.value.(type) {
	case []string:
		for i, text := range v {
			list.add(fmt.Sprint(i), text)
		}
	case map[string]string:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list.add(key, v[key])
		}
	case []EnvVar:
		for _, e := range v {
			list.add(e.Name, e.Value)
		}
	case []Header:
		for _, h := range v {
			list.add(h.Name, h.Value)
		}
	case []Volume:
		for _, volume := range v {
			list.add(volume.Target, volume.diffText())
		}
	case []FileMount:
		for _, file := range v {
			list.add(file.Target, file.diffText())
			list.leaves[len(list.leaves)-1].hidden = file.Sensitive
		}
	case []WakeRule:
		for i := range v {
			list.add(fmt.Sprint(i), v[i].diffText())
		}
	case []AwakeWindow:
		for i := range v {
			list.add(fmt.Sprint(i), v[i].diffText())
		}
	case ulimitList:
		for _, text := range v {
			name, limit, _ := strings.Cut(text, "=")
			list.add(name, limit)
		}
	default:
		return []diffLeaf{l}
	}
	return list.leaves
}

// diffElementList makes leaves of the elements of one field.
type diffElementList struct {
	of     diffLeaf
	leaves []diffLeaf
	seen   map[string]int
}

func (e *diffElementList) add(key, value string) {
	l := e.of
	l.value, l.names[1] = value, key
	if e.seen[key]++; e.seen[key] > 1 { // the second of a name is an element of its own
		key = fmt.Sprintf("%s#%d", key, e.seen[key])
	}
	l.field, l.at = fmt.Sprintf("%s[%s]", l.field, key), l.at+"."+key
	e.leaves = append(e.leaves, l)
}

func (v *Volume) diffText() string {
	text := strings.TrimSpace(v.Type + " " + v.Source)
	if v.ReadOnly {
		text += " (read-only)"
	}
	return text
}

func componentObjects(p *Project) map[string]diffObject {
	objects := make(map[string]diffObject, len(p.Components))
	for i := range p.Components {
		c := p.Components[i].Effective()
		objects[c.Name] = diffObject{
			path:   "components." + c.Name,
			detail: cmp.Or(c.Image, "no image"), effective: &c,
			fields: func() []diffLeaf {
				return flattenFields(nil, func(string) string { return "" }, componentFields, &c)
			},
		}
	}
	return objects
}

func eventSourceObjects(p *Project) map[string]diffObject {
	objects := make(map[string]diffObject, len(p.EventSources))
	for i := range p.EventSources {
		e := p.EventSources[i].Effective()
		o := diffObject{path: "eventsources." + e.Name, detail: e.diffText(), effective: &e, fields: e.diffLeaves}
		if e.Type() == TypeCron {
			o.schedule = e.Cron.Schedule
		}
		objects[e.Name] = o
	}
	return objects
}

// diffLeaves are the type, the component and the keys of the type. Another type
// under the same name is another event source.
func (e *EventSource) diffLeaves() []diffLeaf {
	impact := ImpactNone
	switch e.Type() {
	case TypeHTTP:
		impact = ImpactRoute
	case TypeCron:
		impact = ImpactSchedule
	}
	out := []diffLeaf{
		{field: "type", rank: -2, value: string(e.Type()), impact: ImpactReplacement},
		{field: "component", rank: -1, value: e.Component, impact: impact},
	}
	prefix := func(string) string { return string(e.Type()) + "." }
	switch e.Type() {
	case TypeHTTP:
		return flattenFields(out, prefix, httpFields, e.HTTP)
	case TypeCron:
		return flattenFields(out, cronPrefix, cronFields, e.Cron)
	case TypeSQS:
		return flattenFields(out, prefix, sqsFields, e.SQS)
	case TypeAWSStepFunc:
		return flattenFields(out, prefix, stepFuncFields, e.AWSStepFunc)
	}
	return out
}

// cronPrefix is what stands before a key of a cron event source in its file.
func cronPrefix(field string) string {
	if field == "schedule" {
		return "cron."
	}
	return "cron.http."
}

// diffText describes e in one line, without anything that could be secret.
func (e *EventSource) diffText() string {
	what := ""
	switch e.Type() {
	case TypeHTTP:
		what = fmt.Sprintf("http %s%s", cmp.Or(e.HTTP.Hostname, "*"), e.HTTP.PathPrefix)
	case TypeCron:
		what = fmt.Sprintf("cron %s %s %s", e.Cron.Schedule, e.Cron.HTTP.Method, e.Cron.HTTP.Path)
	case TypeSQS:
		what = "sqs " + e.SQS.QueueName
	case TypeAWSStepFunc:
		what = "awsstepfunc " + e.AWSStepFunc.ActivityName
	}
	return what + " -> " + e.Component
}
