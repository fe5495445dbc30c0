package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// checkDisplaced refuses a plan that displaces what is busy, what there is to
// be at any time, or anything while the load is not known.
func (w *world) checkDisplaced(t tester, d Decision) {
	t.Helper()
	gone := map[string]int{}
	for _, v := range d.Displaced {
		gone[v.Component]++
		l, flying := w.load.Components[v.Component], w.load.Instances[v.Placement]
		_, told := w.load.Instances[v.Placement]
		switch {
		case w.load.Partial:
			t.Fatalf("%s is displaced while the load is not known", v.Component)
		case l.Queued > 0 || flying > 0 || l.InFlight > 0 && !told:
			t.Fatalf("%s is displaced while it is busy: %+v, %d in flight there", v.Component, l, flying)
		case w.load.Wakes[v.Component].Waiting:
			t.Fatalf("%s is displaced while somebody asks for it", v.Component)
		case w.running(v.Component)-gone[v.Component] < w.components[v.Component].Current().Effective.MinInstances:
			t.Fatalf("%s is displaced below mininstances", v.Component)
		}
	}
}

// sleepy is a component of so many MiB that is awake for a while without work.
func sleepy(memory int64) project.Component {
	return project.Component{ReserveMemory: memory, MaxConcurrency: 1, IdleTimeoutSeconds: 3600}
}

// wakeAll wakes components one after the other, a second apart, as if each had
// just answered a request.
func (w *world) wakeAll(t tester, names ...string) {
	t.Helper()
	for _, name := range names {
		w.now = w.now.Add(time.Second)
		w.load.Components[name] = cluster.ComponentLoad{LastRequest: w.now}
		w.wake(name)
		w.settle(t)
	}
}

// newFull is a world of one node, full with components of 200 MiB each that
// are awake and idle.
func newFull(t tester, names ...string) *world {
	t.Helper()
	w := newWorld()
	w.node("n1", 200*int64(len(names)))
	for _, name := range names {
		w.declare(name, sleepy(200))
	}
	w.wakeAll(t, names...)
	return w
}

// displacedBy asks for a component and names what stops for it.
func (w *world) displacedBy(t tester, name string) []string {
	t.Helper()
	w.load.Components[name] = cluster.ComponentLoad{Queued: 1}
	w.wake(name)
	var names []string
	for _, v := range w.decide(t).Displaced {
		names = append(names, v.Component)
	}
	slices.Sort(names)
	return names
}

func TestDisplacement(t *testing.T) {
	for _, c := range []struct {
		name  string
		setUp func(*world)
		want  []string
		says  bool // refused
	}{
		{"what has had no work for longest", func(w *world) {}, []string{"a"}, false},
		{"not what has something in flight", func(w *world) {
			w.load.Components["a"] = cluster.ComponentLoad{InFlight: 1}
		}, []string{"b"}, false},
		{"not what has a queue", func(w *world) {
			w.load.Components["a"] = cluster.ComponentLoad{Queued: 1}
		}, []string{"b"}, false},
		{"not what is asked for in the same moment", func(w *world) {
			w.load.Wakes["a"] = Wake{At: w.now}
		}, []string{"b"}, false},
		{"nothing that there is at any time", func(w *world) {
			w.limit("a", func(c *project.Component) { c.MinInstances = 1 })
		}, []string{"b"}, false},
		{"nothing if all is busy", func(w *world) {
			for _, name := range []string{"a", "b", "c"} {
				w.load.Components[name] = cluster.ComponentLoad{InFlight: 1}
			}
		}, nil, true},
		{"nothing if some load is not known", func(w *world) { w.load.Partial = true }, nil, true},
		{"as much as is needed and no more", func(w *world) {
			w.limit("new", func(c *project.Component) { c.ReserveMemory = 300 })
		}, []string{"a", "b"}, false},
		{"the large one alone if that will do", func(w *world) {
			w.limit("new", func(c *project.Component) { c.ReserveMemory = 600 })
		}, []string{"c"}, false},
		{"nothing for what would not fit even then", func(w *world) {
			w.limit("new", func(c *project.Component) { c.ReserveMemory = 1001 })
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1000)
			w.declare("a", sleepy(200))
			w.declare("b", sleepy(200))
			w.declare("c", sleepy(600))
			w.declare("new", sleepy(200))
			w.wakeAll(t, "a", "b", "c")
			c.setUp(w)
			told := w.explain(t, "new")
			if room := slices.Sorted(slices.Values(told.Nodes[0].MakesRoom)); !slices.Equal(room, c.want) || (told.Refusal != "") != c.says {
				t.Errorf("is told to displace %v, and to be refused: %q", room, told.Refusal)
			}
			if got := w.displacedBy(t, "new"); !slices.Equal(got, c.want) {
				t.Errorf("%v makes room, want %v\n%s", got, c.want, w.picture())
			}
			if refused := w.refusals["new"] != nil; refused != c.says {
				t.Errorf("refused: %v", w.refusals["new"])
			}
			if c.says {
				return
			}
			w.settle(t)
			w.expect(t, "in the end", counts{"new": 1})
		})
	}
}

