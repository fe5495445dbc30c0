package scheduler

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Whatever versions are declared, of which every third never works: what is
// kept of them serves on or again, nothing old goes before something new is
// ready where that is the order, and no more start together than may. The role
// changes hands in between.
func TestRollOutsHoldTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.node("n1", 100_000)
		spec := rolledOut(t)
		w.declare("web", spec)
		w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
		w.settle(t)
		law := &rolloutLaw{w: w, spec: spec, pulled: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"plan": law.plan,
			"act":  func(*rapid.T) { w.act(w.broken) },
			"pull": func(*rapid.T) { w.pull() },
			"declare": func(t *rapid.T) {
				w.declare("web", spec)
			},
			"load": func(t *rapid.T) {
				w.load.Components["web"] = cluster.ComponentLoad{Queued: rapid.IntRange(0, 4).Draw(t, "queued"), ServiceTime: 2 * time.Second}
			},
			"sleep": func(*rapid.T) { w.load.Components["web"] = cluster.ComponentLoad{}; w.load.Sleeps["web"] = true },
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "seconds")) * time.Second)
			},
			"failover": func(*rapid.T) { w.memory = Memory{} },
			"":         func(*rapid.T) {},
		})
		law.endsServing(t)
	})
}

// broken tells whether a placement is of a version that never works.
func (w *world) broken(pl *cluster.Placement) bool { return pl.PlacedVersion%3 == 2 }

func rolledOut(t *rapid.T) project.Component {
	spec := project.Component{
		RestartOrder:     rapid.SampledFrom([]project.RestartOrder{project.RestartStartStop, project.RestartStopStart}).Draw(t, "order"),
		StartParallelism: rapid.SampledFrom([]project.StartParallelism{project.StartParallel, project.StartSeries, project.StartSeriesFirst}).Draw(t, "parallelism"),
		MinInstances:     rapid.IntRange(0, 3).Draw(t, "min"),

		HTTPStartHealthCheckSeconds: rapid.SampledFrom([]int{60, -1}).Draw(t, "start check"),
	}
	if rapid.Bool().Draw(t, "limited") {
		spec.MaxInstances = max(1, spec.MinInstances) + rapid.IntRange(0, 2).Draw(t, "more")
	}
	return spec
}

type rolloutLaw struct {
	w      *world
	spec   project.Component
	pulled map[string]bool // gates that a plan has found without their image: nobody waits for those
}

// plan makes a plan and looks at what it does.
func (l *rolloutLaw) plan(t *rapid.T) {
	before := l.w.snapshot()
	for id, pl := range l.w.placements {
		if i := l.w.instances[id]; i != nil && i.State == cluster.InstancePulling && l.w.components["web"].Gated() {
			l.pulled[id] = runs(l.w.components["web"], pl)
		}
	}
	asleep := l.w.load.Sleeps["web"]
	d := l.w.decide(t)
	l.noneGoesEarly(t, before, d, asleep)
	l.startsWithinBounds(t)
	if row := l.w.components["web"]; !row.Unproven() && l.w.broken(&cluster.Placement{PlacedVersion: row.RestartVersion}) {
		t.Fatalf("version %d never works and is proven", row.RestartVersion)
	}
}

// noneGoesEarly: with room beside the old ones, as many serve after a plan that
// replaces something as before, up to what is wanted.
func (l *rolloutLaw) noneGoesEarly(t *rapid.T, before *cluster.Snapshot, d Decision, asleep bool) {
	if l.spec.RestartOrder != project.RestartStartStop || l.spec.MaxInstances > 0 || asleep {
		return
	}
	serve := func(want func(*cluster.Placement) cluster.Want) int {
		n := 0
		for id, pl := range before.Placements.All() {
			if i := l.w.instances[id]; i != nil && i.State == cluster.InstanceReady && want(pl) == cluster.WantRun {
				n++
			}
		}
		return n
	}
	was := serve(func(pl *cluster.Placement) cluster.Want { return pl.Want })
	is := serve(func(pl *cluster.Placement) cluster.Want {
		if now := l.w.placements[pl.ID]; now != nil {
			return now.Want
		}
		return cluster.WantStop
	})
	if target := d.Memory.Scale("web").Target; is < min(was, target) {
		t.Fatalf("%d of %d go on to serve, %d are wanted: %s", is, was, target, show(d.Writes))
	}
}

// startsWithinBounds: in series one starts at a time; of a version that is not
// proven but has to be, or is to start alone, there is one.
func (l *rolloutLaw) startsWithinBounds(t *rapid.T) {
	row, starts, unproven := l.w.components["web"], 0, 0
	for id, pl := range l.w.placements {
		i := l.w.instances[id]
		if pulled := l.pulled[id] && row.Gated() && runs(row, pl); pl.Want == cluster.WantRun && !pulled && (i == nil || i.State == cluster.InstanceStarting || i.State == cluster.InstanceBackoff) {
			starts++
		}
		if pl.Want == cluster.WantRun && row.Unproven() && runs(row, pl) {
			unproven++
		}
	}
	if l.spec.StartParallelism == project.StartSeries && starts > 1 {
		t.Fatalf("%d start at a time in series: %s", starts, l.w.picture())
	}
	if (row.Gated() || l.spec.StartParallelism == project.StartSeriesFirst) && unproven > 1 {
		t.Fatalf("%d of a version that is not proven: %s", unproven, l.w.picture())
	}
}

// endsServing: when somebody waits, within a bounded number of plans a version
// that works serves, whatever was declared last; the declared one, if it does.
func (l *rolloutLaw) endsServing(t *rapid.T) {
	w := l.w
	row := w.components["web"]
	for range 60 {
		w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
		l.plan(t)
		w.act(w.broken)
		w.now = w.now.Add(trialTime / 2)
	}
	row = w.components["web"]
	works := !w.broken(&cluster.Placement{PlacedVersion: row.RestartVersion})
	if works && (row.Unproven() || row.Kept != nil) || !works && row.Kept != nil && !row.Kept.Unproven() && row.Failed == nil {
		t.Fatalf("version %d (works: %v): proven %d, failed %+v\n%s", row.RestartVersion, works, row.Proven, row.Failed, w.picture())
	}
	ready := 0
	for id, pl := range w.placements {
		if i := w.instances[id]; pl.Want == cluster.WantRun && i != nil && i.State == cluster.InstanceReady {
			ready++
			if !runs(row.Current(), pl) && (works || row.Failed != nil) {
				t.Fatalf("version %d still runs: %s", pl.PlacedVersion, w.picture())
			}
		}
	}
	if ready < max(1, l.spec.MinInstances) && (works || row.Failed != nil) {
		t.Fatalf("%d serve, want %d: %s", ready, max(1, l.spec.MinInstances), w.picture())
	}
}
