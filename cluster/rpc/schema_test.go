package rpc

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"maelstrom/schemas"
)

var update = flag.Bool("update", false, "rewrite schemas/rpc from the types")

const schemaDir = "../../schemas/rpc"

// serviceDocs returns what schemas/rpc should hold, by file name.
func serviceDocs(t testing.TB) map[string][]byte {
	t.Helper()
	docs := map[string]*serviceDoc{}
	comments := readComments(t)
	for name, m := range newWorld(t).server.methods {
		service, verb, _ := strings.Cut(name, ".")
		doc := docs[service]
		if doc == nil {
			doc = newServiceDoc(service, comments)
			docs[service] = doc
		}
		doc.add(verb, m)
	}
	out := map[string][]byte{}
	for service, doc := range docs {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(doc); err != nil {
			t.Fatal(err)
		}
		out[service+".json"] = buf.Bytes()
	}
	return out
}

func TestSchemasDescribeTheTypes(t *testing.T) {
	docs := serviceDocs(t)
	if *update {
		old, err := filepath.Glob(schemaDir + "/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		for name, data := range docs {
			if err := os.WriteFile(filepath.Join(schemaDir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	embedded, err := fs.Glob(schemas.RPC, "rpc/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded) != len(docs) {
		t.Errorf("schemas/rpc has %d files, want %d: run go test ./cluster/rpc -update", len(embedded), len(docs))
	}
	for name, want := range docs {
		got, err := fs.ReadFile(schemas.RPC, "rpc/"+name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("schemas/rpc/%s does not describe the types: run go test ./cluster/rpc -update", name)
		}
	}
}

// schemaSet checks answers against the embedded descriptions.
type schemaSet struct{ compiler *jsonschema.Compiler }

func newSchemaSet(t testing.TB) *schemaSet {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	names, err := fs.Glob(schemas.RPC, "rpc/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := schemas.RPC.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(filepath.Base(name), doc); err != nil {
			t.Fatal(err)
		}
	}
	return &schemaSet{compiler: c}
}

// check fails the test unless data is what part (params or result) of a
// method's description allows.
func (s *schemaSet) check(t testing.TB, method, part string, data []byte) {
	t.Helper()
	service, verb, _ := strings.Cut(method, ".")
	schema, err := s.compiler.Compile(service + ".json#/methods/" + verb + "/" + part)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %s is not as described: %v\n%s", method, part, err, data)
	}
}
