package cluster

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTablesOfSourcesAreInSync keeps the tables of docs/sources.md to the
// conditions, reasons and events that there are, in their order.
func TestTablesOfSourcesAreInSync(t *testing.T) {
	compareTables(t, "../docs/sources.md", map[string]constantsOf{
		"conditions": {"condition.go", "ConditionType"},
		"reasons":    {"condition.go", "ConditionReason"},
		"events":     {"event.go", "EventKind"},
	})
}

// TestTableOfReasonsIsInSync keeps that of docs/errors.md to the reasons that
// there are.
func TestTableOfReasonsIsInSync(t *testing.T) {
	compareTables(t, "../docs/errors.md", map[string]constantsOf{"reasons": {"reason.go", "Reason"}})
}

type constantsOf struct{ file, kind string }

func compareTables(t *testing.T, page string, tables map[string]constantsOf) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range tables {
		table := regexp.MustCompile(`(?s)<!-- table: ` + name + ` -->\n(.*?)<!-- end -->`).FindSubmatch(text)
		if table == nil {
			t.Errorf("there is no table of %s", name)
			continue
		}
		var got []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllSubmatch(table[1], -1) {
			got = append(got, string(row[1]))
		}
		if want := slices.DeleteFunc(constants(t, c.file, c.kind), func(value string) bool { return value == "" }); !slices.Equal(got, want) {
			t.Errorf("the table of %s has\n%s\nand the code\n%s", name, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}

// constants are the values of a file's constants of one type.
func constants(t *testing.T, file, kind string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != kind {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants of type %s", file, kind)
	}
	return values
}
