package project

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"maelstrom/schemas"
)

func TestJSONSchemaIsInSync(t *testing.T) {
	golden(t, "../schemas/maelstrom.schema.json", JSONSchema())
	if !*update && !bytes.Equal(schemas.Project, JSONSchema()) {
		t.Error("the embedded schema is another one")
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("maelstrom.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("maelstrom.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is a YAML text as an editor hands it to a schema.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestJSONSchemaAcceptsGoodFiles(t *testing.T) {
	schema := compileSchema(t)
	for _, path := range append(corpus(t, "testdata/good/*.yml"), corpus(t, "../examples/*/maelstrom.yml")...) {
		if filepath.Base(path) == "variables.yml" {
			continue // ${...} in brackets is no YAML before variables are replaced
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestJSONSchemaAgreesWithLoad changes one thing at a time in a good file.
func TestJSONSchemaAgreesWithLoad(t *testing.T) {
	schema := compileSchema(t)
	for _, tt := range []struct {
		name, component string
		good            bool
	}{
		{"nothing", "", true},
		{"a number", "httpport: 80", true},
		{"a variable for a number", "httpport: ${PORT}", true},
		{"an integral float", "maxconcurrency: 3.0", true},
		{"a fraction", "maxconcurrency: 1.5", false},
		{"a quoted number", `httpport: "80"`, false},
		{"too large a port", "httpport: 65536", false},
		{"port zero", "httpport: 0", false},
		{"zero for the default", "maxconcurrency: 0", true},
		{"a negative number", "mininstances: -1", false},
		{"no start check", "httpstarthealthcheckseconds: -1", true},
		{"a share", "scaleupconcurrencypct: 0.9", true},
		{"too large a share", "scaleupconcurrencypct: 1.1", false},
		{"a boolean", "containerinit: true", true},
		{"an old boolean", "containerinit: on", true},
		{"an old boolean in capitals", "containerinit: OFF", true},
		{"a letter for a boolean", "containerinit: Y", true},
		{"a number for a boolean", "containerinit: 1", false},
		{"a list", "command: [a, 1, true]", true},
		{"a text for a list", "command: a b", false},
		{"a list in a list", "command: [[a]]", false},
		{"an empty value", "command:", true},
		{"an empty required value", "image:", false},
		{"a number for a text", "user: 1000", true},
		{"a list for a text", "user: [a]", false},
		{"a word", "restartorder: stopstart", true},
		{"a wrong word", "restartorder: never", false},
		{"an environment", "environment: [A=b, C=]", true},
		{"an environment as a mapping", "environment: {A: b}", false},
		{"an entry without a value", "environment: [A]", false},
		{"an unknown key", "imagee: x", false},
		{"another letter case", "HttpPort: 80", false},
		{"options", "logdriveroptions: {max-file: 3}", true},
		{"a volume", "volumes: [{source: /a, target: /b}]", true},
		{"a bind without a source", "volumes: [{target: /b}]", false},
		{"a tmpfs", "volumes: [{type: tmpfs, target: /b}]", true},
		{"a volume of a variable type", "volumes: [{type: '${NONE:-tmpfs}', target: /b}]", true},
		{"a path with a blank", "httphealthcheckpath: /a b", false},
		{"two types", "eventsources: {x: {http: {hostname: a}, cron: {schedule: '@daily', http: {method: GET, path: /}}}}", false},
		{"a second type without a value", "eventsources: {x: {http: {hostname: a}, cron: }}", true},
		{"a volume without a target", "volumes: [{source: /a}]", false},
		{"a volume as a text", `volumes: ["/a:/b"]`, false},
		{"a wrong volume", "volumes: [{source: /a, target: /b, type: nfs}]", false},
		{"a path", "httphealthcheckpath: /x", true},
		{"a path without a slash", "httphealthcheckpath: x", false},
		{"a host", "eventsources: {x: {http: {hostname: a}}}", true},
		{"neither host nor prefix", "eventsources: {x: {http: {stripprefix: true}}}", false},
		{"no type", "eventsources: {x: {}}", false},
		{"a bad name", "eventsources: {a.b: {http: {hostname: a}}}", false},
		{"a cron", "eventsources: {x: {cron: {schedule: '@daily', http: {method: GET, path: /}}}}", true},
		{"a cron without a path", "eventsources: {x: {cron: {schedule: '@daily', http: {method: GET}}}}", false},
		{"a queue", "eventsources: {x: {sqs: {queuename: a, path: /, messagesperpoll: 10}}}", true},
		{"too many messages", "eventsources: {x: {sqs: {queuename: a, path: /, messagesperpoll: 11}}}", false},
		{"a task without a name", "eventsources: {x: {awsstepfunc: {path: /}}}", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "name: shop\ncomponents:\n  web:\n    image: x\n    " + tt.component + "\n"
			if tt.name == "an empty required value" {
				text = "name: shop\ncomponents:\n  web:\n    " + tt.component + "\n"
			}
			loaded := Load(Input{File: "f", Data: []byte(text), Lookup: testLookup})
			if good := loaded.Project != nil; good != tt.good {
				t.Errorf("Load says %v:\n%s", good, problemText(loaded.Problems))
			}
			if err := schema.Validate(asJSON(t, []byte(text))); (err == nil) != tt.good {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for shape, keys := range keysOf {
		for i, k := range keys {
			if k.doc == "" || k.doc[len(k.doc)-1] != '.' {
				t.Errorf("%s.%s has no sentence", shape, k.name)
			}
			if i > 0 && k.name == keys[i-1].name {
				t.Errorf("%s.%s is described twice", shape, k.name)
			}
		}
		// Every field with a key must be described, or it could not be written.
		for _, f := range reflect.VisibleFields(shape) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && f.Tag.Get("yaml") != "-" && shapes[shape].byName[name] == nil {
				t.Errorf("%s.%s has no key", shape, name)
			}
		}
	}
}
