package project

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestReferenceIsInSync keeps the tables of the YAML reference equal to the
// description that the decoder works by.
func TestReferenceIsInSync(t *testing.T) {
	const path = "../docs/yaml.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{
		"project": keyTable[fileProject](), "component": keyTable[fileComponent](), "volume": keyTable[Volume](), "file": keyTable[fileFileMount](),
		"wake": keyTable[WakeRule](), "awake": keyTable[AwakeWindow](),
		"http": keyTable[HTTPSource](), "cron": keyTable[CronSource](), "request": keyTable[CronHTTP](), "header": keyTable[Header](),
		"sqs": keyTable[SQSSource](), "awsstepfunc": keyTable[AWSStepFuncSource](), "rules": ruleTable(),
	}
	region := regexp.MustCompile(`(?s)<!-- table: (\w+) -->\n.*?<!-- end -->`)
	found := 0
	want := region.ReplaceAllStringFunc(string(text), func(old string) string {
		name := region.FindStringSubmatch(old)[1]
		found++
		return "<!-- table: " + name + " -->\n" + tables[name] + "<!-- end -->"
	})
	if found != len(tables) {
		t.Errorf("%d of %d tables are there", found, len(tables))
	}
	golden(t, path, []byte(want))
}

func keyTable[T any]() string {
	var out strings.Builder
	out.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	t := reflect.TypeFor[T]()
	for _, k := range shapes[t].keys {
		def := ""
		switch {
		case k.required:
			def = "required"
		case k.def != nil:
			def = fmt.Sprintf("`%v`", k.def)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", k.name, valueName(t.FieldByIndex(k.index).Type, k), def, strings.ReplaceAll(k.doc, "<", "&lt;"))
	}
	return out.String()
}

func valueName(t reflect.Type, k shapeKey) string {
	switch t.Kind() {
	case reflect.Slice:
		if k.word != "" {
			return k.word + ", or a list of mappings"
		}
		if t.Elem().Kind() == reflect.Struct {
			return "list of mappings"
		}
		return "list"
	case reflect.Map:
		return "name: value pairs"
	case reflect.Pointer, reflect.Struct:
		return "mapping"
	case reflect.Bool:
		return "true, false"
	case reflect.String:
		if len(k.enum) > 0 {
			return strings.Join(k.enum, ", ")
		}
		return "text"
	}
	switch {
	case k.duration:
		return "duration"
	case k.max == unbounded && k.min < 0:
		return "whole number"
	case k.max == unbounded:
		return "whole number from 0"
	case k.min == k.max:
		return fmt.Sprint(k.min)
	case t.Kind() == reflect.Float64:
		return fmt.Sprintf("number, %v to %v", k.min, k.max)
	}
	return fmt.Sprintf("whole number, %v to %v", k.min, k.max)
}

func ruleTable() string {
	var out strings.Builder
	out.WriteString("| rule | severity | what it finds |\n|---|---|---|\n")
	for _, r := range Rules {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", r.ID, r.Severity, r.Summary)
	}
	return out.String()
}

// TestExamplesOfTheReferenceAreGood loads every whole file that the reference shows.
func TestExamplesOfTheReferenceAreGood(t *testing.T) {
	text, err := os.ReadFile("../docs/yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	whole := 0
	for _, b := range blocks {
		if !strings.HasPrefix(b[1], "name: ") {
			continue
		}
		whole++
		loaded := Load(Input{File: "yaml.md", Data: []byte(b[1]), Lookup: testLookup})
		if len(loaded.Problems) > 0 {
			t.Errorf("%s\n%s", problemText(loaded.Problems), b[1])
		}
	}
	if whole == 0 {
		t.Error("the reference shows no whole file")
	}
}
