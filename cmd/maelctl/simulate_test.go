package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

const simulatePage = "docs/simulate.md"

var shownRun = regexp.MustCompile("(?s)```\n\\$ maelctl (simulate [^\n]*)\n(.*?)```")

// What the page about simulations shows is what is printed.
func TestSimulatePageIsCurrent(t *testing.T) {
	t.Chdir("../..")
	page, err := os.ReadFile(simulatePage)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	current := shownRun.ReplaceAllStringFunc(string(page), func(block string) string {
		shown++
		command := shownRun.FindStringSubmatch(block)[1]
		var out, messages bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &messages, lookupEnv: func(string) (string, bool) { return "", false }}
		if code := a.run(context.Background(), shellWords(command)); code != exitOK {
			t.Fatalf("%s: exit code %d: %s", command, code, &messages)
		}
		return "```\n$ maelctl " + command + "\n" + out.String() + "```"
	})
	if shown < 2 {
		t.Errorf("%d runs are shown", shown)
	}
	if *update {
		if err := os.WriteFile(simulatePage, []byte(current), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if current != string(page) {
		t.Errorf("%s shows other outputs than maelctl: run go test ./cmd/maelctl -run SimulatePage -update", simulatePage)
	}
}

// On a terminal it shows how far it is; nowhere else.
func TestSimulationProgress(t *testing.T) {
	var b bytes.Buffer
	a := &app{stderr: &b, stderrTTY: true, lookupEnv: func(string) (string, bool) { return "", false }}
	if a.simulationProgress(outputFlags{format: formatText}, 1) == nil {
		t.Error("none on a terminal")
	}
	if a.simulationProgress(outputFlags{format: formatJSON}, 1) != nil {
		t.Error("some beside JSON")
	}
	a.stderrTTY = false
	if a.simulationProgress(outputFlags{format: formatText}, 1) != nil {
		t.Error("some where there is no terminal")
	}
}

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{"512": 512, "512MiB": 512, "8GiB": 8192, "1.5GiB": 1536, "2TiB": 2 << 20, "0": 0} {
		if got, err := parseMemory(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GiB", "8GB", "-1GiB", "NaN", "1e300GiB", "Inf"} {
		if got, err := parseMemory(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}

// Whatever a scenario file says, there is an answer with a position.
func FuzzScenario(f *testing.F) {
	f.Add("nodes:\n  - {name: a, memory: 1GiB}\nloads: [{shape: step, to: 3}]\nlength: 5m\n")
	f.Add("events: [{at: 1m, node: a, does: dies}]\ncomponents: {x: {starttime: 1s:2s}}\nfrom: 2026-01-05T00:00:00Z")
	f.Add("a: &x [*x]\n---\n- b")
	f.Fuzz(func(t *testing.T, text string) {
		sim, problems := parseScenario("s.yml", []byte(text))
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "s.yml" {
				t.Errorf("%+v", p)
			}
		}
		printProblems(io.Discard, style{}, problems)
		if len(problems) == 0 {
			for _, l := range sim.loads {
				if err := l.Pattern.Check(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
