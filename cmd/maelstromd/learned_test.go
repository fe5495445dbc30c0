package main

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/drivertest"
)

var learnedIdles = flag.Int("learned.idles", 1, "idle times to learn; from five on a component is kept by them")

// What was learned of a component outlives the daemon. Once it is enough, the
// component stays for longer than idletimeoutseconds, before and after.
func TestHabitsOutliveTheDaemon(t *testing.T) {
	t.Parallel()
	const enough = 5
	n := newNode(t)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"idle: learned", "idletimeoutseconds: 2"}}
	n.apply(projectOf("habits", w))
	for range *learnedIdles {
		n.mustGet(w.host(), "/")
		wait(5500 * time.Millisecond) // what comes sooner is no idle time
	}
	n.mustGet(w.host(), "/")
	habit := func() *cluster.HabitExplanation {
		explained, err := n.client().Explain(t.Context(), "habits_web")
		if err != nil {
			t.Fatal(err)
		}
		return explained.Idle
	}
	var before *cluster.HabitExplanation
	n.await("the idle times", patience, func() bool {
		before = habit()
		return before != nil && before.Samples == float64(*learnedIdles)
	})
	t.Log(before.Why)
	if learned := before.By == "histogram"; learned != (*learnedIdles >= enough) {
		t.Errorf("kept by %s after %d idle times", before.By, *learnedIdles)
	}
	n.signal(syscall.SIGTERM)
	n.awaitExit()
	n.start()
	n.await("what was learned", patience, func() bool {
		after := habit()
		return after != nil && after.Samples == before.Samples && after.By == before.By && after.Effect == before.Effect
	})
	if *learnedIdles < enough {
		n.await("sleep", patience, func() bool { return len(n.engine.containers(t, n.id)) == 0 })
		return
	}
	wait(5 * time.Second)
	n.engine.only(t, n.id)
}
