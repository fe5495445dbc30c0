package rpc

import (
	"encoding/json"
	"fmt"
	"testing"
)

// strictClient reads answers as a Barrister client does that takes the
// interface description at its word: every required field is there and of its
// type, and nothing else is.
type strictClient struct {
	t       *testing.T
	w       *world
	structs map[string]idlElement
	returns map[string]string
}

func newStrictClient(t *testing.T, w *world) *strictClient {
	t.Helper()
	var answer struct{ Result []idlElement }
	if err := json.Unmarshal(w.post(`{"jsonrpc":"2.0","id":"1","method":"barrister-idl"}`).Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	c := &strictClient{t: t, w: w, structs: map[string]idlElement{}, returns: map[string]string{}}
	for _, e := range answer.Result {
		switch e.Type {
		case "struct":
			c.structs[e.Name] = e
		case "interface":
			for _, f := range e.Functions {
				c.returns[e.Name+"."+f.Name] = f.Returns.Type
			}
		}
	}
	return c
}

func (c *strictClient) call(method, params string) {
	c.t.Helper()
	returns, ok := c.returns[method]
	if !ok {
		c.t.Fatalf("the description has no %s", method)
	}
	var value any
	if err := json.Unmarshal([]byte(c.w.do(method, params)), &value); err != nil {
		c.t.Fatal(err)
	}
	c.check(method, idlField{Type: returns}, value)
}

func (c *strictClient) check(path string, f idlField, value any) {
	c.t.Helper()
	if value == nil {
		if !f.Optional {
			c.t.Errorf("%s is null", path)
		}
		return
	}
	if f.IsArray {
		list, ok := value.([]any)
		if !ok {
			c.t.Errorf("%s is no list: %v", path, value)
		}
		for i, item := range list {
			c.check(fmt.Sprintf("%s[%d]", path, i), idlField{Type: f.Type}, item)
		}
		return
	}
	switch f.Type {
	case "string":
		_, ok := value.(string)
		c.must(ok, path, f, value)
	case "bool":
		_, ok := value.(bool)
		c.must(ok, path, f, value)
	case "int", "float":
		n, ok := value.(float64)
		c.must(ok && (f.Type == "float" || n == float64(int64(n))), path, f, value)
	default:
		c.object(path, f, value)
	}
}

func (c *strictClient) object(path string, f idlField, value any) {
	c.t.Helper()
	object, ok := value.(map[string]any)
	element, known := c.structs[f.Type]
	c.must(ok && known, path, f, value)
	fields := map[string]bool{}
	for _, field := range element.Fields {
		fields[field.Name] = true
		inner, there := object[field.Name]
		if there || !field.Optional {
			c.check(path+"."+field.Name, field, inner)
		}
	}
	for name := range object {
		if !fields[name] {
			c.t.Errorf("%s.%s is not described", path, name)
		}
	}
}

func (c *strictClient) must(ok bool, path string, f idlField, value any) {
	c.t.Helper()
	if !ok {
		c.t.Errorf("%s is no %s: %v", path, f.Type, value)
	}
}

func TestAnswersAreAsTheInterfaceDescriptionSays(t *testing.T) {
	w := originalShop(t)
	c := newStrictClient(t, w)
	for method, params := range map[string]string{
		"MaelstromService.PutProject":         fixture(t, "put_project"),
		"MaelstromService.ListProjects":       `{}`,
		"MaelstromService.GetProject":         `{"name":"shop"}`,
		"MaelstromService.ListComponents":     `{"limit":1}`,
		"MaelstromService.GetComponent":       `{"name":"shop_api"}`,
		"MaelstromService.ListEventSources":   `{}`,
		"MaelstromService.GetEventSource":     `{"name":"shop_nightly"}`,
		"MaelstromService.ToggleEventSources": `{"enabled":true}`,
		"MaelstromService.NotifyDataChanged":  `{}`,
		"NodeService.ListNodeStatus":          `{}`,
		"NodeService.GetStatus":               `{}`,
	} {
		c.call(method, params)
	}
	c.call("MaelstromService.RemoveProject", `{"name":"shop"}`)
	if len(c.returns) != 16 {
		t.Errorf("%d methods are described", len(c.returns))
	}
}
