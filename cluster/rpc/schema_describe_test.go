package rpc

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serviceDoc is one file of schemas/rpc.
type serviceDoc struct {
	Schema      string               `json:"$schema"`
	Title       string               `json:"title"`
	Methods     map[string]methodDoc `json:"methods"`
	Definitions map[string]schema    `json:"definitions"`

	comments comments
	types    map[string]reflect.Type // by their names in Definitions
}

type methodDoc struct {
	Description string `json:"description"`
	Params      schema `json:"params"`
	Result      schema `json:"result"`
}

type schema map[string]any

func newServiceDoc(title string, c comments) *serviceDoc {
	return &serviceDoc{
		Schema:      "http://json-schema.org/draft-07/schema#",
		Title:       title,
		Methods:     map[string]methodDoc{},
		Definitions: map[string]schema{},
		comments:    c,
		types:       map[string]reflect.Type{},
	}
}

func (d *serviceDoc) add(verb string, m method) {
	d.Methods[verb] = methodDoc{Description: m.summary, Params: d.ref(m.params), Result: d.ref(m.result)}
}

func typeName(t reflect.Type) string { return strings.TrimPrefix(t.Name(), "orig") }

// ref returns a reference to the definition of a struct, made if need be.
func (d *serviceDoc) ref(t reflect.Type) schema {
	name := typeName(t)
	if other, named := d.types[name]; named && other != t {
		panic(name + " is the name of two types: " + other.PkgPath() + " has one, and " + t.PkgPath())
	}
	d.types[name] = t
	if _, done := d.Definitions[name]; !done {
		d.Definitions[name] = nil // before its fields, which may hold it
		properties, required := schema{}, []string{}
		d.fields(t, properties, &required)
		def := schema{"type": "object", "properties": properties}
		if len(required) > 0 {
			def["required"] = required
		}
		if text := d.comments.of[t.PkgPath()+"."+t.Name()]; text != "" {
			def["description"] = text
		}
		d.Definitions[name] = def
	}
	return schema{"$ref": "#/definitions/" + name}
}

// fields adds those of t, those of embedded structs as its own.
func (d *serviceDoc) fields(t reflect.Type, properties schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" {
			d.fields(f.Type, properties, required)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		optional := strings.Contains(opts, "omit") || f.Tag.Get("rpc") == "lenient"
		property := d.schemaOf(f.Type, optional)
		if text := d.comments.of[t.PkgPath()+"."+t.Name()+"."+f.Name]; text != "" {
			if property["$ref"] != nil { // draft-07 reads nothing beside a $ref
				property = schema{"allOf": []schema{property}}
			}
			property["description"] = text
		}
		properties[name] = property
		if !optional {
			*required = append(*required, name)
		}
	}
}

func (d *serviceDoc) schemaOf(t reflect.Type, optional bool) schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return schema{} // any JSON
	case t == reflect.TypeFor[[]byte]():
		return schema{"type": "string", "contentEncoding": "base64"}
	case t.Kind() == reflect.Pointer && optional:
		return d.schemaOf(t.Elem(), true)
	case t.Kind() == reflect.Pointer:
		return schema{"oneOf": []schema{d.schemaOf(t.Elem(), false), {"type": "null"}}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.ref(t)
	case reflect.Slice:
		return schema{"type": "array", "items": d.schemaOf(t.Elem(), false)}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": d.schemaOf(t.Elem(), false)}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Interface:
		return schema{}
	}
	text := schema{"type": "string"}
	if values := d.comments.values[t.PkgPath()+"."+t.Name()]; values != nil {
		text["enum"] = values
	}
	return text
}

// comments are what the source says of types and fields, and the values of
// enumerated types.
type comments struct {
	of     map[string]string
	values map[string][]string
}

func readComments(t testing.TB) comments {
	t.Helper()
	c := comments{of: map[string]string{}, values: map[string][]string{}}
	for pkg, dir := range map[string]string{
		"maelstrom/cluster/rpc":   ".",
		"maelstrom/cluster":       "..",
		"maelstrom/project":       "../../project",
		"maelstrom/project/route": "../../project/route",
	} {
		paths, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			c.read(pkg, file)
		}
	}
	return c
}

func (c comments) read(pkg string, file *ast.File) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				c.readType(pkg, spec, group.Doc)
			case *ast.ValueSpec:
				c.readValue(pkg, spec)
			}
		}
	}
}

func (c comments) readType(pkg string, spec *ast.TypeSpec, doc *ast.CommentGroup) {
	key := pkg + "." + spec.Name.Name
	c.of[key] = flat(doc)
	body, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range body.Fields.List {
		for _, name := range field.Names {
			c.of[key+"."+name.Name] = strings.TrimSpace(flat(field.Doc) + " " + flat(field.Comment))
		}
	}
}

func (c comments) readValue(pkg string, spec *ast.ValueSpec) {
	typ, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Values) != 1 {
		return
	}
	literal, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	if value, err := strconv.Unquote(literal.Value); err == nil {
		key := pkg + "." + typ.Name
		c.values[key] = append(c.values[key], value)
	}
}

func flat(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	return strings.Join(strings.Fields(group.Text()), " ")
}
