package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"maelstrom/project"
)

// inexpressible are the rules about which a schema says nothing, and why.
// docs/yaml.md has the same list.
var inexpressible = map[string]string{
	"MAEL001": "the size of the file", "MAEL002": "the encoding of the file", "MAEL003": "control characters",
	"MAEL004": "the YAML parser's", "MAEL005": "the YAML parser's", "MAEL007": "the YAML parser's", "MAEL008": "the YAML parser's",
	"MAEL012": "tags are gone when the schema looks", "MAEL013": "the YAML parser's", "MAEL014": "the YAML parser's",
	"MAEL015": "the YAML parser's", "MAEL016": "the depth of what is wrong anyway",
	"MAEL017": "whether a variable is set", "MAEL018": "whether a variable is set",
	"MAEL020": "the length of a name joined with the project's", "MAEL021": "names that join to one",
	"MAEL023": "relations between numbers", "MAEL025": "an empty item may be a variable's value",
	"MAEL027": "equal names in a list", "MAEL028": "a warning", "MAEL029": "a warning",
	"MAEL030": "other files", "MAEL031": "other files", "MAEL032": "other files",
	"MAEL033": "the engine's grammar", "MAEL034": "the engine's grammar", "MAEL035": "the engine's grammar", "MAEL036": "the engine's grammar",
	"MAEL037": "the engine's grammar", "MAEL038": "the engine's grammar", "MAEL039": "the engine's grammar",
	"MAEL041": "the grammar of hosts", "MAEL043": "equal routes", "MAEL044": "the grammar of schedules", "MAEL045": "the grammar of crontabs",
	"MAEL046": "how a text was written", "MAEL047": "the grammar of HTTP", "MAEL048": "other files",
	"MAEL049": "a warning", "MAEL050": "a warning", "MAEL051": "a warning", "MAEL052": "a count", "MAEL053": "other files",
	"MAEL054": "other files", "MAEL055": "other files", "MAEL056": "other files",
	"MAEL058": "the grammar of labels",
}

type verdict struct {
	Path     []string
	Keyword  string
	Property string
	Message  string
}

func (v verdict) path() string {
	path := strings.Join(v.Path, ".")
	if v.Keyword == "additionalProperties" || v.Keyword == "required" || v.Keyword == "propertyNames" {
		path = strings.TrimPrefix(path+"."+v.Property, ".")
	}
	return path
}

// finds tells whether v is about what stands at path: at it, within it, or that
// what should hold it is missing or no mapping.
func (v verdict) finds(path string) bool {
	missing := v.Keyword == "required" || v.Keyword == "type"
	return within(v.path(), path) || missing && v.Path != nil && within(path, v.path())
}

// judge asks ajv about each file; nil is what is no YAML to it.
func judge(t *testing.T, files map[string]string) map[string][]verdict {
	t.Helper()
	input, err := json.Marshal(map[string]any{"schema": json.RawMessage(project.JSONSchema()), "files": files})
	if err != nil {
		t.Fatal(err)
	}
	cmd := node("judge.mjs")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var verdicts map[string][]verdict
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func corpus(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = string(data)
		}
	}
	return files
}

// variables are those that the corpus counts on.
var variables = map[string]string{
	"PORT": "9000", "TAG": "1.2.3", "YES": "yes", "EMPTY": "", "FRACTION": "1.5", "DB_PASSWORD": "hunter2!",
	"YAML": "a: [b, c]", "TWO_LINES": "one\ntwo",
}

func load(path, text string) project.Loaded {
	return project.Load(project.Input{
		File: filepath.Base(path), Data: []byte(text),
		Lookup: func(name string) (string, bool) { value, ok := variables[name]; return value, ok },
		ReadFile: func(name string) (project.File, error) {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
			return project.File{Path: name, Data: data}, err
		},
	})
}

