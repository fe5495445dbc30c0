package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// frame is one look at two components, of which the first was changed from
// version 1 to 2.
func frame(state rpc.RolloutState, instances ...rpc.Instance) ([]rpc.Component, []rpc.Instance) {
	web := rpc.Component{Name: "shop_web", Version: 2, Rollout: rpc.Rollout{State: state, Version: 2, RestartVersion: 2}}
	if state == rpc.RolloutFailed {
		web.Rollout.Message = "version 2 is not rolled out: it exits"
	}
	api := rpc.Component{Name: "shop_api", Version: 1, Rollout: rpc.Rollout{State: rpc.RolloutDone, Version: 1, RestartVersion: 1}}
	instances = append(instances, rpc.Instance{Placement: "p0", Component: "shop_api", Version: 1, Node: "n1", State: "ready", Want: cluster.WantRun})
	return []rpc.Component{api, web}, instances
}

func webInstance(id string, slot int, version int64, state cluster.InstanceState) rpc.Instance {
	return rpc.Instance{Placement: id, Component: "shop_web", Slot: slot, Version: version, Node: "n1", State: string(state), Want: cluster.WantRun}
}

func rollOutFrames(show func([]rpc.Component, []rpc.Instance)) {
	old, pulling, stopped := webInstance("a", 0, 1, cluster.InstanceReady), webInstance("b", 1, 2, cluster.InstancePulling), webInstance("a", 0, 1, cluster.InstanceDraining)
	show(frame(rpc.RolloutProving, old))
	for _, percent := range []int{0, 10, 24, 40, 41} {
		pulling.PullPercent = percent
		show(frame(rpc.RolloutProving, old, pulling))
	}
	show(frame(rpc.RolloutProving, old, webInstance("b", 1, 2, cluster.InstanceStarting)))
	stopped.Want = cluster.WantStop
	show(frame(rpc.RolloutRolling, stopped, webInstance("b", 1, 2, cluster.InstanceReady)))
	show(frame(rpc.RolloutDone, webInstance("b", 1, 2, cluster.InstanceReady)))
}

var clock = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `)

func TestStepsAreLinesInAPipe(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, changed: []string{"shop_web"}}
	rollOutFrames(p.show)
	want := `shop_web version 2: to be proven
shop_web slot 1 version 2 on n1: pulling
shop_web slot 1 version 2 on n1: pulling 40 %
shop_web slot 1 version 2 on n1: starting
shop_web version 2: proven, takes over
shop_web slot 0 version 1 on n1: draining
shop_web slot 1 version 2 on n1: ready
shop_web version 2: rolled out
shop_web slot 0 version 1 on n1: gone
`
	got := out.String()
	if n := len(clock.FindAllString(got, -1)); n != strings.Count(want, "\n") {
		t.Errorf("%d lines have a time", n)
	}
	if got = clock.ReplaceAllString(got, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFailuresAreSteps(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, changed: []string{"shop_web"}}
	bad := webInstance("b", 1, 2, cluster.InstanceBackoff)
	bad.Reason, bad.Message, bad.Restarts = cluster.ReasonExited, "it exits\nwith "+strings.Repeat("x", 400), 1
	p.show(frame(rpc.RolloutProving, bad))
	p.show(frame(rpc.RolloutProving, bad))
	bad.Restarts = 2
	p.show(frame(rpc.RolloutProving, bad))
	suspect := webInstance("c", 0, 2, cluster.InstanceReady)
	suspect.Suspect, suspect.FailedChecks = true, 4
	p.show(frame(rpc.RolloutFailed, suspect))
	got := clock.ReplaceAllString(out.String(), "")
	for text, n := range map[string]int{
		"shop_web slot 1 version 2 on n1: failed: exited: it exits | with xxx": 2,
		"shop_web slot 0 version 2 on n1: ready, suspect (4 failed checks)\n":  1,
		"shop_web version 2: failed: version 2 is not rolled out: it exits\n":  1,
		"shop_web slot 1 version 2 on n1: gone\n":                              1,
		"xxx ...\n": 2,
	} {
		if strings.Count(got, text) != n {
			t.Errorf("not %d times %q in\n%s", n, text, got)
		}
	}
}

// screen is as much of a terminal as a display uses.
type screen struct {
	lines []string
	row   int
}

var codes = regexp.MustCompile(`\x1b\[(\?7[lh]|\d*[AJm])`)

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for len(text) > 0 {
		if at := codes.FindStringSubmatchIndex(text); at != nil && at[0] == 0 {
			code := text[at[2]:at[3]]
			var n int
			switch {
			case strings.HasSuffix(code, "A"):
				fmt.Sscanf(code, "%dA", &n)
				s.row = max(s.row-n, 0)
			case code == "J":
				s.lines = s.lines[:s.row]
			}
			text = text[at[1]:]
			continue
		}
		line, rest, ended := strings.Cut(text, "\n")
		if next := strings.IndexByte(line, '\x1b'); next >= 0 {
			line, rest, ended = text[:next], text[next:], false
		}
		line = strings.TrimPrefix(line, "\r")
		for len(s.lines) <= s.row {
			s.lines = append(s.lines, "")
		}
		s.lines[s.row] += line
		if ended {
			s.row++
		}
		text = rest
	}
	return len(p), nil
}

func (s *screen) text() string { return strings.Join(s.lines, "\n") }

func TestStepsAreDrawnAgainOnATerminal(t *testing.T) {
	var s screen
	p := &progress{w: &s, live: true, style: style{on: true}, changed: []string{"shop_web"}}
	var shown []string
	rollOutFrames(func(components []rpc.Component, instances []rpc.Instance) {
		p.show(components, instances)
		shown = append(shown, s.text())
	})
	want := `COMPONENT  SLOT  VERSION  NODE  STEP
shop_web   -     2        -     to be proven
shop_web   0     1        n1    ready
shop_web   1     2        n1    pulling 40 %`
	if shown[4] != want {
		t.Errorf("drawn\n%s\nwant\n%s", shown[4], want)
	}
	want = `COMPONENT  SLOT  VERSION  NODE  STEP
shop_web   -     2        -     rolled out
shop_web   1     2        n1    ready`
	if last := strings.TrimRight(s.text(), "\n"); last != want {
		t.Errorf("in the end\n%s\nwant\n%s", last, want)
	}
}

// More than a screen holds is counted: what has left it can't be drawn again.
func TestALongListIsCut(t *testing.T) {
	var s screen
	p := &progress{w: &s, live: true, changed: []string{"shop_web"}}
	var many []rpc.Instance
	for i := range 40 {
		many = append(many, webInstance(fmt.Sprint(i), i, 2, cluster.InstanceStarting))
	}
	p.show(frame(rpc.RolloutProving, many...))
	p.show(frame(rpc.RolloutProving, many...))
	if lines := strings.Split(strings.TrimRight(s.text(), "\n"), "\n"); len(lines) != maxDrawn+1 || lines[maxDrawn] != "and 22 more" {
		t.Errorf("%d lines: %s", len(lines), s.text())
	}
}
