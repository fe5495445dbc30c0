package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// moody are instances of shop_web whose answers a test sets.
type moody struct {
	w    *world
	mu   sync.Mutex
	mood map[string]int // status
	seen map[string]int // requests
}

// newMoody runs n instances, p0 and so on, that answer 200.
func newMoody(w *world, n int) *moody {
	m := &moody{w: w, mood: map[string]int{}, seen: map[string]int{}}
	w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 10 })
	for slot := range n {
		m.add(fmt.Sprint("p", slot), slot)
	}
	return m
}

func (m *moody) add(id string, slot int) {
	m.w.serving(id, "shop_web", slot, func(rw http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.seen[id]++
		rw.WriteHeader(max(200, m.mood[id]))
	})
}

func (m *moody) set(status int, ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.mood[id] = status
	}
}

// ask sends so many requests, 10 ms apart, and returns how many each got.
func (m *moody) ask(n int) map[string]int {
	m.mu.Lock()
	m.seen = map[string]int{}
	m.mu.Unlock()
	for range n {
		m.w.get("shop_web")
		<-time.After(10 * time.Millisecond)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}

func (m *moody) want(t *testing.T, when string, got map[string]int, want ...int) {
	t.Helper()
	for n, requests := range want {
		if id := fmt.Sprint("p", n); got[id] != requests {
			t.Errorf("%s: %s got %d requests, want %d; in all %v", when, id, got[id], requests, got)
		}
	}
}

func TestAFailingInstanceIsLeftOut(t *testing.T) {
	for _, status := range []int{502, 503, 504} {
		bubble(t, Options{}, func(t *testing.T, w *world) {
			m := newMoody(w, 3)
			<-time.After(slowStart)
			m.set(status, "p0")
			m.want(t, "failing", m.ask(65), 5, 30, 30)
			<-time.After(timeOut - time.Second)
			m.want(t, "until it is tried", m.ask(20), 0, 10, 10)
			<-time.After(time.Second)
			m.want(t, "tried", m.ask(21), 1, 10, 10)
			<-time.After(2*timeOut - time.Second)
			m.want(t, "tried in vain", m.ask(20), 0, 10, 10)
			m.set(200, "p0")
			<-time.After(time.Second)
			m.want(t, "well again", m.ask(30), 10, 10, 10)
		})
	}
}

// An answer ends a row of failures; 500 is one, of the component's own.
func TestFailuresThatAreNoRow(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 2)
		for range 5 {
			m.set(503, "p0")
			m.want(t, "four failures", m.ask(8), 4, 4)
			m.set(500, "p0")
			m.want(t, "and an answer", m.ask(2), 1, 1)
		}
	})
}

func TestThoseLeftOutAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	bubble(t, Options{Registerer: registry}, func(t *testing.T, w *world) {
		m := newMoody(w, 3)
		want := func(when string, series int, total, now float64) {
			t.Helper()
			often, out := counters(t, registry, "maelstrom_instances_left_out_total"), counters(t, registry, "maelstrom_instances_left_out")
			if len(often) != series || len(out) != series || often["shop_web"] != total || out["shop_web"] != now {
				t.Errorf("%s: left out %v, now %v; want %v and %v", when, often, out, total, now)
			}
		}
		<-time.After(slowStart)
		m.ask(60)
		want("all is well", 0, 0, 0)
		m.set(503, "p0")
		m.ask(30)
		want("one fails", 1, 1, 1)
		<-time.After(timeOut)
		m.ask(30)
		want("and again", 1, 2, 1)
		m.set(200, "p0")
		<-time.After(2 * timeOut)
		m.ask(30)
		want("all is well again", 1, 2, 0)
	})
}

func TestWhatEveryInstanceAnswersLeavesNoneOut(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 4)
		m.ask(8)
		m.set(503, "p0", "p1", "p2", "p3")
		m.want(t, "on purpose", m.ask(400), 100, 100, 100, 100)
	})
}

// One that was left out comes back when the others begin to fail as well.
func TestThoseLeftOutComeBackWhenNoneIsBetter(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 2)
		<-time.After(slowStart)
		m.set(503, "p0")
		m.want(t, "one fails", m.ask(20), 5, 15)
		m.set(503, "p1")
		m.set(200, "p0")
		m.want(t, "the other does", m.ask(5), 0, 5)
		m.want(t, "which is left out soon", m.ask(20), 15, 5)
	})
}

func TestAnInstanceAloneIsNeverLeftOut(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 1)
		m.ask(1)
		m.set(503, "p0")
		m.want(t, "alone", m.ask(100), 100)
	})
}

func TestHalfOfTheInstancesIsLeftOutAtMost(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 5)
		<-time.After(slowStart)
		m.set(503, "p0", "p1", "p2")
		m.ask(100)
		m.want(t, "three of five fail", m.ask(30), 0, 0, 10, 10, 10)
		w.want("p4", cluster.WantStop)
		w.state("p4", cluster.InstanceDraining)
		m.want(t, "four are left", m.ask(20), 0, 0, 10, 10)
		m.set(200, "p2")
		m.ask(2)
		w.remove("p3")
		m.want(t, "three are left", m.ask(20), 10, 0, 10)
	})
}

