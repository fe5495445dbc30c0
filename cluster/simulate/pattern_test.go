package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"maelstrom/project"
)

// The number of requests is the integral of the rate.
func TestPatternsHaveTheirNumber(t *testing.T) {
	for _, test := range []struct {
		name string
		p    Pattern
		want float64 // in 10 minutes, from midnight
	}{
		{"constant", Pattern{Shape: Constant, Rate: 3}, 1800},
		{"nothing", Pattern{Shape: Constant}, 0},
		{"step", Pattern{Shape: Step, Rate: 1, To: 10, At: 5 * time.Minute}, 300 + 3000},
		{"ramp", Pattern{Shape: Ramp, Rate: 0, To: 10, At: time.Minute, Over: 4 * time.Minute}, 1200 + 3000},
		{"square", Pattern{Shape: Square, Rate: 1, To: 5, Period: 2 * time.Minute}, 1500 + 300},
		{"sine", Pattern{Shape: Sine, Rate: 2, To: 6, Period: time.Minute}, 2400},
		{"daily", Pattern{Shape: Daily, Rate: 2, To: 2}, 1200},
		{"poisson", Pattern{Shape: Poisson, Rate: 10}, 6000},
		{"random step", Pattern{Shape: Step, Rate: 1, To: 10, At: 5 * time.Minute, Random: true}, 3300},
	} {
		a := newArrivals(&Load{Pattern: &test.p}, 0, 10*time.Minute, rand.New(rand.NewPCG(1, 2)))
		got, last := 0.0, time.Duration(0)
		for r, ok := a.take(); ok; r, ok = a.take() {
			if r.At < last || r.At >= 10*time.Minute {
				t.Fatalf("%s: at %s after %s", test.name, r.At, last)
			}
			last = r.At
			got++
		}
		slack := 1.0
		if a.isRandom() {
			slack = 4 * math.Sqrt(test.want)
		}
		if math.Abs(got-test.want) > slack {
			t.Errorf("%s: %.0f requests, want %.0f", test.name, got, test.want)
		}
	}
}

func TestPatternErrors(t *testing.T) {
	for _, test := range []struct {
		p    Pattern
		want string
	}{
		{Pattern{Shape: "wave"}, "is no shape: it is one of constant, step"},
		{Pattern{Shape: Constant, Rate: -1}, "a rate is not between"},
		{Pattern{Shape: Constant, Rate: math.NaN()}, "a rate is not between"},
		{Pattern{Shape: Step, At: -1}, "below zero"},
		{Pattern{Shape: Square}, "square needs a period"},
		{Pattern{Shape: Ramp}, "ramp needs the time"},
		{Pattern{Shape: Step, Rate: 1}, "step needs the time"},
	} {
		if err := test.p.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.p, err, test.want)
		}
	}
}

func TestSpreadHasItsPercentiles(t *testing.T) {
	s, random, h := Spread{Median: 100 * time.Millisecond, P95: 400 * time.Millisecond}, rand.New(rand.NewPCG(1, 2)), histogram{}
	for range 100_000 {
		h.add(s.draw(random))
	}
	for p, want := range map[float64]time.Duration{50: s.Median, 95: s.P95} {
		if got := h.percentile(p); math.Abs(float64(got)/float64(want)-1) > 0.06 {
			t.Errorf("%v of 100: %s, want %s", p, got, want)
		}
	}
}

// A bucket is three parts in a hundred wide, and nothing is lost.
func TestHistogram(t *testing.T) {
	for us := time.Duration(0); us < 10_000_000; us = us + us/70 + 1 {
		d := us * time.Microsecond
		if top := upTo(bucketOf(d)); top < d || float64(top) > 1.04*float64(d) {
			t.Fatalf("%s is counted as %s", d, top)
		}
	}
	var a, b histogram
	for k := range 100 {
		a.add(time.Duration(k) * time.Millisecond)
		b.add(time.Hour)
	}
	a.merge(&b)
	if a.total != 200 || a.percentile(100) != time.Hour || a.percentile(25) > 51*time.Millisecond || a.under[0] != 1 || a.under[len(Bounds)] != 100 {
		t.Errorf("%+v", a.times())
	}
}

func TestScenarioErrors(t *testing.T) {
	good := scenario(time.Minute, component("web", nil))
	for want, change := range map[string]func(*Scenario){
		"there is no project":        func(s *Scenario) { s.Projects = nil },
		"there are no nodes":         func(s *Scenario) { s.Nodes = nil },
		"the length is not positive": func(s *Scenario) { s.Length = 0 },
		"a tick of":                  func(s *Scenario) { s.Tick = 1 },
		"there are two nodes a":      func(s *Scenario) { s.Nodes = append(s.Nodes, s.Nodes[0]) },
		"node z, which is none":      func(s *Scenario) { s.Events = []Event{{Node: "z"}} },
		"no project has a component p_x": func(s *Scenario) {
			s.Components = map[string]Behavior{"p_x": {}}
		},
		"load for a component p_x":   func(s *Scenario) { s.Loads = []Load{{Component: "p_x"}} },
		"two projects have":          func(s *Scenario) { s.Projects = append(s.Projects, s.Projects[0]) },
		"no project has a component": func(s *Scenario) { s.Projects = []*project.Project{{Name: "p"}} },
		"is below the median":        func(s *Scenario) { s.Defaults.Start = Spread{Median: 2, P95: 1} },
		"not in the order":           func(s *Scenario) { s.Loads = []Load{at("web", 2, 1)} },
	} {
		s := good
		change(&s)
		if _, err := newWorld(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The picture is one document that any reader of XML takes, whatever a
// component is called.
func TestPictureIsWellFormed(t *testing.T) {
	s := randomScenario(3)
	r := run(t, s)
	r.Components[0].Component = `<&">`
	for name, write := range map[string]func(io.Writer) error{"svg": r.WriteSVG, "html": r.WriteHTML} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(b.String(), "<!DOCTYPE html>")))
		depth, paths := 0, 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				depth++
				if e.Name.Local == "path" {
					paths++
				}
			case xml.EndElement:
				depth--
			}
		}
		if depth != 0 || paths < 2+4*len(r.Components) || strings.Contains(b.String(), "NaN") {
			t.Errorf("%s: depth %d, %d paths", name, depth, paths)
		}
	}
}
