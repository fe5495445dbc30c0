package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// explained settles a load for a while and explains.
func explained(t *testing.T, s *scaled, d time.Duration, load int) cluster.ScaleExplanation {
	t.Helper()
	s.run(d, constant(load))
	return s.explain(t, "web").Scale
}

func has(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}

func TestExplainsWhyThereAreAsManyAsThereAre(t *testing.T) {
	for _, c := range []struct {
		name  string
		spec  project.Component
		setup func(s *scaled)
		load  []int // of a time each
		time  time.Duration
		check func(e cluster.ScaleExplanation) bool
	}{
		{"asleep", project.Component{}, nil, nil, 0, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 0 && strings.Contains(e.Why, "asleep") && e.WhyNotLess == "" && has(e.WouldChange, "more: a request")
		}},
		{"one that is busy", project.Component{MaxInstances: 1}, nil, []int{1}, 10 * time.Second, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 1 && e.Most == 1 && e.Why == "1 in flight and 0 queued keep it awake" && e.WhyNotLess == "it is busy" &&
				strings.HasPrefix(e.WhyNotMore, "maxinstances is 1") && has(e.WouldChange, "a higher maxinstances") && has(e.WouldChange, "idletimeoutseconds")
		}},
		{"one that is idle", project.Component{IdleTimeoutSeconds: 600}, nil, []int{1, 0}, 30 * time.Second, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 1 && strings.HasPrefix(e.Why, "it was last asked for at 12:00:") && strings.HasPrefix(e.WhyNotLess, "it sleeps at 12:10:")
		}},
		{"as many as the load asks for", project.Component{MaxConcurrency: 4}, nil, []int{9}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 3 && e.ForLoad == 3 && e.ByStable == 3 && e.Sight.PerInstance == 3 && e.Sight.Ready == 3 && e.Sight.InFlight == 9 && e.Sight.Seconds == 60 &&
				e.Why == "9 requests at a time of the last 60 s, at 3 for each instance" && e.WhyNotMore == "the load asks for no more" &&
				has(e.WouldChange, "more: over 9.3 requests at a time of the last 60 s") && has(e.WouldChange, "more at once: over 15.3 requests at a time of the last 6 s") &&
				has(e.WouldChange, "fewer: under 3 requests")
		}},
		{"the minimum", project.Component{MinInstances: 2}, nil, []int{0}, time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 2 && e.Least == 2 && e.Why == "mininstances is 2" && e.WhyNotLess == "mininstances is 2" && has(e.WouldChange, "a lower mininstances")
		}},
		{"the maximum", project.Component{MaxInstances: 2, MaxConcurrency: 2}, nil, []int{9}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 2 && e.WhyNotMore == "maxinstances is 2; the load asks for more" && e.Limit == string(LimitMost) && has(e.WouldChange, "a higher maxinstances")
		}},
		{"spare slots", project.Component{MaxConcurrency: 2, SpareSlots: 6}, nil, []int{1}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 4 && e.BySpare == 4 && e.Why == "6 slots are to be free beside 1 request at a time" && e.WhyNotLess == "spareslots is 6" &&
				has(e.WouldChange, "more: over 2 requests") && has(e.WouldChange, "fewer: fewer spareslots")
		}},
		{"room for a part of the spare slots", project.Component{MaxConcurrency: 20, SpareSlots: 10}, nil, []int{9}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 1 && has(e.WouldChange, "more: over 10 requests at a time of the last 60 s")
		}},
		{"more than that", project.Component{MaxConcurrency: 20, SpareSlots: 10}, nil, []int{12}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 2 && e.WhyNotLess != "" && has(e.WouldChange, "more: over 30 requests") && has(e.WouldChange, "fewer: under 10 requests")
		}},
		{"more spare slots than one has", project.Component{MaxConcurrency: 20, SpareSlots: 30}, nil, []int{1}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 2 && e.WhyNotLess == "spareslots is 30" && has(e.WouldChange, "more: over 10 requests") && has(e.WouldChange, "fewer: fewer spareslots")
		}},
		{"the delay", project.Component{MaxConcurrency: 2, ScaleDownDelaySeconds: 140}, nil, []int{9, 1}, 150 * time.Second, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 6 && e.Limit == string(LimitDelay) && strings.Contains(e.WhyNotLess, "2m20s (scaledowndelayseconds)") && strings.HasPrefix(e.Why, "they were needed before")
		}},
		{"a report that is missing", project.Component{MaxConcurrency: 2}, func(s *scaled) { s.silent["n1"] = true }, []int{9, 1}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted > 1 && e.WhyNotLess == "the load of some node is not known"
		}},
		{"no room", project.Component{MaxConcurrency: 1, ReserveMemory: 400}, func(s *scaled) { s.nodes["n1"].MemoryTotalMiB = 1000 }, []int{6}, 2 * time.Minute, func(e cluster.ScaleExplanation) bool {
			return e.Wanted == 6 && e.Lacking == 4 && e.Sight.Ready == 2 && e.WhyNotMore == "4 of them fit on no node" && has(e.WouldChange, "room on a node")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScaled(t, c.spec)
			e := s.explain(t, "web").Scale
			for i, load := range c.load {
				if i == len(c.load)-1 && c.setup != nil {
					c.setup(s)
				}
				e = explained(t, s, c.time, load)
			}
			if !c.check(e) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// What there is to tell, it tells at each moment of a life.
func TestNothingIsLeftUnexplained(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 2, MaxInstances: 8, IdleTimeoutSeconds: 60, ScaleDownDelaySeconds: 20})
	for _, load := range []int{0, 1, 7, 30, 3, 3, 1, 0, 0} {
		for range 10 {
			s.run(5*time.Second, constant(load))
			s.decide(t) // what is due by now
			e := s.explain(t, "web").Scale
			if e.Why == "" || e.WhyNotMore == "" || (e.WhyNotLess == "") != (e.Wanted == 0) || len(e.WouldChange) == 0 || e.Wanted != s.running("web") {
				t.Fatalf("with %d at a time, of %d: %+v", load, s.running("web"), e)
			}
		}
	}
}

