package runtime_test

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

func TestEngineOutageLeavesWhatRunsAlone(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.engine.Down("cannot connect")
		w.place("p2")
		w.pass(2 * time.Minute)
		if why := w.agent.Engine(); !strings.Contains(why, "cannot connect") {
			t.Errorf("Engine() = %q", why)
		}
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("p1 became %+v", i)
		}
		w.expect("p2", cluster.InstanceBackoff, cluster.ReasonEngineDown)
		w.engine.Up()
		w.pass(100 * time.Millisecond)
		w.expect("p2", ready, cluster.ReasonNone)
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("p1 became %+v", i)
		}
		if why := w.agent.Engine(); why != "" {
			t.Errorf("Engine() = %q once it answers", why)
		}
	})
}

func TestContainersThatEndWithTheEngineAreStartedAtOnce(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.engine.Down("shutting down")
		w.pass(70 * time.Second) // the outage is noticed
		w.engine.KillAll()
		w.pass(time.Second)
		w.expect("p1", ready, cluster.ReasonNone)
		w.engine.Up()
		w.pass(100 * time.Millisecond)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID == was.ContainerID || i.Restarts != 1 {
			t.Errorf("p1 is %+v, want a new container", i)
		}
	})
}

func TestCrashAfterAnOutageIsACrash(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.engine.Down("restarting")
		w.pass(70 * time.Second)
		w.engine.Up()
		w.pass(time.Minute)
		w.engine.Kill("p1")
		w.pass(500 * time.Millisecond)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.LastFailure != cluster.ReasonExited || i.Restarts != 1 {
			t.Errorf("after the crash it is %+v", i)
		}
	})
}

func TestEngineDownAtTheStart(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.halt()
		w.engine.Down("cannot connect")
		w.start()
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("reported as %+v, was %+v", i, was)
		}
		w.place("p2")
		w.pass(time.Minute)
		w.expect("p2", cluster.InstanceBackoff, cluster.ReasonEngineDown)
		if why := w.agent.Engine(); why == "" {
			t.Error("Engine() does not say why")
		}
		w.engine.Up()
		w.pass(100 * time.Millisecond)
		w.expect("p2", ready, cluster.ReasonNone)
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("adopted as %+v, was %+v", i, was)
		}
	})
}

func TestEngineDownAtTheStartAndNothingSurvived(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.place("p2")
		w.pass(time.Second)
		w.want("p2", cluster.WantStop)
		w.halt()
		for _, id := range []string{"p1", "p2"} {
			if c, ok := w.container(id); ok {
				w.driver.Stop(w.t.Context(), c.ID, time.Second)
			}
		}
		w.engine.Down("cannot connect")
		w.start()
		w.pass(10 * time.Second)
		w.engine.Up()
		w.pass(time.Second)
		w.expect("p1", ready, cluster.ReasonNone)
		w.expectGone("p2")
	})
}

func TestStopGoesOnOnceTheEngineAnswers(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.engine.Down("cannot connect")
		w.want("p1", cluster.WantStop)
		w.pass(time.Minute)
		w.expect("p1", cluster.InstanceStopping, cluster.ReasonNone)
		w.engine.Up()
		w.pass(100 * time.Millisecond)
		w.expectGone("p1")
	})
}

// A flapping engine is asked with growing pauses, not in a spin.
func TestDownEngineIsNotPestered(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.engine.Down("cannot connect")
		w.place("p1")
		w.pass(5 * time.Minute)
		if c := w.engine.Counts(); c.Lists > 120 || c.Starts > 12 {
			t.Errorf("in five minutes %+v", c)
		}
	})
}

func TestIdleAgentOnlyLooksEachMinute(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		lists, writes := w.engine.Counts().Lists, len(w.ledger.writes())
		w.pass(time.Hour)
		if n := w.engine.Counts().Lists - lists; n > 61 {
			t.Errorf("%d lists in an idle hour", n)
		}
		if n := len(w.ledger.writes()) - writes; n != 0 {
			t.Errorf("%d writes in an idle hour", n)
		}
	})
}
