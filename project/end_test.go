package project

import "testing"

func TestProblemsTellWhereBlocksEnd(t *testing.T) {
	loaded := loadFile(t, "testdata/bad/blocks.yml")
	want := map[string][2]int{
		"components.web.crontab": {12, 12}, "components.web.user": {13, 17},
		"components.web.networkname": {18, 20}, "components.web.hostname": {23, 25},
	}
	for _, p := range loaded.Problems {
		if got := [2]int{p.Line, p.EndLine}; got != want[p.Path] {
			t.Errorf("lines %v, not %v: %v", got, want[p.Path], p)
		}
		delete(want, p.Path)
	}
	if len(want) > 0 {
		t.Errorf("no problem at %v", want)
	}
}
