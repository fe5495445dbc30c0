package runtime_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/fake"
)

// total gives the node so much memory.
func (w *world) total(mib int64) {
	w.feed.change(func(cs *cluster.ChangeSet) {
		cs.Nodes = map[string]*cluster.Node{node: {ID: node, Epoch: w.epoch, MemoryTotalMiB: mib}}
	})
	synctest.Wait()
}

// reserve places an instance that reserves so much memory.
func (w *world) reserve(id string, mib int64) {
	c := project.Component{Name: "shop_web", Project: "shop", Image: "app", ReserveMemory: mib}
	effective := c.Effective()
	w.feed.change(func(cs *cluster.ChangeSet) {
		cs.Components = map[string]*cluster.ComponentRow{c.Name: {Spec: &c, Effective: &effective, Version: 1}}
		cs.Placements = map[string]*cluster.Placement{id: {
			ID: id, Component: c.Name, Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: mib,
		}}
	})
	synctest.Wait()
}

// A container whose row is gone is still here when its memory is given to
// another: that one is not started before it is gone.
func TestStartThatDoesNotFitIsRefused(t *testing.T) {
	bubble(t, fake.Image{TermDelay: 5 * time.Second}, func(w *world) {
		w.start()
		w.total(300)
		w.reserve("a", 200)
		w.reserve("b", 100)
		w.pass(time.Second)
		w.expect("a", ready, cluster.ReasonNone)
		w.expect("b", ready, cluster.ReasonNone)
		starts := w.engine.Counts().Starts
		w.feed.remove("a")
		w.reserve("c", 200)
		refused := w.expect("c", cluster.InstanceBackoff, cluster.ReasonNoCapacity)
		if !strings.Contains(refused.Message, "reserves 200 MiB") || !strings.Contains(refused.Message, "300 of its 300 MiB") {
			t.Errorf("refused with %q", refused.Message)
		}
		if got := w.engine.Counts().Starts; got != starts {
			t.Errorf("%d containers were started", got-starts)
		}
		w.pass(30 * time.Second)
		w.expect("c", ready, cluster.ReasonNone)
		w.expectGone("a")
	})
}

// What an earlier daemon has started counts, on a node that has less memory by
// now; what runs goes on.
func TestAdoptedContainersCountAgainstTheNode(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.reserve("a", 200)
		w.pass(time.Second)
		w.halt()
		w.start()
		w.total(100)
		w.expect("a", ready, cluster.ReasonNone)
		w.reserve("b", 50)
		w.expect("b", cluster.InstanceBackoff, cluster.ReasonNoCapacity)
		w.expect("a", ready, cluster.ReasonNone)
	})
}

func TestFailedInstanceGivesItsMemoryBack(t *testing.T) {
	bubble(t, fake.Image{Exits: true, ExitCode: 1}, func(w *world) {
		w.start()
		w.total(100)
		w.reserve("a", 100)
		w.pass(50 * time.Millisecond)
		w.expect("a", cluster.InstanceBackoff, cluster.ReasonExited)
		w.engine.SetImage("app", fake.Image{})
		w.reserve("b", 100)
		w.pass(50 * time.Millisecond)
		w.expect("b", ready, cluster.ReasonNone)
	})
}

func TestMemoryInUseIsReadNowAndThen(t *testing.T) {
	bubble(t, fake.Image{MemoryMiB: 70}, func(w *world) {
		w.start()
		w.reserve("a", 10)
		w.pass(time.Second)
		if got := w.agent.MemoryUse(); len(got) != 0 {
			t.Errorf("known at once: %v", got)
		}
		w.pass(time.Minute)
		if got := w.agent.MemoryUse(); got["a"] != 70 {
			t.Errorf("in use are %v", got)
		}
		if reads := w.engine.Counts().MemoryReads; reads != 4 {
			t.Errorf("the engine was asked %d times in a minute", reads)
		}
		w.want("a", cluster.WantStop)
		w.pass(time.Minute)
		if got := w.agent.MemoryUse(); len(got) != 0 {
			t.Errorf("of what is gone: %v", got)
		}
		if got := w.agent.MemoryObserved()["shop_web"]; got.MiB != 70 || got.Readings != 4 {
			t.Errorf("of its component is remembered %+v", got)
		}
	})
}

// What one container does not tell keeps nobody from asking the others.
func TestMemoryOfOthersIsReadBesideOneThatCannotBe(t *testing.T) {
	bubble(t, fake.Image{MemoryMiB: -1}, func(w *world) {
		w.start()
		w.reserve("a", 10)
		w.pass(time.Second)
		w.engine.SetImage("app", fake.Image{MemoryMiB: 70})
		w.reserve("b", 10)
		w.pass(time.Minute)
		if got := w.agent.MemoryUse(); len(got) != 1 || got["b"] != 70 {
			t.Errorf("in use are %v", got)
		}
	})
}

// Where there are many, each is looked at in turn.
func TestMemoryOfManyIsReadInTurns(t *testing.T) {
	bubble(t, fake.Image{MemoryMiB: 5}, func(w *world) {
		w.start()
		for i := range 250 {
			w.reserve(fmt.Sprintf("p%03d", i), 1)
		}
		w.pass(14 * time.Second)
		before := w.engine.Counts().MemoryReads
		w.pass(10 * time.Second)
		if got := w.engine.Counts().MemoryReads - before; got != 200 {
			t.Errorf("%d are read at a time", got)
		}
		w.pass(15 * time.Second)
		if got := len(w.agent.MemoryUse()); got != 250 {
			t.Errorf("%d of 250 are known after two turns", got)
		}
	})
}
