package project

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
)

// variablePattern is what a text looks like that holds a variable. Before
// variables are replaced, one may stand for a number, a boolean or a word.
const variablePattern = `\$\{[^}]+\}`

// durationPattern is a duration, or a text that holds a variable.
const durationPattern = `^([0-9]+(\.[0-9]+)?(h|m|s))+$|` + variablePattern

// JSONSchema generates the JSON Schema (draft-07) of maelstrom.yml from the
// same description that Load decodes by. What a schema can't express, such as
// relations between numbers, only Load checks.
func JSONSchema() []byte {
	g := generator{definitions: object{}}
	root := g.mapping(reflect.TypeFor[fileProject]())
	root = append(object{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"title", "maelstrom.yml"},
		{"description", "A maelstrom project: components, how they run, and what sends work to them."},
	}, root...)
	root = append(root, member{"definitions", g.definitions})
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		panic(err) // texts, numbers and lists always encode
	}
	return out.Bytes()
}

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// marshal is json.Marshal that leaves < and > readable.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// generator collects the definitions that the schema refers to.
type generator struct {
	definitions object
	seen        map[reflect.Type]bool
}

var definitionNames = map[reflect.Type]string{
	reflect.TypeFor[fileComponent]():     "component",
	reflect.TypeFor[Volume]():            "volume",
	reflect.TypeFor[fileFileMount]():     "file",
	reflect.TypeFor[WakeRule]():          "wakerule",
	reflect.TypeFor[AwakeWindow]():       "awakewindow",
	reflect.TypeFor[EventSource]():       "eventsource",
	reflect.TypeFor[HTTPSource]():        "http",
	reflect.TypeFor[CronSource]():        "cron",
	reflect.TypeFor[CronHTTP]():          "request",
	reflect.TypeFor[Header]():            "header",
	reflect.TypeFor[SQSSource]():         "sqs",
	reflect.TypeFor[AWSStepFuncSource](): "awsstepfunc",
}

// mapping is the schema of a mapping of the file.
func (g *generator) mapping(t reflect.Type) object {
	s := shapes[t]
	properties := object{}
	var required []string
	for _, k := range s.keys {
		properties = append(properties, member{k.name, g.property(t.FieldByIndex(k.index).Type, k)})
		if k.required {
			required = append(required, k.name)
		}
	}
	out := object{{"type", "object"}, {"additionalProperties", false}}
	if required != nil {
		out = append(out, member{"required", required})
	}
	switch t {
	case reflect.TypeFor[EventSource]():
		out = append(out, member{"oneOf", oneType(s.names)})
	case reflect.TypeFor[Volume]():
		out = append(out, member{"anyOf", []object{
			{{"required", []string{"source"}}, {"properties", object{{"source", object{{"type", "string"}}}}}},
			{{"required", []string{"type"}}, {"properties", object{{"type", anyOf([]object{{{"enum", []string{"volume", "tmpfs"}}}, variableText()})}}}},
		}})
	case reflect.TypeFor[CronSource]():
		out[2] = member{"required", []string{"schedule", "http"}}
	case reflect.TypeFor[fileFileMount]():
		out = append(out, member{"oneOf", []object{
			{{"required", []string{"source"}}}, {{"required", []string{"content"}}},
		}})
	case reflect.TypeFor[HTTPSource]():
		out = append(out, member{"anyOf", []object{
			{{"required", []string{"hostname"}}}, {{"required", []string{"pathprefix"}}},
		}})
	}
	return append(out, member{"properties", properties})
}

// oneType asks for just one of the types of an event source; a key without a
// value counts as not written.
func oneType(names []string) []object {
	var types []object
	for _, name := range names {
		types = append(types, object{{"required", []string{name}}, {"properties", object{{name, object{{"type", "object"}}}}}})
	}
	return types
}

// variableText is a text that holds a variable.
func variableText() object { return object{{"type", "string"}, {"pattern", variablePattern}} }

// property is the schema of one key: its value, or nothing where it may be
// left empty.
func (g *generator) property(t reflect.Type, k shapeKey) object {
	out := object{{"description", k.doc}}
	if k.def != nil {
		out = append(out, member{"default", k.def})
	}
	values := g.values(t, k)
	if !k.required {
		values = append(values, object{{"type", "null"}})
	}
	if len(values) == 1 {
		return append(out, values[0]...)
	}
	return append(out, member{"anyOf", values})
}

// values are the forms that a value of type t may be written in.
func (g *generator) values(t reflect.Type, k shapeKey) []object {
	variable := variableText()
	switch t.Kind() {
	case reflect.Pointer:
		return g.values(t.Elem(), k)
	case reflect.Struct:
		return []object{g.reference(t)}
	case reflect.Map:
		out := object{{"type", "object"}, {"additionalProperties", anyOf(g.values(t.Elem(), shapeKey{}))}}
		if t.Elem().Kind() == reflect.Pointer {
			out = append(out, member{"minProperties", minProperties(k)}, member{"propertyNames", propertyNames()})
		}
		return []object{out}
	case reflect.Slice:
		list := object{{"type", "array"}, {"items", anyOf(g.values(t.Elem(), listItem(k)))}}
		if k.word != "" {
			return []object{{{"enum", []string{k.word}}}, variable, list}
		}
		return []object{list}
	case reflect.String:
		return g.texts(k, variable)
	case reflect.Bool:
		return []object{{{"type", "boolean"}}, {{"enum", slices.Concat(trueWords, falseWords)}}, variable}
	case reflect.Float64:
		return []object{{{"type", "number"}, {"minimum", k.min}, {"maximum", k.max}}, variable}
	}
	number := object{{"type", "integer"}, {"minimum", k.min}, {"maximum", k.max}}
	if k.duration {
		return []object{number, {{"type", "string"}, {"pattern", durationPattern}}}
	}
	return []object{number, variable}
}

func anyOf(values []object) object {
	if len(values) == 1 {
		return values[0]
	}
	return object{{"anyOf", values}}
}

func minProperties(k shapeKey) int {
	if k.required {
		return 1
	}
	return 0
}

// propertyNames are the names of components and event sources.
func propertyNames() object {
	return object{{"anyOf", []object{
		{{"pattern", `^[A-Za-z0-9_-]{1,60}$`}},
		{{"pattern", variablePattern}},
	}}}
}

// listItem is what a key says about the items of its list.
func listItem(k shapeKey) shapeKey {
	item := shapeKey{}
	if k.name == "environment" {
		item.pattern = `^[^=]+=|` + variablePattern
	}
	return item
}

func (g *generator) texts(k shapeKey, variable object) []object {
	switch {
	case len(k.enum) > 0:
		return []object{{{"enum", k.enum}}, variable}
	case k.pattern != "":
		return []object{{{"type", "string"}, {"pattern", k.pattern}}}
	case k.required:
		return []object{{{"type", []string{"string", "number", "boolean"}}, {"minLength", 1}}}
	}
	return []object{{{"type", []string{"string", "number", "boolean"}}}}
}

// reference names the definition of a mapping, adding it where it is new.
func (g *generator) reference(t reflect.Type) object {
	name := definitionNames[t]
	if !g.seen[t] {
		if g.seen == nil {
			g.seen = map[reflect.Type]bool{}
		}
		g.seen[t] = true
		definition := g.mapping(t)
		g.definitions = append(g.definitions, member{name, definition})
	}
	return object{{"$ref", "#/definitions/" + name}}
}
