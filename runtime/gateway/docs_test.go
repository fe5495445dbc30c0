package gateway

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
	"time"

	"maelstrom/cluster"
)

// TestTableOfAnswersIsInSync keeps the table of docs/errors.md to the answers
// that there are: their status, reason and body, in both directions.
func TestTableOfAnswersIsInSync(t *testing.T) {
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)<!-- table: answers -->\n(.*?)<!-- end -->`).FindSubmatch(text)
	if table == nil {
		t.Fatal("there is no table of answers")
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]+) \\| ([^|]+) \\| ([^|]+) \\|").FindAllSubmatch(table[1], -1) {
		for _, reason := range strings.Fields(strings.ReplaceAll(string(row[2]), "as above", "above")) {
			got = append(got, fmt.Sprintf("%s %s %s", row[1], strings.Trim(reason, "`"), strings.Trim(string(row[3]), "`")))
		}
	}
	var want []string
	for _, answers := range answers() {
		for _, r := range answers {
			reason := string(r.reason)
			if reason == "" {
				reason = "-"
			}
			want = append(want, fmt.Sprintf("%d %s %s", r.status, reason, r.text))
		}
	}
	want = append(want, "503 above failed") // the reason is that of the failure
	slices.Sort(got)
	slices.Sort(want)
	if got := slices.Compact(got); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("the table has\n%s\nand the code\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// answers are all that the gateway gives, by the declaration that makes them.
func answers() map[string][]*refusal {
	var failed []*refusal
	for _, reason := range []cluster.Reason{
		cluster.ReasonNoCapacity, cluster.ReasonEngineDown, cluster.ReasonDatabaseDown, cluster.ReasonReleaseFailed, cluster.ReasonImageMissing,
		cluster.ReasonPullFailed, cluster.ReasonExited, cluster.ReasonNeverListened, cluster.ReasonUnhealthy, cluster.ReasonBackoff,
	} {
		failed = append(failed, refuseFailure(&cluster.Failure{Reason: reason}))
	}
	return map[string][]*refusal{
		"refuseUnknown": {refuseUnknown}, "refuseStopped": {refuseStopped}, "refuseGone": {refuseGone}, "refuseFull": {refuseFull},
		"refuseLeaving": {refuseLeaving}, "refuseBroken": {refuseBroken}, "refuseUnreachable": {refuseUnreachable}, "refuseLost": {refuseLost},
		"refuseMalformed": {refuseMalformed}, "refuseConnect": {refuseConnect}, "refuseBody": {refuseBody}, "refuseAbsent": {refuseAbsent},
		"refuseFailure": failed,
		"refuseLate":    {refuseLate("shop_web", cluster.ReasonQueueTimeout), refuseLate("shop_web", cluster.ReasonUnhealthy)},
		"asleep":        {new(dispatcher).asleep(200, time.Now())},
	}
}

// TestAllAnswersAreListed finds an answer or a reason that answers misses.
func TestAllAnswersAreListed(t *testing.T) {
	known := answers()
	between := []string{"forwardedFull", "forwardedGone", "forwardedDraining", "refuseFor"} // what nodes tell each other is no answer to a client, or another node's
	for _, name := range makers(t) {
		if known[name] == nil && !slices.Contains(between, name) {
			t.Errorf("%s makes an answer that the table of docs/errors.md is not compared with", name)
		}
	}
	never := []string{"full", "overlap", ""} // full is what nodes tell each other, overlap is no answer
	for _, reason := range reasons(t) {
		found := slices.Contains(never, reason)
		for _, list := range known {
			found = found || slices.ContainsFunc(list, func(r *refusal) bool { return string(r.reason) == reason })
		}
		if !found {
			t.Errorf("no answer has the reason %s", reason)
		}
	}
}

// makers are the declarations of this package that make a refusal.
func makers(t *testing.T) (names []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			names = append(names, makersIn(t, name)...)
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %v make answers", names)
	}
	return names
}

func makersIn(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	maker := ""
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			maker = n.Name.Name
		case *ast.ValueSpec:
			maker = n.Names[0].Name
		case *ast.CompositeLit:
			if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "refusal" {
				names = append(names, maker)
			}
		}
		return true
	})
	return names
}

// reasons are the constants of cluster.Reason.
func reasons(t *testing.T) (values []string) {
	t.Helper()
	text, err := os.ReadFile("../../cluster/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\tReason\w+ +Reason = ("[a-z_]*")`).FindAllSubmatch(text, -1) {
		value, err := strconv.Unquote(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		t.Fatal("there are no reasons")
	}
	return values
}
