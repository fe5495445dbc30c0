package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// method is one callable method.
type method struct {
	name    string // Service.Verb
	summary string
	writes  bool // changes something: its calls are logged
	large   bool // may carry files
	lenient bool // one of the original's: unknown fields are ignored
	params  reflect.Type
	result  reflect.Type
	call    func(ctx context.Context, params json.RawMessage) (any, error)
}

// option sets one property of a method.
type option func(*method)

func writes(m *method)  { m.writes = true }
func large(m *method)   { m.large = true }
func lenient(m *method) { m.lenient = true }

// newMethod makes fn callable under name.
func newMethod[P, R any](name, summary string, fn func(context.Context, P) (R, error), opts ...option) method {
	m := method{
		name:    name,
		summary: summary,
		params:  reflect.TypeFor[P](),
		result:  reflect.TypeFor[R](),
	}
	for _, opt := range opts {
		opt(&m)
	}
	lenient := m.lenient
	m.call = func(ctx context.Context, params json.RawMessage) (any, error) {
		object, bad := paramsObject(params)
		if bad != nil {
			return nil, bad
		}
		if lenient {
			if field := missingField(object, m.params, ""); field != "" {
				return nil, protocolError(codeInvalidParams, "params: %s is missing", field)
			}
		}
		var in P
		if bad := decodeParams(object, &in, lenient); bad != nil {
			return nil, bad
		}
		return fn(ctx, in)
	}
	return m
}

// methods are the callable methods by name.
type methods map[string]method

func newMethods(groups ...[]method) methods {
	all := methods{}
	for _, group := range groups {
		for _, m := range group {
			if _, twice := all[m.name]; twice {
				panic(fmt.Sprintf("method %s is registered twice", m.name))
			}
			all[m.name] = m
		}
	}
	return all
}

// find returns a method by name. The original's clients differ in whether
// they write a verb with a capital, so its first letter does not count.
func (ms methods) find(name string) (method, bool) {
	if m, ok := ms[name]; ok {
		return m, true
	}
	service, verb, ok := strings.Cut(name, ".")
	if !ok || verb == "" {
		return method{}, false
	}
	m, ok := ms[service+"."+strings.ToUpper(verb[:1])+verb[1:]]
	return m, ok
}

// missingField names the first required field that object lacks; lists may
// always be left out. It is how the original's clients learn of a mistake.
func missingField(object json.RawMessage, t reflect.Type, path string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var fields map[string]json.RawMessage
	if t.Kind() != reflect.Struct || json.Unmarshal(object, &fields) != nil {
		return ""
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, optional := wireField(f)
		value := fields[name]
		switch absent := value == nil || string(value) == "null"; {
		case absent && !optional && f.Type.Kind() != reflect.Slice:
			return path + name
		case absent:
		case f.Type.Kind() == reflect.Slice:
			if missing := missingInList(value, f.Type.Elem(), path+name); missing != "" {
				return missing
			}
		default:
			if missing := missingField(value, f.Type, path+name+"."); missing != "" {
				return missing
			}
		}
	}
	return ""
}

func missingInList(list json.RawMessage, elem reflect.Type, path string) string {
	var items []json.RawMessage
	if elem.Kind() != reflect.Struct || json.Unmarshal(list, &items) != nil {
		return ""
	}
	for i, item := range items {
		if missing := missingField(item, elem, fmt.Sprintf("%s[%d].", path, i)); missing != "" {
			return missing
		}
	}
	return ""
}

// wireField is the JSON name of f and whether it may be left out.
func wireField(f reflect.StructField) (name string, optional bool) {
	name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, strings.Contains(opts, "omitempty") || f.Tag.Get("rpc") == "lenient"
}
