package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster/simulate"
	"maelstrom/project"
	"maelstrom/runtime/drivertest"
)

var simulateLength = flag.Duration("simulate.length", 10*time.Second, "how long requests are recorded, and replayed")

// A load is recorded from real containers, replayed against real containers, and
// simulated: what was foretold of the replay is what it came to.
func TestSimulationForetellsReality(t *testing.T) {
	t.Parallel()
	r := newReplays(t)
	drawn := r.draw(*simulateLength)
	recorded := r.play(drawn)
	replayed := r.play(recorded.Loads)

	before, after := r.foretell(recorded.Loads, recorded.Learned), r.foretell(replayed.Loads, replayed.Learned)
	given := r.foretell(recorded.Loads, replayed.Learned)
	late := lateness(recorded, replayed)
	t.Logf("requests of the replay came %s off their times at most", late.Round(time.Millisecond))
	tell := func(what string, n int64, wait simulate.Times) {
		t.Logf("%-42s %3d cold starts, waited %4.0f ms at p50, %4.0f at p95, %4.0f at most", what, n, wait.P50, wait.P95, wait.Max)
	}
	for k, c := range replayed.Recorded {
		tell(c.Component+" when recorded", recorded.Recorded[k].ColdStarts, recorded.Recorded[k].Queue)
		tell(c.Component+" foretold", before.Components[k].ColdStarts, before.Components[k].Queue)
		tell(c.Component+" when replayed", c.ColdStarts, c.Queue)
		tell(c.Component+" by the times of the replay", after.Components[k].ColdStarts, after.Components[k].Queue)
	}
	measured := coldStarts(replayed)
	t.Logf("%d cold starts foretold, %d had starts been known, %d measured; by the times of the replay %d",
		before.Totals.ColdStarts, given.Totals.ColdStarts, measured, after.Totals.ColdStarts)
	if measured < 10 {
		t.Errorf("%d cold starts say little", measured)
	}
	// The requests of the replay as they came.
	if !near(after.Totals.ColdStarts, measured) {
		t.Errorf("%d cold starts of the replay, simulated %d", measured, after.Totals.ColdStarts)
	}
	// The requests as they were recorded, and starts as in the replay; a machine
	// that is busy with something else sends them at other times, and then they
	// are others.
	if !near(given.Totals.ColdStarts, measured) && late < 100*time.Millisecond {
		t.Errorf("%d cold starts of the replay, foretold %d", measured, given.Totals.ColdStarts)
	}
}

// near tells whether what was foretold is within ten in a hundred of what was
// measured, a whole number of cold starts.
func near(foretold, measured int64) bool {
	return math.Abs(float64(foretold-measured)) <= math.Ceil(float64(measured)/10)
}

func coldStarts(l *simulate.Log) (n int64) {
	for _, c := range l.Recorded {
		n += c.ColdStarts
	}
	return n
}

// lateness is by how much requests of a replay came at other times than those
// recorded, at most.
func lateness(recorded, replayed *simulate.Log) (late time.Duration) {
	for k, l := range recorded.Loads {
		for n, request := range l.Requests {
			late = max(late, (replayed.Loads[k].Requests[n].At - request.At).Abs())
		}
	}
	return late
}

// replays are components that sleep soon, on a daemon that logs their requests.
type replays struct {
	*node
	yml     string
	project *project.Project
	logged  int // bytes of the log that were read
}

func newReplays(t *testing.T) *replays {
	t.Helper()
	image := drivertest.BuildImage(t)
	var components []web
	for k := range 8 {
		components = append(components, web{name: fmt.Sprint("rare", k), image: image, lines: []string{"idletimeoutseconds: 1"}})
	}
	components = append(components, web{name: "waves", image: image, lines: []string{"idletimeoutseconds: 1", "maxconcurrency: 2", "maxinstances: 2"}})
	r := &replays{node: newNode(t, "MAEL_ACCESS_LOG=true", "MAEL_LOG_FORMAT=json"), yml: projectOf("replay", components...)}
	loaded := project.Load(project.Input{File: "maelstrom.yml", Data: []byte(r.yml)})
	if r.project = loaded.Project; r.project == nil {
		t.Fatal(loaded.Problems)
	}
	r.apply(r.yml)
	return r
}

// draw makes up requests: of most components one in three seconds, at random
// times, so that about every other finds it asleep; of one many at a time.
func (r *replays) draw(length time.Duration) []simulate.Load {
	var log strings.Builder
	s := simulate.Scenario{
		Projects: []*project.Project{r.project}, Nodes: []simulate.Node{{Name: "a", MemoryMiB: 8192}}, Start: time.Unix(0, 0), Length: length, Seed: 1,
		Defaults: simulate.Behavior{Service: simulate.Spread{Median: 40 * time.Millisecond, P95: 150 * time.Millisecond}},
		Request:  func(o simulate.Outcome) { log.Write(o.AccessLine(time.Unix(0, 0))) },
	}
	for k := range r.project.Components {
		pattern := &simulate.Pattern{Shape: simulate.Poisson, Rate: 1.0 / 3}
		if name := r.project.Components[k].Name; strings.HasSuffix(name, "waves") {
			pattern = &simulate.Pattern{Shape: simulate.Square, To: 40, Period: 8 * time.Second}
		}
		s.Loads = append(s.Loads, simulate.Load{Component: r.project.Components[k].Name, Pattern: pattern})
	}
	if _, err := simulate.Run(context.Background(), s); err != nil {
		r.t.Fatal(err)
	}
	return r.read(log.String()).Loads
}

// play sends requests at their times and returns what the daemon has logged of
// them, when everything sleeps again.
func (r *replays) play(loads []simulate.Load) *simulate.Log {
	r.t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	sent := 0
	for _, l := range loads {
		host := strings.TrimPrefix(l.Component, "replay_") + ".localhost"
		for _, request := range l.Requests {
			sent++
			all.Go(func() {
				<-time.After(time.Until(began.Add(request.At)))
				if got := r.get(host, fmt.Sprintf("/?ms=%d", request.Service.Milliseconds())); got.err != nil || got.status != http.StatusOK {
					r.t.Errorf("%s: %s", host, got)
				}
			})
		}
	}
	all.Wait()
	var lines []string
	r.await("all requests logged", patience, func() bool {
		lines = lines[:0]
		for line := range strings.Lines(r.log.String()[r.logged:]) {
			if strings.Contains(line, `"msg":"request"`) && strings.HasSuffix(line, "\n") {
				lines = append(lines, line)
			}
		}
		return len(lines) == sent
	})
	r.logged = len(r.log.String())
	r.await("all asleep", patience, func() bool { return len(r.engine.containers(r.t, r.id)) == 0 })
	return r.read(strings.Join(lines, ""))
}

func (r *replays) read(log string) *simulate.Log {
	r.t.Helper()
	l, err := simulate.ReadLog(strings.NewReader(log), simulate.LogOptions{Name: "access.log", Component: func(name, _, _ string) string { return name }})
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// foretell simulates what requests come to where starts take as long as those
// of a log.
func (r *replays) foretell(loads []simulate.Load, learned map[string]simulate.Behavior) *simulate.Result {
	r.t.Helper()
	result, err := simulate.Run(context.Background(), simulate.Scenario{
		Projects: []*project.Project{r.project}, Nodes: []simulate.Node{{Name: "a", MemoryMiB: 8192}},
		Loads: loads, Components: learned, Start: time.Unix(0, 0), Length: *simulateLength + time.Minute, Seed: 1,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}
