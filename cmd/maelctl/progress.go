package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// progress shows the steps of components and their instances: on a terminal as
// a list that is drawn again, elsewhere a line for each step.
type progress struct {
	w       io.Writer
	style   style
	live    bool
	changed []string // components that all steps are shown of

	known map[string]step // by their keys; nil: nothing was shown yet
	lines int             // that were drawn
}

// step is where a component, or one instance of it, is.
type step struct {
	key       string // of what it is about
	component string
	slot      string // "-": of the component as a whole
	version   int64
	node      string
	text      string // what people read
	mark      string // is another one where the step is
	settled   bool   // nothing has to happen
	bad       bool
}

const (
	// maxDrawn is how many lines a display has at most: what has left the
	// screen can't be drawn again.
	maxDrawn = 20

	// maxStep is how much of a step's text is shown, in characters.
	maxStep = 300

	noWrap, wrap = "\x1b[?7l", "\x1b[?7h" // lines that are too long end at the edge
)

// newProgress shows steps on the error stream: what is asked for is printed on
// the other one.
func (a *app) newProgress(changed []string, out outputFlags) *progress {
	p := &progress{w: a.stderr, style: a.errStyle(), live: a.stderrTTY && a.getenv("TERM") != "dumb", changed: changed}
	if out.machine() {
		p.w, p.live = io.Discard, false
	}
	return p
}

// show shows what differs from what was shown before. That nobody reads it is
// no reason to fail.
func (p *progress) show(components []rpc.Component, instances []rpc.Instance) {
	steps := p.steps(components, instances)
	if p.live {
		p.draw(steps)
	} else {
		p.print(steps)
	}
	p.learn(components, instances)
}

// learn makes what is shown elsewhere known.
func (p *progress) learn(components []rpc.Component, instances []rpc.Instance) {
	p.known = map[string]step{}
	for _, s := range p.steps(components, instances) {
		p.known[s.key] = s
	}
}

// steps are where everything is, by component and slot.
func (p *progress) steps(components []rpc.Component, instances []rpc.Instance) []step {
	var steps []step
	of := map[string]rpc.Component{}
	for _, c := range components {
		of[c.Name] = c
		steps = append(steps, componentStep(c))
	}
	for _, i := range instances {
		steps = append(steps, instanceStep(of[i.Component], i))
	}
	slices.SortStableFunc(steps, func(a, b step) int { return strings.Compare(a.component, b.component) })
	return steps
}

var rolloutTexts = map[rpc.RolloutState]string{
	rpc.RolloutDone: "rolled out", rpc.RolloutUnproven: "not started yet", rpc.RolloutWaiting: "waiting",
	rpc.RolloutProving: "to be proven", rpc.RolloutRolling: "proven, takes over", rpc.RolloutFailed: "failed",
}

func componentStep(c rpc.Component) step {
	o := c.Rollout
	s := step{key: c.Name, component: c.Name, slot: "-", version: c.Version, node: "-", text: rolloutTexts[o.State], mark: string(o.State) + strconv.Itoa(o.Tries)}
	switch o.State {
	case rpc.RolloutDone, rpc.RolloutUnproven:
		s.settled = true
	case rpc.RolloutFailed, rpc.RolloutWaiting:
		s.bad = o.State == rpc.RolloutFailed
		s.text += ": " + o.Message
		if o.RetryAt != nil {
			s.text += "; tried again at " + o.RetryAt.Local().Format(time.TimeOnly)
		}
	}
	return s
}

func instanceStep(c rpc.Component, i rpc.Instance) step {
	s := step{
		key: i.Component + " " + i.Placement, component: i.Component, slot: strconv.Itoa(i.Slot), version: i.Version, node: i.Node,
		text: stateText(i), mark: i.State + string(i.Want) + strconv.FormatBool(i.Suspect),
	}
	switch cluster.InstanceState(i.State) {
	case cluster.InstancePulling:
		const quarter = 25
		s.mark += strconv.Itoa(i.PullPercent / quarter)
	case cluster.InstanceBackoff:
		s.bad = true
		s.text = "failed: " + string(i.Reason) + ": " + i.Message
		s.mark += strconv.Itoa(i.Restarts)
	case cluster.InstanceReady:
		s.settled = i.Want == cluster.WantRun && declares(c, i)
		if i.Want == cluster.WantStop {
			s.text += ", to be stopped"
		}
	}
	return s
}

// print prints a line for each step that is another one than before. What was
// there from the start and stays is not news, but of what was changed.
func (p *progress) print(steps []step) {
	now := map[string]bool{}
	for _, s := range steps {
		now[s.key] = true
		before, known := p.known[s.key]
		switch {
		case known && before.mark == s.mark && before.version == s.version:
		case p.known == nil && p.old(s):
		default:
			p.line(s)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.known)) {
		if gone := p.known[key]; !now[key] && gone.slot != "-" {
			gone.text = "gone"
			p.line(gone)
		}
	}
}

// old tells whether a step of the first look was there before.
func (p *progress) old(s step) bool {
	if s.slot != "-" && strings.HasPrefix(s.mark, string(cluster.InstanceReady)+string(cluster.WantRun)) && !s.settled {
		return true // of a version before
	}
	return s.settled && !slices.Contains(p.changed, s.component)
}

func (p *progress) line(s step) {
	what := s.component
	if s.slot != "-" {
		what += " slot " + s.slot
	}
	where := ""
	if s.node != "-" {
		where = " on " + s.node
	}
	fmt.Fprintf(p.w, "%s %s version %d%s: %s\n", time.Now().Format(time.TimeOnly), what, s.version, where, cut(oneLine(s.text)))
}

func cut(text string) string {
	if short := []rune(text); len(short) > maxStep {
		return string(short[:maxStep]) + " ..."
	}
	return text
}

// draw draws the list again in its place.
func (p *progress) draw(steps []step) {
	t := newTable(p.style, "COMPONENT", "SLOT", "VERSION", "NODE", "STEP")
	for _, s := range steps {
		if s.settled && !slices.Contains(p.changed, s.component) {
			continue
		}
		t.add(s.component, s.slot, strconv.FormatInt(s.version, 10), s.node, cut(s.text))
		row := t.rows[len(t.rows)-1]
		row[len(row)-1] = p.colour(s)(row[len(row)-1])
	}
	more := len(t.rows) - maxDrawn
	if more > 0 {
		t.rows = t.rows[:maxDrawn]
	}
	var b bytes.Buffer
	if p.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.lines)
	}
	b.WriteString("\r\x1b[J" + noWrap)
	_ = t.write(&b) // a buffer takes all
	p.lines = len(t.rows)
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
		p.lines++
	}
	b.WriteString(wrap)
	_, _ = p.w.Write(b.Bytes())
}

func (p *progress) colour(s step) func(string) string {
	switch {
	case s.bad:
		return p.style.red
	case s.settled:
		return p.style.green
	}
	return p.style.yellow
}
