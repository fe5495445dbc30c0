package schema

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maelstrom/project"
)

// patience bounds each wait for an answer; it is no measure.
const patience = 60 * time.Second

// editor is the other side of a language server.
type editor struct {
	t        *testing.T
	in       io.WriteCloser
	messages chan message
	nextID   int
	found    map[string][]diagnostic // the latest, by document
}

type message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

type diagnostic struct {
	Range struct {
		Start struct{ Line, Character int }
	}
	Message string
}

// openEditor starts yaml-language-server as editors do.
func openEditor(t *testing.T) *editor {
	t.Helper()
	cmd := node("node_modules/yaml-language-server/bin/yaml-language-server", "--stdio")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &editor{t: t, in: in, messages: make(chan message, 100), found: map[string][]diagnostic{}}
	go e.read(bufio.NewReader(out))
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill() // it may have ended with its input
		_ = cmd.Wait()
	})
	e.call("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{
		"textDocument": map[string]any{"publishDiagnostics": map[string]any{}, "completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}},
		"workspace":    map[string]any{"configuration": true},
	}})
	e.notify("initialized", map[string]any{})
	return e
}

func (e *editor) read(out *bufio.Reader) {
	defer close(e.messages)
	for {
		header, err := textproto.NewReader(out).ReadMIMEHeader()
		if err != nil {
			return
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(out, body); err != nil {
			return
		}
		var m message
		if json.Unmarshal(body, &m) == nil {
			e.messages <- m
		}
	}
}

func (e *editor) send(fields map[string]any) {
	e.t.Helper()
	fields["jsonrpc"] = "2.0"
	body, err := json.Marshal(fields)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	e.send(map[string]any{"method": method, "params": params})
}

// call asks the server and answers what it asks in the meantime.
func (e *editor) call(method string, params any) json.RawMessage {
	e.t.Helper()
	e.nextID++
	id := strconv.Itoa(e.nextID)
	e.send(map[string]any{"id": e.nextID, "method": method, "params": params})
	for {
		m := e.next()
		if m.Method == "" && string(m.ID) == id {
			if m.Error != nil {
				e.t.Fatalf("%s: %s", method, m.Error)
			}
			return m.Result
		}
	}
}

// next is the server's next message, its requests answered and its diagnostics
// kept.
func (e *editor) next() message {
	e.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case m, ok := <-e.messages:
		if !ok {
			e.t.Fatal("the language server has ended")
		}
		e.handle(m)
		return m
	case <-timer.C:
		e.t.Fatalf("nothing within %s", patience)
	}
	return message{}
}

func (e *editor) handle(m message) {
	e.t.Helper()
	switch {
	case m.Method == "textDocument/publishDiagnostics":
		var p struct {
			URI         string
			Diagnostics []diagnostic
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			e.t.Fatal(err)
		}
		e.found[p.URI] = p.Diagnostics
	case m.Method == "workspace/configuration":
		var p struct{ Items []any }
		if err := json.Unmarshal(m.Params, &p); err != nil {
			e.t.Fatal(err)
		}
		settings := make([]any, len(p.Items))
		for i := range settings {
			settings[i] = map[string]any{"validate": true, "completion": true, "schemaStore": map[string]any{"enable": false}}
		}
		e.send(map[string]any{"id": m.ID, "result": settings})
	case m.Method != "" && m.ID != nil:
		e.send(map[string]any{"id": m.ID, "result": nil})
	}
}

// open shows a document to the server and returns what it finds wrong.
func (e *editor) open(path, text string) (uri string, found []diagnostic) {
	e.t.Helper()
	uri = "file://" + path
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
	for {
		e.next()
		if found, ok := e.found[uri]; ok {
			return uri, found
		}
	}
}

// document is a project file whose first line names the schema.
func document(t *testing.T, text string) (path, all string) {
	t.Helper()
	dir := t.TempDir()
	schema := filepath.Join(dir, "maelstrom.schema.json")
	if err := os.WriteFile(schema, project.JSONSchema(), 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "maelstrom.yml"), "# yaml-language-server: $schema=file://" + schema + "\n" + text
}

// An editor underlines a mistake on the line that we tell.
func TestLanguageServerUnderlinesOurLines(t *testing.T) {
	e := openEditor(t)
	for _, tt := range []struct{ name, text string }{
		{"an unknown key", "name: shop\ncomponents:\n  web:\n    image: web\n    httpprot: 80\n"},
		{"a wrong type", "name: shop\ncomponents:\n  web:\n    image: web\n    command: a b\n    httpport: 80\n"},
		{"a number out of range", "name: shop\ncomponents:\n  web:\n    httpport: 70000\n    image: web\n"},
		{"a wrong word", "name: shop\ncomponents:\n  web:\n    image: web\n    restartorder: never\n"},
		{"a path", "name: shop\ncomponents:\n  web:\n    image: web\n    httphealthcheckpath: health\n"},
		{"a missing image", "name: shop\ncomponents:\n  web:\n    httpport: 80\n"},
		{"two types", "name: shop\ncomponents:\n  web:\n    image: web\n    eventsources:\n      x:\n        http: {hostname: a}\n        cron: {schedule: '@daily', http: {method: GET, path: /}}\n"},
		{"a syntax error", "name: shop\ncomponents:\n  web:\n    image: web: 1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e.t = t
			path, text := document(t, tt.text)
			loaded := load(path, text)
			problems := errorsOf(loaded)
			if len(problems) != 1 {
				t.Fatalf("Load says %v", problems)
			}
			_, found := e.open(path, text)
			if !slices.ContainsFunc(found, func(d diagnostic) bool { return sameLine(d.Range.Start.Line+1, problems[0].Line) }) {
				t.Errorf("Load says %s, the language server %+v", problems[0], found)
			}
		})
	}
	e.t = t
	path, text := document(t, "name: shop\ncomponents:\n  web:\n    image: web:${TAG:-1}\n    httpport: ${PORT}\n    crontab: |\n      @daily /\n")
	if _, found := e.open(path, text); len(found) > 0 {
		t.Errorf("a good file: %+v", found)
	}
}

// sameLine tells whether both mean one place: where a key is missing we name the mapping's first
// line, and editors the key that holds it.
func sameLine(theirs, ours int) bool { return theirs == ours || theirs == ours-1 }

func TestLanguageServerOffersKeys(t *testing.T) {
	e := openEditor(t)
	path, text := document(t, "name: shop\ncomponents:\n  web:\n    image: web\n    \n")
	uri, _ := e.open(path, text)
	answer := e.call("textDocument/completion", map[string]any{
		"textDocument": map[string]any{"uri": uri},
		"position":     map[string]any{"line": 5, "character": 4},
	})
	var list struct{ Items []struct{ Label string } }
	if err := json.Unmarshal(answer, &list); err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, item := range list.Items {
		labels = append(labels, item.Label)
	}
	for _, key := range []string{"httpport", "environment", "eventsources", "mininstances", "volumes"} {
		if !slices.Contains(labels, key) {
			t.Errorf("%s is not offered among %s", key, strings.Join(labels, " "))
		}
	}
	if slices.Contains(labels, "image") {
		t.Error("image is offered although it is written")
	}
}