func TestAnInstanceStartedAnewIsNotLeftOut(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 2)
		<-time.After(slowStart)
		m.set(503, "p0")
		m.want(t, "failing", m.ask(20), 5, 15)
		m.set(200, "p0")
		w.report("p0", func(i *cluster.Instance) { i.ReadyAt = time.Now().Add(-slowStart) })
		m.want(t, "ready anew", m.ask(20), 10, 10)
	})
}

// While one request tries an instance no other does, though it takes its time.
func TestOneRequestTriesWhatWasLeftOut(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		m := newMoody(w, 1)
		stay, ill := newHeld(), true
		w.serving("slow", "shop_web", 1, func(rw http.ResponseWriter, r *http.Request) {
			if ill {
				rw.WriteHeader(503)
				return
			}
			stay.serve(rw, r)
		})
		<-time.After(slowStart)
		m.ask(20)
		ill = false
		<-time.After(timeOut)
		w.begin("shop_web")
		w.begin("shop_web")
		<-stay.arrived
		synctest.Wait()
		m.want(t, "while one is tried", m.ask(20), 20)
		close(stay.release)
		synctest.Wait()
		m.want(t, "since it has answered", m.ask(20), 10)
	})
}

// What takes no connections is tried each second, and less often after five
// times.
func TestAnInstanceThatTakesNoConnectionIsLeftOut(t *testing.T) {
	dials := 0
	w := (*world)(nil)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "nowhere:80" {
			dials++
		}
		return w.dial(ctx, network, address)
	}
	bubble(t, Options{Dial: dial}, func(t *testing.T, now *world) {
		w = now
		m := newMoody(w, 1)
		w.place("dead", "shop_web", 1)
		w.ready("dead", "nowhere:80")
		m.want(t, "in ten seconds", m.ask(1000), 1000)
		if dials != manyMisses {
			t.Errorf("dialled %d times in ten seconds", dials)
		}
		m.ask(2900)
		if dials != manyMisses+1 {
			t.Errorf("dialled %d times in 39 seconds", dials)
		}
	})
}

// Whatever instances answer, come and go: half of them at most are left out, and
// who asks gets an answer at once.
func TestNoMoreThanHalfIsEverLeftOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Options{})
			defer w.end()
			m := newMoody(w, 1)
			there, slots := []string{"p0"}, 1
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				switch rapid.IntRange(0, 5).Draw(rt, "step") {
				case 0:
					id := fmt.Sprint("p", slots)
					m.add(id, slots)
					there, slots = append(there, id), slots+1
				case 1:
					if len(there) > 1 {
						at := rapid.IntRange(0, len(there)-1).Draw(rt, "gone")
						w.remove(there[at])
						there = slices.Delete(there, at, at+1)
					}
				case 2:
					<-time.After(time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds")) * time.Second)
				default:
					status := rapid.SampledFrom([]int{200, 500, 502, 503, 504}).Draw(rt, "status")
					m.set(status, rapid.SampledFrom(there).Draw(rt, "instance"))
				}
				for range 2 * len(there) {
					began := time.Now()
					w.get("shop_web")
					if waited := time.Since(began); waited > 0 {
						rt.Fatalf("a request waited for %s", waited)
					}
					checkHalf(rt, w.g.dispatcher("shop_web"))
					<-time.After(10 * time.Millisecond)
				}
			}
		})
	})
}

func checkHalf(t *rapid.T, d *dispatcher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := 0
	for _, i := range d.ready {
		if i.outlier.out() {
			out++
		}
	}
	if 2*out > len(d.ready) {
		t.Fatalf("%d of %d are left out", out, len(d.ready))
	}
}

func TestWhatSpeaksForAnInstance(t *testing.T) {
	here, there := &instance{}, &instance{link: &link{}}
	for _, c := range []struct {
		name      string
		i         *instance
		status    int
		err       error
		well, ill bool
	}{
		{"an answer", here, 200, nil, true, false},
		{"an upgrade", here, 101, nil, true, false},
		{"a failure of its own", here, 500, nil, true, false},
		{"502", here, 502, nil, false, true},
		{"504", there, 504, nil, false, true},
		{"505", here, 505, nil, true, false},
		{"no connection", here, 0, proxy.ErrDial, false, true},
		{"no connection to its node", there, 0, proxy.ErrDial, false, false},
		{"its node is lost", there, 0, proxy.ErrLink, false, false},
		{"broke off before its answer", here, 0, proxy.ErrBroke, false, true},
		{"the same, on another node", there, 0, &proxy.Refused{Status: 502}, false, true},
		{"no slot on another node", there, 0, &proxy.Refused{Status: 421}, false, false},
		{"a node that leaves", there, 0, &proxy.Refused{Status: 503}, false, false},
		{"an answer that is cut short", here, 200, proxy.ErrCut, false, false},
		{"a deadline, maybe the client's", here, 0, proxy.ErrDeadline, false, false},
		{"no client any more", here, 0, proxy.ErrClientGone, false, false},
	} {
		x := &exchange{status: c.status}
		if well, ill := x.answers(c.i, c.err); well != c.well || ill != c.ill {
			t.Errorf("%s: well %t, ill %t", c.name, well, ill)
		}
	}
}
