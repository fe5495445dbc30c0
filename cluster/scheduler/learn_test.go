package scheduler

import (
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// learner is a world whose component web is asked now and then.
type learner struct {
	*world
	t     tester
	woken int // times that there was no instance
}

func newLearner(t tester, spec project.Component) *learner {
	w := newWorld()
	w.node("n1", 1000)
	spec.Idle, spec.ReserveMemory = project.IdleLearned, max(1, spec.ReserveMemory)
	w.declare("web", spec)
	return &learner{world: w, t: t}
}

// ask has a request at this moment, which takes a second when it has an
// instance. That takes three to start.
func (l *learner) ask() {
	l.t.Helper()
	l.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
	if l.running("web") == 0 {
		l.woken++
		l.wake("web")
		l.decide(l.t)
		l.act(nil)
		l.now = l.now.Add(3 * time.Second)
	}
	l.settle(l.t)
	l.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	l.decide(l.t)
	l.now = l.now.Add(time.Second)
	l.load.Components["web"] = cluster.ComponentLoad{LastRequest: l.now}
	l.decide(l.t)
}

// idle lets time pass without a request.
func (l *learner) idle(d time.Duration) {
	l.t.Helper()
	l.wait(l.t, d)
	l.settle(l.t)
}

// habit asks several times, with so much time in between, and once more.
func (l *learner) asks(n int, every time.Duration) {
	l.t.Helper()
	for range n {
		l.ask()
		l.idle(every)
	}
	l.ask()
}

// expect checks how many instances there are at times after the last request.
func (l *learner) expect(want map[time.Duration]int) {
	l.t.Helper()
	begin, last := l.now, time.Duration(0)
	for len(want) > 0 {
		next := time.Duration(-1)
		for at := range want {
			if next < 0 || at < next {
				next = at
			}
		}
		l.idle(next - last)
		last = next
		if got := l.running("web"); got != want[next] {
			l.t.Fatalf("%d instances %v after the last request, want %d; learned %+v", got, l.now.Sub(begin), want[next], factsOf(l.habit()))
		}
		delete(want, next)
	}
}

func (l *learner) habit() *cluster.Habit {
	h, _ := l.memory.Habits.Of.Get("web")
	if h == nil {
		return &cluster.Habit{}
	}
	return h
}

const minute = time.Minute

func TestLearnsToSleepAtOnceAndToBeThereAhead(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.ask()
	l.expect(map[time.Duration]int{4 * minute: 1, 5*minute + time.Second: 0, 30*minute + 30*time.Second: 0}) // nothing is known yet
	l.asks(6, 30*minute+30*time.Second)
	l.expect(map[time.Duration]int{
		4 * time.Second: 1, 6 * time.Second: 0, 20 * minute: 0, // the histogram's head is 30 minutes
		27*minute - time.Second: 0, 27*minute + time.Second: 1, 34 * minute: 1, 35 * minute: 0, 24 * time.Hour: 0,
	})
}

func TestRequestInTimeFindsAnInstance(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 60})
	l.asks(8, 40*minute)
	before := l.woken
	for range 5 {
		l.idle(40 * minute)
		l.ask()
	}
	if l.woken != before {
		t.Errorf("%d of 5 requests met no instance", l.woken-before)
	}
	e := l.habit().Effect
	if e.Avoided < 5 || e.Added != 0 || e.Spells != 13 || e.Cold+e.Avoided != 13 {
		t.Errorf("effect %+v", e)
	}
	if e.Fixed != 13*minute || e.Kept < 5*minute || e.Kept > 13*minute+5*8*minute {
		t.Errorf("effect %+v", e)
	}
}

func TestStaysWhereItWouldBeStartedAgainAtOnce(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 20})
	l.asks(6, 40*time.Second)
	l.expect(map[time.Duration]int{30 * time.Second: 1, 65 * time.Second: 1, 67 * time.Second: 0})
}

func TestWhatComesLessOftenThanAnyBinIsForetold(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.asks(10, 10*time.Hour)
	l.expect(map[time.Duration]int{
		minute: 0, 8*time.Hour + 29*minute: 0, 8*time.Hour + 31*minute: 1, 11*time.Hour + 29*minute: 1, 11*time.Hour + 31*minute: 0,
	})
}

func TestFixedIsNotLearned(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 60})
	l.limit("web", func(c *project.Component) { c.Idle = project.IdleFixed })
	l.asks(8, 30*minute)
	if l.memory.Habits.Of.Len() != 0 {
		t.Error("something was learned")
	}
	l.expect(map[time.Duration]int{59 * time.Second: 1, 61 * time.Second: 0, 29 * minute: 0})
}

