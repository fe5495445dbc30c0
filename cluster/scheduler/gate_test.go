package scheduler

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// proven is a world in which web is proven and, with n > 0, runs n instances.
func proven(t *testing.T, memory int64, spec project.Component, n int) *world {
	t.Helper()
	w := newWorld()
	w.node("n1", memory)
	w.declare("web", spec)
	w.load.Components["web"] = cluster.ComponentLoad{Queued: max(1, n), ServiceTime: time.Minute}
	w.settle(t)
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: n}
	if n == 0 {
		delete(w.load.Components, "web")
		w.load.Sleeps["web"] = true
	}
	w.settle(t)
	return w
}

func atVersion2(pl *cluster.Placement) bool { return pl.PlacedVersion == 2 }

func TestRollOutByOrderAndParallelism(t *testing.T) {
	const up, down = project.RestartStartStop, project.RestartStopStart
	for _, c := range []struct {
		name  string
		spec  project.Component
		n     int
		fails bool
		want  string
	}{
		{"all at once after the gate", project.Component{RestartOrder: up}, 3, false,
			"insert web/3@2; proven web, want stop web/2@1, insert web/4@2, insert web/5@2; want stop web/0@1, want stop web/1@1; delete web/2; delete web/0, delete web/1"},
		{"half at a time", project.Component{RestartOrder: down}, 4, false,
			"want stop web/3@1; delete web/3, insert web/3@2; proven web, want stop web/1@1, want stop web/2@1; delete web/1, delete web/2, insert web/1@2, insert web/2@2; want stop web/0@1; delete web/0, insert web/0@2"},
		{"in series", project.Component{RestartOrder: up, StartParallelism: project.StartSeries}, 2, false,
			"insert web/2@2; proven web, want stop web/1@1, insert web/3@2; want stop web/0@1; delete web/1; delete web/0"},
		{"fails beside the old one", project.Component{RestartOrder: up}, 1, true, "insert web/1@2; failed web, want stop web/1@2; delete web/1"},
		{"fails in its place", project.Component{MaxInstances: 1}, 1, true,
			"want stop web/0@1; delete web/0, insert web/0@2; failed web, want stop web/0@2; delete web/0, insert web/0@1"},
		{"asleep", project.Component{}, 0, false, "insert web/0@2; proven web, want stop web/0@2; delete web/0"},
		{"asleep, and fails", project.Component{}, 0, true, "insert web/0@2; failed web, want stop web/0@2; delete web/0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := proven(t, 8192, c.spec, c.n)
			w.declare("web", c.spec)
			var fails func(*cluster.Placement) bool
			if c.fails {
				fails = atVersion2
			}
			got := strings.Join(w.steps(t, 30, fails), "; ")
			got = strings.NewReplacer("[", "", "]", "", " on n1", "", " insert", ", insert", " want", ", want", " delete", ", delete").Replace(got)
			got = strings.ReplaceAll(got, ";,", ";")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSeriesFirstStartsTheFirstAlone(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.declare("web", project.Component{MinInstances: 3, StartParallelism: project.StartSeriesFirst})
	got := strings.Join(w.steps(t, 6, nil), " ")
	if want := "[insert web/0@1 on n1] [proven web insert web/1@1 on n1 insert web/2@1 on n1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAMissingImageIsTriedAgain(t *testing.T) {
	w := proven(t, 8192, project.Component{}, 1)
	w.declare("web", project.Component{})
	for tries, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		w.decide(t)
		for _, pl := range w.placements {
			if atVersion2(pl) {
				w.report(pl, cluster.InstanceBackoff, cluster.ReasonImageMissing)
			}
		}
		w.decide(t)
		f := w.components["web"].Failed
		if f == nil || f.Tries != tries+1 || f.RetryAt.Sub(w.now) != pause {
			t.Fatalf("try %d: %+v, want another in %v", tries+1, f, pause)
		}
		w.settle(t)
		if got := w.picture(); got != "[web/0@1 n1 run ready]" {
			t.Fatalf("have %s", got)
		}
		w.now = f.RetryAt
	}
	w.settle(t)
	if got := w.picture(); got != "[web/1@2 n1 run ready]" {
		t.Errorf("have %s", got)
	}
}

// An instance that can't make way, for want of an image, is kept as it is.
func TestWhatCannotMakeWayStays(t *testing.T) {
	w := proven(t, 8192, project.Component{MaxInstances: 1}, 1)
	w.load.Components["web"] = cluster.ComponentLoad{LastRequest: w.now}
	w.declare("web", project.Component{MaxInstances: 1})
	if got, want := show(w.decide(t).Writes), "[want stop web/0@1]"; got != want {
		t.Fatalf("writes %s, want %s", got, want)
	}
	for _, i := range w.instances {
		i.Holds, i.Reason, i.HeldFor = true, cluster.ReasonImageMissing, 1
	}
	if got := show(w.decide(t).Writes); got != "[]" {
		t.Fatalf("refused for what an earlier version lacked: %s", got)
	}
	for _, i := range w.instances {
		i.HeldFor = 2
	}
	if got, want := show(w.decide(t).Writes), "[failed web want run web/0@1]"; got != want {
		t.Errorf("writes %s, want %s", got, want)
	}
}

func TestWhatNeverFitsStopsNothing(t *testing.T) {
	w := proven(t, 1000, project.Component{ReserveMemory: 300}, 2)
	w.declare("web", project.Component{ReserveMemory: 900})
	d := w.decide(t)
	if f := w.components["web"].Failed; f == nil || f.Reason != cluster.ReasonNoCapacity || !strings.Contains(f.Message, "900 MiB") {
		t.Fatalf("writes %s, failed %+v", show(d.Writes), f)
	}
	w.expect(t, "in the end", counts{"web": 2})
}

func TestTwoProbesAtATime(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		w.declare(name, project.Component{})
		w.wake(name)
		w.settle(t)
		w.load.Sleeps[name] = true
		w.settle(t)
	}
	for _, name := range names {
		w.declare(name, project.Component{})
	}
	for range 20 {
		w.decide(t)
		n := 0
		for _, name := range names {
			n += w.running(name)
		}
		if n > maxProbes {
			t.Fatalf("%d at a time: %s", n, w.picture())
		}
		w.act(nil)
	}
	for _, name := range names {
		if w.components[name].Unproven() || w.running(name) > 0 {
			t.Errorf("%s is not proven and asleep: %s", name, w.picture())
		}
	}
}

func TestAProbeYieldsToWhatIsAsked(t *testing.T) {
	w := proven(t, 200, project.Component{}, 0)
	w.declare("other", project.Component{})
	w.declare("web", project.Component{})
	w.decide(t)
	w.act(nil)
	w.wake("other")
	w.decide(t)
	if f := w.components["web"].Failed; f == nil || f.RetryAt.IsZero() || w.running("web") != 0 {
		t.Fatalf("failed %+v: %s", f, w.picture())
	}
	for range 5 {
		w.wake("other")
		w.decide(t)
		w.act(nil)
	}
	w.expect(t, "in the end", counts{"other": 1})
}

func TestWithoutAStartCheckAVersionIsTried(t *testing.T) {
	w := proven(t, 8192, project.Component{}, 1)
	w.declare("web", project.Component{HTTPStartHealthCheckSeconds: -1})
	w.settle(t)
	if !w.components["web"].Unproven() {
		t.Fatal("proven at once")
	}
	w.now = w.now.Add(trialTime - 1)
	w.settle(t)
	if !w.components["web"].Unproven() || !w.next.Equal(w.now.Add(1)) {
		t.Fatalf("proven too early, or not looked at in time: %v", w.next)
	}
	w.now = w.next
	w.settle(t)
	if w.components["web"].Unproven() {
		t.Error("not proven")
	}
}

func TestASuspectIsReplacedByWhatIsReady(t *testing.T) {
	w := proven(t, 8192, project.Component{}, 1)
	for _, i := range w.instances {
		i.Suspect = true
	}
	got := strings.Join(w.steps(t, 6, nil), " ")
	if want := "[insert web/1@1 on n1] [want stop web/0@1] [delete web/0]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHoursToBeAwakeIn(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.now = time.Date(2026, 3, 2, 7, 59, 0, 0, time.UTC)
	w.declare("web", project.Component{IdleTimeoutSeconds: 7200, Awake: []project.AwakeWindow{{Cron: "0 8 * * *", ForSeconds: 3600, Min: 2}}})
	for _, c := range []struct {
		at   string
		want int
	}{{"07:59", 0}, {"08:00", 2}, {"08:59", 2}, {"09:00", 0}} {
		at, err := time.Parse("15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		w.now = time.Date(2026, 3, 2, at.Hour(), at.Minute(), 0, 0, time.UTC)
		w.settle(t)
		if n := w.running("web"); n != c.want {
			t.Errorf("at %s %d run, want %d", c.at, n, c.want)
		}
	}
}