func errorsOf(loaded project.Loaded) []project.Problem {
	return slices.DeleteFunc(slices.Clone(loaded.Problems), func(p project.Problem) bool { return p.Severity != project.Error })
}

// dotted is a path of a problem in the form of a verdict's.
func dotted(path string) string { return strings.NewReplacer("[", ".", "]", "").Replace(path) }

// within tells whether one path is the other or below it.
func within(path, of string) bool { return path == of || strings.HasPrefix(path, of+".") || of == "" }

// near tells whether one path is, contains or is contained in the other.
func near(a, b string) bool {
	return within(a, b) || within(b, a)
}

func TestGoodFilesAreGood(t *testing.T) {
	files := corpus(t, "../../project/testdata/good/*.yml", "../../examples/*/maelstrom.yml")
	for path, verdicts := range judge(t, files) {
		if strings.HasSuffix(path, "variables.yml") {
			continue // ${...} in brackets is no YAML before variables are replaced
		}
		if errs := errorsOf(load(path, files[path])); len(errs) > 0 && !strings.HasSuffix(path, "overlay.yml") {
			t.Errorf("%s: Load says %v", path, errs)
		}
		if verdicts == nil || len(verdicts) > 0 {
			t.Errorf("%s: the schema says %v", path, verdicts)
		}
	}
}

// Whatever a schema can express it finds, where Load finds it; and it finds
// nothing that Load doesn't.
func TestBadFilesAreBadAtTheSamePlaces(t *testing.T) {
	files := corpus(t, "../../project/testdata/bad/*.yml")
	for path, text := range files {
		if !utf8.ValidString(text) {
			delete(files, path) // no JSON can carry it to the judge
		}
	}
	judged := 0
	for path, verdicts := range judge(t, files) {
		problems := errorsOf(load(path, files[path]))
		if verdicts == nil { // no YAML: the parser's rules
			if !slices.ContainsFunc(problems, func(p project.Problem) bool { return inexpressible[p.Rule] != "" }) {
				t.Errorf("%s is no YAML to ajv's parser, and Load says only %v", path, problems)
			}
			continue
		}
		for _, p := range problems {
			if inexpressible[p.Rule] != "" || beyond(p, files[path]) {
				continue
			}
			judged++
			if !slices.ContainsFunc(verdicts, func(v verdict) bool { return v.finds(dotted(p.Path)) }) {
				t.Errorf("%s: the schema does not find %s %s", path, p.Rule, p)
			}
		}
		for _, v := range verdicts {
			if !slices.ContainsFunc(problems, func(p project.Problem) bool { return near(strings.Join(v.Path, "."), dotted(p.Path)) }) {
				t.Errorf("%s: the schema finds %s: %s %s, and Load does not", path, v.path(), v.Keyword, v.Message)
			}
		}
	}
	const least = 60
	if judged < least {
		t.Errorf("%d problems were compared, want at least %d", judged, least)
	}
}

// beyond tells whether a problem that a schema can express in general is one
// that it can't see here: a variable's value, or a word that is a boolean in
// YAML 1.1 and a text in 1.2.
func beyond(p project.Problem, text string) bool {
	lines := strings.Split(text, "\n")
	if p.Line <= len(lines) && strings.Contains(lines[p.Line-1], "${") {
		return true
	}
	return strings.Contains(p.Message, "boolean") || strings.Contains(p.Message, "true or false")
}

func TestEveryRuleIsDecidedUpon(t *testing.T) {
	for id := range inexpressible {
		if !slices.ContainsFunc(project.Rules, func(r project.Rule) bool { return r.ID == id }) {
			t.Errorf("there is no rule %s", id)
		}
	}
	data, err := os.ReadFile("../../docs/yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n## The JSON Schema\n")
	for _, r := range project.Rules {
		if listed := strings.Contains(section, r.ID); listed != (inexpressible[r.ID] != "") {
			t.Errorf("docs/yaml.md lists %s as what a schema can't express: %v", r.ID, listed)
		}
	}
}