func TestOneOfManyIsDisplacedRatherThanTheOnlyOne(t *testing.T) {
	w := newWorld()
	w.node("n1", 800)
	w.declare("many", sleepy(200))
	w.declare("one", sleepy(200))
	w.declare("new", sleepy(200))
	w.wakeAll(t, "one")
	w.now = w.now.Add(time.Minute)
	w.load.Components["many"] = cluster.ComponentLoad{InFlight: 3}
	w.wakeAll(t, "many")
	w.load.Components["many"] = cluster.ComponentLoad{InFlight: 3, Queued: 2, ServiceTime: 3 * time.Second, LastRequest: w.now}
	w.settle(t)
	w.load.Components["many"] = cluster.ComponentLoad{LastRequest: w.now}
	if w.running("many") != 3 {
		t.Fatalf("starts from %s", w.picture())
	}
	if got := w.displacedBy(t, "new"); !slices.Equal(got, []string{"many"}) {
		t.Errorf("%v makes room", got)
	}
	w.settle(t)
	w.expect(t, "in the end", counts{"many": 2, "one": 1, "new": 1})
}

// An instance without work goes although others of its component are busy; its
// node says what each has in flight.
func TestIdleInstanceOfABusyComponentIsDisplaced(t *testing.T) {
	w := newWorld()
	w.node("n1", 400)
	w.declare("web", sleepy(200))
	w.declare("new", sleepy(200))
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	w.wakeAll(t, "web")
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1, Queued: 1, ServiceTime: 3 * time.Second, LastRequest: w.now}
	w.settle(t)
	busy := slices.Sorted(maps.Keys(w.placements))
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1, LastRequest: w.now}
	if len(busy) != 2 {
		t.Fatalf("starts from %s", w.picture())
	}
	if got := w.displacedBy(t, "new"); got != nil {
		t.Errorf("%v makes room although nobody knows which is busy", got)
	}
	w.load.Instances = map[string]int{busy[0]: 1, busy[1]: 0}
	w.displacedBy(t, "new")
	if w.placements[busy[0]].Want != cluster.WantRun || w.placements[busy[1]].Want != cluster.WantStop {
		t.Errorf("the wrong one makes room: %s", w.picture())
	}
}

// What is stopped for somebody is not taken by somebody else, though it comes
// free piece by piece, and what was displaced does not come back for it.
func TestFreedRoomIsForWhoItWasMadeFor(t *testing.T) {
	w := newFull(t, "a", "b")
	w.declare("large", sleepy(400))
	w.declare("small", sleepy(100))
	if got := w.displacedBy(t, "large"); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("%v make room", got)
	}
	var first string
	for id, pl := range w.placements {
		if pl.Component == "a" {
			first = id
		}
	}
	delete(w.instances, first)
	w.now = w.now.Add(2 * settleTime)
	for _, name := range []string{"a", "small"} {
		if got := w.displacedBy(t, name); got != nil || w.refusals[name] == nil {
			t.Errorf("%s displaces %v, refused: %v", name, got, w.refusals[name])
		}
		if w.running("a")+w.running("b")+w.running("small") != 0 {
			t.Fatalf("%s takes what was freed for another: %s", name, w.picture())
		}
		delete(w.load.Components, name)
	}
	w.settle(t)
	w.expect(t, "in the end", counts{"large": 1})
}

// Another holder of the role knows nothing of claims. Who waits for room that is
// about to come free gets it all the same.
func TestFreedRoomIsForWhoItWasMadeForWithAnotherHolder(t *testing.T) {
	w := newFull(t, "a", "b")
	w.declare("large", sleepy(400))
	if got := w.displacedBy(t, "large"); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("%v make room", got)
	}
	w.memory = Memory{}
	if got := w.displacedBy(t, "large"); got != nil || len(w.memory.Claims["large"].Victims) != 2 {
		t.Fatalf("displaces %v again, set aside: %v", got, w.memory.Claims)
	}
	if got := w.displacedBy(t, "a"); got != nil || w.running("a") != 0 || w.refusals["a"] == nil {
		t.Fatalf("what was displaced comes back: %s, refused: %v", w.picture(), w.refusals["a"])
	}
	delete(w.load.Components, "a")
	w.settle(t)
	w.expect(t, "in the end", counts{"large": 1})
}