func TestWhatDoesNotLearnAnyMoreIsForgotten(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 60})
	l.asks(8, 30*minute)
	l.idle(minute)
	if n := len(l.memory.Habits.rises); n != 1 || l.memory.Habits.Of.Len() != 1 {
		t.Fatalf("%d rises", n)
	}
	l.limit("web", func(c *project.Component) { c.Idle = project.IdleFixed })
	l.settle(t)
	if h := l.memory.Habits; h.Of.Len()+len(h.rises)+h.risen.Len() != 0 {
		t.Errorf("left: %+v", h)
	}
	l.expect(map[time.Duration]int{28 * minute: 0})
	l.limit("web", func(c *project.Component) { c.Idle = project.IdleLearned })
	l.asks(8, 30*minute)
	delete(l.components, "web")
	l.settle(t)
	if h := l.memory.Habits; h.Of.Len()+len(h.rises)+h.risen.Len() != 0 {
		t.Errorf("left of what is not declared: %+v", h)
	}
}

// What a plan before has learned is all that it takes to go on: a new holder of
// the role has it from the database.
func TestNewHolderGoesOnFromWhatWasLearned(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.asks(8, 30*minute)
	l.idle(10 * minute)
	stored := l.memory.Habits.Of
	stored = stored.With(map[string]*cluster.Habit{"removed": {Last: l.now}}, nil)
	l.memory = Memory{Habits: Habits{Of: stored}}
	l.settle(t)
	if _, kept := l.memory.Habits.Of.Get("removed"); kept {
		t.Error("what is not declared any more is kept")
	}
	l.expect(map[time.Duration]int{16 * minute: 0, 18 * minute: 1})
	before := l.woken
	l.idle(2 * minute)
	l.ask()
	if l.woken != before || factsOf(l.habit()).Recent != 9 {
		t.Errorf("woken %v; %+v", l.woken != before, factsOf(l.habit()))
	}
}

// Who had the role may have died with what it saw last.
func TestTimeThatNobodyWatchedTeachesNothing(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.asks(6, 30*minute)
	l.idle(time.Hour)
	doubt := *l.habit()
	doubt.Unwatched = l.now
	l.memory = Memory{Habits: Habits{Of: l.memory.Habits.Of.With(map[string]*cluster.Habit{"web": &doubt}, nil)}}
	l.load.Components["web"] = cluster.ComponentLoad{LastRequest: l.now.Add(-10 * minute)} // that of one gateway of several
	l.settle(t)
	l.idle(2 * time.Hour)
	l.ask()
	if f := factsOf(l.habit()); f.Recent != 6 {
		t.Errorf("%+v", f)
	}
	l.idle(30 * minute)
	l.ask()
	if f := factsOf(l.habit()); f.Recent != 7 {
		t.Errorf("%+v", f)
	}
}

func TestToldToSleepSleepsUntilTheNextRequest(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.asks(8, 30*minute)
	l.idle(28 * minute)
	l.load.Sleeps["web"] = true
	l.settle(t)
	l.expect(map[time.Duration]int{0: 0, 3 * minute: 0})
	l.ask()
	l.expect(map[time.Duration]int{28 * minute: 1})
}

// Somebody who wakes it by hand finds it for as long as ever.
func TestWokenWithoutARequestStaysForTheIdleTimeout(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.asks(8, 60*minute)
	l.idle(10 * minute)
	l.wake("web")
	l.settle(t)
	l.expect(map[time.Duration]int{4 * minute: 1, 5*minute + 10*time.Second: 0, 45 * minute: 1})
}

func TestMinimumHoldsWhateverWasLearned(t *testing.T) {
	l := newLearner(t, project.Component{MinInstances: 1, IdleTimeoutSeconds: 60})
	l.asks(8, 30*minute)
	l.expect(map[time.Duration]int{minute: 1, 10 * minute: 1, time.Hour: 1})
	if e := l.habit().Effect; e.Spells != 0 {
		t.Errorf("it is said to have had an effect: %+v", e)
	}
}

// Nobody has asked for it yet: it gets what is free, and nothing else.
func TestNothingMakesRoomForWhatIsOnlyExpected(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300, ReserveMemory: 600})
	l.declare("other", project.Component{ReserveMemory: 600, IdleTimeoutSeconds: 86400})
	l.asks(8, 30*minute)
	l.idle(minute)
	l.wake("other")
	l.load.Components["other"] = cluster.ComponentLoad{LastRequest: l.now}
	l.settle(t)
	l.idle(27 * minute)
	if l.running("web") != 0 || l.running("other") != 1 || len(l.refusals) != 0 {
		t.Fatalf("%s, refused %v", l.picture(), l.refusals)
	}
	l.idle(2 * minute)
	l.ask() // displaces the other, which is idle
	l.world.expect(t, "in the end", counts{"web": 1, "other": 0})
}

