package rpc

import (
	"fmt"
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

// TestTableOfKindsIsInSync keeps that of docs/errors.md to the kinds of errors
// that there are, their codes and their exit codes.
func TestTableOfKindsIsInSync(t *testing.T) {
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)<!-- table: kinds -->\n(.*?)<!-- end -->`).FindSubmatch(text)
	if table == nil {
		t.Fatal("there is no table of kinds")
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (-?[0-9]+) \\| ([0-9]+) \\|").FindAllSubmatch(table[1], -1) {
		got = append(got, fmt.Sprintf("%s %s %s", row[1], row[2], row[3]))
	}
	for _, kind := range kinds(t) {
		want = append(want, fmt.Sprintf("%s %d %d", kind, kind.code(), kind.ExitCode()))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%s\nand the code\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// kinds are the constants of Kind.
func kinds(t *testing.T) (all []Kind) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Kind" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Kind(value))
		return true
	})
	if len(all) == 0 {
		t.Fatal("there are no kinds")
	}
	return all
}