// What was displaced and is asked for again, while nobody asks any more for what
// it made room for, is turned back in the same plan.
func TestRoomThatNobodyWaitsForIsGivenBackAtOnce(t *testing.T) {
	w := newWorld()
	w.node("n1", 400)
	w.declare("a", sleepy(100))
	w.declare("b", sleepy(400))
	w.wakeAll(t, "a")
	if got := w.displacedBy(t, "b"); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("%v makes room", got)
	}
	w.act(nil)
	delete(w.load.Components, "b")
	w.wake("a")
	if w.decide(t); w.running("a") != 1 || len(w.memory.Claims) > 0 {
		t.Errorf("ends with %s, set aside: %v", w.picture(), w.memory.Claims)
	}
}

// The same if that gets room elsewhere.
func TestRoomThatIsNotNeededAnyMoreIsGivenBackAtOnce(t *testing.T) {
	w := newWorld()
	w.node("n1", 400)
	w.declare("x", sleepy(300))
	w.declare("b", sleepy(400))
	w.wakeAll(t, "x")
	w.displacedBy(t, "b")
	w.act(nil)
	w.node("n2", 400)
	w.wake("x")
	w.wake("b")
	if w.decide(t); w.running("x") != 1 || w.running("b") != 1 || len(w.memory.Claims) > 0 {
		t.Errorf("ends with %s, set aside: %v", w.picture(), w.memory.Claims)
	}
}

func TestMinimumDisplacesToo(t *testing.T) {
	w := newFull(t, "a", "b")
	spec := sleepy(200)
	spec.MinInstances = 3
	w.declare("kept", spec)
	w.settle(t)
	if w.running("kept") != 2 || w.refusals["kept"] == nil {
		t.Errorf("ends with %s, refused: %v", w.picture(), w.refusals["kept"])
	}
	w.load.Components["a"] = cluster.ComponentLoad{Queued: 1}
	w.wake("a")
	w.settle(t)
	w.expect(t, "after a wake", counts{"kept": 2})
}

// More of what runs already is no reason to stop anything.
func TestScalingUpDisplacesNothing(t *testing.T) {
	w := newFull(t, "idle", "web")
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1, Queued: 10, ServiceTime: 10 * time.Second}
	w.settle(t)
	w.expect(t, "in the end", counts{"idle": 1, "web": 1})
}

// Components that are asked for in turn, with memory for some of them: whoever
// is asked for and has room to get runs within a bounded number of steps, what
// is busy stays (world.checkDisplaced), and what is displaced and asked for
// again does not take the place of who displaced it while that is busy.
func TestDisplacementNeverFlapsBetweenBusyComponents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			w.node(fmt.Sprintf("n%d", i+1), rapid.Int64Range(200, 600).Draw(t, "memory"))
		}
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			w.declare(name, sleepy(rapid.Int64Range(50, 250).Draw(t, "reserve")))
		}
		busy := map[string]bool{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "component")
			if rapid.Bool().Draw(t, "ends") {
				delete(busy, name)
				w.load.Components[name] = cluster.ComponentLoad{LastRequest: w.now}
			} else {
				busy[name] = true
				w.load.Components[name] = cluster.ComponentLoad{Queued: 1, LastRequest: w.now}
				w.wake(name)
			}
			served := w.serving()
			w.settle(t)
			w.now = w.now.Add(time.Second)
			for other := range busy {
				switch {
				case w.running(other) == 1:
					w.load.Components[other] = cluster.ComponentLoad{InFlight: 1, LastRequest: w.now}
				case served[other]:
					t.Fatalf("%s was busy and has lost its instance: %s", other, w.picture())
				case w.running(other) == 0 && w.refusals[other] == nil && w.memory.Scale(other).Target > 0:
					t.Fatalf("%s waits for ever: %s", other, w.picture())
				default:
					delete(busy, other) // it was refused
					delete(w.load.Components, other)
				}
			}
		}
	})
}

// serving names the components that have an instance.
func (w *world) serving() map[string]bool {
	names := map[string]bool{}
	for _, pl := range w.placements {
		if pl.Want == cluster.WantRun && w.load.Components[pl.Component].InFlight > 0 {
			names[pl.Component] = true
		}
	}
	return names
}

// What was set aside for a component is free as soon as nobody wants it.
func TestAClaimEndsWithTheWant(t *testing.T) {
	w := newWorld()
	w.node("n1", 600)
	w.declare("web", project.Component{ReserveMemory: 300})
	w.declare("big", project.Component{ReserveMemory: 400})
	w.memory.Claims = map[string]Claim{"big": {Node: "n1", MiB: 400}}
	w.full = w.memory
	w.load.Components["big"] = cluster.ComponentLoad{InFlight: 1} // and nothing of it runs
	w.wake("web")
	w.decide(t)
	w.expect(t, "at once", counts{"web": 1, "big": 0})
}