// One start in twenty takes longer than p95: what a schedule asks for is there a
// tenth of a start time before that.
func TestCronIsExpectedWithAMargin(t *testing.T) {
	w := newWorld()
	w.declare("web", project.Component{Idle: project.IdleLearned})
	w.crons = map[string]*cluster.EventSourceRow{"web-cron-1": {
		Spec:    &project.EventSource{Name: "web-cron-1", Component: "web", Cron: &project.CronSource{Schedule: "0 * * * *"}},
		Enabled: true, CreatedAt: start,
	}}
	p := newPlanner(w.input())
	h := &cluster.Habit{Crons: 1, Last: start.Truncate(time.Hour), Starts: cluster.Starts{20 * time.Second}}
	if k := p.keep(p.view("web"), h, h.Last); k.By != KeepCron || k.Ahead != time.Hour-22*time.Second {
		t.Errorf("%+v", k)
	}
}

func TestCronIsExpectedByItsSchedule(t *testing.T) {
	l := newLearner(t, project.Component{IdleTimeoutSeconds: 300})
	l.crons = map[string]*cluster.EventSourceRow{"web-cron-1": {
		Spec:    &project.EventSource{Name: "web-cron-1", Component: "web", Cron: &project.CronSource{Schedule: "0 * * * *"}},
		Enabled: true, CreatedAt: start,
	}}
	for range 3 {
		l.idle(l.now.Truncate(time.Hour).Add(time.Hour).Sub(l.now))
		l.ask()
	}
	if h := l.habit(); factsOf(h).Recent != 0 || h.Crons != 2 {
		t.Fatalf("%d of a cron, %+v", h.Crons, factsOf(h))
	}
	left := l.now.Truncate(time.Hour).Add(time.Hour).Sub(l.now)
	l.expect(map[time.Duration]int{
		time.Minute: 0, 55 * minute: 0, left - 4*time.Second: 0, left - 2*time.Second: 1, left + 9*time.Second: 1, left + 11*time.Second: 0,
	})
	l.idle(10 * minute)
	l.ask() // somebody else
	if h := l.habit(); factsOf(h).Recent != 1 {
		t.Errorf("%+v", factsOf(h))
	}
	l.expect(map[time.Duration]int{4 * minute: 1, 6 * minute: 0})
}

// Thousands that sleep cost a plan nothing but the moment when they are to be
// started.
func TestSleepersAreNotLookedAt(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	habits := map[string]*cluster.Habit{}
	for i := range 500 {
		name := fmt.Sprintf("c%d", i)
		w.declare(name, project.Component{Idle: project.IdleLearned, ReserveMemory: 1})
		h := habitOf(times(6, time.Duration(10+i%100)*minute)...)
		h.Last = start
		habits[name] = h
	}
	w.memory.Habits.Of = w.memory.Habits.Of.With(habits, nil)
	snapshot := w.snapshot()
	d, most := Decision{Memory: w.memory, Next: start}, 0
	for d.Next.Equal(start) { // a part of them at a time
		in := Input{Snapshot: snapshot, Load: w.load, Memory: d.Memory, Now: start}
		most = max(most, len(newPlanner(in).active()))
		d = Plan(in)
	}
	if most != mostDue {
		t.Errorf("a plan looks at %d", most)
	}
	if n := len(d.Memory.Habits.rises); n != 500 || d.Next.Sub(start) != 9*minute {
		t.Fatalf("%d are to be started, the first at %v", n, d.Next.Sub(start))
	}
	in := Input{Snapshot: snapshot, Load: w.load, Memory: d.Memory, Now: start.Add(minute)}
	if n := len(newPlanner(in).active()); n != 0 {
		t.Errorf("a plan looks at %d that sleep", n)
	}
	in.Now = d.Next
	if n := len(newPlanner(in).active()); n != 5 {
		t.Errorf("a plan looks at %d, want the 5 that are to be started", n)
	}
	in.Now = start.Add(time.Hour)
	if p := newPlanner(in); len(p.active()) != mostDue || !p.next.Equal(in.Now) {
		t.Errorf("a plan looks at %d, and the next is at %v", len(p.active()), p.next)
	}
}
