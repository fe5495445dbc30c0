package project

import (
	"os"
	"strings"
	"testing"
)

// checkLoaded fails for what no load may do, whatever its input.
func checkLoaded(t *testing.T, loaded Loaded, input string) {
	t.Helper()
	bad := false
	ownRunes := strings.ContainsRune(input, maskFirst) // then masks use others
	for i, p := range loaded.Problems {
		bad = bad || p.Severity == Error
		switch {
		case p.Line < 1 || p.Column < 1 || p.EndLine < p.Line:
			t.Errorf("no place: %+v", p)
		case severities[p.Rule] == "" || p.Severity != severities[p.Rule]:
			t.Errorf("no rule: %+v", p)
		case p.Message == "" || p.Hint == "" || p.File == "":
			t.Errorf("no text: %+v", p)
		case !ownRunes && strings.ContainsFunc(p.Path+p.Message+p.Hint, func(r rune) bool { return r >= maskFirst && r < maskFirst+2 }):
			t.Errorf("a mask is shown: %+v", p)
		}
		if i > 0 && before(p, loaded.Problems[i-1]) {
			t.Errorf("out of order: %v", p)
		}
	}
	if bad == (loaded.Project != nil) {
		t.Errorf("errors %v, but project %v", bad, loaded.Project)
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yml", "testdata/bad/*.yml"} {
		for _, path := range corpusFiles(pattern) {
			if data, err := os.ReadFile(path); err == nil && len(data) < 8<<10 {
				f.Add(data, []byte(nil))
			}
		}
	}
	f.Add([]byte("name: a\ncomponents: {b: {image: c}}"), []byte("components: {b: null, c: {image: ${TAG}}}"))
	f.Fuzz(func(t *testing.T, base, overlay []byte) {
		if len(base) > 64<<10 || len(overlay) > 64<<10 {
			return // large inputs only slow the search down
		}
		in := Input{File: "base.yml", Data: base, Lookup: testLookup}
		checkLoaded(t, Load(in), string(base))
		in.OverlayFile, in.OverlayData, in.AllowUnset = "over.yml", overlay, true
		checkLoaded(t, Load(in), string(base)+string(overlay))
	})
}

func FuzzVariables(f *testing.F) {
	for _, seed := range []string{"${A}", "$${A}", "${A:-b}", "${", "${}", "x${TAG}${PORT}y", "${NO:?m}\n${TAG}", "\U000F0000\U00100000\U00100000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked, m := maskVariables([]byte(text))
		if got := m.raw(string(masked)); got != text {
			t.Fatalf("restored %q from %q", got, text)
		}
		e := expandText(text, 0)
		if !strings.Contains(text, "${") && e.text != text {
			t.Fatalf("%q became %q", text, e.text)
		}
	})
}

func FuzzParseEnv(f *testing.F) {
	for _, seed := range []string{"A=b", "export A='b\nc'", "A=\"b\\n\" # c", "\uFEFF#", "A=\"", "=", "A"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		vars, bad := parseEnv(data)
		for _, v := range vars {
			if v.Name == "" || strings.ContainsAny(v.Name, "= \t\n") || v.line < 1 {
				t.Errorf("a variable %+v", v)
			}
		}
		for _, e := range bad {
			if e.Line < 1 || e.Message == "" || e.Hint == "" {
				t.Errorf("an error %+v", e)
			}
		}
	})
}
