package simulate

import (
	"fmt"
	"strings"
	"testing"
)

// A line that was cut off, or that another wrote into the file, is counted and
// ends nothing.
func TestTornLinesOfALogAreCounted(t *testing.T) {
	request := `{"time":"2026-01-05T00:00:02Z","msg":"request","component":"web","placement":"p1","queue_ms":0,"duration_ms":100}` + "\n"
	for name, foreign := range map[string]string{
		"cut by rotation": request[len(request)/2:],
		"being written":   strings.TrimSuffix(request[:len(request)/2], "\n"),
		"a panic":         "panic: runtime error: invalid memory address\n",
		"far too long":    strings.Repeat("x", 3*maxLine) + "\n",
		"a long last one": strings.Repeat("x", 32*64<<10),
	} {
		l, err := read(strings.Repeat(request, 3) + foreign)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := len(l.Loads[0].Requests); n != 3 || l.Torn != 1 || l.Lines != 4 || !strings.HasPrefix(fmt.Sprint(l.TornAs), "access.log:4: ") {
			t.Errorf("%s: %d requests, %d of %d lines torn: %v", name, n, l.Torn, l.Lines, l.TornAs)
		}
	}
	if _, err := read(strings.Repeat("hello\n", 3) + strings.Repeat(request, 2)); err == nil || !strings.HasSuffix(err.Error(), "; 3 of 5 lines can't be read") {
		t.Errorf("mostly something else: %v", err)
	}
}

// The host of a line is told from a user with blanks, and keeps its brackets.
func TestHostsOfACommonLog(t *testing.T) {
	const rest = ` [10/Oct/2026:13:55:36 -0700] "GET /a[1] HTTP/1.1" 200 1`
	for before, want := range map[string]string{
		"::1 - -":                       "",
		"10.0.0.1 - ann lee":            "",
		"10.0.0.1 - ann [the] lee":      "",
		"a.test:443 10.0.0.1 - -":       "a.test:443",
		"[::1]:80 10.0.0.1 - ann":       "[::1]:80",
		"a.test 10.0.0.1 - ann [x] lee": "a.test",
	} {
		got := "nothing"
		_, err := ReadLog(strings.NewReader(before+rest), LogOptions{Name: "access.log", Component: func(_, host, _ string) string {
			got = host
			return "web"
		}})
		if err != nil || got != want {
			t.Errorf("%s: host %q, %v; want %q", before, got, err, want)
		}
	}
}
