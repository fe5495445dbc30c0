package project

import (
	"fmt"
	"strings"
	"testing"
)

func TestSizeLimit(t *testing.T) {
	const text = "name: shop\ncomponents: {web: {image: x, maxconcurrency: 1}}\n#"
	fits := text + strings.Repeat("x", maxFileSize-len(text))
	if got := Load(Input{File: "f", Data: []byte(fits)}); len(got.Problems) > 0 {
		t.Error(got.Problems)
	}
	got := Load(Input{File: "f", Data: []byte(fits + "x")}).Problems
	if len(got) != 1 || got[0].Rule != ruleSize {
		t.Error(got)
	}
}

func TestVeryManyProblemsAreCutShort(t *testing.T) {
	var text strings.Builder
	text.WriteString("name: shop\ncomponents:\n  web:\n    image: x\n")
	for i := range 2 * maxProblems {
		fmt.Fprintf(&text, "    k%d: 1\n", i)
	}
	loaded := Load(Input{File: "f", Data: []byte(text.String())})
	if n := len(loaded.Problems); n != maxProblems+1 {
		t.Errorf("%d problems are told", n)
	}
	if first := loaded.Problems[0]; first.Rule != ruleTooMany || loaded.Project != nil {
		t.Errorf("nothing tells of the others: %v", first)
	}
}

// TestWarningsDoNotHideErrors has more warnings than are told before an error.
func TestWarningsDoNotHideErrors(t *testing.T) {
	text := "name: shop\nenvironment:\n" + strings.Repeat("  - A=1\n", 2*maxProblems) +
		"components:\n  web: {image: x, maxconcurrency: -1}\n"
	if loaded := Load(Input{File: "f", Data: []byte(text)}); loaded.Project != nil {
		t.Error("accepted")
	}
}

func TestVariablesAreBounded(t *testing.T) {
	text := "name: a\ncomponents: {web: {image: x, maxconcurrency: 1, command: [" + strings.Repeat(`"${LONG}", `, 200) + "]}}\n"
	long := strings.Repeat("x", maxExpanded/100)
	lookup := func(string) (string, bool) { return long, true }
	got := Load(Input{File: "f", Data: []byte(text), Lookup: lookup}).Problems
	if len(got) != 1 || got[0].Rule != ruleExpansion || got[0].Line != 2 {
		t.Error(problemText(got))
	}
}

func TestMergeKeysAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("name: a\ncomponents:\n  base: &b\n    image: x\n")
	for i := range 3000 {
		fmt.Fprintf(&text, "    k%d:\n", i)
	}
	for i := range 1000 {
		fmt.Fprintf(&text, "  c%d: {<<: *b}\n", i)
	}
	got := Load(Input{File: "f", Data: []byte(text.String())}).Problems
	if len(got) != 1 || got[0].Rule != ruleExpansion {
		t.Error(problemText(got))
	}
}
