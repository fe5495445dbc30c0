package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (l *learner) explain() *cluster.HabitExplanation {
	l.t.Helper()
	return l.explanation().Idle
}

func (l *learner) explanation() cluster.Explanation {
	l.t.Helper()
	e, ok := Explain(Input{Snapshot: l.snapshot(), Load: l.load, Memory: l.memory, Now: l.now}, "web")
	if !ok {
		l.t.Fatalf("not declared")
	}
	return e
}

// How many there are is explained by the same times as for how long.
func TestExplainsTheOneThatIsThereAheadOfItsNextRequest(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.ask()
	l.asks(8, 30*minute+20*time.Second)
	e := l.explanation()
	if s := e.Scale; e.Target != 1 || s.WhyNotLess != "it sleeps at "+moment(e.Idle.Stops)+", unless somebody asks (idle: learned)" ||
		!has(s.WouldChange, "(idle: learned)") || has(s.WouldChange, "idletimeoutseconds") {
		t.Errorf("after a request: %+v", s)
	}
	l.idle(28 * minute)
	e = l.explanation()
	if s := e.Scale; e.Target != 1 || s.Why != "its next request is to be expected soon" ||
		s.WhyNotLess != "it sleeps at "+moment(e.Idle.Sleeps)+", unless somebody asks (idle: learned)" {
		t.Errorf("ahead of the next: %+v", s)
	}
}

func TestExplainsForHowLongItIsKept(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.ask()
	e := l.explain()
	if e.By != "fixed" || e.Why != "0 idle times up to four hours are too few: it stays for 5m0s, as idletimeoutseconds says" {
		t.Errorf("%s: %s", e.By, e.Why)
	}
	if e.Stops.Sub(e.Last) != 5*minute || !e.Starts.IsZero() || e.StartTime != 3*time.Second {
		t.Errorf("%+v", e)
	}
	l.idle(30*minute + 20*time.Second)
	l.asks(7, 30*minute+20*time.Second)
	e = l.explain()
	if e.By != "histogram" || e.Why != "of 8 idle times up to four hours, 94 in 100 take from 30 min to 31 min: "+
		"it sleeps at once, is there again 27m0s after the latest request, and sleeps after 34m6s" {
		t.Errorf("%s: %s", e.By, e.Why)
	}
	if e.Stops.Sub(e.Last) != restTime || e.Starts.Sub(e.Last) != 27*minute || e.Sleeps.Sub(e.Last) != 34*minute+6*time.Second {
		t.Errorf("%+v", e)
	}
	if e.Effect.Spells != 8 || e.Effect.Avoided != 3 || e.Effect.Cold != 5 {
		t.Errorf("%+v", e.Effect)
	}
	l.idle(10 * minute)
	if e = l.explain(); !e.Stops.IsZero() || e.Starts.IsZero() {
		t.Errorf("asleep: %+v", e)
	}
	l.limit("web", func(c *project.Component) { c.Idle = project.IdleFixed })
	if e = l.explain(); e != nil {
		t.Errorf("of what learns nothing: %+v", e)
	}
}

func TestExplainsWhatIsUnsure(t *testing.T) {
	for _, tt := range []struct {
		idle []time.Duration
		want string
	}{
		{times(3, 5*time.Hour), "most idle times take more than four hours, and 3 are too few to foretell the next: it stays for 5m0s"},
		{times(12, 5*time.Hour), "most idle times take more than four hours, half of the last 12 more than 5h0m0s: it sleeps at once, is there again 4h15m0s"},
		{slices.Repeat(spreadOver(240), 2), "the idle times have no pattern: their coefficient of variation is 0, below 2: it stays for 5m0s"},
	} {
		l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
		h := habitOf(tt.idle...)
		h.Last, h.Starts = l.now, cluster.Starts{time.Second}
		l.memory.Habits.Of = l.memory.Habits.Of.With(map[string]*cluster.Habit{"web": h}, nil)
		if e := l.explain(); !strings.HasPrefix(e.Why, tt.want) {
			t.Errorf("%s, want %s", e.Why, tt.want)
		}
	}
}
