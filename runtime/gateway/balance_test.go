package gateway

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// leastLoaded is a component of a few instances that answer after some time
// each; it returns how many requests each had of as many.
func leastLoaded(t *testing.T, requests, slots int, took ...time.Duration) (counts []int) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) {
			c.Balance, c.MaxConcurrency = project.BalanceLeastLoaded, slots
		})
		all := make([]atomic.Int32, len(took))
		for n, took := range took {
			w.serving(fmt.Sprint("p", n), "shop_web", n, func(rw http.ResponseWriter, r *http.Request) {
				all[n].Add(1)
				<-time.After(took)
				io.WriteString(rw, "ok")
			})
		}
		answers := make(chan int, requests)
		for range requests {
			go func() { answers <- w.get("shop_web").Code }()
			<-time.After(10 * time.Millisecond)
		}
		for range requests {
			if code := <-answers; code != 200 {
				t.Errorf("answer %d", code)
			}
		}
		for n := range all {
			counts = append(counts, int(all[n].Load()))
		}
	})
	return counts
}

func TestTheSlowerOfTwoGetsLess(t *testing.T) {
	const requests = 1000
	got := leastLoaded(t, requests, 100, 10*time.Millisecond, 200*time.Millisecond)
	if got[1] == 0 || got[1] > requests/5 {
		t.Errorf("requests %v", got)
	}
}

func TestEqualInstancesGetAsMuch(t *testing.T) {
	const requests = 900
	for n, count := range leastLoaded(t, requests, 100, 30*time.Millisecond, 30*time.Millisecond, 30*time.Millisecond) {
		if count < requests/3*2/3 || count > requests/3*4/3 {
			t.Errorf("instance %d had %d", n, count)
		}
	}
}

// With few slots the first that is free is taken, so that the last may sleep.
func TestFewSlotsAreTakenInOrder(t *testing.T) {
	got := leastLoaded(t, 100, 2, 15*time.Millisecond, 15*time.Millisecond, 15*time.Millisecond)
	if got[0] != 100 {
		t.Errorf("requests %v", got)
	}
}

func TestLeastLoadedTakesWhatIsFree(t *testing.T) {
	d := &dispatcher{limit: 10, byLoad: true}
	now := time.Now()
	for n := range 5 {
		d.ready = append(d.ready, &instance{placement: fmt.Sprint(n), inFlight: 10})
	}
	if i := d.takeSlot(now); i != nil {
		t.Errorf("a slot of %s", i.placement)
	}
	d.ready[3].inFlight = 9
	for range 100 {
		if i := d.takeSlot(now); i != d.ready[3] || i.inFlight != 10 {
			t.Fatalf("slot of %v", i)
		}
		d.ready[3].inFlight = 9
	}
}

func TestANewInstanceWarmsUp(t *testing.T) {
	d := &dispatcher{limit: 100, byLoad: true, stats: newStats()}
	now := time.Now()
	old, fresh := &instance{readyAt: now.Add(-time.Hour)}, &instance{readyAt: now}
	d.ready = []*instance{old, fresh}
	for range 11 {
		d.takeSlot(now)
	}
	if fresh.inFlight > 1 {
		t.Errorf("%d requests on the new one of 11", fresh.inFlight)
	}
	for range 100 {
		d.takeSlot(now.Add(slowStart))
	}
	if fresh.inFlight < 40 {
		t.Errorf("%d requests on it when it is warm", fresh.inFlight)
	}
}

func TestPace(t *testing.T) {
	var p pace
	now := time.Now()
	p.observe(10*time.Millisecond, now)
	p.observe(time.Second, now) // counts at once
	if got := p.now(now); got != time.Second {
		t.Errorf("after a slow answer: %v", got)
	}
	p.observe(10*time.Millisecond, now.Add(time.Second))
	if got := p.now(now.Add(time.Second)); got < 800*time.Millisecond || got > 950*time.Millisecond {
		t.Errorf("after a fast one: %v", got)
	}
	if got := p.now(now.Add(time.Minute)); got > 10*time.Millisecond {
		t.Errorf("when it is forgotten: %v", got)
	}
	p.observe(0, now.Add(-time.Hour)) // a clock that was set back
	if got := p.now(now); got < 0 {
		t.Errorf("negative: %v", got)
	}
}

func TestRest(t *testing.T) {
	now := time.Now()
	var r rest
	if !r.allows(100, now) || r.sent(100, 200, now) != 0 {
		t.Fatal("not free at first")
	}
	pause := r.refused(3, now)
	if pause <= 0 || r.allows(3, now) || !r.allows(2, now) {
		t.Fatalf("after it was full: pause %v, %+v", pause, r)
	}
	if r.refused(1, now) != 0 || r.allows(1, now) || !r.allows(0, now) {
		t.Fatalf("others came back too: %+v", r)
	}
	total := time.Duration(0)
	for range 20 {
		now = r.until
		if !r.allows(r.room, now) || r.sent(r.room+1, 100, now) <= 0 || r.allows(r.room, now) {
			t.Fatalf("not one more after a pause: %+v", r)
		}
		total += r.refused(1, now)
	}
	if total < 15*lastRest/2 || total > 20*lastRest*3/2 {
		t.Errorf("20 pauses took %v", total)
	}
	tries := 0
	for ; r.full; tries++ {
		now = r.until
		r.sent(r.room+1, 100, now)
	}
	if tries > 8 {
		t.Errorf("room is used again after %d tries", tries)
	}
}

func TestWhatIsCountedOfOtherNodes(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		var asked atomic.Int32
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 {
				goesBack(rw, cluster.ReasonDraining)
			}
		}).serving("p1", "shop_web", 0)
		wantAnswer(t, w.get("shop_web"), 200, "")
		tries := &w.g.links.to("node-2").tries
		for outcome, want := range map[int]uint64{tryServed: 1, tryDraining: 1, tryFull: 0} {
			if got := tries[outcome].Load(); got != want {
				t.Errorf("%s: %d", tryOutcomes[outcome], got)
			}
		}
	})
}