// What the averages are told to be is as of now, although nothing is decided by
// them while there is no work, and less than every two seconds while there is.
func TestExplanationGoesByTheLoadAsItIsNow(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 4, IdleTimeoutSeconds: 600})
	if e := explained(t, s, 90*time.Second, 1); e.Sight.Stable != 1 || e.Sight.Panic != 1 {
		t.Fatalf("with work: %+v", e)
	}
	if e := explained(t, s, 30*time.Second, 0); e.Sight.Stable > 0.6 || e.Sight.Panic > 0.2 || e.Wanted != 1 {
		t.Errorf("30 s later: %+v", e)
	}
}

// Each change of what a component shall have is told once, with its cause, and
// what is told adds up.
func TestChangesAreToldWithTheirCauses(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 2, MaxInstances: 8, IdleTimeoutSeconds: 60})
	var told []cluster.ScaleChange
	s.seen = func(d Decision) { told = append(told, d.Changes...) }
	s.run(time.Minute, constant(0))
	s.run(2*time.Minute, constant(1))
	s.run(2*time.Minute, constant(30))
	s.run(6*time.Minute, constant(1))
	s.run(3*time.Minute, constant(0))
	at, causes := 0, map[cluster.ScaleCause]bool{}
	for i, c := range told {
		if c.From != at || c.To == c.From || c.Component != "web" || c.Cause == "" || c.Why == "" || i > 0 && c.At.Before(told[i-1].At) {
			t.Errorf("%+v after %d", c, at)
		}
		at, causes[c.Cause] = c.To, true
	}
	if at != 0 || len(told) < 5 || len(told) > 20 || told[0].Cause != cluster.ScaleWake || told[len(told)-1].Cause != cluster.ScaleIdle {
		t.Errorf("%d at the end, %+v", at, told)
	}
	if !causes[cluster.ScaleLoad] || !causes[cluster.ScaleBacklog] && !causes[cluster.ScalePanic] {
		t.Errorf("causes %v", causes)
	}
}

func TestWhatAPlanWithoutMemoryFindsIsNoChange(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 2})
	s.run(2*time.Minute, constant(7))
	var told []cluster.ScaleChange
	s.seen = func(d Decision) { told = append(told, d.Changes...) }
	s.failover()
	s.run(2*time.Second, constant(7))
	if len(told) != 0 {
		t.Errorf("%+v", told)
	}
}

// Only what one more machine of the kind would have room for is told to lack
// memory.
func TestUnplaceableMemoryIsWhatOneMoreMachineWouldHold(t *testing.T) {
	for _, c := range []struct {
		name  string
		spec  project.Component
		setup func(w *world)
		want  int64
	}{
		{"there is room", project.Component{ReserveMemory: 500}, func(*world) {}, 0},
		{"others have it", project.Component{ReserveMemory: 600}, func(w *world) { w.wakeReady("other") }, 600},
		{"two of them", project.Component{ReserveMemory: 600, MinInstances: 3}, func(*world) {}, 1200},
		{"larger than any", project.Component{ReserveMemory: 1100}, func(*world) {}, 0},
		{"labels", project.Component{ReserveMemory: 500, Nodes: map[string]string{"disk": "ssd"}}, func(*world) {}, 0},
		{"the only node is drained", project.Component{ReserveMemory: 500}, func(w *world) { w.nodes["n1"].State = cluster.NodeDraining }, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1000)
			w.declare("other", project.Component{ReserveMemory: 800, MinInstances: 0})
			w.declare("web", c.spec)
			c.setup(w)
			w.wake("web")
			if got := w.plan().Unplaceable["web"]; got != c.want {
				t.Errorf("%d MiB, want %d", got, c.want)
			}
		})
	}
}

// What fits nowhere is still wanted between two decisions, where nobody waits.
func TestWhatFitsNowhereIsToldUntilItIsNotWanted(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 2, ReserveMemory: 300})
	s.nodes["n1"].MemoryTotalMiB = 1000
	s.run(90*time.Second, constant(5))
	plans := 0
	s.seen = func(d Decision) {
		if plans++; d.Unplaceable["web"] != 300 {
			t.Errorf("plan %d finds %v to lack memory", plans, d.Unplaceable)
		}
	}
	for range 20 {
		s.run(scaledStep, constant(5))
		s.plan()
		if e := s.explain(t, "web").Scale; e.Wanted != 4 || e.Lacking != 1 || e.Sight.Queued != 0 || e.WhyNotMore != "1 of them fits on no node" {
			t.Errorf("%+v", e)
		}
	}
	s.seen = nil
	s.run(3*time.Minute, constant(4))
	if e := s.explain(t, "web").Scale; e.Lacking != 0 {
		t.Errorf("with less to do: %+v", e)
	}
}

// wakeReady brings a component up and keeps it busy.
func (w *world) wakeReady(name string) {
	w.load.Components[name] = cluster.ComponentLoad{InFlight: 1, LastRequest: w.now}
	pl := cluster.Placement{ID: "busy", Component: name, Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: w.components[name].Effective.ReserveMemory}
	w.placements[pl.ID] = &pl
	w.report(&pl, cluster.InstanceReady, "")
}
