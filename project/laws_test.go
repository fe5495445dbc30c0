package project

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

func mustLoad(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) *Project {
	t.Helper()
	loaded := Load(Input{File: "maelstrom.yml", Data: []byte(text), Lookup: testLookup})
	if loaded.Project == nil {
		t.Fatalf("refused:\n%s\n%s", text, problemText(loaded.Problems))
	}
	return loaded.Project
}

func effectiveOf(p *Project) *Project {
	out := &Project{Name: p.Name}
	for i := range p.Components {
		out.Components = append(out.Components, p.Components[i].Effective())
	}
	for i := range p.EventSources {
		out.EventSources = append(out.EventSources, p.EventSources[i].Effective())
	}
	return out
}

// TestWritingADefaultOutChangesNothing takes the defaults from the table that
// the reference and the schema are made from.
func TestWritingADefaultOutChangesNothing(t *testing.T) {
	for _, tt := range []struct {
		where  string
		format string
		keys   []key
	}{
		{"component", "name: shop\ncomponents:\n  web:\n    image: x\n    %s\n", componentKeys},
		{"volume", "name: shop\ncomponents:\n  web:\n    image: x\n    volumes:\n    - target: /a\n      source: /b\n      %s\n", volumeKeys},
		{"http", "name: shop\ncomponents:\n  web: {image: x, eventsources: {a: {http: {hostname: a, %s}}}}\n", httpKeys},
		{"sqs", "name: shop\ncomponents:\n  web: {image: x, eventsources: {a: {sqs: {queuename: a, path: /, %s}}}}\n", sqsKeys},
		{"awsstepfunc", "name: shop\ncomponents:\n  web: {image: x, eventsources: {a: {awsstepfunc: {activityname: a, path: /, %s}}}}\n", stepFuncKeys},
		{"project", "name: shop\n%s\ncomponents: {web: {image: x}}\n", projectKeys},
	} {
		bare := effectiveOf(mustLoad(t, fmt.Sprintf(tt.format, "")))
		for _, k := range tt.keys {
			if k.def == nil {
				continue
			}
			written := effectiveOf(mustLoad(t, fmt.Sprintf(tt.format, fmt.Sprintf("%s: %v", k.name, k.def))))
			if diff := cmp.Diff(bare, written); diff != "" {
				t.Errorf("%s.%s: %s", tt.where, k.name, diff)
			}
		}
	}
}

func TestEffectiveIsIdempotent(t *testing.T) {
	for _, path := range corpus(t, "testdata/good/*.yml") {
		once := effectiveOf(loadFile(t, path).Project)
		if diff := cmp.Diff(once, effectiveOf(once)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// TestOrderOfKeysDoesNotMatter shuffles every mapping of a full file.
func TestOrderOfKeysDoesNotMatter(t *testing.T) {
	data, err := os.ReadFile("testdata/good/full.yml")
	if err != nil {
		t.Fatal(err)
	}
	load := func(t *rapid.T, data []byte) *Project {
		loaded := Load(Input{File: "f", Data: data, Lookup: testLookup, ReadFile: readBeside("testdata/good/full.yml")})
		if loaded.Project == nil {
			t.Fatalf("refused:\n%s\n%s", data, problemText(loaded.Problems))
		}
		return loaded.Project
	}
	rapid.Check(t, func(t *rapid.T) {
		var document yaml.Node
		if err := yaml.Unmarshal(data, &document); err != nil {
			t.Fatal(err)
		}
		shuffleKeys(t, &document)
		shuffled, err := yaml.Marshal(&document)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(load(t, data), load(t, shuffled)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func shuffleKeys(t *rapid.T, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		pairs := make([][2]*yaml.Node, 0, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			pairs = append(pairs, [2]*yaml.Node{n.Content[i], n.Content[i+1]})
		}
		n.Content = n.Content[:0]
		for _, p := range rapid.Permutation(pairs).Draw(t, "order") {
			n.Content = append(n.Content, p[0], p[1])
		}
	}
	for _, child := range n.Content {
		shuffleKeys(t, child)
	}
}

// TestAnOverlayOfTheWholeFileChangesNothing lays files upon themselves.
func TestAnOverlayOfTheWholeFileChangesNothing(t *testing.T) {
	for _, path := range corpus(t, "testdata/good/*.yml") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in := Input{File: "base", Data: data, Lookup: testLookup, ReadFile: readBeside(path)}
		alone := Load(in)
		in.OverlayFile, in.OverlayData = "over", data
		both := Load(in)
		if diff := cmp.Diff(alone.Project, both.Project); diff != "" {
			t.Errorf("%s: %s\n%s", path, diff, problemText(both.Problems))
		}
	}
}

func TestEveryProblemHasARule(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range Rules {
		if want := fmt.Sprintf("MAEL%03d", i+1); r.ID != want || seen[r.ID] {
			t.Errorf("rule %d has the id %s", i+1, r.ID)
		}
		if seen[r.ID] = true; r.Summary == "" || r.Severity != Error && r.Severity != Warning {
			t.Errorf("%s says nothing", r.ID)
		}
	}
}
