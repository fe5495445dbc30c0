package rpc

import (
	"reflect"
	"slices"
	"strings"
)

// methodIDL is the method by which the original's clients ask what a server
// offers.
const methodIDL = "barrister-idl"

// idlElement is an interface, a struct or a remark of an interface
// description in the form that Barrister clients read.
type idlElement struct {
	Type      string        `json:"type"`
	Name      string        `json:"name,omitempty"`
	Comment   string        `json:"comment"`
	Value     string        `json:"value,omitempty"`
	Extends   string        `json:"extends"`
	Fields    []idlField    `json:"fields,omitempty"`
	Functions []idlFunction `json:"functions,omitempty"`
}

type idlFunction struct {
	Name    string     `json:"name"`
	Comment string     `json:"comment"`
	Params  []idlField `json:"params"`
	Returns idlField   `json:"returns"`
}

type idlField struct {
	Name     string `json:"name,omitempty"`
	Type     string `json:"type"`
	Comment  string `json:"comment"`
	IsArray  bool   `json:"is_array"`
	Optional bool   `json:"optional"`
}

// idl describes the original's methods among ms.
func idl(ms methods) []idlElement {
	elements := []idlElement{{
		Type:  "comment",
		Value: "The services of the original API. Ours are described in schemas/rpc.",
	}}
	services := map[string][]idlFunction{}
	structs := map[string]idlElement{}
	for _, m := range ms {
		if !m.lenient {
			continue
		}
		service, verb, _ := strings.Cut(m.name, ".")
		services[service] = append(services[service], idlFunction{
			Name:    verb,
			Comment: m.summary,
			Params:  []idlField{{Name: "input", Type: idlStruct(m.params, structs)}},
			Returns: idlField{Type: idlStruct(m.result, structs)},
		})
	}
	for _, name := range sortedKeys(services) {
		functions := services[name]
		slices.SortFunc(functions, func(a, b idlFunction) int { return strings.Compare(a.Name, b.Name) })
		elements = append(elements, idlElement{Type: "interface", Name: name, Functions: functions})
	}
	for _, name := range sortedKeys(structs) {
		elements = append(elements, structs[name])
	}
	return elements
}

// idlStruct adds t and the structs in it, and returns its name.
func idlStruct(t reflect.Type, structs map[string]idlElement) string {
	name := strings.TrimPrefix(t.Name(), "orig")
	if _, done := structs[name]; done {
		return name
	}
	element := idlElement{Type: "struct", Name: name}
	structs[name] = element // before its fields, which may hold it
	for i := range t.NumField() {
		f := t.Field(i)
		wire, optional := wireField(f)
		typ := f.Type
		field := idlField{Name: wire, Optional: optional, IsArray: typ.Kind() == reflect.Slice}
		if field.IsArray || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		field.Type = idlType(typ, structs)
		element.Fields = append(element.Fields, field)
	}
	structs[name] = element
	return name
}

func idlType(t reflect.Type, structs map[string]idlElement) string {
	switch t.Kind() {
	case reflect.Struct:
		return idlStruct(t, structs)
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64:
		return "int"
	case reflect.Float64:
		return "float"
	}
	return "string"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
